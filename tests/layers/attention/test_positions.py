"""Learned and sinusoidal positions."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import ShapeError
from plainnet.layers import Layer, LearnedPositions, SinusoidalPositions
from plainnet.losses import MeanSquaredError


def network_of(layer: Layer, time: int | None = None, width: int = 4) -> Network:
    return Network(
        [layer], loss=MeanSquaredError(), input_shape=(time, width), seed=0, dtype=np.float64
    )


@pytest.mark.parametrize("layer", [lambda: LearnedPositions(9), SinusoidalPositions])
def test_a_pass_that_continues_counts_on(layer, rng):
    network = network_of(layer())
    A = rng.standard_normal((2, 9, 4))
    whole = network.forward(A).copy()
    cache = Cache(carry=True)
    for piece in (slice(0, 4), slice(4, 5), slice(5, 9)):
        np.testing.assert_array_equal(network.forward(A[:, piece], cache), whole[:, piece])
    cache.forget()
    np.testing.assert_array_equal(network.forward(A, cache), whole)


def test_gradients_of_a_pass_that_continues_go_to_its_positions(rng):
    network = network_of(LearnedPositions(7))
    (layer,) = network.layers
    cache = Cache(training=True, carry=True)
    A, dY = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    layer.forward(A, cache)
    layer.backward(dY, cache)
    np.testing.assert_allclose(layer.dP[:3], dY[0] + dY[1])
    assert (layer.dP[3:] == 0).all()
    layer.forward(A, cache)
    layer.backward(dY, cache)
    np.testing.assert_allclose(layer.dP[3:6], dY[0] + dY[1])
    assert (layer.dP[[0, 1, 2, 6]] == 0).all()


def test_a_sequence_longer_than_the_table_is_refused():
    with pytest.raises(ShapeError, match=r"0\.learnedpositions .* has 5 positions; .* length 6"):
        network_of(LearnedPositions(5), time=6)
    network = network_of(LearnedPositions(5))
    with pytest.raises(ShapeError, match=r"0\.learnedpositions .* has 5 positions; .* length 6"):
        network.predict(np.zeros((1, 6, 4)))
    cache = Cache(carry=True)
    network.forward(np.zeros((1, 4, 4)), cache)
    with pytest.raises(ShapeError, match="has 5 positions; got a sequence of length 6"):
        network.forward(np.zeros((1, 2, 4)), cache)
    network.forward(np.zeros((1, 1, 4)), cache)  # the refused pass was not counted


def test_another_number_of_sequences_is_refused_before_it_is_counted(rng):
    network = network_of(SinusoidalPositions())
    A, cache = rng.standard_normal((2, 5, 4)), Cache(carry=True)
    whole = network.forward(A).copy()
    network.forward(A[:, :3], cache)
    with pytest.raises(ShapeError, match="continues 2 sequences; got 1"):
        network.forward(A[:1, 3:], cache)
    np.testing.assert_array_equal(network.forward(A[:, 3:], cache), whole[:, 3:])


def test_a_refused_first_pass_leaves_any_number_of_sequences_free(rng):
    network = network_of(LearnedPositions(4))
    cache = Cache(carry=True)
    with pytest.raises(ShapeError, match="has 4 positions"):
        network.forward(rng.standard_normal((2, 5, 4)), cache)
    assert network.forward(rng.standard_normal((1, 3, 4)), cache).shape == (1, 3, 4)


def test_waves_need_pairs_and_sequences():
    with pytest.raises(ShapeError, match=r"even number of features; got \(None, 3\)"):
        network_of(SinusoidalPositions(), width=3)
    with pytest.raises(ShapeError, match=r"\(time, features\); got \(4,\)"):
        Network([LearnedPositions(4)], loss=MeanSquaredError(), input_shape=4)


def test_far_positions_are_exact_in_float32():
    """10,000 radians in float32 are off by up to 5e-4; the sine must not be."""
    network = network_of(SinusoidalPositions(), width=2).astype(np.float32)
    Y = network.forward(np.zeros((1, 10001, 2), np.float32))
    np.testing.assert_allclose(Y[0, 10000], [np.sin(10000.0), np.cos(10000.0)], atol=1e-7)
