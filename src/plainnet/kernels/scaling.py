"""A factor for all numbers, and learned ones for each feature, the last axis."""

import numpy as np

from plainnet.kernels.arrays import Array, sum_rows
from plainnet.kernels.compiled import twin


@twin
def times(
    A: Array,
    factor: float,
    Y: Array,  # may be A
) -> Array:
    """Y = factor A."""
    return np.multiply(A, factor, out=Y, casting="same_kind")


def scale(
    A: Array,  # (..., n)
    gamma: Array,  # (n,)
    Y: Array,  # (..., n)
) -> Array:
    """Y = gamma A."""
    return np.multiply(A, gamma, out=Y)


def scale_backward(
    dY: Array,  # (..., n)
    A: Array,  # (..., n)
    gamma: Array,  # (n,)
    dgamma: Array,  # (n,)
    dA: Array | None,  # (..., n), may be dY
    product: Array,  # (..., n), scratch
) -> None:
    """dgamma = sum_i dY_i A_i, dA = gamma dY."""
    sum_rows(np.multiply(dY, A, out=product), dgamma)
    if dA is not None:
        np.multiply(dY, gamma, out=dA)


def prelu(
    Z: Array,  # (..., n)
    alpha: Array,  # (n,)
    A: Array,  # (..., n)
    above: Array,  # (..., n), scratch
) -> Array:
    """A = max(Z, 0) + alpha min(Z, 0)."""
    np.minimum(Z, 0, out=A)
    A *= alpha
    A += np.maximum(Z, 0, out=above)
    return A


def prelu_backward(
    dA: Array,  # (..., n)
    Z: Array,  # (..., n)
    alpha: Array,  # (n,)
    dalpha: Array,  # (n,)
    dZ: Array | None,  # (..., n), may be dA
    above: Array,  # (..., n), scratch
    product: Array,  # (..., n), scratch
    positive: Array,  # (..., n), booleans, scratch
) -> None:
    """dalpha = sum_i dA_i min(Z_i, 0), dZ = dA ([Z > 0] + alpha [Z <= 0])."""
    np.greater(Z, 0, out=positive)
    np.multiply(dA, positive, out=above)
    below = np.subtract(dA, above, out=product if dZ is None else dZ)
    sum_rows(np.multiply(below, Z, out=product), dalpha)
    if dZ is not None:
        dZ *= alpha
        np.add(dZ, above, out=dZ)


def mix(
    A: Array,  # (..., n)
    Z: Array,  # (..., n)
    alpha: Array,  # (n,)
    bend: Array,  # (..., n)
    Y: Array,  # (..., n)
) -> Array:
    """Y = Z + alpha bend, bend = A - Z."""
    np.subtract(A, Z, out=bend)
    np.multiply(bend, alpha, out=Y)
    return np.add(Y, Z, out=Y)


def mix_backward(
    dY: Array,  # (..., n)
    bend: Array,  # (..., n)
    alpha: Array,  # (n,)
    dalpha: Array,  # (n,)
    dA: Array,  # (..., n)
    straight: Array,  # (..., n), may be dY
    product: Array,  # (..., n), scratch
) -> None:
    """dalpha = sum_i dY_i bend_i, dA = alpha dY; straight = (1 - alpha) dY, the rest of dZ."""
    sum_rows(np.multiply(dY, bend, out=product), dalpha)
    np.multiply(dY, alpha, out=dA)
    np.subtract(dY, dA, out=straight)
