"""A kernel that slides over images, and its two derivatives: what the convolutions compute.

The numbers under the kernel, a row for each of its places, make a matrix ("im2col", Chellapilla et
al. 2006, High performance convolutional neural networks for document processing), and the sums are
a matrix product:

    Z = columns(A) W'        dW = dZ' columns(A)

The matrix is kernel height times kernel width as large as the image. It is made a block at a time,
so that the memory is bounded by BLOCK bytes, or one line of outputs where that is more, and a block
is still in the processor's cache when it is multiplied. The gradient of A is dZ correlated with the
kernel turned by 180 degrees; with a stride, each product is added where its number came from. If
each channel has a kernel of its own, there is nothing to multiply as a matrix.

Images are (m, height, width, channels), kernels W (filters, height, width, channels / groups).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from plainnet.cache import Cache
from plainnet.kernels.arrays import rows
from plainnet.layers.base import Array
from plainnet.layers.sliding import Window, blocks, cells, overlap

FEW_CHANNELS = 4


# --- the sum over a kernel, and its derivatives ---------------------------------------------------


def correlate(
    A: Array, W: Array, b: Array | None, window: Window, groups: int, out: Array, cache: Cache
) -> Array:
    """Z_yxf = b_f + sum_ijc W_fijc A_(y+i)(x+j)c, into `out`, (m, height, width, filters)."""
    bias = _line(b, out, cache)
    if _is_depthwise(W, groups):
        return _correlate_channels(A, W, bias, window, out, cache)
    kernel = _by_group(W, groups).transpose(0, 2, 1)
    for examples, lines, columns in _unfolded(A, window, groups, out, cache):
        block = out[examples, lines]
        np.matmul(columns, kernel, out=_grouped(block, groups))
        if bias is not None:
            np.add(block, bias, out=block)
    return out


def kernel_gradient(
    A: Array, dZ: Array, window: Window, groups: int, out: Array, cache: Cache
) -> Array:
    """dW_fijc = sum_yx dZ_yxf A_(y+i)(x+j)c, into `out`, of W's shape."""
    if _is_depthwise(out, groups):
        return _kernel_gradient_channels(A, dZ, window, out, cache)
    by_group = _by_group(out, groups).transpose(0, 2, 1)
    # A sum over columns' rows is faster with the larger matrix transposed: W lies the other way.
    total = cache.array("total", by_group.shape, dZ.dtype)
    part = cache.array("part", by_group.shape, dZ.dtype)
    total.fill(0)
    for examples, lines, columns in _unfolded(A, window, groups, dZ, cache):
        np.matmul(columns.transpose(0, 2, 1), _grouped(dZ[examples, lines], groups), out=part)
        np.add(total, part, out=total)
    np.copyto(by_group, total)
    return out


def correlate_back(
    dZ: Array, W: Array, b: Array | None, window: Window, groups: int, out: Array, cache: Cache
) -> Array:
    """dA_(y+i)(x+j)c = b_c + sum_ijf W_fijc dZ_yxf, into `out`: `correlate` transposed."""
    if not _is_depthwise(W, groups) and window.stride == (1, 1):
        channels = groups * W.shape[3]
        turned = cache.array("turned", (channels, *window.kernel, len(W) // groups), W.dtype)
        swap(W[:, ::-1, ::-1], groups, out=turned)
        return correlate(dZ, turned, b, window.turned(), groups, out, cache)

    bias = _line(b, out, cache)
    out[...] = 0 if bias is None else bias
    if _is_depthwise(W, groups):
        return _correlate_back_channels(dZ, W, window, out, cache)
    kernel, per_group = _by_group(W, groups), W.shape[3]
    (m, height, width, _), inputs = dZ.shape, out.shape[1:3]
    for examples, lines in blocks(m, height, width * kernel[:, 0].size * dZ.itemsize):
        block = dZ[examples, lines]
        columns, by_cell = _columns(block.shape[:3], window, groups, per_group, out.dtype, cache)
        np.matmul(_grouped(block, groups), kernel, out=columns)
        image = out[examples].reshape(len(block), *inputs, groups, per_group)
        for i, j, (y_out, x_out), (y_in, x_in) in cells(window, inputs, lines, width):
            place = image[:, y_in, x_in]
            np.add(place, by_cell[:, y_out, x_out, i, j], out=place)
    return out


def swap(W: Array, groups: int, out: Array) -> Array:
    """The kernel with its filters as channels, and its channels as filters."""
    filters, kh, kw, per_group = W.shape
    by_group = W.reshape(groups, filters // groups, kh, kw, per_group)
    swapped = out.reshape(groups, per_group, kh, kw, filters // groups)
    np.copyto(swapped, by_group.transpose(0, 4, 2, 3, 1))
    return out


# --- columns --------------------------------------------------------------------------------------


def _unfolded(
    A: Array, window: Window, groups: int, outputs: Array, cache: Cache
) -> Iterator[tuple[slice, slice, Array]]:
    """Blocks of examples and output lines, each with its columns (groups, places, numbers)."""
    m, height, width, channels = A.shape
    down, across = outputs.shape[1:3]
    if window == Window((1, 1), dilation=window.dilation) and (height, width) == (down, across):
        yield slice(0, m), slice(0, height), _grouped(A, groups)
        return
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    per_group = channels // groups
    for examples, lines in blocks(m, down, across * kh * kw * channels * A.itemsize):
        padded = _padded(A[examples], window, lines, across, cache)
        n, count, (per_image, per_line, per_pixel, per_channel) = (
            len(padded),
            lines.stop - lines.start,
            padded.strides,
        )
        under_the_kernel = as_strided(
            padded,
            (n, count, across, kh, kw, groups, per_group),
            (
                per_image,
                sh * per_line,
                sw * per_pixel,
                dh * per_line,
                dw * per_pixel,
                per_group * per_channel,
                per_channel,
            ),
        )
        size = n, count, across
        columns, by_cell = _columns(size, window, groups, per_group, A.dtype, cache)
        np.copyto(by_cell, under_the_kernel)
        yield examples, lines, columns


def _columns(
    size: tuple[int, ...],
    window: Window,
    groups: int,
    per_group: int,
    dtype: np.dtype[Any],
    cache: Cache,
) -> tuple[Array, Array]:
    """Memory as columns, (groups, places, numbers), and as (*size, kh, kw, groups, per_group).

    Copying is as fast as its innermost loop is long: along a row of channels, or, where these are
    few, along a line of the image.
    """
    (n, count, across), (kh, kw) = size, window.kernel
    places, numbers = n * count * across, kh * kw * per_group
    memory = cache.array("columns", (groups * places * numbers,), dtype)
    if per_group < FEW_CHANNELS:
        columns = memory.reshape(groups, numbers, places).transpose(0, 2, 1)
        by_cell = memory.reshape(groups, kh, kw, per_group, n, count, across)
        return columns, by_cell.transpose(4, 5, 6, 1, 2, 0, 3)
    columns = memory.reshape(groups, places, numbers)
    by_cell = memory.reshape(groups, n, count, across, kh, kw, per_group)
    return columns, by_cell.transpose(1, 2, 3, 4, 5, 0, 6)


def _padded(A: Array, window: Window, lines: slice, across: int, cache: Cache) -> Array:
    """What these lines of outputs read of the images: a view, or a copy with zeros around it."""
    n, height, width, channels = A.shape
    (sh, sw), (span_down, span_across), (top, left) = window.stride, window.span, window.before
    first = lines.start * sh - top
    tall = (lines.stop - lines.start - 1) * sh + span_down
    wide = (across - 1) * sw + span_across
    if first >= 0 and left <= 0 and first + tall <= height and wide - left <= width:
        return A[:, first : first + tall, -left : wide - left]
    padded = cache.array("padded", (n, tall, wide, channels), A.dtype)
    y_out, y_in = overlap(first, 1, height, tall)
    x_out, x_in = overlap(-left, 1, width, wide)
    padded[:, : y_out.start] = 0
    padded[:, y_out.stop :] = 0
    padded[:, y_out, : x_out.start] = 0
    padded[:, y_out, x_out.stop :] = 0
    np.copyto(padded[:, y_out, x_out], A[:, y_in, x_in])
    return padded


def _grouped(A: Array, groups: int) -> Array:
    """Images as (groups, pixels, channels / groups), a view."""
    return A.reshape(-1, groups, A.shape[-1] // groups).transpose(1, 0, 2)


def _by_group(W: Array, groups: int) -> Array:
    """A kernel as (groups, filters / groups, numbers), a view."""
    return W.reshape(groups, len(W) // groups, -1)


def _line(b: Array | None, out: Array, cache: Cache) -> Array | None:
    """The biases repeated over a line of the image: NumPy's loops over few filters are slow."""
    if b is None:
        return None
    line = cache.array("bias", out.shape[2:], out.dtype)
    np.copyto(line, b)
    return line


# --- a kernel for each channel --------------------------------------------------------------------


def _is_depthwise(W: Array, groups: int) -> bool:
    return len(W) == groups and W.shape[3] == 1


def _correlate_channels(
    A: Array, W: Array, bias: Array | None, window: Window, out: Array, cache: Cache
) -> Array:
    inputs, width = A.shape[1:3], out.shape[2]
    kernel = _kernel_lines(W, width, cache)
    for examples, lines in _blocks_of_channels(out):
        images, block = A[examples], out[examples, lines]
        block[...] = 0 if bias is None else bias
        for i, j, place, read in cells(window, inputs, lines, width):
            here = block[:, *place]
            term = cache.array("term", here.shape, A.dtype)
            np.multiply(images[:, *read], kernel[i, j, : here.shape[2]], out=term)
            np.add(here, term, out=here)
    return out


def _kernel_gradient_channels(
    A: Array, dZ: Array, window: Window, out: Array, cache: Cache
) -> Array:
    inputs, (width, channels) = A.shape[1:3], dZ.shape[2:]
    part = cache.array("part", (channels,), dZ.dtype)
    out.fill(0)
    for examples, lines in _blocks_of_channels(dZ):
        images, block = A[examples], dZ[examples, lines]
        for i, j, place, read in cells(window, inputs, lines, width):
            here = block[:, *place]
            term = cache.array("term", here.shape, A.dtype)
            np.multiply(images[:, *read], here, out=term)
            np.dot(cache.ones(term.size // channels, A.dtype), rows(term), out=part)
            out[:, i, j, 0] += part
    return out


def _correlate_back_channels(
    dZ: Array, W: Array, window: Window, out: Array, cache: Cache
) -> Array:
    inputs, width = out.shape[1:3], dZ.shape[2]
    kernel = _kernel_lines(W, width, cache)
    for examples, lines in _blocks_of_channels(dZ):
        images, block = out[examples], dZ[examples, lines]
        for i, j, place, read in cells(window, inputs, lines, width):
            here, there = block[:, *place], images[:, *read]
            term = cache.array("term", here.shape, dZ.dtype)
            np.multiply(here, kernel[i, j, : here.shape[2]], out=term)
            np.add(there, term, out=there)
    return out


def _blocks_of_channels(outputs: Array) -> Iterator[tuple[slice, slice]]:
    """Blocks with what they read, what they write and the term between."""
    m, height, width, channels = outputs.shape
    return blocks(m, height, 3 * width * channels * outputs.itemsize)


def _kernel_lines(W: Array, width: int, cache: Cache) -> Array:
    """Each cell's weights repeated over a line of the image, as `_line` does with biases."""
    channels, kh, kw, _ = W.shape
    kernel = cache.array("kernel", (kh, kw, width, channels), W.dtype)
    np.copyto(kernel, W[..., 0].transpose(1, 2, 0)[:, :, None])
    return kernel
