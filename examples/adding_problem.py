"""The adding problem: what an LSTM and a GRU remember over 100 steps, and a plain RNN does not.

Each sequence has 100 random numbers, two of them marked, one in each half; the target is the sum of
these two (Hochreiter and Schmidhuber 1997, section 5.4; here in the form of Le et al. 2015). Saying
1 always has the mean squared error 1/6 = 0.167.

Expected: mean squared error after 3,000 steps (seed 0): LSTM 0.0004 (below 0.01 after 1,000 steps),
GRU 0.0001 (after 400), RNN 0.1647, no better than a constant. 1 to 5 minutes each on a busy core.

    python examples/adding_problem.py [--seed 0]
"""

import argparse
import time

import numpy as np

import plainnet
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()

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
        start = time.perf_counter()
        history = plainnet.train(
            network,
            sums,
            optimizer=Adam(0.003),
            epochs=arguments.epochs,
            validation_data=held,
            clip_norm=1.0,
            seed=arguments.seed,
            progress=False,
        )
        seconds = time.perf_counter() - start
        error = history["val_loss"]
        solved = next((i + 1 for i, e in enumerate(error) if e < 0.01), None)
        when = "never below 0.01" if solved is None else f"below 0.01 after {solved * 100} steps"
        print(
            f"{kind.__name__:<5} mean squared error {error[-1]:.4f} after "
            f"{len(error) * STEPS_PER_EPOCH} steps ({when}), {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
