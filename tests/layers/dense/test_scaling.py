"""Layers with one learned number per feature."""

import copy

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients, train
from plainnet.errors import SettingError, ShapeError
from plainnet.initializers import HeNormal
from plainnet.layers import (
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    ParametricActivation,
    PReLU,
    ReLU,
    Residual,
    Scale,
    Softmax,
    Tanh,
)
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import Adam


def network_of(*layers, input_shape=4, dtype=np.float64, seed=0):
    return Network(
        list(layers), loss=MeanSquaredError(), input_shape=input_shape, dtype=dtype, seed=seed
    )


@pytest.mark.parametrize(
    ("layer", "tensor", "initial"),
    [
        (Scale(), "0.scale.gamma", 1),
        (Scale(1e-4), "0.scale.gamma", 1e-4),
        (PReLU(), "0.prelu.alpha", 0.25),
        (PReLU(0), "0.prelu.alpha", 0),
        (ParametricActivation(Tanh()), "0.parametricactivation.alpha", 1),
    ],
    ids=lambda value: repr(value),
)
def test_one_number_per_feature_which_does_not_decay(layer, tensor, initial):
    network = network_of(copy.deepcopy(layer), Flatten(), input_shape=(3, 4))
    np.testing.assert_array_equal(network[tensor], [initial] * 4)
    assert network.n_decaying == 0


def test_gradients_by_hand():
    # Two rows; dalpha sums dA min(Z, 0): 10 (-1) + 30 (-3) and 20 (-2) + 0.
    layer = PReLU()
    network_of(layer, input_shape=2)
    cache = Cache()
    layer.forward(np.array([[-1.0, -2], [-3, 4]]), cache)
    dZ = layer.backward(np.array([[10.0, 20], [30, 40]]), cache)
    np.testing.assert_array_equal(layer.dalpha, [-100, -40])
    np.testing.assert_array_equal(dZ, [[2.5, 5], [7.5, 40]])


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_zero_prelu_has_the_slope_below_as_leaky_relu(zero):
    layer = PReLU(0.3)
    network_of(layer, input_shape=1)
    slopes = []
    for kind in (layer, LeakyReLU(0.3)):
        cache = Cache()
        assert kind.forward(np.array([[zero]]), cache) == 0
        slopes.append(kind.backward(np.ones((1, 1)), cache).item())
    assert slopes == [0.3, 0.3]


def test_prelu_asks_for_hes_rule_with_its_slope():
    found = network_of(Dense(5), PReLU(0.5))["0.dense.W"]
    expected = network_of(Dense(5, initializer=HeNormal(0.5)), PReLU(0.5))["0.dense.W"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("between", [Scale(), ParametricActivation(ReLU())], ids=repr)
def test_the_activations_rule_reaches_the_weights_below(between):
    found = network_of(Dense(5), copy.deepcopy(between), ReLU())["0.dense.W"]
    expected = network_of(Dense(5), ReLU())["0.dense.W"]
    np.testing.assert_array_equal(found, expected)


def test_a_parametric_activation_goes_from_a_line_to_its_activation():
    layer = ParametricActivation(Tanh())
    network_of(layer)
    X = np.linspace(-3, 3, 12).reshape(3, 4)
    layer.alpha[:] = [0, 1, 0.5, 2]
    Y = layer.forward(X, Cache())
    np.testing.assert_array_equal(Y[:, 0], X[:, 0])
    np.testing.assert_allclose(Y[:, 1], np.tanh(X[:, 1]), rtol=1e-15)
    np.testing.assert_allclose(Y[:, 2], (X[:, 2] + np.tanh(X[:, 2])) / 2, rtol=1e-15)
    np.testing.assert_allclose(Y[:, 3], 2 * np.tanh(X[:, 3]) - X[:, 3], rtol=1e-15)


def test_a_target_that_is_a_line_makes_the_activation_one():
    network = network_of(ParametricActivation(Tanh()), input_shape=1)
    X = np.linspace(-3, 3, 50)[:, None]
    train(network, X, X, optimizer=Adam(0.05), epochs=100, batch_size=50, progress=False)
    assert abs(network["0.parametricactivation.alpha"].item()) < 0.02


@pytest.mark.parametrize("record", [False, True])
def test_an_activation_inside_that_writes_over_its_gradient(record, rng):
    def deep():
        inner = ParametricActivation(ReLU())
        layers = [Dense(4), ParametricActivation(inner), Tanh()]
        return network_of(*layers, Residual([ParametricActivation(Dropout(0.5))]), Dense(2))

    network = deep()
    X, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 2))
    check = check_gradients(network, X, y)
    assert check.passed, check
    loss = network.loss_and_gradients(X, y, Cache(training=True, record=record, seed=1))
    gradients = network.gradients.copy()
    assert network.loss_and_gradients(X, y, Cache(training=True, record=True, seed=1)) == loss
    np.testing.assert_array_equal(network.gradients, gradients)


def test_names_and_caches_say_the_way_to_the_activation():
    network = network_of(ParametricActivation(PReLU()))
    assert list(network.tensors) == [
        "0.parametricactivation.alpha",
        "0.parametricactivation.0.prelu.alpha",
    ]
    cache = Cache(record=True)
    network.forward(np.ones((2, 4)), cache)
    assert "0.parametricactivation.0.prelu.A" in cache
    assert [layer.name for layer in network.body.walk()][1:] == [
        "0.parametricactivation",
        "0.parametricactivation.0.prelu",
    ]


@pytest.mark.parametrize("make", [Scale, PReLU])
@pytest.mark.parametrize("initial", [float("nan"), float("inf"), "1"])
def test_what_it_starts_from_is_a_number(make, initial):
    with pytest.raises(SettingError, match="initial must be"):
        make(initial)


def test_an_activation_is_an_object_that_keeps_the_shape():
    with pytest.raises(SettingError, match=r"activation must be a Layer object.*add parentheses"):
        ParametricActivation(Tanh)
    message = r"layer 0.parametricactivation .* shape it gets, \(2, 3\); it returns \(6,\)"
    with pytest.raises(ShapeError, match=message):
        network_of(ParametricActivation(Flatten()), Flatten(), input_shape=(2, 3))


def test_an_activation_that_mixes_features_may_be_wrapped():
    check = check_gradients(ParametricActivation(Softmax()), input_shape=(2, 3))
    assert check.passed, check
