"""Classes whose probabilities come from outputs over a temperature: of tables, texts and images."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from plainnet.errors import SettingError
from plainnet.estimators import ImageClassifier, TabularClassifier, TextClassifier

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(40, 3))
TEXTS = [" ".join(rng.choice(["fine", "dull", "film", "long"], 4)) for _ in range(40)]
IMAGES = rng.integers(0, 255, (40, 6, 6), dtype=np.uint8)
CLASSIFIERS = {
    "tables": (lambda: TabularClassifier("fast", epochs=2, n_networks=2, random_state=0), TABLE),
    "texts": (lambda: TextClassifier(epochs=2, n_networks=2, random_state=0), TEXTS),
    "images": (lambda: ImageClassifier("fast", epochs=2, random_state=0), IMAGES),
}
each = pytest.mark.parametrize(("make", "X"), CLASSIFIERS.values(), ids=CLASSIFIERS)


@each
@pytest.mark.parametrize("classes", [2, 3])
def test_twice_the_temperature_halves_the_log_odds(make, X, classes):
    model = make().fit(X, np.arange(40) % classes)
    assert model.network_.output_shape == (classes,)  # two classes have two outputs

    def log_odds():
        P = np.log(model.predict_proba(X))
        return P[:, 1:] - P[:, :1]

    before, labels = log_odds(), model.predict(X)
    model.temperature_ *= 2
    np.testing.assert_allclose(log_odds(), before / 2, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), labels)


@each
def test_each_of_several_labels_has_a_probability_of_its_own(make, X):
    model = make().fit(X, rng.integers(0, 2, (40, 3)))
    P = model.predict_proba(X)
    model.temperature_ *= 2
    Q = model.predict_proba(X)
    np.testing.assert_allclose(np.log(Q / (1 - Q)), np.log(P / (1 - P)) / 2, rtol=1e-9, atol=1e-12)


@each
def test_a_single_class_is_certain(make, X):
    model = make().fit(X, ["it"] * 40)
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((40, 1)))
    assert set(model.predict(X)) == {"it"}


@each
def test_without_held_out_rows_the_temperature_is_one(make, X):
    assert make().set_params(validation_fraction=0).fit(X, np.arange(40) % 2).temperature_ == 1


@each
@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, "1"])
def test_a_file_with_another_temperature_than_there_can_be_is_refused(make, X, temperature):
    model = make().fit(X, np.arange(40) % 2)
    model.expect_to_work()
    model.temperature_ = temperature
    with pytest.raises((SettingError, TypeError), match="temperature_"):
        model.expect_to_work()
