"""Records the course of a training, step by step, for a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.engine.cache import Cache
from plainnet.engine.parameters import Segment
from plainnet.errors import require_integer
from plainnet.inspection.doctor.signs import signals_of

Array = npt.NDArray[Any]

ROWS = 64
"""How many rows of a batch are examined."""


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
        The share of dead or saturated units in each layer that can have them.
    """

    step: int
    loss: float
    weights: dict[str, float]
    gradients: dict[str, float]
    updates: dict[str, float]
    dead: dict[str, float]
    saturated: dict[str, float]

    def ratio(self, name: str) -> float:
        """The ratio of the update to the tensor."""
        return self.updates[name] / (self.weights[name] or 1.0)


@dataclass
class Course:
    """The course of a training: the loss at every step, and more at some steps."""

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
        Steps between the moments that are kept, starting with the first step.
    rows : array or None
        Rows for the activations; by default the first rows of the batch.
    """

    only_shows = True

    def __init__(self, every: int, rows: Any = None) -> None:
        self.every = require_integer("every", every, at_least=1)
        self.rows = rows
        self.course = Course()
        self._before: Array | None = None
        self._busy_from = 0
        """Before this step there is nothing to do but to note the loss."""

    def begin_training(self, run: Run) -> None:
        self.course = Course(steps_per_epoch=run.steps_per_epoch)
        self._losses = self.course.losses
        self._cache, self._before = Cache(record=True), None

    def begin_epoch(self, run: Run) -> None:
        if self._before is None:
            self._keep(run)
            self._busy_from = run.step  # which may be that of a resumed run

    def end_step(self, run: Run) -> None:
        self._losses.append(run.loss)
        if run.step < self._busy_from:
            return
        following, every = run.step + 1, self.every
        if run.step % every == 0 and self._before is not None:
            self.course.moments.append(self._moment(run, self._before))
            self.look(run)
        if following % every == 0:
            self._keep(run)
        wait = every - 1 - following % every  # a step is kept before each that is looked at
        self._busy_from = following + (wait if following % every else 0)

    def look(self, run: Run) -> None:
        """After a moment was kept."""

    def _keep(self, run: Run) -> None:
        """The parameters before a step that is looked at."""
        if self._before is None:
            self._before = np.empty_like(run.network.parameters)
        np.copyto(self._before, run.network.parameters)

    def fail(self, run: Run, error: BaseException) -> None:
        self.course.failed = str(error)

    def _moment(self, run: Run, before: Array) -> Moment:
        network = run.network
        weights, gradients, updates = (
            norms_of(network.segments, vector)
            for vector in (before, network.gradients, network.parameters - before)
        )
        rows = run.X[:ROWS] if self.rows is None else self.rows
        signals = signals_of(network, rows, self._cache)
        return Moment(
            run.step, run.loss, weights, gradients, updates,
            {s.path: share for s in signals if (share := s.dead) and not s.is_last},
            {s.path: share for s in signals if (share := s.saturated) and not s.is_last},
        )  # fmt: skip


def norms_of(segments: Sequence[Segment], vector: Array) -> dict[str, float]:
    """The root mean square of each tensor that learns."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(np.square(vector, dtype=np.float64), [s.start for s in segments])
    return {
        s.name: sqrt(total / (s.stop - s.start)) if total >= 0 else inf
        for s, total in zip(segments, sums.tolist(), strict=True)
        if s.learning_rate
    }
