"""Checks of an agent's observations, rewards and discount."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plainnet.inspection.doctor.agents.code import remade, settings_of, with_rewards_scaled
from plainnet.inspection.doctor.agents.suspects import Known, Suspect, suspected
from plainnet.inspection.doctor.thresholds import (
    DEVIATIONS,
    HORIZON,
    LARGE_MEAN,
    LARGE_REWARD,
    REWARD_SIZES,
    SHORT,
)
from plainnet.rl.actor_critic import ActorCritic


def of_observations(known: Known) -> Iterator[Suspect]:
    """The size of observations, as the networks see them."""
    agent, X = known.agent, known.agent.scaled(known.rolled.observations).astype(np.float64)
    if "observations" in agent.statistics or not hasattr(agent, "normalize_observations"):
        return
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    varies = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    size = np.where(varies, deviation, 1.0)
    low, high = DEVIATIONS
    wrong = np.maximum(np.abs(mean) / LARGE_MEAN, np.maximum(size / high, low / size))
    if agent.environments.axes == 0 or not (wrong > 1).any():
        return
    worst = int(wrong.argmax())
    yield suspected(
        "unscaled_observations", f"position {worst}",
        f"In position {worst}, observations have the mean {mean[worst]:.3g} and the deviation "
        f"{deviation[worst]:.3g}; weights start for numbers near 1.",
        "Let the agent scale them by their mean and deviation so far.",
        remade(agent, normalize_observations=True),
    )  # fmt: skip


def of_rewards(known: Known) -> Iterator[Suspect]:
    """The size of the returns that the values must represent."""
    agent, R = known.agent, known.rolled.returns
    if "returns" in agent.statistics or not len(R):
        return
    # The returns' mean counts as well as their deviation: values start at zero. A policy that has
    # settled for little sees little: random actions may have seen more.
    size, largest = float(np.sqrt(np.square(R).mean())), known.largest
    low, high = REWARD_SIZES
    if not largest or (low <= max(size, largest) and largest <= LARGE_REWARD and size <= high):
        return
    codes = [with_rewards_scaled(agent, float(f"{1 / max(largest, size / high):.1g}"))]
    if isinstance(agent, ActorCritic) and "normalize_rewards" in settings_of(agent):
        codes.insert(0, remade(agent, normalize_rewards=True))
    yield suspected(
        "unscaled_rewards", "",
        f"Rewards go up to {largest:.3g}, and discounted returns have the size {size:.3g}; values, "
        "and the weights of losses, are sized for numbers near 1.",
        "Scale the rewards.",
        *codes,
    )  # fmt: skip


def of_discount(known: Known) -> Iterator[Suspect]:
    """How far ahead the agent looks, compared with the length of episodes."""
    agent = known.agent
    gamma = float(getattr(agent, "gamma", 1.0))
    horizon = 1 / (1 - gamma) if gamma < 1 else np.inf
    if gamma >= SHORT and known.length < HORIZON * horizon:
        return
    wanted = [g for g in (0.95, 0.99) if 1 - g < (1 - gamma) / 1.5]
    if wanted:
        yield suspected(
            "short_horizon", "gamma",
            f"With gamma={gamma:g}, what comes after {horizon:.3g} steps hardly counts; episodes "
            f"have up to {known.length:.3g} steps.",
            "Look farther ahead.",
            *(remade(agent, gamma=g) for g in reversed(wanted)),
        )  # fmt: skip
