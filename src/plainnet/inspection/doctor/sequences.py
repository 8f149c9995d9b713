"""The order of ids in sequences: how usual each sequence is compared with another sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOST_PAIRS = 1 << 16
"""With more ids than this, pairs share places."""
MOST_COLUMNS = 1 << 11
"""With more ids or pairs than this, they share columns."""
AT_LEAST = 0.5
"""The number added to each pair's count (Krichevsky and Trofimov 1981)."""


def surprises(known: Array, rows: Array) -> Array:
    """The mean surprise at the next id in each row, given the sequences in `known`.

    In nats: the mean of -log P(id | id before), by the counts of pairs, shape (rows,).
    """
    n = int(max(known.max(initial=0), rows.max(initial=0))) + 1
    size = min(n * n, MOST_PAIRS)
    first = np.bincount(known[:, :-1].ravel(), minlength=n).astype(np.float64)
    pairs = np.bincount(_pairs(known, n, size).ravel(), minlength=size).astype(np.float64)
    ahead, both = first[rows[:, :-1]], pairs[_pairs(rows, n, size)]
    return np.asarray(np.log((ahead + AT_LEAST * n) / (both + AT_LEAST)).mean(axis=1))


def _pairs(ids: Array, n: int, size: int) -> Array:
    """The place of each id and the next."""
    ids = ids.astype(np.int64)
    return np.asarray((ids[:, :-1] * n + ids[:, 1:]) % size)


def usual(X: Array, V: Array) -> tuple[Array, Array]:
    """The surprises of the rows of X and of V, given the other rows of X."""
    halves = X[::2], X[1::2]
    own = np.concatenate([surprises(a, b) for a, b in (halves, halves[::-1])])
    others = np.mean([surprises(half, V) for half in halves], axis=0)
    return own, np.asarray(others)


def ids_and_pairs(rows: Array, n: int) -> Array:
    """How often each of n ids, and each pair of neighbours, occurs in a row."""
    singles, pairs = min(n, MOST_COLUMNS), min(n * n, MOST_COLUMNS)
    counts = np.zeros((len(rows), singles + pairs), np.float32)
    places = np.arange(len(rows))[:, None]
    np.add.at(counts, (places, rows.astype(np.int64) % singles), 1)
    np.add.at(counts, (places, singles + _pairs(rows, n, pairs)), 1)
    return counts
