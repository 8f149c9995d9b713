"""`plainnet train` and `plainnet predict` on files of pictures."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
from rich.console import Console

from plainnet.callbacks import Callback, Run
from plainnet.cli import folders, report
from plainnet.cli.checkpoints import Checkpoints
from plainnet.cli.checks import listed
from plainnet.cli.folders import Folder
from plainnet.cli.progress import Measure, watching
from plainnet.cli.rows import TEST_SIZE
from plainnet.cli.settings import Settings, option
from plainnet.data import split
from plainnet.errors import DataError, FileError, SettingError, counted, optional

Broken = Literal["skip", "refuse"]

FOR_TABLES = ("target", "drop", "task", "hidden_layer_sizes", "n_networks")
VALIDATION = "A tenth of the pictures to learn from, at most 3,000, decides which epoch is kept."


def check(settings: Settings) -> None:
    """Refuse the settings that a folder does not have."""
    values = {**vars(settings), **vars(settings.training)}
    for name in FOR_TABLES:
        if values[name]:
            raise SettingError(
                f"{settings.source} is a folder, and {option(name)} is for tables; leave it out"
            )


def unreadable(paths: Sequence[Path], broken: Broken) -> dict[Path, str]:
    """What is wrong with which of these pictures, all of which are tried; refused if so wished."""
    from plainnet.estimators.images.pictures import pixels_of

    optional("PIL", purpose="pictures", extra="images")
    wrong: dict[Path, str] = {}
    for path in paths:
        try:
            pixels_of(path)
        except FileError as error:
            if broken == "refuse":
                raise
            wrong[path] = str(error)
    return wrong


def learn(
    folder: Folder, settings: Settings, console: Console, checkpoints: Checkpoints
) -> tuple[Any, Callable[[], None]]:
    """Train and report; returns the estimator, and a function that tests it."""
    from plainnet.estimators import ImageClassifier

    folder = folder.without(unreadable(folder.paths, settings.broken or "skip"))
    folders.say_left_out(folder.left_out)
    rest, test = _parts(folder, settings)
    model = ImageClassifier(**settings.training.given(), random_state=settings.random_state)
    pictures, classes = counted(len(folder.paths), "picture"), len(set(folder.labels))
    console.print(f"{folder.name}: {pictures} in {classes} classes", soft_wrap=True)
    sizes = {"to learn from": len(rest), "to test": len(test)}
    report.show_rows(console, sizes, settings.seed, True, VALIDATION, "Pictures")

    started = perf_counter()
    shown = watching(console, Measure("validation accuracy", "val_accuracy"))
    with shown as watcher, model.checkpointed(checkpoints.of):
        model.set_params(callbacks=[_Opening(console, model), watcher])
        with warnings.catch_warnings():  # it is reported below
            warnings.filterwarnings("ignore", "Training interrupted", UserWarning)
            model.fit([folder.paths[i] for i in rest], [folder.labels[i] for i in rest])
        model.set_params(callbacks=())
    seconds = perf_counter() - started
    report.show_end(console, model.history_, watcher.epochs, model.best_epoch_, seconds)
    console.print()
    return model, partial(_test, folder, test, model, console)


def _parts(folder: Folder, settings: Settings) -> tuple[list[int], list[int]]:
    """Which pictures to learn from, and which to test on."""
    from plainnet.estimators.tabular.held_out import LEAST_ROWS

    counts = Counter(sorted(folder.labels))
    if len(counts) < 2:
        raise DataError(
            f"{folder.name} has only one class, {listed(counts)}: there is nothing to learn"
        )
    alone = [label for label, count in counts.items() if count < 2]
    if alone:
        raise DataError(
            f"of the classes in {folder.name}, {listed(alone)} have one picture, and learning and "
            "testing need one each: add pictures, or remove the folders"
        )
    rest, test = split(
        len(folder.labels),
        settings.test_size or TEST_SIZE,
        seed=np.random.default_rng(settings.seed),
        stratify=np.array(folder.labels),
    )
    if len(rest) < LEAST_ROWS:
        raise DataError(
            f"{folder.name} has {counted(len(rest), 'picture')} to learn from and {len(test)} to "
            f"test, and learning takes {LEAST_ROWS} or more"
        )
    return rest.tolist(), test.tolist()


def _test(folder: Folder, test: Sequence[int], model: Any, console: Console) -> None:
    ids = np.searchsorted(model.classes_, [folder.labels[i] for i in test])
    P = model.predict_proba([folder.paths[i] for i in test])
    report.show_classes(console, ids, P, model.classes_.tolist(), "pictures")


class _Opening(Callback):
    """Shows to what size the pictures are brought, and the network, when both are known."""

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


# --- predictions ----------------------------------------------------------------------------------


def to_predict(model: Any, sources: Sequence[str], broken: Broken) -> tuple[list[Path], Any]:
    """(files, probabilities) of the pictures that are named, or are in folders that are."""
    found, left_out = folders.to_predict(sources, "images")
    wrong = unreadable(found, broken)
    folders.say_left_out([*left_out, *wrong.values()])
    paths = [path for path in found if path not in wrong]
    if not paths:
        raise DataError(f"there is no picture in {listed(sources, quote=False)}")
    return paths, model.predict_proba(paths)
