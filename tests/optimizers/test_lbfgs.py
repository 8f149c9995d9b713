"""L-BFGS through train(): the minimum that it finds, and how it ends."""

import sys
from copy import deepcopy

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from plainnet import Callback, EarlyStopping, Network, train
from plainnet.errors import DivergedError, MissingExtraError, SettingError
from plainnet.layers import Dense, Tanh
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers.lbfgs import LBFGS


def data(rng, m=60, dtype=np.float64):
    X = rng.standard_normal((m, 4)).astype(dtype)
    return X, (X @ rng.standard_normal((4, 3)) + rng.standard_normal((m, 3))).argmax(axis=1)


def softmax_regression(dtype=np.float64):
    return Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=4, dtype=dtype, seed=0)


def hidden(seed=0):
    layers = [Dense(6), Tanh(), Dense(3)]
    return Network(layers, loss=SoftmaxCrossEntropy(), input_shape=4, dtype=np.float64, seed=seed)


def fit(network, X, y, optimizer=None, *, epochs=500, **settings):
    return train(
        network, X, y, optimizer=optimizer or LBFGS(), epochs=epochs, progress=False, **settings
    )


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-4), (np.float32, 1e-2)])
def test_it_finds_the_solution_of_logistic_regression(rng, dtype, rtol):
    X, y = data(rng, dtype=dtype)
    C = 0.7  # scikit-learn minimises C * sum of losses + |W|^2 / 2
    expected = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(X.astype(np.float64), y)
    network = softmax_regression(dtype)
    history = fit(network, X, y, LBFGS(tolerance=1e-7, weight_decay=1 / (C * len(X))))
    atol = rtol * np.abs(expected.coef_).max()
    np.testing.assert_allclose(network["0.dense.W"], expected.coef_, atol=atol)
    b = network["0.dense.b"] - network["0.dense.b"].mean()  # a constant changes no softmax
    np.testing.assert_allclose(b, expected.intercept_ - expected.intercept_.mean(), atol=atol)
    assert network.parameters.dtype == dtype
    assert history.stopped == f"converged after {len(history)} iterations"


def test_weights_and_class_weights_shape_the_solution(rng):
    X, y = data(rng)
    w = rng.uniform(0.1, 1, len(X))
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000, class_weight={0: 3.0})
    expected.fit(X, y, sample_weight=w)
    network = softmax_regression()
    total = (w * np.where(y == 0, 3, 1)).sum()
    optimizer = LBFGS(tolerance=1e-7, weight_decay=1 / total)
    fit(network, X, y, optimizer, sample_weight=w, class_weight={0: 3.0})
    np.testing.assert_allclose(network["0.dense.W"], expected.coef_, atol=1e-4)


def test_an_iteration_is_an_epoch_of_one_step(rng):
    X, y = data(rng)
    calls = []

    class Watch(Callback):
        def begin_training(self, run):
            calls.append(("training", run.steps))

        def begin_epoch(self, run):
            calls.append(("begin_epoch", run.epoch, run.step))

        def begin_step(self, run):
            calls.append(("begin_step", run.epoch, run.step))

        def end_step(self, run):
            calls.append(("end_step", run.epoch, run.step))

        def end_epoch(self, run):
            # the history's loss is that of the parameters which the network holds now
            assert run.history["loss"][-1] == run.network.evaluate(X, y)["loss"] == run.loss
            calls.append(("end_epoch", run.epoch, run.step))

    network = hidden()
    start = network.evaluate(X, y)["loss"]
    history = fit(network, X, y, epochs=3, callbacks=[Watch()], validation_data=(X, y))
    assert calls == [
        ("training", 3),
        *(
            call
            for k in range(3)
            for call in [
                ("begin_epoch", k, k),
                ("begin_step", k, k),
                ("end_step", k, k),
                ("end_epoch", k, k + 1),
            ]
        ),
    ]
    losses = [start, *history["loss"]]
    assert losses == sorted(losses, reverse=True)
    assert history["val_loss"] == history["loss"]
    assert history.stopped == "all 3 epochs done"


def test_converging_ends_no_epoch_that_did_not_happen(rng):
    X, y = data(rng)
    epochs = []

    class Watch(Callback):
        def begin_epoch(self, run):
            epochs.append(run.epoch)

    history = fit(softmax_regression(), X, y, LBFGS(weight_decay=0.1), callbacks=[Watch()])
    assert epochs == list(range(len(history)))


def test_frozen_tensors_stay(rng):
    X, y = data(rng)
    network = hidden()
    network.freeze("0.dense")
    before = deepcopy(network)
    fit(network, X, y, LBFGS(weight_decay=0.01))
    for name in network.tensors:
        same = np.array_equal(network[name], before[name])
        assert same == name.startswith("0.dense"), name


def test_weight_decay_follows_the_tensors_factors(rng):
    X, y = data(rng)
    network = hidden()
    network.adjust("0.dense.b", weight_decay=1.0)
    network.adjust("0.dense.W", weight_decay=2.0)
    fit(network, X, y, LBFGS(weight_decay=0.01, tolerance=1e-9), epochs=5000)
    network.loss_and_gradients(X, y)  # at the minimum it balances the decay
    gradients = network.gradient_tensors
    np.testing.assert_allclose(gradients["0.dense.W"], -0.02 * network["0.dense.W"], atol=1e-4)
    np.testing.assert_allclose(gradients["2.dense.W"], -0.01 * network["2.dense.W"], atol=1e-4)
    np.testing.assert_allclose(gradients["0.dense.b"], -0.01 * network["0.dense.b"], atol=1e-4)
    np.testing.assert_allclose(gradients["2.dense.b"], 0, atol=1e-4)
    assert all(np.abs(gradients[name]).max() > 1e-3 for name in ("0.dense.W", "0.dense.b"))


def test_everything_frozen_is_refused(rng):
    X, y = data(rng)
    network = hidden()
    network.freeze("*")
    with pytest.raises(SettingError, match="every parameter is frozen"):
        fit(network, X, y)


def test_early_stopping_and_ctrl_c_stop_it(rng):
    X, y = data(rng)
    stopping = EarlyStopping("val_loss", patience=3)
    network = hidden()
    X_val, y_val = data(rng)  # another problem: it gets worse
    history = fit(network, X, y, callbacks=[stopping], validation_data=(X_val, y_val), epochs=1000)
    assert history.stopped == "val_loss has not improved for 3 epochs"
    assert network.evaluate(X_val, y_val)["loss"] == min(history["val_loss"])

    class Interrupt(Callback):
        def end_step(self, run):
            if run.step == 4:
                run.stop("Ctrl-C")

    history = fit(hidden(), X, y, callbacks=[Interrupt()])
    assert (history.stopped, len(history)) == ("Ctrl-C", 5)


def test_the_number_of_evaluations_is_limited(rng):
    X, y = data(rng)
    history = fit(hidden(), X, y, LBFGS(max_evaluations=5))
    assert history.stopped == "the loss was computed max_evaluations=5 times"
    assert 3 <= len(history) <= 5


def test_its_settings_matter(rng):
    X, y = data(rng)
    lengths = {
        str(optimizer): len(fit(hidden(), X, y, optimizer, epochs=2000))
        for optimizer in (LBFGS(weight_decay=0.01), LBFGS(weight_decay=0.01, memory=1),
                          LBFGS(weight_decay=0.01, tolerance=1e-2))
    }  # fmt: skip
    normal, short_memory, loose = lengths.values()
    assert loose < normal < short_memory, lengths


def test_a_loss_that_is_not_finite_is_divergence(rng):
    X, _ = data(rng)
    y = X[:, :3] * 1e200
    network = Network([Dense(3)], loss=MeanSquaredError(), input_shape=4, dtype=np.float64, seed=0)
    before = network.parameters.copy()
    with pytest.raises(DivergedError, match="Standardised inputs usually help"):
        fit(network, X, y)
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("evaluations", [2, 9])
def test_divergence_leaves_the_last_iteration(rng, evaluations):
    X, y = data(rng)
    network = hidden()
    ends = [network.parameters.copy()]
    step, losses = network.step, []

    def fails_in_the_end(*arguments):
        losses.append(step(*arguments))
        return losses[-1] if len(losses) < evaluations else np.nan

    network.step = fails_in_the_end

    class Watch(Callback):
        def end_epoch(self, run):
            ends.append(run.network.parameters.copy())

    with pytest.raises(DivergedError, match="the network is back at step"):
        fit(network, X, y, callbacks=[Watch()])
    assert (len(ends) == 1) == (evaluations == 2)
    np.testing.assert_array_equal(network.parameters, ends[-1])


def test_what_makes_no_sense_is_refused(rng):
    X, y = data(rng)
    for settings in (
        {"batch_size": 59},
        {"accumulate": 2},
        {"mixup": 0.2},
        {"clip_norm": 1.0},
        {"clip_value": 1.0},
    ):
        with pytest.raises(SettingError, match="takes all examples at every step"):
            fit(hidden(), X, y, **settings)
    with pytest.raises(SettingError, match="takes all examples at every step"):
        fit(hidden(), [(X, y)], None)
    for settings in (
        {"memory": 0},
        {"tolerance": -1},
        {"max_evaluations": 0},
        {"weight_decay": -1},
    ):
        with pytest.raises(SettingError, match=next(iter(settings))):
            LBFGS(**settings)


def test_batches_as_large_as_the_data_are_fine(rng):
    X, y = data(rng)
    one, other = hidden(), hidden()
    fit(one, X, y, epochs=5)
    fit(other, X, y, epochs=5, batch_size=100)
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_without_scipy_it_names_the_extra(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    X, y = data(rng)
    with pytest.raises(MissingExtraError, match=r"needs scipy for L-BFGS: .*plainnet\[scipy\]"):
        fit(hidden(), X, y)
