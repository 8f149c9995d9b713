"""Normalization of each row by itself, with its mean and without.

For a set of n numbers A_i, here a row, with dA_hat_i = gamma_i dY_i:

    inverse_std = 1 / sqrt(variance + epsilon)
    A_hat_i = (A_i - mean) inverse_std
    Y_i = gamma_i A_hat_i + beta_i

A_j moves every A_hat_i of its set: by inverse_std if i = j, by -inverse_std / n through the mean,
and by -A_hat_i A_hat_j inverse_std / n through the variance, since the derivative of inverse_std is
-inverse_std^3 (A_j - mean) / n. Summed over i, with means over the set:

    dA_j = inverse_std (dA_hat_j - mean(dA_hat) - A_hat_j mean(dA_hat A_hat))

That is little arithmetic on large arrays, so it goes through them in `pieces`.
"""

import numpy as np

from plainnet.kernels.arrays import Array, add_sum_rows, ones, shaped, sum_rows
from plainnet.kernels.compiled import twin
from plainnet.kernels.pieces import pieces


def inverse_sqrt(
    variance: Array,
    epsilon: float,
    out: Array,
) -> Array:
    """1 / sqrt(variance + epsilon)."""
    np.add(variance, epsilon, out=out)
    np.sqrt(out, out=out)
    return np.reciprocal(out, out=out)


@twin
def layer_norm(
    A: Array,  # (..., n)
    gamma: Array,  # (n,)
    beta: Array,  # (n,)
    epsilon: float,
    Y: Array,  # (..., n), may be A
    A_hat: Array,  # (..., n), may be Y
    mean: Array,  # (..., 1)
    variance: Array,  # (..., 1)
    inverse_std: Array,  # (..., 1)
) -> Array:
    """Y = gamma A_hat + beta, A_hat = (A - mean) inverse_std."""
    n = A.shape[-1]
    one = ones(n, A.dtype)
    for a, a_hat, y, mu, sigma2, s in pieces(A, A_hat, Y, mean, variance, inverse_std):
        np.dot(a, one, out=mu[..., 0])
        mu /= n
        np.subtract(a, mu, out=a_hat)
        np.vecdot(a_hat, a_hat, out=sigma2[..., 0])
        sigma2 /= n
        np.multiply(a_hat, inverse_sqrt(sigma2, epsilon, s), out=a_hat)
        np.multiply(a_hat, gamma, out=y)
        np.add(y, beta, out=y)
    return Y


@twin
def layer_norm_backward(
    dY: Array,  # (..., n)
    gamma: Array,  # (n,)
    A_hat: Array,  # (..., n)
    inverse_std: Array,  # (..., 1)
    dgamma: Array,  # (n,)
    dbeta: Array,  # (n,)
    dA: Array | None,  # (..., n), may be dY
    product: Array,  # (piece_size(dY),), scratch
    means: Array,  # (piece_size(dY) / n,), scratch
    part: Array,  # (n,), scratch
) -> None:
    """dgamma = sum_i dY_i A_hat_i, dbeta = sum_i dY_i.

    With dA_hat = gamma dY and means over j,
    dA_ij = inverse_std_i (dA_hat_ij - mean(dA_hat_i) - A_hat_ij mean(dA_hat_i A_hat_i)).
    """
    n = dY.shape[-1]
    sum_rows(dY, dbeta)
    dgamma.fill(0)
    for dy, a_hat, da, s in pieces(dY, A_hat, dY if dA is None else dA, inverse_std):
        p = np.multiply(dy, a_hat, out=shaped(product, dy.shape))
        add_sum_rows(p, dgamma, part)
        if dA is None:
            continue
        # The mean over j of dA_hat_ij = gamma_j dY_ij is a product with the vector gamma.
        mean = shaped(means, s.shape)
        np.dot(p, gamma, out=mean[..., 0])
        mean /= n
        np.multiply(a_hat, mean, out=p)
        np.dot(dy, gamma, out=mean[..., 0])
        mean /= n
        np.multiply(dy, gamma, out=da)
        np.subtract(da, p, out=da)
        np.subtract(da, mean, out=da)
        np.multiply(da, s, out=da)


@twin
def rms_norm(
    A: Array,  # (..., n)
    gamma: Array,  # (n,)
    epsilon: float,
    Y: Array,  # (..., n), may be A
    A_hat: Array,  # (..., n), may be Y
    mean_square: Array,  # (..., 1)
    inverse_rms: Array,  # (..., 1)
) -> Array:
    """Y = gamma A_hat, A_hat = A inverse_rms, inverse_rms = 1 / sqrt(mean_square + epsilon)."""
    n = A.shape[-1]
    for a, a_hat, y, q, s in pieces(A, A_hat, Y, mean_square, inverse_rms):
        np.vecdot(a, a, out=q[..., 0])
        q /= n
        np.multiply(a, inverse_sqrt(q, epsilon, s), out=a_hat)
        np.multiply(a_hat, gamma, out=y)
    return Y


@twin
def rms_norm_backward(
    dY: Array,  # (..., n)
    gamma: Array,  # (n,)
    A_hat: Array,  # (..., n)
    inverse_rms: Array,  # (..., 1)
    dgamma: Array,  # (n,)
    dA: Array | None,  # (..., n), may be dY
    product: Array,  # (piece_size(dY),), scratch
    means: Array,  # (piece_size(dY) / n,), scratch
    part: Array,  # (n,), scratch
) -> None:
    """dgamma = sum_i dY_i A_hat_i.

    With dA_hat = gamma dY and means over j,
    dA_ij = inverse_rms_i (dA_hat_ij - A_hat_ij mean(dA_hat_i A_hat_i)).
    """
    n = dY.shape[-1]
    dgamma.fill(0)
    for dy, a_hat, da, s in pieces(dY, A_hat, dY if dA is None else dA, inverse_rms):
        p = np.multiply(dy, a_hat, out=shaped(product, dy.shape))
        add_sum_rows(p, dgamma, part)
        if dA is None:
            continue
        mean = shaped(means, s.shape)
        np.dot(p, gamma, out=mean[..., 0])
        mean /= n
        np.multiply(a_hat, mean, out=p)
        np.multiply(dy, gamma, out=da)
        np.subtract(da, p, out=da)
        np.multiply(da, s, out=da)
