"""Suspicions, and the information that they are based on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plainnet.inspection.doctor.agents.learning import Course
from plainnet.inspection.doctor.agents.rolling import Rolled
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.rl.agent import Agent


@dataclass(frozen=True)
class Suspect:
    """A suspicion, and the remedies that may confirm it; the best one counts."""

    verdict: Verdict
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """The information that suspicions are based on.

    Attributes
    ----------
    agent : Agent
        The given agent or, if it has learned too little, one trained with its settings.
    rolled : Rolled
        Steps of that agent.
    courses : list of Course
        Courses of short trainings with its settings.
    steps : int
        Steps of each short training.
    length : float
        Length of the longer episodes.
    largest : float
        The largest reward that a random action got, in absolute value.
    """

    agent: Agent
    rolled: Rolled
    courses: list[Course]
    steps: int
    length: float
    largest: float = 1.0

    @property
    def policy_step(self) -> tuple[float, float]:
        """The largest `step_of_policy` of the short trainings."""
        steps = np.array([course.step_of_policy for course in self.courses], float)
        return float(steps[:, 0].max()), float(steps[:, 1].max())


def suspected(name: str, where: str, evidence: str, remedy: str, *codes: str) -> Suspect:
    """A suspect with the first code, until a trial shows which is best."""
    code = codes[0] if codes else ""
    return Suspect(Verdict(name, "suspected", where, evidence, remedy, code), codes)
