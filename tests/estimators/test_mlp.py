"""What the two MLPs promise, beside scikit-learn's numbers."""

import copy
import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from scipy import sparse
from sklearn import neural_network
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plainnet import Callback
from plainnet.errors import DataError, DivergedError, SettingError
from plainnet.estimators import MLPClassifier, MLPRegressor, base
from plainnet.estimators.mlp import multilayer
from plainnet.layers import ELU, GELU, BatchNorm, Dropout, LeakyReLU, Sigmoid, Tanh
from plainnet.optimizers import SGD, AdamW, NAdam
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import Cosine

silent = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = silent

X, y = load_iris(return_X_y=True)
S = X[:, 0] * X[:, 1]
FEW = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


class Watch(Callback):
    """Keeps what each step and epoch looked like."""

    def begin_training(self, run):
        self.rates, self.parameters = [], []

    def end_step(self, run):
        self.rates.append(run.optimizer.learning_rate)
        self.parameters.append(run.network.parameters.copy())


@pytest.fixture
def calls(monkeypatch):
    """The arguments of each call of train(), which goes on."""
    seen = []

    def spy(network, X, y, **settings):
        seen.append({"X": np.array(X[:]), "y": y, **settings})
        return real(network, X, y, **settings)

    real = multilayer.train
    monkeypatch.setattr(multilayer, "train", spy)
    return seen


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_keeps_the_optimizers_moments(solver):
    """Two epochs of all rows are one and one more: not so with moments that start at zero again."""
    settings = {**FEW, "solver": solver, "shuffle": False, "learning_rate_init": 0.05}
    straight = MLPClassifier(**{**settings, "max_iter": 6}).fit(X, y)
    halves = MLPClassifier(**{**settings, "max_iter": 3}, warm_start=True).fit(X, y)
    halves = pickle.loads(pickle.dumps(halves)).fit(X, y)
    np.testing.assert_allclose(halves.coefs_[0], straight.coefs_[0], rtol=1e-12)
    assert halves.n_iter_ == 3
    assert halves.t_ == straight.t_ == 6 * len(X)


IN_PARTS = [
    {},
    {"solver": "sgd"},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    {"dropout": 0.2, "batch_norm": True},
    {"optimizer": NAdam(), "activation": "gelu"},
    {"random_state": np.random.RandomState(4)},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("changed", IN_PARTS, ids=lambda changed: "+".join(changed) or "adam")
def test_a_fit_in_parts_is_the_fit_in_one(changed, dtype):
    """Bit for bit, shuffled, in batches of which the last is short, and through pickle."""
    settings = {"hidden_layer_sizes": 8, "batch_size": 40, "random_state": 0, **changed}
    A = X.astype(dtype)
    weights = np.random.default_rng(0).random(len(y))

    def model(**more):
        return MLPClassifier(**copy.deepcopy(settings), **more)

    def state(fitted):
        return fitted.network_.parameters.tolist(), fitted.network_.state.tolist()

    whole = state(model(max_iter=6).fit(A, y, weights))
    for parts in [(1, 5), (2, 4), (3, 3)]:
        warm = model(warm_start=True)
        for epochs in parts:
            warm.set_params(max_iter=epochs).fit(A, y, weights)
            warm = pickle.loads(pickle.dumps(warm))
        assert state(warm) == whole, f"in {parts}"
    one_by_one = model()
    for _ in range(6):
        one_by_one.partial_fit(A, y, classes=np.unique(y), sample_weight=weights)
    assert state(one_by_one) == whole


def test_a_warm_start_takes_new_settings_and_keeps_the_moments():
    model = MLPClassifier(**FEW, warm_start=True).fit(X, y)
    model.set_params(learning_rate_init=1e-9, beta_1=0.8).fit(X, y)
    assert model._optimizer.steps == 10
    assert (model._optimizer.learning_rate, model._optimizer.betas[0]) == (1e-9, 0.8)
    assert model.set_params(solver="sgd").fit(X, y)._optimizer.steps == 5


def test_a_warm_start_begins_with_the_learning_rate_anew():
    """And partial_fit goes on with what `adaptive` has made of it."""
    model = MLPClassifier(
        4, solver="sgd", learning_rate="adaptive", tol=1.0, random_state=0, warm_start=True
    )
    assert model.fit(X, y)._optimizer.learning_rate < 1e-6
    assert model.partial_fit(X, y)._optimizer.learning_rate < 1e-6
    watch = Watch()
    model.set_params(callbacks=[watch]).fit(X, y)
    assert watch.rates[0] == 1e-3


def test_without_a_warm_start_fit_begins_anew():
    model = MLPClassifier(**FEW).fit(X, y)
    first = [W.copy() for W in model.coefs_]
    np.testing.assert_array_equal(model.fit(X, y).coefs_[0], first[0])
    assert len(model.loss_curve_) == 5


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_is_an_epoch_of_fit(solver):
    settings = {**FEW, "solver": solver, "shuffle": False}
    whole = MLPRegressor(**settings).fit(X, X[:, 0])
    parts = MLPRegressor(**settings)
    for _ in range(5):
        parts.partial_fit(X, X[:, 0])
    np.testing.assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert (parts.n_iter_, parts.t_, len(parts.loss_curve_)) == (1, whole.t_, 5)


def test_a_second_pass_shuffles_differently():
    """scikit-learn's begins with the same seed at each call."""
    one, two = (MLPRegressor(**FEW, batch_size=10) for _ in range(2))
    for model, times in ((one, 2), (two, 1)):
        for _ in range(times):
            model.partial_fit(X, X[:, 0])
    state = one._rng.bit_generator.state
    assert state != two._rng.bit_generator.state


def test_partial_fit_learns_classes_that_come_later():
    model = MLPClassifier(8, learning_rate_init=0.05, random_state=0)
    model.partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (150, 3)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.8
    with pytest.raises(DataError, match=r"classes not in `self.classes_`"):
        model.partial_fit(X, y + 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"early_stopping": True}, "does not support early_stopping"),
        ({"class_weight": "balanced"}, "needs all data at once"),
        ({"schedule": Cosine()}, "in partial_fit"),
        ({"ema": 0.9}, "does not support ema=0.9"),
    ],
)
def test_what_partial_fit_refuses(settings, said):
    with pytest.raises(SettingError, match=said):
        MLPClassifier(**settings).partial_fit(X, y, classes=[0, 1, 2])


def test_lbfgs_has_no_partial_fit():
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    assert not hasattr(MLPRegressor(optimizer=LBFGS()), "partial_fit")
    assert hasattr(MLPRegressor(optimizer=AdamW(), solver="lbfgs"), "partial_fit")


def test_pickle_and_deepcopy_train_on():
    model = MLPClassifier(**FEW).partial_fit(X, y, classes=[0, 1, 2])
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    model.partial_fit(X, y)
    for other in others:
        np.testing.assert_array_equal(other.partial_fit(X, y).coefs_[0], model.coefs_[0])


# --- validation -----------------------------------------------------------------------------------


def test_the_validation_rows_are_never_trained_on(calls):
    """A warm start splits alike."""
    model = MLPClassifier(**FEW, early_stopping=True, warm_start=True)
    A = np.arange(300.0).reshape(150, 2) / 300
    for _ in range(2):
        model.fit(A, y)
    held = [set(call["validation_data"][0][:, 0]) for call in calls]
    trained = [set(call["X"][:, 0]) for call in calls]
    assert held[0] == held[1]
    assert not held[0] & (trained[0] | trained[1])
    assert held[0] | trained[0] == set(A[:, 0])
    assert np.bincount(calls[0]["validation_data"][1]).tolist() == [5, 5, 5]  # stratified


def test_early_stopping_puts_the_best_weights_back():
    model = MLPClassifier(
        20, early_stopping=True, n_iter_no_change=5, learning_rate_init=0.3, random_state=0
    )
    kept = {}

    class Keep(Callback):
        def end_epoch(self, run):
            kept[run.history["val_accuracy"][-1]] = kept.get(
                run.history["val_accuracy"][-1], run.network.parameters.copy()
            )

    model.set_params(callbacks=[Keep()]).fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_) == max(kept)
    np.testing.assert_array_equal(model.network_.parameters, kept[max(kept)])
    assert model.n_iter_ < model.max_iter
    assert model.best_loss_ is None


def test_given_validation_data_are_scored_and_not_trained_on(calls):
    model = MLPClassifier(**FEW).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert len(calls[0]["X"]) == 75
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 5
    assert model.validation_scores_[-1] == model.score(X[1::2], y[1::2])
    expected = log_loss(y[1::2], model.predict_proba(X[1::2]))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)
    assert model.best_loss_ == min(model.loss_curve_)  # nothing but a record
    early = MLPClassifier(**FEW, early_stopping=True)
    early.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert len(calls[1]["X"]) == 75
    with pytest.raises(SettingError, match="belong together"):
        model.fit(X, y, X_val=X)


def test_the_validation_score_of_a_regressor_is_r2():
    model = MLPRegressor(**FEW).fit(X[::2], S[::2], X_val=X[1::2], y_val=S[1::2])
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[1::2], S[1::2]))


def test_any_scorer():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    seen = []

    def scorer(estimator, A, labels):
        seen.append(A)
        return -log_loss(labels, estimator.predict_proba(A), labels=[0, 1, 2])

    a = MLPClassifier(**FEW, early_stopping=True, scoring="neg_log_loss").fit(frame, y)
    b = MLPClassifier(**FEW, early_stopping=True, scoring=scorer).fit(frame, y)
    assert a.validation_scores_ == b.validation_scores_
    assert max(a.validation_scores_) < 0
    assert list(seen[0].columns) == list("abcd")


def test_a_training_that_diverges():
    hot = {"solver": "sgd", "activation": "identity", "learning_rate_init": 50.0, "random_state": 0}
    with pytest.raises(DivergedError, match=r"non-finite parameter weights.*step"):
        MLPRegressor(**hot).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="best validated weights are kept"):
        model = MLPRegressor(**{**hot, "learning_rate_init": 0.5}, early_stopping=True).fit(X, y)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X)).all()
    assert len(model.loss_curve_) == len(model.validation_scores_) == model.n_iter_


# --- weights of rows and classes ------------------------------------------------------------------


def test_class_weights_move_the_boundary():
    A, labels = make_classification(400, weights=[0.95], class_sep=0.5, random_state=0)
    labels = np.where(labels, "rare", "usual")
    settings = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 30, "random_state": 0}

    def found(class_weight):
        model = MLPClassifier(**settings, class_weight=class_weight).fit(A, labels)
        return (model.predict(A) == "rare").mean()

    plain, balanced = found(None), found("balanced")
    assert plain < 0.1
    assert 0.12 < balanced < 0.5
    assert found({"rare": 50}) > 0.12
    assert found({"rare": 1.0, "usual": 1.0}) == plain
    with pytest.raises(SettingError, match="none of the classes"):
        found({"common": 2})


def test_balanced_counts_weights():
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    settings = {**FEW, "class_weight": "balanced", "batch_size": 500}
    with pytest.warns(UserWarning, match="clipped"):
        weighted = MLPClassifier(**settings).fit(X, y, weights)
    settings["batch_size"] = int(weights.sum())
    repeated = MLPClassifier(**settings).fit(X.repeat(weights, 0), y.repeat(weights))
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-9)


def test_a_row_of_weight_zero_is_not_there():
    weights = (y != 2).astype(float)
    weighted = MLPClassifier(**FEW).fit(X, y, weights)
    without = MLPClassifier(**FEW).fit(X[:100], y[:100])
    np.testing.assert_array_equal(weighted.coefs_[0], without.coefs_[0])
    assert weighted.classes_.tolist() == [0, 1]
    assert weighted.t_ == without.t_ == 500


def test_all_weights_alike_change_nothing():
    plain = MLPRegressor(**FEW, batch_size=20).fit(X, y)
    weighted = MLPRegressor(**FEW, batch_size=20).fit(X, y, np.full(len(X), 1.0))
    np.testing.assert_allclose(weighted.coefs_[0], plain.coefs_[0], rtol=1e-12)


# --- what scikit-learn refuses --------------------------------------------------------------------


def test_dropout_is_off_at_prediction():
    model = MLPClassifier((8, 8), dropout=0.5, max_iter=5, random_state=0).fit(X, y)
    assert sum(isinstance(layer, Dropout) for layer in model.network_.layers) == 2
    A = X
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        A = np.maximum(A @ W + b, 0)
    Z = A @ model.coefs_[-1] + model.intercepts_[-1]
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), P)
    assert (
        model.loss_curve_ != MLPClassifier((8, 8), max_iter=5, random_state=0).fit(X, y).loss_curve_
    )


def test_batch_norm():
    model = MLPClassifier(
        (8, 8), batch_norm=True, max_iter=40, random_state=0, learning_rate_init=0.02
    )
    model.fit(X, y)
    assert sum(isinstance(layer, BatchNorm) for layer in model.network_.layers) == 2
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X[:1]), model.predict_proba(X)[:1])
    assert [W.shape for W in model.coefs_] == [(4, 8), (8, 8), (8, 3)]


def test_activations():
    def kinds(activation, sizes=(3, 3)):
        model = MLPClassifier(sizes, activation, max_iter=1).fit(X, y)
        return [type(layer) for layer in model.network_.layers[1::2]]

    assert kinds("logistic") == [Sigmoid, Sigmoid]
    assert kinds(["tanh", "gelu"]) == [Tanh, GELU]
    assert kinds(ELU(0.5)) == [ELU, ELU]
    assert kinds(("elu", LeakyReLU(0.2))) == [ELU, LeakyReLU]
    with pytest.raises(SettingError, match="1 activations for 2 hidden layers"):
        kinds(["tanh"])
    with pytest.raises(SettingError, match="unknown activation 'rleu'"):
        kinds(["tanh", "rleu"])


def test_weights_start_as_scikit_learns_do_with_its_activations():
    """Zero biases and the activation's own initializer with others."""
    theirs = neural_network.MLPClassifier(**{**FEW, "learning_rate_init": 1e-300, "max_iter": 1})
    for activation in ("relu", "logistic", "gelu"):
        model = MLPClassifier(**FEW, activation=activation, optimizer=SGD(0.0)).fit(X, y)
        if activation == "gelu":
            assert not model.intercepts_[0].any()
            continue
        theirs.set_params(activation=activation).fit(X, y)
        for own, given in zip(model.coefs_, theirs.coefs_, strict=True):
            np.testing.assert_array_equal(own, given)
        for own, given in zip(model.intercepts_, theirs.intercepts_, strict=True):
            np.testing.assert_array_equal(own, given)


def test_a_layer_given_as_activation_stays_unbuilt():
    activation = LeakyReLU(0.3)
    model = MLPClassifier((4, 4), activation, max_iter=1).fit(X, y)
    assert not hasattr(activation, "name")
    assert [layer.negative_slope for layer in model.network_.layers[1::2]] == [0.3, 0.3]
    model.fit(X, y)


@pytest.mark.parametrize("labels", [y, y == 1], ids=["three classes", "two classes"])
def test_label_smoothing_makes_less_sure(labels):
    """The probability that minimises the smoothed loss of a sure class is 1 - s + s / K."""
    s, K = 0.3, len(np.unique(labels))
    A = np.eye(3)[y]
    model = MLPClassifier(
        (), solver="lbfgs", label_smoothing=s, alpha=0, max_iter=500, tol=1e-9
    ).fit(A, labels)
    np.testing.assert_allclose(model.predict_proba(A).max(axis=1), 1 - s + s / K, atol=1e-4)


def test_a_moving_average():
    watch = Watch()
    model = MLPClassifier(**{**FEW, "max_iter": 30}, ema=0.8, callbacks=[watch]).fit(X, y)
    last, average = watch.parameters[-1], model.network_.parameters
    assert not np.array_equal(last, average)
    low, high = np.min(watch.parameters[-25:], axis=0), np.max(watch.parameters[-25:], axis=0)
    assert ((low - 1e-2 <= average) & (average <= high + 1e-2)).all()


def test_a_warm_start_goes_on_from_the_average():
    class Start(Callback):
        def begin_training(self, run):
            self.parameters = run.network.parameters.copy()

    start = Start()
    model = MLPClassifier(**FEW, ema=0.8, warm_start=True, callbacks=[start]).fit(X, y)
    average = model.network_.parameters.copy()
    model.fit(X, y)
    np.testing.assert_array_equal(start.parameters, average)


def test_a_schedule_sets_the_rate_and_puts_it_back():
    watch = Watch()
    settings = {**FEW, "learning_rate_init": 0.1, "callbacks": [watch]}
    model = MLPClassifier(**settings, schedule=Cosine()).fit(X, y)
    assert watch.rates[0] == pytest.approx(0.1)
    assert (np.diff(watch.rates) < 0).all()
    assert model._optimizer.learning_rate == 0.1
    with pytest.raises(SettingError, match="learning_rate='constant'"):
        MLPClassifier(solver="sgd", learning_rate="adaptive", schedule=Cosine()).fit(X, y)


def test_an_optimizer_takes_the_place_of_the_solver():
    optimizer = SGD(0.05, momentum=0.5)
    settings = {**FEW, "batch_size": 30}
    a = MLPClassifier(**settings, optimizer=optimizer, solver="lbfgs", alpha=9.0).fit(X, y)
    b = MLPClassifier(
        **settings, solver="sgd", learning_rate_init=0.05, momentum=0.5, nesterovs_momentum=False,
        alpha=0,
    ).fit(X, y)  # fmt: skip
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])
    assert a.loss_curve_ == b.loss_curve_
    assert optimizer.steps == 0  # it is copied
    c = MLPClassifier(**settings, optimizer=LBFGS(weight_decay=0.1)).fit(X, y)
    assert c.n_iter_ == 5
    assert len(c.loss_curve_) == 5


def test_callbacks_may_end_training():
    class Stop(Callback):
        def __init__(self, why):
            self.why = why

        def end_epoch(self, run):
            if run.epoch == 1:
                run.stop(self.why)

    assert MLPClassifier(**FEW, callbacks=[Stop("enough")]).fit(X, y).n_iter_ == 2
    with pytest.warns(UserWarning, match="interrupted by user"):
        MLPClassifier(**FEW, callbacks=[Stop("Ctrl-C")]).fit(X, y)


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd", "batch_size": 20, "shuffle": False},
        {"solver": "sgd", "batch_size": 20, "max_iter": 1},
        {"solver": "adam"},
        {"solver": "lbfgs"},
    ],
    ids=str,
)
def test_sparse_is_dense(kind, settings):
    A = np.where(X > 2, X, 0)
    settings = {**FEW, "early_stopping": True, **settings}
    dense, thin = (MLPClassifier(**settings).fit(data, y) for data in (A, kind(A)))
    np.testing.assert_allclose(thin.coefs_[0], dense.coefs_[0], rtol=1e-7)
    np.testing.assert_allclose(thin.predict_proba(kind(A)), dense.predict_proba(A), rtol=1e-7)


def test_a_sparse_matrix_is_made_dense_a_batch_at_a_time(monkeypatch):
    taken = []
    real = base.SparseRows.__getitem__

    def spy(self, rows):
        part = real(self, rows)
        taken.append(len(part))
        return part

    monkeypatch.setattr(base.SparseRows, "__getitem__", spy)
    A = np.random.default_rng(0).normal(size=(3000, 5))
    A = sparse.csr_array(np.where(A > 1.3, A, 0))  # a tenth of the numbers
    model = MLPRegressor(hidden_layer_sizes=4, batch_size=50, max_iter=1).fit(
        A, np.arange(3000) / 3000
    )
    model.predict(A)
    assert max(taken) <= 1024
    assert taken.count(50) == 60


def test_float32_stays_float32():
    A = X.astype(np.float32)
    model = MLPClassifier(**FEW).fit(A, y)
    assert model.network_.dtype == model.predict_proba(A).dtype == np.float32
    assert MLPRegressor(**FEW).fit(A, y).predict(A).dtype == np.float32
    assert MLPClassifier(**FEW).fit(X, y).network_.dtype == np.float64
    model.warm_start = True
    assert model.fit(X, y).network_.dtype == np.float32


def test_one_class_has_one_probability():
    model = MLPClassifier(**FEW).fit(X, np.full(len(X), "all"))
    assert model.predict(X[:2]).tolist() == ["all", "all"]
    assert model.predict_proba(X[:2]).tolist() == [[1.0], [1.0]]


def test_several_labels():
    labels = np.column_stack([y == 0, y != 1, y == 2]).astype(int)
    model = MLPClassifier(20, max_iter=150, learning_rate_init=0.02, random_state=0)
    assert model.fit(X, labels).score(X, labels) > 0.9
    assert model.predict_proba(X).shape == (150, 3)
    assert model.n_outputs_ == 3
    with pytest.raises(SettingError, match="one class per row"):
        model.set_params(class_weight={0: 2}).fit(X, labels)
    with pytest.raises(DataError, match="began with several labels"):
        model.set_params(class_weight=None, warm_start=True).fit(X, y)


@pytest.mark.parametrize("labels", [["a", None, "b"] * 50, [None] * 150, [True, None] * 75])
def test_none_is_no_class(labels):
    with pytest.raises(DataError, match=r"y has None in \d+ of 150 rows"):
        MLPClassifier(**FEW).fit(X, labels)


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean"])
def test_nullable_labels_stay_what_they_are(dtype):
    pd = pytest.importorskip("pandas")
    labels = pd.Series(y > 0, dtype="boolean").astype(dtype)
    model = MLPClassifier(**FEW).fit(X, labels, X_val=X, y_val=labels)
    assert model.classes_.dtype == model.predict(X).dtype == labels.dtype.numpy_dtype
    assert model.score(X, labels) == model.validation_scores_[-1]
    model = MLPClassifier(**FEW).partial_fit(X, labels, classes=labels.unique())
    assert model.predict(X).dtype == labels.dtype.numpy_dtype


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "category"])
@pytest.mark.parametrize("estimator", [MLPClassifier(**FEW), MLPRegressor(**FEW)], ids=repr)
def test_gaps_in_a_column_of_labels(estimator, dtype):
    pd = pytest.importorskip("pandas")
    labels = pd.Series([1, 0, None] * 50, dtype="Int64").astype(dtype)
    with pytest.raises(DataError, match="50 of 150 rows have no target"):
        estimator.fit(X, labels)


def test_random_states():
    def weights(random_state):
        return MLPClassifier(**{**FEW, "random_state": random_state}).fit(X, y).coefs_[0]

    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(weights(3), weights(np.random.RandomState(3)))
    np.testing.assert_array_equal(
        weights(np.random.default_rng(3)), weights(np.random.default_rng(3))
    )
    assert not np.array_equal(weights(None), weights(None))
    stream = np.random.RandomState(3)
    assert not np.array_equal(weights(stream), weights(stream))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_coefs_are_views():
    model = MLPClassifier(**FEW)
    assert not hasattr(model, "coefs_")
    model.fit(X, y)
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][...] = [0, 9, 0]
    assert set(model.predict(X)) == {1}


@pytest.mark.filterwarnings("error")
def test_when_the_warning_comes():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\)"):
        MLPClassifier(**FEW).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 5"):
        MLPClassifier(**FEW, solver="lbfgs").fit(X, y)
    MLPClassifier(8, tol=0.5, random_state=0).fit(X, y)
    MLPClassifier((), solver="lbfgs", alpha=10, max_iter=500).fit(X, y)
    MLPClassifier(**FEW).partial_fit(X, y, classes=[0, 1, 2])


def test_verbose(capsys):
    MLPClassifier(**FEW, early_stopping=True, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[1].startswith("Validation score: ")
    assert len(lines) == 10
    MLPClassifier(8, tol=1.0, verbose=True).fit(X, y)
    assert capsys.readouterr().out.endswith("Stopping.\n")


def test_in_a_pipeline_it_is_as_good_as_it_should_be():
    A, labels = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPClassifier(50, max_iter=100, random_state=0))
    assert cross_val_score(model, A, labels, cv=3).mean() > 0.96


def test_the_probability_of_the_unlikely_first_class_is_no_rounding_error():
    """1 - P would be 0 from a logit of 37 on; sigmoid(-60) is 8.7565e-27."""
    model = MLPClassifier((), max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit([[0.0], [1.0]], [0, 1])
    model.network_["0.dense.W"], model.network_["0.dense.b"] = [[60.0]], [0.0]
    P = model.predict_proba([[1.0]])
    np.testing.assert_allclose(P, [[8.75651076269652e-27, 1]], rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba([[1.0]])[0, 0], -60, rtol=1e-12)


def test_balanced_classes_do_not_mind_the_size_of_the_weights():
    w = np.linspace(1, 2, 150)
    settings = {**FEW, "class_weight": "balanced", "alpha": 0.0}
    one = MLPClassifier(**settings).fit(X, y, w)
    other = MLPClassifier(**settings).fit(X, y, w * 1e-304)
    np.testing.assert_allclose(one.network_.parameters, other.network_.parameters, rtol=1e-6)


BIG = 2**53


def test_labels_that_a_float_would_make_one_stay_apart():
    """NumPy's common dtype of int64 and uint64 is float64."""
    A, labels = X[:6], np.array([BIG, BIG + 1, BIG + 2] * 2)
    one, other = MLPClassifier(**FEW), MLPClassifier(**FEW)
    one.partial_fit(A, labels, classes=labels[:3])
    other.partial_fit(A, labels.astype(np.uint64), classes=labels[:3])
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)
    assert set(other.predict(X)) <= set(labels)
    with pytest.raises(DataError, match="classes not in"):
        other.partial_fit(A, labels.astype(np.uint64) + 1)
    with pytest.raises(DataError, match=r"float64, which does not tell .*pass integers"):
        other.partial_fit(A, labels.astype(float))


def test_a_measure_that_does_not_exist_is_refused_before_it_is_needed():
    with pytest.raises(ValueError, match="'foo' is not a valid scoring"):
        MLPClassifier(**FEW, scoring="foo").fit(X, y)
