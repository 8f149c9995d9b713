"""`plainnet rl`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from plainnet.rl import PPO, Agent, load_agent

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
    assert "CartPole-v1-ppo.npz: going on after 512 steps" in result.out
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


@pytest.mark.parametrize("name", ["data", "numbers.npz", "text.npz"])
def test_only_an_agent_is_replaced_by_an_agent(refused: Refused, folder: Path, name: str) -> None:
    (folder / "data").write_text("a,b\n1,2\n")
    (folder / "text.npz").write_text("hello")
    np.savez(folder / "numbers.npz", X=np.arange(3))
    before = (folder / name).read_bytes()
    message = refused("rl", "train", "CartPole-v1", "--steps", 100, "--out", name, *FAST)
    assert f"{name} exists and is not an agent of plainnet" in message
    assert (folder / name).read_bytes() == before


def test_a_folder_is_not_written_over(refused: Refused, folder: Path) -> None:
    (folder / "m.npz").mkdir()
    assert "cannot write m.npz" in refused("rl", "train", "CartPole-v1", "--out", "m.npz", *FAST)


def test_an_earlier_agent_is_replaced_when_all_steps_are_made(
    run: Run, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(self: Agent, done: float) -> None:
        if self.steps >= 384:
            raise KeyboardInterrupt
        iterate(self, done)

    train = ["rl", "train", "CartPole-v1", "--out", "m.npz", *FAST]
    run(*train, "--steps", 128)
    earlier = (folder / "m.npz").read_bytes()
    iterate = PPO.iterate
    with monkeypatch.context() as patched:
        patched.setattr(PPO, "iterate", cut_off)
        # It is saved every 128 steps: CartPole's longest episode is 500 for each environment.
        patched.setattr("plainnet.rl.agent.LONGEST", 0)
        result = run(*train, "--steps", 512, "--seed", 1)
    assert result.code == 130
    assert "m.npz holds an agent, which is replaced when this one has made all" in result.out
    assert (folder / "m.npz").read_bytes() == earlier
    assert load_agent(folder / "m-unfinished.npz").steps == 384
    assert "m-unfinished.npz is what an interrupted run has saved" in refused(*train)
    again = ["rl", "train", "CartPole-v1", "--out", "m.npz", "--steps", 512, "--resume"]
    assert "keeps its seed, 1" in refused(*again, "--seed", 0)

    result = run(*again, "--seed", 1)
    assert "m-unfinished.npz: going on after 384 steps" in result.out
    assert [path.name for path in folder.iterdir()] == ["m.npz"]
    assert (load_agent(folder / "m.npz").steps, load_agent(folder / "m.npz").seed) == (512, 1)


def test_the_seed_gives_the_same_agent_also_after_a_crash(run: Run, folder: Path) -> None:
    def train(out: str, *more: object) -> dict[str, np.ndarray]:
        assert run("rl", "train", "CartPole-v1", "--out", out, *more).code == 0
        with np.load(folder / out) as file:
            return dict(file)

    new = ["--steps", 640, *FAST, "--seed", 3]
    whole, same = train("whole.npz", *new), train("same.npz", *new)
    other = train("other.npz", *new[:-1], 4)
    crashed = PPO("CartPole-v1", n_envs=4, n_steps=32, hidden=(16,), seed=3)
    crashed.learn(640, progress=False, checkpoint=folder / "whole.npz", every=320)
    halfway = PPO("CartPole-v1", n_envs=4, n_steps=32, hidden=(16,), seed=3)
    halfway._learn_until(320, 640)
    halfway.save(folder / "crashed.npz")
    load_agent(folder / "crashed.npz").learn(
        640, progress=False, checkpoint=folder / "crashed.npz", every=320
    )
    for name, values in whole.items():
        np.testing.assert_array_equal(same[name], values)
    assert (whole["state.actor_critic.parameters"] != other["state.actor_critic.parameters"]).any()
    with np.load(folder / "whole.npz") as one, np.load(folder / "crashed.npz") as two:
        for name in one.files:
            np.testing.assert_array_equal(one[name], two[name])


def test_only_a_gif_is_replaced_by_a_gif(run: Run, refused: Refused, folder: Path) -> None:
    pytest.importorskip("pygame")
    run("rl", "train", "CartPole-v1", "--steps", 100, "--out", "m.npz", "-q", *FAST)
    (folder / "e.gif").write_text("hello")
    watch = ["rl", "watch", "m.npz", "--out", "e.gif"]
    assert "e.gif exists and is not a GIF" in refused(*watch)
    assert "--out saves one episode; got --episodes 2" in refused(*watch, "--episodes", 2)
    (folder / "e.gif").unlink()
    assert "replacing" not in run(*watch).out
    first = (folder / "e.gif").read_bytes()
    assert "replacing e.gif" in run(*watch).out
    assert (folder / "e.gif").read_bytes() == first  # the same seed, the same episode
    run(*watch, "--seed", 1)
    assert (folder / "e.gif").read_bytes() != first
    assert "seed must be a whole number >= 0; got -1" in refused(
        "rl", "watch", "m.npz", "--seed=-1"
    )


def test_another_agent_is_not_gone_on_with(run: Run, refused: Refused) -> None:
    run("rl", "train", "CartPole-v1", "--steps", 100, "--out", "m.npz", "-q", *FAST)
    again = ["rl", "train", "CartPole-v1", "--out", "m.npz", "--resume"]
    assert "not the agent a2c for CartPole-v1" in refused(*again, "--agent", "a2c")
    assert "--set is for new agents" in refused(*again, *FAST)
    assert "must be a .gif file" in refused("rl", "watch", "m.npz", "--out", "m.mp4")
    assert "--episodes must be 1 or more" in refused("rl", "watch", "m.npz", "--episodes", 0)


def test_other_files_are_refused(refused: Refused, folder: Path) -> None:
    (folder / "m.npz").write_text("hello")
    assert "m.npz is not an agent of plainnet" in refused("rl", "watch", "m.npz")
