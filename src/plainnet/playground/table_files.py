"""Tables that are dropped in as CSV files: read, or refused in a sentence."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from gzip import GzipFile
from pathlib import Path
from typing import TYPE_CHECKING

from plainnet.errors import DataError, FileError, SettingError, optional
from plainnet.playground.settings import LONGEST_NAME
from plainnet.tables import csv_files, targets
from plainnet.tables.csv_files import BYTE_ORDER_MARKS, NUMBER, WINDOWS, Content

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 10_000_000
"""Of a file, and of what is packed in it."""
LONGEST_LINE = 1_000_000
MOST_COLUMNS, MOST_ROWS = 500, 20_000
OF_RESULTS = (
    "survived", "species", "variety", "outcome", "diagnosis", "result", "quality", "churn",
    "price", "median_house_value", "income",
)  # fmt: skip
"""What well-known tables are about: targets where no column has one of the usual names."""
NAMED = 10
"""How many columns a message names."""

PACKED = b"\x1f\x8b"
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of Excel and LibreOffice begin."""
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f"))
UNNAMED = "(column {})"

READING = threading.Lock()
"""Held while warnings are caught, whose filters are the same for all threads."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was dropped in; its cells are texts."""

    name: str
    cells: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.cells.columns)

    def target(self, wanted: str = "") -> str:
        """The column with this name, or else the one that is named like a target, or the last."""
        if wanted and wanted not in self.columns:
            raise SettingError(
                f"target: {self.name} has no column {wanted!r}; it has {listed(self.columns)}"
            )
        return wanted or self.named or self.columns[-1]

    @property
    def named(self) -> str:
        """The only column that is named like a target, or ""."""
        for names in (targets.NAMES, OF_RESULTS):
            found = [name for name in self.columns if name.casefold() in names]
            if found:
                return found[0] if len(found) == 1 else ""
        return ""


def listed(names: Sequence[str]) -> str:
    """Names for a message: a, b, c and 12 more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def read(name: str, data: bytes) -> Table:
    """The table in these bytes of a CSV file, which may be packed by gzip.

    Raises
    ------
    FileError, DataError
        If it is not one, or is too large; in a sentence that names the file.
    MissingExtraError
        If a package is missing that reading takes.
    """
    name = " ".join(name.split()) or "the file"
    text = _text_of(name, data)
    notes = []
    optional("sklearn", purpose="reading tables", extra="cli")
    with READING:
        cells, encoding = csv_files.read(
            Content(name, text), rows=MOST_ROWS + 1, columns=MOST_COLUMNS
        )
    if encoding == WINDOWS:
        notes.append(f"{name} is not UTF-8 text and is read as Windows-1252")
    given = list(cells.columns)
    if len(given) < 2:
        raise DataError(
            f"{name} has one column; a table has one to predict, and others to predict it from"
        )
    if not len(cells):
        raise DataError(f"{name} has names of columns and no rows")
    if all(map(NUMBER.fullmatch, given)):
        notes.append("the first line is taken for the names of the columns")
    if len(cells) > MOST_ROWS:
        cells = cells.iloc[:MOST_ROWS]
        notes.append(f"only the first {MOST_ROWS:,} rows are read")
    given = [" ".join(each.split())[:LONGEST_NAME] for each in given]
    names = [each or UNNAMED.format(i) for i, each in enumerate(given, 1)]
    csv_files.refuse_twins(names, Content(name, text))
    cells = cells.set_axis(names, axis=1)
    cells.index += 1  # as the rows of a file are counted
    return Table(name, cells, tuple(notes))


def read_file(path: Path) -> Table:
    """The table in a file on this machine; see `read`.

    Raises
    ------
    FileError, DataError, MissingExtraError
        As `read` does, and if there is no such file.
    """
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file in it")
    if not path.exists():
        raise FileError(f"there is no file {path}")
    _check_size(path.name, path.stat().st_size)
    return read(path.name, path.read_bytes())


def _check_size(name: str, size: int) -> None:
    if size > MOST_BYTES:
        raise DataError(
            f"{name} is too large: it has {size / 1e6:.1f} MB, and at most 10 MB can be read"
        )


def _text_of(name: str, data: bytes) -> bytes:
    """The text in a file, unpacked, if it can be the text of a table."""
    _check_size(name, len(data))
    if data.startswith(PACKED):
        try:
            data = GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{name} cannot be unpacked: {error}") from error
        if len(data) > MOST_BYTES:
            raise DataError(f"{name} is too large: it unpacks to more than 10 MB")
    if not data.strip():
        raise DataError(f"{name} is empty")
    if data.startswith(SPREADSHEETS):
        raise FileError(f"{name} is a spreadsheet or an archive: save the table in it as CSV")
    start = data[:4096]
    if not data.startswith(tuple(BYTE_ORDER_MARKS)):
        strange = len(start) - len(start.translate(None, CONTROL))
        if strange > len(start) / 100:
            raise FileError(f"{name} is not text: save the table as CSV")
    if max(map(len, data[: 2 * LONGEST_LINE].splitlines())) > LONGEST_LINE:
        raise DataError(f"{name} has a line of more than {LONGEST_LINE:,} bytes")
    return data
