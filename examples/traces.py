"""Six networks of these examples in the glass box: any of their numbers, computed again from text.

Each learns for 20 steps and is then traced, with its next update. Lines are printed in full, to 17
digits, and Python computes them again from the text.

Expected (seed 0): of 20 lines for each array of each network, all agree with the pass, to 6e-15 of
the largest number in the array
    lenet         3,460 lines    vae            3,940 lines
    gru           2,098 lines    u-net         11,880 lines
    transformer  16,900 lines    siamese        3,040 lines
in a minute. Fashion-MNIST and the list of names have to be there or are downloaded.

    python examples/traces.py [--seed 0] [--lines 20]
"""

import argparse
import re
import time
from typing import Any

import numpy as np
from fashion_mnist_cnn import NETWORKS
from names import network_of, sequences, split_names
from siamese import Pairs, siamese
from sklearn.datasets import load_digits
from unet import images_and_masks, unet
from vae import network_of as autoencoder

import plainnet
from plainnet import datasets
from plainnet.engine.formulas import FUNCTIONS
from plainnet.inspection import Line, trace
from plainnet.optimizers import Adam

STEPS, EXAMPLES = 20, 2
KNOWN = {
    **FUNCTIONS,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
    "nan": np.nan,
}


def lenet(seed: int) -> tuple[plainnet.Network, Any, Any]:
    data = datasets.load("fashion-mnist")
    X = np.asarray(data.X[:320], np.float32).reshape(-1, 28, 28, 1) / 255
    network = plainnet.Network(
        NETWORKS["lenet"](),
        loss=plainnet.losses.SoftmaxCrossEntropy(),
        input_shape=(28, 28, 1),
        seed=seed,
    )
    return network, X, np.asarray(data.y[:320], np.int64)


def of_names(kind: str, seed: int) -> tuple[plainnet.Network, Any, Any]:
    names = split_names(seed)[0][:320]
    X, y = sequences(names, 1 + max(map(len, names)))
    return network_of(kind, X.shape[1], seed), X, y


def of_digits(seed: int) -> tuple[plainnet.Network, Any, Any]:
    X = load_digits().data[:320] / 16
    return autoencoder(X.shape[1], 2, seed), X, {"ink": X}


def of_masks(seed: int) -> tuple[plainnet.Network, Any, Any]:
    X, y = images_and_masks(320, np.random.default_rng(seed))
    return unet(seed), X, y


def of_pairs(seed: int) -> tuple[plainnet.Network, Any, Any]:
    digits = load_digits()
    pairs = Pairs(digits.images[..., None] / 16, digits.target, np.random.default_rng(seed))
    return siamese(seed), *pairs.draw(320)


EXAMPLE = {
    "lenet": lenet,
    "gru": lambda seed: of_names("gru", seed),
    "transformer": lambda seed: of_names("transformer", seed),
    "vae": of_digits,
    "u-net": of_masks,
    "siamese": of_pairs,
}


def some(data: Any, rows: slice) -> Any:
    return {k: v[rows] for k, v in data.items()} if isinstance(data, dict) else data[rows]


def again(line: Line) -> float:
    """The number that the printed line makes."""
    text = line.text(digits=17, most=500)
    _, made, *value = text.split(" = ")
    if re.fullmatch(r"\w+\[[\d, ]+\]", made):  # the name of a number that is only moved
        (made,) = value
    made = re.sub(r"\([\d,]+ more: ([^()]+)\)", r"(\1)", made)
    return float(eval(made, KNOWN))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lines", type=int, default=20)
    arguments = parser.parse_args()
    start = time.perf_counter()
    for name, made in EXAMPLE.items():
        network, X, y = made(arguments.seed)
        network, optimizer = network.astype(np.float64), Adam()
        cache = plainnet.Cache(training=True, seed=arguments.seed)
        for step in range(STEPS):
            rows = slice(16 * step % 320, 16 * step % 320 + 16)
            plainnet.step(network, some(X, rows), some(y, rows), optimizer, cache=cache)
        few = slice(0, EXAMPLES)
        record = trace(network, some(X, few), some(y, few), optimizer)
        rng, lines, worst, shown = np.random.default_rng(arguments.seed), 0, 0.0, []
        for array in record:
            values = record[array]
            for _ in range(arguments.lines if values.size else 0):
                line = record.unit(array, tuple(int(rng.integers(n)) for n in values.shape))
                if line.formula is None:  # data, parameters, what was drawn
                    continue
                largest = max(abs(float(line.value)), float(np.abs(record[line.name]).max()), 1e-12)
                worst = max(worst, abs(again(line) - float(line.value)) / largest)
                lines += 1
                shown.append(line)
        print(f"{name}: {len(record.steps)} steps, {lines:,} lines, off by {worst:.1e} at most")
        for line in rng.choice(np.array(shown, object), 3, replace=False):
            print(f"    {line.name}: {line.text(most=4)}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
