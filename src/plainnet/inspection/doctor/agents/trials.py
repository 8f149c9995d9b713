"""Trials of remedies for agents: short trainings with each, and their returns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from plainnet.errors import PlainnetError
from plainnet.inspection.doctor.agents.code import new_as, run
from plainnet.inspection.doctor.agents.learning import Course, learned, return_after
from plainnet.inspection.doctor.agents.rolling import played
from plainnet.inspection.doctor.agents.suspects import Suspect
from plainnet.inspection.doctor.thresholds import BETTER, MUCH_BETTER
from plainnet.inspection.doctor.verdicts import Severity, Verdict
from plainnet.rl.agent import Agent

SEEDS = 3
"""How many trainings are run without a remedy, and with one that does better."""
SECONDS = 60.0
"""Process time in seconds after which no further remedy is tried."""
IMPROVES = 0.6
"""The share of pairs of learnings, one with the remedy and one without, in which the first does
better, a draw counting half: the probability of improvement (Agarwal et al. 2021, "Deep
Reinforcement Learning at the Edge of the Statistical Precipice", section 4.3)."""
RANDOM_EPISODES = 32


class Trials:
    """Short learnings of new agents with the settings of one, as they are and with remedies.

    Parameters
    ----------
    agent : Agent
        Never changed.
    steps : int
        Of each learning.
    seed : int
        Of the first; by default the agent's own.
    """

    def __init__(self, agent: Agent, steps: int, seed: int) -> None:
        self.agent, self.steps = agent, steps
        first = seed if agent.seed is None else agent.seed
        self.seeds = [first + 1000 * i for i in range(SEEDS)]
        self.at_random = played(None, agent.env, RANDOM_EPISODES, seed)
        returns = self.at_random.returns
        self.random, self.spread = float(returns.mean()), float(returns.std())
        self.worst = min(self.random, float(returns.min()))
        self.courses = [self._course(new_as(agent, s), s) for s in self.seeds[:2]]
        self.reached: float | None = None
        """What the agent itself gets, where it has learned."""
        self.has_learned_longer = False
        self.until = time.process_time() + SECONDS
        self.untried: list[str] = []

    def _course(self, agent: Agent, seed: int) -> Course:
        return learned(agent, self.agent.env, self.steps, seed)

    @property
    def scores(self) -> list[float]:
        """Mean returns of the learnings without a remedy."""
        return [course.score(self.worst) for course in self.courses]

    @property
    def before(self) -> float:
        """The return that a remedy has to beat."""
        usual = float(np.mean(self.scores))
        if self.reached is None or not self.has_learned_longer:
            return usual
        return max(usual, self.reached)

    def judged(self, suspect: Suspect) -> Iterator[Verdict]:
        """The verdict with the best of its remedies, if that does better."""
        verdict = suspect.verdict
        if time.process_time() > self.until:
            self.untried.append(verdict.title)
            return
        first = {code: self._score(code, self.seeds[0]) for code in suspect.codes}
        if not first:
            return
        code = max(first, key=lambda each: first[each])
        scores = [first[code]]
        for seed in self.seeds[1:]:
            if len(scores) > 1 and self._gain([max(scores)]) < BETTER:
                return
            scores.append(self._score(code, seed))
        while len(self.courses) < SEEDS:
            seed = self.seeds[len(self.courses)]
            self.courses.append(self._course(new_as(self.agent, seed), seed))
        gain, after = self._gain(scores), float(np.mean(scores))
        pairs = np.subtract.outer(scores, self.scores)
        improves = np.mean(pairs > 0) + np.mean(pairs == 0) / 2
        if gain < BETTER or improves < IMPROVES:
            return
        # Where it has done well itself, by the luck of its seed, the fault is in its settings only.
        missed = gain if self.reached is None else self._gain(scores, self.reached)
        severity: Severity = "serious" if min(gain, missed) >= MUCH_BETTER else "warning"
        yield replace(
            verdict, severity=severity, code=code, gain=gain, returns=(self.before, after)
        )

    def _gain(self, scores: list[float], before: float | None = None) -> float:
        """The share of the return beyond random that these have and the agent lacks."""
        before = self.before if before is None else before
        after = float(np.mean(scores))
        beyond = after - min(self.random, before)
        return (after - before) / beyond if beyond > 0 else 0.0

    def _score(self, code: str, seed: int) -> float:
        try:
            made = run(code, self.agent)
            agent = new_as(made, seed)
            made.environments.close()
            after = return_after(agent, self.agent.env, self.steps, seed)
            return self.worst if after is None else after
        except PlainnetError:
            return self.worst
