"""The dense layer: every output is a weighted sum of all inputs."""

from plainnet.arguments.sparse import SparseRows
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import require_boolean, require_integer, require_optional
from plainnet.initializers import Initializer, Zeros
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.sparse import sparse_affine, sparse_affine_backward
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes


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
        SELU, Glorot for tanh), and Glorot if none follows.

    Tensors
    -------
    W : (units, n_in), decays. It is stored in memory as (n_in, units), so that `A @ W.T` is a
        product of two untransposed matrices.
    b : (units,)
    """

    W: Array
    b: Array
    dW: Array
    db: Array

    shown_by = WindowOfRows
    releases_arrays = True

    def __init__(
        self, units: int, *, bias: bool = True, initializer: Initializer | None = None
    ) -> None:
        require_optional("initializer", initializer, Initializer)
        self.units = require_integer("units", units, at_least=1)
        self.bias = require_boolean("bias", bias)
        self.initializer = initializer

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("W", (self.units, input_shape[-1]), self.initializer, decays=True, order="F")
        if self.bias:
            self.declare("b", (self.units,), Zeros())
        return (*input_shape[:-1], self.units)

    formulas = Formulas(
        input="A",
        output="Z",
        forward=(
            Formula("Z", "A @ W.T + b", r"Z = A W^\top + b", when="bias"),
            Formula("Z", "A @ W.T", r"Z = A W^\top", when="not bias"),
        ),
        backward=(
            Formula("dW", "dZ.T @ A", r"dW = dZ^\top A"),
            Formula("db", "dZ.sum(axis=0)", r"db = \sum_i dZ_i", when="bias"),
            Formula("dA", "dZ @ W", r"dA = dZ\, W"),
        ),
    )

    def forward(self, A: Array | SparseRows, cache: Cache) -> Array:
        cache["A"] = A
        Z = cache.array("Z", (*A.shape[:-1], self.units), A.dtype)
        b = self.b if self.bias else None
        if isinstance(A, SparseRows):
            return sparse_affine(A.matrix, self.W, b, Z)
        return affine(A, self.W, b, Z)

    def backward(self, dZ: Array, cache: Cache) -> Array:
        A = cache["A"]
        if isinstance(A, SparseRows):  # data, which need no gradient
            sparse_affine_backward(dZ, A.matrix, self.dW, self.db if self.bias else None)
            return NO_GRADIENT
        dA = cache.array("dA", A.shape, dZ.dtype) if cache.needs_input_gradient else None
        affine_backward(dZ, A, self.W, self.dW, self.db if self.bias else None, dA)
        return NO_GRADIENT if dA is None else dA
