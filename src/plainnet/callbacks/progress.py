"""How far training has come."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from plainnet.callbacks.base import Callback, Run


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
