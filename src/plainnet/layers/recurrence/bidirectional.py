"""A recurrent layer in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.errors import SettingError, require_one_of, require_type
from plainnet.initializers import Initializer
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.containers.sequential import backward_through, forward_through
from plainnet.layers.recurrence.recurrent import Recurrent

CONCAT, SUM = "merge == 'concat'", "merge == 'sum'"


class Bidirectional(Layer):
    """A recurrent layer and a copy of it that runs backward (Schuster and Paliwal 1997).

    With return_sequences, step t of the output depends on all steps of the input; without it, the
    output is the last state of each direction.

    Parameters
    ----------
    layer : RNN, LSTM or GRU
        The forward layer, with reverse=False. The copy has its own weights.
    merge : "concat" or "sum"
        Whether to concatenate the two outputs or add them.
    """

    releases_arrays = True
    uses_mask = True
    names = ("forward", "backward")

    def __init__(self, layer: Recurrent, *, merge: Literal["concat", "sum"] = "concat") -> None:
        require_type("layer", layer, Recurrent)
        if layer.reverse:
            raise SettingError(f"Bidirectional needs a layer with reverse=False; got {layer!r}")
        require_one_of("merge", merge, ("concat", "sum"))
        self.layer = layer
        self.merge = merge
        reversed_layer = deepcopy(layer)
        reversed_layer.reverse = True
        self.layers = (layer, reversed_layer)
        self.width = layer.units
        self.ends_time = layer.ends_time

    def build(self, input_shape: Shape) -> Shape:
        for name, layer in zip(self.names, self.layers, strict=True):
            *time, width = layer.place(f"{self.name}.{name}", input_shape)
        return (*time, 2 * width if self.merge == "concat" else width)

    def suggest(self, following: Initializer) -> Initializer:
        for layer in self.layers:
            following = layer.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """Neither layer may write over what it gets, since the other reads it too."""
        for name, layer in zip(self.names, self.layers, strict=True):
            yield Place(name, layer, needs_input_gradient=own.needs_input_gradient)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("F", "forwards(A)", r"F = \vec{f}(A)"),
            Formula("R", "backwards(A)", r"R = \bar{f}(A)"),
            Formula("Y", "concatenate([F, R], axis=-1)", r"Y = [F \; R]", when=CONCAT),
            Formula("Y", "F + R", "Y = F + R", when=SUM),
        ),
        backward=(
            Formula(
                "dF",
                "dY[..., :width]",
                r"dF = dY_{\cdot,\, 1 \dots n}",
                when=CONCAT,
            ),
            Formula(
                "dR",
                "dY[..., width:]",
                r"dR = dY_{\cdot,\, n+1 \dots 2n}",
                when=CONCAT,
            ),
            Formula("dF", "dY", "dF = dY", when=SUM),
            Formula("dR", "dY", "dR = dY", when=SUM),
            Formula("dA_F", "forwards_back(dF)", r"dA_F = \vec{f}'(dF)"),
            Formula("dA_R", "backwards_back(dR)", r"dA_R = \bar{f}'(dR)"),
            Formula("dA", "dA_F + dA_R", "dA = dA_F + dA_R"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        mask, parts = cache.mask, []
        for layer, own in cache.layers_of(self):
            cache.mask = mask  # the first may have ended it
            parts.append(forward_through(layer, A, own))
        cache["F"], cache["R"] = there, back = parts
        if self.merge == "sum":
            total: Array = np.add(there, back, out=cache.array("Y", there.shape, A.dtype))
            return total
        Y = cache.array("Y", (*there.shape[:-1], 2 * self.width), A.dtype)
        Y[..., : self.width] = there
        Y[..., self.width :] = back
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        parts = [dY, dY]
        if self.merge == "concat":
            parts = [dY[..., : self.width], dY[..., self.width :]]
        there, back = (
            backward_through(layer, part, own)
            for part, (layer, own) in zip(parts, cache.layers_of(self), strict=True)
        )
        cache["dA_F"], cache["dA_R"] = there, back
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA: Array = np.add(there, back, out=cache.array("dA", there.shape, dY.dtype))
        return dA
