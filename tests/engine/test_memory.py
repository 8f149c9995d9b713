"""Arrays that start on a cache line."""

import numpy as np
import pytest

from plainnet.engine.memory import aligned


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("shape", [0, 1, 7, 1000, (3, 5), (0, 4), (), (2, 3, 4)])
def test_an_array_is_aligned_zero_and_contiguous(shape, dtype):
    kept = [aligned(shape, dtype) for _ in range(8)]  # one could lie right by luck
    expected = np.zeros(shape, dtype)
    for array in kept:
        np.testing.assert_array_equal(array, expected, strict=True)
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_two_arrays_share_nothing():
    first, second = aligned(100, np.float32), aligned(100, np.float32)
    first.fill(1)
    assert second.sum() == 0
    assert not np.shares_memory(first, second)
