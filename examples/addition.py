"""Adding numbers of up to three digits as text, with an LSTM: "535+61" is read, "596" is written.

The setting of Keras's example addition_rnn: 50,000 different questions, a tenth of them to
validate, read backwards; an LSTM of 128 units reads, its last state is repeated for each digit of
the answer, a second LSTM writes.

Expected: 99.98% of the validation answers are right in every digit after 30 epochs (seed 0),
in 11 minutes on one busy core. Published: 99% in 100 epochs of 50,000 examples.

    python examples/addition.py [--seed 0] [--plot answers.png]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import plainnet
from plainnet.callbacks import Callback, Run
from plainnet.engine.cache import Cache
from plainnet.layers import LSTM, Dense, Layer
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam
from plainnet.schedules import Cosine

DIGITS, EXAMPLES = 3, 50_000
LETTERS = "0123456789+ "
QUESTION, ANSWER = 2 * DIGITS + 1, DIGITS + 1


class Repeat(Layer):
    """(m, features) becomes (m, n, features): the same at each step."""

    def __init__(self, n: int) -> None:
        self.n = n

    def build(self, input_shape):
        return (self.n, *input_shape)

    def forward(self, A, cache: Cache):
        Y = cache.array("Y", (len(A), self.n, A.shape[1]), A.dtype)
        np.copyto(Y, A[:, None])
        return Y

    def backward(self, dY, cache: Cache):
        return np.add.reduce(dY, axis=1, out=cache.array("dA", dY[:, 0].shape, dY.dtype))


class AllDigits(Callback):
    """The share of the validation answers that are right in every digit, each epoch."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.y = X, y

    def end_epoch(self, run: Run) -> None:
        right = (run.network.predict(self.X) == self.y).all(axis=1)
        run.history.append({"val_answers": float(right.mean())})


def questions(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Different sums as ids, (m, 7) and (m, 4); of a+b and b+a only one is among them."""
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < EXAMPLES:
        a, b = (int(rng.integers(0, 10 ** int(rng.integers(1, DIGITS + 1)))) for _ in range(2))
        pairs.add((min(a, b), max(a, b)))
    X, y = [], []
    for pair in rng.permutation(sorted(pairs)):
        a, b = rng.permutation(pair).tolist()
        question, answer = f"{a}+{b}".ljust(QUESTION), f"{a + b}".ljust(ANSWER)
        X.append([LETTERS.index(letter) for letter in reversed(question)])
        y.append([LETTERS.index(letter) for letter in answer])
    return np.array(X), np.array(y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--plot", type=Path, help="draw the share of right answers into this file")
    arguments = parser.parse_args()
    ids, y = questions(np.random.default_rng(arguments.seed))
    X = np.eye(len(LETTERS), dtype=np.float32)[ids]
    fit = slice(EXAMPLES - EXAMPLES // 10)
    held = slice(EXAMPLES - EXAMPLES // 10, None)

    network = plainnet.Network(
        [LSTM(128), Repeat(ANSWER), LSTM(128, return_sequences=True), Dense(len(LETTERS))],
        loss=SoftmaxCrossEntropy(),
        input_shape=(QUESTION, len(LETTERS)),
        seed=arguments.seed,
    )
    print(network.summary())
    start = time.perf_counter()
    history = plainnet.train(
        network,
        X[fit],
        y[fit],
        optimizer=Adam(0.003),
        epochs=arguments.epochs,
        batch_size=64,
        validation_data=(X[held], y[held]),
        callbacks=[AllDigits(X[held], y[held]), Cosine()],
        clip_norm=1.0,
        seed=arguments.seed,
    )
    seconds = time.perf_counter() - start
    share = history["val_answers"][-1]
    print(f"{share:.4f} of the answers are right after {seconds:.0f} s of training")
    for question, answer, truth in zip(
        ids[held][:8], network.predict(X[held][:8]), y[held][:8], strict=True
    ):
        asked = "".join(LETTERS[i] for i in reversed(question)).strip()
        said, right = ("".join(LETTERS[i] for i in row).strip() for row in (answer, truth))
        print(f"  {asked} = {said}" + ("" if said == right else f", and {right} is right"))
    if arguments.plot is not None:
        history.plot("answers").figure.savefig(arguments.plot)


if __name__ == "__main__":
    main()
