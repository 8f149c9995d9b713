"""The settings of a training: their limits, and that estimators and command have the same."""

from dataclasses import fields
from inspect import signature
from numbers import Real

import pytest

from plainnet.engine.settings import LIMITS, Limits, TrainingSettings
from plainnet.errors import SettingError

NAMES = [each.name for each in fields(TrainingSettings)]


@pytest.mark.parametrize(
    ("limits", "words", "inside", "outside"),
    [
        (Limits(Real, 1), "1 or more", [1, 1.5, 1e300], [0.999, float("inf"), float("nan")]),
        (Limits(Real, 0, above=True), "above 0", [1e-300, 7], [0, -1]),
        (Limits(Real, 0, 1), "0 or more and below 1", [0, 0.999], [1, -0.1, float("nan")]),
    ],
)
def test_limits(limits, words, inside, outside):
    assert str(limits) == words
    assert all(value in limits for value in inside)
    assert not any(value in limits for value in outside)


def test_a_number_outside_its_limits_is_refused_by_the_name_that_the_user_wrote():
    with pytest.raises(SettingError, match=r"--dropout must be 0 or more and below 1; got 1\.5"):
        TrainingSettings(dropout=1.5).check(lambda name: f"--{name}")
    with pytest.raises(SettingError, match="epochs must be 1 or more; got -1000000"):
        TrainingSettings(epochs=-1_000_000).check(str)
    TrainingSettings(dropout=0, epochs=1).check(str)


def test_what_is_given_takes_the_place_of_a_presets_own():
    pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")
    from plainnet.estimators.tabular.recipe import CLASSIFIER

    preset = CLASSIFIER["default"]
    settings = TrainingSettings("default", dropout=0, epochs=3, hidden_layer_sizes=[8, 2])
    adapted = preset.adapted(settings)
    assert (adapted.dropout, adapted.epochs, adapted.hidden_layer_sizes) == ((0,), 3, (8, 2))
    assert adapted.learning_rate == preset.learning_rate
    assert preset.adapted(TrainingSettings()) == preset
    with pytest.raises(SettingError, match="each of hidden_layer_sizes"):
        preset.adapted(TrainingSettings(hidden_layer_sizes=[8, 0.5]))


def test_the_estimators_have_each_setting_and_the_same_limits():
    pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")
    from plainnet.estimators import TabularClassifier, TabularRegressor

    of_classes, of_numbers = (
        [name for name in NAMES if name in signature(kind).parameters]
        for kind in (TabularClassifier, TabularRegressor)
    )
    assert of_classes == NAMES
    assert of_numbers == [name for name in NAMES if name != "label_smoothing"]
    for name, limits in LIMITS.items():
        interval, missing = TabularClassifier._parameter_constraints[name]
        assert missing is None
        step = 0.5 if limits.kind is Real else 1
        for value in (limits.low - step, limits.low, limits.low + step, limits.low + 2 * step):
            assert (value in interval) == (value in limits), (name, value)


def test_the_command_has_an_option_for_each_setting():
    pytest.importorskip("typer", reason="typer is the extra `cli`")
    from plainnet.cli.app import train
    from plainnet.cli.settings import TYPED

    options = signature(train).parameters
    missing = [name for name in NAMES if TYPED.get(name, name) not in options]
    assert missing == ["validation_fraction"]  # the command says what it holds out
