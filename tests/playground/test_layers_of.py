"""The layers of a network as settings."""

import pytest

from plainnet import Network
from plainnet.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Graph,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Tanh,
)
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground.building import layers_of, network_of
from plainnet.playground.choices import ACTIVATIONS
from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import LayerSettings, Settings

EVERY_ACTIVATION = tuple(LayerSettings(4, each) for each in ACTIVATIONS)
STACKS = [
    (),
    EVERY_ACTIVATION,
    (LayerSettings(3, "tanh", batch_norm=True, dropout=0.25), LayerSettings(128, "identity")),
    (LayerSettings(3, "identity", batch_norm=True), LayerSettings(3, "identity", dropout=0.5)),
]


@pytest.mark.parametrize("layers", STACKS)
def test_layers_of_a_network_that_settings_made_are_those_of_the_settings(layers) -> None:
    settings = Settings(layers=layers)
    assert layers_of(network_of(settings, examples_of(settings))) == layers


UNLIKE = {
    "another layer": [Dense(4), LayerNorm(), Dense(3)],
    "dropout of the inputs": [Dropout(0.1), Dense(4), ReLU(), Dense(3)],
    "two activations": [Dense(4), ReLU(), Tanh(), Dense(3)],
    "another order": [Dense(4), ReLU(), BatchNorm(), Dense(3)],
    "another slope": [Dense(4), LeakyReLU(0.3), Dense(3)],
    "another momentum": [Dense(4), BatchNorm(momentum=0.5), ReLU(), Dense(3)],
    "no bias": [Dense(4, bias=False), ReLU(), Dense(3)],
    "an activation at the end": [Dense(4), ReLU(), Dense(3), Sigmoid()],
    "too many units": [Dense(500), ReLU(), Dense(3)],
    "too many layers": [each for _ in range(9) for each in (Dense(2), ReLU())] + [Dense(3)],
}


@pytest.mark.parametrize("layers", UNLIKE.values(), ids=UNLIKE)
def test_what_settings_cannot_say_is_none(layers) -> None:
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    assert layers_of(network) is None


def test_a_graph_is_none() -> None:
    graph = Graph({"a": (Dense(3), "x")}, inputs="x", outputs="a")
    network = Network(graph, loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    assert layers_of(network) is None
