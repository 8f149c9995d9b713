"""How far training has got, and how long it will take."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from plainnet.callbacks.base import Callback, Run
from plainnet.errors import SettingError, shown


class Progress(Callback):
    """A progress bar if tqdm is installed (extra `progress`), otherwise a line per epoch.

    The bar counts steps, or epochs where the number of steps is not known, and shows the time taken
    and the time left. If nothing can be shown, for example because the terminal is gone, training
    continues without it.
    """

    only_shows = only_counts = True

    def __init__(self, stream: TextIO | None = None) -> None:
        if stream is not None and not hasattr(stream, "write"):
            raise SettingError(f"stream must be an open text file; got {shown(stream)}")
        self.stream = stream
        self._bar: Any = None

    def begin_training(self, run: Run) -> None:
        self._bar, self._shows = None, True
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return
        stream = self.stream or sys.stderr
        if stream is None:  # the process was started without one
            self._shows = False
            return
        try:
            if run.steps is None:
                self._bar = tqdm(total=run.epochs, initial=run.epoch, unit="epoch", file=stream)
            else:
                self._bar = tqdm(total=run.steps, initial=run.step, unit="step", file=stream)
        except OSError:
            self._give_up()

    def fail(self, run: Run, error: BaseException) -> None:
        self.end_training(run)

    def begin_epoch(self, run: Run) -> None:
        if self._bar is not None:
            self._bar.set_description(_place(run), refresh=False)

    def end_step(self, run: Run) -> None:
        if self._bar is not None and run.steps is not None:
            try:
                self._bar.update()
            except OSError:
                self._give_up()

    def end_epoch(self, run: Run) -> None:
        measures = {name: f"{value:.4f}" for name, value in run.history.last().items()}
        try:
            if self._bar is not None:
                self._bar.set_postfix(measures)
                if run.steps is None:
                    self._bar.update()
            elif self._shows:
                shown = "  ".join(f"{name} {value}" for name, value in measures.items())
                print(f"{_place(run)}  {shown}", file=self.stream or sys.stdout)
        except OSError:
            self._give_up()

    def end_training(self, run: Run) -> None:
        if self._bar is not None:
            try:
                self._bar.close()
            except OSError:
                self._give_up()

    def _give_up(self) -> None:
        """Show nothing more: the stream accepts nothing."""
        self._shows = False
        if self._bar is not None:
            self._bar.disable = True  # otherwise it tries again when it is collected
            self._bar = None


def _place(run: Run) -> str:
    """The current epoch, or the one that has just ended."""
    return f"epoch {run.epoch + 1:>{len(str(run.epochs))}}/{run.epochs}"
