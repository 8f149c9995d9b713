"""Estimators that take a table as it is: mixed columns, gaps, dates, categories never seen."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import is_regressor
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from plainnet.arguments import as_array, as_numbers
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.data import split
from plainnet.errors import DataError, require_integer, require_number, require_sequence
from plainnet.estimators import recipe as recipes
from plainnet.estimators.base import NeuralEstimator, Rows, expect_names, generator
from plainnet.estimators.calibration import Refinement, fit_temperature
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

SMALL_TABLE, NETWORKS = 20_000, 5
"""Up to so many rows, so many networks."""
ROWS_TO_SEE = 600_000
FEWEST_EPOCHS, MOST_EPOCHS = 16, 160
STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 16, 16, 256
HELD_OUT, MOST_HELD_OUT = 0.2, 3000
LEAST_ROWS = 10
"""With fewer rows none are held out, and the last epoch's parameters are kept."""


def as_table(X: Any) -> Any:
    """A DataFrame as it is, anything else as a 2-D array; numbers among texts stay numbers."""
    if sparse.issparse(X):
        raise TypeError("sparse data is no table of columns; use MLPClassifier or X.toarray()")
    if hasattr(X, "iloc"):
        if X.ndim != 2:
            raise DataError(f"X must be a table; got a {type(X).__name__}: X.to_frame() makes one")
        return X
    array = as_array("X", X)
    return np.asarray(X, object) if array.dtype.kind in "US" and array is not X else array


def epochs_for(rows: int, networks: int) -> int:
    """How often each network goes through this many rows: less often where they are many."""
    return max(round(min(ROWS_TO_SEE / rows, MOST_EPOCHS) / networks), FEWEST_EPOCHS)


def networks_for(rows: int) -> int:
    """How many networks a table of so many rows gets."""
    return NETWORKS if rows <= SMALL_TABLE else 1


def folds(
    n: int, fraction: float, count: int, rng: np.random.Generator, strata: Array | None
) -> Iterator[tuple[Array, Array]]:
    """For each network (the rows that it learns, the rows that it holds out).

    No row is held out twice before nearly all others have been.
    """
    everything = left = np.arange(n)
    for _ in range(count):
        if len(left) < 0.75 * fraction * n:
            left = everything
        share, places = fraction * n / len(left), left[:0]
        if share < 0.99:
            own = None if strata is None else strata[left]
            _, places = split(len(left), share, seed=rng, stratify=own)
        if not len(places):  # the rest, or one row of each class
            places = np.arange(len(left))
        taken, left = left[places], np.delete(left, places)
        yield np.setdiff1d(everything, taken), taken


def batch_size_for(rows: int) -> int:
    """256, and less for small tables, which would see too few steps otherwise."""
    return min(max(rows // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)


class Tabular(NeuralEstimator):
    """What the classifier and the regressor share: the table, the recipe, the training."""

    preset: str
    n_networks: int | None
    validation_fraction: float | None
    callbacks: Sequence[Callback]
    random_state: Any
    verbose: bool
    scoring = None
    columns_: Columns
    networks_: list[Network]
    histories_: list[History]
    best_epochs_: list[int]

    # --- what the two say ------------------------------------------------------------------------

    _presets: ClassVar[dict[str, recipes.Recipe]]
    _monitor: ClassVar[str]
    """The measure of the history, less is better, that chooses the epoch."""

    @abstractmethod
    def _loss(self, recipe: recipes.Recipe) -> Loss: ...

    @abstractmethod
    def _standardised(self, rows: Rows) -> Array:
        """The targets as the networks learn them."""

    def _scale(self, rows: Rows) -> None:
        """Look at all targets before `_standardised` is asked."""

    def _watch(self, held: tuple[Array, ...]) -> list[Callback]:
        """Callbacks that measure on the rows held out."""
        return []

    def _finish(self, held: Sequence[tuple[Array, ...]], shared: bool) -> None:
        """The last step, with the rows that each network held out, or those that all did."""

    # --- training --------------------------------------------------------------------------------

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions({"default", "fast"})],
        "hidden_layer_sizes": ["array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_networks": [Interval(Integral, 1, None, closed="left"), None],
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
        """Learn the columns, train the networks, keep the best epoch of each.

        Parameters
        ----------
        X : DataFrame or array of shape (m, columns)
            Numbers, texts, truth values and dates as they are; gaps allowed.
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Rows that choose the epochs, instead of shares of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        rows = self._training_rows(as_table(X), y, sample_weight, fresh=True, incremental=False)
        held = self._given_validation(X_val, y_val)
        networks = self.n_networks or networks_for(len(rows))
        parts: Iterable[tuple[Rows, Rows | None]] = repeat((rows, held), networks)
        if held is None and self._holds_out(rows):
            drawn = folds(len(rows), self._fraction(rows), networks, rng, self._strata(rows.y))
            parts = [(rows.take(kept), rows.take(out)) for kept, out in drawn]

        self.columns_ = Columns(rows.X)
        self._scale(rows)
        self.networks_, self.histories_, self.best_epochs_ = [], [], []
        validations = []
        for learned, out in parts:
            validation = None if out is None else self._arrays(self._balanced(out))
            self._train(self._balanced(learned), validation, networks, rng)
            if validation is not None:
                validations.append(validation)
            if self.histories_[-1].stopped == "Ctrl-C":
                warnings.warn("Training interrupted by user.", UserWarning, stacklevel=2)
                break
        self._finish(validations, shared=held is not None)
        return self

    def _holds_out(self, rows: Rows) -> bool:
        return self._fraction(rows) > 0 and len(rows) >= LEAST_ROWS

    def _fraction(self, rows: Rows) -> float:
        if self.validation_fraction is not None:
            return self.validation_fraction
        return min(HELD_OUT, MOST_HELD_OUT / len(rows))

    def _arrays(self, rows: Rows) -> tuple[Array, ...]:
        """(X, targets), and the weights if there are any, as `train` takes them."""
        arrays = self.columns_.transform(rows.X), self._standardised(rows)
        return arrays if rows.weights is None else (*arrays, rows.weights)

    def _train(
        self,
        rows: Rows,
        validation: tuple[Array, ...] | None,
        networks: int,
        rng: np.random.Generator,
    ) -> None:
        """One network, and what its training was like."""
        recipe = self._recipe()
        A, targets, *weights = self._arrays(rows)
        loss = self._loss(recipe)
        network = recipes.build(recipe, self.columns_, A, self._n_targets, loss, rng)
        epochs = recipe.epochs or epochs_for(len(rows), networks)
        optimizer = AdamW(recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay)
        dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
        schedules: list[Callback] = [CosLog4()]
        if recipe.weight_decay:
            schedules.append(FlatCos(of="weight_decay"))
        if dropouts:
            schedules.append(FlatCos(of="rate", on=dropouts))
        watch: list[Callback] = []
        keep: list[Callback] = []
        if validation is not None:
            watch = self._watch(validation)
            keep = [EarlyStopping(self._monitor, patience=epochs, mode="min")]
        history = train(
            network,
            A,
            targets,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=min(recipe.batch_size or batch_size_for(len(rows)), len(rows)),
            sample_weight=weights[0] if weights else None,
            validation_data=validation,
            callbacks=[
                *schedules,
                *watch,
                *require_sequence("callbacks", self.callbacks, "Callback objects"),
                *keep,
            ],
            seed=rng,
            progress=self.verbose,
        )
        best = len(history) - 1
        if self._monitor in history:  # Ctrl-C may have come before the first epoch's end
            best = int(np.argmin(history[self._monitor]))
        self.networks_.append(network)
        self.histories_.append(history)
        self.best_epochs_.append(best)

    # Of the several networks, the first: what every estimator has.

    @property
    def network_(self) -> Network:  # type: ignore[override]  # the others assign theirs
        return self.networks_[0]

    @property
    def history_(self) -> History:
        return self.histories_[0]

    @property
    def best_epoch_(self) -> int:
        return self.best_epochs_[0]

    @property
    def n_iter_(self) -> int:
        return len(self.history_)

    def _recipe(self) -> recipes.Recipe:
        names = ("hidden_layer_sizes", "dropout", "weight_decay", "learning_rate", "epochs")
        given = {
            name: getattr(self, name)
            for name in (*names, "batch_size", "label_smoothing")
            if getattr(self, name, None) is not None
        }
        if "hidden_layer_sizes" in given:
            given["hidden_layer_sizes"] = tuple(
                require_integer("each of hidden_layer_sizes", size, at_least=1)
                for size in require_sequence(
                    "hidden_layer_sizes", given["hidden_layer_sizes"], "whole numbers"
                )
            )
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
        """The mean of the networks' outputs.

        In float64, so that a prediction does not depend on the rows beside it.
        """
        X = X.astype(np.float64)
        total = sum(network.astype(np.float64).outputs(X) for network in self.networks_)
        return np.asarray(total / len(self.networks_))

    def _expect_to_predict(self) -> None:
        """From a row in which every value is missing."""
        n, width = len(self.columns_.kinds), self.network_.input_shape
        if self.n_features_in_ != n:
            raise DataError(f"it has {n} columns; n_features_in_ is {self.n_features_in_!r}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            expect_names(names, n)
        if any(net.input_shape != width for net in self.networks_):
            raise DataError("its networks do not take the same inputs")
        self._expect_prediction(self.columns_.transform(np.full((1, n), None, object)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


# --- the two --------------------------------------------------------------------------------------


class TabularClassifier(Tabular, Classifier):
    """Classes from a table as it comes, with the defaults of RealMLP and calibrated probabilities.

    The recipe is after RealMLP-TD (Holzmueller et al. 2024, Better by Default, table A.1);
    docs/decisions.md lists what differs, and why. Small tables get several networks, each of which
    holds out other rows; their outputs are averaged. Of each the epoch with the best calibrated
    log-loss on the rows it held out is kept. One temperature is fitted to all these rows.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size, label_smoothing
        The preset's values, unless given.
    class_weight : dict, "balanced" or None
    n_networks : int or None
        How many networks are averaged, each trained without other rows. None: five for up to 20,000
        rows, of fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out, to choose its epoch and the temperature; 0 for
        none. None is a fifth, but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
        They are with each network's training, one after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    network_, history_, best_epoch_
        Those of the first network.
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
    classes_ : array of shape (K,)
    temperature_ : float
        The mean of the networks' last pre-activations is divided by it.

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
        n_networks: int | None = None,
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
        self.n_networks = n_networks
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

    def _standardised(self, rows: Rows) -> Array:
        return np.asarray(rows.targets, np.float32) if self._multilabel else rows.targets

    def _watch(self, held: tuple[Array, ...]) -> list[Callback]:
        return [Refinement(*held)]

    def _finish(self, held: Sequence[tuple[Array, ...]], shared: bool) -> None:
        self.temperature_ = 1.0
        if not held:
            return
        Z = [net.outputs(X) for net, (X, *_) in zip(self.networks_, held, strict=True)]
        if shared:
            truth = held[0][1:]
            self.temperature_, _ = fit_temperature(self.network_, np.mean(Z, axis=0), *truth)
        else:
            truth = tuple(np.concatenate(arrays) for arrays in zip(*held, strict=True))[1:]
            self.temperature_, _ = fit_temperature(self.network_, np.concatenate(Z), *truth)

    def _outputs(self, X: Array) -> Array:
        return super()._outputs(X) / self.temperature_

    def _expect_prediction(self, X: Array) -> None:
        require_number("temperature_", self.temperature_, above=0)
        super()._expect_prediction(X)

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities, shape (m, classes), in the order of `classes_`."""
        P = super().predict_proba(X)
        return np.ones((len(P), 1)) if len(self.classes_) == 1 else P


class TabularRegressor(Tabular, Regressor):
    """Numbers from a table as it comes, with the defaults of RealMLP.

    Targets are standardised for training; predictions stay between the least and the largest target
    of the rows trained on. Small tables get several networks, each of which holds out other rows;
    their predictions are averaged. Of each the epoch with the least error on these rows is kept.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size
        The preset's values, unless given.
    n_networks : int or None
        How many networks are averaged, each trained without other rows. None: five for up to 20,000
        rows, of fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out, to choose its epoch; 0 for none. None is a
        fifth, but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
        They are with each network's training, one after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
        In units of standardised targets.
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    network_, history_, best_epoch_
        Those of the first network.
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
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
        n_networks: int | None = None,
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
        self.n_networks = n_networks
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _loss(self, recipe: recipes.Recipe) -> Loss:
        return MeanSquaredError()

    def _scale(self, rows: Rows) -> None:
        y = as_numbers("targets y", rows.targets).astype(np.float64)
        self._center, self._spread = y.mean(axis=0), y.std(axis=0)
        self._spread = np.where(self._spread > 0, self._spread, 1.0)
        self._least, self._largest = y.min(axis=0), y.max(axis=0)

    def _standardised(self, rows: Rows) -> Array:
        y = as_numbers("targets y", rows.targets).astype(np.float64)
        return np.asarray((y - self._center) / self._spread, np.float32)

    def _decide(self, Z: Array) -> Array:
        y = super()._decide(Z) * self._spread + self._center
        return np.asarray(np.clip(y, self._least, self._largest))
