"""Files of pictures, as `class_folders` asks for them."""

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
    """(the paths, which the estimator reads itself, what is wrong with others); all are tried."""
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
    """How many it trains."""
    return 1


def validation(networks: int) -> str:
    """How the epoch is chosen."""
    return "A tenth of the pictures to learn from, at most 3,000, decides which epoch is kept."


def opening(console: Console, model: Any) -> Callback:
    """Shows to what size the pictures are brought, and the network, when both are known."""
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
