"""What `Doctor` costs: training with it over training without, in turns; medians of the ratios.

OPENBLAS_NUM_THREADS=1 python benchmarks/watching.py
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from timing import in_turns, ratio, software, table_head, table_row

import plainnet
from plainnet.inspection import Doctor
from plainnet.layers import GRU, Conv2d, Dense, Flatten, Layer, MaxPool2d, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam

LAYERS: dict[str, tuple[Callable[[], list[Layer]], tuple[int, ...], int]] = {
    "2-16-16-3": (lambda: [Dense(16), ReLU(), Dense(16), ReLU(), Dense(3)], (2,), 32),
    "64-128-64-10": (lambda: [Dense(128), ReLU(), Dense(64), ReLU(), Dense(10)], (64,), 64),
    "784-256-128-10": (lambda: [Dense(256), ReLU(), Dense(128), ReLU(), Dense(10)], (784,), 128),
    "images": (
        lambda: [Conv2d(8, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(10)], (16, 16, 1), 32,
    ),
    "GRU": (lambda: [GRU(32), Dense(10)], (20, 8), 32),
}  # fmt: skip
STEPS, EPOCHS = 200, 5


def training(X: Any, y: Any, name: str, *, watched: bool) -> None:
    layers, shape, batch = LAYERS[name]
    network = plainnet.Network(layers(), loss=SoftmaxCrossEntropy(), input_shape=shape, seed=0)
    plainnet.train(
        network, X, y, optimizer=Adam(0.001), epochs=EPOCHS, batch_size=batch, seed=0,
        callbacks=[Doctor()] if watched else [], progress=False,
    )  # fmt: skip


def main() -> None:
    print(software())
    table_head(["network", "1,000 steps", "with Doctor"])
    rng = np.random.default_rng(0)
    for name, (_, shape, batch) in LAYERS.items():
        X = rng.standard_normal((STEPS * batch, *shape)).astype(np.float32)
        y = rng.integers(0, 3, len(X))
        contenders = {
            "alone": partial(training, X, y, name, watched=False),
            "watched": partial(training, X, y, name, watched=True),
        }
        spent = in_turns(contenders, 15, 0.3)
        seconds = sorted(spent["alone"])[len(spent["alone"]) // 2]
        table_row(
            [name, f"{1e3 * seconds:.0f} ms", f"{ratio(spent['watched'], spent['alone']):.3f}"]
        )


if __name__ == "__main__":
    main()
