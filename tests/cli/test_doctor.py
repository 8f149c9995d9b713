"""`plainnet doctor` says what is wrong with a model, or with its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Refused, Run


def test_a_table(run: Run, model: Path, flowers: Path) -> None:
    result = run("doctor", model, flowers, "--target", "species")
    assert (result.code, result.err) == (0, "")
    assert "Looked at: the table, what is learned." in result.out


def test_images(run: Run, images: Path) -> None:
    run("train", images, "--epochs", 3)
    result = run("doctor", "images-model.npz", images)
    assert result.code == 0
    assert "Looked at: data, start, a training of" in result.out
    assert "Not looked at: the learning rate; there is no optimizer." in result.out


def test_a_page(run: Run, refused: Refused, model: Path, flowers: Path) -> None:
    asked = ("doctor", model, flowers, "--target", "species", "--html", "page.html")
    for _ in range(2):  # which replaces the first
        result = run(*asked)
        assert (result.code, result.out, result.err) == (0, "", "")
    page = Path("page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "flowers-model.skops" in page
    assert "http" not in page
    Path("other.html").write_text("<p>mine")
    said = refused(*asked[:-1], "other.html")
    assert "is not a page of `plainnet doctor`" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name its column with --target"),
        (["--target", "petal length"], "holds numbers, which"),
        (["--target", "species", "--test-size", "2"], "--test-size"),
    ],
)
def test_what_is_refused(refused: Refused, model: Path, flowers: Path, arguments, message) -> None:
    assert message in refused("doctor", model, flowers.name, *arguments)


def test_what_does_not_belong_together(
    run: Run, refused: Refused, model: Path, images: Path, flowers: Path
) -> None:
    assert "holds images, and" in refused("doctor", model, images)
    run("train", images, "--epochs", 1, "-q")
    said = refused("doctor", "images-model.npz", flowers, "--target", "species")
    assert "was trained on images" in said
    assert "there is no model" in refused("doctor", "none.skops", flowers)


@pytest.fixture
def agent(folder: Path) -> str:
    """A file with an agent that hardly learns."""
    pytest.importorskip("gymnasium")
    from plainnet.rl import PPO

    learner = PPO("CartPole-v1", n_steps=32, hidden=(8,), seed=0, learning_rate=1e-6)
    learner.learn(1100, progress=False).save("agent.npz")
    return "agent.npz"


def test_an_agent(run: Run, agent: str) -> None:
    result = run("doctor", agent, "--env", "CartPole-v1", "--html", "page.html")
    assert (result.code, result.out, result.err) == (0, "", "")
    page = Path("page.html").read_text("utf-8")
    assert "<h1>agent.npz</h1>" in page
    assert "Looked at: what it has learned in 1,280 steps, learnings of 1,280 steps" in page


def test_what_an_agent_does_not_take(run: Run, refused: Refused, agent: str, model: Path) -> None:
    said = refused("doctor", agent, "flowers.csv", "--target", "species", "--test-size", 0.5)
    assert "agent.npz holds an agent" in said
    assert "leave out SOURCE, --target, --test-size" in said
    assert "was made for 'CartPole-v1'" in refused("doctor", agent, "--env", "Acrobot-v1")
    assert "was trained on: plainnet doctor MODEL SOURCE" in refused("doctor", model)
    said = refused("doctor", model, "flowers.csv", "--env", "CartPole-v1")
    assert "--env is for agents" in said


def test_an_agent_of_a_function(refused: Refused, folder: Path) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    from plainnet.rl import A2C

    A2C(lambda: gymnasium.make("CartPole-v1"), seed=0).save("own.npz")
    assert "had a function as env" in refused("doctor", "own.npz")
