"""Waves and bins, number by number."""

import math

import numpy as np

from kernels.differences import close, gradient, nan
from plainnet.kernels.tabular import (
    periodic,
    periodic_backward,
    piecewise_linear,
    piecewise_linear_backward,
)


def test_periodic(rng):
    F, m, K, J = 2, 5, 3, 4
    x, dH = rng.standard_normal((F, m, 1)), rng.standard_normal((F, m, J))
    w1, b1 = rng.standard_normal((2, F, K))
    W2, b2 = rng.standard_normal((F, K, J)), rng.standard_normal((F, J))
    w, theta, cosine = nan(F, K), nan(F, m, K), nan(F, m, K)

    def of() -> float:
        left = nan(F, K), nan(F, m, K), nan(F, m, K)
        return float((periodic(x, w1, b1, W2, b2, *left, nan(F, m, J)) * dH).sum())

    H = periodic(x, w1, b1, W2, b2, w, theta, cosine, nan(F, m, J))
    for f, i, j in np.ndindex(F, m, J):
        waves = [math.cos(2 * math.pi * w1[f, k] * x[f, i, 0] + b1[f, k]) for k in range(K)]
        expected = sum(wave * W2[f, k, j] for k, wave in enumerate(waves)) + b2[f, j]
        assert math.isclose(H[f, i, j], expected, rel_tol=1e-9)

    gradients = [nan(*tensor.shape) for tensor in (w1, b1, W2, b2)]
    scratch = nan(F, m, K)
    given = dH, x, W2, w, theta, cosine
    periodic_backward(*given, *gradients, nan(F, m, K), None, scratch)
    for actual, tensor in zip(gradients, (w1, b1, W2, b2), strict=True):
        close(actual, gradient(of, tensor))
        actual.fill(np.nan)
    dx = nan(F, m, 1)
    periodic_backward(*given, *gradients, nan(F, m, K), dx, scratch)
    close(dx, gradient(of, x))
    close(gradients[0], gradient(of, w1))


def test_piecewise_linear(rng):
    feature, low = np.array([0, 0, 1]), np.array([-1.0, 0.5, 0.0])
    width, starts = np.array([1.5, 1.0, 2.0]), np.array([0, 2])
    A, dT = rng.uniform(-2, 3, (40, 2)), rng.standard_normal((40, 3))
    T = piecewise_linear(A, feature, low, width, nan(40, 3))
    for i, k in np.ndindex(T.shape):
        share = (A[i, feature[k]] - low[k]) / width[k]
        assert math.isclose(T[i, k], min(max(share, 0), 1), rel_tol=1e-12)

    def of() -> float:
        return float((piecewise_linear(A, feature, low, width, nan(40, 3)) * dT).sum())

    scratch = nan(40, 3), nan(40, 3, dtype=bool), nan(40, 3, dtype=bool)
    dA = piecewise_linear_backward(dT, T, width, starts, nan(40, 2), *scratch)
    close(dA, gradient(of, A))
