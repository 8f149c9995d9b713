"""`plainnet predict`: a class or a number for each row, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from plainnet.cli import checks, sources
from plainnet.cli.model import load_model
from plainnet.cli.output import check_writable, written_whole
from plainnet.errors import FileError, SettingError

Array = npt.NDArray[Any]


def predict(model: Path, source: str, out: Path | None, proba: bool) -> None:
    """Run `plainnet predict`."""
    loaded = load_model(model)
    place = None if out is None else _check_out(out, (model, Path(source)))
    if isinstance(loaded, tuple):
        network, recipe = loaded
        pixels = checks.pixels(sources.to_predict(source, recipe.columns).to_numpy())
        lines = _classes(recipe.classes, network.predict_proba(recipe.inputs(pixels)), proba)
    else:
        X = sources.to_predict(source, loaded.feature_names_in_.tolist())
        if hasattr(loaded, "predict_proba"):
            lines = _classes(loaded.classes_.tolist(), loaded.predict_proba(X), proba)
        elif proba:
            raise SettingError(f"{model} predicts numbers, which have no probabilities: no --proba")
        else:
            lines = _numbers(loaded.predict(X))
    if place is None:
        _write(sys.stdout, lines)
        return
    with written_whole(place) as file:
        _write(file, lines)


def _check_out(out: Path, used: tuple[Path, ...]) -> Path:
    place = check_writable(out)
    if any(place == path.resolve() for path in used):
        raise FileError(f"cannot write {out}: it is what the predictions are made from")
    return place


def _classes(classes: list[Any], P: Array, proba: bool) -> Iterator[list[Any]]:
    yield ["prediction", *(f"proba_{label}" for label in classes if proba)]
    for row, best in zip(P, P.argmax(axis=1), strict=True):
        yield [classes[best], *(f"{p:.6g}" for p in row if proba)]


def _numbers(y: Array) -> Iterator[list[Any]]:
    yield ["prediction"]
    for value in np.asarray(y, np.float64):
        yield [f"{value:.9g}"]


def _write(file: TextIO, lines: Iterator[list[Any]]) -> None:
    csv.writer(file, lineterminator="\n").writerows(lines)
