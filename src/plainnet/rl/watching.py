"""An episode to look at: its frames, in a file or in a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.errors import SettingError, optional, require_integer
from plainnet.files.native import moved_into_place
from plainnet.layers.base import Array
from plainnet.rl.agent import Agent, exploring


@dataclass(frozen=True)
class Moment:
    """A step of an episode that is being watched; the last one has no action."""

    observation: Any
    action: Any
    reward: float
    frame: Array | None
    """What is to be seen before the action, (height, width, 3) uint8."""


def episode(
    agent: Agent, *, seed: int = 0, greedy: bool = True, frames: bool = False
) -> Iterator[Moment]:
    """The moments of one new episode, as they happen."""
    seed = require_integer("seed", seed, at_least=0)
    env = _rendering(agent) if frames else agent.environments.make()
    rng = None if greedy else exploring(seed)
    try:
        seen, _ = env.reset(seed=seed)
        over = False
        while not over:
            frame, observation = env.render() if frames else None, np.copy(seen)
            action = agent.act(observation, rng=rng)
            seen, reward, terminated, truncated, _ = env.step(copy(action))
            over = terminated or truncated
            yield Moment(observation, action, float(reward), frame)
        yield Moment(np.copy(seen), None, 0.0, env.render() if frames else None)
    finally:
        env.close()


def record(
    agent: Agent, path: str | os.PathLike[str], *, seed: int = 0, greedy: bool = True
) -> float:
    """Save one episode as an animated GIF; its return.

    The file appears whole or not at all.
    """
    image = optional("PIL.Image", purpose="pictures of episodes", extra="rl")
    total, pictures, data = 0.0, [], BytesIO()
    for moment in episode(agent, seed=seed, greedy=greedy, frames=True):
        total += moment.reward
        pictures.append(image.fromarray(moment.frame).quantize(64))  # a third of the memory
    first, *others = pictures
    pause = 1000 / agent.environments.frames_per_second
    first.save(data, "GIF", save_all=True, append_images=others, duration=pause, loop=0)
    with moved_into_place(Path(path)) as file:
        file.write(data.getvalue())
    return total


def _rendering(agent: Agent) -> Any:
    gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
    settings = {"render_mode": "rgb_array"} if isinstance(agent.env, str) else {}
    try:
        env = agent.environments.make(**settings)
    except (gym.error.Error, TypeError) as error:
        raise SettingError(f"{agent.env!r} cannot be watched: {error}") from error
    if env.render_mode != "rgb_array":
        raise SettingError(
            "an environment is watched by its pictures: make it with render_mode='rgb_array'; got "
            f"{env.render_mode!r}"
        )
    return env


def shrunk(frame: Array, width: int) -> Array:
    """A frame of about this width, by the mean of squares of pixels: (height, width, 3)."""
    side = max(1, -(-frame.shape[1] // width))
    height, width = (n // side for n in frame.shape[:2])
    squares = frame[: height * side, : width * side].reshape(height, side, width, side, 3)
    return np.asarray(squares.mean(axis=(1, 3)), np.uint8)
