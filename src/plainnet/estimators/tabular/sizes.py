"""What the number of rows decides, unless the user does: epochs, rows in a batch."""

from __future__ import annotations

ROWS_TO_SEE = 600_000
FEWEST_EPOCHS, MOST_EPOCHS = 16, 120
STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 16, 16, 256


def epochs_for(rows: int, networks: int) -> int:
    """How often each network goes through this many rows: less often where they are many."""
    return max(round(min(ROWS_TO_SEE / rows, MOST_EPOCHS) / networks), FEWEST_EPOCHS)


def batch_size_for(rows: int) -> int:
    """256, or fewer for small tables, which would otherwise see too few steps."""
    return min(max(rows // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
