"""An estimator comes back from its file as it was, and no file brings code."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skops")
pd = pytest.importorskip("pandas")

from sklearn.compose import ColumnTransformer, make_column_transformer  # noqa: E402
from sklearn.ensemble import BaggingClassifier, VotingClassifier  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.multiclass import OneVsRestClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
)

from layer_cases import CASES, LayerCase  # noqa: E402
from plainnet.callbacks import Callback, CSVLog, EarlyStopping  # noqa: E402
from plainnet.errors import FileError, MissingExtraError, SettingError  # noqa: E402
from plainnet.estimators import (  # noqa: E402
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    TextClassifier,
    TextRegressor,
    load,
    save,
)
from plainnet.estimators.tabular import TabularClassifier, TabularRegressor  # noqa: E402
from plainnet.layers import BatchNorm, Dense, Dropout, Layer, ReLU, Residual  # noqa: E402
from plainnet.losses import Huber  # noqa: E402
from plainnet.optimizers import AdamW  # noqa: E402
from plainnet.optimizers.lbfgs import LBFGS  # noqa: E402
from plainnet.schedules import Cosine  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype(np.float32)
NUMBERS = X @ np.float32([1, -2, 3])
CLASSES = np.where(NUMBERS > 0, "yes", "no")
TABLE = pd.DataFrame(
    {
        "number": np.where(X[:, 0] > 1, np.nan, X[:, 0]),
        "colour": np.array(["red", None, "blue"], object)[rng.integers(0, 3, 40)],
        "town": [f"town {i % 12}" for i in range(40)],
        "day": pd.date_range("2026-01-01", periods=40),
    }
)
TEXTS = np.array([f"the {c} number {i % 7}" for i, c in enumerate(CLASSES)] + [None], object)[:40]


class Shift(Layer):
    """A layer of the user's own."""

    def forward(self, A: Any, cache: Any) -> Any:
        return A + 1

    def backward(self, dA: Any, cache: Any) -> Any:
        return dA


def layers() -> list[Layer]:
    return [Dense(4), BatchNorm(), Residual([ReLU(), Dense(4)]), Dropout(0.2)]


FITTED = {
    "MLPClassifier": lambda: MLPClassifier((4,), max_iter=3, random_state=0).fit(X, CLASSES),
    "MLPRegressor": lambda: MLPRegressor(
        hidden_layer_sizes=(4,), solver="sgd", max_iter=20, batch_norm=True, random_state=0
    ).fit(X, NUMBERS),
    "NetworkClassifier": lambda: NetworkClassifier(
        [*layers(), Dense(2)], optimizer=AdamW(0.01), epochs=2, random_state=0
    ).fit(X, CLASSES),
    "NetworkRegressor": lambda: NetworkRegressor(
        [*layers(), Dense(1)],
        loss=Huber(),
        callbacks=[Cosine(warmup=0.1), EarlyStopping("loss")],
        epochs=2,
        random_state=0,
    ).fit(X, NUMBERS),
    "TabularClassifier": lambda: TabularClassifier(epochs=2, n_networks=2, random_state=0).fit(
        TABLE, CLASSES
    ),
    "TabularRegressor": lambda: TabularRegressor(
        "fast", epochs=2, n_networks=1, random_state=0
    ).fit(TABLE, NUMBERS),
    "TextClassifier": lambda: TextClassifier(epochs=2, n_networks=2, random_state=0).fit(
        TEXTS, CLASSES
    ),
    "TextRegressor": lambda: TextRegressor("gru", epochs=2, width=4, random_state=0).fit(
        TEXTS, NUMBERS
    ),
}


@pytest.fixture(params=FITTED)
def fitted(request: pytest.FixtureRequest) -> Any:
    return FITTED[request.param]()


def rows(estimator: Any) -> Any:
    if hasattr(estimator, "reader_"):
        return TEXTS
    return TABLE if hasattr(estimator, "columns_") else X


def by_skops(estimator: Any, folder: Path) -> Any:
    save(estimator, folder / "model.skops")
    return load(folder / "model.skops")


def by_pickle(estimator: Any, folder: Path) -> Any:
    return pickle.loads(pickle.dumps(estimator))


def by_copy(estimator: Any, folder: Path) -> Any:
    return copy.deepcopy(estimator)


@pytest.mark.parametrize("way", [by_skops, by_pickle, by_copy])
def test_it_predicts_the_same_to_the_bit(fitted: Any, way: Any, tmp_path: Path) -> None:
    again = way(fitted, tmp_path)
    assert type(again) is type(fitted)
    np.testing.assert_array_equal(again.network_.parameters, fitted.network_.parameters)
    np.testing.assert_array_equal(again.network_.state, fitted.network_.state)
    assert again.network_.segments == fitted.network_.segments
    assert not np.shares_memory(again.network_.parameters, fitted.network_.parameters)
    if hasattr(fitted, "history_"):
        assert again.history_ == fitted.history_
        assert again.history_.stopped == fitted.history_.stopped != ""
    for method in ("predict", "predict_proba"):
        if hasattr(fitted, method):
            expected = getattr(fitted, method)(rows(fitted))
            got = getattr(again, method)(rows(fitted))
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


def test_its_settings_come_back(fitted: Any, tmp_path: Path) -> None:
    again = by_skops(fitted, tmp_path)
    for name, value in fitted.get_params(deep=False).items():
        shown = (
            re.sub(" object at 0x[0-9a-f]+", "", repr(v)) for v in (getattr(again, name), value)
        )
        assert len(set(shown)) == 1
    assert vars(again).keys() == vars(fitted).keys()


def test_it_learns_on_as_if_it_had_never_been_away(fitted: Any, tmp_path: Path) -> None:
    again = by_skops(fitted, tmp_path)
    y = CLASSES if hasattr(fitted, "classes_") else NUMBERS
    for estimator in (fitted, again):
        if hasattr(estimator, "partial_fit"):
            estimator.partial_fit(X, y)  # the optimizer's moments and the generator go on
        else:
            estimator.fit(rows(estimator), y)
    np.testing.assert_array_equal(again.network_.parameters, fitted.network_.parameters)


@pytest.mark.parametrize(
    "model",
    [
        *(MLPClassifier((4,), solver=solver, max_iter=3) for solver in ("lbfgs", "sgd", "adam")),
        NetworkClassifier([Dense(2)], optimizer=LBFGS(memory=5), epochs=2),
    ],
    ids=repr,
)
def test_every_solver(model: Any, tmp_path: Path) -> None:
    again = by_skops(model.fit(X, CLASSES), tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert repr(again._optimizer) == repr(model._optimizer)


def test_without_fit(tmp_path: Path) -> None:
    again = by_skops(TabularRegressor(learning_rate=0.1), tmp_path)
    assert again.learning_rate == 0.1
    with pytest.raises(NotFittedError):
        again.predict(TABLE)


def test_inside_scikit_learn(tmp_path: Path) -> None:
    model = make_pipeline(
        StandardScaler(), VotingClassifier([("a", FITTED["MLPClassifier"]())], voting="soft")
    ).fit(X, CLASSES)
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(by_skops(model, tmp_path).predict_proba(X), expected)


def test_a_layer_of_ones_own_goes_by_pickle_only(tmp_path: Path) -> None:
    model = NetworkClassifier([Shift(), Dense(2)], epochs=1, random_state=0).fit(X, CLASSES)
    np.testing.assert_array_equal(by_pickle(model, tmp_path).predict(X), model.predict(X))
    with pytest.raises(SettingError, match=r"holds .*Shift, which is not plainnet's own"):
        save(model, tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_was_replaced_goes_by_pickle_only(tmp_path: Path) -> None:
    model = NetworkClassifier([ReLU(), Dense(2)], epochs=1, random_state=0).fit(X, CLASSES)
    model.network_.layers[0].forward = negated  # type: ignore[method-assign]
    np.testing.assert_array_equal(
        by_pickle(model, tmp_path).predict_proba(X), model.predict_proba(X)
    )
    with pytest.raises(SettingError, match="which is not plainnet's own"):
        save(model, tmp_path / "m.skops")


def negated(A: Any, cache: Any) -> Any:
    return -A


class Mine(Callback):
    """A callback of the user's own."""


@pytest.mark.parametrize("callback", [Mine(), CSVLog("log.csv")])
def test_what_could_run_code_or_write_files_is_not_saved(
    callback: Callback, tmp_path: Path
) -> None:
    model = TabularClassifier(callbacks=[callback])
    with pytest.raises(SettingError, match=type(callback).__name__):
        save(model, tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []


def test_a_function_among_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"holds .*layers, which is not plainnet's own"):
        save(NetworkClassifier(layers), tmp_path / "m.skops")
    assert list(tmp_path.iterdir()) == []


# --- files of others ------------------------------------------------------------------------------


def test_what_others_wrote_with_foreign_classes_is_not_made(tmp_path: Path) -> None:
    import skops.io

    made = []
    Trap.__setstate__ = lambda self, state: made.append(state)  # type: ignore[attr-defined]
    skops.io.dump(make_pipeline(Trap(), MLPClassifier()), tmp_path / "m.skops")
    with pytest.raises(FileError, match=r"holds .*\.Trap, which is not plainnet's own"):
        load(tmp_path / "m.skops")
    assert not made


class Trap(StandardScaler):
    """Not plainnet's, and it would notice if it were made."""


def test_a_function_of_others_is_not_called(tmp_path: Path) -> None:
    import skops.io

    skops.io.dump(FunctionTransformer(sys.exit), tmp_path / "m.skops")
    with pytest.raises(FileError, match=r"sys\.exit"):
        load(tmp_path / "m.skops")


def test_no_estimator_at_all(tmp_path: Path) -> None:
    import skops.io

    skops.io.dump({"a": 1}, tmp_path / "m.skops")
    with pytest.raises(FileError, match="does not hold an estimator but a dict"):
        load(tmp_path / "m.skops")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04" + b"\0" * 40, b"\x80\x04}."])
def test_no_skops_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(FileError, match=r"m\.skops is not a saved estimator"):
        load(tmp_path / "m.skops")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "m.skops")


def test_damage_is_a_file_error(tmp_path: Path) -> None:
    model = FITTED["TabularClassifier"]()
    save(model, tmp_path / "m.skops")
    whole = (tmp_path / "m.skops").read_bytes()
    expected = model.predict_proba(TABLE)
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        data = bytearray(whole)
        data[place] ^= 0xFF
        (tmp_path / "m.skops").write_bytes(bytes(data))
        try:
            again = load(tmp_path / "m.skops")
        except FileError:
            continue
        np.testing.assert_array_equal(again.predict_proba(TABLE), expected)  # no data was hit
    (tmp_path / "m.skops").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError):
        load(tmp_path / "m.skops")


def altered(path: Path, change: Any) -> None:
    """The file again, with what `change` makes of its schema and its arrays."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(parts.pop("schema.json"))
    change(schema, parts)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", json.dumps(schema))
        for name, part in parts.items():
            file.writestr(name, part)


def npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def test_a_network_that_does_not_fit_its_description(tmp_path: Path) -> None:
    save(FITTED["MLPRegressor"](), tmp_path / "m.skops")

    def exchange(schema: Any, parts: dict[str, bytes]) -> None:
        content = schema["content"]["content"]["network_"]["content"]
        content["parameters"], content["state"] = content["state"], content["parameters"]

    altered(tmp_path / "m.skops", exchange)
    with pytest.raises(FileError, match="does not describe a working network"):
        load(tmp_path / "m.skops")


def test_a_scaler_that_does_not_fit_the_network(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), FITTED["MLPClassifier"]()).fit(X, CLASSES)
    save(model, tmp_path / "m.skops")
    again = load(tmp_path / "m.skops")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))

    def shorten(schema: Any, parts: dict[str, bytes]) -> None:
        steps = schema["content"]["content"]["steps"]["content"]
        scaler = steps[0]["content"][1]["content"]["content"]
        parts[scaler["mean_"]["file"]] = npy(np.zeros(2))

    altered(tmp_path / "m.skops", shorten)
    with pytest.raises(FileError, match="does not hold a working estimator"):
        load(tmp_path / "m.skops")


def test_a_pipeline_that_takes_only_what_it_has_seen_comes_back(tmp_path: Path) -> None:
    encoder = OneHotEncoder(sparse_output=False)  # which refuses what is new
    columns = make_column_transformer((encoder, ["colour"]), remainder="drop")
    table = TABLE.fillna({"colour": "none"})
    model = make_pipeline(columns, FITTED["MLPClassifier"]()).fit(table, CLASSES)
    save(model, tmp_path / "m.skops")
    np.testing.assert_array_equal(load(tmp_path / "m.skops").predict(table), model.predict(table))


@pytest.mark.parametrize("steps", [-1, 1.5])
def test_an_optimizer_that_could_not_go_on(tmp_path: Path, steps: Any) -> None:
    model = FITTED["MLPClassifier"]()
    model.partial_fit(X, CLASSES)
    model._optimizer.steps = steps
    save(model, tmp_path / "m.skops")
    with pytest.raises(FileError, match="steps must be a whole number >= 0"):
        load(tmp_path / "m.skops")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    save(TabularClassifier(), tmp_path / "m.skops")
    old = (tmp_path / "m.skops").read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save(TabularRegressor(), tmp_path / "m.skops")
    assert (tmp_path / "m.skops").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_without_skops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for call in (lambda: save(TabularClassifier(), tmp_path / "m"), lambda: load(tmp_path / "m")):
        with pytest.raises(MissingExtraError, match=r"needs skops .* 'plainnet\[sklearn\]'"):
            call()


# --- estimators as people have them ---------------------------------------------------------------


def wide_table(columns: int) -> Any:
    texts = rng.choice(list("ab"), (40, columns))
    return pd.DataFrame(texts, columns=[f"c{i}" for i in range(columns)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: TabularClassifier("fast", hidden_layer_sizes=(4,), epochs=1, n_networks=1).fit(
            wide_table(300), CLASSES
        ),
        lambda: TabularRegressor("fast", hidden_layer_sizes=(4,), epochs=1, n_networks=1).fit(
            rng.normal(size=(40, 600)), NUMBERS
        ),
        lambda: VotingClassifier([(name, MLPClassifier((4,), max_iter=2)) for name in "abcde"]).fit(
            X, CLASSES
        ),
        lambda: BaggingClassifier(MLPClassifier((4,), max_iter=2), n_estimators=8).fit(X, CLASSES),
        lambda: OneVsRestClassifier(MLPClassifier((2,), max_iter=1)).fit(
            np.repeat(X, 2, axis=0), np.arange(80) % 40
        ),
        lambda: MLPClassifier((2,), max_iter=1, class_weight=dict.fromkeys(range(400), 1.0)).fit(
            np.zeros((900, 2)), np.arange(900) % 400
        ),
        lambda: make_pipeline(
            ColumnTransformer([("a", StandardScaler(), [True] * 300 + [False] * 300)]),
            MLPClassifier((2,), max_iter=1),
        ).fit(rng.normal(size=(40, 600)), CLASSES),
    ],
    ids=["texts", "numbers", "voting", "bagging", "one against the rest", "weights", "mask"],
)
def test_estimators_of_ordinary_size_come_back(tmp_path: Path, make: Any) -> None:
    model = make()
    save(model, tmp_path / "m.skops")
    assert type(load(tmp_path / "m.skops")) is type(model)


@pytest.mark.parametrize(
    "transformer",
    [
        PowerTransformer(method="box-cox"),
        FunctionTransformer(np.log),
        FunctionTransformer(np.reciprocal),
    ],
    ids=["box-cox", "log", "reciprocal"],
)
def test_a_pipeline_for_which_zero_is_no_number_comes_back(
    tmp_path: Path, transformer: Any
) -> None:
    positive = np.abs(X) + 1
    model = make_pipeline(transformer, MLPClassifier((4,), max_iter=3)).fit(positive, CLASSES)
    save(model, tmp_path / "m.skops")
    again = load(tmp_path / "m.skops")
    np.testing.assert_array_equal(again.predict_proba(positive), model.predict_proba(positive))


def test_names_of_features_are_texts(tmp_path: Path) -> None:
    model = FITTED["TabularClassifier"]()
    model.feature_names_in_[1] = 0.5
    save(model, tmp_path / "m.skops")
    with pytest.raises(FileError, match="a name for each of its 4 features"):
        load(tmp_path / "m.skops")


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1, np.inf]),
        np.array([np.nan, 1]),
        np.array([1 + 0j, 2]),
        np.array([0x7FFFFFFF, 0x7FFFFFFF], np.uint32).view("U1"),
        np.array(["b", "a"]),
    ],
    ids=["infinity", "nan", "complex", "no characters", "order"],
)
def test_labels_that_no_class_could_have(tmp_path: Path, labels: Any) -> None:
    save(FITTED["MLPClassifier"](), tmp_path / "m.skops")

    def relabel(schema: Any, parts: dict[str, bytes]) -> None:
        parts[schema["content"]["content"]["classes_"]["file"]] = npy(labels)

    altered(tmp_path / "m.skops", relabel)
    with pytest.raises(FileError, match="does not hold a working estimator"):
        load(tmp_path / "m.skops")


def test_a_search_is_saved_as_what_it_found(tmp_path: Path) -> None:
    sizes = {"hidden_layer_sizes": [(2,), (4,)]}
    search = GridSearchCV(MLPClassifier(max_iter=2, random_state=0), sizes, cv=2).fit(X, CLASSES)
    with pytest.raises(SettingError, match="save its best_estimator_"):
        save(search, tmp_path / "m.skops")
    save(search.best_estimator_, tmp_path / "m.skops")
    np.testing.assert_array_equal(load(tmp_path / "m.skops").predict(X), search.predict(X))


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if len(case.input_shape) == 1 and not case.make().takes_ids],
    ids=lambda case: case.id,
)
def test_a_layer_among_the_settings(tmp_path: Path, case: LayerCase) -> None:
    """As a setting it is data: its formulas, for example, stay with its class."""
    X = np.random.default_rng(0).random((20, *case.input_shape))
    layers = [case.make(), Dense(2)]
    model = NetworkClassifier(layers=layers, epochs=1, random_state=0).fit(X, np.arange(20) % 2)
    save(model, tmp_path / "m.skops")
    np.testing.assert_array_equal(
        load(tmp_path / "m.skops").predict_proba(X), model.predict_proba(X)
    )
