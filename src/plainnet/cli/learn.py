"""`plainnet train`: reads, splits, trains, reports and saves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import data
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.cli import report, sources
from plainnet.cli.model import Recipe, check_model_writable, save_model, standardise
from plainnet.cli.progress import Bar, Lines
from plainnet.errors import DataError, DivergedError, SettingError
from plainnet.history import History
from plainnet.layers import Dense, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.network import Network
from plainnet.optimizers import Adam
from plainnet.training import train

Array = npt.NDArray[Any]

TEST_SIZE = 0.2
VALIDATION_SIZE = 0.1
"""The share of the training rows that early stopping looks at."""
WIDEST = 65_536
"""A hidden layer that is wider than this is a typing error."""
SMOOTHING = 0.05
"""Label smoothing. On digits it gives 0.986 rather than 0.978, the mean over 15 splits."""


@dataclass(frozen=True)
class Settings:
    """What the user can choose."""

    source: str
    target: str | None
    hidden: str
    epochs: int
    batch_size: int
    learning_rate: float
    test_size: float | None
    patience: int
    seed: int
    out: Path | None
    quiet: bool


def learn(settings: Settings) -> None:
    """Run `plainnet train`. Whatever can be refused is refused before training begins."""
    widths = parse_hidden(settings.hidden)
    check_numbers(settings)
    place = check_model_writable(settings.out or sources.default_model(settings.source))
    console = report.make_console(settings.quiet)
    rng = np.random.default_rng(settings.seed)

    examples = sources.to_learn(settings.source, settings.target)
    rows = split(examples, settings.test_size, rng)
    mean, scale = standardise(rows.fit[0], together=examples.images)
    recipe = Recipe(
        task="classification",
        source=examples.name,
        target=examples.target,
        columns=list(examples.columns),
        mean=mean,
        scale=scale,
        classes=examples.classes,
    )
    report.show_data(console, examples, rows, settings.seed)

    layers = [layer for width in widths for layer in (Dense(width), ReLU())]
    network = Network(
        [*layers, Dense(len(examples.classes))],
        loss=SoftmaxCrossEntropy(label_smoothing=SMOOTHING),
        input_shape=len(examples.columns),
        seed=rng,
    )
    report.show_network(console, network)

    stopping = EarlyStopping(patience=settings.patience)
    X, y = recipe.inputs(rows.fit[0]), rows.fit[1]
    validation = recipe.inputs(rows.validation[0]), rows.validation[1]
    X_test, y_test = recipe.inputs(rows.test[0]), rows.test[1]
    watcher: Bar | Lines = Bar(console) if console.is_terminal else Lines(console)
    started = perf_counter()
    try:
        history = _train(network, X, y, validation, settings, rng, [stopping, watcher])
    finally:
        watcher.close()
    seconds = perf_counter() - started

    report.show_end(console, history, settings.epochs, stopping, seconds)
    report.show_results(console, y_test, network.predict(X_test), examples.classes)
    replaced = place.exists()
    save_model(network, recipe, place)
    report.show_saved(console, settings.out or place.name, replaced)


def _train(
    network: Network,
    X: Array,
    y: Array,
    validation: tuple[Array, Array],
    settings: Settings,
    rng: np.random.Generator,
    callbacks: list[Callback],
) -> History:
    try:
        return train(
            network,
            X,
            y,
            optimizer=Adam(settings.learning_rate),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=validation,
            callbacks=callbacks,
            seed=rng,
            progress=False,
        )
    except DivergedError as error:
        raise DivergedError(
            f"training diverged and nothing was saved: {error}. Try a smaller --learning-rate",
            step=error.step,
            layer=error.layer,
        ) from error


# --- settings -------------------------------------------------------------------------------------


def parse_hidden(text: str) -> list[int]:
    """The widths in "128,64"."""
    if not re.fullmatch(r"\s*[0-9]+\s*(,\s*[0-9]+\s*)*", text):
        raise SettingError(f"--hidden takes widths with commas between, like 128,64; got {text!r}")
    widths = [int(width) for width in text.split(",")]
    if not all(0 < width <= WIDEST for width in widths):
        raise SettingError(f"--hidden takes widths from 1 to {WIDEST:,}; got {text!r}")
    return widths


def check_numbers(settings: Settings) -> None:
    """Refuse numbers that make no sense."""
    for name in ("epochs", "batch_size", "patience"):
        value = getattr(settings, name)
        if value < 1:
            raise SettingError(f"--{name.replace('_', '-')} must be 1 or more; got {value}")
    if settings.seed < 0:
        raise SettingError(f"--seed must be 0 or more; got {settings.seed}")
    if not (settings.learning_rate > 0 and isfinite(settings.learning_rate)):
        raise SettingError(f"--learning-rate must be above 0; got {settings.learning_rate:g}")
    if settings.test_size is not None and not 0 < settings.test_size < 1:
        raise SettingError(
            f"--test-size is a share of the rows, above 0 and below 1; got {settings.test_size:g}"
        )


# --- rows -----------------------------------------------------------------------------------------


def split(
    examples: sources.Examples, test_size: float | None, rng: np.random.Generator
) -> sources.Rows:
    """The rows in three parts, each class in the same shares."""
    X, y = examples.X, examples.y
    if examples.test is not None:
        if test_size is not None:
            raise SettingError(f"{examples.name} has its own test rows; leave --test-size away")
        rest = np.arange(len(X))
        test = examples.test
    else:
        rest, held = _hold_out(np.arange(len(X)), examples, test_size or TEST_SIZE, rng)
        test = X[held], y[held]
    fit, validation = _hold_out(rest, examples, VALIDATION_SIZE, rng)
    return sources.Rows((X[fit], y[fit]), (X[validation], y[validation]), test)


def _hold_out(
    rows: Array, examples: sources.Examples, share: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    y, classes = examples.y, examples.classes
    counts = np.bincount(y[rows], minlength=len(classes))
    least = int(counts.argmin())
    if counts[least] < 2:
        total = int((y == least).sum())
        if total > 2:
            raise DataError(
                f"the test rows leave {counts[least]} of {total} rows of the class "
                f"{classes[least]!r}, and training and validation need one each: choose a smaller "
                "--test-size"
            )
        raise DataError(
            f"the class {classes[least]!r} has {total} {'row' if total == 1 else 'rows'}, and "
            "training, validation and testing need one each: find more, or join it with another "
            "class"
        )
    rest, held = data.split(len(rows), share, seed=rng, stratify=y[rows])
    return rows[rest], rows[held]
