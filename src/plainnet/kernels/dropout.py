"""Dropout: numbers set to zero at random, the others enlarged so that the mean stays."""

import numpy as np

from plainnet.kernels.arrays import Array


def dropout(
    A: Array,  # (m, ...)
    rate: float,
    Y: Array,  # (m, ...), may be A
    M: Array,  # booleans, of A's shape, or one that is broadcast to it: what is kept
    scale: Array,  # of M's shape, holds uniform numbers from 0 to 1
) -> Array:
    """Y = A scale, scale = M / (1 - rate), where M is whether a random number is `rate` or more."""
    np.greater_equal(scale, rate, out=M)
    np.multiply(M, scale.dtype.type(1 / (1 - rate)), out=scale)
    return np.multiply(A, scale, out=Y)


def dropout_backward(
    dY: Array,  # (m, ...)
    scale: Array,  # of dY's shape, or one that is broadcast to it
    dA: Array,  # (m, ...), may be dY
) -> Array:
    """dA = dY scale."""
    return np.multiply(dY, scale, out=dA)
