"""Every gradient that a layer's code computes is the derivative of its forward formulas.

This oracle reads neither the backward formulas nor a gradient of the recording, and it is exact:
reverse mode has no step size.
"""

import numpy as np
import pytest

from derived import Written
from layer_cases import CASES, LayerCase
from plainnet import Cache, Network
from plainnet.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Bidirectional,
    Conv1d,
    Embedding,
    EncoderDecoder,
    GlobalAveragePool1d,
    GlobalMaxPool1d,
    Layer,
    Masking,
    MultiHeadAttention,
    Sequential,
    Tanh,
    TransformerBlock,
)
from upstream import Upstream


def expect_derivatives(
    layers: list[Layer], input_shape: tuple[int, ...], rng: np.random.Generator, *, training: bool
) -> None:
    """A pass through the code, and the same by the layers' forward formulas, differentiated."""
    network = Network(layers, loss=Upstream(), input_shape=input_shape, seed=0, dtype=np.float64)
    network.parameters[:] += 0.3 * rng.standard_normal(network.parameters.shape)
    A = rng.standard_normal((5, *input_shape))
    if network.body.takes_ids:
        A = rng.integers(0, 3, A.shape)
    if isinstance(layers[0], Masking):  # padding after the data, before it, and nothing else
        A[0, -1:] = A[1, :1] = A[2] = 0
    cache = Cache(training=training, record=True)
    upstream = rng.standard_normal(network.forward(A).shape)
    loss = network.loss_and_gradients(A, upstream, cache)
    first = network.layers[0]

    written = Written(network.body, A, cache)
    output, found = written.gradients(upstream / len(A))
    expected = dict(network.gradient_tensors)
    if not network.body.takes_ids:
        expected["A"] = cache[f"{first.name}.d{first.formulas.input}"]
    assert found.keys() == expected.keys()
    np.testing.assert_allclose((upstream * output).sum() / len(A), loss, rtol=1e-12)
    for name, gradient in expected.items():
        assert found[name].shape == gradient.shape
        error = np.abs(found[name] - gradient).max() / (np.abs(gradient).max() or 1)
        assert error <= 1e-12, f"{name}: {error:.1e}"


every_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


@every_case
def test_in_training(case: LayerCase, rng):
    expect_derivatives([case.make()], case.input_shape, rng, training=True)


@every_case
def test_in_prediction(case: LayerCase, rng):
    expect_derivatives([case.make()], case.input_shape, rng, training=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RNN(3, return_sequences=True),
        lambda: LSTM(3, learned_start=True),
        lambda: GRU(3, reverse=True, return_sequences=True),
        lambda: Bidirectional(LSTM(3)),
        lambda: Conv1d(3, 3, padding="same"),
        BatchNorm,
        GlobalAveragePool1d,
        GlobalMaxPool1d,
        lambda: MultiHeadAttention(2, causal=True, dropout=0.4),
        lambda: TransformerBlock(2, hidden=3, dropout=0.3),
    ],
)
def test_of_a_padded_batch(make, rng):
    # a LayerNorm of two features is nearly a sign, its gradient what rounding leaves of two terms
    expect_derivatives([Masking(), make()], (4, 6), rng, training=True)


def test_of_layers_in_layers_in_layers(rng):
    """From ids through an encoder and a decoder to the gradients of both embeddings."""
    encoder = [Embedding(4, 6), TransformerBlock(2, dropout=0.2), GRU(6, return_sequences=True)]
    decoder = [Embedding(3, 6), TransformerBlock(3, cross=True, causal=True, norm="post")]
    layers = [EncoderDecoder(encoder, decoder, 3), Sequential([Bidirectional(LSTM(2)), Tanh()])]
    expect_derivatives(layers, (7,), rng, training=True)
