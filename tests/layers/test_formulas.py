"""Every formula that trace, guide and docs show is what the code computes."""

from typing import Any

import numpy as np
import pytest

from formulas import evaluate
from layer_cases import CASES, LayerCase
from plainnet import Cache, Network
from plainnet.engine.sequences import Source
from plainnet.layers import (
    GLU,
    BatchNorm,
    Bidirectional,
    CategoryEmbedding,
    Dense,
    Dropout,
    Dropout2d,
    EncoderDecoder,
    FromFormula,
    GaussianNoise,
    Graph,
    Highway,
    Layer,
    LayerNorm,
    Parallel,
    ParametricActivation,
    PReLU,
    RMSNorm,
    Sample,
    Scale,
    Sequential,
    SwiGLU,
)
from plainnet.layers.recurrence.recurrent import Recurrent
from plainnet.losses import Loss

OF_ROWS = (
    BatchNorm,
    Dense,
    GLU,
    Highway,
    LayerNorm,
    ParametricActivation,
    PReLU,
    RMSNorm,
    Sample,
    Scale,
    SwiGLU,
)
"""Layers whose formulas speak of rows: all axes but the last are one."""


def compose(steps: list[Any], A: np.ndarray) -> np.ndarray:
    for step in steps:
        A = step(A)
    return A


def coder_steps(layer: EncoderDecoder) -> dict[str, Any]:
    """The passes through encoder and decoder one by one, for formulas that name them."""
    encoder, decoder = Sequential(layer.encoder), Sequential(layer.decoder)
    own = {side: Cache(training=True, record=True) for side in (encoder, decoder)}

    def decode(A: np.ndarray, X: np.ndarray) -> np.ndarray:
        own[decoder].sequences.source = Source(X, dX=np.zeros_like(X))
        return decoder.forward(A, own[decoder])

    return {
        "encode": lambda A: encoder.forward(A, own[encoder]),
        "decode": decode,
        "decode_back": lambda dY: decoder.backward(dY, own[decoder]),
        "attend_back": lambda dY: own[decoder].sequences.source.dX,
        "encode_back": lambda dX: encoder.backward(dX, own[encoder]),
    }


def graph_steps(graph: Graph) -> dict[str, Any]:
    """The passes through a graph, node by node, each place of a shared layer with its own cache."""
    (start,) = graph.inputs
    caches = {name: Cache(training=True, record=True) for name in graph.names}
    values: dict[str, np.ndarray] = {}

    def forward(A: np.ndarray) -> np.ndarray:
        values[start] = A
        for name in graph.names:
            layer, *sources = graph.nodes[name]
            parts = tuple(values[source] for source in sources)
            given = parts if layer.takes_several else parts[0]
            values[name] = layer.forward(given, caches[name])
        return values[graph.outputs[0]]

    def backward(dY: np.ndarray) -> np.ndarray:
        gradients = {name: np.zeros_like(value) for name, value in values.items()}
        gradients[graph.outputs[0]] = dY
        for name in reversed(graph.names):
            layer, *sources = graph.nodes[name]
            back = layer.backward(gradients[name], caches[name])
            for source, part in zip(sources, layer.inputs_of(back), strict=True):
                gradients[source] = gradients[source] + part
        return gradients[start]

    return {"layers": forward, "layers_back": backward}


OF_ONE_CALL = [case for case in CASES if not isinstance(case.make(), Bidirectional | Recurrent)]
"""Formulas of recurrent layers are those of a step; test_recurrence.py evaluates them."""


@pytest.mark.parametrize("case", OF_ONE_CALL, ids=[case.id for case in OF_ONE_CALL])
def test_layer(case: LayerCase, rng):
    layer: Layer = case.make()
    network = Network(
        [layer], loss=AnyShape(), input_shape=case.input_shape, seed=0, dtype=np.float64
    )
    network.parameters[:] += 0.1 * rng.standard_normal(network.parameters.shape)
    A = rng.standard_normal((5, *case.input_shape))
    if layer.takes_ids:
        A = rng.integers(0, 3, A.shape)
    dY = rng.standard_normal((5, *layer.output_shape))
    cache = Cache(training=True, record=True)
    Y = layer.forward(A, cache)
    dA = layer.backward(dY, cache)

    if isinstance(layer, OF_ROWS):
        A, Y, dY, dA = (array.reshape(-1, array.shape[-1]) for array in (A, Y, dY, dA))
    formulas = layer.formulas
    known = {name: getattr(layer, name) for name in layer.declared}
    known |= {name: value for name, value in vars(type(layer)).items() if isinstance(value, float)}
    known |= {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    known |= {formulas.input: A, f"d{formulas.output}": dY}
    if layer.layers:
        caches = [Cache(training=True, record=True) for _ in layer.layers]
        pairs = list(zip(layer.layers, caches, strict=True))
        forward = [lambda A, n=n, c=c: n.forward(A, c) for n, c in pairs]
        backward = [lambda d, n=n, c=c: n.backward(d, c) for n, c in pairs]
        known["layers"] = lambda A: compose(forward, A)
        known["layers_back"] = lambda dY: compose(backward[::-1], dY)
    if isinstance(layer, Graph):
        known |= graph_steps(layer)
    if isinstance(layer, Dropout | Dropout2d):
        known["M"] = cache["M"] if layer.rate else 1
    if isinstance(layer, GaussianNoise):
        known["E"] = cache["E"] if layer.standard_deviation else 0
    if isinstance(layer, Sample):
        known["E"] = cache["E"].reshape(Y.shape)
    if isinstance(layer, CategoryEmbedding):
        known["ids"] = cache["ids"]
    if isinstance(layer, Parallel):
        there, back = iter(forward), iter(backward)  # each layer in its turn
        known["layers"] = lambda A: next(there)(A)
        known["layers_back"] = lambda dY: next(back)(dY)
    if layer.uses_mask:
        known["data"] = np.ones(A.shape[:-1], bool)
    if isinstance(layer, EncoderDecoder):
        known |= coder_steps(layer)

    results = evaluate(formulas, known)
    np.testing.assert_allclose(results[formulas.output], Y, rtol=1e-10, atol=1e-12)
    if isinstance(layer, FromFormula):  # test_derived_gradients.py has its gradients
        assert not formulas.backward
        return
    if not layer.takes_ids:
        np.testing.assert_allclose(results[f"d{formulas.input}"], dA, rtol=1e-10, atol=1e-12)
    for name in layer.declared:
        expected = network.gradient_tensors[f"{layer.name}.{name}"]
        np.testing.assert_allclose(results[f"d{name}"], expected, rtol=1e-10, atol=1e-12)


class AnyShape(Loss):
    """Lets a network end in any shape; never evaluated."""

    def forward(self, Z, y, cache):
        return Z

    def backward(self, cache):
        return np.empty(0)
