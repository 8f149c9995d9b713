"""Measures on the test rows, for the terminal and for the page of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import metrics
from plainnet.arguments.arrays import exponents

Array = npt.NDArray[Any]


def counts(y: Array, P: Array) -> Array:
    """The confusion matrix: how many rows of each class were predicted as each, shape (K, K).

    Parameters
    ----------
    y : array of m class positions
    P : array of shape (m, K)
        Probabilities.
    """
    matrix = np.zeros((P.shape[1], P.shape[1]), np.int64)
    np.add.at(matrix, (y, P.argmax(axis=1)), 1)
    return matrix


def rates(matrix: Array) -> tuple[Array, ...]:
    """Precision, recall and F1 of each class from counts by (true, predicted); 0 for 0 / 0."""
    hits = np.diag(matrix).astype(float)
    precision = hits / np.maximum(matrix.sum(axis=0), 1)
    recall = hits / np.maximum(matrix.sum(axis=1), 1)
    total = precision + recall
    f1 = 2 * precision * recall / np.where(total > 0, total, 1)
    return precision, recall, f1


def confusions(matrix: Array) -> list[tuple[int, int, int]]:
    """(true, predicted, count) of each confusion that occurred, the most frequent first."""
    wrong = matrix - np.diag(np.diag(matrix))
    pairs = np.argwhere(wrong)
    found = [(int(i), int(j), int(wrong[i, j])) for i, j in pairs]
    return sorted(found, key=lambda confusion: -confusion[2])


def of_numbers(y: Array, predicted: Array, seen: Array) -> dict[str, float]:
    """How far predictions are from y, and how far the mean of the training targets `seen` is."""
    k = exponents(seen)
    mean = np.ldexp(np.ldexp(seen, -k).mean(), k)
    return {
        "RMSE": metrics.root_mean_squared_error(y, predicted),
        "MAE": metrics.mean_absolute_error(y, predicted),
        "R2": metrics.r2_score(y, predicted),
        "RMSE of always saying the mean": metrics.root_mean_squared_error(y, np.full(len(y), mean)),
    }
