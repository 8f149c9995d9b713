"""Rows taken and added to; what sorts against what does not."""

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels.embedding import (
    TOGETHER,
    add_to_rows,
    add_to_sorted_rows,
    sum_bags,
    sum_bags_backward,
    sum_bags_backward_weights,
    take_rows,
)

every_shape = pytest.mark.parametrize("shape", [(1,), (7,), (4, 6), (5, 1), (3, 50)])
every_size = pytest.mark.parametrize("K", [1, 4, 300])


@every_shape
@every_size
def test_take_rows(shape, K, rng):
    E, ids = rng.standard_normal((K, 3)), rng.integers(0, K, shape)
    Y = take_rows(E, ids, nan(*shape, 3))
    for place in np.ndindex(shape):
        np.testing.assert_array_equal(Y[place], E[ids[place]])


@every_shape
@every_size
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_added_to(shape, K, n, dtype, rng):
    ids, dY = rng.integers(0, K, shape), rng.standard_normal((*shape, n)).astype(dtype)
    expected = np.arange(K * n, dtype=np.float64).reshape(K, n)
    plain, sorting = expected.astype(dtype), expected.astype(dtype)
    for place in np.ndindex(shape):
        expected[ids[place]] += dY[place]
    add_to_rows(dY, ids, plain, np.full((ids.size, n), -1))
    index, new = np.full((4, ids.size), -1), np.ones(ids.size, bool)
    scratch = nan(ids.size, n, dtype=dtype), nan(min(ids.size, K), n, dtype=dtype)
    add_to_sorted_rows(dY, ids, sorting, index, new, *scratch)
    np.testing.assert_allclose(plain, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sorting, expected, rtol=1e-5, atol=1e-5)


@every_size
@pytest.mark.parametrize(("m", "T"), [(1, 1), (4, 6), (3, 50), (150, 3)])
def test_sums_of_rows_and_back(K, m, T, rng):
    E, ids, weights = rng.standard_normal((K, 3)), rng.integers(0, K, (m, T)), rng.random((m, T))
    lengths = rng.integers(0, T + 1, m)
    dY, dE = rng.standard_normal((m, 3)), np.zeros((K, 3))
    Y, dW, expected = np.zeros((m, 3)), np.zeros((m, T)), np.zeros((K, 3))
    for i, t in np.ndindex(m, T):
        if t < lengths[i]:
            Y[i] += weights[i, t] * E[ids[i, t]]
        expected[ids[i, t]] += weights[i, t] * dY[i]
        dW[i, t] = sum(E[ids[i, t]] * dY[i])
    close = {"rtol": 1e-12, "atol": 1e-13}
    found = sum_bags(E, ids, weights, lengths, nan(T, 3), nan(m, 3))
    np.testing.assert_allclose(found, Y, **close)
    np.testing.assert_allclose(
        sum_bags_backward_weights(dY, E, ids, nan(T, 3), nan(m, T)), dW, **close
    )
    together = min(m, TOGETHER)
    N = together * T
    fewer = min(N, K)
    rank, index = np.full(K, -1), np.full((2, N), -1)
    sum_bags_backward(dY, ids, weights, dE, rank, index, nan(fewer * together), nan(2, fewer, 3))
    np.testing.assert_allclose(dE, expected, **close)
