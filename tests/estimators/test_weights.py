"""coefs_ and intercepts_ can be assigned."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
SETTINGS = {"hidden_layer_sizes": (5, 3), "max_iter": 3, "batch_size": 40}


def fitted(seed=0, dtype=np.float64, **more):
    return MLPClassifier(**SETTINGS, random_state=seed, **more).fit(X.astype(dtype), y)


def probabilities(coefs, intercepts, A):
    """ReLU, ReLU and softmax, written out."""
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        A = np.maximum(A @ W + b, 0)
    E = np.exp(A @ coefs[-1] + intercepts[-1])
    return E / E.sum(axis=1, keepdims=True)


def test_models_can_be_averaged():
    models = [fitted(seed) for seed in range(3)]
    coefs = [np.mean(Ws, axis=0) for Ws in zip(*(m.coefs_ for m in models), strict=True)]
    intercepts = [np.mean(bs, axis=0) for bs in zip(*(m.intercepts_ for m in models), strict=True)]
    average = models[0]
    average.coefs_, average.intercepts_ = coefs, intercepts
    expected = probabilities(coefs, intercepts, X)
    np.testing.assert_allclose(average.predict_proba(X), expected, rtol=1e-12)
    for again in (pickle.loads(pickle.dumps(average)), copy.deepcopy(average)):
        np.testing.assert_array_equal(again.predict_proba(X), average.predict_proba(X))
        np.testing.assert_array_equal(again.coefs_[1], coefs[1])
    with pytest.raises(AttributeError):
        _ = clone(average).coefs_


def test_training_goes_on_from_what_was_assigned():
    """As scikit-learn's does, in one batch, so that the order of the rows does not matter."""
    settings = {"hidden_layer_sizes": 4, "solver": "sgd", "momentum": 0, "random_state": 0}
    rng = np.random.default_rng(1)
    coefs = [rng.standard_normal((4, 4)), rng.standard_normal((4, 3))]
    intercepts = [rng.standard_normal(4), rng.standard_normal(3)]
    learned = []
    for kind in (neural_network.MLPClassifier, MLPClassifier):
        model = kind(**settings).partial_fit(X, y, classes=[0, 1, 2])
        model.coefs_ = [W.copy() for W in coefs]
        model.intercepts_ = [b.copy() for b in intercepts]
        model._optimizer.params = model.coefs_ + model.intercepts_  # where theirs keeps them
        learned.append(model.partial_fit(X, y).coefs_)
    for theirs, ours, before in zip(*learned, coefs, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        assert np.abs(ours - before).max() > 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_elements_and_slices(dtype):
    model = fitted(dtype=dtype)
    before = model.predict_proba(X)
    W = np.arange(15.0).reshape(5, 3) / 7
    model.coefs_[1] = W
    np.testing.assert_array_equal(model.coefs_[1], W.astype(dtype))
    assert model.coefs_[1].dtype == dtype
    model.coefs_[1] *= 2
    np.testing.assert_array_equal(model.coefs_[1], 2 * W.astype(dtype))
    model.coefs_[1][:, 0] = 1
    np.testing.assert_array_equal(model.network_["2.dense.W"][0], np.ones(5))
    model.intercepts_[-1] = [1, 2, 3]
    np.testing.assert_array_equal(model.intercepts_[2], [1, 2, 3])
    model.intercepts_[:2] = [np.ones(5), np.zeros(3)]
    np.testing.assert_array_equal(model.network_["0.dense.b"], np.ones(5))
    assert not np.allclose(model.predict_proba(X), before)
    expected = probabilities(model.coefs_, model.intercepts_, X.astype(dtype))
    np.testing.assert_allclose(model.predict_proba(X.astype(dtype)), expected, rtol=1e-5)


def test_what_does_not_fit_is_refused_and_nothing_is_written():
    model = fitted(dtype=np.float32)
    before = model.network_.parameters.copy()
    good = [W.copy() + 1 for W in model.coefs_]
    cases = [
        ([*good[:2], good[2].T[:2]], ShapeError, r"coefs_\[2\] must have the shape \(3, 3\); got"),
        ([good[0], good[1].T, good[2]], ShapeError, r"coefs_\[1\].*got \(3, 5\); pass its transp"),
        (good[:2], ShapeError, "coefs_ must be 3 arrays, one for each layer; got 2"),
        ([*good, good[0]], ShapeError, "got 4"),
        ([*good[:2], good[2] * np.nan], DataError, r"coefs_\[2\] must be finite"),
        ([*good[:2], np.full((3, 3), 1e300)], DataError, "finite in float32"),
        ([*good[:2], np.full((3, 3), "a")], DataError, "real numbers"),
        ([*good[:2], good[2] + 1j], DataError, "real numbers"),
        (5, SettingError, "must be a list of arrays"),
    ]
    for values, error, message in cases:
        with pytest.raises(error, match=message):
            model.coefs_ = values
    with pytest.raises(ShapeError, match=r"intercepts_\[0\] must have the shape \(5,\); got \(\)"):
        model.intercepts_[0] = 0
    with pytest.raises(IndexError):
        model.coefs_[3] = good[0]
    for change in ("append", "remove"):
        with pytest.raises(SettingError, match="one array for each layer"):
            getattr(model.coefs_, change)(good[0])
    with pytest.raises(SettingError, match="one array for each layer"):
        model.coefs_ += [good[0]]
    with pytest.raises(SettingError, match="one array for each layer"):
        del model.coefs_[0]
    np.testing.assert_array_equal(model.network_.parameters, before)


def test_the_networks_own_views_may_come_back_in_another_order():
    model = MLPClassifier((4, 4), max_iter=2, random_state=0).fit(X, y)
    W = [array.copy() for array in model.coefs_]
    model.coefs_[1:2] = [model.coefs_[1].T]
    np.testing.assert_array_equal(model.coefs_[1], W[1].T)
    b = [array.copy() for array in model.intercepts_]
    model.intercepts_ = [model.intercepts_[1], model.intercepts_[0], model.intercepts_[2]]
    np.testing.assert_array_equal(model.intercepts_[0], b[1])
    np.testing.assert_array_equal(model.intercepts_[1], b[0])


def test_it_is_a_list_of_arrays():
    model = fitted()
    assert isinstance(model.coefs_, list)
    both = model.coefs_ + model.intercepts_
    assert (type(both), len(both)) == (list, 6)
    for copied in (copy.deepcopy(model.coefs_), pickle.loads(pickle.dumps(model.coefs_))):
        assert type(copied) is list
        copied[0][:] = 7
        assert not (model.coefs_[0] == 7).any()


# --- before the first fit -------------------------------------------------------------------------


def given(kind, **settings):
    model = kind(hidden_layer_sizes=5, batch_size=40, random_state=0, **settings)
    rng = np.random.default_rng(2)
    outputs = 3 if kind is MLPClassifier else 1
    model.coefs_ = [0, 0]
    model.coefs_[0] = rng.standard_normal((4, 5))
    model.coefs_[1] = rng.standard_normal((5, outputs))
    model.intercepts_ = [rng.standard_normal(5), rng.standard_normal(outputs)]
    return model


@pytest.mark.parametrize("start", ["partial_fit", "warm_start"])
def test_the_first_training_begins_with_what_was_assigned(start):
    """A learning rate of next to nothing leaves it as it is."""
    model = given(MLPClassifier, learning_rate_init=1e-30, max_iter=1)
    W, b = list(model.coefs_), list(model.intercepts_)
    model = pickle.loads(pickle.dumps(model))
    if start == "partial_fit":
        model.partial_fit(X, y, classes=[0, 1, 2])
    else:
        model.set_params(warm_start=True).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], W[0], rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X), probabilities(W, b, X), rtol=1e-9)


def test_fit_begins_anew_as_in_scikit_learn():
    models = [
        given(MLPRegressor, max_iter=2),
        MLPRegressor(hidden_layer_sizes=5, max_iter=2, batch_size=40, random_state=0),
    ]
    first, second = (model.fit(X, X[:, 0]).coefs_[0] for model in models)
    np.testing.assert_array_equal(first, second)


def test_it_is_not_fitted_and_says_so():
    model = MLPClassifier(5)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "out_activation_")
    model = given(MLPClassifier)
    model.n_features_in_ = 4
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_wrong_shapes_leave_it_unfitted_and_keep_what_was_assigned():
    model = given(MLPClassifier)
    model.coefs_[1] = np.zeros((5, 2))
    for _ in range(2):
        with pytest.raises(
            ShapeError, match=r"coefs_\[1\] must have the shape \(5, 3\); got \(5, 2"
        ):
            model.partial_fit(X, y, classes=[0, 1, 2])
    model.coefs_[1] = np.zeros((5, 3))
    model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(SettingError, match="must be a list of arrays"):
        MLPClassifier().coefs_ = 5


def test_the_output_activation_follows_from_the_loss():
    model = fitted()
    model.out_activation_ = "softmax"
    with pytest.raises(
        SettingError, match="follows from the loss and is 'softmax' here; got 'tanh"
    ):
        model.out_activation_ = "tanh"
    model = given(MLPRegressor)
    model.out_activation_ = "exp"
    assert model.out_activation_ == "exp"
    with pytest.raises(SettingError, match="'identity' here; got 'exp'"):
        model.partial_fit(X, X[:, 0])
    model.out_activation_ = "identity"
    model.partial_fit(X, X[:, 0])
