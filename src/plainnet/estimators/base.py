"""What all estimators share: data in, a network that train() trains, predictions out."""

# scikit-learn has no types.
# mypy: disable-error-code="misc,untyped-decorator"
from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_is_fitted,
    validate_data,
)

from plainnet.arguments.arrays import as_numbers
from plainnet.arguments.config import rebuild
from plainnet.arguments.sparse import DenseSlices, SparseRows
from plainnet.engine.cache import Cache
from plainnet.engine.settings import Limits
from plainnet.engine.stages import Stage, each_row
from plainnet.errors import DataError, SettingError, require_integer, require_type
from plainnet.estimators.state import note_made, packed, unpacked
from plainnet.layers import Dense, Sequential
from plainnet.network import ROWS_AT_ONCE, Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]


TRIED_WITH = 2**20
"""The most numbers that a pass of one row may need when a file is checked."""


@dataclass
class Rows:
    """Examples in the network's form, and in the user's form, which a scorer needs."""

    X: Any
    y: Array
    targets: Array
    weights: Array | None
    raw: Any

    def take(self, rows: Array) -> Rows:
        """Some of the rows."""
        X = self._some(self.X, rows)
        return replace(
            self,
            X=X,
            y=self.y[rows],
            targets=self.targets[rows],
            weights=None if self.weights is None else self.weights[rows],
            raw=X if self.raw is self.X else _safe_indexing(self.raw, rows),
        )

    def _some(self, X: Any, rows: Array) -> Any:
        return _safe_indexing(X, rows)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def weight(self) -> float:
        """How many examples the rows stand for."""
        return float(len(self) if self.weights is None else self.weights.sum())


class NeuralEstimator(BaseEstimator, ABC):
    """A network with scikit-learn's interface; its two subclasses define what targets are."""

    network_: Network
    file_kind = "estimator"

    def _store(self, settings: dict[str, Any]) -> None:
        """Each argument of the constructor under its own name, as scikit-learn requires."""
        self.__dict__.update({name: value for name, value in settings.items() if name != "self"})

    # Pickle, deepcopy and `save` keep the network as its own file would: views would die.
    def __getstate__(self) -> dict[str, Any]:
        return packed(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unpacked(state))
        note_made(self)

    def expect_to_work(self) -> None:
        """Refuse an estimator from a file that could not predict or could not be fitted again."""
        self._validate_params()
        if hasattr(self, "n_features_in_") and "network_" in dir(self):
            self._expect_to_predict()
        optimizer = getattr(self, "_optimizer", None)
        if optimizer is not None:
            rebuild(optimizer.config(), {type(optimizer).__name__: type(optimizer)})
            if isinstance(optimizer, Optimizer):
                optimizer.expect_to_fit(self.network_.parameters)

    def _expect_to_go_on(self, *names: str) -> None:
        """Refuse a file that lacks what a warm start or partial_fit continues from."""
        for name in ("_rng", "_split_seed", *names):
            if name not in vars(self):
                raise DataError(f"it lacks {name}, from which training continues")
        require_type("_rng", vars(self)["_rng"], np.random.Generator)
        require_integer("_split_seed", vars(self)["_split_seed"], at_least=0)

    def _expect_to_predict(self) -> None:
        network, n = self.network_, self.n_features_in_
        shape = tuple(n if axis is None else axis for axis in network.input_shape)
        if not isinstance(n, int) or n not in (shape[0], prod(shape)):
            raise DataError(f"its network takes {network.input_shape}; n_features_in_ is {n!r}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            expect_names(names, n)
        self._expect_prediction(np.zeros((1, *shape), network.dtype))

    def _expect_prediction(self, X: Any) -> None:
        """A prediction for X as `_features` gives it, if it takes little memory."""
        time = self._steps(X)
        if sum(layer.numbers(time) for layer in self.network_.body.walk()) > TRIED_WITH:
            return
        with np.errstate(all="ignore"):
            Z = self._outputs(X)
            if len(self._decide(Z)) != len(X):
                raise DataError("it does not predict a value for each row")

    def _steps(self, X: Any) -> int:
        """Of X as `_features` gives it, how many steps the network takes one after the other."""
        return X.shape[1] if X.ndim > 1 else 1

    # --- what the subclasses say -----------------------------------------------------------------

    _metric: str
    """The measure of a prediction, by its name in `plainnet.metrics`."""

    @abstractmethod
    def _labels(self, y: Array, fresh: bool, incremental: bool) -> Array:
        """Learn what the targets are, or check that they are what was learned."""

    @abstractmethod
    def _targets(self, y: Array) -> Array:
        """y as the loss takes it."""

    @property
    @abstractmethod
    def _n_targets(self) -> int:
        """How many outputs the network needs."""

    @abstractmethod
    def _class_weights(self, targets: Array, weights: Array | None) -> Array | None:
        """A factor for each row's weight."""

    @abstractmethod
    def _strata(self, y: Array) -> Array | None:
        """The labels whose shares a split keeps."""

    def _expect_squares(self, y: Array) -> None:
        """Refuse numbers that the loss cannot square."""

    @abstractmethod
    def _decide(self, Z: Array) -> Array:
        """The prediction from the network's outputs."""

    # --- data in ---------------------------------------------------------------------------------

    _allow_nd = False

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        with np.errstate(invalid="ignore"):  # it takes sums, which may be infinity less infinity
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                allow_nd=self._allow_nd,
                multi_output=True,
                y_numeric=is_regressor(self),
                dtype=(np.float64, np.float32) if reset else self.network_.dtype,
                reset=reset,
            )
        return X, y

    def _features(self, X: Any) -> Any:
        """X for a prediction, checked, in the network's dtype."""
        check_is_fitted(self)
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            allow_nd=self._allow_nd,
            dtype=self.network_.dtype,
            reset=False,
        )

    def _training_rows(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, incremental: bool
    ) -> Rows:
        """The examples that count: rows of weight zero are left out."""
        if self.scoring is not None:
            check_scoring(self, scoring=self.scoring)
        given = X
        X, y = self._checked(X, plain_targets(y), reset=fresh)
        raw = _sliceable(given, X)
        if sample_weight is None:
            weights = None
        else:
            numbers = as_numbers("sample_weight", sample_weight)
            weights = _check_sample_weight(
                numbers if numbers.ndim else float(numbers),
                X,
                dtype=np.float64,
                ensure_non_negative=True,
            )
            if not weights.any():
                raise DataError("sample_weight is zero for every row: nothing can be learned")
            if not weights.all():
                kept = np.flatnonzero(weights)
                part = _safe_indexing(X, kept)
                raw = part if raw is X else _safe_indexing(raw, kept)
                X, y, weights = part, y[kept], weights[kept]
        y = self._labels(y, fresh, incremental)
        return Rows(X, y, self._targets(y), weights, raw)

    def _balanced(self, rows: Rows) -> Rows:
        """The rows, with class weights multiplied into their weights."""
        factors = self._class_weights(rows.targets, rows.weights)
        if factors is None:
            return rows
        weights = factors if rows.weights is None else rows.weights * factors
        return replace(rows, weights=weights)

    def _given_validation(self, X: Any, y: Any) -> Rows | None:
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise SettingError("X_val and y_val belong together; one of them is missing")
        given = X
        X, y = self._checked(X, plain_targets(y), reset=False)
        y = self._labels(y, fresh=False, incremental=True)
        return Rows(X, y, self._targets(y), None, _sliceable(given, X))

    def _split(self, rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
        """(training rows, validation rows), with the classes' shares kept where that is possible.

        The same seed and number of rows give the same split, so that a warm start does not train
        on what it validates on.
        """
        n, labels = len(rows), self._strata(rows.y)
        strata = labels
        if labels is not None and len(np.unique(labels)) > 2:
            counts = np.unique(labels, return_counts=True)[1]
            if counts.min() < 2 or len(counts) > min(fraction, 1 - fraction) * n:
                strata = None  # too few rows to have all classes on both sides
        elif labels is not None:
            strata = rows.targets.astype(bool)[:, None]
        try:
            kept, held = train_test_split(
                np.arange(n), test_size=fraction, random_state=seed, stratify=strata
            )
        except ValueError as error:
            raise DataError(
                f"validation_fraction={fraction:g} of {n} rows cannot be set aside: {error}"
            ) from error
        if len(held) < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                f"your dataset: {fraction:g} of {n} rows is {len(held)}"
            )
        if labels is not None:
            alone = ~np.isin(labels[held], labels[kept])  # nobody would learn these classes
            if alone.any() and np.count_nonzero(~alone) > 1:
                kept, held = np.concatenate([kept, held[alone]]), held[~alone]
        return rows.take(kept), rows.take(held)

    # --- training --------------------------------------------------------------------------------

    def _for_training(self, X: Any) -> Any:
        """X as the network takes it, or as slices of it are taken."""
        if not hasattr(X, "toarray"):
            return X
        if isinstance(self.network_.body, Sequential) and type(self.network_.layers[0]) is Dense:
            return SparseRows(X)
        return DenseSlices(X, X.shape[1:])

    def _for_validation(self, rows: Rows) -> tuple[Any, ...]:
        data = self._for_training(rows.X), rows.targets
        return data if rows.weights is None else (*data, rows.weights)

    def _scorer(self, rows: Rows) -> Callable[[], float] | None:
        """`scoring` on these rows, as they came in; None for the usual measure."""
        if self.scoring is None:
            return None
        scorer = check_scoring(self, scoring=self.scoring)
        given = {} if rows.weights is None else {"sample_weight": rows.weights}
        return lambda: float(scorer(self, rows.raw, rows.y, **given))

    # --- for a diagnosis -------------------------------------------------------------------------

    def _as_learned(self, X: Any, y: Any) -> tuple[Any, Array]:
        """X and y as the networks learn them."""
        rows = self._known_rows(X, y)
        return self._for_training(rows.X), rows.targets

    def _known_rows(self, X: Any, y: Any) -> Rows:
        X, y = self._checked(X, plain_targets(y), reset=False)
        y = self._labels(y, fresh=False, incremental=True)
        return Rows(X, y, self._targets(y), None, X)

    # --- for a trace -----------------------------------------------------------------------------

    def _stage_before(self, X: Any, rows: Any) -> tuple[Stage | None, Any]:
        """What is done to rows before the networks, if anything is, and what the networks get.

        X is what the user has, `rows` what `_features` made of it.
        """
        return None, self._for_training(rows)

    def _stage_after(self) -> Stage | None:
        """What is done to the mean Z of the networks' outputs before the loss's activation."""
        return None

    def _notes_on(self, Z: Array) -> tuple[str, ...]:
        """What the outputs of some rows mean, a line for each."""
        predicted = self._decide(Z)
        return each_row(f"predicted {value!r}" for value in predicted.tolist())

    # --- predictions out -------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The network's last pre-activations, shape (m, outputs), for X as `_features` gives it."""
        network, X = self.network_, self._for_training(X)
        if isinstance(X, SparseRows):
            return np.asarray(network.outputs(X))
        Z = np.empty((X.shape[0], *network.output_shape), network.dtype)
        # The network keeps one for a few rows.
        cache = Cache(backward=False) if len(Z) > ROWS_AT_ONCE else None
        for start in range(0, len(Z), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            Z[rows] = network.forward(X[rows], cache)
        return Z

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _sliceable(given: Any, checked: Any) -> Any:
    """X as it came in, where rows can be taken of that: not of all kinds of sparse matrices."""
    return checked if hasattr(given, "toarray") else given


def plain_targets(y: Any) -> Any:
    """y as an array: sparse becomes dense, and nullable pandas types do not become floats."""
    if hasattr(y, "toarray"):
        return y.toarray()
    missing = _missing_in(y)
    if missing:
        raise DataError(f"Input y contains NaN: {missing} of {len(y)} rows have no target")
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    return y if dtype is None or dtype.kind not in "biu" else y.to_numpy(dtype)


def _missing_in(y: Any) -> int:
    """How many single targets of a list, a Series or an array of objects are missing."""
    if getattr(y, "ndim", None) == 1 and hasattr(y, "isna"):
        return int(y.isna().sum())
    if isinstance(y, list | tuple) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim):
        return sum(map(_is_nan, y))
    return 0


def _is_nan(value: Any) -> bool:
    """Whether a single target is NaN, NaT or pandas' NA."""
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in ("NAType", "NaTType")


def checked_targets(estimator: NeuralEstimator, y: Any) -> Array:
    """y, checked as scikit-learn checks it; None is refused."""
    if y is None:
        raise DataError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    with np.errstate(invalid="ignore"):  # it takes a sum, which may be infinity less infinity
        try:
            y = _check_y(
                y, multi_output=True, y_numeric=is_regressor(estimator), estimator=estimator
            )
        except ValueError as error:
            if "could not convert string to float" not in str(error):
                raise
            raise DataError(
                f"targets y must be real numbers; {error}. Classes are for "
                f"{type(estimator).__name__.replace('Regressor', 'Classifier')}"
            ) from error
    return np.asarray(y)


def interval(limits: Limits) -> Any:
    """Limits of a setting, in the form that scikit-learn checks."""
    high = None if limits.high == inf else limits.high
    return Interval(limits.kind, limits.low, high, closed="neither" if limits.above else "left")


def random_source(random_state: Any) -> np.random.RandomState | np.random.Generator:
    """The random source scikit-learn would use, except that None means fresh entropy."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    return np.random.RandomState(None if random_state is None else int(random_state))


def generator(random_state: Any) -> np.random.Generator:
    """A generator from an int, None, a Generator, or a RandomState, from which a seed is drawn.

    As in scikit-learn, 42 and RandomState(42) give the same numbers.
    """
    source = random_source(random_state)
    if isinstance(source, np.random.RandomState):
        return np.random.default_rng(source.randint(0, 2**32, size=4, dtype=np.uint32))
    return source


def clipped_batch_size(batch_size: Any, n: int) -> int:
    """Rows in a batch: "auto" is 200, and never more than there are."""
    if batch_size == "auto":
        return min(200, n)
    if batch_size > n:
        warnings.warn(
            f"Got `batch_size` {batch_size}, which is larger than the {n} rows of the sample. It "
            "is going to be clipped",
            UserWarning,
            stacklevel=4,
        )
    return min(int(batch_size), n)


def expect_names(names: Any, n: int) -> None:
    """Refuse a file whose feature_names_in_ does not hold a string for each feature."""
    if np.shape(names) != (n,) or not all(isinstance(name, str) for name in names):
        raise DataError(f"it does not have a name for each of its {n} features")
