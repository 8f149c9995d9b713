"""TabularClassifier and TabularRegressor: tables as they come, with missing values and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from plainnet.callbacks import Callback
from plainnet.estimators.calibration import CalibratedClassifier
from plainnet.estimators.ensemble import Learned
from plainnet.estimators.standardised import StandardisedRegressor
from plainnet.estimators.tabular import recipe as recipes
from plainnet.estimators.tabular.base import Tabular

Array = npt.NDArray[Any]


class TabularClassifier(CalibratedClassifier, Tabular):
    """Predicts classes from a table as it comes, with RealMLP's defaults and calibration.

    The recipe follows RealMLP-TD (Holzmueller et al. 2024, Better by Default, table A.1);
    docs/decisions.md lists what differs, and why. Small tables get several networks, each of which
    holds out different rows; their outputs are averaged. Each network keeps the epoch with the best
    calibrated log-loss on its held-out rows. One temperature is fitted to all held-out rows.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    columns : dict or None
        Kinds of columns, where the values do not show them: from a name ("x0", "x1" ... for an
        array) to "number", "text", "category", "date", "date:%d/%m/%Y" for a date in that format,
        or "drop".
    decimal : {".", ","} or None
        The decimal mark of numbers that are texts. None: inferred for each column.
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size, label_smoothing
        The preset's values, unless given.
    class_weight : dict, "balanced" or None
    n_networks : int or None
        How many networks are averaged; each holds out different rows. None: five for up to 50,000
        rows, with fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out to choose its epoch and the temperature; 0 for
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
        How many epochs each network had. It depends on the number of rows, and is two or four times
        as many if the first network's held-out rows show that it has more to learn.
    network_, history_, best_epoch_
        The same for the first network.
    columns_ : Columns
        What was done with each column: `columns_.describe()`.
    classes_ : array of shape (K,)
    temperature_ : float
        What the mean of the networks' last pre-activations is divided by.

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
    """Predicts numbers from a table as it comes, with RealMLP's defaults.

    Targets are standardised for training; predictions stay between the smallest and the largest
    training target. Small tables get several networks, each of which holds out different rows;
    their predictions are averaged. Each network keeps the epoch with the smallest error on its
    held-out rows.

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" leaves out waves, learned activations, dropout and weight decay (after RealMLP-TD-S).
    columns : dict or None
        Kinds of columns, where the values do not show them: from a name ("x0", "x1" ... for an
        array) to "number", "text", "category", "date", "date:%d/%m/%Y" for a date in that format,
        or "drop".
    decimal : {".", ","} or None
        The decimal mark of numbers that are texts. None: inferred for each column.
    hidden_layer_sizes, dropout, weight_decay, learning_rate, epochs, batch_size
        The preset's values, unless given.
    n_networks : int or None
        How many networks are averaged; each holds out different rows. None: five for up to 50,000
        rows, with fewer epochs each; else one.
    validation_fraction : float or None
        Share of the rows that a network holds out to choose its epoch; 0 for none. None is a
        fifth, but no more than 3,000 rows.
    callbacks : sequence of plainnet.callbacks.Callback
        Called in each network's training, one network after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
        Losses are in units of the standardised targets.
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    epochs_ : int
        How many epochs each network had. It depends on the number of rows, and is two or four times
        as many if the first network's held-out rows show that it has more to learn.
    network_, history_, best_epoch_
        The same for the first network.
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

    def _numbers(self, A: Array) -> Array:
        return A[:, : self.columns_.n_numbers + self.columns_.n_flags]
