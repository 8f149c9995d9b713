"""One learned number per feature (the last axis): a factor, a slope, a share of an activation."""

from collections.abc import Iterable

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError, require_number, require_type
from plainnet.initializers import Constant, HeNormal, Initializer
from plainnet.kernels.scaling import mix, mix_backward, prelu, prelu_backward, scale, scale_backward
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.containers.sequential import Sequential

BOOL = np.dtype(bool)


class Scale(Layer):
    """Y = gamma A, one learned factor per feature.

    At the end of a residual branch, with a small `initial`, it is LayerScale (Touvron et al. 2021,
    Going deeper with image transformers).

    Tensors
    -------
    gamma : (features,), initially `initial`
    """

    gamma: Array
    dgamma: Array

    shown_by = WindowOfRows
    read_once = ("initial",)
    releases_arrays = True

    def __init__(self, initial: float = 1.0) -> None:
        require_number("initial", initial)
        self.initial = initial

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("gamma", input_shape[-1:], Constant(self.initial))
        return input_shape

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "gamma * A", r"Y = \gamma \odot A"),),
        backward=(
            Formula("dgamma", "(dY * A).sum(axis=0)", r"d\gamma = \sum_i dY_i \odot A_i"),
            Formula("dA", "gamma * dY", r"dA = \gamma \odot dY"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        return scale(A, self.gamma, cache.array("Y", A.shape, A.dtype))

    def backward(self, dY: Array, cache: Cache) -> Array:
        A = cache["A"]
        dA = cache.gradient("dA", dY) if cache.needs_input_gradient else None
        product = cache.array("product", A.shape, A.dtype)
        scale_backward(dY, A, self.gamma, self.dgamma, dA, product)
        return NO_GRADIENT if dA is None else dA


class PReLU(Layer):
    """A = Z above zero, alpha Z below, with a learned slope per feature (He et al. 2015).

    The slopes do not decay (section 2.1 of the paper: decay would push them to zero, which is
    ReLU).

    Tensors
    -------
    alpha : (features,), initially `initial`
    """

    alpha: Array
    dalpha: Array

    shown_by = WindowOfRows
    read_once = ("initial",)
    releases_arrays = True

    def __init__(self, initial: float = 0.25) -> None:
        require_number("initial", initial)
        self.initial = initial
        self.weight_initializer = HeNormal(initial)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        self.declare("alpha", input_shape[-1:], Constant(self.initial))
        return input_shape

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

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = cache.array("A", Z.shape, Z.dtype)
        above = cache.array("above", Z.shape, Z.dtype)
        return prelu(Z, self.alpha, A, above)

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z = cache["Z"]
        dZ = cache.gradient("dZ", dA) if cache.needs_input_gradient else None
        above = cache.array("above", Z.shape, Z.dtype)
        product = cache.array("product", Z.shape, Z.dtype)
        positive = cache.array("positive", Z.shape, BOOL)
        prelu_backward(dA, Z, self.alpha, self.dalpha, dZ, above, product, positive)
        return NO_GRADIENT if dZ is None else dZ


class ParametricActivation(Layer):
    """Y = Z + alpha (g(Z) - Z): a learned share of an activation g in each feature.

    With alpha = 1 it is g, with alpha = 0 the identity; a feature whose alpha goes to 0 needs no
    activation. Ben Dror et al. 2021 (Layer folding) write 1 - alpha for this alpha.

    Parameters
    ----------
    activation : Layer
        `Tanh()`, for example; any layer that returns the shape it gets.

    Tensors
    -------
    alpha : (features,), initially 1
    """

    alpha: Array
    dalpha: Array

    shown_by = WindowOfRows
    releases_arrays = True

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
            Formula("dA", "alpha * dY", r"dA = \alpha \odot dY"),
            Formula("bent", "layers_back(dA)", r"b = g'(Z) \odot dA"),
            Formula("dZ", "(1 - alpha) * dY + bent", r"dZ = (1 - \alpha) \odot dY + b"),
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        A = cache["A"] = self.branch.forward(Z, cache.inside(self))
        bend = cache.array("bend", Z.shape, Z.dtype)
        Y = cache.array("Y", Z.shape, Z.dtype)
        return mix(A, Z, self.alpha, bend, Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = cache.array("dA", dY.shape, dY.dtype)
        product = cache.array("product", dY.shape, dY.dtype)
        straight = cache.gradient("dZ", dY)
        mix_backward(dY, cache["bend"], self.alpha, self.dalpha, dA, straight, product)
        bent = cache["bent"] = self.branch.backward(dA, cache.inside(self))
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.add(straight, bent, out=straight)
