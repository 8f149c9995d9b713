"""Planes: where examples are drawn, and what the network sees at each point."""

import numpy as np
import pytest

from plainnet.playground.planes import (
    bounds,
    plane_of_columns,
    plane_of_components,
    plane_of_features,
)


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5)) + rng.uniform(-9, 9, 5)
    return mixed.astype(np.float32)


def test_components_are_those_of_scikit_learn(X):
    PCA = pytest.importorskip("sklearn.decomposition", reason="the extra `sklearn`").PCA
    pca = PCA(2).fit(X.astype(float))
    plane = plane_of_components(X)
    signs = np.sign((plane.axes * pca.components_).sum(axis=1))
    np.testing.assert_allclose(plane.axes, pca.components_ * signs[:, None], rtol=0, atol=1e-5)
    np.testing.assert_allclose(plane.points(X), pca.transform(X) * signs, rtol=0, atol=1e-4)
    flat = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(plane.inputs(plane.points(X)), flat, rtol=0, atol=1e-4)


def test_the_largest_part_of_a_component_is_positive(X):
    axes = plane_of_components(X).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), rtol=0, atol=1e-6)
    assert (axes.max(axis=1) == np.abs(axes).max(axis=1)).all()


def test_two_columns_are_the_axes_and_the_others_stay_at_their_means(X):
    plane = plane_of_columns(X, "abcde", [3, 1])
    assert plane.labels == ("d", "b")
    np.testing.assert_allclose(plane.points(X), X[:, [3, 1]], rtol=1e-5)
    inputs = plane.inputs(np.array([[7.0, -2.0]]))[0]
    assert (inputs[3], inputs[1]) == (7, -2)
    np.testing.assert_allclose(inputs[[0, 2, 4]], X.mean(axis=0)[[0, 2, 4]], rtol=1e-5)


def test_columns_in_their_units():
    cm = np.array([[150.0, 3], [170, 5], [190, 7]])
    means, scales = cm.mean(axis=0), cm.std(axis=0)
    plane = plane_of_columns((cm - means) / scales, ["cm", "kg"], [0, 1], (means, scales))
    np.testing.assert_allclose(plane.points((cm - means) / scales), cm)
    np.testing.assert_allclose(plane.inputs(cm), (cm - means) / scales, rtol=0, atol=1e-6)
    np.testing.assert_allclose((plane.low, plane.high), [[146, 2.6], [194, 7.4]])


@pytest.mark.parametrize("make", [plane_of_components, lambda X: plane_of_columns(X, ["a"], [0])])
def test_a_single_input_has_one_axis(make):
    X = np.array([[1.0], [2], [4]])
    plane = make(X)
    assert plane.labels[1] == ""
    assert (plane.points(X)[:, 1] == 0).all()
    assert plane.low[1] < 0 < plane.high[1]
    np.testing.assert_allclose(plane.inputs(plane.points(X)), X, rtol=1e-6)
    assert np.isfinite(plane.inputs(plane.grid(4))).all()


def test_a_single_row_and_equal_rows():
    for X in (np.ones((1, 3)), np.full((7, 3), 1 / 3)):
        plane = plane_of_components(X)
        assert np.isfinite(plane.points(X)).all()
        low, high = np.array(plane.low), np.array(plane.high)
        assert (high - low > 0.1).all()


def test_bounds_have_a_margin_and_never_no_width():
    assert bounds(np.array([[0.0, 5.0], [10.0, 5.0]])) == ((-1, 4.9), (11, 5.1))
    low, high = bounds(np.array([[1e8, 0.1 + 0.2], [1e8, 0.3]]))  # a difference of rounding
    assert low[0] < 1e8 < high[0]
    assert high[1] - low[1] == pytest.approx(0.2)


def test_a_plane_of_features_grows_with_its_points():
    assert plane_of_features(np.array([[0.5, -1.0]]), ("x1",)).high == (1.2, 1.2)
    low, high = (plane := plane_of_features(np.array([[0.5, -4.0]]), ("x1",))).low, plane.high
    assert low == (-4.2, -4.2)
    assert high == (4.2, 4.2)


def test_features_are_functions_of_the_point():
    names = ("x2", "x1^2", "x1*x2", "sin(x1)")
    plane = plane_of_features(np.zeros((1, 2)), names)
    np.testing.assert_allclose(plane.inputs(np.array([[0.5, -1.0]])), [[-1, 0.25, -0.5, 1]])


def test_the_grid_begins_at_the_top_left():
    grid = plane_of_features(np.zeros((1, 2)), ("x1",)).grid(2)
    np.testing.assert_allclose(grid, [[-0.6, 0.6], [0.6, 0.6], [-0.6, -0.6], [0.6, -0.6]])
