"""Early stopping and the time limit: when they stop, and what they leave behind."""

import numpy as np
import pytest

from plainnet import Callback, EarlyStopping, Network, train
from plainnet.callbacks import TimeLimit
from plainnet.callbacks import stopping as stopping_module
from plainnet.errors import SettingError
from plainnet.layers import BatchNorm, Dense
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD


class Script(Callback):
    """Writes given values as the history's measure, and the epoch into the parameters."""

    def __init__(self, measure, values):
        self.measure, self.values = measure, values

    def end_epoch(self, run):
        run.history.append({self.measure: self.values[run.epoch]})
        run.network.parameters[:] = run.epoch


def play(measure, values, **settings):
    """Train while the measure takes these values; (epochs done, epoch of the parameters left)."""
    settings.setdefault("mode", "min")
    network = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2)
    stopping = EarlyStopping(measure, **settings)
    history = train(
        network,
        np.zeros((4, 2), np.float32),
        np.array([0, 1, 0, 1]),
        optimizer=SGD(0.0),
        epochs=len(values),
        batch_size=4,
        callbacks=[Script(measure, values), stopping],
        progress=False,
    )
    return len(history), int(network.parameters[0]), stopping, history


def test_it_stops_after_patience_and_restores_the_best():
    epochs, left, stopping, history = play("x", [5, 3, 4, 3, 6, 1, 0], patience=3)
    assert (epochs, left) == (5, 1)
    assert (stopping.best, stopping.best_epoch) == (3, 1)
    assert history.stopped == "x has not improved for 3 epochs"


def test_the_best_comes_back_also_when_all_epochs_ran():
    assert play("x", [5, 1, 4, 2], patience=10)[:2] == (4, 1)


def test_what_is_better_may_be_said():
    assert play("x", [0.5, 0.9, 0.7, 0.8, 0.95], patience=2, mode="max")[:2] == (4, 1)


@pytest.mark.parametrize(
    ("monitor", "epochs_done"),
    [("f1", 4), ("accuracy", 4), ("loss2", None), ("log_loss", 3), ("mean_squared_error", 3)],
)
def test_of_the_metrics_it_is_known_what_is_better(monitor, epochs_done):
    if epochs_done is None:
        with pytest.raises(
            SettingError, match="not known whether more of 'loss2' is better: pass mode"
        ):
            EarlyStopping(monitor)
        return
    values = [0.5, 0.9, 0.7, 0.8, 0.95]
    assert play(monitor, values, patience=2, mode="auto")[0] == epochs_done
    assert play(monitor, values, patience=2, mode="max")[0] == 4


def test_a_small_gain_is_none():
    assert play("x", [5, 4.95, 4.91, 4.0], patience=2, min_delta=0.1)[:2] == (3, 0)


def test_nan_is_no_improvement():
    assert play("x", [3, float("nan"), 4, 5], patience=3)[:2] == (4, 0)


def test_a_measure_that_is_not_there_is_refused():
    network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=2)
    X = np.zeros((4, 2), np.float32)
    with pytest.raises(SettingError, match="'val_loss' is monitored, which needs validation_data"):
        train(
            network, X, X, optimizer=SGD(), epochs=2, batch_size=4,
            callbacks=[EarlyStopping()], progress=False,
        )  # fmt: skip
    with pytest.raises(SettingError, match="'f1' is monitored; the history has only loss"):
        train(
            network, X, X, optimizer=SGD(), epochs=2, batch_size=4,
            callbacks=[EarlyStopping("f1")], progress=False,
        )  # fmt: skip


@pytest.mark.parametrize(
    "settings", [{"patience": 0}, {"min_delta": -1}, {"monitor": 3}, {"mode": "up"}]
)
def test_settings_are_checked(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        EarlyStopping(**settings)
    with pytest.raises(SettingError, match="seconds must be > 0; got 0"):
        TimeLimit(0)


def test_one_object_serves_one_training_after_the_other():
    stopping = EarlyStopping("loss", patience=1)
    for _ in range(2):
        network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
        X = np.ones((4, 2), np.float32)
        history = train(
            network, X, np.zeros(4), optimizer=SGD(0.1), epochs=3, batch_size=4,
            callbacks=[stopping], progress=False,
        )  # fmt: skip
        assert len(history) == 3


def test_the_time_limit_stops_after_the_step_in_which_it_is_over(monkeypatch):
    times = iter([100.0, 101.0, 102.9, 103.0])
    monkeypatch.setattr(stopping_module, "perf_counter", lambda: next(times))
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    optimizer = SGD(0.1)
    history = train(
        network, np.ones((4, 2), np.float32), np.zeros(4), optimizer=optimizer, epochs=10,
        batch_size=2, callbacks=[TimeLimit(3)], progress=False,
    )  # fmt: skip
    assert history.stopped == "the time limit of 3 seconds"
    assert (optimizer.steps, len(history)) == (3, 1)


def test_the_running_state_comes_back_with_the_parameters():
    layers = [BatchNorm(), Dense(2)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=2)
    states = []

    class Watch(Callback):
        def end_epoch(self, run):
            states.append(run.network.state.copy())

    X = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
    train(
        network, X, np.arange(8) % 2, optimizer=SGD(0.1), epochs=4, batch_size=8, progress=False,
        callbacks=[Script("x", [3, 1, 2, 4]), EarlyStopping("x", mode="min"), Watch()],
    )  # fmt: skip
    np.testing.assert_array_equal(network.state, states[1])
    assert not np.array_equal(states[1], states[3])
