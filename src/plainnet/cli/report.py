"""What `plainnet train` shows: the data, the network, and how well it does on held-out rows."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from plainnet import metrics
from plainnet.cli import measures, process
from plainnet.engine.description import rows_of
from plainnet.errors import counted
from plainnet.network import Network
from plainnet.training.history import History

if TYPE_CHECKING:
    import pandas as pd

    from plainnet.cli.sources import Images, Table

Array = npt.NDArray[Any]

CLASSES_SHOWN = 20
"""With more classes, the table shows the worst ones."""
CONFUSIONS_SHOWN = 5
LONGEST_NAME = 28


COLUMNS_SHOWN = 20


def make_console(quiet: bool) -> Console:
    """A console that prints names literally: a column called [red] is not a colour.

    If its output cannot be written, or its reader has left, the work continues without it.
    """
    file = cast("IO[str]", process.report())
    return Console(file=file, markup=False, emoji=False, highlight=False, quiet=quiet)


def show_table(console: Console, table: Table) -> None:
    """Show what was read, and what is to be learned."""
    rows, target = len(table.X), table.target
    console.print(
        f"{table.name}: {counted(rows, 'row')}, {counted(table.X.shape[1], 'feature')}",
        soft_wrap=True,
    )
    if table.dropped:
        console.print(
            f"{counted(table.dropped, 'row')} without a value in {target.name!r} left out",
            soft_wrap=True,
        )
    for name in _counting(table.X):
        console.print(
            f"{name!r} counts the rows; if it says nothing else: --drop {quote(name)}",
            soft_wrap=True,
        )
    other = "regression" if target.task == "classification" else "classification"
    doubt = f"; otherwise: --task {other}" if target.doubtful else ""
    console.print(f"Task: {target.task} ({target.why or '--task'}{doubt})", soft_wrap=True)


def show_images(console: Console, images: Images) -> None:
    """Show what was read."""
    m = len(images.y) + (0 if images.test is None else len(images.test[1]))
    console.print(
        f"{images.name}: {counted(m, 'row')}, {counted(len(images.columns), 'feature')}, "
        f"{len(images.classes)} classes in {images.target!r}"
    )


def show_rows(
    console: Console,
    sizes: dict[str, int],
    seed: int,
    stratified: bool | None,
    note: str = "",
    what: str = "Rows",
) -> None:
    """Show how the rows are split; stratified is None if the dataset decides.

    `note` says more about the split.
    """
    counts = ", ".join(f"{size:,} {use}" for use, size in sizes.items())
    how = {True: f"stratified, seed {seed}", False: f"seed {seed}", None: "the dataset's own"}
    console.print(f"{what}: {counts} ({how[stratified]})")
    if note:
        console.print(note, soft_wrap=True)
    console.print()


def validation(networks: int, what: str = "rows") -> str:
    """How an estimator that may average several networks chooses its epochs, in words."""
    share = f"fifth of the {what} to learn from, at most 3,000,"
    if networks == 1:
        return f"A {share} decides which epoch is kept."
    return (
        f"{networks} networks are averaged. Each holds out another {share} and these decide which "
        "of its epochs is kept."
    )


def show_columns(console: Console, described: list[tuple[str, str]]) -> None:
    """Show what is done with each column."""
    table = _table("column", "used as")
    for name, note in described[:COLUMNS_SHOWN]:
        table.add_row(_name(name), note)
    console.print(table)
    if len(described) > COLUMNS_SHOWN:
        console.print(f"and {len(described) - COLUMNS_SHOWN} more")
    console.print()


def show_network(console: Console, network: Network) -> None:
    """Show each layer with its output's shape and its number of parameters."""
    table = _table("layer", ">output shape", ">parameters")
    for row in rows_of(network):
        table.add_row(row.name, row.shape, row.size)
    table.add_section()
    table.add_row("total", "", f"{network.parameters.size:,}")
    console.print(table)
    console.print(f"Loss: {network.loss!r}", soft_wrap=True)
    console.print()


def show_end(
    console: Console, history: History, epochs: int, best: int, seconds: float, why: str = ""
) -> None:
    """Show why training ended and which epoch was kept; `best` counts from 0, -1 for none."""
    done = len(history)
    if history.stopped == "Ctrl-C":
        console.print(f"Interrupted after {done} of {counted(epochs, 'epoch')}.")
    elif done < epochs:
        console.print(f"Stopped after {done} of {counted(epochs, 'epoch')}{why}.")
    else:
        console.print(f"All {counted(epochs, 'epoch')} done.")
    kept = f"Epoch {best + 1} was the best and is kept. " if best >= 0 else ""
    console.print(f"{kept}Training took {seconds:.{1 if seconds >= 1 else 2}f} s.")


def show_trained(console: Console, model: Any, epochs: int, networks: int, seconds: float) -> None:
    """`show_end` for an estimator that may have trained several networks."""
    if networks == 1:
        show_end(console, model.history_, epochs, model.best_epoch_, seconds)
    else:
        _show_ends(console, model.histories_, epochs, networks, model.best_epochs_, seconds)
    console.print()


def _show_ends(
    console: Console,
    histories: list[History],
    epochs: int,
    networks: int,
    best: list[int],
    seconds: float,
) -> None:
    """`show_end` for several networks."""
    if histories[-1].stopped == "Ctrl-C":
        console.print(
            f"Interrupted in network {len(histories)} of {networks}, after {len(histories[-1])} of "
            f"{counted(epochs, 'epoch')}."
        )
    elif min(map(len, histories)) < epochs:
        done = ", ".join(str(len(history)) for history in histories)
        console.print(
            f"All {networks} networks done, after {done} of {counted(epochs, 'epoch')}.",
            soft_wrap=True,
        )
    else:
        console.print(f"All {networks} networks of {counted(epochs, 'epoch')} done.")
    kept = ", ".join(str(epoch + 1) for epoch in best)
    console.print(f"Their best epochs are kept: {kept}. Training took {seconds:.1f} s.")


def show_classes(
    console: Console, y: Array, P: Array, classes: list[Any], what: str = "rows"
) -> None:
    """Show accuracy, log-loss, a table of the classes and common confusions, on test rows.

    Parameters
    ----------
    y : array of m positions in `classes`
    P : array of shape (m, K)
        Probabilities.
    """
    matrix = measures.counts(y, P)
    right, sizes = int(matrix.trace()), matrix.sum(axis=1)
    console.print(f"Test accuracy {right / len(y):.4f}: {right:,} of {len(y):,} {what} are right.")
    commonest = int(sizes.argmax())
    console.print(
        f"Log-loss {metrics.log_loss(y, P):.4f}. Always saying {_name(classes[commonest])} would "
        f"be right in {sizes[commonest] / len(y):.4f}."
    )
    console.print()
    _show_rates(console, matrix, classes)
    _show_confusions(console, matrix, classes, what)


def show_numbers(console: Console, y: Array, predicted: Array, seen: Array) -> None:
    """Show how far predictions are from y, and how far the mean of the training targets is."""
    table = _table("on the test rows", ">value")
    for name, value in measures.of_numbers(y, predicted, seen).items():
        table.add_row(name, f"{value:.4f}" if name == "R2" else number(value))
    table.add_row("targets", f"{number(y.min())} to {number(y.max())}")
    table.add_row("predictions", f"{number(predicted.min())} to {number(predicted.max())}")
    console.print(table)
    console.print()


def number(value: float) -> str:
    """A number in an easily readable form: 61,235 or 0.01235."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def precise(value: float) -> str:
    """A number with enough digits to compare with others."""
    return f"{value:,.6g}"


def show_page(console: Console, path: Path | str) -> None:
    """Show where the page of the run is."""
    console.print(f"Wrote the report {path}, to look at in a browser.", soft_wrap=True)


def show_saved(console: Console, path: Path | str, replaced: bool) -> None:
    """Show where the model is, and what to do with it."""
    verb = "Replaced the model" if replaced else "Saved the model as"
    command = f"plainnet predict {quote(str(path))} SOURCE"
    console.print(f"{verb} {path}. To use it: {command}", soft_wrap=True)


def show_resumed(console: Console, folder: Path, continues: bool) -> None:
    """Show whether an earlier run is continued."""
    says = (
        f"Continuing from {folder}." if continues else f"Nothing to resume in {folder}: beginning."
    )
    console.print(says, soft_wrap=True)


def show_unfinished(console: Console, folder: Path) -> None:
    """Show how an interrupted run can be continued."""
    console.print(f"The same command with --resume goes on from {folder}.", soft_wrap=True)


def _counting(X: pd.DataFrame) -> list[str]:
    """Columns of whole numbers, each one more than the one before."""
    return [name for name in X.columns if len(X) > 1 and _counts(X[name])]


def _counts(column: pd.Series[Any]) -> bool:
    values = column.to_numpy()
    if values.dtype.kind == "O":  # the cells of a CSV file, of which a few tell it from others
        if not all(isinstance(value, str) and value.isdecimal() for value in values[:3]):
            return False
        if not all(isinstance(value, str) and value.isdecimal() for value in values):
            return False
        values = np.array([min(int(value), 2**62) for value in values])
    return values.dtype.kind in "iu" and bool((np.diff(values) == 1).all())


# --- tables ---------------------------------------------------------------------------------------


def _show_rates(console: Console, matrix: Array, classes: list[Any]) -> None:
    precision, recall, f1 = measures.rates(matrix)
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


def _show_confusions(console: Console, matrix: Array, classes: list[Any], what: str) -> None:
    found = measures.confusions(matrix)
    if not found:
        return
    shown, others = found[:CONFUSIONS_SHOWN], found[CONFUSIONS_SHOWN:]
    table = _table("true class", "taken for", f">{what}")
    for true, predicted, count in shown:
        table.add_row(_name(classes[true]), _name(classes[predicted]), f"{count:,}")
    console.print("Most frequent confusions:")
    console.print(table)
    if others:
        rest = sum(count for *_, count in others)
        console.print(
            f"and {counted(len(others), 'other pair')} with {counted(rest, what.removesuffix('s'))}"
        )
    console.print()


def _table(*headers: str) -> Grid:
    """A table with a line under its header; a header that begins with > is of numbers."""
    table = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
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
