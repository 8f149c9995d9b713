"""The affine map of the rows of a sparse matrix, a CSR matrix of SciPy's.

SciPy has no product into a given array, so that these allocate their result once more.
"""

from typing import Any

import numpy as np

from plainnet.kernels.arrays import Array, sum_rows


def sparse_affine(
    A: Any,  # (m, n_in), sparse
    W: Array,  # (n_out, n_in)
    b: Array | None,  # (n_out,)
    Z: Array,  # (m, n_out)
) -> Array:
    """Z = A W' + b."""
    np.copyto(Z, A @ W.T)
    if b is not None:
        np.add(Z, b, out=Z)
    return Z


def sparse_affine_backward(
    dZ: Array,  # (m, n_out)
    A: Any,  # (m, n_in), sparse
    dW: Array,  # (n_out, n_in)
    db: Array | None,  # (n_out,)
) -> None:
    """dW = dZ' A, db = sum_i dZ_i."""
    np.copyto(dW.T, A.T @ dZ)
    if db is not None:
        sum_rows(dZ, db)
