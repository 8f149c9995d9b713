"""Learned, sinusoidal and rotary positions."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import ShapeError
from plainnet.layers import Layer, LearnedPositions, SinusoidalPositions
from plainnet.layers.positions import rotate
from plainnet.losses import MeanSquaredError
from twins.attention import turned


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


@pytest.mark.parametrize("pairing", ["halves", "interleaved"])
class TestRotation:
    def turn(self, X, start, pairing, sign=1):
        out = X.copy()
        rotate(out, start, 100.0, pairing, np.empty_like(X), sign)
        return out

    def test_it_turns_complex_numbers(self, pairing, rng):
        X = rng.standard_normal((2, 3, 2, 6))
        out = self.turn(X, 5, pairing)
        for i, t, h in np.ndindex(2, 3, 2):
            expected = turned(X[i, t, h].tolist(), 5 + t, 100.0, pairing)
            np.testing.assert_allclose(out[i, t, h], expected, rtol=1e-12)

    def test_products_depend_on_the_distance_only(self, pairing, rng):
        q, k = rng.standard_normal((2, 1, 1, 1, 6))
        at = {
            (i, j): (self.turn(q, i, pairing) * self.turn(k, j, pairing)).sum()
            for i, j in [(0, 3), (5, 8), (90, 93), (0, 4)]
        }
        np.testing.assert_allclose([at[5, 8], at[90, 93]], at[0, 3], rtol=1e-12)
        assert abs(at[0, 4] - at[0, 3]) > 1e-3

    def test_it_turns_back(self, pairing, rng):
        X = rng.standard_normal((2, 3, 2, 6))
        back = self.turn(self.turn(X, 2, pairing), 2, pairing, sign=-1)
        np.testing.assert_allclose(back, X, rtol=1e-13, atol=1e-14)


def test_pairs_are_those_that_onnx_and_llama_name():
    """At place 1 the slowest pair of four numbers hardly turns, and the fastest by a radian."""
    X = np.array([1.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    halves, interleaved = X.copy(), X.copy()
    rotate(halves, 1, 10000.0, "halves", np.empty_like(X))
    rotate(interleaved, 1, 10000.0, "interleaved", np.empty_like(X))
    np.testing.assert_allclose(halves.ravel(), [np.cos(1), 0, np.sin(1), 0])
    np.testing.assert_allclose(interleaved.ravel(), [np.cos(1), np.sin(1), 0, 0])
