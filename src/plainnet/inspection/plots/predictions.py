"""A model's predictions for rows: classes with probabilities, or numbers.

A model is a `Network`, whose classes are ids, or an estimator with scikit-learn's methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, as_labels, as_numbers
from plainnet.errors import DataError, SettingError, ShapeError, counted, shown
from plainnet.network import Network

Array = npt.NDArray[Any]


def require_model(model: Any) -> None:
    """Refuse a model that cannot predict, or that predicts several outputs at once."""
    if not callable(getattr(model, "predict", None)) or isinstance(model, type):
        raise SettingError(
            f"model must be a Network or a fitted estimator with predict; got {shown(model)}"
        )
    if isinstance(model, Network) and (model.body.gives_several or len(model.output_shape) != 1):
        raise SettingError(
            "model must have one vector of outputs for each row; the network's outputs have the "
            f"shape {model.output_shape}"
        )


def is_classifier(model: Any) -> bool:
    """Whether it predicts classes."""
    if isinstance(model, Network):
        return model.loss.is_classifier
    return hasattr(model, "classes_") or callable(getattr(model, "predict_proba", None))


def classes_of(model: Any) -> Array | None:
    """Its labels in the order of the probabilities, if they are known before prediction."""
    if isinstance(model, Network):
        (k,) = model.output_shape
        return np.arange(max(k, 2))
    labels = getattr(model, "classes_", None)
    return None if labels is None else as_labels("the model's classes_", labels)


def predicted_classes(model: Any, X: Any) -> Array:
    """The predicted labels, shape (m,)."""
    return _one_each(model, as_labels("the model's predictions", model.predict(X)))


def probabilities(model: Any, X: Any) -> Array | None:
    """Class probabilities, shape (m, K), float64; None if the model gives none."""
    gives = not isinstance(model, Network) or model.loss.gives_probabilities
    if not gives or not callable(getattr(model, "predict_proba", None)):
        return None
    P = as_numbers("the model's probabilities", model.predict_proba(X)).astype(np.float64)
    if isinstance(model, Network) and P.shape[1] == 1:
        return np.hstack([1 - P, P])
    if P.ndim != 2 or not np.allclose(P.sum(axis=1), 1, atol=1e-3):
        raise SettingError(
            "model must choose one class for each row, so that the probabilities of a row sum to "
            f"1; {shown(model)} gives them for several labels"
        )
    return P


def predicted_numbers(model: Any, X: Any) -> Array:
    """The predictions of a model with one output, shape (m,), float64."""
    made = as_numbers("the model's predictions", model.predict(X)).astype(np.float64)
    return _one_each(model, made)


def _one_each(model: Any, predictions: Array) -> Array:
    if predictions.ndim == 2 and predictions.shape[1] == 1:
        return predictions[:, 0]
    if predictions.ndim != 1:
        raise ShapeError(
            f"the model must predict one thing for each row, shape (m,); {type(model).__name__} "
            f"predicts {predictions.shape}"
        )
    return predictions


def targets(X: Any, y: Any, *, numbers: bool) -> Array:
    """y as an array of shape (m,) for the m rows of X: finite numbers, or labels."""
    found = as_numbers("y", y).astype(np.float64) if numbers else as_labels("y", y)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    m = X.shape[0] if hasattr(X, "shape") else len(X)
    if found.shape != (m,) or m == 0:
        raise ShapeError(
            f"y must have one target for each of X's {counted(m, 'row')}, and one row at least; "
            f"got shape {as_array('y', y).shape}"
        )
    if numbers and not np.isfinite(found).all():
        raise DataError(f"y must be finite; got {found[~np.isfinite(found)][0]}")
    return found


def require_known(y: Array, labels: Array) -> None:
    """Refuse labels that are not among the model's classes."""
    unknown = [label for label in np.unique(y).tolist() if label not in labels.tolist()]
    if unknown:
        raise DataError(
            f"y must hold classes of the model, {shown(labels.tolist())}; got {shown(unknown[0])}"
        )


def class_names_of(names: Any, labels: Array) -> list[str]:
    """The names of the classes in a plot."""
    if names is None:
        return [str(label) for label in labels.tolist()]
    given = [str(name) for name in names] if np.iterable(names) else []
    if isinstance(names, str) or len(given) != len(labels):
        raise SettingError(
            f"class_names must be {len(labels)} names, one for each class; got {shown(names)}"
        )
    return given
