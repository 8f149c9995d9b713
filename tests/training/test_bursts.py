"""Steps of a small network in bursts: the same as one at a time, to the last bit."""

import numpy as np
import pytest

from plainnet import Cache, Network, kernels, train
from plainnet.callbacks import EMA, Callback, EarlyStopping
from plainnet.errors import DivergedError
from plainnet.layers import Dense, Dropout, Graph, LayerNorm, ReLU, Sigmoid, Tanh
from plainnet.losses import (
    Huber,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from plainnet.optimizers import SGD, Adam, AdamW
from plainnet.schedules import Cosine
from plainnet.training.bursts import Bursts

pytest.importorskip("plainnet_kernels", reason="plainnet_kernels is missing")

pytestmark = pytest.mark.usefixtures("compiled_kernels")


class Looks(Callback):
    """Sees every step, which therefore comes alone."""

    def end_step(self, run):
        run.network.parameters.sum()


@pytest.fixture
def bursts(monkeypatch) -> list[int]:
    """The numbers of steps of the bursts that are made."""
    made, burst = [], Bursts._burst

    def counted(self, rows):
        losses = burst(self, rows)
        made.append(len(losses))
        return losses

    monkeypatch.setattr(Bursts, "_burst", counted)
    return made


def network_of(loss=None, activation=ReLU, n_out: int = 3) -> Network:
    loss = SoftmaxCrossEntropy() if loss is None else loss
    layers = [Dense(9), activation(), Dense(4, bias=False), activation(), Dense(n_out)]
    return Network(layers, loss=loss, input_shape=5, seed=0)


@pytest.fixture
def data(rng) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((333, 5), dtype=np.float32), rng.integers(0, 3, 333)


def trained(network, X, y, optimizer, *callbacks, epochs=9, **settings):
    settings = {"batch_size": 16, "seed": 3, "progress": False, **settings}
    return train(network, X, y, optimizer=optimizer, epochs=epochs, callbacks=callbacks, **settings)


@pytest.mark.parametrize(
    "settings",
    [{}, {"weight_decay": 0.1}, {"betas": (0.8, 0.9), "epsilon": 1e-3}],
    ids=["plain", "L2", "betas"],
)
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_bursts_are_the_same_steps(kind, settings, data, bursts):
    alone, together = network_of(), network_of()
    first, second = kind(0.01, **settings), kind(0.01, **settings)
    history = trained(alone, *data, first, Looks(), Cosine(warmup=5))
    assert not bursts
    other = trained(together, *data, second, Cosine(warmup=5))
    assert sum(bursts) == 9 * 21
    assert max(bursts) == 21  # an epoch's
    np.testing.assert_array_equal(together.parameters, alone.parameters)
    assert other["loss"] == history["loss"]
    assert second.steps == first.steps
    for name, accumulator in first.state.items():
        np.testing.assert_array_equal(second.state[name], accumulator)


@pytest.mark.parametrize(
    ("loss", "n_out", "target"),
    [
        (MeanSquaredError, 2, lambda X, y: X[:, :2]),
        (MeanSquaredError, 1, lambda X, y: X[:, 0]),
        (SigmoidCrossEntropy, 1, lambda X, y: y > 1),
        (SigmoidCrossEntropy, 4, lambda X, y: X[:, :4] > 0),
    ],
)
@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
def test_losses_and_activations(loss, n_out, target, activation, data, bursts):
    X, y = data
    networks = [network_of(loss(), activation, n_out) for _ in range(2)]
    trained(networks[0], X, target(X, y), Adam(0.01), Looks())
    trained(networks[1], X, target(X, y), Adam(0.01))
    assert bursts
    np.testing.assert_array_equal(networks[1].parameters, networks[0].parameters)


def test_long_epochs_are_cut_where_the_loop_has_work(data, bursts):
    trained(network_of(), *data, Adam(), epochs=1, batch_size=2)
    assert bursts == [64, 64, 39]


def test_a_run_in_two_halves_is_the_run_in_one(data):
    ends = []
    for parts in ([7], [3, 4]):
        network, optimizer, rng = network_of(), Adam(), np.random.default_rng(1)
        for epochs in parts:
            trained(network, *data, optimizer, epochs=epochs, seed=rng)
        ends.append(network.parameters)
    np.testing.assert_array_equal(*ends)


def test_frozen_and_adjusted_tensors(data, bursts):
    ends = []
    for callbacks in ([], [Looks()]):
        network = network_of()
        network.freeze("0.dense")
        network.adjust("*.b", learning_rate=0.5)
        optimizer = Adam(0.01)
        trained(network, *data, optimizer, *callbacks, epochs=2)
        network.adjust("0.dense", learning_rate=1.0)  # its tensors have made fewer steps
        trained(network, *data, optimizer, *callbacks, epochs=2)
        ends.append(network.parameters)
    assert bursts
    np.testing.assert_array_equal(*ends)


class Changes(Callback):
    """Something of the training, after its third epoch."""

    def __init__(self, change):
        self.change = change

    def end_epoch(self, run):
        if run.epoch == 2:
            self.change(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: setattr(run.optimizer, "learning_rate", 0.1),
        lambda run: setattr(run.optimizer, "weight_decay", 0.1),
        lambda run: setattr(run.optimizer, "betas", (0.5, 0.9)),
        lambda run: setattr(run.optimizer, "epsilon", 0.1),
        lambda run: run.network.freeze("2.dense"),
        lambda run: run.network.adjust("*.W", learning_rate=0.1),
        lambda run: run.optimizer.reset(),
    ],
    ids=["learning_rate", "weight_decay", "betas", "epsilon", "freeze", "adjust", "reset"],
)
def test_what_changes_between_epochs_is_heeded(change, data, bursts):
    ends = []
    for callbacks in ([Looks(), Changes(change)], [Changes(change)], []):
        network = network_of()
        trained(network, *data, AdamW(0.01), *callbacks, epochs=40)
        ends.append(network.parameters)
    assert max(bursts) == 21  # an epoch's
    np.testing.assert_array_equal(ends[0], ends[1])
    assert (ends[1] != ends[2]).any()


def test_a_divergence_is_the_same(data):
    X, y = data
    X = X.copy()
    X[200:] *= 1e30
    found = []
    for callbacks in ([], [Looks()]):
        network, optimizer = network_of(MeanSquaredError(), n_out=1), Adam(1e-3)
        with pytest.raises(DivergedError) as error:
            trained(network, X, y, optimizer, *callbacks, shuffle=False, epochs=2)
        found.append((str(error.value), network.parameters.copy(), optimizer.steps))
    assert found[0][0] == found[1][0]
    assert "after 12 steps" in found[0][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 1.0},
        {"accumulate": 2},
        {"mixup": 0.2},
        {"sample_weight": np.ones(333)},
        {"augment": [lambda X, rng: X]},
        {"optimizer": SGD(0.1)},
        {"optimizer": Adam(amsgrad=True)},
        {"optimizer": Adam(l1=0.1)},
        {"callbacks": [EMA(0.9)]},
        {"callbacks": [Cosine(of="weight_decay")], "optimizer": Adam(weight_decay=0.1)},
        {"batch_size": 300, "network": Network(
            [Dense(900), ReLU(), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=5)
            .astype(np.float64)},
    ],
    ids=lambda settings: next(iter(settings)),
)  # fmt: skip
def test_what_needs_every_step_gets_it(settings, data, bursts):
    settings = {"optimizer": Adam(), "network": network_of(), "callbacks": [], **settings}
    network, optimizer = settings.pop("network"), settings.pop("optimizer")
    trained(network, *data, optimizer, *settings.pop("callbacks"), epochs=1, **settings)
    assert not bursts


class Doubled(ReLU):
    def forward(self, Z, cache):
        return 2 * super().forward(Z, cache)


class Halved(MeanSquaredError):
    def forward(self, Z, y, cache):
        return super().forward(Z, y, cache) / 2


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(3), Doubled(), Dense(3)],
        [Dense(3), ReLU(), ReLU(), Dense(3)],
        [ReLU(), Dense(3)],
        [Dense(3), LayerNorm(), Dense(3)],
        [Dense(3), Dropout(0.5), Dense(3)],
        [Dense(3), Tanh()],
        [],
        Graph({"a": (Dense(3), "x")}, inputs="x", outputs="a"),
    ],
    ids=str,
)
def test_other_networks_are_not_taken_for_a_stack(layers):
    assert Network(layers, loss=MeanSquaredError(), input_shape=3).dense_stack is None


@pytest.mark.parametrize("loss", [Halved(), Huber(), SoftmaxCrossEntropy(label_smoothing=0.1)])
def test_other_losses_are_not_taken_for_a_stacks(loss):
    assert Network([Dense(3)], loss=loss, input_shape=3).dense_stack is None


def test_early_stopping_ends_in_the_same_epoch(data, bursts):
    X, y = data
    ends = []
    for callbacks in ([], [Looks()]):
        network = network_of()
        stopping = EarlyStopping(patience=2)
        history = trained(
            network, X[:200], y[:200], Adam(0.05), stopping, *callbacks, epochs=60,
            validation_data=(X[200:], y[200:]),
        )  # fmt: skip
        ends.append((network.parameters, len(history["loss"])))
    assert bursts
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1] < 60


def test_a_single_step_agrees_with_the_layers(data):
    X, y = data
    network, cache = network_of(), Cache(training=True)
    loss = network.loss_and_gradients(X, y, cache)
    assert "stack" in cache._memory
    gradients = network.gradients.copy()
    kernels.use("numpy")
    assert network.loss_and_gradients(X, y) == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(gradients, network.gradients, rtol=2e-5, atol=1e-7)
