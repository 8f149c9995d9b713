"""Embedding and TiedEmbedding."""

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients
from plainnet.errors import DataError, DTypeError, SettingError, ShapeError
from plainnet.layers import Dense, Embedding, Layer, MultiHeadAttention, TiedEmbedding
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import AdamW
from twins.attention import looked_up_tokens


def network_of(*layers: Layer, time: int | None = None) -> Network:
    return Network(layers, loss=MeanSquaredError(), input_shape=(time,), seed=0, dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_each_id_becomes_its_vector(dtype):
    network = network_of(Embedding(5, 3))
    ids = np.array([[4, 0, 0], [1, 4, 2]], dtype)
    E = network["0.embedding.E"]
    expected = [[E[4], E[0], E[0]], [E[1], E[4], E[2]]]
    np.testing.assert_array_equal(network.forward(ids), expected)


@pytest.mark.parametrize("shape", [(4, 6), (1, 1), (3, 40)])
@pytest.mark.parametrize("vocabulary", [1, 7, 300])
def test_the_gradient_is_summed_over_equal_ids(shape, vocabulary, rng):
    network = network_of(Embedding(vocabulary, 3))
    ids = rng.integers(0, vocabulary, shape)
    (layer,) = network.layers
    cache = Cache(training=True)
    layer.forward(ids, cache)
    dY = rng.standard_normal((*shape, 3))
    network.gradients.fill(np.nan)
    layer.backward(dY, cache)
    expected = np.zeros((vocabulary, 3))
    for place in np.ndindex(shape):
        expected[ids[place]] += dY[place]
    np.testing.assert_allclose(layer.dE, expected, rtol=1e-13, atol=1e-14)


def test_padding_is_zero_learns_nothing_and_makes_the_mask(rng):
    network = network_of(Embedding(5, 3, padding=2))
    (layer,) = network.layers
    assert (layer.E[2] == 0).all()
    assert (layer.E[[0, 1, 3, 4]] != 0).all()
    ids, cache = np.array([[0, 1, 2], [3, 2, 2]]), Cache(training=True)
    layer.E[2] = 7  # even then
    Y = layer.forward(ids, cache)
    np.testing.assert_array_equal(Y, [looked_up_tokens(row, layer) for row in ids])
    np.testing.assert_array_equal(cache.mask, [[True, True, False], [True, False, False]])
    layer.backward(rng.standard_normal(Y.shape), cache)
    assert (layer.dE[2] == 0).all()
    assert (layer.dE[[0, 1, 3]] != 0).all()


def test_without_padding_there_is_no_mask():
    cache = Cache()
    network_of(Embedding(5, 3)).layers[0].forward(np.array([[0, 1]]), cache)
    assert cache.mask is None


def test_padding_stays_zero_in_training():
    network = network_of(Embedding(5, 3, padding=0), Dense(2))
    ids, optimizer = np.array([[0, 1, 2], [3, 4, 0]]), AdamW(0.1)
    for _ in range(3):
        network.loss_and_gradients(ids, np.ones((2, 3, 2)))
        optimizer.update(network.parameters, network.gradients, network.segments)
    assert (network["0.embedding.E"][0] == 0).all()


@pytest.mark.parametrize("wrong", [-1, 5])
@pytest.mark.parametrize("layer", [lambda: Embedding(5, 3), lambda: TiedEmbedding(5, 3, [])])
def test_an_id_out_of_range_is_refused(wrong, layer):
    network = network_of(layer())
    with pytest.raises(DataError, match=rf"layer 0\..*embedding .* ids from 0 to 4; got {wrong}$"):
        network.predict(np.array([[0, wrong, 1]]))


def test_numbers_in_the_place_of_ids_are_refused():
    with pytest.raises(DTypeError, match=r"float64.*takes ids"):
        network_of(Embedding(5, 3)).predict(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Embedding(0, 3), "vocabulary must be a whole number >= 1; got 0"),
        (lambda: Embedding(5, 0), "width must be a whole number >= 1"),
        (lambda: Embedding(5, 3, padding=5), "padding must be an id below 5; got 5"),
        (lambda: TiedEmbedding(5, 3, [], padding=-1), "padding must be a whole number >= 0"),
        (lambda: Embedding(5, 3, initializer=3), "initializer must be an Initializer"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_tied_vectors_score_what_comes_out(rng):
    network = network_of(TiedEmbedding(6, 4, [Dense(4)]), time=3)
    E, W = network["0.tiedembedding.E"], network["0.tiedembedding.0.dense.W"]
    ids = rng.integers(0, 6, (2, 3))
    for i, t in np.ndindex(2, 3):
        hidden = [sum(W[j, k] * E[ids[i, t], k] for k in range(4)) for j in range(4)]
        scores = [sum(E[v, j] * hidden[j] for j in range(4)) for v in range(6)]
        np.testing.assert_allclose(network.forward(ids)[i, t], scores, rtol=1e-12)


def test_tied_gradients_have_both_parts():
    ids = np.array([[0, 1, 1, 5], [2, 2, 2, 0]])
    for layers in ([], [Dense(4)]):
        check = check_gradients(TiedEmbedding(7, 4, layers), ids, samples=None)
        assert check.passed, check


def test_tied_padding_comes_in_as_zeros_and_has_a_score(rng):
    network = network_of(TiedEmbedding(6, 4, [MultiHeadAttention(2)], padding=0))
    (layer,) = network.layers
    ids, cache = np.array([[3, 5, 0, 0], [1, 2, 4, 0]]), Cache()
    Z = network.forward(ids, cache).copy()
    np.testing.assert_array_equal(cache.mask, ids > 0)
    np.testing.assert_allclose(Z[:1, :2], network.forward(ids[:1, :2]), rtol=1e-12)
    assert (layer.E[0] != 0).all()
    check = check_gradients(TiedEmbedding(6, 4, [Dense(4)], padding=0), ids, samples=None)
    assert check.passed, check


def test_tied_layers_return_the_width_they_get():
    with pytest.raises(ShapeError, match=r"vectors of width 4, .*; they return \(None, 3\)"):
        network_of(TiedEmbedding(7, 4, [Dense(3)]))


def test_a_table_of_next_tokens_is_learned():
    """From each of four tokens one other follows: a loss near zero can be reached."""
    network = Network(
        [Embedding(4, 8), Dense(4)], loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0
    )
    ids = np.array([[0, 2, 1, 3, 0, 2], [3, 0, 2, 1, 3, 0]])
    optimizer, cache = AdamW(0.05), Cache(training=True)
    for _ in range(60):
        loss = network.loss_and_gradients(ids[:, :-1], ids[:, 1:], cache)
        optimizer.update(network.parameters, network.gradients, network.segments)
    assert loss < 0.05
