"""`diagnose` for an agent: what it has achieved, what is suspected, and what helps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from plainnet.inspection.doctor.agents.code import remade
from plainnet.inspection.doctor.agents.of_data import of_discount, of_observations, of_rewards
from plainnet.inspection.doctor.agents.of_memories import of_exploration, of_memory, of_target
from plainnet.inspection.doctor.agents.of_networks import of_rate, of_units, of_widths
from plainnet.inspection.doctor.agents.of_policies import (
    OnPolicy,
    of_policy,
    of_rollouts,
    of_values,
)
from plainnet.inspection.doctor.agents.rolling import played, rolled
from plainnet.inspection.doctor.agents.suspects import Known, Suspect
from plainnet.inspection.doctor.agents.trials import Trials
from plainnet.inspection.doctor.thresholds import FELL
from plainnet.inspection.doctor.verdicts import SEVERITIES, Report, Verdict
from plainnet.rl.agent import Agent
from plainnet.rl.dqn import DQN

STEPS = 20_000
"""The most steps of a short training."""
FEWEST_STEPS, FEWEST_EPISODES = 1_000, 20
"""An agent that has made fewer has learned too little to be judged by what it reached."""
EVALUATED = 20
LONGER = 1.2
"""With fewer times the steps of a short training, an agent counts as one more such training."""
TIED = 0.75
"""Remedies with this share of the best one's gain do about as well."""
WINDOWS = 10
"""Parts of the episodes whose mean returns are compared."""

CAUSES = (
    "not_finite", "replay_starts_late", "short_horizon", "unscaled_rewards",
    "unscaled_observations", "short_rollouts", "long_rollouts", "large_policy_steps",
    "small_policy_steps", "policy_stays_random", "values_explain_nothing", "large_value_weight",
    "small_replay", "exploration_never_ends", "exploration_ends_early", "slow_target",
    "fast_target", "small_network", "learning_rate_too_high", "learning_rate_too_low",
    "entropy_collapse", "overestimated_values", "returns_collapse", "nothing_learned",
    "depends_on_seed", "dead_units", "saturated_units",
)  # fmt: skip
"""Causes come before their consequences."""


def diagnose_agent(agent: Agent, steps: int | None, seed: int) -> Report:
    """Look for faults in an agent, in what it gets and in its learning; see `diagnose`."""
    if broken := list(of_numbers(agent)):
        return Report(broken, ["the numbers of its networks"])
    has_learned = agent.steps >= FEWEST_STEPS and len(agent.learning) >= FEWEST_EPISODES
    if steps is None:
        steps = min(agent.steps, STEPS) if has_learned else STEPS
    trials = Trials(agent, steps, seed)
    subject = agent if has_learned else trials.courses[0].agent
    looked_at = [f"learnings of {steps:,} steps with its settings"]
    left_out = {}
    if has_learned:
        looked_at.insert(0, f"what it has learned in {agent.steps:,} steps")
        trials.reached = float(played(agent, agent.env, EVALUATED, seed).returns.mean())
        trials.has_learned_longer = agent.steps > LONGER * steps
    else:
        left_out["what it has learned"] = f"it has made {agent.steps:,} steps"
    seen = rolled(subject, agent.env, seed)
    lengths = np.concatenate([subject.learning.lengths[-200:], trials.at_random.lengths])
    length, largest = float(np.quantile(lengths, 0.9)), trials.at_random.largest
    known = Known(subject, seen, trials.courses, steps, length, largest)
    found = list(of_failures(trials))
    for suspect in suspects_of(known):
        found += trials.judged(suspect)
    found += of_returns(subject, trials, any(v.severity == "serious" for v in found))
    if found:
        found += of_units(subject, seen.observations)
    if trials.untried:
        left_out[f"remedies of {', '.join(trials.untried)}"] = "others took too long"
    return Report(list(ranked(found)), looked_at, left_out)


def suspects_of(known: Known) -> Iterator[Suspect]:
    """All that is suspected, causes first; of agents of one's own, only what they get."""
    agent = known.agent
    yield from of_observations(known)
    yield from of_rewards(known)
    yield from of_discount(known)
    if isinstance(agent, DQN):
        yield from of_memory(known, agent)
        yield from of_exploration(known, agent)
        yield from of_target(known, agent)
    if isinstance(agent, OnPolicy):
        yield from of_rollouts(known, agent)
        yield from of_policy(known, agent)
        yield from of_values(known, agent)
    if isinstance(agent, OnPolicy | DQN):
        yield from of_rate(known, agent)
        yield from of_widths(agent)


def of_numbers(agent: Agent) -> Iterator[Verdict]:
    """Parameters that are not finite."""
    for name, (network, _) in agent.learners.items():
        bad = [tensor for tensor in network.tensors if not np.isfinite(network[tensor]).all()]
        if bad:
            rate = float(getattr(agent, "learning_rate", 0.0))
            yield Verdict(
                "not_finite", "serious", f"{name}, {bad[0]}",
                f"Of {len(network.tensors)} tensors, {len(bad)} hold NaN or infinity.",
                "Begin again with a lower learning rate.",
                remade(agent, learning_rate=rate / 10) if rate else "",
            )  # fmt: skip


def of_failures(trials: Trials) -> Iterator[Verdict]:
    """Learnings that ended because something was no longer finite."""
    failed = [course.failed for course in trials.courses if course.failed]
    if failed:
        agent = trials.agent
        rate = float(getattr(agent, "learning_rate", 0.0))
        yield Verdict(
            "not_finite", "serious", "",
            f"Of {len(trials.courses)} short learnings, {len(failed)} failed: {failed[0]}.",
            "Lower the learning rate, and see that rewards and observations are of a usual size.",
            remade(agent, learning_rate=rate / 10) if rate else "",
        )  # fmt: skip


def of_returns(subject: Agent, trials: Trials, explained: bool) -> Iterator[Verdict]:
    """Whether it does better than chance, has done better before, and owes it to its seed."""
    scores = trials.scores
    reached = trials.before if trials.reached is None else trials.reached
    if reached <= trials.random + trials.spread / 2:
        yield Verdict(
            "nothing_learned", "warning" if explained else "serious", "",
            f"Its mean return is {reached:.3g}; that of random actions is {trials.random:.3g}, "
            f"with a deviation of {trials.spread:.3g}.",
            "See what is named above." if explained else
            "Learn for longer; see that the observations tell what an action leads to, and that "
            "random actions sometimes earn a reward.",
        )  # fmt: skip
    elif not explained and max(scores) - min(scores) > (max(scores) - trials.random) / 2:
        low, high = min(scores), max(scores)
        yield Verdict(
            "depends_on_seed", "note", "",
            f"Of {len(scores)} learnings that differ in their seeds, one reached {low:.3g} and "
            f"one {high:.3g}.",
            "Learn with several seeds, or for longer, before comparing settings.",
        )  # fmt: skip
    returns = subject.learning.returns
    n = len(returns) // WINDOWS
    if n < 5:
        return
    means = returns[: n * WINDOWS].reshape(WINDOWS, n).mean(axis=1)
    best, last = float(means.max()), float(returns[-n:].mean())
    noise = 4 * float(returns.std()) / np.sqrt(n)  # the best of ten is best by chance as well
    if min(best - last, best - trials.random) > noise and last - trials.random < FELL * (
        best - trials.random
    ):
        rate = float(getattr(subject, "learning_rate", 0.0))
        yield Verdict(
            "returns_collapse", "warning" if explained else "serious", "",
            f"Over a tenth of its episodes the mean return was {best:.3g}; over the last it is "
            f"{last:.3g}.",
            "Lower the learning rate, let it fall to zero, and keep the best agent with "
            "`learn(..., callback=...)`.",
            remade(subject, learning_rate=float(f"{rate / 3:.2g}"), anneal=True) if rate else "",
        )  # fmt: skip


def ranked(found: Iterable[Verdict]) -> Iterator[Verdict]:
    """The most serious first; of remedies that do about as well, causes before symptoms."""
    verdicts = list(found)
    best = max((verdict.gain or 0.0 for verdict in verdicts), default=0.0)

    def key(verdict: Verdict) -> tuple[int, bool, int, float]:
        gain = verdict.gain or 0.0
        behind = verdict.gain is None or gain < TIED * best
        place = CAUSES.index(verdict.name)
        return SEVERITIES.index(verdict.severity), behind, place, -gain

    seen: set[str] = set()
    for verdict in sorted(verdicts, key=key):
        if verdict.name not in seen:
            seen.add(verdict.name)
            yield verdict
