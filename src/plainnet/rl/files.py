"""Limits on what an agent's file may ask for, and reading its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from plainnet.errors import SettingError
from plainnet.files.archive import Archive
from plainnet.layers.base import Array

if TYPE_CHECKING:
    from plainnet.rl.agent import Agent

MOST_LAYERS = 100
MOST = {"epochs": 10_000, "batch_size": 2**20, "minibatches": 2**20}
"""The most that a file may ask for; beyond this, an iteration would never end."""


def expect_savable(agent: Agent) -> None:
    """Refuse to save an agent that exceeds the limits on files."""
    if too_much := too_much_of(agent.config(), agent.steps):
        raise SettingError(f"the agent cannot be saved: {too_much}")


def too_much_of(settings: Mapping[str, Any], steps: int) -> str:
    """The setting that exceeds the limits on files, in words; "" if none does."""
    for name, most in MOST.items():
        if isinstance(settings.get(name), int | float) and not settings[name] <= most:
            return f"its {name} is {settings[name]:,}, more than {most:,}"
    hidden, n_envs = settings.get("hidden"), settings.get("n_envs")
    rollout = settings.get("n_steps", 1)
    if isinstance(hidden, list | tuple) and len(hidden) > MOST_LAYERS:
        return f"it has {len(hidden):,} hidden layers, more than {MOST_LAYERS}"
    if isinstance(n_envs, int) and isinstance(rollout, int):
        at_once = n_envs * rollout
        if at_once > max(steps, MOST["batch_size"]):
            return f"it learns from {at_once:,} steps at once"
    return ""


def fill(file: Archive, name: str, place: Array) -> None:
    """Copy a file's numbers to their place; older files hold some in a narrower dtype."""
    narrow = file.header(f"state.{name}").dtype.newbyteorder("=")
    if narrow == np.float32 and place.dtype == np.float64:
        numbers = np.empty(place.shape, narrow)
        file.read_into(f"state.{name}", numbers)
        place[...] = numbers
    else:
        file.read_into(f"state.{name}", place)
    expect_finite(name, place)


def expect_finite(name: str, values: Array) -> None:
    """Refuse NaN and infinity."""
    if not np.isfinite(values).all():
        raise ValueError(f"its {name} contains NaN or infinity")


def count_in(file: Archive, name: str) -> int:
    """A count in a file, which must not be negative."""
    count = file.number(name)
    if count < 0:
        raise ValueError(f"its {name} is {count}")
    return count
