"""train(): the one training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import clipping
from plainnet.arguments import as_generator
from plainnet.augmentation import Transform
from plainnet.batches import Augmented, Batch, Mixup, make_batches, scaled
from plainnet.cache import Cache
from plainnet.callbacks.base import Callback, Run, require_hooks
from plainnet.callbacks.progress import Progress
from plainnet.divergence import Snapshot, diverged
from plainnet.engine.weighted_mean import WeightedMean
from plainnet.errors import (
    DivergedError,
    SettingError,
    counted,
    require_boolean,
    require_integer,
    require_number,
    require_sequence,
    require_type,
    shown,
)
from plainnet.history import History
from plainnet.interrupts import on_ctrl_c
from plainnet.lbfgs import LBFGS
from plainnet.memory import aligned
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.parameters import Segment
from plainnet.running_state import RunningState
from plainnet.spelling import require_object, spelled
from plainnet.validation import Validation

Array = npt.NDArray[Any]

SNAPSHOT_EVERY = 64
"""Steps between two copies of the parameters, to fall back to when the loss is not finite."""


@spelled
def train(
    network: Network,
    X: Any,
    y: npt.ArrayLike | None = None,
    *,
    optimizer: Optimizer | LBFGS,
    epochs: int,
    batch_size: int | None = None,
    validation_data: tuple[Any, ...] | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: dict[int, float] | str | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int | np.random.Generator | None = None,
    progress: bool = True,
    shuffle: bool = True,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    mixup: float = 0.0,
    augment: Sequence[Transform] = (),
    carry: bool = False,
    overfit_batches: int | None = None,
    metrics: Sequence[str | Callable[..., float]] = (),
) -> History:
    """Train a network by mini-batches; Ctrl-C ends it cleanly after the step that runs.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape), or an iterable of batches
        Anything that slices like an array (NumPy, memmap, Zarr), or a table of numbers. Another
        real dtype than the network's is converted once: in memory as a whole, on a disk batch by
        batch. An iterable gives (X, y) or (X, y, sample_weight) and is gone through once an epoch;
        its batches' weights are in one unit, and rows without have the weight 1.
    y : array of m targets, as the network's loss takes them; None with an iterable
    optimizer : Optimizer or LBFGS
        `LBFGS()` takes all examples at every step: an epoch is one of its iterations.
    epochs : int
    batch_size : int
        Not with an iterable, and not needed with `LBFGS`.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Evaluated after each epoch, as val_loss and, for classifiers, val_accuracy.
    sample_weight : array of shape (m,), optional
    class_weight : {class id: weight} or "balanced", optional
        Multiplies the sample weights; classes that are left out count 1.
    callbacks : sequence of Callback
        `EarlyStopping()`, or a schedule of the learning rate, for example.
    seed : int, numpy.random.Generator or None
        For the order of the examples, augmentation, mixup and dropout; an int begins anew at each
        call. See Notes for training in parts.
    progress : bool
        Show a bar (extra `progress`), or a line an epoch.
    shuffle : bool
        Draw the examples in a new order in each epoch. An iterable has its own order.
    clip_norm : float, optional
        The gradient of all that learns, as one vector, is made this long where it is longer.
    clip_value : float, optional
        Every element of the gradient is put into [-clip_value, clip_value].
    accumulate : int
        An update uses the mean gradient over this many mini-batches, weighted by their examples:
        the gradient of one large batch in the memory of a small one. The rest of an epoch makes a
        smaller step.
    mixup : float
        alpha > 0 mixes each batch's examples and targets in pairs, with shares from Beta(alpha,
        alpha); 0.2 is usual. Class ids become soft targets, sample weights are mixed too.
    augment : sequence of functions (X, rng) -> X
        Applied to each batch, such as `plainnet.augmentation.Flip()`; before mixup, and not to the
        validation data.
    carry : bool
        Each batch of an iterable continues the sequences of the one before: recurrent layers begin
        with their last state, as a constant, and anew with each epoch. See `plainnet.data.Streams`.
    overfit_batches : int, optional
        Train on the first few batches only, unshuffled, again and again. A network that is
        assembled rightly learns them by heart.
    metrics : sequence of str or function
        Measured on the validation data too, as val_<name>: a name of `plainnet.metrics.METRICS`,
        or a function (y_true, y_pred) or, with weighted validation data, (y_true, y_pred,
        sample_weight=w).

    Returns
    -------
    History
        `loss`, the mean over the epoch's steps, and the validation measures. With `LBFGS`, `loss`
        is that after the iteration.

    Raises
    ------
    DivergedError
        When the loss or a parameter stops being finite. The network then holds its parameters of at
        most 64 steps before, with which the loss was finite.

    Notes
    -----
    Calls of 3 and 3 epochs with the same network, optimizer, generator (`seed=rng`) and data end
    where one of 6 does, bit for bit, on one machine with one number of threads. What counts from
    the beginning of a call cannot go on like that: schedules, `EarlyStopping`, `EMA`, the curvature
    that `LBFGS` has seen, and an epoch that was broken off.

    >>> import numpy as np
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import Adam
    >>> X, ends = np.eye(8, dtype=np.float32), []
    >>> for parts in ([6], [3, 3]):
    ...     network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=8, seed=0)
    ...     optimizer, rng = Adam(), np.random.default_rng(1)
    ...     for epochs in parts:
    ...         _ = train(network, X, X[:, :1], optimizer=optimizer, epochs=epochs, batch_size=3,
    ...                   seed=rng, progress=False)
    ...     ends.append(network.parameters.tolist())
    >>> ends[0] == ends[1]
    True
    """
    require_type("network", network, Network)
    full_batch = isinstance(optimizer, LBFGS)
    if not full_batch:
        require_object("optimizer", optimizer, Optimizer)
        if y is not None and batch_size is None:
            raise SettingError("batch_size is missing: how many examples one step sees, such as 32")
    epochs = require_integer("epochs", epochs, at_least=1)
    accumulate = require_integer("accumulate", accumulate, at_least=1)
    mixup = require_number("mixup", mixup, at_least=0)
    for name, flag in (("progress", progress), ("shuffle", shuffle), ("carry", carry)):
        require_boolean(name, flag)
    augment = require_sequence("augment", augment, "functions (X, rng) -> X")
    for transform in augment:
        if not callable(transform):
            raise SettingError(f"augment must be functions (X, rng) -> X; got {shown(transform)}")
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None:
            require_number(name, limit, above=0)
    if carry and y is not None:
        raise SettingError("carry needs an iterable of batches in the order of their sequences")
    if clip_norm is not None and clip_value is not None:
        raise SettingError(f"clip_norm={clip_norm!r} and clip_value={clip_value!r}: take one")
    metrics = require_sequence("metrics", metrics, "names or functions")
    callbacks = require_sequence("callbacks", callbacks, "Callback objects")
    observers = [*callbacks, *([Progress()] if progress else [])]
    for position, observer in enumerate(observers):
        require_type("each of callbacks", observer, Callback)
        require_hooks(observer)
        if any(observer is earlier for earlier in observers[:position]):
            raise SettingError(f"{observer!r} is among the callbacks twice: leave one out")
    rng = as_generator(seed)
    batches = make_batches(
        network, X, y, batch_size, sample_weight, class_weight, rng,
        epochs=epochs, shuffle=shuffle and not full_batch, first=overfit_batches,
    )  # fmt: skip
    if full_batch and (
        y is None or batches.n != 1 or accumulate > 1 or mixup or augment or clip_norm or clip_value
    ):
        raise SettingError(
            f"{optimizer!r} takes all examples at every step, as arrays: leave out batch_size, "
            "clip_norm, clip_value, accumulate, mixup and augment"
        )
    validation = None
    if validation_data is not None:
        validation = Validation(network, validation_data, metrics)
    elif metrics:
        raise SettingError("metrics are measured on validation_data, and there is none")
    run = Run(
        network,
        optimizer,
        epochs,
        steps_per_epoch=None if batches.n is None else -(-batches.n // accumulate),
        validates=validation is not None,
        metrics=() if validation is None else tuple(validation.metrics),
        measured=set() if validation is None else {"val"},
    )
    loop = _Loop(run, observers, validation, Cache(training=True, seed=rng, carry=carry))
    begun: list[Callback] = []
    try:
        for observer in observers:
            observer.begin_training(run)
            begun.append(observer)
        # Overflow is not a warning here: the loss is checked at every step.
        with np.errstate(over="ignore", invalid="ignore"), on_ctrl_c(lambda: run.stop("Ctrl-C")):
            if isinstance(optimizer, LBFGS):
                loop.run_iterations(optimizer, next(iter(batches)))
            else:
                drawn: Iterable[Batch] = batches
                if augment:
                    drawn = Augmented(drawn, augment, rng)
                if mixup:
                    drawn = Mixup(network, drawn, mixup, rng)
                loop.run_epochs(optimizer, drawn, accumulate, clip_norm, clip_value)
        loop.take_average()
        for observer in observers:
            observer.end_training(run)
    except BaseException as error:
        for observer in begun:
            observer.fail(run, error)
        raise
    return run.history


class _Loop:
    """One training: epochs of steps, or of iterations of L-BFGS."""

    def __init__(
        self,
        run: Run,
        observers: Sequence[Callback],
        validation: Validation | None,
        cache: Cache,
    ) -> None:
        self.run, self.observers, self.validation, self.cache = run, observers, validation, cache
        # A hook that is not overridden costs a step nothing.
        self.on_begin_step = [
            c.begin_step for c in observers if _is_own(c.begin_step, Callback.begin_step)
        ]
        self.on_end_step = [c.end_step for c in observers if _is_own(c.end_step, Callback.end_step)]
        self.weights = Cache()
        self.good = Snapshot(run.network)
        self.averaged_state = RunningState(run.network)
        self.raw_state = run.network.state.copy()
        self.total: Array | None = None

    def run_epochs(
        self,
        optimizer: Optimizer,
        batches: Iterable[Batch],
        accumulate: int,
        clip_norm: float | None,
        clip_value: float | None,
    ) -> None:
        run, network = self.run, self.run.network
        for epoch in range(run.epochs):
            self.begin_epoch(epoch)
            mean = WeightedMean()
            draw = iter(batches)
            for batch in draw:
                if run.history.stopped:
                    return
                for hook in self.on_begin_step:
                    hook(run)
                if accumulate == 1:
                    run.loss, weight, unit = self.gradient(batch)
                else:
                    run.loss, weight, unit = self.mean_gradient(
                        chain((batch,), islice(draw, accumulate - 1))
                    )
                if run.step % SNAPSHOT_EVERY == 0:
                    self.good.take(run.step)
                if clip_norm is not None or clip_value is not None:
                    self.clip(clip_norm, clip_value)
                optimizer.update(network.parameters, network.gradients, network.segments)
                mean.add(run.loss, weight, unit)
                for hook in self.on_end_step:
                    hook(run)
                run.step += 1
            self.end_epoch(mean.value)
            if run.history.stopped:
                return
        run.stop(f"all {counted(run.epochs, 'epoch')} done")

    def run_iterations(self, optimizer: LBFGS, examples: Batch) -> None:
        run, network = self.run, self.run.network
        begun = 0

        def evaluate() -> float:
            nonlocal begun
            if begun == run.step:  # the first evaluation of an iteration
                self.begin_epoch(run.step)
                for hook in self.on_begin_step:
                    hook(run)
                begun += 1
            loss, *_ = self.gradient(examples)
            if self.good.step < 0:
                self.good.take(0)
            return loss

        def accept(loss: float) -> bool:
            run.loss = loss
            for hook in self.on_end_step:
                hook(run)
            run.step += 1
            self.end_epoch(loss)
            self.good.take(run.step)
            return bool(run.history.stopped) or network.segments is not segments

        segments: tuple[Segment, ...] | None = None
        while segments is not network.segments:  # a callback may have frozen something
            segments, left = network.segments, run.epochs - run.step
            why = optimizer.minimize(
                network.parameters, network.gradients, segments, evaluate, accept, left
            )
            if run.history.stopped or run.step >= run.epochs:
                break
        run.stop(run.history.stopped or why)

    def begin_epoch(self, epoch: int) -> None:
        self.run.epoch = epoch
        self.cache.forget()
        for observer in self.observers:
            observer.begin_epoch(self.run)

    def end_epoch(self, loss: float) -> None:
        run, network = self.run, self.run.network
        if not np.isfinite(network.parameters.sum()) and not np.isfinite(network.parameters).all():
            raise self.diverged("a parameter became infinite or NaN")
        self.averaged_state.end_epoch()
        swapped = self.swap_in()
        try:
            measures = {"loss": loss}
            if self.validation is not None:
                scores = self.validation.scores()
                if not isfinite(scores["loss"]):
                    raise self.diverged(f"the validation loss became {scores['loss']}")
                measures |= {f"val_{name}": value for name, value in scores.items()}
            run.history.append(measures)
            for observer in self.observers:
                observer.end_epoch(run)
        finally:
            if swapped:
                self.swap_out()

    def swap_in(self) -> bool:
        """Put the parameters' average into the network, if a callback keeps one."""
        network, average = self.run.network, self.run.average
        if average is None:
            return False
        np.copyto(self.raw_state, network.state)
        network.parameters[:], average[:] = average, network.parameters.copy()
        self.averaged_state.measure()
        return True

    def swap_out(self) -> None:
        """Put back what training goes on with, unless divergence has done so."""
        network, average = self.run.network, self.run.average
        if average is not None:
            network.parameters[:], average[:] = average, network.parameters.copy()
            np.copyto(network.state, self.raw_state)

    def take_average(self) -> None:
        """Leave the average in the network: training is over."""
        if self.run.average is not None:
            self.run.network.parameters[:] = self.run.average
            self.averaged_state.measure()

    # --- one step's gradient ---------------------------------------------------------------------

    def gradient(self, batch: Batch) -> tuple[float, float, float]:
        """The mean loss of a batch, and its weight in a unit; its gradient is in the network."""
        network, unit = self.run.network, 1.0
        self.X, y, sample_weight = batch
        if self.run.average is not None and self.raw_state.size:
            self.averaged_state.keep(self.X)
        if sample_weight is not None:
            sample_weight, unit = scaled(sample_weight, network.dtype, self.weights)
        loss = network.step(self.X, y, self.cache, sample_weight)
        if not isfinite(loss):
            raise self.diverged(f"the loss became {loss}")
        own = self.cache.children["loss"]
        return loss, network.loss.weight(y, own, sample_weight), unit

    def mean_gradient(self, batches: Iterable[Batch]) -> tuple[float, float, float]:
        """`gradient` of all these batches as if they were one."""
        gradients = self.run.network.gradients
        if self.total is None:
            self.total = aligned(gradients.size, gradients.dtype)
        self.total.fill(0)
        mean = WeightedMean()
        for batch in batches:
            share = mean.add(*self.gradient(batch))
            gradients *= share
            self.total *= 1 - share
            self.total += gradients
        np.copyto(gradients, self.total)
        return mean.value, mean.weight, mean.unit

    def clip(self, norm: float | None, value: float | None) -> None:
        network = self.run.network
        learning = [
            network.gradients[s.start : s.stop] for s in network.segments if s.learning_rate > 0
        ]
        if value is not None:
            clipping.clip_value(learning, value)
        if norm is not None and not isfinite(length := clipping.clip_norm(learning, norm)):
            raise self.diverged(f"the gradient's norm became {length}")

    def diverged(self, what: str) -> DivergedError:
        return diverged(self.run, self.good, what, self.X)


def _is_own(hook: Callable[..., None], default: Callable[..., None]) -> bool:
    return getattr(hook, "__func__", None) is not default
