"""The slope of softmax; test_elementary has its values."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.softmax import SHORT, softmax, softmax_backward


@pytest.mark.parametrize(
    "shape", [(3, 9), (128, 1), (5, 30, 3), (3000, 10), (300, SHORT), (300, 17)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reuse", [True, False])
def test_softmax_row_by_row(shape, dtype, reuse, rng):
    Z = (20 * rng.standard_normal(shape)).astype(dtype)
    Z[0, ..., 0] = 3e4
    wide = Z.astype(np.longdouble)
    expected = np.array([np.exp(row - max(row)) for row in wide.reshape(-1, shape[-1])])
    expected = np.array([row / sum(row) for row in expected]).reshape(shape)
    A = Z if reuse else nan(*shape, dtype=dtype)
    assert softmax(Z, A, nan(*shape[:-1], 1, dtype=dtype)) is A
    # The argument of exp is rounded at its size, up to 100.
    np.testing.assert_allclose(
        A, expected, rtol=100 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny
    )


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (5, 1), (70, 2)])
@pytest.mark.parametrize("reuse", [True, False])
def test_the_slope_of_softmax(shape, reuse, rng):
    Z, dA = rng.standard_normal((2, *shape))
    per_row = nan(*shape[:-1], 1)

    def of() -> float:
        return float((softmax(Z, nan(*shape), per_row) * dA).sum())

    expected = gradient(of, Z)
    A, dZ = softmax(Z, nan(*shape), per_row), dA if reuse else nan(*shape)
    assert softmax_backward(dA, A, dZ, nan(*shape), nan(*shape[:-1], 1)) is dZ
    close(dZ, expected)
