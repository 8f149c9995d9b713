"""Two outputs: which digit is in the picture, and where. A small detector.

One of scikit-learn's digits, cut to its ink, lies somewhere in 32x32 noisy pixels among scraps of
other digits, 8 to 20 pixels high. A trunk of convolutions carries two heads: the class with a
cross-entropy, and the box, its centre and size, with an absolute error.

Expected (seed 0): on 2,000 pictures of held-out digits accuracy 0.941, mean intersection over union
0.802, and in 91.1% of them the right class with an overlap above a half, after 2 minutes on one
core. The settings were chosen on these digits; with seed 1, which holds out others, it is 0.960,
0.809 and 93.5%.

The heads share the convolutions and nothing else, and the weights matter. With one Dense(128) and
ReLU below both, and ten times the box's loss, the box's gradients kill all but three of its units,
and the class stays at chance.

    python examples/two_heads.py [--seed 0] [--plot boxes.png]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import plainnet
from plainnet import datasets
from plainnet.layers import BatchNorm, Conv2d, Dense, Flatten, Graph, Layer, MaxPool2d, ReLU
from plainnet.losses import MeanAbsoluteError, SoftmaxCrossEntropy
from plainnet.optimizers import AdamW
from plainnet.schedules import Cosine

SIDE, SMALLEST, LARGEST, SCRAPS, NOISE = 32, 8, 20, 4, 0.15
BATCH, STEPS_PER_EPOCH, EPOCHS, N_TEST = 64, 100, 25, 2000
BOX_WEIGHT = 3.0
Batch = tuple[np.ndarray, dict[str, np.ndarray]]


class Scenes:
    """Batches of new pictures of these digits."""

    def __init__(self, images: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
        self.images = [cut_to_ink(image) for image in images]
        self.y, self.rng = y, rng

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def __iter__(self):
        for _ in range(len(self)):
            yield self.draw(BATCH)

    def draw(self, m: int) -> Batch:
        rng = self.rng
        pictures = rng.normal(0, NOISE, (m, SIDE, SIDE))
        boxes = np.empty((m, 4))
        chosen = rng.integers(0, len(self.images), m)
        for picture, box, i in zip(pictures, boxes, chosen, strict=True):
            for scrap in rng.integers(0, len(self.images), SCRAPS):
                a, b = rng.integers(0, 5, 2)
                piece = self.images[scrap][a : a + 4, b : b + 4]
                if piece.size:
                    put(picture, piece, rng)
            height = rng.integers(SMALLEST, LARGEST + 1)
            h, w = self.images[i].shape
            digit = resized(self.images[i], height, max(round(height * w / h), 3))
            box[:] = put(picture, digit, rng)
        return pictures[..., None], {"digit": self.y[chosen], "box": boxes}


def cut_to_ink(image: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(image.max(axis=1) > 0.2)[0], np.nonzero(image.max(axis=0) > 0.2)[0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Linear interpolation along both axes."""
    for n in (height, width):
        places = np.linspace(0, len(image) - 1, n)
        below = np.minimum(places.astype(int), max(len(image) - 2, 0))
        share = (places - below)[:, None]
        above = np.minimum(below + 1, len(image) - 1)
        image = ((1 - share) * image[below] + share * image[above]).T
    return image


def put(picture: np.ndarray, piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay the piece over the picture, somewhere; its centre and size, as shares of the side."""
    height, width = piece.shape
    top, left = rng.integers(0, SIDE - height + 1), rng.integers(0, SIDE - width + 1)
    part = picture[top : top + height, left : left + width]
    np.maximum(part, piece, out=part)
    return np.array([left + width / 2, top + height / 2, width, height]) / SIDE


def head(outputs: int) -> list[Layer]:
    """Batch norm has the biases."""
    return [Dense(128, bias=False), BatchNorm(), ReLU(), Dense(outputs)]


def detector(seed: int) -> plainnet.Network:
    trunk: list[Layer] = []
    for filters in (16, 32, 64):
        trunk += [Conv2d(filters, 3, padding="same", bias=False), BatchNorm(), ReLU(), MaxPool2d(2)]
    graph = Graph(
        {
            "trunk": ([*trunk, Flatten()], "picture"),
            "digit": (head(10), "trunk"),
            "box": (head(4), "trunk"),
        },
        inputs="picture",
        outputs=("digit", "box"),
    )
    return plainnet.Network(
        graph,
        loss={"digit": SoftmaxCrossEntropy(), "box": (MeanAbsoluteError(), BOX_WEIGHT)},
        input_shape=(SIDE, SIDE, 1),
        seed=seed,
    )


def overlap(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (m, 4)."""
    low = np.maximum(A[:, :2] - A[:, 2:] / 2, B[:, :2] - B[:, 2:] / 2)
    high = np.minimum(A[:, :2] + A[:, 2:] / 2, B[:, :2] + B[:, 2:] / 2)
    both = np.maximum(high - low, 0).prod(axis=1)
    return both / (A[:, 2:].prod(axis=1) + B[:, 2:].prod(axis=1) - both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="draw pictures and boxes into this file")
    arguments = parser.parse_args()
    seed = arguments.seed

    data = datasets.load("digits")
    images = data.X.reshape(-1, 8, 8) / 16
    fit, held = plainnet.data.split(len(images), 0.3, seed=seed, stratify=data.y)
    rng = np.random.default_rng(seed)
    scenes = Scenes(images[fit], data.y[fit], rng)
    X, truth = Scenes(images[held], data.y[held], rng).draw(N_TEST)

    network = detector(seed)
    print(network.summary())
    start = time.perf_counter()
    plainnet.train(
        network,
        scenes,
        optimizer=AdamW(0.003, weight_decay=0.05),
        epochs=EPOCHS,
        validation_data=(X, truth),
        callbacks=[Cosine()],
        seed=seed,
    )
    seconds = time.perf_counter() - start

    said = network.predict(X)
    right, share = said["digit"] == truth["digit"], overlap(said["box"], truth["box"])
    print(
        f"accuracy {right.mean():.3f}, mean intersection over union {share.mean():.3f}, "
        f"both right (over a half) {np.mean(right & (share > 0.5)):.3f}, "
        f"after {seconds:.0f} s of training"
    )
    if arguments.plot is not None:
        plot(X, truth, said, share, arguments.plot)


def plot(
    X: np.ndarray,
    truth: dict[str, np.ndarray],
    said: dict[str, np.ndarray],
    share: np.ndarray,
    path: Path,
) -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(11, 6), layout="constrained")
    for i, axes in enumerate(figure.subplots(3, 6).flat):
        axes.imshow(X[i, ..., 0], cmap="gray_r", extent=(0, SIDE, SIDE, 0))
        for boxes, colour, style in ((truth, "C2", "-"), (said, "C1", "--")):
            x, y, width, height = SIDE * boxes["box"][i]
            corner = (x - width / 2, y - height / 2)
            axes.add_patch(Rectangle(corner, width, height, fill=False, ec=colour, ls=style, lw=2))
        is_right = said["digit"][i] == truth["digit"][i]
        digit = f"{said['digit'][i]}" + ("" if is_right else f", is {truth['digit'][i]}")
        axes.set_title(
            f"{digit} ({share[i]:.2f})", color="black" if is_right else "C3", fontsize=10
        )
        axes.axis("off")
    figure.suptitle(
        "true box green, predicted box dashed; above each picture the predicted digit (red: wrong) "
        "and the intersection over union",
        fontsize=11,
    )
    figure.savefig(path, dpi=100)
    print(f"plot: {path}")


if __name__ == "__main__":
    main()
