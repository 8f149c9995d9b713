"""First weights: their variance, their distribution, and that a signal keeps its size."""

import math

import numpy as np
import pytest

from plainnet import Cache, Network, initializers
from plainnet.errors import SettingError
from plainnet.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
    fans,
)
from plainnet.layers import SELU, Dense, ReLU, Tanh
from plainnet.losses import MeanSquaredError

# For 300 outputs and 200 inputs: 2 / 200, 2 / (200 + 300), 1 / 200, and 2 / (1 + 0.5^2) / 200.
SHAPE = (300, 200)
NORMAL = [
    (HeNormal(), 0.01),
    (HeNormal(0.5), 0.008),
    (GlorotNormal(), 0.004),
    (LeCunNormal(), 0.005),
    (Normal(0.3), 0.09),
]
UNIFORM = [
    (HeUniform(), 0.01),
    (HeUniform(0.5), 0.008),
    (GlorotUniform(), 0.004),
    (LeCunUniform(), 0.005),
    (Uniform(0.3), 0.03),
]
OF_ANY_SHAPE = (Constant, Normal, Uniform, Zeros)
ALL = [*(rule for rule, _ in NORMAL + UNIFORM), Orthogonal(), Orthogonal(2), Constant(3), Zeros()]


def test_every_exported_initializer_is_listed_here():
    exported = {
        kind
        for kind in vars(initializers).values()
        if isinstance(kind, type) and issubclass(kind, Initializer) and kind is not Initializer
    }
    assert {type(rule) for rule in ALL} == exported


@pytest.mark.parametrize(("rule", "variance"), NORMAL + UNIFORM, ids=repr)
def test_the_variance_is_the_rules(rule, variance, rng):
    # 60,000 numbers: the standard error of their variance is 0.6%, that of their mean 0.004 sigma.
    W = rule(rng, SHAPE)
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert abs(W.mean()) < 0.02 * math.sqrt(variance)


@pytest.mark.parametrize(("rule", "variance"), NORMAL, ids=repr)
def test_normal_ones_have_normal_tails(rule, variance, rng):
    size = np.abs(rule(rng, SHAPE)) / math.sqrt(variance)
    for sigmas, share in [(1, 0.3173), (2, 0.0455), (3, 0.0027)]:
        assert (size > sigmas).mean() == pytest.approx(share, rel=0.2)


@pytest.mark.parametrize(("rule", "variance"), UNIFORM, ids=repr)
def test_uniform_ones_fill_their_interval_evenly(rule, variance, rng):
    limit = math.sqrt(3 * variance)
    W = rule(rng, SHAPE)
    assert 0.999 * limit < np.abs(W).max() <= limit
    counts, _ = np.histogram(W, bins=10, range=(-limit, limit))
    np.testing.assert_allclose(counts, 6000, rtol=0.06)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((300, 200), (200, 300)),
        ((1, 7), (7, 1)),
        ((8, 3, 3, 16), (144, 72)),
        ((4, 5, 6), (30, 20)),
    ],
)
def test_fans_count_the_receptive_field_on_both_sides(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize(
    "rule", [rule for rule in ALL if not isinstance(rule, OF_ANY_SHAPE)], ids=repr
)
def test_weights_need_two_axes(rule, shape, rng):
    with pytest.raises(SettingError, match=r"two axes or more; got \("):
        rule(rng, shape)


def test_a_receptive_field_counts(rng):
    W = HeNormal()(rng, (64, 3, 3, 32))  # fan_in 288
    assert W.var() == pytest.approx(2 / 288, rel=0.05)
    W = GlorotUniform()(rng, (64, 3, 3, 32))  # 288 and 576
    assert W.var() == pytest.approx(2 / 864, rel=0.05)


@pytest.mark.parametrize("rule", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5)])
def test_shape_dtype_and_seed(rule, shape, rng):
    first, again = (rule(np.random.default_rng(5), shape) for _ in range(2))
    assert first.shape == shape
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, again)


# --- orthogonal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (4, 2, 3), (9, 2, 3), (1, 5)])
def test_the_shorter_side_is_orthonormal(shape, gain, rng):
    W = Orthogonal(gain)(rng, shape).reshape(shape[0], -1)
    product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(product, gain**2 * np.eye(min(W.shape)), atol=1e-12)


def test_orthogonal_matrices_are_uniform(rng):
    # Uniform means that no direction is preferred: each element has mean 0 and variance 1/3.
    matrices = np.stack([Orthogonal()(rng, (3, 3)) for _ in range(4000)])
    np.testing.assert_allclose(matrices.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(matrices.var(axis=0), 1 / 3, atol=0.03)
    assert (np.linalg.det(matrices) > 0).mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("gain", [0, -1, float("nan")])
def test_gain_is_positive(gain):
    with pytest.raises(SettingError, match="gain must be > 0"):
        Orthogonal(gain)


# --- constants ------------------------------------------------------------------------------------


def test_constant_and_zeros(rng):
    assert Constant(0.5)(rng, (2, 2)).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert Constant(3)(rng, (2,)).dtype == np.float64
    assert Zeros()(rng, (3,)).tolist() == [0, 0, 0]


# --- what it is all for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "rule", "low", "high"),
    [
        (ReLU, HeNormal(), 0.5, 2),
        (ReLU, HeUniform(), 0.5, 2),
        (SELU, LeCunNormal(), 0.8, 1.25),
        (ReLU, GlorotNormal(), 0, 1e-4),  # too small by 2 in each of 20 layers
        (ReLU, LeCunNormal(), 0, 1e-4),
        (Tanh, GlorotUniform(), 0.02, 0.2),
    ],
    ids=repr,
)
def test_the_mean_square_after_twenty_layers(activation, rule, low, high, rng):
    layers = [layer for _ in range(20) for layer in (Dense(256, initializer=rule), activation())]
    network = Network(layers, loss=MeanSquaredError(), input_shape=256, seed=3)
    X = rng.standard_normal((200, 256)).astype(np.float32)
    mean_square = np.square(network.forward(X, Cache())).mean()
    assert low <= mean_square <= high
