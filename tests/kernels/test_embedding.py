"""Rows taken and added to; each way of adding against a loop."""

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels.embedding import (
    TOGETHER,
    add_to_rows,
    add_to_rows_sizes,
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


@pytest.mark.parametrize("shape", [(1,), (7,), (4, 6), (5, 1), (3, 50), (40, 30), (1500,)])
@pytest.mark.parametrize("K", [1, 4, 300, 5000])
@pytest.mark.parametrize("n", [1, 3, 9])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("anew", [False, True])
def test_rows_are_added_to(shape, K, n, skewed, anew, rng):
    ids = rng.integers(0, K, shape) if not skewed else np.minimum(rng.zipf(1.3, shape) - 1, K - 1)
    dY = rng.standard_normal((*shape, n))
    dE = np.arange(K * n, dtype=np.float64).reshape(K, n)
    expected = np.zeros_like(dE) if anew else dE.copy()
    for place in np.ndindex(shape):
        expected[ids[place]] += dY[place]
    n_integers, n_floats = add_to_rows_sizes(ids.size, K, n)
    add_to_rows(dY, ids, dE, anew, np.full(n_integers, -1), nan(n_floats))
    np.testing.assert_allclose(dE, expected, rtol=1e-12, atol=1e-12)


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
