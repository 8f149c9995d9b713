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
from plainnet.errors import DataError, DivergedError, SettingError, ShapeError, require_number
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
        When the loss stops being finite. The network then holds its parameters of at most 64 steps
        before, with which the loss was finite.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value is not None:
            require_number(name, value, at_least=1)
    rng = np.random.default_rng(seed)
    batches = _batches(network, X, y, batch_size, sample_weight, class_weight, rng)
    validation = None if validation_data is None else network.check(*validation_data)
    run = Run(network, optimizer, epochs, len(batches) if isinstance(batches, Sized) else None)
    observers = [*callbacks, *([Progress()] if progress else [])]
    on_step = [c for c in observers if type(c).end_step is not Callback.end_step]
    cache = Cache(training=True, seed=rng)
    good = _Snapshot(network)

    for observer in observers:
        observer.begin_training(run)
    # Overflow is not a warning here: the loss is checked at every step.
    with np.errstate(over="ignore", invalid="ignore"), _interruptible(run):
        for run.epoch in range(epochs):
            total = weight = 0.0
            for X_batch, y_batch, w_batch in batches:
                run.loss = loss = network.step(X_batch, y_batch, cache, w_batch)
                if not isfinite(loss):
                    where = _first_non_finite(network, X_batch)
                    good.restore()
                    optimizer.reset()
                    raise DivergedError(
                        f"the loss became {loss} at step {run.step} (epoch {run.epoch}); the first "
                        f"number that is not finite is in {where}. A smaller learning rate than "
                        f"{optimizer.learning_rate:g} or standardised inputs usually help; the "
                        f"network is back at step {max(good.step, 0)}",
                        step=run.step,
                        layer=where,
                    )
                if run.step % SNAPSHOT_EVERY == 0:
                    good.take(run.step)
                optimizer.update(network.parameters, network.gradients, network.n_decaying)
                share = len(X_batch) if w_batch is None else float(w_batch.sum())
                total += share * loss
                weight += share
                for observer in on_step:
                    observer.end_step(run)
                run.step += 1
                if run.history.stopped:
                    break
            else:
                if weight == 0:
                    raise DataError(f"X gave no batches in epoch {run.epoch}")
                measures = {"loss": total / weight}
                if validation is not None:
                    scores = network.evaluate(*validation)
                    measures |= {f"val_{name}": value for name, value in scores.items()}
                run.history.append(measures)
                for observer in observers:
                    observer.end_epoch(run)
            if run.history.stopped:
                break
    run.history.stopped = run.history.stopped or f"all {epochs} epochs done"
    for observer in observers:
        observer.end_training(run)
    return run.history


# --- batches --------------------------------------------------------------------------------------


def _batches(
    network: Network,
    X: Any,
    y: npt.ArrayLike | None,
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
        return _GivenBatches(network, X)
    if batch_size is None:
        raise SettingError("batch_size is missing: how many examples one step sees, such as 32")
    if not (hasattr(X, "shape") and hasattr(X, "dtype")):
        X = np.asarray(X)
    targets = network.loss.targets(y, network.dtype)
    if len(targets) != len(X):
        raise ShapeError(f"X has {len(X)} rows and y has {len(targets)}; they must agree")
    for start in range(0, max(len(X), 1), ROWS_AT_ONCE):  # X may be larger than memory
        check_features(network.check_shape(X[start : start + ROWS_AT_ONCE]), first_row=start)
    weights = None
    if sample_weight is not None:
        weights = check_weights(sample_weight, len(X), network.dtype)
    if class_weight is not None:
        weights = weigh_classes(class_weight, targets, weights, network.dtype)
    return Batches(X, targets, weights, batch_size, rng)


class _GivenBatches:
    """Somebody else's batches, each checked on its way in."""

    def __init__(self, network: Network, batches: Any) -> None:
        if not isinstance(batches, Iterable) or hasattr(batches, "shape"):
            raise SettingError(
                "without y, X must be an iterable of batches (X, y) or (X, y, sample_weight); got "
                f"{type(batches).__name__}"
            )
        self.network, self.batches = network, batches

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            yield self.network.check(*batch)


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


def _first_non_finite(network: Network, X: Array) -> str:
    """The first layer, from the input on, with a number that is not finite."""
    cache = Cache(training=True, record=True)
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
