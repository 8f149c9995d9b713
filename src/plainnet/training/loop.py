"""The training loop: epochs of steps, and what happens after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from math import isfinite
from typing import Any

import numpy as np

from plainnet.callbacks.base import Callback, Run
from plainnet.engine.parameters import Segment
from plainnet.engine.weighted_mean import WeightedMean
from plainnet.errors import DivergedError, counted
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.training.averaging import Average
from plainnet.training.batches import Batch
from plainnet.training.divergence import Snapshot, diverged
from plainnet.training.steps import Step
from plainnet.training.validation import Validation

SNAPSHOT_EVERY = 64
"""Steps between two copies of the parameters, to fall back to when the loss is not finite."""


class Loop:
    """One training: epochs of steps, or of iterations of L-BFGS."""

    def __init__(
        self,
        run: Run,
        step: Step,
        observers: Sequence[Callback],
        validation: Validation | None,
    ) -> None:
        self.run, self.step, self.observers, self.validation = run, step, observers, validation
        # A hook that is not overridden costs a step nothing.
        self.on_begin_step = _own_hooks(observers, "begin_step")
        self.on_end_step = _own_hooks(observers, "end_step")
        self.good = Snapshot(run.network)
        self.average = Average(run)
        step.diverged = self.diverged

    def epochs(self, batches: Iterable[Batch], accumulate: int = 1) -> None:
        """All epochs; an update uses `accumulate` batches."""
        run, step = self.run, self.step
        gradient = step.gradient if accumulate == 1 else step.mean_gradient
        for epoch in range(run.epochs):
            self.begin_epoch(epoch)
            mean = WeightedMean()
            for drawn in _in_groups(self.average.watching(batches), accumulate):
                if run.stopping:
                    return
                self.begin_step()
                run.loss, weight, unit = gradient(drawn)
                if run.step % SNAPSHOT_EVERY == 0:
                    self.good.take(run.step)
                step.update()
                mean.add(run.loss, weight, unit)
                self.end_step()
            self.end_epoch(mean.value)
            if run.stopping:
                return
        run.finish(f"all {counted(run.epochs, 'epoch')} done")

    def iterations(self, optimizer: LBFGS, examples: Batch) -> None:
        """All epochs of an optimizer that takes all examples at every step, and steps by itself."""
        run, network = self.run, self.run.network
        begun = 0

        def evaluate() -> float:
            nonlocal begun
            if begun == run.step:  # the first evaluation of an iteration
                self.begin_epoch(run.step)
                self.begin_step()
                begun += 1
            (watched,) = self.average.watching([examples])
            loss, *_ = self.step.gradient(watched)
            if self.good.step < 0:
                self.good.take(0)
            return loss

        def accept(loss: float) -> bool:
            run.loss = loss
            self.end_step()
            self.end_epoch(loss)
            self.good.take(run.step)
            return run.stopping or network.segments is not segments

        segments: tuple[Segment, ...] | None = None
        while segments is not network.segments:  # a callback may have frozen something
            segments, left = network.segments, run.epochs - run.step
            why = optimizer.minimize(
                network.parameters, network.gradients, segments, evaluate, accept, left
            )
            if run.stopping or run.step >= run.epochs:
                break
        run.finish(why)

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Around all of it: whoever has seen the beginning sees the end, or the error."""
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

    def begin_step(self) -> None:
        for hook in self.on_begin_step:
            hook(self.run)

    def end_step(self) -> None:
        for hook in self.on_end_step:
            hook(self.run)
        self.run.step += 1

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
    """The batches one by one, or iterators over so many, which share the batches' memory."""
    if size == 1:
        yield from batches
    else:
        for batch in batches:
            yield chain((batch,), islice(batches, size - 1))


def _own_hooks(observers: Sequence[Callback], name: str) -> list[Callable[[Run], None]]:
    default = getattr(Callback, name)
    hooks = [getattr(observer, name) for observer in observers]
    return [hook for hook in hooks if getattr(hook, "__func__", None) is not default]
