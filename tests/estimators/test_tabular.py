"""Tabular estimators: tables as they come, the recipe's parts, calibration, honest validation."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from plainnet import Cache
from plainnet.callbacks import Callback, EarlyStopping, Run
from plainnet.errors import DataError
from plainnet.estimators import TabularClassifier, TabularRegressor
from plainnet.estimators.base import generator
from plainnet.estimators.held_out import folds
from plainnet.estimators.tabular import sizes
from plainnet.estimators.tabular.columns import Columns
from plainnet.estimators.tabular.recipe import CLASSIFIER, MOST_WAVES, bin_edges, build
from plainnet.layers import (
    Dense,
    Dropout,
    ParametricActivation,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from plainnet.losses import SoftmaxCrossEntropy

QUICK = {"epochs": 12, "hidden_layer_sizes": (32, 32), "n_networks": 1, "random_state": 0}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 400
    table = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(["a", "b", "c"], n),
            "town": [f"town {i}" for i in rng.integers(0, 15, n)],
            "seen": pd.date_range("2024-01-01", periods=n, freq="D"),
            "fixed": 1,
        }
    )
    table.loc[::9, "size"] = np.nan
    table.loc[::11, "kind"] = None
    return table


@pytest.fixture(scope="module")
def answers(table) -> np.ndarray:
    return np.where((table["size"].fillna(1) > 0) ^ (table["kind"] == "a"), "yes", "no")


@pytest.fixture(scope="module")
def doubtful(answers) -> np.ndarray:
    """The answers with a quarter of them turned round."""
    wrong = np.random.default_rng(1).random(len(answers)) < 0.25
    return np.where(wrong, np.where(answers == "yes", "no", "yes"), answers)


def test_a_table_with_everything_is_learned(table, answers):
    model = TabularClassifier(**QUICK | {"epochs": 40}).fit(table[:300], answers[:300])
    assert model.score(table[300:], answers[300:]) > 0.85
    P = model.predict_proba(table[300:])
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    assert list(model.classes_) == ["no", "yes"]
    unseen = pd.DataFrame(
        {"size": [np.nan], "kind": ["new"], "town": [None], "seen": [pd.NaT], "fixed": [5]}
    )
    assert np.isfinite(model.predict_proba(unseen)).all()


@pytest.mark.parametrize("preset", ["default", "fast"])
def test_numbers_are_learned_in_their_own_units(table, preset):
    y = 1e6 + 1e5 * (table["size"].fillna(0) + (table["kind"] == "a")).to_numpy()
    model = TabularRegressor(preset, **QUICK | {"epochs": 40}).fit(table[:300], y[:300])
    assert model.score(table[300:], y[300:]) > 0.6
    assert y[:300].min() <= model.predict(table).min()
    assert model.predict(table).max() <= y[:300].max()
    several = np.column_stack([y, -y])
    both = TabularRegressor(preset, **QUICK).fit(table, several)
    assert both.predict(table).shape == (400, 2)


def test_a_constant_target_is_predicted(table):
    model = TabularRegressor(**QUICK).fit(table, np.full(len(table), 7.0))
    np.testing.assert_array_equal(model.predict(table), 7.0)


def test_the_best_validation_epoch_is_kept(table, answers):
    class Snapshots(Callback):
        def __init__(self):
            self.parameters = []

        def end_epoch(self, run):
            self.parameters.append(run.network.parameters.copy())

    snapshots = Snapshots()
    settings = QUICK | {"epochs": 90, "dropout": 0.0}  # long enough to overfit
    model = TabularClassifier(**settings, callbacks=[snapshots]).fit(table, answers)
    refined = model.history_["val_refined_loss"]
    assert model.best_epoch_ == int(np.argmin(refined)) < 89
    kept = snapshots.parameters[model.best_epoch_]
    np.testing.assert_array_equal(model.network_.parameters, kept)


def test_validation_rows_are_never_trained_on(table, answers):
    """Validation targets that are all wrong change the epoch that is kept, and nothing else."""
    given = {"X_val": table[300:], "y_val": answers[300:]}
    wrong = {"X_val": table[300:], "y_val": np.where(answers[300:] == "yes", "no", "yes")}
    right = TabularClassifier(**QUICK).fit(table[:300], answers[:300], **given)
    other = TabularClassifier(**QUICK).fit(table[:300], answers[:300], **wrong)
    assert right.history_["loss"] == other.history_["loss"]
    assert right.history_["val_loss"] != other.history_["val_loss"]


def test_the_temperature_lowers_the_log_loss_of_the_validation_rows(table, doubtful):
    split = {"X_val": table[300:], "y_val": doubtful[300:]}
    model = TabularClassifier(**QUICK, dropout=0.0).fit(table[:300], doubtful[:300], **split)
    calibrated = log_loss(doubtful[300:], model.predict_proba(table[300:]))
    assert abs(np.log(model.temperature_)) > 0.05
    model.temperature_ = 1.0
    assert calibrated < log_loss(doubtful[300:], model.predict_proba(table[300:]))


def test_class_weights_move_the_boundary(table, doubtful):
    plain = TabularClassifier(**QUICK).fit(table, doubtful)
    weighted = TabularClassifier(**QUICK, class_weight={"yes": 5.0}).fit(table, doubtful)
    more = (weighted.predict(table) == "yes").mean()
    assert more > (plain.predict(table) == "yes").mean() + 0.2


def test_rows_of_weight_zero_do_not_count(table, answers):
    weights = np.ones(len(table))
    weights[200:] = 0
    weighted = TabularClassifier(**QUICK).fit(table, answers, sample_weight=weights)
    without = TabularClassifier(**QUICK).fit(table[:200], answers[:200])
    np.testing.assert_array_equal(weighted.predict(table), without.predict(table))


def test_dropout_is_off_at_prediction(table, answers):
    model = TabularClassifier(**QUICK, dropout=0.5).fit(table, answers)
    assert any(isinstance(layer, Dropout) for layer in model.network_.layers)
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(table))


def test_the_same_seed_gives_the_same_model(table, answers):
    one, other = (TabularClassifier(**QUICK).fit(table, answers) for _ in range(2))
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)
    third = TabularClassifier(**QUICK | {"random_state": 1}).fit(table, answers)
    assert not np.array_equal(one.network_.parameters, third.network_.parameters)


def test_it_lives_with_scikit_learn(table, answers):
    model = TabularClassifier(**QUICK | {"epochs": 3})
    assert clone(model).get_params() == model.get_params()
    fitted = pickle.loads(pickle.dumps(model.fit(table, answers)))
    np.testing.assert_array_equal(fitted.predict(table), model.predict(table))
    assert len(cross_val_score(model, table, answers, cv=2)) == 2
    search = GridSearchCV(model, {"dropout": [0.0, 0.2]}, cv=2).fit(table, answers)
    assert set(search.best_params_) == {"dropout"}
    make_pipeline(FunctionTransformer(), model).fit(table, answers).predict(table)


def test_columns_must_be_those_of_training(table, answers):
    model = TabularClassifier(**QUICK | {"epochs": 2}).fit(table, answers)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table.drop(columns="kind"))
    with pytest.raises(DataError, match="column 'size' must hold finite numbers"):
        model.predict(table.assign(size=np.inf))


def test_a_category_never_seen_says_nothing(table):
    """Its prediction is one that known towns get, not an outlier's."""
    town = table[["town", "size"]].fillna(0)
    y = town["town"].str.removeprefix("town ").astype(float) + town["size"]
    for seed in range(3):
        model = TabularRegressor("fast", n_networks=1, epochs=20, random_state=seed).fit(town, y)
        unseen = model.predict(pd.DataFrame({"town": ["elsewhere"], "size": [0.0]}))
        assert abs(unseen[0] - y.mean()) < 0.75 * y.std()


def test_lists_of_numbers_and_texts_are_tables():
    rows = [[i % 7 + 0.5, "red" if i % 2 else "blue"] for i in range(60)]
    model = TabularClassifier(**QUICK).fit(rows, [row[1] for row in rows])
    assert dict(model.columns_.describe())["x0"] == "number"
    assert model.predict([[1.5, "red"]]).tolist() == ["red"]


def test_a_lone_class_does_not_end_validation(table, answers):
    y = answers.copy()
    y[5] = "perhaps"
    model = TabularClassifier(**QUICK).fit(table, y)
    assert "val_refined_loss" in model.history_


def test_the_kept_epoch_is_its_own_whatever_callbacks_do(table, answers):
    meddler = EarlyStopping("val_accuracy", patience=100)
    plain = TabularClassifier(**QUICK).fit(table, answers)
    other = TabularClassifier(**QUICK, callbacks=[meddler]).fit(table, answers)
    np.testing.assert_array_equal(plain.network_.parameters, other.network_.parameters)


def test_ctrl_c_is_not_passed_over(table, answers):
    class Interrupt(Callback):
        def end_epoch(self, run):
            run.stop("Ctrl-C")

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        TabularClassifier(**QUICK, callbacks=[Interrupt()]).fit(table, answers)


def test_very_few_rows_are_all_trained_on():
    model = TabularClassifier(**QUICK).fit(pd.DataFrame({"a": [0, 1, 2, 3]}), [0, 0, 1, 1])
    assert "val_loss" not in model.history_
    assert model.best_epoch_ == 11


# --- several networks -----------------------------------------------------------------------------


def test_small_tables_get_five_networks_and_large_ones_one(monkeypatch, table, answers):
    settings = QUICK | {"epochs": 1, "n_networks": None}
    assert len(TabularClassifier(**settings).fit(table, answers).networks_) == 5
    monkeypatch.setattr(sizes, "ROWS_FOR_SEVERAL", 399)
    assert len(TabularClassifier(**settings).fit(table, answers).networks_) == 1


def test_a_network_never_learns_from_the_rows_that_it_holds_out(table, answers):
    """Trained with the held-out rows' answers turned round, the first network is the same."""
    _, out = next(folds(400, 0.2, 2, generator(0), answers))
    turned = answers.copy()
    turned[out] = np.where(answers[out] == "yes", "no", "yes")
    settings = QUICK | {"n_networks": 2, "epochs": 6}
    losses = []
    for y in (answers, turned):
        model = TabularClassifier(**settings, callbacks=[])
        model._strata = lambda y: answers  # the same folds
        losses.append(model.fit(table, y).histories_[0])
    assert losses[0]["loss"] == losses[1]["loss"]
    assert losses[0]["val_loss"] != losses[1]["val_loss"]


def test_the_prediction_is_the_mean_of_the_networks(table, answers):
    y = table["size"].fillna(0).to_numpy()
    model = TabularRegressor(**QUICK | {"n_networks": 3}).fit(table, y)
    each = []
    networks = model.networks_
    for network in networks:
        model.networks_ = [network]
        each.append(model.predict(table))
    model.networks_ = networks
    inside = (model.predict(table) > y.min()) & (model.predict(table) < y.max())
    np.testing.assert_allclose(
        model.predict(table)[inside], np.mean(each, axis=0)[inside], rtol=1e-6
    )
    assert len(model.histories_) == len(model.best_epochs_) == 3
    assert not np.array_equal(networks[0].parameters, networks[1].parameters)


def test_several_networks_are_pickled(table, answers):
    model = TabularClassifier(**QUICK | {"n_networks": 2, "epochs": 2}).fit(table, answers)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))


def test_ctrl_c_ends_them_all(table, answers):
    class Interrupt(Callback):
        def end_epoch(self, run):
            run.stop("Ctrl-C")

    settings = QUICK | {"n_networks": 3}
    with pytest.warns(UserWarning, match="interrupted"):
        model = TabularClassifier(**settings, callbacks=[Interrupt()]).fit(table, answers)
    assert len(model.networks_) == 1
    assert np.isfinite(model.predict_proba(table)).all()


# --- the recipe -----------------------------------------------------------------------------------


def test_bins_are_values_where_these_are_few_and_quantiles_otherwise(rng):
    few = np.repeat([0.0, 1, 5, 9], 100).astype(np.float32)
    assert bin_edges(few) == [0, 1, 5, 9]
    assert bin_edges(few[::10]) == [0, 9]  # forty rows have one bin
    assert bin_edges(few[:5]) == [0, 1]  # what does not differ
    many = rng.standard_normal(5000).astype(np.float32)
    edges = bin_edges(many)
    assert len(edges) == 49
    counts, _ = np.histogram(many, edges)
    assert counts.min() > 90


def test_the_network_starts_at_unit_scale_and_with_rates_of_its_own(table):
    columns, rng = Columns(table), np.random.default_rng(0)
    X = columns.transform(table)
    network = build(CLASSIFIER["default"], columns, X, 2, SoftmaxCrossEntropy(), rng)
    first = next(layer for layer in network.layers if isinstance(layer, Dense))
    cache = Cache(record=True)
    network.forward(X, cache)
    Z = cache[f"{first.name}.Z"]
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-3)
    assert 0.05 < (Z > 0).mean() < 0.95  # the biases put every kink amid the data
    assert ((Z > 0).any(axis=0) & (Z < 0).any(axis=0)).all()

    rates = {s.name.split(".", 1)[1]: (s.learning_rate, s.weight_decay) for s in network.segments}
    assert rates["dense.b"] == (0.1, 0)
    assert rates["scale.gamma"] == (6, 1)
    assert rates["parametricactivation.alpha"] == (0.1, 1)
    assert rates["parallel.0.periodicembedding.w1"] == (0.1, 1)
    root = np.sqrt(first.W.shape[1])
    widths = {s.name: (s.learning_rate, s.weight_decay) for s in network.segments}
    assert widths[f"{first.name}.W"] == pytest.approx((1 / root, root))


def test_tables_with_very_many_numbers_get_no_waves_and_few_bins(rng):
    def layers(width: int) -> dict[type, object]:
        X = rng.standard_normal((300, width))
        model = TabularRegressor(**QUICK | {"epochs": 1}).fit(X, X[:, 0])
        return {type(layer): layer for layer in model.network_.body.walk()}

    assert PeriodicEmbedding in layers(MOST_WAVES)
    wide = layers(MOST_WAVES + 1)
    assert PeriodicEmbedding not in wide
    edges = wide[PiecewiseLinearEmbedding].edges
    assert {len(each) for each in edges} == {3}  # as many bins as 240 rows allow
    values = rng.standard_normal(2000).astype(np.float32)
    assert len(bin_edges(values, at_most=4)) == 5


def test_a_wide_table_takes_little_memory(rng):
    """A network at a time, some rows at a time, and no copies of all the folds."""
    X = rng.standard_normal((1000, 600))
    y = X[:, 0] > 0
    TabularClassifier(epochs=1, n_networks=1).fit(X[:50, :5], y[:50])
    tracemalloc.start()
    try:
        TabularClassifier(epochs=1, random_state=0).fit(X, y).predict_proba(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6 + 6 * X.nbytes


def test_the_fast_preset_leaves_out_what_is_slow(table, answers):
    model = TabularClassifier("fast", **QUICK).fit(table, answers)
    kinds = {type(layer) for layer in model.network_.body.walk()}
    assert not kinds & {Dropout, ParametricActivation}
    assert PiecewiseLinearEmbedding in kinds


# --- epochs ---------------------------------------------------------------------------------------


def spiral(noise: float) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    t = rng.uniform(3, 12, 400)
    X = pd.DataFrame({"x": t * np.cos(t), "y": t * np.sin(t)})
    return X, t + noise * rng.standard_normal(400)


@pytest.mark.usefixtures("numpy_kernels")  # whether it falls on is chance
def test_a_table_without_noise_is_learned_for_longer():
    usual = TabularRegressor(preset="fast", random_state=0).fit(*spiral(9.0))
    longer = TabularRegressor(preset="fast", random_state=0).fit(*spiral(0.0))
    assert usual.epochs_ == 32
    assert longer.epochs_ in (64, 128)
    assert {len(history) for history in longer.histories_} == {longer.epochs_}


def test_epochs_that_are_given_are_kept_to():
    model = TabularRegressor(preset="fast", epochs=20, random_state=0).fit(*spiral(0.0))
    assert model.epochs_ == 20
    assert [len(history) for history in model.histories_] == [20] * 5


class Interrupts(Callback):
    """Presses Ctrl-C in the third epoch of the second training."""

    trainings = 0

    def begin_training(self, run: Run) -> None:
        self.trainings += 1

    def end_epoch(self, run: Run) -> None:
        if self.trainings == 2 and run.epoch == 2:
            run.stop("Ctrl-C")


@pytest.mark.usefixtures("numpy_kernels")  # whether it falls on is chance
def test_ctrl_c_while_it_learns_for_longer_leaves_the_shorter_training():
    model = TabularRegressor(preset="fast", callbacks=[Interrupts()], random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(*spiral(0.0))
    assert [len(history) for history in model.histories_] == [32]
    assert model.epochs_ == 32


def test_each_network_has_its_own_dropout_unless_the_user_gives_one(table, answers):
    def dropouts(**settings):
        model = TabularClassifier(epochs=1, random_state=0, **settings).fit(table, answers)
        return [
            next(layer.rate for layer in network.layers if isinstance(layer, Dropout))
            for network in model.networks_
        ]

    assert len(set(dropouts())) == 5
    assert set(dropouts(dropout=0.4)) == {0.4}
