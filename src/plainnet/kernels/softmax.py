"""Softmax over the last axis."""

import numpy as np

from plainnet.kernels.arrays import Array


def softmax(
    Z: Array,  # (..., K)
    A: Array,  # (..., K), may be Z
    per_row: Array,  # (..., 1), scratch
) -> Array:
    """A_j = exp(Z_j - max_k Z_k) / sum_k exp(Z_k - max_k Z_k), finite at any Z."""
    np.subtract(Z, np.maximum.reduce(Z, axis=-1, keepdims=True, out=per_row), out=A)
    np.exp(A, out=A)
    return np.divide(A, np.add.reduce(A, axis=-1, keepdims=True, out=per_row), out=A)


def softmax_backward(
    dA: Array,  # (..., K)
    A: Array,  # (..., K)
    dZ: Array,  # (..., K), may be dA
    product: Array,  # (..., K), scratch
    per_row: Array,  # (..., 1), scratch
) -> Array:
    """dZ_j = A_j (dA_j - sum_k dA_k A_k)."""
    np.multiply(dA, A, out=product)
    np.add.reduce(product, axis=-1, keepdims=True, out=per_row)
    np.subtract(dA, per_row, out=dZ)
    return np.multiply(dZ, A, out=dZ)
