"""`plainnet predict`: a class or a number for each row, as CSV."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from plainnet import datasets
from plainnet.cli import checks, class_folders, folders, report, sources
from plainnet.cli.folders import Broken
from plainnet.cli.model import load_model
from plainnet.cli.output import check_replaceable, check_writable, written_whole
from plainnet.cli.settings import option
from plainnet.errors import FileError, SettingError, require_number
from plainnet.tables.csv_files import TextFormat

Array = npt.NDArray[Any]

FILE, PREDICTION, PROBABILITY, ENDS = "file", "prediction", "proba_", ["low", "high"]
"""The names of the output columns: the file, if files are predicted; the prediction; and so on."""
LONGEST_HEADER = 2**20


def predict(
    model: Path,
    named: Sequence[str],
    out: Path | None,
    proba: bool,
    interval: float | None,
    broken: Broken | None,
    text: TextFormat,
) -> None:
    """Run `plainnet predict`."""
    text.check(option)
    if interval is not None:
        require_number("--interval", interval, above=0, below=1)
    place = None if out is None else _check_out(out, model, named)
    loaded = load_model(model)
    if interval is not None and not hasattr(loaded, "predict_interval"):
        raise SettingError(f"{model} predicts classes, which have no intervals: see --proba")
    source = named[0]
    kind = class_folders.kind_for(loaded)
    if kind is not None:
        files, P = class_folders.to_predict(loaded, kind, named, broken or "skip", text)
        lines = _of_files(files, _classes(loaded.classes_.tolist(), P, proba))
    elif len(named) > 1 or broken is not None or folders.is_folder(source):
        what = "--broken" if broken else "a folder" if len(named) == 1 else "more than one SOURCE"
        raise SettingError(f"{model} was not trained on pictures or texts, and {what} is for these")
    elif isinstance(loaded, tuple):
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
            lines = _numbers(loaded, X, interval)
    if out is None or place is None:
        _write(sys.stdout, lines)
        return
    replaced = check_replaceable(out, place, "predictions of `plainnet predict`", are_predictions)
    with written_whole(out, place) as file:
        _write(file, lines)
    if replaced:
        report.make_console(False).print(f"Replaced the predictions in {out}", soft_wrap=True)


def _check_out(out: Path, model: Path, named: Sequence[str]) -> Path:
    """Where the predictions will be written, if they may be."""
    place = check_writable(out, "; without --out the predictions go to standard output")
    for path in (model, *(Path(source) for source in named if source not in datasets.NAMES)):
        if place.exists() and path.exists() and os.path.samefile(place, path):
            raise FileError(f"cannot write {out}: the predictions are made from it")
    check_replaceable(out, place, "predictions of `plainnet predict`", are_predictions)
    return place


def are_predictions(path: Path) -> bool:
    """Whether a file begins like one that this command writes."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            start = file.read(LONGEST_HEADER)
        header = next(csv.reader(io.StringIO(start, newline="")), [])
    except (UnicodeDecodeError, csv.Error, ValueError):
        return False
    columns = header[1:] if header[:1] == [FILE] else header
    others = columns[1:]
    known = others == ENDS or all(name.startswith(PROBABILITY) for name in others)
    return columns[:1] == [PREDICTION] and known


def _classes(classes: list[Any], P: Array, proba: bool) -> Iterator[list[Any]]:
    yield [PREDICTION, *(f"{PROBABILITY}{label}" for label in classes if proba)]
    for row, best in zip(P, P.argmax(axis=1), strict=True):
        yield [classes[best], *(f"{p:.6g}" for p in row if proba)]


def _of_files(files: Sequence[Path], lines: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Lines with the file that each belongs to."""
    yield [FILE, *next(lines)]
    for path, line in zip(files, lines, strict=True):
        yield [str(path).encode("utf-8", "backslashreplace").decode(), *line]


def _numbers(model: Any, X: Any, interval: float | None) -> Iterator[list[Any]]:
    columns = [model.predict(X)]
    if interval is not None:
        columns += list(model.predict_interval(X, interval).T)
    yield [PREDICTION, *(ENDS if interval else [])]
    for row in np.stack(columns, axis=1).astype(np.float64):
        yield [f"{value:.9g}" for value in row]


def _write(file: TextIO, lines: Iterator[list[Any]]) -> None:
    csv.writer(file, lineterminator="\n").writerows(lines)
    file.flush()
