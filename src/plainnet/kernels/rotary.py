"""Rotary positions: a vector's pairs of numbers, turned by its place (Su et al. 2021, RoFormer).

The pair (a, b) becomes (a cos - b sin, b cos + a sin), where the angle is t base^(-i / pairs) for
place t and pair i (equation 34). The product of two vectors, turned so, depends on how far apart
they stand, not where.

The paper pairs neighbours, (0, 1), (2, 3): "interleaved", as the first release of Llama and ONNX's
RotaryEmbedding with interleaved=1. "halves" pairs i with i + width / 2, as Llama's weights in the
Transformers library and ONNX with interleaved=0.
"""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from plainnet.kernels.arrays import Array, shaped

Pairing = Literal["halves", "interleaved"]


def rotate(
    X: Array,  # (m, T, heads, width)
    start: int,
    base: float,
    pairing: Pairing,
    Y: Array,  # (m, T, heads, width), may be X
    work: Array,  # (X.size,), scratch
) -> Array:
    """Each pair of X turned by its place times the pair's frequency; the first place is `start`."""
    return _turn(X, start, base, pairing, 1, Y, work)


def rotate_backward(
    dY: Array,  # (m, T, heads, width)
    start: int,
    base: float,
    pairing: Pairing,
    dX: Array,  # (m, T, heads, width), may be dY
    work: Array,  # (dY.size,), scratch
) -> Array:
    """Each pair of dY turned back, by a rotation's transpose."""
    return _turn(dY, start, base, pairing, -1, dX, work)


def _turn(
    X: Array, start: int, base: float, pairing: Pairing, sign: int, Y: Array, work: Array
) -> Array:
    _, T, heads, width = X.shape
    cosine, sine = _turns(rounded_up(start + T), heads, width, base, pairing, sign, X.dtype)
    here = slice(start, start + T)
    first, second = _pairs(pairing, width)
    if Y is not X:
        np.copyto(Y, X)
    partners = shaped(work, Y.shape)
    np.copyto(partners[..., first], Y[..., second])
    np.copyto(partners[..., second], Y[..., first])
    partners *= sine[here]
    Y *= cosine[here]
    Y += partners
    return Y


def _pairs(pairing: Pairing, width: int) -> tuple[slice, slice]:
    """Where the first and the second numbers of all pairs stand."""
    if pairing == "halves":
        return slice(width // 2), slice(width // 2, None)
    return slice(0, None, 2), slice(1, None, 2)


# --- tables that depend on nothing but their arguments, for all layers and threads ----------------


def rounded_up(length: int) -> int:
    """To a power of two, so that a sequence that grows needs few tables."""
    return 1 << (length - 1).bit_length()


def angles(length: int, pairs: int, base: float) -> Array:
    """t base^(-i / pairs), shape (length, pairs). In float32, far ones would be wrong."""
    return np.arange(length)[:, None] * base ** (-np.arange(pairs) / pairs)


def frozen(table: Array, dtype: np.dtype[Any]) -> Array:
    """A table in this dtype, which nobody may write into."""
    table = table.astype(dtype)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=32)
def _turns(
    length: int,
    heads: int,
    width: int,
    base: float,
    pairing: Pairing,
    sign: int,
    dtype: np.dtype[Any],
) -> tuple[Array, Array]:
    """What numbers and their partners are multiplied by, shape (length, heads, width)."""
    theta = angles(length, width // 2, base)[:, None]
    cosine, sine = np.empty((2, length, heads, width))
    first, second = _pairs(pairing, width)
    cosine[..., first] = cosine[..., second] = np.cos(theta)
    sine[..., first], sine[..., second] = -sign * np.sin(theta), sign * np.sin(theta)
    return frozen(cosine, dtype), frozen(sine, dtype)
