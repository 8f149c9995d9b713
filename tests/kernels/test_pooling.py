"""Pools in loops, place by place."""

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels import sliding
from plainnet.kernels.pooling import (
    average_pool,
    average_pool_backward,
    global_average,
    global_average_backward,
    global_max,
    global_max_backward,
    max_pool,
    max_pool_backward,
    pool_block_size,
)
from plainnet.kernels.sliding import Window

# The window, the places, whether all of it stays inside, and whether the places are tiles.
CASES = [
    (Window((2, 3), (2, 3)), (2, 2), True, True),
    (Window((2, 2)), (3, 5), True, False),
    (Window((3, 2), (1, 2)), (2, 3), True, False),
    (Window((3, 3), (2, 2), before=(1, 1)), (2, 3), False, False),
    (Window((3, 3), (3, 2)), (2, 3), False, False),  # a last place that reaches beyond
]
every_case = pytest.mark.parametrize(("window", "places", "inside", "tiles"), CASES)
every_block = pytest.mark.parametrize("block", [2**21, 1, 300])


def under(window: Window, A: np.ndarray, y: int, x: int) -> list[tuple[int, int]]:
    top, left = y * window.stride[0] - window.before[0], x * window.stride[1] - window.before[1]
    return [
        (r, s)
        for r in range(top, top + window.kernel[0])
        for s in range(left, left + window.kernel[1])
        if 0 <= r < A.shape[1] and 0 <= s < A.shape[2]
    ]


@every_case
@every_block
def test_max_pool(window, places, inside, tiles, block, rng, monkeypatch):
    monkeypatch.setattr(sliding, "BLOCK", block)
    A = rng.integers(-9, -5, (3, 4, 6, 2)).astype(float)  # with equal maxima, none above 0
    dY = rng.standard_normal((3, *places, 2))
    expected, dA = np.empty(dY.shape), np.zeros(A.shape)
    for n, y, x, c in np.ndindex(dY.shape):
        pixels = under(window, A, y, x)
        r, s = max(pixels, key=lambda pixel: A[n, *pixel, c])  # the first of them
        expected[n, y, x, c] = A[n, r, s, c]
        dA[n, r, s, c] += dY[n, y, x, c]
    Y = max_pool(A, window, inside, nan(*dY.shape))
    np.testing.assert_array_equal(Y, expected)
    size = pool_block_size(A, Y.shape)
    scratch = nan(size, dtype=bool), nan(size, dtype=bool), nan(size)
    actual = max_pool_backward(dY, A, Y, window, tiles, nan(*A.shape), *scratch)
    np.testing.assert_allclose(actual, dA, rtol=1e-12, atol=1e-13)


@every_case
@every_block
def test_average_pool(window, places, inside, tiles, block, rng, monkeypatch):
    monkeypatch.setattr(sliding, "BLOCK", block)
    A, dY = rng.standard_normal((3, 4, 6, 2)), rng.standard_normal((3, *places, 2))
    share = rng.standard_normal((*places, 1))
    expected, dA = np.zeros(dY.shape), np.zeros(A.shape)
    for n, y, x, c in np.ndindex(dY.shape):
        for r, s in under(window, A, y, x):
            expected[n, y, x, c] += share[y, x, 0] * A[n, r, s, c]
            dA[n, r, s, c] += share[y, x, 0] * dY[n, y, x, c]
    Y = average_pool(A, window, share, nan(*dY.shape))
    np.testing.assert_allclose(Y, expected, rtol=1e-12, atol=1e-13)
    part = nan(pool_block_size(A, Y.shape))
    actual = average_pool_backward(dY, window, share, tiles, nan(*A.shape), part)
    np.testing.assert_allclose(actual, dA, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("own", [True, False])
def test_global_average(own, rng):
    A, dY = rng.standard_normal((3, 5, 2)), rng.standard_normal((3, 2))
    share = rng.standard_normal((3 if own else 1, 1, 5))
    Y, dA = global_average(A, share, nan(3, 1, 2)), global_average_backward(dY, share, nan(3, 5, 2))
    for n, c in np.ndindex(3, 2):
        weights = share[n if own else 0, 0]
        assert Y[n, 0, c] == pytest.approx(
            sum(w * a for w, a in zip(weights, A[n, :, c], strict=True))
        )
        for p in range(5):
            assert dA[n, p, c] == weights[p] * dY[n, c]


def test_global_max_and_the_first_of_equal_maxima(rng):
    A, dY = -rng.integers(1, 4, (20, 6, 2)).astype(float), rng.standard_normal((20, 2))
    Y = global_max(A, nan(20, 2))
    scratch = nan(20, 6, 2, dtype=bool), nan(20, 6, 2, dtype=bool)
    dA = global_max_backward(dY, A, Y, nan(20, 6, 2), *scratch)
    for n, c in np.ndindex(20, 2):
        column = list(A[n, :, c])
        assert Y[n, c] == max(column)
        first = column.index(max(column))
        assert [p for p in range(6) if dA[n, p, c] != 0] == [first]
        assert dA[n, first, c] == dY[n, c]
