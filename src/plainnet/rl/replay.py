"""The replay memory of off-policy agents: the last steps of all environments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError
from plainnet.layers.base import Array
from plainnet.rl.environments import Step

FIRST_ROWS = 1024
KEPT = ("observations", "reached", "actions", "rewards", "terminated", "done")


@dataclass(frozen=True)
class Batch:
    """Steps drawn from memory, arrays of length m; the next state lies up to `n_steps` later."""

    places: Array
    """Their places in memory; see `Replay.prioritize`."""
    observations: Array
    actions: Array
    rewards: Array
    """sum_k gamma^k r_(t+k), up to the end of the episode."""
    reached: Array
    discounts: Array
    """The factor of V(s'): gamma^(number of rewards), or 0 if the episode has terminated."""
    weights: Array
    """The weights that correct for priorities; 1 without them."""


class Replay:
    """The last `capacity` steps, over n environments that step together.

    Parameters
    ----------
    capacity : int
        How many steps are kept.
    n, width, numbers : int
        The number of environments, and the lengths of an observation and an action.
    n_steps : int
        How many rewards are summed before the next state (Sutton 1988).
    gamma : float
        The discount.
    prioritized : bool
        Draw a step with a probability that grows with its last error (Schaul et al. 2016): see
        `prioritize`.
    alpha, beta : float
        Exponents of the priorities and of the weights; beta is the share of the bias that the
        weights remove.
    dtype : float32 or float64
        Type of the stored observations; rewards are stored in float64.
    """

    def __init__(
        self,
        capacity: int,
        n: int,
        width: int,
        numbers: int,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
        prioritized: bool = False,
        alpha: float = 0.6,
        beta: float = 0.4,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.length = capacity // n
        self._shape, self._numbers = (n, width), numbers
        if self.length <= n_steps:
            raise SettingError(
                f"a memory of {capacity} steps is too small for {n} environments and "
                f"n_steps={n_steps}"
            )
        self.n, self.n_steps, self.gamma = n, n_steps, gamma
        self.alpha, self.beta = alpha, beta
        self._dtype = np.dtype(dtype)
        self._make_room(FIRST_ROWS)
        self.written = np.zeros((), int)
        """Rows written so far; row i lies at i modulo length."""
        self.priorities = SumTree(self.length * n) if prioritized else None

    def _make_room(self, rows: int) -> None:
        """Memory for this many rows; it grows with what is kept, up to the capacity."""
        n, width = self._shape
        kept, old = (min(rows, self.length), n), vars(self).copy()
        self.observations = np.zeros((*kept, width), self._dtype)
        self.reached = np.zeros((*kept, width), self._dtype)
        self.actions = np.zeros((*kept, self._numbers), np.float32)
        self.rewards = np.zeros(kept)
        self.terminated, self.done = np.zeros((2, *kept), bool)
        for name in KEPT:
            if name in old:
                getattr(self, name)[: len(old[name])] = old[name]

    def _kept(self) -> dict[str, Array]:
        return {name: getattr(self, name) for name in KEPT}

    def __len__(self) -> int:
        return min(int(self.written), self.length) * self.n

    def add(self, observations: Array, actions: Array, step: Step) -> None:
        """Store one step of all environments."""
        row = int(self.written) % self.length
        if row == len(self.rewards):
            self._make_room(2 * row)
        self.observations[row], self.actions[row] = observations, actions
        self.rewards[row], self.reached[row] = step.rewards, step.reached
        self.terminated[row], self.done[row] = step.terminated, step.done
        self.written += 1
        if self.priorities is not None:
            # The steps that get a whole n-step sum by this one are seen soon; those whose place
            # comes next in the ring have lost theirs.
            ready = (row - self.n_steps + 1) % self.length
            self._set(row, 0.0)
            if self.written >= self.n_steps:
                self._set(ready, float(self.priorities.highest))

    def _set(self, row: int, priority: float) -> None:
        if self.priorities is not None:
            self.priorities.set(row * self.n + np.arange(self.n), np.full(self.n, priority))

    def cut(self) -> None:
        """End all episodes here: the next steps begin new ones."""
        if self.written:
            self.done[(int(self.written) - 1) % self.length] = True

    def draw(self, m: int, rng: np.random.Generator) -> Batch:
        """Draw m steps from those that are followed by n_steps - 1 others."""
        if self.priorities is None:
            first = max(int(self.written) - self.length, 0)
            rows = rng.integers(first, int(self.written) - self.n_steps + 1, m) % self.length
            columns = rng.integers(0, self.n, m)
            places = rows * self.n + columns
            weights: Array = np.ones(m, np.float32)
        else:
            places, probabilities = self.priorities.draw(m, rng)
            rows, columns = np.divmod(places, self.n)
            weights = (len(self) * probabilities) ** -self.beta
            weights = (weights / weights.max()).astype(np.float32)

        R, discount = np.zeros(m), np.ones(m)
        going, last = np.ones(m, bool), rows.copy()
        for _ in range(self.n_steps):
            R += going * discount * self.rewards[last, columns]
            discount = np.where(going, discount * self.gamma, discount)
            going &= ~self.done[last, columns]
            last = np.where(going, (last + 1) % self.length, last)
        # The loop took one step too many where the episode went on.
        last = np.where(going, (last - 1) % self.length, last)
        return Batch(
            places,
            self.observations[rows, columns],
            self.actions[rows, columns],
            R,
            self.reached[last, columns],
            discount * ~self.terminated[last, columns],
            weights,
        )

    def prioritize(self, places: Array, errors: Array) -> None:
        """Set the priorities of these steps for later draws: p = (|error| + small)^alpha."""
        if self.priorities is not None:
            self.priorities.set(places, (np.abs(errors) + 1e-3) ** self.alpha)

    def arrays(self) -> dict[str, Array]:
        """Views of everything stored, without rows that are still empty."""
        rows = slice(min(int(self.written), self.length))
        arrays = {name: array[rows] for name, array in self._kept().items()}
        arrays["written"] = self.written
        if self.priorities is not None:
            arrays |= {"tree": self.priorities.tree, "highest": self.priorities.highest}
        return arrays

    def prepare(self, written: int) -> None:
        """Make room for what `arrays` returned after `rows` rows, for the caller to fill."""
        self.written[...] = written
        rows = min(written, self.length)
        if rows > len(self.rewards):
            self._make_room(rows)

    def expect_steps(self, n_actions: int) -> None:
        """Refuse steps that were never made."""
        for name, array in self.arrays().items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"the memory's {name} contains NaN or infinity")
        actions = self.arrays()["actions"]
        if not np.isin(actions, np.arange(n_actions)).all():
            raise ValueError(f"the memory has an action that is not one of {n_actions}")
        if self.priorities is not None:
            rows = np.arange(max(int(self.written) - self.length, 0), int(self.written))
            ready = rows[: max(len(rows) - self.n_steps + 1, 0)] % self.length
            self.priorities.expect_at((ready[:, None] * self.n + np.arange(self.n)).reshape(-1))


class SumTree:
    """A binary tree of sums: a leaf holds the number at one place, a node its children's sum.

    Drawing a place with a probability proportional to its number, or changing a number, takes one
    step per level (Schaul et al. 2016, appendix B.2.1). All m are processed together.
    """

    def __init__(self, size: int) -> None:
        self.leaves = self.numbers(size) // 2
        self.tree = np.zeros(2 * self.leaves)
        """The root is tree[1]; below tree[i] lie tree[2 i] and tree[2 i + 1]."""
        self.highest = np.ones(())
        """The largest number so far, 1 at first: for what has not been learned from yet."""

    @staticmethod
    def numbers(size: int) -> int:
        """How many nodes the tree of this many places has."""
        return 2 << (size - 1).bit_length()

    def expect_at(self, places: Array) -> None:
        """Refuse a tree with numbers at other places, or none at these; recompute its sums."""
        numbers = self.tree[self.leaves :]
        if (numbers < 0).any() or np.count_nonzero(numbers) != np.count_nonzero(numbers[places]):
            raise ValueError("the memory has priorities where it has no steps")
        if not (numbers[places] > 0).all() or not self.highest >= numbers.max(initial=0):
            raise ValueError("the memory has steps without a priority")
        self.tree[0] = 0
        stop = self.leaves
        while stop > 1:
            below = self.tree[stop : 2 * stop]
            self.tree[stop // 2 : stop] = below[::2] + below[1::2]
            stop //= 2

    def set(self, places: Array, numbers: Array) -> None:
        nodes = places + self.leaves
        self.tree[nodes] = numbers
        np.maximum(self.highest, numbers.max(), out=self.highest)
        while nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self.tree[nodes] = self.tree[2 * nodes] + self.tree[2 * nodes + 1]

    def draw(self, m: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw m places, one from each of m equal parts of the sum; also their probabilities."""
        total = self.tree[1]
        left = (np.arange(m) + rng.random(m)) * (total / m)
        nodes = np.ones(m, int)
        while nodes[0] < self.leaves:
            nodes *= 2
            right = left >= self.tree[nodes]
            # Rounding must not lead to where nothing lies.
            right &= self.tree[nodes + 1] > 0
            left -= np.where(right, self.tree[nodes], 0)
            nodes += right
        return nodes - self.leaves, self.tree[nodes] / total
