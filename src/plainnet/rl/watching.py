"""Episodes to watch, as frames in a file or in a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from plainnet.errors import SettingError, optional, require_integer
from plainnet.files.places import moved_into_place
from plainnet.layers.base import Array
from plainnet.rl.agent import Agent
from plainnet.rl.evaluation import exploring

PALETTE_SERVES = 32
"""How many frames share a palette, since choosing one takes most of the time."""


@dataclass(frozen=True)
class Moment:
    """A step of a watched episode; the last one has no action."""

    observation: Any
    action: Any
    reward: float
    frame: Array | None
    """The frame before the action, (height, width, 3) uint8."""


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
    """Save one episode as an animated GIF, and return its return.

    The file is written completely or not at all.
    """
    image = optional("PIL.Image", purpose="pictures of episodes", extra="rl")
    total, pictures, frames, data = 0.0, [], [], BytesIO()
    for moment in episode(agent, seed=seed, greedy=greedy, frames=True):
        total += moment.reward
        frames.append(np.asarray(moment.frame))
        if len(frames) == PALETTE_SERVES or moment.action is None:
            pictures += _with_palette(frames, image)
            frames.clear()
    first, *others = pictures
    pause = 1000 / agent.environments.frames_per_second
    first.save(
        data,
        "GIF",
        save_all=True,
        append_images=others,
        duration=pause,
        loop=0,
        optimize=False,  # it gives each picture its own palette
    )
    with moved_into_place(path) as file:
        file.write(data.getvalue())
    return total


def _with_palette(frames: list[Array], image: Any) -> list[Any]:
    """The frames as pictures of one palette, exact where they have no more than 256 colours."""
    there = np.zeros(1 << 24, bool)
    codes = []
    for frame in frames:
        red, green, blue = np.moveaxis(frame.astype(np.uint32), 2, 0)
        codes.append(red << 16 | green << 8 | blue)
        there[codes[-1]] = True
    colours = np.flatnonzero(there)
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8)
    entries = np.arange(len(colours))
    if len(colours) > 256:
        each_once = image.fromarray(palette[None]).quantize(256)
        palette, entries = np.array(each_once.getpalette(), np.uint8), np.asarray(each_once)[0]
    entry_of = there.view(np.uint8)
    entry_of[colours] = entries
    pictures = [image.fromarray(entry_of[code]) for code in codes]
    for picture in pictures:
        picture.putpalette(palette.tobytes())
    return pictures


def _rendering(agent: Agent) -> Any:
    gym = optional("gymnasium", purpose="reinforcement learning", extra="rl")
    settings = {"render_mode": "rgb_array"} if isinstance(agent.env, str) else {}
    try:
        env = agent.environments.make(**settings)
    except (gym.error.Error, TypeError) as error:
        raise SettingError(f"{agent.env!r} cannot be watched: {error}") from error
    if env.render_mode != "rgb_array":
        raise SettingError(
            "watching an environment needs its pictures: make it with render_mode='rgb_array'; got "
            f"{env.render_mode!r}"
        )
    return env


def shrunk(frame: Array, width: int) -> Array:
    """A frame scaled to about this width by averaging square blocks: (height, width, 3)."""
    side = max(1, -(-frame.shape[1] // width))
    height, width = (n // side for n in frame.shape[:2])
    squares = frame[: height * side, : width * side].reshape(height, side, width, side, 3)
    return np.asarray(squares.mean(axis=(1, 3)), np.uint8)
