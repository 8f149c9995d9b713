"""What holds for all pictures: nothing changes, given axes are used, bad input is refused."""

import sys

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.errors import MissingExtraError, SettingError
from plainnet.inspection import plots
from plainnet.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePool1d,
    ReLU,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

plt = pytest.importorskip("matplotlib.pyplot", reason="the extra `plots` is not installed")

X = np.random.default_rng(1).standard_normal((40, 2)).astype(np.float32)
IDS = (X[:, 0] > 0).astype(int)
IMAGES = np.random.default_rng(2).standard_normal((40, 6, 6, 1))
TEXTS = np.random.default_rng(3).integers(1, 9, (40, 5))


def trained(network, X, y, **options):
    train(
        network, X, y, optimizer=SGD(0.01), epochs=2, batch_size=20, seed=0, progress=False,
        **options,
    )  # fmt: skip
    return network


@pytest.fixture(scope="module")
def histograms():
    found = plots.Histograms(every=1)
    dense = Network(
        [Dense(4), BatchNorm(), ReLU(), Dropout(0.5), Dense(2)],
        loss=SoftmaxCrossEntropy(), input_shape=2, seed=0,
    )  # fmt: skip
    return found, trained(dense, X, IDS, callbacks=[found])


@pytest.fixture(scope="module")
def dense(histograms):
    return histograms[1]


@pytest.fixture(scope="module")
def regression():
    layers = [Dense(4), ReLU(), Dense(1)]
    return trained(
        Network(layers, loss=MeanSquaredError(), input_shape=2, seed=0), X, X[:, 0] * X[:, 1]
    )


@pytest.fixture(scope="module")
def images():
    layers = [Conv2d(3, 3), BatchNorm(), ReLU(), Flatten(), Dense(2)]
    return trained(
        Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(6, 6, 1), seed=0), IMAGES, IDS
    )


@pytest.fixture(scope="module")
def texts():
    layers = [Embedding(9, 4), TransformerBlock(2), GlobalAveragePool1d(), Dense(1)]
    return trained(
        Network(layers, loss=SigmoidCrossEntropy(), input_shape=(None,), seed=0), TEXTS, IDS
    )


DRAWN = {
    "decision_regions": ("dense", lambda n, **k: plots.decision_regions(n, X, IDS, **k)),
    "numbers": ("regression", lambda n, **k: plots.decision_regions(n, X, X[:, 0], **k)),
    "weights": ("dense", lambda n, **k: plots.weights(n, "0.dense.W", **k)),
    "filters": ("images", lambda n, **k: plots.filters(n, "0.conv2d", **k)),
    "feature_maps": ("images", lambda n, **k: plots.feature_maps(n, "0.conv2d", IMAGES[0], **k)),
    "confusion": ("dense", lambda n, **k: plots.confusion(n, X, IDS, **k)),
    "calibration": ("dense", lambda n, **k: plots.calibration(n, X, IDS, **k)),
    "residuals": ("regression", lambda n, **k: plots.residuals(n, X, X[:, 0], **k)),
    "line": ("dense", lambda n, **k: plots.loss_along_line(n, X, IDS, points=3, **k)),
    "plane": ("dense", lambda n, **k: plots.loss_on_plane(n, X, IDS, points=3, **k)),
}
SEVERAL = {
    "activations": ("dense", lambda n, **k: plots.activation_histograms(n, X, **k)),
    "gradients": ("dense", lambda n, **k: plots.gradient_histograms(n, X, IDS, **k)),
    "attention": ("texts", lambda n, **k: plots.attention(n, TEXTS[0], **k)),
}


def state_of(network):
    kept = network.parameters, network.gradients, network.state
    return [array.copy() for array in kept]


@pytest.mark.parametrize(("kind", "draw"), [*DRAWN.values(), *SEVERAL.values()],
                         ids=[*DRAWN, *SEVERAL])  # fmt: skip
def test_nothing_changes(kind, draw, request):
    network = request.getfixturevalue(kind)
    if draw is DRAWN["confusion"][1] or draw is DRAWN["calibration"][1]:
        pytest.importorskip("sklearn")
    before, numbers = state_of(network), np.random.get_state()[1].copy()
    draw(network)
    for ours, theirs in zip(state_of(network), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.random.get_state()[1], numbers)


@pytest.mark.parametrize(("kind", "draw"), DRAWN.values(), ids=DRAWN)
def test_given_axes_are_used(kind, draw, request):
    network = request.getfixturevalue(kind)
    figure = plt.figure()
    ax = figure.add_subplot()
    assert draw(network, ax=ax) is ax
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(SettingError, match="ax must be one Axes of matplotlib, or None; got 3"):
        draw(network, ax=3)


@pytest.mark.parametrize(("kind", "draw"), SEVERAL.values(), ids=SEVERAL)
def test_given_axes_are_used_where_there_are_several(kind, draw, request):
    network = request.getfixturevalue(kind)
    n = len(draw(network))
    plt.close("all")
    figure, axes = plt.subplots(1, n)
    assert [*draw(network, axes=axes)] == [*axes]
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(SettingError, match=f"axes must be {n} Axes of matplotlib, for "):
        draw(network, axes=axes[1:])


@pytest.mark.parametrize(("kind", "draw"), [*DRAWN.values(), *SEVERAL.values()],
                         ids=[*DRAWN, *SEVERAL])  # fmt: skip
def test_pictures_can_be_rendered(kind, draw, request, tmp_path):
    drawn = draw(request.getfixturevalue(kind))
    figure = drawn.figure if hasattr(drawn, "figure") else drawn[0].figure
    figure.savefig(tmp_path / "picture.png", dpi=20)


@pytest.mark.parametrize(("kind", "draw"), DRAWN.values(), ids=DRAWN)
def test_without_matplotlib_it_names_the_extra(kind, draw, request, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"plainnet needs matplotlib for plots.*plots\]"):
        draw(request.getfixturevalue(kind))


def test_titles_of_layers_deep_inside_have_lines(texts):
    axes = plots.gradient_histograms(texts, TEXTS, IDS)
    titles = [ax.get_title() for ax in axes]
    assert "1.transformerblock.0.residual.1.\nmultiheadattention.W_out" in titles
