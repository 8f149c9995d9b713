"""What a model file says beside the network: all that turns a table into predictions."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.cli.output import check_writable
from plainnet.errors import DataError, FileError
from plainnet.files.native import read_metadata
from plainnet.network import Network

Array = npt.NDArray[Any]

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Recipe:
    """How rows become inputs of the network, and its outputs classes. Held as JSON in the file."""

    task: str
    source: str
    target: str
    columns: list[str]
    mean: list[float]
    scale: list[float]
    classes: list[bool] | list[int] | list[float] | list[str]
    """In the order of the network's outputs, in the type that the target had."""
    plainnet: str = plainnet.__version__

    def inputs(self, X: Array) -> Array:
        """Features, shape (m, n), standardised, as float32."""
        inputs = np.empty(X.shape, np.float32)
        mean, scale = np.array(self.mean), np.array(self.scale)
        with np.errstate(over="ignore"):
            for start in range(0, len(X), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                inputs[rows] = (X[rows] - mean) / scale
        if not np.isfinite(inputs).all():
            row, column = np.argwhere(~np.isfinite(inputs))[0]
            raise DataError(
                f"column {self.columns[column]!r} holds {X[row, column]:g} in row {row + 1}, too "
                f"far from the {self.mean[column]:g} that it had on average in training"
            )
        return inputs


def standardise(X: Array, together: bool) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each column; of all columns `together` where they are pixels.

    A column that never changes is divided by 1: its deviation is 0, or a rounding error.
    """
    if together:
        mean, scale = float(X.mean(dtype=np.float64)), float(X.std(dtype=np.float64))
        return [mean] * X.shape[1], [scale if scale > 0 else 1.0] * X.shape[1]
    scales = X.std(axis=0, dtype=np.float64)
    scales[(X.min(axis=0) == X.max(axis=0)) | (scales == 0)] = 1
    means: Sequence[float] = X.mean(axis=0, dtype=np.float64).tolist()
    return list(means), scales.tolist()


# --- files ----------------------------------------------------------------------------------------

DAMAGED = (KeyError, TypeError, AttributeError, RuntimeError, zlib.error, zipfile.BadZipFile)


def save_model(network: Network, recipe: Recipe, path: Path) -> None:
    """Save the network with its recipe; the file appears whole or not at all."""
    try:
        plainnet.save(network, path, metadata=asdict(recipe))
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error


def load_model(path: Path) -> tuple[Network, Recipe]:
    """The network and the recipe that `save_model` wrote."""
    if not path.exists():
        raise FileError(f"there is no model {path}")
    try:
        metadata = read_metadata(path)
        network = plainnet.load(path)
    except DAMAGED as error:
        raise FileError(f"{path} is no plainnet model ({error})") from error
    try:
        recipe = Recipe(**metadata)
        n, K = len(recipe.columns), len(recipe.classes)
        fits = network.input_shape == (n,) and network.output_shape == (K,)
        fits = fits and len(recipe.mean) == len(recipe.scale) == n
        fits = fits and recipe.task == "classification" and network.dtype == np.float32
        fits = fits and bool(np.isfinite([recipe.mean, recipe.scale]).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise FileError(
            f"{path} was not made by `plainnet train`: it does not say which columns it takes and "
            "which classes it knows"
        )
    return network, recipe


def check_model_writable(path: Path) -> Path:
    """Where a model will be saved. An older model there is replaced, and nothing else ever."""
    place = check_writable(path)
    if place.exists():
        try:
            read_metadata(place)
        except (FileError, *DAMAGED) as error:
            raise FileError(
                f"{path} exists and is no plainnet model; name another file with --out"
            ) from error
    return place
