"""What a frame makes of numbers at the ends of what a float32 can hold."""

import numpy as np
import pytest

from plainnet.playground.frames import BINS, _shades, histogram


@pytest.mark.parametrize("size", [3e38, 1.0, 1e-36, 1e-39, 1e-45])
def test_a_histogram_of_any_range(size):
    values = np.array([-size, 0, size, size], np.float32)
    counts, low, high = histogram(values)
    assert (low, high) == (values[0], values[2])
    assert counts[[0, BINS // 2 - 1, -1]].tolist() == [127, 127, 255]
    assert np.count_nonzero(counts) == 3


def test_a_histogram_of_a_range_that_no_number_holds():
    assert histogram(np.array([-1.5e308, 1.5e308]))[1:] == (None, None)
    assert histogram(np.array([0, np.inf], np.float32))[1:] == (None, None)


@pytest.mark.parametrize("size", [3e38, 1.0, 1e-36, 6e-39, 1e-45])
def test_shades_of_any_scale(size):
    values = np.array([[-size, 0, size], [0, 0, 0]], np.float32)
    scale = np.abs(values).max(axis=1, keepdims=True)
    assert _shades(values, scale).tolist() == [[1, 128, 255], [128, 128, 128]]
