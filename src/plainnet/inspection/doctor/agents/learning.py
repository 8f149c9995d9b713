"""Short trainings of new agents, and the measurements taken during them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from plainnet.errors import DivergedError
from plainnet.inspection.doctor.agents.rolling import (
    Rolled,
    decided,
    moved,
    observed,
    played,
    rolled,
    theta_of,
)
from plainnet.rl.actor_critic import ActorCritic
from plainnet.rl.agent import Agent
from plainnet.rl.environments import Make

MARKS = 0.25, 0.5, 1.0
"""The shares of a training after which the agent is examined."""
EPISODES = 10
"""Episodes at the end, whose mean return is the score."""
PROBED, COMPARED = 128, 100
"""Observations on which policies are compared, and about how often."""
CLIP = 0.2
"""The clip of ratios, for agents without a clip of their own."""


@dataclass
class Course:
    """The course of one short training.

    Attributes
    ----------
    steps : int
        Made in all.
    reached : float or None
        The mean return of the best actions at the end.
    decided : list of float
        See `rolling.decided`; at the start, and at each look.
    kl, outside : list of float
        See `rolling.moved`; from iteration to iteration.
    rolled : Rolled or None
        At the last look.
    failed : str
        What ended it; "" if nothing did.
    """

    agent: Agent
    steps: int
    reached: float | None = None
    decided: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    rolled: Rolled | None = None
    failed: str = ""

    def score(self, worst: float) -> float:
        """The mean return at the end; of a learning that failed, no more than `worst`."""
        return worst if self.failed or self.reached is None else self.reached

    @property
    def step_of_policy(self) -> tuple[float, float]:
        """The median divergence of an iteration, and the mean share that leaves the clip.

        Of the first half: rates are annealed, and a policy that has decided moves no more.
        """
        n = max(len(self.kl) // 2, 1)
        if not self.kl:
            return float("nan"), float("nan")
        return float(np.median(self.kl[:n])), float(np.mean(self.outside[:n]))


def learned(agent: Agent, env: str | Make, steps: int, seed: int) -> Course:
    """Let a new agent learn, and look at it in `env`, which may be another than its own."""
    course = Course(agent, 0)
    watcher = _Watcher(course, env, steps, seed)
    try:
        with np.errstate(all="ignore"):
            agent.learn(steps, progress=False, callback=watcher.look)
    except DivergedError as error:
        course.failed = str(error)
    course.steps = agent.steps
    agent.environments.close()
    return course


def return_after(agent: Agent, env: str | Make, steps: int, seed: int) -> float | None:
    """The mean return of the best actions of a new agent after learning; None if it fails."""
    try:
        with np.errstate(all="ignore"):
            agent.learn(steps, progress=False)
    except DivergedError:
        return None
    agent.environments.close()
    return float(played(agent, env, EPISODES, seed).returns.mean())


class _Watcher:
    """What looks at an agent after its iterations."""

    def __init__(self, course: Course, env: str | Make, steps: int, seed: int) -> None:
        self.course, self.env, self.seed = course, env, seed
        self.marks = [int(share * steps) for share in MARKS]
        self.every, self.due = max(steps // COMPARED, 1), 0
        self.clip = float(getattr(course.agent, "clip", CLIP))
        self._look_around(course.agent)

    def _look_around(self, agent: Agent) -> None:
        course = self.course
        seen = observed(agent, agent.env, self.seed + len(course.decided))
        rows = np.random.default_rng(self.seed).permutation(len(seen))[:PROBED]
        self.probe = seen[rows]
        course.decided.append(decided(agent, seen))
        self.before = theta_of(agent, self.probe)

    def look(self, agent: Agent) -> None:
        """After an iteration."""
        if isinstance(agent, ActorCritic):
            self._compare(agent)
        passed = [mark for mark in self.marks if agent.steps >= mark]
        if passed:
            self.marks = self.marks[len(passed) :]
            self._look_around(agent)
            if not self.marks:
                returns = played(agent, self.env, EPISODES, self.seed).returns
                self.course.reached = float(returns.mean())
                self.course.rolled = rolled(agent, agent.env, self.seed)

    def _compare(self, agent: ActorCritic) -> None:
        """The policy before and after an iteration; not of each, where there are many."""
        after = theta_of(agent, self.probe) if self.before is not None else None
        if self.before is not None and after is not None:
            kl, outside = moved(agent, self.before, after, self.clip)
            self.course.kl.append(kl)
            self.course.outside.append(outside)
            self.before = None
        if agent.steps >= self.due:
            self.before = theta_of(agent, self.probe)
            self.due = agent.steps + self.every
