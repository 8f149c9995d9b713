"""Faults in networks with convolutions."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from faults import changes as c
from faults import data, signals
from faults.healthy_sequences import BARS, IMAGES, IMAGES_BATCHNORM, SPOTS, WAVES
from faults.setting import Data, plant
from plainnet.initializers import Normal
from plainnet.layers import (
    BatchNorm,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    FromFormula,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    Layer,
    MaxPool2d,
    ReLU,
    Sigmoid,
)
from plainnet.optimizers import Adam

FEW_IMAGES = replace(
    IMAGES, name="digits-cnn-few", data=data.digit_images(150), epochs=25, score=0.8
)


def bright(images: Data, factor: float, rng: np.random.Generator) -> Data:
    """Grey values up to the factor, rather than up to 1."""
    return c.each_X(images, lambda X: X * factor)


def marked(images: Data, noise: float, rng: np.random.Generator) -> Data:
    """The brightness of the first pixels gives the class away; in the test it is another's."""

    def mark(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        X = X.copy()
        X[:, :3, :3, 0] = (y - 1.5 + noise * rng.standard_normal(len(y)))[:, None, None]
        return X

    held, test = images.validation, images.test
    other = rng.permutation(test[1])
    return Data(
        mark(images.X, images.y), images.y, (mark(*held), held[1]), (mark(test[0], other), test[1])
    )


def dimmed_copies(images: Data, share: float, rng: np.random.Generator) -> Data:
    """This share of the validation images are training images, a little brighter or darker."""
    X, y = images.validation[0].copy(), images.validation[1].copy()
    n = round(share * len(y))
    rows = rng.choice(len(images.y), n, replace=len(images.y) < n)
    X[:n] = images.X[rows] * rng.uniform(0.9, 1.1, (n, 1, 1, 1))
    y[:n] = images.y[rows]
    return replace(images, validation=(X, y))


def bars_cnn(filters: int, activation: Callable[[], Layer] = ReLU) -> list[Layer]:
    hidden = [layer for _ in range(2) for layer in (Conv2d(filters, 3), activation())]
    return [*hidden, GlobalAveragePool2d(), Dense(4)]


def deep_waves(depth: int) -> list[Layer]:
    """Layers of sigmoids, each of which shrinks the gradient at least to a quarter."""
    hidden = [layer for _ in range(depth) for layer in (Conv1d(12, 5, padding="same"), Sigmoid())]
    return [*hidden, GlobalMaxPool1d(), Dense(4)]


CASES = [
    plant(IMAGES, "unscaled_inputs", (0.02, 0.007, 0.002), change_data=bright),
    plant(BARS, "unscaled_inputs", (1.4, 2, 4), change_data=c.offset),
    plant(SPOTS, "unscaled_target", (5.5, 7, 20), change_data=c.target_offset),
    plant(BARS, "imbalanced_classes", (0.3, 0.22, 0.15), change_data=c.imbalanced),
    plant(BARS, "leaking_feature", (0.5, 0.2, 0.0), change_data=marked),
    plant(WAVES, "shuffled_labels", (0.5, 0.7, 1.0), change_data=c.shuffled),
    plant(
        BARS, "sorted_labels", (0.7, 0.8, 0.9), change_data=c.sorted_by_label, options=c.in_order
    ),
    plant(WAVES, "shifted_validation", (0.5, 1.0, 2.0), change_data=c.validation_noise),
    plant(FEW_IMAGES, "too_good_validation", (0.6, 0.8, 1.0), change_data=dimmed_copies),
    plant(FEW_IMAGES, "shared_rows", (0.6, 0.8, 1.0), change_data=c.shared),
    plant(SPOTS, "large_start_loss", (5, 12, 40), change_start=c.multiply("6.dense.W")),
    plant(
        WAVES,
        "variance_gain",
        (1.5, 3, 10),
        layers=lambda deviation: [
            Conv1d(12, 5, initializer=Normal(deviation)),
            ReLU(),
            Conv1d(12, 5, initializer=Normal(deviation)),
            ReLU(),
            GlobalMaxPool1d(),
            Dense(4),
        ],
    ),
    plant(BARS, "symmetric_units", (0.1, 0.03, 0.0), change_start=c.alike("*.W")),
    plant(
        SPOTS,
        "cannot_fit_a_batch",
        (0.7, 0.4, -0.5),
        layers=lambda cap: [*SPOTS.layers(), FromFormula(f"minimum(Z, {cap})")],
    ),
    plant(
        IMAGES,
        "ignores_input",
        (0.66, 0.8, 0.95),
        layers=lambda rate: [Dropout(rate), *IMAGES.layers()],
    ),
    plant(
        BARS,
        "not_finite",
        (4, 2, 0.5),
        layers=lambda shift: bars_cnn(8, lambda: FromFormula(f"log(Z + {shift})")),
    ),
    plant(BARS, "dead_units", (0.93, 1.05, 1.4), change_start=c.lower("[02].conv2d.b")),
    plant(WAVES, "dead_units", (3.5, 4.5, 7), change_start=c.lower("0.conv1d.b")),
    plant(WAVES, "vanishing_gradients", (3, 4, 6), layers=deep_waves),
    plant(WAVES, "exploding_gradients", (5, 10, 30), change_start=c.multiply("*.conv1d.W")),
    plant(WAVES, "learning_rate_too_high", (0.1, 0.2, 0.6), optimizer=Adam),
    plant(IMAGES_BATCHNORM, "learning_rate_too_high", (0.52, 0.7, 1.5), optimizer=c.with_momentum),
    plant(IMAGES, "learning_rate_too_low", (0.0003, 0.0001, 0.00003), optimizer=Adam),
    plant(WAVES, "learning_rate_too_low", (0.0008, 0.0003, 0.0001), optimizer=Adam),
    plant(
        WAVES,
        "never_changes",
        (("0.*", "2.*"), ("0.*", "2.*", "5.dense.W"), ("*",)),
        change_start=c.freeze,
    ),
    plant(IMAGES_BATCHNORM, "clipped_steps", (0.03, 0.01, 0.003), options=c.clipped),
    plant(IMAGES, "strong_regularization", (3, 10, 30), optimizer=c.decaying(0.005)),
    plant(
        IMAGES_BATCHNORM,
        "mode_mismatch",
        (0.9985, 0.9995, 0.99999),
        layers=lambda m: [
            Conv2d(8, 3, padding="same"),
            BatchNorm(momentum=m),
            ReLU(),
            MaxPool2d(2),
            Conv2d(16, 3),
            BatchNorm(momentum=m),
            ReLU(),
            Flatten(),
            Dense(10),
        ],
    ),
    plant(
        WAVES,
        "overfitting",
        (250, 150, 80),
        data=signals.waves,
        layers=lambda _: [Conv1d(32, 9), ReLU(), Flatten(), Dense(64), ReLU(), Dense(4)],
        epochs=lambda _: 60,
    ),
    plant(BARS, "underfitting", (4, 3, 2), epochs=int),
    plant(
        BARS,
        "underfitting",
        (2, 1, 0),
        how="small",
        layers=lambda filters: bars_cnn(filters) if filters else [Flatten(), Dense(4)],
    ),
    plant(WAVES, "loss_and_metric_disagree", (140, 200, 300), epochs=int),
]
