"""The page of a table: its columns, its network, its scores, and which columns matter."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.cli import report
from plainnet.cli.pages.document import Document, Fact, Section, aside, wide
from plainnet.cli.pages.figures import bars, figure, histogram
from plainnet.cli.pages.network import of_command, of_doctor, of_network, of_training
from plainnet.cli.pages.scores import Classes, Numbers
from plainnet.cli.pages.worst import cells, of_worst
from plainnet.engine.tables import Table
from plainnet.errors import counted, optional
from plainnet.estimators.tabular.cells import MISSING, label_of
from plainnet.estimators.tabular.columns import Date, Number
from plainnet.estimators.tabular.table import Column, columns_of
from plainnet.estimators.tabular.written_numbers import says_missing
from plainnet.inspection.charts import BLUE
from plainnet.inspection.markup import Markup, paragraph

if TYPE_CHECKING:
    from plainnet.cli.settings import Settings
    from plainnet.cli.tables import Task

Array = npt.NDArray[Any]

COLUMNS = 100
"""With more columns, they are not shown one by one."""
LABELS = 3
"""How many categories of a column are named."""
SHUFFLES, MOST_SHUFFLED, PREDICTIONS, MOST_ROWS, FEWEST_ROWS = 5, 1_000, 300_000, 3_000, 100
"""Shuffles of one column and of all; predicted rows in all, and per shuffle at most and least."""
DRAWN = 20


def document(task: Task, model: Any, settings: Settings, epochs: int, seconds: float) -> Document:
    """The whole page, for an estimator that has learned from the task's rows."""
    X, y = task.of(task.parts.test)
    scores: Classes | Numbers
    if task.is_classification:
        names = model.classes_.tolist()
        ids = np.searchsorted(model.classes_, y)
        scores = Classes(model, X, y, ids, model.predict_proba(X), names)
    else:
        seen = task.of(task.rest)[1]
        scores = Numbers(model, X, y, model.predict(X), seen)
    histories = model.histories_
    rest = task.of(task.rest)
    sections = [
        of_columns(task, model),
        of_network(model.network_, len(histories)),
        of_training(histories, model.best_epochs_, epochs, seconds),
        *scores.sections(),
        of_doctor(plainnet.diagnose(model, *rest, validation=(X, y))),
        of_importances(model, X, y, task),
        of_worst(
            scores,
            lambda i: f"Row {_place(X, i)}",
            lambda i: cells(X.columns, X.iloc[i].tolist()),
            lambda i: plainnet.trace(model, X.iloc[i : i + 1]),
        ),
    ]
    facts = [*scores.facts, Fact("rows", f"{len(task.table.X):,}")]
    title = f"{task.table.name}: {task.table.target.name}"
    return Document(title, [of_command(settings.command)], facts, sections)


def _place(X: Any, i: int) -> str:
    """Where a row is in its file, counted from 1, as `plainnet explain --row` takes it."""
    return f"{int(X.index[i]):,}"


# --- columns --------------------------------------------------------------------------------------


def of_columns(task: Task, model: Any) -> Section:
    """What the columns hold, and how they are used."""
    table = task.table
    said = f"{counted(len(table.X), 'row')}, {counted(table.X.shape[1], 'column')}."
    used, held = len(task.rest), len(task.parts.test)
    split = f" {used:,} are learned from, and {held:,} are held out to test on."
    if table.dropped:
        split += f" {counted(table.dropped, 'row')} without a target left out."
    titles = ["column", "used as", "missing", "different", "values", "distribution"]
    columns = columns_of(table.X)
    rows = [_of_target(task)]
    for column, kind in list(zip(columns, model.columns_.kinds, strict=True))[:COLUMNS]:
        rows.append([column.name, kind.note, *_described(column, kind)])
    shown = Table(titles, rows, numbers=["missing", "different"])
    content = [paragraph(said, split), wide(shown, wraps=True)]
    if len(columns) > COLUMNS:
        content.append(aside(f"And {len(columns) - COLUMNS:,} more columns."))
    return Section("Data", content)


def _of_target(task: Task) -> list[str]:
    target = task.table.target
    if task.is_classification:
        return [target.name, "the target: classes", *_of_labels(list(target.values))]
    return [target.name, "the target: a number", *_of_numbers(np.asarray(target.values, float))]


def _as_floats(model: Any, X: Any) -> Any:
    """The table with numbers that are texts read once and for all."""
    read = {
        column.name: kind.read(column.values)
        for column, kind in zip(columns_of(X), model.columns_.kinds, strict=True)
        if isinstance(kind, Number) and kind.takes_floats
    }
    return X.assign(**read)


def _described(column: Column, kind: Any) -> list[str]:
    """How many cells are missing, how many differ, and which there are."""
    if isinstance(kind, Number):
        return _of_numbers(kind.read(column.values))
    if isinstance(kind, Date):
        when = kind.read(column.values)
        there = when[~np.isnat(when)]
        missing, different = len(when) - len(there), len(np.unique(there))
        if not len(there):
            return _cells(missing, len(when), different, "", Markup(""))
        days = there.astype("M8[D]")
        said = f"{days.min()} to {days.max()}"
        counts = histogram(there.astype("M8[s]").astype(float))
        return _cells(missing, len(when), different, said, bars(counts, said))
    return _of_labels([label_of(value) for value in column.values.tolist()])


def _of_numbers(values: Array) -> list[str]:
    there = values[~np.isnan(values)]
    missing, different = len(values) - len(there), len(np.unique(there))
    if not len(there):
        return _cells(missing, len(values), different, "", Markup(""))
    low, middle, high = (report.number(float(q)) for q in np.quantile(there, (0, 0.5, 1)))
    said = f"{low} to {high}, median {middle}"
    return _cells(missing, len(values), different, said, bars(histogram(there), said))


def _of_labels(labels: list[Any]) -> list[str]:
    counts = Counter(
        label for label in labels if not (isinstance(label, str) and is_missing(label))
    )
    missing, total = len(labels) - counts.total(), counts.total()
    common = counts.most_common(DRAWN)
    if common and common[0][1] == 1:
        said = f"no two alike; the first is {_short(common[0][0])}"
        return _cells(missing, len(labels), len(counts), said, Markup(""))
    shown = [f"{_short(label)} {n / total:.0%}" for label, n in common[:LABELS]]
    said = ", ".join(shown) + (" ..." if len(counts) > LABELS else "")
    drawn = bars([n for _, n in common], said)
    return _cells(missing, len(labels), len(counts), said, drawn)


def is_missing(label: str) -> bool:
    """Whether a label is empty, or a word for a missing value."""
    return label == MISSING or says_missing(label)


def _cells(missing: int, m: int, different: int, said: str, drawn: Markup) -> list[str]:
    share = f"{missing / m:.1%}" if missing else ""
    return [share, f"{different:,}", said, drawn]


def _short(label: Any) -> str:
    text = " ".join(str(label).split())
    return text if len(text) <= 24 else f"{text[:23]}…"


# --- which columns matter -------------------------------------------------------------------------


def of_importances(model: Any, X: Any, y: Array, task: Task) -> Section:
    """How much worse the predictions get when a column's cells are shuffled (Breiman 2001)."""
    inspection = optional("sklearn.inspection", purpose="importances", extra="cli")
    columns = X.shape[1]
    if columns > MOST_SHUFFLED:
        said = f"With {columns:,} columns, it would take long to see what each is worth."
        return Section("What matters", [paragraph(said)])
    rows = min(len(X), MOST_ROWS, max(PREDICTIONS // columns, FEWEST_ROWS))
    shuffles = int(np.clip(MOST_SHUFFLED // columns, 1, SHUFFLES))
    place = np.random.default_rng(0).permutation(len(X))[:rows]
    X = _as_floats(model, X)
    classes = task.is_classification
    scoring = "neg_log_loss" if classes else "neg_root_mean_squared_error"
    if classes and len(np.unique(y[place])) < len(model.classes_):
        scoring = "accuracy"
    found = inspection.permutation_importance(
        model, X.iloc[place], y[place], scoring=scoring, n_repeats=shuffles, random_state=0
    )
    order = np.argsort(-found.importances_mean, kind="stable")[:DRAWN][::-1]
    names = [str(X.columns[i]) for i in order]
    mean, spread = found.importances_mean[order], found.importances_std[order]
    measure = {"neg_log_loss": "log-loss", "accuracy": "accuracy"}.get(scoring, "RMSE")
    change = "falls" if scoring == "accuracy" else "rises"

    def draw(ax: Any) -> None:
        places = np.arange(len(names))
        ax.barh(places, mean, xerr=spread, color=BLUE, ecolor="gray")
        ax.set_yticks(places, labels=[_short(name) for name in names])
        ax.set_xlabel(f"how far the {measure} {change}")

    most = ", ".join(names[::-1][:3])
    size = (6.0, 0.8 + 0.24 * len(names))
    content = [
        figure(draw, f"importances of columns; most important are {most}", size),
        aside(
            f"How far the {measure} of {rows:,} test rows {change} when the cells of one column "
            f"are shuffled ({counted(shuffles, 'time')}; lines are standard deviations). Columns "
            "that tell the same stand in for each other, and each looks less important then."
        ),
    ]
    if columns > DRAWN:
        content.insert(1, aside(f"The first {DRAWN} of {columns:,} columns."))
    return Section("What matters", content)
