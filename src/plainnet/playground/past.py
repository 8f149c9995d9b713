"""The recorded steps of a training: what it takes to show the network as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    network : Network
        The one that was trained, which has other numbers by now: its layers are these, until a
        unit is removed.
    parameters, state : arrays
    gradients, update : arrays
        Of the step that led here; zeros at the start.
    epoch : int
        That of the step that led here, counted from 1; 0 at the start.
    left : int
        Steps until the next epoch that is complete.
    """

    step: int
    network: Network
    parameters: Array
    state: Array
    gradients: Array
    update: Array
    epoch: int
    left: int

    @property
    def nbytes(self) -> int:
        """The memory of its arrays."""
        arrays = (self.parameters, self.state, self.gradients, self.update)
        return sum(array.nbytes for array in arrays)


class Past:
    """Records by their steps; the last is always there."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.records: dict[int, Record] = {}
        self.every = 1
        self.most_bytes = most_bytes
        self.last: Record | None = None
        self._nbytes = 0

    def add(self, network: Network, step: int, epoch: int, left: int) -> None:
        """Record the network as it is after another step."""
        now, before = network.parameters.copy(), self.last
        gradients = network.gradients.copy() if before else now * 0
        update = now - before.parameters if before else now * 0
        state = network.state.copy()
        self._keep(Record(step, network, now, state, gradients, update, epoch, left))

    def amend(self, **changed: Any) -> None:
        """Replace parts of the last record: something was changed by hand after its step."""
        assert self.last is not None  # a training records its start
        self._keep(replace(self.last, **changed))

    def _keep(self, record: Record) -> None:
        self.last = record
        if record.step % self.every:
            return
        before = self.records.get(record.step)
        self._nbytes += record.nbytes - (before.nbytes if before else 0)
        self.records[record.step] = record
        while self._nbytes > self.most_bytes and len(self.records) > 2:
            self.every *= 2
            self.records = {s: r for s, r in self.records.items() if s % self.every == 0}
            self._nbytes = sum(each.nbytes for each in self.records.values())

    def at(self, step: int) -> Record:
        """The record of this step, or of the last recorded one before it."""
        assert self.last is not None  # a training records its start
        if step >= self.last.step:
            return self.last
        return self.records[step // self.every * self.every]

    def __len__(self) -> int:
        return len(self.records)
