"""plainnet.step: the step of train(), for loops of one's own."""

import numpy as np
import pytest

import plainnet
from allocations import peak_of
from plainnet import LBFGS, Cache, Network, step, train
from plainnet.errors import DivergedError, SettingError, ShapeError
from plainnet.layers import BatchNorm, Dense, Dropout, Embedding, ReLU, Tanh
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam


def network_of(*layers, seed=0, dtype=np.float32) -> Network:
    return Network(
        layers or [Dense(8, bias=False), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)],
        loss=SoftmaxCrossEntropy(),
        input_shape=4,
        seed=seed,
        dtype=dtype,
    )


def data(rng, m=60):
    return rng.standard_normal((m, 4)), rng.integers(0, 3, m)


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}])
def test_a_loop_of_ones_own_is_train(clip, rng):
    X, y = data(rng)
    w = rng.random(60)
    trained, stepped = network_of(), network_of()
    train(
        trained, X, y, optimizer=Adam(), epochs=2, batch_size=20, seed=3, progress=False,
        shuffle=False, sample_weight=w, **clip,
    )  # fmt: skip
    optimizer, cache = Adam(), Cache(training=True, seed=3)
    for _ in range(2):
        for start in range(0, 60, 20):
            rows = slice(start, start + 20)
            step(stepped, X[rows], y[rows], optimizer, cache=cache, sample_weight=w[rows], **clip)
    np.testing.assert_allclose(stepped.parameters, trained.parameters, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(stepped.state, trained.state, rtol=1e-5, atol=1e-7)


def test_it_returns_the_loss_before_the_update(rng):
    X, y = data(rng)
    network = network_of(Dense(3))
    before = network.evaluate(X, y)["loss"]
    assert step(network, X, y, SGD(0.1)) == pytest.approx(before, rel=1e-6)
    assert network.evaluate(X, y)["loss"] < before


def test_frozen_tensors_stay_and_do_not_count_in_the_norm(rng):
    X, y = data(rng)
    network = network_of(Dense(5), Tanh(), Dense(3), dtype=np.float64)
    network.freeze("0.dense")
    first, rest = network["0.dense.W"].copy(), network["2.dense.W"].copy()
    step(network, X, y, SGD(1.0), clip_norm=1e-3)
    np.testing.assert_array_equal(network["0.dense.W"], first)
    moved = [network["2.dense.W"] - rest, network["2.dense.b"]]
    assert np.sqrt(sum((part**2).sum() for part in moved)) == pytest.approx(1e-3, rel=1e-9)


def test_a_warm_step_allocates_next_to_nothing(rng):
    X, y = rng.standard_normal((8192, 4), dtype=np.float32), rng.integers(0, 3, 8192)
    network, optimizer, cache = network_of(), Adam(), Cache(training=True, seed=0)
    for _ in range(3):
        step(network, X, y, optimizer, cache=cache)
    peak = peak_of(lambda: step(network, X, y, optimizer, cache=cache))
    assert peak < 8192 * 8 * 4 / 2  # half of the first layer's output: the targets are checked


def test_divergence_says_where_and_changes_nothing(rng):
    network = network_of(Dense(8), Dense(3), dtype=np.float64)
    network["1.dense.W"][0, 0] = np.inf
    before, optimizer = network.parameters.copy(), SGD(0.5)
    with pytest.raises(DivergedError, match=r"the loss became (nan|inf); .* in 1\.dense") as error:
        step(network, *data(rng), optimizer)
    assert error.value.layer == "1.dense"
    assert optimizer.steps == 0
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": LBFGS()}, "optimizer must be an Optimizer"),
        ({"optimizer": SGD}, "optimizer must be an Optimizer object"),
        ({"clip_norm": 0}, "clip_norm must be > 0; got 0"),
        ({"clip_norm": 1, "clip_value": 1}, "clip_norm=1 and clip_value=1: pass only one"),
        ({"cache": {}}, "cache must be a Cache"),
        ({"network": None}, "network must be a Network"),
    ],
)
def test_refusals(settings, message, rng):
    X, y = data(rng)
    known = {"network": network_of(), "X": X, "y": y, "optimizer": SGD(0.1)} | settings
    with pytest.raises(SettingError, match=message):
        step(**known)


def test_it_is_public():
    assert plainnet.step is step


# --- the gradient of the input --------------------------------------------------------------------


def test_the_input_gradient_agrees_with_central_differences(rng):
    network = network_of(Dense(8), BatchNorm(), Tanh(), Dropout(0.3), Dense(3), dtype=np.float64)
    X, y = data(rng, 3)
    w = rng.random(3)
    found = network.input_gradient(X, y, w)
    for place in np.ndindex(X.shape):
        kept, values = X[place], []
        for nearby in (kept + 1e-5, kept - 1e-5):
            X[place] = nearby
            values.append(network.evaluate(X, y, w)["loss"])
        X[place] = kept
        assert found[place] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6, abs=1e-9)


def test_ids_have_no_gradient():
    network = Network([Embedding(5, 2)], loss=MeanSquaredError(), input_shape=(None,))
    with pytest.raises(SettingError, match=r"ids have no gradient, and Embedding.* takes ids"):
        network.input_gradient([[1]], np.zeros((1, 1, 2)))


def test_targets_that_do_not_fit():
    with pytest.raises(ShapeError, match="X has 2 rows and y has 3"):
        network_of().input_gradient(np.ones((2, 4)), [0, 1, 2])
