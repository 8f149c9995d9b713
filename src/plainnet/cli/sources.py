"""Turns a source (a dataset or a file) into rows to learn from or to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet import datasets
from plainnet.cli import checks
from plainnet.cli.checks import listed
from plainnet.cli.files import KINDS, is_arrays, read_arrays, read_table, stem
from plainnet.cli.hints import hinting
from plainnet.cli.settings import Settings
from plainnet.errors import DataError, SettingError, optional
from plainnet.tables import targets
from plainnet.tables.csv_files import GUESSED, TextFormat
from plainnet.tables.targets import Target

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

LEAST_ROWS = 10
FOR_TABLES = ("drop", "column", "task", "decimal", "separator", "encoding")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of mixed columns to learn from, checked; all have a target."""

    name: str
    X: pd.DataFrame
    target: Target
    dropped: int
    """How many rows were left out because they have no target."""


@dataclass(frozen=True, eq=False)
class Images:
    """Rows of pixels to learn from, checked."""

    name: str
    X: Array
    """Pixels, shape (m, n): float64, or float32 if the dataset stores them so."""
    y: Array
    """Positions in `classes`, shape (m,)."""
    classes: list[Any]
    """Class labels with the target's type, sorted, or in the order of a published dataset."""
    columns: tuple[str, ...]
    target: str
    shape: tuple[int, ...]
    """The shape of one image: (height, width), or with channels at the end."""
    test: tuple[Array, Array] | None = None
    """The (X, y) that the source sets aside for testing, if any."""


def to_learn(settings: Settings) -> Table | Images:
    """All rows in the source that a model can learn from."""
    source, target = settings.source, settings.target
    if source in datasets.NAMES:
        if target is not None:
            raise SettingError(f"the dataset {source} has its own target; leave --target out")
        return _of_dataset(datasets.load(source), settings)
    path = _file(source)
    if is_arrays(path):
        return _of_arrays(path, target or "y", settings)
    table = read_table(path, settings.text)
    target = _target(list(table.columns), target, path)
    return _table(path.name, table.drop(columns=target), table[target], target, settings)


def to_predict(
    source: str, columns: Sequence[str], unused: Sequence[str] = (), text: TextFormat = GUESSED
) -> pd.DataFrame:
    """The columns with these names; a dataset gives its test rows if it has any.

    Those that are `unused` are left out.
    """
    taken = [column for column in columns if column not in set(unused)]
    if source in datasets.NAMES:
        dataset = datasets.load(source)
        table = _frame(dataset.X if dataset.test is None else dataset.test[0])
        table.columns = list(dataset.feature_names)
        name = source
    else:
        path = _file(source)
        name = str(path)
        if is_arrays(path):
            table = _frame(_rows(_array(read_arrays(path), "X", path), path))
            if table.shape[1] != len(columns):
                raise DataError(
                    f"the model takes {len(columns)} features; {path} has {table.shape[1]} in its "
                    "array X"
                )
            table.columns = list(columns)
        else:
            table = read_table(path, text)
    known = set(table.columns)
    missing = [column for column in taken if column not in known]
    if missing:
        raise DataError(
            f"{name} lacks {len(missing)} of the {len(taken)} columns that the model takes: "
            f"{listed(missing)}"
        )
    return checks.features(table[taken])


def _file(source: str) -> Path:
    path = Path(source)
    if not path.exists() and path.name == source and not path.suffix:
        raise SettingError(
            f"there is no dataset {source!r}; known are {', '.join(datasets.NAMES)}, files "
            f"({KINDS}) and folders of pictures or texts"
        )
    return path


def default_name(source: str, ending: str) -> str:
    """The default file name for a source: adult.csv.gz gives adult-model.skops."""
    return f"{stem(Path(source))}{ending}"


# --- tables ---------------------------------------------------------------------------------------


def _table(
    name: str, features: pd.DataFrame, column: pd.Series[Any], target: str, settings: Settings
) -> Table:
    for option, unwanted in settings.dropped:
        if unwanted not in features.columns:
            raise _unknown(option, name, unwanted, features)
    features = features.drop(columns=[unwanted for _, unwanted in settings.dropped])
    for known in settings.kinds or ():
        if known == target:
            raise SettingError(f"--column: {target!r} is the target; --task says what it is")
        if known not in features.columns:
            raise _unknown("--column", name, known, features)
    if features.shape[1] == 0:
        raise DataError(f"{name} has no column besides the target {target!r}")
    if "" in features.columns:
        raise DataError(
            f"a column of {name} has no name: name it if it is a feature, and leave it out with "
            "--drop '' if it only numbers the rows"
        )
    with hinting():
        y = targets.target(column, target, settings.task, settings.decimal)
    if len(y.values) < LEAST_ROWS:
        raise DataError(
            f"{name} has {len(y.values)} rows with a target, and learning takes {LEAST_ROWS} or "
            "more"
        )
    features = checks.features(features)[y.kept]
    checks.columns(features, settings.kinds, settings.decimal)
    return Table(name, features, y, int((~y.kept).sum()))


def _unknown(option: str, name: str, column: str, features: pd.DataFrame) -> SettingError:
    return SettingError(
        f"{option}: {name} has no feature {column!r}; it has {listed(features.columns)}"
    )


def _target(columns: list[str], wanted: str | None, path: Path) -> str:
    if wanted is not None:
        if wanted not in columns:
            raise SettingError(f"{path} has no column {wanted!r}; it has {listed(columns)}")
        return wanted
    usual = [name for name in columns if name.casefold() in targets.NAMES]
    if len(usual) != 1:
        why = f"could be {' or '.join(map(repr, usual))}" if usual else "has no usual name"
        raise SettingError(
            f"the target in {path} {why}; name its column with --target: {listed(columns)}"
        )
    return usual[0]


# --- arrays and datasets --------------------------------------------------------------------------


def _of_arrays(path: Path, target: str, settings: Settings) -> Table | Images:
    arrays = read_arrays(path)
    array, y = _array(arrays, "X", path), _array(arrays, target, path)
    X = _rows(array, path)
    if y.shape != (len(X),):
        raise DataError(
            f"the array {target!r} in {path} must hold one value for each of the {len(X)} rows of "
            f"X; got the shape {y.shape}"
        )
    if y.dtype.kind not in "iufbU":
        raise DataError(f"the array {target!r} in {path} must hold numbers or text; got {y.dtype}")
    frame = _frame(X)
    if array.ndim == 2:
        return _table(path.name, frame, _series(y), target, settings)
    _refuse_options(path.name, settings)
    known = targets.target(_series(y), target, "classification")
    if missing := int((~known.kept).sum()):
        raise DataError(f"the target {target!r} has no value for {missing:,} of {len(y):,} images")
    classes, ids = np.unique(known.values, return_inverse=True)
    names = tuple(map(str, frame.columns))
    pixels = checks.pixels(X)
    return Images(path.name, pixels, ids, classes.tolist(), names, target, array.shape[1:])


def _array(arrays: dict[str, Array], name: str, path: Path) -> Array:
    if name not in arrays:
        raise SettingError(f"{path} has no array {name!r}; it has {listed(arrays)}")
    return arrays[name]


def _rows(X: Array, path: Path) -> Array:
    """The array X with a row for each example; images become rows of pixels."""
    if X.ndim < 2 or X.size == 0:
        raise DataError(
            f"the array 'X' in {path} must hold a row for each example; got the shape {X.shape}"
        )
    if X.dtype.kind not in "iufb":
        raise DataError(f"the array 'X' in {path} must hold numbers; got {X.dtype}")
    return X.reshape(len(X), -1)


def _frame(X: Array) -> pd.DataFrame:
    pandas = optional("pandas", purpose="reading tables", extra="cli")
    frame: pd.DataFrame = pandas.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame.index += 1  # as the rows of a file are counted
    return frame


def _series(y: Array) -> pd.Series[Any]:
    pandas = optional("pandas", purpose="reading tables", extra="cli")
    series: pd.Series[Any] = pandas.Series(y)
    return series


def _of_dataset(dataset: datasets.Dataset, settings: Settings) -> Table | Images:
    if dataset.image_shape is None:
        table = _frame(dataset.X)
        table.columns = list(dataset.feature_names)
        labels = np.array(dataset.class_names, object)[dataset.y]
        return _table(dataset.name, table, _series(labels), "class", settings)
    _refuse_options(dataset.name, settings)
    return Images(
        dataset.name,
        dataset.X,
        dataset.y,
        list(dataset.class_names),
        dataset.feature_names,
        target="class",
        shape=dataset.image_shape,
        test=dataset.test,
    )


def _refuse_options(name: str, settings: Settings) -> None:
    for option in FOR_TABLES:
        if getattr(settings, option):
            raise SettingError(f"{name} are images, and --{option} is for tables; leave it out")
