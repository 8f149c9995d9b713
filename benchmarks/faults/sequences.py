"""Faults in recurrent networks and in networks with attention."""

from dataclasses import replace

import numpy as np

from faults import changes as c
from faults import signals
from faults.data import Source
from faults.healthy_sequences import (
    MAJORITIES,
    PAIRS,
    REMEMBERED_ATTENTION,
    REMEMBERED_LSTM,
    REMEMBERED_RNN,
    STRINGS_GRU,
    STRINGS_LSTM,
    STRINGS_TRANSFORMER,
    SUMS_ATTENTION,
    SUMS_GRU,
    SUMS_RNN,
    SUMS_SGD,
    WAVES_GRU,
)
from faults.setting import Data, plant
from plainnet.layers import (
    GRU,
    Dense,
    Dropout,
    Embedding,
    FromFormula,
    GlobalAveragePool1d,
    LearnedPositions,
    SinusoidalPositions,
    Softmax,
    TransformerBlock,
)
from plainnet.losses import Focal
from plainnet.optimizers import Adam, AdamW, RMSprop


def other_letters(strings: Data, share: float, rng: np.random.Generator) -> Data:
    """This share of the letters of the validation strings are drawn anew."""
    X, y = strings.validation
    other = rng.integers(0, signals.LETTERS, X.shape)
    return replace(strings, validation=(np.where(rng.random(X.shape) < share, other, X), y))


def first_letter(strings: Data, wrong: float, rng: np.random.Generator) -> Data:
    """The first letter is the class, but for a share; in the test it is another string's."""

    def tell(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        X = X.copy()
        X[:, 0] = np.where(rng.random(len(y)) < wrong, X[:, 0], y)
        return X

    held, test = strings.validation, strings.test
    return Data(
        tell(strings.X, strings.y),
        strings.y,
        (tell(*held), held[1]),
        (tell(test[0], rng.permutation(test[1])), test[1]),
    )


def few_strings(n: int) -> Source:
    return signals.strings(n=n)


RECURRENCE = [
    plant(WAVES_GRU, "unscaled_inputs", (5.5, 7, 10), change_data=c.offset),
    plant(SUMS_GRU, "unscaled_inputs", (60, 120, 500), change_data=c.scaled),
    plant(SUMS_GRU, "unscaled_target", (6.2, 9, 20), change_data=c.target_offset),
    plant(STRINGS_GRU, "imbalanced_classes", (0.27, 0.18, 0.1), change_data=c.imbalanced),
    plant(STRINGS_LSTM, "shuffled_labels", (0.6, 0.8, 1.0), change_data=c.shuffled),
    plant(
        STRINGS_GRU,
        "sorted_labels",
        (0.8, 0.9, 1.0),
        change_data=c.sorted_by_label,
        options=c.in_order,
    ),
    plant(STRINGS_GRU, "leaking_feature", (0.2, 0.1, 0.0), change_data=first_letter),
    plant(STRINGS_LSTM, "shifted_validation", (0.15, 0.3, 0.6), change_data=other_letters),
    plant(STRINGS_GRU, "large_start_loss", (40, 150, 500), change_start=c.multiply("2.dense.W")),
    plant(
        STRINGS_GRU,
        "cannot_fit_a_batch",
        (3, 2, 1),
        how="bottleneck",
        layers=lambda n: [Embedding(signals.LETTERS, 8), GRU(n), Dense(3)],
    ),
    plant(STRINGS_LSTM, "ignores_input", (0.6, 0.8, 1.0), change_start=c.blind("0.*")),
    plant(
        SUMS_RNN,
        "ignores_input",
        (0.3, 0.5, 0.8),
        how="dropout",
        layers=lambda rate: [Dropout(rate), *SUMS_RNN.layers()],
    ),
    plant(REMEMBERED_RNN, "saturated_units", (9.3, 12, 20), change_start=c.multiply("0.rnn.W")),
    plant(
        REMEMBERED_RNN, "vanishing_gradients", (0.15, 0.06, 0.0), change_start=c.multiply("0.rnn.U")
    ),
    plant(
        REMEMBERED_RNN, "vanishing_gradients", (110, 130, 160), how="long", data=signals.remembered
    ),
    plant(REMEMBERED_RNN, "exploding_gradients", (6, 8, 30), change_start=c.multiply("0.rnn.U")),
    plant(SUMS_RNN, "exploding_gradients", (1.4, 1.7, 2.5), change_start=c.multiply("0.rnn.U")),
    plant(SUMS_SGD, "not_finite", (4, 6, 10), change_start=c.multiply("0.rnn.U")),
    plant(STRINGS_GRU, "learning_rate_too_high", (0.13, 0.3, 1), optimizer=Adam),
    plant(SUMS_GRU, "learning_rate_too_high", (0.4, 0.6, 1), optimizer=Adam),
    plant(STRINGS_LSTM, "learning_rate_too_low", (0.001, 0.0003, 0.0001), optimizer=RMSprop),
    plant(REMEMBERED_LSTM, "learning_rate_too_low", (0.0005, 0.0003, 0.0001), optimizer=Adam),
    plant(SUMS_GRU, "never_changes", (("0.gru.W", "1.*"), ("0.*",), ("*",)), change_start=c.freeze),
    plant(SUMS_SGD, "clipped_steps", (0.1, 0.03, 0.01), options=c.clipped),
    plant(WAVES_GRU, "strong_regularization", (2.3, 3.5, 6), optimizer=c.decaying(0.005)),
    plant(STRINGS_GRU, "overfitting", (80, 50, 30), data=few_strings, epochs=lambda _: 60),
    plant(STRINGS_LSTM, "underfitting", (3, 2, 1), epochs=int),
    plant(STRINGS_GRU, "loss_and_metric_disagree", (110, 150, 200), epochs=int),
    plant(STRINGS_GRU, "miscalibrated", (2, 5, 10), how="focal", loss=Focal),
]

ATTENTION = [
    plant(SUMS_ATTENTION, "unscaled_inputs", (14, 20, 40), change_data=c.scaled),
    plant(SUMS_ATTENTION, "unscaled_target", (15, 30, 100), change_data=c.target_offset),
    plant(
        MAJORITIES,
        "sorted_labels",
        (0.8, 0.9, 1.0),
        change_data=c.sorted_by_label,
        options=c.in_order,
    ),
    plant(STRINGS_TRANSFORMER, "shuffled_labels", (0.4, 0.7, 1.0), change_data=c.shuffled),
    plant(STRINGS_TRANSFORMER, "imbalanced_classes", (0.1, 0.05, 0.02), change_data=c.imbalanced),
    plant(PAIRS, "symmetric_units", (0.015, 0.003, 0.0), change_start=c.alike("*")),
    plant(SUMS_ATTENTION, "large_start_loss", (18, 35, 100), change_start=c.multiply("3.dense.W")),
    plant(MAJORITIES, "ignores_input", (0.45, 0.7, 1.0), change_start=c.blind("0.*")),
    plant(
        STRINGS_TRANSFORMER,
        "cannot_fit_a_batch",
        (2, 3, 4),
        how="softmax",
        layers=lambda n: [
            Embedding(signals.LETTERS, 16),
            LearnedPositions(12),
            TransformerBlock(2, hidden=32),
            GlobalAveragePool1d(),
            *[Softmax() for _ in range(n)],
            Dense(3),
        ],
    ),
    plant(SUMS_ATTENTION, "learning_rate_too_high", (0.12, 0.2, 0.5), optimizer=AdamW),
    plant(STRINGS_TRANSFORMER, "learning_rate_too_high", (0.15, 0.5, 1), optimizer=AdamW),
    plant(REMEMBERED_ATTENTION, "learning_rate_too_low", (0.0005, 0.0003, 0.0001), optimizer=AdamW),
    plant(
        REMEMBERED_ATTENTION,
        "never_changes",
        (("2.*",), ("[02].*",), ("*",)),
        change_start=c.freeze,
    ),
    plant(
        REMEMBERED_ATTENTION, "strong_regularization", (5.6, 6.5, 8), optimizer=c.decaying(0.003)
    ),
    plant(STRINGS_TRANSFORMER, "overfitting", (150, 80, 40), data=few_strings, epochs=lambda _: 60),
    plant(SUMS_ATTENTION, "underfitting", (4, 2, 1), epochs=int),
    plant(
        REMEMBERED_ATTENTION,
        "not_finite",
        (1.2, 0.8, 0.4),
        layers=lambda shift: [
            Dense(16),
            SinusoidalPositions(),
            FromFormula(f"log(Z + {shift})"),
            TransformerBlock(2, hidden=32),
            GlobalAveragePool1d(),
            Dense(4),
        ],
    ),
    plant(
        REMEMBERED_ATTENTION, "exploding_gradients", (5, 10, 30), change_start=c.multiply("2.*W*")
    ),
]

CASES = [*RECURRENCE, *ATTENTION]
