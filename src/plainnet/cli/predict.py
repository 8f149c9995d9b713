"""`plainnet predict`: a class for each row, as CSV."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from plainnet.cli import sources
from plainnet.cli.model import load_model
from plainnet.cli.output import check_writable, written_whole
from plainnet.errors import FileError


def predict(model: Path, source: str, out: Path | None, proba: bool) -> None:
    """Run `plainnet predict`."""
    network, recipe = load_model(model)
    place = None if out is None else _check_out(out, (model, Path(source)))
    X = sources.to_predict(source, recipe.columns)
    probabilities = network.predict_proba(recipe.inputs(X))
    if place is None:
        _write(sys.stdout, recipe.classes, probabilities, proba)
        return
    with written_whole(place) as file:
        _write(file, recipe.classes, probabilities, proba)


def _check_out(out: Path, used: tuple[Path, ...]) -> Path:
    place = check_writable(out)
    if any(place == path.resolve() for path in used):
        raise FileError(f"cannot write {out}: it is what the predictions are made from")
    return place


def _write(
    file: TextIO, classes: list[Any], probabilities: npt.NDArray[np.float32], proba: bool
) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["prediction", *(f"proba_{label}" for label in classes if proba)])
    for row, best in zip(probabilities, probabilities.argmax(axis=1), strict=True):
        writer.writerow([classes[best], *(f"{p:.6g}" for p in row if proba)])
