"""`plainnet train --resume`: a run that was cut off ends as one that was not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.callbacks import Run as TrainingRun
from plainnet.cli import checkpoints
from plainnet.cli.checkpoints import Timed
from plainnet.cli.settings import Settings
from plainnet.errors import FileError, SettingError
from plainnet.estimators import held_out
from plainnet.estimators.tabular import sizes

from .conftest import Refused, Run

SMALL = ("--preset", "fast", "--networks", 3, "--hidden", 8, "--epochs", 6)
TABLE = ("flowers.csv", "--target", "species", *SMALL, "--out", "m.skops")
IMAGES = ("images.npz", "--epochs", 6, "--dropout", 0.2, "--out", "m.npz")


class CutOff(Exception):
    """Where the process would have been killed."""


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Checkpoints after every step; a run ends after these of them, counted from run to run."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0)
    after, saved, real = [], [], Timed._save

    def save(self: Timed, run: TrainingRun, *given: object) -> None:
        real(self, run, *given)  # type: ignore[arg-type]
        if after:
            saved.append(1)
        if len(saved) in after:
            raise CutOff

    monkeypatch.setattr(Timed, "_save", save)
    return after


def parameters(path: str) -> list[list[float]]:
    model = plainnet.load(path)
    networks = model.networks_ if hasattr(model, "networks_") else [model]
    return [network.parameters.tolist() for network in networks]


def folders() -> list[str]:
    return [path.name for path in Path().iterdir() if path.is_dir()]


@pytest.mark.parametrize("command", [TABLE, IMAGES], ids=["table", "images"])
def test_a_run_that_is_cut_off(
    run: Run, flowers: Path, images: Path, cut_off: list[int], command: tuple[object, ...]
) -> None:
    name = str(command[-1])
    whole = run("train", *command)
    assert whole.code == 0
    assert folders() == []
    expected = parameters(name)
    Path(name).unlink()
    cut_off += [3, 4, 7] if command is IMAGES else [8, 10, 14]
    for _ in range(3):
        result = run("train", *command, "--resume")
        assert (result.code, Path(name).exists()) == (1, False)
        assert "CutOff" in result.err
        assert folders() == [f"{name}.checkpoint"]
    result = run("train", *command, "--resume")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Continuing from {name}.checkpoint.\n")
    assert parameters(name) == expected
    assert result.out.splitlines()[-3:] == whole.out.splitlines()[-3:]
    assert folders() == []


def test_a_run_that_is_cut_off_while_a_network_learns_anew_for_longer(
    run: Run, flowers: Path, cut_off: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out, "STILL_FALLS", 2.0)  # as if they all had more to learn
    monkeypatch.setattr(sizes, "FEWEST_EPOCHS", 3)
    monkeypatch.setattr(sizes, "MOST_EPOCHS", 6)
    command = (*TABLE[:5], "--networks", 2, "--hidden", 8, "--out", "m.skops")
    whole = run("train", *command)
    assert whole.code == 0
    trainings = re.findall(r"network (\d/\d), epoch (\d+/\d+)", whole.out)
    assert trainings == [("1/2", "3/3"), ("1/2", "6/6"), ("1/2", "12/12"), ("2/2", "6/6")]
    expected = parameters("m.skops")
    Path("m.skops").unlink()
    cut_off += [5, 20, 40, 60]  # steps: in each of the trainings
    for _ in range(4):
        assert run("train", *command, "--resume").code == 1
    result = run("train", *command, "--resume")
    assert (result.code, result.err) == (0, "")
    assert parameters("m.skops") == expected


def test_where_there_is_nothing_to_resume_it_begins(run: Run, images: Path) -> None:
    result = run("train", *IMAGES, "--resume")
    assert result.code == 0
    assert result.out.startswith("Nothing to resume in m.npz.checkpoint: beginning.\n")
    expected = parameters("m.npz")
    run("train", *IMAGES)
    assert parameters("m.npz") == expected


def test_a_quick_run_makes_no_folder(run: Run, images: Path, monkeypatch: object) -> None:
    assert run("train", *IMAGES).code == 0
    assert folders() == []


def test_without_resume_it_begins_anew(run: Run, images: Path, cut_off: list[int]) -> None:
    cut_off.append(5)
    run("train", *IMAGES)
    assert folders() == ["m.npz.checkpoint"]
    assert run("train", *IMAGES, "--seed", 3).code == 0
    assert folders() == []


def test_ctrl_c_saves_the_model_and_can_be_resumed(
    run: Run, images: Path, cut_off: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("train", *IMAGES)
    expected = parameters("m.npz")
    real, steps = Timed.end_step, []

    def end_step(self: Timed, training: TrainingRun) -> None:
        steps.append(1)
        if len(steps) == 3:
            training.interrupt("Ctrl-C")
        real(self, training)

    monkeypatch.setattr(Timed, "end_step", end_step)
    result = run("train", *IMAGES)
    assert result.code == 0
    assert "The same command with --resume goes on from m.npz.checkpoint." in result.out
    assert parameters("m.npz") != expected
    assert run("train", *IMAGES, "--resume").code == 0
    assert parameters("m.npz") == expected
    assert folders() == []


def test_other_settings_are_refused(
    run: Run, refused: Refused, images: Path, cut_off: list[int]
) -> None:
    cut_off.append(5)
    run("train", *IMAGES)
    message = refused("train", *IMAGES, "--learning-rate", 0.1, "--resume")
    assert "--learning-rate was not given and is 0.1. Type the command as it was" in message
    message = refused("train", *IMAGES, "--epochs", 8, "--resume")
    assert "--epochs was 6 and is 8" in message


def test_other_data_is_refused(
    run: Run, refused: Refused, images: Path, cut_off: list[int]
) -> None:
    cut_off.append(5)
    run("train", *IMAGES)
    data = dict(np.load(images))
    np.savez(images, X=data["X"] + 1, y=data["y"])
    run("train", *IMAGES, "--resume", "-q")  # a shift of all pixels is taken out again
    cut_off.append(100)
    run("train", *IMAGES)
    np.savez(images, X=data["X"][::-1], y=data["y"])
    result = run("train", *IMAGES, "--resume")
    assert (result.code, "cannot be resumed" in result.err) in ((2, True), (0, False))


@pytest.mark.parametrize("what", ["a file", "a note", "another model"])
def test_what_is_not_a_checkpoint_is_left_alone(refused: Refused, images: Path, what: str) -> None:
    folder = Path("m.npz.checkpoint")
    if what == "a file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "note.txt").write_text("mine")
    message = refused("train", *IMAGES)
    assert "m.npz.checkpoint" in message
    assert "remove" in message


@pytest.mark.parametrize("content", ["", "{", "3", '"text"'])
def test_damaged_settings(
    run: Run, refused: Refused, images: Path, cut_off: list[int], content: str
) -> None:
    cut_off.append(5)
    run("train", *IMAGES)
    settings = Path("m.npz.checkpoint/settings.json")
    assert json.loads(settings.read_text())["--epochs"] == 6
    settings.write_text(content)
    assert "damaged" in refused("train", *IMAGES, "--resume")


def test_a_damaged_checkpoint(run: Run, images: Path, cut_off: list[int]) -> None:
    cut_off.append(5)
    run("train", *IMAGES)
    path = Path("m.npz.checkpoint/network-1.npz")
    path.write_bytes(path.read_bytes()[:-100])
    result = run("train", *IMAGES, "--resume")
    assert result.code == 2
    assert result.err.count("\n") == 1


def kept_for(source: Path, *, resume: bool) -> checkpoints.Checkpoints:
    return checkpoints.Checkpoints(
        Path("m.npz"), Path("m.npz"), Settings(str(source)), resume=resume
    )


def test_other_data_under_the_same_name_are_refused(images: Path) -> None:
    kept_for(images, resume=False).prepare()
    kept_for(images, resume=True)
    images.write_bytes(images.read_bytes() + b" ")
    with pytest.raises(SettingError, match=r"holds other data than then\. Leave out --resume"):
        kept_for(images, resume=True)


def test_a_damaged_checkpoint_does_not_stand_in_the_way(images: Path) -> None:
    first = kept_for(images, resume=False)
    first.prepare()
    (first.folder / "network-1.npz").write_bytes(b"PK")
    kept_for(images, resume=False).prepare()
    assert [path.name for path in first.folder.iterdir()] == ["settings.json"]


def test_damaged_settings_are_refused(images: Path) -> None:
    first = kept_for(images, resume=False)
    first.prepare()
    (first.folder / "settings.json").write_text("[1]")
    with pytest.raises(FileError, match="is damaged, it holds no settings: remove the folder"):
        kept_for(images, resume=True)
