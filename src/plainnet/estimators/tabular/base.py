"""What the two tabular estimators share: the table, the recipe, the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from plainnet.callbacks import Callback, EarlyStopping
from plainnet.engine.settings import LIMITS, TrainingSettings
from plainnet.engine.stages import Stage
from plainnet.errors import DataError, require_sequence
from plainnet.estimators.base import Rows, checked_targets, expect_names, generator, interval
from plainnet.estimators.checkpointing import Checkpointed
from plainnet.estimators.ensemble import Ensemble, Learned
from plainnet.estimators.held_out import least, still_falls
from plainnet.estimators.tabular import recipe as recipes
from plainnet.estimators.tabular.columns import Columns
from plainnet.estimators.tabular.sizes import DOUBLINGS, batch_size_for, epochs_for, networks_for
from plainnet.estimators.tabular.table import as_table
from plainnet.estimators.threads import suitable_threads
from plainnet.layers import Dropout
from plainnet.network import Network
from plainnet.optimizers import AdamW
from plainnet.schedules import CosLog4, FlatCos
from plainnet.training import train
from plainnet.training.history import History

Array = npt.NDArray[Any]


class Tabular(Checkpointed, Ensemble):
    """What the classifier and the regressor share: the table, the recipe, the training."""

    preset: str
    columns: Mapping[str, str] | None = None  # files of earlier versions lack these two
    decimal: str | None = None
    columns_: Columns
    epochs_: int

    _presets: ClassVar[dict[str, recipes.Recipe]]

    # --- training --------------------------------------------------------------------------------

    _whole: Any = None
    """The whole table if X is only a part of it; see `Columns`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions({"default", "fast"})],
        "columns": [Mapping, None],
        "decimal": [StrOptions({".", ","}), None],
        "hidden_layer_sizes": ["array-like", None],
        **{name: [interval(limits), None] for name, limits in LIMITS.items()},
        **Ensemble._parameter_constraints,
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
        """Learn the columns, train the networks and keep the best epoch of each.

        Parameters
        ----------
        X : DataFrame or array of shape (m, columns)
            Numbers, texts, booleans and dates as they are; missing values are allowed.
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Rows that choose the epochs, in place of held-out rows of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        rows = self._training_rows(as_table(X), y, sample_weight, fresh=True, incremental=False)
        self.columns_ = Columns(rows.X, self.columns, self.decimal, self._whole)
        held = self._given_validation(X_val, y_val)
        return self._train_all(rows, held, self.n_networks or networks_for(len(rows)), rng)

    def _inputs(self, X: Any) -> Array:
        return self.columns_.transform(X)

    def _outputs_of(self, network: Network, X: Array) -> Array:
        return np.asarray(network.outputs(X))

    def _watch(self, held: Learned) -> list[Callback]:
        """Callbacks that measure on the held-out rows."""
        return []

    def _train(
        self, rows: Rows, held: Learned | None, networks: int, rng: np.random.Generator
    ) -> tuple[Network, History]:
        """The first network is trained anew for longer, if it needs that; the others as long."""
        number, chosen = len(self.networks_), self._recipe().epochs
        learned = self._arrays(rows)
        if number == 0:
            self.epochs_ = chosen or epochs_for(len(rows), networks)
        network, history = self._train_once(learned, held, rng, number)
        if number or chosen or held is None:
            return network, history
        for again in range(DOUBLINGS):
            if len(history) < self.epochs_ or not still_falls(history, self._monitor):
                break
            self.epochs_ *= 2
            longer = self._train_once(learned, held, rng, number, networks + again)
            if least(longer[1], self._monitor) > least(history, self._monitor):
                self.epochs_ //= 2
                history.stopped = longer[1].stopped  # "Ctrl-C", perhaps
                break
            network, history = longer
        return network, history

    def _train_once(
        self,
        learned: Learned,
        held: Learned | None,
        rng: np.random.Generator,
        number: int,
        saved_as: int | None = None,
    ) -> tuple[Network, History]:
        recipe, epochs = self._recipe(), self.epochs_
        A, targets, *weights = learned
        loss = self._loss(recipe.label_smoothing)
        network = recipes.build(recipe, self.columns_, A, self._n_targets, loss, rng, number)
        optimizer = AdamW(recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay)
        dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
        schedules: list[Callback] = [CosLog4()]
        if recipe.weight_decay:
            schedules.append(FlatCos(of="weight_decay"))
        if dropouts:
            schedules.append(FlatCos(of="rate", on=dropouts))
        keep: list[Callback] = []
        if held is not None:
            schedules += self._watch(held)
            keep = [EarlyStopping(self._monitor, patience=epochs, mode="min")]
        saving, resume = self._saving(number if saved_as is None else saved_as)
        batch_size = min(recipe.batch_size or batch_size_for(len(A)), len(A))
        with suitable_threads(network, batch_size):
            history = train(
                network,
                A,
                targets,
                optimizer=optimizer,
                epochs=epochs,
                batch_size=batch_size,
                sample_weight=weights[0] if weights else None,
                validation_data=held,
                callbacks=[
                    *schedules,
                    *require_sequence("callbacks", self.callbacks, "Callback objects"),
                    *keep,
                    *saving,
                ],
                seed=rng,
                progress=self.verbose,
                resume=resume,
            )
        return network, history

    def _recipe(self) -> recipes.Recipe:
        return self._presets[self.preset].adapted(TrainingSettings.of(self))

    # --- data in ---------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        X = self._table(X, reset)
        y = checked_targets(self, y)
        check_consistent_length(X, y)
        return X, y

    def _table(self, X: Any, reset: bool) -> Any:
        """X with its names and width checked; the columns check its values."""
        if hasattr(X, "iloc"):
            X = X if reset else self._with_unused(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        # Infinity is refused by the columns, which say where it is; unused ones may hold it.
        return validate_data(
            self, X, reset=reset, dtype=None, ensure_all_finite=False, ensure_min_samples=1
        )

    def _with_unused(self, X: Any) -> Any:
        """A DataFrame with the columns that predictions do without, if it lacks any of them.

        Names that are not texts, which scikit-learn passes over, are put in order as well.
        """
        unused = set(self.columns_.unused)
        if hasattr(self, "feature_names_in_"):
            present = set(X.columns)
            names = [n for n in self.feature_names_in_ if n in present or n in unused]
            if present.issuperset(names):
                return X
            return X.reindex(columns=[*names, *X.columns.difference(names, sort=False)])
        if not self.columns_.named or all(isinstance(name, str) for name in X.columns):
            return X  # scikit-learn warns that one of the two has no names
        given = [str(name).removesuffix(".0") for name in X.columns]
        known = {kind.name.removesuffix(".0"): kind.name for kind in self.columns_.kinds}
        lacking = [n for n in known if n not in given and known[n] not in unused]
        if lacking:
            raise DataError(f"X lacks the column {lacking[0]!r}; it has {given}")
        others = [name for name in given if name not in known]
        X = X.set_axis(given, axis=1).reindex(columns=[*known, *others])
        return X.set_axis(range(X.shape[1]), axis=1)

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.columns_.transform(self._table(as_table(X), reset=False))

    def _stage_before(self, X: Any, rows: Any) -> tuple[Stage | None, Any]:
        return self.columns_.stage(self._table(as_table(X), reset=False)), rows

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
