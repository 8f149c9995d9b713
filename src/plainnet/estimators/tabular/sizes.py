"""Defaults that depend on the number of rows: networks, units, epochs and batch size."""

from __future__ import annotations

from plainnet.estimators.held_out import NETWORKS

ROWS_FOR_SEVERAL = 50_000
ROWS_FOR_FEW_UNITS = 2500
FEW_UNITS, UNITS = (128, 128), (192, 128)
ROWS_TO_SEE = 600_000
FEWEST_EPOCHS, MOST_EPOCHS = 16, 160
DOUBLINGS = 2
"""How often the epochs may double if the first network's held-out rows show more to learn."""
STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 16, 16, 256


def networks_for(rows: int) -> int:
    """How many networks are trained: several, unless a single one takes long enough."""
    return NETWORKS if rows <= ROWS_FOR_SEVERAL else 1


def hidden_layer_sizes_for(rows: int) -> tuple[int, ...]:
    """Units of the hidden layers."""
    return FEW_UNITS if rows <= ROWS_FOR_FEW_UNITS else UNITS


def epochs_for(rows: int, networks: int) -> int:
    """How many times each network goes through this many rows: fewer times if there are many."""
    return max(round(min(ROWS_TO_SEE / rows, MOST_EPOCHS) / networks), FEWEST_EPOCHS)


def batch_size_for(rows: int) -> int:
    """256, or fewer for small tables, which would otherwise see too few steps."""
    return min(max(rows // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
