"""Gates: a sigmoid decides, number by number, how much passes. All arrays have one shape."""

import numpy as np

from plainnet.kernels.activations import sigmoid
from plainnet.kernels.arrays import Array


def glu(U: Array, V: Array, T: Array, Y: Array) -> Array:
    """Y = U T, T = sigmoid(V)."""
    return np.multiply(U, sigmoid(V, T), out=Y)


def glu_backward(
    dY: Array,
    U: Array,
    T: Array,
    dU: Array,
    dV: Array,
    slope: Array,  # scratch
) -> None:
    """dU = dY T, dV = dY U T (1 - T)."""
    np.multiply(dY, T, out=dU)
    np.subtract(1, T, out=slope)
    slope *= U
    slope *= dY
    np.multiply(slope, T, out=dV)


def swiglu(U: Array, V: Array, T: Array, swish: Array, Y: Array) -> Array:
    """Y = swish V, swish = U T, T = sigmoid(U)."""
    np.multiply(U, sigmoid(U, T), out=swish)
    return np.multiply(swish, V, out=Y)


def swiglu_backward(
    dY: Array,
    V: Array,
    T: Array,
    swish: Array,
    dU: Array,
    dV: Array,
    slope: Array,  # scratch
) -> None:
    """dU = dY V (T + swish (1 - T)), the derivative of U T; dV = dY swish."""
    np.multiply(dY, swish, out=dV)
    np.subtract(1, T, out=slope)
    slope *= swish
    slope += T
    slope *= V
    np.multiply(dY, slope, out=dU)


def highway(F: Array, A: Array, Z: Array, change: Array, T: Array, Y: Array) -> Array:
    """Y = T F + (1 - T) A = A + T change, T = sigmoid(Z) and change = F - A."""
    np.subtract(F, A, out=change)
    np.multiply(sigmoid(Z, T), change, out=Y)
    return np.add(Y, A, out=Y)


def highway_backward(
    dY: Array, T: Array, change: Array, dF: Array, carried: Array, dZ: Array
) -> None:
    """dF = dY T; carried = dY (1 - T), the direct way to dA; dZ = dY change T (1 - T)."""
    np.multiply(dY, T, out=dF)
    np.subtract(dY, dF, out=carried)
    np.multiply(carried, T, out=dZ)
    dZ *= change
