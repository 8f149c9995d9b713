"""What a Graph costs beside a list of the same layers: training steps with Adam in float32.

    OPENBLAS_NUM_THREADS=1 python benchmarks/graphs.py [--rounds 31]

A chain of dense layers, and residual blocks: `Residual` in a list beside nodes that `Add` joins.
The two take turns, round by round; the table gives the medians, and the median of the ratios.
"""

import argparse
import statistics

import numpy as np
from timing import Call, in_turns, ratio, software, table_head, table_row

import plainnet
from plainnet.layers import Add, Dense, Graph, Layer, ReLU, Residual

SIZES = (((2, 16, 16, 3), 32), ((64, 128, 64, 10), 64), ((784, 256, 128, 10), 128))


def chain(sizes: tuple[int, ...]) -> list[Layer]:
    hidden = [layer for units in sizes[1:-1] for layer in (Dense(units), ReLU())]
    return [*hidden, Dense(sizes[-1])]


def as_graph(layers: list[Layer]) -> Graph:
    """Residual blocks as nodes around a sum, any other layer as a node after the one before."""
    nodes: dict[str, tuple[object, ...]] = {}
    before = "X"
    for i, layer in enumerate(layers):
        name = f"n{i}"
        if isinstance(layer, Residual):
            nodes[f"branch{i}"] = (list(layer.layers), before)
            nodes[name] = (Add(), before, f"branch{i}")
        else:
            nodes[name] = (layer, before)
        before = name
    return Graph(nodes, inputs="X", outputs=before)


def blocks(sizes: tuple[int, ...]) -> list[Layer]:
    width = sizes[1]
    inside = [Residual([Dense(width), ReLU(), Dense(width)]) for _ in range(3)]
    return [Dense(width), *inside, Dense(sizes[-1])]


def steps(body: list[Layer] | Graph, sizes: tuple[int, ...], batch_size: int) -> Call:
    network = plainnet.Network(
        body, loss=plainnet.losses.SoftmaxCrossEntropy(), input_shape=sizes[0], seed=0
    )
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch_size, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], batch_size)
    optimizer, cache = plainnet.optimizers.Adam(), plainnet.Cache(training=True, seed=0)

    def step() -> None:
        network.step(X, y, cache)
        optimizer.update(network.parameters, network.gradients, network.segments)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    print(software())
    table_head(["network", "list", "Graph", "Graph / list"])
    for sizes, batch_size in SIZES:
        for what, layers in (("chain", chain), ("residual", blocks)):
            contenders = {
                "list": steps(layers(sizes), sizes, batch_size),
                "Graph": steps(as_graph(layers(sizes)), sizes, batch_size),
            }
            spent = in_turns(contenders, rounds, 0.05)
            times = [f"{1e6 * statistics.median(spent[name]):.1f} us" for name in contenders]
            name = f"{what}, {'-'.join(map(str, sizes))}, batch {batch_size}"
            table_row([name, *times, f"{ratio(spent['Graph'], spent['list']):.3f}"])


if __name__ == "__main__":
    main()
