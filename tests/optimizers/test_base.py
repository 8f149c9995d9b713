"""What all optimizers share: pieces, weight decay, segments, state."""

import copy
import pickle

import numpy as np
import pytest

from allocations import peak_of
from plainnet import Network, optimizers, train
from plainnet.engine.parameters import Segment
from plainnet.errors import SettingError, ShapeError
from plainnet.layers import Dense, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
    base,
)

from .cases import EVERY, decaying, every_optimizer


def test_every_exported_optimizer_is_here():
    exported = {getattr(optimizers, name) for name in optimizers.__all__} - {Optimizer, LBFGS}
    assert {type(make()) for make in EVERY} == exported


@every_optimizer
def test_pieces_change_no_bit(make, monkeypatch, rng):
    start, gradients = rng.standard_normal(1000), rng.standard_normal((4, 1000))
    results = []
    for piece in (10_000, 64, 7):
        monkeypatch.setattr(base, "PIECE", piece)
        p, optimizer = start.copy(), make()
        g = np.empty(1000)
        for gradient in gradients:
            g[:] = gradient
            optimizer.update(p, g, decaying(1000, 333))
        results.append(p)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@every_optimizer
def test_weight_decay_is_what_its_kind_says(make, rng):
    p, expected, gradients = np.ones(4), np.ones(4), rng.standard_normal((5, 4))
    one, plain = make(), make()
    one.weight_decay, plain.weight_decay, one.l1 = 0.3, 0.0, 0.0
    for gradient in gradients:
        g = gradient.copy()
        one.update(p, g, decaying(4, 4))
        np.testing.assert_array_equal(g, gradient)  # the caller's gradient is only read
        if type(one) in (AdamW, Lion):  # decoupled
            expected *= 1 - one.learning_rate * 0.3
            plain.update(expected, gradient)
        else:  # L2
            plain.update(expected, gradient + 0.3 * expected)
        np.testing.assert_allclose(p, expected, rtol=1e-12)


@every_optimizer
def test_without_a_gradient_only_what_decays_moves(make, rng):
    p, g, optimizer = rng.standard_normal(50), np.zeros(50), make()
    before = p.copy()
    optimizer.update(p, g, decaying(50, 20))
    np.testing.assert_array_equal(p[20:], before[20:])
    assert (p[:20] != before[:20]).all() == (optimizer.weight_decay > 0 or optimizer.l1 > 0)


@every_optimizer
def test_a_learning_rate_of_zero_moves_nothing(make, rng):
    # A schedule may end there. Decoupled decay is scaled by it as well.
    optimizer, p = make(), rng.standard_normal(10)
    before = p.copy()
    optimizer.learning_rate = 0
    optimizer.update(p, rng.standard_normal(10), decaying(10, 5))
    np.testing.assert_array_equal(p, before)


def test_weight_decay_may_be_changed_on_the_way():
    p, g, optimizer = np.ones(4), np.zeros(4), AdamW(0.1, weight_decay=0.0)
    optimizer.update(p, g, decaying(4, 2))
    optimizer.weight_decay = 0.5
    optimizer.update(p, g, decaying(4, 2))
    np.testing.assert_allclose(p, [0.95, 0.95, 1, 1])


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
    slower.l1 *= 2
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
    for _ in range(2):
        optimizer.update(p, g, decaying(30, 10))
        other.update(q, g, decaying(30, 10))
    np.testing.assert_array_equal(p, q)
    assert other.steps == 5


@every_optimizer
def test_steps_and_state_are_all_that_it_remembers(make, rng):
    one, p, g = make(), rng.standard_normal(30), rng.standard_normal(30)
    for _ in range(3):
        one.update(p, g, decaying(30, 10))
    other, q = make(), p.copy()
    other.steps, other.state = one.steps, {name: a.copy() for name, a in one.state.items()}
    for _ in range(2):
        one.update(p, g, decaying(30, 10))
        other.update(q, g, decaying(30, 10))
    np.testing.assert_array_equal(p, q)


@every_optimizer
def test_reset_forgets(make, rng):
    optimizer, g = make(), rng.standard_normal(30)
    p, q, r = np.ones(30), np.ones(30), np.ones(30)
    for _ in range(3):
        optimizer.update(q, g, decaying(30, 10))
    optimizer.reset()
    assert (optimizer.steps, optimizer.state) == (0, {})
    new = make()
    for _ in range(2):
        new.update(p, g, decaying(30, 10))
        optimizer.update(r, g, decaying(30, 10))
    np.testing.assert_array_equal(p, r)


@every_optimizer
def test_float32_stays_float32(make):
    # NumPy computes what mixes float32 with float64 in float64, and the last bit tells.
    optimizer, p, g = make(), np.ones(5, np.float32), np.full(5, 0.1, np.float32)
    optimizer.update(p, g, decaying(5, 2))
    arrays = [a for *_, pieces in optimizer._groups for piece in pieces for a in piece[3]]
    scalars = [*optimizer.shared, optimizer._factor, *optimizer._limits]
    assert {array.dtype for array in (p, *arrays, *scalars)} == {np.dtype(np.float32)}


@every_optimizer
def test_a_warm_step_allocates_nothing(make, rng):
    size = 100_000
    optimizer, p, g = make(), np.ones(size, np.float32), np.full(size, 0.1, np.float32)
    segments = decaying(size, size // 2)
    optimizer.update(p, g, segments)
    assert peak_of(lambda: optimizer.update(p, g, segments)) < 10_000


@every_optimizer
def test_accumulators_of_dead_units_do_not_become_denormal(make):
    # Numbers below 1e-38 make a processor tens of times slower, and 0.9 m never leaves them.
    optimizer, p, g = make(), np.ones(10, np.float32), np.zeros(10, np.float32)
    optimizer.update(p, g)
    tiny = np.finfo(np.float32).tiny
    for array in optimizer.state.values():
        array[:] = tiny
    for _ in range(base.FLUSH_EVERY):
        optimizer.update(p, g)
    for array in optimizer.state.values():
        assert not ((array != 0) & (np.abs(array) < tiny)).any()


def test_what_still_matters_is_not_flushed():
    optimizer, p = SGD(momentum=0.9), np.ones(3)
    optimizer.update(p, np.zeros(3))
    optimizer.steps = base.FLUSH_EVERY - 1
    optimizer.state["v"][:] = [1e-10, -1e-10, 1e-305]
    optimizer.update(p, np.zeros(3))
    np.testing.assert_allclose(optimizer.state["v"], [1e-10 * 0.9, -1e-10 * 0.9, 0], rtol=1e-12)


# --- each tensor counts its own steps -------------------------------------------------------------

PLACES = {"A": (0, 5), "B": (5, 9), "c": (9, 12), "d": (12, 15)}


def parts(frozen: set[str]) -> tuple[Segment, ...]:
    return tuple(
        Segment(
            name, start, stop, (stop - start,),
            learning_rate=0.0 if name in frozen else 1.0,
            weight_decay=1.0 if name.isupper() else 0.0,
        )
        for name, (start, stop) in PLACES.items()
    )  # fmt: skip


def copies() -> list:
    def taken_over(optimizer):
        other = type(optimizer)(**{k: v for k, v in optimizer.config().items() if k != "type"})
        other.steps, other.state, other.missed = optimizer.steps, optimizer.state, optimizer.missed
        return other

    return [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o)), taken_over]


@every_optimizer
def test_a_tensor_moves_as_with_an_optimizer_that_saw_only_the_steps_in_which_it_learned(make, rng):
    p = rng.standard_normal(15)
    alone = {name: (make(), p[start:stop].copy()) for name, (start, stop) in PLACES.items()}
    together, g, frozen = make(), np.empty(15), set()
    for step in range(120):
        if step % 11 == 0:  # frozen, learning, frozen again, each at times of its own
            frozen = set(
                ["AB", "c", "Ad", "", "dB", "Bcd", "Bd", "d", "", "cd", "ABcd"][step // 11]
            )
            segments = parts(frozen)
        if step % 30 == 17:
            together = copies()[step // 30 % 3](together)
        g[:] = rng.standard_normal(15)
        together.update(p, g, segments)
        for name, (optimizer, own) in alone.items():
            if name not in frozen:
                start, stop = PLACES[name]
                decay = 1.0 if name.isupper() else 0.0
                segment = Segment(name, 0, stop - start, (stop - start,), weight_decay=decay)
                optimizer.update(own, g[start:stop].copy(), [segment])
    assert together.steps == 120
    assert len({optimizer.steps for optimizer, _ in alone.values()}) == 4
    for name, (optimizer, own) in alone.items():
        start, stop = PLACES[name]
        np.testing.assert_allclose(p[start:stop], own, rtol=1e-12, atol=1e-14, err_msg=name)
        missed = {(a, b): n for a, b, n in together.missed}
        assert missed.get((start, stop), 0) == 120 - optimizer.steps


@pytest.mark.parametrize("make", [lambda: Adam(0.1), lambda: AdamW(0.1), lambda: NAdam(0.1)])
def test_the_first_step_after_2000_frozen_ones_is_one_learning_rate_long(make):
    # Adam's m' / sqrt(v') is the sign of the first gradient; NAdam's is a little longer:
    # mu_2 (1 - beta1) / (1 - mu_1 mu_2) + (1 - mu_1) / (1 - mu_1), mu_1 and mu_2 about 0.45.
    optimizer, p, g = make(), np.ones(15), np.full(15, 0.01)
    frozen, learning = parts({"c", "d"}), parts(set())
    for _ in range(2000):
        optimizer.update(p, g, frozen)
    before = p.copy()
    optimizer.update(p, g, learning)
    length = 1 + 0.45 * 0.1 / (1 - 0.45**2) if isinstance(optimizer, NAdam) else 1
    np.testing.assert_allclose(before[9:] - p[9:], 0.1 * length, rtol=1e-3)


def test_without_freezing_nothing_is_remembered_and_nothing_is_cut():
    optimizer, p, g = Adam(), np.ones(15), np.ones(15)

    def pieces(frozen):
        optimizer.update(p, g, parts(frozen))
        return [len(pieces) for *_, pieces in optimizer._groups]

    assert pieces(set()) == [1]
    assert optimizer.missed == ()
    pieces(set(PLACES))
    assert pieces(set()) == [1]  # all have missed one step
    optimizer.weight_decay = 0.1
    assert pieces(set()) == [1, 1]  # what decays, and the rest
    optimizer.reset()
    assert (optimizer.steps, optimizer.missed) == (0, ())


def test_all_of_a_vector_may_learn_after_a_part_was_frozen():
    optimizer, p, g = Adam(0.1), np.ones(15), np.ones(15)
    for _ in range(1000):
        optimizer.update(p, g, parts({"B"}))
    optimizer.update(p, g)  # without segments
    np.testing.assert_allclose(p[5:9], 0.9, rtol=1e-6)
    np.testing.assert_allclose(p[:5], 1 - 0.1 * 1001, rtol=1e-6)


def test_an_optimizer_of_ones_own_is_told_the_steps_of_the_tensors_at_hand():
    class Counting(Optimizer):
        def __init__(self):
            super().__init__(1.0)

        def prepare(self, learning_rate):
            self.share(self.steps)

        def rule(self, p, g, *arrays):
            p[...] = self.shared[0]

    optimizer, p = Counting(), np.zeros(15)
    for _ in range(7):
        optimizer.update(p, p, parts({"A", "d"}))
    for _ in range(2):
        optimizer.update(p, p, parts({"d"}))
    assert optimizer.steps == 9
    assert p.tolist() == [2] * 5 + [9] * 7 + [0] * 3


@every_optimizer
def test_a_warm_step_with_tensors_of_different_age_allocates_nothing(make):
    size = 100_000
    optimizer, p, g = make(), np.ones(size, np.float32), np.full(size, 0.1, np.float32)
    early, late = Segment("a", 0, 40_000, (40_000,)), Segment("b", 40_000, size, (60_000,))
    for segments in ((early, late.adjusted(0.0, None)), (early, late)):
        for _ in range(2):
            optimizer.update(p, g, segments)
    assert peak_of(lambda: optimizer.update(p, g, segments)) < 10_000


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
        (lambda: Adam(betas=0.9), "betas must be two numbers; got 0.9"),
        (lambda: Adam(epsilon=0), "epsilon must be > 0"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay"),
        (lambda: NAdam(momentum_decay=-1), "momentum_decay must be >= 0"),
        (lambda: Adagrad(epsilon=0), "epsilon must be > 0"),
        (lambda: RMSprop(rho=1), "rho must be >= 0 and < 1; got 1"),
        (lambda: RMSprop(epsilon=0), "epsilon must be > 0"),
        (lambda: RMSprop(momentum=1), "momentum"),
        (lambda: optimizers.Adadelta(rho=-0.1), "rho"),
        (lambda: optimizers.Adadelta(epsilon=-1), "epsilon"),
        (lambda: Lion(betas=(0.9, 0.99, 0.999)), "betas must be two numbers"),
        (lambda: Lion(betas=(1, 0.99)), r"betas\[0\]"),
        (lambda: Lion(weight_decay=-1), "weight_decay"),
        (lambda: Lion(l1=-1), "l1 must be >= 0; got -1"),
        (lambda: optimizers.Adadelta(l1="0.1"), "l1 must be a number; got '0.1'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_the_recipe_for_an_optimizer_of_one_s_own_works_in_training(rng):
    """Momentum by the docstring's recipe is SGD's, through freezing, decay and another epoch."""

    class Momentum(Optimizer):
        accumulators = ("V",)

        def rule(self, p, g, work, V):
            (lr,) = self.shared
            V *= 0.9
            V += g
            p -= lr * V

    X, y = rng.standard_normal((40, 4)), rng.integers(0, 3, 40)
    ends = []
    for optimizer in (Momentum(0.1, weight_decay=0.01), SGD(0.1, momentum=0.9, weight_decay=0.01)):
        network = Network(
            [Dense(5), ReLU(), Dense(3)],
            loss=SoftmaxCrossEntropy(), input_shape=4, seed=0, dtype=np.float64,
        )  # fmt: skip
        network.freeze("0.dense.b")
        settings = {"optimizer": optimizer, "batch_size": 8, "seed": 1, "progress": False}
        train(network, X, y, epochs=2, **settings)
        network.unfreeze("0.dense.b")
        train(network, X, y, epochs=2, **settings)
        ends.append(network.parameters.copy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_an_optimizer_of_one_s_own_that_goes_wrong_is_told_how(rng):
    class Returns(Optimizer):
        def rule(self, p, g, work):
            return p - 0.1 * g

    class Forgets(Optimizer):
        def __init__(self):
            pass

        def rule(self, p, g, work):
            p -= g

    p, g = rng.standard_normal((2, 5))
    with pytest.raises(SettingError, match=r"rule must write into p, and return nothing"):
        Returns(0.1).update(p, g)
    with pytest.raises(SettingError, match=r"Forgets\.__init__ must call super\(\)\.__init__"):
        Forgets().update(p, g)


class Watched(AdamW):
    """One that overrides the rule, and calls that of its base."""

    def rule(self, p, g, *arrays):
        super().rule(p, g, *arrays)


def test_a_rule_that_calls_its_base_decays_once(rng):
    moved = []
    for kind in (AdamW, Watched):
        p = np.linspace(1, 2, 100)
        optimizer = kind(0.1, weight_decay=1.0)
        for _ in range(3):
            optimizer.update(p, np.ones(100), [Segment("W", 0, 100, (100,), weight_decay=1.0)])
        moved.append(p)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-14)


def test_the_smallest_epsilon_leaves_what_has_no_gradient_where_it_is():
    p, g = np.ones(40, np.float32), np.zeros(40, np.float32)
    Adam(epsilon=1e-39).update(p, g)
    assert (p == 1).all()
