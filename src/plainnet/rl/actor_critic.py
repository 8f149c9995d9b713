"""What agents with an actor and a critic share: their network and their rollouts."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import SettingError, require_one_of, require_type
from plainnet.initializers import Orthogonal
from plainnet.kernels.softmax import softmax
from plainnet.layers import Dense, Layer, Parallel, ReLU, Sequential, Tanh
from plainnet.layers.base import Array
from plainnet.losses.base import Loss
from plainnet.network import Network
from plainnet.rl.agent import Agent, layer_sizes
from plainnet.rl.policies import Categorical, Gaussian, Policy, WithSpread
from plainnet.rl.running import RunningStatistics

ACTIVATIONS = {"tanh": Tanh, "relu": ReLU}
Activation = Literal["tanh", "relu"]


def hidden_layers(hidden: Sequence[int], activation: Activation) -> list[Layer]:
    """Dense layers of these sizes, each with its activation."""
    require_one_of("activation", activation, tuple(ACTIVATIONS))
    units = layer_sizes(hidden)
    make = ACTIVATIONS[activation]
    pairs = ((Dense(n, initializer=Orthogonal(sqrt(2))), make()) for n in units)
    return [layer for pair in pairs for layer in pair]


@dataclass(frozen=True)
class Rollout:
    """A rollout of n environments; the first two axes are (time, n)."""

    X: Array
    """Observations as the network saw them."""
    actions: Array
    theta: Array
    """The policy's parameters when it acted."""
    values: Array
    next_values: Array
    """V of the state that was reached, before a new episode begins."""
    rewards: Array
    terminated: Array
    done: Array

    @property
    def rewarded(self) -> tuple[Array, Array, Array, Array, Array]:
        """The inputs of the advantage estimate, in the order of `generalized_advantages`."""
        return self.rewards, self.values, self.next_values, self.terminated, self.done


class ActorCritic(Agent, ABC):
    """An agent whose network outputs the policy's parameters, followed by the value.

    Actor and critic share no layers, but they do share a parameter vector, a loss and an optimizer.
    """

    gamma: float
    hidden: tuple[int, ...]
    activation: Activation
    anneal: bool
    normalize_observations: bool
    normalize_rewards: bool

    def begin(self) -> None:
        for name in ("anneal", "normalize_observations", "normalize_rewards"):
            require_type(name, getattr(self, name), bool)
        super().begin()
        environments = self.environments
        self.policy: Policy = (
            Gaussian(len(environments.low))
            if environments.low is not None
            else Categorical(environments.n_actions or 0)
        )
        if self.normalize_observations:
            self.statistics["observations"] = RunningStatistics((environments.width,))
        if self.normalize_rewards:
            self.statistics["returns"] = RunningStatistics(())
        self._running_returns = np.zeros(self.n_envs)
        self._acting = Cache(backward=False)

    def network(self, loss: Loss) -> Network:
        """Actor and critic side by side, with small initial actions (Andrychowicz et al. 2021)."""
        policy = self.policy
        last = policy.outputs if isinstance(policy, Categorical) else policy.numbers
        actor = [
            *hidden_layers(self.hidden, self.activation),
            Dense(last, initializer=Orthogonal(0.01)),
            *([WithSpread()] if isinstance(policy, Gaussian) else []),
        ]
        critic = [
            *hidden_layers(self.hidden, self.activation),
            Dense(1, initializer=Orthogonal(1.0)),
        ]
        everything = (0, self.environments.width)
        both = Parallel([everything, everything], [Sequential(actor), Sequential(critic)])
        return Network([both], loss=loss, input_shape=self.environments.width, seed=self.rng)

    def outputs(self, X: Array, cache: Cache | None = None) -> Array:
        """[theta, V] for scaled observations (m, width), held in the cache if one is given."""
        network, _ = self.learners["actor_critic"]
        outputs: Array = network.forward(X, cache)
        return outputs

    def choose(self, observations: Array, rng: np.random.Generator | None) -> Array:
        theta = self.outputs(self.scaled(observations))[:, :-1]
        return self.policy.mode(theta) if rng is None else self.policy.sample(theta, rng)

    def values(self, observations: Array) -> Array:
        return self.outputs(self.scaled(observations))[:, -1]

    def probabilities(self, observations: Array) -> Array:
        """The probability of each discrete action, shape (n, actions)."""
        if not isinstance(self.policy, Categorical):
            raise SettingError(f"only discrete actions have probabilities; got {self!r}")
        theta = self.outputs(self.scaled(observations))[:, :-1]
        return softmax(theta, np.empty_like(theta), np.empty_like(theta[:, :1]))

    @property
    def _deciding(self) -> Network:
        network, _ = self.learners["actor_critic"]
        return network

    def _stage_after(self) -> Stage:
        theta = Formula("theta", "Z[:, :-1]", r"\theta = Z_{\cdot,\, 1 \dots n}")
        value = Formula("V", "Z[:, -1]", r"V = Z_{\cdot,\, n+1}")
        policy = self.policy
        return Stage("decision", repr(policy), (value, theta, *policy.formulas), policy.settings())

    def episodes_begin(self) -> None:
        self._running_returns[:] = 0

    def roll(self, time: int) -> Rollout:
        """Run all environments for `time` steps."""
        environments, policy, n = self.environments, self.policy, self.n_envs
        X = np.empty((time + 1, n, environments.width), np.float32)
        outputs = np.empty((time + 1, n, policy.outputs + 1), np.float32)
        actions = np.empty((time, n, policy.numbers), np.float32)
        rewards = np.empty((time, n))
        terminated, done = np.empty((2, time, n), bool)
        cut_off: list[tuple[int, int]] = []
        last: list[Array] = []
        for t in range(time):
            if self.normalize_observations:
                self.statistics["observations"].see(environments.observations)
            X[t] = self.scaled(environments.observations)
            outputs[t] = self.outputs(X[t], self._acting)
            action = policy.sample(outputs[t, :, :-1], self.rng)
            step = environments.step(action)
            actions[t] = action.reshape(n, -1)
            rewards[t], terminated[t], done[t] = step.rewards, step.terminated, step.done
            if self.normalize_rewards:
                rewards[t] = self._scaled_rewards(step.rewards, step.done)
            for i in np.flatnonzero(step.done & ~step.terminated):
                cut_off.append((t, int(i)))
                last.append(step.reached[i])
        X[time] = self.scaled(environments.observations)
        outputs[time] = self.outputs(X[time], self._acting)
        next_values = outputs[1:, :, -1].copy()
        if cut_off:
            next_values[tuple(zip(*cut_off, strict=True))] = self.values(np.array(last))
        return Rollout(
            X[:-1],
            actions,
            outputs[:-1, :, :-1],
            outputs[:-1, :, -1],
            next_values,
            rewards,
            terminated,
            done,
        )

    def _scaled_rewards(self, rewards: Array, done: Array) -> Array:
        """Divided by the deviation of the discounted returns so far (Engstrom et al. 2020, 3)."""
        statistics, running = self.statistics["returns"], self._running_returns
        running *= self.gamma
        running += rewards
        statistics.see(running)
        running[done] = 0
        return np.clip(rewards / statistics.deviation, -10, 10)
