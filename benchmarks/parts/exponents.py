"""How the cost of a training step with Adam grows with one size: cost = a size^k; k is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from timing import Call, in_turns, seconds, table

from plainnet import Cache, Network
from plainnet.layers import LSTM, Dense, Layer, MultiHeadAttention, ReLU
from plainnet.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam


def step(layers: list[Layer], shape: tuple[int, ...], loss: Loss) -> Call:
    """Of a network on a batch of this shape."""
    network = Network(layers, loss=loss, input_shape=shape[1:], seed=0)
    rng, cache, optimizer = np.random.default_rng(0), Cache(training=True), Adam()
    X = rng.standard_normal(shape, dtype=np.float32)
    y = rng.standard_normal((len(X), *network.output_shape), dtype=np.float32)
    if isinstance(loss, SoftmaxCrossEntropy):
        y = rng.integers(0, network.output_shape[-1], len(X))

    def call() -> None:
        network.loss_and_gradients(X, y, cache)
        optimizer.update(network.parameters, network.gradients, network.segments)

    return call


def dense(batch: int = 128, width: int = 256, depth: int = 3, classes: int = 10) -> Call:
    hidden = [layer for _ in range(depth) for layer in (Dense(width), ReLU())]
    return step([*hidden, Dense(classes)], (batch, width), SoftmaxCrossEntropy())


def sequences(layer: Callable[[], Layer], time: int) -> Call:
    return step([layer()], (16, time, 64), MeanSquaredError())


@dataclass(frozen=True)
class Law:
    name: str
    sizes: tuple[int, ...]
    make: Callable[[int], Call]
    expected: str


LAWS = (
    Law("batch, dense", (128, 256, 512, 1024, 2048), lambda n: dense(batch=n), "1"),
    Law("width, dense", (128, 256, 512, 1024), lambda n: dense(width=n), "2"),
    Law("depth, dense", (4, 8, 16, 32), lambda n: dense(depth=n), "1"),
    Law("classes, dense", (1000, 2000, 4000, 8000, 16000), lambda n: dense(classes=n), "1"),
    Law("time, LSTM", (32, 64, 128, 256), partial(sequences, partial(LSTM, 64)), "1"),
    Law(
        "time, attention",
        (128, 256, 512, 1024),
        partial(sequences, partial(MultiHeadAttention, 4)),
        "from 1 to 2",
    ),
)


def slope(sizes: tuple[int, ...], costs: list[float]) -> tuple[float, float]:
    """Of the straight line through the logarithms, by least squares, with its standard error."""
    x, y = np.log(sizes), np.log(costs)
    x -= x.mean()
    k = x @ y / (x @ x)
    rest = y - y.mean() - k * x
    return float(k), float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for law in LAWS:
        times = in_turns({str(n): law.make(n) for n in law.sizes}, rounds, seconds=0.05)
        fit = slope(law.sizes, [median(values) for values in times.values()])
        least, most = str(law.sizes[0]), str(law.sizes[-1])
        ends = [seconds(times[least]), seconds(times[most])]
        rows.append([law.name, f"{least} to {most}", *ends, law.expected, {"power": fit}])
    columns = ["what grows", "sizes", "the first takes", "the last takes", "in theory", "measured"]
    return table(columns, rows)
