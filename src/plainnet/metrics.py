"""Measures of predictions: `metric(y_true, y_pred, sample_weight=None)`, a number.

They agree with scikit-learn's. Training lowers a loss; a metric is there to be read, or to decide
when to stop. `METRICS` says what each is computed from, and whether a larger value is better.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainnet.arguments.arrays import as_labels, as_numbers, exact_ids, exponents
from plainnet.data import check_weights
from plainnet.errors import DataError, ShapeError

Array = NDArray[Any]
Weights = ArrayLike | None


@dataclass(frozen=True)
class Metric:
    """A metric, and what has to be known to use it by name.

    `needs` says what `y_pred` is: "classes" as from a classifier's `predict`, "probabilities" as
    from `predict_proba`, or "numbers" as from a regressor's `predict`.
    """

    function: Callable[..., float]
    greater_is_better: bool
    needs: Literal["classes", "probabilities", "numbers"]


# --- from classes ---------------------------------------------------------------------------------


def accuracy(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """The share of examples predicted correctly; with several labels, all have to be right."""
    y_true, y_pred, weights = _classes(y_true, y_pred, sample_weight)
    right = (y_true == y_pred).reshape(len(y_true), -1).all(axis=1)
    return float(np.average(right, weights=weights))


def balanced_accuracy(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """The mean recall: the share of a class predicted correctly, averaged over those in y_true."""
    matrix = confusion_matrix(y_true, y_pred, _shares(sample_weight))
    size = matrix.sum(axis=1)
    return float((matrix.diagonal()[size > 0] / size[size > 0]).mean())


def f1(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """The macro average: the mean over classes of 2 TP / (2 TP + FP + FN), with 0 for 0 / 0."""
    matrix = confusion_matrix(y_true, y_pred, _shares(sample_weight))
    size = matrix.sum(axis=0) + matrix.sum(axis=1)
    return float((2 * matrix.diagonal() / np.where(size > 0, size, 1)).mean())


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: Weights = None,
    *,
    labels: ArrayLike | None = None,
) -> Array:
    """The number or weight of examples of true class i (row) predicted as class j (column).

    The classes are `labels` in the given order, or by default all that occur, sorted.
    """
    y_true, y_pred, _ = _classes(y_true, y_pred, sample_weight)
    weights = (
        None if sample_weight is None else as_numbers("sample_weight", sample_weight).astype(float)
    )
    if y_true.ndim != 1:
        raise ShapeError(f"a confusion matrix needs classes of shape (m,); got {y_true.shape}")
    try:
        classes, ids = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    except TypeError:  # objects of several types
        raise DataError("y_true and y_pred must be labels of one type") from None
    if labels is not None:
        labels = as_labels("labels", labels)
        if labels.ndim != 1:
            raise ShapeError(f"labels must have the shape (classes,); got {labels.shape}")
        same = classes[:, None] == labels
        if not same.any(axis=1).all():
            raise DataError(f"labels lack {classes[~same.any(axis=1)][0]!r}, which occurs")
        classes, ids = labels, same.argmax(axis=1)[ids]
    K = len(classes)
    true, predicted = ids[: len(y_true)], ids[len(y_true) :]
    return np.bincount(true * K + predicted, weights, minlength=K * K).reshape(K, K)


# --- from probabilities ---------------------------------------------------------------------------


def log_loss(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """The mean of -log p, where p is the probability of the true class.

    A p below the epsilon of its dtype counts as epsilon. y_true holds class ids; y_pred has the
    shape (m, K), or, with the probabilities of class 1 alone, (m,) or (m, 1).
    """
    y_true, P = as_labels("y_true", y_true), as_numbers("y_pred", y_pred)
    P = P[:, None] if P.ndim == 1 else P
    one, K = P.shape[1:] == (1,), max(2, 2, *P.shape[1:])
    floats = P.ndim == 2 and P.shape[1] > 0 and P.dtype.kind == "f"
    if not floats or np.shape(y_true)[1:] not in ((), (1,)):
        raise ShapeError(
            "log_loss needs y_true, class ids of shape (m,), and y_pred, floats of shape (m, K); "
            f"got the shapes {np.shape(y_true)} and {np.shape(y_pred)}, {P.dtype}"
        )
    y_true, p, weights = _rows(y_true, P[:, 0], sample_weight)
    if y_true.dtype.kind not in "biu" or y_true.min() < 0 or y_true.max() >= K:
        raise DataError(f"y_true must be class ids from 0 to {K - 1}, for {K} probabilities")
    epsilon = np.finfo(P.dtype).eps
    if one:  # of class 0, log(1 - p) without the rounding of 1 - p
        log_p = np.where(
            y_true == 1, np.log(np.maximum(p, epsilon)), np.log1p(-np.minimum(p, 1 - epsilon))
        )
    else:
        p = np.take_along_axis(P, y_true.astype(np.intp)[:, None], axis=1)[:, 0]
        log_p = np.log(np.maximum(p, epsilon))
    return float(np.average(-log_p, weights=weights))


def roc_auc(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """How often an example of the second class scores higher than one of the first.

    A tie counts as half. This is the area under the ROC curve for two classes (Hanley and McNeil
    1982). y_pred holds scores or probabilities of the second class, or of both, shape (m, 2).
    """
    scores = as_numbers("y_pred", y_pred)
    scores = scores[:, 1] if scores.shape[1:] == (2,) else scores
    y_true, scores, weights = _rows(y_true, scores, sample_weight)
    if np.isnan(scores).any():
        raise DataError("the ROC curve needs scores in an order; got NaN")
    w = np.ones(len(scores)) if weights is None else weights
    labels = np.unique(y_true[w > 0])
    if y_true.ndim != 1 or len(labels) != 2:
        raise DataError(f"the ROC curve needs two classes with weight; y_true has {len(labels)}")
    positive = y_true == labels[1]
    _, rank = np.unique(scores, return_inverse=True)
    above, below = np.bincount(rank, w * positive), np.bincount(rank, w * ~positive)
    won = above * (np.cumsum(below) - below / 2)
    return float(won.sum() / (above.sum() * below.sum()))


# --- from numbers; of several outputs, the mean ---------------------------------------------------


def mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None
) -> float:
    """The mean of (y_true - y_pred)^2; infinite where that exceeds the largest float."""
    y_true, y_pred, weights = _numbers(y_true, y_pred, sample_weight)
    errors, k = _errors(y_true, y_pred)
    return _mean_in_units(np.average(errors**2, axis=0, weights=weights), 2 * k)


def root_mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None
) -> float:
    """The root of the mean squared error, in the units of y; with several outputs, their mean."""
    y_true, y_pred, weights = _numbers(y_true, y_pred, sample_weight)
    errors, k = _errors(y_true, y_pred)
    return _mean_in_units(np.sqrt(np.average(errors**2, axis=0, weights=weights)), k)


def mean_absolute_error(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None
) -> float:
    """The mean of |y_true - y_pred|, in the units of y."""
    y_true, y_pred, weights = _numbers(y_true, y_pred, sample_weight)
    errors, k = _errors(y_true, y_pred)
    return _mean_in_units(np.average(np.abs(errors), axis=0, weights=weights), k)


def r2_score(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights = None) -> float:
    """1 minus the squared error divided by that of predicting the mean of y_true.

    For a constant y_true it is 1 if all predictions are exact, otherwise 0. With several outputs,
    it is the mean over the outputs.
    """
    y_true, y_pred, weights = _numbers(y_true, y_pred, sample_weight)
    errors, k = _errors(y_true, y_pred)
    error = np.average(errors**2, axis=0, weights=weights)
    scale = exponents(y_true)
    y_true = np.ldexp(y_true, -scale)
    mean = np.average(y_true, axis=0, weights=weights)
    deviations, own = _errors(y_true, np.broadcast_to(mean, y_true.shape))
    variance = np.average(deviations**2, axis=0, weights=weights)
    constant = (variance == 0) | (y_true == y_true[0]).all(axis=0)
    with np.errstate(over="ignore"):
        ratio = np.ldexp(error / np.where(constant, 1, variance), 2 * (k - scale - own))
        return float(np.where(constant, error == 0, 1 - ratio).mean())


def _errors(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """y_true - y_pred divided by 2^k, and k for each output: squares must not leave the range."""
    scale = np.maximum(np.maximum(exponents(y_true), exponents(y_pred)), 0)
    errors = np.ldexp(y_true, -scale) - np.ldexp(y_pred, -scale)
    own = exponents(errors)
    return np.ldexp(errors, -own), scale + own


def _mean_in_units(measures: Array, k: Array) -> float:
    """The mean over the outputs of measures 2^k, without a warning where that is infinite."""
    with np.errstate(over="ignore"):
        return float(np.ldexp(measures, k).mean())


METRICS = {
    "accuracy": Metric(accuracy, True, "classes"),
    "balanced_accuracy": Metric(balanced_accuracy, True, "classes"),
    "f1": Metric(f1, True, "classes"),
    "log_loss": Metric(log_loss, False, "probabilities"),
    "roc_auc": Metric(roc_auc, True, "probabilities"),
    "mean_squared_error": Metric(mean_squared_error, False, "numbers"),
    "root_mean_squared_error": Metric(root_mean_squared_error, False, "numbers"),
    "mean_absolute_error": Metric(mean_absolute_error, False, "numbers"),
    "r2_score": Metric(r2_score, True, "numbers"),
}
"""The metrics by the names that `train` and the estimators accept."""


# --- what comes in --------------------------------------------------------------------------------

FAMILIES = dict.fromkeys("biuf", "numbers") | {
    "U": "text",
    "S": "bytes",
    "M": "dates",
    "m": "times",
}


def _rows(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights
) -> tuple[Array, Array, Array | None]:
    """Both as arrays of one shape, where (m, 1) is (m,), and the weights divided by the largest."""
    arrays = [as_labels("y_true", y_true), as_labels("y_pred", y_pred)]
    true, predicted = (y[:, 0] if y.shape[1:] == (1,) else y for y in arrays)
    if true.shape != predicted.shape or true.ndim == 0 or true.size == 0:
        raise ShapeError(
            "y_true and y_pred must have the same shape, with at least one row; got "
            f"{arrays[0].shape} and {arrays[1].shape}"
        )
    if sample_weight is None:
        return true, predicted, None
    return true, predicted, check_weights(sample_weight, len(true), np.float64)


def _classes(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights
) -> tuple[Array, Array, Array | None]:
    """`_rows` of labels that can be compared."""
    true, predicted, weights = _rows(y_true, y_pred, sample_weight)
    kinds = {FAMILIES[y.dtype.kind] for y in (true, predicted) if y.dtype.kind in FAMILIES}
    if len(kinds) > 1:
        raise DataError(
            f"y_true and y_pred must be labels of one type; got {true.dtype} and {predicted.dtype}"
        )
    return *_comparable(true, predicted), weights


def _comparable(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Class ids of two dtypes as one that holds both exactly: NumPy's common one may be a float."""
    kinds = y_true.dtype.kind + y_pred.dtype.kind
    if kinds in ("iu", "ui") and np.result_type(y_true, y_pred).kind == "f":
        return y_true.astype(object), y_pred.astype(object)
    if kinds in ("if", "uf", "fi", "fu"):
        dtype = next(y.dtype for y in (y_true, y_pred) if y.dtype.kind == "f")
        ends = [abs(end.item()) for y in (y_true, y_pred) for end in (y.min(), y.max())]
        if max(ends) >= exact_ids(dtype):
            raise DataError(
                f"y_true is {y_true.dtype} and y_pred {y_pred.dtype}, and {dtype} does not tell "
                f"neighbours apart from {exact_ids(dtype):,} on: pass both as integers"
            )
    return y_true, y_pred


def _shares(sample_weight: Weights) -> Array | None:
    """The weights divided by the largest, so that no sum of them overflows."""
    if sample_weight is None:
        return None
    weights = as_numbers("sample_weight", sample_weight)
    return check_weights(weights, weights.size, np.float64)


def _numbers(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: Weights
) -> tuple[Array, Array, Array | None]:
    numbers = as_numbers("y_true", y_true), as_numbers("y_pred", y_pred)
    true, predicted, weights = _rows(*numbers, sample_weight)
    whole = true.dtype.kind in "iu" and predicted.dtype.kind in "iu"
    if whole and max(abs(int(end)) for y in (true, predicted) for end in (y.min(), y.max())) > (
        exact_ids(np.float64)
    ):  # differences are exact where the numbers are not
        least = int(true.min())
        true, predicted = true.astype(object) - least, predicted.astype(object) - least
    return true.astype(np.float64), predicted.astype(np.float64), weights
