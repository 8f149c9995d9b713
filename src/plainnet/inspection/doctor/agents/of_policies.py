"""Checks of how decided a policy is, how far an iteration moves it, and its values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plainnet.inspection.doctor.agents.code import default_of, remade
from plainnet.inspection.doctor.agents.suspects import Known, Suspect, suspected
from plainnet.inspection.doctor.thresholds import (
    COLLAPSED,
    FEW_STEPS,
    FEW_UPDATES,
    LARGE_STEP,
    MUCH_CLIPPED,
    NOTHING_EXPLAINED,
    UNDECIDED,
)
from plainnet.rl.a2c import A2C
from plainnet.rl.ppo import PPO
from plainnet.rl.reinforce import REINFORCE

OnPolicy = PPO | A2C | REINFORCE


def of_rollouts(known: Known, agent: OnPolicy) -> Iterator[Suspect]:
    """How much there is to learn from between two updates, and how often."""
    n_steps = getattr(agent, "n_steps", None)
    if n_steps is None:
        return
    at_once = n_steps * agent.n_envs
    few = FEW_STEPS if isinstance(agent, PPO) else 16
    usual = {name: default_of(agent, name) for name in ("n_envs", "n_steps")}
    if at_once < few:
        yield suspected(
            "short_rollouts", "n_steps",
            f"Each iteration learns from {at_once} steps: its gradient is mostly chance, and what "
            f"comes after {n_steps} steps is guessed by the values.",
            "Learn from more steps at a time.",
            remade(agent, **usual),
        )  # fmt: skip
    elif known.steps / at_once < FEW_UPDATES:
        wanted = max(known.steps // (30 * agent.n_envs), 1)
        yield suspected(
            "long_rollouts", "n_steps",
            f"Each iteration takes {at_once:,} of {known.steps:,} steps: the policy changes "
            f"{known.steps // at_once + 1} times.",
            "Learn more often.",
            remade(agent, n_steps=wanted),
        )  # fmt: skip


def of_policy(known: Known, agent: OnPolicy) -> Iterator[Suspect]:
    """How decided the policy is, and how far an iteration moves it."""
    course = known.courses[0]
    weight, low = agent.entropy_weight, COLLAPSED
    half, last = course.decided[len(course.decided) // 2], course.decided[-1]
    is_gaussian = agent.environments.low is not None
    measure = "sigma" if is_gaussian else "entropy, as a share of ln n,"
    evidence = (
        f"The policy's {measure} is {half:.2g} after half of a short learning and {last:.2g} at "
        "its end; at the start it is 1."
    )
    # Advantages of A2C are of the size of the rewards; others bring theirs to deviation 1.
    size = known.largest if isinstance(agent, A2C) else 1.0
    weights = [float(f"{w * max(size, 1.0):.1g}") for w in (0.01, 0.05)]
    if min(half, last) < low:
        yield suspected(
            "entropy_collapse", "entropy_weight",
            f"{evidence} It no longer tries anything else.",
            "Reward entropy.",
            *(remade(agent, entropy_weight=w) for w in weights if w > 1.5 * weight),
        )  # fmt: skip
    if last > UNDECIDED and weight > 0:
        yield suspected(
            "policy_stays_random", "entropy_weight",
            f"{evidence} With entropy_weight={weight:g}, deciding costs more than it gains.",
            "Reward entropy less.",
            *(remade(agent, entropy_weight=w) for w in (0.01, 0.0) if w < weight / 2),
        )  # fmt: skip
    if isinstance(agent, PPO):
        yield from of_clip(known, agent)


def of_clip(known: Known, agent: PPO) -> Iterator[Suspect]:
    """Whether an iteration of PPO may move the policy too far, or is held too close."""
    kl, outside = known.policy_step
    usual = {name: default_of(agent, name) for name in ("clip", "epochs")}
    far = agent.clip > 1.5 * usual["clip"] or agent.epochs > 1.5 * usual["epochs"]
    evidence = (
        f"An iteration moves the policy by {kl:.2g} (KL), and {outside:.0%} of its actions leave "
        f"the clip of {agent.clip:g}"
    )
    if far and (kl > LARGE_STEP / 3 or outside > MUCH_CLIPPED):
        changed = {
            name: value for name, value in usual.items() if getattr(agent, name) > 1.5 * value
        }
        yield suspected(
            "large_policy_steps", " and ".join(changed),
            f"{evidence}, in {agent.epochs} epochs.",
            "Hold the new policy nearer to the one that acted.",
            remade(agent, **changed),
        )  # fmt: skip
    if agent.clip < usual["clip"] / 3:
        yield suspected(
            "small_policy_steps", "clip",
            f"{evidence}: it is hardly free to change.",
            "Give it more room.",
            remade(agent, clip=usual["clip"]),
        )  # fmt: skip


def of_values(known: Known, agent: OnPolicy) -> Iterator[Suspect]:
    """Whether the values tell returns apart."""
    explained = [course.rolled.explained for course in known.courses if course.rolled]
    worst = min((each for each in explained if np.isfinite(each)), default=np.nan)
    weight = agent.value_weight
    usual = default_of(agent, "value_weight")
    if weight > 10 * usual:
        yield suspected(
            "large_value_weight",
            "value_weight",
            f"With value_weight={weight:g}, gradients are mostly those of the values, and are "
            f"shortened to {agent.max_norm:g} together.",
            "Give the policy its share.",
            remade(agent, value_weight=usual),
        )
    elif worst <= NOTHING_EXPLAINED or weight < usual / 50:
        codes = [remade(agent, value_weight=usual)] if weight < usual / 5 else []
        if isinstance(agent, A2C | PPO) and agent.lam < 0.9:
            codes.append(remade(agent, lam=0.95))
        told = "" if np.isnan(worst) else f" The explained variance of the values is {worst:.2g}."
        if codes:
            yield suspected(
                "values_explain_nothing",
                "value_weight",
                f"Values are learned with value_weight={weight:g}.{told}",
                "Let the values learn.",
                *codes,
            )
