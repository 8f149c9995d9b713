"""train(): the one training loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from math import isfinite
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.cache import Cache
from plainnet.callbacks import Callback, Progress, Run
from plainnet.data import Batches, check_features, check_weights, weigh_classes
from plainnet.errors import (
    DataError,
    DivergedError,
    SettingError,
    ShapeError,
    require_integer,
    require_type,
)
from plainnet.history import History
from plainnet.network import ROWS_AT_ONCE, Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]
Batch = tuple[Array, Array, Array | None]

SNAPSHOT_EVERY = 64
"""Steps between two copies of the parameters, to fall back to when the loss is not finite."""


def train(
    network: Network,
    X: Any,
    y: npt.ArrayLike | None = None,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    validation_data: tuple[Any, ...] | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: dict[int, float] | str | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int | np.random.Generator | None = None,
    progress: bool = True,
) -> History:
    """Train a network by mini-batches; Ctrl-C ends it cleanly after the step that runs.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape), or an iterable of batches
        Anything that slices like an array (NumPy, memmap, Zarr), of the network's dtype. An
        iterable gives (X, y) or (X, y, sample_weight) and is gone through once an epoch.
    y : array of m targets, as the network's loss takes them; None with an iterable
    optimizer : Optimizer
    epochs : int
    batch_size : int
        Not with an iterable.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Evaluated after each epoch, as val_loss and, for classifiers, val_accuracy.
    sample_weight : array of shape (m,), optional
    class_weight : {class id: weight} or "balanced", optional
        Multiplies the sample weights; classes that are left out count 1.
    callbacks : sequence of Callback
        `EarlyStopping()`, for example.
    seed : int, numpy.random.Generator or None
        For the order of the examples and for dropout.
    progress : bool
        Show a bar (extra `progress`), or a line an epoch.

    Returns
    -------
    History
        `loss`, the mean over the epoch's steps, and the validation measures.

    Raises
    ------
    DivergedError
        When the loss or a parameter stops being finite. The network then holds its parameters of at
        most 64 steps before, with which the loss was finite.
    """
    require_type("network", network, Network)
    require_type("optimizer", optimizer, Optimizer)
    epochs = require_integer("epochs", epochs, at_least=1)
    require_type("callbacks", callbacks, Iterable)
    observers = [*callbacks, *([Progress()] if progress else [])]
    for observer in observers:
        require_type("each of callbacks", observer, Callback)
    rng = np.random.default_rng(seed)
    batches = _batches(network, X, y, epochs, batch_size, sample_weight, class_weight, rng)
    validation = None if validation_data is None else _validation(network, validation_data)
    run = Run(
        network,
        optimizer,
        epochs,
        steps_per_epoch=len(batches) if isinstance(batches, Sized) else None,
        validates=validation is not None,
    )
    try:
        for observer in observers:
            observer.begin_training(run)
        # Overflow is not a warning here: the loss is checked at every step.
        with np.errstate(over="ignore", invalid="ignore"), _interruptible(run):
            _run_epochs(run, batches, validation, observers, Cache(training=True, seed=rng))
        run.history.stopped = run.history.stopped or f"all {epochs} epochs done"
        for observer in observers:
            observer.end_training(run)
    except BaseException as error:
        for observer in observers:
            observer.fail(run, error)
        raise
    return run.history


def _run_epochs(
    run: Run,
    batches: Iterable[Batch],
    validation: Batch | None,
    observers: Sequence[Callback],
    cache: Cache,
) -> None:
    network, optimizer, history = run.network, run.optimizer, run.history
    on_step = [c for c in observers if type(c).end_step is not Callback.end_step]
    good = _Snapshot(network)
    for epoch in range(run.epochs):
        run.epoch = epoch
        total = weight = 0.0
        for X, y, sample_weight in batches:
            if history.stopped:
                return
            run.loss = loss = network.step(X, y, cache, sample_weight)
            if not isfinite(loss):
                raise _diverged(run, good, f"the loss became {loss}", X)
            if run.step % SNAPSHOT_EVERY == 0:
                good.take(run.step)
            optimizer.update(network.parameters, network.gradients, network.segments)
            share = len(X) if sample_weight is None else float(sample_weight.sum())
            total += share * loss
            weight += share
            for observer in on_step:
                observer.end_step(run)
            run.step += 1
        if not np.isfinite(network.parameters.sum()) and not np.isfinite(network.parameters).all():
            raise _diverged(run, good, "a parameter became infinite or NaN", X)
        measures = {"loss": total / weight if weight else 0.0}
        if validation is not None:
            scores = network.evaluate(*validation)
            if not isfinite(scores["loss"]):
                raise _diverged(run, good, f"the validation loss became {scores['loss']}", X)
            measures |= {f"val_{name}": value for name, value in scores.items()}
        history.append(measures)
        for observer in observers:
            observer.end_epoch(run)
        if history.stopped:
            return


# --- batches --------------------------------------------------------------------------------------


def _batches(
    network: Network,
    X: Any,
    y: npt.ArrayLike | None,
    epochs: int,
    batch_size: int | None,
    sample_weight: npt.ArrayLike | None,
    class_weight: dict[int, float] | str | None,
    rng: np.random.Generator,
) -> Iterable[Batch]:
    if y is None:
        if batch_size is not None or sample_weight is not None or class_weight is not None:
            raise SettingError(
                "without y, X must be an iterable of batches (X, y) or (X, y, sample_weight), and "
                "then batch_size, sample_weight and class_weight have no place"
            )
        return _GivenBatches(network, X, epochs)
    if batch_size is None:
        raise SettingError("batch_size is missing: how many examples one step sees, such as 32")
    batch_size = require_integer("batch_size", batch_size, at_least=1)
    if isinstance(X, list | tuple) or not (hasattr(X, "shape") and hasattr(X, "dtype")):
        X = network.check_shape(X)
    targets = network.loss.targets(y, network.dtype)
    if len(targets) != len(X):
        raise ShapeError(f"X has {len(X)} rows and y has {len(targets)}; they must agree")
    for start in range(0, max(len(X), 1), ROWS_AT_ONCE):  # X may be larger than memory
        check_features(network.check_shape(X[start : start + ROWS_AT_ONCE]), first_row=start)
    weights = None
    if sample_weight is not None:
        weights = check_weights(sample_weight, len(X), network.dtype)
    if class_weight is not None:
        if not network.loss.is_classifier:
            raise SettingError(f"class_weight needs classes; {network.loss!r} has none")
        n_classes = max(network.output_shape[0], 2)
        weights = weigh_classes(class_weight, targets, n_classes, weights, network.dtype)
    return Batches(X, targets, weights, batch_size, rng, network.dtype)


def _validation(network: Network, data: tuple[Any, ...]) -> Batch:
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise SettingError(
            f"validation_data must be (X, y) or (X, y, sample_weight); got {type(data).__name__}"
        )
    return network.check(*data)


class _GivenBatches:
    """Somebody else's batches, each checked on its way in."""

    def __init__(self, network: Network, batches: Any, epochs: int) -> None:
        if not isinstance(batches, Iterable) or hasattr(batches, "shape"):
            raise SettingError(
                "without y, X must be an iterable of batches (X, y) or (X, y, sample_weight); got "
                f"{type(batches).__name__}"
            )
        if epochs > 1 and iter(batches) is batches:
            raise SettingError(
                f"X gives its batches only once, and epochs={epochs}: pass a list, or an object "
                "whose __iter__ begins anew"
            )
        self.network, self.batches = network, batches

    def __iter__(self) -> Iterator[Batch]:
        batch = None
        for batch in self.batches:
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise SettingError(
                    f"a batch must be (X, y) or (X, y, sample_weight); got {type(batch).__name__}"
                )
            yield self.network.check(*batch)
        if batch is None:
            raise DataError("X gave no batches")


# --- when training ends early ---------------------------------------------------------------------


class _Snapshot:
    """The last parameters and state with which the loss is known to be finite."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parameters = np.empty_like(network.parameters)
        self.state = np.empty_like(network.state)
        self.step = -1

    def take(self, step: int) -> None:
        np.copyto(self.parameters, self.network.parameters)
        np.copyto(self.state, self.network.state)
        self.step = step

    def restore(self) -> None:
        if self.step < 0:  # no update was done yet
            return
        self.network.parameters[:] = self.parameters
        self.network.state[:] = self.state


def _diverged(run: Run, good: _Snapshot, what: str, X: Array) -> DivergedError:
    """The error to raise; the network is back at its snapshot."""
    where = _first_non_finite(run.network, X)
    good.restore()
    run.optimizer.reset()  # its accumulators may hold infinities
    return DivergedError(
        f"{what} at step {run.step} (epoch {run.epoch}); the first number that is not finite is in "
        f"{where}. A smaller learning rate than {run.optimizer.learning_rate:g} or standardised "
        f"inputs usually help; the network is back at step {max(good.step, 0)}",
        step=run.step,
        layer=where,
    )


def _first_non_finite(network: Network, X: Array) -> str:
    """The first layer, from the input on, with a number that is not finite."""
    cache = Cache(training=True, record=True, seed=0)
    network.forward(X, cache)
    for layer in network.body.walk():
        tensors = [network[f"{layer.name}.{name}"] for name in layer.declared]
        inside = any(inner is not layer for inner in layer.walk())
        arrays = [] if inside else [cache[n] for n in cache if n.startswith(f"{layer.name}.")]
        if not all(np.isfinite(array).all() for array in (*tensors, *arrays)):
            return layer.name
    return "the loss"


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C asks the run to stop after its step, so that no update is left half done.

    A second Ctrl-C interrupts at once. Only the main thread gets signals, and a handler that
    somebody else has set is left alone.
    """
    theirs = signal.getsignal(signal.SIGINT)
    ours = (
        threading.current_thread() is threading.main_thread()
        and theirs is signal.default_int_handler
    )

    def stop(signum: int, frame: FrameType | None) -> None:
        run.stop("Ctrl-C")
        signal.signal(signal.SIGINT, theirs)

    if ours:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, theirs)
