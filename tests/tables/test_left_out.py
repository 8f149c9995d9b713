"""Columns that were left out may hold anything later, or be missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.errors import DataError

from .conftest import QUICK, Refused, Run, classifier, predicted, quietly, write

LEFT_OUT = {
    "empty": [None] * 40,
    "blanks": ["  "] * 40,
    "constant": [7] * 40,
    "constant text": ["x"] * 40,
    "constant date": ["2024-01-31"] * 40,
    "constant truth": [True] * 40,
    "a name": [f"person {k}" for k in range(40)],
    "dropped": [f"{k % 3}" for k in range(40)],
}
LATER = {
    "text": "anything",
    "number": 3.5,
    "infinity": float("inf"),
    "date": pd.Timestamp("2024-01-01"),
    "missing": None,
    "boolean": False,
    "list": [1, 2],
    "complex": 1j,
}


def table(*names: str) -> pd.DataFrame:
    numbers = pd.DataFrame({"number": np.arange(40) % 5, "colour": ["red", "blue"] * 20})
    return numbers.assign(**{name: LEFT_OUT[name] for name in names})


@pytest.fixture(scope="module")
def model() -> Any:
    X = table(*LEFT_OUT)
    return quietly(classifier(columns={"dropped": "drop"}), X, np.arange(40) % 2)


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("name", LEFT_OUT)
def test_it_may_hold_anything(model: Any, name: str, later: str) -> None:
    X = table(*LEFT_OUT)
    other = X.assign(**{name: pd.Series([LATER[later]] * 40, dtype=object)})
    np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(X))


def test_it_may_be_missing(model: Any) -> None:
    X = table(*LEFT_OUT)
    expected = model.predict_proba(X)
    for name in LEFT_OUT:
        np.testing.assert_array_equal(model.predict_proba(X.drop(columns=name)), expected)
    np.testing.assert_array_equal(model.predict_proba(X[["number", "colour"]]), expected)


def test_in_an_array_too() -> None:
    X = np.column_stack([np.arange(40.0) % 5, np.full(40, 7.0)])
    model = classifier().fit(X, np.arange(40) % 2)
    expected = model.predict_proba(X)
    X[3, 1] = np.inf
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    X[3, 0] = np.inf
    with pytest.raises(ValueError, match="column 'x0' must hold finite numbers; row 3 has inf"):
        model.predict(X)


@pytest.mark.parametrize("names", [[0, 1, 2], [("a", 1), ("a", 2), ("b", 1)], [2.5, None, "c"]])
def test_names_that_are_not_texts_count_as_well(names: list[Any]) -> None:
    """scikit-learn passes over them, and takes columns by their places."""
    X = pd.DataFrame([[k % 10, k % 3, 7] for k in range(40)])
    X.columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    if "c" in names:  # texts beside others are refused by scikit-learn
        X.columns = [2.5, None, 3]
    model = quietly(classifier(), X, np.arange(40) % 2)
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X.iloc[:, [1, 0, 2]]), expected)
    np.testing.assert_array_equal(model.predict_proba(X.iloc[:, [1, 0]]), expected)
    np.testing.assert_array_equal(model.predict_proba(X.to_numpy()), expected)
    with pytest.raises(DataError, match="X lacks the column "):
        model.predict(X.iloc[:, :1])


def test_the_columns_of_an_array_have_places_and_no_names() -> None:
    X = pd.DataFrame({"x1": np.arange(40.0) % 2, "x0": np.arange(40.0) % 7})
    model = classifier().fit(X.to_numpy(), np.arange(40) % 2)
    with pytest.warns(UserWarning, match="X has feature names, but TabularClassifier was fitted"):
        found = model.predict_proba(X)
    np.testing.assert_array_equal(found, model.predict_proba(X.to_numpy()))


def test_a_name_that_comes_twice_is_refused() -> None:
    X = pd.DataFrame([[k % 10, k % 3] for k in range(40)], columns=["a", "a"])
    with pytest.raises(DataError, match="X has more than one column of the name 'a'"):
        classifier().fit(X, np.arange(40) % 2)


def test_a_single_row_as_a_series_is_told_what_makes_a_table_of_it(model: Any) -> None:
    with pytest.raises(DataError, match=r"X\.to_frame\(\)\.T a row"):
        model.predict(table(*LEFT_OUT).iloc[0])


def test_what_is_used_may_not(model: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        model.predict(table("empty").drop(columns="number"))
    with pytest.raises(ValueError, match="never"):
        model.predict(table(*LEFT_OUT).assign(never=1))
    with pytest.raises(ValueError, match="never"):
        model.predict(table("empty").assign(never=1))


def test_one_that_has_gaps_is_used() -> None:
    X = table().assign(sometimes=[7.0, None] * 20)
    model = classifier().fit(X, np.arange(40) % 2)
    assert model.columns_.unused == []


def test_a_copy_does_without_them_too(model: Any, tmp_path: Path) -> None:
    plainnet.save(model, tmp_path / "m.skops")
    again = plainnet.load(tmp_path / "m.skops")
    X = table("constant").assign(constant="now a text")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_command_does_without_it(run: Run, folder: Path, name: str) -> None:
    write(folder / "t.csv", table(name).assign(target=["u", "v"] * 20))
    drop = ("--column", "dropped=drop") if name == "dropped" else ()
    assert run("train", "t.csv", *QUICK, *drop).code == 0
    expected = predicted(run("predict", "t-model.skops", "t.csv"))
    write(folder / "without.csv", table())
    assert predicted(run("predict", "t-model.skops", "without.csv")) == expected
    for later in ("anything", "", "1e999", "31.12.2024", "TRUE"):
        write(folder / "later.csv", table().assign(**{name: later}))
        assert predicted(run("predict", "t-model.skops", "later.csv")) == expected


def test_the_command_demands_the_others(run: Run, refused: Refused, folder: Path) -> None:
    write(folder / "t.csv", table("empty", "constant").assign(target=["u", "v"] * 20))
    assert run("train", "t.csv", *QUICK).code == 0
    write(folder / "less.csv", table()[["number"]])
    message = refused("predict", "t-model.skops", "less.csv")
    assert "less.csv lacks 1 of the 2 columns that the model takes: 'colour'" in message
