"""Masked steps count in no loss, whatever their targets; and each step may have a weight."""

import tracemalloc

import numpy as np
import pytest

from plainnet import Cache, Network, train
from plainnet.errors import DataError, ShapeError
from plainnet.layers import (
    GRU,
    Dense,
    Embedding,
    Layer,
    Masking,
    SinusoidalPositions,
    TiedEmbedding,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

LENGTHS = np.array([5, 2, 3])
DATA = np.arange(5) < LENGTHS[:, None]
CASES = {
    "numbers": (MeanSquaredError, 2, lambda rng: rng.standard_normal((3, 5, 2))),
    "counts": (Poisson, 1, lambda rng: rng.integers(0, 5, (3, 5, 1)).astype(float)),
    "labels": (SigmoidCrossEntropy, 3, lambda rng: rng.integers(0, 2, (3, 5, 3))),
    "classes": (SoftmaxCrossEntropy, 3, lambda rng: rng.integers(0, 3, (3, 5))),
    "soft classes": (SoftmaxCrossEntropy, 3, lambda rng: rng.dirichlet(np.ones(3), (3, 5))),
}
every = pytest.mark.parametrize(("loss", "units", "targets"), CASES.values(), ids=CASES)


def network_of(loss, units: int, *first: Layer) -> Network:
    layers = [*first, GRU(4, return_sequences=True), Dense(units)]
    return Network(layers, loss=loss(), input_shape=(None, 2), seed=0, dtype=np.float64)


def sequences(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((3, 5, 2)) * DATA[..., None]


@every
def test_the_loss_is_that_of_the_sequences_without_padding(loss, units, targets, rng):
    X, y = sequences(rng), targets(rng)
    network = network_of(loss, units, Masking())
    value = network.loss_and_gradients(X, y)
    gradients = network.gradients.copy()
    alone, total = 0.0, np.zeros_like(gradients)
    for i, n in enumerate(LENGTHS):
        alone += n * network.loss_and_gradients(X[i : i + 1, :n], y[i : i + 1, :n])
        total += n * network.gradients
    assert value == pytest.approx(alone / LENGTHS.sum(), rel=1e-12)
    np.testing.assert_allclose(gradients, total / LENGTHS.sum(), rtol=1e-10, atol=1e-14)
    assert network.evaluate(X, y)["loss"] == pytest.approx(value, rel=1e-12)


@every
def test_what_stands_there_as_a_target_changes_nothing(loss, units, targets, rng):
    X, y, other = sequences(rng), targets(rng), targets(rng)
    network = network_of(loss, units, Masking())
    expected = network.evaluate(X, y)
    y[~DATA] = other[~DATA]
    assert network.evaluate(X, y) == expected


def test_accuracy_counts_the_steps_that_are_data(rng):
    network = network_of(SoftmaxCrossEntropy, 3, Masking())
    X = sequences(rng)
    right = network.predict(X)
    assert network.evaluate(X, np.where(DATA, right, (right + 1) % 3))["accuracy"] == 1
    wrong = np.where(DATA, (right + 1) % 3, right)
    assert network.evaluate(X, wrong)["accuracy"] == 0
    wrong[0, 0] = right[0, 0]
    assert network.evaluate(X, wrong)["accuracy"] == pytest.approx(1 / LENGTHS.sum())


def test_padding_of_tokens_is_a_mask_too(rng):
    layers = [Embedding(6, 3, padding=0), Dense(2)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None,), seed=0)
    X, y = np.array([[3, 1, 0], [5, 0, 0]]), rng.standard_normal((2, 3, 2))
    Z = network.predict(X)
    expected = ((Z - y) ** 2).mean(axis=2)[X > 0].mean()
    assert network.evaluate(X, y)["loss"] == pytest.approx(expected, rel=1e-6)


def test_batches_weigh_what_their_data_weigh(rng):
    """Two batches in one update are the batch of both."""
    X, y = sequences(rng), CASES["numbers"][2](rng)
    whole, parts = (network_of(MeanSquaredError, 2, Masking()) for _ in range(2))
    settings = {"epochs": 1, "progress": False, "shuffle": False}
    history = train(whole, X, y, optimizer=SGD(1.0), batch_size=3, **settings)
    batches = [(X[:1], y[:1]), (X[1:], y[1:])]
    of_parts = train(parts, batches, optimizer=SGD(1.0), accumulate=2, **settings)
    np.testing.assert_allclose(parts.parameters, whole.parameters, rtol=1e-12)
    assert of_parts["loss"] == pytest.approx(history["loss"], rel=1e-12)


class Halved(Layer):
    """Every other step, and nothing said of the mask."""

    def build(self, input_shape):
        return input_shape

    def forward(self, A, cache):
        return A[:, ::2].copy()

    def backward(self, dA, cache):
        raise NotImplementedError


def test_a_mask_of_other_steps_is_refused():
    layers = [Masking(), Halved()]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None, 2))
    with pytest.raises(ShapeError, match=r"outputs at \(3, 3\) positions and a mask of .*\(3, 5\)"):
        network.evaluate(np.ones((3, 5, 2)), np.ones((3, 3, 2)))


# --- weights --------------------------------------------------------------------------------------


@every
def test_a_weight_for_each_step(loss, units, targets, rng):
    X, y, weights = sequences(rng), targets(rng), rng.integers(0, 4, (3, 5)).astype(float)
    network = network_of(loss, units)
    value = network.loss_and_gradients(X, y, sample_weight=weights)
    gradients = network.gradients.copy()
    cache = Cache()
    Z = network.forward(X)
    flat = y.reshape(15, -1) if y.ndim == 3 else y.reshape(15)
    one = network.loss.loss
    each = one.forward(Z.reshape(15, units), one.targets(flat, np.float64), cache)
    assert value == pytest.approx(np.average(each, weights=weights.ravel()), rel=1e-12)
    assert network.evaluate(X, y, weights)["loss"] == pytest.approx(value, rel=1e-12)
    as_one = np.repeat([[1.0], [2.0], [0.5]], 5, axis=1)
    both = [network.loss_and_gradients(X, y, sample_weight=w) for w in (as_one, as_one[:, 0])]
    assert both[0] == both[1]
    network.loss_and_gradients(X, y, sample_weight=DATA.astype(float))
    masked = network.gradients.copy()
    assert not np.array_equal(masked, gradients)


def test_training_with_a_weight_for_each_step(rng):
    X, y = rng.standard_normal((20, 5, 2)), rng.standard_normal((20, 5, 2))
    weights = rng.random((20, 5))
    weights[:, 3:] = 0
    trained = []
    for targets in (y, np.where(weights[..., None] > 0, y, 99.0)):
        network = network_of(MeanSquaredError, 2)
        train(
            network, X, targets, optimizer=SGD(0.1), epochs=2, batch_size=8, progress=False,
            sample_weight=weights, validation_data=(X, targets, weights), seed=0,
        )  # fmt: skip
        trained.append(network.parameters.copy())
    np.testing.assert_array_equal(*trained)


@pytest.mark.parametrize("shape", [(3, 4), (3, 5, 1), (5, 3), (4,)])
def test_weights_of_another_shape(shape, rng):
    network = network_of(MeanSquaredError, 2)
    with pytest.raises(ShapeError, match=r"the shape \(3,\) or \(3, 5\); got"):
        network.evaluate(sequences(rng), np.zeros((3, 5, 2)), np.ones(shape))


def test_weights_of_nothing_but_positions_that_do_not_count(rng):
    network = network_of(SoftmaxCrossEntropy, 3)
    y = np.full((3, 5), -1)
    y[0, 0] = 1
    weights = np.ones((3, 5))
    weights[0, 0] = 0
    with pytest.raises(DataError, match="nothing counts"):
        network.loss_and_gradients(sequences(rng), y, sample_weight=weights)


def test_an_output_without_steps_has_a_weight_an_example(rng):
    network = Network([GRU(2)], loss=MeanSquaredError(), input_shape=(None, 2))
    with pytest.raises(ShapeError, match=r"the shape \(3,\); got \(3, 5\)"):
        network.evaluate(sequences(rng), np.zeros((3, 2)), np.ones((3, 5)))


# --- memory ---------------------------------------------------------------------------------------


def test_a_language_model_is_measured_in_bounded_memory():
    """The scores of all tokens at once would be 100 MB, and their logarithms as much again."""
    vocabulary, time, m = 2000, 50, 256
    network = Network(
        [TiedEmbedding(vocabulary, 8, [SinusoidalPositions(), TransformerBlock(2, causal=True)])],
        loss=SoftmaxCrossEntropy(),
        input_shape=(None,),
        seed=0,
    )
    X = np.arange(m * time).reshape(m, time) % vocabulary
    y = np.roll(X, -1, axis=1)
    for measure in (lambda: network.evaluate(X, y), lambda: network.predict(X)):
        measure()
        tracemalloc.start()
        try:
            measure()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 64 * 2**20


def test_slices_are_the_whole(monkeypatch, rng):
    network = network_of(SoftmaxCrossEntropy, 3, Masking())
    X, y = sequences(rng), CASES["classes"][2](rng)
    weights = rng.random((3, 5))
    whole = network.evaluate(X, y, weights), network.predict(X), network.predict_proba(X)
    monkeypatch.setattr("plainnet.network.ROWS_AT_ONCE", 1)
    assert network.evaluate(X, y, weights) == pytest.approx(whole[0], rel=1e-12)
    np.testing.assert_array_equal(network.predict(X), whole[1])
    np.testing.assert_allclose(network.predict_proba(X), whole[2], rtol=1e-12)
