"""Steps in the doctor's own environments, which do not change the agent."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.layers.base import Array
from plainnet.rl.actor_critic import ActorCritic
from plainnet.rl.agent import Agent
from plainnet.rl.environments import Environments, Make
from plainnet.rl.evaluation import exploring
from plainnet.rl.policies import Categorical, Gaussian
from plainnet.rl.returns import discounted

AT_ONCE, STEPS, FEWER_STEPS = 8, 128, 24
"""Environments that are stepped together, and steps in each, where only observations count too."""
FEW, SAME = 20, 0.01
"""Fewer returns, or less relative variation, say nothing about the values."""
LONG = 2000
"""In a longer episode, the return so far counts."""


@dataclass(frozen=True)
class Rolled:
    """What an agent saw and expected in some steps of n environments, acting as it learns.

    Attributes
    ----------
    observations : array of shape (time * n, width)
        As the environment shows them.
    values : array of shape (time, n)
        What the agent expected.
    rewards : array of shape (time, n)
        As its values count them.
    returns : array of shape (time, n)
        The discounted sum of the rewards that followed, and of the value after the last step.
    complete : array of bool, shape (time, n)
        Where that sum is almost all made of rewards.
    """

    observations: Array
    values: Array
    rewards: Array
    returns: Array
    complete: Array

    @property
    def explained(self) -> float:
        """1 - Var(R - V) / Var(R), the share of the returns' variance that the values explain."""
        R, V = self.returns[self.complete], self.values[self.complete]
        if len(R) < FEW or R.std() <= SAME * np.abs(R).mean():
            return float("nan")
        return float(1 - (R - V).var() / R.var())

    @property
    def overestimate(self) -> float:
        """The mean excess of values over returns, in standard deviations of the returns."""
        R, V = self.returns[self.complete], self.values[self.complete]
        if len(R) < FEW:
            return float("nan")
        size = max(float(R.std()), 0.1 * float(np.abs(R).mean()), 1e-12)
        return float((V - R).mean() / size)


def rolled(agent: Agent, env: str | Make, seed: int) -> Rolled:
    """Some steps of the agent, exploring as in learning."""
    environments = Environments(env, AT_ONCE)
    rng = exploring(seed)
    seen, rewards, done, cut_off, last = [], [], [], [], []
    try:
        environments.reset(seed)
        for _ in range(STEPS):
            seen.append(environments.observations)
            step = environments.step(agent.choose(seen[-1], rng))
            rewards.append(step.rewards)
            done.append(step.done)
            cut_off.append(step.done & ~step.terminated)
            last.append(step.reached[cut_off[-1]])
            environments.episodes.clear()
        observations = np.concatenate([*seen, environments.observations])
    finally:
        environments.close()
    values = np.asarray(agent.values(observations)).reshape(STEPS + 1, AT_ONCE)
    after = np.zeros((STEPS, AT_ONCE))
    if np.any(cut_off):
        after[np.array(cut_off)] = agent.values(np.concatenate(last))
    gamma = float(getattr(agent, "gamma", 0.99))
    r, ended = np.array(rewards), np.array(done)
    if "returns" in agent.statistics:  # normalized rewards are those that the values are of
        r = r / agent.statistics["returns"].deviation
    R = discounted(r + gamma * after, ended, values[-1], gamma)
    weight = discounted(np.zeros_like(r), ended, np.ones(AT_ONCE), gamma)
    return Rolled(observations[:-AT_ONCE], values[:-1], r, R, weight < 0.1)


def observed(agent: Agent, env: str | Make, seed: int) -> Array:
    """Its observations in a few steps, exploring as in learning: shape (time * n, width)."""
    environments = Environments(env, AT_ONCE)
    rng, seen = exploring(seed), []
    try:
        environments.reset(seed)
        for _ in range(FEWER_STEPS):
            seen.append(environments.observations)
            environments.step(agent.choose(environments.observations, rng))
    finally:
        environments.close()
    return np.concatenate(seen)


class Episodes(NamedTuple):
    """Whole episodes, one in each environment.

    Attributes
    ----------
    returns, lengths : arrays of shape (episodes,)
    largest : float
        The largest reward of a step, in absolute value.
    """

    returns: Array
    lengths: Array
    largest: float


def played(agent: Agent | None, env: str | Make, episodes: int, seed: int) -> Episodes:
    """New episodes of the agent's best actions; without an agent, of random ones."""
    environments = Environments(env, episodes)
    rng = exploring(seed)
    returns, lengths = np.zeros(episodes), np.zeros(episodes)
    going, largest = np.ones(episodes, bool), 0.0
    try:
        environments.reset(seed)
        for _ in range(LONG):
            X = environments.observations
            actions = at_random(environments, rng) if agent is None else agent.choose(X, None)
            step = environments.step(actions)
            returns += step.rewards * going
            lengths += going
            largest = max(largest, float(np.abs(step.rewards[going]).max()))
            going &= ~step.done
            if not going.any():
                break
    finally:
        environments.close()
    return Episodes(returns, lengths, largest)


def at_random(environments: Environments, rng: np.random.Generator) -> Array:
    """An action for each environment, each as likely as any other."""
    n = environments.n
    if environments.low is None or environments.high is None:
        return rng.integers(0, environments.n_actions or 1, n)
    return rng.uniform(environments.low, environments.high, (n, len(environments.low)))


# --- policies -------------------------------------------------------------------------------------


def theta_of(agent: Agent, observations: Array) -> Array | None:
    """The policy's parameters for these observations; None for an agent without a policy."""
    if not isinstance(agent, ActorCritic):
        return None
    return np.array(agent.outputs(agent.scaled(observations))[:, :-1])


def decided(agent: Agent, observations: Array) -> float:
    """The policy's entropy: a share of ln n for n actions, the mean sigma for real numbers.

    Both are near 1 at the start. NaN for an agent without a policy.
    """
    theta = theta_of(agent, observations)
    if theta is None or not isinstance(agent, ActorCritic):
        return float("nan")
    if isinstance(agent.policy, Gaussian):
        return float(np.exp(theta[:, agent.policy.k :]).mean())
    H = agent.policy.entropy(theta, Cache())
    return float(H.mean() / log(agent.policy.outputs))


def moved(agent: ActorCritic, before: Array, after: Array, clip: float) -> tuple[float, float]:
    """The divergence KL(before || after), and the share of actions whose ratio leaves the clip.

    Both are exact for n actions. For real numbers, the first is exact, and the second is estimated
    from one drawn action per row.
    """
    policy = agent.policy
    if isinstance(policy, Categorical):
        every = [np.full(len(before), a) for a in range(policy.n)]
        old, new = (
            np.stack([policy.log_probability(t, a, Cache()) for a in every], axis=1).astype(float)
            for t in (before, after)
        )
        P, ratio = np.exp(old), np.exp(np.clip(new - old, -50, 50))
        outside = (P * (np.abs(ratio - 1) > clip)).sum(axis=1)
        return float((P * (old - new)).sum(axis=1).mean()), float(outside.mean())
    k = policy.numbers
    mu, mu_, s, s_ = (
        t.astype(float) for t in (before[:, :k], after[:, :k], before[:, k:], after[:, k:])
    )
    kl = s_ - s + (np.exp(2 * s) + (mu - mu_) ** 2) / (2 * np.exp(2 * s_)) - 0.5
    actions = policy.sample(before, exploring(0))
    log_r = policy.log_probability(after, actions, Cache()).astype(float)
    log_r -= policy.log_probability(before, actions, Cache())
    outside = np.abs(np.exp(np.clip(log_r, -50, 50)) - 1) > clip
    return float(kl.sum(axis=1).mean()), float(outside.mean())
