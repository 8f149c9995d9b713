"""The range test: what it does, what it suggests, and what it leaves alone."""

import copy
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from plainnet import Network, find_learning_rate, train
from plainnet.errors import DivergedError, MissingExtraError, SettingError
from plainnet.layers import BatchNorm, Dense, Dropout, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, Lion


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def classifier():
    layers = [Dense(32), ReLU(), Dense(10)]
    return Network(layers, loss=SoftmaxCrossEntropy(), input_shape=64, seed=0)


@pytest.mark.parametrize("optimizer", [SGD(), SGD(momentum=0.9), Adam()], ids=str)
def test_the_suggestion_is_sensible_on_digits(digits, optimizer):
    X, y = digits
    rates = [
        find_learning_rate(
            classifier(), X, y, optimizer=optimizer, batch_size=32, seed=seed
        ).suggestion
        for seed in range(2)
    ]
    assert max(rates) < 4 * min(rates)  # it depends little on the seed

    def accuracy(rate):
        optimizer.reset()
        optimizer.learning_rate = rate
        network = classifier()
        settings = {"optimizer": optimizer, "epochs": 5, "batch_size": 32, "seed": 1}
        train(network, X[:1200], y[:1200], progress=False, **settings)
        return network.evaluate(X[1200:], y[1200:])["accuracy"]

    accuracies = {factor: accuracy(factor * rates[0]) for factor in (0.01, 1, 100)}
    assert accuracies[1] > 0.85
    assert accuracies[1] > max(accuracies[0.01], accuracies[100]) + 0.05


def test_network_and_optimizer_stay_as_they_are(digits):
    X, y = digits
    network, optimizer = classifier(), Adam(0.0123)
    train(network, X[:64], y[:64], optimizer=optimizer, epochs=1, batch_size=32, progress=False)
    before = network.parameters.copy(), optimizer.state["M"].copy()
    settings = {"batch_size": 32, "steps": 20, "seed": 0}
    found = find_learning_rate(network, X, y, optimizer=optimizer, **settings)
    assert found == find_learning_rate(network, X, y, optimizer=Adam(), **settings)
    np.testing.assert_array_equal(network.parameters, before[0])
    np.testing.assert_array_equal(optimizer.state["M"], before[1])
    assert (optimizer.learning_rate, optimizer.steps) == (0.0123, 2)


def test_learning_rates_grow_by_a_factor_until_the_loss_explodes(digits):
    X, y = digits
    settings = {"optimizer": SGD(), "batch_size": 32, "seed": 0}
    found = find_learning_rate(classifier(), X, y, lowest=1e-4, highest=1e4, steps=81, **settings)
    n = len(found.learning_rates)
    assert n < 75
    np.testing.assert_allclose(found.learning_rates, 10 ** (-4 + np.arange(n) / 10), rtol=1e-9)
    assert len(found.losses) == len(found.smoothed) == n
    assert found.suggestion in [rate / 10 for rate in found.learning_rates]
    tame = find_learning_rate(classifier(), X, y, lowest=1e-6, highest=1e-4, steps=11, **settings)
    assert tame.learning_rates[-1] == pytest.approx(1e-4)
    again = find_learning_rate(classifier(), X, y, lowest=1e-6, highest=1e-4, steps=11, **settings)
    assert tame == again


def test_the_losses_are_smoothed():
    X = np.ones((40, 1), np.float32)
    y = np.tile([4.0, 0.0], 20)  # losses of 16 and 0 by turns, while nothing is learned
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=1, seed=0)
    network.parameters[:] = 0
    found = find_learning_rate(
        network, X, y, optimizer=SGD(), batch_size=1, lowest=1e-12, highest=1e-11, steps=40,
        shuffle=False,
    )  # fmt: skip
    assert found.losses == pytest.approx([16, 0] * 20, abs=1e-6)
    # 16; 16 (0.1) 0.9 / (1 - 0.9^2); 16 (0.1) (0.9^2 + 1) / (1 - 0.9^3)
    assert found.smoothed[:3] == pytest.approx([16, 7.5789474, 10.6863469])


def regression():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4)).astype(np.float32)
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(200)


@pytest.fixture(scope="module")
def trained(digits):
    """Networks after so many epochs, with what they learned."""

    def after(layers, loss, X, y, epochs):
        network = Network(layers, loss=loss, input_shape=X.shape[1], seed=0)
        settings = {"optimizer": Adam(0.01), "batch_size": 32, "seed": 1, "progress": False}
        train(network, X, y, epochs=epochs, **settings)
        return network, X, y

    X, y = digits
    found = {}
    for epochs in (5, 40):
        layers = [Dense(32), BatchNorm(), ReLU(), Dropout(0.2), Dense(10)]
        found["digits", epochs] = after(
            layers, SoftmaxCrossEntropy(), X[:600], y[:600], epochs
        )  # fmt: skip
        layers = [Dense(16), ReLU(), Dense(1)]
        found["regression", epochs] = after(layers, MeanSquaredError(), *regression(), 5 * epochs)
    return found


@pytest.mark.parametrize("epochs", [5, 40])
@pytest.mark.parametrize("data", ["digits", "regression"])
@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), Adam(), Lion()], ids=str)
def test_a_trained_network_gets_a_rate_that_keeps_its_loss(trained, data, epochs, optimizer):
    network, X, y = trained[data, epochs]
    before = network.evaluate(X, y)["loss"]
    settings = {"optimizer": optimizer, "batch_size": 32}
    rate = find_learning_rate(network, X, y, steps=120, seed=2, **settings).suggestion
    assert 1e-5 < rate < 1
    network = copy.deepcopy(network)
    optimizer = copy.deepcopy(optimizer)
    optimizer.learning_rate = rate
    settings["optimizer"] = optimizer
    train(network, X, y, epochs=4, seed=3, progress=False, **settings)
    assert network.evaluate(X, y)["loss"] < 1.02 * before


def test_the_luck_of_the_batches_is_no_change():
    # Targets of 4 and 0 by turns: the loss of a batch is 16 or 0, and nothing that is this slow
    # changes it: 16, 7.6, 10.7 ... smoothed, lowest at the second step. Every rate is harmless.
    X, y = np.ones((40, 1), np.float32), np.tile([4.0, 0.0], 20)
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=1, seed=0)
    network.parameters[:] = 0
    found = find_learning_rate(
        network, X, y, optimizer=SGD(), batch_size=1, lowest=1e-12, highest=1e-8, steps=40,
        shuffle=False,
    )  # fmt: skip
    assert found.smoothed[1] == pytest.approx(min(found.smoothed))
    assert np.abs(found.change).max() < 1e-4
    assert found.suggestion == pytest.approx(1e-9)


def test_the_change_is_that_of_the_same_batch_under_the_first_parameters():
    # One row, loss (w - 1)^2 from w = 0: w <- w + 2 lr (1 - w), and the reference is 1 throughout.
    X, y = np.ones((1, 1)), np.ones(1)
    network = Network(
        [Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=1, dtype=np.float64
    )
    network.parameters[:] = 0
    settings = {"optimizer": SGD(), "batch_size": 1, "lowest": 0.001, "highest": 0.1, "steps": 10}
    found = find_learning_rate(network, X, y, **settings)
    w, mean, weight, expected = 0.0, 0.0, 0.0, []
    for rate in found.learning_rates:
        mean, weight = 0.9 * mean + 0.1 * ((w - 1) ** 2 - 1), 0.9 * weight + 0.1
        expected.append(mean / weight)
        w += 2 * rate * (1 - w)
    np.testing.assert_allclose(found.change, expected, rtol=1e-9, atol=1e-15)
    assert found.suggestion == pytest.approx(0.01)


def test_it_never_suggests_less_than_the_lowest(digits):
    X, y = digits
    settings = {"optimizer": SGD(), "batch_size": 32, "seed": 0, "steps": 20}
    found = find_learning_rate(classifier(), X, y, lowest=0.3, highest=1.0, **settings)
    assert found.suggestion >= 0.3


def test_a_generator_stays_as_it_is(digits):
    X, y = digits
    rng = np.random.default_rng(5)
    settings = {"optimizer": SGD(), "batch_size": 32, "steps": 10}
    found = find_learning_rate(classifier(), X, y, seed=rng, **settings)
    assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state
    assert found == find_learning_rate(classifier(), X, y, seed=rng, **settings)


def test_what_has_nothing_to_learn_is_told_so():
    X, y = regression()
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4, seed=0)
    network.freeze("*")
    with pytest.raises(SettingError, match="every parameter is frozen"):
        find_learning_rate(network, X, y, optimizer=SGD(), batch_size=32)
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4, seed=0)
    network.parameters[:] = 0  # the minimum, without a gradient: no rate can do harm
    settings = {"optimizer": SGD(), "batch_size": 32, "highest": 2.0}
    assert find_learning_rate(network, X, 0 * y, **settings).suggestion == pytest.approx(0.2)


def test_infinity_is_no_error():
    X = np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32)
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    settings = {"optimizer": SGD(), "batch_size": 8}
    found = find_learning_rate(
        network, X, X[:, 0], lowest=1e-3, highest=1e30, steps=34, seed=0, **settings
    )
    assert 5 < len(found.losses) < 34
    assert np.isfinite(found.losses).all()
    with pytest.raises(SettingError, match=r"no learning rate from lowest=100 on lowers the loss"):
        find_learning_rate(network, X, X[:, 0], lowest=1e2, highest=1e4, steps=10, **settings)
    network.parameters[:] = np.inf
    with pytest.raises(DivergedError, match="after 0 steps"):
        find_learning_rate(network, X, X[:, 0], **settings)


def test_the_plot_shows_both_curves_and_the_suggestion(digits):
    matplotlib = pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    matplotlib.use("Agg")
    X, y = digits
    found = find_learning_rate(classifier(), X, y, optimizer=SGD(), batch_size=32, steps=50, seed=0)
    ax = found.plot()
    drawn = [line.get_xydata() for line in ax.get_lines()]
    for curve, losses in zip(drawn, (found.losses, found.smoothed), strict=False):
        np.testing.assert_array_equal(curve, np.transpose([found.learning_rates, losses]))
    assert (drawn[2][:, 0] == found.suggestion).all()
    assert ax.get_xscale() == "log"
    assert found.plot(ax) is ax


def test_without_matplotlib_it_names_the_extra(digits, monkeypatch):
    X, y = digits
    found = find_learning_rate(classifier(), X, y, optimizer=SGD(), batch_size=32, steps=50, seed=0)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"plainnet\[plots\]"):
        found.plot()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lowest": 0}, "lowest must be > 0"),
        ({"highest": 1e-7}, "highest must be > 1e-06"),
        ({"steps": 9}, "steps must be a whole number >= 10"),
        ({"optimizer": Adam}, "optimizer must be an Optimizer object"),
    ],
)
def test_settings_are_checked(digits, settings, message):
    X, y = digits
    settings = {"optimizer": SGD(), **settings}
    with pytest.raises(SettingError, match=message):
        find_learning_rate(classifier(), X, y, batch_size=32, **settings)
