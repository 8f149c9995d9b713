"""The part of a network's file from which training is resumed: what goes in comes out."""

import json
from math import inf, isnan, nan

import numpy as np
import pytest

from plainnet import Network, load
from plainnet.errors import FileError, SettingError
from plainnet.files.native import read_training, write
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError


def network():
    return Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)


def there_and_back(tree, path):
    write(network(), path, training=tree)
    return read_training(path)


def test_numbers_texts_and_arrays(tmp_path):
    tree = {
        "none": None,
        "large": 2**127 + 1,
        "float": 0.1,
        "infinite": [inf, -inf],
        "list": [True, "text", {"in": [np.arange(3), np.float32(0.1)]}],
        "a.b": {"c": np.ones((2, 0))},
        "a": {"b.c": np.array(7, np.uint8), "b": {"c": np.zeros(2, bool)}},
        "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    found = there_and_back(tree, tmp_path / "a.npz")
    assert found["none"] is None
    assert (found["large"], found["float"], found["infinite"]) == (2**127 + 1, 0.1, [inf, -inf])
    assert found["list"][:2] == [True, "text"]
    assert found["list"][2]["in"][1] == float(np.float32(0.1))
    for path, array in [
        (("a.b", "c"), tree["a.b"]["c"]),
        (("a", "b.c"), tree["a"]["b.c"]),
        (("a", "b", "c"), tree["a"]["b"]["c"]),
        (("by columns",), tree["by columns"]),
    ]:
        back = found
        for key in path:
            back = back[key]
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back, array)
    assert isnan(there_and_back({"x": nan}, tmp_path / "b.npz")["x"])


def test_the_vectors_come_along_and_the_network_loads(tmp_path):
    found = there_and_back({"x": 1}, tmp_path / "a.npz")
    np.testing.assert_array_equal(found["parameters"], network().parameters)
    np.testing.assert_array_equal(load(tmp_path / "a.npz").parameters, network().parameters)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "a file cannot hold training.x: <object"),
        (np.array([None]), "training.x holds Python objects"),
    ],
)
def test_what_cannot_be_kept_leaves_no_file(value, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        write(network(), tmp_path / "a.npz", training={"x": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "its training is not JSON"),
        ("3", "its training is not a JSON object"),
        (json.dumps({"x": {"__array__": "training.y"}}), "it has no training.y"),
        (json.dumps({"x": {"__array__": 3}}), "names the array"),
        (json.dumps({"x": [{"__array__": "training.x"}] * 2}), "names the array training.x twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_damaged_texts(text, message, tmp_path):
    path = tmp_path / "a.npz"
    write(network(), path, training={"x": np.ones(3)})
    with np.load(path) as file:
        arrays = {**file, "training": np.array(text)}
    np.savez(path, **arrays)
    with pytest.raises(FileError, match=message):
        read_training(path)
    load(path)  # the network itself is whole
