"""Dropout with known random numbers."""

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels.dropout import dropout, dropout_backward


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reuse", [True, False])
def test_what_is_below_the_rate_is_dropped(dtype, reuse):
    A = np.array([[1, 2, 3, 4]], dtype)
    scale = np.array([[0.2, 0.25, 0.9, 0.0]], dtype)
    M, out = nan(1, 4, dtype=bool), A if reuse else nan(1, 4, dtype=dtype)
    Y = dropout(A, 0.25, out, M, scale)
    assert Y is out
    np.testing.assert_array_equal(M, [[False, True, True, False]])
    np.testing.assert_allclose(Y, [[0, 8 / 3, 4, 0]], rtol=1e-6)
    dY = np.array([[3, 3, 6, 6]], dtype)
    dA = dropout_backward(dY, scale, dY if reuse else nan(1, 4, dtype=dtype))
    np.testing.assert_allclose(dA, [[0, 4, 8, 0]], rtol=1e-6)


def test_one_number_may_be_for_many():
    A, scale = np.ones((2, 3, 3, 1)), np.array([0.1, 0.9]).reshape(2, 1, 1, 1)
    Y = dropout(A, 0.5, nan(*A.shape), nan(2, 1, 1, 1, dtype=bool), scale)
    assert (Y[0] == 0).all()
    assert (Y[1] == 2).all()
