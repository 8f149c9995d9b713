"""The losses of agents: gradients by central differences, values by hand, formulas evaluated."""

import math

import numpy as np
import pytest

from formulas import evaluate
from plainnet import Cache, check_gradients
from plainnet.errors import DataError, ShapeError
from plainnet.losses import Loss
from plainnet.rl.losses import ActionValue, ClippedPolicyGradient, PolicyGradient
from plainnet.rl.policies import Categorical, Gaussian, Policy

POLICIES = [Categorical(3), Gaussian(2)]
each_policy = pytest.mark.parametrize("policy", POLICIES, ids=repr)
M = 40


def some(policy: Policy, rng, more: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs Z, and targets: actions and `more` columns."""
    if isinstance(policy, Categorical):
        actions = rng.integers(0, policy.n, (M, 1)).astype(float)
    else:
        actions = rng.standard_normal((M, policy.numbers))
    # Without densities so narrow that the differences are too wide for them.
    Z = 0.3 * rng.standard_normal((M, policy.outputs + 1))
    return Z, np.hstack([actions, rng.standard_normal((M, more))])


def clipped(policy: Policy, rng, **settings) -> tuple[Loss, np.ndarray, np.ndarray]:
    """With old probabilities near the new ones, so that all cases occur: held, and not held."""
    loss = ClippedPolicyGradient(policy, entropy_weight=0.1, value_weight=0.7, **settings)
    Z, y = some(policy, rng, 4)
    actions = y[:, : policy.numbers]
    log_p = policy.log_probability(Z[:, :-1], actions, Cache())
    # Not near 0.8 and 1.2, where the derivative jumps.
    y[:, -2] = log_p + rng.choice([-0.5, -0.05, 0.05, 0.5], M)
    y[:, -1] = Z[:, -1] + rng.choice([-0.5, -0.05, 0.05, 0.5], M)
    return loss, Z, y


@each_policy
def test_gradients_of_the_policy_gradient(policy, rng):
    loss = PolicyGradient(policy, entropy_weight=0.1, value_weight=0.7)
    check = check_gradients(loss, *some(policy, rng, 2), samples=None)
    assert check.passed, check


@each_policy
@pytest.mark.parametrize("clip_value", [False, True])
def test_gradients_of_the_clipped_policy_gradient(policy, clip_value, rng):
    loss, Z, y = clipped(policy, rng, clip_value=clip_value)
    check = check_gradients(loss, Z, y, samples=None)
    assert check.passed, check
    cache = Cache()
    loss.build((policy.outputs + 1,))
    loss.forward(Z, y, cache)
    held = cache["dlog_p"] == 0
    assert 4 < held.sum() < M - 4
    if clip_value:
        assert 4 < (cache["dV"] == 0).sum() < M - 4


def test_gradients_of_action_values(rng):
    y = np.column_stack([rng.integers(0, 3, M), rng.standard_normal(M)])
    check = check_gradients(ActionValue(), rng.standard_normal((M, 3)), y, samples=None)
    assert check.passed, check


@pytest.mark.parametrize(
    ("A", "p_old", "expected", "is_held"),
    [
        (2.0, 0.5, -2 * 1.2, True),  # r = 1.6: already far enough towards a good action
        (-2.0, 0.5, 2 * 1.6, False),  # a bad one became likelier: back, at any distance
        (2.0, 0.75, -2 * 0.8 / 0.75, False),  # r = 1.07: free
        (2.0, 1.25, -2 * 0.64, False),
        (-2.0, 0.99, 2 * 0.8 / 0.99, False),  # r = 0.808
        (-2.0, 1.25, 2 * 0.8, True),  # r = 0.64: already far enough away from a bad one
    ],
)
def test_the_clipped_objective_by_hand(A, p_old, expected, is_held):
    """pi(a) = 0.8, eps = 0.2; the value's part is (3 - 1)^2 / 2 = 2, times 0.5."""
    loss = ClippedPolicyGradient(Categorical(2), clip=0.2)
    loss.build((3,))
    Z = np.array([[math.log(0.8), math.log(0.2), 3.0]])
    cache = Cache()
    found = loss.forward(Z, np.array([[0, A, 1.0, math.log(p_old), 0.0]]), cache)
    assert found[0] == pytest.approx(expected + 0.5 * 2)
    gradient = loss.backward(cache)[0]
    assert (gradient[:2] == 0).all() == is_held
    assert gradient[2] == pytest.approx(0.5 * 2)


@pytest.mark.parametrize(
    ("V", "V_old", "value_loss", "dV"),
    [
        (3.0, 2.9, 2.0, 2.0),  # moved by 0.1: free, (3 - 1)^2 / 2
        (3.0, 3.5, 2.645, 0.0),  # moved by -0.5, held at 3.3: (3.3 - 1)^2 / 2, the larger
        (3.0, 2.5, 2.0, 2.0),  # moved by 0.5, held at 2.7: the smaller
        (0.0, 0.9, 0.5, -1.0),  # held at 0.7: the smaller
        (0.0, -0.7, 1.125, 0.0),  # held at -0.5: (-0.5 - 1)^2 / 2
    ],
)
def test_the_held_value_by_hand(V, V_old, value_loss, dV):
    """R = 1, eps = 0.2, no advantage: what is left is the value's part, times 1."""
    loss = ClippedPolicyGradient(Categorical(2), clip_value=True, value_weight=1.0)
    loss.build((3,))
    cache = Cache()
    found = loss.forward(np.array([[0.0, 0, V]]), np.array([[0, 0, 1, 0, V_old]]), cache)
    assert found[0] == pytest.approx(value_loss)
    assert loss.backward(cache)[0, 2] == pytest.approx(dV)


def test_a_ratio_beyond_all_numbers_has_no_gradient_where_it_is_held():
    loss, cache = ClippedPolicyGradient(Categorical(2)), Cache()
    loss.build((3,))
    with np.errstate(over="ignore", invalid="ignore"):
        loss.forward(np.array([[0.0, 0, 0]]), np.array([[0, 1.0, 0, -1e6, 0]]), cache)
    np.testing.assert_array_equal(loss.backward(cache)[0, :2], 0)


def test_at_the_old_policy_the_objective_is_the_policy_gradient(rng):
    policy = Categorical(3)
    Z, y = some(policy, rng, 2)
    log_p = policy.log_probability(Z[:, :-1], y[:, :1], Cache())
    both = []
    for loss, targets in (
        (PolicyGradient(policy, entropy_weight=0.1), y),
        (
            ClippedPolicyGradient(policy, entropy_weight=0.1),
            np.column_stack([y, log_p, Z[:, -1]]),
        ),
    ):
        loss.build((4,))
        cache = Cache()
        loss.forward(Z, targets, cache)
        both.append(loss.backward(cache))
    np.testing.assert_allclose(*both, rtol=1e-12)


@each_policy
def test_the_formulas_are_what_the_losses_compute(policy, rng):
    for make, more in ((PolicyGradient, 2), (ClippedPolicyGradient, 4)):
        loss = make(policy, entropy_weight=0.1, value_weight=0.7)
        Z, y = some(policy, rng, more)
        loss.build((policy.outputs + 1,))
        cache = Cache()
        losses = loss.forward(Z, y, cache)
        theta, actions = Z[:, :-1], y[:, : policy.numbers]
        columns = ("advantage", "R", "log_p_old", "V_old")
        known = dict(zip(columns, y[:, policy.numbers :].T, strict=False))
        known |= {
            "V": Z[:, -1],
            "log_p": policy.log_probability(theta, actions, Cache()),
            "H": policy.entropy(theta, Cache()),
            **vars(loss),
        }
        results = evaluate(loss.formulas, known)
        np.testing.assert_allclose(results["losses"], losses, rtol=1e-12)
        np.testing.assert_allclose(results["dlog_p"], cache["dlog_p"], rtol=1e-12, atol=1e-14)
        dL_dV = loss.value_weight * results["dV"]
        np.testing.assert_allclose(loss.backward(cache)[:, -1], dL_dV, rtol=1e-12)


def test_the_formulas_of_action_values_are_what_it_computes(rng):
    loss, cache, Z = ActionValue(), Cache(), rng.standard_normal((M, 3))
    loss.build((3,))
    actions, target = rng.integers(0, 3, M), rng.standard_normal(M)
    losses = loss.forward(Z, loss.targets(np.column_stack([actions, target]), float), cache)
    known = {"Z": Z, "Y": np.eye(3)[actions], "target": target}
    results = evaluate(loss.formulas, known)
    np.testing.assert_allclose(results["losses"], losses)
    np.testing.assert_allclose(results["dL"], loss.backward(cache))


def test_what_does_not_fit_is_refused():
    policy = Categorical(3)
    for loss in (PolicyGradient(policy), ClippedPolicyGradient(policy)):
        with pytest.raises(ShapeError, match=r"shape \(4,\), the policy's numbers and the value"):
            loss.build((3,))
    loss = ActionValue()
    loss.build((3,))
    with pytest.raises(DataError, match="actions must lie between 0 and 2"):
        loss.targets(np.array([[3.0, 1.0]]), float)
    with pytest.raises(ShapeError, match=r"output of shape \(actions,\)"):
        loss.build((3, 3))


def test_an_action_between_two_ids_is_refused():
    loss = ActionValue()
    loss.build((3,))
    with pytest.raises(DataError, match=r"actions must be ids; got 1.5"):
        loss.targets(np.array([[1, 0.0], [1.5, 0.0]]), np.float64)
