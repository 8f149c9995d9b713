"""A user's table, column by column: floats, dates, or objects of any kind."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from plainnet.arguments.arrays import as_array
from plainnet.errors import DataError

Array = npt.NDArray[Any]

MISSING = "(missing)"


def as_table(X: Any) -> Any:
    """A DataFrame as it is, anything else as a 2-D array; numbers among texts stay numbers."""
    if sparse.issparse(X):
        raise TypeError("sparse data is not a table of columns; use MLPClassifier or X.toarray()")
    if hasattr(X, "iloc"):
        if X.ndim != 2:
            raise DataError(f"X must be a table; got a {type(X).__name__}: X.to_frame() makes one")
        return X
    array = as_array("X", X)
    return np.asarray(X, object) if array.dtype.kind in "US" and array is not X else array


class Column(NamedTuple):
    """A column on its way in: missing values are NaN, NaT in dates, or None in objects."""

    name: str
    values: Array
    declared: bool = False
    """Whether the user has declared it categorical."""


def columns_of(X: Any) -> list[Column]:
    """The columns of a DataFrame or 2-D array."""
    if hasattr(X, "iloc"):
        return [_series(str(name), X.iloc[:, i]) for i, name in enumerate(X.columns)]
    X = np.asarray(X)
    return [Column(f"x{i}", X[:, i]) for i in range(X.shape[1])]


def _series(name: str, series: Any) -> Column:
    declared, kind = str(series.dtype) == "category", getattr(series.dtype, "kind", "O")
    if kind in "iuf" and not declared:
        return Column(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "m":
        return Column(name, series.dt.total_seconds().to_numpy(np.float64))
    if kind == "M":
        if getattr(series.dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return Column(name, series.to_numpy("datetime64[s]"))
    if declared:  # by their codes: beside missing values, pandas turns integers into floats
        categories = np.empty(len(series.cat.categories) + 1, object)  # the last: missing
        categories[:-1] = list(series.cat.categories)
        return Column(name, categories[series.cat.codes.to_numpy(np.intp)], declared)
    values = np.array(series.to_numpy(object))
    values[series.isna().to_numpy(bool)] = None
    return Column(name, values, declared)


# --- values ---------------------------------------------------------------------------------------


def as_floats(column: Array, name: str) -> Array:
    """The column as float64 with NaN for missing values; refuses text and infinity."""
    try:
        if column.dtype.kind == "O":
            values = np.array([np.nan if is_gap(v) else v for v in column], np.float64)
        else:
            values = column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} holds numbers; got {_odd_one(column)!r}") from error
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise DataError(f"column {name!r} must hold finite numbers; row {row} has infinity")
    return values


def as_dates(column: Array, name: str) -> Array:
    """The column as datetime64[s], with NaT for missing values."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[s]")
    try:
        with warnings.catch_warnings():
            # A time with a zone becomes UTC, as it should; NumPy warns of it.
            warnings.simplefilter("ignore", UserWarning)
            return np.array(["NaT" if is_gap(v) else v for v in column], "datetime64[s]")
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} holds dates like 2026-01-31; {error}") from error


def _odd_one(column: Array) -> object:
    for value in column:
        try:
            float(value)
        except (TypeError, ValueError):
            return value
    return column.dtype


def labels_of(column: Array) -> list[str]:
    """Each value as text; 1, 1.0 and True are the same."""
    return [_label(value) for value in column.tolist()]


def _label(value: object) -> str:
    if is_gap(value):
        return MISSING
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return str(value)


def is_number(value: object) -> bool:
    """Whether a value is a number; booleans and durations are not."""
    if isinstance(value, (bool, np.bool_, np.timedelta64)):
        return False
    return isinstance(value, (int, float, np.number, Decimal))


def is_gap(value: object) -> bool:
    """Whether a value is missing, by the conventions of Python, NumPy and pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas has these two
        return True
    kinds = (float, np.floating, np.datetime64, np.timedelta64, Decimal)
    return isinstance(value, kinds) and bool(value != value)
