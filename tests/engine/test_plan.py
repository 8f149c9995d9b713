"""The plan: who may write over whom, who needs a gradient, how far back the way back goes."""

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients
from plainnet.engine.plan import Place, planned
from plainnet.errors import SettingError
from plainnet.layers import (
    RNN,
    Dense,
    Flatten,
    Highway,
    Layer,
    MultiHeadAttention,
    Parallel,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Tanh,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError


def network_of(*layers: Layer, shape=4) -> Network:
    return Network(layers, loss=MeanSquaredError(), input_shape=shape, seed=0, dtype=np.float64)


def at(network: Network, *names: str) -> Place:
    """The place that one comes to by these names."""
    here = network.plan.inner[0]
    for name in names:
        (here,) = [each for each in here.inner if each.name == name]
    return here


def test_a_layer_may_write_over_what_its_neighbours_release():
    network = network_of(Dense(3), ReLU(), Dense(2), Tanh())
    rights = [(p.reuse_input, p.reuse_gradient, p.needs_input_gradient) for p in at(network).inner]
    assert rights == [
        (False, False, False),  # X is the caller's; ReLU keeps its gradient; nobody wants dX
        (True, True, True),
        (False, False, True),
        (True, True, True),  # the loss does not read its gradient again
    ]


def test_below_the_first_layer_that_learns_there_is_no_way_back():
    network = network_of(Tanh(), Residual([Tanh()]), Dense(2), ReLU())
    assert [place.runs_back for place in at(network).inner] == [False, False, True, True]
    cache = Cache(training=True)
    network.loss_and_gradients(np.ones((2, 4)), np.ones((2, 2)), cache)
    assert [layer for layer, _ in cache.children[""].layers_back] == [
        network.layers[3],
        network.layers[2],
    ]
    recording = Cache(record=True)
    network.loss_and_gradients(np.ones((2, 4)), np.ones((2, 2)), recording)
    assert len(recording.children[""].layers_back) == 4


@pytest.mark.parametrize(
    ("layer", "input", "gradient"),
    [
        (Residual([ReLU()]), False, False),  # the shortcut reads both
        (Highway([ReLU()]), False, True),  # dF is made for the layers
        (Parallel([(0, 4)], [ReLU()]), True, True),  # copies
        (Sequential([ReLU()]), True, True),  # as the container itself, between two layers
        (TransformerBlock(2), True, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_containers_allow(layer, input, gradient):
    before, after = Dense(4), Dense(4)
    shape = (3, 4) if isinstance(layer, TransformerBlock) else 4
    network = network_of(before, layer, after, shape=shape)
    place = at(network).inner[1]
    assert (place.reuse_input, place.reuse_gradient) == (True, True)
    inner = place.inner[0]
    assert (inner.reuse_input, inner.reuse_gradient) == (input, gradient)


def test_a_recording_allows_nothing_and_wants_everything():
    place = Place(
        reuse_input=True, reuse_gradient=True, needs_input_gradient=False, runs_back=False
    )
    seen = place.recorded()
    assert (seen.reuse_input, seen.reuse_gradient) == (False, False)
    assert (seen.needs_input_gradient, seen.runs_back) == (True, True)
    network = network_of(Dense(3), Residual([Dense(3), ReLU()]), Dense(2))
    cache = Cache(record=True)
    network.forward(np.ones((2, 4)), cache)
    caches = [cache]
    for one in caches:
        caches += one.children.values()
        assert (one.reuse_input, one.reuse_gradient) == (False, False)
        assert one.needs_input_gradient


def test_a_plan_is_made_once_and_does_not_go_into_files():
    network = network_of(Dense(2))
    plan = network.plan
    network.forward(np.ones((1, 4)))
    assert network.plan is plan
    assert "plan" not in network.__getstate__()


def test_a_container_may_be_used_alone():
    layer = Residual([Dense(4), ReLU()])
    network = network_of(layer)
    A, cache = np.arange(8.0).reshape(2, 4), Cache()
    np.testing.assert_array_equal(layer.forward(A, cache), network.forward(A))
    np.testing.assert_array_equal(layer.forward(A, cache), network.forward(A))
    other = network_of(Residual([Dense(4)]))
    np.testing.assert_array_equal(other.layers[0].forward(A, cache), other.forward(A))


class Twice(Layer):
    """A container of one's own, with nothing said of its plan: Y = 2 f(A)."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.layers = (layer,)

    def build(self, input_shape):
        return self.layer.place(f"{self.name}.0", input_shape)

    def forward(self, A, cache):
        return 2 * self.layer.forward(A, cache.inside(self))

    def backward(self, dY, cache):
        return self.layer.backward(2 * dY, cache.inside(self))


def test_a_container_of_ones_own():
    assert check_gradients(Twice(Dense(3)), input_shape=4).passed
    network = network_of(Scale(), Twice(Residual([Dense(4), Tanh()])), Dense(1))
    assert check_gradients(network, np.ones((3, 4)), np.ones((3, 1))).passed


def test_layers_say_whether_they_carry_on_before_any_has_begun():
    layers = [RNN(4, return_sequences=True), MultiHeadAttention(2), RNN(2)]
    network, cache = network_of(*layers, shape=(None, 4)), Cache(carry=True)
    with pytest.raises(SettingError, match=r"1\.multiheadattention .* only with causal=True"):
        network.forward(np.ones((2, 3, 4)), cache)
    with pytest.raises(SettingError, match="only with causal=True"):  # and again
        network.forward(np.ones((2, 3, 4)), cache)
    network_of(RNN(4), shape=(None, 4)).forward(np.ones((2, 3, 4)), cache)  # it still works


def test_what_is_planned_is_planned_at_any_depth():
    layer = Flatten()
    for _ in range(3):
        layer = Residual([layer])
    place, depth = planned(Place("", layer)), 0
    while place.inner:
        (place,), depth = place.inner, depth + 1
    assert (place.subject, depth) == (layer.layers[0].layers[0].layers[0], 6)
