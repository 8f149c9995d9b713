"""Environments in step with each other."""

from inspect import signature

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple

from plainnet.errors import DataError, DivergedError, MissingExtraError, SettingError
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
    """Shows what it is told to, and takes what belongs to its actions."""

    def __init__(self, observation_space, action_space, shows=()) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.shows, self.taken = list(shows), []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.shows[0], {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.taken.append(action)
        self.t += 1
        over = self.t == len(self.shows) - 1
        return self.shows[self.t], 0.0, over, False, {}


def one_of(env: gymnasium.Env) -> Environments:
    environments = Environments(lambda: env, 1)
    environments.reset(0)
    return environments


SEEN, ACTED = Box(-1, 1, (2,)), Discrete(2)
OF_A_DTYPE = {"dtype": np.int8} if "dtype" in signature(Discrete).parameters else {}
SMALL = Discrete(3, start=5, **OF_A_DTYPE)  # from Gymnasium 1.2 on


@pytest.mark.parametrize(
    ("seen", "acted", "message"),
    [
        (Box(0, 255, (8, 8, 3), np.uint8), ACTED, r"observation space is Box\(0, 255, \(8, 8, 3\)"),
        (Dict({"a": SEEN}), ACTED, r"observation space is Dict\("),
        (SEEN, MultiDiscrete([2, 3]), r"action space is MultiDiscrete\(\[2 3\]\)"),
        (Tuple([SEEN]), ACTED, r"observation space is Tuple\("),
        (Text(3), ACTED, r"observation space is Text\("),
        (MultiBinary(3), ACTED, r"observation space is MultiBinary\(3\)"),
        (Box(-1, 1, ()), ACTED, r"observation space is Box\(-1.0, 1.0, \(\)"),
        (Box(-1, 1, (0,)), ACTED, r"observation space is Box\("),
        (SEEN, MultiBinary(2), r"action space is MultiBinary\(2\)"),
        (SEEN, Discrete(1), r"action space is Discrete\(1\)"),
        (SEEN, Box(-1, 1, (2, 2)), r"action space is Box\(-1.0, 1.0, \(2, 2\)"),
        (SEEN, Box(-np.inf, np.inf, (2,)), r"action space is Box\(-inf, inf, \(2,\)"),
        (SEEN, Box(0, np.inf, (2,)), r"action space is Box\(0.0, inf, \(2,\)"),
        (SEEN, Box(-np.inf, 9, (2,), np.int32), r"action space is Box\("),
    ],
)
def test_spaces_that_no_agent_knows_are_refused(seen, acted, message):
    with pytest.raises(SettingError, match=rf"{message}.*; plainnet's agents see Box spaces"):
        Environments(lambda: Of(seen, acted), 1)


def test_actions_that_float32_would_make_one_are_refused():
    Environments(lambda: Of(SEEN, Discrete(2**24)), 1)
    with pytest.raises(SettingError, match="float32, which tells 16,777,216 apart"):
        Environments(lambda: Of(SEEN, Discrete(2**24 + 1)), 1)


def test_names_that_there_are_not_are_refused():
    with pytest.raises(SettingError, match="there is no environment 'CartPool-v1'"):
        Environments("CartPool-v1", 1)
    with pytest.raises(SettingError, match="n_envs must be a whole number >= 1; got 0"):
        Environments("CartPole-v1", 0)


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(MissingExtraError, match=r" install .* 'plainnet\[rl\]'"):
        Environments("CartPole-v1", 1)


# --- actions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
def test_of_integers_the_nearest_is_taken(dtype):
    env = Of(SEEN, Box(np.array([0, 2]), np.array([9, 5]), dtype=dtype), np.zeros((9, 2)))
    environments = one_of(env)
    for numbers in ([0.4, 3.6], [0.6, 2.4], [-0.7, 99], [8.9, -3.0], [9.4, 5.4]):
        environments.step(np.array([numbers], np.float32))
    assert [action.tolist() for action in env.taken] == [[0, 4], [1, 2], [0, 5], [9, 2], [9, 5]]
    assert {action.dtype for action in env.taken} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "space",
    [
        Box(-(2**63), 2**63 - 1, (1,), np.int64),
        Box(0, 2**64 - 1, (1,), np.uint64),
        Box(0, 1, (1,), np.bool_),
        Box(0.1, 0.7, (1,), np.float64),
        Box(-0.1, 0.3, (1,), np.float16),
        Box(-1e38, 1e38, (1,), np.float32),
        Discrete(3, start=-7),
        SMALL,
    ],
)
def test_every_action_belongs_to_its_space(space):
    """Gymnasium's own word for it, which `Of` asks for."""
    env = Of(SEEN, space, np.zeros((99, 2)))
    environments = one_of(env)
    if isinstance(space, Discrete):
        for k in range(3):
            environments.step(np.array([k]))
        assert env.taken == [space.start, space.start + 1, space.start + 2]
    else:
        for number in (-1e39, -1e19, -0.51, 0.0, 0.49, 0.51, 1e19, 1e39):
            environments.step(np.array([[number]]))
        assert env.taken[0] == space.low
        assert env.taken[-1] == space.high
    assert {np.asarray(action).dtype for action in env.taken} == {space.dtype}
    assert {np.shape(action) for action in env.taken} == {space.shape}


def test_actions_that_are_not_finite_are_the_policys_fault():
    environments = one_of(Of(SEEN, Box(-1, 1, (1,)), np.zeros((9, 2))))
    with pytest.raises(
        DivergedError, match=r"after 0 steps .* the policy's actions are not finite"
    ):
        environments.step(np.array([[np.nan]]))


# --- observations ---------------------------------------------------------------------------------


def test_observations_keep_all_their_digits():
    """Whatever the space says that they are."""
    numbers = np.array([[2**24 + 1, 1e6 + 1e-6], [2**24 + 2, 1e6], [2**24, 1e6], [0, 0]])
    for space in (Box(-1e9, 1e9, (2,), np.float64), Box(-1e9, 1e9, (2,), np.float32)):
        environments = one_of(Of(space, ACTED, numbers[:3]))
        assert environments.observations.tolist() == [numbers[0].tolist()]
        step = environments.step(np.array([0]))
        assert step.reached.tolist() == [numbers[1].tolist()]
        step = environments.step(np.array([0]))  # the last: the next episode begins
        assert step.reached.tolist() == [numbers[2].tolist()]
        assert environments.observations.tolist() == [numbers[0].tolist()]


@pytest.mark.parametrize(
    ("dtype", "inside"),
    [
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.int32, np.float64),
        (np.int64, np.float64),
        (np.float64, np.float64),
    ],
)
def test_small_dtypes_are_seen_in_float32_and_others_in_float64(dtype, inside):
    environments = one_of(Of(Box(0, 99, (2,), dtype), ACTED, np.array([[7, 99]] * 3, dtype)))
    assert environments.observations.dtype == inside
    assert environments.observations.tolist() == [[7, 99]]


def test_a_last_observation_outlives_the_next_episode():
    """Some environments write every observation into one array."""

    class Reusing(Of):
        def __init__(self):
            super().__init__(SEEN, ACTED, [0, 1, 2])
            self.array = np.zeros(2, np.float32)

        def reset(self, **settings):
            self.array[:] = super().reset(**settings)[0]
            return self.array, {}

        def step(self, action):
            self.array[:], *rest = super().step(action)
            return self.array, *rest

    environments = Environments(Reusing, 2)
    first = environments.reset(0)
    environments.step(np.array([0, 0]))
    step = environments.step(np.array([0, 0]))
    assert step.reached.tolist() == [[2, 2], [2, 2]]
    assert first.tolist() == environments.observations.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ([1, np.nan], "the observation of environment 0 after 1 steps has nan in position 1"),
        ([-np.inf, 1], "has -inf in position 0; there must be no NaN or infinity in it"),
        ([1, 1e39], r"has 1e\+39 in position 1; .* no number beyond 3\.4e\+38"),
        ([1, 2, 3], r"observations must be numbers of shape \(2,\); got"),
        (["a", "b"], r"observations must be numbers of shape \(2,\); got"),
        (None, r"observations must be numbers of shape \(2,\); got"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_what_cannot_be_learned_from_is_named(shown, message, last):
    shows = [[0, 0], shown] if last else [[0, 0], shown, [0, 0]]
    environments = one_of(Of(SEEN, ACTED, shows))
    with pytest.raises(DataError, match=message):
        environments.step(np.array([0]))


@pytest.mark.parametrize("shown", [4, 7, 5.5, -1, [5]])
def test_an_id_is_one_of_the_spaces(shown):
    space = Discrete(2, start=5)
    one_hot = one_of(Of(space, ACTED, [5, 6, 6, 5])).step(np.array([0])).reached
    assert one_hot.tolist() == [[0, 1]]
    with pytest.raises(DataError, match="observations"):
        one_of(Of(space, ACTED, [5, shown, 5])).step(np.array([0]))


@pytest.mark.parametrize("reward", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_is_named(reward):
    class Generous(Corridor):
        def step(self, action):
            seen, _, *rest = super().step(action)
            return seen, reward if action == 2 else 0.0, *rest

    environments = Environments(Generous, 3)
    environments.reset(0)
    message = f"after 3 steps environment 1 gave the reward {reward}; rewards must be finite"
    with pytest.raises(DataError, match=message):
        environments.step(np.array([0, 1, 0]))


def test_a_reward_is_one_number():
    class Many(Corridor):
        def step(self, action):
            seen, _, *rest = super().step(action)
            return seen, np.zeros(2), *rest

    environments = Environments(Many, 1)
    environments.reset(0)
    with pytest.raises(DataError, match=r"gave the reward array\(.*a reward must be one number"):
        environments.step(np.array([0]))


def test_rewards_keep_their_differences():
    class Rich(Corridor):
        def step(self, action):
            seen, reward, *rest = super().step(action)
            return seen, 1e9 + reward, *rest

    environments = Environments(Rich, 2)
    environments.reset(0)
    rewards = environments.step(np.array([0, 1])).rewards
    np.testing.assert_allclose(rewards - 1e9, [-0.1, -0.1], rtol=1e-5)


# --- an environment of one's own ------------------------------------------------------------------


class Inside(gymnasium.Env):
    """A wrapper that Gymnasium knows nothing of."""

    def __init__(self, env) -> None:
        self.env = env
        self.observation_space, self.action_space = env.observation_space, env.action_space


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: env,
        gymnasium.wrappers.RecordEpisodeStatistics,
        lambda env: gymnasium.wrappers.TimeLimit(gymnasium.wrappers.Autoreset(env), 9),
        Inside,
    ],
)
def test_copies_of_one_object_are_refused(wrap):
    env = Corridor()
    with pytest.raises(SettingError, match=r"is in use already.*must make a new environment each"):
        Environments(lambda: wrap(env), 2)
    alone = Environments(lambda: wrap(env), 1)  # the one before left nothing behind
    with pytest.raises(SettingError, match="is in use already"):
        Environments(lambda: wrap(env), 1)
    alone.close()
    Environments(lambda: wrap(env), 1)


def test_a_function_that_makes_two_objects_in_turn_is_refused():
    pair, calls = [Corridor(), Corridor()], []

    def in_turn():
        calls.append(1)
        return pair[len(calls) % 2]

    two = Environments(in_turn, 2)
    with pytest.raises(SettingError, match="is in use already"):
        two.make()
    del two
    with pytest.raises(SettingError, match="is in use already"):
        Environments(in_turn, 4)


def test_a_function_has_to_make_environments_of_the_same_spaces():
    with pytest.raises(SettingError, match=r"must make a gymnasium\.Env; got None"):
        Environments(lambda: None, 1)
    sizes = iter([2, 3])
    with pytest.raises(SettingError, match="of the same spaces each time; got Box"):
        Environments(lambda: Of(Box(0, 1, (next(sizes),)), ACTED), 2)
