"""Episodes to look at: their moments, files, plots."""

from typing import ClassVar

import gymnasium
import numpy as np
import pytest

from plainnet.errors import SettingError
from plainnet.rl import A2C, DQN, PPO, episode, plot_probabilities, plot_values, record
from plainnet.rl.watching import shrunk
from rl.corridor import Aim, Corridor


class Filmed(Corridor):
    """The corridor, a square of 8 pixels a place."""

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 10}
    render_mode = "rgb_array"

    def render(self):
        frame = np.zeros((8, 40, 3), np.uint8)
        frame[:, 8 * self.place : 8 * self.place + 8, 0] = 255
        return frame


@pytest.fixture(scope="module")
def agent() -> PPO:
    """It goes to the right end, in three steps."""
    settings = {"n_envs": 4, "n_steps": 32, "gamma": 0.9, "hidden": (16,), "seed": 0}
    return PPO(Filmed, **settings).learn(3000, progress=False)


def test_the_moments_of_an_episode(agent):
    moments = list(episode(agent, frames=True))
    assert [m.observation[0] for m in moments] == [1, 2, 3, 4]
    assert [m.action for m in moments] == [2, 2, 2, None]
    assert sum(m.reward for m in moments) == pytest.approx(0.7)
    assert [int(m.frame[0].argmax(axis=0)[0]) for m in moments] == [8, 16, 24, 32]
    assert next(episode(agent)).frame is None


def test_an_episode_as_a_gif(agent, tmp_path):
    image = pytest.importorskip("PIL.Image")
    assert record(agent, tmp_path / "corridor.gif") == pytest.approx(0.7)
    with image.open(tmp_path / "corridor.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (4, (40, 8), 100)
        gif.seek(3)  # where it ends
        frame = np.asarray(gif.convert("RGB"))
    assert (frame[4, 32:] == [255, 0, 0]).all()
    assert (frame[4, :32] == 0).all()
    assert [file.name for file in tmp_path.iterdir()] == ["corridor.gif"]


@pytest.mark.parametrize("colours", [2, 200, 40_000])
def test_a_gif_shows_the_frames_as_they_were(agent, tmp_path, monkeypatch, colours, rng):
    """Exactly, up to 256 colours; others by colours near by."""
    image = pytest.importorskip("PIL.Image")
    near = rng.integers(0, 256, (colours, 3)).astype(np.uint8)
    if colours > 256:
        near = np.stack(np.mgrid[0:200, 0:200, 100:101], axis=-1).reshape(-1, 3).astype(np.uint8)
    shown = []

    def render(self):
        shown.append(near[rng.integers(0, colours, (60, 90))])
        return shown[-1]

    monkeypatch.setattr(Filmed, "render", render)
    monkeypatch.setattr("plainnet.rl.watching.PALETTE_SERVES", 3)  # of 4 frames
    record(agent, tmp_path / "a.gif")
    with image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == len(shown) == 4
        for k, frame in enumerate(shown):
            gif.seek(k)
            error = np.abs(np.asarray(gif.convert("RGB")).astype(int) - frame)
            assert error.max() <= (0 if colours <= 256 else 16)


def test_what_shows_no_pictures_cannot_be_watched(tmp_path):
    blind = A2C(Corridor, n_envs=1)
    with pytest.raises(SettingError, match="make it with render_mode='rgb_array'; got None"):
        record(blind, tmp_path / "no.gif")
    assert not list(tmp_path.iterdir())


def test_actions_in_numbers_reach_the_environment():
    moment, _ = episode(A2C(Aim, n_envs=2, seed=0))
    assert moment.reward == pytest.approx(-((moment.action - moment.observation) ** 2).sum())


def test_a_frame_is_shrunk_by_the_mean_of_its_pixels():
    frame = np.zeros((5, 8, 3), np.uint8)
    frame[:2, :2, 1] = [[0, 100], [100, 200]]
    small = shrunk(frame, 4)
    assert small.shape == (2, 4, 3)
    assert small[0, 0].tolist() == [0, 100, 0]
    assert small.sum() == 100
    np.testing.assert_array_equal(shrunk(frame, 100), frame)


def test_plots_of_values_and_probabilities(agent):
    pytest.importorskip("matplotlib").use("Agg")
    ax = plot_values(agent, (0, 0.0, 4.0), (1, 0.5, 1.5), names=("place", "one"))
    (mesh,) = ax.collections
    V = mesh.get_array().reshape(80, 80)
    corners = np.array([[0, 0.5], [4, 1.5]], np.float32)
    np.testing.assert_allclose(V[[0, -1], [0, -1]], agent.values(corners), rtol=1e-5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("place", "one")

    left, right = plot_probabilities(agent).get_lines()
    assert len(right.get_ydata()) == 3
    np.testing.assert_allclose(left.get_ydata() + right.get_ydata(), 1, rtol=1e-6)
    assert (right.get_ydata() > 0.5).all()
    with pytest.raises(SettingError, match="only a policy over discrete actions"):
        plot_probabilities(A2C(Aim, n_envs=2))
    dqn = DQN("CartPole-v1", n_envs=2)
    assert dqn.values(np.zeros((3, 4), np.float32)).shape == (3,)


def test_a_name_of_gymnasiums_is_watched_too():
    pytest.importorskip("pygame")
    moment = next(episode(PPO("CartPole-v1", n_envs=2), frames=True))
    assert moment.frame.shape == (400, 600, 3)
    assert gymnasium.__version__
