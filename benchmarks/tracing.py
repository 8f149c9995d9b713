"""What a look into the glass box costs, as multiples of a recorded training step of its own.

    OPENBLAS_NUM_THREADS=1 python benchmarks/tracing.py [--rounds 15]

A trace has all steps and arrays; a line is how one number is made, in a new trace each time, so
that nothing is known from before. The dearest line of each network is the last column. All take
turns with the recorded step, round by round; the table gives medians of the ratios.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from timing import Call, software

import plainnet
from plainnet.inspection import Trace, trace
from plainnet.layers import (
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    MaxPool2d,
    ReLU,
    TransformerBlock,
)

LAYERS: dict[str, tuple[Callable[[], list[Any]], tuple[int, ...], int]] = {
    "2-16-16-3": (lambda: [Dense(16), ReLU(), Dense(16), ReLU(), Dense(3)], (2,), 4),
    "784-256-128-10": (lambda: [Dense(256), ReLU(), Dense(128), ReLU(), Dense(10)], (784,), 8),
    "images": (
        lambda: [
            *[Conv2d(16, 3), ReLU(), MaxPool2d(2), Conv2d(32, 3), ReLU(), MaxPool2d(2)],
            *[Flatten(), Dense(10)],
        ],
        (28, 28, 1),
        8,
    ),
    "Transformer": (
        lambda: [
            Embedding(65, 64),
            *(TransformerBlock(4, causal=True) for _ in range(2)),
            Dense(65),
        ],
        (32,),
        4,
    ),
}


def seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def units(record: Trace) -> list[str]:
    """One number of each array that a formula makes."""
    found = []
    for name in record:
        index = tuple(n // 2 for n in record[name].shape)
        line = record.unit(name, index)
        if record[name].size and line.name == name and line.formula is not None:
            found.append(f"{name}[{', '.join(map(str, index))}]" if index else name)
    return found


def measured(name: str, rounds: int) -> str:
    """A row of the table."""
    made, shape, m = LAYERS[name]
    rng = np.random.default_rng(0)
    network = plainnet.Network(
        made(), loss=plainnet.losses.SoftmaxCrossEntropy(), input_shape=shape, seed=0
    )
    X = rng.standard_normal((m, *shape))
    if network.body.takes_ids:
        X = rng.integers(0, 65, (m, *shape))
    y = rng.integers(0, network.output_shape[-1], (m, *network.output_shape[:-1]))
    optimizer = plainnet.optimizers.Adam()

    def step() -> None:
        network.loss_and_gradients(X, y, plainnet.Cache(training=True, record=True))

    def ratio(call: Call) -> float:
        return statistics.median(seconds(call) / seconds(step) for _ in range(rounds))

    def line(unit: str) -> float:
        ratios = []
        for _ in range(5):
            record = trace(network, X, y)
            ratios.append(seconds(partial(record.unit, unit)) / seconds(step))
        return statistics.median(ratios)

    step()
    lines = {unit: line(unit) for unit in units(trace(network, X, y))}
    dearest = max(lines, key=lines.__getitem__)
    return (
        f"| {name}, {m} rows | {1e3 * min(seconds(step) for _ in range(rounds)):.2f} ms "
        f"| {ratio(lambda: trace(network, X, y).steps):.2f} "
        f"| {ratio(lambda: trace(network, X, y, optimizer).steps):.2f} "
        f"| {statistics.median(lines.values()):.2f} | {lines[dearest]:.2f} ({dearest}) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(software())
    print("| network | a recorded step | trace | with Adam | a line, median | the dearest |")
    print("|---|---|---|---|---|---|")
    for name in LAYERS:
        print(measured(name, rounds))


if __name__ == "__main__":
    main()
