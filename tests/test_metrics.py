"""Metrics agree with scikit-learn's, weights and odd inputs included."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from plainnet import metrics
from plainnet.errors import DataError, ShapeError
from plainnet.metrics import METRICS

same_every_time = settings(max_examples=50, deadline=None, derandomize=True)

REFERENCE: dict[str, Callable[..., float]] = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "f1": lambda y, p, **w: reference.f1_score(y, p, average="macro", zero_division=0, **w),
    "log_loss": reference.log_loss,
    "roc_auc": lambda y, p, **w: reference.roc_auc_score(y, p[:, 1], **w),
    "mean_squared_error": reference.mean_squared_error,
    "root_mean_squared_error": reference.root_mean_squared_error,
    "mean_absolute_error": reference.mean_absolute_error,
    "r2_score": reference.r2_score,
}


def draw(needs: str, m: int, K: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random y_true and y_pred."""
    if needs == "numbers":
        y = 3 * rng.standard_normal((m, K)) + 1
        return y, y + rng.standard_normal((m, K))
    y = np.concatenate([np.arange(K), rng.integers(0, K, m - K)])
    if needs == "classes":
        return y, np.where(rng.random(m) < 0.5, y, rng.integers(0, K, m))
    P = np.round(rng.dirichlet(np.ones(K), m), 1)  # so that there are ties, zeros and ones
    return y, P / P.sum(axis=1, keepdims=True)


def call(function: Callable[..., float], *arguments: np.ndarray, **weights: np.ndarray) -> float:
    """A class without weight is no cause for a warning here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **weights)


@pytest.mark.parametrize("name", METRICS)
@same_every_time
@given(m=st.integers(4, 40), K=st.integers(2, 4), seed=st.integers(0, 2**32 - 1), w=st.booleans())
def test_it_is_scikit_learns(name, m, K, seed, w):
    rng = np.random.default_rng(seed)
    y, predicted = draw(METRICS[name].needs, m, 2 if name == "roc_auc" else K, rng)
    weights = {}
    if w:
        weights = {"sample_weight": rng.integers(0, 4, m) * 0.7}
        weights["sample_weight"][: 2 if name == "roc_auc" else 1] = 1
    value = METRICS[name].function(y, predicted, **weights)
    expected = call(REFERENCE[name], y, predicted, **weights)
    assert type(value) is float
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@same_every_time
@given(m=st.integers(1, 30), seed=st.integers(0, 2**32 - 1), w=st.booleans())
def test_confusion_matrix_is_scikit_learns(m, seed, w):
    rng = np.random.default_rng(seed)
    y, predicted = np.array(["ape", "bat", "cat", "dog"])[rng.integers(0, 4, (2, m))]
    weights = {"sample_weight": rng.uniform(0.5, 9, m)} if w else {}
    for labels in (None, ["dog", "cow", "cat", "bat", "ape"]):
        value = metrics.confusion_matrix(y, predicted, labels=labels, **weights)
        expected = call(
            lambda *y, **w: reference.confusion_matrix(*y, labels=labels, **w),  # noqa: B023
            y, predicted, **weights,
        )  # fmt: skip
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        assert value.dtype == (np.float64 if w else np.intp)


def test_by_hand():
    y, predicted = [0, 0, 0, 1, 2], [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(
        metrics.confusion_matrix(y, predicted), [[2, 1, 0], [0, 1, 0], [0, 1, 0]]
    )
    assert metrics.accuracy(y, predicted) == 3 / 5
    assert metrics.balanced_accuracy(y, predicted) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.f1(y, predicted) == pytest.approx((4 / 5 + 2 / 4 + 0) / 3)
    assert metrics.log_loss([1, 0], [0.25, 0.5]) == pytest.approx(np.log(8) / 2)
    # Of 2 x 2 pairs, two are won, one is tied and one is lost.
    assert metrics.roc_auc([0, 0, 1, 1], [1.0, 3.0, 1.0, 4.0]) == 2.5 / 4
    assert metrics.mean_squared_error([1, 2], [3, 2]) == 2
    assert metrics.root_mean_squared_error([1, 2], [3, 2]) == pytest.approx(np.sqrt(2))
    assert metrics.mean_absolute_error([1, 2], [3, 2]) == 1
    assert metrics.r2_score([1, 3], [2, 3]) == 0.5


@pytest.mark.parametrize("name", METRICS)
def test_better_is_better(name, rng):
    metric = METRICS[name]
    y, predicted = draw(metric.needs, 40, 2, rng)
    perfect = np.eye(2)[y] if metric.needs == "probabilities" else y
    best, some = metric.function(y, perfect), metric.function(y, predicted)
    assert best > some if metric.greater_is_better else best < some
    assert best == pytest.approx(1 if metric.greater_is_better else 0, abs=1e-15)


def test_every_metric_is_registered_under_its_name():
    functions = {
        name: function
        for name, function in vars(metrics).items()
        if getattr(function, "__module__", "") == "plainnet.metrics" and name[0].islower()
    }
    assert functions.pop("confusion_matrix")
    assert functions == {name: metric.function for name, metric in METRICS.items()}
    assert set(REFERENCE) == set(METRICS)


# --- shapes and types -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_a_column_is_as_good_as_a_vector(name, rng):
    needs = METRICS[name].needs
    y, predicted = draw(needs, 20, 2, rng)
    if needs == "probabilities":
        predicted = predicted[:, 1]
    elif needs == "numbers":
        y, predicted = y[:, 0], predicted[:, 0]
    expected = METRICS[name].function(y, predicted)
    assert METRICS[name].function(y[:, None], predicted) == expected
    assert METRICS[name].function(y, predicted[:, None]) == expected
    assert METRICS[name].function(y.tolist(), predicted.tolist()) == expected


def test_the_log_loss_of_one_probability_is_exact_for_either_class():
    """-log(1 - p) for class 0, where 1 - p rounds: by the series p + p^2 / 2."""
    p = np.array([1e-4, 3e-5, 0.25], np.float32)
    expected = np.mean([1e-4 + 5e-9, 3e-5 + 4.5e-10, math.log(4)])
    assert metrics.log_loss([0, 0, 1], p) == pytest.approx(expected, rel=1e-6)
    first = metrics.log_loss([0], p[:1])
    assert first == pytest.approx(1.00005e-4, rel=1e-6)
    assert metrics.log_loss([0], np.ones(1)) == pytest.approx(-math.log(2**-52))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1", "r2_score"])
@pytest.mark.parametrize("scale", [1e-300, 1e308])
def test_weights_of_any_size_are_shares(name, scale, rng):
    y, guess = rng.integers(0, 3, (2, 30))
    w = rng.uniform(0.1, 1, 30)
    measure = METRICS[name].function
    expected = measure(y, guess, sample_weight=w)
    assert measure(y, guess, sample_weight=w * scale) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["log_loss", "roc_auc"])
def test_two_probabilities_are_one(name, rng):
    y, P = draw("probabilities", 20, 2, rng)
    assert METRICS[name].function(y, P) == pytest.approx(METRICS[name].function(y, P[:, 1]))


def test_several_labels_are_right_together():
    Y = np.array([[1, 0], [1, 1], [0, 0]])
    predicted = np.array([[1, 0], [1, 0], [0, 0]])
    assert metrics.accuracy(Y, predicted) == reference.accuracy_score(Y, predicted) == 2 / 3


def test_classes_may_have_any_name():
    y, predicted = np.array(["no", "yes", "no"]), np.array(["no", "no", "no"])
    assert metrics.accuracy(y, predicted) == 2 / 3
    assert metrics.balanced_accuracy(y, predicted) == 0.5
    assert metrics.roc_auc(y, [0.1, 0.9, 0.2]) == 1  # "yes" is the second


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_probability_of_zero_is_not_the_end(dtype):
    P = np.array([[1, 0], [0.5, 0.5]], dtype)
    value = metrics.log_loss([1, 0], P)
    assert value == pytest.approx(reference.log_loss([1, 0], P), rel=1e-5)
    assert value == pytest.approx((-np.log(float(np.finfo(dtype).eps)) + np.log(2)) / 2, rel=1e-5)


def test_a_constant_target_is_explained_or_not():
    y = np.ones((4, 2))
    assert metrics.r2_score(y, y) == reference.r2_score(y, y) == 1
    off = y + np.array([0, 1])
    assert metrics.r2_score(y, off) == reference.r2_score(y, off) == 0.5


def test_float32_is_summed_in_float64():
    y = np.full(200_000, 1e4, np.float32)
    assert metrics.mean_absolute_error(y, y + np.float32(0.125)) == 0.125
    assert metrics.mean_squared_error(y, y + np.float32(0.125)) == 0.125**2


def test_a_prediction_that_is_no_number_gives_none():
    P = np.array([[np.nan, np.nan], [0.5, 0.5]])
    assert np.isnan(metrics.log_loss([0, 1], P))
    assert np.isnan(metrics.mean_squared_error([0, 1], [np.nan, 1]))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_what_does_not_fit_is_refused(name, rng):
    function = METRICS[name].function
    y, predicted = draw(METRICS[name].needs, 20, 2, rng)
    with pytest.raises(ShapeError, match=r"same shape.*got \(19.*\) and \(20"):
        function(y[1:], predicted)
    with pytest.raises(ShapeError, match="at least one row"):
        function(y[:0], predicted[:0])
    with pytest.raises(ShapeError, match=r"sample_weight must have the shape \(20,\)"):
        function(y, predicted, np.ones(19))
    with pytest.raises(DataError, match="sample_weight must be finite, >= 0"):
        function(y, predicted, -np.ones(20))


@pytest.mark.parametrize(
    ("name", "y", "predicted", "error", "message"),
    [
        ("mean_squared_error", np.ones((3, 2)), np.ones(3), ShapeError, r"\(3, 2\) and \(3,\)"),
        ("accuracy", 1, 1, ShapeError, r"got \(\) and \(\)"),
        ("log_loss", [0, 2], np.full((2, 2), 0.5), DataError, "ids from 0 to 1, for 2 prob"),
        ("log_loss", [0, -1], np.full((2, 2), 0.5), DataError, "ids from 0 to 1"),
        ("log_loss", ["a", "b"], np.full((2, 2), 0.5), DataError, "class ids"),
        ("log_loss", [0, 1], [0, 1], ShapeError, r"floats of .* \(2,\) and \(2,\), int64"),
        ("log_loss", [0, 1], np.ones((2, 2, 2)), ShapeError, r"\(2,\) and \(2, 2, 2\), float64"),
        ("log_loss", np.eye(2, 3), np.ones((2, 3)), ShapeError, r"ids.*\(2, 3\) and \(2, 3\)"),
        ("roc_auc", [1, 1], [0.5, 0.6], DataError, "two classes with weight; y_true has 1"),
        ("roc_auc", [0, 1, 2], [0.5, 0.6, 0.7], DataError, "y_true has 3"),
        ("roc_auc", [0, 1], [0.5, np.nan], DataError, "got NaN"),
        ("balanced_accuracy", np.eye(2), np.eye(2), ShapeError, r"\(m,\); got \(2, 2\)"),
    ],
)
def test_what_cannot_be_measured_is_refused(name, y, predicted, error, message):
    with pytest.raises(error, match=message):
        METRICS[name].function(y, predicted)


def test_a_class_without_weight_is_no_class():
    with pytest.raises(DataError, match="y_true has 1"):
        metrics.roc_auc([0, 1], [0.5, 0.6], [1, 0])


def test_labels_have_to_be_complete():
    with pytest.raises(DataError, match=r"labels lack .*2.*, which occurs"):
        metrics.confusion_matrix([0, 1], [0, 2], labels=[0, 1])


BIG = 2**53


@pytest.mark.parametrize("signed", [False, True])
def test_ids_that_a_float_would_make_one_stay_apart(signed):
    """NumPy's common dtype of int64 and uint64 is float64."""
    y, guess = np.array([BIG, BIG + 1], np.uint64), np.array([BIG, BIG + 1], np.int64)
    y, guess = (guess, y) if signed else (y, guess)
    np.testing.assert_array_equal(metrics.confusion_matrix(y, guess), [[1, 0], [0, 1]])
    assert metrics.f1(y, guess) == metrics.accuracy(y, guess) == 1
    assert metrics.accuracy(y, guess[::-1]) == metrics.balanced_accuracy(y, guess[::-1]) == 0


@pytest.mark.parametrize(("dtype", "end"), [(np.float32, 2**24), (np.float64, BIG)])
def test_ids_that_came_as_floats_and_may_be_their_neighbours_are_refused(dtype, end):
    for measure in (metrics.accuracy, metrics.confusion_matrix):
        with pytest.raises(DataError, match=f"neighbours apart from {end:,} on: pass both as int"):
            measure(np.array([end + 1]), np.array([end], dtype))
    assert metrics.accuracy(np.array([end - 1]), np.array([end - 1], dtype)) == 1


@pytest.mark.parametrize("measure", [metrics.accuracy, metrics.f1, metrics.confusion_matrix])
def test_labels_of_two_types_are_never_equal(measure):
    for other in (["0", "1"], np.array(["2020", "2021"], "M8[Y]"), [b"0", b"1"]):
        with pytest.raises(DataError, match="y_true and y_pred must be labels of one type"):
            measure([0, 1], other)
        with pytest.raises(DataError, match="y_true and y_pred must be labels of one type"):
            measure(other, [0, 1])


@pytest.mark.parametrize(
    "values", [[1j, 2], ["1", "2"], [None, 1], np.zeros(2, "M8[s]"), [[1], [2, 3]]], ids=str
)
def test_numbers_that_are_none(values):
    for measure in (metrics.mean_squared_error, metrics.mean_absolute_error, metrics.r2_score):
        with pytest.raises(DataError, match="y_true"):
            measure(values, [1, 2])
        with pytest.raises(DataError, match="y_pred"):
            measure([1, 2], values)
    for measure in (metrics.log_loss, metrics.roc_auc):
        with pytest.raises(DataError, match="y_pred"):
            measure([0, 1], values)


FROM_NUMBERS = ["root_mean_squared_error", "mean_absolute_error", "r2_score"]


@pytest.mark.parametrize("k", [-1060, -900, -400, 400, 900, 1020])
@pytest.mark.parametrize("name", FROM_NUMBERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_power_of_two_changes_nothing(k, name, weighted, rng):
    y = rng.integers(-7, 8, size=(30, 2)) / 1.0  # which have few digits, as subnormal numbers
    predicted = y + rng.integers(-3, 4, size=(30, 2))
    weights = rng.random(30) if weighted else None
    measure = METRICS[name].function
    expected = measure(y, predicted, weights)
    found = measure(np.ldexp(y, k), np.ldexp(predicted, k), weights)
    assert found == (expected if name == "r2_score" else np.ldexp(expected, k))


def test_outputs_of_several_scales_count_alike(rng):
    y = rng.normal(size=(30, 3))
    predicted, scales = y + 0.1 * rng.normal(size=y.shape), [1e200, 1e-200, 1]
    R2 = metrics.r2_score(y * scales, predicted * scales)
    assert R2 == pytest.approx(metrics.r2_score(y, predicted))


def test_the_range_is_no_limit_of_errors():
    y, predicted = np.array([1e308, -1e308, 1e308]), np.array([1e308, -1e308, -1e308])
    assert metrics.mean_absolute_error(y, predicted) == pytest.approx(1e308 * (2 / 3))
    assert metrics.root_mean_squared_error(y, predicted) == pytest.approx(1e308 * (2 / 3**0.5))
    assert metrics.r2_score(y, predicted) == pytest.approx(-0.5)
    assert metrics.mean_squared_error(y, predicted) == math.inf
    assert metrics.mean_squared_error(y * 1e-308, predicted * 1e-170) < math.inf
    assert metrics.r2_score([0, 1e-200], [0, 1]) == -math.inf


def test_integers_beyond_2_53_keep_their_differences():
    y = 2**60 + np.arange(4)
    assert metrics.mean_absolute_error(y, y + np.array([0, 1, 0, 1])) == 0.5
    assert metrics.r2_score(y, y[::-1]) == metrics.r2_score(range(4), range(4)[::-1]) == -3
    assert metrics.mean_absolute_error(np.array([2**64 - 1], np.uint64), [0]) == 2.0**64
