"""Categories of a table as learned vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from plainnet.arguments.arrays import exact_ids
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError, require_integer, require_sequence
from plainnet.initializers import Initializer
from plainnet.kernels.embedding import take_rows
from plainnet.layers.attention.embedding import add_gradient
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes

INTP = np.dtype(np.intp)
BOOL = np.dtype(bool)


@dataclass(frozen=True)
class VectorsOfCategories(Initializer):
    """Normal, but zero in the rows `unknown`."""

    unknown: Sequence[int]

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        vectors = rng.standard_normal(shape)
        vectors[list(self.unknown)] = 0
        return vectors


class CategoryEmbedding(Layer):
    """A learned vector for each category of each column (Guo and Berkhahn 2016).

    The input holds category ids as numbers, which are rounded. Id 0 means an unknown category, and
    so does an id out of range. Its vector starts at zero, so that a category never seen in training
    contributes nothing. A float32 network can tell 2^24 ids in a column apart, and refuses more.

    Parameters
    ----------
    sizes : sequence of int
        Categories in each column, id 0 included.
    width : int
        Length of a vector.

    Tensors
    -------
    E : (sum of sizes, width), decays. The vectors of all columns, one column after another.
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
        add_gradient(self.dE, ids, dY, cache, anew=True)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", ids.shape, dY.dtype)
        dA.fill(0)
        return dA
