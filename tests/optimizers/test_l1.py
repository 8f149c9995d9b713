"""L1 regularisation: weights that become exactly zero."""

import pickle

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network, train
from plainnet.engine.parameters import Segment
from plainnet.errors import ArgumentError
from plainnet.layers import Dense, Tanh
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import LBFGS, SGD, Adam, AdamW, NAdam, Optimizer, RMSprop
from plainnet.schedules import Constant, Polynomial

from .cases import decaying, every_optimizer

SEGMENTS = (
    Segment("W", 0, 10, (10,), weight_decay=1.0),
    Segment("slow", 10, 20, (10,), learning_rate=0.5, weight_decay=3.0),
    Segment("frozen", 20, 25, (5,), learning_rate=0.0, weight_decay=1.0),
    Segment("b", 25, 30, (5,)),
)


def shrunk(p, threshold):
    """Soft thresholding by its definition, one number at a time."""
    return [np.sign(x) * max(abs(x) - threshold, 0.0) for x in p.tolist()]


@every_optimizer
def test_each_step_is_the_rule_and_then_soft_thresholding(make, rng):
    one, plain = make(), make()
    one.l1, plain.l1 = 0.4, 0.0
    p, g, q = rng.standard_normal(30), np.empty(30), np.empty(30)
    zeros = 0
    for _ in range(5):
        q[:], g[:] = p, rng.standard_normal(30)
        one.update(p, g, SEGMENTS)
        plain.update(q, g, SEGMENTS)
        for s in SEGMENTS:
            threshold = one.learning_rate * s.learning_rate * 0.4 * s.weight_decay
            expected = shrunk(q[s.start : s.stop], threshold)
            np.testing.assert_allclose(p[s.start : s.stop], expected, rtol=1e-14, atol=1e-16)
            np.testing.assert_array_equal(p[s.start : s.stop] == 0, np.equal(expected, 0))
        zeros += (p == 0).sum()
    assert zeros


@every_optimizer
def test_without_l1_no_bit_differs(make, rng):
    """The same as an optimizer that has never heard of it."""
    one, plain, gradients = make(), make(), rng.standard_normal((4, 30))
    one.l1 = plain.l1 = 0.0
    del plain.__dict__["l1"]
    p, g, q = np.ones(30), np.empty(30), np.ones(30)
    for gradient in gradients:
        g[:] = gradient
        one.update(p, g, SEGMENTS)
        plain.update(q, g, SEGMENTS)
    np.testing.assert_array_equal(p, q)


def test_by_hand():
    # 1 - 0.1 * 0.5 = 0.95, less 0.1 * 2; then nothing but the threshold, until nothing is left.
    p, g = np.array([1.0, -0.3, 1.0]), np.array([0.5, 0.0, 0.5])
    optimizer, places = SGD(0.1, l1=2.0), []
    for _ in range(3):
        optimizer.update(p, g, decaying(3, 2))
        places.append(p.tolist())
        g[:] = 0
    assert places == pytest.approx(np.array([[0.75, -0.1, 0.95], [0.55, 0, 0.95], [0.35, 0, 0.95]]))
    assert p[1] == 0


def test_l1_may_be_changed_on_the_way():
    p, g, optimizer = np.ones(4), np.zeros(4), Adam(0.1)
    optimizer.update(p, g, decaying(4, 2))
    optimizer.l1 = 2.0
    optimizer.update(p, g, decaying(4, 2))
    np.testing.assert_allclose(p, [0.8, 0.8, 1, 1])
    optimizer.l1 = 0.0
    optimizer.update(p, g, decaying(4, 2))
    np.testing.assert_allclose(p, [0.8, 0.8, 1, 1])


def test_a_threshold_beyond_all_numbers_leaves_zeros():
    p, g = np.array([1e30, -1, 0], np.float32), np.zeros(3, np.float32)
    SGD(1.0, l1=1e38).update(p, g, decaying(3, 3))
    assert p.tolist() == [0, 0, 0]


@every_optimizer
def test_pickles_from_before_there_was_l1(make, rng):
    optimizer, p, g = make(), rng.standard_normal(30), rng.standard_normal(30)
    optimizer.l1 = 0.0
    optimizer.update(p, g, SEGMENTS)
    old = pickle.loads(pickle.dumps(optimizer))
    del old.__dict__["l1"]
    old, q = pickle.loads(pickle.dumps(old)), p.copy()
    for _ in range(2):
        optimizer.update(p, g, SEGMENTS)
        old.update(q, g, SEGMENTS)
    np.testing.assert_array_equal(p, q)
    assert (repr(old), old.config()) == (repr(optimizer), optimizer.config())


def test_an_optimizer_of_ones_own_that_takes_no_l1():
    class Descent(Optimizer):
        def rule(self, p, g, work):
            p -= self.shared[0] * g

    optimizer, p = Descent(0.1), np.array([0.5, 0.1, 0.5])
    optimizer.l1 = 2.0
    optimizer.update(p, np.zeros(3), decaying(3, 2))
    np.testing.assert_allclose(p, [0.3, 0, 0.5])
    assert Descent(0.1, 0.0, 2.0).l1 == 2


def test_where_there_is_no_l1_an_error_says_where_there_is():
    for kind in (LBFGS, lambda **given: Dense(3, **given)):
        with pytest.raises(ArgumentError, match="an optimizer with a learning rate takes it"):
            kind(l1=0.1)


# --- scikit-learn's Lasso -------------------------------------------------------------------------

M, N = 60, 12


def examples():
    draws = np.random.default_rng(3)
    X = draws.standard_normal((M, N)) @ (np.eye(N) + 0.3 * draws.standard_normal((N, N)))
    weights = np.where(np.arange(N) < 4, [3, -2, 1, 0.5] * 3, 0)
    return X, X @ weights + 4 + 0.5 * draws.standard_normal(M)


def linear(optimizer, steps=4000):
    X, y = examples()
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=N, seed=0, dtype=np.float64)
    cache = Cache(training=True)
    for _ in range(steps):
        plainnet.step(network, X, y, optimizer, cache=cache)
    return network


# The mean squared error plus l1 sum |w| is twice Lasso's loss for alpha = l1 / 2. A fixed point of
# soft thresholding has a step of lr l1 wherever a weight is not 0, and at most that elsewhere. SGD
# with momentum steps by lr g / (1 - mu) then. Adam steps by lr g / (|g| + eps), which is lr l1 for
# |g| = eps l1 / (1 - l1): with eps = 1, |g| = 0.6 for l1 = 0.375.
@pytest.mark.parametrize(
    ("optimizer", "penalty"),
    [
        (SGD(0.05, l1=0.6), 0.6),
        (SGD(0.01, momentum=0.8, l1=3.0), 0.6),
        (SGD(0.01, momentum=0.8, nesterov=True, l1=3.0), 0.6),
        (Adam(0.05, epsilon=1.0, betas=(0.9, 0.9), l1=0.375), 0.6),
        (Adam(0.05, epsilon=1.0, betas=(0.9, 0.9), l1=0.6), 1.5),
        (AdamW(0.05, epsilon=1.0, betas=(0.9, 0.9), weight_decay=0.0, l1=0.375), 0.6),
        (NAdam(0.05, epsilon=1.0, betas=(0.9, 0.9), momentum_decay=0.1, l1=0.375), 0.6),
        (RMSprop(0.05, epsilon=1.0, l1=0.375), 0.6),
    ],
    ids=lambda each: repr(each) if isinstance(each, Optimizer) else "",
)
def test_a_linear_model_becomes_the_lasso(optimizer, penalty):
    linear_model = pytest.importorskip("sklearn.linear_model")
    optimizer.reset()
    network = linear(optimizer)
    lasso = linear_model.Lasso(alpha=penalty / 2, tol=1e-14, max_iter=100_000).fit(*examples())
    W, b = network["0.dense.W"].ravel(), network["0.dense.b"]
    np.testing.assert_array_equal(W == 0, lasso.coef_ == 0)
    assert 3 <= (W == 0).sum() <= N - 3
    np.testing.assert_allclose(W, lasso.coef_, atol=1e-8)
    np.testing.assert_allclose(b, lasso.intercept_, atol=1e-8)


def test_both_penalties_are_the_elastic_net():
    # Twice scikit-learn's loss has alpha l1_ratio for l1 / 2, and alpha (1 - l1_ratio) / 2 times
    # the square of w; SGD's weight decay has weight_decay / 2 times it.
    linear_model = pytest.importorskip("sklearn.linear_model")
    network = linear(SGD(0.05, l1=0.6, weight_decay=0.4))
    net = linear_model.ElasticNet(alpha=0.5, l1_ratio=0.6, tol=1e-14, max_iter=100_000)
    W = network["0.dense.W"].ravel()
    np.testing.assert_allclose(W, net.fit(*examples()).coef_, atol=1e-8)
    np.testing.assert_array_equal(W == 0, net.coef_ == 0)


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_weights_without_use_become_zero(kind, rng):
    """Six of the eight inputs are noise; biases keep what they learn."""
    X = rng.standard_normal((300, 8)).astype(np.float32)
    network = Network([Dense(6), Tanh(), Dense(1)], loss=MeanSquaredError(), input_shape=8, seed=0)
    y = np.tanh(X[:, :2] @ [1.0, -1.0]) + 0.5
    optimizer = kind(0.1, l1=0.02) if kind is SGD else kind(0.01, l1=0.3)
    train(network, X, y, optimizer=optimizer, epochs=150, batch_size=50, seed=0, progress=False)
    W = network["0.dense.W"]
    assert (W[:, 2:] == 0).mean() > 0.9
    assert (W[:, :2] != 0).any(axis=0).all()
    assert (network["0.dense.b"] != 0).any()
    assert network.evaluate(X, y)["loss"] < 0.1 * y.var()


def test_a_schedule_may_move_it():
    optimizer = SGD(0.1, l1=0.5)
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=N, seed=0)
    X, y = examples()
    seen = []

    class Sees(Constant):
        def end_step(self, run):
            seen.append(run.optimizer.l1)

    train(
        network, X, y, optimizer=optimizer, epochs=4, batch_size=M, progress=False,
        callbacks=[Polynomial(of="l1"), Sees()],
    )  # fmt: skip
    assert seen == pytest.approx([0.5, 0.375, 0.25, 0.125])
    assert optimizer.l1 == 0.5
