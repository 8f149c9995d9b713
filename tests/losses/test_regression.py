"""Losses of numbers: other libraries' values, extremes, predictions, quantiles that cross."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics

from plainnet import Cache, Network, train
from plainnet.errors import DataError, DivergedError, SettingError, ShapeError
from plainnet.layers import Dense, Identity
from plainnet.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    Tweedie,
)
from plainnet.optimizers import SGD

weighted = pytest.mark.parametrize("w", [None, np.linspace(0, 2, 40)], ids=["even", "weighted"])
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NUMBERS = [MeanSquaredError(), MeanAbsoluteError(), Huber(), Quantile(), Poisson(), Tweedie()]


def network_of(loss: Loss, k: int = 1, dtype: type = np.float64) -> Network:
    """A network whose pre-activations are its input."""
    return Network([Identity()], loss=loss, input_shape=k, dtype=dtype)


def losses_and_gradients(loss: Loss, Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of each example."""
    loss.build(Z.shape[1:])
    cache = Cache()
    return loss.forward(Z, loss.targets(y, Z.dtype), cache).copy(), loss.backward(cache)


# --- other libraries ------------------------------------------------------------------------------


@weighted
def test_absolute_and_huber(w, rng):
    Z, Y = 2 * rng.standard_normal((2, 40, 3))
    value = network_of(MeanAbsoluteError(), 3).loss_and_gradients(Z, Y, sample_weight=w)
    expected = metrics.mean_absolute_error(Y, Z, sample_weight=w)
    assert value == pytest.approx(expected, rel=1e-12)
    value = network_of(Huber(0.7), 3).loss_and_gradients(Z, Y, sample_weight=w)
    expected = np.average(special.huber(0.7, Z - Y).mean(axis=1), weights=w)
    assert value == pytest.approx(expected, rel=1e-12)


@weighted
def test_poisson(w, rng):
    Z, y = rng.standard_normal((40, 1)), rng.poisson(1.5, 40).astype(float)
    value = network_of(Poisson()).loss_and_gradients(Z, y, sample_weight=w)
    deviance = metrics.mean_poisson_deviance(y, np.exp(Z[:, 0]), sample_weight=w)
    left_out = np.average(special.xlogy(y, y) - y, weights=w)
    assert value == pytest.approx(deviance / 2 - left_out, rel=1e-12)
    likelihood = -stats.poisson.logpmf(y, np.exp(Z[:, 0]))
    left_out = np.average(special.gammaln(y + 1), weights=w)
    assert value == pytest.approx(np.average(likelihood, weights=w) - left_out, rel=1e-12)


@weighted
@pytest.mark.parametrize("power", [1.01, 1.5, 1.9])
def test_tweedie(power, w, rng):
    Z, y = rng.standard_normal((40, 1)), np.maximum(rng.standard_normal(40), 0)
    assert (y == 0).any()
    value = network_of(Tweedie(power)).loss_and_gradients(Z, y, sample_weight=w)
    mu = np.exp(Z[:, 0])
    deviance = metrics.mean_tweedie_deviance(y, mu, power=power, sample_weight=w)
    left_out = np.average(y ** (2 - power) / ((1 - power) * (2 - power)), weights=w)
    assert value == pytest.approx(deviance / 2 - left_out, rel=1e-10)


@weighted
def test_quantiles(w, rng):
    levels = [0.05, 0.3, 0.5, 0.9]
    Z, Y = rng.standard_normal((40, 8)), rng.standard_normal((40, 2))
    value = network_of(Quantile(levels), 8).loss_and_gradients(Z, Y, sample_weight=w)
    expected = [
        metrics.mean_pinball_loss(Y[:, j], Z[:, 4 * j + i], sample_weight=w, alpha=level)
        for j in range(2)
        for i, level in enumerate(levels)
    ]
    assert value == pytest.approx(np.mean(expected), rel=1e-12)
    one = network_of(Quantile(0.3), 2).loss_and_gradients(Z[:, :2], Y, sample_weight=w)
    expected = metrics.mean_pinball_loss(Y, Z[:, :2], sample_weight=w, alpha=0.3)
    assert one == pytest.approx(expected, rel=1e-12)


# --- corners and extremes -------------------------------------------------------------------------


@dtypes
def test_at_the_target_nothing_pulls(dtype):
    y = np.array([[1, 0], [0, 2]], dtype)
    for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber(), Quantile()):
        losses, gradients = losses_and_gradients(loss, y, y)
        np.testing.assert_array_equal(losses, 0)
        np.testing.assert_array_equal(gradients, 0)


@dtypes
def test_far_away_the_pull_is_bounded(dtype):
    Z = np.array([[1e30], [-1e30]], dtype)
    y = np.zeros(2, dtype)
    cases = [
        (MeanAbsoluteError(), [1e30, 1e30], [1, -1]),
        (Huber(0.5), [5e29, 5e29], [0.5, -0.5]),
        (Quantile(0.9), [1e29, 9e29], [0.1, -0.9]),
    ]
    for loss, expected, slope in cases:
        losses, gradients = losses_and_gradients(loss, Z, y)
        np.testing.assert_allclose(losses, expected, rtol=1e-6)
        np.testing.assert_allclose(gradients[:, 0], slope, rtol=1e-6)


@dtypes
@pytest.mark.parametrize("loss", [Poisson(), Tweedie(1.1), Tweedie(1.5), Tweedie(1.9)], ids=repr)
def test_nothing_expected_and_nothing_seen_is_no_loss(loss, dtype):
    losses, gradients = losses_and_gradients(loss, np.array([[-1e4]], dtype), np.zeros(1, dtype))
    assert losses == 0
    assert gradients == 0


@dtypes
@pytest.mark.parametrize("loss", [Poisson(), Tweedie(1.1), Tweedie(1.5), Tweedie(1.9)], ids=repr)
@pytest.mark.parametrize(("z", "y"), [(1e4, 0), (1e4, 3), (-1e4, 3)])
def test_what_is_too_far_is_infinite_or_large_and_never_nan(loss, z, y, dtype):
    with np.errstate(over="ignore"):
        losses, gradients = losses_and_gradients(loss, np.array([[z]], dtype), np.array([y], dtype))
    assert losses > 1e4
    assert np.sign(gradients) == np.sign(z)


def test_a_rate_that_explodes_ends_training_as_every_loss_does(rng):
    X, y = rng.standard_normal((20, 2)), rng.poisson(3, 20)
    network = Network([Dense(1)], loss=Poisson(), input_shape=2, seed=0, dtype=np.float64)
    with pytest.raises(DivergedError, match="smaller learning rate"):
        train(network, X, y, optimizer=SGD(1e4), epochs=5, batch_size=20, progress=False)
    assert np.isfinite(network.parameters).all()


# --- predictions ----------------------------------------------------------------------------------


def test_predictions_are_numbers_on_the_targets_scale(rng):
    Z = rng.standard_normal((6, 2))
    for loss in NUMBERS:
        expected = np.exp(Z) if isinstance(loss, Poisson | Tweedie) else Z
        np.testing.assert_array_equal(network_of(loss, 2).predict(Z), expected)
        np.testing.assert_array_equal(network_of(loss).predict(Z[:, :1]), expected[:, 0])


@pytest.mark.parametrize(
    ("loss", "best"),
    [
        (MeanSquaredError(), np.mean),
        (Poisson(), lambda y: np.log(np.mean(y))),
        (Tweedie(1.2), lambda y: np.log(np.mean(y))),
        (Tweedie(1.8), lambda y: np.log(np.mean(y))),
        (MeanAbsoluteError(), np.median),
        (Quantile(), np.median),
        (Quantile(0.9), lambda y: np.quantile(y, 0.9)),
        (Quantile(0.25), lambda y: np.quantile(y, 0.25)),
    ],
    ids=lambda value: repr(value) if isinstance(value, Loss) else "",
)
def test_the_best_constant_is_the_mean_the_median_or_the_quantile(loss, best, rng):
    y = rng.gamma(1.0, 2.0, 99)
    steps = []
    for z in best(y) + np.array([-0.02, 0.02]):
        _, gradients = losses_and_gradients(loss, np.full((99, 1), z), y)
        steps.append(gradients.mean())
    assert steps[0] < 0 < steps[1]


# --- quantiles ------------------------------------------------------------------------------------


def test_the_shapes_of_quantiles(rng):
    Z = rng.standard_normal((7, 6))
    assert network_of(Quantile(0.5), 6).predict(Z).shape == (7, 6)
    assert network_of(Quantile([0.5]), 6).predict(Z).shape == (7, 6, 1)
    assert network_of(Quantile([0.1, 0.5, 0.9]), 6).predict(Z).shape == (7, 2, 3)
    assert network_of(Quantile(np.arange(1, 7) / 7), 6).predict(Z).shape == (7, 6)
    assert network_of(Quantile([0.5]), 1).predict(Z[:, :1]).shape == (7, 1)
    assert network_of(Quantile(0.5), 1).predict(Z[:, :1]).shape == (7,)


def test_predicted_quantiles_do_not_cross():
    Z = np.array([[3.0, 1, 2, 0, 5, 4]])
    network = network_of(Quantile([0.1, 0.5, 0.9]), 6)
    np.testing.assert_array_equal(network.predict(Z), [[[1, 2, 3], [0, 4, 5]]])
    np.testing.assert_array_equal(Z, [[3, 1, 2, 0, 5, 4]])
    # One level has nothing to be sorted: its outputs are of different targets.
    np.testing.assert_array_equal(network_of(Quantile(), 6).predict(Z), Z)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(-10, 10), min_size=4, max_size=4), st.floats(-10, 10))
def test_sorting_never_raises_the_loss(quantiles, y):
    network = network_of(Quantile([0.1, 0.25, 0.5, 0.9]), 4)
    Z = np.array([quantiles])
    as_it_is, in_order = (network.evaluate(z, [y])["loss"] for z in (Z, np.sort(Z)))
    assert in_order <= as_it_is + 1e-12


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (0, r"each of levels must be > 0 and < 1; got 0"),
        (1.0, r"must be > 0 and < 1; got 1.0"),
        ([0.5, 1.5], r"must be > 0 and < 1; got 1.5"),
        ("0.5", r"each of levels must be a number; got '0.5'"),
        (None, r"each of levels must be a number; got None"),
        ([], r"one or more, in ascending order; got \[\]"),
        ([0.9, 0.1], r"ascending order; got \[0.9, 0.1\]"),
        ([0.5, 0.5], r"ascending order"),
    ],
)
def test_levels_are_ascending_and_between_0_and_1(levels, message):
    with pytest.raises(SettingError, match=message):
        Quantile(levels)


def test_every_level_needs_an_output():
    loss = Quantile([0.1, 0.5, 0.9])
    with pytest.raises(ShapeError, match=r"needs 3 outputs for each target; .* gives \(4,\)"):
        network_of(loss, 4)
    Z = np.ones((5, 6))
    with pytest.raises(ShapeError, match=r"shape \(m, 2\); got \(5, 6\)"):
        network_of(loss, 6).loss_and_gradients(Z, Z)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        (MeanSquaredError(), np.full((3, 3), np.nan), DataError, "finite"),
        (MeanAbsoluteError(), np.full((3, 3), "a"), DataError, "numbers"),
        (Huber(), np.zeros((3, 2)), ShapeError, r"got \(3, 2\)"),
        (Poisson(), np.full((3, 3), -0.5), DataError, r"targets must be >= 0; got -0.5"),
        (Tweedie(), np.full((3, 3), -1), DataError, r"targets must be >= 0; got -1"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(loss, y, error, message):
    with pytest.raises(error, match=message):
        network_of(loss, 3).loss_and_gradients(np.zeros((3, 3)), y)


@pytest.mark.parametrize("delta", [0, -1, float("inf"), float("nan"), None])
def test_delta_is_positive(delta):
    with pytest.raises(SettingError, match="delta must be"):
        Huber(delta)


@pytest.mark.parametrize("power", [1, 2, 0, 3.5, float("nan")])
def test_power_lies_between_poisson_and_gamma(power):
    with pytest.raises(SettingError, match="power must be > 1 and < 2"):
        Tweedie(power)
