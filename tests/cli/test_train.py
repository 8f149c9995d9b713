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
from plainnet.cli import images as images_module
from plainnet.cli import sources, tables
from plainnet.cli.settings import Settings
from plainnet.estimators import load
from plainnet.estimators.tabular import TabularClassifier
from plainnet.files.native import read_metadata

from .conftest import FAST, FLOWERS, Run, flower_rows, numbers_table, write_csv


def accuracy(out: str) -> float:
    found = re.search(r"Test accuracy (\d\.\d+)", out)
    assert found, out
    return float(found[1])


# --- images ---------------------------------------------------------------------------------------


def test_digits_reach_986_with_the_defaults(run: Run, folder: Path) -> None:
    result = run("train", "digits")
    assert (result.code, result.err) == (0, "")
    assert "359 to test (stratified, seed 0)" in result.out
    assert accuracy(result.out) >= 0.985
    assert (folder / "digits-model.npz").exists()


def test_images_share_one_scale(run: Run, images: Path) -> None:
    assert run("train", images, "--epochs", 5).code == 0
    metadata = read_metadata("images-model.npz")
    assert metadata["columns"] == [f"x{i}" for i in range(6)]
    X = np.load(images)["X"]
    assert metadata["mean"] == pytest.approx(X.mean(), abs=1)
    assert metadata["scale"] == pytest.approx(X.std(), rel=0.2)


def test_images_are_standardised_on_the_training_rows_only(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = images_module.split

    def split(*arguments: object) -> object:
        seen.append(real(*arguments))  # type: ignore[arg-type]
        return seen[0]

    monkeypatch.setattr(images_module, "split", split)
    run("train", images, "--epochs", 1)
    X, _ = seen[0][0]
    metadata = read_metadata("images-model.npz")
    assert metadata["mean"] == pytest.approx(X.mean())
    assert metadata["scale"] == pytest.approx(X.std())


def test_settings_of_images(run: Run, images: Path) -> None:
    arguments = ("--hidden", 5, "--dropout", 0.25, "--label-smoothing", 0.125)
    out = run("train", images, *arguments, "--epochs", 2).out
    assert "All 2 epochs done." in out
    network = plainnet.load("images-model.npz")
    assert [type(layer).__name__ for layer in network.layers] == [
        "Dense",
        "ReLU",
        "Dropout",
        "Dense",
    ]
    assert network.layers[0].units == 5
    assert network.layers[2].rate == 0.25
    assert network.loss.label_smoothing == 0.125


# --- tables ---------------------------------------------------------------------------------------


def test_it_shows_data_columns_network_results_and_file(run: Run, flowers: Path) -> None:
    out = run("train", flowers, "--target", "species", *FAST).out
    assert "flowers.csv: 60 rows, 3 features\n" in out
    assert "Task: classification ('species' holds texts, 2 different)\n" in out
    assert "Rows: 48 to learn from, 12 to test (stratified, seed 0)" in out
    assert re.search(r"petal length +number", out)
    assert re.search(r"sunny +2 categories, one-hot", out)
    assert re.search(r"dense +\(m, 8\)", out)
    assert re.search(r"dense +\(m, 2\) +18\n", out)
    assert "All 20 epochs done.\nEpoch " in out
    assert "Test accuracy 1.0000: 12 of 12 rows are right." in out
    assert re.search(r"Log-loss 0\.[01]\d+\. Always saying rose would be right in 0\.5000\.", out)
    assert re.search(r"tulip +1\.000 +1\.000 +1\.000 +6\n", out)
    assert "confusions" not in out  # there are none
    assert "Saved the model as flowers-model.skops" in out
    assert "\x1b" not in out


def test_mixed_columns_with_gaps_and_a_number_to_predict(run: Run, houses: Path) -> None:
    result = run("train", houses, "--target", "price", *FAST, "--epochs", 60)
    assert (result.code, result.err) == (0, "")
    out = result.out
    assert "Task: regression ('price' holds 60 different numbers; otherwise: --task " in out
    assert re.search(r"size +number; \d missing, filled with \S+ and flagged", out)
    assert re.search(r"kind +3 categories, one-hot", out)
    assert re.search(r"sold +date: ", out)
    found = {
        name: float(value.replace(",", ""))
        for name, value in re.findall(r"^(RMSE|MAE|R2|RMSE of .*mean) +([\d.,]+)$", out, re.M)
    }
    model = load("houses-model.skops")
    assert type(model).__name__ == "TabularRegressor"
    assert found["RMSE"] < found["RMSE of always saying the mean"] / 2
    assert 0 < found["MAE"] <= found["RMSE"]
    assert found["R2"] > 0.75


def test_the_errors_shown_are_those_of_the_saved_model(run: Run, houses: Path) -> None:
    out = run("train", houses, "--target", "price", *FAST).out
    table = numbers_table()
    parts = tables.rows.split(60, None, None, 0.2, np.random.default_rng(0))
    assert sorted([*parts.fit, *parts.validation, *parts.test]) == list(range(60))
    model = load("houses-model.skops")
    X = pd.read_csv(houses).drop(columns="price")

    def rmse(part: object) -> float:
        wrong = model.predict(X.iloc[part]) - table["price"].to_numpy()[part]
        return float(np.sqrt((wrong**2).mean()))

    shown = re.search(r"^RMSE +([\d,]+)$", out, re.M).group(1)
    assert int(shown.replace(",", "")) == round(rmse(parts.test))
    best = np.argmin(model.history_["val_loss"])
    assert f"Epoch {best + 1} was the best" in out


def test_small_tables_are_learned_by_several_networks(run: Run, flowers: Path) -> None:
    settings = ("--preset", "fast", "--hidden", 8, "--epochs", 3)
    out = run("train", flowers, "--target", "species", *settings).out
    assert "5 networks are averaged. Each holds out another fifth of the rows to learn from" in out
    assert "\nnetwork 2/5, epoch 3/3  loss " in out
    assert out.count("layer ") == 1
    assert re.search(
        r"All 5 networks of 3 epochs done\.\nTheir best epochs are kept: (\d, ){4}\d", out
    )
    assert len(load("flowers-model.skops").networks_) == 5


def test_no_more_rows_validate_than_the_estimators_hold_out(run: Run, folder: Path) -> None:
    from plainnet.estimators import tabular

    a = np.arange(20_000)
    pd.DataFrame({"a": a % 9, "y": a % 2}).to_csv("t.csv", index=False)
    result = run("train", "t.csv", *FAST, "--epochs", 1, "--test-size", "0.1")
    assert "Rows: 18,000 to learn from, 2,000 to test" in result.out
    assert "\nA fifth of the rows to learn from, at most 3,000, decides which" in result.out
    assert (tabular.HELD_OUT, tabular.MOST_HELD_OUT) == (0.2, 3000)  # as the line and --help say


def test_times_with_a_zone_give_no_warning(run: Run, folder: Path) -> None:
    times = pd.date_range("2024-01-01", periods=60, freq="7h", tz="UTC")
    table = pd.DataFrame({"at": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "y": [0, 1] * 30})
    table.to_csv("t.csv", index=False)
    result = run("train", "t.csv", *FAST, "--epochs", 1)
    assert (result.code, result.err) == (0, "")
    result = run("predict", "t-model.skops", "t.csv")
    assert (result.code, result.err) == (0, "")


def test_the_progress_is_in_the_targets_units(run: Run, houses: Path) -> None:
    out = run("train", houses, "--target", "price", *FAST, "--epochs", 1).out
    progress = re.search(r"epoch 1/1 .* validation RMSE ([\d,]+)", out)
    end = re.search(r"^RMSE +([\d,]+)", out, re.M)
    assert progress
    assert end  # of other rows, so it is near and not the same
    shown, tested = (float(found[1].replace(",", "")) for found in (progress, end))
    assert 0.4 < tested / shown < 2.5


def test_long_lists_of_columns_are_cut(run: Run, folder: Path) -> None:
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 32)))
    table.add_prefix("c").assign(y=[0, 1] * 20).to_csv("t.csv", index=False)
    out = run("train", "t.csv", *FAST).out
    assert "c19 " in out
    assert "c20 " not in out
    assert "\nand 12 more\n" in out


def test_columns_can_be_left_out(run: Run, flowers: Path) -> None:
    run("train", flowers, "--target", "species", "--drop", "sunny", "--drop", FLOWERS[0], *FAST)
    assert load("flowers-model.skops").feature_names_in_.tolist() == [FLOWERS[1]]


def test_a_column_that_counts_the_rows_is_pointed_at(run: Run, flowers: Path) -> None:
    pd.read_csv(flowers).rename_axis("the id").reset_index().to_csv("t.csv", index=False)
    out = run("train", "t.csv", "--target", "species", *FAST).out
    assert "'the id' counts the rows; if it says nothing else: --drop 'the id'" in out


def test_rows_without_a_target_are_left_out(run: Run, folder: Path) -> None:
    table = pd.DataFrame({"a": np.arange(60) % 2 * 5.0, "y": [7, 3] * 30})
    table.loc[[3, 8], "y"] = None
    table.to_csv("t.csv", index=False)
    out = run("train", "t.csv", *FAST).out
    assert "t.csv: 58 rows, 1 feature\n2 rows without a value in 'y' left out" in out
    assert load("t-model.skops").classes_.tolist() == [3, 7]  # whole numbers again
    assert load("t-model.skops").classes_.dtype == np.int64


TASKS = {
    "texts": (["a", "b"] * 30, "classification"),
    "truth": ([True, False] * 30, "classification"),
    "a few numbers": (list(range(20)) * 3, "classification"),
    "many numbers": (list(range(21)) * 3, "regression"),
    "fractions": ([0.5, 1.5] * 30, "classification"),
    "nearly all different": ([*range(8), 0, 1, 2, 3], "regression"),
}


@pytest.mark.parametrize("case", TASKS)
def test_the_task_is_told_from_the_target(run: Run, folder: Path, case: str) -> None:
    y, task = TASKS[case]
    pd.DataFrame({"a": np.arange(len(y)) % 7 * 1.5, "y": y}).to_csv("t.csv", index=False)
    out = run("train", "t.csv", *FAST, "--epochs", 1).out
    assert f"Task: {task} (" in out
    assert (
        type(load("t-model.skops")).__name__
        == {
            "classification": "TabularClassifier",
            "regression": "TabularRegressor",
        }[task]
    )


def test_the_task_can_be_set(run: Run, folder: Path) -> None:
    pd.DataFrame({"a": [1.0, 2] * 30, "y": [3, 5] * 30}).to_csv("t.csv", index=False)
    out = run("train", "t.csv", "--task", "regression", *FAST).out
    assert "Task: regression (--task)\n" in out
    assert type(load("t-model.skops")).__name__ == "TabularRegressor"


def test_each_setting_reaches_the_estimator(run: Run, flowers: Path) -> None:
    given = {
        "preset": "fast",
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 0.015,
        "dropout": 0.25,
        "weight_decay": 0.03,
        "label_smoothing": 0.05,
    }
    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    arguments = ("--target", "species", "--hidden", "9, 4", "--seed", 3)
    assert run("train", flowers, *arguments, *options).code == 0
    model = load("flowers-model.skops")
    for name, value in {**given, "hidden_layer_sizes": [9, 4], "random_state": 3}.items():
        assert getattr(model, name) == value
    assert model.callbacks == ()


def test_without_settings_the_preset_decides(flowers: Path) -> None:
    table = sources.to_learn(Settings(str(flowers), "species"))
    settings = Settings(str(flowers))
    assert isinstance(table, sources.Table)
    model = tables.prepare(table, settings).estimator(settings)
    assert model.get_params() == TabularClassifier(random_state=0).get_params()


def test_a_pipe_gets_a_handful_of_plain_lines(run: Run, flowers: Path) -> None:
    out = run("train", flowers, "--target", "species", *FAST, "--epochs", 95).out
    epochs = [int(epoch) for epoch in re.findall(r"^epoch (\d+)/95  loss \d", out, re.MULTILINE)]
    assert epochs == [1, *range(10, 91, 10), 95]


def test_quiet_prints_nothing(run: Run, flowers: Path, folder: Path) -> None:
    result = run("train", flowers, "--target", "species", "--quiet", *FAST)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert (folder / "flowers-model.skops").exists()


def test_the_same_seed_gives_the_same_model(run: Run, flowers: Path) -> None:
    for seed, name, quiet in ((3, "a", ()), (3, "b", ("-q",)), (4, "c", ())):
        run("train", flowers, "--target", "species", "--seed", seed, "--out", name, *FAST, *quiet)
    a, b, c = (load(name).network_.parameters for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    said = [run("predict", name, flowers, "--proba").out for name in "abc"]
    assert said[0] == said[1] != said[2]


def test_the_same_seed_gives_the_same_model_of_images(run: Run, images: Path) -> None:
    for seed, name, quiet in ((3, "a", ()), (3, "b", ("-q",)), (4, "c", ())):
        run("train", images, "--epochs", 2, "--seed", seed, "--out", name, *quiet)
    a, b, c = (Path(name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_the_model_is_saved_before_it_is_tested(
    run: Run, flowers: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "_test", interrupted)
    result = run("train", flowers, "--target", "species", *FAST)
    assert (result.code, result.err) == (130, "")
    assert "Saved the model as flowers-model.skops" in result.out
    assert load("flowers-model.skops").classes_.tolist() == ["rose", "tulip"]


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
    result = run("train", path, *FAST, "--epochs", 2)
    assert (result.code, result.err) == (0, "")
    classes = load(folder / "table-model.skops").classes_.tolist()
    if 0.5 in labels:  # scikit-learn takes no fractions for classes
        labels = list(map(str, labels))
    assert classes == sorted(labels)  # type: ignore[type-var]
    assert [type(label) for label in classes] == [type(label) for label in labels]
    predictions = run("predict", "table-model.skops", path).out.splitlines()
    assert len(predictions) == 41
    assert set(predictions[1:]) <= {
        f'"{label}"' if "," in str(label) else str(label) for label in labels
    }


@pytest.mark.parametrize("separator", [";", "\t", ", "])
def test_other_separators_and_spaces(run: Run, folder: Path, separator: str) -> None:
    rows = "\n".join(separator.join((str(i % 2), "1", "ab"[i % 2])) for i in range(40))
    (folder / "t.csv").write_text(f"\ufeff\n{separator.join('xyz')}\n{rows}\n", "utf-8")
    result = run("train", "t.csv", "--target", "z", *FAST)
    assert result.code == 0
    assert load("t-model.skops").feature_names_in_.tolist() == ["x", "y"]
    assert load("t-model.skops").classes_.tolist() == ["a", "b"]
    assert re.search(r"y +constant, left out", result.out)


def test_a_question_mark_is_a_gap(run: Run, folder: Path) -> None:
    rows = "\n".join(f"{'?' if i % 5 == 0 else i % 2},{'ab'[i % 2]}" for i in range(40))
    (folder / "t.csv").write_text(f"x,y\n{rows}\n")
    assert re.search(r"x +number; \d missing", run("train", "t.csv", *FAST).out)


@pytest.mark.parametrize("name", ["target", "Class", "label", "y"])
def test_a_target_of_a_usual_name_is_taken(run: Run, folder: Path, name: str) -> None:
    write_csv(folder / "t.csv", flower_rows(), ",".join((*FLOWERS, name)))
    assert f"'{name}' holds texts" in run("train", "t.csv", *FAST, "--epochs", 1).out


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer"])
def test_tables_among_the_datasets(run: Run, folder: Path, name: str) -> None:
    result = run("train", name, *FAST)
    assert (result.code, result.err) == (0, "")
    assert accuracy(result.out) > 0.85
    assert (folder / f"{name}-model.skops").exists()


def test_every_type_of_parquet(run: Run, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    from datetime import date
    from decimal import Decimal

    table = numbered(["a", "b"] * 20)
    table["truth"] = table["b"] > 0
    table["nullable"] = pd.array([None, *range(39)], "Int64")
    table["kind"] = pd.Categorical(["1", "2"] * 20)
    table["day"] = [date(2026, 1, 1 + i % 28) for i in range(40)]
    table["when"] = pd.date_range("2020", periods=40, tz="Europe/Berlin")
    table["money"] = [Decimal(i) for i in range(40)]
    table.to_parquet("t.parquet")
    result = run("train", "t.parquet", *FAST)
    assert (result.code, result.err) == (0, "")
    kinds = {kind.name: type(kind).__name__ for kind in load("t-model.skops").columns_.kinds}
    assert kinds == {
        "b": "Number",
        "truth": "Category",
        "nullable": "Number",
        "kind": "Category",
        "day": "Date",
        "when": "Date",
        "money": "Number",
    }


def test_many_classes_get_a_short_table(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(folder / "t.npz", X=rng.normal(size=(600, 2)), y=np.arange(600) % 60)
    out = run("train", "t.npz", "--task", "classification", *FAST, "--epochs", 1).out
    assert "The 20 classes with the lowest F1, of 60:" in out
    assert re.search(r"and \d+ other pairs with \d+ rows", out)
    assert len(out.splitlines()) < 70


# --- the file -------------------------------------------------------------------------------------


def test_an_older_model_is_replaced_and_that_is_said(run: Run, flowers: Path, model: Path) -> None:
    old = model.read_bytes()
    result = run("train", flowers, "--target", "species", "--seed", 9, *FAST)
    assert "Replaced the model flowers-model.skops" in result.out
    assert model.read_bytes() != old


def test_a_link_stays_a_link(run: Run, flowers: Path, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "link").symlink_to("deep/model")
    assert run("train", flowers, "--target", "species", "--out", "link", *FAST).code == 0
    assert (folder / "link").is_symlink()
    assert (folder / "deep" / "model").is_file()


# --- when training ends early ---------------------------------------------------------------------


@pytest.mark.parametrize("source", ["flowers", "images"])
def test_divergence_is_one_line_and_saves_nothing(
    run: Run, flowers: Path, images: Path, folder: Path, source: str
) -> None:
    arguments = {"flowers": (flowers, "--target", "species", *FAST), "images": (images,)}[source]
    before = sorted(folder.iterdir())
    result = run("train", *arguments, "--learning-rate", "1e30")
    assert result.code == 1
    assert result.err.startswith("plainnet: training diverged and nothing was saved: ")
    assert result.err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


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
    real = tables.Task.fit
    monkeypatch.setattr(
        tables.Task,
        "fit",
        lambda task, model, callbacks, **how: real(
            task, model, [*callbacks, StopInEpoch(epoch)], **how
        ),
    )
    result = run("train", flowers, "--target", "species", "--batch-size", 8, *FAST)
    assert (result.code, result.err) == (0, "")
    assert f"Interrupted after {epoch} of 20 epochs." in result.out
    assert "Test accuracy" in result.out
    assert (folder / "flowers-model.skops").exists()
