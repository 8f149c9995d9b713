"""Bags of tokens: one vector for all ids of an example, whatever their order."""

from __future__ import annotations

from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_one_of, require_optional
from plainnet.initializers import Initializer, Normal
from plainnet.kernels.arrays import counting
from plainnet.kernels.embedding import (
    TOGETHER,
    sum_bags,
    sum_bags_backward,
    sum_bags_backward_weights,
)
from plainnet.layers.attention.embedding import WithZeroRow, checked_ids, checked_padding
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape

INTP, BOOL = np.dtype(np.intp), np.dtype(bool)


class _Written:
    """The formulas of a bag: with weights it has two inputs, ids and weights, A_1 and A_2."""

    def __get__(self, subject: Any, kind: type | None = None) -> Formulas:
        combine = "mean" if subject is None else subject.combine
        every = subject is not None and subject.padding is None
        test = ">= 0" if every else "!= padding"
        ids, counted = "ids", f"(ids {test})"
        backward: tuple[Formula, ...] = ()
        if combine == "weights":
            ids, counted = "A_1", f"(A_1 {test})"
            share = Formula(
                "w", f"A_2 * {counted}", r"w_t = A_{2,t} [A_{1,t} \ne \mathrm{padding}]"
            )
            slope = f"einsum('mtj,mj->mt', E[A_1], dY) * {counted}"
            backward = (Formula("dA_2", slope, r"dA_{2,t} = E_{A_{1,t}} \cdot dY"),)
        elif combine == "sum":
            share = Formula("w", f"{counted} * 1.0", r"w_t = [\mathrm{id}_t \ne \mathrm{padding}]")
        else:
            share = Formula(
                "w",
                f"{counted} / maximum({counted}.sum(axis=1, keepdims=True), 1)",
                r"w_t = \tfrac1n [\mathrm{id}_t \ne \mathrm{padding}]",
            )
        one_hot = f"({ids}[..., None] == arange(len(E)))"
        gradient = Formula(
            "dE",
            f"einsum('mtk,mt,mj->kj', {one_hot} * 1.0, w, dY)",
            r"dE_k = \sum_{it:\,\mathrm{id}_{it} = k} w_{it}\, dY_i",
        )
        return Formulas(
            input="A" if combine == "weights" else "ids",
            output="Y",
            forward=(
                share,
                Formula(
                    "Y",
                    f"einsum('mt,mtj->mj', w, E[{ids}])",
                    r"Y_i = \sum_t w_{it}\, E_{\mathrm{id}_{it}}",
                ),
            ),
            backward=(gradient, *backward),
        )


class EmbeddingBag(Layer):
    """Y = sum_t w_t E[id_t]: one vector for all ids of an example, whatever their order.

    The ids may be the words and character n-grams of a text (Joulin et al. 2016, Bag of Tricks for
    Efficient Text Classification; Bojanowski et al. 2017, Enriching Word Vectors with Subword
    Information). The result is that of `Embedding` followed by a sum over time, without an array of
    all vectors. The layer is a network's first. Examples with fewer ids are padded; one without ids
    gives 0.

    Parameters
    ----------
    vocabulary : int
        The number of ids: 0 to vocabulary - 1. Other ids are refused.
    width : int
        Length of a vector.
    combine : {"mean", "sum", "weights"}
        The mean or the sum of the vectors. With "weights", the layer has two inputs of shape
        (time,), ids and their weights, and gives the sum of the vectors times their weights.
    padding : int, optional
        The id that pads short examples and does not count. Its vector is and remains zero.
    initializer : Initializer, optional
        For `E`. By default standard normal numbers.

    Tensors
    -------
    E : (vocabulary, width), decays

    Examples
    --------
    >>> import numpy as np
    >>> from plainnet import Network
    >>> from plainnet.losses import MeanSquaredError
    >>> bag = EmbeddingBag(4, 2, combine="weights", padding=0)
    >>> shapes = (None,), (None,)
    >>> network = Network([bag], loss=MeanSquaredError(), input_shape=shapes)
    >>> network["0.embeddingbag.E"] = [[0, 0], [1, 2], [3, 4], [5, 6]]
    >>> network.forward(([[1, 3, 0], [2, 2, 2]], [[0.5, 2.0, 9.0], [1.0, 1.0, 1.0]]))
    array([[10.5, 13. ],
           [ 9. , 12. ]], dtype=float32)
    """

    E: Array
    dE: Array

    takes_ids = True
    ends_time = True
    releases_arrays = True

    def __init__(
        self,
        vocabulary: int,
        width: int,
        *,
        combine: str = "mean",
        padding: int | None = None,
        initializer: Initializer | None = None,
    ) -> None:
        self.vocabulary = require_integer("vocabulary", vocabulary, at_least=1)
        self.width = require_integer("width", width, at_least=1)
        require_one_of("combine", combine, ("mean", "sum", "weights"))
        self.combine = combine
        self.padding = checked_padding(padding, self.vocabulary)
        require_optional("initializer", initializer, Initializer)
        self.initializer = initializer
        self.takes_several = combine == "weights"

    def takes_ids_at(self, place: int) -> bool:
        return place == 0

    def build(self, input_shape: Shape) -> Shape:
        shapes = self.inputs_of(input_shape)
        if self.takes_several and (len(shapes) != 2 or shapes[0] != shapes[1]):
            raise ShapeError(f"needs two inputs of one shape, ids and weights; got {input_shape}")
        if any(len(shape) != 1 for shape in shapes):
            raise ShapeError(f"needs ids of shape (time,), without the batch axis; got {shapes[0]}")
        first = self.initializer or Normal()
        if self.padding is not None:
            first = WithZeroRow(first, self.padding)
        self.declare("E", (self.vocabulary, self.width), first, decays=True)
        return (self.width,)

    formulas: Any = _Written()

    def forward(self, A: Any, cache: Cache) -> Array:
        ids, *given = self.inputs_of(A)
        if given and given[0].shape != ids.shape:
            raise ShapeError(
                f"layer {self.name} ({self!r}) needs a weight for each id; got ids of shape "
                f"{ids.shape} and weights of shape {given[0].shape}"
            )
        ids = checked_ids(self, ids, cache)
        w = self._weights(ids, *given, cache=cache)
        taken = cache.array("taken", (ids.shape[1], self.width), self.E.dtype)
        Y = cache.array("Y", (len(ids), self.width), self.E.dtype)
        return sum_bags(self.E, ids, w, cache["lengths"], taken, Y)

    def _weights(self, ids: Array, *given: Array, cache: Cache) -> Array:
        """The weight of each id, 0 for padding; leaves how far each example goes as `lengths`."""
        (m, T), dtype = ids.shape, self.E.dtype
        counted = cache.array("counted", (m, T), BOOL)
        np.not_equal(ids, -1 if self.padding is None else self.padding, out=counted)
        lengths = cache.array("lengths", (m,), INTP)
        steps = cache.array("steps", (m, T), INTP)
        np.multiply(counted, counting(T + 1)[1:], out=steps)
        np.maximum.reduce(steps, axis=1, out=lengths)
        w = cache.array("w", (m, T), dtype)
        if given:
            return np.multiply(given[0], counted, out=w)
        np.copyto(w, counted)
        if self.combine == "mean":
            n = np.add.reduce(w, axis=1, keepdims=True, out=cache.array("n", (m, 1), dtype))
            w /= np.maximum(n, 1, out=n)
        return w

    def backward(self, dY: Array, cache: Cache) -> Any:
        ids, n = cache["ids"], self.width
        m, T = ids.shape
        self.dE.fill(0)
        N = min(m, TOGETHER) * T
        rank = cache.array("rank", (self.vocabulary,), INTP)
        index = cache.array("index", (2, N), INTP)
        N = min(N, self.vocabulary)
        B = cache.array("B", (N * min(m, TOGETHER),), dY.dtype)
        sums = cache.array("sums", (2, N, n), dY.dtype)
        sum_bags_backward(dY, ids, cache["w"], self.dE, rank, index, B, sums)
        if not self.takes_several:
            return NO_GRADIENT
        if not cache.needs_input_gradient:
            return NO_GRADIENT, NO_GRADIENT
        dW = cache.array("dW", (m, T), dY.dtype)
        taken = cache.array("taken", (T, n), dY.dtype)
        sum_bags_backward_weights(dY, self.E, ids, taken, dW)
        np.multiply(dW, cache["counted"], out=dW)
        return NO_GRADIENT, dW
