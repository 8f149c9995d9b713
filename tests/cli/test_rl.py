"""`plainnet rl`."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gymnasium")

from plainnet.rl import PPO, load_agent

from .conftest import Refused, Run

FAST = ["--set", "n_envs=4", "--set", "n_steps=32", "--set", "hidden=[16]"]


def test_an_agent_learns_is_saved_and_goes_on(run: Run, folder: Path) -> None:
    result = run("rl", "train", "CartPole-v1", "--steps", 512, *FAST)
    assert result.code == 0
    assert "PPO('CartPole-v1', n_envs=4, n_steps=32, hidden=(16,), seed=0)" in result.out
    assert "512 steps in" in result.out
    assert "100 new episodes, greedy:" in result.out
    agent = load_agent(folder / "CartPole-v1-ppo.npz")
    assert isinstance(agent, PPO)
    assert agent.steps == 512

    result = run("rl", "train", "CartPole-v1", "--steps", 1024, "--resume")
    assert "going on after 512 steps" in result.out
    assert load_agent(folder / "CartPole-v1-ppo.npz").steps == 1024
    assert [path.name for path in folder.iterdir()] == ["CartPole-v1-ppo.npz"]


def test_an_episode_in_words_and_as_a_picture(run: Run, folder: Path) -> None:
    pytest.importorskip("pygame")
    run("rl", "train", "CartPole-v1", "--agent", "a2c", "--steps", 100, "--out", "m.npz", "-q")
    result = run("rl", "watch", "m.npz", "--episodes", 2, "--seed", 5)
    first, second = result.out.splitlines()
    assert first.startswith("episode 5: ")
    assert second.startswith("episode 6: ")
    result = run("rl", "watch", "m.npz", "--out", "e.gif")
    assert result.code == 0
    assert (folder / "e.gif").read_bytes().startswith(b"GIF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "CartPool-v1"], "there is no environment 'CartPool-v1'"),
        (["train", "Blackjack-v1"], "the observation space is Tuple"),
        (["train", "Pendulum-v1", "--agent", "dqn"], "DQN needs discrete actions"),
        (["train", "CartPole-v1", "--steps", 0], "--steps must be 1 or more; got 0"),
        (["train", "CartPole-v1", "--set", "gama=1"], "ppo has no setting 'gama'; it has activa"),
        (["train", "CartPole-v1", "--set", "gamma"], "--set takes NAME=VALUE; got 'gamma'"),
        (["train", "CartPole-v1", "--set", "gamma=high"], "gamma must be a number; got 'high'"),
        (["train", "CartPole-v1", "--set", "hidden=64"], "hidden must be a tuple of layer sizes"),
        (["train", "CartPole-v1", "--set", "anneal=no"], "anneal must be a bool"),
        (["train", "CartPole-v1", "--seed", -1], "seed must be a whole number >= 0; got -1"),
        (["train", "nosuch:Env-v0"], "'nosuch:Env-v0' needs another package"),
        (["train", "CartPole-v1", "--agent", "sarsa"], "'sarsa' is not one of"),
        (["train", "CartPole-v1", "--out", "none/m.npz"], "there is no folder"),
        (["watch", "none.npz"], "there is no file none.npz"),
    ],
)
def test_what_makes_no_sense_is_refused(
    refused: Refused, arguments: list[object], message: str
) -> None:
    assert message in refused("rl", *arguments)


def test_another_agent_is_not_gone_on_with(run: Run, refused: Refused) -> None:
    run("rl", "train", "CartPole-v1", "--steps", 100, "--out", "m.npz", "-q", *FAST)
    again = ["rl", "train", "CartPole-v1", "--out", "m.npz", "--resume"]
    assert "no a2c for CartPole-v1" in refused(*again, "--agent", "a2c")
    assert "--set is for new agents" in refused(*again, *FAST)
    assert "must be a .gif file" in refused("rl", "watch", "m.npz", "--out", "m.mp4")
    assert "--episodes must be 1 or more" in refused("rl", "watch", "m.npz", "--episodes", 0)


def test_other_files_are_refused(refused: Refused, folder: Path) -> None:
    (folder / "m.npz").write_text("hello")
    assert "m.npz is no agent of plainnet" in refused("rl", "watch", "m.npz")
