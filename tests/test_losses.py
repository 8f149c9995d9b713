"""Losses: their values, stability at large logits, weights, and gradients."""

import math

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients, losses
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Dense, Identity
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

IDS = np.array([0, 2, 1, 2, 2])
ONE_HOT = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
SOFT = np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0, 0.5, 0.5], [0.1, 0.1, 0.8], [0.6, 0.4, 0]])
YES_NO = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0]])
REAL = np.array([[0.3, -1, 2], [4, 0, 0.5], [-2, 1, 1], [0, 0, 0], [1, -3, 2]])

CASES = [
    (SoftmaxCrossEntropy(), IDS),
    (SoftmaxCrossEntropy(), ONE_HOT),
    (SoftmaxCrossEntropy(), SOFT),
    (SoftmaxCrossEntropy(label_smoothing=0.3), IDS),
    (SoftmaxCrossEntropy(label_smoothing=0.3), SOFT),
    (SigmoidCrossEntropy(), YES_NO),
    (SigmoidCrossEntropy(), YES_NO * 0.7 + 0.1),
    (MeanSquaredError(), REAL),
]
every_loss = pytest.mark.parametrize(("loss", "y"), CASES)


def network_of(loss: Loss, k: int = 3, dtype: type = np.float64) -> Network:
    """A network whose pre-activations are its input."""
    return Network([Identity()], loss=loss, input_shape=k, dtype=dtype)


def by_hand(loss: Loss, Z: np.ndarray, y: np.ndarray) -> list[float]:
    """The loss of each example, by loops over the definition."""
    out = []
    for z, target in zip(Z.tolist(), y.tolist(), strict=True):
        K = len(z)
        if isinstance(loss, SoftmaxCrossEntropy):
            q = target if isinstance(target, list) else [float(k == target) for k in range(K)]
            s = loss.label_smoothing
            total = sum(math.exp(v) for v in z)
            p = [math.exp(v) / total for v in z]
            out.append(-sum(((1 - s) * q[k] + s / K) * math.log(p[k]) for k in range(K)))
        elif isinstance(loss, SigmoidCrossEntropy):
            p = [1 / (1 + math.exp(-v)) for v in z]
            terms = [
                t * math.log(a) + (1 - t) * math.log(1 - a) for t, a in zip(target, p, strict=True)
            ]
            out.append(-sum(terms) / K)
        else:
            out.append(sum((v - t) ** 2 for v, t in zip(z, target, strict=True)) / K)
    return out


def test_every_exported_loss_has_a_case():
    exported = {
        kind
        for kind in vars(losses).values()
        if isinstance(kind, type) and issubclass(kind, Loss) and kind is not Loss
    }
    assert {type(loss) for loss, _ in CASES} == exported


@every_loss
def test_value_is_the_definition(loss, y, rng):
    Z = rng.standard_normal((5, 3))
    expected = by_hand(loss, Z, y)
    assert network_of(loss).loss_and_gradients(Z, y) == pytest.approx(np.mean(expected), rel=1e-12)


@every_loss
def test_weights_are_those_of_a_mean(loss, y, rng):
    Z, w = rng.standard_normal((5, 3)), np.array([0.5, 0, 2, 1, 3.5])
    expected = np.average(by_hand(loss, Z, y), weights=w)
    value = network_of(loss).loss_and_gradients(Z, y, sample_weight=w)
    assert value == pytest.approx(expected, rel=1e-12)


@every_loss
def test_gradient_agrees_with_central_differences(loss, y):
    check = check_gradients(loss, y=y, input_shape=3)
    assert check.passed, check


@every_loss
def test_a_weight_of_two_is_the_example_twice(loss, y, rng):
    Z = rng.standard_normal((5, 3))
    weighted, repeated = (
        Network([Dense(3)], loss=loss, input_shape=3, seed=0, dtype=np.float64) for _ in range(2)
    )
    twice = [0, 1, 1, 2, 3, 3, 4]
    one = weighted.loss_and_gradients(Z, y, sample_weight=[1, 2, 1, 2, 1])
    other = repeated.loss_and_gradients(Z[twice], y[twice])
    assert one == pytest.approx(other, rel=1e-13)
    np.testing.assert_allclose(weighted.gradients, repeated.gradients, rtol=1e-10, atol=1e-15)


@every_loss
def test_weightless_batch_costs_nothing(loss, y, rng):
    network = network_of(loss)
    X, targets, _ = network.check(rng.standard_normal((5, 3)), y)
    cache = Cache(training=True, record=True)
    assert network.step(X, targets, cache, np.zeros(5)) == 0
    np.testing.assert_array_equal(cache["dX"], 0)


@every_loss
def test_float32_agrees_with_float64(loss, y, rng):
    Z = rng.standard_normal((5, 3))
    double = network_of(loss).loss_and_gradients(Z, y)
    single = network_of(loss, dtype=np.float32).loss_and_gradients(Z.astype(np.float32), y)
    assert single == pytest.approx(double, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_is_stable_at_large_logits(dtype, smoothing):
    loss = SoftmaxCrossEntropy(label_smoothing=smoothing)
    Z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, -1e4], [1e4, 1e4, 1e4]], dtype)
    cache = Cache(training=True, record=True)
    value = network_of(loss, dtype=dtype).loss_and_gradients(Z, [0, 0, 1], cache)
    # Right, wrong by 2e4, and undecided. Smoothing spreads s / 3 over what each row is behind by.
    s = smoothing
    expected = (s / 3 * 3e4 + ((1 - s) + 2 * s / 3) * 2e4 + math.log(3)) / 3
    assert value == pytest.approx(expected, rel=1e-6)
    keep, rest = 1 - s + s / 3, s / 3
    expected_gradient = [
        [1 - keep, -rest, -rest],
        [-keep, 1 - rest, -rest],
        [1 / 3 - rest, 1 / 3 - keep, 1 / 3 - rest],
    ]
    np.testing.assert_allclose(cache["dX"], np.array(expected_gradient) / 3, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_stable_at_large_logits(dtype):
    Z = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype)
    cache = Cache(training=True, record=True)
    value = network_of(SigmoidCrossEntropy(), 1, dtype).loss_and_gradients(Z, [1, 0, 0, 1], cache)
    assert value == pytest.approx(5000)
    np.testing.assert_allclose(cache["dX"], np.array([[0], [0], [1], [-1]]) / 4, atol=1e-12)


def test_probabilities_and_decisions(rng):
    Z = rng.standard_normal((6, 3))
    soft = network_of(SoftmaxCrossEntropy())
    np.testing.assert_allclose(soft.predict_proba(Z).sum(axis=1), 1)
    np.testing.assert_array_equal(soft.predict(Z), soft.predict_proba(Z).argmax(axis=1))
    many = network_of(SigmoidCrossEntropy())
    np.testing.assert_array_equal(many.predict(Z), (many.predict_proba(Z) > 0.5).astype(int))
    assert network_of(SigmoidCrossEntropy(), 1).predict(Z[:, :1]).shape == (6,)
    assert network_of(MeanSquaredError(), 1).predict(Z[:, :1]).shape == (6,)
    with pytest.raises(SettingError, match="no probabilities"):
        network_of(MeanSquaredError()).predict_proba(Z)


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        (SoftmaxCrossEntropy(), [0, 1, 3], DataError, "between 0 and 2.*got 0 to 3"),
        (SoftmaxCrossEntropy(), [0, -1, 2], DataError, "got -1 to 2"),
        (SoftmaxCrossEntropy(), [0.0, 1.0, 2.0], DataError, "integers.*float64.*np.unique"),
        (SoftmaxCrossEntropy(), ["a", "b", "c"], DataError, "integers from 0 to 2"),
        (SoftmaxCrossEntropy(), [[0], [1], [2]], ShapeError, r"class ids.*got shape \(3, 1\)"),
        (SoftmaxCrossEntropy(), np.ones((3, 3)), DataError, "sum to 1"),
        (SoftmaxCrossEntropy(), [0, 1], ShapeError, "3 rows and y has 2"),
        (SigmoidCrossEntropy(), np.full((3, 3), 2), DataError, "between 0 and 1"),
        (SigmoidCrossEntropy(), [0, 1, 1], ShapeError, r"got \(3,\)"),
        (MeanSquaredError(), np.full((3, 3), np.nan), DataError, "finite"),
        (MeanSquaredError(), np.full((3, 3), "a"), DataError, "numbers"),
        (MeanSquaredError(), np.zeros((3, 2)), ShapeError, r"got \(3, 2\)"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(loss, y, error, message):
    with pytest.raises(error, match=message):
        network_of(loss).loss_and_gradients(np.zeros((3, 3)), y)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_label_smoothing_has_bounds(smoothing):
    with pytest.raises(SettingError, match="label_smoothing"):
        SoftmaxCrossEntropy(label_smoothing=smoothing)


def test_softmax_needs_two_classes():
    with pytest.raises(ShapeError, match=r"two classes or more; the network gives \(1,\)"):
        network_of(SoftmaxCrossEntropy(), 1)


@pytest.mark.parametrize(
    ("loss", "y"), [(SoftmaxCrossEntropy(), IDS), (SigmoidCrossEntropy(), YES_NO)]
)
def test_a_recording_cache_shows_the_probabilities(loss, y, rng):
    network, cache = network_of(loss), Cache(training=True, record=True)
    Z = rng.standard_normal((5, 3))
    network.loss_and_gradients(Z, y, cache)
    np.testing.assert_allclose(cache["loss.P"], network.predict_proba(Z), rtol=1e-14)
    np.testing.assert_allclose(cache["loss.dZ"], cache["dX"], rtol=1e-14)
