"""Advantage actor-critic: one step of gradient descent for each short rollout."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from plainnet.errors import require_integer, require_number
from plainnet.optimizers import RMSprop
from plainnet.rl.actor_critic import Activation, ActorCritic
from plainnet.rl.environments import Make
from plainnet.rl.losses import PolicyGradient
from plainnet.rl.returns import generalized_advantages, require_discounts


@dataclass(eq=False, repr=False)
class A2C(ActorCritic):
    """Advantage actor-critic (Mnih et al. 2016, A3C, algorithm S3, with synchronous actors).

    Each iteration acts for `n_steps` steps in each environment, then takes one gradient step on
    -A log pi(a|s) + c_V (V - R)^2 / 2 - c_H H. With `lam=1`, R is the discounted sum of the rewards
    and of the value of the state after the last one, as in the paper.

    Parameters
    ----------
    env, seed, n_envs, n_steps, gamma, lam, entropy_weight, value_weight, max_norm, hidden,
    activation, normalize_observations, normalize_rewards
        As in `PPO`.
    learning_rate : float
        For RMSprop. With `anneal` it falls linearly to zero over all steps.
    """

    env: str | Make
    _: KW_ONLY
    n_envs: int = 16
    n_steps: int = 5
    learning_rate: float = 2e-3
    anneal: bool = True
    gamma: float = 0.99
    lam: float = 1.0
    entropy_weight: float = 0.0
    value_weight: float = 0.5
    max_norm: float = 0.5
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    normalize_observations: bool = False
    normalize_rewards: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        require_discounts(gamma=self.gamma, lam=self.lam)
        require_number("max_norm", self.max_norm, above=0)
        self.n_steps = require_integer("n_steps", self.n_steps, at_least=1)
        self.begin()
        loss = PolicyGradient(
            self.policy, entropy_weight=self.entropy_weight, value_weight=self.value_weight
        )
        optimizer = RMSprop(self.learning_rate, epsilon=1e-5)
        self.learners["actor_critic"] = self.network(loss), optimizer

    def iterate(self, done: float) -> None:
        roll = self.roll(self.n_steps)
        # A_t = sum_l (gamma lambda)^l delta_(t+l); for lambda = 1, R_t - V(s_t) with
        # R_t = r_t + gamma r_(t+1) + ... + gamma^k V(s_(t+k))
        A = generalized_advantages(*roll.rewarded, self.gamma, self.lam)
        m = A.size
        R = A + roll.values
        y = np.column_stack([roll.actions.reshape(m, -1), A.reshape(m), R.reshape(m)])
        # descends on -A log pi(a|s) + c_V (V(s) - R)^2 / 2 - c_H H
        self.update(
            "actor_critic",
            roll.X.reshape(m, -1),
            y,
            learning_rate=self.learning_rate * (1 - done if self.anneal else 1),
            max_norm=self.max_norm,
        )
