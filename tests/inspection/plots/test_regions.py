"""decision_regions: colours, lines and points against numbers worked out here."""

import numpy as np
import pandas as pd
import pytest

from plainnet import Network
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.inspection.plots import decision_regions
from plainnet.layers import Dense
from plainnet.losses import Hinge, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")

X = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 20.0], [0.0, 20.0]])
BLUE, ORANGE = (0x3F / 255, 0x90 / 255, 0xDA / 255), (0xFF / 255, 0xA9 / 255, 0x0E / 255)


def line(w, b=0.0, loss=None):
    """A network of one output, w x + b."""
    network = Network([Dense(1)], loss=loss or SigmoidCrossEntropy(), input_shape=len(w))
    network["0.dense.W"], network["0.dense.b"] = [w], [b]
    return network


def grid(ax, resolution):
    """The middles of the image's pixels, across and up."""
    left, right, below, above = ax.images[0].get_extent()
    share = (np.arange(resolution) + 0.5) / resolution
    return left + share * (right - left), below + share * (above - below)


def test_pixels_have_the_colour_of_the_class_and_its_probability():
    ax = decision_regions(line([1.0, 0.0], -5.0), X, [0, 1, 1, 0], resolution=5)
    across, up = grid(ax, 5)
    np.testing.assert_allclose(across, [-0.5, 2.25, 5.0, 7.75, 10.5])  # 5% on each side
    np.testing.assert_allclose(up, [-1.0, 4.5, 10.0, 15.5, 21.0])
    p = 1 / (1 + np.exp(5 - across))
    for i, (probability, color) in enumerate(zip(p, [BLUE, BLUE, None, ORANGE, ORANGE],
                                                 strict=True)):  # fmt: skip
        pixel = ax.images[0].get_array()[3, i]
        certain = 2 * max(probability, 1 - probability) - 1
        share = 0.08 + 0.62 * certain
        color = BLUE if color is None else color
        np.testing.assert_allclose(
            pixel[:3], share * np.array(color) + 1 - share, atol=1e-5, err_msg=str(i)
        )
    assert ax.images[0].origin == "lower"


def test_the_line_is_where_both_are_equally_probable():
    ax = decision_regions(line([1.0, 1.0], -12.0), X, [0, 1, 1, 0])
    (contour,) = [each for each in ax.collections if hasattr(each, "levels")]
    (path,) = contour.get_paths()
    x, y = path.vertices.T
    np.testing.assert_allclose(x + y, 12, atol=0.05)


def test_points_are_the_rows_of_each_class():
    ax = decision_regions(line([1.0, 0.0]), X, [0, 1, 1, 0], class_names=["no", "yes"])
    no, yes = [each for each in ax.collections if not hasattr(each, "levels")]
    assert no.get_offsets().data.tolist() == [[0, 0], [0, 20]]
    assert yes.get_offsets().data.tolist() == [[10, 0], [10, 20]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["no", "yes"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("X[:, 0]", "X[:, 1]")


def test_other_columns_are_held_at_their_medians_or_as_given():
    network = line([1.0, 0.0, 10.0], 0.0, MeanSquaredError())
    rows = np.array([[0.0, 0.0, 3.0], [2.0, 2.0, 4.0], [1.0, 1.0, 11.0]])
    y = [0.0, 1.0, 2.0]
    ax = decision_regions(network, rows, y, resolution=2)
    np.testing.assert_allclose(ax.images[0].get_array().data, [[39.9, 42.1]] * 2, rtol=1e-6)
    for at in ({2: 1.0}, [7.0, 7.0, 1.0]):
        ax = decision_regions(network, rows, y, at=at, resolution=2)
        np.testing.assert_allclose(ax.images[0].get_array().data, [[9.9, 12.1]] * 2, rtol=1e-5)
    ax = decision_regions(network, rows, y, features=(2, 0), resolution=2)
    np.testing.assert_allclose(
        ax.images[0].get_array().data, [[25.9, 113.9], [28.1, 116.1]], rtol=1e-5
    )
    assert ax.get_xlabel() == "X[:, 2]"


def test_numbers_have_one_scale_with_the_targets():
    ax = decision_regions(line([1.0, 0.0], 0.0, MeanSquaredError()), X, [0.0, 1, 2, 30])
    assert ax.images[0].get_clim() == ax.collections[0].get_clim() == (-0.5, 30.0)
    assert ax.collections[0].get_array().tolist() == [0, 1, 2, 30]


def test_three_classes_have_a_line_each():
    network = Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    network["0.dense.W"] = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    network["0.dense.b"] = [5.0, -5.0, -10.0]
    ax = decision_regions(network, X, [0, 1, 2, 2], resolution=60)
    across, up = grid(ax, 60)
    Z = np.stack(
        [a.ravel() for a in np.broadcast_arrays(5 - across, across - 5, up[:, None] - 10)], axis=1
    )
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    share = 0.08 + 0.62 * (P.max(axis=1) - 1 / 3) * 1.5
    pixels = ax.images[0].get_array().data.reshape(-1, 4)
    red = np.array([0x3F, 0xFF, 0xBD])[Z.argmax(axis=1)] / 255
    np.testing.assert_allclose(pixels[:, 0], share * red + 1 - share, atol=1e-4)
    assert len([each for each in ax.collections if hasattr(each, "levels")]) == 3


class Threshold:
    """An estimator with labels and no probabilities."""

    def predict(self, X):
        return np.where(np.asarray(X)[:, 0] > 5, "right", "left")


def test_an_estimator_without_probabilities_has_even_colours():
    model, y = Threshold(), ["left", "right", "right", "left"]
    with pytest.raises(DataError, match="the model's predictions must be real numbers"):
        decision_regions(model, X, y)  # nothing says that it predicts classes
    model.classes_ = np.array(["left", "right"])
    ax = decision_regions(model, X, y, resolution=10)
    pixels = ax.images[0].get_array().data
    np.testing.assert_allclose(pixels[0, 0, :3], 0.7 * np.array(BLUE) + 0.3)
    np.testing.assert_allclose(pixels[9, 9, :3], 0.7 * np.array(ORANGE) + 0.3)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) == 2


def test_a_data_frame_keeps_its_names_and_its_most_frequent_words():
    frame = pd.DataFrame(
        {"colour": ["red", "red", "blue", None], "size": [1.0, 2, 3, 9], "age": [5, 6, 7, 8]}
    )
    seen = []

    class Model:
        classes_ = np.array([0, 1])

        def predict(self, X):
            raise AssertionError

        def predict_proba(self, X):
            seen.append(X)
            return np.full((len(X), 2), 0.5)

    ax = decision_regions(Model(), frame, [0, 1, 0, 1], features=("age", "size"), resolution=3)
    (asked,) = seen
    assert list(asked.columns) == list(frame.columns)
    assert set(asked["colour"]) == {"red"}
    np.testing.assert_allclose(asked["age"][:3], [4.85, 6.5, 8.15])
    np.testing.assert_allclose(asked["size"], np.repeat([0.6, 5.0, 9.4], 3))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "size")

    decision_regions(Model(), frame, [0, 1, 0, 1], features=("age", "size"), at={"colour": "blue"})
    assert set(seen[-1]["colour"]) == {"blue"}
    with pytest.raises(SettingError, match="features names a column 'width'; X has colour, size"):
        decision_regions(Model(), frame, [0, 1, 0, 1], features=("age", "width"))
    with pytest.raises(DataError, match="column colour must be real numbers"):
        decision_regions(Model(), frame, [0, 1, 0, 1], features=("age", "colour"))
    assert frame["size"].tolist() == [1, 2, 3, 9]


def test_estimators_of_scikit_learn_work():
    linear = pytest.importorskip("sklearn.linear_model")
    model = linear.LogisticRegression().fit(X, list("abba"))
    ax = decision_regions(model, X, list("abba"), resolution=4)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_a_loss_without_probabilities():
    network = Network([Dense(2)], loss=Hinge(), input_shape=2)
    network["0.dense.W"] = [[-1.0, 0.0], [1.0, 0.0]]
    network["0.dense.b"] = [5.0, -5.0]
    ax = decision_regions(network, X, [0, 1, 1, 0], resolution=4)
    assert len(np.unique(ax.images[0].get_array().data.reshape(-1, 4), axis=0)) == 2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": 3}, SettingError, "model must be a Network or a fitted estimator .*; got 3"),
        ({"X": X[:, 0]}, ShapeError, r"X must have two columns or more.* got shape \(4,\)"),
        ({"X": X[:, :1]}, ShapeError, r"X must have two columns or more.* got shape \(4, 1\)"),
        ({"X": np.where(X == 20, np.nan, X)}, DataError, "X must be finite; got nan"),
        ({"y": [0, 1, 1]}, ShapeError, r"y must have one target for each of X's 4 rows.*\(3,\)"),
        ({"y": [0, 1, 1, 2]}, DataError, r"y must hold classes of the model, \[0, 1\]; got 2"),
        ({"features": 0}, SettingError, r"features must be two columns.* got 0"),
        ({"features": (0, 0)}, SettingError, r"two different columns; got \(0, 0\)"),
        ({"features": (0, 2)}, SettingError, "features must be a whole number <= 1; got 2"),
        ({"at": [1.0]}, SettingError, "at must be a mapping, or 2 values"),
        ({"at": [1.0, np.inf]}, DataError, "at must be finite; got inf"),
        ({"resolution": 1}, SettingError, "resolution must be a whole number >= 2; got 1"),
        ({"class_names": ["no"]}, SettingError, r"class_names must be 2 names.* got \['no'\]"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(change, error, message):
    given = {"model": line([1.0, 0.0]), "X": X, "y": [0, 1, 1, 0]} | change
    with pytest.raises(error, match=message):
        decision_regions(given.pop("model"), given.pop("X"), given.pop("y"), **given)


def test_networks_with_several_answers_are_refused():
    several = Network([Dense(2)], loss=SigmoidCrossEntropy(), input_shape=2, seed=0)
    with pytest.raises(SettingError, match="must choose one class for each row"):
        decision_regions(several, X, [0, 1, 1, 0])
    many = Network([Dense(11)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    with pytest.raises(SettingError, match="colours for 10 classes; the model has 11"):
        decision_regions(many, X, [0, 1, 1, 0])
    numbers = Network([Dense(2)], loss=MeanSquaredError(), input_shape=2, seed=0)
    with pytest.raises(ShapeError, match=r"must predict one thing for each row.* \(40000, 2\)"):
        decision_regions(numbers, X, [0.0, 1.0, 1.0, 0.0])
