"""A number for each feature: a factor, a slope, the share of an activation."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.scaling import mix, mix_backward, prelu, prelu_backward, scale, scale_backward

every_shape = pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3)])


@every_shape
@pytest.mark.parametrize("reuse", [True, False])
def test_scale(shape, reuse, rng):
    A, dY = rng.standard_normal((2, *shape))
    gamma = rng.standard_normal(3)

    def of() -> float:
        return float((scale(A, gamma, nan(*shape)) * dY).sum())

    expected = gradient(of, gamma), gradient(of, A)
    Y = scale(A, gamma, nan(*shape))
    for place in np.ndindex(shape):
        assert Y[place] == A[place] * gamma[place[-1]]
    dgamma, dA = nan(3), nan(*shape)
    scale_backward(dY, A, gamma, dgamma, None, nan(*shape))
    close(dgamma, expected[0])
    dA = dY if reuse else dA
    scale_backward(dY, A, gamma, dgamma, dA, nan(*shape))
    close(dgamma, expected[0])
    close(dA, expected[1])


@every_shape
@pytest.mark.parametrize("reuse", [True, False])
def test_prelu(shape, reuse, rng):
    Z, dA = rng.standard_normal((2, *shape))
    alpha = rng.standard_normal(3)

    def of() -> float:
        return float((prelu(Z, alpha, nan(*shape), nan(*shape)) * dA).sum())

    expected = gradient(of, alpha), gradient(of, Z)
    A = prelu(Z, alpha, nan(*shape), nan(*shape))
    for place in np.ndindex(shape):
        z = Z[place]
        assert A[place] == (z if z > 0 else alpha[place[-1]] * z)
    dalpha, dZ = nan(3), nan(*shape)
    scratch = nan(*shape), nan(*shape), nan(*shape, dtype=bool)
    prelu_backward(dA, Z, alpha, dalpha, None, *scratch)
    close(dalpha, expected[0])
    dZ = dA if reuse else dZ
    prelu_backward(dA, Z, alpha, dalpha, dZ, *scratch)
    close(dalpha, expected[0])
    close(dZ, expected[1])


def test_prelu_at_zero_has_the_slope_below():
    dalpha, dZ = nan(1), nan(1, 1)
    scratch = nan(1, 1), nan(1, 1), nan(1, 1, dtype=bool)
    prelu_backward(np.ones((1, 1)), np.zeros((1, 1)), np.full(1, 0.2), dalpha, dZ, *scratch)
    assert (dalpha[0], dZ[0, 0]) == (0, 0.2)


@every_shape
@pytest.mark.parametrize("reuse", [True, False])
def test_mix(shape, reuse, rng):
    A, Z, dY = rng.standard_normal((3, *shape))
    alpha = rng.standard_normal(3)
    bend = nan(*shape)

    def of() -> float:
        return float((mix(A, Z, alpha, nan(*shape), nan(*shape)) * dY).sum())

    expected = gradient(of, alpha), gradient(of, A), gradient(of, Z)
    Y = mix(A, Z, alpha, bend, nan(*shape))
    for place in np.ndindex(shape):
        share = alpha[place[-1]]
        assert Y[place] == pytest.approx(share * A[place] + (1 - share) * Z[place], rel=1e-12)
    dalpha, dA = nan(3), nan(*shape)
    straight = dY if reuse else nan(*shape)
    mix_backward(dY, bend, alpha, dalpha, dA, straight, nan(*shape))
    for actual, wanted in zip((dalpha, dA, straight), expected, strict=True):
        close(actual, wanted)
