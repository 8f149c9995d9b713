"""Functions of one number, applied to every element, each with its derivative directly below.

All arrays of a function have the same shape. Each returns A or dZ.
"""

from math import sqrt

import numpy as np

from plainnet.kernels.arrays import Array, shaped
from plainnet.kernels.compiled import twin
from plainnet.kernels.normal import normal_cdf, normal_pdf
from plainnet.kernels.pieces import pieces

ZERO = {np.dtype(kind): np.zeros((), kind) for kind in (np.float32, np.float64)}
"""Zero as NumPy need not convert it: on 32 x 16 numbers that is a third of a ReLU's time."""

LARGEST_EXPONENT = {np.dtype(np.float32): 88.0, np.dtype(np.float64): 709.0}
"""exp() of more than this overflows: log of the largest number, rounded down."""


@twin
def relu(
    Z: Array,
    A: Array,  # may be Z
) -> Array:
    """A = max(Z, 0)."""
    return np.maximum(Z, ZERO[Z.dtype], out=A)


@twin
def relu_backward(
    dA: Array,
    A: Array,
    dZ: Array,  # may be dA
    positive: Array,  # booleans, scratch
) -> Array:
    """dZ = dA [Z > 0], where A > 0 says the same as Z > 0."""
    np.greater(A, ZERO[A.dtype], out=positive)
    return np.multiply(dA, positive, out=dZ)


@twin
def leaky_relu(Z: Array, slope: float, A: Array) -> Array:
    """A = max(Z, slope Z), for a slope from 0 to 1."""
    np.multiply(Z, slope, out=A)
    return np.maximum(Z, A, out=A)


@twin
def leaky_relu_backward(
    dA: Array,
    Z: Array,
    slope: float,
    dZ: Array,  # may be dA
    below: Array,  # scratch
    positive: Array,  # booleans, scratch
    negative: Array,  # booleans, scratch
) -> Array:
    """dZ = dA [Z > 0] + slope dA [Z <= 0]."""
    _split(dA, Z, dZ, below, positive, negative)
    below *= slope
    return np.add(dZ, below, out=dZ)


@twin
def elu(
    Z: Array,
    alpha: float,
    scale: float,
    A: Array,
    above: Array,  # scratch
) -> Array:
    """A = scale (max(Z, 0) + alpha (exp(min(Z, 0)) - 1)).

    In float32, exp(z) - 1 = 2t / (1 - t) with t = tanh(z / 2), right to 2e-7 of itself for z <= 0:
    without AVX-512, NumPy's expm1 takes several times as long.
    """
    np.minimum(Z, 0, out=A)
    if A.dtype == np.float32:
        A *= 0.5
        np.tanh(A, out=A)
        np.subtract(1, A, out=above)
        A *= 2 * alpha
        A /= above
    else:
        np.expm1(A, out=A)
        A *= alpha
    A += np.maximum(Z, 0, out=above)
    A *= scale
    return A


@twin
def elu_backward(
    dA: Array,
    Z: Array,
    alpha: float,
    scale: float,
    dZ: Array,  # may be dA
    slope: Array,  # scratch
    below: Array,  # scratch
    positive: Array,  # booleans, scratch
    negative: Array,  # booleans, scratch
) -> Array:
    """dZ = scale dA ([Z > 0] + alpha exp(Z) [Z <= 0])."""
    np.minimum(Z, 0, out=slope)
    np.exp(slope, out=slope)
    slope *= alpha
    _split(dA, Z, dZ, below, positive, negative)
    below *= slope
    dZ += below
    dZ *= scale
    return dZ


def _split(
    dA: Array, Z: Array, above: Array, below: Array, positive: Array, negative: Array
) -> None:
    """dA where Z > 0 and 0 elsewhere, and the rest of it. `above` may be dA."""
    np.greater(Z, 0, out=positive)
    np.logical_not(positive, out=negative)
    np.multiply(dA, negative, out=below)
    np.multiply(dA, positive, out=above)


@twin
def gelu(
    Z: Array,
    Phi: Array,  # may be A
    A: Array,
    work: Array,  # (2 piece_size(Z),), scratch
) -> Array:
    """A = Z Phi(Z), Phi the normal distribution function."""
    for z, phi, a in pieces(Z, Phi, A):
        normal_cdf(z, phi, shaped(work, (2, *z.shape)))
        np.multiply(z, phi, out=a)
    return A


@twin
def gelu_backward(
    dA: Array,
    Z: Array,
    Phi: Array,
    dZ: Array,  # may be dA
    slope: Array,  # (max(piece_size(Z), piece_size(dA)),), scratch
) -> Array:
    """dZ = dA (Phi(Z) + Z phi(Z)), phi the normal density."""
    for z, phi, da, dz in pieces(Z, Phi, dA, dZ):
        s = normal_pdf(z, shaped(slope, z.shape))
        s *= z
        s += phi
        np.multiply(da, s, out=dz)
    return dZ


_GELU_SCALE = sqrt(2 / np.pi)
_GELU_CUBIC = 0.044715


@twin
def gelu_tanh(
    Z: Array,
    Phi: Array,  # may be A
    A: Array,
) -> Array:
    """A = Z Phi with Phi = (1 + tanh(u)) / 2, u = sqrt(2 / pi) (Z + 0.044715 Z^3)."""
    for z, phi, a in pieces(Z, Phi, A):
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


@twin
def gelu_tanh_backward(
    dA: Array,
    Z: Array,
    Phi: Array,
    dZ: Array,  # may be dA
    slope: Array,  # (max(piece_size(Z), piece_size(dA)),), scratch
    rest: Array,  # (max(piece_size(Z), piece_size(dA)),), scratch
) -> Array:
    """dZ = dA (Phi + Z Phi'), Phi' = (1 - tanh(u)^2) / 2 u' = 2 Phi (1 - Phi) u'."""
    for z, phi, da, dz in pieces(Z, Phi, dA, dZ):
        s = np.multiply(z, z, out=shaped(slope, z.shape))
        s *= 3 * _GELU_CUBIC
        s += 1
        s *= 2 * _GELU_SCALE
        s *= phi
        s *= np.subtract(1, phi, out=shaped(rest, z.shape))
        s *= z
        s += phi
        np.multiply(da, s, out=dz)
    return dZ


@twin
def silu(
    Z: Array,
    sigma: Array,  # may be A
    A: Array,
) -> Array:
    """A = Z sigma, sigma = sigmoid(Z)."""
    return np.multiply(Z, sigmoid(Z, sigma), out=A)


@twin
def silu_backward(
    dA: Array,
    Z: Array,
    sigma: Array,
    dZ: Array,  # may be dA
    slope: Array,  # scratch
) -> Array:
    """dZ = dA sigma (1 + Z (1 - sigma))."""
    np.subtract(1, sigma, out=slope)
    slope *= Z
    slope += 1
    slope *= sigma
    return np.multiply(dA, slope, out=dZ)


@twin
def mish(Z: Array, e: Array, T: Array, A: Array) -> Array:
    """A = Z T, T = tanh(log(1 + e)) = n / (n + 2) with e = exp(Z) and n = e (e + 2).

    That is ((1 + e)^2 - 1) / ((1 + e)^2 + 1), which needs one exponential and no logarithm.
    """
    np.minimum(Z, 20, out=e)  # n / (n + 2) is 1 there
    np.exp(e, out=e)
    np.add(e, 2, out=T)
    T *= e
    T /= np.add(T, 2, out=A)
    return np.multiply(Z, T, out=A)


@twin
def mish_backward(
    dA: Array,
    Z: Array,
    e: Array,
    T: Array,
    dZ: Array,  # may be dA
    sigma: Array,  # scratch
    slope: Array,  # scratch
) -> Array:
    """dZ = dA (T + Z (1 - T^2) sigma), sigma = sigmoid(Z) = e / (1 + e)."""
    np.add(e, 1, out=sigma)
    np.divide(e, sigma, out=sigma)
    np.multiply(T, T, out=slope)
    np.subtract(1, slope, out=slope)
    slope *= sigma
    slope *= Z
    slope += T
    return np.multiply(dA, slope, out=dZ)


@twin
def sigmoid(
    Z: Array,
    A: Array,  # may be Z
) -> Array:
    """A = 1 / (1 + exp(-Z)), accurate in both tails."""
    np.negative(Z, out=A)
    np.minimum(A, LARGEST_EXPONENT[A.dtype], out=A)
    np.exp(A, out=A)
    A += 1
    return np.reciprocal(A, out=A)


@twin
def sigmoid_backward(
    dA: Array,
    A: Array,
    dZ: Array,  # may be dA
    slope: Array,  # scratch
) -> Array:
    """dZ = dA A (1 - A)."""
    np.subtract(1, A, out=slope)
    slope *= A
    return np.multiply(dA, slope, out=dZ)


@twin
def tanh(
    Z: Array,
    A: Array,  # may be Z
) -> Array:
    """A = (e^Z - e^-Z) / (e^Z + e^-Z)."""
    return np.tanh(Z, out=A)


@twin
def tanh_backward(
    dA: Array,
    A: Array,
    dZ: Array,  # may be dA
    slope: Array,  # scratch
) -> Array:
    """dZ = dA (1 - A^2)."""
    np.multiply(A, A, out=slope)
    np.subtract(1, slope, out=slope)
    return np.multiply(dA, slope, out=dZ)


@twin
def softplus(
    Z: Array,
    A: Array,
    above: Array,  # scratch
) -> Array:
    """A = log(1 + exp(Z)) = log1p(exp(-|Z|)) + max(Z, 0)."""
    np.abs(Z, out=A)
    np.negative(A, out=A)
    np.exp(A, out=A)
    np.log1p(A, out=A)
    np.maximum(Z, 0, out=above)
    A += above
    return A


@twin
def softplus_backward(
    dA: Array,
    Z: Array,
    dZ: Array,  # may be dA
    slope: Array,  # scratch
) -> Array:
    """dZ = dA sigmoid(Z)."""
    return np.multiply(dA, sigmoid(Z, slope), out=dZ)
