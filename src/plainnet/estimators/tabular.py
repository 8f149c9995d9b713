"""Estimators that take a table as it is: mixed columns, gaps, dates, categories never seen."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from math import log
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.base import is_regressor
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from plainnet.cache import Cache
from plainnet.callbacks import Callback, EarlyStopping, Run
from plainnet.data import split
from plainnet.errors import DataError
from plainnet.estimators import recipe as recipes
from plainnet.estimators.base import NeuralEstimator, Rows, generator
from plainnet.estimators.columns import Columns
from plainnet.estimators.targets import Classifier, Regressor
from plainnet.history import History
from plainnet.layers import Dropout
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import Network
from plainnet.optimizers import AdamW
from plainnet.schedules import CosLog4, FlatCos
from plainnet.training import train

Array = npt.NDArray[Any]

ROWS_TO_SEE = 600_000
FEWEST_EPOCHS, MOST_EPOCHS = 12, 128
STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 16, 16, 256
HELD_OUT, MOST_HELD_OUT = 0.2, 3000
LEAST_ROWS = 10
"""With fewer rows none are held out, and the last epoch's parameters are kept."""
HOTTEST = 20.0
"""Temperatures are looked for between 1 / HOTTEST and HOTTEST."""


def as_table(X: Any) -> Any:
    """A DataFrame as it is, anything else as a 2-D array; numbers among texts stay numbers."""
    if sparse.issparse(X):
        raise TypeError("sparse data is no table of columns; use MLPClassifier or X.toarray()")
    if hasattr(X, "iloc"):
        if X.ndim != 2:
            raise DataError(f"X must be a table; got a {type(X).__name__}: X.to_frame() makes one")
        return X
    array = np.asarray(X)
    return np.asarray(X, object) if array.dtype.kind in "US" and array is not X else array


def epochs_for(rows: int) -> int:
    """How often training goes through this many rows: less often where they are many."""
    return min(max(round(ROWS_TO_SEE / rows), FEWEST_EPOCHS), MOST_EPOCHS)


def batch_size_for(rows: int) -> int:
    """256, and less for small tables, which would see too few steps otherwise."""
    return min(max(rows // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)


class Tabular(NeuralEstimator):
    """What the classifier and the regressor share: the table, the recipe, the training."""

    preset: str
    validation_fraction: float | None
    callbacks: Sequence[Callback]
    random_state: Any
    verbose: bool
    scoring = None
    columns_: Columns
    history_: History

    # --- what the two say ------------------------------------------------------------------------

    _presets: ClassVar[dict[str, recipes.Recipe]]
    _monitor: ClassVar[str]
    """The measure of the history, less is better, that chooses the epoch."""

    @abstractmethod
    def _loss(self, recipe: recipes.Recipe) -> Loss: ...

    @abstractmethod
    def _standardised(self, rows: Rows, fresh: bool) -> Array:
        """The targets as the network learns them; `fresh` learns the scale first."""

    def _watch(self, held: tuple[Array, ...]) -> list[Callback]:
        """Callbacks that measure on the rows held out."""
        return []

    def _finish(self, held: tuple[Array, ...] | None) -> None:
        """The last step, with the best parameters in place."""

    # --- training --------------------------------------------------------------------------------

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions({"default", "fast"})],
        "hidden_layer_sizes": ["array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left"), None],
        "callbacks": ["array-like"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["boolean"],
    }

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Learn the columns, train the network, keep its best epoch.

        Parameters
        ----------
        X : DataFrame or array of shape (m, columns)
            Numbers, texts, truth values and dates as they are; gaps allowed.
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Rows that choose the epoch, instead of a share of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        X = as_table(X)
        rows = self._training_rows(X, y, sample_weight, fresh=True, incremental=False)
        held = self._given_validation(X_val, y_val)
        if held is None and self._holds_out(rows):
            strata = self._strata(rows.y)
            kept, out = split(len(rows), self._fraction(rows), seed=rng, stratify=strata)
            rows, held = rows.take(kept), rows.take(out)
        self._train(self._balanced(rows), None if held is None else self._balanced(held), rng)
        return self

    def _holds_out(self, rows: Rows) -> bool:
        return self._fraction(rows) > 0 and len(rows) >= LEAST_ROWS

    def _fraction(self, rows: Rows) -> float:
        if self.validation_fraction is not None:
            return self.validation_fraction
        return min(HELD_OUT, MOST_HELD_OUT / len(rows))

    def _train(self, rows: Rows, held: Rows | None, rng: np.random.Generator) -> None:
        recipe = self._recipe()
        self.columns_ = Columns(rows.X)
        A = self.columns_.transform(rows.X)
        targets = self._standardised(rows, fresh=True)
        loss = self._loss(recipe)
        network = recipes.build(recipe, self.columns_, A, self._n_targets, loss, rng)
        self.network_ = network

        epochs = recipe.epochs or epochs_for(len(rows))
        optimizer = AdamW(recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay)
        dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
        schedules: list[Callback] = [CosLog4()]
        if recipe.weight_decay:
            schedules.append(FlatCos(of="weight_decay"))
        if dropouts:
            schedules.append(FlatCos(of="rate", on=dropouts))
        validation: tuple[Array, ...] | None = None
        watch: list[Callback] = []
        keep: list[Callback] = []
        if held is not None:
            validation = self.columns_.transform(held.X), self._standardised(held, fresh=False)
            if held.weights is not None:
                validation = (*validation, held.weights)
            watch = self._watch(validation)
            keep = [EarlyStopping(self._monitor, patience=epochs, mode="min")]
        self.history_ = train(
            network,
            A,
            targets,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=min(recipe.batch_size or batch_size_for(len(rows)), len(rows)),
            sample_weight=rows.weights,
            validation_data=validation,
            callbacks=[*schedules, *watch, *self.callbacks, *keep],
            seed=rng,
            progress=self.verbose,
        )
        if self.history_.stopped == "Ctrl-C":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=3)
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = self.n_iter_ - 1
        if self._monitor in self.history_:  # Ctrl-C may have come before the first epoch's end
            self.best_epoch_ = int(np.argmin(self.history_[self._monitor]))
        self._finish(validation)

    def _recipe(self) -> recipes.Recipe:
        names = ("hidden_layer_sizes", "dropout", "weight_decay", "learning_rate", "epochs")
        given = {
            name: getattr(self, name)
            for name in (*names, "batch_size", "label_smoothing")
            if getattr(self, name, None) is not None
        }
        return replace(self._presets[self.preset], **given)

    # --- data in ---------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X = self._table(X, reset)
        y = _check_y(y, multi_output=True, y_numeric=is_regressor(self), estimator=self)
        check_consistent_length(X, y)
        return X, y

    def _table(self, X: Any, reset: bool) -> Any:
        """X with its names and width checked; its values are the columns' business."""
        if hasattr(X, "iloc"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(
            self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=1
        )

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.columns_.transform(self._table(as_table(X), reset=False))

    def _outputs(self, X: Array) -> Array:
        """In float64, so that a prediction does not depend on the rows beside it."""
        return self.network_.astype(np.float64).outputs(X.astype(np.float64))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


# --- calibration ----------------------------------------------------------------------------------


def fit_temperature(
    network: Network, Z: Array, targets: Array, weights: Array | None = None
) -> tuple[float, float]:
    """(temperature, mean log-loss) that make the probabilities of Z / temperature most likely.

    (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.) That all rows are
    right does not prove certainty: by Laplace's rule of succession, K pseudo-rows are spread over
    the K classes, as Platt 1999 smooths his targets (section 2.2 there).
    """
    loss, cache, scaled = copy(network.loss), Cache(), np.empty_like(Z)
    K = max(2, Z.shape[1])
    share = K / (len(Z) + K)
    if isinstance(loss, SoftmaxCrossEntropy):
        loss.label_smoothing = share
    else:
        targets = (1 - share) * targets + share / 2

    def cost(log_temperature: float) -> float:
        np.multiply(Z, np.exp(-log_temperature), out=scaled)
        return loss.mean(scaled, targets, cache, weights)

    found = minimize_scalar(cost, bounds=(-log(HOTTEST), log(HOTTEST)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


class Refinement(Callback):
    """Measures what calibration cannot mend: the validation log-loss at the best temperature.

    Over-confident networks are refined further while their plain log-loss rises already (Berta et
    al. 2025, Rethinking Early Stopping: Refine, Then Calibrate).
    """

    def __init__(self, X: Array, targets: Array, weights: Array | None = None) -> None:
        self.X, self.targets, self.weights = X, targets, weights

    def end_epoch(self, run: Run) -> None:
        Z = run.network.outputs(self.X)
        _, refined = fit_temperature(run.network, Z, self.targets, self.weights)
        run.history.append({"val_refined_loss": refined})


# --- the two --------------------------------------------------------------------------------------


class TabularClassifier(Tabular, Classifier):
    """Classes from a table as it comes, with the defaults of RealMLP and calibrated probabilities.

    The recipe is after RealMLP-TD (Holzmueller et al. 2024, Better by Default, table A.1);
    docs/decisions.md lists what differs, and why. After
    training, the epoch with the best calibrated log-loss on the validation rows is put back, and a
    temperature is fitted to them.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size, label_smoothing
        The preset's values, unless given.
    class_weight : dict, "balanced" or None
    validation_fraction : float or None
        Share of the rows that choose the epoch and the temperature; 0 for none. None is a fifth,
        but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    network_ : Network
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
    classes_ : array of shape (K,)
    history_ : History
    best_epoch_ : int
    temperature_ : float
        The network's last pre-activations are divided by it.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"size": [1.0, None, 9.0, 8.0] * 8, "colour": list("rrgg") * 8})
    >>> model = TabularClassifier(epochs=8, random_state=0).fit(table, list("aabb") * 8)
    >>> model.predict(pandas.DataFrame({"size": [None, 9.0], "colour": ["r", "blue"]}))
    array(['a', 'b'], dtype='<U1')
    """

    _presets = recipes.CLASSIFIER
    _monitor = "val_refined_loss"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Tabular._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        preset: str = "default",
        *,
        hidden_layer_sizes: Sequence[int] | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        label_smoothing: float | None = None,
        class_weight: dict[Any, float] | str | None = None,
        validation_fraction: float | None = None,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _n_targets(self) -> int:
        return len(self.classes_) if self._multilabel else max(2, len(self.classes_))

    def _loss(self, recipe: recipes.Recipe) -> Loss:
        if self._multilabel:
            return SigmoidCrossEntropy()
        return SoftmaxCrossEntropy(label_smoothing=recipe.label_smoothing)

    def _standardised(self, rows: Rows, fresh: bool) -> Array:
        return np.asarray(rows.targets, np.float32) if self._multilabel else rows.targets

    def _watch(self, held: tuple[Array, ...]) -> list[Callback]:
        return [Refinement(*held)]

    def _finish(self, held: tuple[Array, ...] | None) -> None:
        self.temperature_ = 1.0
        if held is not None:
            X, *truth = held
            self.temperature_, _ = fit_temperature(self.network_, self.network_.outputs(X), *truth)

    def _outputs(self, X: Array) -> Array:
        return super()._outputs(X) / self.temperature_

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities, shape (m, classes), in the order of `classes_`."""
        P = super().predict_proba(X)
        return np.ones((len(P), 1)) if len(self.classes_) == 1 else P


class TabularRegressor(Tabular, Regressor):
    """Numbers from a table as it comes, with the defaults of RealMLP.

    Targets are standardised for training; predictions stay between the least and the largest target
    of the rows trained on. The epoch with the least validation error is kept.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size
        The preset's values, unless given.
    validation_fraction : float or None
        Share of the rows that choose the epoch; 0 for none. None is a fifth, but no more than 3,000
        rows.
    callbacks : sequence of plainnet.callbacks.Callback
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    network_ : Network
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
    history_ : History
        In units of standardised targets.
    best_epoch_ : int
    """

    _presets = recipes.REGRESSOR
    _monitor = "val_loss"
    _parameter_constraints = Tabular._parameter_constraints

    def __init__(
        self,
        preset: str = "default",
        *,
        hidden_layer_sizes: Sequence[int] | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_fraction: float | None = None,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _loss(self, recipe: recipes.Recipe) -> Loss:
        return MeanSquaredError()

    def _standardised(self, rows: Rows, fresh: bool) -> Array:
        y = np.asarray(rows.targets, np.float64)
        if fresh:
            self._center, self._spread = y.mean(axis=0), y.std(axis=0)
            self._spread = np.where(self._spread > 0, self._spread, 1.0)
            self._least, self._largest = y.min(axis=0), y.max(axis=0)
        return np.asarray((y - self._center) / self._spread, np.float32)

    def _decide(self, Z: Array) -> Array:
        y = super()._decide(Z) * self._spread + self._center
        return np.asarray(np.clip(y, self._least, self._largest))
