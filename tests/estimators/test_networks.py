"""Any layers behind scikit-learn's interface."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plainnet import Callback, EarlyStopping, load, save
from plainnet.errors import SettingError, ShapeError
from plainnet.estimators import NetworkClassifier, NetworkRegressor, networks
from plainnet.layers import (
    RNN,
    BatchNorm,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Graph,
    ReLU,
    Tanh,
)
from plainnet.losses import (
    Hinge,
    MeanSquaredError,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from plainnet.optimizers import Adam
from plainnet.optimizers.lbfgs import LBFGS

X, y = load_iris(return_X_y=True)
FEW = {"epochs": 5, "random_state": 0}


def three():
    return [Dense(8), ReLU(), Dense(3)]


def test_layers_are_copied_and_stay_unbuilt():
    layers, optimizer, loss = three(), Adam(0.01), SoftmaxCrossEntropy()
    model = NetworkClassifier(layers, optimizer=optimizer, loss=loss, **FEW)
    first = model.fit(X, y).network_
    second = model.fit(X, y).network_
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert first is not second
    assert not any(hasattr(layer, "name") for layer in layers)
    assert optimizer.steps == 0
    assert not hasattr(loss, "output_shape")
    assert model.get_params()["layers"] is layers


def test_clone_pickle_and_repr():
    model = NetworkClassifier(three(), **FEW).fit(X, y)
    again = clone(model)
    assert not hasattr(again, "network_")
    np.testing.assert_array_equal(again.fit(X, y).network_.parameters, model.network_.parameters)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert "Dense(8), ReLU(), Dense(3)" in repr(model)


def test_a_network_that_was_built_elsewhere_may_be_the_template():
    built = NetworkClassifier(three(), **FEW).fit(X, y).network_.layers
    other = NetworkClassifier(list(built), epochs=1, random_state=0).fit(X, y)
    np.testing.assert_array_equal(built[0].W.shape, other.network_.layers[0].W.shape)
    assert built[0].W is not other.network_.layers[0].W


def test_a_function_makes_the_layers():
    asked = []

    def layers(n_features, n_outputs):
        asked.append((n_features, n_outputs))
        return [Dense(n_features), Tanh(), Dense(n_outputs)]

    NetworkClassifier(layers, **FEW).fit(X, y)
    NetworkClassifier(layers, **FEW).fit(X, y > 0)
    NetworkRegressor(layers, **FEW).fit(X, X[:, :2])
    assert asked == [(4, 3), (4, 2), (4, 2)]


@pytest.mark.parametrize(
    ("labels", "outputs", "loss"),
    [
        (y, 3, SoftmaxCrossEntropy),
        (y > 0, 2, SoftmaxCrossEntropy),
        (y > 0, 1, SigmoidCrossEntropy),
        (np.eye(3, dtype=int)[y], 3, SigmoidCrossEntropy),
    ],
    ids=["three classes", "two", "two, one output", "three labels"],
)
def test_the_loss_follows_the_outputs(labels, outputs, loss):
    model = NetworkClassifier([Dense(outputs)], **FEW).fit(X, labels)
    assert type(model.network_.loss) is loss
    P = model.predict_proba(X)
    assert P.shape == (150, len(model.classes_))
    if labels.ndim == 1:
        np.testing.assert_allclose(P.sum(axis=1), 1)
        np.testing.assert_array_equal(model.predict(X), model.classes_[P.argmax(axis=1)])


def test_any_loss():
    counts = np.round(np.exp(X[:, 0] / 3))
    model = NetworkRegressor([Dense(1)], loss=Poisson(), optimizer=LBFGS(), random_state=0)
    assert (model.fit(X, counts).predict(X) > 0).all()
    assert model.score(X, counts) > 0.6
    assert (
        type(NetworkRegressor([Dense(1)], **FEW).fit(X, counts).network_.loss) is MeanSquaredError
    )


def test_scores_are_no_probabilities():
    model = NetworkClassifier(three(), loss=Hinge(), **FEW)
    for method in ("predict_proba", "predict_log_proba"):
        assert hasattr(model, method)
    assert set(model.fit(X, y).predict(X)) <= {0, 1, 2}
    for method in ("predict_proba", "predict_log_proba"):
        assert not hasattr(model, method)
    with pytest.raises(AttributeError, match="predict_proba") as raised:
        model.predict_proba(X)
    assert "Hinge() gives scores and no probabilities" in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("labels", "outputs", "said"),
    [
        (y, 7, "y has 3 classes, and the last layer gives 7 outputs"),
        (y, 2, "y has 3 classes, and the last layer gives 2 outputs"),
        (y, 1, "y has 3 classes, and the last layer gives 1 outputs"),
        (y > 0, 3, "y has 2 classes, and the last layer gives 3 outputs"),
        (np.eye(3, dtype=int)[y], 2, "y has 3 labels, and the last layer gives 2 outputs"),
    ],
)
def test_as_many_outputs_as_classes(labels, outputs, said):
    model = NetworkClassifier([Dense(outputs)], **FEW)
    with pytest.raises(ShapeError, match=said):
        model.fit(X, labels)
    assert not hasattr(model, "network_")


def test_several_quantiles_have_no_r2():
    three_quantiles = NetworkRegressor(
        [Dense(3)], loss=Quantile((0.1, 0.5, 0.9)), early_stopping=True, **FEW
    ).fit(X, y)
    assert three_quantiles.predict(X).shape == (150, 3)
    assert set(three_quantiles.history_.columns) == {"loss", "val_loss"}
    median = NetworkRegressor([Dense(1)], loss=Quantile(0.5), early_stopping=True, **FEW)
    assert "val_r2_score" in median.fit(X, y).history_.columns


def test_in_a_search_through_a_pipeline():
    model = NetworkClassifier(three(), optimizer=Adam(0.02), epochs=20, random_state=0)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {
            "networkclassifier__layers": [[Dense(3)], three()],
            "networkclassifier__optimizer": [Adam(1e-6), Adam(0.02)],
        },
        cv=3,
    )
    search.fit(X, y)
    assert search.best_score_ > 0.9
    assert search.best_params_["networkclassifier__optimizer"].learning_rate == 0.02
    assert cross_val_score(search.best_estimator_, X, y, cv=3).mean() > 0.9


def test_images_come_as_they_are_or_flat():
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:300] / 16, labels[:300]
    images = digits.reshape(-1, 8, 8)
    layers = [Flatten(), Dense(16), ReLU(), Dense(10)]
    whole = NetworkClassifier(layers, **FEW).fit(images, labels)
    flat = NetworkClassifier(layers, input_shape=(8, 8), **FEW).fit(digits, labels)
    thin = NetworkClassifier(layers, input_shape=(8, 8), **FEW)
    thin.fit(sparse.csr_array(digits), labels)
    assert whole.network_.input_shape == flat.network_.input_shape == (8, 8)
    P = whole.predict_proba(images)
    np.testing.assert_allclose(flat.predict_proba(digits), P)
    np.testing.assert_allclose(thin.predict_proba(sparse.csr_array(digits)), P)
    with pytest.raises(ShapeError, match="input_shape is"):
        NetworkClassifier(layers, input_shape=(7, 8)).fit(digits, labels)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_validation_rows_get_the_shape_of_images_too(kind):
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:300] / 16, labels[:300]
    layers = [Flatten(), Dense(10)]
    model = NetworkClassifier(layers, input_shape=(8, 8, 1), early_stopping=True, **FEW)
    assert "val_loss" in model.fit(kind(digits), labels).history_.columns
    model.set_params(early_stopping=False)
    model.fit(kind(digits[::2]), labels[::2], X_val=kind(digits[1::2]), y_val=labels[1::2])
    expected = model.score(kind(digits[1::2]), labels[1::2])
    assert model.history_["val_accuracy"][-1] == expected


def test_history_and_early_stopping():
    model = NetworkClassifier(
        three(), early_stopping=True, patience=3, optimizer=Adam(0.2), epochs=200, random_state=0
    )
    model.fit(X, y)
    curve = model.history_["val_loss"]
    assert model.n_iter_ == len(curve) < 200
    assert min(curve) == curve[-4]
    assert set(model.history_.columns) == {"loss", "val_loss", "val_accuracy"}
    given = NetworkClassifier(three(), **FEW).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert given.history_["val_accuracy"][-1] == given.score(X[1::2], y[1::2])


def test_the_validation_rows_are_never_trained_on(monkeypatch):
    seen = []
    real = networks.train

    def spy(network, A, targets, **settings):
        seen.append((set(A[:, 0]), set(settings["validation_data"][0][:, 0])))
        return real(network, A, targets, **settings)

    monkeypatch.setattr(networks, "train", spy)
    A = np.arange(600.0).reshape(150, 4) / 600
    model = NetworkRegressor([Dense(1)], early_stopping=True, warm_start=True, **FEW)
    model.fit(A, y).fit(A, y)
    (trained, held), (trained_again, held_again) = seen
    assert held == held_again
    assert not held & (trained | trained_again)
    assert trained | held == set(A[:, 0])


def test_a_warm_start_goes_on():
    settings = {"batch_size": 150, "random_state": 0}
    straight = NetworkRegressor([Dense(1)], epochs=6, **settings).fit(X, y)
    halves = NetworkRegressor([Dense(1)], epochs=3, warm_start=True, **settings)
    halves.fit(X, y).fit(X, y)
    np.testing.assert_array_equal(halves.network_.parameters, straight.network_.parameters)


@pytest.mark.parametrize("parts", [(1, 5), (2, 4), (3, 3)])
def test_a_fit_in_parts_is_the_fit_in_one(parts):
    layers = [Dense(8), BatchNorm(), ReLU(), Dropout(0.2), Dense(3)]
    settings = {"batch_size": 40, "random_state": 0}
    whole = NetworkClassifier(layers, epochs=6, **settings).fit(X, y)
    warm = NetworkClassifier(layers, warm_start=True, **settings)
    for epochs in parts:
        warm.set_params(epochs=epochs).fit(X, y)
    np.testing.assert_array_equal(warm.network_.parameters, whole.network_.parameters)
    np.testing.assert_array_equal(warm.network_.state, whole.network_.state)


def test_weights():
    weights = np.where(y == 2, 0.0, 1.0)
    weighted = NetworkClassifier([Dense(2)], **FEW).fit(X, y, weights)
    without = NetworkClassifier([Dense(2)], **FEW).fit(X[:100], y[:100])
    np.testing.assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))
    A = X[:, :2]  # where the classes overlap
    plain, heavy = (
        NetworkClassifier(three(), class_weight=w, optimizer=Adam(0.02), random_state=0).fit(A, y)
        for w in (None, {2: 100.0})
    )
    # Over 12 seeds, the largest share without the weight is 0.59, the smallest with it 0.67.
    assert (plain.predict(A) == 2).mean() < 0.63 < (heavy.predict(A) == 2).mean()


def test_callbacks_and_other_optimizers():
    stopping = EarlyStopping("loss", patience=1, min_delta=1e9)
    model = NetworkClassifier(three(), callbacks=[stopping], **FEW).fit(X, y)
    assert model.n_iter_ == 2  # the first epoch is better than nothing
    full = NetworkClassifier(three(), optimizer=LBFGS(), epochs=40, random_state=0).fit(X, y)
    assert full.score(X, y) > 0.95


def test_an_interrupted_training_says_so():
    class CtrlC(Callback):
        def end_epoch(self, run):
            run.stop("Ctrl-C")

    for kind, outputs in ((NetworkClassifier, 3), (NetworkRegressor, 1)):
        with pytest.warns(UserWarning, match="interrupted by user") as warned:
            model = kind([Dense(outputs)], callbacks=[CtrlC()], **FEW).fit(X, y)
        assert model.n_iter_ == 1
        assert warned[0].filename == __file__


def test_dropout_is_off_at_prediction():
    model = NetworkRegressor([Dense(16), Dropout(0.5), Dense(1)], **FEW).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))


def test_settings_are_checked_in_fit():
    with pytest.raises(ValueError, match="'epochs' parameter of NetworkClassifier"):
        NetworkClassifier(three(), epochs=0).fit(X, y)
    with pytest.raises(SettingError, match="belong together"):
        NetworkClassifier(three()).fit(X, y, y_val=y)


def test_sequences_of_any_length_may_come_flat(rng):
    X, y = rng.normal(size=(12, 6)).astype(np.float32), np.arange(12) % 2
    model = NetworkClassifier([RNN(3), Dense(2)], input_shape=(None, 2), epochs=1, random_state=0)
    flat = model.fit(X, y).predict_proba(X)
    steps = X.reshape(12, 3, 2)
    np.testing.assert_array_equal(model.fit(steps, y).predict_proba(steps), flat)
    with pytest.raises(ShapeError, match="2 numbers a step; X has the shape"):
        model.fit(X[:, :5], y)


# --- graphs ---------------------------------------------------------------------------------------


def with_shortcut() -> Graph:
    nodes = {
        "hidden": ([Dense(8), ReLU()], "X"),
        "both": (Concatenate(), "hidden", "X"),
        "Y": (Dense(3), "both"),
    }
    return Graph(nodes, inputs="X", outputs="Y")


def test_a_graph_with_one_input_is_an_estimator(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = NetworkClassifier(with_shortcut(), optimizer=Adam(0.02), random_state=0)
    assert cross_val_score(clone(model), X, y, cv=3).min() > 0.85
    model.fit(X, y)
    pytest.importorskip("skops", reason="skops is the extra `cli`")
    save(model, tmp_path / "model.skops")
    for other in (load(tmp_path / "model.skops"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    again = NetworkClassifier(with_shortcut(), optimizer=Adam(0.02), random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_graph_with_several_inputs_is_refused():
    nodes = {"Y": ([Concatenate(), Dense(3)], "a", "b")}
    model = NetworkClassifier(Graph(nodes, inputs=("a", "b"), outputs="Y"))
    with pytest.raises(SettingError, match="has one X and one y; the Graph has the inputs a, b"):
        model.fit(*load_iris(return_X_y=True))
