"""Layers side by side, each on its part of the features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas, WrittenOut
from plainnet.engine.plan import Place
from plainnet.errors import SettingError, ShapeError, require_integer, require_sequence, shown
from plainnet.initializers import Initializer
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.containers.sequential import backward_through, checked_layers, forward_through


class Parallel(Layer):
    """Layers side by side, each on its part of the input's features, with outputs concatenated.

    Parameters
    ----------
    parts : sequence of (start, stop)
        The features that each layer gets. Parts may overlap; each feature is in at least one.
    layers : sequence of Layer
        Each takes the shape (m, stop - start) and returns (m, width) for some width.
    """

    releases_arrays = True

    def __init__(self, parts: Sequence[tuple[int, int]], layers: Sequence[Layer]) -> None:
        self.layers = checked_layers(layers)
        self.parts = _checked_parts(parts)
        if not self.layers or len(self.layers) != len(self.parts):
            raise SettingError(
                f"Parallel needs a part for each layer; got {len(self.parts)} parts and "
                f"{len(self.layers)} layers"
            )
        self.width = max(stop for _, stop in self.parts)
        if not _cover_all(self.parts):
            raise SettingError(f"parts must be (start, stop) and cover all features; got {parts}")
        self.names = [f"{i}.{type(layer).__name__.lower()}" for i, layer in enumerate(self.layers)]

    def build(self, input_shape: Shape) -> Shape:
        if input_shape != (self.width,):
            raise ShapeError(f"needs an input of shape ({self.width},); got {input_shape}")
        self.columns, begin = [], 0
        for name, (start, stop), layer in zip(self.names, self.parts, self.layers, strict=True):
            output_shape = layer.place(f"{self.name}.{name}", (stop - start,))
            if len(output_shape) != 1:
                raise ShapeError(
                    f"needs layers that return (features,); {layer!r} returns {output_shape}"
                )
            self.columns.append((begin, begin + output_shape[0]))
            begin += output_shape[0]
        return (begin,)

    def suggest(self, following: Initializer) -> Initializer:
        for layer in self.layers:
            layer.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """Each layer may write over what it gets, which is a copy."""
        for name, layer in zip(self.names, self.layers, strict=True):
            yield Place(
                name,
                layer,
                reuse_input=True,
                reuse_gradient=True,
                needs_input_gradient=own.needs_input_gradient,
            )

    @WrittenOut
    def formulas(layer: Any) -> Formulas:  # noqa: N805
        n = range(1, 1 + (len(getattr(layer, "layers", ())) or 2))
        forward, backward, widened = [], [], []
        for i in n:
            part, columns = f"parts[{i - 1}]", f"columns[{i - 1}]"
            forward += [
                Formula(f"A_{i}", f"A[:, {part}[0] : {part}[1]]", f"A_{i} = A_{{p_{i}}}"),
                Formula(f"Y_{i}", f"layers(A_{i})", f"Y_{i} = f_{i}(A_{i})"),
            ]
            backward += [
                Formula(f"dY_{i}", f"dY[:, {columns}[0] : {columns}[1]]", f"dY_{i} = dY_{{q_{i}}}"),
                Formula(f"dA_{i}", f"layers_back(dY_{i})", f"dA_{i} = f_{i}'(dY_{i})"),
            ]
            before, after = f"A[:, : {part}[0]]", f"A[:, {part}[1] :]"
            widened.append(
                f"concatenate([zeros_like({before}), dA_{i}, zeros_like({after})], axis=1)"
            )
        outputs = [f"Y_{i}" for i in n]
        forward.append(
            Formula(
                "Y",
                f"concatenate([{', '.join(outputs)}], axis=1)",
                "Y = [" + r" \; ".join(outputs) + "]",
            )
        )
        backward.append(
            Formula(
                "dA", " + ".join(widened), r"dA_{\cdot j} = \sum_{i:\, j \in p_i} dA_{i, \cdot j}"
            )
        )
        return Formulas("A", "Y", tuple(forward), tuple(backward))

    def forward(self, A: Array, cache: Cache) -> Array:
        Y = cache.array("Y", (len(A), *self.output_shape), A.dtype)
        parts = zip(cache.layers_of(self), self.parts, self.columns, strict=True)
        for i, ((layer, own), (start, stop), (first, last)) in enumerate(parts, 1):
            part = own.array("part", (len(A), stop - start), A.dtype)
            np.copyto(part, A[:, start:stop])
            Y_i = forward_through(layer, part, own)
            Y[:, first:last] = Y_i
            if cache.record:
                cache[f"A_{i}"], cache[f"Y_{i}"] = part, Y_i
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = NO_GRADIENT
        if cache.needs_input_gradient:
            dA = cache.array("dA", (len(dY), self.width), dY.dtype)
            dA.fill(0)
        parts = zip(cache.layers_of(self), self.parts, self.columns, strict=True)
        for i, ((layer, own), (start, stop), (first, last)) in enumerate(parts, 1):
            dpart = own.array("dpart", (len(dY), last - first), dY.dtype)
            np.copyto(dpart, dY[:, first:last])
            dA_i = backward_through(layer, dpart, own)
            if cache.record:
                cache[f"dY_{i}"], cache[f"dA_{i}"] = dpart, dA_i
            if cache.needs_input_gradient:
                for column in range(stop - start):  # by columns, NumPy needs no buffer
                    dA[:, start + column] += dA_i[:, column]
        return dA


def _cover_all(parts: Sequence[tuple[int, int]]) -> bool:
    """Whether no part is empty, and together they leave no feature out."""
    covered = 0
    for start, stop in sorted(parts):
        if not 0 <= start <= covered or start >= stop:
            return False
        covered = max(covered, stop)
    return True


def _checked_parts(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    pairs = require_sequence("parts", parts, "pairs (start, stop)")
    for pair in pairs:
        if len(require_sequence("each of parts", pair, "two whole numbers")) != 2:
            raise SettingError(f"each of parts must be (start, stop); got {shown(pair)}")
    start, stop = "the start of each of parts", "the stop of each of parts"
    return [
        (require_integer(start, a, at_least=0), require_integer(stop, b, at_least=0))
        for a, b in pairs
    ]
