"""An episode to look at: its frames, in a file or in a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.errors import SettingError, optional
from plainnet.files.native import moved_into_place
from plainnet.layers.base import Array
from plainnet.rl.agent import Agent


@dataclass(frozen=True)
class Moment:
    """A step of an episode that is being watched."""

    observation: Array
    action: Any
    reward: float
    frame: Array | None
    """What the environment shows before the action, (height, width, 3) uint8."""


def episode(
    agent: Agent, *, seed: int = 0, greedy: bool = True, frames: bool = False
) -> Iterator[Moment]:
    """The moments of one new episode, as they happen."""
    env = _rendering(agent) if frames else agent.environments.make()
    rng = None if greedy else np.random.default_rng(seed)
    try:
        seen, _ = env.reset(seed=seed)
        over = False
        while not over:
            frame = env.render() if frames else None
            (observation,) = agent.environments.observed([seen])
            action = agent.act(observation, rng=rng)
            seen, reward, terminated, truncated, _ = env.step(agent.environments.as_env(action))
            over = terminated or truncated
            yield Moment(observation, action, float(reward), frame)
    finally:
        env.close()


def record(
    agent: Agent, path: str | os.PathLike[str], *, seed: int = 0, greedy: bool = True
) -> float:
    """Save one episode as an animated GIF; its return.

    The file appears whole or not at all.
    """
    image = optional("PIL.Image", purpose="pictures of episodes", extra="rl")
    moments = list(episode(agent, seed=seed, greedy=greedy, frames=True))
    # One palette for all frames: a GIF with many is large, and its colours flicker.
    pictures = [image.fromarray(moment.frame) for moment in moments]
    palette = pictures[0].quantize(64)
    first, *others = (picture.quantize(palette=palette) for picture in pictures)
    data = BytesIO()
    pause = 1000 / agent.environments.frames_per_second
    first.save(data, "GIF", save_all=True, append_images=others, duration=pause, loop=0)
    with moved_into_place(Path(path)) as file:
        file.write(data.getvalue())
    return sum(moment.reward for moment in moments)


def _rendering(agent: Agent) -> Any:
    gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
    if isinstance(agent.env, str):
        try:
            env = gym.make(agent.env, render_mode="rgb_array")
        except gym.error.Error as error:
            raise SettingError(f"{agent.env!r} cannot be watched: {error}") from error
    else:
        env = agent.env()
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
