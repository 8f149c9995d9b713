"""Trials of remedies: the same short training with each, and the remaining loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import PlainnetError
from plainnet.inspection.doctor.ranking import kind_of
from plainnet.inspection.doctor.references import (
    WORST,
    floor_of,
    guessing,
    loss_of,
    short_training,
)
from plainnet.inspection.doctor.setups import Setup, as_given, taken
from plainnet.inspection.doctor.thresholds import HELPS, HELPS_MUCH, WORTH, WORTH_MUCH
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.inspection.doctor.watching import Course
from plainnet.network import Network

Array = npt.NDArray[Any]

HELD_OUT = 0.25
MOMENTS = 30
"""How many moments of a short training are examined."""


@dataclass(frozen=True)
class Outcome:
    """The result of one short training.

    Attributes
    ----------
    left : float
        The prediction loss on held-out rows, as a share of the loss of guessing.
    fitted : float
        The same on the training rows.
    course : Course
    network : Network
        As it is afterwards.
    """

    left: float
    fitted: float
    course: Course
    network: Network

    def gain_over(self, base: Outcome) -> float:
        """The share of the loss that is removed, on training rows and on others.

        If the training rows were memorized already, only the other rows count.
        """
        gain = 1 - self.left / base.left if base.left > 0 else 0.0
        if base.fitted < WORTH and self.fitted < base.fitted + WORTH_MUCH:
            return gain
        return min(gain, 1 - self.fitted / base.fitted if base.fitted > 0 else 0.0)

    def helps(self, base: Outcome) -> bool:
        """Whether it is better than `base`."""
        return self.gain_over(base) >= HELPS and base.left - self.left >= WORTH

    def helps_much(self, base: Outcome) -> bool:
        """Whether it is far better than `base`."""
        return self.gain_over(base) >= HELPS_MUCH and base.left - self.left >= WORTH_MUCH


class Trials:
    """Short trainings from one start, on the same rows, with the same seed.

    Parameters
    ----------
    setup : Setup
        Never changed.
    steps : int
    seed : int
    """

    def __init__(self, setup: Setup, steps: int, seed: int) -> None:
        self.whole, self.steps, self.seed = setup, steps, seed
        X = setup.network.inputs(setup.X)
        held = np.zeros(len(X), bool)
        held[np.random.default_rng(seed).permutation(len(X))[: int(HELD_OUT * len(X))]] = True
        (X, y), others = (
            (as_given(taken(X, rows)), taken(setup.y, rows)) for rows in (~held, held)
        )
        self.setup = replace(setup, X=X, y=y, validation=others)
        self._outcomes: dict[str, Outcome | None] = {}
        self.failed: dict[str, str] = {}
        """Remedies that cannot be run here, with the error; they are not shown as code."""

    def with_others_held_out(self) -> Trials:
        """The same trials with another part of the rows held out."""
        return Trials(self.whole, self.steps, self.seed + 1)

    @cached_property
    def base(self) -> Outcome:
        """The outcome without a remedy."""
        return self.outcome(self.setup, moments=MOMENTS)

    @property
    def least_left(self) -> float:
        """The smallest loss on held-out rows that any trial has left."""
        return min(each.left for each in (self.base, *self._outcomes.values()) if each is not None)

    def outcome(self, setup: Setup, *, moments: int = 1) -> Outcome:
        """A short training of a copy of this setup."""
        own = setup.copied()
        rows = taken(own.network.inputs(own.X), slice(256))
        every = max(self.steps // moments, 1)
        course = short_training(own, self.steps, self.seed, every=every, rows=rows)
        return measured(own, course)

    def remedied(self, code: str) -> Outcome | None:
        """The outcome with the remedy in this code; None if the code does not work here."""
        if code not in self._outcomes:
            self._outcomes[code] = self._remedied(code)
        return self._outcomes[code]

    def _remedied(self, code: str) -> Outcome | None:
        own = self.setup.copied()
        settings: dict[str, Any] = {}
        names: dict[str, Any] = {
            "network": own.network,
            "X": own.X,
            "y": own.y,
            "validation": own.validation,
            "optimizer": own.optimizer,
            "train": lambda *_, **changed: settings.update(changed),
        }
        try:
            with np.errstate(all="ignore"):
                exec(code, names)
            settings.pop("optimizer", None)
            return self.outcome(
                Setup(
                    names["network"], names["X"], names["y"], names["validation"],
                    names["optimizer"], {**own.settings, **settings},
                )
            )  # fmt: skip
        except PlainnetError:
            return None
        except Exception as error:  # of a layer or loss of someone's own, which it does not suit
            self.failed[code] = f"{type(error).__name__}: {error}"
            return None

    def judged(self, verdict: Verdict) -> Verdict | None:
        """The verdict with its remedy's gain; None for a suspicion that is not confirmed."""
        if verdict.gain is not None:
            return verdict  # it has been measured
        after = self.remedied(verdict.code) if verdict.code else None
        if verdict.code in self.failed:
            verdict = replace(verdict, code="")
        if after is None:
            return None if verdict.severity == "suspected" else verdict
        verdict = replace(verdict, gain=after.gain_over(self.base))
        is_wish = verdict.severity == "suspected" and kind_of(verdict).is_of_size
        if after.helps_much(self.base):
            return verdict.as_severe_as("warning" if is_wish else "serious")
        helps, severity = after.helps(self.base), verdict.severity
        if severity == "suspected":
            return verdict.as_severe_as("warning") if helps else None
        if helps or severity == "note" or kind_of(verdict).is_fact:
            return verdict
        return verdict.as_severe_as("warning" if severity == "serious" else "note")


def measured(setup: Setup, course: Course) -> Outcome:
    """What the network leaves of the loss after this course."""
    left = fitted = WORST
    if not course.failed and setup.validation is not None:
        left = relative_loss(setup.network, *setup.validation)
        fitted = relative_loss(setup.network, setup.X, setup.y)
    return Outcome(left, fitted, course, setup.network)


def relative_loss(network: Network, X: Any, y: Any) -> float:
    """The prediction loss as a share of the loss of guessing; at most `WORST`."""
    floor = floor_of(network.loss, y)
    span = guessing(network.loss, y, network.dtype) - floor
    loss = loss_of(network, X, y) - floor
    return min(loss / span, WORST) if span > 0 and np.isfinite(loss) else WORST
