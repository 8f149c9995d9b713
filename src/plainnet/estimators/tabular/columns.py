"""A table's columns as numbers.

The preprocessing is RealMLP's (Holzmueller et al. 2024, Better by Default, section 3.2), which
expects tables without missing values, plus what real tables need: missing numbers, dates,
categories that training has not seen, and columns that carry no information.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import DataError
from plainnet.estimators.tabular.kinds import BadCell, Category, Date, Features, Kind, Number
from plainnet.estimators.tabular.table import Column, columns_of
from plainnet.estimators.tabular.telling import expect_kinds, kind_of

Array = npt.NDArray[Any]

__all__ = ["Category", "Columns", "Date", "Number", "robust_scale", "smooth_clip"]
# The kinds stood here, and files name them so.

LARGEST = 1e300
"""Differences of larger numbers would overflow."""

MOST_SHOWN = 4
"""How many numbers of a cell a trace writes out."""

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


# --- a table --------------------------------------------------------------------------------------


class Columns:
    """All columns of a table, fitted: from the user's data to a float32 matrix.

    The matrix has three parts: `n_numbers` columns of numbers and `n_flags` columns of flags, both
    scaled, and one column of ids for each of `id_sizes`.

    Parameters
    ----------
    X : DataFrame or 2-D array
    wanted : mapping of column names to kinds, optional
        Kinds that override what the values suggest: "number", "text", "category", "date", "drop",
        or a date with its order or format, "date:dmy" or "date:%d/%m/%Y".
    decimal : "." or ",", optional
        The decimal mark of numbers that are texts; None means it is inferred for each column.
    whole : DataFrame or 2-D array, optional
        The table that X is part of: how a column is written is inferred from all its cells.

    Warns
    -----
    UserWarning
        About a column of distinct texts that is left out, about values that count as missing, and
        about assumptions that were made.
    """

    named = False  # files of earlier versions do not say it
    """Whether the columns have names of their own, as in a DataFrame."""

    def __init__(
        self,
        X: Any,
        wanted: Mapping[Any, str] | None = None,
        decimal: str | None = None,
        whole: Any = None,
    ) -> None:
        self.named = hasattr(X, "iloc")
        table = columns_of(X)
        told_by = table if whole is None else columns_of(whole)
        wanted = {str(name): kind for name, kind in (wanted or {}).items()}
        expect_kinds(wanted, [column.name for column in table], decimal)
        self.kinds: list[Kind] = []
        for column, all_of_it in zip(table, told_by, strict=True):
            try:
                kind, doubts = kind_of(column, wanted.get(column.name), decimal, all_of_it)
            except BadCell as error:
                raise error.of_row(column.row(error.position)) from None
            self.kinds.append(kind)
            for doubt in doubts:
                warnings.warn(f"column {column.name!r}: {doubt}", UserWarning, stacklevel=4)
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

    @property
    def unused(self) -> list[str]:
        """The names of the columns that predictions do not use."""
        return [kind.name for kind in self.kinds if not kind.used]

    def transform(self, X: Any) -> Array:
        """The matrix for these rows, shape (m, n_numbers + n_flags + len(id_sizes))."""
        numbers, flags, ids = self._parts(columns_of(X))
        scaled = smooth_clip((np.hstack([numbers, flags]) - self.centre) * self.factor)
        return np.ascontiguousarray(np.hstack([scaled, ids]), np.float32)

    def stage(self, X: Any) -> Stage:
        """For a trace: how `transform` makes the matrix of these rows, cell by cell."""
        table = columns_of(X)
        numbers, flags, ids = self._parts(table)
        known = {
            "numbers": np.hstack([numbers, flags]),
            "centre": self.centre,
            "factor": self.factor,
            "ids": ids,
        }
        formulas = (
            Formula("scaled", "(numbers - centre) * factor", r"s = (x - c) f"),
            Formula(
                "clipped", "scaled / sqrt(1 + (scaled / 3) ** 2)", r"a = s / \sqrt{1 + (s/3)^2}"
            ),
            Formula("X", "concatenate([clipped, ids], axis=1)", r"X = [a \; \mathrm{ids}]")
            if ids.size
            else Formula("X", "clipped", "X = a"),
        )
        code = f"{len(self.kinds)} columns"
        return Stage("columns", code, formulas, known, tuple(self._notes(table)))

    def _notes(self, table: list[Column]) -> Iterator[str]:
        """What each column of the first row gives: which numbers, and which ids."""
        if len(table[0].values) > 1:
            yield "the cells of row 0:"
        first = [column._replace(values=column.values[:1]) for column in table]
        given = [
            kind.features(column.values) if kind.used else Features()
            for kind, column in zip(self.kinds, first, strict=True)
        ]
        n_numbers = sum(len(found.numbers) for found in given)
        number, flag, place = 0, n_numbers, 0
        for kind, column, found in zip(self.kinds, first, given, strict=True):
            (cell,) = column.values.tolist()
            parts = []
            for values in found.numbers:
                parts.append(f"numbers[0, {number}] = {float(values[0]):g}")
                number += 1
            for values in found.flags:
                parts.append(f"numbers[0, {flag}] = {float(values[0]):g}")
                flag += 1
            for values in found.ids:
                parts.append(f"ids[0, {place}] = {int(values[0])}")
                place += 1
            if len(parts) > MOST_SHOWN:
                parts = [*parts[: MOST_SHOWN - 1], f"... {parts[-1]}"]
            if parts:
                shown = repr(cell) if isinstance(cell, str) else cell
                yield f"{kind.name} is {shown}: {', '.join(parts)}"
            else:  # whatever a table has there
                yield f"{kind.name}: left out"

    def _parts(self, table: list[Column]) -> tuple[Array, Array, Array]:
        m = len(table[0].values) if table else 0
        numbers: list[Array] = []
        flags: list[Array] = []
        ids: list[Array] = []
        for kind, column in zip(self.kinds, table, strict=True):
            if not kind.used:
                continue
            try:
                found = kind.features(column.values)
            except BadCell as error:
                raise error.of_row(column.row(error.position)) from None
            numbers += found.numbers
            flags += found.flags
            ids += found.ids

        def together(parts: list[Array]) -> Array:
            if not parts:
                return np.empty((m, 0))
            return np.asarray(np.clip(np.column_stack(parts), -LARGEST, LARGEST), float)

        return together(numbers), together(flags), together(ids)

    def describe(self) -> list[tuple[str, str]]:
        """(column, what was done with it) for each."""
        return [(kind.name, kind.note) for kind in self.kinds]
