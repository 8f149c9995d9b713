"""`plainnet train` does what it says, on every kind of source."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.callbacks import Callback
from plainnet.callbacks import Run as TrainingRun
from plainnet.cli import learn, sources
from plainnet.errors import DivergedError
from plainnet.files.native import read_metadata

from .conftest import FAST, FLOWERS, Run, flower_rows, write_csv


def accuracy(out: str) -> float:
    found = re.search(r"Test accuracy (\d\.\d+)", out)
    assert found, out
    return float(found[1])


def test_digits_reach_97_percent_with_the_defaults(run: Run, folder: Path) -> None:
    pytest.importorskip("sklearn")
    accuracies = []
    for seed in range(5):
        result = run("train", "digits", "--seed", seed)
        assert (result.code, result.err) == (0, "")
        assert "359 to test (stratified" in result.out
        accuracies.append(accuracy(result.out))
    assert np.mean(accuracies) >= 0.97
    assert (folder / "digits-model.npz").exists()


def test_it_shows_data_network_results_and_file(run: Run, flowers: Path) -> None:
    out = run("train", flowers, "--target", "species", *FAST).out
    assert "flowers.csv: 60 rows, 3 features, 2 classes in 'species'" in out
    assert "44 to train on, 4 to validate, 12 to test (stratified, seed 0)" in out
    assert re.search(r"0\.dense +\(m, 8\) +32\n", out)
    assert re.search(r"2\.dense +\(m, 2\) +18\n", out)
    assert re.search(r"total +50\n", out)
    assert "Test accuracy 1.0000: 12 of 12 rows are right." in out
    assert re.search(r"tulip +1\.000 +1\.000 +1\.000 +6\n", out)
    assert "confusions" not in out  # there are none
    assert "Saved the model as flowers-model.npz" in out
    assert "\x1b" not in out


def test_a_pipe_gets_a_handful_of_plain_lines(run: Run, flowers: Path) -> None:
    arguments = ("--target", "species", *FAST, "--epochs", 95, "--patience", 95)
    out = run("train", flowers, *arguments).out
    epochs = [int(epoch) for epoch in re.findall(r"^epoch (\d+)/95  loss \d", out, re.MULTILINE)]
    assert epochs == [1, *range(10, 91, 10), 95]


def test_quiet_prints_nothing(run: Run, flowers: Path, folder: Path) -> None:
    result = run("train", flowers, "--target", "species", "--quiet", *FAST)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert (folder / "flowers-model.npz").exists()


def test_the_same_seed_gives_the_same_model(run: Run, flowers: Path) -> None:
    for seed, name in ((3, "a"), (3, "b"), (4, "c")):
        run("train", flowers, "--target", "species", "--seed", seed, "--out", name, *FAST)
    a, b, c = (plainnet.load(name).parameters for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_the_file_says_all_that_prediction_needs(model: Path, flowers: Path) -> None:
    metadata = read_metadata(model)
    assert metadata["columns"] == list(FLOWERS)
    assert metadata["classes"] == ["rose", "tulip"]
    assert metadata["target"] == "species"
    assert metadata["task"] == "classification"
    table = pd.read_csv(flowers)
    # Mean and scale are of the rows that the network learned from, so near those of all rows.
    for i, name in enumerate(FLOWERS):
        column = table[name].astype(float)
        assert abs(metadata["mean"][i] - column.mean()) < 0.3
        assert metadata["scale"][i] == pytest.approx(column.std(), rel=0.2)


def test_inputs_are_standardised_on_the_training_rows_only(
    run: Run, flowers: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}
    real = learn.split

    def split(*arguments: object) -> sources.Rows:
        seen["rows"] = real(*arguments)  # type: ignore[arg-type]
        return seen["rows"]

    monkeypatch.setattr(learn, "split", split)
    run("train", flowers, "--target", "species", *FAST)
    X, _ = seen["rows"].fit
    metadata = read_metadata(model)
    np.testing.assert_allclose(metadata["mean"], X.mean(axis=0))
    np.testing.assert_allclose(metadata["scale"], X.std(axis=0))


# --- sources --------------------------------------------------------------------------------------


def numbered(column: list[object]) -> pd.DataFrame:
    """A table whose column b tells the classes apart."""
    return pd.DataFrame({"b": [float(i % 2) for i in range(len(column))], "class": column})


LABELS = {
    "text": ["x", "y"],
    "odd text": ["Zoë, née", "[/red]"],
    "integers": [7, 3],
    "truth": [True, False],
    "fractions": [0.5, 1.5],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "npz"])
def test_labels_keep_their_type(run: Run, folder: Path, labels: list[object], kind: str) -> None:
    table = numbered(labels * 20)
    path = folder / f"table.{kind}"
    if kind == "npz":
        np.savez(path, X=table[["b"]].to_numpy(), y=np.array(labels * 20))
    elif kind == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    result = run("train", path, *FAST)
    assert (result.code, result.err) == (0, "")
    classes = read_metadata(folder / "table-model.npz")["classes"]
    assert classes == sorted(labels)  # type: ignore[type-var]
    assert [type(label) for label in classes] == [type(label) for label in labels]
    predictions = run("predict", "table-model.npz", path).out.splitlines()
    assert len(predictions) == 41


@pytest.mark.parametrize("separator", [";", "\t", ", "])
def test_other_separators_and_spaces(run: Run, folder: Path, separator: str) -> None:
    rows = "\n".join(separator.join((str(i % 2), "1", "ab"[i % 2])) for i in range(40))
    (folder / "t.csv").write_text(f"\ufeff\n{separator.join('xyz')}\n{rows}\n", "utf-8")
    assert run("train", "t.csv", "--target", "z", *FAST).code == 0
    metadata = read_metadata("t-model.npz")
    assert metadata["columns"] == ["x", "y"]
    assert metadata["classes"] == ["a", "b"]
    assert metadata["scale"][1] == 1  # y never changes


@pytest.mark.parametrize("name", ["target", "Class", "label", "y"])
def test_a_target_of_a_usual_name_is_taken(run: Run, folder: Path, name: str) -> None:
    write_csv(folder / "t.csv", flower_rows(), ",".join((*FLOWERS, name)))
    assert f"in '{name}'" in run("train", "t.csv", *FAST).out


def test_arrays_of_images_share_one_scale(run: Run, folder: Path) -> None:
    y = np.arange(40) % 2
    X = np.random.default_rng(0).integers(0, 9, (40, 2, 3)) + 9 * y[:, None, None]
    np.savez(folder / "t.npz", X=X.astype(np.uint8), kinds=y)
    assert run("train", "t.npz", "--target", "kinds", *FAST).code == 0
    metadata = read_metadata("t-model.npz")
    assert metadata["columns"] == [f"x{i}" for i in range(6)]
    assert len(set(metadata["mean"])) == 1


def test_integers_and_truth_values_in_parquet_are_numbers(run: Run, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    table = numbered(["a", "b"] * 20)
    table["truth"] = table["b"] > 0
    table["nullable"] = pd.array(range(40), "Int64")
    table["kind"] = pd.Categorical(["1", "2"] * 20)
    table.to_parquet("t.parquet")
    assert run("train", "t.parquet", *FAST).code == 0
    assert read_metadata("t-model.npz")["columns"] == ["b", "truth", "nullable", "kind"]


def test_many_classes_get_a_short_table(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(folder / "t.npz", X=rng.normal(size=(600, 2)), y=np.arange(600) % 60)
    out = run("train", "t.npz", "--epochs", 1, "--hidden", 2).out
    assert "The 20 classes with the lowest F1, of 60:" in out
    assert re.search(r"and \d+ other pairs with \d+ rows", out)
    assert len(out.splitlines()) < 60


# --- the file -------------------------------------------------------------------------------------


def test_an_older_model_is_replaced_and_that_is_said(run: Run, flowers: Path, model: Path) -> None:
    old = model.read_bytes()
    result = run("train", flowers, "--target", "species", "--seed", 9, *FAST)
    assert "Replaced the model flowers-model.npz" in result.out
    assert model.read_bytes() != old


def test_a_link_stays_a_link(run: Run, flowers: Path, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "link.npz").symlink_to("deep/model.npz")
    assert run("train", flowers, "--target", "species", "--out", "link.npz", *FAST).code == 0
    assert (folder / "link.npz").is_symlink()
    assert (folder / "deep" / "model.npz").is_file()


# --- when training ends early ---------------------------------------------------------------------


def test_divergence_is_one_line_and_saves_nothing(
    run: Run, flowers: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise DivergedError("the loss became nan at step 3", step=3, layer="0.dense")

    monkeypatch.setattr(learn, "train", diverge)
    result = run("train", flowers, "--target", "species")
    assert result.code == 1
    assert result.err.startswith("plainnet: training diverged and nothing was saved: the loss ")
    assert result.err.count("\n") == 1
    assert list(folder.iterdir()) == [flowers]


def test_divergence_with_a_real_learning_rate(run: Run, flowers: Path, folder: Path) -> None:
    result = run("train", flowers, "--target", "species", "--learning-rate", "1e30")
    assert result.code == 1
    assert result.err.startswith("plainnet: training diverged")
    assert list(folder.iterdir()) == [flowers]


class StopInEpoch(Callback):
    """What Ctrl-C asks of a run."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def end_step(self, run: TrainingRun) -> None:
        if run.epoch == self.epoch:
            run.stop("Ctrl-C")


@pytest.mark.parametrize("epoch", [0, 5])
def test_an_interrupted_training_reports_and_saves(
    run: Run, flowers: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    real = learn.train

    def stopped(*arguments: object, callbacks: list[Callback], **rest: object) -> object:
        return real(*arguments, callbacks=[*callbacks, StopInEpoch(epoch)], **rest)  # type: ignore

    monkeypatch.setattr(learn, "train", stopped)
    result = run("train", flowers, "--target", "species", *FAST)
    assert (result.code, result.err) == (0, "")
    assert f"Interrupted after {epoch} of 20 epochs." in result.out
    assert "Test accuracy" in result.out
    assert (folder / "flowers-model.npz").exists()
