"""One learned number per feature, the last axis: a factor, a slope, the share of an activation."""

from collections.abc import Iterable

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError, require_number, require_type
from plainnet.initializers import Constant, HeNormal, Initializer
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.containers import Sequential
from plainnet.layers.dense import rows

BOOL = np.dtype(bool)


class Scale(Layer):
    """Y = gamma A, one learned factor per feature.

    At the end of a residual branch, with a small `initial`, it is LayerScale (Touvron et al. 2021,
    Going deeper with image transformers).

    Tensors
    -------
    gamma : (features,), from `initial`
    """

    gamma: Array
    dgamma: Array

    shown_by = WindowOfRows
    read_once = ("initial",)
    releases_arrays = True
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "gamma * A", r"Y = \gamma \odot A"),),
        backward=(
            Formula("dgamma", "(dY * A).sum(axis=0)", r"d\gamma = \sum_i dY_i \odot A_i"),
            Formula("dA", "gamma * dY", r"dA = \gamma \odot dY"),
        ),
    )

    def __init__(self, initial: float = 1.0) -> None:
        require_number("initial", initial)
        self.initial = initial

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("gamma", input_shape[-1:], Constant(self.initial))
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        return np.multiply(A, self.gamma, out=cache.array("Y", A.shape, A.dtype))

    def backward(self, dY: Array, cache: Cache) -> Array:
        A = cache["A"]
        product = np.multiply(dY, A, out=cache.array("product", A.shape, A.dtype))
        _sum_rows(product, cache, out=self.dgamma)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.multiply(dY, self.gamma, out=cache.gradient("dA", dY))


class PReLU(Layer):
    """A = Z above zero, alpha Z below, with a learned slope per feature (He et al. 2015).

    The slopes do not decay (section 2.1 there: decay would push them to zero, which is ReLU).

    Tensors
    -------
    alpha : (features,), from `initial`
    """

    alpha: Array
    dalpha: Array

    shown_by = WindowOfRows
    read_once = ("initial",)
    releases_arrays = True
    formulas = Formulas(
        input="Z",
        output="A",
        forward=(
            Formula(
                "A",
                "maximum(Z, 0) + alpha * minimum(Z, 0)",
                r"A = \max(Z, 0) + \alpha \odot \min(Z, 0)",
            ),
        ),
        backward=(
            Formula(
                "dalpha",
                "(dA * minimum(Z, 0)).sum(axis=0)",
                r"d\alpha = \sum_i dA_i \odot \min(Z_i, 0)",
            ),
            Formula(
                "dZ",
                "dA * where(Z > 0, 1, alpha)",
                r"dZ = dA \odot ([Z > 0] + \alpha \odot [Z \le 0])",
            ),
        ),
    )

    def __init__(self, initial: float = 0.25) -> None:
        require_number("initial", initial)
        self.initial = initial
        self.weight_initializer = HeNormal(initial)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("alpha", input_shape[-1:], Constant(self.initial))
        return input_shape

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = np.minimum(Z, 0, out=cache.array("A", Z.shape, Z.dtype))
        A *= self.alpha
        A += np.maximum(Z, 0, out=cache.array("above", Z.shape, Z.dtype))
        return A

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z = cache["Z"]
        positive = np.greater(Z, 0, out=cache.array("positive", Z.shape, BOOL))
        above = np.multiply(dA, positive, out=cache.array("above", Z.shape, Z.dtype))
        below = np.subtract(dA, above, out=cache.gradient("dZ", dA))
        product = np.multiply(below, Z, out=cache.array("product", Z.shape, Z.dtype))
        _sum_rows(product, cache, out=self.dalpha)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        below *= self.alpha
        return np.add(below, above, out=below)


class ParametricActivation(Layer):
    """Y = Z + alpha (g(Z) - Z): a learned share of an activation g in each feature.

    With alpha = 1 it is g, with alpha = 0 a straight line; a feature whose alpha goes to 0 needs no
    activation. Ben Dror et al. 2021 (Layer folding) write 1 - alpha for this alpha.

    Parameters
    ----------
    activation : Layer
        `Tanh()`, for example; any layer that returns the shape it gets.

    Tensors
    -------
    alpha : (features,), from 1
    """

    alpha: Array
    dalpha: Array

    shown_by = WindowOfRows
    releases_arrays = True
    formulas = Formulas(
        input="Z",
        output="Y",
        forward=(
            Formula("A", "layers(Z)", r"A = g(Z)"),
            Formula("Y", "Z + alpha * (A - Z)", r"Y = Z + \alpha \odot (A - Z)"),
        ),
        backward=(
            Formula(
                "dalpha", "(dY * (A - Z)).sum(axis=0)", r"d\alpha = \sum_i dY_i \odot (A_i - Z_i)"
            ),
            Formula(
                "dZ",
                "(1 - alpha) * dY + layers_back(alpha * dY)",
                r"dZ = (1 - \alpha) \odot dY + g'(Z) \odot \alpha \odot dY",
            ),
        ),
    )

    def __init__(self, activation: Layer) -> None:
        require_type("activation", activation, Layer)
        self.activation = activation
        self.branch = Sequential([activation])
        self.layers = self.branch.layers

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        output_shape = self.branch.place(self.name, input_shape)
        if output_shape != input_shape:
            raise ShapeError(
                f"needs an activation that returns the shape it gets, {input_shape}; it returns "
                f"{output_shape}"
            )
        self.declare("alpha", input_shape[-1:], Constant(1))
        return input_shape

    def suggest(self, following: Initializer) -> Initializer:
        return self.branch.suggest(following)

    def plan(self, own: Place) -> Iterable[Place]:
        """The activation may write over dA, which nobody else reads, but not over Z."""
        needed = own.needs_input_gradient
        yield Place("", self.branch, reuse_gradient=True, needs_input_gradient=needed)

    def forward(self, Z: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        A = cache["A"] = self.branch.forward(Z, inner)
        bend = np.subtract(A, Z, out=cache.array("bend", Z.shape, Z.dtype))
        Y = np.multiply(bend, self.alpha, out=cache.array("Y", Z.shape, Z.dtype))
        return np.add(Y, Z, out=Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        product = cache.array("product", dY.shape, dY.dtype)
        _sum_rows(np.multiply(dY, cache["bend"], out=product), cache, out=self.dalpha)
        dA = np.multiply(dY, self.alpha, out=cache.array("dA", dY.shape, dY.dtype))
        straight = np.subtract(dY, dA, out=cache.gradient("dZ", dY))
        inner = cache.inside(self)
        bent = self.branch.backward(dA, inner)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.add(straight, bent, out=straight)


def _sum_rows(A: Array, cache: Cache, out: Array) -> None:
    """The sum over all axes but the last."""
    np.dot(cache.ones(A.size // A.shape[-1], A.dtype), rows(A), out=out)
