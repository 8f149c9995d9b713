"""`plainnet train` and `plainnet predict` on files sorted into a folder for each class."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rich.console import Console

from plainnet.callbacks import Callback
from plainnet.cli import folders, pictures, report, texts
from plainnet.cli.checkpoints import Checkpoints
from plainnet.cli.checks import listed
from plainnet.cli.files import ENDINGS
from plainnet.cli.folders import NAMED, Broken, Folder
from plainnet.cli.learned import Learned
from plainnet.cli.progress import Measure, watching
from plainnet.cli.rows import TEST_SIZE
from plainnet.cli.settings import Settings, option
from plainnet.data import split
from plainnet.errors import DataError, SettingError, counted
from plainnet.tables.csv_files import TextFormat

if TYPE_CHECKING:
    from plainnet.cli.pages.document import Document

FOR_TABLES = ("target", "drop", "column", "task", "separator", "decimal", "hidden_layer_sizes")


class Files(Protocol):
    """The interface that the module for each kind of file has."""

    FOR_OTHERS: Mapping[str, str]
    """Settings that do not apply to these files, and what they do apply to."""

    def read(
        self, paths: Sequence[Path], broken: Broken, encoding: str | None, *, learning: bool
    ) -> tuple[dict[Path, Any], dict[Path, str]]:
        """(the estimator's input for each file, the problem with each file that is left out)."""
        ...

    def estimator(self, settings: Settings) -> Any: ...

    def networks(self, settings: Settings, files: int) -> int:
        """How many networks the estimator trains."""
        ...

    def validation(self, networks: int) -> str:
        """How the epochs are chosen."""
        ...

    def opening(self, console: Console, model: Any) -> Callback:
        """A callback that shows what is known when training begins."""
        ...


Labelled = tuple[list[Any], list[str]]
"""The contents of some files, and their classes."""
FILES: dict[folders.Kind, Files] = {"images": pictures, "texts": texts}


# --- training -------------------------------------------------------------------------------------


def check(folder: Folder, settings: Settings, resume: bool) -> None:
    """Refuse settings that do not apply to such a folder."""
    values = {**vars(settings), **vars(settings.training), "resume": resume or None}
    _refuse_others(folder.kind, values, f"{settings.source} is a folder of {NAMED[folder.kind]}s")


def learn(
    folder: Folder, settings: Settings, console: Console, checkpoints: Checkpoints
) -> Learned:
    """Train and report."""
    from plainnet.estimators.checkpointing import Checkpointed
    from plainnet.estimators.held_out import LEAST_ROWS, may_be_held_out

    files, named = FILES[folder.kind], NAMED[folder.kind]
    folder, contents = _read(folder, settings)
    rest, test = _parts(folder, settings)
    model, networks = files.estimator(settings), files.networks(settings, len(rest))
    classes = len(set(folder.labels))
    console.print(
        f"{folder.name}: {counted(len(folder.paths), named)} in {classes} classes", soft_wrap=True
    )
    sizes = {"to learn from": len(rest), "to test": len(test)}
    note, what = files.validation(networks), f"{named.capitalize()}s"
    if len(may_be_held_out(len(rest), np.array([folder.labels[i] for i in rest]))) < LEAST_ROWS:
        note = f"These are too few {named}s to hold any of them out: the last epoch is kept."
    report.show_rows(console, sizes, settings.seed, True, note, what)

    X, y = [contents[path] for path in folder.paths], folder.labels
    started = perf_counter()
    shown = watching(console, Measure("validation accuracy", "val_accuracy"), networks)
    kept = model.checkpointed(checkpoints.of) if isinstance(model, Checkpointed) else nullcontext()
    with shown as watcher, kept:
        model.set_params(callbacks=[files.opening(console, model), watcher])
        with warnings.catch_warnings():  # it is reported below
            warnings.filterwarnings("ignore", "Training interrupted", UserWarning)
            model.fit([X[i] for i in rest], [y[i] for i in rest])
        model.set_params(callbacks=())
    seconds = perf_counter() - started
    report.show_trained(console, model, watcher.epochs, networks, seconds)
    X_test, y_test = [X[i] for i in test], [y[i] for i in test]
    show_test = partial(_test, X_test, y_test, model, console, f"{named}s")
    run = Run(folder, contents, rest, test, model, settings, watcher.epochs, seconds)
    return Learned(model, show_test, partial(_document, run))


@dataclass(frozen=True, eq=False)
class Run:
    """The input and the results of a training."""

    folder: Folder
    contents: Mapping[Path, Any]
    rest: Sequence[int]
    """The positions of the files that were learned from."""
    test: Sequence[int]
    model: Any
    settings: Settings
    epochs: int
    seconds: float

    def of(self, files: Sequence[int]) -> Labelled:
        """(contents, classes) of some files."""
        paths, labels = self.folder.paths, self.folder.labels
        return [self.contents[paths[i]] for i in files], [labels[i] for i in files]


def _document(run: Run) -> Document:
    from plainnet.cli.pages.files import document

    return document(run)


def _read(folder: Folder, settings: Settings) -> tuple[Folder, dict[Path, Any]]:
    """The folder without the files that cannot be read, and what is in the others."""
    broken = settings.broken or "skip"
    files = FILES[folder.kind]
    contents, wrong = files.read(folder.paths, broken, settings.encoding, learning=True)
    folder = folder.without(wrong)
    folders.say_left_out(folder.left_out)
    return folder, contents


def rows(kind: folders.Kind, settings: Settings) -> tuple[Labelled, Labelled]:
    """The files that `learn` would train on and test on, with their labels."""
    if not folders.is_folder(settings.source):
        raise SettingError(
            f"the model was trained on a folder of {NAMED[kind]}s, with a folder for each class; "
            f"got {settings.source}"
        )
    folder = folders.to_learn(settings.source)
    if folder.kind != kind:
        raise SettingError(
            f"the model was trained on {NAMED[kind]}s, and {settings.source} holds "
            f"{NAMED[folder.kind]}s"
        )
    check(folder, settings, False)
    folder, contents = _read(folder, settings)
    X, y = [contents[path] for path in folder.paths], folder.labels
    rest, test = ([X[i] for i in part] for part in _parts(folder, settings))
    y_rest, y_test = ([y[i] for i in part] for part in _parts(folder, settings))
    return (rest, y_rest), (test, y_test)


def _refuse_others(kind: folders.Kind, values: Mapping[str, Any], why: str) -> None:
    whose = {**dict.fromkeys(FOR_TABLES, "tables"), **FILES[kind].FOR_OTHERS}
    for name, others in whose.items():
        if values.get(name) not in (None, ()):
            raise SettingError(f"{why}, and {option(name)} is for {others}; leave it out")


def _parts(folder: Folder, settings: Settings) -> tuple[list[int], list[int]]:
    """Which files to learn from, and which to test on."""
    from plainnet.estimators.held_out import LEAST_ROWS

    named = NAMED[folder.kind]
    counts = Counter(sorted(folder.labels))
    if len(counts) < 2:
        if not counts:
            raise DataError(
                f"{folder.name} has only broken or empty files: there is nothing to learn"
            )
        raise DataError(
            f"{folder.name} has {named}s of only one class, {listed(counts)}: there is nothing to "
            "learn"
        )
    alone = [label for label, count in counts.items() if count < 2]
    if alone:
        have, folders_ = ("has", "folder") if len(alone) == 1 else ("have", "folders")
        raise DataError(
            f"of the classes in {folder.name}, {listed(alone)} {have} one {named}, and learning "
            f"and testing need one each: add {named}s, or remove the {folders_}"
        )
    rest, test = split(
        len(folder.labels),
        settings.test_size or TEST_SIZE,
        seed=np.random.default_rng(settings.seed),
        stratify=np.array(folder.labels),
    )
    if len(rest) < LEAST_ROWS:
        raise DataError(
            f"{folder.name} has {counted(len(rest), named)} to learn from and {len(test)} to "
            f"test, and learning takes {LEAST_ROWS} or more"
        )
    return rest.tolist(), test.tolist()


def _test(X: list[Any], y: list[str], model: Any, console: Console, what: str) -> None:
    ids = np.searchsorted(model.classes_, y)
    report.show_classes(console, ids, model.predict_proba(X), model.classes_.tolist(), what)


# --- predictions ----------------------------------------------------------------------------------


def kind_for(model: Any) -> folders.Kind | None:
    """The kind of file that a model predicts; None if it predicts rows."""
    if hasattr(model, "pixels_"):
        return "images"
    return "texts" if hasattr(model, "reader_") else None


def to_predict(
    model: Any, kind: folders.Kind, sources: Sequence[str], broken: Broken, text: TextFormat
) -> tuple[list[Path], Any]:
    """(files, probabilities) of the named files and those in named folders."""
    paths, contents = contents_of(kind, sources, broken, text)
    return paths, model.predict_proba(contents)


def contents_of(
    kind: folders.Kind, sources: Sequence[str], broken: Broken, text: TextFormat
) -> tuple[list[Path], list[Any]]:
    """(files, contents) of the named files and those in named folders."""
    _refuse_others(kind, vars(text), f"the model was trained on {NAMED[kind]}s")
    for source in sources:
        if source.lower().endswith(ENDINGS):
            raise DataError(f"{source} is a table, and the model was trained on {NAMED[kind]}s")
    found, left_out = folders.to_predict(sources, kind)
    contents, wrong = FILES[kind].read(found, broken, text.encoding, learning=False)
    folders.say_left_out([*left_out, *wrong.values()])
    paths = [path for path in found if path in contents]
    if not paths:
        raise DataError(f"there is no {NAMED[kind]} in {listed(sources, quote=False)}")
    return paths, [contents[path] for path in paths]
