"""When to stop."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.callbacks.monitor import Mode, Monitor
from plainnet.errors import DivergedError, counted, require_integer, require_number

Array = npt.NDArray[Any]


class EarlyStopping(Callback):
    """Stop when a measure has not improved for `patience` epochs; put the best parameters back.

    The best parameters are put back however training ends: after the last epoch, by Ctrl-C, or
    because the loss is not finite.

    Parameters
    ----------
    monitor : str
        A measure of the history.
    patience : int
        Epochs without improvement before training stops.
    min_delta : float
        A change must exceed this to count as an improvement.
    mode : "auto", "min" or "max"
        Which values are better. "auto" knows this for the loss and `plainnet.metrics.METRICS`.

    Attributes
    ----------
    best, best_epoch : float, int
        The best value, and its epoch, counted from 0; the epoch is -1 before there is one.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Mode = "auto",
    ) -> None:
        self.monitor, self.min_delta, self.mode = monitor, min_delta, mode
        self.patience = require_integer("patience", patience, at_least=1)
        self._monitor = Monitor(monitor, mode, min_delta)

    def begin_training(self, run: Run) -> None:
        self._monitor.begin(run)
        self._parameters: Array = run.network.parameters.copy()
        self._state: Array = run.network.state.copy()

    def end_epoch(self, run: Run) -> None:
        if self._monitor.improved(run):
            np.copyto(self._parameters, run.network.parameters)
            np.copyto(self._state, run.network.state)
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop(f"{self.monitor} has not improved for {counted(self.patience, 'epoch')}")

    def end_training(self, run: Run) -> None:
        if self.best_epoch >= 0:
            run.network.parameters[:] = self._parameters
            run.network.state[:] = self._state

    def fail(self, run: Run, error: BaseException) -> None:
        if isinstance(error, DivergedError):
            self.end_training(run)

    def resume_state(self) -> dict[str, Any]:
        best = {"parameters": self._parameters, "state": self._state}
        return {"monitor": self._monitor.resume_state(), **best}

    def resume(self, state: Mapping[str, Any]) -> None:
        self._monitor.resume(state["monitor"])
        np.copyto(self._parameters, state["parameters"], casting="no")
        np.copyto(self._state, state["state"], casting="no")

    @property
    def best(self) -> float:
        return self._monitor.best

    @property
    def best_epoch(self) -> int:
        return self._monitor.best_epoch


class TimeLimit(Callback):
    """Stop after the step in which the time runs out; a resumed run gets the full time again."""

    may_change = True

    def __init__(self, seconds: float) -> None:
        require_number("seconds", seconds, above=0)
        self.seconds = seconds

    def begin_training(self, run: Run) -> None:
        self._end = perf_counter() + self.seconds

    def end_step(self, run: Run) -> None:
        if perf_counter() >= self._end:
            run.interrupt(f"the time limit of {self.seconds:g} seconds")
