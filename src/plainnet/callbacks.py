"""What `train` calls while it runs: early stopping, progress, or your own."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt

from plainnet.errors import (
    DivergedError,
    SettingError,
    require_integer,
    require_number,
    require_type,
)
from plainnet.history import History

if TYPE_CHECKING:
    from plainnet.network import Network
    from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]


@dataclass
class Run:
    """One call of `train`, as callbacks see it. They may change the optimizer's learning rate."""

    network: Network
    optimizer: Optimizer
    epochs: int
    steps_per_epoch: int | None
    """None where the batches do not tell how many they are."""
    validates: bool = False
    """There is validation data."""
    epoch: int = 0
    """The epoch that runs, from 0."""
    step: int = 0
    """The step that runs, from 0 over all epochs."""
    loss: float = float("nan")
    """The loss of the last step's batch."""
    history: History = field(default_factory=History)

    def stop(self, why: str) -> None:
        """End training after this step or epoch; `why` appears in `history.stopped`."""
        self.history.stopped = why


class Callback:
    """Override what you need. A callback serves one `train` at a time."""

    def begin_training(self, run: Run) -> None:
        """Before the first step."""

    def end_step(self, run: Run) -> None:
        """After an update; `run.loss` is the loss before it."""

    def end_epoch(self, run: Run) -> None:
        """After an epoch; `run.history.last()` holds its measures."""

    def end_training(self, run: Run) -> None:
        """After the last step, also when Ctrl-C ended it; not after an error."""

    def fail(self, run: Run, error: BaseException) -> None:
        """When an error ends training."""


class EarlyStopping(Callback):
    """Stop when a measure has not improved for `patience` epochs; put the best parameters back.

    The best parameters are put back however training ends: after the last epoch, by Ctrl-C, or by
    a loss that is not finite.

    Parameters
    ----------
    monitor : str
        A measure of the history. One that ends in "accuracy" is better when higher, all others
        when lower.
    patience : int
        Epochs without improvement before training stops.
    min_delta : float
        A smaller change is no improvement.
    """

    def __init__(
        self, monitor: str = "val_loss", *, patience: int = 10, min_delta: float = 0.0
    ) -> None:
        require_type("monitor", monitor, str)
        patience = require_integer("patience", patience, at_least=1)
        require_number("min_delta", min_delta, at_least=0)
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta

    def begin_training(self, run: Run) -> None:
        if self.monitor in ("val_loss", "val_accuracy") and not run.validates:
            raise SettingError(
                f"early stopping monitors {self.monitor!r}, which needs validation_data"
            )
        self.best_epoch = -1
        self.best = float("-inf") if self._higher_is_better else float("inf")
        self._parameters: Array = run.network.parameters.copy()
        self._state: Array = run.network.state.copy()

    def end_epoch(self, run: Run) -> None:
        measures = run.history.last()
        if self.monitor not in measures:
            raise SettingError(
                f"early stopping monitors {self.monitor!r}; there is only {', '.join(measures)}"
            )
        value = measures[self.monitor]
        gain = value - self.best if self._higher_is_better else self.best - value
        if gain > self.min_delta:
            self.best, self.best_epoch = value, run.epoch
            np.copyto(self._parameters, run.network.parameters)
            np.copyto(self._state, run.network.state)
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop(f"{self.monitor} has not improved for {self.patience} epochs")

    def end_training(self, run: Run) -> None:
        if self.best_epoch >= 0:
            run.network.parameters[:] = self._parameters
            run.network.state[:] = self._state

    def fail(self, run: Run, error: BaseException) -> None:
        if isinstance(error, DivergedError):
            self.end_training(run)

    @property
    def _higher_is_better(self) -> bool:
        return self.monitor.endswith("accuracy")


class Progress(Callback):
    """A bar of the epochs if tqdm is there (extra `progress`), and one line an epoch otherwise."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self._bar: Any = None

    def begin_training(self, run: Run) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._bar = None
        else:
            self._bar = tqdm(total=run.epochs, unit="epoch", file=self.stream)

    def fail(self, run: Run, error: BaseException) -> None:
        self.end_training(run)

    def end_epoch(self, run: Run) -> None:
        measures = {name: f"{value:.4f}" for name, value in run.history.last().items()}
        if self._bar is not None:
            self._bar.set_postfix(measures)
            self._bar.update()
        else:
            shown = "  ".join(f"{name} {value}" for name, value in measures.items())
            width = len(str(run.epochs))
            print(f"epoch {run.epoch + 1:>{width}}/{run.epochs}  {shown}", file=self._stream)

    def end_training(self, run: Run) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def _stream(self) -> TextIO:
        return self.stream or sys.stdout
