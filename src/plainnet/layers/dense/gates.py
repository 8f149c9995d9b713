"""Gates: a sigmoid of the input decides, for each number, how much of it passes."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import (
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
    require_optional,
)
from plainnet.initializers import Constant, GlorotUniform, HeNormal, Initializer, Zeros
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.gates import (
    glu,
    glu_backward,
    highway,
    highway_backward,
    swiglu,
    swiglu_backward,
)
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.containers.sequential import Sequential


class Gated(Layer):
    """The base of gated linear units: Z = A W^T + b, whose halves are U and V, and its gradients.

    Parameters
    ----------
    units : int
        Outputs per example.
    bias : bool
        Whether there is a `b`.
    initializer : Initializer, optional
        For `W`. By default He's: a gate passes about a third of the mean square, and He's factor 2
        makes up for most of the rest.

    Tensors
    -------
    W : (2 units, n_in), decays; the first half gives U, the second V. In memory (n_in, 2 units).
    b : (2 units,)
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
        shape = (2 * self.units, input_shape[-1])
        self.declare("W", shape, self.initializer or HeNormal(), decays=True, order="F")
        if self.bias:
            self.declare("b", shape[:1], Zeros())
        return (*input_shape[:-1], self.units)

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        Z = cache.array("Z", (*A.shape[:-1], 2 * self.units), A.dtype)
        affine(A, self.W, self.b if self.bias else None, Z)
        return self.gate(*self._halves(Z), cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, Z = cache["A"], cache["Z"]
        dZ = cache.array("dZ", Z.shape, dY.dtype)
        self.gate_backward(dY, *self._halves(Z), *self._halves(dZ), cache)
        dA = cache.array("dA", A.shape, dY.dtype) if cache.needs_input_gradient else None
        affine_backward(dZ, A, self.W, self.dW, self.db if self.bias else None, dA)
        return NO_GRADIENT if dA is None else dA

    @abstractmethod
    def gate(self, U: Array, V: Array, cache: Cache) -> Array:
        """Compute Y from the halves of Z."""

    @abstractmethod
    def gate_backward(
        self, dY: Array, U: Array, V: Array, dU: Array, dV: Array, cache: Cache
    ) -> None:
        """Write dU and dV."""

    def _halves(self, Z: Array) -> tuple[Array, Array]:
        return Z[..., : self.units], Z[..., self.units :]


# To the halves U and V of Z, and back from their gradients.
HALVES = (
    Formula("Z", "A @ W.T + b", r"Z = A W^\top + b", when="bias"),
    Formula("Z", "A @ W.T", r"Z = A W^\top", when="not bias"),
    Formula("U", "Z[:, :units]", r"U = Z_{\cdot,\, 1 \dots n}"),
    Formula("V", "Z[:, units:]", r"V = Z_{\cdot,\, n+1 \dots 2n}"),
)
HALVES_BACK = (
    Formula("dZ", "concatenate([dU, dV], axis=1)", r"dZ = [dU \; dV]"),
    Formula("dW", "dZ.T @ A", r"dW = dZ^\top A"),
    Formula("db", "dZ.sum(axis=0)", r"db = \sum_i dZ_i", when="bias"),
    Formula("dA", "dZ @ W", r"dA = dZ\, W"),
)


class GLU(Gated):
    """Y = U sigmoid(V): U and V are two dense layers in one product (Dauphin et al. 2017, eq. 1).

    Parameters and tensors are those of `Gated`.
    """

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            *HALVES,
            Formula("T", "sigmoid(V)", r"T = \sigma(V)"),
            Formula("Y", "U * T", r"Y = U \odot T"),
        ),
        backward=(
            Formula("dU", "dY * T", r"dU = dY \odot T"),
            Formula("dV", "dY * U * T * (1 - T)", r"dV = dY \odot U \odot T \odot (1 - T)"),
            *HALVES_BACK,
        ),
    )

    def gate(self, U: Array, V: Array, cache: Cache) -> Array:
        T = cache.array("T", U.shape, U.dtype)
        Y = cache.array("Y", U.shape, U.dtype)
        return glu(U, V, T, Y)

    def gate_backward(
        self, dY: Array, U: Array, V: Array, dU: Array, dV: Array, cache: Cache
    ) -> None:
        slope = cache.array("slope", U.shape, U.dtype)
        glu_backward(dY, U, cache["T"], dU, dV, slope)


class SwiGLU(Gated):
    """Y = U sigmoid(U) V: U and V are two dense layers in one product (Shazeer 2020, equation 5).

    Parameters and tensors are those of `Gated`.
    """

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            *HALVES,
            Formula("T", "sigmoid(U)", r"T = \sigma(U)"),
            Formula("Y", "U * T * V", r"Y = U \odot T \odot V"),
        ),
        backward=(
            Formula(
                "dU",
                "dY * V * (T + U * T * (1 - T))",
                r"dU = dY \odot V \odot (T + U \odot T \odot (1 - T))",
            ),
            Formula("dV", "dY * U * T", r"dV = dY \odot U \odot T"),
            *HALVES_BACK,
        ),
    )

    def gate(self, U: Array, V: Array, cache: Cache) -> Array:
        T = cache.array("T", U.shape, U.dtype)
        swish = cache.array("swish", U.shape, U.dtype)
        Y = cache.array("Y", U.shape, U.dtype)
        return swiglu(U, V, T, swish, Y)

    def gate_backward(
        self, dY: Array, U: Array, V: Array, dU: Array, dV: Array, cache: Cache
    ) -> None:
        slope = cache.array("slope", U.shape, U.dtype)
        swiglu_backward(dY, V, cache["T"], cache["swish"], dU, dV, slope)


class Highway(Layer):
    """Y = T F(A) + (1 - T) A, T = sigmoid(A W^T + b) (Srivastava et al. 2015, equation 3).

    It is like a `Residual` that chooses, for every number, between the layers F and the shortcut.

    Parameters
    ----------
    layers : sequence of Layer
        F, which returns the shape it gets: `[Dense(64), Tanh()]`, for example.
    gate_bias : float
        The initial value of b. Below zero, most of the input is carried on at first, which lets
        very deep networks start to learn (section 2.2 of the paper).

    Tensors
    -------
    W : (features, features), decays; of the gate. Glorot's, for a sigmoid. In memory transposed.
    b : (features,), initially `gate_bias`
    """

    W: Array
    b: Array
    dW: Array
    db: Array

    shown_by = WindowOfRows
    read_once = ("gate_bias",)
    releases_arrays = True

    def __init__(self, layers: Sequence[Layer], *, gate_bias: float = -1.0) -> None:
        require_number("gate_bias", gate_bias)
        self.branch = Sequential(layers)
        self.layers = self.branch.layers
        self.gate_bias = gate_bias

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        output_shape = self.branch.place(self.name, input_shape)
        if output_shape != input_shape:
            raise ShapeError(
                f"needs layers that return the shape they get, {input_shape}; they return "
                f"{output_shape}"
            )
        n = input_shape[-1]
        self.declare("W", (n, n), GlorotUniform(), decays=True, order="F")
        self.declare("b", (n,), Constant(self.gate_bias))
        return input_shape

    def suggest(self, following: Initializer) -> Initializer:
        self.branch.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """F may write over dF, which nobody else reads, but not over A."""
        needed = own.needs_input_gradient
        yield Place("", self.branch, reuse_gradient=True, needs_input_gradient=needed)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("F", "layers(A)", r"F = f_n(\dots f_2(f_1(A)))"),
            Formula("Z", "A @ W.T + b", r"Z = A W^\top + b"),
            Formula("T", "sigmoid(Z)", r"T = \sigma(Z)"),
            Formula("Y", "T * F + (1 - T) * A", r"Y = T \odot F + (1 - T) \odot A"),
        ),
        backward=(
            Formula("dF", "dY * T", r"dF = dY \odot T"),
            Formula(
                "dZ",
                "dY * (F - A) * T * (1 - T)",
                r"dZ = dY \odot (F - A) \odot T \odot (1 - T)",
            ),
            Formula("dW", "dZ.T @ A", r"dW = dZ^\top A"),
            Formula("db", "dZ.sum(axis=0)", r"db = \sum_i dZ_i"),
            Formula("dA_F", "layers_back(dF)", r"dA_F = f_1'(f_2'(\dots f_n'(dF)))"),
            Formula(
                "dA",
                "dY * (1 - T) + dZ @ W + dA_F",
                r"dA = dY \odot (1 - T) + dZ\, W + dA_F",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        cache["A"] = A
        F = cache["F"] = self.branch.forward(A, inner)
        Z = affine(A, self.W, self.b, cache.array("Z", A.shape, A.dtype))
        change = cache.array("change", A.shape, A.dtype)
        T = cache.array("T", A.shape, A.dtype)
        Y = cache.array("Y", A.shape, A.dtype)
        return highway(F, A, Z, change, T, Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, T, change = cache["A"], cache["T"], cache["change"]
        dF = cache.array("dF", A.shape, dY.dtype)
        carried = cache.array("carried", A.shape, dY.dtype)
        dZ = cache.array("dZ", A.shape, dY.dtype)
        highway_backward(dY, T, change, dF, carried, dZ)
        dA = cache.array("dA", A.shape, dY.dtype) if cache.needs_input_gradient else None
        affine_backward(dZ, A, self.W, self.dW, self.db, dA)
        dA_F = cache["dA_F"] = self.branch.backward(dF, cache.inside(self))
        if dA is None:
            return NO_GRADIENT
        dA += carried
        return np.add(dA, dA_F, out=dA)
