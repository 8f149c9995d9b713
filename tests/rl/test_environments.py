"""Environments in step with each other."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete

from plainnet.errors import MissingExtraError, SettingError
from plainnet.rl.environments import Environments
from rl.corridor import Aim, Corridor


def test_what_was_reached_is_not_where_the_next_episode_begins():
    environments = Environments(Corridor, 2)
    first = environments.reset(0)
    np.testing.assert_array_equal(first, [[1, 1], [1, 1]])
    step = environments.step(np.array([0, 1]))  # left, over; right
    assert step.rewards.tolist() == pytest.approx([-0.1, -0.1])
    assert step.terminated.tolist() == step.done.tolist() == [True, False]
    np.testing.assert_array_equal(step.reached, [[0, 1], [2, 1]])
    np.testing.assert_array_equal(environments.observations, [[1, 1], [2, 1]])
    np.testing.assert_array_equal(first, [[1, 1], [1, 1]])  # nobody has written over it
    assert environments.episodes == [(2, pytest.approx(-0.1), 1)]
    for _ in range(2):
        environments.step(np.array([1, 1]))
    assert environments.episodes[1:] == [(6, pytest.approx(0.7), 3)]
    assert environments.steps == 6


def test_an_episode_that_is_cut_off_has_not_terminated():
    environments = Environments(lambda: Corridor(limit=2), 1)
    environments.reset(0)
    environments.step(np.array([1]))
    step = environments.step(np.array([0]))
    assert (step.done.tolist(), step.terminated.tolist()) == ([True], [False])
    np.testing.assert_array_equal(step.reached, [[1, 1]])


def test_ids_are_seen_one_hot():
    environments = Environments(lambda: Corridor(one_hot=True), 2)
    assert environments.width == 5
    np.testing.assert_array_equal(environments.reset(0), np.eye(5)[[1, 1]])
    step = environments.step(np.array([0, 1]))
    np.testing.assert_array_equal(step.reached, np.eye(5)[[0, 2]])
    assert step.reached.dtype == np.float32


def test_actions_are_put_between_the_bounds():
    environments = Environments(Aim, 3)
    seen = environments.reset(0)
    step = environments.step(np.array([[-5.0], [0.5], [5.0]]))
    expected = -((np.array([-1, 0.5, 1]) - seen[:, 0]) ** 2)
    np.testing.assert_allclose(step.rewards, expected, rtol=1e-5)


def test_a_seed_decides_the_episodes_and_no_two_are_alike():
    one, other = (Environments("CartPole-v1", 3).reset(seed) for seed in (5, 5))
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 3
    assert (Environments("CartPole-v1", 3).reset(6) != one).all()


class Of(gymnasium.Env):
    def __init__(self, observation_space, action_space) -> None:
        self.observation_space, self.action_space = observation_space, action_space


SEEN, ACTED = Box(-1, 1, (2,)), Discrete(2)


@pytest.mark.parametrize(
    ("seen", "acted", "message"),
    [
        (Box(0, 255, (8, 8, 3), np.uint8), ACTED, r"observation space is Box\(0, 255, \(8, 8, 3\)"),
        (Dict({"a": SEEN}), ACTED, r"observation space is Dict\("),
        (SEEN, MultiDiscrete([2, 3]), r"action space is MultiDiscrete\(\[2 3\]\)"),
        (SEEN, Box(-np.inf, np.inf, (2,)), r"action space is Box\(-inf, inf, \(2,\)"),
    ],
)
def test_spaces_that_no_agent_knows_are_refused(seen, acted, message):
    with pytest.raises(SettingError, match=rf"{message}.*; plainnet's agents see Box spaces"):
        Environments(lambda: Of(seen, acted), 1)


def test_names_that_there_are_not_are_refused():
    with pytest.raises(SettingError, match="there is no environment 'CartPool-v1'"):
        Environments("CartPool-v1", 1)
    with pytest.raises(SettingError, match="n_envs must be a whole number >= 1; got 0"):
        Environments("CartPole-v1", 0)


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plainnet\[rl\]'"):
        Environments("CartPole-v1", 1)
