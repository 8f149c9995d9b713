"""Agents: they find the best behaviour of small environments, repeat themselves, and go on."""

import gc
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from plainnet.errors import DataError, DivergedError, FileError, SettingError, ShapeError
from plainnet.rl import A2C, DQN, PPO, REINFORCE, Agent, environments, episode, load_agent
from rl.corridor import Aim, Corridor

SMALL = {"hidden": (16,), "n_envs": 4, "seed": 0}
ON_CORRIDOR = [
    lambda env, **s: PPO(env, n_steps=32, gamma=0.9, **SMALL | s),
    lambda env, **s: A2C(env, learning_rate=0.01, **SMALL | s),
    lambda env, **s: REINFORCE(env, learning_rate=0.02, **SMALL | s),
    lambda env, **s: DQN(
        env, learning_rate=3e-3, learning_starts=100, target_every=20, tau=1.0, **SMALL | s
    ),
    lambda env, **s: DQN(
        env,
        learning_rate=3e-3,
        learning_starts=100,
        target_every=20,
        tau=1.0,
        double=False,
        duelling=True,
        n_steps=3,
        prioritized=True,
        **SMALL | s,
    ),
]
every = pytest.mark.parametrize("make", ON_CORRIDOR, ids=["ppo", "a2c", "reinforce", "dqn", "dqn+"])


@every
@pytest.mark.parametrize("one_hot", [False, True])
def test_it_finds_the_end_of_the_corridor(make, one_hot):
    agent = make(lambda: Corridor(one_hot=one_hot)).learn(4000, progress=False)
    np.testing.assert_allclose(agent.evaluate(6), 0.7)
    assert agent.learning.recent() > 0.5
    assert agent.steps >= 4000
    assert agent.learning.steps[-1] <= agent.steps


@pytest.mark.parametrize(
    "make",
    [
        lambda: PPO(Aim, n_steps=32, learning_rate=3e-3, **SMALL),
        lambda: A2C(Aim, learning_rate=0.01, **SMALL),
        lambda: REINFORCE(Aim, learning_rate=0.02, **SMALL | {"n_envs": 32}),
    ],
)
def test_it_learns_to_aim(make):
    agent = make()
    before = agent.evaluate(50).mean()
    agent.learn(8000, progress=False)
    assert agent.evaluate(50).mean() > -0.01 > 10 * before
    (action,) = agent.act(np.array([0.5], np.float32))
    assert action == pytest.approx(0.5, abs=0.15)


@every
def test_a_seed_decides_everything(make):
    agents = [make("CartPole-v1", seed=seed) for seed in (3, 3, 4)]
    for agent in agents:
        agent.learn(600, progress=False)
    parameters = [next(iter(agent.learners.values()))[0].parameters for agent in agents]
    np.testing.assert_array_equal(parameters[0], parameters[1])
    assert agents[0].learning.rows == agents[1].learning.rows
    assert (parameters[0] != parameters[2]).any()


@every
def test_a_loaded_agent_goes_on_as_if_nothing_had_happened(make, tmp_path):
    path = tmp_path / "agent.npz"
    whole = make("CartPole-v1").learn(1200, progress=False, checkpoint=tmp_path / "w", every=600)

    make("CartPole-v1").learn(1200, progress=False, checkpoint=path, every=600)
    halfway = make("CartPole-v1")
    halfway._learn_until(600, 1200, None, None)  # and then the power fails
    halfway.save(path)
    resumed = load_agent(path)
    assert repr(resumed) == repr(whole)
    assert resumed.steps == halfway.steps < whole.steps
    resumed.learn(1200, progress=False, checkpoint=path, every=600)

    assert resumed.learning.rows == whole.learning.rows
    for name, (network, optimizer) in whole.learners.items():
        np.testing.assert_array_equal(resumed.learners[name][0].parameters, network.parameters)
        assert resumed.learners[name][1].steps == optimizer.steps
    np.testing.assert_array_equal(load_agent(path).evaluate(3), whole.evaluate(3))


def test_normalized_observations_and_rewards_are_saved_too(tmp_path):
    agent = PPO(
        "Pendulum-v1", n_steps=16, normalize_observations=True, normalize_rewards=True, **SMALL
    ).learn(300, progress=False)
    agent.save(tmp_path / "agent")
    X = np.array([[0.5, 0.1, 3.0]], np.float32)
    np.testing.assert_array_equal(load_agent(tmp_path / "agent").act(X), agent.act(X))
    assert agent.statistics["observations"].count > 300


def test_the_first_epoch_begins_at_the_policy_that_acted():
    """Also where the statistics have moved on since."""
    agent = PPO("Pendulum-v1", n_steps=16, normalize_observations=True, **SMALL)
    agent.environments.reset(0)
    roll = agent.roll(16)
    agent.roll(16)
    again = agent.outputs(roll.X.reshape(64, -1))[:, :-1]
    np.testing.assert_allclose(again, roll.theta.reshape(64, -1), rtol=1e-5, atol=1e-6)


def test_an_agent_of_a_function_needs_it_again(tmp_path):
    agent = A2C(Corridor, **SMALL).learn(100, progress=False)
    agent.save(tmp_path / "agent")
    with pytest.raises(SettingError, match="had a function as env: pass it to load_agent"):
        load_agent(tmp_path / "agent")
    loaded = load_agent(tmp_path / "agent", env=Corridor)
    np.testing.assert_array_equal(loaded.evaluate(4), agent.evaluate(4))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(FileError, match="is not an agent of plainnet"):
        load_agent(tmp_path / "text")
    agent = A2C(Corridor, **SMALL)
    agent.env = "CartPole-v1"
    agent.save(tmp_path / "other")  # the numbers are of another environment
    with pytest.raises(FileError, match="is not an agent of plainnet"):
        load_agent(tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        load_agent(tmp_path / "nothing")


def test_actions_have_the_shape_of_observations():
    agent: Agent = PPO("CartPole-v1", **SMALL)
    seen = np.zeros((5, 4), np.float32)
    assert agent.act(seen).shape == (5,)
    assert agent.act(seen[0]) in (0, 1)
    drawn = agent.act(np.zeros((50, 4)), rng=np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 2
    with pytest.raises(
        ShapeError, match=r"has the shape \(4,\), several have \(n, 4\); got \(3,\)"
    ):
        agent.act(np.zeros(3))
    with pytest.raises(DataError, match=r"the observation has nan in position 0; .* NaN or infin"):
        agent.act(np.full(4, np.nan))
    with pytest.raises(ShapeError, match="observations must be numbers of one shape"):
        agent.act([[1, 2, 3, 4], [5]])


def test_actions_and_observations_are_the_environments_own():
    """Corridor's actions are 1 and 2, and it may show ids."""
    for one_hot in (False, True):
        env = Corridor(one_hot=one_hot)
        agent = PPO(lambda env=env: Corridor(one_hot=env.one_hot), n_steps=32, gamma=0.9, **SMALL)
        agent.learn(3000, progress=False)
        (seen, _), total, over = env.reset(), 0.0, False
        while not over:
            seen, reward, over, _, _ = env.step(agent.act(seen))
            total += reward
        assert total == pytest.approx(0.7)
    assert agent.act(np.array([1, 2, 3])).tolist() == [2, 2, 2]
    with pytest.raises(DataError, match="observations are ids from 0 to 4; got"):
        agent.act(5)


class Coin(gymnasium.Env):
    """Tosses by its own random numbers; guessing right is worth 1."""

    observation_space, action_space = Box(0, 1, (1,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        right = action == self.np_random.gumbel(size=2).argmax()
        return np.zeros(1, np.float32), float(right), self.steps == 200, False, {}


def test_a_policy_and_an_environment_of_one_seed_have_numbers_of_their_own():
    agent = PPO(Coin, **SMALL)
    for returns in (
        agent.evaluate(1, seed=3, greedy=False)[0],
        sum(moment.reward for moment in episode(agent, seed=3, greedy=False)),
    ):
        assert 60 < returns < 140  # of 200


def test_seeds_near_by_have_episodes_of_their_own():
    agent = PPO("Pendulum-v1", n_steps=16, **SMALL)
    assert not set(agent.evaluate(20, seed=0)) & set(agent.evaluate(20, seed=1))


def test_an_episode_without_a_limit_gets_one(monkeypatch):
    class Endless(Corridor):
        def __init__(self):
            super().__init__(limit=10**9)

        def step(self, action):
            self.place = 2  # never at an end
            return super().step(action)

    monkeypatch.setattr(environments, "LONGEST", 30)
    agent = REINFORCE(Endless, **SMALL).learn(300, progress=False)
    assert set(agent.learning.lengths) == {30}
    assert agent.evaluate(2).shape == (2,)
    assert sum(1 for _ in episode(agent)) == 31


def test_ctrl_c_saves_after_the_iteration(tmp_path):
    agent = A2C("CartPole-v1", **SMALL)

    def interrupt(agent: Agent) -> None:
        if agent.steps == 200:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        agent.learn(10_000, progress=False, callback=interrupt, checkpoint=tmp_path / "a")
    assert load_agent(tmp_path / "a").steps == agent.steps == 200
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_for_checkpoints_has_to_be_there(tmp_path):
    agent = A2C("CartPole-v1", **SMALL)
    with pytest.raises(FileError, match="there is no such folder"):
        agent.learn(1000, progress=False, checkpoint=tmp_path / "none" / "a")
    assert agent.steps == 0


def test_a_small_memory_learns_too():
    agent = DQN("CartPole-v1", capacity=400, learning_starts=800, **SMALL)
    agent.learn(1000, progress=False)
    assert agent.learners["value"][1].steps > 0


def test_a_name_with_a_module_in_it_is_not_imported_by_a_file_alone(tmp_path):
    agent = A2C("CartPole-v1", **SMALL)
    agent.env = "os:CartPole-v1"
    agent.save(tmp_path / "a")
    with pytest.raises(SettingError, match="whose module a file alone must not import"):
        load_agent(tmp_path / "a")
    assert load_agent(tmp_path / "a", env="os:CartPole-v1").env == "os:CartPole-v1"
    with pytest.raises(SettingError, match="was made for 'os:CartPole-v1'; got 'CartPole-v1'"):
        load_agent(tmp_path / "a", env="CartPole-v1")


def test_evaluation_counts_as_many_episodes_of_each_environment():
    """Otherwise short episodes, which end first, would count too often."""
    returns = PPO("CartPole-v1", **SMALL).evaluate(25, seed=1)
    assert returns.shape == (25,)
    np.testing.assert_array_equal(PPO("CartPole-v1", **SMALL).evaluate(25, seed=1), returns)


@every
@pytest.mark.parametrize("n_envs", [1, 4])
@pytest.mark.parametrize("env", ["CartPole-v1", lambda: Corridor(limit=7)])
def test_evaluation_does_not_disturb_learning(make, n_envs, env):
    looks = iter([1, 100, 250])
    after = next(looks)

    def look(agent):
        nonlocal after
        if agent.steps >= after:
            agent.evaluate(2, greedy=False)
            list(islice(episode(agent), 3))  # closed before its end
            after = next(looks, 10**9)

    alone, watched = make(env, n_envs=n_envs), make(env, n_envs=n_envs)
    alone.learn(400, progress=False)
    watched.learn(400, progress=False, callback=look)
    assert after > 1
    assert watched.learning.rows == alone.learning.rows
    for name, (network, _) in alone.learners.items():
        np.testing.assert_array_equal(watched.learners[name][0].parameters, network.parameters)


@every
def test_learning_does_not_share_its_environment(make):
    """One object: it learns as on an environment of its own, and refuses what would disturb it."""
    env, made = Corridor(limit=7), []

    def look(agent):
        if len(made) == 3:
            return
        for disturb in (
            lambda: agent.evaluate(2),
            lambda: list(episode(agent)),
            lambda: make(lambda: env, n_envs=1),
        ):
            with pytest.raises(SettingError, match="must make a new environment each time"):
                disturb()
            made.append(1)

    agent = make(lambda: env, n_envs=1).learn(200, progress=False, callback=look)
    alone = make(lambda: Corridor(limit=7), n_envs=1).learn(200, progress=False)
    assert made == [1, 1, 1]
    assert agent.learning.rows == alone.learning.rows
    for name, (network, _) in alone.learners.items():
        np.testing.assert_array_equal(agent.learners[name][0].parameters, network.parameters)
    with pytest.raises(SettingError, match="must make a new environment each time"):
        make(lambda: env, n_envs=4)
    del agent
    gc.collect()
    make(lambda: env, n_envs=1)  # now nobody uses it


class Fine(Corridor):
    """The corridor in numbers whose differences float32 does not hold, or that are small."""

    observation_space = Box(-np.inf, np.inf, (3,), np.float64)

    def __init__(self, offset: float, step: float) -> None:
        super().__init__()
        self.observation_space, self.offset, self.step_size = Fine.observation_space, offset, step

    def _seen(self):
        return np.array([self.offset + self.step_size * self.place, self.offset, 0.1])


@pytest.mark.parametrize(("offset", "step"), [(0, 1e-7), (1e6, 1e-3), (-(2.0**40), 1e-3)])
@pytest.mark.parametrize(
    "make",
    [
        lambda env, **s: PPO(env, n_steps=32, gamma=0.9, **SMALL | s),
        lambda env, **s: A2C(env, learning_rate=0.01, **SMALL | s),
        lambda env, **s: REINFORCE(env, learning_rate=0.02, **SMALL | s),
        ON_CORRIDOR[3],
    ],
    ids=["ppo", "a2c", "reinforce", "dqn"],
)
def test_small_differences_are_learned_from(make, offset, step, tmp_path):
    """The values of places differ: 0.7, 0.8 and 0.9, not discounted, on the best way."""
    agent = make(lambda: Fine(offset, step), normalize_observations=True)
    agent.learn(1500, progress=False)
    np.testing.assert_allclose(agent.evaluate(6), 0.7)
    seen = np.array([[offset + step * place, offset, 0.1] for place in (1, 2, 3)])
    V = agent.values(seen)
    assert V[0] < V[1] < V[2]
    agent.save(tmp_path / "a")
    loaded = load_agent(tmp_path / "a", env=lambda: Fine(offset, step))
    np.testing.assert_array_equal(loaded.values(seen), V)
    assert loaded.act(seen).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda env: PPO(env, n_steps=64, gamma=0.0, lam=0.0, minibatches=1, epochs=1, **SMALL),
        lambda env: REINFORCE(env, gamma=0.0, **SMALL),
    ],
)
def test_an_offset_of_rewards_leaves_their_differences(make):
    """float32 cannot tell 1e9 from 1e9 + 1. With p ones among the actions, R has mean 1e9 + p and
    deviation sqrt(p (1 - p)), so that the advantages are (a - p) / sqrt(p (1 - p))."""

    class Rich(Coin):
        def step(self, action):
            seen, _, over, cut, info = super().step(action)
            return seen, 1e9 + action, over, cut, info

    agent, targets = make(Rich), []
    agent.update = lambda name, X, y, **settings: targets.append(y)
    agent.learn(64, progress=False)
    actions, advantages = targets[0][:, 0], targets[0][:, 1]
    p = actions.mean()
    assert 0.3 < p < 0.7
    expected = (actions - p) / np.sqrt(p * (1 - p))
    np.testing.assert_allclose(advantages, expected, atol=1e-6)


def test_files_from_before_act_as_they_did(tmp_path):
    """They hold no measure of noise: deviations below 1e-4 were left alone."""
    agent = PPO("Pendulum-v1", n_steps=16, normalize_observations=True, **SMALL)
    agent.learn(100, progress=False)
    statistics = agent.statistics["observations"]
    statistics.mean[:], statistics.squares[:] = [0.5, 2, 0], [statistics.count * 1e-10, 1e3, 1e3]
    agent.save(tmp_path / "new")
    with np.load(tmp_path / "new") as file:
        arrays = dict(file)
    del arrays["state.observations.noise"]
    np.savez(tmp_path / "old.npz", **arrays)
    X = np.array([[0.6, 2, 0]], np.float32)
    new, old = load_agent(tmp_path / "new"), load_agent(tmp_path / "old.npz")
    assert new.scaled(X)[0, 0] == 10
    assert old.scaled(X)[0, 0] == pytest.approx(0.1)
    old.learn(200, progress=False)
    old.save(tmp_path / "again")
    assert load_agent(tmp_path / "again").statistics["observations"].noise.tolist() == [1e-4, 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda env: PPO(env, n_steps=32, learning_rate=0.01, **SMALL),
        lambda env: A2C(env, learning_rate=0.02, **SMALL),
        lambda env: REINFORCE(env, learning_rate=0.02, **SMALL),
    ],
)
def test_integers_are_aimed_at(make):
    class Count(Aim):
        action_space = Box(np.array([0, 0]), np.array([5, 3]), dtype=np.int16)

        def step(self, action):
            assert self.action_space.contains(action), action
            assert action.dtype == np.int16
            return self.point, -abs(float(action[0]) - 2), True, False, {}

    agent = make(Count).learn(3000, progress=False)
    action = agent.act(np.zeros(1))
    assert agent.environments.acted.contains(action)
    assert agent.evaluate(10).mean() > -0.3


def test_a_checkpoint_that_cannot_be_written_is_refused_before_learning(tmp_path):
    agent = A2C("CartPole-v1", **SMALL)
    with pytest.raises(FileError, match="it is a folder; name a file in it"):
        agent.learn(1000, progress=False, checkpoint=tmp_path)
    if hasattr(os, "geteuid") and os.geteuid():  # root may write everywhere
        tmp_path.chmod(0o500)
        with pytest.raises(FileError, match="its folder is not writable"):
            agent.learn(1000, progress=False, checkpoint=tmp_path / "a")
        tmp_path.chmod(0o700)
    assert agent.steps == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PPO("CartPole-v1", epochs=10_001), "epochs is 10,001, more than 10,000"),
        (lambda: PPO("CartPole-v1", hidden=(1,) * 101), "101 hidden layers, more than 100"),
        (lambda: DQN("CartPole-v1", batch_size=2**21), "batch_size is 2,097,152, more than"),
    ],
)
def test_an_agent_that_no_file_could_give_back_is_not_saved(make, message, tmp_path):
    agent = make()
    for use in (
        lambda: agent.save(tmp_path / "a.npz"),
        lambda: agent.learn(8, checkpoint=tmp_path / "a.npz", progress=False),
    ):
        with pytest.raises(SettingError, match=message):
            use()
    assert agent.steps == 0
    assert list(tmp_path.iterdir()) == []


def test_seeds_are_whole_numbers():
    agent = A2C("CartPole-v1", **SMALL)
    for seed in (-1, 1.5, None, "a"):
        with pytest.raises(SettingError, match="seed must be a whole number >= 0; got"):
            agent.evaluate(2, seed=seed)
        with pytest.raises(SettingError, match="seed must be a whole number >= 0; got"):
            list(episode(agent, seed=seed))


def test_many_threads_may_act():
    agent = PPO("CartPole-v1", **SMALL)
    seen = np.random.default_rng(0).standard_normal((200, 64, 4)).astype(np.float32)
    expected = [agent.act(batch) for batch in seen]
    with ThreadPoolExecutor(8) as pool:
        for found, right in zip(pool.map(agent.act, seen), expected, strict=True):
            np.testing.assert_array_equal(found, right)


def test_a_loss_that_is_not_finite_ends_learning():
    agent = PPO("CartPole-v1", **SMALL)
    agent.learners["actor_critic"][0].parameters[3] = np.nan
    with pytest.raises(DivergedError, match="in learning actor_critic, the loss became nan"):
        agent.learn(600, progress=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PPO("CartPole-v1", n_envs=1, n_steps=4, minibatches=3),
            "4 steps are too few for 3 minibatches",
        ),
        (lambda: PPO("CartPole-v1", gamma=1.5), "gamma must be <= 1; got 1.5"),
        (lambda: PPO("CartPole-v1", activation="gelu"), 'activation must be "tanh" or "relu"'),
        (lambda: A2C("CartPole-v1", max_norm=0), "max_norm must be > 0; got 0"),
        (lambda: DQN("Pendulum-v1"), "DQN needs discrete actions"),
        (lambda: PPO("CartPole-v1", hidden=64), "hidden must be a tuple of layer sizes.*got 64"),
        (lambda: PPO("CartPole-v1", hidden="64"), "hidden must be a tuple of layer sizes"),
        (lambda: PPO("CartPole-v1", anneal="no"), "anneal must be a bool"),
        (lambda: DQN("CartPole-v1", duelling="False"), "duelling must be True or False"),
        (lambda: DQN("CartPole-v1", epsilon=0.1), "epsilon must be two numbers"),
        (lambda: PPO("CartPole-v1", seed=-1), "seed must be a whole number >= 0; got -1"),
        (lambda: PPO(Corridor()), "a function that makes an environment; got <.*Corridor object"),
        (lambda: PPO("nosuch:Env-v0"), "'nosuch:Env-v0' needs another package"),
        (lambda: DQN("CartPole-v1", epsilon=(1.0,)), "epsilon must be two numbers"),
        (lambda: DQN("CartPole-v1", epsilon=(1.0, 2.0)), r"epsilon\[1\] must be <= 1; got 2"),
        (lambda: PPO("CartPole-v1").learn(0), "steps must be a whole number >= 1; got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_the_curve_of_learning():
    pytest.importorskip("matplotlib").use("Agg")
    agent = A2C(Corridor, **SMALL).learn(800, progress=False)
    episodes, mean = agent.learning.plot(window=20).get_lines()
    np.testing.assert_array_equal(episodes.get_ydata(), agent.learning.returns)
    assert mean.get_ydata()[-1] == pytest.approx(agent.learning.recent(20))
    assert mean.get_xdata()[-1] == agent.learning.steps[-1]


def test_squares_below_zero_are_refused(tmp_path):
    agent = DQN("CartPole-v1", n_envs=2, hidden=(4,), learning_starts=8, batch_size=4, seed=0)
    agent.learn(64, progress=False).save(tmp_path / "a.npz")
    assert agent.saved_after == agent.steps
    with np.load(tmp_path / "a.npz") as file:
        members = dict(file)
    members["state.value.optimizer.V"][3] = -1
    np.savez(tmp_path / "a.npz", **members)
    with pytest.raises(FileError, match="its V, of squares, is negative"):
        load_agent(tmp_path / "a.npz")
