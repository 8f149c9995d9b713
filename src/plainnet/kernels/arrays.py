"""What all kernels use: rows and sums over them, shared constants, scratch memory by shape."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

FEWEST = 4096
"""Constants are made at least this long."""

ALIGNMENT = 16
"""As many float32 as a line of the processor's cache has."""

_ones: dict[np.dtype[Any], Array] = {}
_counting: list[Array] = [np.arange(0)]


def rows(A: Array) -> Array:
    """All axes but the last as one: (m, T, n) is (m T, n)."""
    return A if A.ndim == 2 else A.reshape(-1, A.shape[-1])


def ones(n: int, dtype: np.dtype[Any]) -> Array:
    """n ones, a view of a vector that all share and nobody may write into."""
    held = _ones.get(dtype)
    if held is None or len(held) < n:
        held = np.ones(max(n, FEWEST), dtype)
        held.flags.writeable = False
        _ones[dtype] = held  # of two threads, either leaves a vector that is right
    return held[:n]


def counting(n: int) -> Array:
    """The integers 0, 1 ... n - 1, shared in the same way."""
    held = _counting[0]
    if len(held) < n:
        held = np.arange(max(n, FEWEST))
        held.flags.writeable = False
        _counting[0] = held
    return held[:n]


def sum_rows(
    A: Array,  # (..., n)
    total: Array,  # (n,)
) -> Array:
    """total = sum_i A_i, as a product with ones, which is faster than `A.sum(axis=0)`."""
    if A.ndim != 2:
        A = rows(A)
    return np.dot(ones(len(A), A.dtype), A, total)


def add_sum_rows(
    A: Array,  # (..., n)
    total: Array,  # (n,)
    part: Array,  # (n,), scratch
) -> None:
    """total += sum_i A_i."""
    total += sum_rows(A, part)


# --- scratch memory -------------------------------------------------------------------------------


def shaped(scratch: Array, shape: Shape) -> Array:
    """The first numbers of flat scratch memory in this shape; an error if there are too few."""
    return np.ndarray(shape, scratch.dtype, scratch)  # faster than a slice and `reshape`


def aligned(n: int) -> int:
    """n numbers, and as many more as fill a line of the processor's cache."""
    return -(-n // ALIGNMENT) * ALIGNMENT


def carve(scratch: Array, *shapes: Shape) -> list[Array]:
    """Flat scratch memory as several arrays, each behind `aligned` numbers of the one before."""
    carved, start = [], 0
    for shape in shapes:
        size = prod(shape)
        carved.append(scratch[start : start + size].reshape(shape))
        start += aligned(size)
    return carved
