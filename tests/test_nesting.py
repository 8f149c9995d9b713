"""Layers in layers in layers: everything works 200 deep, and deeper is refused in words."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients, load, save, train
from plainnet.errors import SettingError
from plainnet.layers import Dense, Residual
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD

DEEP = 200


def nested(depth: int) -> Network:
    """Y = 2^depth-fold shortcuts around one dense layer, small enough to stay finite."""
    layer = Dense(2, bias=False)
    for _ in range(depth):
        layer = Residual([layer])
    return Network([layer], loss=MeanSquaredError(), input_shape=2, seed=0, dtype=np.float64)


X = np.arange(6.0).reshape(3, 2)


def test_the_numbers_are_those_of_so_many_shortcuts():
    """Each shortcut adds the input: Y = X W^T + depth X."""
    network = nested(DEEP)
    expected = X @ network.parameters.reshape(2, 2) + DEEP * X  # in memory transposed
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12)
    assert check_gradients(network, X, X).passed


def test_whatever_one_does_with_a_network_works():
    network = nested(DEEP)
    expected = network.predict(X)
    cache = Cache(record=True)
    loss = network.loss_and_gradients(X, X, cache)
    assert network.evaluate(X, X)["loss"] == pytest.approx(loss)
    deepest = next(name for name in cache.names() if name.endswith("dense.Z"))
    np.testing.assert_allclose(cache[deepest], expected - DEEP * X, rtol=1e-9)
    cache.forget()
    assert cache.nbytes > 0
    assert repr(network).count("Residual") == DEEP
    for copied in (deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(copied.predict(X), expected)
    assert network.astype(np.float32).predict(X).dtype == np.float32
    layer = deepcopy(nested(DEEP).layers[0])
    assert repr(layer) == repr(network.layers[0])


def test_it_trains_and_comes_back_from_its_file(tmp_path):
    network = nested(DEEP)
    train(network, X, X, optimizer=SGD(1e-9), epochs=2, batch_size=2, progress=False)
    save(network, tmp_path / "deep.npz")
    np.testing.assert_array_equal(load(tmp_path / "deep.npz").predict(X), network.predict(X))


def test_deeper_is_refused():
    with pytest.raises(
        SettingError, match="layers may be nested at most 200 deep; these are nested deeper"
    ):
        nested(DEEP + 1)
