"""Repeated and mixed pixels, one by one."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.upsampling import (
    mix_pixels,
    mix_pixels_backward,
    repeat_pixels,
    repeat_pixels_backward,
)


@pytest.mark.parametrize(("down", "across"), [(1, 1), (2, 3), (3, 1)])
def test_repeat_pixels(down, across, rng):
    A, dY = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 3 * down, 4 * across, 2))
    Y = repeat_pixels(A, down, across, nan(*dY.shape))
    dA = np.zeros(A.shape)
    for n, r, s, c in np.ndindex(Y.shape):
        assert Y[n, r, s, c] == A[n, r // down, s // across, c]
        dA[n, r // down, s // across, c] += dY[n, r, s, c]
    actual = repeat_pixels_backward(dY, down, across, nan(*A.shape))
    np.testing.assert_allclose(actual, dA, rtol=1e-12, atol=1e-14)


def test_mix_pixels(rng):
    A, dY = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 5, 7, 2))
    down, across = rng.standard_normal((5, 3)), rng.standard_normal((7, 4))

    def of() -> float:
        return float((mix_pixels(A, down, across, nan(*dY.shape), nan(2, 5, 8)) * dY).sum())

    Y = mix_pixels(A, down, across, nan(*dY.shape), nan(2, 5, 8))
    for n, r, s, c in np.ndindex(Y.shape):
        terms = [down[r, y] * across[s, x] * A[n, y, x, c] for y, x in np.ndindex(3, 4)]
        assert Y[n, r, s, c] == pytest.approx(sum(terms), rel=1e-9)
    close(mix_pixels_backward(dY, down, across, nan(*A.shape), nan(2, 5, 8)), gradient(of, A))
