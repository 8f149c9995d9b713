"""The files that hold models: estimators, and networks with a recipe for images."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.cli.output import check_replaceable, check_writable
from plainnet.errors import DataError, FileError, PlainnetError
from plainnet.files.kinds import kind_of
from plainnet.files.native import read_metadata
from plainnet.network import Network

Array = npt.NDArray[Any]

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Recipe:
    """How pixels become network inputs, and outputs become classes. Stored as JSON in the file."""

    task: str
    source: str
    target: str
    columns: list[str]
    mean: float
    scale: float
    classes: list[bool] | list[int] | list[float] | list[str]
    """The classes in the order of the network's outputs, with the type that the target had."""
    plainnet: str = plainnet.__version__

    def inputs(self, X: Array) -> Array:
        """Pixels, shape (m, n), as standardised float32."""
        inputs = np.empty(X.shape, np.float32)
        with np.errstate(over="ignore"):
            for start in range(0, len(X), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                inputs[rows] = (X[rows] - self.mean) / self.scale
        if not np.isfinite(inputs).all():
            row, column = np.argwhere(~np.isfinite(inputs))[0]
            raise DataError(
                f"pixel {self.columns[column]!r} holds {X[row, column]:g} in row {row + 1}, too "
                f"far from the {self.mean:g} that pixels had on average in training"
            )
        return inputs


def standardise(X: Array) -> tuple[float, float]:
    """Mean and standard deviation over all pixels; the latter is 1 if all are equal."""
    mean, scale = float(X.mean(dtype=np.float64)), float(X.std(dtype=np.float64))
    return mean, scale if scale > 0 else 1.0


# --- files ----------------------------------------------------------------------------------------

DAMAGED = (KeyError, TypeError, AttributeError, RuntimeError, zlib.error, zipfile.BadZipFile)


def save_model(model: Any, path: Path) -> None:
    """Save an estimator, or a pair (network, recipe); the file appears whole or not at all."""
    try:
        if isinstance(model, tuple):
            network, recipe = model
            plainnet.save(network, path, metadata=asdict(recipe))
        else:
            plainnet.save(model, path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def load_model(path: Path) -> Any:
    """What `save_model` was given."""
    if not path.exists():
        raise FileError(f"there is no model {path}")
    if _is_estimator(path):
        model = plainnet.load(path)
        if foreign := _foreign(model):
            raise FileError(
                f"{path} was not made by `plainnet train`: its {type(model).__name__} {foreign}"
            )
        return model
    return _load_network(path)


def _foreign(model: Any) -> str:
    """How an estimator differs from those that the command makes; "" if it does not."""
    from plainnet.estimators import ImageClassifier, TextClassifier
    from plainnet.estimators.tabular import Tabular

    if isinstance(model, ImageClassifier | TextClassifier):
        if not hasattr(model, "network_"):
            return "has not learned anything"
        return "predicts more than one value per file" if model._multilabel else ""
    if not (isinstance(model, Tabular) and hasattr(model, "columns_")):
        return "knows no columns"
    if not hasattr(model, "feature_names_in_"):
        return "knows its columns by their places, not by names"
    if model._multilabel if hasattr(model, "classes_") else model._n_targets > 1:
        return "predicts more than one value per row"
    return ""


def _load_network(path: Path) -> tuple[Network, Recipe]:
    try:
        metadata = read_metadata(path)
        network = plainnet.load(path)
    except DAMAGED as error:
        raise FileError(f"{path} is not a plainnet model ({error})") from error
    try:
        recipe = Recipe(**metadata)
        fits = network.input_shape == (len(recipe.columns),)
        fits = fits and network.output_shape == (len(recipe.classes),)
        fits = fits and recipe.task == "classification" and network.dtype == np.float32
        fits = fits and bool(np.isfinite([recipe.mean, recipe.scale]).all()) and recipe.scale > 0
        fits = fits and _are_labels(recipe.columns, str) and _are_labels(recipe.classes)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise FileError(
            f"{path} was not made by `plainnet train`: it does not say which columns it takes and "
            "which classes it knows"
        )
    return network, recipe


def _are_labels(values: Any, *kinds: type) -> bool:
    """A list of different numbers or texts, of one type."""
    kind = type(values[0]) if isinstance(values, list) and values else None
    return (
        kind in (kinds or (bool, int, float, str))
        and all(type(value) is kind and value == value for value in values)
        and len(set(values)) == len(values)
    )


def check_model_writable(path: Path) -> tuple[Path, bool]:
    """Where a model will be saved, and whether it replaces an older model; no other file may be."""
    place = check_writable(path)
    return place, check_replaceable(path, place, "a model of `plainnet train`", _is_loadable)


def _is_loadable(path: Path) -> bool:
    try:
        load_model(path)
    except PlainnetError:
        return False
    return True


def _is_estimator(path: Path) -> bool:
    return kind_of(path) == "estimator"
