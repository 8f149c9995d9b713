"""With the same random_state and unshuffled, scikit-learn's MLP gives the same numbers."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from sklearn import neural_network as theirs
from sklearn.linear_model import LogisticRegression

from plainnet import Callback
from plainnet import estimators as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def both(name, X, y, sample_weight=None, **settings):
    """(ours, theirs), fitted on the rows in their order."""
    settings = {"hidden_layer_sizes": (6, 5), "random_state": 0, "shuffle": False, **settings}
    our, their = getattr(ours, name)(**settings), getattr(theirs, name)(**settings)
    return our.fit(X, y, sample_weight), their.fit(X, y, sample_weight)


def agree(our, their):
    assert our.n_iter_ == their.n_iter_
    assert our.t_ == their.t_
    np.testing.assert_allclose(our.loss_curve_, their.loss_curve_, rtol=1e-9)
    for own, given in zip(our.coefs_, their.coefs_, strict=True):
        np.testing.assert_allclose(own, given, rtol=1e-6, atol=1e-9)
    for own, given in zip(our.intercepts_, their.intercepts_, strict=True):
        np.testing.assert_allclose(own, given, rtol=1e-6, atol=1e-9)
    assert (our.n_layers_, our.n_outputs_) == (their.n_layers_, their.n_outputs_)
    assert our.out_activation_ == their.out_activation_


rng = np.random.default_rng(3)
X = rng.standard_normal((50, 4))
S = X @ rng.standard_normal((4, 3))
TARGETS = {
    "two classes": ("MLPClassifier", np.where(S[:, 0] > 0, "yes", "no")),
    "three classes": ("MLPClassifier", S.argmax(axis=1)),
    "three labels": ("MLPClassifier", (S > 0).astype(int)),
    "a number": ("MLPRegressor", S[:, 0]),
    "three numbers": ("MLPRegressor", S),
}
# scikit-learn adds epsilon before the correction for the start at zero, we, as the paper, after it:
# the numbers are the same where it does not count.
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.02, "epsilon": 1e-30},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", TARGETS)
def test_solvers_and_targets(target, solver):
    """Batches of 16, 16, 16 and 2; a penalty that counts."""
    name, y = TARGETS[target]
    our, their = both(name, X, y, batch_size=16, alpha=0.5, max_iter=8, **SOLVERS[solver])
    agree(our, their)
    np.testing.assert_array_equal(
        our.predict(X) if name == "MLPClassifier" else our.predict(X).round(6),
        their.predict(X) if name == "MLPClassifier" else their.predict(X).round(6),
    )


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(activation):
    agree(*both("MLPClassifier", X, S.argmax(1), activation=activation, max_iter=5, epsilon=1e-30))


def test_poisson():
    counts = np.round(np.exp(S[:, :2] / 3))
    our, their = both("MLPRegressor", X, counts, loss="poisson", max_iter=8, epsilon=1e-30)
    agree(our, their)
    np.testing.assert_allclose(our.predict(X), their.predict(X), rtol=1e-6)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_sample_weights(name):
    """All rows in one batch: in smaller ones, our penalty takes the mean weight of all."""
    y = S.argmax(1) if name == "MLPClassifier" else S
    weights = np.linspace(0.1, 3, len(X))
    agree(*both(name, X, y, weights, alpha=0.5, max_iter=8, epsilon=1e-30))


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
def test_learning_rates(learning_rate):
    """Without momentum: theirs keeps the old rate in its velocity, ours does not."""
    our, their = both(
        "MLPClassifier", X, S.argmax(1), solver="sgd", learning_rate=learning_rate, momentum=0,
        learning_rate_init=0.5, power_t=0.3, max_iter=60, tol=0.02, n_iter_no_change=3,
    )  # fmt: skip
    agree(our, their)
    if learning_rate == "adaptive":
        assert our._optimizer.learning_rate < 0.5


@pytest.mark.parametrize("tol", [1e-2, 1e-1])
def test_when_training_ends(tol):
    our, their = both(
        "MLPRegressor", X, S[:, 0], tol=tol, n_iter_no_change=4, max_iter=500, epsilon=1e-30,
        learning_rate_init=0.01,
    )  # fmt: skip
    agree(our, their)
    assert our.n_iter_ < 500
    assert our.best_loss_ == pytest.approx(their.best_loss_, rel=1e-9)


class StartFrom(Callback):
    """Puts somebody else's weights into an estimator's network before the first step."""

    def __init__(self, coefs, intercepts):
        self.given = [*coefs, *intercepts]

    def begin_training(self, run):
        dense = [layer for layer in run.network.layers if hasattr(layer, "W")]
        views = [*(layer.W.T for layer in dense), *(layer.b for layer in dense)]
        for view, given in zip(views, self.given, strict=True):
            view[...] = given


def test_a_worked_example():
    """The numbers that scikit-learn's test_fit works out by hand, rounded to three places."""
    coefs = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([[0.1], [0.2]])]
    start = StartFrom(coefs, [np.array([0.1, 0.1]), np.array([1.0])])
    model = ours.MLPClassifier(
        2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0,
        callbacks=[start],
    )  # fmt: skip
    x = np.array([[0.6, 0.8, 0.7]])
    model.partial_fit(x, [0], classes=[0, 1])
    W1, W2 = model.coefs_
    expected = [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]]
    np.testing.assert_allclose(W1, expected, atol=5e-4)
    np.testing.assert_allclose(W2, [[0.04706], [0.154089]], atol=5e-4)
    np.testing.assert_allclose(model.intercepts_[0], [0.098333, 0.09626], atol=5e-4)
    np.testing.assert_allclose(model.intercepts_[1], [0.9235], atol=5e-4)
    assert model.predict_proba(x)[0, 1] == pytest.approx(0.739, abs=5e-4)


@pytest.mark.parametrize("y", [S[:, 0] > 0, S.argmax(1)], ids=["two classes", "three classes"])
@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs_without_hidden_layers_is_logistic_regression(y, weighted):
    """Whose C is 1 / alpha."""
    weights = np.arange(len(X)) % 3 if weighted else None
    model = ours.MLPClassifier(
        (), solver="lbfgs", alpha=2.0, tol=1e-9, max_iter=500, random_state=0
    )
    model.fit(X, y, weights)
    reference = LogisticRegression(C=0.5, tol=1e-10, max_iter=500).fit(X, y, weights)
    W = reference.coef_.T
    if W.shape[1] > 1:  # softmax does not see what all classes have in common
        W = W - W.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(model.coefs_[0], W, atol=1e-3)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-4)
