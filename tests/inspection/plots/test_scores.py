"""confusion, calibration, residuals and intervals, against counts made here."""

from itertools import pairwise

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.inspection.plots import calibration, confusion, intervals, residuals
from plainnet.layers import Dense, Flatten
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")

rng = np.random.default_rng(1)
X = rng.standard_normal((60, 3))
IDS = rng.integers(0, 3, 60)


def softmax_network():
    return Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)


class Labelled:
    """A classifier with labels whose probabilities are the rows of X."""

    classes_ = np.array(["bird", "cat"])

    def predict_proba(self, X):
        p = np.asarray(X, float)[:, 0]
        return np.stack([1 - p, p], axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


# --- confusion ------------------------------------------------------------------------------------


def test_confusion_counts_rows():
    network = softmax_network()
    predicted = network.predict(X)
    counts = np.zeros((3, 3), int)
    for true, said in zip(IDS, predicted, strict=True):
        counts[true, said] += 1
    ax = confusion(network, X, IDS)
    np.testing.assert_array_equal(ax.images[0].get_array(), counts)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    shares = confusion(network, X, IDS, normalize="true").images[0].get_array()
    np.testing.assert_allclose(shares, counts / counts.sum(axis=1, keepdims=True))


def test_confusion_has_a_row_for_a_class_that_does_not_occur():
    ax = confusion(softmax_network(), X[:2], [0, 1], class_names=["x", "y", "z"])
    assert ax.images[0].get_array().shape == (3, 3)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y", "z"]


def test_confusion_of_labels():
    ax = confusion(Labelled(), [[0.1], [0.9], [0.8]], ["bird", "bird", "cat"])
    assert ax.images[0].get_array().tolist() == [[1, 1], [0, 1]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["bird", "cat"]


@pytest.mark.parametrize(
    ("y", "options", "error", "message"),
    [
        (IDS[:5], {}, ShapeError, r"y must have one target for each of X's 60 rows.*\(5,\)"),
        (IDS + 1, {}, DataError, r"y must hold classes of the model, \[0, 1, 2\]; got 3"),
        (IDS, {"normalize": "rows"}, SettingError, 'normalize must be "true", "pred" or "all"'),
        (IDS, {"class_names": "abc"}, SettingError, "class_names must be 3 names"),
    ],
)
def test_confusion_refuses(y, options, error, message):
    with pytest.raises(error, match=message):
        confusion(softmax_network(), X, y, **options)


def test_confusion_is_of_classes():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3)
    with pytest.raises(SettingError, match="model must predict classes"):
        confusion(network, X, IDS)
    images = Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=(2, 3), seed=0)
    with pytest.raises(SettingError, match=r"one vector of outputs .* shape \(2, 3\)"):
        confusion(images, X.reshape(-1, 2, 3), IDS[:30])


# --- calibration ----------------------------------------------------------------------------------


def curve(probability, right, bins):
    """The mean probability and the share in each bin that is not empty."""
    found = []
    for low, high in pairwise(bins):
        own = (low <= probability) & (probability < high)
        if own.any():
            found.append((probability[own].mean(), right[own].mean()))
    return found


def test_calibration_of_two_classes():
    p = rng.uniform(0, 1, 200)
    y = np.where(rng.uniform(0, 1, 200) < p**2, "cat", "bird")
    ax = calibration(Labelled(), p[:, None], y, bins=4)
    diagonal, line = ax.get_lines()
    np.testing.assert_allclose(line.get_xydata(), curve(p, y == "cat", [0, 0.25, 0.5, 0.75, 1.01]))
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    assert ax.get_xlabel() == "probability of class cat"
    assert ax.get_aspect() == 1
    other = calibration(Labelled(), p[:, None], y, bins=4, label="bird")
    np.testing.assert_allclose(
        other.get_lines()[1].get_xydata(), curve(1 - p, y == "bird", [0, 0.25, 0.5, 0.75, 1.01])
    )


def test_calibration_of_more_classes_is_about_the_predicted_one():
    network = softmax_network()
    Z = X @ network["0.dense.W"].T.astype(float)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    right = P.argmax(axis=1) == IDS
    ax = calibration(network, X, IDS, bins=5)
    np.testing.assert_allclose(
        ax.get_lines()[1].get_xydata(),
        curve(P.max(axis=1), right, [0, 0.2, 0.4, 0.6, 0.8, 1.01]), rtol=1e-5,
    )  # fmt: skip
    assert ax.get_xlabel() == "probability of the predicted class"
    quantiles = calibration(network, X, IDS, bins=2, strategy="quantile", label=2)
    assert len(quantiles.get_lines()[1].get_xydata()) == 2


def test_calibration_refuses():
    network = softmax_network()
    with pytest.raises(SettingError, match=r"label must be one of \[0, 1, 2\]; got 3"):
        calibration(network, X, IDS, label=3)
    with pytest.raises(SettingError, match="bins must be a whole number >= 1; got 0"):
        calibration(network, X, IDS, bins=0)
    with pytest.raises(SettingError, match='strategy must be "uniform" or "quantile"'):
        calibration(network, X, IDS, strategy="even")

    class Guess(Labelled):
        predict_proba = None

    with pytest.raises(SettingError, match="must give the probability of each of its classes"):
        calibration(Guess(), X, IDS)


# --- residuals ------------------------------------------------------------------------------------


def test_residuals_are_targets_less_predictions():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3, seed=0)
    y = rng.standard_normal(60)
    prediction = (X @ network["0.dense.W"].T.astype(float))[:, 0]
    ax = residuals(network, X, y[:, None])
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), np.stack([prediction, y - prediction], 1), atol=1e-5
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("prediction", "residual, y - prediction")
    ax = residuals(network, X, y, kind="actual_vs_predicted")
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), np.stack([prediction, y], axis=1), atol=1e-5
    )


def test_residuals_are_of_one_number():
    y = np.zeros(60)
    with pytest.raises(SettingError, match=r"model must predict numbers; .*: use confusion"):
        residuals(softmax_network(), X, y)
    two = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    with pytest.raises(ShapeError, match=r"one thing for each row, .* Network predicts \(60, 2\)"):
        residuals(two, X, y)
    one = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3, seed=0)
    with pytest.raises(DataError, match="y must be finite; got nan"):
        residuals(one, X, y + np.nan)
    with pytest.raises(SettingError, match='kind must be "residual_vs_predicted" or "actual'):
        residuals(one, X, y, kind="actual")


# --- intervals ------------------------------------------------------------------------------------


class Ends:
    def predict_interval(self, X, coverage):
        X = np.asarray(X)
        return np.stack([X - coverage, X + coverage], axis=1)


def test_intervals_stand_in_the_order_of_their_middles():
    ax = intervals(Ends(), [3.0, 1.0, 2.0], [3.5, 0.0, 2.0], coverage=0.75)
    lines, within, outside = ax.collections
    segments = [segment.tolist() for segment in lines.get_segments()]
    assert segments == [
        [[0, 0.25], [0, 1.75]], [[1, 1.25], [1, 2.75]], [[2, 2.25], [2, 3.75]],
    ]  # fmt: skip
    assert within.get_offsets().tolist() == [[1, 2.0], [2, 3.5]]
    assert outside.get_offsets().tolist() == [[0, 0.0]]
    assert ax.get_title() == "2 of 3 targets (67%) within; 75% are expected"


def test_intervals_refuses():
    with pytest.raises(SettingError, match="model must have predict_interval, as TabularRegressor"):
        intervals(softmax_network(), X, IDS)
    with pytest.raises(SettingError, match="coverage must be > 0 and < 1; got 1"):
        intervals(Ends(), [1.0], [1.0], coverage=1)
    with pytest.raises(ShapeError, match=r"shape \(60, 2\); it gave \(60, 2, 3\)"):
        intervals(Ends(), X, np.zeros(60))
    with pytest.raises(ShapeError, match="and one row at least"):
        intervals(Ends(), [], [])


def test_a_sigmoid_of_one_output_has_two_classes():
    layers = [Flatten(), Dense(1)]
    network = Network(layers, loss=SigmoidCrossEntropy(), input_shape=3, seed=0)
    y = (IDS > 0).astype(int)
    assert confusion(network, X, y).images[0].get_array().sum() == 60
    p = 1 / (1 + np.exp(-network.outputs(X)[:, 0].astype(float)))
    np.testing.assert_allclose(
        calibration(network, X, y, bins=2).get_lines()[1].get_xydata(),
        curve(p, y, [0, 0.5, 1.01]), rtol=1e-5,
    )  # fmt: skip
