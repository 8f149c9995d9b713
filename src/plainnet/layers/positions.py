"""Where in its sequence a token stands: added to its vector, or as the angle of a rotation."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_optional
from plainnet.initializers import Initializer, Normal
from plainnet.kernels.arrays import sum_rows
from plainnet.layers.base import Array, Layer, Shape

Pairing = Literal["halves", "interleaved"]


class LearnedPositions(Layer):
    """Y_t = A_t + P_t: a learned vector for each place, counted from 0.

    Parameters
    ----------
    length : int
        How many places there are. Longer sequences are refused.
    initializer : Initializer, optional
        For `P`. By default normal with standard deviation 0.02, as in GPT-2.

    Tensors
    -------
    P : (length, width), decays
    """

    P: Array
    dP: Array

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "A + P[: A.shape[1]]", r"Y_{it} = A_{it} + P_t"),),
        backward=(
            Formula(
                "dP",
                "concatenate([dY.sum(axis=0), zeros_like(P)])[: len(P)]",
                r"dP_t = \sum_i dY_{it}",
            ),
            Formula("dA", "dY", r"dA = dY"),
        ),
    )

    def __init__(self, length: int, *, initializer: Initializer | None = None) -> None:
        require_optional("initializer", initializer, Initializer)
        self.length = require_integer("length", length, at_least=1)
        self.initializer = initializer

    def build(self, input_shape: Shape) -> Shape:
        time, width = expect_sequence(input_shape)
        if time is not None:
            self._expect_at_most(time)
        self.declare("P", (self.length, width), self.initializer or Normal(0.02), decays=True)
        return input_shape

    def suggest(self, following: Initializer) -> Initializer:
        return following

    def forward(self, A: Array, cache: Cache) -> Array:
        T = A.shape[1]
        start = carried_steps(cache)
        try:
            self._expect_at_most(start + T)
        except ShapeError as error:
            raise ShapeError(f"layer {self.name} ({self!r}) {error}") from None
        count_steps(cache, T)
        return np.add(A, self.P[start : start + T], out=cache.output("Y", A))

    def backward(self, dY: Array, cache: Cache) -> Array:
        m, T, _ = dY.shape
        start = max(carried_steps(cache) - T, 0)
        self.dP.fill(0)
        here = self.dP[start : start + T]
        sum_rows(dY.reshape(m, -1), here.reshape(-1))
        return dY

    def _expect_at_most(self, T: int) -> None:
        if T > self.length:
            raise ShapeError(f"has {self.length} positions; got a sequence of length {T}")


class SinusoidalPositions(Layer):
    """Y_t = A_t + PE_t, waves of the place from 2 pi to 10000 * 2 pi long (Vaswani et al. 2017).

    Section 3.5 there: PE_t,2i = sin(t / 10000^(2i / width)) and PE_t,2i+1 the cosine of the same.
    Nothing is learned, and a sequence may be as long as it likes.
    """

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "theta",
                "arange(A.shape[1])[:, None]"
                " / 10000 ** (2 * (arange(A.shape[2]) // 2) / A.shape[2])",
                r"\theta_{tj} = t / 10000^{2 \lfloor j / 2 \rfloor / n}",
            ),
            Formula(
                "Y",
                "A + where(arange(A.shape[2]) % 2 == 0, sin(theta), cos(theta))",
                r"Y_{itj} = A_{itj} + \begin{cases} \sin\theta_{tj} & j \text{ even} \\"
                r" \cos\theta_{tj} & j \text{ odd} \end{cases}",
            ),
        ),
        backward=(Formula("dA", "dY", r"dA = dY"),),
    )

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        if width % 2:
            raise ShapeError(f"needs an even number of features; got {input_shape}")
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        _, T, width = A.shape
        start = carried_steps(cache)
        count_steps(cache, T)
        PE = _waves(_rounded(start + T), width, A.dtype)[start : start + T]
        return np.add(A, PE, out=cache.output("Y", A))

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY


def expect_sequence(input_shape: Shape) -> tuple[int | None, int]:
    """(time, features), or an error."""
    if len(input_shape) != 2:
        raise ShapeError(f"needs an input of shape (time, features); got {input_shape}")
    time, width = input_shape
    return time, width


# --- passes that continue -------------------------------------------------------------------------


def carried_steps(cache: Cache) -> int:
    """How many steps the passes before this one had: 0 unless the cache carries."""
    return int(cache.carried.get("steps", 0)) if cache.carry else 0


def count_steps(cache: Cache, T: int) -> None:
    """The next pass begins T steps later."""
    if cache.carry:
        cache.carried["steps"] = carried_steps(cache) + T


# --- rotation -------------------------------------------------------------------------------------


def rotate(X: Array, start: int, base: float, pairing: Pairing, work: Array, sign: int = 1) -> None:
    """Turn each pair of numbers by its place times the pair's frequency (Su et al. 2021, eq. 34).

    (a, b) becomes (a cos - b sin, b cos + a sin), the angle t base^(-i / pairs) for place t and
    pair i. The product of two vectors, turned so, depends on how far apart they stand, not where.

    Parameters
    ----------
    X : array of shape (m, time, heads, width), which is written over
    start : int
        The first place.
    pairing : {"halves", "interleaved"}
        The paper pairs neighbours, (0, 1), (2, 3): "interleaved", as the first release of Llama
        and ONNX's RotaryEmbedding with interleaved=1. "halves" pairs i with i + width / 2, as
        Llama's weights in the Transformers library and ONNX with interleaved=0.
    work : array of X's shape
    sign : int
        -1 turns back, which is also the way of the gradient: a rotation's transpose.
    """
    _, T, heads, width = X.shape
    cosine, sine = _turns(_rounded(start + T), heads, width, base, pairing, sign, X.dtype)
    here = slice(start, start + T)
    first, second = _pairs(pairing, width)
    np.copyto(work[..., first], X[..., second])
    np.copyto(work[..., second], X[..., first])
    work *= sine[here]
    X *= cosine[here]
    X += work


def _pairs(pairing: Pairing, width: int) -> tuple[slice, slice]:
    """Where the first and the second numbers of all pairs stand."""
    if pairing == "halves":
        return slice(width // 2), slice(width // 2, None)
    return slice(0, None, 2), slice(1, None, 2)


def _rounded(length: int) -> int:
    """Up to a power of two, so that a sequence that grows needs few tables."""
    return 1 << (length - 1).bit_length()


def _angles(length: int, pairs: int, base: float) -> Array:
    """t base^(-i / pairs), shape (length, pairs). In float32, far ones would be wrong."""
    return np.arange(length)[:, None] * base ** (-np.arange(pairs) / pairs)


# Tables that depend on nothing but their arguments, for all layers and threads.


@lru_cache(maxsize=16)
def _waves(length: int, width: int, dtype: np.dtype[Any]) -> Array:
    theta = _angles(length, width // 2, 10000.0)
    return _frozen(np.stack([np.sin(theta), np.cos(theta)], axis=2).reshape(length, width), dtype)


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
    theta = _angles(length, width // 2, base)[:, None]
    cosine, sine = np.empty((2, length, heads, width))
    first, second = _pairs(pairing, width)
    cosine[..., first] = cosine[..., second] = np.cos(theta)
    sine[..., first], sine[..., second] = -sign * np.sin(theta), sign * np.sin(theta)
    return _frozen(cosine, dtype), _frozen(sine, dtype)


def _frozen(table: Array, dtype: np.dtype[Any]) -> Array:
    table = table.astype(dtype)
    table.flags.writeable = False
    return table
