"""`plainnet predict` writes what the model says, for columns found by name."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.files.native import read_metadata

from .conftest import FAST, Refused, Run


def table(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text)))


def test_a_class_for_each_row(run: Run, model: Path, flowers: Path) -> None:
    result = run("predict", model, flowers)
    assert (result.code, result.err) == (0, "")
    header, *rows = table(result.out)
    assert header == ["prediction"]
    assert [row[0] for row in rows] == pd.read_csv(flowers)["species"].to_list()


def test_probabilities_are_those_of_the_network(run: Run, model: Path, flowers: Path) -> None:
    header, *rows = table(run("predict", model, flowers, "--proba").out)
    assert header == ["prediction", "proba_rose", "proba_tulip"]
    shown = np.array([[float(p) for p in row[1:]] for row in rows])

    recipe = read_metadata(model)
    X = pd.read_csv(flowers)[recipe["columns"]].to_numpy(float)
    inputs = ((X - recipe["mean"]) / recipe["scale"]).astype(np.float32)
    np.testing.assert_allclose(shown, plainnet.load(model).predict_proba(inputs), rtol=2e-5)


def test_columns_are_found_by_name(run: Run, model: Path, flowers: Path, folder: Path) -> None:
    expected = run("predict", model, flowers, "--proba").out
    other = pd.read_csv(flowers).drop(columns="species").iloc[:, ::-1]
    other.insert(0, "notes", "any text")
    other.to_csv("other.csv", index=False)
    assert run("predict", model, "other.csv", "--proba").out == expected


def test_missing_columns_are_named(model: Path, flowers: Path, refused: Refused) -> None:
    pd.read_csv(flowers)[["petal width"]].to_csv("less.csv", index=False)
    message = refused("predict", model, "less.csv")
    assert message.endswith(
        "lacks 2 of the 3 columns that the model takes: 'petal length', 'sunny'\n"
    )


def test_out_writes_the_same_and_replaces(run: Run, model: Path, flowers: Path) -> None:
    expected = run("predict", model, flowers).out
    Path("p.csv").write_text("old")
    result = run("predict", model, flowers, "--out", "p.csv")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert Path("p.csv").read_text() == expected
    assert not list(Path().glob(".*"))


def test_a_failure_while_writing_leaves_the_old_file(
    run: Run, model: Path, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainnet.cli import predict

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    Path("p.csv").write_text("old")
    monkeypatch.setattr(predict, "_write", fail)
    result = run("predict", model, flowers, "--out", "p.csv")
    assert (result.code, result.err) == (2, "plainnet: No space left on device\n")
    assert Path("p.csv").read_text() == "old"
    assert not list(Path().glob(".*"))


def test_arrays_go_by_position(run: Run, folder: Path) -> None:
    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    np.savez("t.npz", X=X, y=np.repeat([5, 6], 20))
    run("train", "t.npz", "--out", "m", *FAST)
    np.savez("new.npz", X=X[::-1])
    assert run("predict", "m", "new.npz").out.split() == ["prediction", *["6"] * 20, *["5"] * 20]


def test_a_dataset_is_predicted_too(run: Run, folder: Path) -> None:
    pytest.importorskip("sklearn")
    run("train", "iris", *FAST)
    rows = run("predict", "iris-model.npz", "iris").out.splitlines()[1:]
    right = np.array(rows) == np.repeat(["setosa", "versicolor", "virginica"], 50)
    assert right.mean() > 0.9
