"""Embeddings of a table's columns: numbers as waves, categories as learned vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import pi

import numpy as np

from plainnet.arguments.arrays import exact_ids
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_integer,
    require_number,
    require_sequence,
)
from plainnet.initializers import Initializer, Normal, Uniform
from plainnet.kernels.embedding import add_to_rows, take_rows
from plainnet.kernels.tabular import (
    periodic,
    periodic_backward,
    piecewise_linear,
    piecewise_linear_backward,
)
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes

INTP, BOOL = np.dtype(np.intp), np.dtype(bool)


class PeriodicEmbedding(Layer):
    """Each number x as [W2 cos(2 pi w1 x + b1) + b2, x], with separate weights for each feature.

    The periodic embedding with bias, linear map and shortcut ("PBLD") of Holzmueller et al. 2024,
    Better by Default, section 3.4, after Gorishniy et al. 2022, On Embeddings for Numerical
    Features. With theta = 2 pi w1 x + b1 and dH, dx the parts of dY:

        dW2 = dH cos(theta)    dtheta = -sin(theta) W2' dH    dw1 = 2 pi sum dtheta x
        db2 = sum dH           db1 = sum dtheta               dx += 2 pi sum dtheta w1

    Parameters
    ----------
    frequencies : int
        Waves per feature.
    width : int
        Outputs per feature, the number itself included; 2 or more.
    sigma : float
        Standard deviation of the initial w1, the frequencies.

    Tensors
    -------
    w1, b1 : (features, frequencies)
    W2 : (features, frequencies, width - 1), decays, as w1 does
    b2 : (features, width - 1)
    """

    w1: Array
    b1: Array
    W2: Array
    b2: Array
    dw1: Array
    db1: Array
    dW2: Array
    db2: Array

    read_once = ("sigma",)
    releases_arrays = True

    def __init__(self, frequencies: int = 16, *, width: int = 4, sigma: float = 0.1) -> None:
        self.frequencies = require_integer("frequencies", frequencies, at_least=1)
        self.width = require_integer("width", width, at_least=2)
        require_number("sigma", sigma, above=0)
        self.sigma = sigma

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError(f"needs an input of shape (features,); got {input_shape}")
        (F,), K, J = input_shape, self.frequencies, self.width - 1
        edge = 1 / K**0.5
        self.declare("w1", (F, K), Normal(self.sigma), decays=True)
        self.declare("b1", (F, K), Uniform(pi))
        self.declare("W2", (F, K, J), Uniform(edge), decays=True)
        self.declare("b2", (F, J), Uniform(edge))
        return (F * self.width,)

    def suggest(self, following: Initializer) -> Initializer:
        return following  # all tensors name their initializer; nothing below depends on it

    # A feature per block in memory, (F, m, K), so that W2 is one product for each feature.

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("theta", "2 * pi * A[..., None] * w1 + b1", r"\theta = 2 \pi w_1 x + b_1"),
            Formula(
                "Y",
                "concatenate([einsum('mfk,fkj->mfj', cos(theta), W2) + b2, A[..., None]], axis=2)"
                ".reshape(len(A), -1)",
                r"Y = [W_2 \cos\theta + b_2,\ x]",
            ),
        ),
        backward=(
            Formula("dH", "dY.reshape(*A.shape, width)[..., :-1]", r"[dH,\ dx] = dY"),
            Formula(
                "dW2", "einsum('mfk,mfj->fkj', cos(theta), dH)", r"dW_2 = \sum \cos\theta\, dH"
            ),
            Formula("db2", "dH.sum(axis=0)", r"db_2 = \sum dH"),
            Formula(
                "dtheta",
                "-sin(theta) * einsum('mfj,fkj->mfk', dH, W2)",
                r"d\theta = -\sin\theta \odot W_2^\top dH",
            ),
            Formula(
                "dw1",
                "2 * pi * (dtheta * A[..., None]).sum(axis=0)",
                r"dw_1 = 2 \pi \sum x\, d\theta",
            ),
            Formula("db1", "dtheta.sum(axis=0)", r"db_1 = \sum d\theta"),
            Formula(
                "dA",
                "dY.reshape(*A.shape, width)[..., -1] + 2 * pi * (dtheta * w1).sum(axis=2)",
                r"dA = dx + 2 \pi \sum w_1 d\theta",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        (m, F), K, J = A.shape, self.frequencies, self.width - 1
        x = cache.array("x", (F, m, 1), A.dtype)
        np.copyto(x[:, :, 0], A.T)
        w = cache.array("w", (F, K), A.dtype)
        theta = cache.array("by_feature", (F, m, K), A.dtype)
        cache["theta"] = theta.transpose(1, 0, 2)
        cosine = cache.array("cosine", (F, m, K), A.dtype)
        H = cache.array("H_by_feature", (F, m, J), A.dtype)
        periodic(x, self.w1, self.b1, self.W2, self.b2, w, theta, cosine, H)
        Y = cache.array("Y", (m, F * self.width), A.dtype)
        parts = Y.reshape(m, F, self.width)
        np.copyto(parts[:, :, :-1], H.transpose(1, 0, 2))
        np.copyto(parts[:, :, -1], A)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        x, w, theta, cosine = cache["x"], cache["w"], cache["by_feature"], cache["cosine"]
        F, m, _ = theta.shape
        parts = dY.reshape(m, F, self.width)
        dH = cache.array("dH_by_feature", (F, m, self.width - 1), dY.dtype)
        cache["dH"] = dH.transpose(1, 0, 2)
        np.copyto(dH, parts[:, :, :-1].transpose(1, 0, 2))
        dtheta = cache.array("dtheta_by_feature", theta.shape, dY.dtype)
        dx = cache.array("dx", (F, m, 1), dY.dtype) if cache.needs_input_gradient else None
        sine = cache.array("sine", theta.shape, dY.dtype)
        periodic_backward(
            dH, x, self.W2, w, theta, cosine,
            self.dw1, self.db1, self.dW2, self.db2, dtheta, dx, sine,
        )  # fmt: skip
        if dx is None:
            return NO_GRADIENT
        return np.add(dx[:, :, 0].T, parts[:, :, -1], out=cache.array("dA", (m, F), dY.dtype))


class PiecewiseLinearEmbedding(Layer):
    """Each number as its position in each bin of its feature: 0 below, 1 above, or in between.

    With edges e_0 < e_1 < ... the outputs are T_k = clip((x - e_{k-1}) / (e_k - e_{k-1}), 0, 1): a
    linear layer on top of them is any piecewise linear function (Gorishniy et al. 2022, On
    Embeddings for Numerical Features, equation 1, bounded at both ends).

    Parameters
    ----------
    edges : sequence of sequences of float
        For each feature at least two edges, ascending.
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


@dataclass(frozen=True)
class VectorsOfCategories(Initializer):
    """Normal, and zero in the rows `unknown`."""

    unknown: Sequence[int]

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        vectors = rng.standard_normal(shape)
        vectors[list(self.unknown)] = 0
        return vectors


class CategoryEmbedding(Layer):
    """A learned vector for each category of each column (Guo and Berkhahn 2016).

    The input holds category ids as numbers; each is rounded. Id 0 means an unknown category, and so
    does an id that is out of range. Its vector starts at zero, so that a category never seen in
    training contributes nothing. A float32 network tells 2^24 ids of a column apart, and refuses
    more.

    Parameters
    ----------
    sizes : sequence of int
        Categories in each column, id 0 included.
    width : int
        Length of a vector.

    Tensors
    -------
    E : (sum of sizes, width), decays. The vectors of all columns, one column after the other.
    """

    E: Array
    dE: Array

    releases_arrays = True

    def __init__(self, sizes: Sequence[int], width: int = 8) -> None:
        sizes = require_sequence("sizes", sizes, "whole numbers, one for each column")
        self.sizes = [require_integer("each of sizes", size, at_least=1) for size in sizes]
        self.width = require_integer("width", width, at_least=1)
        if not self.sizes:
            raise SettingError("sizes must give the number of categories of at least one column")

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(columns,)")
        if input_shape != (len(self.sizes),):
            raise ShapeError(
                f"needs an input of shape ({len(self.sizes)},), an id per column; got {input_shape}"
            )
        starts = list(accumulate(self.sizes[:-1], initial=0))
        self._starts = np.array(starts, np.intp)
        first = VectorsOfCategories(starts)
        self.declare("E", (sum(self.sizes), self.width), first, decays=True)
        return (len(self.sizes) * self.width,)

    def suggest(self, following: Initializer) -> Initializer:
        return following

    def bind(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        state: Mapping[str, Array],
    ) -> None:
        dtype, size = parameters["E"].dtype, max(self.sizes)
        if size > (most := exact_ids(dtype)):
            raise SettingError(
                f"layer {self.name} ({self!r}) has a column of {size:,} categories, and {dtype} "
                f"tells {most:,} ids apart: make the network with dtype=np.float64"
            )
        super().bind(parameters, gradients, state)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "E[ids].reshape(len(A), -1)", r"Y_i = E_{\mathrm{id}_i}"),),
        backward=(
            Formula(
                "dE",
                "(ids[..., None] == arange(len(E))).reshape(-1, len(E)).T @ dY.reshape(-1, width)",
                r"dE_k = \sum_{i:\,\mathrm{id}_i = k} dY_i",
            ),
            Formula("dA", "zeros_like(A)", r"dA = 0"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        m, width = len(A), self.width
        ids = cache.array("ids", A.shape, INTP)
        k = cache.array("k", (m,), A.dtype)
        known, below = cache.array("known", (m,), BOOL), cache.array("below", (m,), BOOL)
        for column, size in enumerate(self.sizes):
            np.rint(A[:, column], out=k)
            np.greater_equal(k, 0, out=known)
            known &= np.less(k, size, out=below)
            np.copyto(k, 0, where=np.logical_not(known, out=known))  # NaN times False is NaN
            np.copyto(ids[:, column], k, casting="unsafe")
        ids += self._starts  # as integers: a sum of floats is rounded
        Y = cache.array("Y", (m, ids.shape[1] * width), A.dtype)
        take_rows(self.E, ids, Y.reshape(*ids.shape, width))
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        ids = cache["ids"]
        self.dE.fill(0)
        places = cache.array("places", (ids.size, self.width), INTP)
        add_to_rows(dY, ids, self.dE, places)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", ids.shape, dY.dtype)
        dA.fill(0)
        return dA
