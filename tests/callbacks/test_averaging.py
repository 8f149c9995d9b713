"""The moving average: its numbers, and where it takes the parameters' place."""

import tracemalloc

import numpy as np
import pytest

from plainnet import Cache, Callback, EarlyStopping, Network, load, train
from plainnet.callbacks import EMA, Checkpoint
from plainnet.errors import DivergedError, SettingError
from plainnet.initializers import Zeros
from plainnet.layers import BatchNorm, Concatenate, Dense, Graph, Layer, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam


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


# --- statistics that fit the average --------------------------------------------------------------


def normalized(*layers: Layer) -> Network:
    layers = layers or (Dense(4), BatchNorm(), ReLU(), Dense(1))
    return Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)


def test_running_statistics_are_measured_with_the_average(tmp_path):
    net, file = normalized(), tmp_path / "last.npz"
    history = run(net, [EMA(0.9), Checkpoint(file)], epochs=4, shuffle=False)
    X = np.random.default_rng(1).standard_normal((32, 3))  # as in `run`, in batches of 8
    Z = (X @ net["0.dense.W"].T + net["0.dense.b"]).reshape(4, 8, 4)
    np.testing.assert_allclose(net["1.batchnorm.running_mean"], Z.mean(axis=(0, 1)), rtol=1e-12)
    variance = Z.var(axis=1, ddof=1).mean(axis=0)
    np.testing.assert_allclose(net["1.batchnorm.running_variance"], variance, rtol=1e-12)
    y = X[:, :1] - X[:, 1:2]
    assert history["val_loss"][-1] == net.evaluate(X, y)["loss"]
    np.testing.assert_array_equal(load(file).state, net.state)
    assert net.layers[1].momentum == 0.9


def test_training_goes_on_with_its_own_statistics():
    class State(Callback):
        def __init__(self):
            self.states = []

        def begin_step(self, run):
            self.states.append(run.network.state.copy())

    without, with_it = State(), State()
    run(normalized(), [without])
    run(normalized(), [EMA(0.9), with_it])
    np.testing.assert_array_equal(without.states, with_it.states)


def test_early_stopping_puts_parameters_and_statistics_back_that_belong_together():
    net, stopping = normalized(), EarlyStopping(patience=50)

    class Worsen(Callback):
        def end_step(self, run):
            if run.epoch >= 2:
                run.network["0.dense.W"] += 0.5
                run.network["3.dense.b"] += 1

    history = run(net, [EMA(0.9), stopping, Worsen()], epochs=6)
    assert stopping.best_epoch < 5
    X = np.random.default_rng(1).standard_normal((32, 3))
    loss = net.evaluate(X, X[:, :1] - X[:, 1:2])["loss"]
    assert loss == min(history["val_loss"]) < history["val_loss"][-1]


def test_frozen_statistics_stay_for_the_average_too():
    net = normalized()
    net.freeze("*.batchnorm")
    before = net.state.copy()
    run(net, [EMA(0.9)])
    np.testing.assert_array_equal(net.state, before)


def test_an_error_leaves_the_statistics_of_training():
    class Fail(Callback):
        def end_step(self, run):
            self.raw = run.network.state.copy()

        def end_epoch(self, run):
            raise ValueError("full disk")

    net, fail = normalized(), Fail()
    with pytest.raises(ValueError, match="full disk"):
        run(net, [EMA(0.9), fail])
    np.testing.assert_array_equal(net.state, fail.raw)


def test_batches_of_one_row_and_iterables_have_their_statistics_too():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 3))
    batches = [(X[:5], X[:5, :1]), (X[5:10], X[5:10, :1]), (X[10:], X[10:, :1])]
    net = normalized()
    train(net, batches, optimizer=SGD(0.1), epochs=2, callbacks=[EMA(0.9)], progress=False)
    Z = X[:10] @ net["0.dense.W"].T + net["0.dense.b"]  # the shorter batch is left out
    np.testing.assert_allclose(net["1.batchnorm.running_mean"], Z.mean(axis=0), rtol=1e-12)

    net = normalized()
    run(net, [EMA(0.9)], accumulate=2)
    assert np.isfinite(net.state).all()


def test_on_digits_the_validation_loss_is_that_of_statistics_over_all_training_rows():
    digits = pytest.importorskip("sklearn.datasets").load_digits
    X, y = digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    stale, measured, expected = [], [], []
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(len(X))
        fit, held = rows[:1200], rows[1200:]
        layers = [Dense(64), BatchNorm(), ReLU(), Dense(64), BatchNorm(), ReLU(), Dense(10)]
        net = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=64, seed=seed)

        class Raw(Callback):
            def end_step(self, run):
                self.state = run.network.state.copy()

        raw = Raw()
        train(
            net, X[fit], y[fit], optimizer=Adam(0.01), epochs=12, batch_size=32, seed=seed,
            callbacks=[EMA(0.98), raw], progress=False,
        )  # fmt: skip
        measured.append(net.evaluate(X[held], y[held])["loss"])
        for layer in net.layers:
            if isinstance(layer, BatchNorm):
                layer.momentum = 0.0  # the statistics of one batch: of all rows at once
        net.forward(X[fit], Cache(training=True))
        expected.append(net.evaluate(X[held], y[held])["loss"])
        net.state[:] = raw.state
        stale.append(net.evaluate(X[held], y[held])["loss"])
    np.testing.assert_allclose(measured, expected, rtol=0.05)
    assert np.mean(stale) > 1.05 * np.mean(measured)


def test_two_averages_are_refused():
    with pytest.raises(SettingError, match="would replace the average"):
        run(network(), [EMA(0.9), EMA(0.99)])


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_is_a_share(decay):
    with pytest.raises(SettingError, match="decay must be >= 0 and < 1"):
        EMA(decay)


class Counting(Layer):
    """Running state of its own kind: PyTorch's momentum, and how many examples it saw."""

    def __init__(self, momentum: float = 0.1):
        self.momentum = momentum

    def build(self, input_shape):
        self.declare_state("m", input_shape, Zeros())
        self.declare_state("seen", (1,), Zeros())
        return input_shape

    def forward(self, A, cache):
        if cache.training:
            self.m[...] = (1 - self.momentum) * self.m + self.momentum * A.mean(axis=0)
            self.seen += len(A)
        return A - self.m

    def backward(self, dA, cache):
        return dA


def test_running_state_of_ones_own_stays_that_of_training():
    X = (np.random.default_rng(0).standard_normal((64, 4)) + 3).astype(np.float32)
    states = []
    for callbacks in ([], [EMA(0.5)]):
        network = Network([Counting(), BatchNorm(), Dense(3)], loss=MeanSquaredError(),
                          input_shape=4, seed=0)  # fmt: skip
        train(network, X, np.zeros((64, 3)), optimizer=SGD(0.01), epochs=5, batch_size=16,
              progress=False, seed=0, callbacks=callbacks)  # fmt: skip
        states.append([network["0.counting.m"].copy(), network["0.counting.seen"].copy()])
    for ours, plain in zip(*states, strict=True):
        np.testing.assert_array_equal(ours, plain)
    assert states[0][1] == 5 * 64


def test_statistics_of_a_shared_layer_are_those_of_all_its_places(rng):
    """Those of averaged weights: the mean over the batches of both inputs."""
    norm = BatchNorm()
    nodes = {"one": (norm, "a"), "two": (norm, "b"), "Y": ([Concatenate(), Dense(1)], "one", "two")}
    graph = Graph(nodes, inputs=("a", "b"), outputs="Y")
    net = Network(graph, loss=MeanSquaredError(), input_shape=(3, 3), seed=0, dtype=np.float64)
    X = {"a": rng.standard_normal((20, 3)) + 5, "b": rng.standard_normal((20, 3)) - 1}
    y = rng.standard_normal((20, 1))
    settings = {"optimizer": SGD(0.01), "epochs": 2, "batch_size": 10, "seed": 0, "progress": False}
    train(net, X, y, callbacks=[EMA(0.5)], **settings)
    expected = (X["a"].mean(axis=0) + X["b"].mean(axis=0)) / 2
    np.testing.assert_allclose(net["one.running_mean"], expected, rtol=1e-12)
