"""Nearest neighbours: what they reveal about labels, other samples and duplicate rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

K = 10
MOST = 1000
"""The most rows to find neighbours for, and to search among."""
FEWEST = 30
"""The fewest rows to compute a share from."""
MANY_CLASSES = 5
"""With fewer classes, the neighbours' second class says too little."""
WIDEST = 2000
"""With more features than this, a sample of this many is drawn."""


def flat(X: Array) -> Array:
    """A row of numbers for each example; ids become counts, or are coded by position if few."""
    rows = X.reshape(len(X), -1)
    if X.dtype.kind == "f":
        return rows
    n, width = int(rows.max(initial=0)) + 1, rows.shape[1]
    by_position = n * width <= WIDEST
    columns: Array = (rows % WIDEST).astype(np.int64)
    if by_position:
        columns += n * np.arange(width)
    counts = np.zeros((len(X), n * width if by_position else min(n, WIDEST)), np.float32)
    np.add.at(counts, (np.arange(len(X))[:, None], columns), 1)
    return counts


def distances(A: Array, B: Array) -> Array:
    """Euclidean distances between each row of A and each row of B."""
    squares = np.square(A).sum(axis=1)[:, None] + np.square(B).sum(axis=1) - 2 * A @ B.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def drawn(X: Array, n: int = MOST) -> Array:
    """The positions of at most n evenly spaced rows."""
    return np.unique(np.linspace(0, len(X) - 1, min(len(X), n)).astype(int))


def scaled(X: Array, by: Array) -> Array:
    """Each feature in units of its standard deviation; constant features become 0."""
    if X.shape[1] > WIDEST:
        kept = np.linspace(0, X.shape[1] - 1, WIDEST).astype(int)
        X, by = X[:, kept], by[:, kept]
    by = by.astype(np.float64)
    deviation = by.std(axis=0)
    usual = np.median(deviation[deviation > 0]) if (deviation > 0).any() else 1.0
    inverse = np.where(deviation > 1e-3 * usual, 1 / np.maximum(deviation, 0.1 * usual), 0)
    return np.asarray((X - by.mean(axis=0)) * inverse, np.float64)


@dataclass(frozen=True)
class Disagreement:
    """How well labels agree with those of the nearest rows.

    Attributes
    ----------
    right, chance : float
        The share of neighbours with a row's label, and what it would be with permuted labels.
    error : float
        The standard error of `agreement`.
    against, inside : float
        Among rows most of whose neighbours agree on a class, the share with another class; the
        same for rows where nearly all of them agree.
    is_even : bool
        Whether those other classes are spread as chance would spread them.
    """

    right: float
    chance: float
    error: float
    against: float
    inside: float
    is_even: bool

    @property
    def agreement(self) -> float:
        """From 0 for chance to 1."""
        return (self.right - self.chance) / max(1 - self.chance, 1e-12)


def disagreement(X: Array, y: Array) -> Disagreement:
    """The disagreement between the labels of rows and those of their nearest neighbours."""
    rows = drawn(X)
    A, ids = scaled(X, X)[rows], np.unique(y, return_inverse=True)[1][rows]
    n, classes = len(rows), int(ids.max()) + 1
    apart = distances(A, A)
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, K, axis=1)[:, :K]
    votes = np.stack([(ids[near] == c).mean(axis=1) for c in range(classes)], axis=1)
    right = float(votes[np.arange(n), ids].mean())
    shares = np.bincount(ids, minlength=classes) / n
    chance = float(np.square(shares).sum())
    error = np.sqrt(chance * (1 - chance) / n) / max(1 - chance, 1e-12)
    order = np.argsort(votes, axis=1)
    wrong = ids != order[:, -1]
    most, nearly_all = votes.max(axis=1) >= 0.6, votes.max(axis=1) >= 0.8
    against, inside = (
        float(wrong[rows].mean()) if rows.sum() >= FEWEST else 0.0 for rows in (most, nearly_all)
    )
    # What was confused has the second class of its neighbours; what was mixed up has any.
    off = most & wrong
    second = float(np.mean(ids[off] == order[off, -2])) if off.any() else 1.0
    is_even = classes >= MANY_CLASSES and second < 0.5
    return Disagreement(right, chance, float(error), against, inside, is_even)


def explained(X: Array, y: Array) -> tuple[float, float]:
    """The correlation of targets with the mean target of the nearest rows, and its chance error."""
    rows = drawn(X)
    A, t = scaled(X, X)[rows], y[rows]
    apart = distances(A, A)
    np.fill_diagonal(apart, np.inf)
    means = t[np.argpartition(apart, K, axis=1)[:, :K]].mean(axis=1)
    if not t.std() or not means.std():
        return 0.0, 1.0
    return float(np.corrcoef(t, means)[0, 1]), 1 / np.sqrt(len(t))


def nearest(X: Array, V: Array) -> Iterator[tuple[Array, Array]]:
    """Distances from training and validation rows to the nearest (other) training row.

    They are computed once with columns in units of their deviation, and once unscaled.
    """
    size = float(X.std()) or 1.0
    for A, B in (
        (scaled(X, X), scaled(V, X)),
        (X.astype(np.float64) / size, V.astype(np.float64) / size),
    ):
        own, others = drawn(A, MOST // 2), drawn(B, MOST // 2)
        among = np.partition(distances(A[own], A), 1, axis=1)[:, 1]  # but for itself
        yield among, distances(B[others], A).min(axis=1)


def copies(X: Array, V: Array, near: float) -> tuple[float, float]:
    """The shares of validation rows and of training rows that lie close to a training row.

    Close means within `near` times the median distance of a training row to its nearest.
    """
    found = (0.0, 0.0)
    for among, between in nearest(X, V):
        limit = near * float(np.median(among))
        if limit > 0:
            found = max(found, (float(np.mean(between < limit)), float(np.mean(among < limit))))
    return found


def apart_by_chance(n: int, m: int, samples: int = 1) -> float:
    """A bound on `kolmogorov` for this many pairs of samples from one distribution.

    It is exceeded once in a thousand times (Dvoretzky-Kiefer-Wolfowitz; Massart 1990).
    """
    return float(np.sqrt(np.log(2 * samples / 1e-3) / 2 * (n + m) / (n * m)))


def kolmogorov(a: Array, b: Array) -> float:
    """The largest distance between two empirical distribution functions."""
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    below = [np.searchsorted(each, at, side="right") / len(each) for each in (a, b)]
    return float(np.abs(below[0] - below[1]).max())
