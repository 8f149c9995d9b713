"""Activations: functions of one number, applied to every element; softmax, to every row.

`Z` is the pre-activation, `A` the activation. An activation names the initializer that suits the
weights below it.
"""

from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_number, require_one_of
from plainnet.initializers import GlorotUniform, HeNormal, LeCunNormal
from plainnet.kernels.activations import (
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    gelu_tanh,
    gelu_tanh_backward,
    leaky_relu,
    leaky_relu_backward,
    mish,
    mish_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from plainnet.kernels.pieces import piece_size
from plainnet.kernels.softmax import softmax, softmax_backward
from plainnet.layers.base import Array, Layer, Shape, expect_axes

BOOL = np.dtype(bool)


def _elementwise(A: tuple[str, str], dZ: tuple[str, str]) -> Formulas:
    """The formulas of A = g(Z), each as (plain, LaTeX)."""
    return Formulas("Z", "A", (Formula("A", *A),), (Formula("dZ", *dZ),))


class Identity(Layer):
    """A = Z."""

    formulas = _elementwise(("Z", "A = Z"), ("dA", "dZ = dA"))

    def forward(self, Z: Array, cache: Cache) -> Array:
        return Z

    def backward(self, dA: Array, cache: Cache) -> Array:
        return dA


class ReLU(Layer):
    """A = max(Z, 0) (Nair and Hinton 2010)."""

    weight_initializer = HeNormal()
    formulas = _elementwise(
        ("maximum(Z, 0)", r"A = \max(Z, 0)"), ("dA * (Z > 0)", r"dZ = dA \odot [Z > 0]")
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return relu(Z, cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        A = cache["A"]  # A > 0 where Z > 0, and Z may be written over by now
        positive = cache.array("positive", A.shape, BOOL)
        return relu_backward(dA, A, cache.gradient("dZ", dA), positive)


class LeakyReLU(Layer):
    """A = Z above zero, a Z below, with a = `negative_slope` (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        require_number("negative_slope", negative_slope, at_least=0, below=1)
        self.negative_slope = negative_slope
        self.weight_initializer = HeNormal(negative_slope)

    formulas = _elementwise(
        ("where(Z > 0, Z, negative_slope * Z)", r"A = \max(Z, 0) + a \min(Z, 0)"),
        ("dA * where(Z > 0, 1, negative_slope)", r"dZ = dA \odot ([Z > 0] + a [Z \le 0])"),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        return leaky_relu(Z, self.negative_slope, cache.array("A", Z.shape, Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        below = cache.array("below", dA.shape, dA.dtype)
        positive = cache.array("positive", dA.shape, BOOL)
        negative = cache.array("negative", dA.shape, BOOL)
        dZ = cache.gradient("dZ", dA)
        slope = self.negative_slope
        return leaky_relu_backward(dA, cache["Z"], slope, dZ, below, positive, negative)


class ELU(Layer):
    """A = Z above zero, alpha (exp(Z) - 1) below (Clevert et al. 2016, equation 15)."""

    weight_initializer = HeNormal()

    def __init__(self, alpha: float = 1.0) -> None:
        require_number("alpha", alpha, at_least=0)
        self.alpha = alpha

    formulas = _elementwise(
        (
            "where(Z > 0, Z, alpha * expm1(minimum(Z, 0)))",
            r"A = \max(Z, 0) + \alpha (e^{\min(Z, 0)} - 1)",
        ),
        (
            "dA * where(Z > 0, 1, alpha * exp(minimum(Z, 0)))",
            r"dZ = dA \odot ([Z > 0] + \alpha e^Z [Z \le 0])",
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return _elu(Z, self.alpha, 1, cache)

    def backward(self, dA: Array, cache: Cache) -> Array:
        return _elu_backward(dA, self.alpha, 1, cache)


class SELU(Layer):
    """A = scale * ELU(Z; alpha), which has zero mean and unit variance as a fixed point.

    The constants are those of Klambauer et al. 2017, equation 2 and appendix 1.
    """

    alpha = 1.6732632423543772848170429916717
    scale = 1.0507009873554804934193349852946
    weight_initializer = LeCunNormal()
    formulas = _elementwise(
        (
            "scale * where(Z > 0, Z, alpha * expm1(minimum(Z, 0)))",
            r"A = \lambda (\max(Z, 0) + \alpha (e^{\min(Z, 0)} - 1))",
        ),
        (
            "dA * scale * where(Z > 0, 1, alpha * exp(minimum(Z, 0)))",
            r"dZ = \lambda\, dA \odot ([Z > 0] + \alpha e^Z [Z \le 0])",
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return _elu(Z, self.alpha, self.scale, cache)

    def backward(self, dA: Array, cache: Cache) -> Array:
        return _elu_backward(dA, self.alpha, self.scale, cache)


EXACT, BY_TANH = "approximate == 'none'", "approximate == 'tanh'"


class GELU(Layer):
    """A = Z Phi(Z), Phi the standard normal distribution function (Hendrycks and Gimpel 2016).

    Parameters
    ----------
    approximate : {"none", "tanh"}
        "tanh" replaces Phi(Z) by (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (Z + 0.044715 Z^3), the
        paper's approximation; A differs by less than 0.0005, and it is several times faster.
    """

    weight_initializer = HeNormal()

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        require_one_of("approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    formulas = Formulas(
        input="Z",
        output="A",
        forward=(
            Formula("A", "Z * Phi(Z)", r"A = Z \odot \Phi(Z)", when=EXACT),
            Formula(
                "u",
                "sqrt(2 / pi) * (Z + 0.044715 * Z**3)",
                r"u = \sqrt{2/\pi}\,(Z + 0.044715\, Z^3)",
                when=BY_TANH,
            ),
            Formula(
                "A",
                "Z * (1 + tanh(u)) / 2",
                r"A = \tfrac12 Z \odot (1 + \tanh u)",
                when=BY_TANH,
            ),
        ),
        backward=(
            Formula(
                "dZ",
                "dA * (Phi(Z) + Z * phi(Z))",
                r"dZ = dA \odot (\Phi(Z) + Z \odot \varphi(Z))",
                when=EXACT,
            ),
            Formula(
                "dZ",
                "dA * ((1 + tanh(u)) / 2"
                " + Z / 2 * (1 - tanh(u)**2) * sqrt(2 / pi) * (1 + 0.134145 * Z**2))",
                r"dZ = dA \odot (\tfrac12 (1 + \tanh u) + \tfrac12 Z \odot (1 - \tanh^2 u)"
                r" \sqrt{2/\pi}\,(1 + 0.134145\, Z^2))",
                when=BY_TANH,
            ),
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = cache.array("A", Z.shape, Z.dtype)
        Phi = cache.kept("Phi", or_in=A)
        if self.approximate == "tanh":
            return gelu_tanh(Z, Phi, A)
        return gelu(Z, Phi, A, cache.array("work", (2 * piece_size(Z),), Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z, Phi, dZ = cache["Z"], cache["Phi"], cache.gradient("dZ", dA)
        slope = cache.array("slope", (max(piece_size(Z), piece_size(dA)),), dA.dtype)
        if self.approximate == "tanh":
            rest = cache.array("rest", slope.shape, slope.dtype)
            return gelu_tanh_backward(dA, Z, Phi, dZ, slope, rest)
        return gelu_backward(dA, Z, Phi, dZ, slope)


class SiLU(Layer):
    """A = Z sigmoid(Z), also called swish (Elfwing et al. 2018, equation 5)."""

    weight_initializer = HeNormal()
    formulas = _elementwise(
        ("Z * sigmoid(Z)", r"A = Z \odot \sigma(Z)"),
        (
            "dA * sigmoid(Z) * (1 + Z * (1 - sigmoid(Z)))",
            r"dZ = dA \odot \sigma(Z) \odot (1 + Z \odot (1 - \sigma(Z)))",
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = cache.array("A", Z.shape, Z.dtype)
        return silu(Z, cache.kept("sigma", or_in=A), A)

    def backward(self, dA: Array, cache: Cache) -> Array:
        slope = cache.array("slope", dA.shape, dA.dtype)
        return silu_backward(dA, cache["Z"], cache["sigma"], cache.gradient("dZ", dA), slope)


class Mish(Layer):
    """A = Z tanh(softplus(Z)) (Misra 2019, equation 1)."""

    weight_initializer = HeNormal()
    formulas = _elementwise(
        ("Z * tanh(softplus(Z))", r"A = Z \odot \tanh(\zeta(Z))"),
        (
            "dA * (tanh(softplus(Z)) + Z * (1 - tanh(softplus(Z))**2) * sigmoid(Z))",
            r"dZ = dA \odot (\tanh \zeta(Z) + Z \odot (1 - \tanh^2 \zeta(Z)) \odot \sigma(Z))",
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        e = cache.array("e", Z.shape, Z.dtype)
        T = cache.array("T", Z.shape, Z.dtype)
        return mish(Z, e, T, cache.array("A", Z.shape, Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z, e, T = cache["Z"], cache["e"], cache["T"]
        sigma = cache.array("sigma", Z.shape, Z.dtype)
        slope = cache.array("slope", Z.shape, Z.dtype)
        return mish_backward(dA, Z, e, T, cache.gradient("dZ", dA), sigma, slope)


class Sigmoid(Layer):
    """A = 1 / (1 + exp(-Z))."""

    weight_initializer = GlorotUniform()
    formulas = _elementwise(
        ("1 / (1 + exp(-Z))", r"A = \frac{1}{1 + e^{-Z}}"),
        ("dA * A * (1 - A)", r"dZ = dA \odot A \odot (1 - A)"),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return sigmoid(Z, cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        slope = cache.array("slope", dA.shape, dA.dtype)
        return sigmoid_backward(dA, cache["A"], cache.gradient("dZ", dA), slope)


class Tanh(Layer):
    """A = tanh(Z)."""

    weight_initializer = GlorotUniform()
    formulas = _elementwise(
        ("tanh(Z)", r"A = \tanh(Z)"), ("dA * (1 - A**2)", r"dZ = dA \odot (1 - A^2)")
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return tanh(Z, cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        slope = cache.array("slope", dA.shape, dA.dtype)
        return tanh_backward(dA, cache["A"], cache.gradient("dZ", dA), slope)


class Softplus(Layer):
    """A = log(1 + exp(Z)), a ReLU with a rounded corner (Dugas et al. 2001)."""

    weight_initializer = HeNormal()
    formulas = _elementwise(
        ("log1p(exp(-abs(Z))) + maximum(Z, 0)", r"A = \log(1 + e^Z)"),
        ("dA * sigmoid(Z)", r"dZ = dA \odot \sigma(Z)"),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = cache.array("A", Z.shape, Z.dtype)
        return softplus(Z, A, cache.array("above", Z.shape, Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        slope = cache.array("slope", dA.shape, dA.dtype)
        return softplus_backward(dA, cache["Z"], cache.gradient("dZ", dA), slope)


class Softmax(Layer):
    """A_j = exp(Z_j) / sum_k exp(Z_k) over the last axis.

    Leave it out before a cross-entropy, which has it built in: the two together are simpler, and
    exact where either alone would round to zero.
    """

    weight_initializer = GlorotUniform()

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., classes)")
        return input_shape

    formulas = Formulas(
        input="Z",
        output="A",
        forward=(
            Formula("E", "exp(Z - Z.max(axis=-1, keepdims=True))", r"E_j = e^{Z_j - \max_k Z_k}"),
            Formula("A", "E / E.sum(axis=-1, keepdims=True)", r"A_j = E_j / \sum_k E_k"),
        ),
        backward=(
            Formula(
                "dZ",
                "A * (dA - (dA * A).sum(axis=-1, keepdims=True))",
                r"dZ_j = A_j (dA_j - \sum_k dA_k A_k)",
            ),
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        per_row = cache.array("per_row", (*Z.shape[:-1], 1), Z.dtype)
        return softmax(Z, cache.output("A", Z), per_row)

    def backward(self, dA: Array, cache: Cache) -> Array:
        product = cache.array("product", dA.shape, dA.dtype)
        per_row = cache.array("per_row", (*dA.shape[:-1], 1), dA.dtype)
        return softmax_backward(dA, cache["A"], cache.gradient("dZ", dA), product, per_row)


# --- what ELU and SELU share ----------------------------------------------------------------------


def _elu(Z: Array, alpha: float, scale: float, cache: Cache) -> Array:
    cache["Z"] = Z
    A = cache.array("A", Z.shape, Z.dtype)
    return elu(Z, alpha, scale, A, cache.array("above", Z.shape, Z.dtype))


def _elu_backward(dA: Array, alpha: float, scale: float, cache: Cache) -> Array:
    slope = cache.array("slope", dA.shape, dA.dtype)
    below = cache.array("below", dA.shape, dA.dtype)
    positive = cache.array("positive", dA.shape, BOOL)
    negative = cache.array("negative", dA.shape, BOOL)
    dZ = cache.gradient("dZ", dA)
    return elu_backward(dA, cache["Z"], alpha, scale, dZ, slope, below, positive, negative)
