"""Layers with a shortcut around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.errors import ShapeError
from plainnet.initializers import Initializer
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.containers.sequential import Sequential


class Residual(Layer):
    """Y = A + F(A), F one or more layers in order (He et al. 2016, Deep Residual Learning, eq. 1).

    The shortcut passes the gradient on unchanged, around all layers of F.
    """

    releases_arrays = True

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.branch = Sequential(layers)
        self.layers = self.branch.layers

    def build(self, input_shape: Shape) -> Shape:
        output_shape = self.branch.place(self.name, input_shape)
        if output_shape != input_shape:
            raise ShapeError(
                f"needs layers that return the shape they get, {input_shape}; they return "
                f"{output_shape}"
            )
        return output_shape

    def suggest(self, following: Initializer) -> Initializer:
        self.branch.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """The branch may not write over what comes from outside: the shortcut reads it too."""
        yield Place("", self.branch, needs_input_gradient=own.needs_input_gradient)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("F", "layers(A)", r"F = f_n(\dots f_2(f_1(A)))"),
            Formula("Y", "A + F", r"Y = A + F"),
        ),
        backward=(
            Formula("dF", "layers_back(dY)", r"dF = f_1'(f_2'(\dots f_n'(dY)))"),
            Formula("dA", "dY + dF", r"dA = dY + dF"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        F = cache["F"] = self.branch.forward(A, inner)
        return np.add(A, F, out=cache.array("Y", A.shape, A.dtype))

    def backward(self, dY: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        dF = cache["dF"] = self.branch.backward(dY, inner)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.add(dY, dF, out=cache.gradient("dA", dY))
