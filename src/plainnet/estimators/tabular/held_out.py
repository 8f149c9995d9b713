"""Which rows each network learns and which it holds out, to choose its epoch by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.data import split

Array = npt.NDArray[Any]

HELD_OUT, MOST_HELD_OUT = 0.2, 3000
LEAST_ROWS = 10
"""With fewer rows none are held out, and the last epoch's parameters are kept."""


def held_out_share(rows: int) -> float:
    """The share of `rows` rows that a network holds out, unless the user says otherwise."""
    return min(HELD_OUT, MOST_HELD_OUT / rows)


def folds(
    n: int, fraction: float, count: int, rng: np.random.Generator, strata: Array | None
) -> Iterator[tuple[Array, Array]]:
    """For each network (the rows that it learns, the rows that it holds out).

    No row is held out twice before nearly all others have been.
    """
    everything = left = np.arange(n)
    for _ in range(count):
        if len(left) < 0.75 * fraction * n:
            left = everything
        share, places = fraction * n / len(left), left[:0]
        if share < 0.99:
            own = None if strata is None else strata[left]
            _, places = split(len(left), share, seed=rng, stratify=own)
        if not len(places):  # the rest, or one row of each class
            places = np.arange(len(left))
        taken, left = left[places], np.delete(left, places)
        yield np.setdiff1d(everything, taken), taken
