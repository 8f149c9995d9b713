"""A user's texts as they come: a list, an array, a Series; missing values are empty texts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from plainnet.errors import DataError, DTypeError, ShapeError, shown

Array = npt.NDArray[Any]


def as_texts(X: Any, name: str = "X") -> Array:
    """Texts as an array of str, shape (m,).

    A table or array must have one column. None, NaN and pandas' NA become "".

    Raises
    ------
    ShapeError, DTypeError, DataError
        For a single text, several columns, bytes or numbers, or if there are no texts.
    """
    if isinstance(X, str):
        raise ShapeError(f"{name} must be several texts; got one, {shown(X)}: pass a list, [text]")
    if isinstance(X, bytes | bytearray | Mapping | Set) or sparse.issparse(X):
        raise DTypeError(f"{name} must be texts, such as a list of str; got {type(X).__name__}")
    values = _column(X, name)
    if not len(values):
        raise DataError(f"{name} has no texts: 0 of them, and at least 1 is needed")
    texts = np.empty(len(values), object)
    texts[:] = [_text(value, row, name) for row, value in enumerate(values)]
    return texts


def _column(X: Any, name: str) -> list[Any]:
    """The values of one column."""
    if not isinstance(getattr(X, "shape", None), tuple):
        if not isinstance(X, list | tuple):
            raise DTypeError(f"{name} must be texts, such as a list of str; got {shown(X)}")
        if not any(isinstance(row, list | tuple | np.ndarray) for row in X):
            return list(X)
        X = np.array([list(row) if isinstance(row, list | tuple) else row for row in X], object)
    shape = X.shape
    if len(shape) != 1 and (len(shape) != 2 or shape[1] != 1):
        raise ShapeError(
            f"{name} must have one text in each row, shape (m,); got {tuple(shape)}: choose the "
            f"column of texts, such as {name}['text'], or give each column its own estimator"
        )
    if isinstance(X, np.ma.MaskedArray):
        raise DTypeError(f"{name} is a masked array: pass {name}.filled('')")
    if hasattr(X, "to_numpy"):
        X = X.to_numpy(dtype=object)
    return list(np.asarray(X).reshape(-1).tolist())


def _text(value: Any, row: int, name: str) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float | np.floating) and value != value:
        return ""
    remedy = "decode it first" if isinstance(value, bytes) else f"astype(str) makes texts of {name}"
    kind = type(value).__name__
    raise DTypeError(f"{name} must be texts; row {row} holds {shown(value)}, {kind}: {remedy}")
