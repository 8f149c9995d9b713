"""Activations: one function of one number, applied to every element; softmax, to every row.

Each forward formula stands directly above its derivative. `Z` is the pre-activation, `A` the
activation. An activation names the initializer that suits the weights below it.
"""

from math import pi, sqrt
from typing import Literal

import numpy as np

from plainnet import functions
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.memory import pieces
from plainnet.errors import require_number, require_one_of
from plainnet.initializers import GlorotUniform, HeNormal, LeCunNormal
from plainnet.layers.base import Array, Layer, Shape, expect_axes

BOOL = np.dtype(bool)
ZERO = {np.dtype(kind): np.zeros((), kind) for kind in (np.float32, np.float64)}
"""Zero as NumPy need not convert it: on 32 x 16 numbers that is a third of a ReLU's time."""


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
        return np.maximum(Z, ZERO[Z.dtype], out=cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        A = cache["A"]  # A > 0 where Z > 0, and Z may be written over by now
        positive = np.greater(A, ZERO[A.dtype], out=cache.array("positive", A.shape, BOOL))
        return np.multiply(dA, positive, out=cache.gradient("dZ", dA))


class LeakyReLU(Layer):
    """A = Z above zero, a Z below, with a = `negative_slope` (Maas et al. 2013)."""

    formulas = _elementwise(
        ("where(Z > 0, Z, negative_slope * Z)", r"A = \max(Z, 0) + a \min(Z, 0)"),
        ("dA * where(Z > 0, 1, negative_slope)", r"dZ = dA \odot ([Z > 0] + a [Z \le 0])"),
    )

    def __init__(self, negative_slope: float = 0.01) -> None:
        require_number("negative_slope", negative_slope, at_least=0, below=1)
        self.negative_slope = negative_slope
        self.weight_initializer = HeNormal(negative_slope)

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        A = cache.array("A", Z.shape, Z.dtype)
        np.multiply(Z, self.negative_slope, out=A)
        return np.maximum(Z, A, out=A)

    def backward(self, dA: Array, cache: Cache) -> Array:
        above, below = _split(dA, cache["Z"], cache)
        below *= self.negative_slope
        return np.add(above, below, out=above)


class ELU(Layer):
    """A = Z above zero, alpha (exp(Z) - 1) below (Clevert et al. 2016, equation 15)."""

    weight_initializer = HeNormal()
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

    def __init__(self, alpha: float = 1.0) -> None:
        require_number("alpha", alpha, at_least=0)
        self.alpha = alpha

    def forward(self, Z: Array, cache: Cache) -> Array:
        return _exponential_linear(Z, self.alpha, 1, cache)

    def backward(self, dA: Array, cache: Cache) -> Array:
        return _exponential_linear_backward(dA, self.alpha, 1, cache)


class SELU(Layer):
    """A = scale * ELU(Z; alpha), which keeps zero mean and unit variance as its fixed point.

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
        return _exponential_linear(Z, self.alpha, self.scale, cache)

    def backward(self, dA: Array, cache: Cache) -> Array:
        return _exponential_linear_backward(dA, self.alpha, self.scale, cache)


class GELU(Layer):
    """A = Z Phi(Z), Phi the standard normal distribution function (Hendrycks and Gimpel 2016).

    Parameters
    ----------
    approximate : {"none", "tanh"}
        "tanh" replaces Phi(Z) by (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (Z + 0.044715 Z^3), the
        paper's approximation; it differs by less than 0.0005 and is several times faster.
    """

    weight_initializer = HeNormal()

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        require_one_of("approximate", approximate, tuple(_GELU_FORMULAS))
        self.approximate = approximate
        self.formulas = _GELU_FORMULAS[approximate]

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        Phi = cache.array("Phi", Z.shape, Z.dtype)
        A = cache.array("A", Z.shape, Z.dtype)
        for z, phi, a in pieces(Z, Phi, A):
            if self.approximate == "none":
                functions.normal_cdf(z, phi, cache.array("work", (2, *z.shape), z.dtype))
            else:
                u = np.multiply(z, z, out=phi)
                u *= _GELU_CUBIC
                u += 1
                u *= z
                u *= _GELU_SCALE
                np.tanh(u, out=phi)
                phi += 1
                phi *= 0.5
            np.multiply(z, phi, out=a)
        return A

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z, Phi = cache["Z"], cache["Phi"]
        dZ = cache.gradient("dZ", dA)
        for z, phi, da, dz in pieces(Z, Phi, dA, dZ):
            slope = cache.array("slope", z.shape, z.dtype)  # of Phi
            if self.approximate == "none":
                functions.normal_pdf(z, slope)
            else:
                # Phi = (1 + tanh u) / 2, so dPhi/dZ = (1 - tanh^2 u) / 2 u' = 2 Phi (1 - Phi) u'.
                np.multiply(z, z, out=slope)
                slope *= 3 * _GELU_CUBIC
                slope += 1
                slope *= 2 * _GELU_SCALE
                slope *= phi
                slope *= np.subtract(1, phi, out=cache.array("rest", z.shape, z.dtype))
            slope *= z
            slope += phi
            np.multiply(da, slope, out=dz)
        return dZ


_GELU_SCALE = sqrt(2 / pi)
_GELU_CUBIC = 0.044715
_GELU_FORMULAS = {
    "none": _elementwise(
        ("Z * Phi(Z)", r"A = Z \odot \Phi(Z)"),
        ("dA * (Phi(Z) + Z * phi(Z))", r"dZ = dA \odot (\Phi(Z) + Z \odot \varphi(Z))"),
    ),
    "tanh": Formulas(
        "Z",
        "A",
        (
            Formula(
                "u",
                "sqrt(2 / pi) * (Z + 0.044715 * Z**3)",
                r"u = \sqrt{2/\pi}\,(Z + 0.044715\, Z^3)",
            ),
            Formula("A", "Z * (1 + tanh(u)) / 2", r"A = \tfrac12 Z \odot (1 + \tanh u)"),
        ),
        (
            Formula(
                "dZ",
                "dA * ((1 + tanh(u)) / 2"
                " + Z / 2 * (1 - tanh(u)**2) * sqrt(2 / pi) * (1 + 0.134145 * Z**2))",
                r"dZ = dA \odot (\tfrac12 (1 + \tanh u) + \tfrac12 Z \odot (1 - \tanh^2 u)"
                r" \sqrt{2/\pi}\,(1 + 0.134145\, Z^2))",
            ),
        ),
    ),
}


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
        sigma = functions.sigmoid(Z, cache.array("sigma", Z.shape, Z.dtype))
        return np.multiply(Z, sigma, out=cache.array("A", Z.shape, Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z, sigma = cache["Z"], cache["sigma"]
        slope = np.subtract(1, sigma, out=cache.array("slope", Z.shape, Z.dtype))
        slope *= Z
        slope += 1
        slope *= sigma
        return np.multiply(dA, slope, out=cache.gradient("dZ", dA))


class Mish(Layer):
    """A = Z tanh(softplus(Z)) (Misra 2019, equation 1).

    With e = exp(Z) and n = e (e + 2): tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1) =
    n / (n + 2), which needs one exponential and no logarithm.
    """

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
        e = np.minimum(Z, 20, out=cache.array("exp", Z.shape, Z.dtype))  # n / (n + 2) is 1 there
        np.exp(e, out=e)
        T = np.add(e, 2, out=cache.array("T", Z.shape, Z.dtype))
        T *= e
        A = np.add(T, 2, out=cache.array("A", Z.shape, Z.dtype))
        T /= A
        return np.multiply(Z, T, out=A)

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z, T, e = cache["Z"], cache["T"], cache["exp"]
        sigma = np.add(e, 1, out=cache.array("sigma", Z.shape, Z.dtype))
        np.divide(e, sigma, out=sigma)
        slope = np.multiply(T, T, out=cache.array("slope", Z.shape, Z.dtype))
        np.subtract(1, slope, out=slope)
        slope *= sigma
        slope *= Z
        slope += T
        return np.multiply(dA, slope, out=cache.gradient("dZ", dA))


class Sigmoid(Layer):
    """A = 1 / (1 + exp(-Z))."""

    weight_initializer = GlorotUniform()
    formulas = _elementwise(
        ("1 / (1 + exp(-Z))", r"A = \frac{1}{1 + e^{-Z}}"),
        ("dA * A * (1 - A)", r"dZ = dA \odot A \odot (1 - A)"),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return functions.sigmoid(Z, cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        A = cache["A"]
        slope = np.subtract(1, A, out=cache.array("slope", A.shape, A.dtype))
        slope *= A
        return np.multiply(dA, slope, out=cache.gradient("dZ", dA))


class Tanh(Layer):
    """A = tanh(Z)."""

    weight_initializer = GlorotUniform()
    formulas = _elementwise(
        ("tanh(Z)", r"A = \tanh(Z)"), ("dA * (1 - A**2)", r"dZ = dA \odot (1 - A^2)")
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        return np.tanh(Z, out=cache.output("A", Z))

    def backward(self, dA: Array, cache: Cache) -> Array:
        A = cache["A"]
        slope = np.multiply(A, A, out=cache.array("slope", A.shape, A.dtype))
        np.subtract(1, slope, out=slope)
        return np.multiply(dA, slope, out=cache.gradient("dZ", dA))


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
        return functions.softplus(Z, A, cache.array("work", Z.shape, Z.dtype))

    def backward(self, dA: Array, cache: Cache) -> Array:
        Z = cache["Z"]
        slope = functions.sigmoid(Z, cache.array("slope", Z.shape, Z.dtype))
        return np.multiply(dA, slope, out=cache.gradient("dZ", dA))


class Softmax(Layer):
    """A_j = exp(Z_j) / sum_k exp(Z_k) over the last axis.

    As the last step before a cross-entropy, leave it out: the loss has it built in, and the two
    together are both simpler and exact where either alone would round to zero.
    """

    weight_initializer = GlorotUniform()
    formulas = _elementwise(
        (
            "exp(Z - Z.max(axis=-1, keepdims=True))"
            " / exp(Z - Z.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)",
            r"A_j = \frac{e^{Z_j - \max_k Z_k}}{\sum_k e^{Z_k - \max_k Z_k}}",
        ),
        (
            "A * (dA - (dA * A).sum(axis=-1, keepdims=True))",
            r"dZ_j = A_j (dA_j - \sum_k dA_k A_k)",
        ),
    )

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., classes)")
        return input_shape

    def forward(self, Z: Array, cache: Cache) -> Array:
        A = cache.output("A", Z)
        per_row = cache.array("per_row", (*Z.shape[:-1], 1), Z.dtype)
        np.subtract(Z, np.maximum.reduce(Z, axis=-1, keepdims=True, out=per_row), out=A)
        np.exp(A, out=A)
        A /= np.add.reduce(A, axis=-1, keepdims=True, out=per_row)
        return A

    def backward(self, dA: Array, cache: Cache) -> Array:
        A = cache["A"]
        product = np.multiply(dA, A, out=cache.array("product", A.shape, A.dtype))
        per_row = cache.array("per_row", (*A.shape[:-1], 1), A.dtype)
        np.add.reduce(product, axis=-1, keepdims=True, out=per_row)
        dZ = np.subtract(dA, per_row, out=cache.gradient("dZ", dA))
        dZ *= A
        return dZ


# --- what the piecewise activations share ---------------------------------------------------------


def _split(dA: Array, Z: Array, cache: Cache) -> tuple[Array, Array]:
    """dA where Z > 0 and 0 elsewhere, and the rest of it. The first may lie over dA."""
    positive = np.greater(Z, 0, out=cache.array("positive", Z.shape, BOOL))
    negative = np.logical_not(positive, out=cache.array("negative", Z.shape, BOOL))
    below = np.multiply(dA, negative, out=cache.array("below", dA.shape, dA.dtype))
    above = np.multiply(dA, positive, out=cache.gradient("dZ", dA))
    return above, below


def _exponential_linear(Z: Array, alpha: float, scale: float, cache: Cache) -> Array:
    """scale * (max(Z, 0) + alpha (exp(min(Z, 0)) - 1))."""
    cache["Z"] = Z
    A = np.minimum(Z, 0, out=cache.array("A", Z.shape, Z.dtype))
    np.expm1(A, out=A)
    A *= alpha
    above = np.maximum(Z, 0, out=cache.array("above", Z.shape, Z.dtype))
    A += above
    A *= scale
    return A


def _exponential_linear_backward(dA: Array, alpha: float, scale: float, cache: Cache) -> Array:
    """scale * dA * ([Z > 0] + alpha exp(Z) [Z <= 0])."""
    Z = cache["Z"]
    slope = np.minimum(Z, 0, out=cache.array("slope", Z.shape, Z.dtype))
    np.exp(slope, out=slope)
    slope *= alpha
    above, below = _split(dA, Z, cache)
    below *= slope
    above += below
    above *= scale
    return above
