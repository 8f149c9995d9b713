"""Normalization of each feature over all rows; `layer_norm` has the mathematics."""

import numpy as np

from plainnet.kernels.arrays import Array, Shape, add_sum_rows, shaped, sum_rows
from plainnet.kernels.compiled import twin
from plainnet.kernels.layer_norm import inverse_sqrt
from plainnet.kernels.pieces import along, line_shape, piece_size, pieces


def feature_piece_size(A: Array) -> int:
    """The numbers of A's largest piece, by rows and by lines."""
    by_rows, axes = piece_size(A), len(line_shape(A.shape))
    return by_rows if axes == 1 else max(by_rows, piece_size(A, axes))


def feature_lines_shape(A: Array) -> Shape:
    """Four lines, for what there is of each feature."""
    return (4, *line_shape(A.shape))


@twin
def batch_statistics(
    A: Array,  # (..., n)
    mean: Array,  # (n,)
    variance: Array,  # (n,)
    lines: Array,  # feature_lines_shape(A), scratch
    square: Array,  # (feature_piece_size(A),), scratch
    part: Array,  # (n,), scratch
) -> None:
    """The mean of all A_i, and that of all (A_i - mean)^2."""
    N = A.size // len(mean)
    sum_rows(A, mean)
    mean /= N
    (means,) = along(lines, mean)
    variance.fill(0)
    for (a,) in pieces(A, tail=means.ndim):
        s = np.subtract(a, means, out=shaped(square, a.shape))
        np.multiply(s, s, out=s)
        add_sum_rows(s, variance, part)
    variance /= N


def masked_batch_statistics(
    A: Array,  # (..., n)
    w: Array,  # (..., 1), 1 for a row that counts, 0 for one that does not
    mean: Array,  # (n,)
    variance: Array,  # (n,)
    product: Array,  # (piece_size(A),), scratch
    part: Array,  # (n,), scratch
) -> None:
    """mean = sum_i w_i A_i / N, variance = sum_i w_i (A_i - mean)^2 / N; both 0 if none counts."""
    N = max(1, np.count_nonzero(w))
    mean.fill(0)
    for a, counts in pieces(A, w):
        p = np.multiply(a, counts, out=shaped(product, a.shape))
        add_sum_rows(p, mean, part)
    mean /= N
    variance.fill(0)
    for a, counts in pieces(A, w):
        p = np.subtract(a, mean, out=shaped(product, a.shape))
        np.multiply(p, p, out=p)
        np.multiply(p, counts, out=p)
        add_sum_rows(p, variance, part)
    variance /= N


@twin
def batch_norm(
    A: Array,  # (..., n)
    mean: Array,  # (n,)
    variance: Array,  # (n,)
    gamma: Array,  # (n,)
    beta: Array,  # (n,)
    epsilon: float,
    Y: Array,  # (..., n), may be A
    A_hat: Array,  # (..., n), may be Y
    inverse_std: Array,  # (n,)
    lines: Array,  # feature_lines_shape(A), scratch
) -> Array:
    """Y = gamma A_hat + beta, A_hat = (A - mean) inverse_std."""
    inverse_sqrt(variance, epsilon, inverse_std)
    means, inverse_stds, gammas, betas = along(lines, mean, inverse_std, gamma, beta)
    for a, a_hat, y in pieces(A, A_hat, Y, tail=means.ndim):
        np.subtract(a, means, out=a_hat)
        np.multiply(a_hat, inverse_stds, out=a_hat)
        np.multiply(a_hat, gammas, out=y)
        np.add(y, betas, out=y)
    return Y


@twin
def batch_norm_backward(
    dY: Array,  # (..., n)
    gamma: Array,  # (n,)
    A_hat: Array,  # (..., n)
    inverse_std: Array,  # (n,)
    of_batch: bool,  # whether mean and variance are those of A, and so depend on it
    dgamma: Array,  # (n,)
    dbeta: Array,  # (n,)
    dA: Array | None,  # (..., n), may be dY
    lines: Array,  # feature_lines_shape(dY), scratch
    product: Array,  # (feature_piece_size(dY),), scratch
    part: Array,  # (3, n), scratch
) -> None:
    """dgamma = sum_i dY_i A_hat_i, dbeta = sum_i dY_i.

    For N rows, dA_i = gamma inverse_std (dY_i - dbeta / N - A_hat_i dgamma / N), without the last
    two terms if the statistics do not depend on A.
    """
    slope, through_mean, through_std = part
    dgamma.fill(0)
    for dy, a_hat in pieces(dY, A_hat):
        p = np.multiply(dy, a_hat, out=shaped(product, dy.shape))
        add_sum_rows(p, dgamma, slope)
    sum_rows(dY, dbeta)
    if dA is None:
        return

    np.multiply(gamma, inverse_std, out=slope)
    if not of_batch:
        (slopes,) = along(lines, slope)
        np.multiply(dY, slopes, out=dA)
        return
    N = dY.size // len(gamma)
    np.divide(dbeta, N, out=through_mean)
    np.divide(dgamma, N, out=through_std)
    slopes, through_means, through_stds = along(lines, slope, through_mean, through_std)
    for dy, a_hat, da in pieces(dY, A_hat, dA, tail=slopes.ndim):
        p = np.multiply(a_hat, through_stds, out=shaped(product, dy.shape))
        np.subtract(dy, p, out=da)
        np.subtract(da, through_means, out=da)
        np.multiply(da, slopes, out=da)


def masked_batch_norm_backward(
    gamma: Array,  # (n,)
    A_hat: Array,  # (..., n)
    inverse_std: Array,  # (n,)
    w: Array,  # (..., 1), 1 for a row that counts, 0 for one that does not
    dgamma: Array,  # (n,), sum_i dY_i A_hat_i
    dbeta: Array,  # (n,), sum_i dY_i
    dA: Array,  # (..., n), holds gamma inverse_std dY
    product: Array,  # (piece_size(dA),), scratch
    part: Array,  # (3, n), scratch
) -> None:
    """dA_i -= gamma inverse_std w_i (dbeta + A_hat_i dgamma) / N.

    The outputs of all rows depend on the mean and the variance, and these on the rows that count.
    """
    slope, through_mean, through_std = part
    np.multiply(gamma, inverse_std, out=slope)
    slope /= max(1, np.count_nonzero(w))
    np.multiply(slope, dbeta, out=through_mean)
    np.multiply(slope, dgamma, out=through_std)
    for a_hat, counts, da in pieces(A_hat, w, dA):
        p = np.multiply(a_hat, through_std, out=shaped(product, da.shape))
        np.add(p, through_mean, out=p)
        np.multiply(p, counts, out=p)
        np.subtract(da, p, out=da)
