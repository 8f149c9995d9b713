"""Small environments whose best behaviour is known."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete


class Corridor(gymnasium.Env):
    """Places 0 to 4 in a row, starting from 1: the right end is worth 1, and each step costs 0.1.

    The best return is 1 - 3 * 0.1 = 0.7. With `limit`, an episode is cut off after so many steps.
    """

    def __init__(self, limit: int = 20, one_hot: bool = False) -> None:
        self.limit = limit
        self.observation_space = Discrete(5) if one_hot else Box(0, 4, (2,), np.float32)
        self.action_space = Discrete(2, start=1)  # 1 is left, 2 is right
        self.one_hot = one_hot

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.steps = 1, 0
        return self._seen(), {}

    def step(self, action: int) -> Any:
        assert action in (1, 2)
        self.place += 1 if action == 2 else -1
        self.steps += 1
        over = self.place in (0, 4)
        reward = -0.1 + (self.place == 4)
        return self._seen(), reward, over, self.steps >= self.limit and not over, {}

    def _seen(self) -> Any:
        if self.one_hot:
            return self.place
        return np.array([self.place, 1], np.float32)


class Aim(gymnasium.Env):
    """One step: a point is shown, and the reward is minus the squared distance to it.

    Actions are bounded by 1; the best mean return is 0.
    """

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.point = self.np_random.uniform(-0.8, 0.8, 1).astype(np.float32)
        return self.point, {}

    def step(self, action: np.ndarray) -> Any:
        assert self.action_space.contains(action), action
        return self.point, -float(((action - self.point) ** 2).sum()), True, False, {}
