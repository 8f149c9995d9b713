"""A diagnosis of agents: planted faults are named, and nothing about the agent changes."""

from __future__ import annotations

import numpy as np
import pytest

from plainnet import Network, diagnose
from plainnet.errors import SettingError
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError

gymnasium = pytest.importorskip("gymnasium")

from plainnet.inspection.doctor.agents.code import remade, run, settings_of  # noqa: E402
from plainnet.inspection.doctor.agents.diagnosing import ranked, suspects_of  # noqa: E402
from plainnet.inspection.doctor.agents.learning import Course  # noqa: E402
from plainnet.inspection.doctor.agents.rolling import (  # noqa: E402
    Rolled,
    decided,
    moved,
    played,
    rolled,
)
from plainnet.inspection.doctor.agents.suspects import Known  # noqa: E402
from plainnet.inspection.doctor.verdicts import Verdict  # noqa: E402
from plainnet.rl import A2C, DQN, PPO, REINFORCE, Agent  # noqa: E402
from rl.corridor import Aim, Corridor  # noqa: E402

STEPS = 1000


class Match(gymnasium.Env):
    """Four times, one of 8 ids is shown; 1 for the action that belongs to it. Random: 2 of 4."""

    observation_space = gymnasium.spaces.Discrete(8)
    action_space = gymnasium.spaces.Discrete(2)
    RIGHT = (0, 1, 1, 0, 1, 0, 0, 1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._seen(), {}

    def step(self, action):
        reward = float(action == self.RIGHT[self.id])
        self.steps += 1
        return self._seen(), reward, self.steps == 4, False, {}

    def _seen(self):
        self.id = int(self.np_random.integers(8))
        return self.id


class Rich(Match):
    """The same with rewards of 1000."""

    def step(self, action):
        seen, reward, over, cut, more = super().step(action)
        return seen, 1000 * reward, over, cut, more


class Bright(Match):
    """The same as a vector, far from zero."""

    observation_space = gymnasium.spaces.Box(-1e6, 1e6, (8,), np.float32)

    def _seen(self):
        return (300 + np.eye(8)[super()._seen()]).astype(np.float32)


SMALL = {"hidden": (16,), "n_envs": 4, "gamma": 0.9, "seed": 0}
MAKE = {
    "ppo": lambda env=Match, **s: PPO(env, **{"n_steps": 64, "learning_rate": 5e-3} | SMALL | s),
    "a2c": lambda env=Match, **s: A2C(env, **{"learning_rate": 0.02} | SMALL | s),
    "reinforce": lambda env=Match, **s: REINFORCE(
        env, **{"learning_rate": 0.05} | SMALL | {"n_envs": 16} | s
    ),
    "dqn": lambda env=Match, **s: DQN(
        env, **{"learning_rate": 5e-3, "learning_starts": 100, "tau": 0.05} | SMALL | s
    ),
}


def asked(kind, **settings):
    agent = MAKE[kind](**settings)
    return diagnose(agent.learn(STEPS, progress=False))


@pytest.mark.parametrize("kind", MAKE)
def test_a_healthy_agent_is_not_called_faulty(kind):
    report = asked(kind)
    assert not report.serious
    assert "nothing_learned" not in report
    assert report.looked_at[0].startswith("what it has learned in 1,0")


@pytest.mark.parametrize(
    ("kind", "settings", "name", "code"),
    [
        ("ppo", {"learning_rate": 1e-6}, "learning_rate_too_low", "PPO(agent.env, n_envs=4, "),
        ("dqn", {"learning_starts": 990}, "replay_starts_late", "learning_starts=50"),
    ],
)
def test_a_planted_fault_is_found_first(kind, settings, name, code):
    report = asked(kind, **settings)
    assert report[0].name == name
    assert report[0].severity == "serious"
    assert code in report[0].code
    assert report[0].gain > 0.25
    assert "In a trial, the mean return rose from" in report[0].advice


def test_an_agent_that_has_not_learned_is_judged_by_a_new_one():
    report = diagnose(MAKE["ppo"](learning_rate=1e-6), steps=500)
    assert "learning_rate_too_low" in report
    assert report.left_out["what it has learned"] == "it has made 0 steps"


def test_numbers_that_are_not_finite_are_all_that_is_said():
    agent = MAKE["dqn"](learning_rate=0.02)
    agent.learners["value"][0]["0.dense.W"][0, 0] = np.nan
    report = diagnose(agent)
    assert report.names == ["not_finite"]
    assert report[0].where == "value, 0.dense.W"
    assert "learning_rate=0.002, " in report[0].code


def test_observations_of_another_size():
    report = asked("ppo", env=Bright)
    verdict = report["unscaled_observations"]
    assert verdict.where.startswith("position ")
    assert "have the mean 300 " in verdict.evidence
    assert "normalize_observations=True" in verdict.code


@pytest.mark.parametrize("kind", MAKE)
def test_nothing_about_the_agent_changes(kind):
    one, other = (MAKE[kind]().learn(400, progress=False) for _ in range(2))
    before = [env.unwrapped.np_random.bit_generator.state for env in one.environments.envs]
    seen = one.environments.observations.copy()
    diagnose(one, steps=200)
    assert [e.unwrapped.np_random.bit_generator.state for e in one.environments.envs] == before
    np.testing.assert_array_equal(one.environments.observations, seen)
    for agent in (one, other):
        agent.learn(800, progress=False)
    theirs = other.arrays()
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def test_the_same_question_has_the_same_answer():
    agent = MAKE["a2c"](learning_rate=1e-5).learn(400, progress=False)
    assert str(diagnose(agent, steps=150)) == str(diagnose(agent, steps=150))


def test_continuous_actions():
    agent = PPO(Aim, n_steps=32, learning_rate=1e-6, **SMALL)
    report = diagnose(agent, steps=600)
    assert "learning_rate_too_low" in report


# --- what is suspected ----------------------------------------------------------------------------


def known_of(agent, *, kl=0.005, outside=0.1, decided=(1.0, 0.9, 0.7, 0.6), steps=20_000):
    """As if it had learned in this way."""
    course = Course(agent, steps, 1.0, list(decided), [kl] * 4, [outside] * 4)
    course.rolled = rolled(agent, agent.env, 0)
    largest = played(None, agent.env, 8, 0).largest
    return Known(agent, course.rolled, [course], steps, 4.0, largest)


def names_of(agent, **seen):
    return [each.verdict.name for each in suspects_of(known_of(agent, **seen))]


@pytest.mark.parametrize(
    ("agent", "seen", "name"),
    [
        (PPO(Bright), {}, "unscaled_observations"),
        (PPO(Rich), {}, "unscaled_rewards"),
        (DQN(Rich), {}, "unscaled_rewards"),
        (PPO(Match, gamma=0.5), {}, "short_horizon"),
        (PPO(Match, n_envs=1, n_steps=8), {}, "short_rollouts"),
        (PPO(Match, n_steps=2048), {}, "long_rollouts"),
        (PPO(Match, clip=5.0, epochs=40), {"kl": 0.1}, "large_policy_steps"),
        (PPO(Match, clip=0.001), {}, "small_policy_steps"),
        (PPO(Match, value_weight=0.0), {}, "values_explain_nothing"),
        (PPO(Match, value_weight=100.0), {}, "large_value_weight"),
        (A2C(Match), {"decided": (1.0, 0.05, 0.01, 0.0)}, "entropy_collapse"),
        (A2C(Match, entropy_weight=1.0), {"decided": (1.0,) * 4}, "policy_stays_random"),
        (PPO(Match), {"kl": 0.2}, "learning_rate_too_high"),
        (PPO(Match), {"outside": 0.5}, "learning_rate_too_high"),
        (PPO(Match), {"kl": 1e-6, "outside": 0.0}, "learning_rate_too_low"),
        (DQN(Match, learning_rate=0.1), {"kl": np.nan}, "learning_rate_too_high"),
        (DQN(Match, learning_starts=15_000), {"kl": np.nan}, "replay_starts_late"),
        (DQN(Match, capacity=100), {"kl": np.nan}, "small_replay"),
        (DQN(Match, epsilon=(1.0, 0.9)), {"kl": np.nan}, "exploration_never_ends"),
        (DQN(Match, epsilon=(0.0, 0.0)), {"kl": np.nan}, "exploration_ends_early"),
        (DQN(Match, target_every=2000), {"kl": np.nan}, "slow_target"),
        (DQN(Match, tau=1.0), {"kl": np.nan}, "fast_target"),
        (A2C(Match, hidden=(2,)), {}, "small_network"),
    ],
)
def test_signs_of(agent, seen, name):
    assert name in names_of(agent, **seen)


@pytest.mark.parametrize("kind", [PPO, A2C, REINFORCE, DQN])
def test_usual_settings_are_not_suspected(kind):
    found = names_of(kind(Match), kl=np.nan if kind is DQN else 0.005)
    assert set(found) <= {"values_explain_nothing"}


def test_rewards_of_another_size_are_scaled_by_the_agent_or_a_wrapper():
    of_ppo, of_dqn = (
        next(s for s in suspects_of(known_of(kind(Rich, seed=0))) if "rewards" in s.verdict.name)
        for kind in (PPO, DQN)
    )
    assert "normalize_rewards=True" in of_ppo.verdict.code
    made = run(of_dqn.verdict.code, DQN(Rich, seed=0))
    made.environments.reset(0)
    assert 0 < made.environments.step(np.array(Match.RIGHT)).rewards.max() < 10


def test_an_agent_of_ones_own_is_judged_by_what_it_gets():
    class Own(Agent):
        def __init__(self, env, n_envs=2, seed=None):
            self.env, self.n_envs, self.seed = env, n_envs, seed
            self.begin()

        def iterate(self, done):
            self.environments.step(self.choose(self.environments.observations, self.rng))

        def choose(self, observations, rng):
            return np.zeros(len(observations), int)

        def values(self, observations):
            return np.zeros(len(observations))

        _deciding = _stage_after = None

    report = diagnose(Own(Match), steps=100)
    assert report.names == ["nothing_learned"]
    made = run(remade(Own(Match), n_envs=3), Own(Match))
    assert (type(made).__name__, made.n_envs) == ("Own", 3)


# --- errors ---------------------------------------------------------------------------------------


def test_what_does_not_belong_together():
    agent = MAKE["ppo"]()
    with pytest.raises(SettingError, match=r"an agent makes its own data .* got X, epochs"):
        diagnose(agent, np.ones((3, 2)), epochs=3)
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    with pytest.raises(SettingError, match="learns from, X and y; got no X and no y"):
        diagnose(network)
    with pytest.raises(SettingError, match="steps must be"):
        diagnose(agent, steps=0)


# --- what is measured -----------------------------------------------------------------------------


def test_code_keeps_what_the_user_has_set():
    agent = PPO("CartPole-v1", gamma=0.995, n_envs=2, seed=3)
    code = remade(agent, learning_rate=0.0003)
    assert code.splitlines() == [
        "from plainnet.rl import PPO",
        "agent = PPO('CartPole-v1', n_envs=2, learning_rate=0.0003, gamma=0.995, seed=3)",
    ]
    made = run(code, agent)
    assert settings_of(made) == settings_of(agent) | {"learning_rate": 0.0003}


def test_divergence_and_clip_of_a_policy():
    agent = MAKE["ppo"]()
    before, after = np.log([[0.5, 0.5]]), np.log([[0.8, 0.2]])
    kl, outside = moved(agent, before, after, 0.2)
    assert kl == pytest.approx(0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.2))
    assert outside == 1.0
    assert moved(agent, before, before, 0.2) == (0.0, 0.0)
    kl, outside = moved(agent, before, np.log([[0.55, 0.45]]), 0.2)
    assert outside == 0.0


def test_divergence_of_numbers():
    agent = PPO(Aim, **SMALL)
    before, after = np.array([[0.0, 0.0]]), np.array([[0.5, np.log(2.0)]])
    kl, _ = moved(agent, before, after, 0.2)
    assert kl == pytest.approx(np.log(2) + (1 + 0.25) / 8 - 0.5)
    assert decided(agent, np.zeros((4, 1), np.float32)) == pytest.approx(1.0)


def test_explained_variance_and_overestimate():
    R = np.arange(40.0).reshape(20, 2)
    everywhere = np.ones((20, 2), bool)
    exact = Rolled(np.zeros((40, 1)), R, R, R, everywhere)
    assert (exact.explained, exact.overestimate) == (1.0, 0.0)
    constant = Rolled(np.zeros((40, 1)), np.full_like(R, R.mean()), R, R, everywhere)
    assert constant.explained == pytest.approx(0.0)
    above = Rolled(np.zeros((40, 1)), R + 3 * R.std(), R, R, everywhere)
    assert above.overestimate == pytest.approx(3.0)
    assert np.isnan(Rolled(np.zeros((40, 1)), R, R, R, ~everywhere).explained)


def test_returns_of_what_is_rolled():
    agent = MAKE["ppo"](Corridor)
    seen = rolled(agent, Corridor, 0)
    assert seen.observations.shape == (8 * 128, 2)
    # the last reward of an episode is its own return
    ends = seen.rewards > 0
    np.testing.assert_allclose(seen.returns[ends], seen.rewards[ends])
    before = seen.returns[:-1] - 0.9 * seen.returns[1:]
    inside = (seen.rewards[:-1] == -0.1) & seen.complete[:-1]
    assert np.isclose(before, -0.1).sum() >= inside.sum() / 2
    returns, lengths, largest = played(None, Corridor, 16, 0)
    assert largest == 0.9
    assert returns.min() >= -2.0
    assert lengths.max() <= 20


def test_causes_come_before_symptoms_of_as_much_use():
    def verdict(name, gain):
        return Verdict(name, "serious", "", "", "", gain=gain)

    found = [
        verdict("entropy_collapse", 0.9),
        verdict("short_horizon", 0.8),
        verdict("small_replay", 0.3),
        verdict("nothing_learned", None),
    ]
    names = [each.name for each in ranked(found)]
    assert names == ["short_horizon", "entropy_collapse", "small_replay", "nothing_learned"]
