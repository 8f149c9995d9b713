"""Checks of learning rates and of the layers of an agent's networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plainnet.inspection.doctor.agents.code import default_of, remade
from plainnet.inspection.doctor.agents.of_policies import OnPolicy
from plainnet.inspection.doctor.agents.suspects import Known, Suspect, suspected
from plainnet.inspection.doctor.signs import signals_of
from plainnet.inspection.doctor.thresholds import (
    COLLAPSED,
    DEAD,
    LARGE_STEP,
    MUCH_CLIPPED,
    SATURATED,
    SMALL_STEP,
)
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers.base import Array
from plainnet.rl.agent import Agent
from plainnet.rl.dqn import DQN

NARROW = 8
"""Hidden layers with fewer units are too small for any environment."""


def of_rate(known: Known, agent: OnPolicy | DQN) -> Iterator[Suspect]:
    """Rates that are lower and higher, as the policy's steps suggest."""
    rate, usual = float(agent.learning_rate), default_of(agent, "learning_rate")
    kl, outside = known.policy_step
    failed = next((course.failed for course in known.courses if course.failed), "")
    if np.isnan(kl):
        moves = f"learning_rate={rate:g}, where {usual:g} is usual"
    else:
        moves = (
            f"With learning_rate={rate:g}, an iteration moves the policy by {kl:.2g} (KL), and "
            f"{outside:.0%} of its actions leave the clip; KL is 0.001 to 0.02 where agents learn "
            "well"
        )
    is_fast = kl > LARGE_STEP or outside > MUCH_CLIPPED or failed or rate > 5 * usual
    collapsed = known.courses[0].decided[1] < COLLAPSED
    if is_fast or collapsed:
        yield suspected(
            "learning_rate_too_high", "learning_rate",
            f"{moves}.{f' {failed}.' if failed else ''}",
            "Lower the learning rate.",
            *(remade(agent, learning_rate=each) for each in rates(rate, usual, higher=False)),
        )  # fmt: skip
    slow = kl < SMALL_STEP if not np.isnan(kl) else rate < usual
    if slow or rate < usual / 5:
        yield suspected(
            "learning_rate_too_low", "learning_rate",
            f"{moves}.",
            "Raise the learning rate.",
            *(remade(agent, learning_rate=each) for each in rates(rate, usual, higher=True)),
        )  # fmt: skip


def rates(rate: float, usual: float, *, higher: bool) -> list[float]:
    """The usual rate, if it lies far enough on that side, and two that are nearer or farther."""
    factors = (5.0, 30.0) if higher else (1 / 5, 1 / 30)
    far = usual > 8 * rate if higher else usual < rate / 8
    return [usual] * far + [float(f"{rate * factor:.2g}") for factor in factors]


def of_widths(agent: OnPolicy | DQN) -> Iterator[Suspect]:
    """Layers that are too small."""
    hidden = agent.hidden
    if hidden and min(hidden) < NARROW:
        yield suspected(
            "small_network", "hidden",
            f"A hidden layer has {min(hidden)} units.",
            "Give the layers more units.",
            remade(agent, hidden=default_of(agent, "hidden")),
        )  # fmt: skip


def of_units(agent: Agent, observations: Array) -> Iterator[Verdict]:
    """Dead and saturated units of its networks, on its observations."""
    X = agent.scaled(observations)
    for name, (network, _) in agent.learners.items():
        for signal in signals_of(network, X):
            place = f"{name}, {signal.path}"
            if signal.dead >= DEAD[1]:
                yield Verdict(
                    "dead_units", "warning", place,
                    f"{signal.dead:.0%} of its units give the same for every observation.",
                    "Lower the learning rate or scale the observations, and begin again.",
                )  # fmt: skip
            elif signal.saturated >= SATURATED:
                yield Verdict(
                    "saturated_units", "note", place,
                    f"{signal.saturated:.0%} of its units are near an end for nearly every "
                    "observation.",
                    "Scale the observations, or lower the learning rate, and begin again.",
                )  # fmt: skip
