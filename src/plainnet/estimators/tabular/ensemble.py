"""What the two tabular estimators share: several networks on one table, and their mean."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_regressor
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from plainnet.callbacks import Callback, EarlyStopping
from plainnet.engine.settings import LIMITS, TrainingSettings
from plainnet.errors import DataError, require_sequence
from plainnet.estimators.base import NeuralEstimator, Rows, expect_names, generator, interval
from plainnet.estimators.checkpointing import Checkpointed
from plainnet.estimators.held_out import (
    LEAST_ROWS,
    folds,
    held_out_share,
    may_be_held_out,
    networks_for,
)
from plainnet.estimators.prediction import mean_outputs
from plainnet.estimators.tabular import recipe as recipes
from plainnet.estimators.tabular.columns import Columns
from plainnet.estimators.tabular.sizes import batch_size_for, epochs_for
from plainnet.estimators.tabular.table import as_table
from plainnet.layers import Dropout
from plainnet.losses import Loss
from plainnet.network import Network
from plainnet.optimizers import AdamW
from plainnet.schedules import CosLog4, FlatCos
from plainnet.training import train
from plainnet.training.history import History

Array = npt.NDArray[Any]


class Tabular(Checkpointed, NeuralEstimator):
    """What the classifier and the regressor share: the table, the recipe, the training."""

    preset: str
    columns: Mapping[str, str] | None = None  # files of earlier versions lack these two
    decimal: str | None = None
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
    """The history's measure that chooses the epoch; less is better."""

    @abstractmethod
    def _loss(self, recipe: recipes.Recipe) -> Loss: ...

    @abstractmethod
    def _standardised(self, rows: Rows) -> Array:
        """The targets as the networks learn them."""

    def _scale(self, rows: Rows) -> None:
        """Look at all targets before `_standardised` is called."""

    def _watch(self, held: tuple[Array, ...]) -> list[Callback]:
        """Callbacks that measure on the held-out rows."""
        return []

    def _finish(self, held: Sequence[tuple[Array, ...]], shared: bool) -> None:
        """The last step, with the rows that each network held out, or those that all did."""

    # --- training --------------------------------------------------------------------------------

    _whole: Any = None
    """The table of which X is a part, if there is more of it; see `Columns`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions({"default", "fast"})],
        "columns": [Mapping, None],
        "decimal": [StrOptions({".", ","}), None],
        "hidden_layer_sizes": ["array-like", None],
        **{name: [interval(limits), None] for name, limits in LIMITS.items()},
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
            Numbers, texts, booleans and dates as they are; missing values are allowed.
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Rows that choose the epochs, instead of shares of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        rows = self._training_rows(as_table(X), y, sample_weight, fresh=True, incremental=False)
        self.columns_ = Columns(rows.X, self.columns, self.decimal, self._whole)
        held = self._given_validation(X_val, y_val)
        networks = self.n_networks or networks_for(len(rows))
        parts: Iterable[tuple[Rows, Rows | None]] = repeat((rows, held), networks)
        if held is None and self._holds_out(rows):
            drawn = [*folds(len(rows), self._fraction(rows), networks, rng, self._strata(rows.y))]
            parts = ((rows.take(kept), rows.take(out)) for kept, out in drawn)  # one copy at a time
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
        candidates = may_be_held_out(len(rows), self._strata(rows.y))
        return self._fraction(rows) > 0 and len(candidates) >= LEAST_ROWS

    def _fraction(self, rows: Rows) -> float:
        if self.validation_fraction is not None:
            return self.validation_fraction
        return held_out_share(len(rows))

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
        saving, resume = self._saving(len(self.networks_))
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
                *saving,
            ],
            seed=rng,
            progress=self.verbose,
            resume=resume,
        )
        best = len(history) - 1
        if self._monitor in history:  # Ctrl-C may have come before the first epoch's end
            best = int(np.argmin(history[self._monitor]))
        self.networks_.append(network)
        self.histories_.append(history)
        self.best_epochs_.append(best)

    # The first of the networks stands for what every estimator has.

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
        return self._presets[self.preset].adapted(TrainingSettings.of(self))

    # --- data in ---------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X = self._table(X, reset)
        with np.errstate(invalid="ignore"):  # it takes a sum, which may be infinity less infinity
            y = _check_y(y, multi_output=True, y_numeric=is_regressor(self), estimator=self)
        check_consistent_length(X, y)
        return X, y

    def _table(self, X: Any, reset: bool) -> Any:
        """X with its names and width checked; the columns check its values."""
        if hasattr(X, "iloc"):
            X = X if reset else self._with_unused(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(
            self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=1
        )

    def _with_unused(self, X: Any) -> Any:
        """A DataFrame with the columns that predictions do without, if it lacks any of them."""
        present, unused = set(X.columns), set(self.columns_.unused)
        names = [n for n in getattr(self, "feature_names_in_", ()) if n in present or n in unused]
        if present.issuperset(names):
            return X
        return X.reindex(columns=[*names, *X.columns.difference(names, sort=False)])

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.columns_.transform(self._table(as_table(X), reset=False))

    def _outputs(self, X: Array) -> Array:
        return mean_outputs(self.networks_, X)

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
