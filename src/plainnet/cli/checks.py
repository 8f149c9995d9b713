"""Looks at every column before anything is computed from it, and names what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import exact_ids
from plainnet.errors import DataError, optional

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Task = Literal["classification", "regression"]

LISTED = 20
"""How many names a message lists; the rest are counted."""
LARGEST = float(np.finfo(np.float32).max)
MOST_CLASSES = 20
"""More different numbers than this in a target are measurements, not names of classes."""


def listed(names: Iterable[object], quote: bool = True) -> str:
    """Names for a message: 'a', 'b', 'c' and 12 more."""
    shown = [repr(name) if quote else str(name) for name in names]
    more = f" and {len(shown) - LISTED} more" if len(shown) > LISTED else ""
    return ", ".join(shown[:LISTED]) + more


# --- features -------------------------------------------------------------------------------------

VALUES = (str, bool, int, float, np.generic, date)


def features(table: pd.DataFrame) -> pd.DataFrame:
    """The columns as the estimators take them: numbers, texts, booleans, dates, missing values.

    Infinity, what float32 cannot hold, and values that are not scalars are refused.
    """
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    for name in table.columns:
        column = table[name]
        if column.dtype.kind == "c":
            raise DataError(f"column {name!r} holds complex numbers: split them into two columns")
        if types.is_numeric_dtype(column):
            _refuse_infinity(column.to_numpy(dtype=np.float64, na_value=np.nan), name)
        elif column.dtype.kind == "O":
            table = table.assign(**{name: _single_values(column, name)})
    return table


def _single_values(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    present = column.dropna()
    if len(present) and all(isinstance(value, Decimal) for value in present):
        numbers = column.astype(float)
        _refuse_infinity(numbers.to_numpy(), name)
        return numbers
    other = next((value for value in present if not isinstance(value, VALUES)), None)
    if other is not None:
        raise DataError(
            f"column {name!r} holds {type(other).__name__} values; it must hold numbers, texts, "
            "booleans or dates, one per row"
        )
    return column


def _refuse_infinity(values: Array, name: str) -> None:
    bad = np.abs(values) > LARGEST
    if bad.any():
        row = int(np.argmax(bad))
        what = "infinity" if np.isinf(values[row]) else f"{values[row]:g}, too large a number,"
        raise DataError(f"column {name!r} holds {what} in row {row + 1}")


def pixels(X: Array) -> Array:
    """Rows of pixels as float64, if all are finite."""
    if X.dtype.kind == "f":
        for i in range(X.shape[1]):
            missing = np.isnan(X[:, i])
            if missing.any():
                raise DataError(f"pixel x{i} is missing in {missing.sum():,} of {len(X):,} rows")
            _refuse_infinity(X[:, i], f"x{i}")
    return X.astype(np.float64)


# --- target ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be predicted, for the rows that have it."""

    name: str
    values: Array
    """Labels of any type, or float64, shape (kept rows,)."""
    kept: Array
    """Booleans, shape (m,): the rows that have a target."""
    task: Task
    why: str
    """What the task was inferred from."""

    @property
    def doubtful(self) -> bool:
        """Whether the user may know better."""
        return "number" in self.why


def target(column: pd.Series[Any], name: str, task: Task | None) -> Target:
    """The target's values, and whether they are classes or numbers."""
    kept = column.notna().to_numpy(bool)
    if not kept.any():
        raise DataError(f"the target {name!r} has no value in any row")
    values = _values(column[kept], name)
    different = np.unique(values)
    if task == "regression" and values.dtype.kind == "O":
        raise DataError(
            f"the target {name!r} must hold numbers for regression; it has {different[0]!r}"
        )
    if len(different) == 1:
        what = "class" if values.dtype.kind in "Ob" else "value"
        raise DataError(
            f"the target {name!r} has only one {what}, {different.tolist()[0]!r}: there is "
            "nothing to learn"
        )
    why = "--task"
    if task is None:
        task, why = _told_from(values, different, name)
    if task == "regression":
        return Target(name, values.astype(np.float64), kept, task, why)
    if values.dtype.kind == "f":
        if (values % 1 == 0).all():
            if np.abs(values).max() >= exact_ids(np.float64):
                raise DataError(
                    f"the target {name!r} has classes beyond 2^53, which a column with missing "
                    "values holds as rounded floats: drop the rows without a target first"
                )
            values = values.astype(np.int64)  # whole numbers with missing values between them
        else:
            values = np.array(list(map(str, values)), object)  # scikit-learn refuses fractions
    return Target(name, values, kept, task, why)


def _told_from(values: Array, different: Array, name: str) -> tuple[Task, str]:
    count = f"{len(different):,} different"
    if values.dtype.kind == "O":
        return "classification", f"{name!r} holds texts, {count}"
    if values.dtype.kind == "b":
        return "classification", f"{name!r} holds booleans"
    if len(different) > min(MOST_CLASSES, max(2, len(values) / 2)):
        return "regression", f"{name!r} holds {count} numbers"
    return "classification", f"{name!r} holds only {count} numbers"


def _values(column: pd.Series[Any], name: str) -> Array:
    """Without missing values: bool, integer, float64, or str as objects."""
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    if types.is_bool_dtype(column):
        return column.to_numpy(bool)
    if types.is_integer_dtype(column):
        return column.to_numpy(np.uint64 if column.dtype.kind == "u" else np.int64)
    if types.is_float_dtype(column):
        y = column.to_numpy(np.float64)
        if not np.isfinite(y).all():
            raise DataError(f"the target {name!r} holds infinity")
        return y
    y = column.to_numpy(object)
    if all(isinstance(value, (bool, np.bool)) for value in y):  # booleans with missing values
        return y.astype(bool)
    if all(isinstance(value, Decimal) for value in y):
        return _values(column.astype(float), name)
    other = next((value for value in y if not isinstance(value, str)), None)
    if other is not None:
        raise DataError(
            f"the target {name!r} holds {type(other).__name__} values ({column.dtype}); a target "
            "is numbers, texts or booleans"
        )
    return y
