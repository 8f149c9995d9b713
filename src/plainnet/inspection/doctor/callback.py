"""`Doctor`, a callback that watches a training while it runs, and says what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TextIO

from plainnet.callbacks.base import Run
from plainnet.errors import SettingError, shown
from plainnet.inspection.doctor.during import (
    is_leap,
    of_gradients,
    of_leap,
    of_tensors,
    of_units,
    of_updates,
)
from plainnet.inspection.doctor.ending import of_rise
from plainnet.inspection.doctor.of_settings import of_clipping, of_l1
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.thresholds import TO_BE_SILENT, TO_SPEAK
from plainnet.inspection.doctor.verdicts import Report, Verdict
from plainnet.inspection.doctor.watching import Recorder

EVERY = 500
"""Steps between checks; in a very small network, a check takes as long as ten steps."""


class Doctor(Recorder):
    """Watches a training, and says what is wrong with it.

    Every `every` steps it checks the sizes of weights, gradients and updates, and the activations
    of some rows of the batch. A fault that shows three times in a row is reported on stderr; once
    it has been gone nine times in a row, it may be reported again. Training is not changed. Pass
    the doctor to `diagnose` as `history` to include what it has seen.

    Parameters
    ----------
    every : int
        Steps between checks. With the default, checks take less than a twentieth of the
        training time.
    stream : text file, optional
        Where it reports; by default `sys.stderr`.

    Attributes
    ----------
    report : Report
        The faults that show at present.
    said : list of (int, Verdict)
        The reported verdicts, each with its step.

    Examples
    --------
    >>> import numpy as np
    >>> from plainnet import Network, train
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network(
    ...     [Dense(8), ReLU(), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0
    ... )
    >>> network["0.dense.b"] = np.full(8, -100.0)
    >>> X = np.random.default_rng(0).standard_normal((64, 2))
    >>> doctor = Doctor(every=5, stream=sys.stdout)
    >>> _ = train(network, X, X[:, :1], optimizer=SGD(0.01), epochs=10, batch_size=32,
    ...           callbacks=[doctor], progress=False)
    step 10: dead units (1.relu): 100% of its units give the same for every row; at the first step
    it was 100%. Next to no gradient passes through them.
    """

    def __init__(self, every: int = EVERY, stream: TextIO | None = None) -> None:
        super().__init__(every)
        if stream is not None and not hasattr(stream, "write"):
            raise SettingError(f"stream must be an open text file; got {shown(stream)}")
        self.stream = stream
        self._begin()

    def _begin(self) -> None:
        self.said: list[tuple[int, Verdict]] = []
        self.history: Any = None
        self._in_a_row: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._now: dict[str, Verdict] = {}

    def begin_training(self, run: Run) -> None:
        super().begin_training(run)
        self._begin()
        self.history = run.history

    def look(self, run: Run) -> None:
        self._look(run, list(self._of_moment(run)), "")

    def end_epoch(self, run: Run) -> None:
        setup = Setup(run.network, None, None, None, run.optimizer)
        self._look(run, list(of_rise(setup, run.history)), "epochs")

    @property
    def report(self) -> Report:
        said = {verdict.name for _, verdict in self.said}
        found = [verdict for verdict in self._now.values() if verdict.name in said]
        return Report(found, [f"{len(self.course.moments)} steps of a training"])

    def _of_moment(self, run: Run) -> Iterator[Verdict]:
        first, last = self.course.moments[0], self.course.moments[-1]
        settings = {"clip_norm": run.clip_norm}
        setup = Setup(run.network, None, None, None, run.optimizer, settings)
        yield from of_units(setup, [first, last])
        yield from of_gradients(setup, [last], can_try=False)
        yield from of_tensors(setup, self.course.moments[-TO_SPEAK:])
        yield from of_clipping(setup, [last])
        yield from of_l1(setup, self.course.moments[-TO_SPEAK:])
        leaps = list(of_leap(setup, self.course))
        # Where a layer is dead as a whole, or weights have leapt far, small updates say nothing.
        is_dead = max(last.dead.values(), default=0.0) == 1
        if leaps or is_dead or is_leap(setup, first):
            yield from leaps
        else:
            yield from of_updates(setup, [last])

    def _look(self, run: Run, found: list[Verdict], kind: str) -> None:
        """Count what shows and what is gone; those of epochs apart from those of steps."""
        names = {f"{kind}{v.name}": v for v in found if v.severity in ("serious", "warning")}
        for name, verdict in names.items():
            self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
            self._gone[name] = 0
            if self._in_a_row[name] >= TO_SPEAK and name not in self._now:
                self.said.append((run.step, verdict))
                self._say(f"step {run.step}: {verdict.title}: {verdict.evidence}")
            if self._in_a_row[name] >= TO_SPEAK:
                self._now[name] = verdict
        for name in [n for n in self._in_a_row if n.startswith(kind) and n not in names]:
            if not kind and name.startswith("epochs"):
                continue
            self._in_a_row[name] = 0
            self._gone[name] = self._gone.get(name, 0) + 1
            if self._gone[name] >= TO_BE_SILENT:
                self._now.pop(name, None)

    def _say(self, text: str) -> None:
        stream = self.stream or sys.stderr
        if stream is not None:  # the process may have been started without one
            try:
                print(text, file=stream, flush=True)
            except OSError:
                self.stream = None
