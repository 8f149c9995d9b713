"""Gates, number by number."""

import math

import numpy as np

from kernels.differences import close, gradient, nan
from plainnet.kernels.gates import (
    glu,
    glu_backward,
    highway,
    highway_backward,
    swiglu,
    swiglu_backward,
)

SHAPE = (3, 4)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_glu(rng):
    U, V, dY = rng.standard_normal((3, *SHAPE))
    T, dU, dV = nan(3, *SHAPE)

    def of() -> float:
        return float((glu(U, V, T, nan(*SHAPE)) * dY).sum())

    expected = [u * sigmoid(v) for u, v in zip(U.flat, V.flat, strict=True)]
    np.testing.assert_allclose(glu(U, V, T, nan(*SHAPE)).ravel(), expected, rtol=1e-13)
    glu_backward(dY, U, T, dU, dV, nan(*SHAPE))
    close(dU, gradient(of, U))
    close(dV, gradient(of, V))


def test_swiglu(rng):
    U, V, dY = rng.standard_normal((3, *SHAPE))
    T, swish, dU, dV = nan(4, *SHAPE)

    def of() -> float:
        return float((swiglu(U, V, nan(*SHAPE), nan(*SHAPE), nan(*SHAPE)) * dY).sum())

    Y = swiglu(U, V, T, swish, nan(*SHAPE))
    expected = [u * sigmoid(u) * v for u, v in zip(U.flat, V.flat, strict=True)]
    np.testing.assert_allclose(Y.ravel(), expected, rtol=1e-13)
    swiglu_backward(dY, V, T, swish, dU, dV, nan(*SHAPE))
    close(dU, gradient(of, U))
    close(dV, gradient(of, V))


def test_highway(rng):
    F, A, Z, dY = rng.standard_normal((4, *SHAPE))
    change, T, dF, carried, dZ = nan(5, *SHAPE)

    def of() -> float:
        return float((highway(F, A, Z, nan(*SHAPE), nan(*SHAPE), nan(*SHAPE)) * dY).sum())

    Y = highway(F, A, Z, change, T, nan(*SHAPE))
    for y, f, a, z in zip(Y.flat, F.flat, A.flat, Z.flat, strict=True):
        assert math.isclose(y, sigmoid(z) * f + (1 - sigmoid(z)) * a, rel_tol=1e-12)
    highway_backward(dY, T, change, dF, carried, dZ)
    close(dF, gradient(of, F))
    close(carried, gradient(of, A))
    close(dZ, gradient(of, Z))
