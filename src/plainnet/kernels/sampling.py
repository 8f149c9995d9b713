"""Numbers from a normal distribution whose mean and variance are an input."""

import numpy as np

from plainnet.kernels.arrays import Array


def sample(
    A: Array,  # (..., 2 k): means, then the logarithms of the variances
    E: Array,  # (..., k), numbers from the standard normal distribution
    Z: Array,  # (..., k)
    S: Array,  # (..., k), the standard deviations
) -> Array:
    """Z = mu + S E, S = exp(log_var / 2)."""
    k = A.shape[-1] // 2
    np.multiply(A[..., k:], 0.5, out=S)
    np.exp(S, out=S)
    np.multiply(S, E, out=Z)
    Z += A[..., :k]
    return Z


def sample_backward(
    dZ: Array,  # (..., k)
    E: Array,  # (..., k)
    S: Array,  # (..., k)
    dA: Array,  # (..., 2 k)
) -> Array:
    """dmu = dZ, dlog_var = dZ S E / 2."""
    k = dA.shape[-1] // 2
    dmu, dlog_var = dA[..., :k], dA[..., k:]
    np.copyto(dmu, dZ)
    np.multiply(S, E, out=dlog_var)
    dlog_var *= dZ
    dlog_var *= 0.5
    return dA
