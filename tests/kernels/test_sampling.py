"""A draw from mean and variance, with known random numbers."""

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels.sampling import sample, sample_backward


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_hand(dtype):
    A = np.array([[1, 2, 0, 2 * np.log(3)]], dtype)  # means 1 and 2, deviations 1 and 3
    E, Z, S, dA = np.array([[0.5, -2]], dtype), *(nan(1, n, dtype=dtype) for n in (2, 2, 4))
    assert sample(A, E, Z, S) is Z
    np.testing.assert_allclose(Z, [[1.5, -4]], rtol=1e-6)
    np.testing.assert_allclose(S, [[1, 3]], rtol=1e-6)
    assert sample_backward(np.array([[4, 10]], dtype), E, S, dA) is dA
    np.testing.assert_allclose(dA, [[4, 10, 1, -30]], rtol=1e-6)
