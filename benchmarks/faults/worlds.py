"""Small environments in which an agent learns within seconds, and what a fault does to them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

LENGTH, START = 14, 4


class Corridor(gymnasium.Env):
    """Places in a row: the near end is worth 0.2, the far end 1, and each step costs 0.01.

    The best return is 0.91; an agent that sees only what is near, or never comes far, gets 0.17.
    """

    action_space = Discrete(2)
    observation_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.steps = START, 0
        return self._seen(), {}

    def step(self, action: int) -> Any:
        self.place += 1 if action == 1 else -1
        self.steps += 1
        over = self.place in (0, LENGTH)
        reward = -0.01 + (0.2 if self.place == 0 else 1.0 if self.place == LENGTH else 0.0)
        return self._seen(), reward, over, self.steps >= 60 and not over, {}

    def _seen(self) -> Any:
        x = self.place / LENGTH
        return np.array([2 * x - 1, np.cos(np.pi * x)], np.float32)


class Glider(gymnasium.Env):
    """A point in the plane that is pushed, with friction, for 30 steps.

    The reward is 1 / (1 + 4 d^2), d its distance from 0: random actions get about 4, good ones 24.
    """

    action_space = Box(-1, 1, (2,), np.float32)
    observation_space = Box(-10, 10, (4,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at = self.np_random.uniform(-1.5, 1.5, 2)
        self.speed = np.zeros(2)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: np.ndarray) -> Any:
        self.speed = 0.7 * self.speed + 0.2 * action
        self.at = np.clip(self.at + self.speed, -5, 5)
        self.steps += 1
        reward = 1 / (1 + 4 * float(self.at @ self.at))
        return self._seen(), reward, False, self.steps >= 30, {}

    def _seen(self) -> Any:
        return np.concatenate([self.at, self.speed]).astype(np.float32)


class InOtherUnits(gymnasium.ObservationWrapper):
    """Each observation times a factor, plus an offset."""

    def __init__(self, env: gymnasium.Env, factor: float, offset: float) -> None:
        super().__init__(env)
        self.factor, self.offset = factor, offset
        shape = env.observation_space.shape
        self.observation_space = Box(-np.inf, np.inf, shape, np.float32)

    def observation(self, observation: Any) -> Any:
        return np.asarray(observation * self.factor + self.offset, np.float32)


class Rewarded(gymnasium.RewardWrapper):
    """Each reward times a factor."""

    def __init__(self, env: gymnasium.Env, factor: float) -> None:
        super().__init__(env)
        self.factor = factor

    def reward(self, reward: Any) -> float:
        return float(reward) * self.factor
