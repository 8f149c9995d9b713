"""Normalization of groups of channels, each over all positions; `layer_norm` has the mathematics.

As rows and columns, a group is a block of columns of an example. What is the same at all positions,
sums and means, is kept for each channel, so that it lies along A's lines.
"""

from math import prod

import numpy as np

from plainnet.kernels.arrays import Array, Shape, add_sum_rows, ones, rows, shaped
from plainnet.kernels.compiled import twin
from plainnet.kernels.layer_norm import inverse_sqrt
from plainnet.kernels.pieces import along, line_shape, piece_size, pieces


def channel_lines_shape(A: Array) -> Shape:
    """Two lines, for what there is of each channel."""
    return (2, *line_shape(A.shape))


def repeats_size(A: Array) -> int:
    """A line of A for each example of the largest piece; none where A has no lines."""
    if A.ndim == 2:
        return 0
    examples = piece_size(A, A.ndim - 1) // prod(A.shape[1:])
    return examples * prod(A.shape[-2:])


@twin
def group_norm(
    A: Array,  # (m, ..., C)
    gamma: Array,  # (C,)
    beta: Array,  # (C,)
    groups: int,
    epsilon: float,
    Y: Array,  # (m, ..., C), may be A
    A_hat: Array,  # (m, ..., C), may be Y
    mean: Array,  # (m, 1 ..., C), that of the channel's group
    variance: Array,  # (m, 1 ..., C)
    inverse_std: Array,  # (m, 1 ..., C)
    lines: Array,  # channel_lines_shape(A), scratch
    repeats: Array,  # (repeats_size(A),), scratch
    group_means: Array,  # (m groups,), scratch
    square: Array,  # (piece_size(A, A.ndim - 1),), scratch
) -> Array:
    """Y = gamma A_hat + beta, A_hat = (A - mean) inverse_std."""
    per_group = prod(A.shape[1:]) // groups
    gammas, betas = along(lines, gamma, beta)
    examples = pieces(A, A_hat, Y, mean, variance, inverse_std, tail=A.ndim - 1)
    for a, a_hat, y, mu, sigma2, s in examples:
        _over_group(_sum_positions(a, mu), groups, per_group, group_means)
        np.subtract(a, _repeated(mu, a, repeats), out=a_hat)
        squares = np.multiply(a_hat, a_hat, out=shaped(square, a.shape))
        _over_group(_sum_positions(squares, sigma2), groups, per_group, group_means)
        inverse_sqrt(sigma2, epsilon, s)
        np.multiply(a_hat, _repeated(s, a, repeats), out=a_hat)
        np.multiply(a_hat, gammas, out=y)
        np.add(y, betas, out=y)
    return Y


@twin
def group_norm_backward(
    dY: Array,  # (m, ..., C)
    gamma: Array,  # (C,)
    A_hat: Array,  # (m, ..., C)
    inverse_std: Array,  # (m, 1 ..., C)
    groups: int,
    dgamma: Array,  # (C,)
    dbeta: Array,  # (C,)
    dA: Array | None,  # (m, ..., C), may be dY
    product: Array,  # (piece_size(dY, dY.ndim - 1),), scratch
    lines: Array,  # channel_lines_shape(dY), scratch
    repeats: Array,  # (repeats_size(dY),), scratch
    channel_sums: Array,  # (2, m, 1 ..., C), scratch
    group_means: Array,  # (m groups,), scratch
    part: Array,  # (C,), scratch
) -> None:
    """dgamma = sum_ip dY_ip A_hat_ip, dbeta = sum_ip dY_ip.

    With dA_hat = gamma dY and means over each group,
    dA = inverse_std (dA_hat - mean(dA_hat) - A_hat mean(dA_hat A_hat)).
    """
    per_group = prod(dY.shape[1:]) // groups
    dgamma.fill(0)
    dbeta.fill(0)
    (gammas,) = along(lines, gamma)
    examples = pieces(dY, A_hat, dY if dA is None else dA, inverse_std, tail=dY.ndim - 1)
    for dy, a_hat, da, s in examples:
        p = np.multiply(dy, a_hat, out=shaped(product, dy.shape))
        dy_sums, p_sums = channel_sums[:, : len(dy)]
        add_sum_rows(_sum_positions(dy, dy_sums), dbeta, part)
        add_sum_rows(_sum_positions(p, p_sums), dgamma, part)
        if dA is None:
            continue
        # gamma is the same at all positions, so the means of dA_hat follow from these sums.
        dy_sums *= gamma
        p_sums *= gamma
        _over_group(dy_sums, groups, per_group, group_means)
        _over_group(p_sums, groups, per_group, group_means)
        np.multiply(a_hat, _repeated(p_sums, dy, repeats), out=p)
        np.multiply(dy, gammas, out=da)
        np.subtract(da, p, out=da)
        np.subtract(da, _repeated(dy_sums, dy, repeats), out=da)
        np.multiply(da, _repeated(s, dy, repeats), out=da)


def _sum_positions(A: Array, sums: Array) -> Array:
    """Each example's sums over all positions, (m, 1 ..., C)."""
    positions = A.reshape(len(A), -1, A.shape[-1])
    np.matmul(ones(positions.shape[1], A.dtype), positions, out=rows(sums))
    return sums


def _over_group(sums: Array, groups: int, per_group: int, group_means: Array) -> None:
    """From sums per channel to the mean of the channel's group, in the same memory."""
    grouped = sums.reshape(len(sums), groups, -1)
    means = shaped(group_means, (len(sums), groups, 1))
    np.add.reduce(grouped, axis=2, keepdims=True, out=means)
    np.divide(means, per_group, out=grouped)


def _repeated(values: Array, A: Array, repeats: Array) -> Array:
    """Each example's values per channel, repeated over a line of A."""
    if A.ndim == 2:
        return values
    repeated = shaped(repeats, (*values.shape[:-2], *A.shape[-2:]))
    np.copyto(repeated, values)
    return repeated
