"""Returns and advantages against the sums that define them."""

from fractions import Fraction

import numpy as np
import pytest

from plainnet.errors import SettingError
from plainnet.rl.returns import discounted, generalized_advantages, require_discounts, standardized
from plainnet.rl.running import RunningStatistics


@pytest.fixture
def roll(rng):
    T, n = 12, 3
    terminated = rng.random((T, n)) < 0.15
    done = terminated | (rng.random((T, n)) < 0.15)
    rewards, values, next_values = rng.standard_normal((3, T, n))
    return rewards, values, next_values, terminated, done


@pytest.mark.parametrize(("gamma", "lam"), [(0.9, 0.8), (1.0, 1.0), (0.99, 0.0), (0.0, 0.9)])
def test_advantages_are_sums_of_discounted_surprises(roll, gamma, lam):
    rewards, values, next_values, terminated, done = roll
    T, n = rewards.shape
    expected = np.zeros((T, n))
    for t, i in np.ndindex(T, n):
        factor = 1.0
        for u in range(t, T):
            following = 0.0 if terminated[u, i] else next_values[u, i]
            expected[t, i] += factor * (rewards[u, i] + gamma * following - values[u, i])
            factor *= gamma * lam
            if done[u, i]:
                break
    found = generalized_advantages(*roll, gamma, lam)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_returns_are_discounted_sums_of_the_episode(roll):
    rewards, *_, done = roll
    last = np.array([1.0, -2.0, 3.0])
    found = discounted(rewards, done, last, 0.9)
    T, n = rewards.shape
    for t, i in np.ndindex(T, n):
        total, factor = 0.0, 1.0
        for u in range(t, T):
            total += factor * rewards[u, i]
            factor *= 0.9
            if done[u, i]:
                break
        else:
            total += factor * last[i]
        assert found[t, i] == pytest.approx(total, rel=1e-12)


def test_discounts_lie_between_0_and_1():
    require_discounts(gamma=1, lam=0)
    with pytest.raises(SettingError, match=r"gamma must be <= 1; got 1\.01"):
        require_discounts(gamma=1.01)
    with pytest.raises(SettingError, match=r"lam must be >= 0; got -0\.1"):
        require_discounts(lam=-0.1)


def test_running_statistics_are_those_of_all_batches(rng):
    statistics, batches = RunningStatistics((3,)), []
    assert statistics.deviation.tolist() == [1, 1, 1]
    for m in (1, 7, 30):
        batches.append(rng.standard_normal((m, 3)) * [1, 10, 0] + [5, -100, 2])
        statistics.see(batches[-1])
    everything = np.concatenate(batches)
    np.testing.assert_allclose(statistics.mean, everything.mean(axis=0), rtol=1e-12)
    expected = [*everything.std(axis=0)[:2], 1]  # what never changes is not blown up
    np.testing.assert_allclose(statistics.deviation, expected, rtol=1e-12)
    scaled = statistics.normalized(np.array([[5, -100, 2], [1e9, 0, 2]], np.float32))
    assert scaled.dtype == np.float32
    assert abs(scaled[0]).max() < 1
    assert scaled[1, 0] == 10


@pytest.mark.parametrize("offset", [0, 1, 10**6, 2**24 + 1, 10**12])
@pytest.mark.parametrize("step", [1, 1e-3, 1e-6, 1e-100])
@pytest.mark.parametrize("m", [1, 3])
def test_small_differences_count_down_to_the_rounding_of_the_mean(offset, step, m):
    """Against exact fractions of the numbers that float64 holds."""
    numbers = np.array([offset + k * step for k in (3, -1, 4, 1, -5, 9, 2, -6, 5)])
    statistics = RunningStatistics((1,))
    for batch in numbers.reshape(-1, m, 1):
        statistics.see(batch)
    exact = [Fraction(x) for x in numbers.tolist()]
    mean = sum(exact) / 9
    variance = sum((x - mean) ** 2 for x in exact) / 9
    deviation = float(variance * 10**240) ** 0.5 / 1e120
    if step < offset * 1e-15:  # float64 holds no differences, or only those of its last digit
        assert statistics.deviation.tolist() == [1]
        return
    rounding = np.spacing(float(offset)) / deviation  # of the mean, in deviations
    assert statistics.deviation[0] == pytest.approx(deviation, rel=1e-12 + rounding)
    scaled = statistics.normalized(numbers[:, None])
    expected = [float((x - mean) / Fraction(deviation)) for x in exact]
    np.testing.assert_allclose(scaled[:, 0], expected, rtol=1e-6, atol=1e-6 + 2 * rounding)
    assert scaled.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [0.1, 1 / 3, -1e6 / 7, 1e-30, 16_777_217])
def test_what_never_changes_is_not_blown_up(dtype, number, rng):
    one = np.array(number, dtype)
    statistics = RunningStatistics((2,))
    for m in rng.integers(1, 20, 500):
        # Beside a constant, one whose last digit is not sure.
        batch = np.full((m, 2), one)
        batch[:, 1] = np.where(rng.random(m) < 0.5, one, np.nextafter(one, dtype(np.inf)))
        statistics.see(batch)
    assert statistics.squares[0] == 0
    assert statistics.deviation.tolist() == [1, 1]
    assert abs(statistics.normalized(batch)).max() <= 1e-6 * max(abs(number), 1e-30) + 1e-12


def test_advantages_are_standardized_whatever_their_size():
    A = np.array([1.0, 2, 3, 4])
    expected = np.array([-3, -1, 1, 3]) / 5**0.5  # mean 2.5, deviation sqrt(5) / 2
    for size in (1e-12, 1, 1e12):
        np.testing.assert_allclose(standardized(A * size), expected, rtol=1e-12)
    np.testing.assert_allclose(standardized(A + 1e9), expected, rtol=1e-6)
    assert standardized(np.full(7, 0.1)).tolist() == [0] * 7
