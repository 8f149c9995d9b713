"""`plainnet predict`: a class or a number for each row, as CSV."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from plainnet import datasets
from plainnet.cli import checks, report, sources
from plainnet.cli.csv_files import TextFormat
from plainnet.cli.model import load_model
from plainnet.cli.output import check_replaceable, check_writable, written_whole
from plainnet.errors import FileError, SettingError

Array = npt.NDArray[Any]

PREDICTION, PROBABILITY = "prediction", "proba_"
"""The first column, and how the names of the others begin."""
LONGEST_HEADER = 2**20


def predict(model: Path, source: str, out: Path | None, proba: bool, text: TextFormat) -> None:
    """Run `plainnet predict`."""
    text.check()
    place = None if out is None else _check_out(out, model, source)
    loaded = load_model(model)
    if isinstance(loaded, tuple):
        network, recipe = loaded
        pixels = checks.pixels(sources.to_predict(source, recipe.columns).to_numpy())
        lines = _classes(recipe.classes, network.predict_proba(recipe.inputs(pixels)), proba)
    else:
        X = sources.to_predict(
            source, loaded.feature_names_in_.tolist(), loaded.columns_.unused, text
        )
        if hasattr(loaded, "predict_proba"):
            lines = _classes(loaded.classes_.tolist(), loaded.predict_proba(X), proba)
        elif proba:
            raise SettingError(
                f"{model} predicts numbers, which do not have probabilities: leave out --proba"
            )
        else:
            lines = _numbers(loaded.predict(X))
    if out is None or place is None:
        _write(sys.stdout, lines)
        return
    replaced = check_replaceable(out, place, "predictions of `plainnet predict`", are_predictions)
    with written_whole(out, place) as file:
        _write(file, lines)
    if replaced:
        report.make_console(False).print(f"Replaced the predictions in {out}", soft_wrap=True)


def _check_out(out: Path, model: Path, source: str) -> Path:
    """Where the predictions will be written, if they may be."""
    place = check_writable(out, "; without --out the predictions go to standard output")
    for path in (model, *(() if source in datasets.NAMES else (Path(source),))):
        if place.exists() and path.exists() and os.path.samefile(place, path):
            raise FileError(f"cannot write {out}: the predictions are made from it")
    check_replaceable(out, place, "predictions of `plainnet predict`", are_predictions)
    return place


def are_predictions(path: Path) -> bool:
    """Whether a file begins like those that this command writes."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            start = file.read(LONGEST_HEADER)
        first, *others = next(csv.reader(io.StringIO(start, newline="")), [""])
    except (UnicodeDecodeError, csv.Error, ValueError):
        return False
    return first == PREDICTION and all(name.startswith(PROBABILITY) for name in others)


def _classes(classes: list[Any], P: Array, proba: bool) -> Iterator[list[Any]]:
    yield [PREDICTION, *(f"{PROBABILITY}{label}" for label in classes if proba)]
    for row, best in zip(P, P.argmax(axis=1), strict=True):
        yield [classes[best], *(f"{p:.6g}" for p in row if proba)]


def _numbers(y: Array) -> Iterator[list[Any]]:
    yield [PREDICTION]
    for value in np.asarray(y, np.float64):
        yield [f"{value:.9g}"]


def _write(file: TextIO, lines: Iterator[list[Any]]) -> None:
    csv.writer(file, lineterminator="\n").writerows(lines)
    file.flush()
