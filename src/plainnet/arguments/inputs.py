"""What a network is given as X, converted once or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, as_batch, as_floats, fits, lies_outside
from plainnet.arguments.parts import Parts, by_name, expect_same_rows, only
from plainnet.arguments.sparse import SparseRows
from plainnet.engine.memory import read_only
from plainnet.errors import DataError, DTypeError, ShapeError

Array = npt.NDArray[Any]
Shape = tuple[Any, ...]


@dataclass(frozen=True)
class Input:
    """One input of a network.

    Attributes
    ----------
    name : str
        As messages call it: X, or X['table'].
    shape : tuple
        Of one example; None stands for any length.
    dtype : numpy.dtype
        Of the network.
    ids : bool
    reader : Layer, optional
        That takes them here.
    names : tuple of str
        Under which name a dict may have the only input of a network; of a list of layers, none.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    ids: bool = False
    reader: Any = None
    names: tuple[str, ...] = ()

    def examples(self, X: Any) -> Any:
        """X, ready to be sliced: converted, or unchanged where it is not in memory."""
        X = only(self.name, self.names, X)
        return X if lies_outside(X) else self.rows(X)

    def rows(self, X: Any, first_row: int = 0) -> Array | SparseRows:
        """X as a read-only array of shape (m, *shape), of the network's dtype or of integers."""
        # Most often nothing is to be done. A shape with an axis of any length equals none.
        usual = type(X) is np.ndarray and X.dtype is self.dtype and not self.ids
        if usual and X.shape[1:] == self.shape:
            return read_only(X)
        X = only(self.name, self.names, X)
        if isinstance(X, SparseRows):
            return X
        if hasattr(X, "toarray"):
            raise DataError(
                f"{self.name} is sparse, a {type(X).__name__}: pass {self.name}.toarray(), or use "
                "NetworkClassifier or NetworkRegressor, which take it as it is"
            )
        if isinstance(X, Mapping):
            raise ShapeError(
                f"the network has one input, and {self.name} is a dict of {', '.join(map(str, X))}"
                ": pass its array"
            )
        rows = self._array(X)
        if rows.ndim == 0 or not fits(rows.shape[1:], self.shape):
            raise ShapeError(
                f"{self.name} must have the shape {as_batch(self.shape)}; got {rows.shape}"
            )
        if 0 in rows.shape[1:]:
            raise ShapeError(
                f"{self.name} must have sequences of at least one step; got {rows.shape}"
            )
        if not self.ids:
            return read_only(as_floats(self.name, rows, self.dtype, first_row))
        if rows.dtype.kind not in "iu":
            raise DTypeError(
                f"{self.name} is {rows.dtype}, and {self._who} takes ids: pass integers"
            )
        return read_only(rows)

    @property
    def _who(self) -> str:
        if self.reader is None:
            return "this input"
        return f"the network's first layer, {self.reader!r},"

    def _array(self, X: Any) -> Array:
        """X as an array; where it should be ids, texts and sequences of several lengths are not."""
        if not self.ids:
            return as_array(self.name, X)
        try:
            rows = as_array(self.name, X)
        except DataError as error:
            raise DataError(
                f"{error}; plainnet.text.pad makes one array of sequences of several lengths"
            ) from error
        if rows.dtype.kind in "UT":
            raise DTypeError(
                f"{self.name} holds texts, and {self._who} takes ids: a tokenizer of plainnet.text "
                "makes ids of texts"
            )
        return rows

    def batch_dtype(self, X: Any) -> np.dtype[Any]:
        """That of X's batches, by way of NumPy: another library's tensor has its own dtypes."""
        return as_array(self.name, X[:1]).dtype if self.ids else self.dtype


class Inputs:
    """All inputs of a network with several: X is a dict, or a tuple in their order."""

    def __init__(self, inputs: dict[str, Input]) -> None:
        self.each = inputs

    def examples(self, X: Any) -> Parts:
        return self._parts({n: self.each[n].examples(x) for n, x in self._by_name(X).items()})

    def rows(self, X: Any, first_row: int = 0) -> Parts:
        known = self._by_name(X).items()
        return self._parts({name: self.each[name].rows(x, first_row) for name, x in known})

    def batch_dtype(self, X: Parts) -> Parts:
        return Parts({name: self.each[name].batch_dtype(x) for name, x in X.arrays.items()})

    def _by_name(self, X: Any) -> dict[str, Any]:
        return by_name("X", tuple(self.each), X)

    def _parts(self, arrays: dict[str, Any]) -> Parts:
        parts = Parts(arrays)
        expect_same_rows("X", parts)
        return parts
