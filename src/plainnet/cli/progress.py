"""Progress of training: a bar on a terminal, a handful of lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from plainnet.callbacks import Callback, Run

LINES = 10
"""About this many lines are printed if there is no terminal."""
SECONDS = 0.05
"""Seconds between updates of the shown loss; a step may take far less."""


@dataclass(frozen=True)
class Measure:
    """A measure on the validation rows, and how it is shown."""

    name: str
    column: str
    """The column of the history."""
    shown: Callable[[float], str] = "{:.4f}".format

    def of(self, run: Run) -> str:
        """The last value; a dash if no rows were held out."""
        last = run.history.last()
        return self.shown(last[self.column]) if self.column in last else "-"


@contextmanager
def watching(console: Console, measure: Measure, networks: int = 1) -> Iterator[Bar | Lines]:
    """Show the progress of training; the display is closed even if training fails."""
    watcher = (Bar if console.is_terminal else Lines)(console, measure, networks)
    try:
        yield watcher
    finally:
        watcher.close()


class Bar(Callback):
    """A bar that moves with the steps, with the loss and a measure on the validation rows."""

    only_shows = True

    def __init__(self, console: Console, measure: Measure, networks: int) -> None:
        self.measure = measure
        self.epochs, self.network, self.networks = 0, 0, networks
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn(f"{measure.name} {{task.fields[measure]}}"),
            TextColumn("{task.fields[time]}"),
            console=console,
            expand=True,
        )

    def begin_training(self, run: Run) -> None:
        self.network += _is_another(run, self.epochs)
        self.epochs = run.epochs
        self.steps = run.steps_per_epoch or 1
        self.loss, self.begun = "-", perf_counter()
        if self.network == 1:
            self.begun_first, self.share_before = self.begun, self._share(run.step)
        self.task = self.bar.add_task(
            self._place(run), total=run.epochs * self.steps, loss="-", measure="-", time=""
        )
        self.shown = perf_counter()
        self.bar.start()

    def end_step(self, run: Run) -> None:
        now = perf_counter()
        if now - self.shown > SECONDS:
            self.shown = now
            self.bar.update(
                self.task,
                completed=run.step + 1,
                description=self._place(run),
                loss=_loss(run.loss) if len(run.history) == 0 else self.loss,
                time=self._time_left(run.step + 1, now),
            )

    def end_epoch(self, run: Run) -> None:
        self.loss = _loss(run.history.last()["loss"])
        self.bar.update(
            self.task,
            completed=(run.epoch + 1) * self.steps,
            description=self._place(run),
            loss=self.loss,
            measure=self.measure.of(run),
            time=self._time_left((run.epoch + 1) * self.steps, perf_counter()),
        )

    def end_training(self, run: Run) -> None:
        took = duration(perf_counter() - self.begun)
        self.bar.update(self.task, time=f"took {took}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.stop()

    def _time_left(self, done: int, now: float) -> str:
        """Of all networks, if no epoch is left out."""
        made = (self._share(done) - self.share_before) / (1 - self.share_before)
        return time_left(now - self.begun_first, made)

    def _share(self, done: int) -> float:
        """Of all steps of all networks."""
        return (self.network - 1 + done / (self.epochs * self.steps)) / self.networks

    def _place(self, run: Run) -> str:
        return _network(self.network, self.networks) + f"epoch {run.epoch + 1}/{run.epochs}"


class Lines(Callback):
    """A line for the first epoch, every tenth and the last; with several networks, one each."""

    only_shows = True

    def __init__(self, console: Console, measure: Measure, networks: int) -> None:
        self.console, self.measure = console, measure
        self.epochs, self.network, self.networks = 0, 0, networks

    def begin_training(self, run: Run) -> None:
        self.network += _is_another(run, self.epochs)
        self.epochs = run.epochs
        self.every = -(-run.epochs // (LINES if self.networks == 1 else 1))
        self.printed = -1

    def end_epoch(self, run: Run) -> None:
        first = run.epoch == 0 and self.networks == 1
        if first or (run.epoch + 1) % self.every == 0:
            self._print(run)

    def end_training(self, run: Run) -> None:
        if len(run.history) and self.printed != len(run.history):
            self._print(run)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _print(self, run: Run) -> None:
        self.printed = len(run.history)
        place = f"{_network(self.network, self.networks)}epoch {self.printed}/{run.epochs}"
        self.console.print(
            f"{place}  loss {_loss(run.history.last()['loss'])}  "
            f"{self.measure.name} {self.measure.of(run)}",
            soft_wrap=True,
        )


def time_left(seconds: float, share: float) -> str:
    """The remaining time, if this share of the work took `seconds`."""
    return f"{duration(seconds * (1 - share) / share)} left" if share > 0 else ""


def duration(seconds: float) -> str:
    """A time as on a clock: 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_another(run: Run, epochs: int) -> bool:
    """Another network, not the one before, of so many epochs, anew and for longer."""
    return not 0 < epochs < run.epochs


def _network(number: int, of: int) -> str:
    return f"network {number}/{of}, " if of > 1 else ""


def _loss(loss: float) -> str:
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.3g}"
