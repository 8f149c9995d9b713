"""Softmax over the last axis."""

import numpy as np

from plainnet.kernels.arrays import Array, ones, rows, shaped
from plainnet.kernels.compiled import twin

SHORT = 16
"""NumPy takes up to 100 ns for the largest number of a row. For rows up to this long it is faster
to transpose them, and to go through columns."""
FEW = 128
"""Fewer rows than this are not worth it."""
AT_ONCE = 2**12
"""Numbers that are transposed together: they stay in the processor's cache."""


@twin
def softmax(
    Z: Array,  # (..., K)
    A: Array,  # (..., K), may be Z
    per_row: Array,  # (..., 1), scratch
) -> Array:
    """A_j = exp(Z_j - max_k Z_k) / sum_k exp(Z_k - max_k Z_k), finite at any Z."""
    if Z.shape[-1] <= SHORT and Z.size >= FEW * Z.shape[-1]:
        _by_columns(rows(Z), rows(A), per_row.reshape(-1))
        return A
    np.subtract(Z, np.maximum.reduce(Z, axis=-1, keepdims=True, out=per_row), out=A)
    np.exp(A, out=A)
    return np.divide(A, np.add.reduce(A, axis=-1, keepdims=True, out=per_row), out=A)


def _by_columns(Z: Array, A: Array, per_row: Array) -> None:
    (m, K), at_once = Z.shape, AT_ONCE // Z.shape[1]
    memory = np.empty(AT_ONCE, Z.dtype)
    for start in range(0, m, at_once):
        some = slice(start, min(start + at_once, m))
        columns, of_row = shaped(memory, (K, some.stop - start)), per_row[some]
        np.copyto(columns, Z[some].T)
        columns -= np.maximum.reduce(columns, axis=0, out=of_row)
        np.exp(columns, out=columns)
        columns /= np.dot(ones(K, Z.dtype), columns, of_row)
        np.copyto(A[some], columns.T)


@twin
def softmax_backward(
    dA: Array,  # (..., K)
    A: Array,  # (..., K)
    dZ: Array,  # (..., K), may be dA
    product: Array,  # (..., K), scratch
    per_row: Array,  # (..., 1), scratch
) -> Array:
    """dZ_j = A_j (dA_j - sum_k dA_k A_k)."""
    np.multiply(dA, A, out=product)
    # A product with ones adds up short rows three times as fast as np.add.reduce.
    np.dot(rows(product), ones(A.shape[-1], A.dtype), per_row.reshape(-1))
    np.subtract(dA, per_row, out=dZ)
    return np.multiply(dZ, A, out=dZ)
