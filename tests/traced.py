"""Traces of each layer and each loss, and some of their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layer_cases import LayerCase
from loss_cases import LossCase
from plainnet import Network
from plainnet.inspection import Trace, trace
from plainnet.layers import Identity, Layer
from upstream import Upstream

PARAMETERS, SIZE = 0.1, 3
HOSTILE = "<b>x</b> & \"'\x00\x1b"
"""What a page must not take for markup."""


class Odd(Layer):
    """With code that is hostile to pages."""

    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA

    def __repr__(self):
        return f"Odd({HOSTILE})"


def network_of(layers: Any, loss: Any, input_shape: Any, rng: np.random.Generator) -> Network:
    network = Network(layers, loss=loss, input_shape=input_shape, seed=0, dtype=np.float64)
    network.parameters[:] += PARAMETERS * rng.standard_normal(network.parameters.shape)
    return network


def traced_layer(case: LayerCase, rng: np.random.Generator, *, training: bool = True) -> Trace:
    layer = case.make()
    network = network_of([layer], Upstream(), case.input_shape, rng)
    A = rng.standard_normal((SIZE, *case.input_shape))
    if layer.takes_ids:
        A = rng.integers(0, 3, A.shape)
    y = rng.standard_normal((SIZE, *network.layers[0].output_shape))
    return trace(network, A, y, training=training)


def traced_loss(case: LossCase, rng: np.random.Generator) -> Trace:
    network = network_of([Identity()], case.loss, case.outputs, rng)
    weights = np.linspace(0.5, 2, 5) if case.outputs == 3 else None
    return trace(network, rng.standard_normal((5, case.outputs)), case.y, sample_weight=weights)


def some_of(record: Trace, rng: np.random.Generator, n: int) -> Iterator[tuple[str, Any]]:
    for name in record:
        shape = record[name].shape
        if record[name].size:
            for _ in range(n):
                yield name, tuple(int(rng.integers(k)) for k in shape)
