"""A dense layer in the opposite direction, with the same weights."""

from __future__ import annotations

from collections.abc import Iterable

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError, require_boolean, require_type
from plainnet.initializers import GlorotUniform, Initializer, Zeros
from plainnet.kernels.affine import affine_transposed, affine_transposed_backward
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, has_a_place
from plainnet.layers.dense.dense import Dense


class Transposed(Layer):
    """Y = A W + b, over the last axis, with the weights of a dense layer and a bias of its own.

    With it, the decoder of an autoencoder shares the encoder's weights (Vincent et al. 2010,
    section 2.2, tied weights), which halves the number of weights. The dense layer belongs to an
    earlier node of the same `Graph`, and its gradient is the sum from both.

    Parameters
    ----------
    layer : Dense
        The layer whose weights are used.
    bias : bool
        Whether there is a `b`.

    Tensors
    -------
    b : (n_in,), where n_in is the number of the dense layer's inputs

    Examples
    --------
    >>> from plainnet import Network
    >>> from plainnet.layers import Graph
    >>> from plainnet.losses import MeanSquaredError
    >>> first = Dense(2)
    >>> nodes = {"code": (first, "X"), "again": (Transposed(first), "code")}
    >>> graph = Graph(nodes, inputs="X", outputs="again")
    >>> network = Network(graph, loss=MeanSquaredError(), input_shape=5)
    >>> {name: tensor.shape for name, tensor in network.tensors.items()}
    {'code.W': (2, 5), 'code.b': (2,), 'again.b': (5,)}
    """

    b: Array
    db: Array

    shown_by = WindowOfRows
    releases_arrays = True

    def __init__(self, layer: Dense, *, bias: bool = True) -> None:
        require_type("layer", layer, Dense)
        self.layer = layer
        self.layers = (layer,)
        self.bias = require_boolean("bias", bias)

    @property
    def W(self) -> Array:
        return self.layer.W

    @property
    def dW(self) -> Array:
        return self.layer.dW

    def build(self, input_shape: Shape) -> Shape:
        if not has_a_place(self.layer):
            raise ShapeError(
                "needs its dense layer in an earlier node of the same Graph; by itself, a new "
                "Dense does the same with the weights W.T"
            )
        units, n_in = self.layer.declared["W"].shape
        if input_shape[-1:] != (units,):
            raise ShapeError(
                f"needs an input of shape (..., {units}), which {self.layer.name} returns; got "
                f"{input_shape}"
            )
        if self.bias:
            self.declare("b", (n_in,), Zeros())
        return (*input_shape[:-1], n_in)

    def suggest(self, following: Initializer) -> Initializer:
        return GlorotUniform()  # weights below weights

    def plan(self, own: Place) -> Iterable[Place]:
        """The dense layer only lends its weights and does not run here."""
        return ()

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Y", "A @ W + b", "Y = A W + b", when="bias"),
            Formula("Y", "A @ W", "Y = A W", when="not bias"),
        ),
        backward=(
            Formula("dW", "A.T @ dY", r"dW = A^\top dY"),
            Formula("db", "dY.sum(axis=0)", r"db = \sum_i dY_i", when="bias"),
            Formula("dA", "dY @ W.T", r"dA = dY\, W^\top"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        Y = cache.array("Y", (*A.shape[:-1], self.W.shape[1]), A.dtype)
        return affine_transposed(A, self.W, self.b if self.bias else None, Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A = cache["A"]
        dA = cache.array("dA", A.shape, dY.dtype) if cache.needs_input_gradient else None
        affine_transposed_backward(dY, A, self.W, self.dW, self.db if self.bias else None, dA)
        if self.layer.bias:
            self.layer.db.fill(0)  # it has no part in this, and every gradient is written
        return NO_GRADIENT if dA is None else dA
