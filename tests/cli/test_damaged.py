"""Data, models and studies that were altered, and runs that were cut off."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainnet.cli import study as studies
from plainnet.cli.rl import _how_it_stands

from .conftest import Refused, Run

SMALL = ("--preset", "fast", "--epochs", 1)
TUNED = ("--target", "species", *SMALL, "--trials", 1)


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [9, 12, 99])
def test_arrays_packed_in_a_way_that_is_not_known(
    refused: Refused, folder: Path, method: int
) -> None:
    np.savez(folder / "z.npz", X=np.zeros((9, 2)), y=np.arange(9) % 2)
    whole = bytearray((folder / "z.npz").read_bytes())
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # each member, and the list
        start = whole.find(signature)
        while start >= 0:
            whole[start + at : start + at + 2] = struct.pack("<H", method)
            start = whole.find(signature, start + 4)
    (folder / "z.npz").write_bytes(bytes(whole))
    message = refused("train", "z.npz")
    assert "z.npz" in message
    assert "did not expect" not in message


def test_parquet_with_damaged_notes(refused: Refused, folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"x": np.arange(30.0), "target": list("ab") * 15}).to_parquet("t.parquet")
    whole = (folder / "t.parquet").read_bytes()
    for old, new in ((b'"columns"', b'"cilumns"'), (b'"float64"', b'"flQat64"'), (b"{", b"[")):
        (folder / "t.parquet").write_bytes(whole.replace(old, new))
        message = refused("train", "t.parquet", *SMALL)
        assert "t.parquet is not a Parquet file that can be read" in message


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ["x0"] * 64},
        {"columns": [1.5] * 64},
        {"columns": [None] * 64},
        {"columns": [{}] * 64},
        {"classes": {str(i): i for i in range(10)}},
        {"classes": [None] * 10},
        {"classes": [[]] * 10},
        {"classes": "abcdefghij"},
        {"classes": [0] * 10},
        {"scale": 0},
    ],
    ids=lambda change: str(change)[:30],
)
def test_an_image_model_whose_notes_were_altered(
    run: Run, refused: Refused, folder: Path, change: dict[str, Any]
) -> None:
    images = np.random.default_rng(0).integers(0, 16, (40, 64))
    np.savez(folder / "im.npz", X=images.reshape(40, 8, 8), y=np.arange(40) % 10)
    assert run("train", "im.npz", "--epochs", 1, "--out", "m.npz", "-q").code == 0
    with np.load(folder / "m.npz") as file:
        members = dict(file)
    description = json.loads(str(members["description"]))
    description["metadata"] |= change
    members["description"] = np.array(json.dumps(description))
    np.savez(folder / "m.npz", **members)
    assert "m.npz was not made by `plainnet train`" in refused("predict", "m.npz", "im.npz")


def test_an_agent_is_not_looked_for_in_any_zip_file(refused: Refused, folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.npz", "w") as file:
        file.writestr("agent.npy", b"")
    whole = bytearray((folder / "a.npz").read_bytes())
    place = whole.find(b"PK\x01\x02")
    whole[place + 6 : place + 8] = struct.pack("<H", 255)  # the version that unpacks it
    (folder / "a.npz").write_bytes(bytes(whole))
    message = refused("rl", "train", "CartPole-v1", "--steps", 8, "--out", "a.npz")
    assert "a.npz exists and is not an agent" in message


# --- studies --------------------------------------------------------------------------------------


def database(path: Path, *commands: str) -> None:
    connection = sqlite3.connect(path)
    for command in commands:
        connection.execute(command)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "commands",
    [
        ["create table version_info (version_info_id integer)"],
        ["create table studies (study_id integer, study_name varchar)"],
        ["create table studies (study_id integer, study_name varchar)", "create table trials (a)"],
    ],
    ids=["a table", "no study", "tables"],
)
def test_a_study_that_was_cut_off_while_it_was_made(
    run: Run, flowers: Path, folder: Path, commands: list[str]
) -> None:
    database(folder / "s.db", *commands)
    result = run("tune", flowers, *TUNED, "--study", "s.db")
    assert (result.code, result.err) == (0, "")
    assert "a new study" in result.out


@pytest.mark.parametrize(
    "commands",
    [
        ["create table people (name)"],
        ["create table studies (study_name)", "insert into studies values ('other')"],
        ["create table studies (study_name)", "create table people (name)"],
    ],
    ids=["other", "another name", "and more"],
)
def test_a_database_of_something_else_is_left_alone(
    refused: Refused, flowers: Path, folder: Path, commands: list[str]
) -> None:
    database(folder / "s.db", *commands)
    before = (folder / "s.db").read_bytes()
    message = refused(
        "tune", flowers, "--target", "species", *SMALL, "--trials", 1, "--study", "s.db"
    )
    assert "s.db is not a study of `plainnet tune`" in message
    assert (folder / "s.db").read_bytes() == before


def test_a_study_of_optunas_own(refused: Refused, flowers: Path, folder: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    for name, settings in (
        ("two.db", {"directions": ["minimize", "minimize"]}),
        ("own.db", {"direction": "minimize"}),
    ):
        made = optuna.create_study(
            storage=f"sqlite:///{folder / name}", study_name=studies.NAME, **settings
        )
        if len(made.directions) == 1:
            made.optimize(lambda trial: trial.suggest_float("foo", 0, 1), n_trials=1)
        made._storage._backend.engine.dispose()
        message = refused(
            "tune", flowers, "--target", "species", *SMALL, "--trials", 1, "--study", name
        )
        assert f"{name} is not a study of `plainnet tune`" in message


# --- agents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("saved_after", "says"),
    [
        (None, "stopped after 90 steps; nothing has been saved"),
        (60, "stopped after 90 steps, saved as it was after 60: a.npz, and --resume goes on"),
        (90, "stopped after 90 steps; saved to a.npz, and --resume goes on"),
    ],
)
def test_what_is_left_of_an_interrupted_run(saved_after: int | None, says: str) -> None:
    class Stopped:
        steps = 90

    Stopped.saved_after = saved_after  # type: ignore[attr-defined]
    assert _how_it_stands(Stopped(), Path("a.npz")).startswith(says)  # type: ignore[arg-type]
