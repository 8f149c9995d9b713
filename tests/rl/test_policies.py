"""Policies: their formulas against SciPy and plain sums, and their derivatives."""

import math

import numpy as np
import pytest
from scipy import stats

import digits
from formulas import evaluate
from plainnet import Cache, check_gradients
from plainnet.errors import SettingError
from plainnet.rl.policies import Categorical, Gaussian, Policy, WithSpread

THETA = np.array([[0.3, -1.2, 2.0, 0.1], [5.0, 4.0, -3.0, 0.5], [0.0, 0.0, 0.0, -0.7]])
POLICIES = [(Categorical(4), np.array([2, 0, 3])), (Gaussian(2), THETA[:, 1:3] + 0.4)]
each_policy = pytest.mark.parametrize(("policy", "actions"), POLICIES, ids=lambda p: repr(p)[:14])


def differences(function, theta: np.ndarray) -> np.ndarray:
    """Central differences of each example's value with respect to its row of theta."""
    gradient, step = np.empty_like(theta), 1e-6
    for place in np.ndindex(theta.shape):
        above, below = theta.copy(), theta.copy()
        above[place] += step
        below[place] -= step
        gradient[place] = (function(above) - function(below))[place[0]] / (2 * step)
    return gradient


def test_the_probability_of_an_action_by_hand():
    theta = np.log([[0.2, 0.5, 0.3]]) + 7
    policy = Categorical(3)
    log_p = [policy.log_probability(theta, np.array([a]), Cache())[0] for a in range(3)]
    np.testing.assert_allclose(np.exp(log_p), [0.2, 0.5, 0.3])
    entropy = -(0.2 * math.log(0.2) + 0.5 * math.log(0.5) + 0.3 * math.log(0.3))
    assert policy.entropy(theta, Cache())[0] == pytest.approx(entropy)
    assert policy.mode(theta).tolist() == [1]


def test_the_density_of_an_action_is_scipys():
    policy, actions = Gaussian(2), THETA[:, 1:3] + 0.4
    mu, sigma = THETA[:, :2], np.exp(THETA[:, 2:])
    expected = stats.norm.logpdf(actions, mu, sigma).sum(axis=1)
    np.testing.assert_allclose(policy.log_probability(THETA, actions, Cache()), expected)
    expected = stats.norm.entropy(mu, sigma).sum(axis=1)
    np.testing.assert_allclose(policy.entropy(THETA, Cache()), expected)
    np.testing.assert_array_equal(policy.mode(THETA), mu)


@each_policy
def test_the_gradient_of_the_log_probability(policy: Policy, actions):
    cache = Cache()
    policy.log_probability(THETA, actions, cache)
    expected = differences(lambda t: policy.log_probability(t, actions, Cache()), THETA)
    np.testing.assert_allclose(
        policy.log_probability_gradient(cache), expected, rtol=1e-7, atol=1e-8
    )


@each_policy
def test_the_gradient_of_the_entropy(policy: Policy, actions):
    cache = Cache()
    policy.entropy(THETA, cache)
    expected = differences(lambda t: policy.entropy(t, Cache()), THETA)
    np.testing.assert_allclose(policy.entropy_gradient(cache), expected, rtol=1e-7, atol=1e-8)


def test_actions_are_drawn_as_often_as_they_are_probable(rng):
    P, n = [0.1, 0.6, 0.3], 20_000
    drawn = Categorical(3).sample(np.tile(np.log(P), (n, 1)), rng)
    found = np.bincount(drawn, minlength=3) / n
    for share, p in zip(found, P, strict=True):
        assert share == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))


def test_drawn_numbers_have_their_mean_and_deviation(rng):
    n = 20_000
    drawn = Gaussian(2).sample(np.tile([1.0, -2, math.log(0.5), math.log(3)], (n, 1)), rng)
    np.testing.assert_allclose(drawn.mean(axis=0), [1, -2], atol=5 * 3 / math.sqrt(n))
    np.testing.assert_allclose(drawn.std(axis=0), [0.5, 3], rtol=5 / math.sqrt(2 * n))


def test_probabilities_far_apart_stay_finite():
    policy, cache = Categorical(2), Cache()
    theta = np.array([[1e4, -1e4]], np.float32)
    assert policy.log_probability(theta, np.array([1]), cache) == -2e4
    assert policy.entropy(theta, cache) == 0
    assert np.isfinite(policy.entropy_gradient(cache)).all()


def test_a_learned_spread_is_the_same_for_all_observations(rng):
    check = check_gradients(WithSpread(), input_shape=3)
    assert check.passed, check
    assert "0.withspread.log_sigma" in check.errors


def test_the_formulas_of_the_spread_are_what_it_computes(rng):
    layer = WithSpread()
    A, dY = rng.standard_normal((5, 3)), rng.standard_normal((5, 6))
    layer.place("spread", (3,))
    layer.bind({"log_sigma": rng.standard_normal(3)}, {"log_sigma": np.empty(3)}, {})
    cache = Cache()
    Y, dA = layer.forward(A, cache).copy(), layer.backward(dY, cache)
    results = evaluate(layer.formulas, {"A": A, "dY": dY, "log_sigma": layer.log_sigma})
    np.testing.assert_allclose(results["Y"], Y)
    np.testing.assert_allclose(results["dA"], dA)
    np.testing.assert_allclose(results["dlog_sigma"], layer.dlog_sigma)


def test_a_choice_has_two_sides_or_more():
    with pytest.raises(SettingError, match="n must be a whole number >= 2; got 1"):
        Categorical(1)


@pytest.mark.parametrize("lead", [5.0, 20.0, 60.0])
def test_a_policy_that_is_all_but_certain_keeps_its_digits(lead):
    """To 60 digits: log P and 1 - P of the certain action, where P rounds to 1."""
    theta = np.array([[lead, 0.25, -1.0]], np.float32)
    policy, cache = Categorical(3), Cache()
    exact, gradient = digits.softmax_cross_entropy(theta[0], 0, 0.0)
    log_p = policy.log_probability(theta, np.array([0]), cache)
    np.testing.assert_allclose(log_p, -float(exact), rtol=1e-6)
    expected = -np.array([float(v) for v in gradient])
    np.testing.assert_allclose(policy.log_probability_gradient(cache)[0], expected, rtol=1e-6)
    P = [1 + float(gradient[0]), *map(float, gradient[1:])]
    S = [float(digits.softmax_cross_entropy(theta[0], k, 0.0)[0]) for k in range(3)]
    H = policy.entropy(theta, cache)
    assert H.dtype == np.float32
    np.testing.assert_allclose(H, np.dot(P, S), rtol=1e-6)
