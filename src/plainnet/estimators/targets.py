"""Targets: maps class labels to integers and back, and handles one or several outputs."""

# scikit-learn has no types.
# mypy: disable-error-code="misc,untyped-decorator"
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from plainnet.arguments.arrays import REAL, as_array, as_labels, exact_ids, exponents
from plainnet.errors import DataError, SettingError, ShapeError, counted
from plainnet.estimators.base import Array, NeuralEstimator, plain_targets
from plainnet.metrics import r2_score


class Classifier(ClassifierMixin, NeuralEstimator):
    """Works with class ids and returns the user's labels; or 0 and 1 for each of several labels."""

    _metric = "accuracy"

    def predict(self, X: Any) -> Array:
        """The most probable class of each row, shape (m,), or 0 and 1 per label, shape (m, k)."""
        return self._decide(self._outputs(self._features(X)))

    def _gives_probabilities(self) -> bool:
        network = vars(self).get("network_")
        if network is not None and not network.loss.gives_probabilities:
            raise AttributeError(f"{network.loss!r} gives scores and no probabilities")
        return True

    @available_if(lambda self: self._gives_probabilities())
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, shape (m, classes), in the order of `classes_`; or one for each label.

        After fitting with a loss that gives no probabilities, such as `Hinge`, it is missing.
        """
        Z = self._outputs(self._features(X))
        P = self.network_.loss.activate(Z)
        if self._multilabel or P.shape[1] > 1:
            return P
        if len(self.classes_) == 1:
            return np.ones_like(P)
        return np.hstack([self.network_.loss.activate(-Z), P])  # 1 - P would round to 0

    @available_if(lambda self: self._gives_probabilities())
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def _notes_on(self, Z: Array) -> tuple[str, ...]:
        columns = ", ".join(map(repr, self.classes_.tolist()))
        known = f"the classes are {columns}"
        if Z.shape[1] < len(self.classes_):
            known += f", and P is the probability of {self.classes_.tolist()[-1]!r}"
        return (known, *super()._notes_on(Z))

    def _decide(self, Z: Array) -> Array:
        if self._multilabel:
            return self.network_.loss.decide(Z).reshape(len(Z), -1)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(Z))
        return np.asarray(self.classes_[self.network_.loss.decide(Z)])

    def _expect_prediction(self, X: Any) -> None:
        """Also what the labels of all classes are."""
        super()._expect_prediction(X)
        classes, several = self.classes_, self._multilabel
        if not (isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes)):
            raise DataError("its classes_ are not an array of labels")
        as_labels("classes_", classes).tolist()  # which raises for characters that do not exist
        if classes.dtype.kind == "f" and not np.isfinite(classes).all():
            raise DataError("its classes_ hold NaN or infinity")
        ascending = (classes[1:] > classes[:-1]).all()
        if not isinstance(several, bool) or not (several or ascending):
            raise DataError("its classes_ are not in ascending order")
        outputs = self.network_.output_shape[-1]
        one_output = outputs == 1 and len(classes) == 2 and not several
        if outputs != len(classes) and len(classes) > 1 and not one_output:
            raise DataError(f"its network has {outputs} outputs for {len(classes)} classes")

    # --- labels ----------------------------------------------------------------------------------

    def _declare_classes(self, classes: npt.ArrayLike) -> None:
        """The classes that a first call of partial_fit was told."""
        self.classes_ = unique_labels(classes)

    def _labels(self, y: Array, fresh: bool, incremental: bool) -> Array:
        """Learn the classes, or compare with those learned; y as checked."""
        missing = sum(label is None for label in y) if y.dtype == object else 0
        if missing:
            raise DataError(f"y has None in {missing} of {len(y)} rows, which is not a class")
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        check_classification_targets(y)
        if kind == "multiclass-multioutput":
            raise DataError("Multioutput targets with several classes each are not supported")
        several = kind == "multilabel-indicator"
        if fresh:
            self._multilabel = several
        elif several != self._multilabel:
            known = "several labels" if self._multilabel else "one class"
            raise DataError(f"y is {kind}, and training began with {known} per row")
        if several:
            if fresh:
                self.classes_ = np.arange(y.shape[1])
            _expect_columns(y, len(self.classes_))
            return y
        y = column_or_1d(y, warn=True)
        if not fresh or incremental:
            y = _in_the_dtype_of(self.classes_, y)
        classes = unique_labels(y)
        if fresh and not incremental:
            self.classes_ = classes
        elif not incremental and set(classes) != set(self.classes_):
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        elif len(np.setdiff1d(classes, self.classes_)):
            raise DataError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )
        return y

    def _targets(self, y: Array) -> Array:
        """Class ids, shape (m,), or rows of 0 and 1."""
        if self._multilabel:
            return np.asarray(y)
        return np.searchsorted(self.classes_, y)

    @property
    def _n_targets(self) -> int:
        """Outputs that the network needs: one where there are no more than two classes."""
        K = len(self.classes_)
        return K if self._multilabel or K > 2 else 1

    def _class_weights(self, targets: Array, weights: Array | None) -> Array | None:
        """`class_weight` as a factor for each row; counts for "balanced" are in weight."""
        wanted = self.class_weight
        if wanted is None:
            return None
        if self._multilabel:
            raise SettingError("class_weight needs one class per row; y has several labels")
        K = len(self.classes_)
        if wanted == "balanced":
            shares = None if weights is None else weights / weights.max()
            counts = np.bincount(targets, shares, minlength=K)
            factors = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1e-300))
            return np.asarray(factors[targets])
        factors = np.ones(K)
        for label, factor in wanted.items():
            place = np.flatnonzero(self.classes_ == label)
            if not len(place):
                raise SettingError(
                    f"class_weight has {label!r}, which is none of the classes {self.classes_}"
                )
            factors[place] = factor
        return np.asarray(factors[targets])

    def _strata(self, y: Array) -> Array | None:
        return None if self._multilabel else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _in_the_dtype_of(classes: Array, y: Array) -> Array:
    """Integer labels as integers of the classes' dtype: the common one of two may be a float."""
    if classes.dtype.kind not in "iu" or y.dtype.kind not in "iuf" or classes.dtype == y.dtype:
        return y
    if y.dtype.kind == "f" and np.abs(y).max() >= exact_ids(y.dtype):
        raise DataError(
            f"y is {y.dtype}, which does not tell neighbours apart from {exact_ids(y.dtype):,} on, "
            "and the classes are integers: pass integers"
        )
    if np.result_type(classes, y).kind != "f":
        return y
    limits = np.iinfo(classes.dtype)
    unknown = [label for label in y.tolist() if not limits.min <= label <= limits.max]
    if unknown or (y.dtype.kind == "f" and (y != np.rint(y)).any()):
        return y
    return y.astype(classes.dtype)


def _expect_columns(y: Array, known: int) -> None:
    """Refuse targets that are more or fewer to a row than those that training began with."""
    given = 1 if y.ndim == 1 else y.shape[1]
    if given != known:
        raise ShapeError(
            f"y has the shape {y.shape}, {counted(given, 'target')} to a row, and training began "
            f"with {known}"
        )


class Regressor(RegressorMixin, NeuralEstimator):
    """Predicts numbers, one or several per row."""

    _metric = "r2_score"

    def predict(self, X: Any) -> Array:
        """The predicted numbers, shape (m,), or (m, k) for k outputs."""
        return self._decide(self._outputs(self._features(X)))

    def _decide(self, Z: Array) -> Array:
        return self.network_.loss.decide(Z)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R^2, averaged over outputs; y may have any magnitude, or be constant."""
        y = as_array("y", plain_targets(y))
        if y.dtype.kind in REAL and y.size and ((y == y[0]).all() or exponents(y).any()):
            return r2_score(y, self.predict(X), sample_weight)
        return float(super().score(X, y, sample_weight))

    def _expect_squares(self, y: Array) -> None:
        """Refuse targets whose squared errors the network's dtype cannot hold."""
        if not self.network_.loss.squares_errors:
            return
        limits = np.finfo(self.network_.dtype)
        with np.errstate(over="ignore"):
            sizes = np.abs(y.astype(np.float64)).max(axis=0)
        for largest in np.atleast_1d(sizes):
            if 0 < largest < limits.tiny**0.5 or limits.max**0.5 < largest < np.inf:
                raise DataError(
                    f"the largest of the targets y is {largest:.3g}, whose square {limits.dtype} "
                    "cannot hold: divide y by it, or use TabularRegressor, which standardises y"
                )

    def _labels(self, y: Array, fresh: bool, incremental: bool) -> Array:
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        if fresh:
            self._n_outputs = 1 if y.ndim == 1 else y.shape[1]
        _expect_columns(y, self._n_outputs)
        return y

    def _targets(self, y: Array) -> Array:
        return np.asarray(y)

    @property
    def _n_targets(self) -> int:
        return self._n_outputs

    def _class_weights(self, targets: Array, weights: Array | None) -> Array | None:
        return None

    def _strata(self, y: Array) -> Array | None:
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
