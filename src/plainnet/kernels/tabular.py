"""Numbers of a table's columns as waves, and as how far they have come through bins."""

from math import pi

import numpy as np

from plainnet.kernels.arrays import Array, ones


def periodic(
    x: Array,  # (F, m, 1): a feature is a block, so that W2 is one product for each
    w1: Array,  # (F, K)
    b1: Array,  # (F, K)
    W2: Array,  # (F, K, J)
    b2: Array,  # (F, J)
    w: Array,  # (F, K), 2 pi w1
    theta: Array,  # (F, m, K)
    cosine: Array,  # (F, m, K)
    H: Array,  # (F, m, J)
) -> Array:
    """H = W2' cos(theta) + b2, theta = 2 pi w1 x + b1."""
    np.multiply(w1, 2 * pi, out=w)
    np.matmul(x, w[:, None], out=theta)
    theta += b1[:, None]
    np.cos(theta, out=cosine)
    np.matmul(cosine, W2, out=H)
    H += b2[:, None]
    return H


def periodic_backward(
    dH: Array,  # (F, m, J)
    x: Array,  # (F, m, 1)
    W2: Array,  # (F, K, J)
    w: Array,  # (F, K)
    theta: Array,  # (F, m, K)
    cosine: Array,  # (F, m, K)
    dw1: Array,  # (F, K)
    db1: Array,  # (F, K)
    dW2: Array,  # (F, K, J)
    db2: Array,  # (F, J)
    dtheta: Array,  # (F, m, K)
    dx: Array | None,  # (F, m, 1)
    sine: Array,  # (F, m, K), scratch
) -> None:
    """dW2 = sum cos(theta) dH', db2 = sum dH, with sums over the m examples.

    dtheta = -sin(theta) W2 dH, dw1 = 2 pi sum dtheta x, db1 = sum dtheta, dx = w dtheta.
    """
    one = ones(dH.shape[1], dH.dtype)
    np.matmul(cosine.transpose(0, 2, 1), dH, out=dW2)
    np.matmul(one, dH, out=db2)

    np.matmul(dH, W2.transpose(0, 2, 1), out=dtheta)
    dtheta *= np.sin(theta, out=sine)
    np.negative(dtheta, out=dtheta)
    np.matmul(one, dtheta, out=db1)
    np.matmul(x.transpose(0, 2, 1), dtheta, out=dw1[:, None])
    dw1 *= 2 * pi
    if dx is not None:
        np.matmul(dtheta, w[:, :, None], out=dx)


def piecewise_linear(
    A: Array,  # (m, F)
    feature: Array,  # (n,), integers: the feature of each bin
    low: Array,  # (n,), where each bin starts
    width: Array,  # (n,)
    T: Array,  # (m, n)
) -> Array:
    """T_k = clip((A_feature(k) - low_k) / width_k, 0, 1)."""
    A.take(feature, axis=1, out=T, mode="clip")
    T -= low
    T /= width
    return np.clip(T, 0, 1, out=T)


def piecewise_linear_backward(
    dT: Array,  # (m, n)
    T: Array,  # (m, n)
    width: Array,  # (n,)
    starts: Array,  # (F,), integers: the first bin of each feature
    dA: Array,  # (m, F)
    slope: Array,  # (m, n), scratch
    inside: Array,  # (m, n), booleans, scratch
    below: Array,  # (m, n), booleans, scratch
) -> Array:
    """dA_f = sum dT_k [0 < T_k < 1] / width_k over the bins k of feature f."""
    np.greater(T, 0, out=inside)
    inside &= np.less(T, 1, out=below)
    np.multiply(dT, inside, out=slope)
    slope /= width
    return np.add.reduceat(slope, starts, axis=1, out=dA)
