"""A kernel that slides over images, and the same transposed: what the convolutions compute.

As everywhere in this field, the kernel is not turned around: these are correlations. With
the numbers under the kernel, a row for each of its places, as a matrix (see `columns`):

    Z = columns(A) W'        dW = dZ' columns(A)

The gradient of A is dZ correlated with the kernel turned by 180 degrees; with a stride, each
product is added where its number came from. If each channel has a kernel of its own, `depthwise`
has what is faster.

Images are (m, height, width, channels), kernels W (filters, kh, kw, channels / groups). In the
formulas, the kernel at a place y, x lies from y on down and x on across, in steps of the dilation;
places are a stride apart.
"""

from functools import lru_cache
from math import prod

import numpy as np

from plainnet.kernels.arrays import Array, Shape, aligned, carve, shaped, sum_rows
from plainnet.kernels.columns import as_columns, columns_size, grouped, unfolded
from plainnet.kernels.compiled import twin
from plainnet.kernels.depthwise import (
    depthwise,
    depthwise_input_gradient,
    depthwise_size,
    depthwise_weight_gradient,
)
from plainnet.kernels.sliding import Window, block_size, blocks, cells


@lru_cache
def correlate_size(
    A: Shape, W: Shape, window: Window, groups: int, places: Shape, itemsize: int
) -> int:
    """The numbers of scratch memory that `correlate` needs for arrays of these shapes."""
    if _is_depthwise(W, groups):
        core = depthwise_size(W, places, itemsize)
    else:
        core = columns_size(A, window, places, itemsize)
    return aligned(places[2] * W[0]) + core  # with a line of biases


@twin
def correlate(
    A: Array,  # (m, height, width, channels)
    W: Array,  # (filters, kh, kw, channels / groups)
    b: Array | None,  # (filters,)
    window: Window,
    groups: int,
    Z: Array,  # (m, down, across, filters)
    work: Array,  # (correlate_size(...),), scratch
) -> Array:
    """Z_yxf = b_f + sum_ijc W_fijc A_(y+i)(x+j)c."""
    bias, work = _bias_line(b, Z, work)
    if _is_depthwise(W.shape, groups):
        return depthwise(A, W, bias, window, Z, work)
    kernel = _by_group(W, groups).transpose(0, 2, 1)
    for examples, lines, columns in unfolded(A, window, groups, Z.shape, work):
        block = Z[examples, lines]
        np.matmul(columns, kernel, out=grouped(block, groups))
        if bias is not None:
            np.add(block, bias, out=block)
    return Z


@lru_cache
def correlate_backward_size(
    dZ: Shape, A: Shape, W: Shape, window: Window, groups: int, itemsize: int
) -> int:
    """The numbers of scratch memory that `correlate_backward` needs."""
    return max(
        _weight_gradient_size(dZ, A, W, window, groups, itemsize),
        _input_gradient_size(dZ, A, W, window, groups, itemsize),
    )


@twin
def correlate_backward(
    dZ: Array,  # (m, down, across, filters)
    A: Array,  # (m, height, width, channels)
    W: Array,  # (filters, kh, kw, channels / groups)
    window: Window,
    groups: int,
    dW: Array,  # (filters, kh, kw, channels / groups)
    db: Array | None,  # (filters,)
    dA: Array | None,  # (m, height, width, channels)
    work: Array,  # (correlate_backward_size(...),), scratch
) -> None:
    """dW_fijc = sum_yx dZ_yxf A_(y+i)(x+j)c, db_f = sum_yx dZ_yxf.

    dA_(y+i)(x+j)c = sum_ijf W_fijc dZ_yxf.
    """
    _weight_gradient(dZ, A, window, groups, dW, work)
    if db is not None:
        sum_rows(dZ, db)
    if dA is not None:
        _input_gradient(dZ, W, None, window, groups, dA, work)


@lru_cache
def transposed_correlate_size(
    A: Shape, W: Shape, window: Window, groups: int, Z: Shape, itemsize: int
) -> int:
    """The numbers of scratch memory that `transposed_correlate` needs."""
    return _input_gradient_size(A, Z, W, window, groups, itemsize)


@twin
def transposed_correlate(
    A: Array,  # (m, down, across, channels)
    W: Array,  # (channels, kh, kw, filters / groups): that of the correlation from Z's shape to A's
    b: Array | None,  # (filters,)
    window: Window,
    groups: int,
    Z: Array,  # (m, height, width, filters)
    work: Array,  # (transposed_correlate_size(...),), scratch
) -> Array:
    """Z_(y+i)(x+j)f = b_f + sum_ijc W_cijf A_yxc."""
    return _input_gradient(A, W, b, window, groups, Z, work)


@lru_cache
def transposed_correlate_backward_size(
    dZ: Shape, A: Shape, W: Shape, window: Window, groups: int, itemsize: int
) -> int:
    """The numbers of scratch memory that `transposed_correlate_backward` needs."""
    return max(
        _weight_gradient_size(A, dZ, W, window, groups, itemsize),
        correlate_size(dZ, W, window, groups, A, itemsize),
    )


@twin
def transposed_correlate_backward(
    dZ: Array,  # (m, height, width, filters)
    A: Array,  # (m, down, across, channels)
    W: Array,  # (channels, kh, kw, filters / groups)
    window: Window,
    groups: int,
    dW: Array,  # (channels, kh, kw, filters / groups)
    db: Array | None,  # (filters,)
    dA: Array | None,  # (m, down, across, channels)
    work: Array,  # (transposed_correlate_backward_size(...),), scratch
) -> None:
    """dW_cijf = sum_yx A_yxc dZ_(y+i)(x+j)f, db_f = sum_yx dZ_yxf.

    dA_yxc = sum_ijf W_cijf dZ_(y+i)(x+j)f.
    """
    _weight_gradient(A, dZ, window, groups, dW, work)
    if db is not None:
        sum_rows(dZ, db)
    if dA is not None:
        correlate(dZ, W, None, window, groups, dA, work)


def swap(
    W: Array,  # (filters, kh, kw, channels / groups)
    groups: int,
    swapped: Array,  # (channels, kh, kw, filters / groups)
) -> Array:
    """The kernel with its filters as channels, and its channels as filters."""
    filters, kh, kw, per_group = W.shape
    by_group = W.reshape(groups, filters // groups, kh, kw, per_group)
    out = swapped.reshape(groups, per_group, kh, kw, filters // groups)
    np.copyto(out, by_group.transpose(0, 4, 2, 3, 1))
    return swapped


# --- the two gradients ----------------------------------------------------------------------------


def _weight_gradient_size(
    dZ: Shape, A: Shape, W: Shape, window: Window, groups: int, itemsize: int
) -> int:
    if _is_depthwise(W, groups):
        return depthwise_size(W, dZ, itemsize)
    return 2 * aligned(prod(W)) + columns_size(A, window, dZ, itemsize)


def _weight_gradient(
    dZ: Array, A: Array, window: Window, groups: int, dW: Array, work: Array
) -> None:
    """dW_fijc = sum_yx dZ_yxf A_(y+i)(x+j)c."""
    if _is_depthwise(dW.shape, groups):
        depthwise_weight_gradient(dZ, A, window, dW, work)
        return
    by_group = _by_group(dW, groups).transpose(0, 2, 1)
    # A sum over columns' rows is faster with the larger matrix transposed: W lies the other way.
    total, part = carve(work, by_group.shape, by_group.shape)
    work = work[2 * aligned(dW.size) :]
    total.fill(0)
    for examples, lines, columns in unfolded(A, window, groups, dZ.shape, work):
        np.matmul(columns.transpose(0, 2, 1), grouped(dZ[examples, lines], groups), out=part)
        np.add(total, part, out=total)
    np.copyto(by_group, total)


def _input_gradient_size(
    dZ: Shape, A: Shape, W: Shape, window: Window, groups: int, itemsize: int
) -> int:
    if _is_depthwise(W, groups):
        return aligned(prod(A[2:])) + depthwise_size(W, dZ, itemsize)
    if window.stride == (1, 1):
        turned = _swapped_shape(W, groups)
        over = correlate_size(dZ, turned, window.turned(), groups, A, itemsize)
        return aligned(prod(W)) + over
    m, down, across, _ = dZ
    numbers = _numbers_per_line(W, groups, across)
    n, count = block_size(m, down, numbers * itemsize)
    return aligned(prod(A[2:])) + n * count * numbers


def _input_gradient(
    dZ: Array, W: Array, b: Array | None, window: Window, groups: int, dA: Array, work: Array
) -> Array:
    """dA_(y+i)(x+j)c = b_c + sum_ijf W_fijc dZ_yxf."""
    is_depthwise = _is_depthwise(W.shape, groups)
    if window.stride == (1, 1) and not is_depthwise:
        turned = shaped(work, _swapped_shape(W.shape, groups))
        swap(W[:, ::-1, ::-1], groups, turned)
        return correlate(dZ, turned, b, window.turned(), groups, dA, work[aligned(W.size) :])

    bias, work = _bias_line(b, dA, work)
    dA[...] = 0 if bias is None else bias
    if is_depthwise:
        return depthwise_input_gradient(dZ, W, window, dA, work)
    kernel, per_group = _by_group(W, groups), W.shape[3]
    (m, down, across, _), inputs = dZ.shape, dA.shape[1:3]
    numbers = _numbers_per_line(W.shape, groups, across)
    for examples, lines in blocks(m, down, numbers * dZ.itemsize):
        block = dZ[examples, lines]
        columns, by_cell = as_columns(work, block.shape[:3], window, groups, per_group)
        np.matmul(grouped(block, groups), kernel, out=columns)
        image = dA[examples].reshape(len(block), *inputs, groups, per_group)
        for i, j, (y_out, x_out), (y_in, x_in) in cells(window, inputs, lines, across):
            place = image[:, y_in, x_in]
            np.add(place, by_cell[:, y_out, x_out, i, j], out=place)
    return dA


# --- kernels in groups ----------------------------------------------------------------------------


def _is_depthwise(W: Shape, groups: int) -> bool:
    return W[0] == groups and W[3] == 1


def _by_group(W: Array, groups: int) -> Array:
    """A kernel as (groups, filters / groups, numbers), a view."""
    return W.reshape(groups, len(W) // groups, -1)


def _swapped_shape(W: Shape, groups: int) -> Shape:
    filters, kh, kw, per_group = W
    return (groups * per_group, kh, kw, filters // groups)


def _numbers_per_line(W: Shape, groups: int, across: int) -> int:
    """What there is under the kernel at all places of a line."""
    return across * groups * prod(W[1:])


def _bias_line(b: Array | None, Z: Array, work: Array) -> tuple[Array | None, Array]:
    """The biases repeated over a line of the image, and the rest of the scratch memory.

    NumPy's loops over few filters are slow; see `pieces.line_shape`.
    """
    if b is None:
        return None, work
    line = shaped(work, Z.shape[2:])
    np.copyto(line, b)
    return line, work[aligned(line.size) :]
