"""A prediction of several networks: the same bits for a row in any company and from any thread."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from plainnet import load, save
from plainnet.estimators import TabularClassifier, TabularRegressor, TextClassifier

QUICK = {"epochs": 2, "n_networks": 3, "random_state": 0}


def rows(n: int, columns: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, columns))


@pytest.fixture(scope="module")
def model() -> TabularClassifier:
    X = rows(300)
    return TabularClassifier(**QUICK).fit(X, (X[:, 0] * X[:, 1] > 0).astype(int))


@pytest.fixture(scope="module")
def wide() -> TabularRegressor:
    """So many inputs that BLAS takes another way through them than through a few."""
    X = rows(120, 90)
    return TabularRegressor(**QUICK).fit(X, X[:, 0])


@pytest.mark.parametrize("together", [1, 2, 7, 16, 255])
def test_a_row_gets_the_same_bits_alone_and_among_ten_thousand(model, wide, together):
    X = rows(10_000, seed=1)
    whole = model.predict_proba(X)
    for start in (0, 3, 500, 4321, 9990):
        some = slice(start, start + together)
        np.testing.assert_array_equal(model.predict_proba(X[some]), whole[some])
    X = rows(600, 90, seed=1)
    whole = wide.predict(X)
    for start in (0, 17, 345):
        some = slice(start, start + together)
        np.testing.assert_array_equal(wide.predict(X[some]), whole[some])


def test_categories_and_missing_values_do_not_see_their_neighbours():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"size": rng.standard_normal(300), "town": rng.choice(list("abcdefghijkl"), 300)}
    )
    table.loc[::7, "size"] = np.nan
    model = TabularClassifier(**QUICK).fit(table, rng.choice(["no", "yes"], 300))
    whole = model.predict_proba(table)
    for i in (0, 7, 8, 299):
        np.testing.assert_array_equal(model.predict_proba(table[i : i + 1]), whole[i : i + 1])


def test_copies_and_files_predict_the_same_bits(model, tmp_path):
    X = rows(50, seed=2)
    expected = model.predict_proba(X)
    for same in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        np.testing.assert_array_equal(same.predict_proba(X), expected)
    pytest.importorskip("skops", reason="saving an estimator needs skops")
    save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict_proba(X), expected)


def test_what_prediction_keeps_is_in_no_pickle(model):
    again = pickle.loads(pickle.dumps(model))
    before = len(pickle.dumps(again))
    again.predict(rows(50))
    assert len(pickle.dumps(again)) == before


def test_a_second_fit_is_what_is_predicted_from():
    X, other = rows(200), rows(200, seed=3)
    model = TabularRegressor(**QUICK).fit(X, X[:, 0])
    model.predict(X)
    model.fit(other, -other[:, 1])
    fresh = TabularRegressor(**QUICK).fit(other, -other[:, 1])
    np.testing.assert_array_equal(model.predict(X), fresh.predict(X))


def test_changed_parameters_are_what_is_predicted_from(model):
    X, other = rows(50, seed=4), deepcopy(model)
    before = other.predict_proba(X)
    other.networks_[1].parameters[:] *= 0.5
    changed = other.predict_proba(X)
    assert not np.array_equal(changed, before)
    np.testing.assert_array_equal(deepcopy(other).predict_proba(X), changed)


def test_threads_predict_what_one_predicts(model):
    parts = [rows(1 + 37 * i, seed=i) for i in range(24)]
    fresh = deepcopy(model)  # all threads make what later predictions keep
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fresh.predict_proba, parts))
    for X, P in zip(parts, found, strict=True):
        np.testing.assert_array_equal(P, model.predict_proba(X))


# --- texts ----------------------------------------------------------------------------------------


def texts(n: int, seed: int = 0) -> list[str]:
    words = np.array(["fine", "dull", "film", "actor", "long", "short"])
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(n)]


@pytest.fixture(scope="module", params=["default", "gru"])
def reads(request: pytest.FixtureRequest) -> TextClassifier:
    model = TextClassifier(request.param, **QUICK | {"epochs": 1})
    return model.fit(texts(60), np.arange(60) % 3)


def test_copies_predict_from_their_own_parameters(reads):
    X, other = texts(50, seed=1), deepcopy(reads)
    before = other.predict_proba(X)
    np.testing.assert_array_equal(before, reads.predict_proba(X))
    size = len(pickle.dumps(other))
    for layer, name in ((0, "E"), (-1, "W"), (-1, "b")):
        getattr(other.networks_[1].layers[layer], name)[1:] *= 2
        changed = other.predict_proba(X)
        assert not np.array_equal(changed, before)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(other)).predict_proba(X), changed)
        before = changed
    assert len(pickle.dumps(other)) == size


def test_threads_predict_texts_as_one_does(reads):
    parts = [texts(1 + 37 * i, seed=i) for i in range(8)]
    fresh = deepcopy(reads)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fresh.predict_proba, parts))
    for X, P in zip(parts, found, strict=True):
        np.testing.assert_array_equal(P, reads.predict_proba(X))
