"""What plainnet raises: built-in classes underneath, and messages that name the remedy."""

import copy
import math
import pickle

import numpy as np
import pytest

from plainnet import errors
from plainnet.arguments.installation import install_command
from plainnet.errors import (
    DivergedError,
    MissingExtraError,
    PlainnetError,
    SettingError,
    optional,
    require_boolean,
    require_integer,
    require_number,
    require_one_of,
    require_optional,
    require_path,
    require_sequence,
    require_type,
    shown,
)

BUILT_IN = {
    "ShapeError": ValueError,
    "DataError": ValueError,
    "DTypeError": TypeError,
    "SettingError": ValueError,
    "ArgumentError": TypeError,
    "UnknownNameError": KeyError,
    "OutOfMemoryError": MemoryError,
    "FileError": ValueError,
    "MissingExtraError": ImportError,
    "DivergedError": ValueError,
}


def test_every_error_is_listed_here():
    classes = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, PlainnetError) and kind is not PlainnetError
    }
    assert classes == set(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_is_also_a_built_in_one(name):
    kind = getattr(errors, name)
    assert issubclass(kind, BUILT_IN[name])
    assert issubclass(kind, PlainnetError)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
def test_a_diverged_error_travels_with_its_step_and_layer(copied):
    error = copied(DivergedError("the loss became nan", step=7, layer="2.dense"))
    assert type(error) is DivergedError
    assert str(error) == error.reason == "the loss became nan"
    assert (error.step, error.layer) == (7, "2.dense")
    error = copied(DivergedError("it became nan", step=7, layer="2.dense", end="all is as before"))
    assert (str(error), error.reason) == ("it became nan; all is as before", "it became nan")


def test_a_package_that_is_there_is_imported():
    assert optional("json.decoder", purpose="nothing", extra="none").JSONDecoder


def test_a_package_that_is_missing_names_its_extra():
    with pytest.raises(MissingExtraError) as caught:
        optional("no_such_package.inner", purpose="plots", extra="plots")
    how = install_command("no_such_package", "plots")
    expected = (
        f"plainnet needs no_such_package for plots: {how} (it is in the extra 'plainnet[plots]')"
    )
    assert str(caught.value) == expected
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("raise ValueError('numpy.dtype size changed')", "ValueError: numpy.dtype size changed"),
    ],
)
def test_a_package_that_does_not_import_is_not_called_missing(tmp_path, monkeypatch, code, why):
    (tmp_path / "broken_package.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError) as caught:
        optional("broken_package", purpose="plots", extra="plots")
    assert f"it is installed but cannot be imported ({why})" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0.5, {"above": 0}),
        (0, {"at_least": 0}),
        (0.999, {"at_least": 0, "below": 1}),
        (-3, {"below": -2}),
        (np.float32(0.5), {"above": 0, "below": 1}),
        (np.int64(2), {"at_least": 1}),
    ],
)
def test_a_number_within_its_bounds_passes(value, bounds):
    require_number("rate", value, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (0, {"above": 0}, "rate must be > 0; got 0"),
        (-0.1, {"at_least": 0}, "rate must be >= 0; got -0.1"),
        (1, {"at_least": 0, "below": 1}, "rate must be >= 0 and < 1; got 1"),
        (2.5, {"above": 0.25, "below": 2.5}, "rate must be > 0.25 and < 2.5; got 2.5"),
        (math.nan, {"above": 0}, "rate must be > 0; got nan"),
        (math.nan, {"at_least": 0}, "rate must be >= 0; got nan"),
        (math.nan, {"below": 1}, "rate must be < 1; got nan"),
        (math.inf, {"below": 1}, "rate must be < 1; got inf"),
    ],
)
def test_a_number_outside_its_bounds_is_refused(value, bounds, message):
    with pytest.raises(SettingError) as caught:
        require_number("rate", value, **bounds)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [10**400, -(10**400), True, np.True_, 1j, "1", None, np.array(1)])
def test_what_is_no_number(value):
    with pytest.raises(SettingError, match="rate must be"):
        require_number("rate", value)


def test_whole_numbers():
    assert type(require_integer("n", np.uint8(3), at_least=0)) is int
    for value in (True, 1.0, "1", None, np.timedelta64(1, "s"), np.array([1])):
        with pytest.raises(SettingError, match="n must be a whole number >= 0; got"):
            require_integer("n", value, at_least=0)
    with pytest.raises(SettingError, match="n must be a whole number <= 9223372036854775807"):
        require_integer("n", 2**63, at_least=0)


def test_true_and_false():
    assert require_boolean("bias", np.True_) is True
    assert require_boolean("bias", False) is False
    for value in (1, 0.0, "True", None, [], np.array(True), np.zeros(3), NotImplemented):
        with pytest.raises(SettingError, match="bias must be True or False; got"):
            require_boolean("bias", value)


def test_words():
    require_one_of("mode", "min", ("min", "max"))
    for value in (None, ["min"], np.array(["min", "max"]), b"min", {}, "mi"):
        with pytest.raises(SettingError, match='mode must be "min" or "max"; got'):
            require_one_of("mode", value, ("min", "max"))


def test_sequences():
    assert require_sequence("sizes", (n for n in (1, 2)), "sizes") == [1, 2]
    assert require_sequence("sizes", np.array([1, 2]), "sizes") == [1, 2]
    for value in ("12", b"12", {1: 2}, 3, None, list, np.array(1)):
        with pytest.raises(SettingError, match="sizes must be a list of numbers; got"):
            require_sequence("sizes", value, "numbers")


def test_paths(tmp_path):
    assert require_path("path", str(tmp_path)) == require_path("path", tmp_path) == tmp_path
    for value in (None, 3, b"x", "", "a\0b", ["x"]):
        with pytest.raises(SettingError, match="path must be a string or a path; got"):
            require_path("path", value)


def test_types():
    require_optional("x", None, int)
    for check in (require_type, require_optional):
        with pytest.raises(SettingError, match="x must be a dict object; got <class 'dict'>; add"):
            check("x", dict, dict)


class Silent:
    def __repr__(self):
        raise RuntimeError


def test_values_are_shown_in_a_line_that_is_not_long():
    assert shown([1, "a"]) == "[1, 'a']"
    assert shown(np.zeros((3, 2))) == "an array of shape (3, 2), float64"
    assert len(shown("x" * 10_000)) < 300
    assert shown(10**5000) == "an object of type int"  # more digits than Python prints
    assert shown(Silent()) == "an object of type Silent"
    assert "\n" not in shown(np.float64) + shown("a\nb") + shown({"a": "x\n"})
