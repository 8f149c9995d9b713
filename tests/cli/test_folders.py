"""Folders of pictures: what is in them, what is left out, training and predictions."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.callbacks import Run as TrainingRun
from plainnet.cli import checkpoints, folders
from plainnet.cli.checkpoints import Timed
from plainnet.errors import PlainnetError
from systems import posix

from .conftest import Refused, Run

Image = pytest.importorskip("PIL.Image", reason="Pillow is the extra `images`")

QUICK = ("--preset", "fast", "--epochs", "6")


def picture(kind: str, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Image.Image:
    """Red or blue, with noise."""
    pixels = np.random.default_rng(seed).integers(0, 90, (*size, 3), dtype=np.uint8)
    pixels[..., 0 if kind == "red" else 2] += 120
    return Image.fromarray(pixels)


@pytest.fixture
def photos(folder: Path) -> Path:
    """Two classes of twelve pictures, of several sizes and formats, one folder deeper."""
    root = folder / "photos"
    endings = (".png", ".JPG", ".jpeg", ".PNG", ".bmp", ".gif", ".webp")
    for kind in ("red", "blue"):
        (root / kind / "more").mkdir(parents=True)
        for i in range(12):
            place = root / kind / ("more" if i % 5 == 0 else "") / f"{i}{endings[i % 7]}"
            picture(kind, i, (12 + i % 3, 10)).save(place)
    return root


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


# --- training and predictions ---------------------------------------------------------------------


def test_a_folder_is_learned_and_files_are_predicted(run: Run, photos: Path) -> None:
    result = run("train", "photos", *QUICK, "--epochs", 15)
    assert (result.code, result.err) == (0, "")
    assert "photos: 24 pictures in 2 classes\n" in result.out
    assert "20 to learn from, 4 to test" in result.out
    assert "All are brought to 10 x 13 pixels, in colour." in result.out
    assert "4 of 4 pictures are right" in result.out
    assert "photos-model.skops" in result.out

    picture("red", 99).save("new.png")
    result = run("predict", "photos-model.skops", "new.png", "photos/blue", "photos/red/1.JPG")
    assert (result.code, result.err) == (0, "")
    header, *lines = rows(result.out)
    assert header == ["file", "prediction"]
    files = sorted(str(path) for path in Path("photos/blue").rglob("*.*"))
    assert sorted(line[0] for line in lines) == sorted(["new.png", *files, "photos/red/1.JPG"])
    assert [kind for _, kind in lines] == ["red", *["blue"] * 12, "red"]


def test_probabilities_are_the_estimators(run: Run, photos: Path) -> None:
    run("train", "photos", *QUICK, "--out", "m.skops")
    result = run("predict", "m.skops", "photos", "--proba")
    header, *lines = rows(result.out)
    assert header == ["file", "prediction", "proba_blue", "proba_red"]
    P = plainnet.load("m.skops").predict_proba([line[0] for line in lines])
    np.testing.assert_allclose(np.array([line[2:] for line in lines], float), P, rtol=1e-5)


def test_out_replaces_only_predictions(run: Run, refused: Refused, photos: Path) -> None:
    run("train", "photos", *QUICK, "--out", "m.skops")
    for _ in range(2):
        assert run("predict", "m.skops", "photos", "--out", "p.csv", "--proba").code == 0
    assert len(Path("p.csv").read_text().splitlines()) == 25
    Path("notes.csv").write_text("file,size\na,1\n")
    assert "is not predictions" in refused("predict", "m.skops", "photos", "--out", "notes.csv")
    red = Path("photos/red/1.JPG")
    assert "made from it" in refused("predict", "m.skops", "photos/blue", red, "--out", red)


def test_the_settings_of_training_reach_the_estimator(run: Run, photos: Path) -> None:
    given = ("--batch-size", 4, "--learning-rate", 0.01, "--dropout", 0.1, "--label-smoothing", 0)
    assert run("train", "photos", *QUICK, *given, "--seed", 2**40, "--out", "m.skops").code == 0
    model = plainnet.load("m.skops")
    assert (model.preset, model.epochs, model.batch_size, model.dropout) == ("fast", 6, 4, 0.1)
    assert len(model.callbacks) == 0


@pytest.mark.parametrize(
    "option",
    [
        ("--target", "x"), ("--drop", "x"), ("--task", "regression"), ("--hidden", "8"),
        ("--networks", "2"),
    ],
)  # fmt: skip
def test_options_of_tables_are_refused(
    refused: Refused, photos: Path, option: tuple[str, str]
) -> None:
    assert f"{option[0]} is for tables" in refused("train", "photos", *option)


def test_broken_is_for_pictures(refused: Refused, flowers: Path, model: Path) -> None:
    train = ("train", flowers, "--target", "species", "--broken", "skip")
    assert "--broken is for folders" in refused(*train)
    assert "not trained on pictures" in refused("predict", model, flowers, "--broken", "skip")
    assert "more than one SOURCE" in refused("predict", model, flowers, flowers)


def test_a_run_that_is_cut_off_can_be_resumed(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", "photos", *QUICK, "--batch-size", 4, "--out", "m.skops")
    run(*command)
    expected = plainnet.load("m.skops")
    Path("m.skops").unlink()
    monkeypatch.setattr(checkpoints, "SECONDS", 0)
    saved, real = [], Timed._save

    def save(self: Timed, training: TrainingRun, *given: object) -> None:
        real(self, training, *given)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 11:
            raise RuntimeError("cut off")

    monkeypatch.setattr(Timed, "_save", save)
    assert run(*command).code == 1
    picture("red").save("photos/red/new.png")
    assert "holds other data than then" in run(*command, "--resume").err
    Path("photos/red/new.png").unlink()
    result = run(*command, "--resume")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Continuing from m.skops.checkpoint.\n")
    np.testing.assert_array_equal(
        plainnet.load("m.skops").network_.parameters, expected.network_.parameters
    )


# --- what is left out -----------------------------------------------------------------------------


def broken_ones(photos: Path) -> list[str]:
    """Broken pictures in the folder of the reds, and how they are called."""
    good = (photos / "red/1.JPG").read_bytes()
    (photos / "red/text.png").write_text("not a picture")
    (photos / "red/empty.png").write_bytes(b"")
    (photos / "red/short.jpg").write_bytes(good[: len(good) // 2])
    return ["empty.png", "short.jpg", "text.png"]


def test_broken_pictures_are_named_and_left_out(run: Run, photos: Path) -> None:
    names = broken_ones(photos)
    result = run("train", "photos", *QUICK, "-q", "--out", "m.skops")
    assert (result.code, result.out) == (0, "")
    lines = result.err.splitlines()
    assert [name for line, name in zip(lines, names, strict=True) if name not in line] == []
    assert all(line.startswith("plainnet: left out: photos/red/") for line in lines)
    result = run("predict", "m.skops", "photos")
    assert (result.code, len(result.out.splitlines()), result.err) == (
        0,
        25,
        "\n".join(lines) + "\n",
    )
    result = run("predict", "m.skops", "photos/red/text.png", "photos/red/1.JPG")
    assert [line[0] for line in rows(result.out)] == ["file", "photos/red/1.JPG"]


def test_broken_pictures_are_refused_if_asked(run: Run, refused: Refused, photos: Path) -> None:
    run("train", "photos", *QUICK, "--out", "m.skops")
    broken_ones(photos)
    assert "empty.png cannot be read" in refused("train", "photos", "--broken", "refuse")
    assert "empty.png" in refused("predict", "m.skops", "photos", "--broken", "refuse")


def test_a_picture_of_too_many_pixels_is_named(
    run: Run, refused: Refused, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("red", 0, (40, 50)).save(photos / "red/large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    assert "large.png is too large" in refused("train", "photos", "--broken", "refuse")
    assert "large.png is too large" in run("train", "photos", *QUICK, "-q").err


@posix
def test_other_files_are_named_and_those_of_systems_are_not_there(photos: Path) -> None:
    (photos / "README.md").write_text("about")
    (photos / ".hidden").mkdir()
    (photos / "__MACOSX").mkdir()
    (photos / "empty").mkdir()
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "._1.png", "notes.txt", "sound.mp3"):
        (photos / "red" / name).write_text("x")
    os.symlink(photos / "nowhere.png", photos / "red/gone.png")
    os.symlink(photos / "red", photos / "red/more/again")
    os.symlink("itself.png", photos / "red/itself.png")
    os.symlink("itself", photos / "itself")
    os.symlink(photos / "red/1.JPG", photos / "red/link.jpg")
    found = folders.to_learn("photos")
    assert len(found.paths) == 25
    assert found.labels.count("red") == 13
    says = "\n".join(found.left_out)
    assert sorted(line.split()[0].split("/", 1)[1] for line in found.left_out) == [
        "README.md", "empty", "itself", "red/gone.png", "red/itself.png", "red/more/again",
        "red/notes.txt", "red/sound.mp3",
    ]  # fmt: skip
    for sentence in (
        "README.md is in no class's folder", "empty holds no picture", "leads nowhere",
        "a folder that is there already", "sound.mp3 is not a picture",
    ):  # fmt: skip
        assert sentence in says


def test_many_lines_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    folders.say_left_out([f"{i}.png is not a picture" for i in range(22)])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "plainnet: left out: 2 more files"


def test_options_that_only_others_have_are_refused(
    run: Run, refused: Refused, photos: Path
) -> None:
    for option in (("--column", "a=text"), ("--decimal", ","), ("--encoding", "utf-8")):
        assert f"{option[0]} is for tables" in refused("train", "photos", *option)
    run("train", "photos", *QUICK, "--out", "m.skops")
    predict = ("predict", "m.skops", "photos")
    assert "--separator is for tables" in refused(*predict, "--separator", ";")
    assert "a folder, and `plainnet tune` is for tables" in refused("tune", "photos")


# --- what cannot be learned -----------------------------------------------------------------------


def make(root: Path, *names: str) -> None:
    for i, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture("red", i).save(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "x is a folder without a folder for each class"),
        (["a.png", "b.png"], "without a folder for each class"),
        (["only/a.png", "only/b.png"], "only one class, 'only'"),
        (["a/1.png", "a/2.png", "b/1.png"], "'b' has one picture"),
        (["a/1.png", "a/2.png", "b/1.png", "b/2.png"], "2 pictures to learn from and 2 to test"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png"], "such as x/train"),
        (["x/a/1.png", "x/b/1.png"], "such as x/x"),
    ],
)
def test_folders_without_enough_are_refused(
    refused: Refused, folder: Path, names: list[str], says: str
) -> None:
    (folder / "x").mkdir()
    make(folder / "x", *names)
    assert says in refused("train", "x")


@pytest.mark.parametrize("ending", ["png", "txt"])
def test_two_files_of_each_class_are_enough(run: Run, folder: Path, ending: str) -> None:
    """Too few to hold any out while learning."""
    for label in "abcdefghijkl":
        (folder / "x" / label).mkdir(parents=True)
        for i in range(2):
            place = folder / "x" / label / f"{i}.{ending}"
            if ending == "png":
                picture("red", ord(label) + i).save(place)
            else:
                place.write_text(f"{label} {label}{i}")
    result = run("train", "x", "--epochs", 2)
    assert (result.code, result.err) == (0, "")
    assert "are too few" in result.out
    assert "the last epoch is kept" in result.out
    assert "accuracy -" in result.out


@posix
def test_no_folder_counts_for_two_classes(photos: Path) -> None:
    os.symlink("red", photos / "a copy")
    os.symlink("../red", photos / "blue" / "linked")
    found = folders.to_learn("photos")
    assert sorted(set(found.labels)) == ["blue", "red"]
    assert len(found.paths) == 24
    said = "\n".join(found.left_out)
    assert "photos/a copy is a link to a folder that is there already" in said
    assert "photos/blue/linked is a link to a folder that is there already" in said


def test_other_pictures_of_the_same_names_and_sizes_are_other_data(folder: Path) -> None:
    make(folder / "x", "a/1.bmp", "a/2.bmp")
    before = folders.checksum(Path("x"))
    assert folders.checksum(Path("x")) == before
    picture("blue").save(folder / "x/a/1.bmp")
    assert folders.checksum(Path("x")) != before


def test_folders_without_files_to_learn_from(refused: Refused, folder: Path) -> None:
    (folder / "x" / "a").mkdir(parents=True)
    assert "no files to learn from" in refused("train", "x")
    (folder / "x" / "a" / "song.mp3").write_text("x")
    assert "no files to learn from" in refused("train", "x")


def test_one_picture_has_no_class(refused: Refused, folder: Path) -> None:
    picture("red").save("one.PNG")
    assert "whose class cannot be told" in refused("train", "one.PNG")


def test_a_dataset_comes_before_a_folder_of_its_name(folder: Path) -> None:
    (folder / "digits").mkdir()
    assert not folders.is_folder("digits")
    assert folders.is_folder("./digits")


def test_what_cannot_be_predicted(run: Run, refused: Refused, photos: Path) -> None:
    run("train", "photos", *QUICK, "--out", "m.skops")
    assert "no file gone.png" in refused("predict", "m.skops", "gone.png")
    (photos / "none").mkdir()
    assert "no picture in photos/none" in refused("predict", "m.skops", "photos/none")
    assert "no file digits" in refused("predict", "m.skops", "digits")


def test_a_model_of_a_table_takes_no_folder(refused: Refused, model: Path, photos: Path) -> None:
    assert "a folder is for these" in refused("predict", model, "photos")


def test_the_current_folder_has_a_name(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    assert run("train", ".", *QUICK).code == 0
    assert Path("photos-model.skops").exists()


def test_a_folder_whose_name_is_not_text_is_refused(folder: Path) -> None:
    name = b"\xff\xfe"
    try:
        os.mkdir(os.path.join(os.fsencode(folder), b"x"))
        os.mkdir(os.path.join(os.fsencode(folder), b"x", name))
    except OSError:
        pytest.skip("this file system has only names that are text")
    make(folder / "x", "a/1.png")
    picture("red").save(os.path.join(folder, "x", os.fsdecode(name), "1.png"))
    with pytest.raises(PlainnetError, match="not text"):
        folders.to_learn("x")
