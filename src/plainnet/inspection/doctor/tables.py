"""Checks of a table with its original columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.errors import counted
from plainnet.estimators.tabular.kinds import Date, Kind, Number
from plainnet.estimators.tabular.table import columns_of as cells_of
from plainnet.inspection.doctor.data import is_telling, knowledge, parts_of
from plainnet.inspection.doctor.neighbors import apart_by_chance, kolmogorov
from plainnet.inspection.doctor.thresholds import (
    SHARED_ROWS,
    SHIFT,
    TELLING_ALL,
)
from plainnet.inspection.doctor.verdicts import Verdict

Array = npt.NDArray[Any]

MOST_CATEGORIES = 50
"""A column of texts with more distinct values is not checked."""


class Raw(NamedTuple):
    """A column: numbers, or codes of its texts. Missing values are NaN, or a code of their own."""

    name: str
    values: Array
    is_category: bool


def columns_of(X: Any, kinds: Sequence[Kind] = ()) -> list[Raw]:
    """The columns of a DataFrame or of a 2-D array, except those that the kinds leave out.

    `kinds` are those of an estimator, which knows how numbers and dates are written.
    """
    return [
        _raw(column.name, column.values, kind)
        for column, kind in zip_longest(cells_of(X), kinds)
        if kind is None or kind.used
    ]


def _raw(name: str, values: Array, kind: Kind | None) -> Raw:
    if isinstance(kind, Number):
        return Raw(name, kind.read(values), False)
    if isinstance(kind, Date):
        when = kind.read(values)
        return Raw(name, np.where(np.isnat(when), np.nan, when.astype(float)), False)
    if values.dtype.kind in "fiub":
        return Raw(name, values.astype(np.float64), False)
    codes = np.unique([str(value) for value in values.tolist()], return_inverse=True)[1]
    return Raw(name, codes.astype(np.float64), True)


def of_table(X: Any, y: Array, validation: Any, kinds: Sequence[Kind] = ()) -> Iterator[Verdict]:
    """Checks for columns that give the target away, rows shared by both sets, shifted columns."""
    columns = columns_of(X, kinds)
    yield from _telling(columns, y)
    if validation is not None:
        others = {column.name: column for column in columns_of(validation, kinds)}
        if all(column.name in others for column in columns):
            yield from _shared(X, validation)
            yield from _shifted(columns, others)


def _telling(columns: list[Raw], y: Array) -> Iterator[Verdict]:
    known = []
    for column in columns:
        if column.is_category and column.values.max(initial=0) >= MOST_CATEGORIES:
            continue
        present = np.isfinite(column.values)
        known.append((_share(column, y) if present.sum() >= 100 else 0.0, column.name))
    known.sort()
    if len(known) < 2 or not is_telling(known[-1][0], known[-2][0]):
        return
    (second, other), (best, name) = known[-2:]
    yield Verdict(
        "leaking_feature", "serious" if best > TELLING_ALL else "warning", name,
        f"It tells {best:.0%} of what there is to guess of the target by itself; the next, "
        f"{other}, tells {second:.0%}.",
        "Make sure that it is known before the target is. If it is not, leave it out.",
        f"X = X.drop(columns={name!r})",
    )  # fmt: skip


def _share(column: Raw, y: Array) -> float:
    if column.is_category:
        return knowledge(column.values.astype(int), y)
    return knowledge(parts_of(np.where(np.isfinite(column.values), column.values, -1e300)), y)


def _keys(X: Any) -> list[tuple[Any, ...]]:
    rows = X.itertuples(index=False, name=None) if hasattr(X, "iloc") else np.asarray(X).tolist()
    return [tuple(map(str, row)) for row in rows]


def _shared(X: Any, V: Any) -> Iterator[Verdict]:
    own, others = _keys(X), _keys(V)
    known = set(own)
    shared = sum(row in known for row in others)
    again, share = 1 - len(known) / len(own), shared / len(others)
    if share > 2 * again + SHARED_ROWS:
        yield Verdict(
            "shared_rows", "serious", "validation",
            f"{counted(shared, 'row')} of {len(others)} validation rows ({share:.0%}) are training "
            f"rows too; within the training rows {again:.1%} repeat another.",
            "Split so that no row is on both sides: what is measured on them flatters.",
        )  # fmt: skip


def _shifted(columns: list[Raw], others: dict[str, Raw]) -> Iterator[Verdict]:
    pairs = [(column, others[column.name]) for column in columns if not column.is_category]
    finite = [
        (a.name, a.values[np.isfinite(a.values)], b.values[np.isfinite(b.values)]) for a, b in pairs
    ]
    apart = [(kolmogorov(a, b), name, a, b) for name, a, b in finite if min(len(a), len(b)) >= 20]
    if not apart:
        return
    largest, name, a, b = max(apart, key=lambda each: each[0])
    chance = apart_by_chance(len(a), len(b), len(apart))
    if largest > max(SHIFT, chance):
        yield Verdict(
            "shifted_validation", "serious" if largest > 1.5 * max(SHIFT, chance) else "warning",
            name,
            f"Its distributions in the training and the validation rows are {largest:.2f} apart "
            f"(Kolmogorov-Smirnov; chance stays below {chance:.2f}): means {a.mean():.3g} and "
            f"{b.mean():.3g}, deviations {a.std():.3g} and {b.std():.3g}.",
            "Draw both from the same rows at random, unless the difference is what is to be "
            "measured.",
        )  # fmt: skip
