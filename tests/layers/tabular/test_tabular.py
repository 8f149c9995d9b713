"""Embeddings of a table's columns: which vector an id gets."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import SettingError
from plainnet.layers import CategoryEmbedding, Dense
from plainnet.losses import MeanSquaredError


def bound(sizes, dtype):
    """A layer of width 1 with zeros for vectors, of which the system gives none it does not use."""
    layer = CategoryEmbedding(sizes, width=1)
    layer.place("0.categories", (len(sizes),))
    E, dE = (np.zeros((sum(sizes), 1), dtype) for _ in range(2))
    layer.bind({"E": E}, {"E": dE}, {})
    return layer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_behind_a_large_column_keep_their_own_vectors(dtype):
    """Places beyond 2^24, where float32 knows every second number only."""
    large = 2**24
    layer = bound([large, 5], dtype)
    last = large - 1
    layer.E[[last, large, large + 1, large + 2, large + 3, large + 4], 0] = [7, 10, 11, 12, 13, 14]
    A = np.array([[last, 1], [0, 2], [0, 3], [last, 4], [0, 9], [large + 2, 0]], dtype)
    cache = Cache(training=True)
    Y = layer.forward(A, cache)
    np.testing.assert_array_equal(Y, [[7, 11], [0, 12], [0, 13], [7, 14], [0, 10], [0, 10]])
    layer.backward(np.arange(1.0, 13).reshape(6, 2).astype(dtype), cache)
    at = layer.dE[[0, last, large, large + 1, large + 2, large + 3, large + 4], 0]
    np.testing.assert_array_equal(at, [3 + 5 + 9 + 11, 1 + 7, 10 + 12, 2, 4, 6, 8])


def test_more_ids_than_the_dtype_tells_apart_are_refused():
    with pytest.raises(SettingError, match=r"16,777,217 categories, and float32 tells 16,777,216"):
        bound([3, 2**24 + 1], np.float32)
    bound([3, 2**24 + 1], np.float64)


def test_ids_that_are_unknown_have_the_first_vector_of_their_column():
    network = Network(
        [CategoryEmbedding([3, 4], 2), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0
    )
    known = network.forward(np.zeros((1, 2), np.float32)).copy()
    for ids in ([-1, -5], [3, 4], [1e30, -1e30], [2.6, 1e9]):
        np.testing.assert_array_equal(network.forward(np.array([ids], np.float32)), known)


def test_a_number_that_is_no_id_counts_as_unknown():
    network = Network([CategoryEmbedding([3, 5], 1)], loss=MeanSquaredError(), input_shape=2)
    network.parameters[:] = range(8)
    unknown = network.forward(np.array([[0, 9]], np.float32)).copy()
    for odd in (np.nan, np.inf, -np.inf, -1):
        np.testing.assert_array_equal(network.forward(np.array([[0, odd]], np.float32)), unknown)
