"""Histograms of a pass and of a training, against numbers counted here."""

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.callbacks import Callback, Checkpoint
from plainnet.errors import SettingError, ShapeError
from plainnet.inspection import plots
from plainnet.layers import Concatenate, Dense, Dropout, Flatten, Graph, ReLU
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD, Adam

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")

rng = np.random.default_rng(1)
X, Y = rng.standard_normal((96, 3)), rng.standard_normal(96)


def small(dtype=np.float64):
    layers = [Dense(5), ReLU(), Dropout(0.5), Dense(1)]
    return Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0, dtype=dtype)


def train_small(callbacks, epochs=2, **options):
    network = small()
    train(
        network, X, Y, optimizer=SGD(0.05), epochs=epochs, batch_size=32, seed=0, progress=False,
        callbacks=callbacks, **options,
    )  # fmt: skip
    return network


def bars(ax):
    """The heights of a histogram, and its edges."""
    (patch,) = ax.patches
    data = patch.get_data()
    return data.values, data.edges


# --- of a network as it is ------------------------------------------------------------------------


def test_activations_are_counted_without_zeros():
    network = small()
    axes = plots.activation_histograms(network, X)
    assert len(axes) == 3  # dropout makes nothing new
    Z = X @ network["0.dense.W"].T + network["0.dense.b"]
    A = np.maximum(Z, 0)
    shares, edges = bars(axes[1])
    counts, expected = np.histogram(A[A > 0], len(shares))
    np.testing.assert_allclose(edges, expected)
    np.testing.assert_allclose(shares, counts / A.size)
    assert axes[1].get_title() == f"1.relu ({np.mean(A == 0):.0%} zero)"
    assert len(bars(axes[0])[0]) == 16  # 2 * 480^(1/3) = 15.7
    assert len(bars(plots.activation_histograms(network, X, bins=3)[0])[0]) == 3
    (only,) = plots.activation_histograms(network, X, names=["*.relu"])
    assert only.get_title() == axes[1].get_title()
    assert (only.get_xlabel(), only.get_ylabel()) == ("output", "share")


def test_gradients_are_those_of_the_mean_loss():
    layers = [Dense(5), ReLU(), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)
    axes = plots.gradient_histograms(network, X, Y)
    W0, W2 = network["0.dense.W"], network["2.dense.W"]
    Z = X @ W0.T + network["0.dense.b"]
    dZ = 2 * (np.maximum(Z, 0) @ W2.T + network["2.dense.b"] - Y[:, None]) / len(X)
    gradients = [((dZ @ W2) * (Z > 0)).T @ X, dZ.T @ np.maximum(Z, 0)]
    for ax, dW in zip(axes, gradients, strict=True):
        shares, edges = bars(ax)
        sizes = np.abs(dW).ravel()
        np.testing.assert_allclose(edges, np.geomspace(sizes.min(), sizes.max(), len(edges)))
        inner = np.searchsorted(sizes[np.argsort(sizes)], edges[1:-1])
        counts = np.diff([0, *inner, sizes.size])
        np.testing.assert_allclose(shares, counts / sizes.size)
        assert ax.get_xscale() == "log"
    assert axes[0].get_xlim() == axes[1].get_xlim()


def test_dropout_follows_the_seed():
    network = small()
    first, again, other = (
        bars(plots.gradient_histograms(network, X, Y, seed=seed)[0])[1] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_gradient_of_zeros_has_an_empty_histogram():
    network = small()
    network["3.dense.W"] = np.zeros((1, 5))
    axes = plots.gradient_histograms(network, X, Y)
    assert axes[0].get_title() == "0.dense.W (100% zero)"
    assert not bars(axes[0])[0].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: plots.activation_histograms(n), "X must be given with a Network; got None"),
        (lambda n: plots.activation_histograms(3, X), "source must be a Network or Histograms"),
        (lambda n: plots.activation_histograms(n, X, step=1), "step is for Histograms"),
        (lambda n: plots.activation_histograms(n, X, names=["2.relu"]), "'2.relu', which is none"),
        (lambda n: plots.activation_histograms(n, X, names="relu"), "names must be a list of"),
        (lambda n: plots.activation_histograms(n, X, bins=0), "bins must be a whole number >= 1"),
        (lambda n: plots.gradient_histograms(n, X), "y must be given with a Network; got None"),
        (lambda n: plots.update_histograms(n), "source must be a Histograms object"),
        (lambda n: plots.histograms_over_time(n), "source must be a Histograms object"),
        (lambda n: plots.update_histograms(plots.Histograms()), "the Histograms are empty"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(SettingError, match=message):
        call(small())


def test_data_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"X must have the shape \(m, 3\)"):
        plots.activation_histograms(small(), X[:, :2])


def test_too_many_histograms_cannot_be_read():
    layers = [each for _ in range(13) for each in (Dense(2), ReLU())]
    deep = Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0)
    with pytest.raises(SettingError, match="there would be 26 histograms, and 24 can be read"):
        plots.activation_histograms(deep, X)
    assert len(plots.activation_histograms(deep, X, names=["*.dense"])) == 13
    nothing = Network([Flatten()], loss=MeanSquaredError(), input_shape=3)
    with pytest.raises(SettingError, match="there is nothing to draw"):
        plots.activation_histograms(nothing, X)


# --- of a training --------------------------------------------------------------------------------


class Kept(Callback):
    """What the steps of a training were, in whole."""

    def __init__(self):
        self.before, self.steps = None, []

    def begin_step(self, run):
        self.before = {name: each.copy() for name, each in run.network.tensors.items()}

    def end_step(self, run):
        after = {name: each.copy() for name, each in run.network.tensors.items()}
        gradients = {name: each.copy() for name, each in run.network.gradient_tensors.items()}
        A = np.maximum(run.X[:64] @ after["0.dense.W"].T + after["0.dense.b"], 0)
        self.steps.append((self.before, gradients, after, A))


@pytest.fixture(scope="module")
def recorded():
    kept, histograms = Kept(), plots.Histograms(every=2)
    train_small([kept, histograms])
    return kept.steps, histograms


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def test_updates_are_what_a_step_adds(recorded):
    steps, histograms = recorded
    assert [moment.step for moment in histograms.moments] == [0, 2, 4]
    for moment in histograms.moments:
        before, gradients, after, A = steps[moment.step]
        assert list(moment.updates) == list(moment.gradients) == ["0.dense.W", "3.dense.W"]
        for name, update in moment.updates.items():
            moved = np.abs(after[name] - before[name])
            np.testing.assert_allclose(
                update.quantiles, np.quantile(moved[moved > 0], QUANTILES), rtol=1e-12
            )
            assert update.zeros == np.mean(moved == 0)
            np.testing.assert_allclose(update.scale, np.sqrt(np.mean(before[name] ** 2)))
            sizes = np.abs(gradients[name])
            np.testing.assert_allclose(
                moment.gradients[name].quantiles, np.quantile(sizes[sizes > 0], QUANTILES)
            )
        np.testing.assert_allclose(
            moment.activations["1.relu"].quantiles, np.quantile(A, QUANTILES), atol=1e-12
        )


def test_a_step_of_a_training_is_drawn(recorded):
    _, histograms = recorded
    axes = plots.update_histograms(histograms, step=2)
    update = histograms.moments[1].updates["3.dense.W"]
    shares, edges = bars(axes[1])
    np.testing.assert_allclose(shares.sum(), 1 - update.zeros)
    np.testing.assert_array_equal(edges, update.edges)
    (line,) = axes[1].get_lines()
    np.testing.assert_allclose(line.get_xdata(), update.scale / 1000)
    last = plots.gradient_histograms(histograms, names=["3.*"])
    np.testing.assert_array_equal(
        bars(last[0])[1], histograms.moments[2].gradients["3.dense.W"].edges
    )
    with pytest.raises(SettingError, match=r"step must be one of .* \[0, 2, 4\]; got 1"):
        plots.activation_histograms(histograms, step=1)
    with pytest.raises(SettingError, match="X is for a Network; Histograms have recorded"):
        plots.activation_histograms(histograms, X)


@pytest.mark.parametrize("kind", ["activations", "gradients", "updates"])
def test_bands_are_quantiles_over_the_steps(recorded, kind):
    _, histograms = recorded
    axes = plots.histograms_over_time(histograms, kind)
    spreads = [getattr(moment, kind)["0.dense" + ".W" * (kind != "activations")]
               for moment in histograms.moments]  # fmt: skip
    (median,) = axes[0].get_lines()
    np.testing.assert_array_equal(
        median.get_xydata(), [[2 * i, each.quantiles[2]] for i, each in enumerate(spreads)]
    )
    pale, dark = axes[0].collections
    for band, (low, high) in ((pale, (0, 4)), (dark, (1, 3))):
        y = band.get_paths()[0].vertices[:, 1]
        assert y.min() == min(each.quantiles[low] for each in spreads)
        assert y.max() == max(each.quantiles[high] for each in spreads)
    assert axes[0].get_yscale() == ("linear" if kind == "activations" else "log")


def test_a_kind_that_there_is_not(recorded):
    with pytest.raises(SettingError, match='kind must be "activations", "gradients" or "updates"'):
        plots.histograms_over_time(recorded[1], "weights")


def test_training_is_the_same_with_and_without():
    plain = train_small([])
    watched = train_small([plots.Histograms(every=1)])
    np.testing.assert_array_equal(watched.parameters, plain.parameters)


def test_rows_of_ones_own_and_a_second_training():
    histograms = plots.Histograms(every=5, rows=X[:7])
    network = train_small([histograms])
    train_small([histograms], epochs=4)
    assert [moment.step for moment in histograms.moments] == [0, 5, 10]
    own = plots.Histograms(every=5, rows=X[:7])
    network = train_small([own])
    A = X[:7] @ network["0.dense.W"].T + network["0.dense.b"]
    np.testing.assert_allclose(
        own.moment(5).activations["0.dense"].quantiles, np.quantile(A, QUANTILES)
    )


def test_a_resumed_run_goes_on(tmp_path):
    file = tmp_path / "run.plainnet"
    histograms = plots.Histograms(every=1)
    train_small([Checkpoint(file, every=1), histograms], epochs=1)
    kept = histograms.moments[:]
    train_small([Checkpoint(file, every=1), histograms], resume=file)
    assert histograms.moments[:3] == kept
    assert [moment.step for moment in histograms.moments] == [0, 1, 2, 3, 4, 5]


def test_networks_with_several_inputs_and_frozen_layers():
    network = Network(
        Graph(
            {"a": (Dense(2), "x"), "both": (Concatenate(), "a", "z"), "out": (Dense(1), "both")},
            inputs=["x", "z"],
            outputs=["out"],
        ),
        loss=MeanSquaredError(), input_shape={"x": 3, "z": 2}, seed=0,
    )  # fmt: skip
    network.freeze("a")
    data = {"x": X, "z": X[:, :2]}
    histograms = plots.Histograms(every=1)
    train(
        network, data, Y, optimizer=Adam(0.01), epochs=1, batch_size=48, seed=0, progress=False,
        callbacks=[histograms],
    )  # fmt: skip
    assert list(histograms.moments[-1].updates) == ["out.W"]
    assert "a" in histograms.moments[-1].activations
    assert len(plots.activation_histograms(network, data)) == 2  # Concatenate has several inputs
