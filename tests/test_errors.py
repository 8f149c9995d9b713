"""What plainnet raises: built-in classes underneath, and messages that name the remedy."""

import copy
import math
import pickle

import numpy as np
import pytest

from plainnet import errors
from plainnet.errors import (
    DivergedError,
    MissingExtraError,
    PlainnetError,
    SettingError,
    optional,
    require_number,
)

BUILT_IN = {
    "ShapeError": ValueError,
    "DataError": ValueError,
    "DTypeError": TypeError,
    "SettingError": ValueError,
    "ArgumentError": TypeError,
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
    assert str(error) == "the loss became nan"
    assert (error.step, error.layer) == (7, "2.dense")


def test_a_package_that_is_there_is_imported():
    assert optional("json.decoder", purpose="nothing", extra="none").JSONDecoder


def test_a_package_that_is_missing_names_its_extra():
    with pytest.raises(MissingExtraError) as caught:
        optional("no_such_package.inner", purpose="plots", extra="plots")
    expected = "plainnet needs no_such_package for plots: pip install 'plainnet[plots]'"
    assert str(caught.value) == expected
    assert isinstance(caught.value.__cause__, ImportError)


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
