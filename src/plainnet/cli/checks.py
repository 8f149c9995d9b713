"""Looks at every column before anything is computed from it, and names what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, optional

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

LISTED = 20
"""So many names stand in a message; the rest is counted."""
LARGEST = float(np.finfo(np.float32).max)
MOST_CLASSES = 100
"""More different numbers than this in a target are measurements, not names of classes."""
MOST_FRACTIONS = 20
"""The same, where the numbers have fractions."""


def listed(names: Iterable[object], quote: bool = True) -> str:
    """Names for a message: 'a', 'b', 'c' and 12 more."""
    shown = [repr(name) if quote else str(name) for name in names]
    more = f" and {len(shown) - LISTED} more" if len(shown) > LISTED else ""
    return ", ".join(shown[:LISTED]) + more


# --- features -------------------------------------------------------------------------------------


def numbers(table: pd.DataFrame) -> Array:
    """The columns as float64, shape (m, n); truth values count as 0 and 1.

    Refused are text, missing values, infinity, and what float32 cannot hold.
    """
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    others = [name for name in table.columns if not types.is_numeric_dtype(table[name])]
    if others:
        table = table.assign(**{name: _parsed(table[name], name) for name in others})
    if any(dtype.kind == "c" for dtype in table.dtypes):
        raise DataError("complex numbers cannot be learned from; split them into two columns")
    X = table.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(X).sum(axis=0)
    if missing.any():
        counts = [
            f"{name!r} {count:,}"
            for name, count in zip(table.columns, missing, strict=True)
            if count
        ]
        raise DataError(
            f"values are missing in {listed(counts, quote=False)} of {len(X):,} rows: "
            "fill the gaps or leave out those rows or columns"
        )
    with np.errstate(invalid="ignore"):
        too_large = np.abs(X) > LARGEST
    if too_large.any():
        row, column = np.argwhere(too_large)[0]
        kind = (
            "infinity" if np.isinf(X[row, column]) else f"{X[row, column]:g}, too large a number,"
        )
        raise DataError(f"column {table.columns[column]!r} holds {kind} in row {row + 1}")
    return X


def _parsed(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """A column of another type as numbers, if every value reads as one."""
    pandas = optional("pandas", purpose="reading tables", extra="cli")
    if column.dtype.kind in "mM":
        raise DataError(f"column {name!r} holds times ({column.dtype}), and must hold numbers")
    values = column.astype(object)
    try:
        parsed: pd.Series[Any] = pandas.to_numeric(values, errors="coerce")
    except TypeError as error:
        raise DataError(
            f"column {name!r} holds {type(values.iloc[0]).__name__} values, and must hold numbers"
        ) from error
    bad = (parsed.isna() & values.notna()).to_numpy(bool)
    if bad.any():
        row = int(np.argmax(bad))
        rows = f" and {bad.sum() - 1:,} more rows" if bad.sum() > 1 else ""
        raise DataError(
            f"column {name!r} must hold numbers; it has {str(values.iloc[row])!r} in row {row + 1}"
            f"{rows}. Encode it as numbers, or leave the column out"
        )
    return parsed


# --- target ---------------------------------------------------------------------------------------


def classes(column: pd.Series[Any], name: str) -> tuple[list[Any], Array]:
    """The classes, sorted, and the position of each row's class among them, shape (m,)."""
    found, ids = np.unique(_labels(column, name), return_inverse=True)
    if len(found) == 1:
        raise DataError(
            f"the target {name!r} has only one class, {found.tolist()[0]!r}; learning to tell "
            "classes apart takes two or more"
        )
    return found.tolist(), ids


def _labels(column: pd.Series[Any], name: str) -> Array:
    """The class of each row: bool, integer, float64, or str as objects."""
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    missing = int(column.isna().sum())
    if missing:
        raise DataError(
            f"the target {name!r} has no value in {missing:,} of {len(column):,} rows: "
            "leave them out"
        )
    if types.is_bool_dtype(column):
        return column.to_numpy(bool)
    if types.is_integer_dtype(column):
        y = column.to_numpy(np.uint64 if column.dtype.kind == "u" else np.int64)
    elif types.is_float_dtype(column):
        y = column.to_numpy(np.float64)
        if not np.isfinite(y).all():
            raise DataError(f"the target {name!r} holds infinity")
    else:
        y = column.to_numpy(object)
        other = next((value for value in y if not isinstance(value, str)), None)
        if other is not None:
            raise DataError(
                f"the target {name!r} holds {type(other).__name__} values ({column.dtype}); "
                "classes are text, whole numbers or truth values"
            )
        return y
    _refuse_measurements(y, name)
    return y


def _refuse_measurements(y: Array, name: str) -> None:
    different = np.unique(y)
    fractions = bool((different % 1 != 0).any())
    many = len(different) > (MOST_FRACTIONS if fractions else MOST_CLASSES)
    if many or (fractions and len(different) > len(y) / 2):
        raise DataError(
            f"the target {name!r} holds {len(different):,} different numbers: that is regression, "
            "and `plainnet train` learns classes only so far. In Python, a plainnet.Network with "
            "losses.MeanSquaredError does it"
        )
