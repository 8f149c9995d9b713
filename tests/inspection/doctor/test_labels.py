"""Labels against their rows, by what a short training makes of rows that it did not see."""

from __future__ import annotations

import numpy as np
import pytest

from plainnet import Network
from plainnet.inspection.doctor.labels import apart, losses_of, of_mixed_up
from plainnet.inspection.doctor.setups import Pair, Setup
from plainnet.inspection.doctor.trials import Trials
from plainnet.layers import Dense, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

Array = np.ndarray


def rows(n: int, seed: int, *, classes: bool) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4)).astype(np.float32)
    t = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + 0.2 * rng.standard_normal(n)
    return X, np.digitize(t, [-0.5, 0.5]) if classes else t


def named(X: Array, y: Array, validation: Pair, *, classes: bool) -> set[str]:
    loss = SoftmaxCrossEntropy() if classes else MeanSquaredError()
    network = Network(
        [Dense(16), ReLU(), Dense(3 if classes else 1)], loss=loss, input_shape=4, seed=0
    )
    trials = Trials(Setup(network, X, y, None, Adam(0.01), {"batch_size": 32}), 200, 0)
    return {verdict.name for verdict in of_mixed_up(trials, validation)}


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "numbers"])
@pytest.mark.parametrize("seed", range(3))
def test_labels_of_training_rows_that_were_mixed_up(classes, seed):
    (X, y), held = rows(600, seed, classes=classes), rows(200, seed + 100, classes=classes)
    assert named(X, y, held, classes=classes) == set()
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(600)[:240]
    mixed = y.copy()
    mixed[wrong] = y[rng.permutation(wrong)]
    assert named(X, mixed, held, classes=classes) == {"shuffled_labels"}
    worse = held[0], rng.permutation(held[1])  # it is validation that is worse
    assert named(X, y, worse, classes=classes) == {"shifted_validation"}


def test_losses_of_each_row(rng):
    X, y = rows(50, 0, classes=True)
    network = Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=4, seed=0)
    assert losses_of(network, X, y).mean() == pytest.approx(network.evaluate(X, y)["loss"], 1e-5)
    assert losses_of(network, X[:1], y[:1])[0] == pytest.approx(losses_of(network, X, y)[0], 1e-5)


def test_apart_is_the_statistic_of_welch(rng):
    stats = pytest.importorskip("scipy.stats")
    a, b = rng.standard_normal(400) + 1, 3 * rng.standard_normal(500)
    assert apart(a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).statistic, 0.01)
    assert apart(a[:5], b) == 0  # too few
    assert apart(np.append(a, np.inf), b) == 0


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "numbers"])
def test_validation_rows_whose_labels_mean_something_else(classes):
    X, y = rows(600, 0, classes=classes)
    V, w = rows(200, 100, classes=classes)
    other = (w + 1) % 3 if classes else -w
    assert named(X, y, (V, other), classes=classes) == {"shifted_validation"}
    assert named(X, y, (V[:, ::-1], w), classes=classes) == {"shifted_validation"}
