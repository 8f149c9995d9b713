"""The maximum or the mean of what lies under a window, or of all places, in each channel.

Of equal maxima, the first one, line by line, gets the gradient.
"""

from collections.abc import Iterator

import numpy as np

from plainnet.kernels.arrays import Array, Shape, shaped
from plainnet.kernels.compiled import twin
from plainnet.kernels.sliding import Window, block_size, blocks, cells


def pool_block_size(A: Array, Y: Shape) -> int:
    """The numbers of outputs in the largest block that a pool works on at once."""
    m, height, width, channels = Y
    examples, lines = block_size(m, height, A.nbytes // max(1, m * height))
    return examples * lines * width * channels


def _blocks(A: Array, Y: Array) -> Iterator[tuple[slice, slice]]:
    """Examples, and lines of Y, by the size of what they read."""
    m, height = Y.shape[:2]
    return blocks(m, height, A.nbytes // max(1, m * height))


@twin
def max_pool(
    A: Array,  # (m, height, width, C)
    window: Window,
    inside: bool,  # whether the window never reaches beyond the image
    Y: Array,  # (m, down, across, C)
) -> Array:
    """Y_yxc = max A_rsc over all r, s under the window at y, x."""
    inputs, across = A.shape[1:3], Y.shape[2]
    for examples, lines in _blocks(A, Y):
        images, block = A[examples], Y[examples, lines]
        if not inside:
            block.fill(-np.inf)
        for i, j, place, read in cells(window, inputs, lines, across):
            here, seen = block[:, *place], images[:, *read]
            if inside and i == j == 0:
                np.copyto(here, seen)
            else:
                np.maximum(here, seen, out=here)
    return Y


@twin
def max_pool_backward(
    dY: Array,  # (m, down, across, C)
    A: Array,  # (m, height, width, C)
    Y: Array,  # (m, down, across, C)
    window: Window,
    tiles: bool,  # whether the window meets every pixel once
    dA: Array,  # (m, height, width, C)
    free: Array,  # (pool_block_size(A, Y.shape),), booleans, scratch
    firsts: Array,  # (pool_block_size(A, Y.shape),), booleans, scratch
    term: Array,  # (pool_block_size(A, Y.shape),), scratch
) -> Array:
    """dA_rsc = sum dY_yxc over all y, x whose first maximum is A_rsc."""
    inputs, across = A.shape[1:3], Y.shape[2]
    if not tiles:
        dA.fill(0)
    for examples, lines in _blocks(A, Y):
        images, gradients = A[examples], dA[examples]
        largest, dlargest = Y[examples, lines], dY[examples, lines]
        not_found = shaped(free, largest.shape)
        not_found.fill(True)
        for _, _, place, read in cells(window, inputs, lines, across):
            here, dhere, dseen = not_found[:, *place], dlargest[:, *place], gradients[:, *read]
            is_first = shaped(firsts, here.shape)
            np.equal(images[:, *read], largest[:, *place], out=is_first)
            np.logical_and(is_first, here, out=is_first)
            np.not_equal(here, is_first, out=here)
            if tiles:
                np.multiply(dhere, is_first, out=dseen)
            else:
                np.add(dseen, np.multiply(dhere, is_first, out=shaped(term, here.shape)), out=dseen)
    return dA


@twin
def average_pool(
    A: Array,  # (m, height, width, C)
    window: Window,
    share: Array,  # (down, across, 1), 1 / the pixels that count
    Y: Array,  # (m, down, across, C)
) -> Array:
    """Y_yxc = share_yx sum A_rsc over all r, s under the window at y, x."""
    inputs, across = A.shape[1:3], Y.shape[2]
    for examples, lines in _blocks(A, Y):
        images, block = A[examples], Y[examples, lines]
        block.fill(0)
        for _, _, place, read in cells(window, inputs, lines, across):
            here = block[:, *place]
            np.add(here, images[:, *read], out=here)
        np.multiply(block, share[lines], out=block)
    return Y


@twin
def average_pool_backward(
    dY: Array,  # (m, down, across, C)
    window: Window,
    share: Array,  # (down, across, 1)
    tiles: bool,  # whether the window meets every pixel once
    dA: Array,  # (m, height, width, C)
    part: Array,  # (pool_block_size(dA, dY.shape),), scratch
) -> Array:
    """dA_rsc = sum share_yx dY_yxc over all y, x where r, s is under the window."""
    inputs, across = dA.shape[1:3], dY.shape[2]
    if not tiles:
        dA.fill(0)
    for examples, lines in _blocks(dA, dY):
        gradients, block = dA[examples], dY[examples, lines]
        p = np.multiply(block, share[lines], out=shaped(part, block.shape))
        for _, _, place, read in cells(window, inputs, lines, across):
            dseen = gradients[:, *read]
            if tiles:
                np.copyto(dseen, p)
            else:
                np.add(dseen, p[:, *place], out=dseen)
    return dA


# --- over all places ------------------------------------------------------------------------------


def global_average(
    A: Array,  # (m, places, C)
    share: Array,  # (m or 1, 1, places), the weight of each place
    Y: Array,  # (m, 1, C)
) -> Array:
    """Y_c = sum_p share_p A_pc."""
    return np.matmul(share, A, out=Y)


def global_average_backward(
    dY: Array,  # (m, C)
    share: Array,  # (m or 1, 1, places)
    dA: Array,  # (m, places, C)
) -> Array:
    """dA_pc = share_p dY_c."""
    return np.multiply(dY[:, None], share.transpose(0, 2, 1), out=dA)


def global_max(
    A: Array,  # (m, places, C)
    Y: Array,  # (m, C)
) -> Array:
    """Y_c = max_p A_pc."""
    return np.maximum.reduce(A, axis=1, out=Y)


def global_max_backward(
    dY: Array,  # (m, C)
    A: Array,  # (m, places, C)
    Y: Array,  # (m, C)
    dA: Array,  # (m, places, C)
    first: Array,  # (m, places, C), booleans, scratch
    found: Array,  # (m, places, C), booleans, scratch
) -> Array:
    """dA_pc = dY_c where A_pc is the first of the maxima, and 0 elsewhere."""
    np.equal(A, Y[:, None], out=first)
    np.logical_or.accumulate(first, axis=1, out=found)
    # Later ones are those before which one was found.
    np.greater(first[:, 1:], found[:, :-1], out=first[:, 1:])
    return np.multiply(dY[:, None], first, out=dA)
