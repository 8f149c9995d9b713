"""Which option helps, beside what `plainnet.tables` says is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plainnet.tables.csv_files import UnreadableError
from plainnet.tables.targets import InfinityError

HINTS = {
    "encoding": "; if it is text, name its encoding, --encoding utf-16 for example",
    "separator": "; --separator says by which character its cells are separated",
}
INFINITY = "; --task classification takes it for a class"
AS_WINDOWS = "read as Windows-1252; --encoding names another"


@contextmanager
def hinting() -> Iterator[None]:
    """Add the option that helps to the message of an error."""
    try:
        yield
    except UnreadableError as error:
        error.args = (f"{error}{HINTS[error.setting]}",)
        raise
    except InfinityError as error:
        error.args = (f"{error}{INFINITY}",)
        raise
