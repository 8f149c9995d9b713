"""`plainnet train` on tables: the tabular estimators, with a fixed split of the rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from math import sqrt
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from plainnet import metrics
from plainnet.arguments.arrays import exponents
from plainnet.callbacks import Callback, Run
from plainnet.cli import report, rows
from plainnet.cli.checkpoints import Checkpoints
from plainnet.cli.learned import Learned
from plainnet.cli.progress import Measure, watching
from plainnet.cli.settings import Settings
from plainnet.cli.sources import Table
from plainnet.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

    from plainnet.cli.pages.document import Document

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Task:
    """A table with its rows in three parts, which the seed and the test size determine."""

    table: Table
    parts: rows.Parts

    @property
    def is_classification(self) -> bool:
        return self.table.target.task == "classification"

    @property
    def loss_name(self) -> str:
        """What `loss` measures."""
        return "log-loss" if self.is_classification else "RMSE"

    def of(self, part: Array) -> tuple[pd.DataFrame, Array]:
        """(X, y) of some rows."""
        return self.table.X.iloc[part], self.table.target.values[part]

    @property
    def rest(self) -> Array:
        """The rows that are not tested on."""
        return np.sort(np.concatenate([self.parts.fit, self.parts.validation]))

    def fit(self, model: Any, callbacks: list[Callback], *, hold_out: bool) -> None:
        """Fit the estimator; it keeps none of the callbacks.

        `hold_out` withholds the validation rows, so that models can be compared on them. How a
        column is written is inferred from all rows, since the model must read the test rows too.
        """
        model.set_params(callbacks=callbacks)
        model._whole = self.table.X
        with warnings.catch_warnings():  # the commands report Ctrl-C themselves
            warnings.filterwarnings("ignore", "Training interrupted", UserWarning)
            if hold_out:
                X_val, y_val = self.of(self.parts.validation)
                model.fit(*self.of(self.parts.fit), X_val=X_val, y_val=y_val)
            else:
                model.fit(*self.of(self.rest))
        model.set_params(callbacks=())
        del model._whole

    def estimator(self, settings: Settings) -> Any:
        """The estimator that these settings describe."""
        from plainnet.estimators.tabular import TabularClassifier, TabularRegressor

        if not self.is_classification and settings.training.label_smoothing is not None:
            raise SettingError("--label-smoothing is for classes; the target holds numbers")
        kind = TabularClassifier if self.is_classification else TabularRegressor
        return kind(
            **settings.training.given(),
            columns=settings.kinds,
            decimal=settings.decimal,
            random_state=settings.random_state,
        )

    def loss(self, model: Any, part: Array) -> float:
        """The log-loss of calibrated probabilities, or the RMSE in the target's units."""
        X, y = self.of(part)
        if self.is_classification:
            ids = np.searchsorted(model.classes_, y)
            return metrics.log_loss(ids, model.predict_proba(X))
        return metrics.root_mean_squared_error(y, model.predict(X))


def prepare(table: Table, settings: Settings) -> Task:
    """The rows in three parts, with as many validation rows as the estimators would hold out."""
    from plainnet.estimators.held_out import HELD_OUT, MOST_HELD_OUT

    y = table.target
    labels = y.values if y.task == "classification" else None
    rng = np.random.default_rng(settings.seed)
    parts = rows.split(len(y.values), labels, settings.test_size, HELD_OUT, rng, most=MOST_HELD_OUT)
    return Task(table, parts)


def learn(table: Table, settings: Settings, console: Console, checkpoints: Checkpoints) -> Learned:
    """Train and report."""
    from plainnet.estimators.tabular.sizes import networks_for

    task = prepare(table, settings)
    model = task.estimator(settings)
    networks = settings.training.n_networks or networks_for(len(task.rest))
    sizes = {"to learn from": len(task.rest), "to test": len(task.parts.test)}
    note = report.validation(networks)
    report.show_table(console, table)
    report.show_rows(console, sizes, settings.seed, task.is_classification, note)

    started = perf_counter()
    shown = watching(console, _measure(task), networks)
    with shown as watcher, model.checkpointed(checkpoints.of):
        task.fit(model, [_Opening(console, model), watcher], hold_out=False)
    seconds = perf_counter() - started
    report.show_trained(console, model, watcher.epochs, networks, seconds)
    page = partial(_document, task, model, settings, watcher.epochs, seconds)
    return Learned(model, partial(_test, task, model, console), page)


def _document(*run: Any) -> Document:
    from plainnet.cli.pages.tables import document

    return document(*run)


def _test(task: Task, model: Any, console: Console) -> None:
    X, y = task.of(task.parts.test)
    if task.is_classification:
        ids = np.searchsorted(model.classes_, y)
        report.show_classes(console, ids, model.predict_proba(X), model.classes_.tolist())
    else:
        report.show_numbers(console, y, model.predict(X), task.of(task.rest)[1])


class _Opening(Callback):
    """Shows what the estimator has made of the columns, and the network, when both are there."""

    def __init__(self, console: Console, model: Any) -> None:
        self.console, self.model = console, model

    def begin_training(self, run: Run) -> None:
        if self.model.networks_:  # the first has been shown
            return
        report.show_columns(self.console, self.model.columns_.describe())
        report.show_network(self.console, run.network)


def _measure(task: Task) -> Measure:
    """What the progress shows of the validation rows."""
    if task.is_classification:
        return Measure("validation accuracy", "val_accuracy")
    y = task.of(task.rest)[1]
    k = exponents(y)
    spread = float(np.ldexp(np.ldexp(y, -k).std(), k))  # the network learns y in units of it
    return Measure("validation RMSE", "val_loss", lambda loss: report.number(sqrt(loss) * spread))
