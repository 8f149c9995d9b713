"""Larger images: pixels repeated, or weighted means of their neighbours, in each channel."""

import numpy as np

from plainnet.kernels.arrays import Array


def repeat_pixels(
    A: Array,  # (m, height, width, C)
    down: int,
    across: int,
    Y: Array,  # (m, height down, width across, C)
) -> Array:
    """Y_rs = A_(r // down)(s // across)."""
    m, height, width, channels = A.shape
    blocks = Y.reshape(m, height, down, width, across, channels)
    np.copyto(blocks, A[:, :, None, :, None])
    return Y


def repeat_pixels_backward(
    dY: Array,  # (m, height down, width across, C)
    down: int,
    across: int,
    dA: Array,  # (m, height, width, C)
) -> Array:
    """dA_yx = the sum of dY over the block of pixels that repeat A_yx."""
    m, height, width, channels = dA.shape
    blocks = dY.reshape(m, height, down, width, across, channels)
    np.copyto(dA, blocks[:, :, 0, :, 0])
    for i, j in list(np.ndindex(down, across))[1:]:
        np.add(dA, blocks[:, :, i, :, j], out=dA)
    return dA


def mix_pixels(
    A: Array,  # (m, h, w, C)
    down: Array,  # (H, h)
    across: Array,  # (W, w)
    Y: Array,  # (m, H, W, C)
    tall: Array,  # (m, H, w C), scratch
) -> Array:
    """Y_rs = sum_yx down_ry across_sx A_yx."""
    (m, height, width, channels) = A.shape
    np.matmul(down, A.reshape(m, height, -1), out=tall)
    return np.matmul(across, tall.reshape(m, -1, width, channels), out=Y)


def mix_pixels_backward(
    dY: Array,  # (m, H, W, C)
    down: Array,  # (H, h)
    across: Array,  # (W, w)
    dA: Array,  # (m, h, w, C)
    tall: Array,  # (m, H, w C), scratch
) -> Array:
    """dA_yx = sum_rs down_ry across_sx dY_rs."""
    (m, height, width, channels) = dA.shape
    np.matmul(across.T, dY, out=tall.reshape(m, -1, width, channels))
    np.matmul(down.T, tall, out=dA.reshape(m, height, -1))
    return dA
