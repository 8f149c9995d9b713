"""Frozen layers: what stays as it is in training, running state included."""

import copy
import pickle

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Callback, Network, train
from plainnet.errors import SettingError
from plainnet.files.native import pack, unpack
from plainnet.initializers import Zeros
from plainnet.layers import BatchNorm, Dense, Dropout, Layer, Parallel, ReLU, Residual, Tanh
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD, Adam, NAdam
from plainnet.optimizers.lbfgs import LBFGS

X = np.random.default_rng(0).standard_normal((24, 3))
Y = np.sin(X[:, :2] * 2) + X[:, 2:]


class Centered(Layer):
    """Less a running mean of the batches, without parameters."""

    def build(self, input_shape):
        self.declare_state("mean", input_shape, Zeros())
        return input_shape

    def forward(self, A, cache):
        if cache.training:
            self.mean[...] = 0.5 * self.mean + 0.5 * A.mean(axis=0)
            return A - A.mean(axis=0)
        return A - self.mean

    def backward(self, dY, cache):
        return dY - dY.mean(axis=0) if cache.training else dY


def network_of(*layers: Layer) -> Network:
    layers = layers or (
        Dense(4), BatchNorm(), Tanh(), Residual([Dense(4), BatchNorm()]), Dropout(0.0), Dense(2),
    )  # fmt: skip
    network = Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)
    rng = np.random.default_rng(1)
    for name in network.tensors:
        network[name] += 0.3 * rng.standard_normal(network[name].shape)
    network.state[:] = rng.uniform(0.5, 2, network.state.size)
    return network


def fit(network, optimizer=None, *, epochs=2, callbacks=()):
    train(
        network, X, Y, optimizer=optimizer or SGD(0.05), epochs=epochs, batch_size=8, seed=3,
        callbacks=callbacks, progress=False,
    )  # fmt: skip


def moved(network, before):
    """The names of what training has changed."""
    names = [*network.tensors, *network._state.views]
    return {name for name in names if not np.array_equal(network[name], before[name])}


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["*"], ["1.batchnorm", "3.residual.1.batchnorm"]),
        (["1.batchnorm"], ["1.batchnorm"]),
        (["1.*"], ["1.batchnorm"]),
        (["3.residual"], ["3.residual.1.batchnorm"]),
        (["*.batchnorm"], ["1.batchnorm", "3.residual.1.batchnorm"]),
        (["*.gamma", "*.beta"], ["1.batchnorm", "3.residual.1.batchnorm"]),
        (["1.batchnorm.gamma"], []),
        (["*.running_*"], ["1.batchnorm", "3.residual.1.batchnorm"]),
        (["1.batchnorm.running_mean"], ["1.batchnorm"]),
        (["*.W"], []),
    ],
)
@pytest.mark.parametrize("how", ["freeze", "adjust"])
def test_running_statistics_stay_where_nothing_learns_or_they_are_named(patterns, kept, how):
    network = network_of()
    for pattern in patterns:
        if how == "freeze":
            network.freeze(pattern)
        else:
            network.adjust(pattern, learning_rate=0)
    before = copy.deepcopy(network)
    fit(network)
    state = {name for name in network._state.views if name.rpartition(".")[0] not in kept}
    assert moved(network, before) & set(network._state.views) == state
    for pattern in patterns:
        network.unfreeze(pattern)
    before = copy.deepcopy(network)
    fit(network)
    assert moved(network, before) >= {*network._state.views, "0.dense.W", "1.batchnorm.gamma"}


def test_gradients_are_those_of_the_loss_with_running_statistics():
    network = network_of()
    network.freeze("*.batchnorm")
    cache = Cache(training=True)
    loss = network.loss_and_gradients(X, Y, cache)
    assert loss == pytest.approx(network.evaluate(X, Y)["loss"], rel=1e-12)
    found, h = network.gradients.copy(), 1e-6
    for i in range(network.parameters.size):
        middle = network.parameters[i]
        losses = []
        for p in (middle + h, middle - h):
            network.parameters[i] = p
            losses.append(network.evaluate(X, Y)["loss"])
        network.parameters[i] = middle
        assert found[i] == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-6, abs=1e-9)


def test_where_only_gamma_is_frozen_the_batch_decides_as_before():
    with_gamma, without = network_of(), network_of()
    with_gamma.freeze("1.batchnorm.gamma")
    for network in (with_gamma, without):
        network.loss_and_gradients(X, Y, Cache(training=True))
    np.testing.assert_array_equal(with_gamma.gradients, without.gradients)
    np.testing.assert_array_equal(with_gamma.state, without.state)


@pytest.mark.parametrize("pattern", ["*", "1.centered", "*.mean", "1.centered.mean"])
def test_a_layer_of_ones_own_without_parameters_keeps_its_state(pattern, tmp_path):
    network = network_of(Dense(4), Centered(), Dense(2))
    before = network.state.copy()
    network.freeze(pattern)
    fit(network)
    np.testing.assert_array_equal(network.state, before)
    Z = network.forward(X, Cache(training=True))
    np.testing.assert_array_equal(Z, network.outputs(X))
    plainnet.save(network, tmp_path / "n.npz")
    loaded = plainnet.load(tmp_path / "n.npz", custom=[Centered])
    for other in (loaded, copy.deepcopy(network), pickle.loads(pickle.dumps(network)),
                  network.astype(np.float64)):  # fmt: skip
        fit(other)
        np.testing.assert_array_equal(other.state, before)
        other.unfreeze(pattern)
        fit(other)
        assert (other.state != before).all()


def test_inside_containers():
    parts = Parallel([(0, 2), (1, 3)], [BatchNorm(), Centered()])
    network = network_of(parts, Dense(2))
    network.freeze("0.parallel")
    before = network.state.copy()
    fit(network)
    np.testing.assert_array_equal(network.state, before)
    np.testing.assert_array_equal(network.forward(X, Cache(training=True)), network.outputs(X))
    network.unfreeze("0.parallel.0.batchnorm")
    before = copy.deepcopy(network)
    fit(network)
    assert moved(network, before) & set(network._state.views) == {
        "0.parallel.0.batchnorm.running_mean",
        "0.parallel.0.batchnorm.running_variance",
    }


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_callback_freezes_during_training(epochs):
    class Freeze(Callback):
        def end_step(self, run):
            if run.step == 1:
                run.network.freeze("*.batchnorm")
                self.then = copy.deepcopy(run.network)

    network, freeze = network_of(), Freeze()
    fit(network, epochs=epochs, callbacks=[freeze])
    changed = moved(network, freeze.then)
    assert changed == {name for name in network.tensors if "batchnorm" not in name}


def test_a_callback_freezes_during_l_bfgs_too():
    pytest.importorskip("scipy", reason="the extra `scipy` is not installed")

    class Freeze(Callback):
        def end_epoch(self, run):
            if run.epoch == 2:
                run.network.freeze("0.dense")
                self.then = copy.deepcopy(run.network)

    network, freeze = network_of(Dense(4), Tanh(), Dense(2)), Freeze()
    history = train(network, X, Y, optimizer=LBFGS(), epochs=9, callbacks=[freeze], progress=False)
    assert moved(network, freeze.then) == {"2.dense.W", "2.dense.b"}
    assert len(history) == 9
    assert history["loss"] == sorted(history["loss"], reverse=True)


@pytest.mark.parametrize("make", [lambda: Adam(0.01), lambda: NAdam(0.01)])
def test_a_layer_that_is_unfrozen_for_a_second_training_begins_gently(make):
    # One step of Adam is at most a learning rate long while its gradients agree: m' / sqrt(v') <= 1
    # at step 1, and NAdam's at most 1.06 (see tests/optimizers/test_base.py).
    network, optimizer = network_of(Dense(4), ReLU(), Dense(2)), make()
    network.freeze("0.dense")
    fit(network, optimizer, epochs=200)
    network.unfreeze("0.dense")
    before = network["0.dense.W"].copy()

    class Stop(Callback):
        def end_step(self, run):
            run.stop("one step")

    fit(network, optimizer, callbacks=[Stop()])
    assert 0.009 < np.abs(network["0.dense.W"] - before).max() < 0.0107


def test_files_of_before_freeze_the_statistics_too():
    network = network_of()
    network.freeze("*")
    arrays = pack(network)
    assert "running" not in str(arrays["description"])  # it follows from gamma and beta
    loaded = unpack(arrays, "memory")
    fit(loaded)
    assert moved(loaded, network) == set()


def test_the_summary_shows_what_is_frozen():
    network = Network(
        [Dense(4), BatchNorm(), Centered(), Dense(2)],
        loss=MeanSquaredError(), input_shape=3, seed=0,
    )  # fmt: skip
    plain = network.summary()
    assert "frozen" not in plain
    network.freeze("0.dense")
    network.freeze("1.batchnorm.gamma")
    network.freeze("2.centered")
    assert network.summary().splitlines() == [
        "layer        output shape  parameters  frozen",
        "---------------------------------------------",
        "input        (m, 3)",
        "0.dense      (m, 4)                16  all",
        "1.batchnorm  (m, 4)                 8  gamma",
        "2.centered   (m, 4)                    all",
        "3.dense      (m, 2)                10",
        "MeanSquaredError()",
        "34 parameters, of which 20 are frozen, float32, 0.00 MB",
    ]
    network.freeze("1.batchnorm")
    assert "1.batchnorm  (m, 4)                 8  all" in network.summary()
    network.unfreeze("*")
    assert network.summary() == plain
    network.freeze("*.running_*")
    assert "8  running_mean, running_variance" in network.summary()


def test_running_state_has_no_other_rates():
    network = network_of()
    with pytest.raises(SettingError, match=r"is running state, which is frozen .* or not"):
        network.adjust("*.running_mean", learning_rate=0.5)
    with pytest.raises(SettingError, match="no parameter is called"):
        network.adjust("*.running_mean", weight_decay=0.5)


def test_freezing_keeps_the_memory_of_a_step():
    network, cache = network_of(), Cache(training=True)
    network.loss_and_gradients(X, Y, cache)
    before = cache.nbytes
    network.freeze("*")
    network.loss_and_gradients(X, Y, cache)
    network.unfreeze("*")
    network.loss_and_gradients(X, Y, cache)
    assert cache.nbytes == before
