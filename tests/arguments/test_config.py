"""How things describe themselves, and come back."""

import json

import numpy as np
import pytest

from layer_cases import CASES
from plainnet import initializers, layers, losses, optimizers
from plainnet.arguments.config import Configurable, rebuild
from plainnet.errors import FileError, SettingError

KINDS = {
    name: kind
    for module in (layers, losses, initializers, optimizers)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Configurable)
}
THINGS = [
    *[case.make() for case in CASES],
    layers.Dense(3, bias=False, initializer=initializers.Orthogonal(gain=1.5)),
    layers.Sequential([layers.Residual([layers.Dense(2), layers.LeakyReLU(0.2)])]),
    layers.Residual([]),
    losses.SoftmaxCrossEntropy(label_smoothing=0.25),
    losses.SigmoidCrossEntropy(),
    losses.MeanSquaredError(),
    initializers.HeNormal(0.1),
    initializers.Constant(0.5),
    optimizers.SGD(0.5, momentum=0.9, nesterov=True),
    optimizers.AdamW(0.5, betas=(0.8, 0.99)),
]
every_thing = pytest.mark.parametrize("thing", THINGS, ids=repr)


class Nested(Configurable):
    def __init__(self, first, second=2, *, third=None):
        self.first, self.second, self.third = first, second, third


class Never(Configurable):
    def __init__(self):
        raise AssertionError("a class that was not allowed has been called")


@every_thing
def test_a_description_goes_through_json_and_rebuilds_the_thing(thing):
    text = json.dumps(thing.config())
    other = rebuild(json.loads(text), KINDS)
    assert type(other) is type(thing)
    assert json.dumps(other.config()) == text
    assert repr(other) == repr(thing)


@every_thing
def test_repr_is_the_code_that_makes_it(thing):
    other = eval(repr(thing), dict(KINDS))
    assert type(other) is type(thing)
    assert json.dumps(other.config()) == json.dumps(thing.config())


def test_a_description_is_the_type_and_all_arguments():
    assert layers.LeakyReLU(0.2).config() == {"type": "LeakyReLU", "negative_slope": 0.2}
    assert layers.Dense(3, initializer=initializers.Zeros()).config() == {
        "type": "Dense",
        "units": 3,
        "bias": True,
        "initializer": {"type": "Zeros"},
    }


def test_numpy_numbers_and_tuples_become_plain_data():
    config = Nested(np.float32(0.5), (np.int64(1), (2, True)), third=np.bool_(False)).config()
    assert json.loads(json.dumps(config)) == {
        "type": "Nested",
        "first": 0.5,
        "second": [1, [2, True]],
        "third": False,
    }


def test_what_is_nested_is_rebuilt_too():
    thing = Nested([Nested(1), [Nested(2, third="x")]], second=Nested(None))
    other = rebuild(json.loads(json.dumps(thing.config())), {"Nested": Nested})
    assert isinstance(other.second, Nested)
    assert other.first[0].first == 1
    assert other.first[1][0].third == "x"


def test_repr_leaves_out_what_is_the_default():
    assert repr(Nested(1)) == "Nested(1)"
    assert repr(Nested(1, 2)) == "Nested(1)"
    assert repr(Nested("a", 3, third=[4])) == "Nested('a', second=3, third=[4])"


@pytest.mark.parametrize(
    "config", [{"type": "Never"}, {"type": "Nested", "first": [{"type": "Never"}]}]
)
def test_only_known_classes_are_called(config):
    with pytest.raises(
        FileError, match=r"unknown type 'Never': .*custom=\[Never\].*; known are Nested$"
    ):
        rebuild(config, {"Nested": Nested})


@pytest.mark.parametrize("config", [{}, {"type": None}, {"units": 3}, {"type": "os.system"}])
def test_a_description_without_a_known_type_is_refused(config):
    with pytest.raises(FileError, match="unknown type"):
        rebuild(config, KINDS)


@pytest.mark.parametrize(
    "config",
    [
        {"type": "Nested"},
        {"type": "Nested", "first": 1, "fourth": 4},
        {"type": "Layer"},
    ],
)
def test_settings_that_do_not_fit_are_named(config):
    with pytest.raises(FileError, match=f"{config['type']} does not take these settings"):
        rebuild(config, {"Nested": Nested, "Layer": layers.Layer})


class Forgetful(Configurable):
    def __init__(self, rate: float) -> None:
        self.speed = rate


@pytest.mark.parametrize("use", [repr, Configurable.config], ids=["repr", "config"])
def test_an_argument_that_is_kept_under_another_name_is_named(use):
    with pytest.raises(SettingError, match=r"keep its argument 'rate' .*: self.rate = rate in"):
        use(Forgetful(0.1))
