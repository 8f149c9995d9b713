"""Optimizers: hand-worked values, naive twins, pieces, weight decay and state."""

import copy
import math
import pickle
from collections.abc import Sequence

import numpy as np
import pytest

from plainnet import optimizers
from plainnet.errors import SettingError, ShapeError
from plainnet.optimizers import SGD, Adam, AdamW, Optimizer
from plainnet.parameters import Segment

GRADIENTS = [0.5, -1.0, 0.25]


def decaying(size: int, n_decaying: int) -> list[Segment]:
    """The segments of a vector whose first elements decay."""
    weights = Segment("W", 0, n_decaying, (n_decaying,), weight_decay=1.0)
    return [weights, Segment("b", n_decaying, size, (size - n_decaying,))]


def path(optimizer: Optimizer, segments: Sequence[Segment] = ()) -> list[float]:
    """Where the parameter 1 goes under three given gradients."""
    p, places = np.array([1.0]), []
    for g in GRADIENTS:
        optimizer.update(p, np.array([g]), segments)
        places.append(float(p[0]))
    return places


def test_sgd_by_hand():
    # 1 - 0.1 * 0.5, then + 0.1 * 1, then - 0.1 * 0.25
    assert path(SGD(0.1)) == pytest.approx([0.95, 1.05, 1.025])


def test_momentum_by_hand():
    # v = 0.5; 0.9 * 0.5 - 1 = -0.55; 0.9 * -0.55 + 0.25 = -0.245
    assert path(SGD(0.1, momentum=0.9)) == pytest.approx([0.95, 1.005, 1.0295])


def test_nesterov_by_hand():
    # v as above; steps 0.5 + 0.9 * 0.5 = 0.95; -1 - 0.495 = -1.495; 0.25 - 0.2205 = 0.0295
    steps = path(SGD(0.1, momentum=0.9, nesterov=True))
    assert steps == pytest.approx([0.905, 1.0545, 1.05155])


def test_adam_by_hand():
    # Step 1: m' = g and v' = g^2, so the step is lr * sign(g), up to epsilon.
    # Step 2: m = 0.9 * 0.05 - 0.1 = -0.055,           m' = -0.055 / 0.19
    #         v = 0.999 * 0.00025 + 0.001 = 0.00124975, v' = v / 0.001999
    # Step 3: m = -0.0495 + 0.025 = -0.0245,           m' = -0.0245 / 0.271
    #         v = 0.00124850025 + 0.0000625 = 0.00131100025, v' = v / 0.002997001
    first = 1 - 0.1
    second = first + 0.1 * (0.055 / 0.19) / math.sqrt(0.00124975 / 0.001999)
    third = second + 0.1 * (0.0245 / 0.271) / math.sqrt(0.00131100025 / 0.002997001)
    assert path(Adam(0.1)) == pytest.approx([first, second, third], rel=1e-7)


def test_epsilon_stands_outside_the_root_and_after_the_correction():
    # Kingma and Ba: m' / (sqrt(v') + eps), which with eps = 1 and g = 1 is 1 / 2 at every step.
    p = np.array([0.0])
    optimizer = Adam(0.1, epsilon=1.0)
    for step in range(1, 5):
        optimizer.update(p, np.array([1.0]))
        assert p[0] == pytest.approx(-0.05 * step)


def test_adamw_by_hand():
    # Before each of Adam's steps, which do not depend on p, the parameter shrinks by 0.1 * 0.5.
    adam = np.diff([1, *path(Adam(0.1))])
    p, expected = 1.0, []
    for step in adam:
        p = p * 0.95 + step
        expected.append(p)
    assert path(AdamW(0.1, weight_decay=0.5), decaying(1, 1)) == pytest.approx(expected)
    assert path(AdamW(0.1, weight_decay=0.5)) == pytest.approx(path(Adam(0.1)))


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_weight_decay_is_an_l2_term_of_the_gradient(kind, settings):
    if kind is Adam:
        settings = {}
    plain, decayed = np.array([1.0]), np.array([1.0])
    one, other = kind(0.1, **settings), kind(0.1, weight_decay=0.3, **settings)
    for g in GRADIENTS:
        gradient = np.array([g])
        one.update(plain, gradient + 0.3 * plain)
        other.update(decayed, gradient, decaying(1, 1))
        assert gradient[0] == g  # the caller's gradient is only read
        np.testing.assert_allclose(decayed, plain, rtol=1e-14)


EVERY = [
    lambda: SGD(0.1),
    lambda: SGD(0.1, momentum=0.9),
    lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda: Adam(0.1),
    lambda: Adam(0.1, weight_decay=0.1),
    lambda: AdamW(0.1, weight_decay=0.1),
]
every_optimizer = pytest.mark.parametrize("make", EVERY, ids=[repr(make()) for make in EVERY])


def test_every_exported_optimizer_is_here():
    exported = {
        kind
        for kind in vars(optimizers).values()
        if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
    }
    assert {type(make()) for make in EVERY} == exported


@every_optimizer
def test_pieces_change_no_bit(make, monkeypatch, rng):
    start, gradients = rng.standard_normal(1000), rng.standard_normal((4, 1000))
    results = []
    for piece in (10_000, 64, 7):
        monkeypatch.setattr(optimizers, "PIECE", piece)
        p, optimizer = start.copy(), make()
        g = np.empty(1000)
        for gradient in gradients:
            g[:] = gradient
            optimizer.update(p, g, decaying(1000, 333))
        results.append(p)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@every_optimizer
def test_decay_touches_its_slice_only(make, rng):
    p, g = rng.standard_normal(50), np.zeros(50)
    before, optimizer = p.copy(), make()
    optimizer.update(p, g, decaying(50, 20))
    np.testing.assert_array_equal(p[20:], before[20:])
    if type(optimizer) is Adam and optimizer.weight_decay:  # a step of lr, whatever the gradient
        np.testing.assert_allclose(p[:20], before[:20] - 0.1 * np.sign(before[:20]), atol=1e-5)
    elif optimizer.weight_decay:
        shrunk = p[:20] / before[:20]  # by 0.01, and Nesterov looks ahead at the next 0.009
        np.testing.assert_allclose(shrunk, 0.981 if getattr(optimizer, "nesterov", 0) else 0.99)


@every_optimizer
def test_segments_learn_at_their_own_rates(make, rng):
    start, gradients = rng.standard_normal(30), rng.standard_normal((3, 30))
    segments = [
        Segment("a", 0, 10, (10,), learning_rate=0.5, weight_decay=2.0),
        Segment("b", 10, 20, (10,), learning_rate=0.0),
        Segment("c", 20, 30, (10,)),
    ]
    p, g, together = start.copy(), np.empty(30), make()
    for gradient in gradients:
        g[:] = gradient
        together.update(p, g, segments)

    slower = make()
    slower.learning_rate *= 0.5
    slower.weight_decay *= 2
    for optimizer, part, alone in ((slower, slice(0, 10), 1), (make(), slice(20, 30), 0)):
        q, h = start[part].copy(), np.empty(10)
        for gradient in gradients:
            h[:] = gradient[part]
            optimizer.update(q, h, decaying(10, 10) if alone else ())
        np.testing.assert_array_equal(p[part], q)
    np.testing.assert_array_equal(p[10:20], start[10:20])  # frozen


@every_optimizer
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_goes_on_where_the_original_was(make, copied, rng):
    optimizer, p, g = make(), rng.standard_normal(30), rng.standard_normal(30)
    for _ in range(3):
        optimizer.update(p, g, decaying(30, 10))
    other, q = copied(optimizer), p.copy()
    optimizer.update(p, g, decaying(30, 10))
    other.update(q, g, decaying(30, 10))
    np.testing.assert_array_equal(p, q)
    assert other.steps == 4


@every_optimizer
def test_reset_forgets(make, rng):
    optimizer, g = make(), rng.standard_normal(30)
    p, q = np.ones(30), np.ones(30)
    optimizer.update(p, g, decaying(30, 10))
    optimizer.reset()
    optimizer.update(q, g, decaying(30, 10))
    np.testing.assert_array_equal(p, q)


@every_optimizer
def test_float32_stays_float32(make):
    optimizer, p = make(), np.ones(5, np.float32)
    optimizer.update(p, np.ones(5, np.float32), decaying(5, 2))
    assert all(array.dtype == np.float32 for array in optimizer.state.values())


def test_accumulators_of_dead_units_do_not_become_denormal():
    # Numbers below 1e-38 make a processor tens of times slower, and 0.9 m never leaves them.
    p, g, optimizer = np.ones(10, np.float32), np.ones(10, np.float32), Adam()
    optimizer.update(p, g)
    g[:] = 0
    for _ in range(2000):
        optimizer.update(p, g)
    M = optimizer.state["M"]
    assert not ((M != 0) & (np.abs(M) < np.finfo(np.float32).tiny)).any()


def test_weight_decay_may_be_changed_on_the_way():
    p, g, optimizer = np.ones(4), np.zeros(4), AdamW(0.1, weight_decay=0.0)
    optimizer.update(p, g, decaying(4, 2))
    optimizer.weight_decay = 0.5
    optimizer.update(p, g, decaying(4, 2))
    np.testing.assert_allclose(p, [0.95, 0.95, 1, 1])


def test_another_vector_is_refused():
    optimizer = Adam()
    optimizer.update(np.ones(5), np.ones(5))
    for other in (np.ones(4), np.ones(5), np.ones(5, np.float32)):
        with pytest.raises(SettingError, match="1 steps on other parameters"):
            optimizer.update(other, other.copy())
    with pytest.raises(ShapeError, match=r"\(5,\) and \(4,\)"):
        SGD().update(np.ones(5), np.ones(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-1), "learning_rate must be >= 0; got -1"),
        (lambda: SGD(float("nan")), "learning_rate"),
        (lambda: SGD(float("inf")), "learning_rate"),
        (lambda: SGD("0.1"), "learning_rate must be a number; got '0.1'"),
        (lambda: SGD(momentum=1), "momentum must be >= 0 and < 1; got 1"),
        (lambda: SGD(nesterov=True), "needs momentum"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda: Adam(epsilon=0), "epsilon must be > 0"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()
