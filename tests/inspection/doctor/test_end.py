"""What a trained network shows, against its history, references and probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.inspection.doctor.calibration import calibration_error, of_shares
from plainnet.inspection.doctor.data import times_the_others
from plainnet.inspection.doctor.ending import of_end
from plainnet.inspection.doctor.learned import Learned
from plainnet.inspection.doctor.references import guessing
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers import Dense, ReLU
from plainnet.losses import (
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from plainnet.optimizers import Adam


def rings(n: int, seed: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2)).astype(np.float32)
    y = (np.square(X).sum(axis=1) > 1.4).astype(int)
    flipped = rng.random(n) < noise
    return X, np.where(flipped, 1 - y, y)


def trained(
    *hidden: int,
    loss: Loss | None = None,
    n: int = 400,
    epochs: int = 60,
    noise: float = 0.0,
    rate: float = 0.01,
) -> tuple[Setup, Any]:
    layers = [each for width in hidden for each in (Dense(width), ReLU())]
    loss = loss or SoftmaxCrossEntropy()
    outputs = 1 if isinstance(loss, SigmoidCrossEntropy) else 2
    network = Network([*layers, Dense(outputs)], loss=loss, input_shape=2, seed=0)
    (X, y), validation = rings(n, 1, noise), rings(400, 2, noise)
    history = train(
        network, X, y, optimizer=Adam(rate), epochs=epochs, batch_size=20, seed=0,
        validation_data=validation, progress=False,
    )  # fmt: skip
    settings = {"batch_size": 20, "epochs": epochs}
    return Setup(network, X, y, validation, Adam(rate), settings), history


def found(setup: Setup, history: Any) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in of_end(setup, history, 0)}


def test_a_network_that_has_learned():
    verdicts = found(*trained(32)).values()
    assert not [verdict for verdict in verdicts if verdict.severity == "serious"]


def test_too_small():
    verdict = found(*trained())["underfitting"]  # of a linear model no ring can be had
    assert verdict.severity == "serious"
    setup, _ = trained()
    names: dict[str, Any] = {"network": setup.network}
    exec(verdict.code, names)
    assert len(names["network"].layers) == 5


def test_too_short():
    verdict = found(*trained(32, epochs=2, rate=0.002))["underfitting"]
    assert "train for longer" in verdict.remedy
    assert "epochs=10" in verdict.code


def test_known_by_heart():
    verdict = found(*trained(128, 64, n=60, epochs=200, noise=0.25))["overfitting"]
    assert verdict.severity == "serious"
    assert "EarlyStopping" in verdict.code


def test_surer_and_surer():
    setup, history = trained(16)
    assert "loss_and_metric_disagree" not in found(setup, history)
    setup = replace(setup, validation=None)  # which would show that the best epoch was restored
    history = {"loss": [1.0] * 10, "val_loss": [0.5, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1],
               "val_accuracy": [0.7, 0.8] + [0.81] * 8}  # fmt: skip
    assert found(setup, history)["loss_and_metric_disagree"].severity == "serious"
    assert "flat_loss" in found(setup, history)
    history["val_accuracy"] = [0.7, 0.8] + [0.6] * 8
    assert "overfitting" in found(setup, history)


def test_a_loss_that_jumps():
    setup, _ = trained(16)
    assert "oscillating_loss" in found(setup, {"loss": [1.0, 0.5, 0.9, 0.4, 0.8, 0.3, 0.7]})


def test_negative_losses_do_not_jump(rng):
    X = rng.standard_normal((200, 2)).astype(np.float32)
    y = rng.poisson(np.exp(1 + 0.5 * X[:, 0]))
    network = Network([Dense(1)], loss=Poisson(), input_shape=2, seed=0)
    history = train(
        network, X, y, optimizer=Adam(0.05), epochs=20, batch_size=20, progress=False, seed=0
    )
    assert min(history["loss"]) < 0
    setup = Setup(network, X, y, None, Adam(0.05), {})
    assert "oscillating_loss" not in found(setup, history)


def test_ahead_by_more_than_chance(rng):
    a = rng.random(200)
    own = Learned(a, "")
    assert Learned(a + 0.1 + 0.01 * rng.standard_normal(200), "").is_ahead(own, 0.05)
    assert not Learned(a + 0.1, "").is_ahead(own, 0.2)
    assert not Learned(rng.random(200) + 0.06, "").is_ahead(own, 0.05)  # of other rows, as it were


def test_rare_classes_that_are_not_found():
    setup, history = trained(16)
    ids = np.asarray(setup.y)
    some = np.flatnonzero((ids == 0) | (np.arange(len(ids)) % 4 == 0))
    rare = replace(setup, X=setup.X[some], y=ids[some])
    assert times_the_others(np.unique(rare.y, return_counts=True)[1]) > 2
    assert "imbalanced_classes" not in found(rare, history)  # since they are found all the same
    rare.network["2.dense.b"] += np.float32([6, 0])
    assert "imbalanced_classes" in found(rare, history)


# --- probabilities --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SigmoidCrossEntropy()], ids=repr)
@pytest.mark.parametrize("factor", [8, 0.1])
def test_probabilities_that_are_off(factor, loss):
    setup, history = trained(32, loss=loss, noise=0.2, n=1000, epochs=20)
    assert "miscalibrated" not in found(setup, history)
    setup.network["2.dense.W"] *= factor
    setup.network["2.dense.b"] *= factor
    verdict = found(setup, history)["miscalibrated"]
    assert verdict.severity == "serious"
    assert ("too sure" in verdict.evidence) == (factor > 1)
    exec(verdict.code, {"network": setup.network})
    assert "miscalibrated" not in found(setup, history)


def test_a_class_that_is_weighed_is_expected_too_often():
    setup, _ = trained(16, noise=0.2, n=1000, epochs=20)
    assert not list(of_shares(setup))
    weighed = replace(setup, network=Network(
        [Dense(16), ReLU(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0
    ))  # fmt: skip
    train(
        weighed.network, setup.X, setup.y, optimizer=Adam(0.01), epochs=20, batch_size=20, seed=0,
        class_weight={1: 8.0}, progress=False,
    )  # fmt: skip
    (verdict,) = of_shares(weighed)
    assert "class 1 is" in verdict.evidence or "class 0 is" in verdict.evidence
    exec(verdict.code, {"network": weighed.network})
    assert not list(of_shares(weighed))


def test_calibration_error():
    """By a loop over bins, of counts that one can check."""
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.full(4, 0.5), 300)
    ids = rng.integers(0, 4, 300)
    expected = 0.0
    for b in range(10):
        rows = [i for i in range(300) if b / 10 <= P[i].max() < (b + 1) / 10]
        if rows:
            right = sum(P[i].argmax() == ids[i] for i in rows) / len(rows)
            sure = sum(P[i].max() for i in rows) / len(rows)
            expected += len(rows) / 300 * abs(right - sure)
    assert calibration_error(P, ids) == pytest.approx(expected)
    assert calibration_error(np.eye(2)[[0, 1, 1]], np.array([0, 1, 1])) == 0


# --- guessing -------------------------------------------------------------------------------------


def test_guessing_by_the_closed_forms(rng):
    y = rng.choice(3, 400, p=[0.2, 0.3, 0.5])
    p = np.bincount(y) / 400
    assert _guessed(SoftmaxCrossEntropy(), 3, y) == pytest.approx(-(p * np.log(p)).sum(), 1e-4)
    b = (rng.random(400) < 0.2).astype(int)
    q = b.mean()
    entropy = -(q * np.log(q) + (1 - q) * np.log(1 - q))
    assert _guessed(SigmoidCrossEntropy(), 1, b) == pytest.approx(entropy, 1e-4)
    t = 100 * rng.standard_normal(400) + 1000
    assert _guessed(MeanSquaredError(), 1, t) == pytest.approx(t.var(), 1e-4)
    by_median = np.abs(t - np.median(t)).mean()
    assert _guessed(MeanAbsoluteError(), 1, t) == pytest.approx(by_median, 1e-3)
    k = rng.poisson(3.0, 400)
    assert _guessed(Poisson(), 1, k) == pytest.approx(_poisson(k), 1e-4)


def _poisson(k: np.ndarray) -> float:
    """The loss of the mean, by the network's own loss with a bias of its logarithm."""
    network = Network([Dense(1)], loss=Poisson(), input_shape=1, dtype=np.float64)
    network.parameters[:] = [0, np.log(k.mean())]
    return network.evaluate(np.zeros((len(k), 1)), k)["loss"]


def _guessed(loss: Loss, outputs: int, y: np.ndarray) -> float:
    network = Network([Dense(outputs)], loss=loss, input_shape=2, seed=0)
    return guessing(network.loss, y, network.dtype)
