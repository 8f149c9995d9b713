"""Faults in networks of dense layers."""

from dataclasses import replace

from faults import changes as c
from faults import data
from faults.healthy import (
    BLOBS,
    BLOBS_FIVE,
    BLOBS_NOISY,
    DIGITS,
    DIGITS_BATCHNORM,
    DIGITS_DEEP,
    DIGITS_SGD,
    DIGITS_TANH,
    FRIEDMAN,
    FRIEDMAN_HUBER,
    FRIEDMAN_SIGMOID,
    LINEAR,
    LINEAR_MLP,
    MOONS,
    RINGS,
    SPIRALS,
    TUMOURS,
    stack,
)
from faults.setting import plant
from plainnet.initializers import Normal
from plainnet.layers import (
    BatchNorm,
    Dense,
    Dropout,
    FromFormula,
    Layer,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, RMSprop

FEW_DIGITS = replace(DIGITS, name="digits-few", data=data.digits(150), epochs=20, score=0.8)
FEW_BLOBS = replace(
    BLOBS_FIVE, name="blobs-few", data=data.blobs(5, 150, separation=2.0), score=0.7
)
FEW_BATCHNORM = replace(
    DIGITS_BATCHNORM,
    name="digits-batchnorm-few",
    data=data.digits(250),
    batch_size=32,
    layers=lambda: [
        *[layer for _ in range(4) for layer in (Dense(32), BatchNorm(), ReLU())],
        Dense(10),
    ],
    score=0.8,
)
FEW_FRIEDMAN = replace(
    FRIEDMAN,
    name="friedman-few",
    data=data.friedman(200),
    layers=lambda: stack([12], 1),
    epochs=25,
    score=0.5,
)


def drawn(units: list[int], deviation: float, outputs: int) -> list[Layer]:
    """Hidden layers whose weights are drawn with this deviation, whatever their fan-in."""
    layers = [layer for n in units for layer in (Dense(n, initializer=Normal(deviation)), ReLU())]
    return [*layers, Dense(outputs)]


def slow_statistics(momentum: float) -> list[Layer]:
    """What prediction takes for mean and variance is still far from what training has."""
    hidden = [layer for n in (48, 32) for layer in (Dense(n), BatchNorm(momentum=momentum), ReLU())]
    return [*hidden, Dense(10)]


def much_dropout(rate: float) -> list[Layer]:
    """In training the ReLU gets larger numbers and zeros, in prediction neither."""
    hidden = [layer for n in (32, 16) for layer in (Dense(n), Dropout(rate), ReLU())]
    return [*hidden, Dense(1)]


DATA = [
    plant(LINEAR, "unscaled_inputs", (0.28, 0.2, 0.1), change_data=c.scaled),
    plant(FRIEDMAN, "unscaled_inputs", (2.5, 5, 20), change_data=c.offset),
    plant(FRIEDMAN, "unscaled_inputs", (5, 15, 50), how="scale", change_data=c.scaled),
    plant(TUMOURS, "unscaled_inputs", (65, 85, 120), change_data=c.scaled),
    plant(LINEAR_MLP, "constant_columns", (480, 560, 800), change_data=c.with_constants),
    plant(FRIEDMAN_HUBER, "unscaled_target", (80, 150, 500), change_data=c.target_scaled),
    plant(FRIEDMAN, "unscaled_target", (4, 8, 20), change_data=c.target_offset),
    plant(FRIEDMAN, "unscaled_target", (3e3, 1e4, 1e5), how="scale", change_data=c.target_scaled),
    plant(DIGITS, "imbalanced_classes", (0.1, 0.05, 0.02), change_data=c.imbalanced),
    plant(BLOBS, "imbalanced_classes", (0.1, 0.05, 0.02), change_data=c.imbalanced),
    plant(FEW_DIGITS, "shared_rows", (0.7, 0.85, 1.0), change_data=c.shared),
    plant(FEW_FRIEDMAN, "shared_rows", (0.6, 0.8, 1.0), change_data=c.shared),
    plant(FRIEDMAN, "leaking_feature", (0.5, 0.2, 0.0), change_data=c.leaking),
    plant(DIGITS_SGD, "shuffled_labels", (0.55, 0.8, 1.0), change_data=c.shuffled),
    plant(BLOBS, "shuffled_labels", (0.4, 0.7, 1.0), change_data=c.shuffled),
    plant(
        DIGITS_SGD,
        "sorted_labels",
        (0.6, 0.75, 0.9),
        change_data=c.sorted_by_label,
        options=c.in_order,
    ),
    plant(
        DIGITS_TANH,
        "sorted_labels",
        (0.88, 0.94, 1.0),
        change_data=c.sorted_by_label,
        options=c.in_order,
    ),
    plant(DIGITS, "shifted_validation", (0.9, 1.2, 2.0), change_data=c.validation_offset),
    plant(MOONS, "shifted_validation", (0.4, 0.6, 1.0), change_data=c.validation_noise),
    plant(FEW_BLOBS, "too_good_validation", (0.7, 0.85, 1.0), change_data=c.nearly_shared),
]

START = [
    plant(DIGITS_SGD, "large_start_loss", (15, 25, 60), change_start=c.multiply("2.dense.W")),
    plant(FRIEDMAN, "large_start_loss", (6, 10, 30), change_start=c.multiply("4.dense.W")),
    plant(
        DIGITS_DEEP,
        "variance_gain",
        (0.06, 0.04, 0.02),
        layers=lambda deviation: drawn([40] * 5, deviation, 10),
    ),
    plant(
        SPIRALS,
        "variance_gain",
        (4, 6, 12),
        how="large",
        layers=lambda deviation: drawn([48, 48], deviation, 3),
    ),
    plant(DIGITS, "symmetric_units", (0.08, 0.04, 0.0), change_start=c.alike("*.W")),
    plant(MOONS, "symmetric_units", (0.05, 0.03, 0.0), change_start=c.alike("*.W")),
    plant(
        DIGITS,
        "cannot_fit_a_batch",
        (4, 2, 1),
        how="bottleneck",
        layers=lambda units: stack([64, units], 10),
    ),
    plant(
        DIGITS,
        "cannot_fit_a_batch",
        (0.75, 0.85, 1.0),
        how="backward",
        layers=lambda wrong: [
            Dense(64),
            c.WrongReLU(wrong),
            Dense(32),
            c.WrongReLU(wrong),
            Dense(10),
        ],
    ),
    plant(
        DIGITS_SGD,
        "cannot_fit_a_batch",
        (0.22, 0.13, 0.05),
        how="sigmoid",
        layers=lambda height: [*stack([48], 10), Sigmoid(), FromFormula(f"{height} * Z")],
    ),
    plant(
        FRIEDMAN,
        "cannot_fit_a_batch",
        (Tanh, Sigmoid, Softmax),
        how="output",
        layers=lambda squashed: [*stack([32, 16], 1), squashed()],
    ),
    plant(DIGITS, "ignores_input", (0.6, 0.8, 1.0), change_start=c.blind("0.dense.W")),
    plant(
        BLOBS,
        "ignores_input",
        (0.8, 0.9, 0.98),
        how="dropout",
        layers=lambda rate: [Dropout(rate), *stack([32, 32], 3)],
    ),
]

DURING = [
    plant(
        DIGITS,
        "not_finite",
        (5, 3, 1),
        how="log",
        layers=lambda shift: [
            Dense(64),
            FromFormula(f"log(Z + {shift})"),
            Dense(32),
            ReLU(),
            Dense(10),
        ],
    ),
    plant(FRIEDMAN, "not_finite", (3, 10, 30), optimizer=c.with_momentum),
    plant(DIGITS, "dead_units", (1.85, 2, 2.3), change_start=c.lower("0.dense.b")),
    plant(SPIRALS, "dead_units", (2.6, 3.3, 5), change_start=c.lower("0.dense.b")),
    plant(DIGITS_TANH, "saturated_units", (10, 30, 100), change_start=c.multiply("[02].dense.W")),
    plant(FRIEDMAN_SIGMOID, "saturated_units", (10, 30, 100), change_start=c.multiply("0.dense.W")),
    plant(
        DIGITS_DEEP,
        "vanishing_gradients",
        (3, 5, 8),
        how="sigmoid",
        layers=lambda depth: stack([40] * depth, 10, Sigmoid),
    ),
    plant(
        DIGITS_TANH,
        "vanishing_gradients",
        (0.1, 0.03, 0.01),
        how="tanh",
        change_start=c.multiply("*.W"),
    ),
    plant(DIGITS_DEEP, "exploding_gradients", (3, 5, 8), change_start=c.multiply("*.W")),
    plant(DIGITS_SGD, "learning_rate_too_high", (0.4, 0.7, 2), optimizer=c.with_momentum),
    plant(FRIEDMAN, "learning_rate_too_high", (0.25, 0.4, 1), optimizer=Adam),
    plant(DIGITS_TANH, "learning_rate_too_high", (0.055, 0.08, 0.2), optimizer=RMSprop),
    plant(TUMOURS, "learning_rate_too_low", (0.003, 0.001, 0.0003), optimizer=SGD),
    plant(SPIRALS, "learning_rate_too_low", (0.0006, 0.0003, 0.0001), optimizer=Adam),
    plant(DIGITS_SGD, "learning_rate_too_low", (0.001, 0.0003, 0.0001), optimizer=c.with_momentum),
    plant(
        SPIRALS, "never_changes", (("0.*", "4.*"), ("0.*", "2.*"), ("*",)), change_start=c.freeze
    ),
    plant(
        DIGITS_DEEP, "never_changes", (("[02].*",), ("[0246].*",), ("*",)), change_start=c.freeze
    ),
    plant(DIGITS_SGD, "clipped_steps", (0.03, 0.01, 0.003), options=c.clipped),
    plant(LINEAR, "clipped_steps", (0.42, 0.3, 0.15), options=c.clipped),
    plant(
        DIGITS_SGD,
        "strong_regularization",
        (0.1, 0.2, 0.4),
        optimizer=lambda decay: SGD(0.05, momentum=0.9, weight_decay=decay),
    ),
    plant(FRIEDMAN, "strong_regularization", (4.5, 7, 12), optimizer=c.decaying(0.005)),
    plant(FEW_BATCHNORM, "small_batches", (4, 2, 1), batch_size=int),
    plant(DIGITS_BATCHNORM, "mode_mismatch", (0.999, 0.9995, 0.99999), layers=slow_statistics),
    plant(FRIEDMAN, "mode_mismatch", (0.3, 0.5, 0.8), how="dropout", layers=much_dropout),
]

END = [
    plant(
        BLOBS_NOISY,
        "overfitting",
        (200, 100, 50),
        data=lambda n: data.blobs(2, n, noise=0.2),
        layers=lambda _: stack([128, 64], 1),
        epochs=lambda _: 60,
    ),
    plant(
        FRIEDMAN,
        "overfitting",
        (200, 100, 50),
        data=data.friedman,
        layers=lambda _: stack([128, 64], 1),
        epochs=lambda _: 200,
    ),
    plant(SPIRALS, "underfitting", ([24], [12], [4]), layers=lambda units: stack(units, 3)),
    plant(RINGS, "underfitting", ([2], [1], []), layers=lambda units: stack(units, 1)),
    plant(DIGITS_DEEP, "underfitting", (4, 2, 1), epochs=int),
    plant(BLOBS, "loss_and_metric_disagree", (50, 100, 200), epochs=int),
    plant(
        BLOBS,
        "miscalibrated",
        (0.4, 0.6, 0.8),
        how="smoothing",
        loss=lambda share: SoftmaxCrossEntropy(label_smoothing=share),
    ),
]

CASES = [*DATA, *START, *DURING, *END]
