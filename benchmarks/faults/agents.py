"""Agents with one planted fault each, and healthy ones, in environments that take seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import gymnasium
import numpy as np

from faults.worlds import Corridor, Glider, InOtherUnits, Rewarded
from plainnet.errors import DivergedError, PlainnetError
from plainnet.inspection.doctor.agents.rolling import played
from plainnet.rl import A2C, DQN, PPO, REINFORCE, Agent

SEEDS = 3
"""Learnings with each setting, by which a remedy is measured."""
EVALUATED = 30
Make = Callable[[], gymnasium.Env[Any, Any]]


@dataclass(frozen=True)
class AgentRecipe:
    """An agent that learns well, and for how many steps."""

    name: str
    kind: type[Agent]
    env: Make
    settings: dict[str, Any]
    steps: int
    score: float
    """The mean return that it reaches at least."""


@dataclass(frozen=True)
class AgentCase:
    """An agent as its user has it: healthy, or with a fault in its settings or environment.

    `fault_of` gives the settings that a strength changes, and a wrapper of the environment.
    """

    recipe: AgentRecipe
    fault: str = ""
    strengths: tuple[Any, ...] = ()
    setting: str = ""
    more: tuple[tuple[str, Any], ...] = ()
    wrapper: Callable[[Any, Any], Any] | None = None

    kind = "agent"

    @property
    def name(self) -> str:
        name = f"agent_{self.recipe.name}"
        return f"{name}/{self.fault}" if self.fault else name

    @property
    def score(self) -> float:
        return self.recipe.score

    def env(self, strength: Any) -> Make:
        """What makes the environment, in which returns are measured too."""
        wrapper, inner = self.wrapper, self.recipe.env
        if strength is None or wrapper is None:
            return inner
        return lambda: wrapper(inner(), strength)

    def make(self, strength: Any, seed: int) -> Agent:
        """The agent before it learns; of strength None the healthy one."""
        settings = dict(self.recipe.settings)
        if strength is not None and self.setting:
            settings |= {self.setting: strength, **dict(self.more)}
        kind = cast("Any", self.recipe.kind)
        agent: Agent = kind(self.env(strength), seed=seed, **settings)
        return agent

    def learned(self, strength: Any, seed: int) -> tuple[Agent, bool]:
        """The agent after it has learned, and whether it could."""
        return learned(self.make(strength, seed), self.recipe.steps)

    def returned(self, agent: Agent, strength: Any) -> float:
        """Its mean return, in rewards of the healthy agent's size."""
        unit = strength if self.wrapper is Rewarded else None
        returns = played(agent, self.env(strength), EVALUATED, 10_000).returns
        return float(returns.mean()) / (1.0 if unit is None else unit)

    def reached_once(self, strength: Any, seed: int) -> float:
        """The mean return after learning with this seed."""
        agent, could = self.learned(strength, seed)
        return self.returned(agent, strength) if could else self.guessing

    def reached(self, strength: Any, seed: int) -> float:
        """The mean return after learning, the median over seeds."""
        if strength is None:
            return _healthy(self.recipe, seed)
        return self._median(lambda own: self.make(strength, own), strength, seed)

    def reached_with(self, code: str, agent: Agent, strength: Any, seed: int) -> float:
        """The same of the agents that this code makes, run as it is printed."""
        names: dict[str, Any] = {"agent": agent}
        exec(code, names)
        made = names["agent"]

        def again(own: int) -> Agent:
            from plainnet.inspection.doctor.agents.code import new_as

            return new_as(made, own)

        return self._median(again, strength, seed)

    def _median(self, make: Callable[[int], Agent], strength: Any, seed: int) -> float:
        scores = []
        for own in seeds_of(seed):
            try:
                agent, could = learned(make(own), self.recipe.steps)
                scores.append(self.returned(agent, strength) if could else self.guessing)
            except PlainnetError:
                scores.append(self.guessing)
        return float(np.median(scores))

    @property
    def guessing(self) -> float:
        """The mean return of random actions."""
        return _guessing(self.recipe)


def seeds_of(seed: int) -> list[int]:
    """Of the learnings by which one question is measured."""
    return [seed + 10_000 * i for i in range(SEEDS)]


def learned(agent: Agent, steps: int) -> tuple[Agent, bool]:
    """The agent after it has learned, and whether it could."""
    try:
        return agent.learn(steps, progress=False), True
    except DivergedError:
        return agent, False


@cache
def _healthy_of(name: str, seed: int) -> float:
    case = AgentCase(RECIPES[name])
    return case._median(lambda own: case.make(None, own), None, seed)


def _healthy(recipe: AgentRecipe, seed: int) -> float:
    return _healthy_of(recipe.name, seed)


@cache
def _guessing_in(name: str) -> float:
    return float(played(None, RECIPES[name].env, 100, 0).returns.mean())


def _guessing(recipe: AgentRecipe) -> float:
    return _guessing_in(recipe.name)


# --- healthy --------------------------------------------------------------------------------------


def cart_pole() -> Any:
    return gymnasium.make("CartPole-v1")


SMALL = {"hidden": (32, 32)}
RECIPES = {
    recipe.name: recipe
    for recipe in (
        AgentRecipe("ppo_cartpole", PPO, cart_pole, {}, 20_000, 200),
        AgentRecipe(
            "dqn_cartpole", DQN, cart_pole,
            {"n_envs": 4, "learning_rate": 1e-3, "learning_starts": 500, "tau": 0.01,
             "hidden": (64, 64)},
            20_000, 150,
        ),
        AgentRecipe(
            "a2c_corridor", A2C, Corridor, {"learning_rate": 3e-3, "entropy_weight": 0.05, **SMALL},
            16_000, 0.85,
        ),
        AgentRecipe(
            "reinforce_corridor", REINFORCE, Corridor,
            {"learning_rate": 3e-3, "entropy_weight": 0.1, **SMALL}, 20_000, 0.85,
        ),
        AgentRecipe(
            "ppo_corridor", PPO, Corridor,
            {"n_steps": 64, "learning_rate": 2e-3, "entropy_weight": 0.1, **SMALL}, 16_000, 0.85,
        ),
        AgentRecipe(
            "dqn_corridor", DQN, Corridor,
            {"learning_rate": 3e-3, "gamma": 0.95, "learning_starts": 500, "batch_size": 64,
             "tau": 0.03, "exploration": 0.5, "hidden": (32, 32)},
            10_000, 0.85,
        ),
        AgentRecipe(
            "ppo_glider", PPO, Glider,
            {"n_steps": 64, "gamma": 0.9, "learning_rate": 3e-3, **SMALL}, 12_000, 26,
        ),
    )
}  # fmt: skip


# --- faults ---------------------------------------------------------------------------------------


def shifted(env: Any, distance: float) -> Any:
    """Observations far from zero."""
    return InOtherUnits(env, 1.0, distance)


def fault(recipe: str, name: str, setting: str, *strengths: Any, **more: Any) -> AgentCase:
    """A setting that is wrong in three strengths; `more` are changed with it."""
    return AgentCase(RECIPES[recipe], name, strengths, setting, tuple(more.items()))


def in_world(
    recipe: str, name: str, wrapper: Callable[[Any, Any], Any], *strengths: Any
) -> AgentCase:
    """An environment in other units."""
    return AgentCase(RECIPES[recipe], name, strengths, wrapper=wrapper)


CASES = [
    fault("dqn_corridor", "short_horizon", "gamma", 0.7, 0.6, 0.4),
    fault("dqn_corridor", "replay_starts_late", "learning_starts", 6000, 8000, 9500),
    fault("dqn_corridor", "slow_target", "target_every", 300, 600, 1200, tau=1.0),
    fault("dqn_corridor", "learning_rate_too_low", "learning_rate", 5e-5, 2e-5, 1e-5),
    in_world("dqn_corridor", "unscaled_observations", shifted, 10.0, 30.0, 100.0),
    fault("a2c_corridor", "entropy_collapse", "entropy_weight", 0.01, 0.003, 0.0),
    fault("a2c_corridor", "learning_rate_too_low", "learning_rate", 5e-4, 3e-4, 1e-4),
    in_world("a2c_corridor", "unscaled_rewards", Rewarded, 30.0, 100.0, 1000.0),
    fault("reinforce_corridor", "short_horizon", "gamma", 0.92, 0.9, 0.8),
    fault("ppo_corridor", "short_horizon", "gamma", 0.7, 0.6, 0.4),
    fault("ppo_glider", "learning_rate_too_high", "learning_rate", 0.1, 0.2, 0.3),
    fault("ppo_glider", "learning_rate_too_low", "learning_rate", 4e-5, 2e-5, 1e-5),
    in_world("ppo_glider", "unscaled_observations", shifted, 10.0, 30.0, 100.0),
    fault("ppo_cartpole", "learning_rate_too_low", "learning_rate", 5e-5, 2e-5, 1e-5),
    fault("ppo_cartpole", "learning_rate_too_high", "learning_rate", 0.1, 0.2, 0.3),
]
HEALTHY = [AgentCase(recipe) for recipe in RECIPES.values()]
