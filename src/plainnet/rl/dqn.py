"""Deep Q-networks: learn the value of every action from a memory of earlier steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.stages import Stage
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
)
from plainnet.files.archive import Archive
from plainnet.files.kinds import Unreadable
from plainnet.layers import Dense, Layer, ReLU
from plainnet.layers.base import Array, Shape
from plainnet.network import Network
from plainnet.optimizers import Adam
from plainnet.rl.agent import Agent, layer_sizes
from plainnet.rl.environments import Make
from plainnet.rl.files import fill
from plainnet.rl.losses import ActionValue
from plainnet.rl.replay import Replay, SumTree
from plainnet.rl.returns import require_discounts
from plainnet.rl.running import RunningStatistics

BETA = 0.4
"""The share of the priorities' bias that is corrected at first."""


@dataclass(eq=False, repr=False)
class DQN(Agent):
    """Q-learning with a network (Mnih et al. 2015, algorithm 1).

    Each iteration acts once in each environment, at random with probability epsilon and otherwise
    with argmax_a Q(s, a), stores the step, and takes one gradient step on (Q(s, a) - y)^2 / 2 for
    steps drawn from memory, with

        y = r + gamma max_a Q'(s', a)                        with the target network Q'
        y = r + gamma Q'(s', argmax_a Q(s', a))              with `double` (van Hasselt et al. 2016)

    Parameters
    ----------
    env, seed
        As in `Agent`; the actions must be discrete.
    n_envs : int
        Number of environments, and so of steps per update.
    learning_rate : float
        For Adam. With `anneal` it falls linearly to zero over all steps.
    gamma : float
        The discount.
    capacity : int
        How many steps the memory holds.
    learning_starts : int
        Random steps before the first update.
    batch_size : int
        Steps drawn from memory for each update.
    target_every : int
    tau : float
        After every `target_every` updates, Q' becomes tau Q + (1 - tau) Q'.
    epsilon : (float, float)
        The probability of a random action, at first and at the end of exploration.
    exploration : float
        The share of all steps over which epsilon falls.
    double : bool
        Let Q choose the action that Q' values, as above.
    duelling : bool
        Q = V + A - mean A, from V and A of each action (Wang et al. 2016, equation 9).
    n_steps : int
        How many rewards are summed before Q' takes over (Sutton 1988).
    prioritized : bool
        Draw steps by their last error (Schaul et al. 2016), with beta from 0.4 to 1 over all steps.
        The weights are divided by their sum over the batch, not by the largest: Adam does not
        depend on the size of the gradient.
    max_norm : float
        A longer gradient is scaled down to this norm.
    hidden : tuple of int
        Widths of the hidden layers.
    normalize_observations : bool
        Scale observations by their mean and standard deviation so far. The memory stores them
        unscaled, in float64, which takes twice the space.
    """

    env: str | Make
    _: KW_ONLY
    n_envs: int = 8
    learning_rate: float = 5e-4
    anneal: bool = True
    gamma: float = 0.99
    capacity: int = 500_000
    learning_starts: int = 1_000
    batch_size: int = 128
    target_every: int = 1
    tau: float = 0.005
    epsilon: tuple[float, float] = (1.0, 0.05)
    exploration: float = 0.2
    double: bool = True
    duelling: bool = False
    n_steps: int = 1
    prioritized: bool = False
    max_norm: float = 10.0
    hidden: tuple[int, ...] = (128, 128)
    normalize_observations: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        require_discounts(gamma=self.gamma, exploration=self.exploration, tau=self.tau)
        require_number("max_norm", self.max_norm, above=0)
        for name in ("anneal", "double", "duelling", "prioritized", "normalize_observations"):
            require_boolean(name, getattr(self, name))
        if not isinstance(self.epsilon, list | tuple) or len(self.epsilon) != 2:
            raise SettingError(f"epsilon must be two numbers, from and to; got {self.epsilon!r}")
        require_discounts(**{f"epsilon[{i}]": value for i, value in enumerate(self.epsilon)})
        self.capacity = require_integer("capacity", self.capacity, at_least=1, at_most=2**28)
        self.learning_starts = require_integer("learning_starts", self.learning_starts, at_least=0)
        self.batch_size = require_integer("batch_size", self.batch_size, at_least=1, at_most=2**28)
        self.target_every = require_integer("target_every", self.target_every, at_least=1)
        self.n_steps = require_integer("n_steps", self.n_steps, at_least=1)
        self.begin()
        if self.normalize_observations:
            self.statistics["observations"] = RunningStatistics((self.environments.width,))
        n = self.environments.n_actions
        if n is None:
            raise SettingError("DQN needs discrete actions: for a Box of them use PPO or A2C")
        self.n_actions = n
        network = self._network()
        self.learners["value"] = network, Adam(self.learning_rate)
        self.target = self._network()
        self.target.parameters[:] = network.parameters
        self.replay = Replay(
            self.capacity,
            self.n_envs,
            self.environments.width,
            1,
            n_steps=self.n_steps,
            gamma=self.gamma,
            prioritized=self.prioritized,
            dtype=np.float64 if self.normalize_observations else np.float32,
        )
        self._acting, self._valuing, self._now_valuing = (Cache(backward=False) for _ in range(3))
        self._explores = np.array(self.epsilon[0], float)

    def _network(self) -> Network:
        units = layer_sizes(self.hidden)
        layers: list[Layer] = [layer for u in units for layer in (Dense(u), ReLU())]
        layers += (
            [Dense(self.n_actions + 1), Duelling()] if self.duelling else [Dense(self.n_actions)]
        )
        width = self.environments.width
        return Network(layers, loss=ActionValue(), input_shape=width, seed=self.rng)

    def episodes_begin(self) -> None:
        self.replay.cut()

    def choose(
        self,
        observations: Array,
        rng: np.random.Generator | None,
        cache: Cache | None = None,
    ) -> Array:
        network, _ = self.learners["value"]
        best = network.forward(self.scaled(observations), cache).argmax(axis=1)
        if rng is None:
            return np.asarray(best)
        n = len(observations)
        at_random = rng.random(n) < self._explores
        return np.where(at_random, rng.integers(0, self.n_actions, n), best)

    @property
    def _deciding(self) -> Network:
        network, _ = self.learners["value"]
        return network

    def _stage_after(self) -> Stage:
        best = Formula("best", "Z.max(axis=1)", r"\max_a Q(s, a) = \max_a Z_a")
        return Stage("decision", "the action of the largest value", (best,))

    def values(self, observations: Array) -> Array:
        network, _ = self.learners["value"]
        return np.asarray(network.forward(self.scaled(observations)).max(axis=1))

    def iterate(self, done: float) -> None:
        first, last = self.epsilon
        explored = min(done / self.exploration, 1.0) if self.exploration else 1.0
        self._explores[...] = first + (last - first) * explored
        if self.steps < self.learning_starts:
            self._explores[...] = 1
        observations = self.environments.observations
        if self.normalize_observations:
            self.statistics["observations"].see(observations)
        actions = self.choose(observations, self.rng, self._acting)
        step = self.environments.step(actions)
        self.replay.add(observations, actions[:, None], step)
        enough = len(self.replay) >= self.n_steps * self.n_envs
        if enough and self.steps >= self.learning_starts:
            self.replay.beta = BETA + (1 - BETA) * done
            self._learn_from_memory(self.learning_rate * (1 - done if self.anneal else 1))

    def _learn_from_memory(self, learning_rate: float) -> None:
        network, optimizer = self.learners["value"]
        batch = self.replay.draw(self.batch_size, self.rng)
        reached = self.scaled(batch.reached)
        # y = r + gamma Q'(s', argmax_a Q(s', a)), or with max_a Q'(s', a) without double
        Q_target = self.target.forward(reached, self._valuing)  # (m, actions)
        Q = network.forward(reached, self._now_valuing) if self.double else Q_target
        V = np.take_along_axis(Q_target, Q.argmax(axis=1, keepdims=True), axis=1)[:, 0]
        y = np.column_stack([batch.actions, batch.rewards + batch.discounts * V])
        cache = self.update(
            "value",
            self.scaled(batch.observations),
            y,
            learning_rate=learning_rate,
            max_norm=self.max_norm,
            sample_weight=batch.weights if self.prioritized else None,
        )
        self.replay.prioritize(batch.places, cache["error"])
        if optimizer.steps % self.target_every == 0:  # Q' <- Q' + tau (Q - Q')
            self.target.parameters[:] += self.tau * (network.parameters - self.target.parameters)

    def arrays(self) -> dict[str, Array]:
        kept = {f"replay.{name}": array for name, array in self.replay.arrays().items()}
        own = {"target": self.target.parameters, "explores": self._explores}
        return super().arrays() | kept | own

    @classmethod
    def expect_room(cls, settings: Mapping[str, Any], file: Archive) -> None:
        """Refuse settings that need more memory: the tree alone is as large as the capacity."""
        if settings["prioritized"] is True:
            size = settings["capacity"] // settings["n_envs"] * settings["n_envs"]
            tree = file.header("state.replay.tree")
            held = tree.size if tree.dtype == np.float64 else 0
            if SumTree.numbers(size) != held:
                raise Unreadable(f"a memory of {size:,} steps has no tree of {held:,} numbers")

    def restore(self, file: Archive) -> None:
        super().restore(file)
        file.read_into("state.target", self.target.parameters)
        file.read_into("state.explores", self._explores)
        if not (np.isfinite(self.target.parameters).all() and 0 <= self._explores <= 1):
            raise ValueError("its target network or exploration is not of finite numbers")
        written = file.number("state.replay.written")
        if not 0 <= written * self.n_envs <= self.steps:
            raise ValueError(f"its memory has {written} rows after {self.steps} steps")
        if min(written, self.replay.length) != file.header("state.replay.rewards").shape[0]:
            raise ValueError(f"its memory does not hold the {written} rows that it counts")
        self.replay.prepare(written)
        for name, array in self.replay.arrays().items():
            if name != "written":
                fill(file, f"replay.{name}", array)
        self.replay.expect_steps(self.n_actions)


class Duelling(Layer):
    """Q_j = V + A_j - mean A, for an input [A_1 ... A_n, V] (Wang et al. 2016, equation 9).

    Subtracting the mean makes V and A unique: otherwise adding a number to one and subtracting it
    from the other would change nothing.
    """

    releases_arrays = True

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1 or input_shape[0] < 2:
            raise ShapeError(f"needs an input of shape (actions + 1,); got {input_shape}")
        return (input_shape[0] - 1,)

    formulas = Formulas(
        input="Z",
        output="Q",
        forward=(
            Formula("A", "Z[:, :-1]", r"A = Z_{1 \dots n}"),
            Formula("V", "Z[:, -1:]", "V = Z_{n+1}"),
            Formula("Q", "V + A - A.mean(axis=1, keepdims=True)", r"Q_j = V + A_j - \bar A"),
        ),
        backward=(
            Formula(
                "dZ",
                "concatenate([dQ - dQ.mean(axis=1, keepdims=True), dQ.sum(axis=1, keepdims=True)],"
                " axis=1)",
                r"dA_j = dQ_j - \overline{dQ},\; dV = \sum_j dQ_j",
            ),
        ),
    )

    def forward(self, Z: Array, cache: Cache) -> Array:
        A, V = Z[:, :-1], Z[:, -1:]
        Q = cache.array("Q", A.shape, Z.dtype)
        mean = cache.array("mean", V.shape, Z.dtype)
        np.mean(A, axis=1, keepdims=True, out=mean)
        np.subtract(A, mean, out=Q)
        return np.add(Q, V, out=Q)

    def backward(self, dQ: Array, cache: Cache) -> Array:
        m, n = dQ.shape
        dZ = cache.array("dZ", (m, n + 1), dQ.dtype)
        dA, dV = dZ[:, :-1], dZ[:, -1:]
        np.sum(dQ, axis=1, keepdims=True, out=dV)
        np.divide(dV, n, out=cache.array("mean_gradient", (m, 1), dQ.dtype))
        np.subtract(dQ, cache["mean_gradient"], out=dA)
        return dZ
