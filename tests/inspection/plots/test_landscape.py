"""The loss along a line and on a plane, against losses worked out here."""

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.inspection.plots import loss_along_line, loss_on_plane
from plainnet.inspection.plots.landscape import random_direction
from plainnet.layers import BatchNorm, Conv2d, Dense, Flatten, ReLU
from plainnet.losses import MeanSquaredError

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")

rng = np.random.default_rng(1)
X, Y = rng.standard_normal((30, 2)), rng.standard_normal(30)


def linear(w=(1.0, -2.0)):
    network = Network(
        [Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64
    )
    network["0.dense.W"] = [w]
    return network


def loss_of(w):
    return np.mean((X @ np.asarray(w) - Y) ** 2)


# --- along a line ---------------------------------------------------------------------------------


def test_a_line_to_other_parameters():
    p, q = np.array([1.0, -2.0]), np.array([0.5, 4.0])
    ax = loss_along_line(linear(p), X, Y, to=q, points=9)
    a, losses = ax.get_lines()[0].get_xydata().T
    np.testing.assert_allclose(a, np.linspace(-0.5, 1.5, 9))
    np.testing.assert_allclose(losses, [loss_of((1 - each) * p + each * q) for each in a])
    assert [line.get_xdata() for line in ax.get_lines()[1:]] == [[0, 0], [1, 1]]


def test_a_line_in_a_random_direction_is_as_long_as_the_filter():
    p = np.array([3.0, 4.0])
    ax = loss_along_line(linear(p), X, Y, points=3, seed=5)
    losses = ax.get_lines()[0].get_ydata()
    drawn = np.random.default_rng(5).standard_normal((1, 2))[0]
    d = 5 * drawn / np.linalg.norm(drawn)
    np.testing.assert_allclose(losses, [loss_of(p - d), loss_of(p), loss_of(p + d)])
    same = loss_along_line(linear(p), X, Y, points=3, seed=5).get_lines()[0].get_ydata()
    np.testing.assert_array_equal(losses, same)
    assert not np.array_equal(loss_along_line(linear(p), X, Y, points=3).get_lines()[0].get_ydata(),
                              losses)  # fmt: skip


def test_directions_have_the_lengths_of_the_filters():
    layers = [Conv2d(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(3), ReLU(), Dense(2)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(5, 5, 2), seed=0)
    network.freeze("6.dense")
    network["4.dense.W"][1] = 0
    other = Network(layers, loss=MeanSquaredError(), input_shape=(5, 5, 2), seed=0)
    other.parameters[:] = random_direction(network, np.random.default_rng(0))
    for name in ("0.conv2d.W", "4.dense.W"):
        for ours, theirs in zip(other[name], network[name], strict=True):
            np.testing.assert_allclose(np.linalg.norm(ours), np.linalg.norm(theirs), rtol=1e-5)
    for name in ("0.conv2d.b", "1.batchnorm.gamma", "1.batchnorm.beta", "6.dense.W"):
        assert not other[name].any()


def test_where_the_loss_is_not_finite_there_is_no_line():
    network = linear().astype(np.float32)
    ax = loss_along_line(network, X, Y, to=[1e30, 1e30], span=(0, 1), points=3)
    losses = ax.get_lines()[0].get_ydata()
    np.testing.assert_allclose(losses[0], loss_of([1.0, -2.0]), rtol=1e-5)
    assert np.isnan(losses[1:]).all()
    with pytest.raises(DataError, match="the loss is not finite anywhere: choose a shorter span"):
        loss_along_line(network, X, Y, to=[1e30, 1e30], span=(0.5, 1), points=3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"to": [1.0]}, ShapeError, r"to must have the shape of network.parameters, \(2,\); got"),
        ({"to": [1.0, np.nan]}, DataError, "to must be finite; got nan"),
        ({"span": 1}, SettingError, "span must be two numbers, from where to where; got 1"),
        ({"span": (1, 0)}, SettingError, r"span must begin below its end; got \(1, 0\)"),
        ({"span": (0, "b")}, SettingError, "each of span must be a number; got 'b'"),
        ({"points": 1}, SettingError, "points must be a whole number >= 2; got 1"),
        ({"seed": np.random.default_rng(0)}, SettingError, "seed must be a whole number >= 0"),
    ],
)
def test_bad_settings_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        loss_along_line(linear(), X, Y, **options)


def test_what_has_no_weights_and_data_that_does_not_fit():
    network = linear((0.0, 0.0))
    with pytest.raises(SettingError, match="no weights that learn and are not zero"):
        loss_along_line(network, X, Y)
    with pytest.raises(ShapeError, match=r"X must have the shape \(m, 2\)"):
        loss_along_line(linear(), X[:, :1], Y)
    with pytest.raises(SettingError, match="network must be a Network object; got 3"):
        loss_on_plane(3, X, Y)


# --- on a plane -----------------------------------------------------------------------------------


def test_a_plane_has_b_upwards():
    p, d, e = np.array([1.0, -2.0]), np.array([1.0, 0.5]), np.array([0.0, 2.0])
    ax = loss_on_plane(linear(p), X, Y, directions=(d, e), span=(-2, 1), points=4)
    losses = ax.collections[0].get_array().reshape(4, 4)
    steps = [-2, -1, 0, 1]
    np.testing.assert_allclose(losses, [[loss_of(p + a * d + b * e) for a in steps] for b in steps])
    (mark,) = ax.get_lines()
    assert mark.get_xydata().tolist() == [[0, 0]]
    assert ax.get_aspect() == 1


def test_random_directions_are_two():
    ax = loss_on_plane(linear(), X, Y, points=3, seed=2)
    generator = np.random.default_rng(2)
    ways = []
    for _ in range(2):
        drawn = generator.standard_normal((1, 2))[0]
        ways.append(np.sqrt(5) * drawn / np.linalg.norm(drawn))
    corner = loss_of(np.array([1.0, -2.0]) + ways[0] - ways[1])  # a is 1, b is -1
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(3, 3)[0, 2], corner)


def test_scales_are_logarithmic_where_losses_differ_much():
    from matplotlib.colors import LogNorm

    steep = loss_on_plane(linear(), 100 * X, Y, points=4)
    assert isinstance(steep.collections[0].norm, LogNorm)
    levels = next(each.levels for each in steep.collections if hasattr(each, "levels"))
    np.testing.assert_allclose(levels[1:] / levels[:-1], levels[1] / levels[0])
    flat = loss_on_plane(linear(), 0.01 * X, Y, points=4)
    assert not isinstance(flat.collections[0].norm, LogNorm)


def test_directions_are_two_vectors():
    with pytest.raises(SettingError, match="directions must be two vectors of 2 numbers; got"):
        loss_on_plane(linear(), X, Y, directions=[[1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"directions\[1\] must have the shape"):
        loss_on_plane(linear(), X, Y, directions=[[1.0, 2.0], [1.0]])
