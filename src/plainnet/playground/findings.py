"""What the doctor finds in a playground's training: at its start, while it runs, and at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.diagnosing import FEWEST_ROWS, LEARNED, diagnose, fresh
from plainnet.inspection.doctor.during import UNLEARNED, of_course
from plainnet.inspection.doctor.ending import of_rise
from plainnet.inspection.doctor.references import floor_of, guessing
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.signs import both_ways, signals_of
from plainnet.inspection.doctor.start import of_first_loss, of_gains
from plainnet.inspection.doctor.structure import of_symmetry
from plainnet.inspection.doctor.thresholds import TO_SPEAK
from plainnet.inspection.doctor.trials import Trials, relative_loss
from plainnet.inspection.doctor.verdicts import SEVERITIES, Report, Verdict
from plainnet.inspection.doctor.watching import Course

if TYPE_CHECKING:
    from plainnet.playground.past import Record
    from plainnet.playground.session import Session
    from plainnet.playground.settings import Settings
    from plainnet.playground.training import Training

Array = npt.NDArray[Any]

ROWS = 256
"""Rows on which the start is examined."""
LATEST = 20
"""Steps whose mean loss tells whether something has been learned."""
FIRST_STEPS, TRIAL = 100, 300
"""Steps of each short training, at the start and in a full check-up."""
FEW_EPOCHS = 5
"""A training of fewer is judged as one that is about to begin."""
OF_RISE = "overfitting", "loss_and_metric_disagree"


class Findings:
    """The verdicts on a training, most serious first.

    `now` costs next to nothing, and is asked at every frame.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._start: tuple[Record, list[Verdict]] | None = None
        self._rise: list[Verdict] = []
        self._epochs = self._rises = 0
        self._report: tuple[Settings, Report] | None = None
        _, y = training.examples.train
        loss, dtype = training.network.loss, training.network.dtype
        self._floor = floor_of(loss, y)
        self._span = guessing(loss, y, dtype) - self._floor

    def now(self) -> list[Verdict]:
        """What shows at present, and what a check-up of the same settings has found."""
        found = [*self._failure(), *self._seen()]
        if not self.has_learned:
            found += self._at_start()
        if self._report is not None and self._report[0] == self._training.settings:
            found += self._report[1]
        first: dict[str, Verdict] = {}
        for verdict in found:
            first.setdefault(verdict.name, verdict)
        return sorted(first.values(), key=lambda verdict: SEVERITIES.index(verdict.severity))

    @property
    def left(self) -> float:
        """The latest losses as a share of the loss of guessing."""
        latest = self._training.doctor.course.losses[-LATEST:]
        return (float(np.mean(latest)) - self._floor) / (self._span or 1.0) if latest else np.inf

    @property
    def has_learned(self) -> bool:
        """Whether the latest losses are below that of guessing."""
        return self.left < LEARNED

    def check_up(self) -> Report:
        """Diagnose copies: the data, the start, a short training, and what is learned."""
        training = self._training
        settings: dict[str, Any] = {"batch_size": training.settings.batch_size}
        if training.settings.clip_norm:
            settings["clip_norm"] = training.settings.clip_norm
        report = diagnose(
            training.network, *training.examples.train, fresh(training.optimizer),
            history=training.doctor if training.epoch >= FEW_EPOCHS else None,
            validation=training.examples.test, steps=TRIAL, **settings,
        )  # fmt: skip
        self._report = training.settings, report
        return report

    # --- at the start, while it runs, at the end -------------------------------------------------

    def _at_start(self) -> list[Verdict]:
        """Faults of the first weights, which no training of them has to show."""
        record = self._training.past.records[0]
        if self._start is None or self._start[0] is not record:  # it may have been edited
            self._start = record, list(self._of_first_weights(record))
        return self._start[1]

    def _of_first_weights(self, record: Record) -> Iterator[Verdict]:
        training = self._training
        network = deepcopy(record.network)
        network.parameters[:], network.state[:] = record.parameters, record.state
        X, y = (rows[:ROWS] for rows in training.examples.train)
        with np.errstate(all="ignore"):
            if relative_loss(network, X, y) < LEARNED:
                return  # it comes from elsewhere, and has been trained
            settings = {"batch_size": training.settings.batch_size}
            setup = Setup(network, X, y, None, fresh(training.optimizer), settings)
            yield from of_symmetry(network)
            for verdict in of_first_loss(setup, both_ways(network, X, y)):
                if verdict.severity != "suspected":
                    yield verdict
            if len(X) >= FEWEST_ROWS:
                yield from _confirmed(of_gains(network, signals_of(network, X, new=True), X), setup)

    def _seen(self) -> Iterator[Verdict]:
        """What the doctor has seen three times in a row, as far as it means something here."""
        training = self._training
        for verdict in training.doctor.report:
            is_due = training.settings.schedule != "constant" or self.left < UNLEARNED
            if verdict.name == "learning_rate_too_low" and is_due:
                continue  # which the schedule is for, or little is left to learn
            if verdict.name not in OF_RISE:
                yield verdict
        if self.has_learned:
            yield from self._risen()

    def _risen(self) -> list[Verdict]:
        """Words on the test loss, with the rows by which to tell a small rise.

        Epoch by epoch, it may be the accuracy that disagrees, or not: either counts.
        """
        training, history = self._training, self._training.doctor.history
        epochs = len(history["loss"]) if history else 0
        if epochs != self._epochs:
            setup = Setup(
                training.network, *training.examples.train, training.examples.test,
                training.optimizer,
            )  # fmt: skip
            self._rise = list(of_rise(setup, history))
            self._epochs, self._rises = epochs, self._rises + 1 if self._rise else 0
        return self._rise if self._rises >= TO_SPEAK else []

    def _failure(self) -> Iterator[Verdict]:
        training = self._training
        if training.failed:
            setup = Setup(training.network, None, None, None, training.optimizer)
            course = Course(moments=training.doctor.course.moments, failed=training.failed)
            yield from (each for each in of_course(setup, course) if each.name == "not_finite")


def _confirmed(suspected: Iterable[Verdict], setup: Setup) -> Iterator[Verdict]:
    """Those whose remedy helps in a short training: few units are off the usual by chance."""
    for verdict in suspected:
        judged = Trials(setup, FIRST_STEPS, 0).judged(verdict) if verdict.code else None
        if judged is not None and judged.severity != "note":
            yield judged


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict for the page."""
    names = ("name", "severity", "where", "title", "evidence", "advice", "code")
    return {name: getattr(verdict, name) for name in names}


def check_up(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The command `diagnose`: a full check-up, whose verdicts join the others."""
    report = session.training.findings.check_up()
    session.send(
        {
            "is": "check_up",
            "step": session.training.step,
            "headline": report.headline,
            "looked_at": list(report.looked_at),
            "left_out": report.left_out,
        },
        [],
    )
    session.send_verdicts()
