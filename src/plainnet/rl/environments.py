"""Gymnasium's environments, several at a time, in the form that agents use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from plainnet.arguments.arrays import exact_ids
from plainnet.errors import DataError, DivergedError, SettingError, optional, require_integer, shown
from plainnet.layers.base import Array

Make = Callable[[], Any]
LONGEST = 10_000
"""The time limit for environments that set none, where a policy could go on for ever."""
LARGEST = float(np.finfo(np.float32).max)

SUPPORTED = (
    "plainnet's agents see Box spaces of one axis and Discrete ones, and act in Discrete spaces of "
    "two actions or more and bounded Box ones of one axis; "
    "gymnasium.wrappers.FlattenObservation makes a vector of other observations"
)

ANEW = "a new environment each time it is called, as lambda: MyEnvironment() does"

_USED_BY: WeakValueDictionary[int, Environments] = WeakValueDictionary()
"""The object that steps an environment, by the id of each wrapper and what it wraps."""


@dataclass(frozen=True)
class Step:
    """The results of one action in each of n environments, as arrays of length n."""

    rewards: Array
    """In float64, so that a large offset hides no differences."""
    terminated: Array
    """The episode has ended in a terminal state."""
    done: Array
    """The episode has terminated, or was cut off by its time limit."""
    reached: Array
    """The observation after the action; for an episode that is done, its last state."""


MADE_AT_ONCE = 64
"""How many copies are made at the beginning; the others are made at the first reset."""


class Environments:
    """n copies of an environment that step together; where an episode ends, the next one begins.

    Parameters
    ----------
    env : str or function
        A name in Gymnasium, "CartPole-v1", or a function that makes a new environment each time. An
        environment without a time limit gets one of LONGEST steps.
    n : int
        How many copies.

    Attributes
    ----------
    width : int
        Length of an observation, (n, width); ids are one-hot.
    limit : int
        The most steps in an episode.
    n_actions : int or None
        The number of actions in a Discrete space.
    low, high : arrays or None
        The bounds of a Box of actions.
    observations : array of shape (n, width)
        float32, or float64 if float32 cannot hold all observed values.
    steps : int
        Steps made so far, over all copies.
    episodes : list of (steps, return, length)
        The episodes that have ended since this list was last cleared; `steps` counts those of all
        copies until then.
    """

    def __init__(self, env: str | Make, n: int) -> None:
        gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
        self.n = require_integer("n_envs", n, at_least=1)
        made_already = isinstance(env, gym.Env)
        if made_already or not (isinstance(env, str) or callable(env)):
            hint = f": pass a function that makes {ANEW}" if made_already else ""
            raise SettingError(
                f"env must be a name in Gymnasium or a function that makes an environment; got "
                f"{env!r}{hint}"
            )
        self.made_by = env
        self.envs: list[Any] = []
        try:
            self._fill(min(self.n, MADE_AT_ONCE))
        except BaseException:
            self._release()  # keeping the error would keep this object alive
            raise
        self.limit = _limit(self.envs[0])
        self.steps = 0
        self.episodes: list[tuple[int, float, int]] = []
        self._returns, self._lengths = np.zeros(n), np.zeros(n, int)

    def _fill(self, n: int) -> None:
        """Make more copies; all of them exist when they are first reset."""
        gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
        try:
            for _ in range(n - len(self.envs)):
                self.envs.append(self.make())
                _USED_BY.update({id(part): self for part in _parts(self.envs[-1])})
        except (gym.error.DependencyNotInstalled, ImportError) as error:
            raise SettingError(
                f"the environment {self.made_by!r} needs another package: {error}"
            ) from error
        except gym.error.Error as error:
            raise SettingError(f"there is no environment {self.made_by!r}: {error}") from None
        self._expect_supported(gym.spaces)

    def make(self, **settings: Any) -> Any:
        """Another environment of the same kind, for the caller alone."""
        gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
        made = (
            gym.make(self.made_by, **settings) if isinstance(self.made_by, str) else self.made_by()
        )
        if not isinstance(made, gym.Env):
            raise SettingError(
                f"env, {shown(self.made_by)}, must make a gymnasium.Env; got {shown(made)}"
            )
        if any(id(part) in _USED_BY for part in _parts(made)):
            raise SettingError(
                f"{self.made_by!r} gave an environment that is in use already, {made!r}: it must "
                f"make {ANEW}, because each copy, evaluation and recording needs its own"
            )
        return made if _limit(made) else gym.wrappers.TimeLimit(made, LONGEST)

    def _expect_supported(self, spaces: Any) -> None:
        self.seen, self.acted = self.envs[0].observation_space, self.envs[0].action_space
        seen, acted = self.seen, self.acted
        for other in self.envs[1:]:
            if (other.observation_space, other.action_space) != (seen, acted):
                raise SettingError(
                    f"{self.made_by!r} must make environments of the same spaces each time; got "
                    f"{seen} and {acted}, then {other.observation_space} and {other.action_space}"
                )
        self.n_actions: int | None = None
        self.low: Array | None = None
        self.high: Array | None = None
        self._ids = isinstance(seen, spaces.Discrete)
        if self._ids:
            self.width, self._first = int(seen.n), int(seen.start)
        elif isinstance(seen, spaces.Box) and len(seen.shape) == 1 and seen.shape[0]:
            self.width = int(seen.shape[0])
        else:
            raise SettingError(f"the observation space is {seen}; {SUPPORTED}")
        if isinstance(acted, spaces.Discrete) and acted.n > 1:
            self.n_actions, self._first_action = int(acted.n), int(acted.start)
            if self.n_actions > exact_ids(np.float32):
                raise SettingError(
                    f"the action space is {acted}; agents remember actions as float32, which "
                    f"tells {exact_ids(np.float32):,} apart"
                )
        elif (
            isinstance(acted, spaces.Box)
            and len(acted.shape) == 1
            and acted.shape[0]
            and acted.is_bounded()
        ):
            self.low, self.high = acted.low, acted.high
        else:
            raise SettingError(f"the action space is {acted}; {SUPPORTED}")

    def reset(self, seed: int) -> Array:
        """Reset all environments and return the first observations."""
        # seed, seed + 1 ... would mostly coincide with what a nearby seed gives.
        self._fill(self.n)
        seeds = np.random.SeedSequence(seed).generate_state(self.n).tolist()
        seen = [env.reset(seed=s)[0] for env, s in zip(self.envs, seeds, strict=True)]
        self._returns[:], self._lengths[:] = 0, 0
        self.episodes.clear()
        self.observations = self.observed(seen, range(self.n))
        return self.observations

    def step(self, actions: Array) -> Step:
        """Take one action in each: ids (n,), or numbers (n, k), which are clipped to the bounds."""
        taken = self.as_env(actions)
        seen: list[Any] = [None] * self.n
        rewards, (terminated, done) = np.empty(self.n), np.zeros((2, self.n), bool)
        last: dict[int, Any] = {}
        for i, env in enumerate(self.envs):
            seen[i], reward, terminated[i], truncated, _ = env.step(taken[i])
            try:
                rewards[i] = reward
            except (TypeError, ValueError):
                raise DataError(
                    f"environment {i} gave the reward {reward!r}; a reward must be one number"
                ) from None
            if terminated[i] or truncated:
                done[i], last[i] = True, np.array(seen[i])  # a copy: reset may write over it
                seen[i], _ = env.reset()
        self.steps += self.n
        if not np.isfinite(rewards).all():
            i = int(np.flatnonzero(~np.isfinite(rewards))[0])
            raise DataError(
                f"after {self.steps} steps environment {i} gave the reward {rewards[i]}; rewards "
                "must be finite"
            )
        self._returns += rewards
        self._lengths += 1
        self.observations = reached = self.observed(seen, range(self.n))
        if last:
            ended, final = list(last), self.observed(list(last.values()), [*last])
            reached = reached.astype(np.promote_types(reached.dtype, final.dtype))
            reached[ended] = final
            returns, lengths = self._returns[ended].tolist(), self._lengths[ended].tolist()
            self.episodes += zip([self.steps] * len(ended), returns, lengths, strict=True)
            self._returns[ended], self._lengths[ended] = 0, 0
        return Step(rewards, terminated, done, reached)

    def as_env(self, actions: Array) -> Array:
        """Actions with the environment's numbering or bounds, and its dtype.

        In a Box of integers, actions are rounded to the nearest ones.
        """
        dtype = self.acted.dtype
        if self.low is None or self.high is None:
            return np.asarray(np.asarray(actions, np.int64) + self._first_action, dtype)
        if not np.isfinite(actions).all():
            raise DivergedError(
                f"after {self.steps} steps of the environment the policy's actions are not finite; "
                "a lower learning_rate is the usual remedy",
                step=self.steps,
                layer="actor_critic",
            )
        if dtype.kind == "f":
            return np.clip(actions, self.low, self.high).astype(dtype)
        nearest = np.rint(np.asarray(actions, np.float64))
        below, above = nearest <= self.low, nearest >= self.high
        inside = np.where(below | above, 0, nearest).astype(dtype)
        return np.where(below, self.low, np.where(above, self.high, inside))

    def observed(self, seen: Any, which: Sequence[int] | None = None) -> Array:
        """Observations as new arrays of shape (n, width).

        `which` says which environments they come from, for error messages.
        """
        try:
            X = np.array(seen)
        except ValueError:  # of several shapes
            X = np.empty(0, object)
        shape = () if self._ids else (self.width,)
        if X.dtype.kind not in "biuf" or X.shape[1:] != shape or len(X) != len(seen):
            raise DataError(f"observations must be numbers of shape {shape}; got {seen!r}")
        if self._ids:
            return self._one_hot(X)
        # float32 holds the smaller dtypes whole; of others it would drop the last digits, which may
        # be all that changes.
        X = X.astype(np.float32 if np.can_cast(X.dtype, np.float32) else np.float64, copy=False)
        fits = np.abs(X) <= LARGEST
        if not fits.all():  # False for NaN as well
            row, column = map(int, np.argwhere(~fits)[0])
            place = f" of environment {which[row]} after {self.steps} steps" if which else ""
            raise DataError(
                f"the observation{place} has {X[row, column]:g} in position {column}; there must "
                f"be no NaN or infinity in it, and no number beyond {LARGEST:.2g}"
            )
        return X

    def _one_hot(self, seen: Array) -> Array:
        ids = (seen if seen.dtype.kind == "f" else seen.astype(np.int64)) - self._first
        if ids.size and not (0 <= ids.min() and ids.max() < self.width and (ids % 1 == 0).all()):
            raise DataError(
                f"observations are ids from {self._first} to {self._first + self.width - 1}; "
                f"got {seen}"
            )
        X = np.zeros((len(ids), self.width), np.float32)
        X[np.arange(len(ids)), ids.astype(int)] = 1
        return X

    @property
    def frames_per_second(self) -> float:
        return float(self.envs[0].metadata.get("render_fps") or 30)

    def close(self) -> None:
        self._release()
        for env in self.envs:
            env.close()

    def _release(self) -> None:
        for env in self.envs:
            for part in _parts(env):
                if _USED_BY.get(id(part)) is self:
                    del _USED_BY[id(part)]

    @property
    def axes(self) -> int:
        """The number of axes of a single observation in the environment's form."""
        return 0 if self._ids else 1


def _parts(env: Any) -> Iterator[Any]:
    """The environment and those that it wraps, whatever kind of wrapper it is."""
    gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
    while isinstance(env, gym.Env):
        yield env
        env = getattr(env, "env", None)


def _limit(env: Any) -> int:
    """The most steps in an episode; 0 if there is no limit."""
    while hasattr(env, "env"):
        if getattr(env, "_max_episode_steps", None):
            return int(env._max_episode_steps)
        env = env.env
    return 0
