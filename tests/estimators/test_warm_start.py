"""An estimator that was saved between two fits continues as one that stayed in memory."""

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

import plainnet
from plainnet.callbacks import EarlyStopping
from plainnet.estimators import MLPClassifier, MLPRegressor
from plainnet.optimizers import Adam, NAdam
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import Cosine

rng = np.random.default_rng(0)
X = rng.standard_normal((90, 5))
classes = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
values = X[:, 0] * X[:, 1]

CASES = {
    "adam": MLPClassifier((8,)),
    "dropout": MLPClassifier((8,), dropout=0.3, batch_norm=True),
    "sgd": MLPRegressor(hidden_layer_sizes=(8,), solver="sgd"),
    "invscaling": MLPRegressor(
        hidden_layer_sizes=(8,), solver="sgd", learning_rate="invscaling", learning_rate_init=0.1
    ),
    "adaptive": MLPRegressor(
        hidden_layer_sizes=(8,), solver="sgd", learning_rate="adaptive", tol=0.1, n_iter_no_change=1
    ),
    "ended by its rule": MLPClassifier((8,), solver="sgd", tol=1.0, n_iter_no_change=1),
    "early_stopping": MLPClassifier((8,), early_stopping=True, n_iter_no_change=2),
    "ema": MLPClassifier((8,), ema=0.9, batch_norm=True),
    "NAdam": MLPClassifier((8,), optimizer=NAdam(0.01)),
    "amsgrad": MLPRegressor(hidden_layer_sizes=(8,), optimizer=Adam(0.01, amsgrad=True)),
    "schedule": MLPClassifier((8,), schedule=Cosine(warmup=0.1)),
    "callbacks": MLPClassifier((8,), callbacks=[EarlyStopping("loss", patience=2)]),
    "lbfgs": MLPClassifier((8,), solver="lbfgs"),
    "LBFGS": MLPClassifier((8,), optimizer=LBFGS(memory=4), dropout=0.2),
    "weights": MLPClassifier((8,), class_weight="balanced"),
    "RandomState": MLPClassifier((8,), random_state=np.random.RandomState(3)),
    "Generator": MLPClassifier((8,), random_state=np.random.default_rng(3)),
}


def left(model) -> dict:
    """All that can be seen of an estimator that has been fitted, and its next random number."""
    seen = {
        name: getattr(model, name, None)
        for name in (
            "loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_",
            "t_", "n_iter_", "_no_improvement_count", "_ended_by_rule", "validation_loss_curve_",
        )
    }  # fmt: skip
    network, optimizer = model.network_, model._optimizer
    seen["vectors"] = network.parameters.tolist(), network.state.tolist()
    seen["rng"] = model._rng.bit_generator.state
    seen["optimizer"] = repr(optimizer), getattr(optimizer, "steps", None)
    state = getattr(optimizer, "state", {})
    seen["accumulators"] = {name: array.tolist() for name, array in state.items()}
    return seen


@pytest.mark.parametrize("how", ["save", "pickle"])
@pytest.mark.parametrize("name", CASES)
def test_saved_between_fits(name, how, tmp_path):
    def fits(*, through_a_file):
        model = pickle.loads(pickle.dumps(CASES[name]))
        model.set_params(warm_start=True, max_iter=3, batch_size=20)
        if model.random_state is None:
            model.set_params(random_state=0)
        for fit in range(4):
            model.fit(X, values if isinstance(model, MLPRegressor) else classes)
            if through_a_file and how == "pickle":
                model = pickle.loads(pickle.dumps(model))
            elif through_a_file:
                plainnet.save(model, tmp_path / f"{fit}.skops")
                model = plainnet.load(tmp_path / f"{fit}.skops")
        return left(model)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        assert fits(through_a_file=True) == fits(through_a_file=False)


def test_saved_after_some_tensors_were_frozen(tmp_path):
    """A frozen tensor counts its own steps: the optimizer knows which it missed."""

    def fits(*, through_a_file):
        model = MLPClassifier((8,), warm_start=True, max_iter=2, batch_size=20, random_state=0)
        for fit in range(4):
            model.fit(X, classes)
            if fit == 0:
                model.network_.freeze("0.dense.W")
            elif fit == 2:
                model.network_.unfreeze("0.dense.W")
            if through_a_file:
                plainnet.save(model, tmp_path / "model.skops")
                model = plainnet.load(tmp_path / "model.skops")
        return left(model)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fits(through_a_file=True) == fits(through_a_file=False)
