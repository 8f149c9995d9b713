"""TabularClassifier and TabularRegressor: a table as it is, with missing values and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from plainnet.callbacks import Callback
from plainnet.errors import DataError
from plainnet.estimators.calibration import CalibratedClassifier
from plainnet.estimators.ensemble import Learned
from plainnet.estimators.held_out import LEAST_ROWS
from plainnet.estimators.standardised import StandardisedRegressor
from plainnet.estimators.tabular import recipe as recipes
from plainnet.estimators.tabular.base import Tabular
from plainnet.estimators.tabular.intervals import Intervals, checked_coverage, fitted

Array = npt.NDArray[Any]


class TabularClassifier(CalibratedClassifier, Tabular):
    """Classes from a table as it comes, with the defaults of RealMLP and calibrated probabilities.

    The recipe is after RealMLP-TD (Holzmueller et al. 2024, Better by Default, table A.1);
    docs/decisions.md lists what differs, and why. Small tables get several networks, each of which
    holds out other rows; their outputs are averaged. Each keeps the epoch with the best calibrated
    log-loss on the rows it held out. One temperature is fitted to all these rows.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    columns : dict or None
        What a column is, where its values do not tell it: a name, of an array "x0", "x1" ..., and
        "number", "text", "category", "date", "date:%d/%m/%Y" for a date of that format, or "drop".
    decimal : {".", ","} or None
        The decimal point of numbers that are texts. None: told from each column.
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size, label_smoothing
        The preset's values, unless given.
    class_weight : dict, "balanced" or None
    n_networks : int or None
        How many networks are averaged, each trained without other rows. None: five for up to 50,000
        rows, of fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out, to choose its epoch and the temperature; 0 for
        none. None is a fifth, but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
        Called in each network's training, one network after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    epochs_ : int
        How many epochs each network had: by the number of rows, and two or four times as many where
        the first network's held-out rows show that it has more to learn.
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
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Tabular._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        preset: str = "default",
        *,
        columns: Mapping[str, str] | None = None,
        decimal: str | None = None,
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
        self._store(locals())

    def _finish(self, held: Sequence[Learned], shared: bool) -> None:
        self._calibrate(self._predicted(held, shared))


class TabularRegressor(StandardisedRegressor, Tabular):
    """Numbers from a table as it comes, with the defaults of RealMLP.

    Targets are standardised for training; predictions stay between the least and the largest target
    of the rows trained on. Small tables get several networks, each of which holds out other rows;
    their predictions are averaged. Each keeps the epoch with the least error on these rows.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    columns : dict or None
        What a column is, where its values do not tell it: a name, of an array "x0", "x1" ..., and
        "number", "text", "category", "date", "date:%d/%m/%Y" for a date of that format, or "drop".
    decimal : {".", ","} or None
        The decimal point of numbers that are texts. None: told from each column.
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size
        The preset's values, unless given.
    n_networks : int or None
        How many networks are averaged, each trained without other rows. None: five for up to 50,000
        rows, of fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out, to choose its epoch; 0 for none. None is a
        fifth, but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
        Called in each network's training, one network after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
        In units of standardised targets.
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    epochs_ : int
        How many epochs each network had: by the number of rows, and two or four times as many where
        the first network's held-out rows show that it has more to learn.
    network_, history_, best_epoch_
        Those of the first network.
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
    """

    _presets = recipes.REGRESSOR
    _monitor = "val_loss"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: allowed
        for name, allowed in Tabular._parameter_constraints.items()
        if name != "label_smoothing"
    }

    def __init__(
        self,
        preset: str = "default",
        *,
        columns: Mapping[str, str] | None = None,
        decimal: str | None = None,
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
        self._store(locals())

    # --- intervals -------------------------------------------------------------------------------

    _intervals: Sequence[Intervals] = ()
    """For each output; none where no rows were held out."""
    _mean_is_held = False
    """All networks held out the same rows, so that these tell the errors of their mean."""

    def _finish(self, held: Sequence[Learned], shared: bool) -> None:
        self._intervals, self._mean_is_held = (), shared
        found = self._predicted(held, shared)
        if found:
            Z = [self._in_range(each) for each, _ in found]
            targets = [y.reshape(len(y), -1) for _, (_, y, *_) in found]
            self._intervals = fitted([self._numbers(A) for _, (A, *_) in found], Z, targets)

    def _numbers(self, A: Array) -> Array:
        return A[:, : self.columns_.n_numbers + self.columns_.n_flags]

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Where the target of each row lies with a probability of `coverage`: (lower, upper).

        They come from the errors on the rows that each network held out (CV+, Barber et al. 2021),
        and are wider for rows whose errors are expected to be larger. That holds on average over
        rows like those of fit, however they are distributed, and not for each kind of row.

        Parameters
        ----------
        X : DataFrame or array of shape (m, columns)
        coverage : float
            Between 0 and 1. The larger it is, the more held-out rows it takes: 9 for 0.9.

        Returns
        -------
        array of shape (m, 2), or (m, k, 2) for k outputs
            Lower and upper ends, with the prediction between them.

        Raises
        ------
        DataError
            If no rows were held out, or too few.
        """
        coverage, A = checked_coverage(coverage), self._features(X)
        if not self._intervals:
            raise DataError(
                "intervals come from rows that were held out, and this model has none: fit it to "
                f"{LEAST_ROWS} rows or more, without validation_fraction=0"
            )
        ends = self._ends(A, coverage)
        return ends[:, 0] if self._n_outputs == 1 else ends

    def _ends(self, A: Array, coverage: float) -> Array:
        """Lower and upper ends, shape (m, outputs, 2), for rows as the columns give them."""
        Z = np.stack([network.outputs(A) for network in self.networks_]).astype(np.float64)
        predicted = self._decide(Z.mean(axis=0)).reshape(len(A), -1)
        Z = self._in_range(Z.mean(axis=0, keepdims=True) if self._mean_is_held else Z)
        numbers = self._numbers(A)
        ends = np.stack(
            [each.around(numbers, Z[:, :, j], coverage) for j, each in enumerate(self._intervals)],
            axis=-1,
        )  # (m, 2, outputs)
        with np.errstate(over="ignore"):
            ends = np.ldexp(ends * self._spread + self._center, self._exponent)
        lower, upper = np.minimum(ends[:, 0], predicted), np.maximum(ends[:, 1], predicted)
        return np.stack([lower, upper], axis=-1)

    def _in_range(self, Z: Array) -> Array:
        """Outputs within the range of the targets, as predictions are."""
        low, high = ((end - self._center) / self._spread for end in (self._least, self._largest))
        return np.clip(Z, low, high)

    def _expect_prediction(self, X: Array) -> None:
        super()._expect_prediction(X)
        if self._intervals:
            self._ends(X, 0.5)
