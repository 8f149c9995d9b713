"""A kernel for each channel that slides over images: nothing to multiply as a matrix.

So each cell of the kernel is multiplied with all that it meets, a block of images at a time. The
shapes are those of `correlation`, with as many groups as channels and filters.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from plainnet.kernels.arrays import Array, Shape, aligned, carve, shaped, sum_rows
from plainnet.kernels.compiled import twin
from plainnet.kernels.sliding import Window, block_size, blocks, cells


def depthwise_size(W: Shape, places: Shape, itemsize: int) -> int:
    """The numbers of scratch memory that each of these functions needs."""
    return aligned(prod(_lines_shape(W, places[2]))) + _term_size(places, itemsize)


@twin
def depthwise(
    A: Array,  # (m, height, width, C)
    W: Array,  # (C, kh, kw, 1)
    bias: Array | None,  # (across, C)
    window: Window,
    Z: Array,  # (m, down, across, C)
    work: Array,  # (depthwise_size(W.shape, Z.shape, itemsize),), scratch
) -> Array:
    """Z_yxc = bias_xc + sum_ij W_cij A_(y+i)(x+j)c."""
    inputs, width = A.shape[1:3], Z.shape[2]
    kernel, term = _scratch(W.shape, Z, work)
    _fill_lines(W, kernel)
    for examples, lines in _blocks(Z):
        images, block = A[examples], Z[examples, lines]
        block[...] = 0 if bias is None else bias
        for i, j, place, read in cells(window, inputs, lines, width):
            here = block[:, *place]
            t = shaped(term, here.shape)
            np.multiply(images[:, *read], kernel[i, j, : here.shape[2]], out=t)
            np.add(here, t, out=here)
    return Z


@twin
def depthwise_weight_gradient(
    dZ: Array,  # (m, down, across, C)
    A: Array,  # (m, height, width, C)
    window: Window,
    dW: Array,  # (C, kh, kw, 1)
    work: Array,  # (depthwise_size(dW.shape, dZ.shape, itemsize),), scratch
) -> Array:
    """dW_cij = sum_yx dZ_yxc A_(y+i)(x+j)c."""
    inputs, width = A.shape[1:3], dZ.shape[2]
    kernel, term = _scratch(dW.shape, dZ, work)
    part = kernel[0, 0, 0]  # (C,)
    dW.fill(0)
    for examples, lines in _blocks(dZ):
        images, block = A[examples], dZ[examples, lines]
        for i, j, place, read in cells(window, inputs, lines, width):
            here = block[:, *place]
            t = shaped(term, here.shape)
            np.multiply(images[:, *read], here, out=t)
            dW[:, i, j, 0] += sum_rows(t, part)
    return dW


@twin
def depthwise_input_gradient(
    dZ: Array,  # (m, down, across, C)
    W: Array,  # (C, kh, kw, 1)
    window: Window,
    dA: Array,  # (m, height, width, C), holds the biases of a transposed convolution, or zeros
    work: Array,  # (depthwise_size(W.shape, dZ.shape, itemsize),), scratch
) -> Array:
    """dA_(y+i)(x+j)c += sum_ij W_cij dZ_yxc."""
    inputs, width = dA.shape[1:3], dZ.shape[2]
    kernel, term = _scratch(W.shape, dZ, work)
    _fill_lines(W, kernel)
    for examples, lines in _blocks(dZ):
        images, block = dA[examples], dZ[examples, lines]
        for i, j, place, read in cells(window, inputs, lines, width):
            here, there = block[:, *place], images[:, *read]
            t = shaped(term, here.shape)
            np.multiply(here, kernel[i, j, : here.shape[2]], out=t)
            np.add(there, t, out=there)
    return dA


def _blocks(Z: Array) -> Iterator[tuple[slice, slice]]:
    m, down = Z.shape[:2]
    return blocks(m, down, _bytes_per_line(Z.shape, Z.itemsize))


def _bytes_per_line(places: Shape, itemsize: int) -> int:
    """What a line reads, what it writes, and the term between."""
    return 3 * places[2] * places[3] * itemsize


def _term_size(places: Shape, itemsize: int) -> int:
    m, down, across, channels = places
    examples, lines = block_size(m, down, _bytes_per_line(places, itemsize))
    return examples * lines * across * channels


def _lines_shape(W: Shape, across: int) -> Shape:
    channels, kh, kw, _ = W
    return (kh, kw, across, channels)


def _scratch(W: Shape, Z: Array, work: Array) -> list[Array]:
    """Memory for the kernel's lines, and for a term, flat."""
    return carve(work, _lines_shape(W, Z.shape[2]), (_term_size(Z.shape, Z.itemsize),))


def _fill_lines(W: Array, kernel: Array) -> None:
    """Each cell's weights repeated over a line of the image; see `pieces.line_shape`."""
    np.copyto(kernel, W[..., 0].transpose(1, 2, 0)[:, :, None])
