"""The memory against what was put into it."""

import numpy as np
import pytest

from plainnet.errors import SettingError
from plainnet.rl.environments import Step
from plainnet.rl.replay import Replay, SumTree


class Story:
    """Steps of n environments whose observations are (environment, count), rewards are counts."""

    def __init__(self, replay: Replay, n: int, rng, ends: float = 0.2) -> None:
        self.replay, self.n, self.rng, self.ends = replay, n, rng, ends
        self.log: list[tuple[np.ndarray, Step]] = []

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            t, n = len(self.log), self.n
            seen = np.column_stack([np.arange(n), np.full(n, t)]).astype(np.float32)
            terminated = self.rng.random(n) < self.ends / 2
            done = terminated | (self.rng.random(n) < self.ends / 2)
            rewards = np.full(n, t + 1, np.float32)
            step = Step(rewards, terminated, done, seen + np.array([0, 0.5]))
            self.replay.add(seen, np.full((n, 1), t % 3), step)
            self.log.append((seen, step))


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("prioritized", [False, True])
@pytest.mark.parametrize("steps", [5, 12, 40])
def test_what_is_drawn_is_what_happened(n_steps, prioritized, steps, rng):
    n, gamma = 2, 0.5
    replay = Replay(24, n, 2, 1, n_steps=n_steps, gamma=gamma, prioritized=prioritized)
    story = Story(replay, n, rng)
    story.go_on(steps)
    assert len(replay) == min(steps, 12) * n
    batch = replay.draw(400, rng)
    drawn = set()
    for k in range(400):
        i, t = batch.observations[k].astype(int)
        drawn.add((i, t))
        R, discount, u = 0.0, 1.0, t
        while True:
            step = story.log[u][1]
            R += discount * step.rewards[i]
            discount *= gamma
            if step.done[i] or u == t + n_steps - 1:
                break
            u += 1
        assert batch.actions[k, 0] == t % 3
        assert batch.rewards[k] == pytest.approx(R)
        assert batch.reached[k].tolist() == [i, u + 0.5]
        assert batch.discounts[k] == pytest.approx(0 if step.terminated[i] else discount)
    # All that is still there, but for the last whose sums are not whole yet.
    first, last = max(steps - 12, 0), steps - n_steps
    expected = {(i, t) for i in range(n) for t in range(first, last + 1)}
    assert drawn == expected


def test_episodes_that_are_cut_do_not_go_on(rng):
    replay = Replay(100, 1, 2, 1, n_steps=3, gamma=1.0)
    story = Story(replay, 1, rng, ends=0.0)
    story.go_on(4)
    replay.cut()
    story.go_on(6)
    batch = replay.draw(300, rng)
    for (_, t), (_, reached) in zip(batch.observations, batch.reached, strict=True):
        assert reached == (3.5 if t < 4 and t + 2 >= 3 else t + 2.5)
    assert (batch.discounts == 1).all()  # cut off, not terminated


def test_steps_are_drawn_by_their_errors(rng):
    replay = Replay(8, 1, 2, 1, prioritized=True, alpha=1.0, beta=1.0)
    Story(replay, 1, rng).go_on(8)
    batch = replay.draw(8, rng)
    assert sorted(batch.places) == list(range(8))  # all are new, and so equally likely
    assert batch.weights.tolist() == [1] * 8
    replay.prioritize(np.arange(8), np.array([0, 0, 0, 3.0, 0, -1.0, 0, 0]))
    batch = replay.draw(4000, rng)
    found = np.bincount(batch.places, minlength=8) / 4000
    np.testing.assert_allclose(found[[3, 5]], [0.75, 0.25], atol=0.01)
    # beta = 1: weights undo the difference, relative to the rarest that was drawn.
    w3, w5 = (batch.weights[batch.places == place][0] for place in (3, 5))
    assert w5 / w3 == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("size", [1, 2, 5, 64, 100])
def test_a_tree_sums_and_draws_like_a_list(size, rng):
    tree, numbers = SumTree(size), np.zeros(size)
    for _ in range(20):
        places = rng.integers(0, size, 3)
        values = rng.random(3)
        values[places == places[0]] = values[0]  # the same place gets the same number
        tree.set(places, values)
        numbers[places] = values
    assert tree.tree[1] == pytest.approx(numbers.sum())
    assert tree.highest == 1  # the numbers are below it
    places, probabilities = tree.draw(5000, rng)
    np.testing.assert_allclose(probabilities, numbers[places] / numbers.sum())
    found = np.bincount(places, minlength=size) / 5000
    np.testing.assert_allclose(found, numbers / numbers.sum(), atol=2 / 5000 + 1e-9)


def test_a_memory_too_small_is_refused():
    with pytest.raises(SettingError, match="a memory of 10 steps is too small for 4 environments"):
        Replay(10, 4, 2, 1, n_steps=2)
