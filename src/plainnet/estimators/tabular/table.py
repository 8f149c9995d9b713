"""A user's table, column by column: floats, dates, or objects of any kind."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from plainnet.arguments.arrays import as_array
from plainnet.errors import DataError

Array = npt.NDArray[Any]


def as_table(X: Any) -> Any:
    """A DataFrame as it is, anything else as a 2-D array; numbers among texts remain numbers."""
    if sparse.issparse(X):
        raise TypeError("sparse data is not a table of columns; use MLPClassifier or X.toarray()")
    if hasattr(X, "iloc"):
        if X.ndim != 2:
            raise DataError(
                f"X must be a table; got a {type(X).__name__}: X.to_frame() makes a column of it, "
                "and X.to_frame().T a row"
            )
        names = Counter(map(str, X.columns))
        twins = [name for name, count in names.items() if count > 1]
        if twins:
            raise DataError(f"X has more than one column of the name {twins[0]!r}")
        return X
    array = as_array("X", X)
    return np.asarray(X, object) if array.dtype.kind in "US" and array is not X else array


class Column(NamedTuple):
    """A column of the user's table; missing values are NaN, NaT in dates, None in objects."""

    name: str
    values: Array
    declared: bool = False
    """Whether the user has declared it categorical."""
    index: Any = None
    """The names of the rows, if they have any."""

    def row(self, position: int) -> object:
        """The user's name for a row."""
        return position if self.index is None else self.index[position]


def columns_of(X: Any) -> list[Column]:
    """The columns of a DataFrame or 2-D array."""
    if hasattr(X, "iloc"):
        return [
            Column(str(name), *_series(X.iloc[:, i]), X.index) for i, name in enumerate(X.columns)
        ]
    X = np.asarray(X)
    return [Column(f"x{i}", X[:, i]) for i in range(X.shape[1])]


def _series(series: Any) -> tuple[Array, bool]:
    declared, kind = str(series.dtype) == "category", getattr(series.dtype, "kind", "O")
    if kind == "f" and not declared:
        return series.to_numpy(dtype=np.float64, na_value=np.nan), declared
    if kind in "iu" and not declared and not series.hasnans:  # exact: they may be names
        return series.to_numpy(dtype=np.int64 if kind == "i" else np.uint64), declared
    if kind == "m":
        return series.to_numpy("m8[us]"), declared
    if kind == "M":
        if getattr(series.dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return series.to_numpy("datetime64[s]"), declared
    if declared:  # by their codes: beside missing values, pandas turns integers into floats
        categories = np.empty(len(series.cat.categories) + 1, object)  # the last: missing
        categories[:-1] = list(series.cat.categories)
        return categories[series.cat.codes.to_numpy(np.intp)], declared
    values = np.array(series.to_numpy(object))
    values[series.isna().to_numpy(bool)] = None
    return values, declared
