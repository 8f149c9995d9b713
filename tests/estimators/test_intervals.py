"""Prediction intervals: they hold as many targets as they say, and are wide where errors are."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

import plainnet
from plainnet.errors import DataError, SettingError
from plainnet.estimators import TabularRegressor, TextRegressor
from plainnet.estimators.intervals import fitted

FAST = {"preset": "fast", "epochs": 12, "random_state": 0}


def _table(m, seed=0):
    """Numbers with a noise that grows with the distance of the third column from 0."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (m, 4))
    noise = (0.05 + 0.5 * np.abs(X[:, 2])) * rng.normal(size=m)
    return X, np.sin(3 * X[:, 0]) + X[:, 1] + noise


def _holds(ends, y):
    return (ends[:, 0] <= y) & (y <= ends[:, 1])


@pytest.fixture(scope="module")
def model():
    return TabularRegressor(**FAST).fit(*_table(500))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_they_hold_their_share_of_new_targets(model, coverage):
    X, y = _table(3000, seed=1)
    ends = model.predict_interval(X, coverage)
    assert ends.shape == (3000, 2)
    assert coverage - 0.02 < _holds(ends, y).mean() < coverage + 0.1
    predicted = model.predict(X)
    assert (ends[:, 0] <= predicted).all()
    assert (predicted <= ends[:, 1]).all()


def test_they_are_wider_where_errors_are_larger(model):
    X, y = _table(3000, seed=1)
    ends, distance = model.predict_interval(X), np.abs(X[:, 2])
    widths = ends[:, 1] - ends[:, 0]
    assert widths[distance > 0.7].mean() > 1.5 * widths[distance < 0.3].mean()
    for rows in (distance < 0.3, distance > 0.7):
        assert 0.8 < _holds(ends[rows], y[rows]).mean() <= 1


def test_more_coverage_is_wider(model):
    X, _ = _table(100, seed=2)
    ends = [model.predict_interval(X, coverage) for coverage in (0.5, 0.8, 0.95)]
    for narrow, wide in pairwise(ends):
        assert (wide[:, 0] <= narrow[:, 0]).all()
        assert (narrow[:, 1] <= wide[:, 1]).all()


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("networks", [1, 3])
def test_however_rows_were_held_out(given, networks):
    X, y = _table(500)
    model = TabularRegressor(n_networks=networks, **FAST)
    if given:
        model.fit(X[:350], y[:350], X_val=X[350:], y_val=y[350:])
    else:
        model.fit(X, y)
    X, y = _table(2000, seed=1)
    assert _holds(model.predict_interval(X), y).mean() == pytest.approx(0.9, abs=0.06)


def test_texts_have_them_too():
    """Targets are the number of vowels, with a noise that grows with the length of the text."""
    rng = np.random.default_rng(0)
    words = ["pla", "sto", "grum", "tile", "aura"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(600)]
    lengths = np.array([len(text.split()) for text in texts])
    y = np.array([sum(text.count(vowel) for vowel in "aeiou") for text in texts])
    y = y + 0.2 * lengths * rng.normal(size=len(y))
    model = TextRegressor(random_state=0).fit(texts[:300], y[:300])
    ends = model.predict_interval(texts[300:])
    assert ends.shape == (300, 2)
    assert 0.86 < _holds(ends, y[300:]).mean() < 0.97
    widths, lengths = np.ptp(ends, axis=1), lengths[300:]
    assert widths[lengths > 8].mean() > 1.2 * widths[lengths < 4].mean()


@pytest.mark.parametrize("preset", ["default", "gru", "transformer"])
def test_those_of_texts_are_saved_and_do_not_hang_on_neighbours(preset, tmp_path):
    texts = [f"{'one ' * (i % 4)}two{'!' * (i % 3)}" for i in range(60)]
    model = TextRegressor(preset, epochs=1, random_state=0).fit(texts, np.arange(60.0))
    plainnet.save(model, tmp_path / "model.skops")
    loaded = plainnet.load(tmp_path / "model.skops")
    ends = model.predict_interval(texts)
    assert (ends[:, 0] < ends[:, 1]).all()
    np.testing.assert_array_equal(loaded.predict_interval(texts), ends)
    alone = np.concatenate([model.predict_interval([text]) for text in texts[:9]])
    np.testing.assert_array_equal(alone, ends[:9])


def test_several_outputs_each_have_their_own():
    X, y = _table(300)
    model = TabularRegressor(**FAST).fit(X, np.stack([y, -1e200 * y], axis=1))
    ends = model.predict_interval(X[:7])
    assert ends.shape == (7, 2, 2)
    assert (ends[..., 0] < ends[..., 1]).all()
    assert 0.5e200 < np.median(np.ptp(ends[:, 1], axis=1) / np.ptp(ends[:, 0], axis=1)) < 2e200


def test_the_quantiles_are_those_of_the_definition():
    """CV+ by hand: two networks, which err by 1 to 9 and by 10 to 19 on their rows."""
    errors = np.arange(1.0, 10), np.arange(10.0, 20)
    (one,) = fitted(
        [np.zeros((len(e), 1)) for e in errors],
        [np.zeros((len(e), 1)) for e in errors],
        [e[:, None] for e in errors],
    )
    f = np.array([[100.0], [200.0]])
    low = sorted([*(100 - errors[0]), *(200 - errors[1])])
    high = sorted([*(100 + errors[0]), *(200 + errors[1])])
    # Of 19 errors, the floor(0.1 * 20) = 2nd smallest and the ceil(0.9 * 20) = 18th.
    np.testing.assert_allclose(one.around(np.zeros((1, 1)), f, 0.9), [[low[1], high[17]]])


def test_a_single_row_has_the_interval_that_it_has_among_others(model):
    X, _ = _table(50, seed=3)
    alone = np.concatenate([model.predict_interval(X[i : i + 1]) for i in range(50)])
    np.testing.assert_array_equal(alone, model.predict_interval(X))


def test_they_are_saved(model, tmp_path):
    X, _ = _table(20, seed=4)
    plainnet.save(model, tmp_path / "model.skops")
    loaded = plainnet.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_interval(X), model.predict_interval(X))


def test_no_rows_have_no_intervals():
    pd = pytest.importorskip("pandas", reason="pandas is the extra `cli`")
    X = pd.DataFrame(_table(60)[0])
    frames = TabularRegressor(**FAST).fit(X, _table(60)[1])
    assert frames.predict_interval(X[:0]).shape == (0, 2)


def test_a_constant_has_no_width():
    model = TabularRegressor(**FAST).fit(_table(60)[0], np.full(60, 7.0))
    np.testing.assert_allclose(model.predict_interval(_table(5)[0]), 7)


def test_what_cannot_be_said_is_refused(model):
    X, y = _table(40)
    none = TabularRegressor(validation_fraction=0, **FAST).fit(X, y)
    with pytest.raises(DataError, match="this model has none: fit it to 10 rows or more"):
        none.predict_interval(X)
    few = TabularRegressor(**FAST).fit(X, y)
    with pytest.raises(DataError, match=r"coverage=0\.99 needs 99 held-out rows; there are 40"):
        few.predict_interval(X, 0.99)
    for wrong in (0, 1, 90, "0.9", float("nan")):
        with pytest.raises(SettingError, match="coverage must be"):
            model.predict_interval(X, wrong)
