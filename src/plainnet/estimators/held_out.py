"""Which rows each network learns from, and which it holds out to choose its epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.data import split
from plainnet.training.history import History

Array = npt.NDArray[Any]

NETWORKS = 5
"""How many networks learn where rows are few: each row is held out by one of them."""
HELD_OUT, MOST_HELD_OUT = 0.2, 3000
STILL_FALLS = 0.6
"""More epochs are worth it if the best measure falls below this share of that at half-time."""
LEAST_ROWS = 10
"""With fewer rows to choose from, none are held out; the last epoch's parameters are kept."""


def held_out_share(rows: int, share: float = HELD_OUT) -> float:
    """The share of `rows` rows that a network holds out, unless the user says otherwise."""
    return min(share, MOST_HELD_OUT / rows)


def best_epoch(history: History, monitor: str) -> int:
    """The epoch, counted from 0, whose parameters are kept: the one with the lowest measure.

    Without the measure, it is the last; -1 if Ctrl-C came before the first epoch ended.
    """
    if monitor in history:
        return int(np.nanargmin(history[monitor]))
    return len(history) - 1


def least(history: History, monitor: str) -> float:
    """The best value of this measure; infinity if there is none yet."""
    return float(np.nanmin(history[monitor])) if monitor in history else np.inf


def still_falls(history: History, monitor: str) -> bool:
    """Whether the measure of the held-out rows is still far below its value at half the epochs.

    With the schedule `CosLog4`, the learning rate is 0 after 7/15 of the epochs as it is at the
    end, so the ends of a shorter and a longer training are compared.
    """
    measured = np.asarray(history[monitor])
    half = round(len(measured) * 7 / 15)
    if not half:
        return False
    return bool(np.nanmin(measured) < STILL_FALLS * np.nanmin(measured[:half]))


def may_be_held_out(n: int, strata: Array | None) -> Array:
    """The rows that share their class with another row; all networks learn from a single one."""
    if strata is None:
        return np.arange(n)
    _, ids, counts = np.unique(strata, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[ids] > 1)


def drawn(
    n: int, fraction: float, count: int, rng: np.random.Generator, strata: Array | None
) -> list[tuple[Array, Array]]:
    """All `folds`, drawn before training starts; empty if too few rows may be held out."""
    if not fraction or len(may_be_held_out(n, strata)) < LEAST_ROWS:
        return []
    return [*folds(n, fraction, count, rng, strata)]


def folds(
    n: int, fraction: float, count: int, rng: np.random.Generator, strata: Array | None
) -> Iterator[tuple[Array, Array]]:
    """For each network, (the rows that it learns from, the rows that it holds out).

    No row is held out twice before nearly all others have been held out once, and each network
    learns rows of every class. Each class gives the same share of its rows, and at least one unless
    that would hold out far more than `fraction`; then small classes are drawn from together.
    """
    ids = np.zeros(n, int) if strata is None else np.unique(strata, return_inverse=True)[1]
    counts = np.bincount(ids)
    everything = left = may_be_held_out(n, strata)
    m = len(everything)
    groups = ids
    if np.maximum(counts[counts > 1] * fraction, 1).sum() > 1.5 * fraction * m:
        groups = np.where(counts[ids] * fraction < 1, len(counts), ids)
    for _ in range(count):
        if len(left) < 0.75 * fraction * m:
            left = everything
        share, places = fraction * m / len(left), left[:0]
        if share < 0.99:
            own = None if strata is None else groups[left]
            _, places = split(len(left), share, seed=rng, stratify=own)
        if not len(places):  # the rest, or one row of each class
            places = np.arange(len(left))
        whole = np.bincount(ids[left[places]], minlength=len(counts)) == counts
        first = np.unique(ids[left[places]], return_index=True)[1]
        places = np.delete(places, first[whole[ids[left[places[first]]]]])
        taken, left = left[places], np.delete(left, places)
        yield np.setdiff1d(np.arange(n), taken), taken
