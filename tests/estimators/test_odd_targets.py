"""Targets as they sometimes are: classes of one row, numbers whose squares leave the range."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

import plainnet
from plainnet.errors import DataError, ShapeError
from plainnet.estimators import (
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    TabularClassifier,
    TabularRegressor,
    TextClassifier,
    TextRegressor,
)
from plainnet.layers import Dense, ReLU
from plainnet.losses import MeanAbsoluteError
from plainnet.metrics import r2_score

MANY = "ignore:The number of unique classes is greater than 50%"  # scikit-learn's warning

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 3))
f = X @ [1, 2, -1.0]


# --- classes of few rows --------------------------------------------------------------------------

FEW = {
    "every class once": np.arange(10),
    "every class once, as texts": np.array(list("abcdefghijkl")),
    "49 classes in 50 rows": np.r_[np.arange(49), 0],
    "25 classes of two rows": np.arange(50) % 25,
    "five classes of two rows": np.arange(10) % 5,
    "two classes of one row": np.r_[np.zeros(30, int), 1, 2],
    "one class of one row": np.r_[np.zeros(30, int), 1],
    "two of 300 rows": np.r_[np.zeros(298, int), 1, 1],
    "11 rows": np.arange(11) % 2,
    "11 rows, one of them alone": np.r_[np.zeros(10, int), 1],
    "two rows": np.arange(2),
    "one class": np.zeros(20, int),
}


def _features(y):
    """Which tell the classes apart."""
    ids = np.unique(y, return_inverse=True)[1]
    return np.c_[ids, rng.normal(size=(len(y), 2))]


@pytest.fixture
def learned(monkeypatch):
    """(rows, classes) of each network of a tabular estimator, and how many rows it holds out."""
    seen, train = [], TabularClassifier._train

    def spy(self, rows, validation, *others):
        held = 0 if validation is None else len(validation[0])
        seen.append((len(rows), len(np.unique(rows.y)), held))
        return train(self, rows, validation, *others)

    monkeypatch.setattr(TabularClassifier, "_train", spy)
    return seen


@pytest.mark.filterwarnings(MANY)
@pytest.mark.parametrize("y", FEW.values(), ids=FEW)
@pytest.mark.parametrize("settings", [{}, {"class_weight": "balanced", "n_networks": 7}], ids=str)
def test_each_network_of_a_table_learns_nearly_all_rows_of_all_classes(learned, y, settings):
    A = _features(y)
    model = TabularClassifier("fast", epochs=2, random_state=0, **settings).fit(A, y)
    assert len(learned) == len(model.networks_)
    for rows, classes, held in learned:
        assert rows + held == len(y)
        assert rows >= 0.7 * len(y)
        assert classes == len(model.classes_)
    P = model.predict_proba(A)
    assert P.shape == (len(y), len(model.classes_))
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert set(model.predict(A)) <= set(y)


def test_classes_of_one_row_are_learned():
    y = np.arange(10)
    A = np.c_[10.0 * y, (y - 5.0) ** 2]
    model = TabularClassifier("fast", epochs=100, random_state=0).fit(A, y)
    assert model.temperature_ == 1  # nothing was held out to fit it to
    assert model.score(A, y) == 1


def test_a_share_of_nine_tenths_is_what_was_asked_for(learned):
    y = np.arange(30) % 3
    TabularClassifier("fast", epochs=1, validation_fraction=0.9).fit(_features(y), y)
    assert learned == [(3, 3, 27)] * 5


ESTIMATORS = {
    "MLP, adam": lambda **more: MLPClassifier(4, max_iter=2, **more),
    "network": lambda **more: NetworkClassifier(
        lambda n, k: [Dense(4), ReLU(), Dense(k)], epochs=2, **more
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings(MANY)
@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("y", FEW.values(), ids=FEW)
def test_other_classifiers_take_classes_of_few_rows(make, y):
    A = _features(y)
    model = make().fit(A, y)
    assert set(model.predict(A)) <= set(y)
    counts = np.unique(y, return_counts=True)[1]
    if len(y) <= 10 or (len(counts) == 2 and counts.min() == 1):
        with pytest.raises(DataError, match=r"set is too small|only 1 member"):
            make(early_stopping=True).fit(A, y)
    else:
        model = make(early_stopping=True).fit(A, y)
        assert set(model.predict(A)) <= set(y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_early_stopping_learns_every_class_of_one_row(make):
    y = np.r_[np.zeros(30, int), 1, 2]
    for seed in range(10):
        model = make(early_stopping=True, validation_fraction=0.5, random_state=seed)
        rows = model.fit(_features(y), y)._training_rows(_features(y), y, None, True, False)
        kept, held = model._split(rows, 0.5, seed)
        assert set(kept.y) == {0, 1, 2}
        assert len(kept) + len(held) == len(y)


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_share_that_leaves_no_rows_is_refused(make):
    for n, fraction, message in (
        (1, 0.1, "0.1 of 1 rows cannot be set aside: With n_samples=1"),
        (10, 0.99, "0.99 of 10 rows cannot be set aside: With n_samples=10"),
        (10, 0.01, "cannot be set aside: The test_size = 1"),
    ):
        with pytest.raises(DataError, match=message):
            make(early_stopping=True, validation_fraction=fraction).fit(X[:n], np.arange(n) % 2)


@pytest.mark.parametrize(
    "make", [*ESTIMATORS.values(), lambda: TabularClassifier("fast", epochs=1)]
)
def test_classes_that_only_validation_has_are_refused(make):
    y = np.arange(80) % 3
    with pytest.raises(DataError, match=r"classes not in `self\.classes_`"):
        make().fit(X, y, X_val=X, y_val=np.arange(80) % 4)


def test_validation_rows_may_lack_a_class():
    y = np.arange(80) % 3
    model = TabularClassifier("fast", epochs=1).fit(X, y, X_val=X[:6], y_val=y[:6] * 0)
    assert model.predict_proba(X).shape == (80, 3)


@pytest.mark.parametrize(
    ("make", "A", "other"),
    [
        (lambda: TabularRegressor("fast", epochs=1), X, "TabularClassifier"),
        (lambda: TextRegressor(epochs=1), X[:, 0].astype(str), "TextClassifier"),
    ],
    ids=["tables", "texts"],
)
def test_texts_for_a_regressor_are_refused_and_the_classifier_is_named(make, A, other):
    y = np.array(["low", "high"] * 40, object)
    with pytest.raises(DataError, match=f"real numbers; .*'low'. Classes are for {other}"):
        make().fit(A, y)


# --- several to a row -----------------------------------------------------------------------------

SEVERAL = {
    "tables, numbers": (lambda: TabularRegressor("fast", epochs=1), X, f),
    "tables, labels": (lambda: TabularClassifier("fast", epochs=1), X, f > 0),
    "texts, numbers": (lambda: TextRegressor(epochs=1), X[:, 0].astype(str), f),
    "texts, labels": (lambda: TextClassifier(epochs=1), X[:, 0].astype(str), f > 0),
    "images": (lambda: ImageClassifier("fast", epochs=1), X[:, :, None] * np.ones(4), f > 0),
    "MLP": (lambda: MLPRegressor(max_iter=1), X, f),
    "network": (lambda: NetworkRegressor(lambda n, k: [Dense(k)], epochs=1), X, f),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("make", "A", "y"), SEVERAL.values(), ids=SEVERAL)
def test_validation_rows_have_as_many_targets_as_the_others(make, A, y):
    two, three = (np.stack([y] * k, axis=1).astype(float) for k in (2, 3))
    make().fit(A, two, X_val=A, y_val=two)
    with pytest.raises(ShapeError, match="3 targets to a row, and training began with 2"):
        make().fit(A, two, X_val=A, y_val=three)
    if y.dtype == float:
        with pytest.raises(ShapeError, match="1 target to a row, and training began with 3"):
            make().fit(A, three, X_val=A, y_val=y)


# --- numbers of any size --------------------------------------------------------------------------

NUMBERS = {
    "1e160": f * 1e160,
    "1e-170": f * 1e-170,
    "1e300": f * 1e300,
    "1e-300": f * 1e-300,
    "subnormal": f * 1e-310,
    "the smallest": (f > 0) * 5e-324,
    "one outlier": np.r_[f[:-1], 1e300],
    "ends of the range": np.where(f > 0, 1.79e308, -1.79e308),
    "several scales": np.stack([f * 1e160, f * 1e-170, f, 0 * f + 7], axis=1),
    "1e160 with a small spread": 1e160 * (1 + 1e-10 * f),
    "integers beyond 2^53": 2**60 + np.round(f * 1e5).astype(np.int64),
    "unsigned integers": np.uint64(2**63) + np.round((f + 20) * 1e15).astype(np.uint64),
    "float16": (f * 10).astype(np.float16),
    "float16, its ends": np.where(f > 0, 65504, -65504).astype(np.float16),
    "float32, subnormal": (f * 1e-42).astype(np.float32),
    "booleans": f > 0,
}


@pytest.mark.parametrize("y", NUMBERS.values(), ids=NUMBERS)
def test_a_table_learns_numbers_of_any_size(y):
    model = TabularRegressor("fast", epochs=40, n_networks=2, random_state=0).fit(X, y)
    predicted = model.predict(X)
    assert np.isfinite(predicted).all()
    assert model.score(X, y) > 0.9
    scale = np.abs(y.astype(float)).max(axis=0)
    R2 = r2_score(y / scale, predicted / scale)  # of ordinary numbers
    assert R2 == pytest.approx(model.score(X, y), abs=1e-3)
    assert (predicted <= y.max(axis=0)).all()
    assert (predicted >= y.min(axis=0)).all()


@pytest.mark.parametrize("value", [0, 0.1, 1e300, -1e-310])
def test_a_constant_is_predicted(value):
    y = np.full(80, value)
    model = TabularRegressor("fast", epochs=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.score(X, y) == 1
    assert model.score(X, y * 2 + 1) == 0


STANDARDISING = {
    "tables": (lambda: TabularRegressor("fast", epochs=3, n_networks=1, random_state=0), X),
    "texts": (lambda: TextRegressor(epochs=3, n_networks=1, random_state=0), X[:, 0].astype(str)),
}


@pytest.mark.parametrize(("make", "A"), STANDARDISING.values(), ids=STANDARDISING)
def test_a_power_of_two_changes_no_digit(make, A):
    small, large = (make().fit(A, f * unit).predict(A) for unit in (1.0, 2.0**900))
    np.testing.assert_array_equal(large, small * 2.0**900)


def test_the_scale_is_saved(tmp_path):
    model = TabularRegressor("fast", epochs=3, random_state=0).fit(X, f * 1e-200)
    plainnet.save(model, tmp_path / "model.skops")
    loaded = plainnet.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    del loaded._exponent  # files of versions that did not scale
    unscaled = np.ldexp(model.predict(X), -model._exponent)
    np.testing.assert_array_equal(loaded.predict(X), unscaled)


@pytest.mark.parametrize(("make", "A"), STANDARDISING.values(), ids=STANDARDISING)
def test_validation_targets_in_another_unit_are_refused(make, A):
    for unit in (1e30, 1e300):
        with pytest.raises(DataError, match="more than 1e18 standard deviations away"):
            make().fit(A, f, X_val=A, y_val=f * unit)


REGRESSORS = {
    "MLP": lambda: MLPRegressor(max_iter=2),
    "MLP, L-BFGS": lambda: MLPRegressor(solver="lbfgs", max_iter=2),
    "MLP, early stopping": lambda: MLPRegressor(early_stopping=True, max_iter=2),
    "network": lambda: NetworkRegressor(lambda n, k: [Dense(k)], epochs=1),
}


@pytest.mark.parametrize("make", REGRESSORS.values(), ids=REGRESSORS)
@pytest.mark.parametrize(
    "name", ["1e160", "1e-170", "subnormal", "one outlier", "ends of the range", "several scales"]
)
def test_what_cannot_be_squared_is_refused_where_nothing_scales_it(make, name):
    with pytest.raises(DataError, match=r"square float64 cannot hold: divide y by it, or use Tab"):
        make().fit(X, NUMBERS[name])


def test_the_network_says_which_numbers_have_squares():
    for y in (f * 1e25, f * 1e-25):
        with pytest.raises(DataError, match="square float32 cannot hold"):
            MLPRegressor(max_iter=2).fit(X.astype(np.float32), y)
    layers, loss = [Dense(1)], MeanAbsoluteError()  # squares nothing
    NetworkRegressor(layers, loss=loss, epochs=1).fit(X, f * 1e200)


@pytest.mark.parametrize("make", REGRESSORS.values(), ids=REGRESSORS)
def test_zeros_are_numbers_like_others(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert make().fit(X, np.zeros(80)).score(X, np.zeros(80)) in (0, 1)


# --- weights --------------------------------------------------------------------------------------


def test_tiny_weights_are_weights_where_only_their_ratios_count():
    for make, y in (
        (lambda: TabularRegressor("fast", epochs=2, random_state=0), f),
        (lambda: TabularClassifier("fast", epochs=2, random_state=0), f > 0),
        (lambda: NetworkRegressor([Dense(1)], epochs=2, random_state=0), f),
    ):
        plain, tiny, huge = (make().fit(X, y, np.full(80, w)) for w in (1, 2.0**-1000, 2.0**1000))
        np.testing.assert_allclose(tiny.predict(X), plain.predict(X), rtol=1e-5)
        np.testing.assert_allclose(huge.predict(X), plain.predict(X), rtol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_that_are_nothing_beside_alpha_are_refused(solver):
    weights = np.full(80, 1e-300)
    with pytest.raises(DataError, match=r"mean 1e-300, beside which alpha=0\.0001 decides alone"):
        MLPRegressor(solver=solver, max_iter=2).fit(X, f, weights)
    model = MLPRegressor(solver=solver, max_iter=2, alpha=0).fit(X, f, weights)
    assert np.isfinite(model.predict(X)).all()
