"""Operations that go over large arrays number by number, as a share of the speed of copying.

The bytes counted for a number are those of the arrays that the operation cannot do without, four a
number: Adam reads p, g, M and V, and writes p, M and V. Statistics over the batch need all of it
before the first number of the output, so that batch normalization reads its input twice.
"""

from functools import partial
from math import prod
from statistics import median
from typing import Any

import numpy as np
from timing import Call, in_turns, seconds, spread, table

from plainnet import Cache, Network, layers
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import Adam, AdamW, Optimizer

SHAPE = (16384, 1024)
"""64 MiB in float32, which no cache holds."""
COPY = 8
OPTIMIZERS = (Adam(), AdamW())
LAYERS: tuple[tuple[layers.Layer, int, int], ...] = (
    (layers.ReLU(), 8, 12),
    (layers.GELU(), 8, 12),
    (layers.GELU("tanh"), 8, 12),
    (layers.ELU(), 8, 12),
    (layers.SELU(), 8, 12),
    (layers.Sigmoid(), 8, 12),
    (layers.Tanh(), 8, 12),
    (layers.LayerNorm(), 8, 12),
    (layers.BatchNorm(), 12, 20),
)
"""Each with the bytes of a number forward (X, Y) and backward (dY; X or Y; dX)."""


def update(optimizer: Optimizer, numbers: np.ndarray) -> Call:
    return partial(optimizer.update, numbers.ravel().copy(), numbers.ravel().copy())


def both_ways(layer: layers.Layer, X: np.ndarray) -> tuple[Call, Call]:
    network = Network([layer], loss=MeanSquaredError(), input_shape=X.shape[1:], seed=0)
    own, cache, dY = network.layers[0], Cache(training=True), X[::-1].copy()
    return lambda: own.forward(X, cache), lambda: own.backward(dY, cache)


def measure(rounds: int) -> dict[str, Any]:
    X = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    copy = partial(np.copyto, X.copy(), X)
    rows, copies = [], []

    def add(name: str, size: int, call: Call) -> None:
        times = in_turns({"copy": copy, "own": call}, rounds, seconds=0)
        copies.extend(times["copy"])
        shares = (size * c / (COPY * t) for c, t in zip(times["copy"], times["own"], strict=True))
        speed = size * prod(SHAPE) / median(times["own"]) / 1e9
        rows.append(
            [name, size, seconds(times["own"]), {"number": speed}, {"share": spread(shares)}]
        )

    for optimizer in OPTIMIZERS:
        add(type(optimizer).__name__, 28, update(optimizer, X))
    for layer, forward, backward in LAYERS:
        calls = both_ways(layer, X)
        add(f"{layer!r}, forward", forward, calls[0])
        add(f"{layer!r}, backward", backward, calls[1])
    speed = COPY * prod(SHAPE) / median(copies) / 1e9
    first = ["a copy", COPY, seconds(copies), {"number": speed}, None]
    return table(["operation", "bytes a number", "time", "GB/s", "of a copy"], [first, *rows])
