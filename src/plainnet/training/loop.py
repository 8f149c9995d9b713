"""train() and its loop: epochs of steps, and what follows each epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_generator
from plainnet.arguments.spelling import require_object, spelled
from plainnet.augmentation import Transform
from plainnet.callbacks.base import Callback, Run, expect_observers
from plainnet.callbacks.files import Checkpoint
from plainnet.callbacks.progress import Progress
from plainnet.engine.cache import Cache
from plainnet.engine.parameters import Segment
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
)
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.training.averaging import Average
from plainnet.training.batches import Augmented, Batch, Mixup, checked_transforms, make_batches
from plainnet.training.bursts import MOST, Bursts
from plainnet.training.divergence import Snapshot, diverged
from plainnet.training.history import History
from plainnet.training.interrupts import on_ctrl_c
from plainnet.training.resuming import (
    Passes,
    Saved,
    Search,
    announce,
    described,
    expect_same,
    fitting,
    restore,
    saved_run,
    seed_of,
    state_of,
)
from plainnet.training.steps import Step, expect_limits
from plainnet.training.validation import Validation

Array = npt.NDArray[Any]

SNAPSHOT_EVERY = MOST
"""Steps between two copies of the parameters, which are restored when the loss is not finite."""


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
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """Train a network by mini-batches; Ctrl-C ends it cleanly after the current step.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape), or an iterable of batches
        Anything that slices like an array (NumPy, memmap, Zarr), or a table of numbers. A real
        dtype other than the network's is converted once: arrays in memory as a whole, arrays on
        disk batch by batch. An iterable yields (X, y) or (X, y, sample_weight) and is read once per
        epoch; the weights of its batches are on one scale, and rows without a weight count 1.
    y : array of m targets, as the network's loss takes them; None with an iterable
    optimizer : Optimizer or LBFGS
        `LBFGS()` uses all examples at every step: an epoch is one of its iterations.
    epochs : int
        How many times to go through the data.
    batch_size : int
        Examples in a mini-batch. Not allowed with an iterable, and not needed with `LBFGS`.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Evaluated after each epoch, as val_loss and, for classifiers, val_accuracy.
    sample_weight : array of shape (m,), optional
        The shape (m, time) is allowed where each step has its own target.
    class_weight : {class id: weight} or "balanced", optional
        Multiplies the sample weights; classes that are left out have the weight 1.
    callbacks : sequence of Callback
        `EarlyStopping()`, or a schedule of the learning rate, for example.
    seed : int, numpy.random.Generator or None
        Determines the order of the examples, augmentation, mixup and dropout. An int gives the same
        random numbers in each call; see Notes for training in parts.
    progress : bool
        Show a bar (extra `progress`), or a line per epoch.
    shuffle : bool
        Draw the examples in a new order in each epoch. An iterable has its own order.
    clip_norm : float, optional
        The gradient, as one vector without frozen tensors, is shortened to this norm if longer.
    clip_value : float, optional
        Every element of the gradient is clipped to [-clip_value, clip_value].
    accumulate : int
        An update uses the mean gradient over this many mini-batches, weighted by their examples:
        the gradient of one large batch in the memory of a small one. The last update of an epoch
        may use fewer mini-batches.
    mixup : float
        If alpha > 0, each batch's examples and targets are mixed in pairs, with shares drawn from
        Beta(alpha, alpha); 0.2 is usual. Class ids become soft targets, and sample weights are
        mixed too.
    augment : sequence of functions (X, rng) -> X
        Applied to each batch, such as `plainnet.augmentation.Flip()`; before mixup, and not to the
        validation data.
    carry : bool
        Each batch of an iterable continues the sequences of the one before: recurrent layers start
        from their last state, treated as a constant, and afresh in each epoch. See
        `plainnet.data.Streams`.
    overfit_batches : int, optional
        Train on only the first few batches, unshuffled, again and again. A network that is put
        together correctly learns them by heart.
    metrics : sequence of str or function
        Also measured on the validation data, as val_<name>: names in `plainnet.metrics.METRICS`, or
        functions (y_true, y_pred) or, with weighted validation data, (y_true, y_pred,
        sample_weight=w).
    resume : str or path, optional
        A file of `Checkpoint` from which an earlier run of the same call continues, up to `epochs`
        in all, with the same bits as if it had never ended. If the file does not exist yet, the
        run begins, provided that `Checkpoint(resume)` among the callbacks writes it: so one command
        survives being killed at any moment. See Notes.

    Returns
    -------
    History
        `loss`, the mean over the epoch's steps, and the validation measures. With `LBFGS`, `loss`
        is measured after the iteration.

    Raises
    ------
    DivergedError
        When the loss, the validation loss or a parameter stops being finite. The network then holds
        parameters from at most 64 steps before, with which the loss was finite.
    FileError
        If `resume` is not a file of `Checkpoint`, or is missing and nothing writes it.
    SettingError
        For unsuitable settings, and if the arguments differ from those of the run in `resume`.

    Notes
    -----
    A resumed run must get the same arguments as at first, except for `progress` and a larger
    `epochs`: the network and the optimizer as they were, data, settings and callbacks. Arguments
    that differ are refused by name, as far as this can be checked: data by shape, dtype and a
    checksum of a few megabytes. The network may have any parameters, since they come from the file.
    The history is that of the whole run. Callbacks continue through `resume_state` and `resume`;
    your own callbacks need both if they remember something. So does an iterable of batches that
    draws random numbers of its own, as `Windows` does; in the middle of an epoch, it is read again
    up to that point. Time limits start again, and a run that was ended by Ctrl-C continues.

    Two calls of 3 epochs with the same network, optimizer, generator (`seed=rng`) and data end
    where one call of 6 does, bit for bit, on the same machine with the same number of threads.
    Whatever counts from the beginning of a call does not continue: schedules, `EarlyStopping`,
    `EMA`, the curvature that `LBFGS` has seen, and an interrupted epoch. `resume` continues these
    too.

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
    whole = isinstance(optimizer, LBFGS)
    if not whole:
        require_object("optimizer", optimizer, Optimizer)
        if y is not None and batch_size is None:
            raise SettingError(
                "batch_size is missing: the number of examples in a step, such as 32"
            )
    epochs = require_integer("epochs", epochs, at_least=1)
    accumulate = require_integer("accumulate", accumulate, at_least=1)
    mixup = require_number("mixup", mixup, at_least=0)
    for name, flag in (("progress", progress), ("shuffle", shuffle), ("carry", carry)):
        require_boolean(name, flag)
    augment = checked_transforms(augment)
    expect_limits(clip_norm, clip_value)
    if carry and y is not None:
        raise SettingError("carry needs an iterable of batches in the order of their sequences")
    metrics = require_sequence("metrics", metrics, "names or functions")
    callbacks = require_sequence("callbacks", callbacks, "Callback objects")
    observers = [*callbacks, *([Progress()] if progress else [])]
    expect_observers(observers)
    rng = as_generator(seed)
    batches = make_batches(
        network, X, y, batch_size, sample_weight, class_weight, rng,
        epochs=epochs, shuffle=shuffle and not whole, first=overfit_batches,
    )  # fmt: skip
    if whole and (
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
        raise SettingError("metrics are measured on validation_data, which is missing")
    run = Run(
        network,
        optimizer,
        epochs,
        steps_per_epoch=None if batches.n is None else -(-batches.n // accumulate),
        validates=validation is not None,
        history=History(),
        clip_norm=clip_norm,
        metrics=() if validation is None else tuple(validation.metrics),
        measured=set() if validation is None else {"val"},
    )
    cache = Cache(training=True, seed=rng, carry=carry)
    by_steps = None if isinstance(optimizer, LBFGS) else optimizer
    step = Step(network, by_steps, cache, clip_norm=clip_norm, clip_value=clip_value)
    passes = Passes(batches, rng)
    loop = Loop(run, step, observers, validation, passes)
    if resume is not None or any(isinstance(each, Checkpoint) for each in callbacks):
        loop.keep(described(
            network, optimizer, loop.kept, batches, validation,
            seed=seed_of(seed), batch_size=batch_size,
            shuffle=shuffle, clip_norm=clip_norm, clip_value=clip_value, accumulate=accumulate,
            mixup=mixup, augment=augment, carry=carry, overfit_batches=overfit_batches,
        ))  # fmt: skip
    if resume is not None and (saved := saved_run(resume, callbacks, epochs)) is not None:
        loop.resume(saved)
    with loop.observed(), on_ctrl_c(lambda: run.interrupt("Ctrl-C")):
        if isinstance(optimizer, LBFGS):
            loop.iterations(optimizer, next(iter(batches)))
        else:
            plain = not (augment or mixup or accumulate > 1 or clip_norm or clip_value or resume)
            drawn: Iterable[Batch] = Augmented(passes, augment, rng) if augment else passes
            drawn = Mixup(network, drawn, mixup, rng) if mixup else drawn
            loop.epochs(drawn, accumulate, Bursts(run, batches, observers) if plain else None)
    return run.history


class Loop:
    """One training: epochs of steps, or of iterations of L-BFGS."""

    def __init__(
        self,
        run: Run,
        step: Step,
        observers: Sequence[Callback],
        validation: Validation | None,
        batches: Passes,
    ) -> None:
        self.run, self.step, self.observers, self.validation = run, step, observers, validation
        self.batches = batches
        self.kept = [each for each in observers if not each.only_shows]
        """Who continues in a resumed run."""
        # A hook that is not overridden costs a step nothing.
        self.on_begin_step = _own_hooks(observers, "begin_step")
        self.on_end_step = _own_hooks(observers, "end_step")
        self.good = Snapshot(run.network)
        self.average = Average(run)
        self.mean = WeightedMean()
        """Of the current epoch's losses."""
        self.search = Search(run.network, remembers=False)
        self.saved: Saved | None = None
        """Where an earlier run stood, until this one stands there too."""
        step.diverged = self.diverged

    def epochs(
        self, batches: Iterable[Batch], accumulate: int = 1, bursts: Bursts | None = None
    ) -> None:
        """All epochs; an update uses `accumulate` batches."""
        for _ in self.begun_epochs():
            if bursts is not None and bursts.fit():
                over = self.in_bursts(bursts)
            else:
                over = self.step_by_step(batches, accumulate)
            if not over:
                return
            self.end_epoch(self.mean.value)
            if self.run.stopping:
                return
        self.run.finish(f"all {counted(self.run.epochs, 'epoch')} done")

    def step_by_step(self, batches: Iterable[Batch], accumulate: int) -> bool:
        """The steps of an epoch; False if training ends before its last."""
        run, step = self.run, self.step
        gradient = step.gradient if accumulate == 1 else step.mean_gradient
        for drawn in _in_groups(self.average.watching(batches), accumulate):
            if run.stopping:
                return False
            for hook in self.on_begin_step:
                hook(run)
            run.loss, weight, unit = gradient(drawn)
            run.X = step.X
            if run.step % SNAPSHOT_EVERY == 0:
                self.good.take(run.step)
            step.update()
            self.mean.add(run.loss, weight, unit)
            self.end_step()
        return True

    def in_bursts(self, bursts: Bursts) -> bool:
        """The same, where one call does several steps."""
        run = self.run
        for losses, rows, before in bursts.epoch():
            if before is not None and isfinite(losses[0]):
                self.good.replace(before, run.step)
            self.mean.add_all(losses, rows)  # which nobody sees if the last is not finite
            finite = isfinite(losses[-1])
            self.end_steps(losses if finite else losses[:-1])
            if not finite:
                run.loss, self.step.X = losses[-1], bursts.X
                raise self.diverged(f"the loss became {run.loss}")
            if run.stopping and bursts.left:
                return False
        return True

    def begun_epochs(self) -> Iterator[int]:
        """Each epoch, begun; a resumed run's first is in its middle, or was left out as over."""
        first = self.run.epoch
        if self.saved is not None:
            if not self.take_up(self.saved):
                yield first
            if self.run.stopping:
                return
            first += 1
        for epoch in range(first, self.run.epochs):
            self.begin_epoch(epoch)
            self.mean = WeightedMean()
            yield epoch

    def iterations(self, optimizer: LBFGS, examples: Batch) -> None:
        """All epochs of an optimizer that takes all examples at once and makes its own steps."""
        run, network, search = self.run, self.run.network, self.search
        begun = 0

        def evaluate() -> float:
            nonlocal begun
            if search.left:
                return search.repeated()
            if begun == run.step:  # the first evaluation of an iteration
                self.begin_epoch(run.step)
                for hook in self.on_begin_step:
                    hook(run)
                begun += 1
            (watched,) = self.average.watching([examples])
            loss, *_ = self.step.gradient(watched)
            run.X = self.step.X
            if self.good.step < 0:
                self.good.take(0)
            search.add(loss)
            return loss

        def accept(loss: float) -> bool:
            nonlocal begun
            if search.left:
                return False
            if self.saved is None:
                run.loss = loss
                self.end_step()
                self.end_epoch(loss)
            else:
                if not self.take_up(self.saved):
                    self.end_epoch(loss)
                begun = run.step
            self.good.take(run.step)
            return run.stopping or network.segments is not segments

        segments: tuple[Segment, ...] | None = None
        while segments is not network.segments:  # a callback may have frozen something
            if self.saved is None:
                search.begin(run.step)
            else:
                with fitting(self.saved):
                    search.resume(self.saved.state["search"])
            segments, left = network.segments, run.epochs - search.first_step
            why = optimizer.minimize(
                network.parameters, network.gradients, segments, evaluate, accept, left
            )
            if run.stopping or run.step >= run.epochs:
                break
        run.finish(why)

    # --- from one call of train to the next ------------------------------------------------------

    def keep(self, settings: dict[str, Any]) -> None:
        """Let `Checkpoint` save how the run stands, which was given these settings."""
        self.settings = settings
        self.search = Search(self.run.network, remembers=True)
        self.run.state = lambda callback, hook: state_of(self, callback, hook)

    def resume(self, saved: Saved) -> None:
        """Go on from there, once training has begun."""
        announce(self.run, saved)
        expect_same(saved, self.settings, self.run)
        self.saved = saved

    def take_up(self, saved: Saved) -> bool:
        """Do what is left of the hook that wrote the checkpoint; True if its epoch is over."""
        run, self.saved = self.run, None
        self.begin_epoch(run.epoch)
        left = restore(self, saved)
        if saved.state["hook"] == "end_step":
            for observer in left:
                observer.end_step(run)
            run.step += 1
            return False
        with self.average.in_place(already=True):
            for observer in left:
                observer.end_epoch(run)
        return True

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Around all epochs: whichever callback saw the beginning sees the end, or the error."""
        run, begun = self.run, []
        try:
            for observer in self.observers:
                observer.begin_training(run)
                begun.append(observer)
            # Overflow is not a warning here: the loss is checked at every step.
            with np.errstate(over="ignore", invalid="ignore"):
                yield
            self.average.take()
            for observer in self.observers:
                observer.end_training(run)
        except BaseException as error:
            for observer in begun:
                observer.fail(run, error)
            raise

    # --- around an epoch and a step --------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> None:
        self.run.epoch = epoch
        self.step.cache.forget()
        for observer in self.observers:
            observer.begin_epoch(self.run)

    def end_step(self) -> None:
        for hook in self.on_end_step:
            hook(self.run)
        self.run.step += 1

    def end_steps(self, losses: Sequence[float]) -> None:
        """`end_step` after each of these losses."""
        if self.on_end_step:
            for self.run.loss in losses:
                self.end_step()
        elif losses:
            self.run.loss = losses[-1]
            self.run.step += len(losses)

    def end_epoch(self, loss: float) -> None:
        run, network = self.run, self.run.network
        if not np.isfinite(network.parameters.sum()) and not np.isfinite(network.parameters).all():
            raise self.diverged("a parameter became infinite or NaN")
        with self.average.in_place():
            measures = {"loss": loss}
            if self.validation is not None:
                scores = self.validation.scores()
                if not isfinite(scores["loss"]):
                    raise self.diverged(f"the validation loss became {scores['loss']}")
                measures |= {f"val_{name}": value for name, value in scores.items()}
            run.history.append(measures)
            for observer in self.observers:
                observer.end_epoch(run)

    def diverged(self, what: str) -> DivergedError:
        return diverged(self.run, self.good, what, self.step.X)


def _in_groups(batches: Iterator[Batch], size: int) -> Iterator[Any]:
    """The batches one by one, or iterators over `size` of them, which share the same memory."""
    if size == 1:
        return batches
    return (chain((batch,), islice(batches, size - 1)) for batch in batches)


def _own_hooks(observers: Sequence[Callback], name: str) -> list[Callable[[Run], None]]:
    default = getattr(Callback, name)
    hooks = [getattr(observer, name) for observer in observers]
    return [hook for hook in hooks if getattr(hook, "__func__", None) is not default]
