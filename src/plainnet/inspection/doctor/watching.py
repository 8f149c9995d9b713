"""The course of a training: what a diagnosis needs of it, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.errors import require_integer
from plainnet.inspection.doctor.signs import signals_of

Array = npt.NDArray[Any]

ROWS = 64
"""Of a batch, so many are looked at."""


@dataclass(frozen=True)
class Moment:
    """What one step of a training showed.

    Attributes
    ----------
    step : int
    loss : float
    weights, gradients, updates : dict of str to float
        The norm of each tensor that learns, of its gradient and of its update.
    dead, saturated : dict of str to float
        The share of such units in each layer that can have them.
    """

    step: int
    loss: float
    weights: dict[str, float]
    gradients: dict[str, float]
    updates: dict[str, float]
    dead: dict[str, float]
    saturated: dict[str, float]

    def ratio(self, name: str) -> float:
        """Of the update to the tensor."""
        return self.updates[name] / (self.weights[name] or 1.0)


@dataclass
class Course:
    """What a training showed: the loss at every step, and more at some."""

    losses: list[float] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    steps_per_epoch: int | None = None
    failed: str = ""
    """The error that ended it."""


class Recorder(Callback):
    """Keeps the course of a training.

    Parameters
    ----------
    every : int
        A moment is kept at the first step, and then every so many.
    rows : array or None
        What the activations are looked at on; by default the first rows of the batch.
    """

    only_shows = True

    def __init__(self, every: int, rows: Any = None) -> None:
        self.every = require_integer("every", every, at_least=1)
        self.rows = rows
        self.course = Course()
        self._before: Array | None = None

    def begin_training(self, run: Run) -> None:
        self.course = Course(steps_per_epoch=run.steps_per_epoch)

    def begin_step(self, run: Run) -> None:
        if run.step % self.every == 0:
            if self._before is None or self._before.shape != run.network.parameters.shape:
                self._before = np.empty_like(run.network.parameters)
            np.copyto(self._before, run.network.parameters)

    def end_step(self, run: Run) -> None:
        self.course.losses.append(run.loss)
        if run.step % self.every == 0 and self._before is not None:
            self.course.moments.append(self._moment(run, self._before))

    def fail(self, run: Run, error: BaseException) -> None:
        self.course.failed = str(error)

    def _moment(self, run: Run, before: Array) -> Moment:
        network = run.network
        weights, gradients, updates = {}, {}, {}
        for segment in network.segments:
            if segment.learning_rate:
                part = slice(segment.start, segment.stop)
                size = sqrt(max(segment.stop - segment.start, 1))
                weights[segment.name] = _norm(before[part]) / size
                gradients[segment.name] = _norm(network.gradients[part]) / size
                updates[segment.name] = _norm(network.parameters[part] - before[part]) / size
        rows = run.X[:ROWS] if self.rows is None else self.rows
        signals = signals_of(network, rows)
        return Moment(
            run.step, run.loss, weights, gradients, updates,
            {s.path: share for s in signals if (share := s.dead) and not s.is_last},
            {s.path: share for s in signals if (share := s.saturated) and not s.is_last},
        )  # fmt: skip


def _norm(vector: Array) -> float:
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(vector))
