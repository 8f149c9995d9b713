"""A diagnosis of estimators: their tables as they come, their settings, what they have learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from plainnet import diagnose
from plainnet.errors import SettingError
from plainnet.estimators import (
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    TabularClassifier,
    TabularRegressor,
)
from plainnet.inspection.doctor.tables import columns_of, of_table
from plainnet.layers import Dense, ReLU

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def patients(n: int = 300, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    age, weight = rng.uniform(20, 80, n), rng.normal(70, 10, n)
    city = rng.choice(["Oslo", "Rome", "Bern"], n)
    y = np.where(age + 0.3 * weight + 25 * rng.standard_normal(n) > 71, "ill", "well")
    return pd.DataFrame({"age": age, "weight": weight, "city": city}), y


def test_a_table_without_fault():
    X, y = patients()
    model = TabularClassifier(n_networks=1, epochs=20, random_state=0).fit(X, y)
    report = diagnose(model, X, y, validation=patients(seed=1))
    assert not report.serious
    assert report.looked_at == ("the table", "what is learned")


def test_a_table_with_a_column_that_tells_and_rows_on_both_sides(rng):
    X, y = patients()
    X["code"] = np.where((y == "ill") == (rng.random(300) < 0.98), "A", "B")
    model = TabularClassifier(n_networks=1, epochs=20, random_state=0).fit(X[:200], y[:200])
    report = diagnose(model, X[:200], y[:200], validation=(X[150:], y[150:]))
    assert report.names[:2] == ["leaking_feature", "shared_rows"]
    assert report[0].where == "code"
    assert report[0].code == "X = X.drop(columns='code')"
    assert "50 rows of 150" in report[1].evidence


def test_of_many_rows_some_are_drawn_with_their_targets():
    X, y = patients(5000)
    X["code"] = np.where(y == "ill", 1.0, 0.0) + np.random.default_rng(1).normal(0, 0.2, 5000)
    model = TabularClassifier("fast", n_networks=1, epochs=2, random_state=0).fit(X, y)
    report = diagnose(model, X, y, validation=patients_with_code(1000))
    assert report[0].name == "leaking_feature"
    assert report[0].where == "code"


def patients_with_code(n):
    X, y = patients(n, seed=1)
    X["code"] = np.where(y == "ill", 1.0, 0.0) + np.random.default_rng(2).normal(0, 0.2, n)
    return X, y


def test_numbers_and_dates_that_are_texts_are_read_as_the_estimator_reads_them():
    X, y = patients()
    when = np.datetime64("2026-01-01") + np.arange(300).astype("m8[D]")
    X = X.assign(age=X["age"].map("{:.3f} kg".format), since=when.astype(str))
    model = TabularClassifier(n_networks=1, epochs=2, random_state=0).fit(X, y)
    V = X.assign(age=[f"{float(text.split()[0]) + 60:.3f} kg" for text in X["age"]])
    assert diagnose(model, X, y, validation=(V, y))["shifted_validation"].where == "age"
    V = X.assign(since=(when + np.timedelta64(200, "D")).astype(str))
    assert diagnose(model, X, y, validation=(V, y))["shifted_validation"].where == "since"


def test_several_targets_a_row():
    X, _ = patients()
    Y = np.column_stack([X["age"], X["weight"]])
    model = TabularRegressor(n_networks=1, epochs=2, random_state=0).fit(X, Y)
    assert diagnose(model, X, Y, validation=(X, Y)).looked_at == ("the table", "what is learned")


def test_a_table_whose_validation_rows_are_others():
    X, _ = patients()
    model = TabularRegressor(n_networks=1, epochs=5, random_state=0).fit(X, X["age"] + X["weight"])
    V = X.assign(weight=X["weight"] + 12)
    report = diagnose(model, X, X["age"] + X["weight"], validation=(V, V["age"] + V["weight"]))
    assert report["shifted_validation"].where == "weight"


def test_columns_as_they_come():
    X = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": [True, False]})
    a, b, c = columns_of(X)
    assert (a.name, a.is_category, b.is_category, c.is_category) == ("a", False, True, True)
    assert np.isnan(a.values[1])
    assert not list(of_table(X, np.array([0, 1]), None))
    assert [column.name for column in columns_of(np.ones((3, 2)))] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("settings", "name", "code"),
    [
        ({}, "unscaled_inputs", "model = make_pipeline(StandardScaler(), model)"),
        ({"learning_rate_init": 30.0}, "learning_rate_too_high", "learning_rate_init="),
    ],
)
def test_settings_of_a_multilayer_perceptron(settings, name, code):
    X, y = load_breast_cancer(return_X_y=True)
    if settings:
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = MLPClassifier((16,), max_iter=10, random_state=0, **settings).fit(X[:400], y[:400])
    report = diagnose(model, X[:400], y[:400], validation=(X[400:], y[400:]))
    assert code in report[name].code


def test_kinds_of_estimators(rng):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, y[:200]
    for model in (
        NetworkClassifier([Dense(16), ReLU(), Dense(10)], epochs=5, random_state=0),
        MLPClassifier((16,), solver="lbfgs", max_iter=20, random_state=0),
    ):
        model.fit(X, y.astype(str))
        assert diagnose(model, X, y.astype(str), steps=50).looked_at[0] == "data"
    regressor = MLPRegressor(hidden_layer_sizes=(8,), max_iter=10, random_state=0).fit(X, X[:, :2])
    assert diagnose(regressor, X, X[:, :2], steps=50).looked_at
    images = ImageClassifier(preset="fast", epochs=1, random_state=0)
    images.fit(X[:60].reshape(-1, 8, 8), y[:60])
    assert diagnose(images, X[:60].reshape(-1, 8, 8), y[:60]).looked_at == ("what is learned",)


def test_nothing_changes():
    X, y = patients(100)
    model = TabularClassifier(n_networks=1, epochs=2, random_state=0).fit(X, y)
    before = model.network_.parameters.copy(), X.copy(), model.predict_proba(X)
    diagnose(model, X, y)
    np.testing.assert_array_equal(model.network_.parameters, before[0])
    pd.testing.assert_frame_equal(X, before[1])
    np.testing.assert_array_equal(model.predict_proba(X), before[2])


def test_what_is_refused():
    X, y = patients(50)
    with pytest.raises(SettingError, match=r"TabularClassifier is not fitted: call fit\(X, y\)"):
        diagnose(TabularClassifier(), X, y)
    model = TabularClassifier(n_networks=1, epochs=1, random_state=0).fit(X, y)
    with pytest.raises(SettingError, match="an estimator has its own history, epochs"):
        diagnose(model, X, y, history={"loss": [1.0]}, epochs=3)
