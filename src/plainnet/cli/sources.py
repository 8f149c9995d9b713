"""Turns what the user names, a dataset or a file, into arrays to learn from or to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from plainnet import datasets
from plainnet.cli import checks
from plainnet.cli.checks import listed
from plainnet.cli.files import KINDS, is_arrays, read_arrays, read_table, stem
from plainnet.errors import DataError, SettingError, optional

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

TARGETS = ("target", "class", "label", "y")
"""A column of one of these names is the target where the user names none."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from, checked."""

    name: str
    X: Array
    """Features, shape (m, n): float64, or float32 as a dataset has them."""
    y: Array
    """Positions in `classes`, shape (m,)."""
    classes: list[Any]
    """Sorted, or in the order in which a dataset is published; of the type that the target has."""
    columns: tuple[str, ...]
    target: str
    images: bool = False
    """All columns are pixels of one kind."""
    test: tuple[Array, Array] | None = None
    """The (X, y) that are kept for testing, if the source says so."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The examples in three parts, each (X, class ids)."""

    fit: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]


def default_model(source: str) -> Path:
    """The file that a model of this source is saved to: adult.csv.gz gives adult-model.npz."""
    return Path(f"{stem(Path(source))}-model.npz")


def to_learn(source: str, target: str | None) -> Examples:
    """Everything in the source that can be learned from."""
    if source in datasets.NAMES:
        if target is not None:
            raise SettingError(f"the dataset {source} has its own target; leave --target away")
        return _of_dataset(datasets.load(source))
    path = _file(source)
    if is_arrays(path):
        return _of_arrays(path, target or "y")
    table = read_table(path)
    target = _target(list(table.columns), target, path)
    classes, y = checks.classes(table[target], target)
    features = table.drop(columns=target)
    if features.shape[1] == 0:
        raise DataError(f"{path} has no column beside the target {target!r}")
    if "" in features.columns:
        number = list(table.columns).index("") + 1
        raise DataError(
            f"column {number} of {path} has no name: name it if it is a feature, and leave it out "
            "if it only numbers the rows"
        )
    return Examples(
        path.name, checks.numbers(features), y, classes, tuple(features.columns), target
    )


def to_predict(source: str, columns: Sequence[str]) -> Array:
    """The columns of these names, shape (m, n); a dataset gives its test rows if it has such."""
    if source in datasets.NAMES:
        dataset = datasets.load(source)
        _require(columns, dataset.feature_names, source)
        X = dataset.X if dataset.test is None else dataset.test[0]
        return X[:, [dataset.feature_names.index(name) for name in columns]]
    path = _file(source)
    if is_arrays(path):
        X = _rows(_array(read_arrays(path), "X", path), path)
        if X.shape[1] != len(columns):
            raise DataError(
                f"the model takes {len(columns)} features; {path} has {X.shape[1]} in its array X"
            )
        return checks.numbers(_frame(X))
    table = read_table(path)
    _require(columns, table.columns, str(path))
    return checks.numbers(table[list(columns)])


def _file(source: str) -> Path:
    path = Path(source)
    if not path.exists() and path.name == source and not path.suffix:
        raise SettingError(
            f"there is no dataset {source!r}; there are {', '.join(datasets.NAMES)}, and files: "
            f"{KINDS}"
        )
    return path


# --- tables ---------------------------------------------------------------------------------------


def _target(columns: list[str], wanted: str | None, path: Path) -> str:
    if wanted is not None:
        if wanted not in columns:
            raise SettingError(f"{path} has no column {wanted!r}; it has {listed(columns)}")
        return wanted
    usual = [name for name in columns if name.casefold() in TARGETS]
    if len(usual) != 1:
        why = f"could be {' or '.join(map(repr, usual))}" if usual else "has no usual name"
        raise SettingError(
            f"the target in {path} {why}; name its column with --target: {listed(columns)}"
        )
    return usual[0]


def _require(needed: Sequence[str], there: Sequence[str] | pd.Index[str], source: str) -> None:
    known = set(there)
    missing = [name for name in needed if name not in known]
    if missing:
        raise DataError(
            f"{source} lacks {len(missing)} of the {len(needed)} columns that the model takes: "
            f"{listed(missing)}"
        )


# --- arrays and datasets --------------------------------------------------------------------------


def _of_arrays(path: Path, target: str) -> Examples:
    arrays = read_arrays(path)
    array, y = _array(arrays, "X", path), _array(arrays, target, path)
    X = _rows(array, path)
    if y.shape != (len(X),):
        raise DataError(
            f"the array {target!r} in {path} must hold one class for each of the {len(X)} rows of "
            f"X; got the shape {y.shape}"
        )
    if y.dtype.kind not in "iufbU":
        raise DataError(
            f"the array {target!r} in {path} must hold whole numbers or text; got {y.dtype}"
        )
    frame = _frame(X)
    names = tuple(map(str, frame.columns))
    classes, ids = checks.classes(_series(y), target)
    images = array.ndim > 2
    return Examples(path.name, checks.numbers(frame), ids, classes, names, target, images)


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
    return frame


def _series(y: Array) -> pd.Series[Any]:
    pandas = optional("pandas", purpose="reading tables", extra="cli")
    series: pd.Series[Any] = pandas.Series(y)
    return series


def _of_dataset(dataset: datasets.Dataset) -> Examples:
    return Examples(
        dataset.name,
        dataset.X,
        dataset.y,
        list(dataset.class_names),
        dataset.feature_names,
        target="class",
        images=dataset.image_shape is not None,
        test=dataset.test,
    )
