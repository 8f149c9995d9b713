"""Gymnasium's environments, several at a time, as agents want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from plainnet.errors import DataError, SettingError, optional, require_integer
from plainnet.layers.base import Array

Make = Callable[[], Any]
LONGEST = 10_000
"""Steps of an episode in an environment that sets no limit: a policy may go round in circles."""

SUPPORTED = (
    "plainnet's agents see Box spaces of one axis and Discrete ones, and act in Discrete spaces "
    "and bounded Box ones of one axis"
)


@dataclass(frozen=True)
class Step:
    """What n environments answered to an action each, arrays of length n."""

    rewards: Array
    terminated: Array
    """The episode is over."""
    done: Array
    """It is, or was cut off by its limit of time."""
    reached: Array
    """What was observed after the action: of an episode that is done, its last state."""


class Environments:
    """n copies of an environment that step together; where an episode ends, the next one begins.

    Parameters
    ----------
    env : str or function
        Gymnasium's name, "CartPole-v1", or a function that makes an environment. One without a
        limit of time gets one of LONGEST steps.
    n : int

    Attributes
    ----------
    width : int
        Length of an observation, (n, width); ids are one-hot.
    limit : int
        Steps in the longest episode.
    n_actions : int or None
        Of a Discrete space.
    low, high : arrays or None
        The bounds of a Box of actions.
    observations : array of shape (n, width), float32
    steps : int
        Made so far, over all copies.
    episodes : list of (steps, return, length)
        Those that have ended since this list was last cleared: after how many steps of all copies,
        and what they were.
    """

    def __init__(self, env: str | Make, n: int) -> None:
        gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
        self.n = require_integer("n_envs", n, at_least=1)
        if not (isinstance(env, str) or callable(env)):
            raise SettingError(
                f"env must be a name in Gymnasium or a function that makes an environment; got "
                f"{env!r}"
            )
        self.made_by = env
        mode = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
        try:
            self.env = gym.vector.SyncVectorEnv([self.make] * n, copy=False, **mode)
        except (gym.error.DependencyNotInstalled, ImportError) as error:
            raise SettingError(f"the environment {env!r} needs another package: {error}") from error
        except gym.error.Error as error:
            raise SettingError(f"there is no environment {env!r}: {error}") from None
        self.limit = _limit(self.env.envs[0])
        self._expect_supported(gym.spaces)
        self.steps = 0
        self.episodes: list[tuple[int, float, int]] = []
        self._returns, self._lengths = np.zeros(n), np.zeros(n, int)

    def make(self, **settings: Any) -> Any:
        """Another environment of the same kind."""
        import gymnasium as gym

        made = (
            gym.make(self.made_by, **settings) if isinstance(self.made_by, str) else self.made_by()
        )
        return made if _limit(made) else gym.wrappers.TimeLimit(made, LONGEST)

    def _expect_supported(self, spaces: Any) -> None:
        seen, acted = self.env.single_observation_space, self.env.single_action_space
        self.n_actions: int | None = None
        self.low: Array | None = None
        self.high: Array | None = None
        self._one_hot = None
        if isinstance(seen, spaces.Discrete):
            self.width = int(seen.n)
            self._one_hot = np.eye(self.width, dtype=np.float32)
            self._first = int(seen.start)
        elif isinstance(seen, spaces.Box) and len(seen.shape) == 1:
            self.width = int(seen.shape[0])
        else:
            raise SettingError(f"the observation space is {seen}; {SUPPORTED}")
        if isinstance(acted, spaces.Discrete) and acted.n > 1:
            self.n_actions, self._first_action = int(acted.n), int(acted.start)
        elif isinstance(acted, spaces.Box) and len(acted.shape) == 1 and acted.is_bounded():
            self.low, self.high = acted.low, acted.high
        else:
            raise SettingError(f"the action space is {acted}; {SUPPORTED}")

    def reset(self, seed: int) -> Array:
        """Begin anew everywhere; the first observations."""
        # Gymnasium would give seed, seed + 1 ..., most of which another seed near by gives too.
        seeds = np.random.SeedSequence(seed).generate_state(self.n)
        seen, _ = self.env.reset(seed=[int(s) for s in seeds])
        self._returns[:], self._lengths[:] = 0, 0
        self.episodes.clear()
        self.observations = self.observed(seen)
        return self.observations

    def step(self, actions: Array) -> Step:
        """An action each: ids (n,), or numbers (n, k), which are put between the bounds."""
        seen, rewards, terminated, truncated, info = self.env.step(self.as_env(actions))
        done = terminated | truncated
        self.observations = reached = self.observed(seen)
        self._returns += rewards
        self._lengths += 1
        self.steps += self.n
        if done.any():
            ended = np.flatnonzero(done)
            reached = self.observations.copy()
            reached[ended] = self.observed(np.stack(list(info["final_obs"][ended])))
            returns, lengths = self._returns[ended].tolist(), self._lengths[ended].tolist()
            self.episodes += zip([self.steps] * len(ended), returns, lengths, strict=True)
            self._returns[ended], self._lengths[ended] = 0, 0
        return Step(np.array(rewards, np.float32), np.array(terminated), done, reached)

    def as_env(self, actions: Array) -> Array:
        """Actions as the environment counts or bounds them."""
        if self.low is not None:
            return np.clip(actions, self.low, self.high).astype(self.low.dtype)
        return np.asarray(actions + self._first_action)

    def observed(self, seen: Any) -> Array:
        """What environments show, as arrays (n, width) in memory of their own."""
        if self._one_hot is not None:
            ids = np.asarray(seen) - self._first
            if ids.size and not (0 <= ids.min() and ids.max() < self.width):
                raise DataError(
                    f"observations are ids from {self._first} to {self._first + self.width - 1}; "
                    f"got {seen}"
                )
            return np.asarray(self._one_hot[ids])
        return np.array(seen, np.float32)  # a copy: the environments write over theirs

    @property
    def frames_per_second(self) -> float:
        return float(self.env.metadata.get("render_fps") or 30)

    def close(self) -> None:
        self.env.close()

    @property
    def axes(self) -> int:
        """Of a single observation, as the environment shows it."""
        return 1 if self._one_hot is None else 0


def _limit(env: Any) -> int:
    """The most steps in an episode; 0 if there is no limit."""
    while hasattr(env, "env"):
        if getattr(env, "_max_episode_steps", None):
            return int(env._max_episode_steps)
        env = env.env
    return 0
