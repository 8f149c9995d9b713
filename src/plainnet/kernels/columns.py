"""The numbers under a kernel that slides over images, a row for each of its places ("im2col").

Chellapilla et al. 2006, High performance convolutional neural networks for document processing:
the sums over a kernel are then a matrix product. The matrix is kernel height times kernel width as
large as the image. It is made a block at a time, so that the memory is bounded by BLOCK bytes, or
one line of outputs where that is more, and a block is still in the processor's cache when it is
multiplied.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from plainnet.kernels.arrays import Array, Shape, aligned, shaped
from plainnet.kernels.sliding import Window, block_size, blocks, overlap

FEW_CHANNELS = 4


def columns_size(A: Shape, window: Window, places: Shape, itemsize: int) -> int:
    """The numbers that `unfolded` needs for images and places of these shapes."""
    m, height, width, channels = A
    down, across = places[1:3]
    if _is_pointwise(window, A, places):
        return 0
    per_line = across * prod(window.kernel) * channels
    n, count = block_size(m, down, per_line * itemsize)
    columns = aligned(n * count * per_line)
    first, tall, wide = _reach(window, slice(0, down), across)
    if _is_inside(first, window.before[1], tall, wide, height, width):
        return columns
    _, tall, _ = _reach(window, slice(0, count), across)
    return columns + n * tall * wide * channels


def unfolded(
    A: Array,  # (m, height, width, channels)
    window: Window,
    groups: int,
    places: Shape,  # (m, down, across, ...)
    work: Array,  # (columns_size(A.shape, window, places, itemsize),), scratch
) -> Iterator[tuple[slice, slice, Array]]:
    """Blocks of examples and lines of places, each with its columns (groups, places, numbers)."""
    m, height, _, channels = A.shape
    down, across = places[1:3]
    if _is_pointwise(window, A.shape, places):
        yield slice(0, m), slice(0, height), grouped(A, groups)
        return
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    per_group, per_line = channels // groups, across * kh * kw * channels
    n, count = block_size(m, down, per_line * A.itemsize)
    for_zeros = work[aligned(n * count * per_line) :]
    for examples, lines in blocks(m, down, per_line * A.itemsize):
        padded = _padded(A[examples], window, lines, across, for_zeros)
        size = len(padded), lines.stop - lines.start, across
        per_image, per_row, per_pixel, per_channel = padded.strides
        under_the_kernel = _strided(
            padded,
            (*size, kh, kw, groups, per_group),
            (
                per_image,
                sh * per_row,
                sw * per_pixel,
                dh * per_row,
                dw * per_pixel,
                per_group * per_channel,
                per_channel,
            ),
        )
        columns, by_cell = as_columns(work, size, window, groups, per_group)
        np.copyto(by_cell, under_the_kernel)
        yield examples, lines, columns


def as_columns(
    work: Array, places: Shape, window: Window, groups: int, per_group: int
) -> tuple[Array, Array]:
    """Memory as columns, (groups, places, numbers), and as (*places, kh, kw, groups, per_group).

    Copying is as fast as its innermost loop is long: along a row of channels, or, where these are
    few, along a line of the image.
    """
    (n, count, across), (kh, kw) = places, window.kernel
    size, numbers = n * count * across, kh * kw * per_group
    memory = work[: groups * size * numbers]
    if per_group < FEW_CHANNELS:
        columns = memory.reshape(groups, numbers, size).transpose(0, 2, 1)
        by_cell = memory.reshape(groups, kh, kw, per_group, n, count, across)
        return columns, by_cell.transpose(4, 5, 6, 1, 2, 0, 3)
    columns = memory.reshape(groups, size, numbers)
    by_cell = memory.reshape(groups, n, count, across, kh, kw, per_group)
    return columns, by_cell.transpose(1, 2, 3, 4, 5, 0, 6)


def _strided(A: Array, shape: Shape, strides: Shape) -> Array:
    """A view with these strides: what several places of the kernel share is in it several times."""
    if A.flags.c_contiguous:  # then without the Python code of as_strided
        return np.ndarray(shape, A.dtype, A, 0, strides)
    return as_strided(A, shape, strides)


def grouped(A: Array, groups: int) -> Array:
    """Images as (groups, pixels, channels / groups), a view."""
    return A.reshape(-1, groups, A.shape[-1] // groups).transpose(1, 0, 2)


def _is_pointwise(window: Window, A: Shape, places: Shape) -> bool:
    """Whether the images are their own columns."""
    return (
        window.kernel == window.stride == (1, 1)
        and A[1:3] == places[1:3]
        and not any(window.before)
    )


def _reach(window: Window, lines: slice, across: int) -> tuple[int, int, int]:
    """What these lines of places read: the first line of the image, and how many lines, columns."""
    (sh, sw), (span_down, span_across) = window.stride, window.span
    tall = (lines.stop - lines.start - 1) * sh + span_down
    return lines.start * sh - window.before[0], tall, (across - 1) * sw + span_across


def _is_inside(first: int, left: int, tall: int, wide: int, height: int, width: int) -> bool:
    return first >= 0 and left <= 0 and first + tall <= height and wide - left <= width


def _padded(A: Array, window: Window, lines: slice, across: int, work: Array) -> Array:
    """What these lines of places read of the images: a view, or a copy with zeros around it."""
    n, height, width, channels = A.shape
    first, tall, wide = _reach(window, lines, across)
    left = window.before[1]
    if _is_inside(first, left, tall, wide, height, width):
        return A[:, first : first + tall, -left : wide - left]
    padded = shaped(work, (n, tall, wide, channels))
    y_out, y_in = overlap(first, 1, height, tall)
    x_out, x_in = overlap(-left, 1, width, wide)
    padded[:, : y_out.start] = 0
    padded[:, y_out.stop :] = 0
    padded[:, y_out, : x_out.start] = 0
    padded[:, y_out, x_out.stop :] = 0
    np.copyto(padded[:, y_out, x_out], A[:, y_in, x_in])
    return padded
