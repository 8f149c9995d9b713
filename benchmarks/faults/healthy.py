"""Healthy networks of dense layers and for tables; those for images and sequences at the end."""

from faults import data
from faults.healthy_sequences import RECIPES as SEQUENCES
from faults.setting import Recipe, healthy
from plainnet.layers import (
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    Layer,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from plainnet.losses import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from plainnet.optimizers import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop


def stack(
    units: list[int], outputs: int, activation: type[Layer] = ReLU, *between: Layer
) -> list[Layer]:
    """Hidden layers of these sizes, and the outputs."""
    hidden = [layer for n in units for layer in (Dense(n), activation())]
    return [*hidden, *between, Dense(outputs)]


DIGITS = Recipe(
    "digits-mlp", "dense", data.digits(),
    lambda: stack([64, 32], 10), SoftmaxCrossEntropy, lambda: Adam(0.003), 32, 15, 0.92,
)  # fmt: skip
DIGITS_SGD = Recipe(
    "digits-sgd", "dense", data.digits(),
    lambda: stack([48], 10), SoftmaxCrossEntropy, lambda: SGD(0.05, momentum=0.9), 32, 12, 0.92,
)  # fmt: skip
DIGITS_TANH = Recipe(
    "digits-tanh", "dense", data.digits(),
    lambda: stack([48, 48], 10, Tanh), SoftmaxCrossEntropy, lambda: RMSprop(0.001), 16, 12, 0.92,
)  # fmt: skip
DIGITS_DEEP = Recipe(
    "digits-deep", "dense", data.digits(),
    lambda: stack([40] * 5, 10), SoftmaxCrossEntropy, lambda: Adam(0.001), 32, 15, 0.9,
)  # fmt: skip
DIGITS_BATCHNORM = Recipe(
    "digits-batchnorm", "dense", data.digits(),
    lambda: [Dense(48), BatchNorm(), ReLU(), Dense(32), BatchNorm(), ReLU(), Dense(10)],
    SoftmaxCrossEntropy, lambda: Adam(0.003), 64, 12, 0.92,
)  # fmt: skip
DIGITS_DROPOUT = Recipe(
    "digits-dropout", "dense", data.digits(),
    lambda: [Dense(128), ReLU(), Dropout(0.3), Dense(10)],
    SoftmaxCrossEntropy, lambda: AdamW(0.003), 32, 20, 0.92,
)  # fmt: skip
DIGITS_RESIDUAL = Recipe(
    "digits-residual", "dense", data.digits(),
    lambda: [
        Dense(32),
        *[Residual([LayerNorm(), Dense(32), GELU(), Dense(32)]) for _ in range(3)],
        LayerNorm(), Dense(10),
    ],
    SoftmaxCrossEntropy, lambda: AdamW(0.001), 32, 10, 0.9,
)  # fmt: skip
DIGITS_SMOOTHED = Recipe(
    "digits-smoothed", "dense", data.digits(),
    lambda: stack([64], 10, SiLU), lambda: SoftmaxCrossEntropy(label_smoothing=0.1),
    lambda: NAdam(0.003), 32, 15, 0.92, {"clip_norm": 1.0},
)  # fmt: skip
IRIS = Recipe(
    "iris-mlp", "dense", data.flowers,
    lambda: stack([10], 3, Tanh), SoftmaxCrossEntropy, lambda: Adam(0.01), 16, 40, 0.88,
)  # fmt: skip
WINE = Recipe(
    "wine-mlp", "dense", data.wines,
    lambda: stack([16], 3), SoftmaxCrossEntropy, lambda: SGD(0.02, momentum=0.9), 16, 10, 0.9,
)  # fmt: skip
TUMOURS = Recipe(
    "tumours-mlp", "dense", data.tumours,
    lambda: stack([16], 1), SigmoidCrossEntropy, lambda: SGD(0.05), 16, 15, 0.93,
)  # fmt: skip
TUMOURS_LOGISTIC = Recipe(
    "tumours-logistic", "dense", data.tumours,
    lambda: [Dense(1)], SigmoidCrossEntropy, lambda: SGD(0.1), 32, 20, 0.93,
)  # fmt: skip
BLOBS = Recipe(
    "blobs-mlp", "dense", data.blobs(),
    lambda: stack([32, 32], 3), SoftmaxCrossEntropy, lambda: Adam(0.005), 32, 12, 0.85,
)  # fmt: skip
BLOBS_NOISY = Recipe(
    "blobs-noisy", "dense", data.blobs(2, 500, noise=0.2),
    lambda: stack([16], 1), SigmoidCrossEntropy, lambda: Adam(0.005), 32, 12, 0.78,
)  # fmt: skip
BLOBS_FIVE = Recipe(
    "blobs-five", "dense", data.blobs(5, 800, separation=2.0),
    lambda: stack([48], 5, LeakyReLU), SoftmaxCrossEntropy, lambda: Adagrad(0.05), 32, 20, 0.85,
)  # fmt: skip
MOONS = Recipe(
    "moons-mlp", "dense", data.moons(),
    lambda: stack([16, 16], 1, Tanh), SigmoidCrossEntropy, lambda: Adam(0.01), 32, 40, 0.93,
)  # fmt: skip
RINGS = Recipe(
    "rings-mlp", "dense", data.rings,
    lambda: stack([16], 1), SigmoidCrossEntropy, lambda: SGD(0.1, momentum=0.9), 32, 25, 0.93,
)  # fmt: skip
SPIRALS = Recipe(
    "spirals-mlp", "dense", data.spirals,
    lambda: stack([48, 48], 3), SoftmaxCrossEntropy, lambda: Adam(0.003), 32, 40, 0.93,
)  # fmt: skip
SPIRALS_SELU = Recipe(
    "spirals-selu", "dense", data.spirals,
    lambda: stack([32, 32, 32], 3, SELU), SoftmaxCrossEntropy, lambda: Adam(0.005), 32, 50, 0.88,
)  # fmt: skip
FRIEDMAN = Recipe(
    "friedman-mlp", "dense", data.friedman(1000),
    lambda: stack([32, 16], 1), MeanSquaredError, lambda: Adam(0.005), 32, 20, 0.83,
)  # fmt: skip
FRIEDMAN_HUBER = Recipe(
    "friedman-huber", "dense", data.friedman(800),
    lambda: stack([24, 24], 1, Tanh), Huber, lambda: AdamW(0.005), 32, 30, 0.85,
)  # fmt: skip
FRIEDMAN_SIGMOID = Recipe(
    "friedman-sigmoid", "dense", data.friedman(800),
    lambda: stack([24], 1, Sigmoid), MeanSquaredError, lambda: Adam(0.02), 32, 40, 0.83,
)  # fmt: skip
LINEAR = Recipe(
    "linear-regression", "dense", data.linear(),
    lambda: [Dense(1)], MeanSquaredError, lambda: SGD(0.02), 32, 20, 0.95,
)  # fmt: skip
LINEAR_MLP = Recipe(
    "linear-mlp", "dense", data.linear(600),
    lambda: stack([32], 1), MeanSquaredError, lambda: SGD(0.005, momentum=0.9), 32, 20, 0.92,
)  # fmt: skip
PATIENTS = Recipe(
    "patients-mlp", "table", data.patients,
    lambda: stack([8], 1, Tanh), MeanSquaredError, lambda: SGD(0.02), 16, 15, 0.25,
)  # fmt: skip
PATIENTS_RAW = Recipe(
    "patients-raw", "table", data.raw_patients,
    lambda: [BatchNorm(), *stack([8], 1, Tanh)], Huber, lambda: Adam(0.005), 32, 15, 0.25,
)  # fmt: skip
WINE_RAW = Recipe(
    "wine-raw", "table", data.raw_wines,
    lambda: [BatchNorm(), *stack([16], 3)], SoftmaxCrossEntropy, lambda: Adam(0.01), 16, 12, 0.85,
)  # fmt: skip
TUMOURS_RAW = Recipe(
    "tumours-raw", "table", data.raw_tumours,
    lambda: [BatchNorm(), *stack([16], 1)], SigmoidCrossEntropy, lambda: Adam(0.005), 32, 12, 0.92,
)  # fmt: skip
HOUSES = Recipe(
    "houses-mlp", "table", data.houses(),
    lambda: stack([24, 12], 1), MeanSquaredError, lambda: Adam(0.005), 32, 20, 0.85,
)  # fmt: skip
HOUSES_SGD = Recipe(
    "houses-sgd", "table", data.houses(),
    lambda: stack([24], 1, Tanh), MeanSquaredError, lambda: SGD(0.02, momentum=0.9), 32, 30, 0.85,
)  # fmt: skip
HOUSES_RAW = Recipe(
    "houses-raw", "table", data.raw_houses(),
    lambda: [BatchNorm(), *stack([32], 1)], MeanSquaredError, lambda: AdamW(0.005), 32, 30, 0.85,
)  # fmt: skip
HOUSES_ABSOLUTE = Recipe(
    "houses-absolute", "table", data.houses(),
    lambda: stack([32], 1, Softplus), MeanAbsoluteError, lambda: Adam(0.005), 32, 40, 0.85,
)  # fmt: skip
COUNTS = Recipe(
    "counts-poisson", "table", data.counts,
    lambda: stack([16], 1), Poisson, lambda: Adam(0.005), 32, 15, 0.38,
)  # fmt: skip

RECIPES = [
    DIGITS, DIGITS_SGD, DIGITS_TANH, DIGITS_DEEP, DIGITS_BATCHNORM, DIGITS_DROPOUT,
    DIGITS_RESIDUAL, DIGITS_SMOOTHED, IRIS, WINE, TUMOURS, TUMOURS_LOGISTIC, BLOBS, BLOBS_NOISY,
    BLOBS_FIVE, MOONS, RINGS, SPIRALS, SPIRALS_SELU, FRIEDMAN, FRIEDMAN_HUBER, FRIEDMAN_SIGMOID,
    LINEAR, LINEAR_MLP, PATIENTS, PATIENTS_RAW, WINE_RAW, TUMOURS_RAW, HOUSES, HOUSES_SGD,
    HOUSES_RAW, HOUSES_ABSOLUTE, COUNTS,
]  # fmt: skip

CASES = [healthy(recipe) for recipe in RECIPES + SEQUENCES]
