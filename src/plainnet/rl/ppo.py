"""Proximal policy optimization: several epochs on a rollout, close to the policy that made it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.errors import SettingError, require_integer, require_number
from plainnet.optimizers import Adam
from plainnet.rl.actor_critic import Activation, ActorCritic
from plainnet.rl.environments import Make
from plainnet.rl.losses import ClippedPolicyGradient
from plainnet.rl.returns import generalized_advantages, require_discounts, standardized


@dataclass(eq=False, repr=False)
class PPO(ActorCritic):
    """Proximal policy optimization (Schulman et al. 2017, algorithm 1).

    Each iteration

    1. acts for `n_steps` steps in each of `n_envs` environments with the policy pi_old,
    2. estimates advantages A = sum_l (gamma lambda)^l delta_(t+l), and returns R = A + V,
    3. goes `epochs` times over these steps in shuffled `minibatches`, and minimises
       -min(r A, clip(r, 1 - eps, 1 + eps) A) + c_V (V - R)^2 / 2 - c_H H, with r = pi / pi_old.

    Parameters
    ----------
    env, seed
        As in `Agent`.
    n_envs, n_steps : int
        Environments, and steps in each between two updates.
    epochs, minibatches : int
        Passes over a rollout, and the number of batches in each.
    learning_rate : float
        For Adam. With `anneal` it falls linearly to zero over all steps.
    gamma, lam : float
        The discount, and lambda.
    clip : float
        eps, the bound on the change of a probability ratio.
    clip_value : bool
        Clip the value too; see `ClippedPolicyGradient`.
    entropy_weight, value_weight : float
        c_H and c_V.
    max_norm : float
        A longer gradient is scaled down to this norm.
    hidden : tuple of int
        Widths of the hidden layers of actor and critic.
    activation : "tanh" or "relu"
    normalize_observations, normalize_rewards : bool
        Scale observations by their mean and deviation so far, rewards by the deviation of the
        return.
    """

    env: str | Make
    _: KW_ONLY
    n_envs: int = 8
    n_steps: int = 128
    epochs: int = 10
    minibatches: int = 4
    learning_rate: float = 1e-3
    anneal: bool = True
    gamma: float = 0.99
    lam: float = 0.95
    clip: float = 0.2
    clip_value: bool = False
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
        for name in ("n_steps", "epochs", "minibatches"):
            setattr(self, name, require_integer(name, getattr(self, name), at_least=1))
        self.begin()
        steps = self.n_envs * self.n_steps
        if steps < 2 * self.minibatches:
            raise SettingError(
                f"n_envs * n_steps = {steps} steps are too few for {self.minibatches} minibatches "
                "of two or more"
            )
        loss = ClippedPolicyGradient(
            self.policy,
            clip=self.clip,
            clip_value=self.clip_value,
            entropy_weight=self.entropy_weight,
            value_weight=self.value_weight,
        )
        optimizer = Adam(self.learning_rate, epsilon=1e-5)
        self.learners["actor_critic"] = self.network(loss), optimizer

    def iterate(self, done: float) -> None:
        roll = self.roll(self.n_steps)
        # A_t = sum_l (gamma lambda)^l delta_(t+l), delta_t = r_t + gamma V(s_(t+1)) - V(s_t)
        A = generalized_advantages(*roll.rewarded, self.gamma, self.lam)
        R = A + roll.values
        m = A.size
        theta, actions = roll.theta.reshape(m, -1), roll.actions.reshape(m, -1)
        log_p_old = self.policy.log_probability(theta, actions, Cache())
        columns = (A, R, log_p_old, roll.values)
        y = np.column_stack([actions, *(column.reshape(m) for column in columns)])
        X = roll.X.reshape(m, -1)
        advantage = self.policy.numbers  # its column in y

        learning_rate = self.learning_rate * (1 - done if self.anneal else 1)
        for _ in range(self.epochs):
            for rows in np.array_split(self.rng.permutation(m), self.minibatches):
                batch = y[rows]
                batch[:, advantage] = standardized(batch[:, advantage])
                # descends on -min(r A, clip(r, 1 - eps, 1 + eps) A) + ..., r = pi / pi_old
                self.update(
                    "actor_critic",
                    X[rows],
                    batch,
                    learning_rate=learning_rate,
                    max_norm=self.max_norm,
                )
