"""The bar says how long training will still take, and how long it has taken."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from plainnet.callbacks import Run
from plainnet.cli import progress
from plainnet.cli.progress import Bar, Measure, duration, time_left
from plainnet.training.history import History

MEASURE = Measure("validation accuracy", "val_accuracy")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")],
)
def test_a_time_as_on_a_clock(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_what_is_left_of_the_time() -> None:
    assert time_left(30, 0.25) == "1:30 left"  # a quarter took 30 s, so three take 90 s
    assert time_left(30, 1) == "0:00 left"
    assert time_left(0, 0) == ""


def test_the_bar_counts_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: clock[0])
    console = Console(width=100, force_terminal=True, quiet=True)
    run = SimpleNamespace(epochs=4, steps_per_epoch=5, epoch=0, step=0, loss=0.5, history=History())
    bar = Bar(console, MEASURE, networks=2)

    def shown() -> str:
        return str(bar.bar.tasks[-1].fields["time"])

    try:
        for network in range(2):
            run.history = History()
            bar.begin_training(cast("Run", run))
            for step in range(20):
                run.epoch, run.step = step // 5, step
                clock[0] += 3
                bar.end_step(cast("Run", run))
                if (network, step) == (0, 9):  # 10 of 40 steps took 30 s
                    assert shown() == "1:30 left"
                if (network, step) == (1, 9):  # 30 of 40 took 90 s
                    assert shown() == "0:30 left"
                if step % 5 == 4:
                    run.history.append({"loss": 0.5, "val_accuracy": 1.0})
                    bar.end_epoch(cast("Run", run))
            bar.end_training(cast("Run", run))
            assert shown() == "took 1:00"
    finally:
        bar.close()


@pytest.mark.parametrize("width", [1, 2, 20, 80])
def test_any_width_will_do(width: int) -> None:
    run = SimpleNamespace(epochs=1, steps_per_epoch=1, epoch=0, step=0, loss=0.5, history=History())
    console = Console(width=width, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115
    bar = Bar(console, MEASURE, networks=1)
    bar.begin_training(cast("Run", run))
    run.history.append({"loss": 0.5, "val_accuracy": 1.0})
    bar.end_epoch(cast("Run", run))
    bar.close()
    console.file.close()
