"""Rows, sums over them, shared constants and scratch memory."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from allocations import peak_of
from plainnet.kernels import arrays
from plainnet.kernels.arrays import (
    add_sum_rows,
    aligned,
    carve,
    counting,
    ones,
    rows,
    shaped,
    sum_rows,
)

FLOATS = [np.dtype(np.float32), np.dtype(np.float64)]
every_dtype = pytest.mark.parametrize("dtype", FLOATS)


@pytest.fixture
def cold(monkeypatch):
    """Without the constants that other tests have left."""
    monkeypatch.setattr(arrays, "_ones", {})
    monkeypatch.setattr(arrays, "_counting", [np.arange(0)])


@pytest.mark.parametrize(
    ("shape", "expected"), [((4, 3), (4, 3)), ((2, 5, 3), (10, 3)), ((2, 1, 2, 3), (4, 3))]
)
def test_rows_are_a_view(shape, expected):
    A = np.arange(math.prod(shape)).reshape(shape)
    assert rows(A).shape == expected
    np.testing.assert_array_equal(rows(A)[-1], A[(-1,) * (A.ndim - 1)])
    assert np.shares_memory(rows(A), A)


@every_dtype
@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("shape", [(7, 3), (1, 1), (4, 5, 3), (0, 3), (5000, 2)])
def test_sums_over_rows(shape, lay, dtype, rng, cold):
    A = lay(rng.standard_normal(shape).astype(dtype))
    columns = A.reshape(-1, shape[-1]).T
    expected = [math.fsum(map(float, column)) for column in columns]
    total = np.full(shape[-1], np.nan, dtype)
    assert sum_rows(A, total) is total
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-4)
    add_sum_rows(A, total, np.full_like(total, np.nan))
    np.testing.assert_allclose(total, np.multiply(2, expected), rtol=1e-5, atol=1e-4)


@every_dtype
@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097, 10**5])
def test_constants_have_the_length_that_is_asked_for(n, dtype, cold):
    for _ in range(2):  # cold, then warm
        np.testing.assert_array_equal(ones(n, dtype), np.ones(n, dtype), strict=True)
        np.testing.assert_array_equal(counting(n), np.arange(n), strict=True)
    assert len(ones(3, dtype)) == len(counting(3)) == 3


@pytest.mark.parametrize("constant", [ones(5, FLOATS[0]), ones(5, FLOATS[1]), counting(5)])
def test_constants_may_not_be_written_into(constant):
    with pytest.raises(ValueError, match="read-only"):
        constant[0] = 2


def test_a_shorter_constant_is_a_part_of_a_longer_one(cold):
    long = ones(10**5, FLOATS[0])
    assert np.shares_memory(ones(10, FLOATS[0]), long)
    assert not np.shares_memory(ones(10, FLOATS[1]), long)
    assert np.shares_memory(counting(10**5), counting(7))


def test_a_warm_sum_allocates_nothing(rng):
    A, total = rng.standard_normal((10**5, 4)), np.empty(4)
    sum_rows(A, total)
    assert peak_of(lambda: (sum_rows(A, total), counting(1000))) < 2000


def test_eight_threads_may_ask_for_more_at_once(cold):
    def ask(n: int) -> bool:
        one, numbers = ones(n, FLOATS[0]), counting(n)
        return bool((one == 1).all() and (numbers == np.arange(n)).all() and len(one) == n)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, [(7919 * i) % 50_000 for i in range(400)]))


def test_scratch_memory_is_carved_without_overlap():
    shapes = [(3, 5), (1,), (), (4, 4), (0, 3), (17,)]
    scratch = np.zeros(sum(aligned(math.prod(shape)) for shape in shapes))
    carved = carve(scratch, *shapes)
    for i, part in enumerate(carved):
        part += i + 1
    for i, (part, shape) in enumerate(zip(carved, shapes, strict=True)):
        np.testing.assert_array_equal(part, np.full(shape, i + 1))
        assert (part.ctypes.data - scratch.ctypes.data) % (16 * scratch.itemsize) == 0
    assert carve(scratch) == []


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 16), (16, 16), (17, 32)])
def test_aligned_numbers_fill_lines_of_the_cache(n, expected):
    assert aligned(n) == expected


def test_scratch_memory_takes_a_shape():
    scratch = np.arange(10)
    np.testing.assert_array_equal(shaped(scratch, (2, 3)), [[0, 1, 2], [3, 4, 5]])
    assert np.shares_memory(shaped(scratch, (2, 3)), scratch)
