"""What `plainnet train` shows: the data, the network, and how well it does on rows held out."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table

from plainnet.callbacks import EarlyStopping
from plainnet.history import History
from plainnet.network import Network

if TYPE_CHECKING:
    from plainnet.cli.sources import Examples, Rows

Array = npt.NDArray[Any]

CLASSES_SHOWN = 20
"""A target of more classes gets a table of those that do worst."""
CONFUSIONS_SHOWN = 5
LONGEST_NAME = 28


def make_console(quiet: bool) -> Console:
    """A console that prints names as they are: a column called [red] is no colour."""
    return Console(markup=False, emoji=False, highlight=False, quiet=quiet)


def show_data(console: Console, examples: Examples, rows: Rows, seed: int) -> None:
    """What was read, and how its rows are split."""
    fit, validation, test = (len(y) for _, y in (rows.fit, rows.validation, rows.test))
    console.print(
        f"{examples.name}: {fit + validation + test:,} rows, "
        f"{_counted(len(examples.columns), 'feature')}, {len(examples.classes)} classes in "
        f"{examples.target!r}"
    )
    how = f"stratified, seed {seed}" if examples.test is None else "the dataset's own"
    console.print(
        f"Rows: {fit:,} to train on, {validation:,} to validate, {test:,} to test ({how})"
    )
    console.print()


def show_network(console: Console, network: Network) -> None:
    """Each layer with its output's shape and its number of parameters."""
    table = _table("layer", ">output shape", ">parameters")
    table.add_row("input", _shape(network.input_shape), "")
    for layer in network.body.walk():
        if layer is not network.body:
            size = sum(tensor.size for tensor in layer.declared.values())
            table.add_row(layer.name, _shape(layer.output_shape), f"{size:,}" if size else "")
    table.add_section()
    table.add_row("total", "", f"{network.parameters.size:,}")
    console.print(table)
    console.print(f"Loss: {network.loss!r}", soft_wrap=True)
    console.print()


def show_end(
    console: Console, history: History, epochs: int, stopping: EarlyStopping, seconds: float
) -> None:
    """Why training ended, and which parameters it left."""
    done = len(history)
    if history.stopped == "Ctrl-C":
        why = f"Interrupted after {done} of {epochs} epochs"
    elif done < epochs:
        waited = _counted(stopping.patience, "epoch")
        why = f"Stopped after {done} of {epochs} epochs: no lower validation loss for {waited}"
    else:
        why = f"All {_counted(epochs, 'epoch')} done"
    console.print(f"{why}.")
    kept = ""
    if stopping.best_epoch >= 0:
        kept = f"Epoch {stopping.best_epoch + 1} was the best and is kept. "
    console.print(f"{kept}Training took {seconds:.{1 if seconds >= 1 else 2}f} s.")
    console.print()


def show_results(console: Console, y: Array, predicted: Array, classes: list[Any]) -> None:
    """Accuracy, a table of the classes and the commonest confusions, on the test rows."""
    matrix = np.zeros((len(classes), len(classes)), int)
    np.add.at(matrix, (y, predicted), 1)
    right = int(matrix.trace())
    console.print(f"Test accuracy {right / len(y):.4f}: {right:,} of {len(y):,} rows are right.")
    console.print()
    _show_classes(console, matrix, classes)
    _show_confusions(console, matrix, classes)


def show_saved(console: Console, path: Path | str, replaced: bool) -> None:
    """Where the model is, and what to do with it."""
    verb = "Replaced the model" if replaced else "Saved the model as"
    command = f"plainnet predict {quote(str(path))} SOURCE"
    console.print(f"{verb} {path}. To use it: {command}", soft_wrap=True)


# --- tables ---------------------------------------------------------------------------------------


def scores(matrix: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 of each class from counts by (true, predicted); 0 for 0 / 0."""
    hits = np.diag(matrix).astype(float)
    precision = hits / np.maximum(matrix.sum(axis=0), 1)
    recall = hits / np.maximum(matrix.sum(axis=1), 1)
    total = precision + recall
    f1 = 2 * precision * recall / np.where(total > 0, total, 1)
    return precision, recall, f1


def _show_classes(console: Console, matrix: Array, classes: list[Any]) -> None:
    precision, recall, f1 = scores(matrix)
    shown = np.arange(len(classes))
    if len(classes) > CLASSES_SHOWN:
        shown = np.argsort(f1, kind="stable")[:CLASSES_SHOWN]
        console.print(f"The {CLASSES_SHOWN} classes with the lowest F1, of {len(classes)}:")
    table = _table("class", ">precision", ">recall", ">F1", ">support")
    for k in shown:
        rates = (f"{rate[k]:.3f}" for rate in (precision, recall, f1))
        table.add_row(_name(classes[k]), *rates, f"{matrix[k].sum():,}")
    console.print(table)
    console.print()


def _show_confusions(console: Console, matrix: Array, classes: list[Any]) -> None:
    wrong = matrix - np.diag(np.diag(matrix))
    pairs = np.argwhere(wrong)
    if len(pairs) == 0:
        return
    counts = wrong[tuple(pairs.T)]
    worst = np.argsort(-counts, kind="stable")[:CONFUSIONS_SHOWN]
    table = _table("true class", "taken for", ">rows")
    for true, predicted in pairs[worst]:
        table.add_row(
            _name(classes[true]), _name(classes[predicted]), f"{wrong[true, predicted]:,}"
        )
    console.print("Most frequent confusions:")
    console.print(table)
    if len(pairs) > len(worst):
        rest = int(counts.sum() - counts[worst].sum())
        console.print(
            f"and {_counted(len(pairs) - len(worst), 'other pair')} with {_counted(rest, 'row')}"
        )
    console.print()


def _table(*headers: str) -> Table:
    """A table with a line under its header; a header that begins with > is of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        name = header.removeprefix(">")
        numbers = name != header
        table.add_column(
            name,
            justify="right" if numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    return table


def _name(label: Any) -> str:
    """A class as it fits into a line of a table; what differs is often at the end of a name."""
    text = str(label)
    if not (text.isprintable() and text.strip()):
        text = repr(text)
    if len(text) > LONGEST_NAME:
        text = f"{text[: LONGEST_NAME - 10]}…{text[-9:]}"
    return text


def _shape(shape: tuple[int, ...]) -> str:
    return f"(m, {', '.join(map(str, shape))})"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
