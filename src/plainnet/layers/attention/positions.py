"""Encodings of a token's position, added to its vector; `kernels/rotary.py` rotates instead."""

from functools import lru_cache
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_optional
from plainnet.initializers import Initializer, Normal
from plainnet.kernels.arrays import sum_rows
from plainnet.kernels.rotary import angles, frozen, rounded_up
from plainnet.layers.base import Array, Layer, Shape


class LearnedPositions(Layer):
    """Y_t = A_t + P_t: a learned vector for each position, counted from 0.

    Parameters
    ----------
    length : int
        The number of positions. Longer sequences are refused.
    initializer : Initializer, optional
        For `P`. By default normal with standard deviation 0.02, as in GPT-2.

    Tensors
    -------
    P : (length, width), decays
    """

    P: Array
    dP: Array

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
    """Y_t = A_t + PE_t: waves along the positions, of lengths from 2 pi to 10000 * 2 pi.

    PE_t,2i = sin(t / 10000^(2i / width)), and PE_t,2i+1 is the cosine of the same (Vaswani et al.
    2017, section 3.5). Nothing is learned, and sequences may have any length.
    """

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        if width % 2:
            raise ShapeError(f"needs an even number of features; got {input_shape}")
        return input_shape

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

    def forward(self, A: Array, cache: Cache) -> Array:
        _, T, width = A.shape
        start = carried_steps(cache)
        count_steps(cache, T)
        PE = _waves(rounded_up(start + T), width, A.dtype)[start : start + T]
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
    """The number of steps in earlier passes: 0 unless the cache carries."""
    return int(cache.carried.get("steps", 0)) if cache.carry else 0


def count_steps(cache: Cache, T: int) -> None:
    """Record that the next pass begins T steps later."""
    if cache.carry:
        cache.carried["steps"] = carried_steps(cache) + T


# --- waves ----------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _waves(length: int, width: int, dtype: np.dtype[Any]) -> Array:
    """A table for all layers and threads."""
    theta = angles(length, width // 2, 10000.0)
    return frozen(np.stack([np.sin(theta), np.cos(theta)], axis=2).reshape(length, width), dtype)
