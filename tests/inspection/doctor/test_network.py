"""What a network shows before and while it is trained: each fault by itself, and without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plainnet import Network
from plainnet.initializers import Normal
from plainnet.inspection.doctor.code import rebuilt
from plainnet.inspection.doctor.during import of_course, of_modes, of_rate
from plainnet.inspection.doctor.ranking import ranked
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.signs import both_ways, over_time, signals_of, steepest
from plainnet.inspection.doctor.start import of_start
from plainnet.inspection.doctor.trials import Trials
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers import (
    GRU,
    RNN,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    FromFormula,
    GlobalAveragePool2d,
    Layer,
    LayerNorm,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, AdamW, Optimizer

Array = np.ndarray
Change = Callable[[Network], Any]


class WrongReLU(Layer):
    """Half of its gradient has the wrong sign."""

    def forward(self, Z, cache):
        cache["Z"] = Z
        return np.maximum(Z, 0)

    def backward(self, dA, cache):
        dZ = dA * (cache["Z"] > 0)
        dZ[..., ::2] *= -1
        return dZ


def setup_of(
    *layers: Layer,
    change: Change | None = None,
    optimizer: Optimizer | None = None,
    n: int = 180,
    seed: int = 0,
    **settings: Any,
) -> Setup:
    """Three classes around centres in six dimensions, and these layers, or a plain network."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, n)
    X = (1.5 * rng.standard_normal((3, 6))[y] + rng.standard_normal((n, 6))).astype(np.float32)
    X /= X.std()
    network = Network(
        layers or [Dense(24), ReLU(), Dense(16), ReLU(), Dense(3)],
        loss=SoftmaxCrossEntropy(), input_shape=6, seed=seed,
    )  # fmt: skip
    if change is not None:
        change(network)
    settings = {"batch_size": 20, **settings}
    return Setup(network, X, y, None, optimizer or Adam(0.003), settings)


def at_start(setup: Setup) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in of_start(setup)}


def judged(setup: Setup, steps: int = 200) -> dict[str, Verdict]:
    """All that a diagnosis of the network would find, with the remedies tried."""
    trials = Trials(setup, steps, 0)
    found = [*of_start(trials.setup), *of_course(trials.setup, trials.base.course)]
    found += of_modes(trials)
    kept = [verdict for each in found if (verdict := trials.judged(each)) is not None]
    kept += of_rate(trials, whole=True)
    return {verdict.name: verdict for verdict in ranked(kept, trials.base.left)}


HEALTHY: dict[str, list[Layer]] = {
    "relu": [],
    "tanh": [Dense(24), Tanh(), Dense(3)],
    "sigmoid": [Dense(24), Sigmoid(), Dense(3)],
    "batchnorm": [Dense(24), BatchNorm(), ReLU(), Dense(3)],
    "layernorm": [Dense(24), LayerNorm(), ReLU(), Dense(3)],
    "dropout": [Dense(32), ReLU(), Dropout(0.2), Dense(3)],
    "residual": [Dense(16), Residual([Dense(16), ReLU()]), ReLU(), Dense(3)],
    "nested": [Sequential([Dense(16), ReLU()]), Dense(3)],
    "deep": [each for _ in range(6) for each in (Dense(16), ReLU())] + [Dense(3)],
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_networks_without_fault(kind):
    found = judged(setup_of(*HEALTHY[kind]))
    assert not [verdict for verdict in found.values() if verdict.severity == "serious"]


def times(factor: float, *names: str) -> Change:
    def change(network: Network) -> None:
        for name in names or network.tensors:
            network[name] *= factor

    return change


def biases(value: float, name: str = "0.dense.b") -> Change:
    def change(network: Network) -> None:
        network[name][...] = value

    return change


DEEP_SIGMOID = [each for _ in range(10) for each in (Dense(16), Sigmoid())] + [Dense(3)]


@pytest.mark.parametrize(
    ("name", "setup"),
    [
        ("large_start_loss", setup_of(change=times(40, "4.dense.W"))),
        ("symmetric_units", setup_of(change=times(0, "0.dense.W", "2.dense.W"))),
        ("ignores_input", setup_of(change=times(0, "0.dense.W"))),
        ("ignores_input", setup_of(Dropout(0.95), Dense(24), ReLU(), Dense(3))),
        ("dead_units", setup_of(change=biases(-30))),
        ("saturated_units", setup_of(Dense(24), Tanh(), Dense(3), change=times(60, "0.dense.W"))),
        ("vanishing_gradients", setup_of(*DEEP_SIGMOID)),
        ("never_changes", setup_of(change=lambda network: network.freeze("*"))),
        ("learning_rate_too_high", setup_of(optimizer=SGD(30.0))),
        ("learning_rate_too_high", setup_of(optimizer=Adam(3.0))),
        ("learning_rate_too_low", setup_of(optimizer=SGD(1e-5))),
        ("clipped_steps", setup_of(optimizer=SGD(0.1), clip_norm=0.001)),
        ("strong_regularization", setup_of(optimizer=SGD(0.1, weight_decay=2.0))),
        ("strong_regularization", setup_of(optimizer=AdamW(0.003, weight_decay=100.0))),
        ("strong_regularization", setup_of(optimizer=SGD(0.1, l1=1.0))),
        ("strong_regularization", setup_of(optimizer=Adam(0.003, l1=3.0))),
        ("small_batches", setup_of(Dense(24), BatchNorm(), ReLU(), Dense(3), batch_size=2)),
        ("mode_mismatch", setup_of(Dense(24), BatchNorm(momentum=0.9999), ReLU(), Dense(3))),
        ("cannot_fit_a_batch", setup_of(Dense(24), ReLU(), Dense(1), ReLU(), Dense(3))),
        ("cannot_fit_a_batch", setup_of(Dense(24), ReLU(), Dense(3), Sigmoid())),
        ("cannot_fit_a_batch", setup_of(Dense(24), ReLU(), Dense(3), FromFormula("0.1 * tanh(Z)"))),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_fault_is_found_and_its_remedy_helps(name, setup):
    verdict = judged(setup)[name]
    assert verdict.severity == "serious"
    assert verdict.gain is not None
    assert verdict.gain > 0.25


def test_a_rate_near_the_edge_is_found_in_most_runs():
    """At 0.9 Adam learns next to nothing, but whether a lower rate helps depends on the start."""
    verdicts = [judged(setup_of(optimizer=Adam(0.9), seed=seed)) for seed in range(6)]
    assert sum("learning_rate_too_high" in found for found in verdicts) >= 4


def test_the_signal_shrinks_or_grows():
    small = [each for _ in range(4) for each in (Dense(16, initializer=Normal(0.02)), ReLU())]
    for layers, verb in (
        (small, "shrinks"),
        ([Dense(24, initializer=Normal(20)), ReLU()], "grows"),
    ):
        verdict = judged(setup_of(*layers, Dense(3)))["variance_gain"]
        assert verb in verdict.evidence
        assert 'network["0.dense.W"] *= ' in verdict.code
    remedied = setup_of(*small, Dense(3))
    exec(judged(remedied)["variance_gain"].code, {"network": remedied.network})
    assert "variance_gain" not in at_start(remedied)


def test_units_that_are_nearly_alike():
    setup = setup_of()
    setup.network["0.dense.W"] = 0.1 + 0.01 * setup.network["0.dense.W"]
    assert at_start(setup)["symmetric_units"].severity == "warning"
    exec(at_start(setup)["symmetric_units"].code, {"network": setup.network})
    assert "symmetric_units" not in at_start(setup)


def test_a_backward_pass_that_is_wrong():
    verdict = at_start(setup_of(Dense(24), WrongReLU(), Dense(3)))["cannot_fit_a_batch"]
    assert verdict.severity == "serious"
    assert verdict.where == "WrongReLU"
    assert "not the derivative of the loss" in verdict.evidence


def test_a_logarithm_of_nearly_nothing():
    verdict = at_start(setup_of(Dense(24), ReLU(), FromFormula("log(A + 1e-9)"), Dense(3)))
    assert verdict["not_finite"].where == "2.fromformula"


def test_a_training_that_diverges():
    found = judged(setup_of(FromFormula("exp(50 * A)"), Dense(3), optimizer=SGD(1e6)))
    assert "not_finite" in found


def test_frozen_tensors_are_noted_where_they_do_no_harm():
    setup = setup_of(Dense(64), ReLU(), Dense(3), change=lambda network: network.freeze("0.*"))
    assert judged(setup)["never_changes"].severity in ("note", "warning")


def test_a_rate_that_is_a_thousand_times_too_low_is_raised_far_enough():
    verdict = judged(setup_of(optimizer=SGD(1e-4)))["learning_rate_too_low"]
    assert float(verdict.code.split("=")[1]) >= 0.01


def test_dropout_before_the_first_weights():
    assert "ignores_input" in at_start(setup_of(Dropout(0.3), Dense(24), ReLU(), Dense(3)))
    assert "ignores_input" not in at_start(setup_of(Dropout(0.1), Dense(24), ReLU(), Dense(3)))


def test_units_that_are_dead_for_a_few_rows():
    found = at_start(setup_of(change=biases(-30)))
    assert found["dead_units"].where == "1.relu"
    assert "cannot_fit_a_batch" not in found


def test_statistics_that_lag_behind_are_measured_anew():
    layers = [BatchNorm(momentum=0.99), Dense(24), ReLU(), Dense(3)]
    setup = setup_of(*layers)
    setup.X = 30 * setup.X + 90
    verdict = next(iter(of_modes(Trials(setup, 60, 0))))
    assert verdict.name == "mode_mismatch"
    assert verdict.gain is not None
    assert verdict.gain > 0.1
    layers = [BatchNorm(), Dense(24), ReLU(), Dense(3)]
    assert not list(of_modes(Trials(setup_of(*layers), 60, 0)))


@pytest.mark.parametrize("between", [[], [Dropout(0.1)], [BatchNorm()]])
def test_layers_in_a_row_without_an_activation(between):
    verdict = at_start(setup_of(Dense(24), *between, Dense(16), ReLU(), Dense(3)))[
        "missing_activation"
    ]
    assert "there is no activation" in verdict.evidence
    assert "ReLU(), Dense(16)" in verdict.code
    healthy = setup_of(Dense(24), ReLU(), *between, Dense(16), ReLU(), Dense(3))
    assert "missing_activation" not in at_start(healthy)


def test_what_an_activation_would_bring():
    rng = np.random.default_rng(0)
    setup = setup_of(Dense(24), Dense(3), optimizer=Adam(0.01))
    setup.X = rng.standard_normal((600, 6)).astype(np.float32)
    setup.y = ((setup.X[:, 0] * setup.X[:, 1] > 0) + (setup.X[:, 0] > 0)).astype(int)
    assert judged(setup)["missing_activation"].severity == "serious"


@pytest.mark.parametrize(
    ("last", "targets", "share"),
    [
        (Sigmoid(), [-1.0, 0.5, 0.7, 2.0], "50% of the targets lie outside"),
        (ReLU(), [-1.0, 0.5, 0.7, 2.0], "25% of the targets lie outside"),
        (Tanh(), [-0.5, 0.5, 0.1, 0.9], ""),
    ],
    ids=["sigmoid", "relu", "tanh"],
)
def test_numbers_that_the_last_activation_cannot_give(last, targets, share):
    network = Network(
        [Dense(8), ReLU(), Dense(1), last], loss=MeanSquaredError(), input_shape=2, seed=0
    )
    X = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    setup = Setup(network, X, np.tile(targets, 10), None, Adam(), {"batch_size": 8})
    verdict = next(each for each in of_start(setup) if each.where.startswith("3."))
    assert verdict.severity == ("serious" if share else "suspected")
    assert share in verdict.evidence
    assert "lie outside" not in verdict.evidence or share


def test_initializers_come_from_where_they_are():
    layers = [each for _ in range(3) for each in (Dense(8, initializer=Normal(0.01)), Tanh())]
    code = rebuilt(setup_of(*layers, Dense(3)).network, lambda i, layer: repr(layer))
    names: dict[str, Any] = {"network": setup_of(*layers, Dense(3)).network}
    exec(code, names)
    assert repr(names["network"].layers) == repr(setup_of(*layers, Dense(3)).network.layers)


# --- sequences ------------------------------------------------------------------------------------


def series_of(*layers: Layer, ids: bool = False, time: int = 10, n: int = 240) -> Setup:
    """The class is which of four signs the first step had, or which of four ids it was."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, n)
    X = 0.2 * rng.standard_normal((n, time, 2)).astype(np.float32)
    X[:, 0] += np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[y]
    if ids:
        X = rng.integers(0, 4, (n, time))
        X[:, 0] = y
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=X.shape[1:], seed=0)
    return Setup(network, X, y, None, Adam(0.01), {"batch_size": 32})


def test_a_recurrent_layer_through_which_little_passes():
    found = judged(series_of(GRU(1), Dense(4)))["cannot_fit_a_batch"]
    assert found.severity == "serious"
    assert "GRU(16)" in found.code
    assert "cannot_fit_a_batch" not in at_start(series_of(GRU(12), Dense(4)))


def test_a_recurrent_layer_that_forgets():
    assert "vanishing_gradients" not in at_start(series_of(RNN(16), Dense(4)))
    setup = series_of(RNN(16), Dense(4))
    setup.network["0.rnn.U"] *= 0.1
    verdict = at_start(setup)["vanishing_gradients"]
    assert verdict.severity == "warning"  # whether or not a short training finds it out


def test_a_maximum_over_time_mends_what_is_too_long_to_remember():
    setup = series_of(RNN(16), Dense(4), time=100)
    codes = [each.code for each in of_start(setup) if each.name == "vanishing_gradients"]
    pooled = next(code for code in codes if "GlobalMaxPool1d" in code)
    assert "RNN(16, return_sequences=True), GlobalMaxPool1d(), Dense(4)" in pooled
    trials = Trials(setup, 150, 0)
    after = trials.remedied(pooled)
    assert after is not None
    assert after.helps_much(trials.base)


@pytest.mark.parametrize("first", [Embedding, EmbeddingBag])
def test_a_table_that_is_partly_zero(first):
    setup = series_of(first(4, 8), *([Flatten()] if first is Embedding else []), Dense(4), ids=True)
    assert "ignores_input" not in at_start(setup)
    name = setup.network.tensors and next(iter(setup.network.tensors))
    setup.network[name][:, 3:] = 0
    verdict = at_start(setup)["ignores_input"]
    assert "5 columns of the 8 of its table are zero" in verdict.evidence
    exec(verdict.code, {"network": setup.network})
    assert "ignores_input" not in at_start(setup)


# --- what is read of a pass -----------------------------------------------------------------------


def test_signals_of_nested_layers_and_images(rng):
    network = Network(
        [Sequential([Conv2d(4, 3), ReLU()]), GlobalAveragePool2d(), Flatten(), Dense(2)],
        loss=SoftmaxCrossEntropy(), input_shape=(6, 6, 1), seed=0,
    )  # fmt: skip
    X = rng.standard_normal((5, 6, 6, 1)).astype(np.float32)
    network["0.sequential.0.conv2d.b"][0] = -100
    signals = signals_of(network, X)
    assert [signal.path for signal in signals][:2] == [
        "0.sequential.0.conv2d", "0.sequential.1.relu",
    ]  # fmt: skip
    relu = signals[1]
    assert relu.Y.shape[-1] == 4
    assert relu.dead == 0.25  # a channel of four
    assert [signal.has_weights for signal in signals] == [True, False, False, False, True]


def test_saturated_units(rng):
    network = Network([Dense(4), Tanh(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=3)
    network["0.dense.W"] = [[100, 0, 0], [0, 100, 0], [0.1, 0, 0], [0, 0, 0.1]]
    tanh = signals_of(network, rng.standard_normal((200, 3)).astype(np.float32))[1]
    assert tanh.saturated == 0.5


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_over_time(reverse, rng):
    network = Network(
        [RNN(4, activation="relu", reverse=reverse), Dense(2)], loss=SoftmaxCrossEntropy(),
        input_shape=(12, 3), seed=0,
    )  # fmt: skip
    X = np.abs(rng.standard_normal((8, 12, 3)))
    network["0.rnn.W"] = np.abs(network["0.rnn.W"])
    for factor in (0.1, 10):  # all units stay positive: each step multiplies by U
        network["0.rnn.U"] = factor * np.eye(4)
        ((path, _, ratio),) = over_time(both_ways(network, X, np.arange(8) % 2))
        assert path == "0.rnn"
        assert ratio == pytest.approx(float(factor) ** 11, rel=1e-3)


def test_steepest(rng):
    network = Network(
        [Dense(4), FromFormula("1000 * A"), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=3
    )
    X = rng.standard_normal((8, 3)).astype(np.float32)
    path, factor = steepest(both_ways(network, X, np.arange(8) % 2))
    assert path == "1.fromformula"
    assert factor == pytest.approx(1000, rel=1e-5)
