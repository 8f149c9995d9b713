"""The dense layer: every output is a weighted sum of every input."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import require_boolean, require_integer, require_optional
from plainnet.initializers import Initializer, Zeros
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes

_DW = Formula("dW", "dZ.T @ A", r"dW = dZ^\top A")
_DB = Formula("db", "dZ.sum(axis=0)", r"db = \sum_i dZ_i")
_DA = Formula("dA", "dZ @ W", r"dA = dZ\, W")
FORMULAS = Formulas(
    input="A",
    output="Z",
    forward=(Formula("Z", "A @ W.T + b", r"Z = A W^\top + b"),),
    backward=(_DW, _DB, _DA),
)
FORMULAS_WITHOUT_BIAS = Formulas(
    input="A",
    output="Z",
    forward=(Formula("Z", "A @ W.T", r"Z = A W^\top"),),
    backward=(_DW, _DA),
)


class Dense(Layer):
    """Z = A Wᵀ + b, over the last axis.

    Parameters
    ----------
    units : int
        Outputs per example.
    bias : bool
        Whether there is a `b`.
    initializer : Initializer, optional
        For `W`. By default the one that suits the activation that follows (He for ReLU, LeCun for
        SELU, Glorot for tanh), and Glorot where none follows.

    Tensors
    -------
    W : (units, n_in), decays. Lies in memory as (n_in, units), so that `A @ W.T` is a product of
        two untransposed matrices.
    b : (units,)
    """

    W: Array
    b: Array
    dW: Array
    db: Array

    shown_by = WindowOfRows
    formulas = FORMULAS
    releases_arrays = True

    def __init__(
        self, units: int, *, bias: bool = True, initializer: Initializer | None = None
    ) -> None:
        require_optional("initializer", initializer, Initializer)
        self.units = require_integer("units", units, at_least=1)
        self.bias = require_boolean("bias", bias)
        self.initializer = initializer
        if not self.bias:
            self.formulas = FORMULAS_WITHOUT_BIAS

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("W", (self.units, input_shape[-1]), self.initializer, decays=True, order="F")
        if self.bias:
            self.declare("b", (self.units,), Zeros())
        return (*input_shape[:-1], self.units)

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A  # (m, n_in)
        if A.ndim == 2:
            Z = cache.array("Z", (len(A), self.units), A.dtype)  # (m, units)
            np.dot(A, self.W.T, out=Z)
        else:
            Z = cache.array("Z", (*A.shape[:-1], self.units), A.dtype)
            np.dot(rows(A), self.W.T, out=rows(Z))
        if self.bias:
            np.add(Z, self.b, out=Z)
        return Z

    def backward(self, dZ: Array, cache: Cache) -> Array:
        A = cache["A"]
        rows_A, rows_dZ = (A, dZ) if A.ndim == 2 else (rows(A), rows(dZ))
        np.matmul(rows_A.T, rows_dZ, out=self.dW.T)
        if self.bias:
            np.dot(cache.ones(len(rows_dZ), dZ.dtype), rows_dZ, out=self.db)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", A.shape, dZ.dtype)
        np.dot(rows_dZ, self.W, out=dA if A.ndim == 2 else rows(dA))
        return dA


def rows(A: Array) -> Array:
    """All axes but the last as one: (m, time, features) is (m * time, features)."""
    return A.reshape(-1, A.shape[-1])
