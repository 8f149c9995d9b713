"""A variational autoencoder (Kingma and Welling 2014) of images in black and white.

The encoder gives a normal distribution for each image's code, the decoder the probability of ink in
each pixel, and both are trained for the evidence lower bound: how probable the image is, given a
code that is drawn, less the code's divergence from the standard normal. Pixels above half are ink,
so that the bound is one of log p(image), in nats.

Expected (seed 0): the bound of a held-out image, averaged over 10 draws of each code
    fashion   code of 2: -168.63    code of 50: -119.43    40 epochs each, 6 minutes on a busy core
    digits    code of 2:  -20.15    code of 10:  -18.19    100 epochs each, a few seconds
On images that it is trained on, the larger code has -114.84 for fashion and -16.70 for digits.
Published for the code of 50, in the same setting (784-200-200-50 and back, ELU, pixels rounded,
batches of 100, Adam at 0.001, but without a decay of the learning rate): -122.68 after 40 epochs
and -119.35 after 200, in a reproduction of Cremer et al. 2018 (the notebook of
fashion_ffg_regular_e22d22 in github.com/ATML-2022-Group6/inference-suboptimality).

    python examples/vae.py [--data fashion|digits] [--seed 0] [--plot vae.png]

It needs scikit-learn for the digits; for Fashion-MNIST, Debian's package dataset-fashion-mnist, or
`pip install '.[data]'` in the clone, which lets it be downloaded.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import plainnet
from plainnet import datasets
from plainnet.layers import ELU, Dense, Graph, Sample
from plainnet.losses import GaussianKL, SigmoidCrossEntropy
from plainnet.optimizers import Adam
from plainnet.schedules import Cosine

HIDDEN = 200
CODES = {"digits": (2, 10), "fashion": (2, 50)}
EPOCHS = {"digits": 100, "fashion": 40}
BATCH = 100
DRAWS = 10
"""Codes that are drawn for each held-out image."""
REACH = 3.0
"""Standard deviations of the prior that the plane of codes is drawn up to."""


def network_of(pixels: int, code: int, seed: int) -> plainnet.Network:
    graph = Graph(
        {
            # The means of the code's distribution, then the logarithms of its variances.
            "code": ([Dense(HIDDEN), ELU(), Dense(HIDDEN), ELU(), Dense(2 * code)], "image"),
            "drawn": (Sample(), "code"),
            "ink": ([Dense(HIDDEN), ELU(), Dense(HIDDEN), ELU(), Dense(pixels)], "drawn"),
        },
        inputs="image",
        outputs=("ink", "code"),
    )
    # The cross-entropy is the mean over the pixels, and the bound has the sum.
    losses = {"ink": (SigmoidCrossEntropy(), pixels), "code": GaussianKL()}
    return plainnet.Network(graph, loss=losses, input_shape=pixels, seed=seed)


def bound(network: plainnet.Network, X: np.ndarray, seed: int) -> float:
    """The evidence lower bound of an image, in nats: the mean over images and draws."""
    cache = plainnet.Cache(training=True, seed=seed)  # outside training, the code is its mean
    losses = [network.loss_and_gradients(X, {"ink": X}, cache) for _ in range(DRAWS)]
    return -float(np.mean(losses))


def decoder_of(network: plainnet.Network, code: int) -> plainnet.Network:
    """The decoder alone, from codes to the probability of ink."""
    return plainnet.Network(
        [network.layer("ink")], loss=SigmoidCrossEntropy(), input_shape=code, seed=0
    )


def images(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, datasets.Dataset]:
    """Images to fit, images held out and their classes: a row each, 1 where there is ink."""
    data = datasets.load("fashion-mnist" if name == "fashion" else "digits")
    if data.test is not None:
        X, (X_test, y_test) = data.X, data.test
    else:
        fit, held = plainnet.data.split(len(data.X), 0.2, seed=seed, stratify=data.y)
        X, X_test, y_test = data.X[fit], data.X[held], data.y[held]
    half = data.X.max() / 2
    return (X > half).astype(np.float32), (X_test > half).astype(np.float32), y_test, data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=["fashion", "digits"], default="fashion")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--plot", type=Path, help="draw images, samples and codes into this file")
    arguments = parser.parse_args()
    seed = arguments.seed

    X, X_test, y_test, data = images(arguments.data, seed)
    networks = {}
    for code in CODES[arguments.data]:
        networks[code] = network = network_of(X.shape[1], code, seed)
        start = time.perf_counter()
        plainnet.train(
            network,
            X,
            {"ink": X},
            optimizer=Adam(0.001),
            epochs=arguments.epochs or EPOCHS[arguments.data],
            batch_size=BATCH,
            callbacks=[Cosine()],
            seed=seed,
        )
        seconds = time.perf_counter() - start
        divergence = network.evaluate(X_test, {"ink": X_test})["code_loss"]
        print(
            f"a code of {code}: {bound(network, X_test, seed):.2f} nats a held-out image "
            f"({bound(network, X[: len(X_test)], seed):.2f} a training image), "
            f"divergence {divergence:.2f}; {seconds:.0f} s"
        )
    if arguments.plot is not None:
        plot(networks, X_test, y_test, data, seed, arguments.plot)


def plot(
    networks: dict[int, plainnet.Network],
    X: np.ndarray,
    y: np.ndarray,
    data: datasets.Dataset,
    seed: int,
    path: Path,
) -> None:
    from matplotlib.figure import Figure

    def tiles(axes, rows: np.ndarray, title: str) -> None:
        """Images as one page, from (rows, columns, pixels)."""
        n, m = rows.shape[:2]
        framed = np.pad(rows.reshape(n, m, *data.image_shape), [(0, 0), (0, 0), (1, 1), (1, 1)])
        height, width = framed.shape[2:]
        page = framed.swapaxes(1, 2).reshape(n * height, m * width)
        axes.imshow(page, cmap="gray_r", vmin=0, vmax=1)
        axes.set_xticks(np.arange(1, m) * width - 0.5, [])
        axes.set_yticks(np.arange(1, n) * height - 0.5, [])
        axes.grid(color="C0", linewidth=0.5)
        axes.tick_params(length=0)
        axes.set_title(title)

    (plane, small), (large, big) = networks.items()
    figure = Figure(figsize=(14, 10), layout="constrained")
    figure.suptitle(
        f"{data.name}: a variational autoencoder of images in black and white", fontsize=14
    )
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.5))

    one_of_each = X[[np.flatnonzero(y == k)[0] for k in range(10)]]
    again = [network.predict_proba(one_of_each)["ink"] for network in (big, small)]
    tiles(
        above.subplots(),
        np.stack([one_of_each, *again]),
        f"held-out images, and what comes back from codes of {large} and of {plane} numbers",
    )

    samples, drawn_plane, codes = below.subplots(1, 3)
    drawn = np.random.default_rng(seed).standard_normal((100, large))
    ink = decoder_of(big, large).predict_proba(drawn)
    tiles(samples, ink.reshape(10, 10, -1), f"samples from the prior, {large} numbers")

    at = np.linspace(-REACH, REACH, 13)
    grid = np.array([[u, v] for v in at[::-1] for u in at])
    ink = decoder_of(small, plane).predict_proba(grid)
    tiles(drawn_plane, ink.reshape(13, 13, -1), f"codes of {plane} numbers, decoded")

    means = small.outputs(X)["code"][:, :plane]
    size = 4000 / len(X) ** 0.75
    for k, kind in enumerate(data.class_names):
        codes.scatter(*means[y == k].T, s=size, color=f"C{k}", alpha=0.6, linewidth=0, label=kind)
    codes.set(
        title="the same plane: held-out images' codes",
        xlim=(-REACH, REACH),
        ylim=(-REACH, REACH),
        aspect="equal",
    )
    below.legend(loc="outside lower right", ncols=10, markerscale=9 / size**0.5)
    figure.savefig(path, dpi=100)
    print(f"plot: {path}")


if __name__ == "__main__":
    main()
