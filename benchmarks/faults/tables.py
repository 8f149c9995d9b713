"""Faults in networks for tables."""

from faults import changes as c
from faults import data
from faults.healthy import (
    COUNTS,
    HOUSES,
    HOUSES_ABSOLUTE,
    HOUSES_RAW,
    HOUSES_SGD,
    PATIENTS,
    PATIENTS_RAW,
    TUMOURS_RAW,
    WINE_RAW,
    stack,
)
from faults.setting import plant
from plainnet.layers import BatchNorm, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from plainnet.optimizers import Adam, AdamW

CASES = [
    plant(
        HOUSES,
        "unscaled_inputs",
        (0.4, 0.6, 1.0),
        data=lambda share: data.towards_raw(data.raw_houses(700), share),
    ),
    plant(PATIENTS, "unscaled_inputs", (4, 10, 30), change_data=c.scaled),
    plant(PATIENTS_RAW, "unscaled_target", (3, 6, 20), change_data=c.target_offset),
    plant(HOUSES_SGD, "unscaled_target", (70, 150, 500), change_data=c.target_scaled),
    plant(HOUSES_ABSOLUTE, "unscaled_target", (27, 40, 80), change_data=c.target_offset),
    plant(TUMOURS_RAW, "imbalanced_classes", (0.09, 0.06, 0.03), change_data=c.imbalanced),
    plant(HOUSES, "shuffled_labels", (0.3, 0.6, 1.0), change_data=c.shuffled),
    plant(
        HOUSES_SGD,
        "sorted_labels",
        (0.9, 0.96, 1.0),
        change_data=c.sorted_by_label,
        options=c.in_order,
    ),
    plant(HOUSES_SGD, "leaking_feature", (0.5, 0.2, 0.0), change_data=c.leaking),
    plant(PATIENTS, "leaking_feature", (1.0, 0.5, 0.0), change_data=c.leaking),
    plant(HOUSES, "shifted_validation", (0.35, 0.6, 1.0), change_data=c.validation_offset),
    plant(HOUSES, "large_start_loss", (3.7, 5, 15), change_start=c.multiply("4.dense.W")),
    plant(HOUSES_SGD, "saturated_units", (7, 20, 100), change_start=c.multiply("0.dense.W")),
    plant(
        HOUSES,
        "cannot_fit_a_batch",
        (Tanh, Sigmoid, Softmax),
        how="output",
        layers=lambda activation: [*stack([24, 12], 1), activation()],
    ),
    plant(HOUSES, "ignores_input", (0.3, 0.6, 1.0), change_start=c.blind("0.dense.W")),
    plant(HOUSES_SGD, "not_finite", (0.25, 0.5, 3), optimizer=c.with_momentum),
    plant(COUNTS, "not_finite", (0.2, 0.5, 3), optimizer=c.with_momentum),
    plant(HOUSES, "dead_units", (2.2, 2.7, 4), change_start=c.lower("[02].dense.b")),
    plant(HOUSES_RAW, "learning_rate_too_high", (0.3, 0.6, 1.5), optimizer=AdamW),
    plant(COUNTS, "learning_rate_too_high", (0.2, 0.4, 1), optimizer=Adam),
    plant(
        HOUSES_SGD, "learning_rate_too_low", (0.00008, 0.00003, 0.00001), optimizer=c.with_momentum
    ),
    plant(WINE_RAW, "learning_rate_too_low", (0.0021, 0.0015, 0.0005), optimizer=Adam),
    plant(
        HOUSES,
        "never_changes",
        (("[02].*",), ("[02].*", "4.dense.W"), ("*",)),
        change_start=c.freeze,
    ),
    plant(HOUSES_SGD, "clipped_steps", (0.005, 0.003, 0.001), options=c.clipped),
    plant(HOUSES_RAW, "strong_regularization", (9, 16, 30), optimizer=c.decaying(0.005)),
    plant(HOUSES_RAW, "small_batches", (4, 2, 1), batch_size=int),
    plant(
        PATIENTS_RAW,
        "mode_mismatch",
        (0.975, 0.98, 0.985),
        layers=lambda momentum: [BatchNorm(momentum=momentum), *stack([8], 1, Tanh)],
    ),
    plant(
        HOUSES_RAW,
        "mode_mismatch",
        (0.75, 0.85, 0.95),
        how="dropout",
        layers=lambda rate: [BatchNorm(), Dense(32), Dropout(rate), ReLU(), Dense(1)],
    ),
    plant(PATIENTS, "overfitting", (20, 40, 80), layers=lambda _: stack([64, 64], 1), epochs=int),
    plant(COUNTS, "underfitting", (7, 5, 3), epochs=int),
    plant(
        TUMOURS_RAW,
        "miscalibrated",
        (6, 10, 20),
        how="weights",
        options=lambda weight: {"class_weight": {1: float(weight)}},
    ),
]
