"""Large arrays for NumPy's loops: in pieces that fit the processor's cache, in lines that are long.

Several operations, one after the other, take a piece through all of them before the next piece, so
that it comes from memory once.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

from plainnet.kernels.arrays import Array, Shape

PIECE = 2**18
"""Bytes of an array that several operations take one after the other before the next bytes."""

LONG = 512
"""Numbers in a row from which on NumPy's loops are at their speed."""


def pieces(*arrays: Array, tail: int = 1) -> Iterator[tuple[Array, ...]]:
    """Views of the same rows of each array, some at a time, from the first to the last.

    The arrays agree in all axes but the last `tail`, which stay whole. Those before are one axis in
    what comes out if all arrays lie in one piece; otherwise the first is cut. Writing into the
    views writes into the arrays.
    """
    if all(array.flags.c_contiguous for array in arrays):
        arrays = tuple(array.reshape(-1, *array.shape[-tail:]) for array in arrays)
    n = len(arrays[0])
    fitting = max(1, PIECE * n // max(1, *(array.nbytes for array in arrays)))
    if fitting >= n:
        yield arrays
        return
    for start in range(0, n, fitting):
        yield tuple(array[start : start + fitting] for array in arrays)


def piece_size(A: Array, tail: int = 1) -> int:
    """The numbers of A in the largest of `pieces`, where no other array is larger."""
    if A.nbytes <= PIECE:
        return A.size
    n = A.size // prod(A.shape[-tail:]) if A.flags.c_contiguous else len(A)
    return max(1, PIECE * n // A.nbytes) * (A.size // n)


def line_shape(shape: Shape) -> Shape:
    """As many of the last axes, the batch's excepted, as make a line long enough for NumPy's loops.

    Where the last axis is short, as channels are, NumPy spends its time between the loops.
    """
    size, axes = shape[-1], 1
    while size < LONG and axes < len(shape) - 1:
        axes += 1
        size *= shape[-axes]
    return shape[-axes:]


def along(
    lines: Array,  # (k, ..., n), scratch
    *values: Array,  # (n,), at most k of them
) -> tuple[Array, ...]:
    """Values, one for each index of the last axis, repeated over the axes before it."""
    if lines.ndim == 2:
        return values
    for line, each in zip(lines, values, strict=False):
        np.copyto(line, each)
    return tuple(lines[: len(values)])
