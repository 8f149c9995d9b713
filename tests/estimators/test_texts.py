"""Text estimators: texts as they come, vocabulary, company, calibration, scikit-learn's ways."""

import math
import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
import warnings
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_param_validation

from plainnet import load, save
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.errors import DataError, DTypeError, FileError, SettingError, ShapeError
from plainnet.estimators import TextClassifier, TextRegressor
from plainnet.estimators.texts import NGrams, TextFeatures
from plainnet.estimators.texts.column import as_texts
from plainnet.estimators.texts.features import _parts
from plainnet.estimators.texts.reading import ROWS, Batches, TokenReader
from plainnet.layers import Dense

QUICK = {"epochs": 4, "n_networks": 1, "random_state": 0}
PRESETS = ["default", "gru", "transformer"]
every_preset = pytest.mark.parametrize("preset", PRESETS)

NOUNS = ["film", "play", "book", "song", "actor", "plot"]
GOOD, BAD = ["fine", "great", "lovely"], ["dull", "awful", "boring"]


@pytest.fixture(scope="module")
def texts() -> np.ndarray:
    rng = np.random.default_rng(0)
    words = [GOOD if i % 2 else BAD for i in range(240)]
    made = [f"The {rng.choice(NOUNS)} was {rng.choice(w)}, {rng.choice(NOUNS)} too" for w in words]
    return np.array(made, object)


@pytest.fixture(scope="module")
def answers() -> np.ndarray:
    return np.where(np.arange(240) % 2, "good", "bad")


@pytest.fixture(scope="module")
def doubtful(answers) -> np.ndarray:
    wrong = np.random.default_rng(1).random(len(answers)) < 0.25
    return np.where(wrong, np.where(answers == "good", "bad", "good"), answers)


# --- a column of texts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ["one", None, "two"],
        ("one", float("nan"), "two"),
        np.array(["one", None, "two"], object),
        np.array([["one"], [np.nan], ["two"]], object),
        [["one"], [None], ["two"]],
        pd.Series(["one", pd.NA, "two"], dtype="string", index=[5, 3, 9]),
        pd.Series(["one", None, "two"], dtype="category"),
        pd.Series(["one", None, "two"]),
        pd.DataFrame({"text": ["one", pd.NaT, "two"]}),
        np.array(["one", "", "two"]),
        [np.str_("one"), "", "two"],
    ],
    ids=str,
)
def test_texts_as_they_come(given):
    texts = as_texts(given)
    assert texts.tolist() == ["one", "", "two"]
    assert all(type(text) is str for text in texts)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("one text", ShapeError, "must be several texts; got one, 'one text': pass a list"),
        (b"bytes", DTypeError, "got bytes"),
        ([b"bytes"], DTypeError, r"row 0 holds b'bytes', bytes: decode it first"),
        (np.array([b"bytes"]), DTypeError, "decode it first"),
        (["a", 3], DTypeError, "row 1 holds 3, int: astype"),
        (np.zeros(3), DTypeError, "row 0 holds 0.0, float"),
        (np.array([["a", "b"]]), ShapeError, r"shape \(m,\); got \(1, 2\): choose the column"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), ShapeError, "choose the column"),
        ([["a", "b"], ["c", "d"]], ShapeError, "choose the column"),
        (np.array("a"), ShapeError, "one text in each row"),
        ({"a": "b"}, DTypeError, "got dict"),
        ({"a", "b"}, DTypeError, "got set"),
        (iter(["a"]), DTypeError, "such as a list of str"),
        (None, DTypeError, "got None"),
        (3, DTypeError, "got 3"),
        (sparse.csr_matrix(np.eye(2)), DTypeError, "such as a list of str"),
        (np.ma.masked_array(["a", "b"], [True, False]), DTypeError, "masked array"),
        ([], DataError, "has no texts"),
        (pd.Series([], dtype=object), DataError, "has no texts"),
        (np.empty((0, 1), object), DataError, "has no texts"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_in_words(given, error, message):
    with pytest.raises(error, match=message):
        as_texts(given)
    with pytest.raises((error, ValueError)):
        TextClassifier(**QUICK).fit(given, ["a"])


# --- the vocabulary -------------------------------------------------------------------------------

FEW = [
    "The cat sat.",
    "a cat, A CAT!",
    "cats  sit\nhere",
    "",
    "Ünïcode cät sät 猫が座る",
    "the end",
]


def grams(text: str) -> list[str]:
    """Windows of 2 to 5 characters over each word with a space on both sides."""
    out = []
    for word in text.lower().split():
        spaced = f" {word} "
        for n in range(2, 6):
            out += [spaced[i : i + n] for i in range(len(spaced) - n + 1)]
    return [f"[{gram}]" for gram in out]


def words(text: str) -> list[str]:
    import re

    found = re.findall(r"\w+|[^\w\s]", text.lower())
    return [*found, *(f"{a} {b}" for a, b in pairwise(found))]


@pytest.mark.parametrize("min_count", [1, 2])
def test_bags_beside_loops(min_count):
    ngrams = NGrams(as_texts(FEW), min_count=min_count)
    features = ngrams.features
    texts_with = Counter(f for text in FEW for f in {*words(text), *grams(text)})
    assert sorted(features) == sorted(f for f, n in texts_with.items() if n >= min_count)
    new = [*FEW, "cat sat on 座", "zzz"]
    M = ngrams.bags(as_texts(new)).matrix(len(ngrams)).toarray()
    for row, text in zip(M, new, strict=True):
        expected = np.zeros(len(features))
        for split in (words, grams):
            weights = {
                f: (1 + math.log(n)) * (math.log((1 + len(FEW)) / (1 + texts_with[f])) + 1)
                for f, n in Counter(split(text)).items()
                if texts_with[f] >= min_count
            }
            length = math.sqrt(sum(w * w for w in weights.values()))
            for f, w in weights.items():
                expected[features.index(f)] = w / length
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_weights_are_those_of_scikit_learn(texts):
    ngrams = NGrams(as_texts(texts), min_count=2)
    M = ngrams.bags(as_texts(texts)).matrix(len(ngrams))
    theirs = TfidfVectorizer(
        token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )
    expected = theirs.fit_transform(texts)
    names = theirs.get_feature_names_out()
    assert set(names) == set(ngrams.words)
    columns = [ngrams.words.index(name) for name in names]
    np.testing.assert_allclose(M[:, columns].toarray(), expected.toarray(), rtol=1e-6)


def test_the_most_frequent_features_are_kept():
    all_of_them, few = (NGrams(as_texts(FEW), most=most) for most in (1000, 7))
    assert len(few) == 7
    assert set(few.features) < set(all_of_them.features)
    assert few.idf.max() <= np.sort(all_of_them.idf)[6]


def test_the_order_of_features_is_that_of_the_texts():
    """Not that of a set, which differs from process to process."""
    ngrams = NGrams(as_texts(["b a b", "a c b"]), min_count=1)
    assert ngrams.words == ["b", "a", "c", "b a", "a b", "a c", "c b"]
    assert ngrams.codes.tolist() == sorted(ngrams.codes.tolist())


def test_many_characters_are_looked_at_some_at_a_time(monkeypatch):
    whole = NGrams(as_texts(FEW), min_count=1)
    bags = whole.bags(as_texts(FEW))
    monkeypatch.setattr("plainnet.estimators.texts.features.AT_ONCE", 9)
    assert len(list(_parts(as_texts(FEW)))) > 3
    again = NGrams(as_texts(FEW), min_count=1)
    assert again.features == whole.features
    np.testing.assert_array_equal(again.idf, whole.idf)
    for name in ("starts", "ids", "weights"):
        np.testing.assert_array_equal(getattr(again.bags(as_texts(FEW)), name), getattr(bags, name))


def test_more_kinds_of_characters_than_there_are_codes():
    every = [chr(c) for c in range(0x4E00, 0x4E00 + 6000)]
    common = ["日本", "日本語"] * 5
    ngrams = NGrams(as_texts([*every, *common]), min_count=2)
    assert len(ngrams.alphabet) == 4095
    assert "[日本]" in ngrams.features
    assert ngrams.bags(as_texts(["日本", every[-1]])).lengths.tolist()[0] > 2


# --- a few numbers for tables ---------------------------------------------------------------------


def test_numbers_of_texts_are_those_of_a_full_decomposition(texts):
    features = TextFeatures(texts, 6)
    M = features.ngrams.bags(as_texts(texts)).matrix(len(features.ngrams)).toarray()
    _, _, Vt = np.linalg.svd(M.astype(float), full_matrices=False)
    found = features.transform(texts)
    assert found.shape == (240, 6)
    expected = M @ Vt[:6].T
    for j in range(6):
        similar = abs(found[:, j] @ expected[:, j]) / (found[:, j] @ found[:, j])
        assert similar == pytest.approx(1, abs=1e-6)


def test_a_text_gets_the_same_numbers_in_any_company(texts):
    features = TextFeatures(texts)
    together = features.transform(texts)
    for i in range(0, 240, 17):
        np.testing.assert_array_equal(features.transform(texts[i : i + 1]), together[i : i + 1])
    again = TextFeatures(texts).transform(texts)
    np.testing.assert_array_equal(again, together)
    copied = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(copied.transform(texts), together)


@pytest.mark.parametrize("different", [2, 4, 9, 30])
def test_repeated_texts_get_the_same_numbers_each_time(different):
    """No more different texts than numbers: the decomposition has nothing left to find."""
    some = [f"word{k} and word{k // 2}" for k in range(different)] * 5
    first, *others = (TextFeatures(some, 12) for _ in range(4))
    for other in others:
        np.testing.assert_array_equal(other.projection, first.projection)
    M = first.ngrams.bags(as_texts(some)).matrix(len(first.ngrams)).toarray().astype(float)
    sizes = np.linalg.svd(M, compute_uv=False)[: first.n_features]
    found = np.linalg.norm(first.transform(some), axis=0)
    np.testing.assert_allclose(found, sizes, rtol=1e-6)


def test_the_width_that_heads_divide_is_named(texts):
    with pytest.raises(SettingError, match="width must be a multiple of 4 for the preset 'trans"):
        TextClassifier("transformer", width=5).fit(texts[:40], [0, 1] * 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [("projection", None), ("projection", np.ones((3, 2))), ("ngrams", "words")],
)
def test_numbers_of_texts_from_a_damaged_file(name, value, texts):
    features = TextFeatures(texts, 3)
    features.expect_to_work()
    setattr(features, name, value)
    with pytest.raises((DataError, SettingError)):
        features.expect_to_work()


@pytest.mark.parametrize("few", [["a"], ["", None], ["a", "a"], ["a b", "a b", "b c", "b c"]])
def test_few_or_empty_texts_get_fewer_numbers(few):
    features = TextFeatures(few)
    numbers = features.transform([*few, "something else", ""])
    assert numbers.shape == (len(few) + 2, features.n_features)
    assert np.isfinite(numbers).all()
    assert (numbers[-1] == 0).all()


# --- learning -------------------------------------------------------------------------------------


@every_preset
def test_classes_are_learned(preset, texts, answers):
    model = TextClassifier(preset, random_state=0, n_networks=1, epochs=12)
    model.fit(texts[:180], answers[:180])
    assert model.score(texts[180:], answers[180:]) > 0.9
    P = model.predict_proba([*texts[180:200], "", None, "unheard-of: ✓ 猫"])
    assert P.shape == (23, 2)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    assert list(model.classes_) == ["bad", "good"]


@every_preset
def test_numbers_are_learned_in_their_own_units(preset, texts, answers):
    y = 1e6 + 1e5 * (answers == "good")
    model = TextRegressor(preset, random_state=0, n_networks=1, epochs=12).fit(texts, y)
    assert model.score(texts, y) > 0.7
    assert y.min() <= model.predict(texts).min()
    assert model.predict(texts).max() <= y.max()
    both = TextRegressor(preset, **QUICK).fit(texts, np.column_stack([y, -y]))
    assert both.predict(texts).shape == (240, 2)


def test_character_n_grams_know_words_never_seen(texts, answers):
    model = TextClassifier(random_state=0).fit(texts, answers)
    assert model.predict(["dullest", "greatness"]).tolist() == ["bad", "good"]


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [([3, 1, 2], np.int64), ([True, False, True], bool), (["b", "a", "c"], "<U1")],
)
def test_labels_of_any_type(labels, dtype):
    y = np.array(labels * 6)
    model = TextClassifier(**QUICK).fit(["x y", "z", "w"] * 6, y)
    assert model.predict(["x y"]).dtype == dtype
    assert list(model.classes_) == sorted(set(labels))


def test_one_class_and_several_labels(texts, answers):
    alone = TextClassifier(**QUICK).fit(texts, np.full(240, "same"))
    assert set(alone.predict(texts)) == {"same"}
    np.testing.assert_array_equal(alone.predict_proba(texts), 1.0)
    several = np.column_stack([answers == "good", answers == "bad", np.ones(240)]).astype(int)
    model = TextClassifier(random_state=0, epochs=12, n_networks=1).fit(texts, several)
    assert model.predict(texts).shape == model.predict_proba(texts).shape == (240, 3)
    assert (model.predict(texts) == several).mean() > 0.9


def test_many_classes_of_few_texts():
    texts = [f"number {i} of them" for i in range(60)]
    y = np.arange(60) % 29
    model = TextClassifier(epochs=2, random_state=0).fit(texts, y)
    assert len(model.classes_) == 29
    assert np.isfinite(model.predict_proba(texts)).all()


def test_each_network_learns_all_classes(monkeypatch):
    """Also where most classes have two texts, both of which might be held out."""
    learned, train = [], TextClassifier._train

    def spy(self, rows, *others):
        learned.append(set(rows.y))
        return train(self, rows, *others)

    monkeypatch.setattr(TextClassifier, "_train", spy)
    y = np.arange(60) % 29
    TextClassifier(epochs=1, random_state=0).fit([f"number {i} of them" for i in range(60)], y)
    assert learned == [set(y)] * 5


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 11, 50])
@every_preset
def test_every_class_once(preset, n):
    texts = [f"text {i}" for i in range(n)]
    model = TextClassifier(preset, epochs=1, random_state=0).fit(texts, np.arange(n))
    assert model.predict_proba(texts).shape == (n, n)
    nearly = TextClassifier(preset, epochs=1, random_state=0).fit(
        texts, np.arange(n) % max(n - 1, 1)
    )
    assert np.isfinite(nearly.predict_proba(texts)).all()


@pytest.mark.parametrize("scale", [1e160, 1e-170, 1e300, 1e-300])
def test_targets_of_any_size(scale, texts, answers):
    y = np.where(answers == "good", 2.0, 1.0)
    settings = {"random_state": 0, "n_networks": 1, "epochs": 3}
    ordinary = TextRegressor(**settings).fit(texts, y)
    scaled = TextRegressor(**settings).fit(texts, y * scale)
    np.testing.assert_allclose(scaled.predict(texts) / scale, ordinary.predict(texts), rtol=1e-5)


@pytest.mark.parametrize("odd", [[""] * 30, [None] * 30, ["same"] * 30, ["!"] * 30])
@every_preset
def test_texts_that_say_nothing(preset, odd):
    model = TextClassifier(preset, **QUICK).fit(odd, ["a", "b"] * 15)
    P = model.predict_proba(["", "anything", None])
    assert np.isfinite(P).all()


@every_preset
def test_long_and_short_texts_together(preset):
    texts = ["word " * 3000, "a", "", "x" * 20_000] * 6
    model = TextClassifier(preset, **QUICK | {"epochs": 1}).fit(texts, list("abab") * 6)
    assert np.isfinite(model.predict_proba(texts)).all()


def test_very_few_texts_are_all_trained_on():
    model = TextClassifier(**QUICK).fit(["a", "b", "a", "b"], [0, 1, 0, 1])
    assert "val_loss" not in model.history_
    assert model.temperature_ == 1
    assert model.best_epoch_ == 3


# --- company --------------------------------------------------------------------------------------


@every_preset
@pytest.mark.parametrize("networks", [1, 3])
def test_a_prediction_is_the_same_bits_in_any_company(preset, networks, texts, answers):
    model = TextClassifier(preset, **QUICK | {"n_networks": networks, "epochs": 2})
    model.fit(texts, answers)
    some = np.array([*texts[:70], "", "a much longer text, " * 40, "猫"], object)
    together = model.predict_proba(some)
    for i in [*range(0, 70, 7), 31, 32, 33, 70, 71, 72]:
        np.testing.assert_array_equal(model.predict_proba(some[i : i + 1]), together[i : i + 1])
    order = np.random.default_rng(0).permutation(len(some))
    np.testing.assert_array_equal(model.predict_proba(some[order]), together[order])
    np.testing.assert_array_equal(model.predict_proba(some[ROWS:]), together[ROWS:])


@pytest.mark.parametrize(("K", "width"), [(2, 32), (3, 7), (17, 33)])
def test_company_does_not_matter_for_odd_sizes(K, width, texts):
    model = TextClassifier(**QUICK, width=width).fit(texts, np.arange(240) % K)
    together = model.predict_proba(texts)
    for start in range(0, 100, 9):
        part = model.predict_proba(texts[start : start + 11])
        np.testing.assert_array_equal(part, together[start : start + 11])


def test_a_long_text_does_not_lengthen_all_others():
    """As many features as there are, for each of a thousand texts, would be half a gigabyte."""
    several = [" ".join(f"{letter}{i}" for i in range(1500)) for letter in "aabb"]
    model = TextClassifier(**QUICK | {"epochs": 1}).fit(several, [0, 0, 1, 1])
    assert len(model.vocabulary_) > 6000
    together = ["a1", "b2", "", "a3 a4"] * 250 + [" ".join(several)]
    model.predict_proba(together[:1])  # which makes what later predictions keep
    tracemalloc.start()
    P = model.predict_proba(together)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(P[:4], model.predict_proba(together[:4]))
    assert peak < 30e6


COMPANY = """
import numpy as np
from plainnet.estimators import TextClassifier
rng = np.random.default_rng(0)
words = np.array(["fine", "dull", "film", "actor", "long", "short", "late"])
texts = [" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(80)]
for preset in ("default", "gru"):
    model = TextClassifier(preset, epochs=1, n_networks=1, random_state=0)
    model.fit(texts, rng.integers(0, 3, 80))
    together = model.predict_proba(texts)
    for rows in (slice(7, 8), slice(40, 41), slice(5, None)):
        np.testing.assert_array_equal(model.predict_proba(texts[rows]), together[rows])
"""


@pytest.mark.parametrize("processor", ["Haswell", "SkylakeX"])
def test_company_does_not_matter_to_other_processors(processor):
    """The kernels that OpenBLAS takes there, where this one can run them."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": processor}
    done = subprocess.run(
        [sys.executable, "-c", COMPANY], env=environment, stderr=subprocess.PIPE, check=False
    )
    if done.returncode == -signal.SIGILL:
        pytest.skip(f"this processor lacks instructions of {processor}")
    assert done.returncode == 0, done.stderr.decode()


# --- the best epoch, calibration, weights ---------------------------------------------------------


def test_the_best_validation_epoch_is_kept(texts, doubtful):
    class Snapshots(Callback):
        def __init__(self):
            self.parameters = []

        def end_epoch(self, run):
            self.parameters.append(run.network.parameters.copy())

    snapshots = Snapshots()
    settings = QUICK | {"epochs": 30, "dropout": 0.0, "learning_rate": 0.1}
    model = TextClassifier(**settings, callbacks=[snapshots]).fit(texts, doubtful)
    refined = model.history_["val_refined_loss"]
    assert model.best_epoch_ == int(np.argmin(refined))
    assert len(refined) < 30  # it has stopped
    kept = snapshots.parameters[model.best_epoch_]
    np.testing.assert_array_equal(model.network_.parameters, kept)


def test_validation_texts_are_never_trained_on(texts, answers):
    given = {"X_val": texts[180:], "y_val": answers[180:]}
    wrong = given | {"y_val": np.where(answers[180:] == "good", "bad", "good")}
    right = TextClassifier(**QUICK).fit(texts[:180], answers[:180], **given)
    other = TextClassifier(**QUICK).fit(texts[:180], answers[:180], **wrong)
    assert right.history_["loss"] == other.history_["loss"]
    assert right.history_["val_loss"] != other.history_["val_loss"]
    assert right.vocabulary_ == TextClassifier(**QUICK).fit(texts[:180], answers[:180]).vocabulary_


def test_the_temperature_lowers_the_log_loss_of_the_validation_texts(texts, doubtful):
    split = {"X_val": texts[180:], "y_val": doubtful[180:]}
    model = TextClassifier(random_state=0, dropout=0.0, epochs=20, learning_rate=0.05)
    model.fit(texts[:180], doubtful[:180], **split)
    calibrated = log_loss(doubtful[180:], model.predict_proba(texts[180:]))
    assert abs(np.log(model.temperature_)) > 0.05
    model.temperature_ = 1.0
    assert calibrated < log_loss(doubtful[180:], model.predict_proba(texts[180:]))


def test_class_weights_move_the_boundary(texts, doubtful):
    settings = {"random_state": 0, "n_networks": 1, "epochs": 8}
    plain = TextClassifier(**settings).fit(texts, doubtful)
    weighted = TextClassifier(**settings, class_weight={"good": 9.0}).fit(texts, doubtful)
    P, Q = plain.predict_proba(texts), weighted.predict_proba(texts)
    assert Q[:, 1].mean() > P[:, 1].mean() + 0.15
    TextClassifier(**QUICK, class_weight="balanced").fit(texts, doubtful)


def test_texts_of_weight_zero_do_not_count(texts, answers):
    weights = np.ones(240)
    weights[120:] = 0
    weighted = TextClassifier(**QUICK).fit(texts, answers, sample_weight=weights)
    without = TextClassifier(**QUICK).fit(texts[:120], answers[:120])
    np.testing.assert_array_equal(weighted.network_.parameters, without.network_.parameters)
    P, Q = weighted.predict_proba(texts), without.predict_proba(texts)
    np.testing.assert_allclose(P, Q, rtol=1e-9)  # sums with weights are rounded elsewhere


def test_weights_count(texts, doubtful):
    """The same texts with both answers: the weights decide."""
    both, y = np.concatenate([texts, texts]), np.repeat(["bad", "good"], 240)
    heavy = np.where(y == "good", 9.0, 1.0)
    model = TextClassifier(**QUICK).fit(both, y, sample_weight=heavy)
    np.testing.assert_allclose(model.predict_proba(texts)[:, 1].mean(), 0.9, atol=0.06)


# --- training -------------------------------------------------------------------------------------


@every_preset
def test_the_same_seed_gives_the_same_model(preset, texts, answers):
    settings = QUICK | {"epochs": 2}
    one, other = (TextClassifier(preset, **settings).fit(texts, answers) for _ in range(2))
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)
    third = TextClassifier(preset, **settings | {"random_state": 1}).fit(texts, answers)
    assert not np.array_equal(one.network_.parameters, third.network_.parameters)


def test_small_sets_get_five_networks(texts, answers):
    model = TextClassifier(epochs=1, random_state=0).fit(texts, answers)
    assert len(model.networks_) == len(model.histories_) == len(model.best_epochs_) == 5
    assert len(TextClassifier("gru", epochs=1, width=4).fit(texts, answers).networks_) == 1


def test_an_epoch_has_each_text_once():
    class Lengths:
        lengths = np.random.default_rng(0).integers(1, 50, 203)

        def batch(self, rows):
            return rows

    batches = Batches(Lengths(), np.arange(203), None, 8, np.random.default_rng(0))
    first, second = list(batches), list(batches)
    assert len(first) == len(batches) == 26
    for epoch in (first, second):
        seen = np.concatenate([rows for rows, _ in epoch])
        np.testing.assert_array_equal(np.sort(seen), np.arange(203))
    assert not np.array_equal(first[0][0], second[0][0])


def test_callbacks_and_what_they_watch(texts, answers):
    class Seen(Callback):
        epochs = 0

        def end_epoch(self, run):
            self.epochs += 1
            assert {"loss", "val_loss", "val_accuracy"} <= set(run.history)

    seen = Seen()
    model = TextClassifier(**QUICK, callbacks=[seen, EarlyStopping("val_accuracy", patience=9)])
    model.fit(texts, answers)
    assert seen.epochs == model.n_iter_ == 4


def test_ctrl_c_is_not_passed_over(texts, answers):
    class Interrupt(Callback):
        def end_epoch(self, run):
            run.stop("Ctrl-C")

    settings = QUICK | {"n_networks": 3}
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = TextClassifier(**settings, callbacks=[Interrupt()]).fit(texts, answers)
    assert len(model.networks_) == 1
    assert np.isfinite(model.predict_proba(texts)).all()


def test_the_vocabulary_is_there_to_be_read(texts, answers):
    model = TextClassifier(**QUICK).fit(texts, answers)
    assert {"dull", "was dull", "[dull]", "[ull,]"} <= set(model.vocabulary_)
    assert len(model.vocabulary_) + 1 == model.network_.layers[0].vocabulary
    tokens = TextClassifier("gru", **QUICK | {"epochs": 1}).fit(texts, answers)
    assert len(tokens.vocabulary_) + 1 == tokens.network_.layers[0].vocabulary
    few = TextClassifier(**QUICK, max_features=9).fit(texts, answers)
    assert len(few.vocabulary_) == 9
    rare = TextClassifier(**QUICK, min_count=200).fit(texts, answers)
    assert "the" in rare.vocabulary_
    assert "film" not in rare.vocabulary_


# --- scikit-learn's ways --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TextClassifier, TextRegressor])
def test_parameters_are_validated(kind):
    check_param_validation(kind.__name__, kind())
    with pytest.raises(ValueError, match="'preset' parameter"):
        kind("lstm").fit(["a"], [1])


def test_it_lives_with_scikit_learn(texts, answers):
    model = TextClassifier(**QUICK | {"epochs": 2})
    assert clone(model).get_params() == model.get_params()
    assert "preset" not in repr(TextClassifier())
    assert len(cross_val_score(model, texts, answers, cv=2)) == 2
    assert len(cross_val_score(model, list(texts), answers, cv=2)) == 2
    search = GridSearchCV(model, {"width": [4, 8]}, cv=2).fit(pd.Series(texts), answers)
    assert set(search.best_params_) == {"width"}
    upper = FunctionTransformer(lambda X: [text.upper() for text in X])
    make_pipeline(upper, model).fit(texts, answers).predict(texts)
    VotingClassifier([("a", model)], voting="soft").fit(list(texts), answers).predict(texts)
    OneVsRestClassifier(model).fit(texts, answers).predict(texts)
    table = pd.DataFrame({"text": texts, "n": 1.0})
    columns = make_column_transformer(("passthrough", ["text"]))
    make_pipeline(columns, model).fit(table, answers).predict(table)


@pytest.mark.parametrize("kind", [TextClassifier, TextRegressor])
def test_before_fit(kind, texts):
    with pytest.raises(NotFittedError):
        kind().predict(texts)


def test_fit_leaves_its_settings_and_its_data_alone(texts, answers):
    X, y, weights = texts.copy(), answers.copy(), np.ones(240)
    model = TextClassifier(**QUICK, class_weight={"good": 2.0})
    before = {name: repr(value) for name, value in model.get_params().items()}
    model.fit(X, y, weights)
    model.predict(X)
    assert {name: repr(value) for name, value in model.get_params().items()} == before
    assert (X == texts).all()
    assert (y == answers).all()
    assert (weights == 1).all()


def test_fit_twice_is_fit_once(texts, answers):
    model = TextClassifier(**QUICK).fit(texts[:100], np.arange(100) % 3)
    again = model.fit(texts, answers)
    fresh = TextClassifier(**QUICK).fit(texts, answers)
    assert again is model
    np.testing.assert_array_equal(model.predict_proba(texts), fresh.predict_proba(texts))


def test_what_does_not_fit_together_is_refused(texts, answers):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TextClassifier(**QUICK).fit(texts, answers[:-1])
    with pytest.raises(DataError, match="requires y to be passed"):
        TextClassifier(**QUICK).fit(texts, None)
    with pytest.raises(ValueError, match="NaN"):
        TextRegressor(**QUICK).fit(texts, np.full(240, np.nan))
    with pytest.raises(ValueError, match="Unknown label type"):
        TextClassifier(**QUICK).fit(texts, np.linspace(0, 1, 240))
    with pytest.raises(ValueError, match="belong together"):
        TextClassifier(**QUICK).fit(texts, answers, X_val=texts)


def test_nothing_is_warned_of(texts, answers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TextClassifier(**QUICK).fit(texts, answers).predict_proba(texts)
        TextRegressor(**QUICK).fit(texts, answers == "good").predict(texts)


# --- files ----------------------------------------------------------------------------------------


@every_preset
def test_files_and_copies_of_each_preset(preset, texts, answers, tmp_path):
    model = TextClassifier(preset, **QUICK | {"epochs": 1}).fit(texts, answers)
    save(model, tmp_path / "m.skops")
    for again in (load(tmp_path / "m.skops"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(texts), model.predict_proba(texts))
        assert again.vocabulary_ == model.vocabulary_


def test_a_pipeline_in_a_file(texts, answers, tmp_path):
    model = make_pipeline(TextRegressor(**QUICK)).fit(texts, answers == "good")
    save(model, tmp_path / "m.skops")
    again = load(tmp_path / "m.skops")
    np.testing.assert_array_equal(again.predict(texts), model.predict(texts))


def test_a_large_vocabulary_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    many = ["".join(rng.choice(letters, 8)) + " " + "".join(rng.choice(letters, 9))
            for _ in range(3000)]  # fmt: skip
    model = TextClassifier(**QUICK | {"epochs": 1}, min_count=1).fit(many, np.arange(3000) % 2)
    assert len(model.vocabulary_) == 50_000
    save(model, tmp_path / "m.skops")
    again = load(tmp_path / "m.skops")
    np.testing.assert_array_equal(again.predict_proba(many[:9]), model.predict_proba(many[:9]))


def spoil(name, value):
    def change(model):
        setattr(model, name, value)

    return change


def spoil_ngrams(name, value):
    def change(model):
        setattr(model.reader_.ngrams, name, value)

    return change


def other_reader(model):
    model.reader_ = TokenReader(as_texts(FEW))


@pytest.mark.parametrize(
    "change",
    [
        spoil("temperature_", 0.0),
        spoil("temperature_", "1"),
        spoil("classes_", np.array(["a", "b", "c"])),
        spoil("networks_", []),
        spoil("reader_", None),
        spoil("preset", "gru"),
        other_reader,
        spoil_ngrams("idf", np.ones(3)),
        spoil_ngrams("alphabet", np.array([98, 97], np.uint32)),
        spoil_ngrams("codes", np.array([1.5])),
        spoil_ngrams("words", ["only", "these"]),
        lambda model: model.reader_.ngrams.idf.fill(np.inf),
        lambda model: model.networks_[0].parameters.fill(np.nan),
    ],
)
def test_a_file_that_could_not_predict_is_refused(change, texts, answers, tmp_path):
    model = TextClassifier(**QUICK | {"epochs": 1}).fit(texts, answers)
    change(model)
    save(model, tmp_path / "m.skops")
    with pytest.raises(FileError):
        load(tmp_path / "m.skops")


def test_damage_is_a_file_error(texts, answers, tmp_path):
    model = TextClassifier(**QUICK | {"epochs": 1}, max_features=200).fit(texts, answers)
    path = tmp_path / "m.skops"
    save(model, path)
    whole, expected = path.read_bytes(), model.predict_proba(texts[:40])
    for place in np.random.default_rng(0).integers(0, len(whole), 40):
        data = bytearray(whole)
        data[place] ^= 0xFF
        path.write_bytes(bytes(data))
        try:
            again = load(path)
        except FileError:
            continue
        np.testing.assert_array_equal(again.predict_proba(texts[:40]), expected)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError):
        load(path)


def test_the_default_is_linear_in_its_bag(texts, answers):
    """The prediction once more, from vocabulary and parameters alone."""
    model = TextClassifier(**QUICK).fit(texts, answers)
    M = model.reader_.ngrams.bags(as_texts(texts)).matrix(len(model.vocabulary_)).toarray()
    network = model.network_
    assert isinstance(network.layers[2], Dense)
    E, W, b = (network[name] for name in ("0.embeddingbag.E", "2.dense.W", "2.dense.b"))
    Z = (M @ E[1:] @ W.T + b) / model.temperature_
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(texts), P, rtol=1e-4)
