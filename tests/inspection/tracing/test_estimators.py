"""From the cells of a row to what is predicted: the trace of an estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris

from plainnet.errors import DataError, SettingError
from plainnet.estimators import (
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    TabularClassifier,
    TabularRegressor,
    TextClassifier,
)
from plainnet.inspection import Trace, trace
from plainnet.layers import Dense, ReLU
from printed import recomputed


def table(rng: np.random.Generator) -> pd.DataFrame:
    m = 60
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 12, m).round(),
            "city": rng.choice(["Rome", "Oslo", "Lima"], m),
            "since": pd.date_range("2024-01-01", periods=m, freq="9D").astype(str),
            "member": rng.choice([True, False], m),
        }
    )
    X.loc[3, "age"] = np.nan
    return X


def fitted(model: Any, X: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def expect_lines(record: Trace, rng: np.random.Generator) -> None:
    for name in record:
        array = record[name]
        if array.size and array.dtype.kind == "f":
            index = tuple(int(rng.integers(n)) for n in array.shape)
            line = record.unit(name, index)
            assert recomputed(line.term) == pytest.approx(line.value, rel=2e-6, abs=1e-6), name


@pytest.mark.parametrize("networks", [1, 3])
def test_a_table_from_cell_to_probability(networks: int, rng):
    X = table(rng)
    y = np.where(X["age"].fillna(0) > 40, "old", "young")
    model = fitted(TabularClassifier(n_networks=networks, epochs=2, random_state=0), X, y)
    record = trace(model, X.iloc[2:4])
    np.testing.assert_allclose(record["loss.P"], model.predict_proba(X.iloc[2:4]), rtol=1e-6)
    expect_lines(record, rng)
    text = str(record)
    assert f"city is '{X['city'][2]}': numbers[0, " in text
    assert f"age is {X['age'][2]}: numbers[0, 0] = {X['age'][2]:g}" in text
    assert "the classes are 'old', 'young'" in text
    assert f"row 1: predicted {model.predict(X.iloc[2:4]).tolist()[1]!r}" in text
    number = record.unit("columns.scaled[0, 0]")
    assert [each.name for each in number.numbers] == ["numbers", "centre", "factor"]
    first = "network_1.0.parallel" if networks > 1 else "0.parallel"
    assert record.unit(f"{first}.A", (1, 0)).name == "columns.X"
    (used, *_) = record.goes_into("columns.numbers", (0, 0))
    assert (used.array, used.index) == ("columns.scaled", (0, 0))


def test_a_number_from_cell_to_prediction(rng):
    X = table(rng)
    y = 1000 + 5 * X["age"].fillna(0)
    model = fitted(TabularRegressor(n_networks=2, epochs=2, random_state=0), X, y)
    record = trace(model, X.head(2))
    np.testing.assert_allclose(record["prediction.y"][:, 0], model.predict(X.head(2)), rtol=1e-6)
    expect_lines(record, rng)
    assert record.steps[-1].layer == "prediction"


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier((5,), max_iter=3, random_state=0),
        NetworkClassifier(layers=[Dense(4), ReLU(), Dense(3)], epochs=2, random_state=0),
    ],
    ids=repr,
)
def test_a_classifier_of_numbers(model: Any, rng):
    X, y = load_iris(return_X_y=True)
    fitted(model, X, y)
    record = trace(model, X[:3])
    np.testing.assert_allclose(record["loss.P"], model.predict_proba(X[:3]), rtol=1e-6)
    expect_lines(record, rng)


def test_a_regressor_of_numbers(rng):
    X = rng.standard_normal((50, 3))
    model = fitted(MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0), X, X[:, 0])
    record = trace(model, X[:2])
    np.testing.assert_array_equal(record["2.dense.Z"][:, 0], model.predict(X[:2]))


def test_texts(rng):
    texts = ["good film", "bad film", "very good", "very bad", "good good", "bad bad"] * 8
    y = ["+" if "good" in text else "-" for text in texts]
    model = fitted(TextClassifier(epochs=2, random_state=0), texts, y)
    record = trace(model, ["good film"])
    np.testing.assert_allclose(record["loss.P"], model.predict_proba(["good film"]), rtol=1e-5)
    assert "the first text has 'good'" in str(record)
    expect_lines(record, rng)


def test_images(rng):
    X, y = load_digits(return_X_y=True)
    images = X[:120].reshape(-1, 8, 8)
    model = fitted(ImageClassifier(epochs=1, random_state=0), images, y[:120])
    record = trace(model, images[:1])
    np.testing.assert_allclose(record["loss.P"], model.predict_proba(images[:1]), rtol=1e-5)
    line = record.unit("pixels.X[0, 2, 3, 0]")
    assert [number.name for number in line.numbers] == ["pixels", "mean", "scale"]


def test_what_is_refused(rng):
    X, y = load_iris(return_X_y=True)
    model = fitted(MLPClassifier((5,), max_iter=2, random_state=0), X, y)
    with pytest.raises(SettingError, match="that of a prediction"):
        trace(model, X[:1], y[:1])
    with pytest.raises(DataError, match="a few rows, 1 to 256; got 300"):
        trace(model, np.tile(X, (2, 1)))
    with pytest.raises(ValueError, match="5 features"):
        trace(model, np.ones((1, 5)))
