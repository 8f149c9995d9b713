"""Each update rule against hand-worked values, the paper's formula in scalars, and PyTorch."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from plainnet.engine.parameters import Segment
from plainnet.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RMSprop

from .cases import decaying

GRADIENTS = [0.5, -1.0, 0.25]


def path(
    optimizer: Optimizer, segments: Sequence[Segment] = (), gradients: Sequence[float] = GRADIENTS
) -> list[float]:
    """Where the parameter 1 goes under the given gradients."""
    p, places = np.array([1.0]), []
    for g in gradients:
        optimizer.update(p, np.array([float(g)]), segments)
        places.append(float(p[0]))
    return places


# --- by hand -------------------------------------------------------------------------------------


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
    assert path(Adam(0.1, epsilon=1.0), gradients=[1, 1, 1]) == pytest.approx([0.95, 0.9, 0.85])


def test_adamw_by_hand():
    # Before each of Adam's steps, which do not depend on p, the parameter shrinks by 0.1 * 0.5.
    adam = np.diff([1, *path(Adam(0.1))])
    p, expected = 1.0, []
    for step in adam:
        p = p * 0.95 + step
        expected.append(p)
    assert path(AdamW(0.1, weight_decay=0.5), decaying(1, 1)) == pytest.approx(expected)
    assert path(AdamW(0.1, weight_decay=0.5)) == pytest.approx(path(Adam(0.1)))


def test_amsgrad_by_hand():
    # beta1 = 0: m' = g. beta2 = 0.5, gradients 2, 1, 4: v = 2, 1.5, 8.75, the largest so far
    # 2, 2, 8.75; divided by 1/2, 3/4 and 7/8: 4, 8/3, 10. The steps are g over their roots.
    steps = -np.diff([1, *path(Adam(1, betas=(0, 0.5), amsgrad=True), gradients=[2, 1, 4])])
    assert steps == pytest.approx([1, math.sqrt(3 / 8), 4 / math.sqrt(10)], rel=1e-7)


def test_nadam_by_hand():
    # 0.96^t has fallen to 1/2 at t = 16.98, so with momentum_decay = 16.98 mu_1, mu_2 and mu_3 are
    # 0.8 * (1 - 1/4), 0.8 * (1 - 1/8) and 0.8 * (1 - 1/16): 0.6, 0.7, 0.75. Products 0.6, 0.42,
    # 0.315. beta2 = 0 makes sqrt(v') = |g| = 1.
    # Step 1: m = 0.2;          m' = 0.7 * 0.2 / 0.58 + 0.4 / 0.4
    # Step 2: m = 0.16 - 0.2;   m' = 0.75 * -0.04 / 0.685 - 0.3 / 0.58
    optimizer = NAdam(0.1, betas=(0.8, 0), momentum_decay=math.log(0.5, 0.96))
    first = 1 - 0.1 * (0.14 / 0.58 + 1)
    second = first + 0.1 * (0.03 / 0.685 + 0.3 / 0.58)
    assert path(optimizer, gradients=[1, -1]) == pytest.approx([first, second], rel=1e-7)


def test_adagrad_by_hand():
    # The sums of squares are 9, 25 and 169: steps 3/3, 4/5 and 12/13.
    steps = -np.diff([1, *path(Adagrad(1), gradients=[3, 4, 12])])
    assert steps == pytest.approx([1, 0.8, 12 / 13])


def test_rmsprop_by_hand():
    # v = 0.25 * 4 = 1, then 0.75 + 0.25 * 25 = 7: steps 2/1 and 5/sqrt(7).
    steps = -np.diff([1, *path(RMSprop(1, rho=0.75), gradients=[2, 5])])
    assert steps == pytest.approx([2, 5 / math.sqrt(7)])
    # Momentum: b = 2, then 0.5 * 2 + 5/sqrt(7).
    steps = -np.diff([1, *path(RMSprop(1, rho=0.75, momentum=0.5), gradients=[2, 5])])
    assert steps == pytest.approx([2, 1 + 5 / math.sqrt(7)])
    # Centered: m = 0.5 and 1.625; v - m^2 = 1 - 0.25 = 0.75 and 7 - 2.640625 = 4.359375.
    steps = -np.diff([1, *path(RMSprop(1, rho=0.75, centered=True), gradients=[2, 5])])
    assert steps == pytest.approx([2 / math.sqrt(0.75), 5 / math.sqrt(4.359375)])


def test_centered_rmsprop_survives_a_variance_of_zero():
    # v - m^2 of a constant gradient is 0, or what rounding leaves of it: its root must not be NaN.
    p, g = np.ones(200, np.float32), np.linspace(0.1, 3, 200, dtype=np.float32)
    optimizer = RMSprop(0.001, epsilon=0.01, centered=True)
    for _ in range(300):
        optimizer.update(p, g)
    assert (p < 1).all()
    assert (p > 1 - 300 * 0.001 * g / 0.01).all()


def test_adadelta_by_hand():
    # eps = 1, rho = 0.5. v = 8, d = 4 sqrt(1 / 9) = 4/3, u = 8/9.
    # Then v = 4 + 2 = 6, d = 2 sqrt((8/9 + 1) / 7).
    steps = -np.diff([1, *path(Adadelta(rho=0.5, epsilon=1), gradients=[4, 2])])
    assert steps == pytest.approx([4 / 3, 2 * math.sqrt(17 / 63)])


def test_lion_by_hand():
    # betas (0.5, 0.5): m = 0, 0.25, -0.375 before each step, and the signs are those of 0.25,
    # 0.125 - 0.5 and -0.1875 + 0.125.
    assert path(Lion(0.1, betas=(0.5, 0.5))) == pytest.approx([0.9, 1, 1.1])
    # betas (0.9, 0.99): m = 0, 0.01, 0.0094; the signs of 0.1, 0.009 - 0.005, 0.00846 - 0.01.
    assert path(Lion(0.1), gradients=[1, -0.05, -0.1]) == pytest.approx([0.9, 0.8, 0.9])
    # Decay comes first: 1 * 0.95 - 0.1.
    assert path(Lion(0.1, weight_decay=0.5), decaying(1, 1), [1]) == pytest.approx([0.85])


def test_lion_lets_a_parameter_without_gradient_rest():
    # The sign of the smallest number is 1 still, so without the flush it would never end.
    p, g, optimizer = np.ones(1, np.float32), np.zeros(1, np.float32), Lion(0.001)
    optimizer.update(p, g)
    optimizer.state["M"][:] = 1e-33
    for _ in range(400):
        before = p.copy()
        optimizer.update(p, g)
    assert p == before < 0.99


# --- the papers' formulas, one parameter at a time -----------------------------------------------


def sgd(p, gradients, lr, momentum=0.0, nesterov=False):
    v = 0.0
    for g in gradients:
        v = momentum * v + g
        p -= lr * (g + momentum * v if nesterov else v)
    return p


def adam(p, gradients, lr, betas=(0.9, 0.999), epsilon=1e-8, amsgrad=False):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = max(largest, v)
        corrected = (largest if amsgrad else v) / (1 - betas[1] ** t)
        p -= lr * m / (1 - betas[0] ** t) / (math.sqrt(corrected) + epsilon)
    return p


def nadam(p, gradients, lr, betas=(0.9, 0.999), epsilon=1e-8, momentum_decay=0.004):
    m, v, product = 0.0, 0.0, 1.0
    for t, g in enumerate(gradients, 1):
        mu, following = (betas[0] * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1))
        product *= mu
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        p -= lr * mean / (math.sqrt(v / (1 - betas[1] ** t)) + epsilon)
    return p


def adagrad(p, gradients, lr, epsilon=1e-10):
    for t, g in enumerate(gradients, 1):
        p -= lr * g / (math.sqrt(sum(h**2 for h in gradients[:t])) + epsilon)
    return p


def rmsprop(p, gradients, lr, rho=0.9, epsilon=1e-8, momentum=0.0, centered=False):
    m = v = b = 0.0
    for g in gradients:
        m = rho * m + (1 - rho) * g
        v = rho * v + (1 - rho) * g**2
        spread = v - m**2 if centered else v
        b = momentum * b + g / (math.sqrt(spread) + epsilon)
        p -= lr * b
    return p


def adadelta(p, gradients, lr=1.0, rho=0.95, epsilon=1e-6):
    v = u = 0.0
    for g in gradients:
        v = rho * v + (1 - rho) * g**2
        d = math.sqrt(u + epsilon) / math.sqrt(v + epsilon) * g
        u = rho * u + (1 - rho) * d**2
        p -= lr * d
    return p


def lion(p, gradients, lr, betas=(0.9, 0.99)):
    m = 0.0
    for g in gradients:
        p -= lr * math.copysign(1, betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


TWINS: list[tuple[type[Optimizer], Callable[..., float], dict]] = [
    (SGD, sgd, {}),
    (SGD, sgd, {"momentum": 0.9}),
    (SGD, sgd, {"momentum": 0.9, "nesterov": True}),
    (Adam, adam, {}),
    (Adam, adam, {"betas": (0.8, 0.95), "epsilon": 0.1}),
    (Adam, adam, {"betas": (0.8, 0.7), "epsilon": 0.1, "amsgrad": True}),
    (NAdam, nadam, {}),
    (NAdam, nadam, {"betas": (0.8, 0.95), "epsilon": 0.1, "momentum_decay": 0.5}),
    (Adagrad, adagrad, {}),
    (Adagrad, adagrad, {"epsilon": 0.1}),
    (RMSprop, rmsprop, {}),
    (RMSprop, rmsprop, {"rho": 0.99, "epsilon": 0.1, "momentum": 0.9}),
    (RMSprop, rmsprop, {"epsilon": 0.1, "centered": True}),
    (RMSprop, rmsprop, {"epsilon": 0.1, "centered": True, "momentum": 0.9}),
    (Adadelta, adadelta, {}),
    (Adadelta, adadelta, {"rho": 0.8, "epsilon": 0.1}),
    (Lion, lion, {}),
    (Lion, lion, {"betas": (0.6, 0.7)}),
]


@pytest.mark.parametrize(
    ("kind", "twin", "settings"), TWINS, ids=[f"{kind.__name__}-{s}" for kind, _, s in TWINS]
)
def test_the_rule_is_the_formula(kind, twin, settings, rng):
    start, gradients = rng.standard_normal(3), rng.standard_normal((100, 3)) * [1, 1e-3, 1e3]
    expected = [
        partial(twin, **settings)(p, column, 0.1)
        for p, column in zip(start.tolist(), gradients.T.tolist(), strict=True)
    ]
    p, optimizer = start.copy(), kind(0.1, **settings)
    for g in gradients:
        optimizer.update(p, g)
    np.testing.assert_allclose(p, expected, rtol=1e-10)


# --- PyTorch -------------------------------------------------------------------------------------

# Five steps from (1, -2, 0.5) with the gradients of `follow`, by torch.optim 2.13 in float64.
FROM_PYTORCH: list[tuple[Optimizer, list[float]]] = [
    (SGD(0.1), [-0.3523012396991853, -2.048094196589484, 0.49814284758745986]),
    (SGD(0.1, momentum=0.9), [-2.185220335832682, -2.128054090321853, 0.4968171240864476]),
    (
        SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        [-1.7018541956230901, -1.684204667312359, 0.41773078377456296],
    ),
    (Adam(0.1), [0.503040413455755, -1.8347767510844932, 0.002086858334400768]),
    (
        Adam(0.1, betas=(0.8, 0.95), epsilon=0.001, weight_decay=0.1),
        [0.5074957242088604, -1.5227903313248585, 0.03978055018736036],
    ),
    (
        Adam(0.1, betas=(0.9, 0.6), epsilon=0.001, amsgrad=True),
        [0.4949083993022699, -1.9060817846791294, 0.08447125878862127],
    ),
    (
        AdamW(0.1, weight_decay=0.1),
        [0.4647245970964783, -1.7276299208910473, -0.011899454512755814],
    ),
    (
        AdamW(0.1, betas=(0.9, 0.6), weight_decay=0.1, amsgrad=True),
        [0.4557088127557416, -1.7786640760883496, -0.02081298480752758],
    ),
    (NAdam(0.1), [0.6121159297647853, -1.6950956130879342, 0.0948774060372078]),
    (
        NAdam(0.1, betas=(0.8, 0.95), epsilon=0.001, momentum_decay=0.5, weight_decay=0.1),
        [0.5734488412899196, -1.4513243696206743, 0.12190371331823069],
    ),
    (Adagrad(0.1), [0.6890499935516279, -1.7685413019363614, 0.17238494187825165]),
    (
        Adagrad(0.1, epsilon=0.001, weight_decay=0.1),
        [0.6937514946072022, -1.5880349905998723, 0.22024418877902027],
    ),
    (RMSprop(0.1), [0.08372334164143186, -1.243394450208466, -0.40070680325193375]),
    (
        RMSprop(0.1, rho=0.99, epsilon=0.001, momentum=0.9),
        [-3.1108446360801594, 2.681296472796949, -4.051476370195966],
    ),
    (
        RMSprop(0.1, epsilon=0.01, centered=True),
        [-0.13994068446423902, -3.201853441935144, 0.3233045844715515],
    ),
    (
        RMSprop(0.1, epsilon=0.01, momentum=0.9, centered=True, weight_decay=0.1),
        [-1.1790777243373671, 1.672726090999102, -0.4801566076479893],
    ),
    (Adadelta(), [0.9772472320044366, -2.019290950922606, 0.479341717901122]),
    (
        Adadelta(0.5, rho=0.9, epsilon=0.001, weight_decay=0.1),
        [0.7528137212920795, -1.7028433010867703, 0.38453823218952043],
    ),
]


def follow(optimizer: Optimizer) -> np.ndarray:
    """Five steps on gradients that depend on the parameters."""
    p = np.array([1.0, -2.0, 0.5])
    g = np.empty(3)
    for t in range(5):
        g[:] = p[0] * 2 - p[1], np.sin(p[1]) + p[2] * 3 - 0.5, p[0] * p[2] * 0.01 + 1e-3 * t
        optimizer.update(p, g, decaying(3, 3))
    return p


@pytest.mark.parametrize(
    ("optimizer", "expected"), FROM_PYTORCH, ids=[repr(case[0]) for case in FROM_PYTORCH]
)
def test_five_steps_are_those_of_pytorch(optimizer, expected):
    optimizer.reset()
    np.testing.assert_allclose(follow(optimizer), expected, rtol=1e-10)


# The second of two tensors gets no gradient in the first 2,000 steps, and one in the three after
# them: torch.optim 2.13 in float64, with grad=None, which leaves out a tensor's step.
UNFROZEN_BY_PYTORCH: list[tuple[Optimizer, list[float]]] = [
    (Adam(0.1), [0.20185244792661577, 3.299999998998938]),
    (Adam(0.1, amsgrad=True), [0.20185244792661577, 3.299999998998938]),
    (AdamW(0.1, weight_decay=0.1), [0.18988912498679988, 3.207805315539282]),
    (NAdam(0.1), [0.21453941543860752, 3.2570456147180447]),
    (SGD(0.1, momentum=0.9), [0.3792965, 4.79]),
    (
        RMSprop(0.1, epsilon=0.01, momentum=0.9, centered=True),
        [-0.8432681035765707, 4.636367179080194],
    ),
    (Adagrad(0.1), [0.24312027195740873, 3.2280680844921363]),
    (Adadelta(), [0.48364047057319415, 3.013325895920916]),
]


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    UNFROZEN_BY_PYTORCH,
    ids=[repr(case[0]) for case in UNFROZEN_BY_PYTORCH],
)
def test_an_unfrozen_tensor_counts_its_own_steps_as_in_pytorch(optimizer, expected):
    optimizer.reset()
    p, g = np.array([1.0, -2.0, 0.5, 3.0]), np.empty(4)
    early = Segment("early", 0, 2, (2,), weight_decay=1.0)
    late = Segment("late", 2, 4, (2,), weight_decay=1.0)
    frozen, learning = (early, late.adjusted(0.0, None)), (early, late)
    for t in range(2003):
        g[:2] = np.sin(p[:2] * 3 + t)
        g[2:] = np.array([0.3, -1.0]) * p[2:] + 0.1 * (t - 2000)
        optimizer.update(p, g, frozen if t < 2000 else learning)
    np.testing.assert_allclose(p[2:], expected, rtol=1e-9)
