"""Picture files, with the interface that `class_folders` expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from plainnet.callbacks import Callback, Run
from plainnet.cli import report
from plainnet.cli.folders import Broken
from plainnet.cli.settings import Settings
from plainnet.errors import FileError, optional

FOR_OTHERS: Mapping[str, str] = dict.fromkeys(("n_networks", "encoding"), "tables and texts")


def read(
    paths: Sequence[Path], broken: Broken, encoding: str | None, *, learning: bool
) -> tuple[dict[Path, Path], dict[Path, str]]:
    """(paths that can be read, what is wrong with the others); every file is tried."""
    from plainnet.estimators.images.pictures import pixels_of

    optional("PIL", purpose="pictures", extra="images")
    fine: dict[Path, Path] = {}
    wrong: dict[Path, str] = {}
    for path in paths:
        try:
            pixels_of(path)
        except FileError as error:
            if broken == "refuse":
                raise
            wrong[path] = str(error)
        else:
            fine[path] = path
    return fine, wrong


def estimator(settings: Settings) -> Any:
    """The estimator that these settings describe."""
    from plainnet.estimators import ImageClassifier

    return ImageClassifier(**settings.training.given(), random_state=settings.random_state)


def networks(settings: Settings, files: int) -> int:
    """How many networks it trains."""
    return 1


def validation(networks: int) -> str:
    """How the epoch is chosen."""
    return "A tenth of the pictures to learn from, at most 3,000, decides which epoch is kept."


def opening(console: Console, model: Any) -> Callback:
    """Show the size that pictures are brought to, and the network, once both are known."""
    return _Opening(console, model)


class _Opening(Callback):
    only_shows = True

    def __init__(self, console: Console, model: Any) -> None:
        self.console, self.model = console, model

    def begin_training(self, run: Run) -> None:
        pixels = self.model.pixels_
        height, width = pixels.size
        colour = "grey" if pixels.channels == 1 else "in colour"
        self.console.print(f"All are brought to {width} x {height} pixels, {colour}.")
        self.console.print()
        report.show_network(self.console, run.network)
