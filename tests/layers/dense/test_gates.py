"""Gates: open, shut, and in networks that only learn because of them."""

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients
from plainnet.errors import SettingError, ShapeError
from plainnet.initializers import Constant, GlorotUniform, HeNormal
from plainnet.layers import GLU, Dense, Dropout, Flatten, Highway, Identity, Layer, ReLU, Tanh
from plainnet.losses import MeanSquaredError


def network_of(*layers: Layer, input_shape=4, dtype=np.float64) -> Network:
    return Network(
        list(layers), loss=MeanSquaredError(), input_shape=input_shape, dtype=dtype, seed=0
    )


# --- GLU ------------------------------------------------------------------------------------------


def test_glu_by_hand():
    # U = 1 + 2 * 3 = 7 and V = 0, so half of it passes; then V = log 3, so three quarters.
    network = network_of(GLU(1), input_shape=2)
    network["0.glu.W"] = [[1, 2], [0, 0]]
    assert network.predict(np.array([[1.0, 3]])).item() == pytest.approx(3.5)
    network["0.glu.b"] = [1, np.log(3)]
    assert network.predict(np.array([[1.0, 3]])).item() == pytest.approx(6)


def test_the_gates_are_the_second_half():
    layer = GLU(3)
    network = network_of(layer)
    network["0.glu.b"] = [0, 0, 0, 100, -100, 100]
    cache = Cache(record=True)
    X = np.random.default_rng(0).standard_normal((5, 4))
    Y = network.forward(X, cache)
    np.testing.assert_allclose(Y[:, 1], 0, atol=1e-40)
    np.testing.assert_allclose(Y[:, [0, 2]], X @ layer.W[[0, 2]].T, rtol=1e-12)


def test_glu_starts_from_hes_rule_or_the_one_that_is_named():
    for layer, rule in ((GLU(50), HeNormal()), (GLU(50, initializer=Constant(2)), Constant(2))):
        network = network_of(layer, Tanh())
        expected = rule(np.random.default_rng(0), (100, 4))
        np.testing.assert_array_equal(network["0.glu.W"], expected)
        assert (network["0.glu.b"] == 0).all()


def test_weights_of_gates_decay_and_biases_do_not():
    assert network_of(GLU(3)).n_decaying == 6 * 4
    assert network_of(Highway([ReLU()])).n_decaying == 4 * 4


@pytest.mark.parametrize("layer", [GLU(4), Highway([ReLU()])], ids=repr)
def test_weights_lie_in_memory_as_they_are_used(layer):
    network_of(layer)
    assert layer.W.T.flags.c_contiguous


# --- Highway --------------------------------------------------------------------------------------


def test_highway_by_hand():
    # F doubles; a gate of 1/4 (bias -log 3) gives 1/4 * 2 x + 3/4 * x = 1.25 x.
    layer = Highway([Dense(2, bias=False, initializer=Constant(0))], gate_bias=-np.log(3))
    network = network_of(layer, input_shape=2)
    network["0.highway.0.dense.W"] = [[2, 0], [0, 2]]
    network["0.highway.W"] = np.zeros((2, 2))
    np.testing.assert_allclose(network.predict(np.array([[4.0, -8]])), [[5, -10]])


def test_a_shut_gate_carries_and_an_open_one_transforms():
    layer = Highway([Dense(4), Tanh()])
    network = network_of(layer)
    X = np.random.default_rng(0).standard_normal((5, 4))
    layer.W[:] = 0
    layer.b[:] = -800
    np.testing.assert_array_equal(network.predict(X), X)
    layer.b[:] = 800
    inner = layer.layers[0]
    np.testing.assert_allclose(network.predict(X), np.tanh(X @ inner.W.T + inner.b), rtol=1e-12)


def test_the_gate_starts_from_glorots_rule_and_its_bias():
    layer = Highway([Identity()], gate_bias=-3)
    network = network_of(layer)
    expected = GlorotUniform()(np.random.default_rng(0), (4, 4))
    np.testing.assert_array_equal(network["0.highway.W"], expected)
    np.testing.assert_array_equal(network["0.highway.b"], [-3] * 4)


def test_the_gradient_does_not_vanish_with_depth():
    def size_of_first_gradient(wrap: bool) -> float:
        layers: list[Layer] = [Dense(4)]
        for _ in range(40):
            block = [Dense(4), Tanh(), Dense(4, initializer=Constant(0.1))]
            layers += [Highway(block, gate_bias=-4)] if wrap else block
        network = network_of(*layers)
        rng = np.random.default_rng(0)
        network.loss_and_gradients(rng.standard_normal((8, 4)), rng.standard_normal((8, 4)))
        return float(np.abs(network.gradient_tensors["0.dense.W"]).max())

    assert size_of_first_gradient(wrap=False) < 1e-12
    assert size_of_first_gradient(wrap=True) > 1e-3


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Highway([])],
        lambda: [Highway([Dense(4), ReLU(), Dropout(0.5)])],
        lambda: [Dense(4), Tanh(), Highway([Highway([ReLU()]), Identity()]), Tanh()],
        lambda: [GLU(4), Highway([GLU(4)]), GLU(3)],
    ],
)
def test_gates_among_layers_that_write_over_arrays(layers, rng):
    network = network_of(*layers(), Dense(2))
    X, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 2))
    check = check_gradients(network, X, y)
    assert check.passed, check
    loss = network.loss_and_gradients(X, y, Cache(training=True, record=True, seed=1))
    gradients = network.gradients.copy()
    assert network.loss_and_gradients(X, y, Cache(training=True, seed=1)) == loss
    np.testing.assert_array_equal(network.gradients, gradients)


def test_a_recording_cache_shows_the_gate(rng):
    network = network_of(Dense(4), Highway([Dense(4), ReLU()]))
    X, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 4))
    cache = Cache(training=True, record=True)
    network.loss_and_gradients(X, y, cache)
    T = cache["1.highway.T"]
    assert ((T > 0) & (T < 1)).all()
    F, A = cache["1.highway.1.relu.A"], cache["0.dense.Z"]
    np.testing.assert_allclose(network.forward(X), T * F + (1 - T) * A, rtol=1e-12)


def test_the_rule_for_weights_reaches_into_and_through_a_highway():
    layers = network_of(Dense(4), Highway([Dense(4), Tanh(), Dense(4)]), ReLU())
    plain = network_of(Dense(4, initializer=HeNormal()))
    np.testing.assert_array_equal(layers["0.dense.W"], plain["0.dense.W"])
    inside = layers["1.highway.2.dense.W"]
    assert np.abs(inside).max() > np.sqrt(6 / 8)  # beyond Glorot's limit: He's, for the ReLU


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [0, 1.5, "3"])
def test_units_are_counted(units):
    with pytest.raises(SettingError, match="units must be a whole number >= 1"):
        GLU(units)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(SettingError, match="initializer must be an Initializer object"):
        GLU(3, initializer=HeNormal)
    with pytest.raises(SettingError, match="gate_bias must be"):
        Highway([], gate_bias=float("nan"))
    with pytest.raises(SettingError, match="layer 0 must be a Layer object"):
        Highway([ReLU])


@pytest.mark.parametrize(("inner", "returned"), [(Dense(3), r"\(2, 3\)"), (Flatten(), r"\(8,\)")])
def test_a_highway_needs_the_shape_that_it_got(inner, returned):
    message = rf"layer 0\.highway .* the shape they get, \(2, 4\); they return {returned}"
    with pytest.raises(ShapeError, match=message):
        network_of(Highway([inner]), Flatten(), input_shape=(2, 4))
