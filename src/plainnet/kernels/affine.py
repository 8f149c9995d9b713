"""The affine map, with weights that lie in memory as (n_in, n_out): `W.T` is contiguous."""

import numpy as np

from plainnet.kernels.arrays import Array, rows, sum_rows


def affine(
    A: Array,  # (..., n_in)
    W: Array,  # (n_out, n_in)
    b: Array | None,  # (n_out,)
    Z: Array,  # (..., n_out)
) -> Array:
    """Z = A W' + b."""
    np.dot(rows(A), W.T, out=rows(Z))
    if b is not None:
        np.add(Z, b, out=Z)
    return Z


def affine_backward(
    dZ: Array,  # (..., n_out)
    A: Array,  # (..., n_in)
    W: Array,  # (n_out, n_in)
    dW: Array,  # (n_out, n_in)
    db: Array | None,  # (n_out,)
    dA: Array | None,  # (..., n_in)
) -> None:
    """dW = dZ' A, db = sum_i dZ_i, dA = dZ W, where i goes over all rows."""
    dZ = rows(dZ)
    np.matmul(rows(A).T, dZ, out=dW.T)
    if db is not None:
        sum_rows(dZ, db)
    if dA is not None:
        np.dot(dZ, W, out=rows(dA))
