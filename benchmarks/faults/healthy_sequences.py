"""Healthy networks for images and sequences: convolution, recurrence, attention."""

from faults import data, signals
from faults.setting import Recipe
from plainnet.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Bidirectional,
    Conv1d,
    Conv2d,
    Dense,
    Embedding,
    EmbeddingBag,
    Flatten,
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    LearnedPositions,
    MaxPool2d,
    ReLU,
    SinusoidalPositions,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, AdamW, RMSprop

IMAGES = Recipe(
    "digits-cnn", "convolution", data.digit_images(),
    lambda: [Conv2d(8, 3, padding="same"), ReLU(), MaxPool2d(2), Flatten(), Dense(10)],
    SoftmaxCrossEntropy, lambda: Adam(0.005), 32, 12, 0.92,
)  # fmt: skip
IMAGES_BATCHNORM = Recipe(
    "digits-cnn-batchnorm", "convolution", data.digit_images(),
    lambda: [
        Conv2d(8, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2d(2),
        Conv2d(16, 3), BatchNorm(), ReLU(), Flatten(), Dense(10),
    ],
    SoftmaxCrossEntropy, lambda: SGD(0.05, momentum=0.9), 32, 8, 0.93,
)  # fmt: skip
BARS = Recipe(
    "bars-cnn", "convolution", signals.bars(600),
    lambda: [Conv2d(8, 3), ReLU(), Conv2d(8, 3), ReLU(), GlobalAveragePool2d(), Dense(4)],
    SoftmaxCrossEntropy, lambda: Adam(0.01), 32, 20, 0.9,
)  # fmt: skip
SPOTS = Recipe(
    "spots-cnn", "convolution", signals.spots(),
    lambda: [Conv2d(8, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(16), ReLU(), Dense(1)],
    MeanSquaredError, lambda: Adam(0.003), 32, 20, 0.9,
)  # fmt: skip
WAVES = Recipe(
    "waves-conv1d", "convolution", signals.waves(),
    lambda: [Conv1d(12, 5), ReLU(), Conv1d(12, 5), ReLU(), GlobalMaxPool1d(), Dense(4)],
    SoftmaxCrossEntropy, lambda: Adam(0.01), 32, 20, 0.88,
)  # fmt: skip
REMEMBERED_RNN = Recipe(
    "remembered-rnn", "recurrence", signals.remembered(),
    lambda: [RNN(24), Dense(4)],
    SoftmaxCrossEntropy, lambda: Adam(0.003), 32, 20, 0.9, {"clip_norm": 1.0},
)  # fmt: skip
REMEMBERED_LSTM = Recipe(
    "remembered-lstm", "recurrence", signals.remembered(16),
    lambda: [LSTM(16), Dense(4)],
    SoftmaxCrossEntropy, lambda: Adam(0.01), 32, 20, 0.9,
)  # fmt: skip
SUMS_GRU = Recipe(
    "sums-gru", "recurrence", signals.sums(),
    lambda: [GRU(16), Dense(1)],
    MeanSquaredError, lambda: Adam(0.01), 32, 25, 0.95,
)  # fmt: skip
SUMS_RNN = Recipe(
    "sums-rnn", "recurrence", signals.sums(8, 600),
    lambda: [RNN(16), Dense(1)],
    MeanSquaredError, lambda: Adam(0.003), 32, 30, 0.85,
)  # fmt: skip
SUMS_SGD = Recipe(
    "sums-relu-rnn", "recurrence", signals.sums(8, 600),
    lambda: [RNN(16, activation="relu"), Dense(1)],
    MeanSquaredError, lambda: SGD(0.005, momentum=0.9), 32, 30, 0.85,
)  # fmt: skip
WAVES_GRU = Recipe(
    "waves-gru", "recurrence", signals.waves(600, 24, 0.2),
    lambda: [GRU(24), Dense(4)],
    SoftmaxCrossEntropy, lambda: Adam(0.005), 32, 15, 0.85,
)  # fmt: skip
STRINGS_GRU = Recipe(
    "strings-gru", "recurrence", signals.strings(),
    lambda: [Embedding(signals.LETTERS, 8), GRU(16), Dense(3)],
    SoftmaxCrossEntropy, lambda: Adam(0.01), 32, 5, 0.85,
)  # fmt: skip
STRINGS_LSTM = Recipe(
    "strings-bilstm", "recurrence", signals.strings(),
    lambda: [Embedding(signals.LETTERS, 8), Bidirectional(LSTM(8)), Dense(3)],
    SoftmaxCrossEntropy, lambda: RMSprop(0.005), 32, 8, 0.85,
)  # fmt: skip
STRINGS_TRANSFORMER = Recipe(
    "strings-transformer", "attention", signals.strings(),
    lambda: [
        Embedding(signals.LETTERS, 16), LearnedPositions(12), TransformerBlock(2, hidden=32),
        GlobalAveragePool1d(), Dense(3),
    ],
    SoftmaxCrossEntropy, lambda: AdamW(0.003), 32, 12, 0.8,
)  # fmt: skip
PAIRS = Recipe(
    "pairs-transformer", "attention", signals.pairs(),
    lambda: [
        Embedding(signals.LETTERS, 16),
        *[TransformerBlock(2, hidden=32, rotary=True) for _ in range(2)],
        GlobalAveragePool1d(), Dense(4),
    ],
    SoftmaxCrossEntropy, lambda: Adam(0.005), 32, 8, 0.9,
)  # fmt: skip
MAJORITIES = Recipe(
    "majorities-transformer", "attention", signals.majorities(),
    lambda: [
        Embedding(signals.LETTERS, 8), TransformerBlock(2, hidden=16),
        GlobalAveragePool1d(), Dense(1),
    ],
    SigmoidCrossEntropy, lambda: Adam(0.005), 32, 8, 0.88,
)  # fmt: skip
REMEMBERED_ATTENTION = Recipe(
    "remembered-transformer", "attention", signals.remembered(),
    lambda: [
        Dense(16), SinusoidalPositions(), TransformerBlock(2, hidden=32),
        GlobalAveragePool1d(), Dense(4),
    ],
    SoftmaxCrossEntropy, lambda: AdamW(0.003), 32, 8, 0.9,
)  # fmt: skip
SUMS_ATTENTION = Recipe(
    "sums-transformer", "attention", signals.sums(),
    lambda: [
        Dense(16), TransformerBlock(2, hidden=32), GlobalAveragePool1d(), Dense(1),
    ],
    MeanSquaredError, lambda: AdamW(0.003), 32, 20, 0.85,
)  # fmt: skip
MAJORITIES_BAG = Recipe(
    "majorities-bag", "dense", signals.majorities(),
    lambda: [EmbeddingBag(signals.LETTERS, 8), Dense(1)],
    SigmoidCrossEntropy, lambda: Adam(0.02), 32, 12, 0.88,
)  # fmt: skip

RECIPES = [
    IMAGES, IMAGES_BATCHNORM, BARS, SPOTS, WAVES, REMEMBERED_RNN, REMEMBERED_LSTM, SUMS_GRU,
    SUMS_RNN, SUMS_SGD, WAVES_GRU, STRINGS_GRU, STRINGS_LSTM, STRINGS_TRANSFORMER, PAIRS,
    MAJORITIES, REMEMBERED_ATTENTION, SUMS_ATTENTION, MAJORITIES_BAG,
]  # fmt: skip
