"""Many steps of a small network in one call of a compiled kernel.

A step of a few microseconds is over sooner than Python can begin the next. Where nobody looks at
single steps, one call does a burst of them, up to the next moment at which the loop has something
to do. They are the same steps, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.data import Batches
from plainnet.engine.cache import Cache
from plainnet.kernels.dense_stack import dense_steps, dense_steps_size
from plainnet.layers.dense.stack import FLOAT64, INTP
from plainnet.optimizers import Adam, AdamW
from plainnet.optimizers.base import FLUSH_EVERY

Array = npt.NDArray[Any]

MOST = 64
"""Steps between two bursts of which the parameters are kept. Ctrl-C waits for the end of one."""

AHEAD = 8 * MOST
"""Steps whose settings are made at a time, as long as no schedule changes them."""


class Bursts:
    """The steps of the epochs of a training, several at a time.

    Parameters
    ----------
    run : Run
    batches : Batches
        Others are never bursts.
    observers : sequence of Callback
    """

    def __init__(self, run: Run, batches: Any, observers: Sequence[Callback]) -> None:
        self.run, self.batches, self.observers = run, batches, observers
        self.cache = Cache(training=True)
        self.X = np.empty(0)
        """The batch whose loss is not finite, if there is one."""
        self.left = 0
        """Steps of the epoch that are still to come."""
        self._stack: Any = None
        self._known: Any = None
        """What the settings ahead follow from, beside the number of the first step."""
        self._ahead: tuple[Array, Array] = np.empty((0, 2)), np.empty((0, 0, 6))
        self._first = 0

    def fit(self) -> bool:
        """Whether the steps of the next epoch may come in bursts."""
        run, batches = self.run, self.batches
        optimizer: Any = run.optimizer
        stack = run.network.dense_stack
        return (
            stack is not None
            and type(optimizer) in (Adam, AdamW)
            and not optimizer.amsgrad
            and not optimizer.l1
            and run.average is None
            and isinstance(batches, Batches)
            and batches.sample_weight is None
            and type(batches.X) is type(batches.y) is np.ndarray
            and batches.X.dtype == np.float32
            and stack.takes(batches.X[: batches.batch_size], batches.y, self.cache)
            and not any(observer.needs_every_step() for observer in self.observers)
        )

    def epoch(self) -> Iterator[tuple[list[float], list[int], Array | None]]:
        """After each burst its losses, and the number of rows of each step.

        The last loss is not finite if training must end. Where the burst began at a multiple of
        MOST, the parameters before it are there too.
        """
        run, batches = self.run, self.batches
        order, size, n = batches.shuffled(), batches.batch_size, batches.n
        optimizer: Any = run.optimizer
        self.left = n
        while self.left > 0:
            first = n - self.left
            until = MOST - run.step % MOST, FLUSH_EVERY - optimizer.steps % FLUSH_EVERY
            rows = order[first * size : (first + min(self.left, *until)) * size]
            before = self._copy() if run.step % MOST == 0 else None
            losses = self._burst(rows)
            self.left -= len(losses)
            steps = len(losses)
            yield losses, [size] * (steps - 1) + [min(size, len(rows) - (steps - 1) * size)], before

    def _copy(self) -> Array:
        parameters = self.run.network.parameters
        copy = self.cache.array("before", parameters.shape, parameters.dtype)
        np.copyto(copy, parameters)
        return copy

    def _burst(self, rows: Array) -> list[float]:
        """The losses of the steps that take these rows, one batch after the other."""
        network, cache, size = self.run.network, self.cache, self.batches.batch_size
        optimizer: Any = self.run.optimizer
        stack: Any = network.dense_stack
        X, y = self.batches.sources
        classes, targets = (y, None) if stack.targets == "classes" else (None, y)
        steps = -(-len(rows) // size)
        groups, settings = self._settings(steps)
        means, done = cache.array("means", (steps,), FLOAT64), cache.array("done", (1,), INTP)
        if stack is not self._stack:
            self._stack, self._work_size = stack, dense_steps_size(stack.plan, size)
        work = cache.array("work", (self._work_size,), X.dtype)
        dense_steps(
            X, classes, targets, rows, size, network.parameters, stack.plan, network.gradients,
            optimizer.state["M"], optimizer.state["V"], groups, settings, means, done, work,
        )  # fmt: skip
        made = int(done[0])
        optimizer.advance(made)
        self.X = X[rows[made * size : (made + 1) * size]]
        losses: list[float] = means[: made + 1].tolist()
        return losses

    def _settings(self, steps: int) -> tuple[Array, Array]:
        """As the optimizer makes them for these steps; for many bursts at a time if it can."""
        run, network = self.run, self.run.network
        optimizer: Any = run.optimizer
        vectors = network.parameters, network.gradients, network.segments
        schedules = [
            each for each in self.observers if type(each).begin_step is not Callback.begin_step
        ]
        if schedules:
            groups, settings = optimizer.settings_ahead(*vectors, self._rates(steps, schedules))
            return groups, settings
        optimizer.attach(*vectors)
        rate = optimizer.learning_rate
        known = optimizer.runs, rate, optimizer.betas, optimizer.epsilon, optimizer.weight_decay
        first = optimizer.steps - self._first
        if known != self._known or not 0 <= first <= len(self._ahead[1]) - steps:
            left = self.batches.n * (run.epochs - run.epoch)
            ahead = optimizer.settings_ahead(*vectors, [rate] * max(steps, min(AHEAD, left)))
            self._known, self._ahead, self._first, first = known, ahead, optimizer.steps, 0
        groups, settings = self._ahead
        return groups, settings[first : first + steps]

    def _rates(self, steps: int, schedules: Sequence[Callback]) -> list[float]:
        """The learning rate of each step, as schedules set it."""
        run = self.run
        optimizer: Any = run.optimizer
        rates, first = [], run.step
        for run.step in range(first, first + steps):
            for schedule in schedules:
                schedule.begin_step(run)
            rates.append(optimizer.learning_rate)
        run.step = first
        return rates
