"""Bad input is one clear line on stderr and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.layers import Dense
from plainnet.losses import SoftmaxCrossEntropy
from systems import posix

from .conftest import FAST, FLOWERS, Refused, Run, flower_rows, write_csv


def changed(row: int, column: int, value: object) -> list[list[object]]:
    rows = flower_rows()
    rows[row][column] = value
    return rows


CELLS = {
    "infinity": ((4, 1, "-inf"), "column 'petal width' must hold finite numbers; row 5 has inf"),
    "rare class": ((0, 3, "orchid"), "the class 'orchid' has 1 row, and training, validation and"),
    "too long": ((3, 3, "rose,7"), "Expected 4 fields in line 5, saw 5"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell(refused: Refused, folder: Path, case: str) -> None:
    cell, message = CELLS[case]
    write_csv(folder / "t.csv", changed(*cell))
    assert message in refused("train", "t.csv", "--target", "species")


FINE = {
    "a large number": (4, 1, "1e200"),
    "a missing value": (2, 1, ""),
    "nan": (2, 1, "NaN"),
    "no class": (0, 3, ""),
}


@pytest.mark.parametrize("case", FINE)
def test_a_cell_that_is_no_trouble(run: Run, folder: Path, case: str) -> None:
    write_csv(folder / "t.csv", changed(*FINE[case]))
    result = run("train", "t.csv", "--target", "species", *FAST)
    assert (result.code, result.err) == (0, "")
    assert run("predict", "t-model.skops", "t.csv").code == 0


FILES = {
    "empty": ("t.csv", b"", "t.csv is empty"),
    "blank": ("t.csv", b"\n\n  \n", "t.csv is empty"),
    "header only": ("t.csv", b"a,b,y\n", "t.csv has column names and no rows"),
    "twins": ("t.csv", b"a,b,a,y\n1,2,3,4\n", "more than one column of the same name: 'a'"),
    "unnamed": ("t.csv", b",a,y\n0,1,u\n1,2,v\n", "a column of t.csv has no name"),
    "one class": ("t.csv", b"a,y\n1,u\n2,u\n", "the target 'y' has only one class, 'u'"),
    "one value": ("t.csv", b"a,y\n1,3\n2,3\n", "the target 'y' has only one value, 3"),
    "no target at all": ("t.csv", b"a,y\n1,\n2,\n", "the target 'y' has no value in any row"),
    "few rows": ("t.csv", b"a,y\n" + b"1,u\n2,v\n" * 4 + b"1,u\n5,\n", "has 9 rows with a target"),
    "no features": ("t.csv", b"y\nu\nv\n", "t.csv has no column besides the target 'y'"),
    "all too long": ("t.csv", b"a,y\n1,u,7\n2,v,7\n", "more fields than the 2 of the first line"),
    "no text": ("t.csv", b"a,y\n1,\x81\n", "t.csv is neither UTF-8 nor Windows-1252 text"),
    "zero bytes": ("t.csv", b"a,y\n1,\0\n", "t.csv holds zero bytes, which text does not"),
    "open quote": ("t.csv", b'a,y\n1,"u\n2,v\n', "t.csv is not a table that can be read"),
    "no gzip": ("t.csv.gz", b"a,y\n1,u\n", "t.csv.gz cannot be unpacked"),
    "cut gzip": ("t.csv.gz", gzip.compress(b"a,y\n" + b"1,u\n" * 9)[:-9], "cannot be unpacked"),
    "no parquet": ("t.parquet", b"a,y\n1,u\n", "t.parquet is not a Parquet file that can be read"),
    "no npz": ("t.npz", b"a,y\n1,u\n", "t.npz is not an .npz file"),
    "cut npz": ("t.npz", b"PK\x03\x04" + b"\0" * 40, "t.npz cannot be unpacked"),
    "other kind": ("t.xlsx", b"", "t.xlsx is not of a kind that plainnet reads: .csv, .csv.gz"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file(refused: Refused, folder: Path, case: str) -> None:
    name, content, message = FILES[case]
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (folder / name).write_bytes(content)
    assert message in refused("train", name)


def test_a_target_with_infinity(refused: Refused, folder: Path) -> None:
    pd.DataFrame({"a": range(60), "y": [1.0, 2.0, np.inf] * 20}).to_csv("t.csv", index=False)
    for task in ((), ("--task", "regression")):
        assert "the target 'y' holds infinity" in refused("train", "t.csv", *task)


def test_a_text_among_the_numbers_of_a_regression(refused: Refused, folder: Path) -> None:
    pd.DataFrame({"a": range(60), "y": ["abc", *range(59)]}).to_csv("t.csv", index=False)
    message = refused("train", "t.csv", "--task", "regression")
    assert "the target 'y' must hold numbers for regression; it has " in message


def test_a_class_that_the_test_rows_use_up(refused: Refused, folder: Path) -> None:
    pd.DataFrame({"a": range(60), "y": [0] * 56 + [1] * 4}).to_csv("t.csv", index=False)
    message = refused("train", "t.csv", "--test-size", "0.7")
    assert "the test rows leave 1 of 4 rows of the class 1" in message


def test_two_rows_of_a_class(refused: Refused, folder: Path) -> None:
    pd.DataFrame({"a": range(60), "y": [0] * 58 + [1] * 2}).to_csv("t.csv", index=False)
    assert "the class 1 has 2 rows, and training" in refused("train", "t.csv")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1, 2]] * 60, "column 'a' holds ndarray values; it must hold numbers, texts, booleans "),
        ([{"b": 1}] * 60, "column 'a' holds dict values"),
        ([b"x"] * 60, "column 'a' holds bytes values"),
    ],
    ids=["lists", "structs", "bytes"],
)
def test_a_bad_column_in_parquet(
    refused: Refused, folder: Path, column: object, message: str
) -> None:
    pytest.importorskip("pyarrow")
    pd.DataFrame({"a": column, "y": [0, 1] * 30}).to_parquet("t.parquet")
    assert message in refused("train", "t.parquet")


def test_a_target_of_times(refused: Refused, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    pd.DataFrame({"a": 1, "y": pd.date_range("2020", periods=6)}).to_parquet("t.parquet")
    assert "the target 'y' holds" in refused("train", "t.parquet")


ARRAYS = {
    "no X": ({"Z": np.ones((4, 2)), "y": np.arange(4)}, "has no array 'X'; it has 'Z', 'y'"),
    "no y": ({"X": np.ones((4, 2))}, "has no array 'y'; it has 'X'"),
    "flat": ({"X": np.ones(4), "y": np.arange(4)}, "'X' in t.npz must hold a row for each"),
    "lengths": ({"X": np.ones((4, 2)), "y": np.arange(5)}, "one value for each of the 4 rows"),
    "text": ({"X": np.array([["a"]]), "y": np.arange(1)}, "'X' in t.npz must hold numbers"),
    "bytes": ({"X": np.ones((1, 2)), "y": np.array([b"a"])}, "must hold numbers or text; got |S1"),
    "gap in images": (
        {"X": np.array([[[1, np.nan]]] * 12), "y": np.arange(12) % 2},
        "pixel x1 is missing in 12 of 12 rows",
    ),
    "gap in the target of images": (
        {"X": np.ones((4, 2, 2)), "y": np.array([1, np.nan, 2, 2])},
        "the target 'y' has no value for 1 of 4 images",
    ),
    "objects": ({"X": np.array([[{}]]), "y": np.arange(1)}, "holds Python objects (a pickle)"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_arrays(refused: Refused, folder: Path, case: str) -> None:
    arrays, message = ARRAYS[case]
    np.savez(folder / "t.npz", **arrays)
    assert message in refused("train", "t.npz")


def test_one_array_instead_of_named_ones(refused: Refused, folder: Path) -> None:
    with open("t.npz", "wb") as file:
        np.save(file, np.ones(3))
    assert "t.npz is not an .npz file" in refused("train", "t.npz")


# --- what was typed -------------------------------------------------------------------------------

TYPED = {
    "unknown dataset": (["digts"], "there is no dataset 'digts'; known are digits, iris, wine, "),
    "no file": (["none.csv"], "there is no file none.csv"),
    "a folder": (["here.csv"], "here.csv is a folder"),
    "no target": (["flowers.csv"], "name its column with --target: 'petal length', 'petal width'"),
    "wrong target": (["flowers.csv", "--target", "kind"], "has no column 'kind'; it has 'petal "),
    "target of a dataset": (["iris", "--target", "x"], "iris has its own target"),
    "drop the target": (["flowers.csv", "--target", "species", "--drop", "species"], "no feature"),
    "drop nothing": (
        ["flowers.csv", "--target", "species", "--drop", "x"],
        "flowers.csv has no feature 'x'; it has 'petal length'",
    ),
    "drop all": (
        ["flowers.csv", "--target", "species", *(f"--drop={name}" for name in FLOWERS)],
        "no column besides the target",
    ),
    "unknown task": (["iris", "--task", "ranking"], "Invalid value for '--task'"),
    "unknown preset": (["iris", "--preset", "slow"], "Invalid value for '--preset'"),
    "smooth numbers": (
        ["flowers.csv", "--target", "petal length", "--label-smoothing", "0.1"],
        "--label-smoothing is for classes; the target holds numbers",
    ),
    "preset of images": (["digits", "--preset", "fast"], "digits are images, and --preset is for"),
    "task of images": (["digits", "--task", "regression"], "digits are images, and --task is for"),
    "drop of images": (["digits", "--drop", "pixel_0_0"], "digits are images, and --drop is for"),
    "hidden text": (["iris", "--hidden", "big"], "--hidden takes widths with commas between, like"),
    "hidden gap": (["iris", "--hidden", "8,,8"], "like 128,64; got '8,,8'"),
    "hidden none": (["iris", "--hidden", ""], "like 128,64; got ''"),
    "hidden zero": (["iris", "--hidden", "8,0"], "widths from 1 to 65,536; got '8,0'"),
    "hidden huge": (["iris", "--hidden", "9" * 30], "widths from 1 to 65,536"),
    "epochs": (["iris", "--epochs", "0"], "--epochs must be 1 or more; got 0"),
    "batch size": (["iris", "--batch-size", "-1"], "--batch-size must be 1 or more; got -1"),
    "seed": (["iris", "--seed", "-1"], "--seed must be 0 or more; got -1"),
    "learning rate": (["iris", "--learning-rate", "0"], "--learning-rate must be above 0; got 0"),
    "learning rate nan": (["iris", "--learning-rate", "nan"], "must be above 0; got nan"),
    "learning rate inf": (["iris", "--learning-rate", "inf"], "must be above 0; got inf"),
    "dropout": (["iris", "--dropout", "1"], "--dropout must be 0 or more and below 1; got 1"),
    "smoothing": (["iris", "--label-smoothing", "nan"], "--label-smoothing must be 0 or more and"),
    "decay": (["iris", "--weight-decay", "inf"], "--weight-decay must be 0 or more; got inf"),
    "test size": (["iris", "--test-size", "1"], "--test-size is a share of the rows"),
    "test size zero": (["iris", "--test-size", "0"], "above 0 and below 1; got 0"),
    "no number": (["iris", "--epochs", "many"], "Invalid value for '--epochs'"),
    "unknown option": (["iris", "--layers", "3"], "See plainnet train --help"),
    "no Excel file": (["no.xlsx"], "there is no file no.xlsx"),
    "no folder of classes": (["no/"], "there is no file no"),
    "the target's kind": (
        ["flowers.csv", "--target", "species", "--column", "species=category"],
        "--column: 'species' is the target; --task says what it is",
    ),
    "no source": ([], "See plainnet train --help"),
    "no folder": (["iris", "--out", "no/m.npz"], "cannot write no/m.npz: there is no folder"),
    "out is a folder": (["iris", "--out", "here.csv"], "it is a folder; name a file in it"),
    "out is a device": (["iris", "--out", "/dev/null"], "it is not an ordinary file"),
    "out is data": (["iris", "--out", "flowers.csv"], "is not a model of `plainnet train`"),
    "long name": (["iris", "--out", "m" * 300], "File name too long"),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=posix) if case in ("out is a device", "long name") else case
        for case in TYPED
    ],
)
def test_what_was_typed(refused: Refused, folder: Path, flowers: Path, case: str) -> None:
    pytest.importorskip("sklearn")
    arguments, message = TYPED[case]
    (folder / "here.csv").mkdir()
    assert message in refused("train", *arguments)


def test_an_unknown_command(refused: Refused) -> None:
    assert "fit" in refused("fit", "digits")


def test_a_folder_that_cannot_be_written(
    refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainnet.files import places

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(places, "open", denied, raising=False)
    assert "cannot write m: Permission denied" in refused("train", "iris", "--out", "m")


def test_several_usual_targets(refused: Refused, folder: Path) -> None:
    (folder / "t.csv").write_text("y,class\n1,2\n")
    assert "could be 'y' or 'class'; name its column" in refused("train", "t.csv")


def test_long_lists_of_columns_are_cut(refused: Refused, folder: Path) -> None:
    (folder / "t.csv").write_text(",".join(f"c{i}" for i in range(99)) + "\n" + "1," * 98 + "1\n")
    assert "'c19' and 79 more" in refused("train", "t.csv")


def test_a_name_with_a_line_break_stays_in_the_line(refused: Refused, folder: Path) -> None:
    (folder / "t.csv").write_text('"a\nb",y\n' + "inf,1\n2,2\n" * 9)
    assert "column 'a\\nb' must hold finite numbers; row 1 has" in refused("train", "t.csv")


# --- models ---------------------------------------------------------------------------------------

FRAME = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3})


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04" + b"\0" * 40, b"\x80\x04}."], ids=repr
)
def test_a_file_that_is_no_model(refused: Refused, flowers: Path, content: bytes) -> None:
    Path("m.npz").write_bytes(content)
    assert "m.npz is not a plainnet model" in refused("predict", "m.npz", flowers)


@pytest.mark.parametrize("arrays", [{"a": np.ones(3)}, {"format": np.ones(3)}, None])
def test_arrays_that_are_no_model(
    refused: Refused, flowers: Path, arrays: dict[str, np.ndarray] | None
) -> None:
    with open("m.npz", "wb") as file:
        if arrays is None:
            np.save(file, np.ones(3))
        else:
            np.savez(file, **arrays)
    assert "m.npz is not a plainnet model" in refused("predict", "m.npz", flowers)


@pytest.mark.parametrize("metadata", [{}, {"columns": ["a"]}, {"unknown": 1}])
def test_a_model_that_the_command_did_not_make(
    refused: Refused, flowers: Path, metadata: dict[str, object]
) -> None:
    network = plainnet.Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)
    plainnet.save(network, "m.npz", metadata=metadata)
    assert "was not made by `plainnet train`" in refused("predict", "m.npz", flowers)


def test_no_such_model(refused: Refused, flowers: Path) -> None:
    assert "there is no model m.npz" in refused("predict", "m.npz", flowers)


@pytest.mark.parametrize("out", ["flowers.csv", "flowers-model.skops"])
def test_predictions_replace_neither_model_nor_data(
    refused: Refused, model: Path, flowers: Path, out: str
) -> None:
    assert "the predictions are made from it" in refused("predict", model, flowers, "--out", out)


# --- what is there already ------------------------------------------------------------------------


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


OTHERS = {
    "a table": b"a,b\n1,2\n",
    "a table with predictions in it": b"prediction,truth\n1,1\n",
    "a table that ends with predictions": b"id,prediction\n1,1\n",
    "text": b"prediction of the weather\n",
    "one line": b"no line break",
    "bytes": b"\xff\xfeprediction\n",
    "blank lines": b"\n\n",
    "a zero byte": b"\0",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_predictions_replace_no_other_file(
    refused: Refused, model: Path, flowers: Path, folder: Path, kind: str
) -> None:
    (folder / "other").write_bytes(OTHERS[kind])
    (folder / "link").symlink_to("other")
    before = contents(folder)
    for out in ("other", "./other", folder / "other", "link"):
        message = refused("predict", model, flowers, "--out", out)
        assert " exists and is not predictions of `plainnet predict`" in message
    assert contents(folder) == before


@pytest.mark.parametrize("spelling", ["./flowers.csv", "hard", "soft", "{folder}/flowers.csv"])
def test_the_data_under_another_name_are_not_replaced(
    refused: Refused, model: Path, flowers: Path, folder: Path, spelling: str
) -> None:
    (folder / "hard").hardlink_to(flowers)
    (folder / "soft").symlink_to(flowers)
    # A table that looks like predictions is still what this command reads.
    flowers.write_text("prediction\n" + flowers.read_text())
    before = contents(folder)
    out = spelling.format(folder=folder)
    assert "the predictions are made from it" in refused("predict", model, flowers, "--out", out)
    assert contents(folder) == before


def test_a_model_replaces_no_other_file(
    refused: Refused, run: Run, flowers: Path, folder: Path
) -> None:
    import skops.io

    from plainnet.estimators import MLPClassifier, save

    network = plainnet.Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)
    plainnet.save(network, "network")
    save(MLPClassifier(), "estimator")
    skops.io.dump({"a": 1}, "skops")
    np.savez(folder / "arrays", X=np.ones(3))
    (folder / "predictions").write_text("prediction\n1\n")
    with gzip.open("packed", "wt") as file:
        file.write("a,b\n1,2\n")
    before = contents(folder)
    for out in ("network", "estimator", "skops", "arrays.npz", "predictions", "packed"):
        message = refused("train", flowers, "--target", "species", *FAST, "--out", out)
        assert f"{out} exists and is not a model of `plainnet train`" in message
        assert "name another file" in message
    assert contents(folder) == before


def test_an_empty_file_may_be_filled(run: Run, flowers: Path, folder: Path) -> None:
    (folder / "m").touch()
    (folder / "p").touch()
    result = run("train", flowers, "--target", "species", *FAST, "--out", "m")
    assert (result.code, "Saved the model as m" in result.out) == (0, True)
    result = run("predict", "m", flowers, "--out", "p")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert len((folder / "p").read_text().splitlines()) == 61


PLACES = {
    "a folder": ("folder", "it is a folder; name a file in it"),
    "nothing": ("", "it is a folder; name a file in it"),
    "a circle": ("circle", "cannot write circle: "),
    "a pipe": ("pipe", "not an ordinary file; without --out the predictions go to standard output"),
    "a device": ("/dev/null", "cannot write /dev/null: it is not an ordinary file"),
    "a file as a folder": ("flowers.csv/p", "cannot write flowers.csv/p: "),
}


@posix
@pytest.mark.parametrize("case", PLACES)
def test_places_that_cannot_be_written(
    refused: Refused, model: Path, flowers: Path, folder: Path, case: str
) -> None:
    (folder / "folder").mkdir()
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")
    out, message = PLACES[case]
    assert message in refused("predict", model, flowers, "--out", out)


def test_a_file_that_is_read_only_is_not_replaced(
    refused: Refused, model: Path, flowers: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "p").write_text("prediction\n1\n")
    (folder / "p").chmod(0o444)
    if os.access(folder / "p", os.W_OK):  # root may write whatever there is
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).stat().st_mode & mode << 6)
    assert "cannot write p: it is read-only" in refused("predict", model, flowers, "--out", "p")


def test_predictions_into_no_folder(refused: Refused, model: Path, flowers: Path) -> None:
    assert "there is no folder" in refused("predict", model, flowers, "--out", "no/p.csv")


def test_arrays_of_another_width(refused: Refused, model: Path) -> None:
    np.savez("new.npz", X=np.ones((2, 4)))
    assert "the model takes 3 features; new.npz has 4" in refused("predict", model, "new.npz")


def test_a_pixel_far_beyond_the_training_rows(refused: Refused, folder: Path, run: Run) -> None:
    X = np.array([1e-30, 2e-30] * 30).reshape(60, 1, 1)
    np.savez("t.npz", X=X, y=[0, 1] * 30)
    assert run("train", "t.npz", "--epochs", 1, "-q").code == 0
    np.savez("new.npz", X=[[1e-30], [1e30]])
    message = refused("predict", "t-model.npz", "new.npz")
    assert "pixel 'x0' holds 1e+30 in row 2, too far from" in message


def test_bad_cells_in_prediction(refused: Refused, model: Path, folder: Path) -> None:
    write_csv(folder / "new.csv", [[1, "inf", True], ["", 3, False]], ",".join(FLOWERS))
    assert "'petal width' must hold finite numbers; row 1 has" in refused(
        "predict", model, "new.csv"
    )
    write_csv(folder / "new.csv", [[1, "wide", True], ["", 3, False]], ",".join(FLOWERS))
    assert "column 'petal width' holds numbers; got 'wide'" in refused("predict", model, "new.csv")


def test_an_estimator_that_the_command_did_not_make(refused: Refused, flowers: Path) -> None:
    from plainnet.estimators import MLPClassifier, save

    save(MLPClassifier(), "m.skops")
    assert "m.skops was not made by `plainnet train`" in refused("predict", "m.skops", flowers)


@pytest.mark.parametrize(
    ("kind", "X", "y", "message"),
    [
        ("Classifier", np.eye(20), [0, 1] * 10, "knows its columns by their places, not by names"),
        ("Regressor", FRAME, np.eye(20)[:, :2], "predicts more than one value per row"),
        ("Classifier", FRAME, np.eye(20, dtype=int)[:, :2], "predicts more than one value per row"),
    ],
    ids=["array", "several numbers", "several labels"],
)
def test_a_tabular_estimator_that_the_command_did_not_make(
    refused: Refused, folder: Path, kind: str, X: object, y: object, message: str
) -> None:
    from plainnet import estimators

    model = getattr(estimators, f"Tabular{kind}")("fast", epochs=1, hidden_layer_sizes=[4])
    estimators.save(model.fit(X, y), "m.skops")
    FRAME.to_csv("new.csv", index=False)
    line = refused("predict", "m.skops", "new.csv")
    assert line.endswith(f"was not made by `plainnet train`: its Tabular{kind} {message}\n")


def test_a_model_that_names_a_foreign_class(refused: Refused, flowers: Path) -> None:
    import skops.io

    skops.io.dump(Stranger(), "m.skops")
    message = refused("predict", "m.skops", flowers)
    assert "Stranger, which is not plainnet's own: it is not loaded" in message


class Stranger:
    """A class of somebody else."""
