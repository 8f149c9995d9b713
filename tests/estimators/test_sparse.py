"""Sparse matrices: the numbers of dense ones, without their memory."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from plainnet.callbacks import Checkpoint
from plainnet.errors import DivergedError
from plainnet.estimators import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from plainnet.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, Graph, ReLU
from plainnet.optimizers.lbfgs import LBFGS

rng = np.random.default_rng(0)
X = np.where(rng.random((120, 30)) < 0.1, rng.normal(size=(120, 30)), 0.0)
X[5], X[:, 7] = 0, 0
classes = rng.integers(3, size=120)
numbers = X @ rng.normal(size=(30, 2))


# --- the numbers of dense matrices ----------------------------------------------------------------


def _duplicates(A):
    coo = sparse.coo_matrix(A)
    halves, rows, columns = (np.tile(each, 2) for each in (coo.data / 2, coo.row, coo.col))
    return sparse.coo_matrix((halves, (rows, columns)), shape=A.shape)


def _duplicates_in_csr(A):
    csr = sparse.csr_array(A)
    halves, columns = np.repeat(csr.data / 2, 2), np.repeat(csr.indices, 2)
    return sparse.csr_array((halves, columns, csr.indptr * 2), shape=A.shape)


def _long_indices(A):
    csr = sparse.csr_array(A)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


def _explicit_zeros(A):
    csr = sparse.csr_array(A + (A == 0))
    csr.data[csr.data == 1] = 0
    return csr


def _frame(A):
    return pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(A))


KINDS = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
    "coo_array": sparse.coo_array,
    "lil_matrix": sparse.lil_matrix,
    "dok_array": sparse.dok_array,
    "bsr_matrix": sparse.bsr_matrix,
    "duplicates in COO": _duplicates,
    "duplicates in CSR": _duplicates_in_csr,
    "int64 indices": _long_indices,
    "explicit zeros": _explicit_zeros,
    "columns from the last to the first": lambda A: sparse.csr_array(A[:, ::-1])[:, ::-1],
    "DataFrame": _frame,
}

FEW = {"max_iter": 5, "random_state": 0}
FEW_EPOCHS = {"epochs": 5, "random_state": 0}
MODELS = {
    "adam": lambda: MLPClassifier(8, **FEW),
    "L-BFGS": lambda: MLPClassifier((8, 4), solver="lbfgs", **FEW),
    "early stopping": lambda: MLPClassifier(8, early_stopping=True, **FEW),
    "scoring": lambda: MLPClassifier(8, early_stopping=True, scoring="neg_log_loss", **FEW),
    "regressor": lambda: MLPRegressor(hidden_layer_sizes=(), **FEW),
    "batch norm and EMA": lambda: MLPRegressor(
        hidden_layer_sizes=8, batch_norm=True, dropout=0.2, ema=0.9, **FEW
    ),
    "network": lambda: NetworkClassifier(
        [Dense(8, bias=False), ReLU(), Dense(3)], early_stopping=True, **FEW_EPOCHS
    ),
    "network, L-BFGS": lambda: NetworkRegressor([Dense(2)], optimizer=LBFGS(), **FEW_EPOCHS),
    "dropout first": lambda: NetworkRegressor(
        [Dropout(0.1), Dense(2)], early_stopping=True, **FEW_EPOCHS
    ),
    "batch norm first": lambda: NetworkRegressor([BatchNorm(), Dense(2)], **FEW_EPOCHS),
    "graph": lambda: NetworkClassifier(
        Graph({"a": (Dense(8), "x"), "y": (Dense(3), "a")}, inputs="x", outputs="y"), **FEW_EPOCHS
    ),
    "images": lambda: NetworkClassifier(
        [Conv2d(2, 3), Flatten(), Dense(3)], input_shape=(6, 5, 1), **FEW_EPOCHS
    ),
}


def _fitted(make, A):
    model = make()
    weights = np.where(np.arange(len(X)) % 7, 1.5, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are few
        return model.fit(A, classes if hasattr(model, "predict_proba") else numbers, weights)


def _predicted(model, A):
    return model.predict_proba(A) if hasattr(model, "predict_proba") else model.predict(A)


@pytest.mark.parametrize("model", MODELS)
def test_sparse_matrices_of_all_kinds_give_the_numbers_of_dense_ones(model):
    P = _predicted(_fitted(MODELS[model], X), X)
    for name, kind in KINDS.items():
        fitted = _fitted(MODELS[model], kind(X))
        for A in (X, kind(X)):
            np.testing.assert_allclose(_predicted(fitted, A), P, 1e-7, 1e-10, err_msg=name)


@pytest.mark.parametrize("settings", [{"solver": "lbfgs"}, {"solver": "sgd"}], ids=str)
def test_float32_stays_float32(settings):
    A = sparse.csc_array(X.astype(np.float32))
    model = _fitted(lambda: MLPClassifier(8, **settings, **FEW), A)
    dense = _fitted(lambda: MLPClassifier(8, **settings, **FEW), A.toarray())
    assert model.network_.dtype == model.predict_proba(A).dtype == np.float32
    np.testing.assert_allclose(model.predict_proba(A), dense.predict_proba(X), atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_training_continues_with_sparse_and_dense_batches_in_turn():
    thin, dense = (MLPClassifier(8, random_state=0) for _ in range(2))
    for model, kinds in ((thin, (sparse.csr_array, sparse.coo_array)), (dense, [np.asarray] * 2)):
        for kind in kinds:
            model.partial_fit(kind(X.astype(np.float32)), classes, classes=[0, 1, 2])
    np.testing.assert_allclose(thin.predict_proba(X), dense.predict_proba(X), rtol=1e-3)
    warm = (
        MLPClassifier(8, warm_start=True, **FEW).fit(X, classes).fit(sparse.csr_array(X), classes)
    )
    np.testing.assert_allclose(
        warm.predict_proba(X),
        MLPClassifier(8, warm_start=True, **FEW).fit(X, classes).fit(X, classes).predict_proba(X),
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_given_validation_rows_may_be_sparse(scoring):
    model = MLPClassifier(8, scoring=scoring, **FEW)
    model.fit(X, classes, X_val=sparse.coo_array(X), y_val=classes)
    scores = model.validation_scores_
    assert scores == model.fit(X, classes, X_val=X, y_val=classes).validation_scores_


@pytest.mark.filterwarnings("ignore")
def test_targets_may_be_sparse():
    labels = np.stack([classes == 0, classes > 0], axis=1).astype(int)
    for model, Y in (
        (MLPClassifier(8, **FEW), labels),
        (NetworkClassifier([Dense(2)], **FEW_EPOCHS), labels),
        (MLPRegressor(hidden_layer_sizes=8, **FEW), numbers),
        (NetworkRegressor([Dense(2)], **FEW_EPOCHS), numbers),
        (MLPRegressor(hidden_layer_sizes=8, **FEW), numbers[:, :1]),
    ):
        expected = model.fit(X, Y).predict(X)
        np.testing.assert_array_equal(model.fit(X, sparse.coo_array(Y)).predict(X), expected)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(wrong):
    A = sparse.csr_array(X)
    model = _fitted(MODELS["adam"], A)
    A.data[3] = wrong
    for call in (lambda: model.fit(A, classes), lambda: model.predict(A)):
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            call()


def test_divergence_names_the_layer():
    A = sparse.csr_array(X * 1e200)
    for settings in ({"solver": "lbfgs"}, {"solver": "sgd", "learning_rate_init": 1e9}):
        with pytest.raises(DivergedError, match=r"not finite is in (0\.dense|the loss)"):
            MLPRegressor(**settings).fit(A, numbers)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_is_written(tmp_path):
    path = tmp_path / "run.plainnet"
    kept = MLPClassifier(8, batch_norm=True, ema=0.9, callbacks=[Checkpoint(path)], **FEW)
    kept.fit(sparse.csr_array(X), classes)
    plain = MLPClassifier(8, batch_norm=True, ema=0.9, **FEW).fit(X, classes)
    np.testing.assert_allclose(kept.predict_proba(X), plain.predict_proba(X))
    assert path.exists()


# --- their memory ---------------------------------------------------------------------------------

ROWS, FEATURES, EACH = 3000, 4000, 12
DENSE = 8 * ROWS * FEATURES


@pytest.fixture(scope="module")
def wide():
    """12 numbers in each of many rows, as words in texts."""
    places = rng.integers(FEATURES, size=ROWS * EACH)
    ends = np.arange(0, ROWS * EACH + 1, EACH)
    A = sparse.csr_array((rng.random(ROWS * EACH), places, ends), shape=(ROWS, FEATURES))
    A.sum_duplicates()
    return A, rng.integers(2, size=ROWS)


def _peak(call):
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(2, max_iter=2, solver="lbfgs"),
        MLPClassifier(2, max_iter=2, early_stopping=True),
        MLPClassifier(2, max_iter=2, early_stopping=True, scoring="roc_auc"),
        MLPRegressor(hidden_layer_sizes=2, max_iter=2, solver="lbfgs"),
        MLPRegressor(hidden_layer_sizes=2, max_iter=2, early_stopping=True, batch_size=1000),
        NetworkClassifier([Dense(2), ReLU(), Dense(2)], epochs=2, early_stopping=True),
        NetworkRegressor([Dense(1)], epochs=2, optimizer=LBFGS()),
    ],
    ids=lambda model: f"{type(model).__name__}-{getattr(model, 'solver', '')}",
)
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.coo_matrix])
def test_no_part_of_the_matrix_becomes_dense(wide, model, kind):
    A, y = kind(wide[0]), wide[1]
    weights = np.arange(ROWS) % 3
    for call in (
        lambda: model.fit(A, y, weights),
        lambda: model.fit(A, y, X_val=A, y_val=y),
        lambda: model.predict(A),
        lambda: model.score(A, y),
    ):
        assert _peak(call) < 0.06 * DENSE  # 200 rows in a batch would be 0.067


def test_partial_fit_and_probabilities_take_little_memory(wide):
    model = MLPClassifier(2)
    assert _peak(lambda: model.partial_fit(*wide, classes=[0, 1])) < 0.06 * DENSE
    assert _peak(lambda: model.predict_proba(wide[0])) < 0.06 * DENSE


@pytest.mark.parametrize(
    "model",
    [
        NetworkClassifier([BatchNorm(), Dense(1)], epochs=1, early_stopping=True),
        NetworkClassifier(
            [Flatten(), Dense(1)], input_shape=(40, 100), epochs=1, early_stopping=True
        ),
    ],
    ids=["batch norm first", "reshaped"],
)
def test_other_networks_get_slices(wide, model):
    A, y = sparse.vstack([wide[0]] * 2, format="csr"), np.tile(wide[1], 2)
    assert _peak(lambda: model.fit(A, y)) < 0.3 * 2 * DENSE
    assert _peak(lambda: model.predict(A)) < 0.3 * 2 * DENSE
