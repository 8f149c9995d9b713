"""Single values of a table: whether they are missing, numbers or dates, and each as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any

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
DAY, MIDNIGHT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), " 00:00:00"
NUMBER_LABEL = re.compile(r"-?(0|[1-9][0-9]*)(\.0|\.[0-9]*[1-9])?(e[-+][0-9]+)?")
"""Numbers as `label_of` and pandas write them: not 01, +1 or 1.50."""
PADDED = re.compile(r"-?(0[0-9]+|[0-9]+\.[0-9]+0)")
"""Labels that lose a 0 when read as numbers, such as 01 and 1.10; 1.0 is 1 either way."""


def as_float(value: Any) -> float:
    """The number as a float, infinite if it is beyond the range of floats."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


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


def is_duration(value: object) -> bool:
    """Whether a value is a duration."""
    return isinstance(value, timedelta | np.timedelta64)


def seconds(duration: Any) -> Any:
    """A duration, or an array of durations, in seconds, exact to the microsecond."""
    return np.asarray(duration, "m8[us]") / np.timedelta64(1, "s")


def is_date(value: object) -> bool:
    """Whether a value is a date, a point in time or a pandas period; texts are not."""
    return isinstance(value, date | np.datetime64) or type(value).__name__ == "Period"


def as_utc(value: Any) -> Any:
    """The point in time in UTC, without a zone; a period becomes its start."""
    if type(value).__name__ == "Period":
        return value.start_time
    if isinstance(value, datetime) and value.tzinfo is not None:
        with suppress(OverflowError):  # on the first day there is, and the last
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None)
    return value


def label_of(value: Any) -> str:
    """The value as text without surrounding spaces, the same for equal values of all types.

    Whole floats have no decimal point, durations are seconds, and points in time end in seconds.
    """
    if is_missing(value):
        return MISSING
    if isinstance(value, str):
        return value.strip()
    if is_boolean(value):
        return str(bool(value))
    if is_date(value):
        return str(np.datetime64(as_utc(value), "s").item())
    if is_duration(value):
        value = seconds(value)
    if isinstance(value, float | np.floating):
        value = float(value)
        value = int(value) if value.is_integer() else value
    return str(value)


def spellings(label: str) -> Iterator[str]:
    """Other spellings of a label: table readers turn the same cell into True, 1 or 1.0.

    The time 00:00 of a date may be written or left out.
    """
    for same in (TRUE, FALSE):
        if label in same:
            yield from same
    if WHOLE.fullmatch(label):
        yield f"{label}.0"
    elif label.endswith(".0") and WHOLE.fullmatch(label[:-2]):
        yield label[:-2]
    elif DAY.fullmatch(label):
        yield label + MIDNIGHT
    elif label.endswith(MIDNIGHT):
        yield label.removesuffix(MIDNIGHT)
