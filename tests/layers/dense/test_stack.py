"""Predictions of small dense networks, which one call of a compiled kernel makes."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.layers import Dense, Layer, LayerNorm, Parallel, ReLU, Sequential, Sigmoid, Tanh
from plainnet.layers.dense.stack import DenseOutputs
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

pytest.importorskip("plainnet_kernels", reason="plainnet_kernels is missing")

pytestmark = pytest.mark.usefixtures("compiled_kernels")


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """The numbers of rows that went through in one call."""
    made, outputs = [], DenseOutputs.outputs

    def counted(self, X, parameters, cache):
        made.append(len(X))
        return outputs(self, X, parameters, cache)

    monkeypatch.setattr(DenseOutputs, "outputs", counted)
    return made


def network_of(*layers: Layer, loss=None, n: int = 5, **settings) -> Network:
    loss = MeanSquaredError() if loss is None else loss
    network = Network([*layers, Dense(3)], loss=loss, input_shape=n, seed=0, **settings)
    network.parameters[:] = np.random.default_rng(1).standard_normal(len(network.parameters)) / 3
    return network


@pytest.mark.parametrize(
    "network",
    [
        network_of(),
        network_of(Dense(16), ReLU(), Dense(33, bias=False), Tanh(), loss=SoftmaxCrossEntropy()),
        network_of(Dense(7), Sigmoid(), Dense(20), loss=SigmoidCrossEntropy()),
    ],
    ids=str,
)
@pytest.mark.parametrize("m", [1, 2, 33, 700])
def test_predictions_are_those_of_the_layers(network, m, calls, rng):
    X = rng.standard_normal((m, 5))
    Z = network.forward(X, Cache())  # in which a backward pass may follow
    assert not calls
    np.testing.assert_allclose(network.outputs(X), Z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.predict(X), network.loss.decide(Z), rtol=1e-5, atol=1e-6)
    assert sum(calls) == 2 * m


@pytest.mark.parametrize(
    ("parts", "layers", "made_by_calls"),
    [
        ([(0, 5), (0, 5)], [Sequential([Dense(9), Tanh(), Dense(2)]), Dense(1)], True),
        ([(0, 3), (2, 5)], [Dense(20), Sequential([Dense(7), ReLU(), Dense(4)])], True),
        ([(0, 3), (2, 5)], [Dense(20), Sequential([Dense(7), ReLU()])], False),
        ([(0, 5), (0, 5)], [Dense(2), Sequential([LayerNorm(), Dense(3)])], False),
    ],
    ids=["everything", "some features", "an activation at the end", "another layer"],
)
@pytest.mark.parametrize("m", [1, 8, 200])
def test_parts_side_by_side_are_a_call_each(parts, layers, made_by_calls, m, calls, rng):
    network = Network([Parallel(parts, layers)], loss=MeanSquaredError(), input_shape=5, seed=0)
    network.parameters[:] = rng.standard_normal(len(network.parameters)) / 3
    X, cache = rng.standard_normal((m, 5)), Cache(backward=False)
    for _ in range(2):
        Z = network.forward(X, Cache())
        np.testing.assert_allclose(network.forward(X, cache), Z, rtol=1e-5, atol=1e-6)
    assert calls == made_by_calls * [m] * 4


def test_a_loss_of_ones_own_does_not_matter_to_a_prediction(calls, rng):
    class Halved(MeanSquaredError):
        def forward(self, Z, y, cache):
            return super().forward(Z, y, cache) / 2

    network, X = network_of(Dense(20), ReLU(), loss=Halved()), rng.standard_normal((8, 5))
    np.testing.assert_allclose(network.outputs(X), network.forward(X, Cache()), rtol=1e-5)
    assert calls == [8]


def test_rows_are_the_same_in_any_company(calls, rng):
    network, X = network_of(Dense(20), ReLU()), rng.standard_normal((100, 5))
    one_by_one = [network.outputs(row[None])[0] for row in X]
    assert len(calls) == len(X)
    for given in (X, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_array_equal(network.outputs(given), one_by_one)
        Z = network.outputs(given, Cache(backward=False))
        np.testing.assert_array_equal(Z, one_by_one)


@pytest.mark.parametrize(
    ("network", "cache"),
    [
        (network_of(Dense(20), ReLU()), Cache()),
        (network_of(Dense(20), ReLU()), Cache(backward=False, carry=True)),
        (network_of(Dense(20), ReLU(), dtype=np.float64), Cache(backward=False)),
        (network_of(Dense(9000), ReLU()), Cache(backward=False)),
    ],
    ids=["a backward pass may follow", "carry", "float64", "many weights"],
)
def test_other_passes_go_through_the_layers(network, cache, calls, rng):
    network.forward(rng.standard_normal((2, 5)), cache)
    assert not calls
