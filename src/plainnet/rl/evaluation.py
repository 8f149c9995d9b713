"""How well an agent does, measured in separate environments without affecting learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plainnet.errors import require_integer
from plainnet.layers.base import Array
from plainnet.rl.environments import Environments

if TYPE_CHECKING:
    from plainnet.rl.agent import Agent

EVALUATED_AT_ONCE = 10


def returns_of(agent: Agent, episodes: int, *, seed: int, greedy: bool) -> Array:
    """The returns of new episodes, shape (episodes,); see `Agent.evaluate`."""
    episodes = require_integer("episodes", episodes, at_least=1)
    seed = require_integer("seed", seed, at_least=0)
    n = min(EVALUATED_AT_ONCE, episodes)
    rng = None if greedy else exploring(seed)
    environments = Environments(agent.env, n)
    try:
        observations = environments.reset(seed)
        # As many from each: the first to end are the shortest, and would count too much.
        left = np.full(n, episodes // n)
        left[: episodes % n] += 1
        returns: list[float] = []
        while left.any():
            step = environments.step(agent.choose(observations, rng))
            observations = environments.observations
            ended = np.flatnonzero(step.done)
            for i, (_, value, _) in zip(ended, environments.episodes, strict=True):
                if left[i]:
                    left[i] -= 1
                    returns.append(value)
            environments.episodes.clear()
    finally:
        environments.close()
    return np.array(returns)


def exploring(seed: int) -> np.random.Generator:
    """A generator for a policy whose numbers differ from an environment's with the same seed."""
    return np.random.default_rng([seed, 1])
