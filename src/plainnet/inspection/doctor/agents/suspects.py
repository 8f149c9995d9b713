"""What suspicions are drawn from, and what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plainnet.inspection.doctor.agents.learning import Course
from plainnet.inspection.doctor.agents.rolling import Rolled
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.rl.agent import Agent


@dataclass(frozen=True)
class Suspect:
    """A suspicion, and the remedies that may prove it, of which the best one counts."""

    verdict: Verdict
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What suspicions are drawn from.

    Attributes
    ----------
    agent : Agent
        That was given, or, if it has learned too little, one that has learned as it would.
    rolled : Rolled
        Of that agent.
    courses : list of Course
        Of short learnings with its settings.
    steps : int
        Of these.
    length : float
        Of the longer episodes.
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
        """The largest of the short learnings' `step_of_policy`."""
        steps = np.array([course.step_of_policy for course in self.courses], float)
        return float(steps[:, 0].max()), float(steps[:, 1].max())


def suspected(name: str, where: str, evidence: str, remedy: str, *codes: str) -> Suspect:
    """With the first code, until a trial says which is best."""
    code = codes[0] if codes else ""
    return Suspect(Verdict(name, "suspected", where, evidence, remedy, code), codes)
