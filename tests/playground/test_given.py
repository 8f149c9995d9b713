"""The rows of a network that was given."""

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import DataError, PlainnetError, SettingError, ShapeError
from plainnet.layers import GRU, Add, Conv2d, Dense, Embedding, Flatten, Graph
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.playground.given import examples_given


def network(*layers, shape=2, loss=None):
    return Network(layers, loss=loss or SoftmaxCrossEntropy(), input_shape=shape, seed=0)


def rows(n, m=20):
    return np.random.default_rng(0).standard_normal((m, n)), np.arange(m) % 3


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_inputs_are_the_plane(n):
    X, y = rows(n)
    examples = examples_given(network(Dense(3), shape=n), X, y, names=["a", "b"][:n])
    np.testing.assert_allclose(examples.points[:, :n], X, rtol=1e-6)
    assert examples.plane.labels == ("a", "b" if n == 2 else "")
    np.testing.assert_allclose(examples.plane.inputs(examples.points), X, rtol=1e-6)


def test_more_inputs_are_seen_along_their_principal_components():
    X, y = rows(30, 50)
    X[:, 7] *= 10
    examples = examples_given(network(Dense(3), shape=30), X, y)
    centered = X - X.mean(axis=0)
    _, vectors = np.linalg.eigh(centered.T @ centered)
    expected = centered @ vectors[:, -1]
    np.testing.assert_allclose(np.abs(examples.points[:, 0]), np.abs(expected), atol=1e-4)


def test_pixels_keep_their_places():
    X, y = np.random.default_rng(0).random((20, 8, 6, 1)), np.arange(20) % 3
    model = network(Conv2d(2, 3), Flatten(), Dense(3), shape=(8, 6, 1))
    examples = examples_given(model, X, y)
    assert examples.image_shape == (8, 6)
    assert len(examples.names) == 48
    assert examples.plane.inputs(examples.points).shape == X.shape
    center = examples.plane.inputs(np.zeros((1, 2)))
    np.testing.assert_allclose(center[0], X.mean(axis=0), atol=1e-6)


def test_rows_for_testing_come_last():
    X, y = rows(2)
    examples = examples_given(network(Dense(3)), X, y, test=(X[:4] + 1, y[:4]))
    assert examples.n_train == 20
    np.testing.assert_allclose(examples.test[0], X[:4] + 1, rtol=1e-6)
    np.testing.assert_array_equal(examples.test[1], y[:4])


def test_targets_in_a_column_are_numbers():
    X, _ = rows(2)
    model = network(Dense(1), loss=MeanSquaredError())
    one, other = (examples_given(model, X, y) for y in (X[:, 0], X[:, :1]))
    np.testing.assert_array_equal(one.y, other.y)
    assert one.classes == ()


def of_two_inputs():
    graph = Graph({"s": (Add(), "a", "b"), "d": (Dense(3), "s")}, inputs=["a", "b"], outputs="d")
    return network(graph, shape={"a": 2, "b": 2})


CANNOT = {
    "ids": lambda: network(Embedding(5, 4), Flatten(), Dense(3), shape=(3,)),
    "several inputs": of_two_inputs,
    "sequences of any length": lambda: network(GRU(4), Dense(3), shape=(None, 2)),
    "a sequence of outputs": lambda: network(Dense(3), shape=(4, 2)),
    "two numbers": lambda: network(Dense(2), loss=MeanSquaredError()),
    "eleven classes": lambda: network(Dense(11)),
}


@pytest.mark.parametrize("make", CANNOT.values(), ids=CANNOT)
def test_what_a_view_cannot_show(make):
    with pytest.raises(SettingError, match=r"^a view shows .*; (got|the network has)"):
        examples_given(make(), *rows(2))


X, y = rows(2)
BAD = {
    "no number": (X * np.where(np.arange(2) == 1, np.nan, 1), y),
    "too few targets": (X, y[:-1]),
    "too many columns": (np.hstack([X, X]), y),
    "no rows": (X[:0], y[:0]),
    "a class too many": (X, y + 1),
    "classes as text": (X, np.array(list("abcde" * 4))),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_rows_that_do_not_suit(data):
    with pytest.raises((ShapeError, DataError, SettingError)):
        examples_given(network(Dense(3)), *data)
    with pytest.raises((ShapeError, DataError, SettingError)):
        examples_given(network(Dense(3)), X, y, test=data)


@pytest.mark.parametrize(
    ("known", "why"),
    [({"names": ["a"]}, "names: 2 names needed; got 1"),
     ({"classes": ["a", "b"]}, "classes: 3 names needed; got 2")],
)  # fmt: skip
def test_names_that_do_not_suit(known, why):
    with pytest.raises(SettingError, match=why):
        examples_given(network(Dense(3)), X, y, **known)


def test_numbers_have_no_classes():
    with pytest.raises(PlainnetError, match="predicts numbers, not classes"):
        examples_given(network(Dense(1), loss=MeanSquaredError()), X, y, classes=["a"])
