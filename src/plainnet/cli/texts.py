"""Text files, with the interface that `class_folders` expects."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from plainnet.callbacks import Callback, Run
from plainnet.cli import report
from plainnet.cli.folders import Broken
from plainnet.cli.hints import AS_WINDOWS, hinting
from plainnet.cli.settings import Settings
from plainnet.errors import FileError, counted
from plainnet.tables.csv_files import WINDOWS, in_encoding

FOR_OTHERS: Mapping[str, str] = dict.fromkeys(
    ("preset", "label_smoothing", "resume"), "tables and pictures"
)


def read(
    paths: Sequence[Path], broken: Broken, encoding: str | None, *, learning: bool
) -> tuple[dict[Path, str], dict[Path, str]]:
    """(texts, what is wrong with the other files).

    An empty text says nothing about its class: it is predicted, but not learned from.
    """
    texts: dict[Path, str] = {}
    wrong: dict[Path, str] = {}
    guessed: list[Path] = []
    for path in paths:
        try:
            texts[path], used = _text(path, encoding)
        except FileError as error:
            if broken == "refuse":
                raise
            wrong[path] = str(error)
            continue
        if used == WINDOWS and encoding is None:
            guessed.append(path)
    if guessed:
        is_read = "is not UTF-8 text and is" if len(guessed) == 1 else "are not UTF-8 text and are"
        _warn(guessed, f"{is_read} {AS_WINDOWS}")
    empty = [path for path, text in texts.items() if not text.strip()]
    if learning:
        wrong |= {path: f"{path} is empty" for path in empty}
        texts = {path: text for path, text in texts.items() if path not in wrong}
    elif empty:
        is_empty = "is" if len(empty) == 1 else "are"
        _warn(empty, f"{is_empty} empty: the prediction says only which classes are common")
    return texts, wrong


def estimator(settings: Settings) -> Any:
    """The estimator that these settings describe."""
    from plainnet.estimators import TextClassifier

    return TextClassifier(**settings.training.given(), random_state=settings.random_state)


def networks(settings: Settings, files: int) -> int:
    """How many networks it trains."""
    from plainnet.estimators.texts.recipe import RECIPES

    return settings.training.n_networks or RECIPES["default"].networks_for(files)


def validation(networks: int) -> str:
    """How the epochs are chosen."""
    return report.validation(networks, "texts")


def opening(console: Console, model: Any) -> Callback:
    """Show the size of the vocabulary and the first network, once both are known."""
    return _Opening(console, model)


class _Opening(Callback):
    only_shows = True

    def __init__(self, console: Console, model: Any) -> None:
        self.console, self.model = console, model

    def begin_training(self, run: Run) -> None:
        if self.model.networks_:  # the first has been shown
            return
        n = len(self.model.vocabulary_)
        self.console.print(f"The vocabulary has {n:,} words, pairs of words and parts of words.")
        self.console.print()
        report.show_network(self.console, run.network)


def _text(path: Path, encoding: str | None) -> tuple[str, str]:
    """(the text, its encoding)."""
    try:
        with hinting():
            text, used = in_encoding(path, encoding, lambda name: path.read_text(encoding=name))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    if "\0" in text:
        raise FileError(f"{path} holds zero bytes, which text does not")
    return text, used


def _warn(paths: Sequence[Path], what: str) -> None:
    others = f" and {counted(len(paths) - 1, 'other file')}" if len(paths) > 1 else ""
    warnings.warn(f"{paths[0]}{others} {what}", UserWarning, stacklevel=2)
