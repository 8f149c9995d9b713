"""From what an agent observes to what it does."""

import numpy as np
import pytest

from plainnet.inspection import trace
from printed import recomputed

pytest.importorskip("gymnasium")

from plainnet.rl import A2C, DQN, PPO, REINFORCE

OBSERVED = [[0.01, 0.02, -0.03, 0.04], [0.5, -0.2, 0.1, 0.0]]


@pytest.mark.usefixtures("numpy_kernels")  # of which a recording is made
@pytest.mark.parametrize("make", [A2C, DQN, PPO, REINFORCE])
def test_a_discrete_action(make, rng):
    agent = make("CartPole-v1", seed=0)
    record = trace(agent, OBSERVED)
    for name in record:
        array = record[name]
        index = tuple(int(rng.integers(n)) for n in array.shape)
        line = record.unit(name, index)
        assert recomputed(line.term) == pytest.approx(float(line.value), rel=1e-4, abs=1e-6)
    text = str(record)
    assert f"row 1: action {agent.act(OBSERVED)[1]}" in text
    if make is DQN:
        np.testing.assert_allclose(record["decision.best"], agent.values(np.array(OBSERVED)))
    else:
        np.testing.assert_allclose(
            record["decision.P"], agent.probabilities(np.array(OBSERVED)), rtol=1e-6
        )


def test_observations_that_are_normalized(rng):
    agent = PPO("CartPole-v1", seed=0, n_envs=2, n_steps=8, normalize_observations=True)
    agent.learn(32, progress=False)
    record = trace(agent, OBSERVED[0])
    line = record.unit("observation.scaled[0, 1]")
    assert [number.name for number in line.numbers] == ["observations", "mean", "deviation"]
    assert record.unit("0.parallel.A", (0, 1)).name == "observation.X"


def test_a_continuous_action():
    agent = PPO("Pendulum-v1", seed=0)
    record = trace(agent, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(record["decision.mu"][0], agent.act([0.1, 0.2, 0.3]), rtol=1e-6)
