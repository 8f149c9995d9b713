"""The time of one training step with Adam in float32: plainnet, scikit-learn and PyTorch.

    python benchmarks/training_step.py [--rounds 15]

All four train the same network on the same data. A measurement is a few epochs, shuffled, divided
by their number of steps; the four take turns, round by round. The table gives the median of each,
and the medians of the ratios of each round.

Needs scikit-learn and PyTorch (CPU). Each uses as many threads as it takes by default.
"""

import argparse
import statistics
import warnings
from dataclasses import dataclass

import numpy as np
import sklearn
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from timing import Call, in_turns, ratio, software, table_head, table_row

import plainnet
from plainnet.layers import Dense, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam

EPOCHS = 3


@dataclass(frozen=True)
class Row:
    sizes: tuple[int, ...]
    batch_size: int
    steps: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch_size}"


ROWS = (
    Row((2, 16, 16, 3), 32, 200),
    Row((64, 128, 64, 10), 64, 100),
    Row((784, 256, 128, 10), 128, 60),
    Row((1024, 1024, 1024, 10), 256, 20),
)
CONTENDERS = ("plainnet", "scikit-learn", "PyTorch", "PyTorch fused")


def plainnet_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    layers = [layer for units in row.sizes[1:-1] for layer in (Dense(units), ReLU())]
    network = plainnet.Network(
        [*layers, Dense(row.sizes[-1])], loss=SoftmaxCrossEntropy(), input_shape=row.sizes[0]
    )
    optimizer = Adam()
    return lambda: plainnet.train(
        network,
        X,
        y,
        optimizer=optimizer,
        epochs=EPOCHS,
        batch_size=row.batch_size,
        progress=False,
    )


def sklearn_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    # partial_fit is one epoch, shuffled as in fit, without building the network anew.
    classifier = MLPClassifier(row.sizes[1:-1], batch_size=row.batch_size)
    classifier.partial_fit(X, y, classes=np.arange(row.sizes[-1]))
    return lambda: [classifier.partial_fit(X, y) for _ in range(EPOCHS)]


def torch_epochs(row: Row, X: np.ndarray, y: np.ndarray, *, fused: bool) -> Call:
    modules: list[torch.nn.Module] = []
    for n_in, n_out in zip(row.sizes[:-2], row.sizes[1:-1], strict=True):
        modules += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules, torch.nn.Linear(*row.sizes[-2:]))
    optimizer = torch.optim.Adam(network.parameters(), fused=fused or None)
    loss_of = torch.nn.CrossEntropyLoss()
    X_all, y_all = torch.from_numpy(X), torch.from_numpy(y)

    def epochs() -> None:
        for _ in range(EPOCHS):
            order = torch.randperm(len(X_all))
            for rows in order.split(row.batch_size):
                optimizer.zero_grad()
                loss = loss_of(network(X_all[rows]), y_all[rows])
                loss.backward()
                optimizer.step()
                loss.item()  # plainnet and scikit-learn keep the sum of the losses too

    return epochs


def measure(row: Row, rounds: int) -> dict[str, list[float]]:
    """Seconds per step of every round."""
    rng = np.random.default_rng(0)
    m = row.batch_size * row.steps
    X = rng.standard_normal((m, row.sizes[0]), dtype=np.float32)
    y = rng.integers(0, row.sizes[-1], m)
    contenders = {
        "plainnet": plainnet_epochs(row, X, y),
        "scikit-learn": sklearn_epochs(row, X, y),
        "PyTorch": torch_epochs(row, X, y, fused=False),
        "PyTorch fused": torch_epochs(row, X, y, fused=True),
    }
    seconds = in_turns(contenders, rounds, seconds=0)
    return {name: [s / (EPOCHS * row.steps) for s in values] for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each (15)")
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{software()}, scikit-learn {sklearn.__version__}; {rounds} rounds\n")
    titles = ["network", *(f"{name} (us)" for name in CONTENDERS)]
    table_head([*titles, *(f"x {name}" for name in CONTENDERS[1:])])
    for row in ROWS:
        seconds = measure(row, rounds)
        cells = [str(row)]
        cells += [f"{statistics.median(seconds[name]) * 1e6:,.0f}" for name in CONTENDERS]
        cells += [f"{ratio(seconds[name], seconds['plainnet']):.1f}" for name in CONTENDERS[1:]]
        table_row(cells)


if __name__ == "__main__":
    main()
