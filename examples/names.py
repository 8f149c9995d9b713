"""First names, letter by letter: three networks that guess the next letter, and make up names.

The data are the 32,033 names of makemore, in random order 80% to learn from, 10% to validate and
10% to test. The loss is that of a letter, the end of the name included.

Expected (seed 0): validation loss 2.0985 (mlp), 1.9937 (gru), 2.0216 (transformer);
on the test names 2.08, 1.97 and 2.00. The last two learn by heart towards the end: fewer epochs or
dropout would suit them better. 1, 3 and 17 minutes on one busy core.
Published: 2.11 for the first (Karpathy's lecture on this MLP, 10 numbers a letter and 200 units),
about 1.92 for a Transformer of makemore on its own test names.

    python examples/names.py mlp|gru|transformer [--seed 0] [--plot loss.png]
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

import plainnet
from plainnet import datasets
from plainnet.layers import (
    GRU,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    LearnedPositions,
    Tanh,
    TransformerBlock,
)
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import AdamW
from plainnet.schedules import Cosine

END = 0
LETTERS = ".abcdefghijklmnopqrstuvwxyz"
CONTEXT = 3
"""Letters that the MLP sees."""
NOT_COUNTED = -1


def split_names(seed: int) -> list[list[str]]:
    names = datasets.text("names").split()
    order = np.random.default_rng(seed).permutation(len(names))
    cuts = [0, round(0.8 * len(names)), round(0.9 * len(names)), len(names)]
    return [[names[i] for i in order[a:b]] for a, b in pairwise(cuts)]


def contexts(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A row for each letter: the three before it, and itself."""
    X, y = [], []
    for name in names:
        ids = [END] * CONTEXT + [LETTERS.index(letter) for letter in name] + [END]
        for t in range(CONTEXT, len(ids)):
            X.append(ids[t - CONTEXT : t])
            y.append(ids[t])
    return np.array(X), np.array(y)


def sequences(names: list[str], length: int) -> tuple[np.ndarray, np.ndarray]:
    """A row for each name, and the letter that follows at each step, up to the end."""
    X = np.full((len(names), length), END)
    y = np.full((len(names), length), NOT_COUNTED)
    for row, name in enumerate(names):
        ids = [LETTERS.index(letter) for letter in name]
        X[row, 1 : len(ids) + 1] = ids
        y[row, : len(ids) + 1] = [*ids, END]
    return X, y


def network_of(kind: str, length: int, seed: int) -> plainnet.Network:
    K = len(LETTERS)
    layers = {
        "mlp": lambda: [Embedding(K, 16), Flatten(), Dense(300), Tanh(), Dense(K)],
        "gru": lambda: [Embedding(K, 64), GRU(128, return_sequences=True), Dense(K)],
        "transformer": lambda: [
            Embedding(K, 64),
            LearnedPositions(length),
            *(TransformerBlock(4, causal=True) for _ in range(4)),
            LayerNorm(),
            Dense(K),
        ],
    }[kind]()
    shape = (CONTEXT,) if kind == "mlp" else (None,)
    return plainnet.Network(layers, loss=SoftmaxCrossEntropy(), input_shape=shape, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["mlp", "gru", "transformer"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--plot", type=Path, help="draw the losses into this file")
    arguments = parser.parse_args()
    kind, seed = arguments.kind, arguments.seed

    parts = split_names(seed)
    length = max(len(name) for part in parts for name in part) + 1
    prepare = contexts if kind == "mlp" else lambda names: sequences(names, length)
    (X, y), validation, test = map(prepare, parts)
    network = network_of(kind, length, seed)
    print(network.summary())
    start = time.perf_counter()
    rate, batch, epochs = {
        "mlp": (0.004, 256, 20),
        "gru": (0.003, 64, 20),
        "transformer": (0.002, 64, 20),
    }[kind]
    history = plainnet.train(
        network,
        X,
        y,
        optimizer=AdamW(rate, weight_decay=0.005),
        epochs=arguments.epochs or epochs,
        batch_size=batch,
        validation_data=validation,
        callbacks=[Cosine()],
        clip_norm=1.0,
        seed=seed,
    )
    seconds = time.perf_counter() - start
    print(
        f"{kind}: validation loss {network.evaluate(*validation)['loss']:.4f}, "
        f"test loss {network.evaluate(*test)['loss']:.4f} after {seconds:.0f} s of training"
    )
    if kind != "mlp":
        made = plainnet.generate(network, np.zeros((10, 1), int), length - 1, seed=seed)
        for row in made:
            print("  " + "".join(LETTERS[i] for i in row[1:]).split(".")[0])
    if arguments.plot is not None:
        history.plot().figure.savefig(arguments.plot)


if __name__ == "__main__":
    main()
