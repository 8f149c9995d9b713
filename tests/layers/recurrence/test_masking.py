"""What every layer of sequences refuses, and the mask that `Masking` finds."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import DTypeError, SettingError, ShapeError
from plainnet.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Conv1d,
    Dense,
    Embedding,
    GlobalAveragePool1d,
    GlobalMaxPool1d,
    Layer,
    LearnedPositions,
    Masking,
    MultiHeadAttention,
    Reshape,
    SinusoidalPositions,
    TiedEmbedding,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError

SEQUENCES = [
    lambda: RNN(3),
    lambda: LSTM(3),
    lambda: GRU(3),
    lambda: Bidirectional(LSTM(3)),
    lambda: Conv1d(3, 2, padding="causal"),
    lambda: GlobalAveragePool1d(),
    lambda: GlobalMaxPool1d(),
    lambda: MultiHeadAttention(2),
    lambda: TransformerBlock(2),
]
every = pytest.mark.parametrize("make", SEQUENCES, ids=lambda make: repr(make()))


class GivenMask(Layer):
    def __init__(self, mask):
        self.mask = mask

    def forward(self, A, cache):
        cache.mask = self.mask
        return A

    def backward(self, dA, cache):
        return dA


def network_of(*layers):
    return Network(layers, loss=MeanSquaredError(), input_shape=(None, 2), seed=0)


@every
def test_a_sequence_of_length_zero_is_refused(make):
    with pytest.raises(ShapeError, match=r"sequences of at least one step; got \(3, 0, 2\)"):
        network_of(make()).forward(np.zeros((3, 0, 2), np.float32))


@pytest.mark.parametrize("make", [Masking, SinusoidalPositions, lambda: LearnedPositions(3)])
def test_so_is_it_before_layers_that_need_no_mask(make):
    with pytest.raises(ShapeError, match=r"sequences of at least one step; got \(3, 0, 2\)"):
        network_of(make()).forward(np.zeros((3, 0, 2), np.float32))


@pytest.mark.parametrize("make", [lambda: Embedding(4, 2), lambda: TiedEmbedding(4, 2, [])])
def test_so_are_ids_of_no_step(make):
    network = Network([make()], loss=MeanSquaredError(), input_shape=(None,))
    with pytest.raises(ShapeError, match=r"sequences of at least one step; got \(3, 0\)"):
        network.forward(np.zeros((3, 0), int))


@every
@pytest.mark.parametrize("shape", [(3, 9), (2, 4), (3, 4, 1)])
def test_a_mask_of_another_shape_is_refused_by_the_layer(make, shape):
    network = network_of(GivenMask(np.ones(shape, bool)), make())
    with pytest.raises(ShapeError, match=r"layer 1\..* mask of shape .*\(3, 4\); got") as error:
        network.forward(np.zeros((3, 4, 2), np.float32))
    assert str(error.value).endswith(f"got {shape}")


@pytest.mark.parametrize("make", [*SEQUENCES, Masking])
def test_a_mask_of_numbers_is_refused_by_the_layer(make):
    network = network_of(GivenMask(np.ones((3, 4), int)), make())
    with pytest.raises(DTypeError, match=r"layer 1\..* a boolean mask; got int64"):
        network.forward(np.zeros((3, 4, 2), np.float32))


def test_masking_does_not_spread_a_mask_of_one_sequence():
    network = network_of(GivenMask(np.ones((1, 4), bool)), Masking())
    with pytest.raises(ShapeError, match=r"layer 1\.masking .*\(3, 4\); got \(1, 4\)"):
        network.forward(np.zeros((3, 4, 2), np.float32))


def test_a_value_of_numpys_own_type_is_found_in_float32():
    A, cache = np.array([[[0.1, 0.1], [0.1, 0.2]]], np.float32), Cache()
    network_of(Masking(np.float64(0.1))).forward(A, cache)
    assert cache.mask.tolist() == [[False, True]]


@pytest.mark.parametrize("steps", [4, 6])
@pytest.mark.parametrize("layer", [lambda: LSTM(3), lambda: Bidirectional(GRU(3), merge="sum")])
def test_a_mask_ends_with_the_time_that_it_is_of(layer, steps):
    """A decoder behind the last state has steps of its own, all of them data."""
    encoder = [Masking(), layer(), Dense(2 * steps), Reshape((steps, 2))]
    network = Network(
        [*encoder, GRU(3, return_sequences=True)], loss=MeanSquaredError(), input_shape=(4, 2)
    )
    A = np.ones((2, 4, 2), np.float32)
    A[0, 2:] = 0
    cache = Cache()
    Y = network.forward(A, cache)
    assert (Y != 0).all()
    assert cache.mask is None
    alone = network_of(Masking(), layer())
    np.testing.assert_array_equal(
        alone.forward(A[:1]), network_of(Masking(), layer()).forward(A[:1, :2])
    )


def test_masking_finds_the_steps_that_are_filled_up_and_keeps_an_earlier_mask():
    A = np.array([[[1, 0], [0, 0], [0, 3]], [[7, 7], [0, 7], [0, 0]]], np.float32)
    cache = Cache()
    network_of(Masking()).forward(A, cache)
    assert cache.mask.tolist() == [[True, False, True], [True, True, False]]
    network_of(GivenMask(np.array([[False, True, True]] * 2)), Masking()).forward(A, cache)
    assert cache.mask.tolist() == [[False, False, True], [False, True, False]]


@pytest.mark.parametrize("layer", [GlobalAveragePool1d, GlobalMaxPool1d])
def test_a_pool_over_all_time_cannot_continue_a_sequence(layer):
    with pytest.raises(SettingError, match=r"layer 0\.global.* needs the whole sequence"):
        network_of(layer()).forward(np.zeros((3, 2, 2), np.float32), Cache(carry=True))


def test_the_mask_of_one_pass_is_not_that_of_the_next():
    A, cache = np.ones((1, 3, 2), np.float32), Cache()
    network = network_of(Masking(7.0), GlobalAveragePool1d())
    first = network.forward(A, cache).copy()
    network.forward(np.where(np.arange(3)[:, None] < 1, A, 7).astype(np.float32), cache)
    np.testing.assert_array_equal(network.forward(A, cache), first)
