"""REINFORCE with a baseline: learns from whole episodes and the return after each action."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from plainnet.errors import require_number
from plainnet.optimizers import Adam
from plainnet.rl.actor_critic import Activation, ActorCritic
from plainnet.rl.environments import Make
from plainnet.rl.losses import PolicyGradient
from plainnet.rl.returns import discounted, require_discounts, standardized


@dataclass(eq=False, repr=False)
class REINFORCE(ActorCritic):
    """REINFORCE (Williams 1992), with a learned baseline (Sutton and Barto 2018, section 13.4).

    Each iteration plays one episode in each environment, then takes one gradient step on
    -(R - V(s)) log pi(a|s) + c_V (V - R)^2 / 2 - c_H H, where R is the discounted sum of the
    episode's rewards from that action on. Nothing is bootstrapped: an episode that is cut off by a
    time limit counts as if it had ended there. Environments whose episode has ended wait for the
    others, with steps that are counted but not learned from. R - V is standardised to mean 0 and
    deviation 1, which makes the learning rate independent of the rewards' size.

    Parameters
    ----------
    env, seed, gamma, entropy_weight, value_weight, max_norm, hidden, activation,
    normalize_observations
        As in `PPO`.
    n_envs : int
        Number of episodes in an iteration.
    learning_rate : float
        For Adam. With `anneal` it falls linearly to zero over all steps.
    """

    normalize_rewards = False

    env: str | Make
    _: KW_ONLY
    n_envs: int = 8
    learning_rate: float = 5e-3
    anneal: bool = True
    gamma: float = 0.99
    entropy_weight: float = 0.0
    value_weight: float = 0.5
    max_norm: float = 0.5
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    normalize_observations: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        require_discounts(gamma=self.gamma)
        require_number("max_norm", self.max_norm, above=0)
        self.begin()
        loss = PolicyGradient(
            self.policy, entropy_weight=self.entropy_weight, value_weight=self.value_weight
        )
        self.learners["actor_critic"] = self.network(loss), Adam(self.learning_rate)

    def iterate(self, done: float) -> None:
        X, actions, rewards, V, playing = self._episodes()
        # R_t = r_t + gamma R_(t+1)
        R = discounted(rewards, ~playing, np.zeros(self.n_envs, np.float32), self.gamma)[playing]
        A = R - V[playing]
        if len(A) > 1:
            A = standardized(A)
        # descends on -(R - V(s)) log pi(a|s) + c_V (V(s) - R)^2 / 2 - c_H H
        self.update(
            "actor_critic",
            X[playing],
            np.column_stack([actions[playing], A, R]),
            learning_rate=self.learning_rate * (1 - done if self.anneal else 1),
            max_norm=self.max_norm,
        )

    def _episodes(self) -> tuple[np.ndarray, ...]:
        """One episode of each environment: arrays (time, n, ...), and where it was being played."""
        environments = self.environments
        seen = environments.reset(int(self.rng.integers(2**31)))
        going = np.ones(self.n_envs, bool)
        played, ended = [], []
        while going.any():
            if self.normalize_observations:
                self.statistics["observations"].see(seen[going])
            X = self.scaled(seen)
            outputs = self.outputs(X)
            action = self.policy.sample(outputs[:, :-1], self.rng)
            step = environments.step(action)
            played.append((X, action.reshape(self.n_envs, -1), step.rewards, outputs[:, -1], going))
            for i, episode in zip(np.flatnonzero(step.done), environments.episodes, strict=True):
                if going[i]:
                    ended.append(episode)
            environments.episodes.clear()
            going = going & ~step.done
            seen = environments.observations
        environments.episodes += ended
        X, actions, rewards, V, playing = map(np.array, zip(*played, strict=True))
        return X, actions, rewards * playing, V, playing
