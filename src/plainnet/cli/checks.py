"""Checks every column before anything is computed from it, and names what cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

LISTED = 20
"""How many names a message lists; the rest are counted."""
LARGEST = float(np.finfo(np.float32).max)


def listed(names: Iterable[object], quote: bool = True) -> str:
    """Names for a message: 'a', 'b', 'c' and 12 more."""
    shown = [repr(name) if quote else str(name) for name in names]
    more = f" and {len(shown) - LISTED} more" if len(shown) > LISTED else ""
    return ", ".join(shown[:LISTED]) + more


VALUES = (str, bool, int, float, np.generic, date)


def features(table: pd.DataFrame) -> pd.DataFrame:
    """The columns in the estimators' form: numbers, texts, booleans, dates, missing values.

    Complex numbers and values that are not scalars are refused.
    """
    for name in table.columns:
        column = table[name]
        if column.dtype.kind == "c":
            raise DataError(f"column {name!r} holds complex numbers: split them into two columns")
        if column.dtype.kind == "O":
            other = next(
                (v for v in column.dropna() if not isinstance(v, (*VALUES, Decimal))), None
            )
            if other is not None:
                raise DataError(
                    f"column {name!r} holds {type(other).__name__} values; it must hold numbers, "
                    "texts, booleans or dates, one per row"
                )
    return table


def columns(table: pd.DataFrame, kinds: dict[str, str] | None, decimal: str | None) -> None:
    """Refuse, before any work, rows that the estimator would refuse."""
    from plainnet.estimators.tabular.columns import Columns

    with warnings.catch_warnings():  # it warns of the rows that it learns from
        warnings.simplefilter("ignore")
        Columns(table, kinds, decimal)


def pixels(X: Array) -> Array:
    """Rows of pixels as float64, if all are finite."""
    if X.dtype.kind == "f":
        for i in range(X.shape[1]):
            missing = np.isnan(X[:, i])
            if missing.any():
                raise DataError(f"pixel x{i} is missing in {missing.sum():,} of {len(X):,} rows")
            bad = np.abs(X[:, i]) > LARGEST
            if bad.any():
                value = X[np.argmax(bad), i]
                what = "infinity" if np.isinf(value) else f"{value:g}, too large a number,"
                raise DataError(f"pixel x{i} holds {what} in row {int(np.argmax(bad)) + 1}")
    return X.astype(np.float64)
