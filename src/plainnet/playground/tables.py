"""Examples from tables that are dropped in: cells become numbers for a network.

The columns are told apart as the tabular estimators do it. What comes of them is plainer, since it
is looked at: numbers are standardised, and each frequent category has an input of its own.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, SettingError, counted
from plainnet.playground import table_files
from plainnet.playground.building import suited
from plainnet.playground.choices import MOST_CLASSES
from plainnet.playground.datasets import PLACES, in_parts, plane_of, random
from plainnet.playground.examples import Examples
from plainnet.playground.settings import LONGEST_NAME, Settings
from plainnet.playground.table_files import READING, Table, listed
from plainnet.tables import targets

if TYPE_CHECKING:
    from plainnet.estimators.tabular.kinds import Kind
    from plainnet.estimators.tabular.table import Column
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]

MOST_INPUTS = 1000
MOST_USED = 2_000
"""Rows for training and testing."""
MOST_CATEGORIES = 10
LARGEST = 1e150
"""Squares of larger numbers would overflow; they count as this."""
TOO_FAR = 1e5
"""Numbers so many standard deviations from zero are drawn standardised: float32 blurs them."""
IDENTIFIER = re.compile(r"\(column \d+\)|#|.*[a-z]I[Dd]|(?i:(.*[\W_])?(id|index|nr|no|row))")
"""Names of columns which number the rows if their whole numbers are all different."""

PLAIN_NUMBERS = re.compile(r"(?:(?:-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,30})?)?\n)*")
"""Lines that need no closer look: each is a number that a float holds, or missing."""
SAMPLE = 50

OTHERS = "others"
PARTS_OF_DATES = {"time": "days since 1970"}

# --- the command ----------------------------------------------------------------------------------


def table(session: Session, fields: dict[str, Any], buffers: Sequence[bytes]) -> None:
    """Begin with the table that was dropped in, if a network can learn from it."""
    if len(buffers) != 1:
        raise SettingError(f"table comes with the bytes of one file; got {len(buffers)}")
    if session.own_examples is not None:
        raise SettingError("this page shows a network with data of its own; it takes no table")
    read_in = table_files.read(fields["name"], buffers[0])
    settings = session.awaited or session.training.settings.with_changes(
        {"data": "table", "target": "", "plane": [], "changes": [], "step": 0}
    )
    wanted = fields.get("target") or settings.target
    settings, examples = begun_with(settings, read_in, fields.get("target", ""))
    session.begin(settings, examples)
    session.table = read_in
    session.send(
        {
            "is": "table",
            "name": read_in.name,
            "columns": read_in.columns,
            "target": settings.target,
            "why": "" if wanted else "by its name" if read_in.named else "as the last column",
            "rows": len(read_in.cells),
        },
        [],
    )


def begun_with(settings: Settings, table: Table, target: str = "") -> tuple[Settings, Examples]:
    """The settings with the target, and a loss that suits it; and the table's examples.

    Parameters
    ----------
    target : str
        The column to predict; by default, that of the settings.

    Raises
    ------
    SettingError, DataError
        As `examples_of`.
    """
    settings = settings.with_changes({"target": table.target(target or settings.target)})
    examples = examples_of(settings, table)
    return suited(settings, examples), examples


# --- examples -------------------------------------------------------------------------------------


def examples_of(settings: Settings, table: Table | None) -> Examples:
    """The examples in the table that the settings describe.

    Raises
    ------
    SettingError
        If there is no table, or the settings name a column that it does not have.
    DataError
        If nothing can be learned from it.
    """
    if table is None:
        raise SettingError(
            "these settings need a table that is not on this page: drop in the file again"
        )
    name, notes = table.target(settings.target), list(table.notes)
    with READING, warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        told = targets.target(table.cells[name], name, None)
    notes += [str(doubt.message) for doubt in doubts]
    rows, values = np.flatnonzero(told.kept), told.values
    if len(rows) < len(table.cells):
        left_out = len(table.cells) - len(rows)
        are = "is" if left_out == 1 else "are"
        notes.append(f"{counted(left_out, 'row')} without {name} {are} left out")
    if len(rows) > MOST_USED:
        notes.append(f"{MOST_USED:,} of {len(rows):,} rows are used; the data's seed chooses them")
        chosen = np.sort(random(settings, PLACES).permutation(len(rows))[:MOST_USED])
        rows, values = rows[chosen], values[chosen]
    y, classes = _targets(told, name, values, notes)
    names, X, is_number = _inputs(table, name, rows, notes)

    order, n_train = in_parts(
        y if classes else None, len(y), settings.test_share, settings.data_seed
    )
    X, y = X[order], y[order]
    means, scales = _means_and_scales(X[:n_train], is_number)
    X = np.nan_to_num((X - means) / scales).astype(np.float32)
    if is_number.any():
        notes.append(
            "numbers are standardised: minus their mean, divided by their standard deviation"
        )
    if not classes:
        y = _standardised_target(y, n_train, name, notes)
    wanted = settings.plane
    if not wanted and len(names) <= 2 and is_number.all():
        wanted = names
    far = np.abs(means) > TOO_FAR * scales
    units = np.where(far, 0, means), np.where(far, 1, scales)
    plane = plane_of(X, n_train, names, wanted, units)
    return Examples(
        X, y, n_train, plane, names, classes, plane.points(X), notes=tuple(notes)
    )  # fmt: skip


def _targets(
    told: targets.Target, name: str, values: Array, notes: list[str]
) -> tuple[Array, tuple[str, ...]]:
    """(class ids and the names of the classes, or numbers and nothing)."""
    if told.task == "regression":
        return np.clip(values.astype(np.float64), -LARGEST, LARGEST), ()
    known, ids, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(known) > MOST_CLASSES and values.dtype.kind in "iu":
        return np.clip(values.astype(np.float64), -LARGEST, LARGEST), ()
    if len(known) == 1:
        only = known.tolist()[0]
        raise DataError(f"the target {name!r} has only one class, {only!r}, in these rows")
    if len(known) <= MOST_CLASSES:
        return ids.astype(np.intp), tuple(str(each)[:LONGEST_NAME] for each in known)
    if len(known) > len(values) / 2:
        raise DataError(
            f"the target {name!r} has {len(known):,} different texts in {len(values):,} rows: "
            "choose a column with few"
        )
    frequent = np.sort(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
    place = np.full(len(known), len(frequent))
    place[frequent] = np.arange(len(frequent))
    notes.append(
        f"{name} has {len(known):,} classes; all but the {len(frequent)} most frequent are "
        f'"{OTHERS}"'
    )
    kept = tuple(str(each)[:LONGEST_NAME] for each in known[frequent])
    return place[ids].astype(np.intp), (*kept, OTHERS)


def _standardised_target(y: Array, n_train: int, name: str, notes: list[str]) -> Array:
    mean, scale = float(y[:n_train].mean()), float(y[:n_train].std())
    if not scale:
        raise DataError(f"the target {name!r} has only one value, {mean:g}, in the training rows")
    notes.append(f"{name} is learned as ({name} - {mean:,.6g}) / {scale:,.6g}")
    return ((y - mean) / scale).astype(np.float32)


def _means_and_scales(known: Array, is_number: Array) -> tuple[Array, Array]:
    """Of the columns of numbers, without the missing ones; 0 and 1 of the others."""
    present = ~np.isnan(known)
    counts = np.maximum(present.sum(axis=0), 1)
    means = np.where(present, known, 0).sum(axis=0) / counts
    squares = np.where(present, known - means, 0) ** 2
    scales = np.sqrt(squares.sum(axis=0) / counts)
    return np.where(is_number, means, 0), np.where(is_number & (scales > 0), scales, 1)


# --- inputs ---------------------------------------------------------------------------------------


class Input(NamedTuple):
    """One input of the network: NaN where a number is missing."""

    name: str
    values: Array
    is_number: bool = False


def _inputs(
    table: Table, target: str, rows: Array, notes: list[str]
) -> tuple[tuple[str, ...], Array, Array]:
    """(names, the matrix of these rows, which of its columns are numbers)."""
    from plainnet.estimators.tabular.kinds import BadCell, Date, Number
    from plainnet.estimators.tabular.table import columns_of

    found: list[Input] = []
    left_out = []
    for given in columns_of(table.cells.drop(columns=target).iloc[rows]):
        try:
            column, kind, doubts = _told(given)
        except BadCell as error:
            raise error.of_row(given.row(error.position)) from None
        if isinstance(kind, Number | Date):
            notes += [f"{column.name}: {doubt}" for doubt in doubts]
        why = _why_left_out(kind, column)
        if why:
            left_out.append(f"{column.name} ({why})")
        else:
            found += _inputs_of(kind, column)
    if left_out:
        notes.append(f"left out: {listed(left_out)}")
    if not found:
        raise DataError(f"{table.name} has no column that tells its rows apart, besides {target!r}")
    if len(found) > MOST_INPUTS:
        raise DataError(
            f"{table.name} makes {len(found):,} inputs, and a network here takes {MOST_INPUTS:,}: "
            "leave out columns"
        )
    matrix = np.stack([each.values for each in found], axis=1).astype(np.float64)
    matrix = np.clip(matrix, -LARGEST, LARGEST)
    return tuple(each.name for each in found), matrix, np.array([i.is_number for i in found])


def _told(column: Column) -> tuple[Column, Kind, list[str]]:
    """What the column is; one of plain numbers is told by some of its cells, and becomes floats."""
    from plainnet.estimators.tabular.kinds import PLAIN, Number
    from plainnet.estimators.tabular.telling import kind_of

    cells = column.values.tolist()
    if any(cells) and PLAIN_NUMBERS.fullmatch("".join(f"{cell}\n" for cell in cells)):
        some = column._replace(values=np.array([c for c in cells if c][:SAMPLE], object))
        kind, _ = kind_of(some, None, None, some)
        if isinstance(kind, Number) and kind.notation == PLAIN:
            floats = np.array([cell or "nan" for cell in cells]).astype(np.float64)
            column = column._replace(values=floats)
    return column, *kind_of(column, None, None, column)


def _why_left_out(kind: Kind, column: Column) -> str:
    """Why a column is no input, or ""."""
    from plainnet.estimators.tabular.kinds import Number, Text

    if isinstance(kind, Text):
        return "free text"
    if not kind.used:
        return kind.note.removesuffix(", left out")
    if isinstance(kind, Number) and IDENTIFIER.fullmatch(column.name):
        values = kind.read(column.values)
        if not (values % 1).any() and len(np.unique(values)) == len(values) > 2:
            return "numbers the rows"
    return ""


def _inputs_of(kind: Kind, column: Column) -> Iterator[Input]:
    from plainnet.estimators.tabular.cells import label_of
    from plainnet.estimators.tabular.kinds import Date, Number

    name = column.name
    if isinstance(kind, Number | Date):
        given = kind.features(column.values)
        missing = np.asarray(given.flags[0] if given.flags else np.zeros(len(column.values)), bool)
        parts = [name]
        if isinstance(kind, Date):
            moving = [part.name for part in kind.parts if not part.constant]
            parts = [f"{name}, {PARTS_OF_DATES.get(part, part)}" for part in moving]
        for part, values in zip(parts, given.numbers, strict=False):
            yield Input(part, np.where(missing, np.nan, values), is_number=True)
        if given.flags:
            yield Input(f"{name} is missing", missing)
        return
    labels = [label_of(value) for value in column.values.tolist()]
    counts = Counter(labels)
    frequent = sorted(sorted(counts), key=lambda label: -counts[label])[:MOST_CATEGORIES]
    if len(counts) == 2:
        frequent = [max(counts)]
    for label in sorted(frequent):
        title = " ".join(f"{name} = {label}".split())[:LONGEST_NAME]
        yield Input(title, np.array([own == label for own in labels]))
    if len(counts) > MOST_CATEGORIES:
        rest = np.array([own not in frequent for own in labels])
        yield Input(f"{name} = {OTHERS}", rest)
