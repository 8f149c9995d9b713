"""The recorded steps of a training: what it takes to show the network as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from plainnet.network import Network

Array = npt.NDArray[Any]

MOST_BYTES = 2**26
"""Memory for the recorded steps of one training. When it is full, every second one is dropped."""


@dataclass(frozen=True, eq=False)
class Record:
    """The network after `step` steps.

    Attributes
    ----------
    parameters, state : arrays
    gradients, update : arrays
        Of the step that led here; zeros at the start.
    epoch, left : int
        Epochs that were complete, and steps left in the one that is not.
    loss : float or None
        Of that step's batch, before its update.
    """

    step: int
    parameters: Array
    state: Array
    gradients: Array
    update: Array
    epoch: int
    left: int
    loss: float | None = None


class Past:
    """Records by their steps; the last is always there."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.records: dict[int, Record] = {}
        self.every = 1
        self.most_bytes = most_bytes
        self.last: Record | None = None

    def add(self, network: Network, step: int, epoch: int, left: int, loss: float | None) -> None:
        """Record the network as it is; a step that is recorded again is replaced."""
        before = self.last
        now = network.parameters.copy()
        same = before is None or before.step == step
        gradients = before.gradients if same and before else network.gradients.copy()
        update = (
            before.update if same and before else now - before.parameters if before else now * 0
        )
        self.last = Record(
            step,
            now,
            network.state.copy(),
            gradients if step else now * 0,
            update,
            epoch,
            left,
            loss,
        )
        if step % self.every == 0:
            self.records[step] = self.last
            size = sum(each.nbytes for each in (now, self.last.state, self.last.gradients, update))
            while len(self.records) > max(self.most_bytes // max(size, 1), 2):
                self.every *= 2
                self.records = {s: r for s, r in self.records.items() if s % self.every == 0}

    def at(self, step: int) -> Record:
        """The record of this step, or of the last recorded one before it."""
        assert self.last is not None  # a training records its start
        if step >= self.last.step:
            return self.last
        return self.records[step // self.every * self.every]

    def __len__(self) -> int:
        return len(self.records)
