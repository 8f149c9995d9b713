"""The moving average: its numbers, and where it takes the parameters' place."""

import tracemalloc

import numpy as np
import pytest

from plainnet import Callback, EarlyStopping, Network, load, train
from plainnet.callbacks import EMA, Checkpoint
from plainnet.errors import DivergedError, SettingError
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD


def network(width=1):
    return Network([Dense(width)], loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)


def run(net, callbacks, *, epochs=3, optimizer=None, **settings):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((32, 3))
    y = np.tile(X[:, :1] - X[:, 1:2], net.output_shape[0])
    return train(
        net, X, y, optimizer=optimizer or SGD(0.1), epochs=epochs, batch_size=8, seed=2,
        validation_data=(X, y), callbacks=callbacks, progress=False, **settings,
    )  # fmt: skip


class Watch(Callback):
    """Keeps the parameters before the first and after every step, and at the end of each epoch."""

    def begin_training(self, run):
        self.raw, self.at_end = [run.network.parameters.copy()], []

    def end_step(self, run):
        self.raw.append(run.network.parameters.copy())

    def end_epoch(self, run):
        self.at_end.append(run.network.parameters.copy())


def averages(raw, decay):
    """After each step, by the definition."""
    found, average = [], list(raw[0])
    for t, p in enumerate(raw[1:]):
        d = min(decay, (1 + t) / (10 + t))
        average = [d * a + (1 - d) * x for a, x in zip(average, p, strict=True)]
        found.append(average)
    return found


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_it_is_validated_and_left_in_the_network(decay):
    net, watch = network(), Watch()
    run(net, [EMA(decay), watch])
    expected = averages(watch.raw, decay)
    np.testing.assert_allclose(net.parameters, expected[-1], rtol=1e-12)
    np.testing.assert_allclose(watch.at_end, expected[3::4], rtol=1e-12)


def test_training_itself_goes_on_as_without_it():
    without, with_it = Watch(), Watch()
    run(network(), [without])
    run(network(), [EMA(0.9), with_it])
    np.testing.assert_array_equal(without.raw, with_it.raw)
    assert not np.allclose(without.at_end, with_it.at_end)


def test_what_is_validated_is_the_average():
    net = network()
    history = run(net, [EMA(0.9)])
    raw = network()
    assert history["val_loss"][-1] != run(raw, [])["val_loss"][-1]
    rng = np.random.default_rng(1)
    X = rng.standard_normal((32, 3))
    assert history["val_loss"][-1] == net.evaluate(X, X[:, :1] - X[:, 1:2])["loss"]


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_and_checkpoints_keep_the_average(tmp_path, first):
    net, watch = network(), Watch()
    file = tmp_path / "best.npz"
    others = [EarlyStopping(patience=50), Checkpoint(file, monitor="val_loss")]
    ema = EMA(0.9)

    class Worsen(Callback):
        def end_epoch(self, run):
            if run.epoch == 1:
                run.optimizer.learning_rate = 1.6

    history = run(net, [*([ema] if first else []), *others, *([] if first else [ema]), watch,
                        Worsen()], epochs=4)  # fmt: skip
    assert np.argmin(history["val_loss"]) < 3
    best = watch.at_end[np.argmin(history["val_loss"])]
    np.testing.assert_array_equal(net.parameters, best)
    np.testing.assert_array_equal(load(file).parameters, best)


def test_it_is_left_in_the_network_too_where_training_stops_within_an_epoch():
    net, watch = network(), Watch()

    class Stop(Callback):
        def end_step(self, run):
            if run.step == 5:
                run.stop("enough")

    run(net, [EMA(0.9), watch, Stop()])
    assert len(watch.raw) == 7
    np.testing.assert_allclose(net.parameters, averages(watch.raw, 0.9)[-1], rtol=1e-12)


def test_divergence_leaves_finite_parameters():
    net = network()
    with pytest.raises(DivergedError):
        run(net, [EMA(0.9)], optimizer=SGD(1e200), epochs=20)
    assert np.isfinite(net.parameters).all()


def test_an_error_in_a_callback_leaves_the_network_without_it():
    net, watch = network(), Watch()

    class Fail(Callback):
        def end_epoch(self, run):
            raise ValueError("full disk")

    with pytest.raises(ValueError, match="full disk"):
        run(net, [EMA(0.9), watch, Fail()])
    np.testing.assert_array_equal(net.parameters, watch.raw[-1])
    assert not np.allclose(net.parameters, watch.at_end[-1])


def test_validation_that_diverges_leaves_the_snapshot():
    net = network()
    start = net.parameters.copy()

    class Spoil(Callback):
        def end_step(self, run):
            run.average[:] = 1e200  # its squares overflow

    with pytest.raises(DivergedError, match="validation loss"):
        run(net, [Spoil(), EMA(0.9)])
    np.testing.assert_array_equal(net.parameters, start)


def test_a_warm_step_allocates_nothing():
    peaks = []

    class Peak(Callback):
        def end_step(self, run):
            if run.step == 1:
                tracemalloc.start()
            elif run.step == 3:
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()

    net = network(20_000)
    run(net, [EMA(), Peak()], epochs=1)
    assert peaks[0] < net.parameters.nbytes / 4


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_is_a_share(decay):
    with pytest.raises(SettingError, match="decay must be >= 0 and < 1"):
        EMA(decay)
