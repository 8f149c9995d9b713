"""The rows of a sparse matrix, sliced as an array is: what the estimators train on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class SparseRows:
    """A CSR matrix, finite and of the network's dtype, for a network that begins with `Dense`.

    Its slices and batches are such matrices too, and the dense layer multiplies by them: their
    zeros never take memory.
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> Any:
        return SparseRows(self.matrix[rows])

    def copy(self) -> SparseRows:
        return SparseRows(self.matrix.copy())

    def dense(self) -> Array:
        return np.asarray(self.matrix.toarray())


class DenseSlices(SparseRows):
    """A CSR matrix whose slices are arrays, for any other network.

    Parameters
    ----------
    matrix : CSR matrix of shape (m, features)
    shape : tuple
        Of one example, as the network takes it.
    """

    def __init__(self, matrix: Any, shape: tuple[int, ...]) -> None:
        super().__init__(matrix)
        self.shape = (matrix.shape[0], *shape)

    def __getitem__(self, rows: Any) -> Array:
        part = self.matrix[rows]
        return np.asarray(part.toarray().reshape(part.shape[0], *self.shape[1:]))
