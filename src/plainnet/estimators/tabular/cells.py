"""Single values of a table: which are missing, which are numbers or dates, and each as a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

MISSING = "(missing)"
"""The label of a missing value."""
MISSING_WORDS = frozenset(
    {"na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "none", "?"}
)
"""What programs write for a missing value, in lower case."""
TRUE, FALSE = ("True", "true", "TRUE", "1"), ("False", "false", "FALSE", "0")
INFINITE = re.compile(r"[-+]?(inf|infinity)", re.IGNORECASE)
WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")


def is_missing(value: object) -> bool:
    """Whether a value is missing, by the conventions of Python, NumPy, pandas and CSV."""
    if isinstance(value, str):
        return not value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas has these two
        return True
    kinds = (float, np.floating, np.datetime64, np.timedelta64, Decimal)
    return isinstance(value, kinds) and bool(value != value)


def is_boolean(value: object) -> bool:
    """Whether a value is a boolean of Python or NumPy."""
    return isinstance(value, bool | np.bool_)


def is_number(value: object) -> bool:
    """Whether a value is a number; booleans, durations and texts are not."""
    if is_boolean(value) or isinstance(value, np.timedelta64):
        return False
    return isinstance(value, int | float | np.number | Decimal)


def is_date(value: object) -> bool:
    """Whether a value is a date or a point in time; texts are not."""
    return isinstance(value, date | np.datetime64)


def as_utc(value: object) -> object:
    """A point in time with a zone as one without, in UTC; any other value as it is."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def label_of(value: object) -> str:
    """The value as a text without spaces around it; whole floats have no decimal point."""
    if is_missing(value):
        return MISSING
    if isinstance(value, str):
        return value.strip()
    if is_boolean(value):
        return str(bool(value))
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    return str(value)


def spellings(label: str) -> Iterator[str]:
    """Other ways to write a label: readers of tables make True, 1 or 1.0 of the same cell."""
    for same in (TRUE, FALSE):
        if label in same:
            yield from same
    if WHOLE.fullmatch(label):
        yield f"{label}.0"
    elif label.endswith(".0") and WHOLE.fullmatch(label[:-2]):
        yield label[:-2]
