"""Reference losses: those of guessing, a linear model and a plain network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.callbacks import EarlyStopping
from plainnet.callbacks.base import Callback, Run
from plainnet.errors import DivergedError
from plainnet.inspection.doctor.sequences import ids_and_pairs
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.watching import Course, Recorder
from plainnet.layers import (
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    Layer,
    ReLU,
)
from plainnet.losses import EachOutput, EachPosition, Loss, Poisson
from plainnet.network import Network
from plainnet.optimizers import Adam
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.training import train

Array = npt.NDArray[Any]

LINEAR = "a linear model"
WIDEST = 5000
"""With more features, no reference is trained."""
MOST_PLACES = 1 << 12
"""With more numbers per row, no convolution is trained."""
WORST = 10.0
"""Larger relative losses count as this; guessing has 1."""


class Until(Callback):
    """Ends training after a number of steps."""

    only_shows = True

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def end_step(self, run: Run) -> None:
        if run.step + 1 >= self.steps:
            run.stop(f"{self.steps} steps done")


def short_training(
    setup: Setup, steps: int, seed: int, *, every: int = 10, rows: Any = None
) -> Course:
    """Train the network of this setup, in place, and return the course."""
    recorder = Recorder(every, rows)
    whole = isinstance(setup.optimizer, LBFGS)
    settings: dict[str, Any] = {} if whole else {"batch_size": 32}
    settings |= setup.settings
    settings |= {"progress": False, "seed": seed}
    n = len(setup.y if not isinstance(setup.y, dict) else next(iter(setup.y.values())))
    per_epoch = 1 if whole else ceil(n / settings["batch_size"])
    settings["epochs"] = ceil(steps / per_epoch)
    try:
        with np.errstate(all="ignore"):
            train(
                setup.network, setup.X, setup.y, optimizer=setup.optimizer,
                callbacks=[recorder, Until(steps)], **settings,
            )  # fmt: skip
    except DivergedError as error:
        recorder.course.failed = str(error)
    return recorder.course


def loss_of(network: Network, X: Any, y: Any) -> float:
    """The prediction loss; infinite if it is not a number."""
    with np.errstate(all="ignore"):
        loss = network.evaluate(X, y)["loss"]
    return loss if np.isfinite(loss) else float("inf")


def guessing(loss: Loss, y: Any, dtype: Any) -> float:
    """The loss of the best constant output; for classes, the entropy of their shares."""
    if isinstance(loss, EachOutput):
        return sum(
            weight * guessing(each, y[name], dtype) for name, (each, weight) in loss.losses.items()
        )
    shape = loss.output_shape
    positions = np.shape(y)[1 : len(shape)]  # whose number may differ from batch to batch
    nothing = np.zeros((len(y), *positions, 1), dtype)
    network = Network([Dense(shape[-1])], loss=deepcopy(loss), input_shape=nothing.shape[1:],
                      dtype=np.float64, seed=0)  # fmt: skip
    network.parameters[:] = 0
    network.freeze("*.W")
    train(network, nothing, y, optimizer=LBFGS(), epochs=100, progress=False)
    return network.evaluate(nothing, y)["loss"]


def floor_of(loss: Loss, y: Any) -> float:
    """The lowest possible loss: for smoothed labels their entropy, for counts their own."""
    own = loss.loss if isinstance(loss, EachPosition) else loss
    if isinstance(own, Poisson):
        k = np.asarray(y, np.float64)
        return float((k - k * np.log(np.where(k > 0, k, 1))).mean())
    smoothing = getattr(own, "label_smoothing", 0.0)
    if not smoothing:
        return 0.0
    classes = max(own.output_shape[-1], 2)
    P = np.full(classes, smoothing / classes)
    P[0] += 1 - smoothing
    return -float((P * np.log(P)).sum())


class Reference(NamedTuple):
    """A network to compare with: its name, and the rows in its form."""

    what: str
    network: Network
    fit: tuple[Any, Any]
    held: tuple[Any, Any] | None


def plain_networks(setup: Setup, seed: int) -> Iterator[Reference]:
    """A linear model and a plain network, trained on standardised columns.

    None if features are ids, too many, or from several inputs, or if there are several outputs.
    """
    X = _of_one_output(setup)
    if X is None or X.dtype.kind != "f" or prod(X.shape[1:]) > WIDEST:
        return
    for hidden, what in (
        ((), LINEAR),
        ((64, 64), "a network with 2 hidden layers of 64"),
    ):
        layers = [layer for width in hidden for layer in (Dense(width), ReLU())]
        yield from _trained(setup, seed, what, [Flatten(), *layers], lambda A: standardized(A, X))


def network_of_kind(setup: Setup, seed: int) -> Iterator[Reference]:
    """A small network that uses positions: a convolution, or for ids a linear model of pairs."""
    X = _of_one_output(setup)
    if X is None:
        return
    if X.ndim == 2 and X.dtype.kind != "f":
        what = "a linear model of the ids and of which follow each other"
        others = X if setup.validation is None else setup.network.inputs(setup.validation[0])
        n = 1 + int(max(X.max(initial=0), others.max(initial=0)))
        yield from _trained(setup, seed, what, [], lambda ids: np.sqrt(ids_and_pairs(ids, n)))
    elif X.ndim in (3, 4) and X.dtype.kind == "f" and X[0].size <= MOST_PLACES:
        what = "a network with 2 convolutions of 16 filters"
        yield from _trained(
            setup, seed, what, _convolutions(X.ndim), lambda A: standardized(A, X), rate=0.01,
            epochs=25,
        )  # fmt: skip


def _convolutions(axes: int) -> list[Layer]:
    """Of series or of images, by the axes of a batch, to the maximum over all places."""
    layers: list[Layer] = []
    for _ in range(2):
        series, images = Conv1d(16, 5, padding="same"), Conv2d(16, 3, padding="same")
        layers += [series if axes == 3 else images, ReLU()]
    return [*layers, GlobalMaxPool1d() if axes == 3 else GlobalMaxPool2d()]


def _of_one_output(setup: Setup) -> Array | None:
    """The inputs, where there is one array of them, of one size, and one output a row."""
    network = setup.network
    X = network.inputs(setup.X)
    if isinstance(network.loss, EachOutput) or not isinstance(X, np.ndarray):
        return None
    others = X if setup.validation is None else network.inputs(setup.validation[0])
    is_one_size = X.dtype.kind != "f" or X.shape[1:] == others.shape[1:]
    return X if is_one_size and len(network.loss.output_shape) == 1 else None


def _trained(
    setup: Setup,
    seed: int,
    what: str,
    hidden: list[Layer],
    prepared: Callable[[Array], Array],
    rate: float = 0.003,
    epochs: int = 60,
) -> Iterator[Reference]:
    """This network, unless it diverges."""
    loss, network = setup.network.loss, setup.network
    fit, held = (prepared(network.inputs(setup.X)), setup.y), None
    if setup.validation is not None:
        held = prepared(network.inputs(setup.validation[0])), setup.validation[1]
    model = Network(
        [*hidden, Dense(loss.output_shape[0])], loss=deepcopy(loss), input_shape=fit[0].shape[1:],
        seed=seed,
    )  # fmt: skip
    try:
        if any(layer.declared for layer in hidden):
            _stopped_early(model, *fit, seed, rate, epochs)
        else:
            decay = LBFGS(weight_decay=1e-3)
            train(model, *fit, optimizer=decay, epochs=100, progress=False, seed=seed)
    except DivergedError:
        return
    yield Reference(what, model, fit, held)


def _stopped_early(model: Network, X: Array, y: Any, seed: int, rate: float, epochs: int) -> None:
    """Train on four fifths of the rows for as long as the others gain by it."""
    held = np.random.default_rng(seed).random(len(X)) < 0.2
    train(
        model, X[~held], y[~held], optimizer=Adam(rate), epochs=epochs, batch_size=32, seed=seed,
        validation_data=(X[held], y[held]), callbacks=[EarlyStopping(patience=5)], progress=False,
    )  # fmt: skip


def standardized(X: Array, by: Array) -> Array:
    """Each feature with mean 0 and deviation 1, as measured on `by`."""
    by = by.astype(np.float64, copy=False)
    mean, deviation = by.mean(axis=0), by.std(axis=0)
    usual = np.median(deviation[deviation > 0]) if (deviation > 0).any() else 1.0
    scaled = (X - mean) / np.where(deviation > 1e-6 * usual, deviation, 1)
    return np.asarray(np.clip(scaled, -20, 20), np.float32)
