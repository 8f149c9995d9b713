"""Layers that change only the shape. They return a view and take no time."""

from collections.abc import Sequence
from math import prod

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import MOST, ShapeError, require_integer, require_sequence
from plainnet.layers.base import Array, Layer, Shape


class Flatten(Layer):
    """(m, height, width, channels) becomes (m, height * width * channels)."""

    needs_lengths = True
    ends_time = True

    def build(self, input_shape: Shape) -> Shape:
        return (prod(input_shape),)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "A.reshape(len(A), -1)", r"Y_{i,\cdot} = \mathrm{vec}(A_i)"),),
        backward=(Formula("dA", "dY.reshape(A.shape)", r"dA_i = \mathrm{vec}^{-1}(dY_i)"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        return A.reshape(len(A), *self.output_shape)

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY.reshape(len(dY), *self.input_shape)


class Reshape(Layer):
    """(m, ...) becomes (m, *shape). One axis of `shape` may be -1, for whatever is left."""

    needs_lengths = True
    ends_time = True

    def __init__(self, shape: Sequence[int]) -> None:
        sizes = require_sequence("shape", shape, "whole numbers")
        self.shape = tuple(require_integer("each of shape", n, at_least=-MOST) for n in sizes)

    def build(self, input_shape: Shape) -> Shape:
        size, known = prod(input_shape), prod(n for n in self.shape if n != -1)
        open_axes = self.shape.count(-1)
        if open_axes > 1 or any(n < -1 or n == 0 for n in self.shape):
            raise ShapeError(
                f"needs a shape of positive numbers and at most one -1; got {self.shape}"
            )
        if size != known if open_axes == 0 else size % known:
            raise ShapeError(
                f"cannot give {size} numbers, shape {input_shape}, the shape {self.shape}"
            )
        return tuple(size // known if n == -1 else n for n in self.shape)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "A.reshape(len(A), *shape)", r"Y_i = \mathrm{reshape}(A_i)"),),
        backward=(Formula("dA", "dY.reshape(A.shape)", r"dA_i = \mathrm{reshape}^{-1}(dY_i)"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        return A.reshape(len(A), *self.output_shape)

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY.reshape(len(dY), *self.input_shape)
