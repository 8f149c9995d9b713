"""Every loss against 60 digits: logits to 1e4, targets that are sure, certain, wrong or in between.

A loss has all its digits in either dtype, or is where the dtype ends. So has its gradient, unless
it is a difference of two numbers that are rounded themselves, P - q with q between 0 and 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy import special

import digits
from plainnet import Cache, Network
from plainnet.estimators.mlp.losses import (
    HalfPoissonDeviance,
    HalfSquaredError,
    SummedSigmoidCrossEntropy,
)
from plainnet.layers import Identity
from plainnet.losses import (
    Focal,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Tweedie,
)

BOUNDS = {np.float32: 1e-6, np.float64: 1e-14}
SCALES = (1.0, 10.0, 45.0, 100.0, 700.0, 1e4)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
wider = pytest.param(
    np.float64,
    marks=pytest.mark.skipif(
        np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps,
        reason="long double is no wider than float64 here",
    ),
)


def both(loss: Loss, Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each example, and the gradient of their sum."""
    loss.build(Z.shape[1:])
    cache = Cache()
    with np.errstate(over="ignore", divide="ignore"):
        losses = loss.forward(Z, loss.targets(y, Z.dtype), cache).copy()
        return losses, loss.backward(cache)


def disagreements(
    values: np.ndarray, expected: list[Decimal], bound: float, inputs: list[Any]
) -> list[Any]:
    return [
        (float(value), f"{exact:.17e}", what)
        for value, exact, what in zip(values.tolist(), expected, inputs, strict=True)
        if not digits.agrees(value, exact, values.dtype.type, bound)
    ]


# --- the oracle itself ----------------------------------------------------------------------------


def test_the_digits_are_those_of_mpmath():
    """50 digits of mpmath 1.4.1, from the definitions."""
    z = [40.0, 0.5, -3.0]
    table = [
        (
            digits.sigmoid_cross_entropy(15.0, 1.0, 0.0),
            "3.0590227371372048589701917728032988192e-7",
        ),
        (
            digits.sigmoid_cross_entropy(-700.0, 0.0, 0.0),
            "9.859676543759770856705372947849465e-305",
        ),
        (digits.softmax_cross_entropy(z, 0, 0.0), "7.2158651299277532432399054317322513626e-18"),
        (digits.focal(z, 0, 5.0), "1.4116610885989924689357434762391897884e-103"),
        (digits.poisson(2.5, 4.875), "-0.0050060392965265619298240488320338168172"),
        (digits.tweedie(-50.0, 3.0, 1.5), "432029396024.31523514499588468448687553"),
        (digits.half_poisson_deviance(1.375, 4.0), "0.00025416740013960154881544025486610306706"),
    ]
    for (value, _), expected in table:
        assert abs(value / Decimal(expected) - 1) < Decimal("1e-33")
    _, (slope,) = digits.sigmoid_cross_entropy(15.0, 1.0, 0.0)
    assert abs(slope / Decimal("-3.0590222692562472514678243439635e-7") - 1) < Decimal("1e-30")


# --- classes --------------------------------------------------------------------------------------


def logits(rng: np.random.Generator, scale: float, K: int, dtype: type) -> np.ndarray:
    """Random ones, also some that stand next to one large one; sure, tied and undecided rows."""
    Z = scale * rng.uniform(-1, 1, (14, K))
    Z[:6, 1:] = rng.standard_normal((6, K - 1))
    Z[6] = Z[7] = scale
    Z[7, 0] = -scale
    Z[8] = 0
    Z[9] = -scale
    Z[9, -1] = 0.1
    return Z.astype(dtype)


@dataclass(frozen=True)
class OfIds:
    loss: Loss
    twin: Callable[..., digits.Pair]
    setting: Any

    @property
    def id(self) -> str:
        return repr(self.loss)


OF_IDS = [
    OfIds(SoftmaxCrossEntropy(), digits.softmax_cross_entropy, 0.0),
    OfIds(Focal(0), digits.focal, 0.0),
    OfIds(Focal(0.5), digits.focal, 0.5),
    OfIds(Focal(2), digits.focal, 2.0),
    OfIds(Focal(5.0), digits.focal, 5.0),
    OfIds(Hinge(), digits.hinge, 0),
    OfIds(Hinge(squared=True), digits.hinge, 1),
]


@dtypes
@pytest.mark.parametrize("K", [2, 3, 12])
@pytest.mark.parametrize("case", OF_IDS, ids=[case.id for case in OF_IDS])
def test_losses_of_class_ids(case, K, dtype, rng):
    for scale in SCALES:
        Z = logits(rng, scale, K, dtype)
        y = np.where(rng.random(len(Z)) < 0.7, Z.argmax(axis=1), rng.integers(0, K, len(Z)))
        losses, gradient = both(case.loss, Z, y)
        exact = [case.twin(z, int(k), case.setting) for z, k in zip(Z, y, strict=True)]
        inputs = [(z.tolist(), int(k)) for z, k in zip(Z, y, strict=True)]
        assert not disagreements(losses, [e for e, _ in exact], BOUNDS[dtype], inputs)
        slopes = [slope for _, each in exact for slope in each]
        places = [(what, k) for what in inputs for k in range(K)]
        assert not disagreements(gradient.reshape(-1), slopes, BOUNDS[dtype], places)


@dtypes
@pytest.mark.parametrize("size", [300.0, 400.0, 3000.0, 1e5, 1e9, 8.3e18, 1e30])
@pytest.mark.parametrize("behind", [0.0, 2.0, 50.0, 90.0, 300.0])
def test_logits_of_any_size(size, behind, dtype):
    Z = np.array([[size, size - behind, -size], [-size, -size - behind, -3 * size]], dtype)
    for y in (0, 1, 2):
        for loss in (SoftmaxCrossEntropy(), SoftmaxCrossEntropy(0.1)):
            losses, _ = both(loss, Z, np.array([y, y]))
            s = loss.label_smoothing
            if size < 1e10:
                exact = [digits.softmax_cross_entropy(z, y, s)[0] for z in Z]
                assert not disagreements(losses, exact, BOUNDS[dtype], Z.tolist())
            else:  # too large for decimals, and the nearest is 0 or far behind
                q = (1 - s) * np.eye(3)[y] + s / 3
                expected = -(q * special.log_softmax(Z.astype(float), axis=1)).sum(axis=1)
                np.testing.assert_allclose(losses, expected, rtol=BOUNDS[dtype])


@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 1e-6, 0.1, 0.9])
@pytest.mark.parametrize("kind", ["ids", "one-hot", "soft", "almost one-hot", "unnormalised"])
def test_cross_entropy_of_any_distribution(kind, smoothing, dtype, rng):
    K, loss = 4, SoftmaxCrossEntropy(smoothing)
    for scale in SCALES:
        Z = logits(rng, scale, K, dtype)
        m = len(Z)
        ids = np.where(rng.random(m) < 0.7, Z.argmax(axis=1), rng.integers(0, K, m))
        y: Any = np.eye(K, dtype=dtype)[ids]
        if kind == "ids":
            y = ids
        elif kind == "soft":
            y = rng.dirichlet(np.ones(K), m).astype(dtype)
        elif kind == "almost one-hot":
            y = np.abs(y - dtype(3e-7))
        elif kind == "unnormalised":
            y = y * dtype(0.9995)
        losses, gradient = both(loss, Z, y)
        targets = [int(k) for k in y] if kind == "ids" else list(y)
        exact = [
            digits.softmax_cross_entropy(z, t, smoothing) for z, t in zip(Z, targets, strict=True)
        ]
        inputs = [(z.tolist(), np.asarray(t).tolist()) for z, t in zip(Z, targets, strict=True)]
        assert not disagreements(losses, [e for e, _ in exact], BOUNDS[dtype], inputs)
        expected = np.array([[float(v) for v in slopes] for _, slopes in exact])
        sure = kind in ("ids", "one-hot") and not smoothing
        np.testing.assert_allclose(
            gradient, expected, rtol=BOUNDS[dtype], atol=np.finfo(dtype).tiny if sure else
            np.finfo(dtype).eps / 2,
        )  # fmt: skip


def test_a_sure_and_smoothed_answer_keeps_its_gradient():
    """P - q for P next to 1 and q = 1 - s + s / K, by hand: s (1 - 1 / K) less 1 - P."""
    Z = np.array([[60, 0]], np.float32)
    _, gradient = both(SoftmaxCrossEntropy(1e-6), Z, np.array([0]))
    np.testing.assert_allclose(gradient, [[5e-7, -5e-7]], rtol=1e-6)


# --- yes or no, and numbers -----------------------------------------------------------------------


@dataclass(frozen=True)
class OfNumbers:
    loss: Loss
    twin: Callable[..., digits.Pair]
    settings: tuple[Any, ...]
    y: tuple[float, ...]
    cancels: bool = False
    """The gradient is a difference of rounded numbers where y is none of 0 and 1."""

    @property
    def id(self) -> str:
        return repr(self.loss)


LABELS = (0.0, 1.0, 0.5, 0.3, 0.9999, 1e-6)
NUMBERS = (0.0, 1.0, -2.5, 0.3, 1234.567, -1e-3)
COUNTS = (0.0, 1.0, 3.0, 7.389, 1000.0, 1e-3)
OF_NUMBERS = [
    OfNumbers(SigmoidCrossEntropy(), digits.sigmoid_cross_entropy, (0.0,), LABELS, cancels=True),
    *(
        OfNumbers(
            SummedSigmoidCrossEntropy(s), digits.sigmoid_cross_entropy, (s,), LABELS, cancels=True
        )
        for s in (0.0, 1e-4, 0.1)
    ),
    OfNumbers(MeanSquaredError(), digits.squared_error, (), NUMBERS),
    OfNumbers(MeanAbsoluteError(), digits.absolute_error, (), NUMBERS),
    *(OfNumbers(Huber(d), digits.huber, (d,), NUMBERS) for d in (1.0, 0.3, 1e-3, 1e5)),
    *(
        OfNumbers(Quantile(level), digits.pinball, (level,), NUMBERS)
        for level in (0.5, 0.1, 0.99, 0.9999, 1e-5)
    ),
]
OF_COUNTS = [
    OfNumbers(Poisson(), digits.poisson, (), COUNTS),
    *(OfNumbers(Tweedie(p), digits.tweedie, (p,), COUNTS) for p in (1.01, 1.5, 1.9)),
    OfNumbers(HalfPoissonDeviance(), digits.half_poisson_deviance, (), COUNTS),
]


def check(case: OfNumbers, dtype: type, Z: np.ndarray, y: np.ndarray) -> None:
    Z, y = Z.astype(dtype), y.astype(dtype)
    losses, gradient = both(case.loss, Z[:, None], y[:, None])
    exact = [case.twin(z, t, *case.settings) for z, t in zip(Z, y, strict=True)]
    inputs = list(zip(Z.tolist(), y.tolist(), strict=True))
    assert not disagreements(losses, [e for e, _ in exact], BOUNDS[dtype], inputs)
    slopes, gradient = [slope for _, (slope,) in exact], gradient[:, 0]
    some = np.isin(y, (0, 1)) | (not case.cancels)
    if any(case.settings) and case.cancels:
        some[:] = False
    kept = np.flatnonzero(some)
    assert not disagreements(
        gradient[kept], [slopes[i] for i in kept], BOUNDS[dtype], [inputs[i] for i in kept]
    )
    expected = np.array([float(v) for v in slopes])
    rest = ~some
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(gradient[rest], expected[rest], rtol=BOUNDS[dtype], atol=eps / 2)


def pairs(case: OfNumbers, rng: np.random.Generator, scale: float) -> tuple[np.ndarray, np.ndarray]:
    z = np.concatenate([scale * rng.uniform(-1, 1, 8), [scale, -scale, 0.0, -0.0]])
    return np.repeat(z, len(case.y)), np.tile(case.y, len(z))


@dtypes
@pytest.mark.parametrize("case", OF_NUMBERS, ids=[case.id for case in OF_NUMBERS])
def test_losses_of_numbers(case, dtype, rng):
    for scale in (*SCALES, 15.0):
        check(case, dtype, *pairs(case, rng, scale))


@pytest.mark.parametrize("dtype", [np.float32, wider])
@pytest.mark.parametrize("case", OF_COUNTS, ids=[case.id for case in OF_COUNTS])
def test_losses_of_counts(case, dtype, rng):
    for scale in SCALES:
        check(case, dtype, *pairs(case, rng, scale))


@pytest.mark.parametrize("dtype", [np.float32, wider])
def test_what_cancels_keeps_its_digits(dtype, rng):
    """exp(Z) - y Z and the deviance, close to where they are 0."""
    for case in (OF_COUNTS[0], OF_COUNTS[-1]):
        Z = rng.uniform(0.5, 3, 20).astype(dtype)
        zero = np.exp(Z) / Z if isinstance(case.loss, Poisson) else np.exp(Z)
        check(case, dtype, Z, zero * rng.choice([0.999, 1.001], 20))


@pytest.mark.parametrize(("z", "y"), [(15.0, 1.0), (-15.0, 0.0)])
def test_a_sure_and_right_answer_costs_what_it_costs(z, y):
    losses, gradient = both(SigmoidCrossEntropy(), np.array([[z]], np.float32), np.array([[y]]))
    assert losses[0] == pytest.approx(3.0590227371e-7, rel=1e-6)
    assert gradient[0, 0] == pytest.approx((1 - 2 * y) * 3.0590222693e-7, rel=1e-6)


def test_the_hinge_adds_1_to_a_difference_without_rounding_it_first():
    """0.7 - (-0.2999999): what is missing is 1e-7, and the difference alone is rounded by 3e-8."""
    Z = np.array([[0.7, -0.2999999]], np.float32)
    losses, _ = both(Hinge(), Z, np.array([0]))
    exact = 1 - (float(Z[0, 0]) - float(Z[0, 1]))  # float64 holds it
    assert losses[0] == pytest.approx(exact, rel=1e-6)
    assert 0 < exact < 2e-7


def test_of_several_outputs_it_is_the_mean_or_the_sum(rng):
    Z, Y = rng.standard_normal((2, 6, 3))
    loss = HalfSquaredError()
    losses, gradient = both(loss, Z, Y)
    expected = [sum(digits.squared_error(z, y)[0] for z, y in zip(*row, strict=True)) / 2
                for row in zip(Z, Y, strict=True)]  # fmt: skip
    np.testing.assert_allclose(losses, np.array(expected, float), rtol=1e-14)
    np.testing.assert_allclose(gradient, Z - Y, rtol=1e-15)
    yes = (Y > 0).astype(float)
    losses, _ = both(SigmoidCrossEntropy(), 20 * Z, yes)
    expected = [
        sum(digits.sigmoid_cross_entropy(z, y, 0.0)[0] for z, y in zip(*row, strict=True)) / 3
        for row in zip(20 * Z, yes, strict=True)
    ]
    np.testing.assert_allclose(losses, np.array(expected, float), rtol=1e-14)


@dtypes
def test_training_and_evaluation_see_these_digits(dtype):
    Z = np.array([[40, 0, 0], [50, 0, 0]], dtype)
    network = Network([Identity()], loss=SoftmaxCrossEntropy(), input_shape=3, dtype=dtype)
    exact = [digits.softmax_cross_entropy(z, 0, 0.0)[0] for z in Z]
    expected = pytest.approx(float(sum(exact)) / 2, rel=BOUNDS[dtype])
    assert network.loss_and_gradients(Z, [0, 0]) == expected
    assert network.evaluate(Z, [0, 0])["loss"] == expected
