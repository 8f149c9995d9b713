"""The matrix products of a dense network's training step, alone, as a share of the step.

They are NumPy's own, of the same shapes and with the same layout: three for each layer, but two for
the first, since nobody needs the gradient of the data.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from timing import Call, in_turns, seconds, share, table

from parts.training import ROWS, Row, plainnet_network
from plainnet import Cache
from plainnet.optimizers import Adam


def products(row: Row) -> Call:
    rng, m = np.random.default_rng(0), row.batch_size

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    jobs = []
    for i, (n_in, n_out) in enumerate(pairwise(row.sizes)):
        A, dZ, W = array(m, n_in), array(m, n_out), array(n_in, n_out)
        jobs += [(A, W, array(m, n_out)), (A.T, dZ, array(n_in, n_out))]
        if i:
            jobs.append((dZ, W.T, array(m, n_in)))

    def call() -> None:
        for left, right, out in jobs:
            np.dot(left, right, out=out)

    return call


def step(row: Row) -> Call:
    network, optimizer, cache = plainnet_network(row.sizes), Adam(), Cache(training=True)
    X, y = (array[: row.batch_size] for array in row.data())

    def call() -> None:
        network.loss_and_gradients(X, y, cache)
        optimizer.update(network.parameters, network.gradients, network.segments)

    return call


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for row in ROWS:
        times = in_turns({"products": products(row), "step": step(row)}, rounds, seconds=0.2)
        portion = share(times["products"], times["step"])
        rows.append([str(row), seconds(times["step"]), seconds(times["products"]), portion])
    return table(["network", "step", "products", "of the step"], rows)
