"""Numbers in a table as the share of each bin that lies below them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError, require_number, require_sequence
from plainnet.kernels.tabular import piecewise_linear, piecewise_linear_backward
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape

BOOL = np.dtype(bool)


class PiecewiseLinearEmbedding(Layer):
    """Each number as its position in each bin of its feature: 0 below it, 1 above, or in between.

    With edges e_0 < e_1 < ..., the outputs are T_k = clip((x - e_{k-1}) / (e_k - e_{k-1}), 0, 1). A
    linear layer on top can represent any continuous function that is linear in each bin (Gorishniy
    et al. 2022, On Embeddings for Numerical Features, equation 1, bounded at both ends).

    Parameters
    ----------
    edges : sequence of sequences of float
        At least two edges for each feature, in ascending order.
    """

    def __init__(self, edges: Sequence[Sequence[float]]) -> None:
        self.edges: list[list[float]] = []
        for i, given in enumerate(require_sequence("edges", edges, "lists of numbers")):
            feature = require_sequence(f"edges[{i}]", given, "numbers")
            for edge in feature:
                require_number(f"each of edges[{i}]", edge)
            self.edges.append([float(edge) for edge in feature])
            if len(feature) < 2 or any(a >= b for a, b in pairwise(feature)):
                raise SettingError(
                    f"each feature needs two ascending edges or more; got {feature} for feature {i}"
                )

    def build(self, input_shape: Shape) -> Shape:
        if input_shape != (len(self.edges),):
            raise ShapeError(
                f"needs an input of shape ({len(self.edges)},), a feature for each list of edges; "
                f"got {input_shape}"
            )
        self.feature = np.repeat(np.arange(len(self.edges)), [len(e) - 1 for e in self.edges])
        self.low = np.concatenate([e[:-1] for e in self.edges])
        self.width = np.concatenate([np.diff(e) for e in self.edges])
        return (len(self.feature),)

    formulas = Formulas(
        input="A",
        output="T",
        forward=(
            Formula(
                "T",
                "minimum(maximum((A[:, feature] - low) / width, 0), 1)",
                r"T_k = \mathrm{clip}((x - e_{k-1}) / (e_k - e_{k-1}), 0, 1)",
            ),
        ),
        backward=(
            Formula(
                "dA",
                "(dT * ((T > 0) & (T < 1)) / width) @ (feature[:, None] == arange(A.shape[1]))",
                r"dx = \sum_k dT_k [0 < T_k < 1] / (e_k - e_{k-1})",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        T = cache.array("T", (len(A), len(self.feature)), A.dtype)
        low, width = self.low.astype(A.dtype), self.width.astype(A.dtype)
        return piecewise_linear(A, self.feature, low, width, T)

    def backward(self, dT: Array, cache: Cache) -> Array:
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        width = self.width.astype(dT.dtype)
        starts = np.searchsorted(self.feature, np.arange(len(self.edges)))
        dA = cache.array("dA", (len(dT), len(self.edges)), dT.dtype)
        slope = cache.array("slope", dT.shape, dT.dtype)
        inside = cache.array("inside", dT.shape, BOOL)
        below = cache.array("below", dT.shape, BOOL)
        T = cache["T"]
        return piecewise_linear_backward(dT, T, width, starts, dA, slope, inside, below)
