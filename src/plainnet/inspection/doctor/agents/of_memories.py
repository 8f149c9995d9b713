"""Checks of a deep Q-network's exploration, memory and target network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plainnet.inspection.doctor.agents.code import default_of, remade
from plainnet.inspection.doctor.agents.suspects import Known, Suspect, suspected
from plainnet.inspection.doctor.thresholds import EXPLORES, FOLLOWS, MEMORY, OVERESTIMATED, WAITS
from plainnet.rl.dqn import DQN


def of_memory(known: Known, agent: DQN) -> Iterator[Suspect]:
    """Whether learning begins, and how much is remembered."""
    starts = agent.learning_starts / known.steps
    if starts > WAITS:
        wanted = int(min(default_of(agent, "learning_starts"), known.steps // 20))
        yield suspected(
            "replay_starts_late", "learning_starts",
            f"Learning starts after {agent.learning_starts:,} steps, {starts:.0%} of "
            f"{known.steps:,}.",
            "Start to learn after the first few percent of all steps.",
            remade(agent, learning_starts=wanted),
        )  # fmt: skip
    if agent.capacity < MEMORY * known.steps:
        yield suspected(
            "small_replay", "capacity",
            f"The memory holds {agent.capacity:,} steps of {known.steps:,}: what is drawn from it "
            "is alike.",
            "Remember all steps, or as many as memory allows.",
            remade(agent, capacity=default_of(agent, "capacity")),
        )  # fmt: skip


def of_exploration(known: Known, agent: DQN) -> Iterator[Suspect]:
    """Where epsilon begins and ends."""
    first, last = agent.epsilon
    usual = default_of(agent, "epsilon")
    if last > EXPLORES[0] or agent.exploration > 0.8:
        yield suspected(
            "exploration_never_ends", "epsilon",
            f"At the end, {last:.0%} of the actions are drawn at random, after a fall of epsilon "
            f"from {first:g} over {agent.exploration:.0%} of all steps.",
            "Explore less as learning goes on.",
            remade(agent, epsilon=(first, usual[1]), exploration=0.3),
        )  # fmt: skip
    falls_over = agent.exploration * known.steps
    if first < EXPLORES[0] or agent.exploration < EXPLORES[1]:
        yield suspected(
            "exploration_ends_early", "epsilon",
            f"Epsilon falls from {first:g} to {last:g} over {falls_over:,.0f} steps: hardly "
            "anything but the first idea is tried.",
            "Begin with random actions, and let epsilon fall slowly.",
            remade(agent, epsilon=(usual[0], max(last, usual[1])), exploration=0.5),
        )  # fmt: skip


def of_target(known: Known, agent: DQN) -> Iterator[Suspect]:
    """How fast the target network follows, and whether values diverge."""
    updates = max((known.steps - agent.learning_starts) / agent.n_envs, 1)
    follows = agent.target_every / agent.tau if agent.tau else np.inf
    usual = {name: default_of(agent, name) for name in ("target_every", "tau")}
    low, share = FOLLOWS
    if follows > share * updates:
        yield suspected(
            "slow_target", "target_every",
            f"The target network follows over {follows:,.0f} updates, and there are "
            f"{updates:,.0f} in all: values spread by a step from each to the next.",
            "Let it follow faster.",
            remade(agent, **usual), remade(agent, target_every=1, tau=0.02),
        )  # fmt: skip
    elif follows < low:
        yield suspected(
            "fast_target", "target_every",
            f"The target network follows within {follows:,.0f} updates: values chase themselves.",
            "Let it follow more slowly.",
            remade(agent, **usual),
        )  # fmt: skip
    over = max((c.rolled.overestimate for c in known.courses if c.rolled), default=0.0)
    if over > OVERESTIMATED and not agent.double:
        yield suspected(
            "overestimated_values", "double",
            f"Values lie {over:.3g} deviations above the returns that follow.",
            "Let one network choose the next action, and the other value it.",
            remade(agent, double=True),
        )  # fmt: skip
