"""A table's columns as numbers: what each column is, and what is done with it.

The preparation is that of RealMLP (Holzmueller et al. 2024, Better by Default, section 3.2), which
wants tables without missing values, and what real tables need besides: missing numbers, dates,
categories that training has not seen, columns that say nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError
from plainnet.estimators.tabular.table import (
    Column,
    as_dates,
    as_floats,
    columns_of,
    is_gap,
    is_number,
    labels_of,
)

Array = npt.NDArray[Any]

ONE_HOT_UP_TO = 9
"""A column with more categories gets learned vectors instead of a flag for each of them."""
MOSTLY_DIFFERENT = 0.5
"""A text column with more categories than this share of the rows is a name, not a category."""
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


# --- the arithmetic -------------------------------------------------------------------------------


def robust_scale(values: Array) -> tuple[Array, Array]:
    """(centre, factor) of each column: its median, and 1 / its interquartile range.

    A range of 0 falls back to 2 / (max - min), and a constant column to 0.
    """
    if not values.size:
        return np.zeros(values.shape[1]), np.zeros(values.shape[1])
    low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, np.ptp(values, axis=0) / 2)
    return centre, np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)


def smooth_clip(x: Array) -> Array:
    """x / sqrt(1 + (x / 3)^2): small numbers hardly change, and all stay between -3 and 3."""
    return np.asarray(x / np.hypot(1, x / 3))


# --- kinds of columns -----------------------------------------------------------------------------


class Kind(Protocol):
    """One column, once fitted: its name, a line on what was done with it, and its numbers."""

    name: str
    note: str

    def numbers(self, column: Array) -> list[Array]:
        """Columns to be embedded as waves."""
        ...

    def flags(self, column: Array) -> list[Array]:
        """Columns with a few different numbers, used as they are."""
        ...

    def ids(self, column: Array) -> list[Array]:
        """Category ids; 0 is what training has not seen."""
        ...


class Number:
    """A column of numbers. Missing values take the median, and a flag says where they were."""

    def __init__(self, name: str, column: Array) -> None:
        self.name = name
        values = as_floats(column, name)
        present = values[~np.isnan(values)]
        self.constant = len(present) == 0 or present.min() == present.max()
        self.gaps = 0 < len(present) < len(values)
        self.median = float(np.median(present)) if len(present) else 0.0
        self.note = "number"
        if self.constant:
            self.note = "constant, left out" if len(present) else "empty, left out"
        if self.gaps:
            count = len(values) - len(present)
            self.note += f"; {count:,} missing, filled with {self.median:g} and flagged"

    def numbers(self, column: Array) -> list[Array]:
        values = as_floats(column, self.name)
        return [] if self.constant else [np.where(np.isnan(values), self.median, values)]

    def flags(self, column: Array) -> list[Array]:
        return [np.isnan(as_floats(column, self.name))] if self.gaps else []

    def ids(self, column: Array) -> list[Array]:
        return []


class Date:
    """A column of dates: the time that passes, and the parts that recur."""

    def __init__(self, name: str, column: Array) -> None:
        self.name = name
        self.parts = [Number(part, values) for part, values in self._split(column)]
        used = ", ".join(part.name for part in self.parts if not part.constant)
        self.note = f"date: {used}" if used else "constant date, left out"
        gaps = int(np.isnat(as_dates(column, name)).sum())
        self.gaps = gaps > 0
        if gaps:
            self.note += f"; {gaps:,} missing, filled and flagged"

    def _split(self, column: Array) -> Iterator[tuple[str, Array]]:
        when = as_dates(column, self.name)
        day, month = when.astype("datetime64[D]"), when.astype("datetime64[M]")
        epoch = np.datetime64(0, "s")
        for part, duration, unit in (
            ("time", when - epoch, np.timedelta64(1, "D")),
            ("month", month - when.astype("datetime64[Y]"), np.timedelta64(1, "M")),
            ("day", day - month, np.timedelta64(1, "D")),
            ("hour", when - day, np.timedelta64(1, "h")),
        ):
            yield part, np.asarray(duration / unit, float)
        yield "weekday", np.asarray((day - epoch) / np.timedelta64(1, "D") % 7, float)

    def numbers(self, column: Array) -> list[Array]:
        pairs = zip(self.parts, self._split(column), strict=True)
        return [numbers for part, (_, values) in pairs for numbers in part.numbers(values)]

    def flags(self, column: Array) -> list[Array]:
        return [np.isnat(as_dates(column, self.name))] if self.gaps else []

    def ids(self, column: Array) -> list[Array]:
        return []


class Category:
    """A column of texts or booleans. A missing value is a category too, if training has seen one.

    Where categories get vectors, those that occur once share one with all that training has not
    seen: their own would learn the row by heart.
    """

    def __init__(self, name: str, column: Array) -> None:
        self.name = name
        labels = labels_of(column)
        times = Counter(labels)
        count, once = len(times), 0
        if count > ONE_HOT_UP_TO:
            once = sum(number == 1 for number in times.values())
            times = Counter({label: number for label, number in times.items() if number > 1})
        self.known = {label: k for k, label in enumerate(sorted(times), start=1)}
        self.used, self.embedded = True, count > ONE_HOT_UP_TO
        if count < 2:
            self.used, self.note = False, "constant, left out"
        elif self.embedded and count > MOSTLY_DIFFERENT * len(labels):
            self.used = False
            self.note = f"{count:,} different texts in {len(labels):,} rows, left out"
        else:
            self.note = f"{count:,} categories, " + ("embedded" if self.embedded else "one-hot")
            if once:
                self.note += f"; the {once:,} that occur once share a vector"

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self.known) + 1

    def numbers(self, column: Array) -> list[Array]:
        return []

    def flags(self, column: Array) -> list[Array]:
        if not self.used or self.embedded:
            return []
        ids = self._ids(column)
        if len(self.known) == 2:  # one flag, -1 or 1, and 0 for what is not known
            return [np.where(ids == 0, 0, 2 * ids - 3)]
        return [ids == k for k in self.known.values()]

    def ids(self, column: Array) -> list[Array]:
        return [self._ids(column)] if self.used and self.embedded else []

    def _ids(self, column: Array) -> Array:
        return np.array([self.known.get(label, 0) for label in labels_of(column)], np.intp)


# --- a table --------------------------------------------------------------------------------------


class Columns:
    """All columns of a table, fitted: from the user's data to a float32 matrix.

    The matrix has three parts: `n_numbers` columns of numbers and `n_flags` of flags, both
    scaled, and one of ids for each of `id_sizes`.
    """

    def __init__(self, X: Any) -> None:
        table = columns_of(X)
        self.kinds: list[Kind] = [_kind(column) for column in table]
        numbers, flags, ids = self._parts(table)
        if not numbers.shape[1] + flags.shape[1] + ids.shape[1]:
            raise DataError(
                f"no column tells the rows apart; got n_samples={len(numbers)}, and of its columns "
                f"{', '.join(f'{k.name!r}: {k.note}' for k in self.kinds[:3])}"
            )
        self.n_numbers, self.n_flags = numbers.shape[1], flags.shape[1]
        self.centre, self.factor = robust_scale(np.hstack([numbers, flags]))
        self.id_sizes = [
            kind.size
            for kind in self.kinds
            if isinstance(kind, Category) and kind.used and kind.embedded
        ]

    def transform(self, X: Any) -> Array:
        """The matrix for these rows, shape (m, n_numbers + n_flags + len(id_sizes))."""
        numbers, flags, ids = self._parts(columns_of(X))
        scaled = smooth_clip((np.hstack([numbers, flags]) - self.centre) * self.factor)
        return np.ascontiguousarray(np.hstack([scaled, ids]), np.float32)

    def _parts(self, table: list[Column]) -> tuple[Array, Array, Array]:
        pairs = [(k, column.values) for k, column in zip(self.kinds, table, strict=True)]
        m = len(table[0].values) if table else 0

        def together(parts: list[Array]) -> Array:
            return np.column_stack(parts).astype(float) if parts else np.empty((m, 0))

        return (
            together([part for kind, values in pairs for part in kind.numbers(values)]),
            together([part for kind, values in pairs for part in kind.flags(values)]),
            together([part for kind, values in pairs for part in kind.ids(values)]),
        )

    def describe(self) -> list[tuple[str, str]]:
        """(column, what was done with it) for each."""
        return [(kind.name, kind.note) for kind in self.kinds]


def _kind(column: Column) -> Kind:
    name, values = column.name, column.values
    if column.declared:
        return Category(name, values)
    if values.dtype.kind == "M":
        return Date(name, values)
    if values.dtype.kind in "iuf":
        return Number(name, values)
    present = [value for value in values if not is_gap(value)]
    if present and all(isinstance(v, (date, np.datetime64)) for v in present):
        return Date(name, values)
    if present and all(isinstance(v, str) and ISO_DATE.match(v) for v in present):
        try:
            return Date(name, values)
        except DataError:
            return Category(name, values)
    if all(is_number(v) for v in present):
        return Number(name, values)
    return Category(name, values)
