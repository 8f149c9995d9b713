"""The adding problem: what an LSTM and a GRU remember over 100 steps, and a plain RNN does not.

Each sequence has 100 random numbers, two of them marked, one in each half; the target is the sum of
these two (Hochreiter and Schmidhuber 1997, section 5.4; here in the form of Le et al. 2015). Saying
1 always has the mean squared error 1/6 = 0.167.

Expected: mean squared error after 3,000 steps (seed 0): LSTM 0.0004 (below 0.01 after 1,000 steps),
GRU 0.0001 (after 400), RNN 0.1647, no better than a constant. 1 to 5 minutes each on a busy core.
On another processor: 0.0006, 0.0001 and 0.1682, after as many steps.

The plot shows why: of the loss's gradient with respect to the inputs, what arrives at the first
steps, where one of the numbers is, relative to the last step. At first it is a hundredth or far
less for all three. The gates of the LSTM and the GRU learn to stay open, and it becomes 1; the RNN
has none, and after training a thousandth is left every ten steps.

    python examples/adding_problem.py [--seed 0] [--plot adding_problem.png]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import plainnet
from plainnet.callbacks import Callback, Run
from plainnet.layers import GRU, LSTM, RNN, Dense
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import Adam

TIME, UNITS, BATCH, STEPS_PER_EPOCH = 100, 64, 64, 100


class Sums:
    """Batches of new sequences."""

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.n, self.rng = n, rng

    def __len__(self) -> int:
        return self.n

    def __iter__(self):
        for _ in range(self.n):
            yield self.draw(BATCH)

    def draw(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        X = np.zeros((m, TIME, 2), np.float32)
        X[:, :, 0] = self.rng.random((m, TIME))
        first = self.rng.integers(0, TIME // 2, m)
        second = self.rng.integers(TIME // 2, TIME, m)
        rows = np.arange(m)
        X[rows, first, 1] = X[rows, second, 1] = 1
        return X, X[rows, first, 0] + X[rows, second, 0]


class GradientNorms(Callback):
    """The norm of the loss's gradient with respect to the input of each step, epoch by epoch."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.y = X, y
        self.norms: list[np.ndarray] = []

    def begin_training(self, run: Run) -> None:
        self.look(run)

    def end_epoch(self, run: Run) -> None:
        self.look(run)

    def look(self, run: Run) -> None:
        cache = plainnet.Cache(training=True, record=True)
        run.network.loss_and_gradients(self.X, self.y, cache)
        self.norms.append(np.sqrt((cache["dX"] ** 2).sum(axis=(0, 2))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--plot", type=Path, help="draw the gradients' norms into this file")
    arguments = parser.parse_args()

    norms = {}
    for kind in (RNN, GRU, LSTM):
        rng = np.random.default_rng(arguments.seed)
        sums = Sums(STEPS_PER_EPOCH, rng)
        held = Sums(1, np.random.default_rng(arguments.seed + 1)).draw(2000)
        network = plainnet.Network(
            [kind(UNITS), Dense(1)],
            loss=MeanSquaredError(),
            input_shape=(TIME, 2),
            seed=arguments.seed,
        )
        watch = GradientNorms(held[0][:200], held[1][:200])
        start = time.perf_counter()
        history = plainnet.train(
            network,
            sums,
            optimizer=Adam(0.003),
            epochs=arguments.epochs,
            validation_data=held,
            callbacks=[watch],
            clip_norm=1.0,
            seed=arguments.seed,
        )
        seconds = time.perf_counter() - start
        norms[kind.__name__] = np.array(watch.norms)
        error = history["val_loss"]
        solved = next((i + 1 for i, e in enumerate(error) if e < 0.01), None)
        when = "never below 0.01" if solved is None else f"below 0.01 after {solved * 100} steps"
        print(
            f"{kind.__name__:<5} mean squared error {error[-1]:.4f} after "
            f"{len(error) * STEPS_PER_EPOCH} steps ({when}), {seconds:.0f} s"
        )
    if arguments.plot is not None:
        plot(norms, arguments.plot)


def plot(norms: dict[str, np.ndarray], path: Path) -> None:
    """Norms (epochs + 1, TIME) of each kind of layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    over_training, over_time = figure.subplots(1, 2, sharey=True)
    for name, norm in norms.items():
        share = norm / norm[:, -1:]
        steps = STEPS_PER_EPOCH * np.arange(len(norm))
        over_training.semilogy(steps, share[:, : TIME // 4].mean(axis=1), label=name)
        over_time.semilogy(np.arange(1, TIME + 1), share[-1], label=name)
    over_training.set(
        title="at the first quarter of the sequence",
        xlabel="steps of training",
        ylabel="gradient's norm, relative to the last step's",
    )
    over_time.set(title="after training", xlabel="step of the sequence")
    over_time.legend()
    for axes in (over_training, over_time):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    print(f"plot: {path}")


if __name__ == "__main__":
    main()
