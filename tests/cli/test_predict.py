"""`plainnet predict` writes what the model says, for columns found by name."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.estimators import load
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

    X = pd.read_csv(flowers).drop(columns="species")
    np.testing.assert_allclose(shown, load(model).predict_proba(X), rtol=2e-5, atol=1e-9)


def test_probabilities_of_images_are_those_of_the_network(run: Run, images: Path) -> None:
    run("train", images, "--epochs", 3)
    header, *rows = table(run("predict", "images-model.npz", images, "--proba").out)
    assert header == ["prediction", "proba_0", "proba_1"]
    shown = np.array([[float(p) for p in row[1:]] for row in rows])
    recipe = read_metadata("images-model.npz")
    X = np.load(images)["X"].reshape(40, 6)
    inputs = ((X - recipe["mean"]) / recipe["scale"]).astype(np.float32)
    expected = plainnet.load("images-model.npz").predict_proba(inputs)
    np.testing.assert_allclose(shown, expected, rtol=2e-5)
    assert [row[0] for row in rows] == [str(k) for k in expected.argmax(axis=1)]


def test_a_number_for_each_row(run: Run, houses: Path, refused: Refused) -> None:
    run("train", houses, "--target", "price", *FAST)
    header, *rows = table(run("predict", "houses-model.skops", houses).out)
    assert header == ["prediction"]
    expected = load("houses-model.skops").predict(pd.read_csv(houses).drop(columns="price"))
    np.testing.assert_allclose([float(row[0]) for row in rows], expected, rtol=1e-8)
    message = refused("predict", "houses-model.skops", houses, "--proba")
    assert "predicts numbers, which do not have probabilities" in message


def test_intervals_of_numbers_are_those_of_the_model(
    run: Run, houses: Path, model: Path, refused: Refused
) -> None:
    run("train", houses, "--target", "price", *FAST)
    arguments = ("predict", "houses-model.skops", houses, "--interval", 0.8)
    header, *rows = table(run(*arguments).out)
    assert header == ["prediction", "low", "high"]
    found, X = load("houses-model.skops"), pd.read_csv(houses).drop(columns="price")
    expected = np.column_stack([found.predict(X), found.predict_interval(X, 0.8)])
    np.testing.assert_allclose(np.array(rows, float), expected, rtol=1e-8)

    for _ in range(2):  # the second time it replaces what it wrote
        assert run(*arguments, "--out", "found.csv").code == 0
    assert table(Path("found.csv").read_text()) == [header, *rows]
    message = refused("predict", "houses-model.skops", houses, "--interval", 90)
    assert "--interval must be > 0 and < 1; got 90" in message
    message = refused("predict", "houses-model.skops", houses, "--interval", 0.999)
    assert "coverage=0.999 needs 999 held-out rows; there are" in message
    message = refused("predict", model, model, "--interval", 0.9)
    assert "predicts classes, which have no intervals: see --proba" in message


def test_gaps_and_categories_never_seen_are_fine(run: Run, houses: Path) -> None:
    run("train", houses, "--target", "price", *FAST)
    new = pd.DataFrame({"sold": [None, "2031-05-01"], "size": [None, 80], "kind": ["boat", None]})
    new.to_csv("new.csv", index=False)
    result = run("predict", "houses-model.skops", "new.csv")
    assert (result.code, result.err) == (0, "")
    assert len(result.out.splitlines()) == 3
    assert "nan" not in result.out


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
    result = run("predict", model, flowers, "--out", "p.csv")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert Path("p.csv").read_text() == expected
    result = run("predict", model, flowers, "--proba", "--out", "p.csv")
    assert (result.code, result.err) == (0, "")
    assert result.out == "Replaced the predictions in p.csv\n"
    assert Path("p.csv").read_text().startswith("prediction,proba_rose,proba_tulip\n")
    assert not list(Path().glob(".*"))


def test_a_failure_while_writing_leaves_the_old_file(
    run: Run, model: Path, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainnet.cli import predict

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    Path("p.csv").write_text("prediction\nold\n")
    monkeypatch.setattr(predict, "_write", fail)
    result = run("predict", model, flowers, "--out", "p.csv")
    assert (result.code, result.err) == (
        2,
        "plainnet: cannot write p.csv: No space left on device\n",
    )
    assert Path("p.csv").read_text() == "prediction\nold\n"
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
    rows = run("predict", "iris-model.skops", "iris").out.splitlines()[1:]
    right = np.array(rows) == np.repeat(["setosa", "versicolor", "virginica"], 50)
    assert right.mean() > 0.9
