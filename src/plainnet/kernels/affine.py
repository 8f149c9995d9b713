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
    rows_A, rows_Z = (A, Z) if A.ndim == 2 else (rows(A), rows(Z))
    np.dot(rows_A, W.T, rows_Z)
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
    rows_dZ, rows_A = (dZ, A) if A.ndim == 2 else (rows(dZ), rows(A))
    np.matmul(rows_A.T, rows_dZ, dW.T)
    if db is not None:
        sum_rows(rows_dZ, db)
    if dA is not None:
        np.dot(rows_dZ, W, dA if A.ndim == 2 else rows(dA))


def affine_transposed(
    A: Array,  # (..., n_out)
    W: Array,  # (n_out, n_in)
    b: Array | None,  # (n_in,)
    Y: Array,  # (..., n_in)
) -> Array:
    """Y = A W + b: with the weights of an affine map, from its outputs to its inputs."""
    np.dot(rows(A), W, rows(Y))
    if b is not None:
        np.add(Y, b, out=Y)
    return Y


def affine_transposed_backward(
    dY: Array,  # (..., n_in)
    A: Array,  # (..., n_out)
    W: Array,  # (n_out, n_in)
    dW: Array,  # (n_out, n_in)
    db: Array | None,  # (n_in,)
    dA: Array | None,  # (..., n_out)
) -> None:
    """dW = A' dY, db = sum_i dY_i, dA = dY W', where i goes over all rows."""
    rows_dY, rows_A = rows(dY), rows(A)
    np.matmul(rows_dY.T, rows_A, dW.T)
    if db is not None:
        sum_rows(rows_dY, db)
    if dA is not None:
        np.dot(rows_dY, W.T, rows(dA))
