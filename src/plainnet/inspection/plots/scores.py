"""How good predictions are: scikit-learn's plots for networks and estimators, and intervals."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers
from plainnet.errors import (
    SettingError,
    ShapeError,
    optional,
    require_integer,
    require_number,
    require_one_of,
    shown,
)
from plainnet.inspection.plots.axes import BLUE, ORANGE, axes_or_new
from plainnet.inspection.plots.predictions import (
    class_names_of,
    classes_of,
    is_classifier,
    predicted_classes,
    predicted_numbers,
    probabilities,
    require_known,
    require_model,
    targets,
)

Array = npt.NDArray[Any]


def confusion(
    model: Any,
    X: Any,
    y: Any,
    *,
    normalize: Literal["true", "pred", "all"] | None = None,
    class_names: Any = None,
    ax: Any = None,
) -> Any:
    """Draw a confusion matrix with scikit-learn's `ConfusionMatrixDisplay`.

    Parameters
    ----------
    model : Network or estimator
        A model that predicts one class for each row.
    X : rows, as the model takes them
    y : array of shape (m,)
        Class ids of a network, labels of an estimator.
    normalize : "true", "pred" or "all", optional
        Show shares instead of counts: of each class, of each prediction, or of all rows.
    class_names : sequence of str, optional
        By default the labels.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its image holds the matrix, shape (K, K): a row for each true class.

    Raises
    ------
    SettingError
        If the model does not predict classes.
    ShapeError, DataError
        If y does not match X or the model.

    Examples
    --------
    >>> from plainnet import Network
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import SigmoidCrossEntropy
    >>> network = Network([Dense(1)], loss=SigmoidCrossEntropy(), input_shape=1)
    >>> network["0.dense.W"] = [[1.0]]
    >>> ax = confusion(network, [[-2.0], [-1.0], [1.0]], [0, 1, 1])
    >>> ax.images[0].get_array().data
    array([[1, 0],
           [1, 1]])
    """
    _require_classes(model)
    if normalize is not None:
        require_one_of("normalize", normalize, ("true", "pred", "all"))
    y = targets(X, y, numbers=False)
    predicted, labels = predicted_classes(model, X), classes_of(model)
    labels = np.unique(np.concatenate([y, predicted])) if labels is None else labels
    require_known(y, labels)
    names = class_names_of(class_names, labels)
    metrics = optional("sklearn.metrics", purpose="a confusion matrix", extra="sklearn")
    ax = axes_or_new(ax)
    upright = len(names) * max(map(len, names)) > 30  # they would overlap
    display = metrics.ConfusionMatrixDisplay.from_predictions(
        y, predicted, labels=labels, display_labels=names, normalize=normalize, cmap="Blues",
        xticks_rotation="vertical" if upright else "horizontal", ax=ax,
        values_format=None if normalize is None else ".2f",
    )  # fmt: skip
    ax.set(xlabel="predicted", ylabel="true")
    return display.ax_


def calibration(
    model: Any,
    X: Any,
    y: Any,
    *,
    label: Any = None,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    ax: Any = None,
) -> Any:
    """Draw a calibration curve with scikit-learn's `CalibrationDisplay`.

    If the model gives a class a probability of about 0.8, eight in ten such rows should belong to
    it; then the curve lies on the diagonal. With more than two classes, the curve compares the
    probability of the predicted class with how often it is right (Guo et al. 2017).

    Parameters
    ----------
    model : Network or estimator
        A model with class probabilities, one class for each row.
    X : rows, as the model takes them
    y : array of shape (m,)
        Class ids of a network, labels of an estimator.
    label : optional
        The class whose probability is drawn; by default the second of two, or the predicted one.
    bins : int
        Number of bins.
    strategy : "uniform" or "quantile"
        Bins of equal width, or with equal numbers of rows.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its second line is the curve.

    Raises
    ------
    SettingError
        If the model gives no probabilities, or the label is not one of its classes.
    ShapeError, DataError
        If y does not match X or the model.

    Examples
    --------
    >>> from plainnet import Network
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import SigmoidCrossEntropy
    >>> network = Network([Dense(1)], loss=SigmoidCrossEntropy(), input_shape=1)
    >>> network.parameters[:] = 0.0  # a probability of 0.5 for all
    >>> ax = calibration(network, np.ones((4, 1)), [0, 1, 1, 1])
    >>> ax.get_lines()[1].get_xydata()
    array([[0.5 , 0.75]])
    """
    _require_classes(model)
    bins = require_integer("bins", bins, at_least=1)
    require_one_of("strategy", strategy, ("uniform", "quantile"))
    P, labels = probabilities(model, X), classes_of(model)
    if P is None or labels is None or P.ndim != 2 or P.shape[1] != len(labels):
        raise SettingError(
            "model must give the probability of each of its classes, by predict_proba; got "
            f"{shown(model)}"
        )
    y = targets(X, y, numbers=False)
    require_known(y, labels)
    if label is None and len(labels) == 2:
        label = labels[1]
    if label is None:
        probability, right = P.max(axis=1), labels[P.argmax(axis=1)] == y
        axes_labels = ("probability of the predicted class", "share that is right")
    else:
        (found,) = np.nonzero(labels == label)
        if not len(found):
            raise SettingError(f"label must be one of {shown(labels.tolist())}; got {shown(label)}")
        probability, right = P[:, found[0]], y == label
        axes_labels = (f"probability of class {label}", f"share of class {label}")
    displays = optional("sklearn.calibration", purpose="a calibration curve", extra="sklearn")
    ax = axes_or_new(ax)
    display = displays.CalibrationDisplay.from_predictions(
        right.astype(int), np.clip(probability, 0, 1), n_bins=bins, strategy=strategy, pos_label=1,
        name=type(model).__name__, color=BLUE, ax=ax,
    )  # fmt: skip
    ax.set(xlabel=axes_labels[0], ylabel=axes_labels[1], aspect="equal")
    return display.ax_


def residuals(
    model: Any,
    X: Any,
    y: Any,
    *,
    kind: Literal["residual_vs_predicted", "actual_vs_predicted"] = "residual_vs_predicted",
    ax: Any = None,
) -> Any:
    """Draw residuals over predictions with scikit-learn's `PredictionErrorDisplay`.

    A residual is y minus the prediction. A curved cloud means that the model has missed some
    structure, and a funnel means that errors grow with the prediction.

    Parameters
    ----------
    model : Network or estimator
        A model that predicts one number for each row.
    X : rows, as the model takes them
    y : array of shape (m,)
    kind : "residual_vs_predicted" or "actual_vs_predicted"
        What is drawn over the prediction: the residual or y.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its points are (prediction, residual) or (prediction, y).

    Raises
    ------
    SettingError
        If the model predicts classes.
    ShapeError, DataError
        If the model predicts several numbers, or y does not match X.

    Examples
    --------
    >>> from plainnet import Network
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=1)
    >>> network["0.dense.W"] = [[2.0]]
    >>> residuals(network, [[1.0], [2.0]], [3.0, 4.5]).collections[0].get_offsets().data
    array([[2. , 1. ],
           [4. , 0.5]])
    """
    require_model(model)
    require_one_of("kind", kind, ("residual_vs_predicted", "actual_vs_predicted"))
    if is_classifier(model):
        raise SettingError(
            f"model must predict numbers; {shown(model)} predicts classes: use confusion"
        )
    y = targets(X, y, numbers=True)
    predicted = predicted_numbers(model, X)
    metrics = optional("sklearn.metrics", purpose="residuals", extra="sklearn")
    ax = axes_or_new(ax)
    display = metrics.PredictionErrorDisplay.from_predictions(
        y, predicted, kind=kind, ax=ax, subsample=None,
        scatter_kwargs={"color": BLUE, "alpha": 0.7, "s": 16},
    )  # fmt: skip
    label = "y" if kind == "actual_vs_predicted" else "residual, y - prediction"
    ax.set(xlabel="prediction", ylabel=label)
    ticker = optional("matplotlib.ticker", purpose="plots", extra="plots")
    for axis in (ax.xaxis, ax.yaxis):  # round numbers in place of the ends
        axis.set_major_locator(ticker.AutoLocator())
    return display.ax_


def intervals(model: Any, X: Any, y: Any, *, coverage: float = 0.9, ax: Any = None) -> Any:
    """Draw a model's prediction intervals and the targets, with rows sorted by interval midpoint.

    The title says how many targets lie within their intervals. Good intervals are wide where
    targets are scattered, and narrow where they are not.

    Parameters
    ----------
    model : estimator
        A model with `predict_interval(X, coverage)`, such as `TabularRegressor`, and one number
        per row.
    X : rows, as the model takes them
    y : array of shape (m,)
    coverage : float
        The wanted share of targets within the intervals, between 0 and 1.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    SettingError
        If the model has no `predict_interval`.
    ShapeError, DataError
        If the model predicts several numbers, or y does not match X.

    Examples
    --------
    >>> class Guess:
    ...     def predict_interval(self, X, coverage):
    ...         return np.array([[x - coverage, x + coverage] for x in X])
    >>> ax = intervals(Guess(), [1.0, 0.0, 3.0], [1.5, 0.5, 5.0])
    >>> ax.get_title()
    '2 of 3 targets (67%) within; 90% are expected'
    """
    if not callable(getattr(model, "predict_interval", None)) or isinstance(model, type):
        raise SettingError(
            "model must have predict_interval, as TabularRegressor and TextRegressor have; got "
            f"{shown(model)}"
        )
    coverage = require_number("coverage", coverage, above=0, below=1)
    y = targets(X, y, numbers=True)
    ends = as_numbers("the model's intervals", model.predict_interval(X, coverage=coverage))
    if ends.shape != (len(y), 2):
        raise ShapeError(
            f"predict_interval must give a lower and an upper end for each row, shape "
            f"{(len(y), 2)}; it gave {ends.shape}"
        )
    order = np.argsort(ends.mean(axis=1), kind="stable")
    low, high = ends[order].T.astype(np.float64)
    y = y[order]
    within = (low <= y) & (y <= high)
    place = np.arange(len(y))
    ax = axes_or_new(ax)
    ax.vlines(place, low, high, color=BLUE, alpha=0.4, linewidth=min(6.0, 250 / len(y)))
    for meant, color, marker, label in (
        (within, BLUE, "o", "within"), (~within, ORANGE, "X", "outside"),
    ):  # fmt: skip
        ax.scatter(place[meant], y[meant], color=color, marker=marker, label=label, s=16, zorder=3)
    n, m = int(within.sum()), len(y)
    ax.set(
        xlabel="row, in the order of the middles", ylabel="y",
        title=f"{n} of {m} targets ({n / m:.0%}) within; {coverage:.0%} are expected",
    )  # fmt: skip
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


def _require_classes(model: Any) -> None:
    require_model(model)
    if not is_classifier(model):
        raise SettingError(f"model must predict classes; got {shown(model)}")
