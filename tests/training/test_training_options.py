"""What train() does beside plain mini-batches: clipping, accumulation, mixup, metrics, hooks."""

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score, roc_auc_score

from plainnet import Callback, Network, train
from plainnet.errors import DivergedError, SettingError
from plainnet.layers import Dense, Layer, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam


def network(dtype=np.float64, width=8, **settings):
    settings = {"loss": SoftmaxCrossEntropy(), "input_shape": 4, "seed": 0, **settings}
    return Network([Dense(width), ReLU(), Dense(3)], dtype=dtype, **settings)


def data(rng, m=50, dtype=np.float64):
    X = rng.standard_normal((m, 4)).astype(dtype)
    return X, (X @ rng.standard_normal((4, 3))).argmax(axis=1)


def run(net, X, y, **settings):
    settings = {"optimizer": SGD(0.1), "epochs": 3, "batch_size": 8, "seed": 1, **settings}
    return train(net, X, y, progress=False, **settings)


def warm_peak(net, X, y, **settings):
    """The most bytes that the third epoch had allocated at a time."""
    peaks = []

    class Peaks(Callback):
        def end_epoch(self, run):
            if tracemalloc.is_tracing():
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
            elif run.epoch == 1:
                tracemalloc.start()

    run(net, X, y, optimizer=Adam(), callbacks=[Peaks()], **settings)
    assert len(peaks) == 1
    return peaks[0]


# --- hooks ----------------------------------------------------------------------------------------


def test_the_seven_hooks_in_their_order(rng):
    calls = []

    class Watch(Callback):
        def begin_training(self, run):
            calls.append(f"begin_training {run.steps}")

        def begin_epoch(self, run):
            calls.append(f"begin_epoch {run.epoch}")

        def begin_step(self, run):
            calls.append(f"begin_step {run.step}")

        def end_step(self, run):
            calls.append(f"end_step {run.step}")

        def end_epoch(self, run):
            calls.append(f"end_epoch {run.epoch}")

        def end_training(self, run):
            calls.append(f"end_training {run.step}")

        def fail(self, run, error):
            calls.append(f"fail {type(error).__name__}")

    X, y = data(rng, 16)
    run(network(), X, y, epochs=2, callbacks=[Watch()])
    assert calls == [
        "begin_training 4",
        "begin_epoch 0", "begin_step 0", "end_step 0", "begin_step 1", "end_step 1", "end_epoch 0",
        "begin_epoch 1", "begin_step 2", "end_step 2", "begin_step 3", "end_step 3", "end_epoch 1",
        "end_training 4",
    ]  # fmt: skip
    calls.clear()
    with pytest.raises(DivergedError):
        run(network(), X, y, epochs=1, optimizer=SGD(1e300), callbacks=[Watch()])
    assert calls[-1] == "fail DivergedError"
    assert "end_training" not in " ".join(calls)


def test_a_step_begins_before_the_forward_pass_and_ends_after_the_update(rng):
    X, y = data(rng, 16)
    net = network()
    seen = []

    class Watch(Callback):
        def begin_step(self, run):
            if run.step == 1:  # what is done here is seen by the loss of the same step
                seen.append(run.network.evaluate(X, y)["loss"])
                run.network.parameters[:] = 0

        def end_step(self, run):
            seen.append((run.loss, run.network.parameters.any()))

    run(net, X, y, epochs=2, batch_size=16, callbacks=[Watch()])
    (first, _), between, second = seen
    assert between < first
    assert second == (pytest.approx(np.log(3)), True)


def test_one_that_did_not_begin_is_not_told_of_the_failure(rng):
    told = []

    class First(Callback):
        def fail(self, run, error):
            told.append("first")

    class Second(First):
        def begin_training(self, run):
            raise RuntimeError("no")

        def fail(self, run, error):
            told.append("second")

    X, y = data(rng)
    with pytest.raises(RuntimeError, match="no"):
        run(network(), X, y, callbacks=[First(), Second(), First()])
    assert told == ["first"]


class Steps(Callback):
    def begin_training(self, run):
        self.announced = run.steps

    def end_training(self, run):
        self.done = run.step


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 21),
        ({"accumulate": 3}, 9),
        ({"accumulate": 10}, 3),
        ({"overfit_batches": 2}, 6),
        ({"overfit_batches": 5, "accumulate": 2}, 9),
        ({"overfit_batches": 50}, 21),
    ],
)
@pytest.mark.parametrize("given", [False, True], ids=["arrays", "batches"])
def test_the_number_of_steps_is_known_beforehand(rng, settings, steps, given):
    X, y = data(rng, 50)
    watch = Steps()
    if given:
        batches = [(X[i : i + 8], y[i : i + 8]) for i in range(0, 50, 8)]
        run(network(), batches, None, batch_size=None, callbacks=[watch], **settings)
    else:
        run(network(), X, y, callbacks=[watch], **settings)
    assert (watch.announced, watch.done) == (steps, steps)


def test_batches_that_do_not_tell_their_number(rng):
    class Endless:
        def __iter__(self):
            yield from (data(rng, 8) for _ in range(4))

    watch = Steps()
    run(network(), Endless(), None, batch_size=None, callbacks=[watch])
    assert (watch.announced, watch.done) == (None, 12)


# --- the order of the examples --------------------------------------------------------------------


def test_without_shuffling_the_order_stays(rng):
    X, y = data(rng, 20)
    in_order, by_hand, shuffled = network(), network(), network()
    run(in_order, X, y, shuffle=False, epochs=2)
    for _ in range(2):
        for rows in (slice(8), slice(8, 16), slice(16, 20)):
            by_hand.loss_and_gradients(X[rows], y[rows])
            by_hand.parameters[:] -= 0.1 * by_hand.gradients
    np.testing.assert_allclose(in_order.parameters, by_hand.parameters, rtol=1e-12)
    run(shuffled, X, y, epochs=2)
    assert not np.allclose(in_order.parameters, shuffled.parameters)


@pytest.mark.parametrize("given", [False, True], ids=["arrays", "batches"])
def test_overfitting_sees_the_first_batches_only_and_in_order(rng, given):
    X, y = data(rng, 50)
    w = rng.uniform(0.5, 1, 50)
    few, same = network(), network()
    if given:
        batches = [(X[i : i + 8], y[i : i + 8], w[i : i + 8]) for i in range(0, 50, 8)]
        run(few, batches, None, batch_size=None, overfit_batches=2)
    else:
        run(few, X, y, sample_weight=w, overfit_batches=2)
    run(same, X[:16], y[:16], sample_weight=w[:16], shuffle=False)
    np.testing.assert_allclose(few.parameters, same.parameters, rtol=1e-12)


def test_a_network_learns_two_batches_by_heart(rng):
    X, y = data(rng, 50)
    y = rng.permutation(y)  # nothing but heart helps
    net = network(width=64)
    run(net, X, y, overfit_batches=2, epochs=300, optimizer=Adam(0.01))
    assert (net.predict(X[:16]) == y[:16]).all()


# --- accumulation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("m", [48, 50, 61, 5])
def test_accumulating_equals_a_larger_batch(rng, m, weighted):
    X, y = data(rng, m)
    w = rng.uniform(0, 1, m) if weighted else None
    small, large = network(), network()
    one = run(small, X, y, sample_weight=w, batch_size=8, accumulate=3)
    other = run(large, X, y, sample_weight=w, batch_size=24)
    np.testing.assert_allclose(small.parameters, large.parameters, rtol=1e-10)
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-12)


def test_mini_batches_without_weight_do_not_count(rng):
    X, y = data(rng, 32)
    some, none = np.repeat([1.0, 0.0, 0.0, 0.0], 8), np.repeat([0.0, 0.0, 1.0, 1.0], 8)
    one, other = network(), network()
    run(one, X, y, sample_weight=some, batch_size=8, accumulate=2, shuffle=False, epochs=1)
    run(other, X[:8], y[:8], batch_size=8, shuffle=False, epochs=1)
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-12)
    before = network()
    run(before, X, y, sample_weight=none, overfit_batches=2, batch_size=8, accumulate=2)
    np.testing.assert_array_equal(before.parameters, network().parameters)


# --- clipping -------------------------------------------------------------------------------------


def one_step(net, X, y, **settings):
    run(net, X, y, optimizer=SGD(1.0), epochs=1, batch_size=len(X), **settings)
    return network().parameters - net.parameters


def test_a_long_gradient_gets_the_norm_that_is_allowed(rng):
    X, y = data(rng)
    full = one_step(network(), X, y)
    norm = np.linalg.norm(full)
    np.testing.assert_allclose(
        one_step(network(), X, y, clip_norm=norm / 3), full / 3, rtol=1e-10, atol=1e-15
    )
    np.testing.assert_array_equal(one_step(network(), X, y, clip_norm=norm * 1.01), full)


def test_what_is_frozen_has_no_part_in_the_norm(rng):
    X, y = data(rng)
    frozen, clipped = network(), network()
    for net in (frozen, clipped):
        net.freeze("0.dense")
    full = one_step(frozen, X, y)
    step = one_step(clipped, X, y, clip_norm=0.01)
    assert np.linalg.norm(step) == pytest.approx(0.01)
    np.testing.assert_allclose(step, full * 0.01 / np.linalg.norm(full), rtol=1e-10, atol=1e-15)


def test_clipping_by_value_clips_each_element(rng):
    X, y = data(rng)
    full = one_step(network(), X, y)
    limit = float(np.median(np.abs(full)))
    step = one_step(network(), X, y, clip_value=limit)
    expected = [min(max(g, -limit), limit) for g in full]
    np.testing.assert_allclose(step, expected, rtol=1e-10, atol=1e-15)


def test_clipping_comes_after_accumulating(rng):
    X, y = data(rng, 48)
    small, large = network(), network()
    run(small, X, y, batch_size=8, accumulate=3, clip_norm=0.05)
    run(large, X, y, batch_size=24, clip_norm=0.05)
    np.testing.assert_allclose(small.parameters, large.parameters, rtol=1e-10)


class Spoil(Callback):
    """Makes the loss finite and its gradient infinite."""

    def begin_step(self, run):
        step = run.network.step

        def spoiled(*arguments):
            loss = step(*arguments)
            run.network.gradients[3] = np.inf
            return loss

        run.network.step = spoiled


def test_an_infinite_norm_is_divergence(rng):
    X, y = data(rng)
    net = network()
    with pytest.raises(
        DivergedError, match="the gradient's norm became inf after 0 steps, in epoch 1"
    ):
        run(net, X, y, clip_norm=1.0, callbacks=[Spoil()])
    np.testing.assert_array_equal(net.parameters, network().parameters)


def test_a_norm_whose_square_overflows_is_none(rng):
    X, _ = data(rng, dtype=np.float32)
    X *= 100
    y = np.full((50, 3), 1e18, np.float32)
    net = network(np.float32, loss=MeanSquaredError())
    net.loss_and_gradients(X, y)
    g = net.gradients.astype(np.float64)
    assert np.linalg.norm(g) > 1e20
    before = net.parameters.copy()
    run(net, X, y, optimizer=SGD(1.0), clip_norm=1.0, epochs=1, batch_size=50)
    step = before - net.parameters
    np.testing.assert_allclose(step, g / np.linalg.norm(g), atol=1e-6)


# --- mixup ----------------------------------------------------------------------------------------


class Mixed(Callback):
    """Keeps the batches that the network gets."""

    def begin_training(self, run):
        self.batches = []
        step = run.network.step

        def watched(X, y, cache, sample_weight):
            w = None if sample_weight is None else sample_weight.copy()
            self.batches.append((X.copy(), y.copy(), w))
            return step(X, y, cache, sample_weight)

        run.network.step = watched


def test_mixup_mixes_examples_and_targets_with_the_same_shares(rng):
    # Example i is the i-th unit vector, so that a mixture tells what it was made of.
    X, y = np.eye(6), np.array([0, 1, 2, 0, 1, 2])
    net = network(input_shape=6)
    watch = Mixed()
    run(net, X, y, mixup=0.4, batch_size=6, epochs=400, callbacks=[watch], optimizer=SGD(0.0))
    shares = []
    for X_mixed, y_mixed, _ in watch.batches:
        np.testing.assert_allclose(X_mixed.sum(axis=1), 1)
        assert ((X_mixed > 0).sum(axis=1) <= 2).all()
        np.testing.assert_allclose(y_mixed, X_mixed @ np.eye(3)[y])
        pairs = X_mixed[(X_mixed > 0).sum(axis=1) == 2]
        if len(pairs):  # one share a batch
            largest = pairs.max(axis=1)
            np.testing.assert_allclose(largest, largest[0])
            shares.append(largest[0])
    assert np.mean(shares) == pytest.approx(LARGER_SHARE, abs=4 * 0.153 / np.sqrt(len(shares)))
    assert len(shares) > 390


LARGER_SHARE = 0.83976
"""SciPy 1.17: beta(0.4, 0.4).expect(lambda x: max(x, 1 - x)); standard deviation 0.153."""


@pytest.mark.parametrize(
    ("weights", "w"),
    [
        ({"sample_weight": np.arange(6) / 5}, np.arange(6) / 5),
        ({"class_weight": {0: 0.25, 2: 0.0}}, np.array([0.25, 1, 0, 0.25, 1, 0])),
    ],
    ids=["sample_weight", "class_weight"],
)
def test_mixup_counts_each_target_by_its_own_weight(weights, w):
    X, y = np.eye(6), np.array([0, 1, 2, 0, 1, 2])
    net, watch = network(input_shape=6), Mixed()
    run(net, X, y, mixup=0.4, batch_size=6, epochs=50, callbacks=[watch], **weights)
    for X_mixed, y_mixed, w_mixed in watch.batches:
        np.testing.assert_allclose(w_mixed, X_mixed @ w)
        np.testing.assert_allclose(
            w_mixed[:, None] * y_mixed, X_mixed @ (w[:, None] * np.eye(3)[y])
        )
    assert any((w_mixed == 0).any() for *_, w_mixed in watch.batches)
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), MeanSquaredError()], ids=repr)
def test_mixup_learns_nothing_from_a_target_of_weight_0(rng, loss):
    X, y = data(rng, 40)
    w = np.arange(40) % 4 / 3
    other = np.where(w == 0, (y + 1) % 3, y)
    if isinstance(loss, MeanSquaredError):
        y, other = np.eye(3)[y], np.where(w[:, None] == 0, 1e9, np.eye(3)[other])
    assert (y[w == 0] != other[w == 0]).any()
    learned = []
    for targets in (y, other):
        net = network(loss=loss)
        run(net, X, targets, mixup=0.4, sample_weight=w)
        learned.append(net.parameters)
    np.testing.assert_array_equal(*learned)


def test_mixup_mixes_numbers_too_and_leaves_the_data_alone(rng):
    X, _ = data(rng, 40)
    y = X @ rng.standard_normal((4, 3))
    kept = X.copy(), y.copy()
    net = network(loss=MeanSquaredError())
    watch = Mixed()
    batches = [(X[:20], y[:20]), (X[20:], y[20:])]
    run(net, batches, None, batch_size=None, mixup=1.0, callbacks=[watch])
    W = np.linalg.lstsq(*kept, rcond=None)[0]
    for X_mixed, y_mixed, _ in watch.batches:
        np.testing.assert_allclose(y_mixed, X_mixed @ W, atol=1e-10)
    assert not np.allclose(watch.batches[0][0], X[:20])
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


# --- metrics --------------------------------------------------------------------------------------


def test_metrics_are_measured_on_the_validation_data(rng):
    X, y = data(rng, 60)
    w = rng.uniform(0, 1, 20)

    def wrong(y_true, y_pred, sample_weight=None):
        return float(np.average(y_true != y_pred, weights=sample_weight))

    net = network()
    history = run(net, X[:40], y[:40], validation_data=(X[40:], y[40:], w), metrics=[wrong])
    assert list(history.columns) == ["loss", "val_loss", "val_accuracy", "val_wrong"]
    assert history["val_wrong"][-1] == pytest.approx(1 - history["val_accuracy"][-1])

    def two_arguments(y_true, y_pred):
        assert y_true.shape == y_pred.shape == (20,)
        return np.abs(y_true - y_pred).max()

    net = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4, seed=0, dtype=np.float64)
    target = X[:, 0]
    history = run(net, X[:40], target[:40], validation_data=(X[40:], target[40:]),
                  metrics=[two_arguments])  # fmt: skip
    worst = np.abs(net.predict(X[40:]) - target[40:]).max()
    assert history["val_two_arguments"][-1] == worst


def test_metrics_by_name_are_computed_from_what_they_need(rng):
    X, y = data(rng, 60)
    y = (y > 0).astype(int)
    net = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=4, seed=0, dtype=np.float64)
    settings = {"validation_data": (X[40:], y[40:]), "metrics": ["f1", "roc_auc", "log_loss"]}
    history = run(net, X[:40], y[:40], **settings)
    P = net.predict_proba(X[40:])
    assert history["val_f1"][-1] == f1_score(y[40:], net.predict(X[40:]), average="macro")
    assert history["val_roc_auc"][-1] == pytest.approx(roc_auc_score(y[40:], P[:, 1]))
    assert history["val_log_loss"] == pytest.approx(history["val_loss"])
    for metric, message in [("r2_score", "computed from numbers"), ("F1", "no metric 'F1'")]:
        with pytest.raises(SettingError, match=message):
            run(net, X, y, validation_data=(X, y), metrics=[metric])
    net = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4, seed=0, dtype=np.float64)
    for metric in ("f1", "log_loss"):
        with pytest.raises(SettingError, match=r"MeanSquaredError\(\) gives none"):
            run(net, X, X[:, 0], validation_data=(X, X[:, 0]), metrics=[metric])
    history = run(net, X, X[:, 0], validation_data=(X, X[:, 1]), metrics=["r2_score"])
    assert history["val_r2_score"][-1] == pytest.approx(r2_score(X[:, 1], net.predict(X)))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accumulate": 0}, "accumulate must be a whole number >= 1; got 0"),
        ({"mixup": -0.1}, "mixup must be >= 0; got -0.1"),
        ({"clip_norm": 0}, "clip_norm must be > 0; got 0"),
        ({"clip_value": -1.0}, "clip_value must be > 0"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "pass only one"),
        ({"overfit_batches": 0}, "overfit_batches must be a whole number >= 1"),
        ({"metrics": ["accuracy"]}, "measured on validation_data, which is missing"),
    ],
)
def test_settings_are_checked(rng, settings, message):
    X, y = data(rng)
    with pytest.raises(SettingError, match=message):
        run(network(), X, y, **settings)


# --- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{"shuffle": False}, {"mixup": 0.2}, {"overfit_batches": 2}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_warm_epoch_allocates_nothing_for_the_examples(rng, settings):
    m, batch_size = 200_000, 65_536
    X, y = data(rng, m, np.float32)
    w = rng.uniform(0.5, 1, m)
    peak = warm_peak(network(np.float32), X, y, sample_weight=w, batch_size=batch_size, **settings)
    # Less than a byte per example, beside the buffer of 8,192 float64 of NumPy's ufuncs.
    assert peak < batch_size + 8192 * 8


@pytest.mark.parametrize(
    "settings",
    [{"accumulate": 3}, {"clip_norm": 0.01}, {"clip_value": 1e-4}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_warm_epoch_allocates_nothing_for_the_parameters(rng, settings):
    X, y = data(rng, 100, np.float32)
    net = network(np.float32, width=8192)
    assert warm_peak(net, X, y, batch_size=16, **settings) < net.parameters.nbytes / 4


# --- carried state --------------------------------------------------------------------------------


class Total(Layer):
    """The sum of the steps so far, which goes on from batch to batch where the cache carries."""

    def forward(self, A, cache):
        before = cache.carried.get("total", 0) if cache.carry else 0
        cache.carried["total"] = before + A.sum(axis=1)
        SEEN.append(np.array(before))
        return np.cumsum(A, axis=1)

    def backward(self, dY, cache):
        return np.cumsum(dY[:, ::-1], axis=1)[:, ::-1]


SEEN: list[np.ndarray] = []


def test_carry_hands_the_state_to_the_next_batch_and_begins_anew_with_each_epoch():
    network = Network([Total(), Dense(1)], loss=MeanSquaredError(), input_shape=(None, 1), seed=0)
    batch = np.ones((2, 3, 1), np.float32), np.zeros((2, 3, 1), np.float32)
    settings = {"optimizer": SGD(0.0001), "epochs": 2, "progress": False}
    SEEN.clear()
    train(network, [batch] * 3, carry=True, **settings)
    assert [float(before.max()) for before in SEEN] == [0, 3, 6, 0, 3, 6]
    SEEN.clear()
    train(network, [batch] * 3, **settings)
    assert [float(before.max()) for before in SEEN] == [0] * 6


def test_carry_needs_batches_in_order():
    network = Network([Total(), Dense(1)], loss=MeanSquaredError(), input_shape=(None, 1), seed=0)
    X = np.ones((2, 3, 1), np.float32)
    with pytest.raises(SettingError, match="carry needs an iterable of batches"):
        train(network, X, X, optimizer=SGD(0.1), epochs=1, batch_size=2, carry=True)


def test_augmentation_in_place_changes_no_batch_of_the_caller_s(rng):
    def louder(A, rng):
        A *= 2
        return A

    X, y = data(rng, 20)
    given, losses = X.copy(), []
    for arguments in (([(given, y)],), (X, y)):
        settings = {"batch_size": 20} if len(arguments) == 2 else {}
        history = train(
            network(), *arguments, optimizer=SGD(1e-12), epochs=3, augment=[louder], progress=False,
            shuffle=False, **settings,
        )  # fmt: skip
        losses.append(history["loss"])
    np.testing.assert_array_equal(given, X)
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
