"""Classifiers' losses: stability at large logits, probabilities and decisions, class ids."""

import math

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from plainnet import Cache, Network, check_gradients
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Identity, Softmax
from plainnet.losses import Focal, Hinge, Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def network_of(loss: Loss, k: int = 3, dtype: type = np.float64) -> Network:
    """A network whose pre-activations are its input."""
    return Network([Identity()], loss=loss, input_shape=k, dtype=dtype)


def loss_and_gradient(loss: Loss, Z: np.ndarray, y: list[int]) -> tuple[float, np.ndarray]:
    """The mean loss, and its gradient with respect to Z, times the number of examples."""
    cache = Cache(training=True, record=True)
    value = network_of(loss, Z.shape[1], Z.dtype).loss_and_gradients(Z, y, cache)
    return value, cache["dX"] * len(Z)


# --- cross-entropy --------------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_is_stable_at_large_logits(dtype, smoothing):
    loss = SoftmaxCrossEntropy(label_smoothing=smoothing)
    Z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, -1e4], [1e4, 1e4, 1e4]], dtype)
    value, gradient = loss_and_gradient(loss, Z, [0, 0, 1])
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
    np.testing.assert_allclose(gradient, expected_gradient, atol=3e-6)


@dtypes
def test_sigmoid_is_stable_at_large_logits(dtype):
    Z = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype)
    value, gradient = loss_and_gradient(SigmoidCrossEntropy(), Z, [1, 0, 0, 1])
    assert value == pytest.approx(5000)
    np.testing.assert_allclose(gradient, [[0], [0], [1], [-1]], atol=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_label_smoothing_has_bounds(smoothing):
    with pytest.raises(SettingError, match="label_smoothing"):
        SoftmaxCrossEntropy(label_smoothing=smoothing)


# --- focal ----------------------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 5.0])
def test_focal_is_stable_at_large_logits(dtype, gamma):
    Z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, -1e4], [1e4, 1e4, 1e4], [1e4, 1e4, -1e4]], dtype)
    value, gradient = loss_and_gradient(Focal(gamma), Z, [0, 0, 1, 0])
    # Sure and right, sure and wrong, undecided between three and between two.
    third, half = (2 / 3) ** gamma, 0.5**gamma
    expected = [0, 2e4, third * math.log(3), half * math.log(2)]
    assert value == pytest.approx(np.mean(expected), rel=1e-6)
    third *= 1 + gamma / 2 * math.log(3)  # F = q^gamma (1 - gamma (p / q) log p)
    half *= 1 + gamma * math.log(2)
    expected_gradient = [
        [0, 0, 0],
        [-1, 1, 0],
        [third / 3, -2 * third / 3, third / 3],
        [-half / 2, half / 2, 0],
    ]
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-6)


@dtypes
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("lead", [5.0, 12.0, 20.0, 30.0])
def test_focal_is_exact_where_the_true_class_is_all_but_certain(dtype, gamma, lead):
    """There 1 - p rounds to 0 if it is computed as that."""
    q = special.expit(-lead)
    L = -(q**gamma) * special.log_expit(lead)
    F = q**gamma * (1 - gamma * (1 - q) / q * special.log_expit(lead))
    value, gradient = loss_and_gradient(Focal(gamma), np.array([[0, lead]], dtype), [1])
    close = 20 * float(np.finfo(dtype).eps)
    assert value == pytest.approx(L, rel=close)
    np.testing.assert_allclose(gradient, [[F * q, -F * q]], rtol=close)


def test_focal_values_that_the_paper_gives():
    """Lin et al. 2017, section 3.2: with gamma = 2, an example of p = 0.9 counts 100 times less
    than its cross-entropy, one of p = 0.968 about 1000 times less, one of p <= 0.5 at most 4."""
    for p, times in ((0.9, 100), (0.968, 1000), (0.5, 4)):
        Z = np.array([[math.log(p), math.log(1 - p)]])
        plain, _ = loss_and_gradient(SoftmaxCrossEntropy(), Z, [0])
        focal, _ = loss_and_gradient(Focal(), Z, [0])
        assert plain / focal == pytest.approx(times, rel=0.03)


def test_focal_without_focus_is_the_cross_entropy(rng):
    Z, y = 3 * rng.standard_normal((8, 4)), rng.integers(0, 4, 8)
    focal, plain = loss_and_gradient(Focal(0), Z, y), loss_and_gradient(SoftmaxCrossEntropy(), Z, y)
    assert focal[0] == pytest.approx(plain[0], rel=1e-14)
    np.testing.assert_allclose(focal[1], plain[1], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("gamma", [-0.1, float("inf"), float("nan"), "2"])
def test_gamma_has_bounds(gamma):
    with pytest.raises(SettingError, match="gamma must be"):
        Focal(gamma)


def test_a_recording_cache_keeps_what_focal_saw(rng):
    network, cache = network_of(Focal()), Cache(training=True, record=True)
    Z, y = rng.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    network.loss_and_gradients(Z, y, cache)
    P = special.softmax(Z, axis=1)
    np.testing.assert_allclose(cache["loss.p"], P[np.arange(5), y], rtol=1e-14)
    np.testing.assert_allclose(cache["loss.q"], 1 - P[np.arange(5), y], rtol=1e-13)
    np.testing.assert_allclose(cache["loss.surprise"], -np.log(P[np.arange(5), y]), rtol=1e-13)


# --- hinge ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("K", [2, 3, 7])
@pytest.mark.parametrize("w", [None, np.linspace(0, 2, 50)], ids=["even", "weighted"])
def test_hinge_is_that_of_scikit_learn(K, w, rng):
    Z, y = 2 * rng.standard_normal((50, K)), np.resize(np.arange(K), 50)
    value = network_of(Hinge(), K).loss_and_gradients(Z, y, sample_weight=w)
    shown = Z[:, 1] - Z[:, 0] if K == 2 else Z  # for two classes it takes one score
    assert value == pytest.approx(metrics.hinge_loss(y, shown, sample_weight=w), rel=1e-12)


@dtypes
@pytest.mark.parametrize("squared", [False, True])
def test_hinge_by_hand(dtype, squared):
    Z = np.array([[3, 1, 0], [1, 0.5, 0], [1, 4, 2], [1e4, 1e4, -1e4], [0, 0, 0]], dtype)
    value, gradient = loss_and_gradient(Hinge(squared), Z, [0, 0, 2, 0, 1])
    missing = np.array([0, 0.5, 3, 1, 1])  # the margin is kept; half kept; lost; a tie; all tie
    expected = np.array([[0, 0, 0], [-1, 1, 0], [0, 1, -1], [-1, 1, 0], [1, -1, 0]])
    assert value == pytest.approx(np.mean(missing**2 if squared else missing), rel=1e-6)
    if squared:
        expected = expected * 2 * missing[:, None]
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_hinge_keeps_its_unit_margin_at_scores_beyond_their_precision():
    value, _ = loss_and_gradient(Hinge(), np.array([[1e9, 1e9]], np.float32), [0])
    assert value == 1


def test_hinge_squared_is_a_switch():
    with pytest.raises(SettingError, match="squared must be True or False"):
        Hinge(2)


# --- probabilities and decisions ------------------------------------------------------------------


def test_probabilities_and_decisions(rng):
    Z = rng.standard_normal((6, 3))
    for loss in (SoftmaxCrossEntropy(), Focal()):
        network = network_of(loss)
        np.testing.assert_allclose(network.predict_proba(Z), special.softmax(Z, axis=1), rtol=1e-14)
        np.testing.assert_array_equal(network.predict(Z), Z.argmax(axis=1))
    np.testing.assert_array_equal(network_of(Hinge()).predict(Z), Z.argmax(axis=1))
    many = network_of(SigmoidCrossEntropy())
    np.testing.assert_allclose(many.predict_proba(Z), special.expit(Z), rtol=1e-14)
    np.testing.assert_array_equal(many.predict(Z), Z > 0)
    assert network_of(SigmoidCrossEntropy(), 1).predict(Z[:, :1]).shape == (6,)


def test_accuracy_of_one_hot_rows_is_that_of_their_classes(rng):
    Z, y = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    network = network_of(SoftmaxCrossEntropy())
    assert network.evaluate(Z, np.eye(3)[y]) == pytest.approx(network.evaluate(Z, y))


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (SoftmaxCrossEntropy(), [0, 2, 1, 2, 2]),
        (Focal(), [0, 2, 1, 2, 2]),
        (SigmoidCrossEntropy(), np.eye(5, 3)),
    ],
)
def test_a_recording_cache_shows_the_probabilities(loss, y, rng):
    network, cache = network_of(loss), Cache(training=True, record=True)
    Z = rng.standard_normal((5, 3))
    network.loss_and_gradients(Z, y, cache)
    np.testing.assert_allclose(cache["loss.P"], network.predict_proba(Z), rtol=1e-14)
    np.testing.assert_allclose(cache["loss.dZ"], cache["dX"], rtol=1e-14)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        (SoftmaxCrossEntropy(), [0, 1, 3], DataError, "between 0 and 2.*got 0 to 3"),
        (SoftmaxCrossEntropy(), [0, -1, 2], DataError, "got -1 to 2"),
        (SoftmaxCrossEntropy(), [0.0, 1.0, 2.0], DataError, "integers.*float64.*np.unique"),
        (SoftmaxCrossEntropy(), ["a", "b", "c"], DataError, "integers from 0 to 2"),
        (SoftmaxCrossEntropy(), [[0], [1], [2]], ShapeError, r"one-hot.*\(m, 3\); got.*\(3, 1\)"),
        (SoftmaxCrossEntropy(), np.ones((3, 3)), DataError, "sum to 1"),
        (SoftmaxCrossEntropy(), [0, 1], ShapeError, "3 rows and y has 2"),
        (Focal(), np.eye(3), ShapeError, r"class ids of shape \(m,\); got shape \(3, 3\)"),
        (Focal(), [0, 1, 3], DataError, "between 0 and 2.*got 0 to 3"),
        (Hinge(), [0.5, 1, 2], DataError, "integers.*float64"),
        (Hinge(), [-1, 1, 1], DataError, "between 0 and 2.*got -1 to 1"),
        (SigmoidCrossEntropy(), np.full((3, 3), 2), DataError, "between 0 and 1"),
        (SigmoidCrossEntropy(), np.full((3, 3), -0.5), DataError, "got -0.5 to -0.5"),
        (SigmoidCrossEntropy(), [0, 1, 1], ShapeError, r"got \(3,\)"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(loss, y, error, message):
    with pytest.raises(error, match=message):
        network_of(loss).loss_and_gradients(np.zeros((3, 3)), y)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), Focal(), Hinge()], ids=repr)
def test_one_of_several_needs_two_classes(loss):
    with pytest.raises(ShapeError, match=r"two classes or more; the network gives \(1,\)"):
        network_of(loss, 1)
    with pytest.raises(ShapeError, match=r"two classes or more; the network gives \(1,\)"):
        network_of(loss, (2, 1))


def test_focal_has_its_softmax_built_in():
    with pytest.raises(SettingError, match=r"Focal\(\) has Softmax built in"):
        Network([Softmax()], loss=Focal(), input_shape=3)
    Network([Softmax()], loss=Hinge(), input_shape=3)


@pytest.mark.parametrize("loss", [Focal(), Focal(0.5), Hinge(), Hinge(squared=True)], ids=repr)
def test_gradients_of_many_classes(loss):
    check = check_gradients(loss, y=np.arange(20) % 11, input_shape=11, batch_size=20)
    assert check.passed, check
