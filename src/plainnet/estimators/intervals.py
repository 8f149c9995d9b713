"""Prediction intervals from the errors on held-out rows: CV+, with widths that vary by row.

Barber et al. 2021, Predictive Inference with the Jackknife+, section 3: a network k that did not
learn row i has the error R_i there, and the interval of a new row x reaches from one quantile of
all f_k(x) - R_i to another of all f_k(x) + R_i. If rows are exchangeable, it contains the target
with a probability of at least 1 - 2 alpha, and in practice of about 1 - alpha. With one network it
is a split conformal interval (Papadopoulos et al. 2002), for which 1 - alpha would be guaranteed if
the same rows did not also choose the epoch.

To make intervals wide where errors are large, R_i is divided by the error s(x_i) expected at x_i
and multiplied by s(x) (Lei et al. 2018, Distribution-Free Predictive Inference for
Regression, section 5.2). log s is a ridge regression on the features, the prediction and their
squares, fitted to the errors of the other networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, inf
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, require_number

Array = npt.NDArray[Any]

PARTS = 5
"""The number of parts into which rows are split if the same networks held out all of them."""
PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, inf)
"""Ridge penalties to choose from; with the infinite one, all widths are equal."""
FEWEST = 50
"""With fewer rows, all widths are equal."""
STEEPEST = 2.0
"""The most by which log s may differ from its mean."""
AT_ONCE = 2**22
"""How many numbers are sorted for quantiles at once."""


class Intervals:
    """The errors of one output on parts of the rows, each part predicted by one network.

    Parameters
    ----------
    features, predicted, targets : sequences of arrays of shape (n_k, p), (n_k,) and (n_k,)
        Features, predictions and targets of each part's rows.
    predictors : sequence of int
        The network that predicted each part.
    """

    def __init__(
        self,
        features: Sequence[Array],
        predicted: Sequence[Array],
        targets: Sequence[Array],
        predictors: Sequence[int],
    ) -> None:
        errors = [np.abs(y - f) for y, f in zip(targets, predicted, strict=True)]
        self.predictors = list(predictors)
        self.wide = 2 * features[0].shape[1] + 2 > sum(map(len, errors)) / 5
        """The rows' numbers are too many for a regression on them."""
        basis = [self._basis(A, f) for A, f in zip(features, predicted, strict=True)]
        smallest = max(0.05 * float(np.median(np.concatenate(errors))), 1e-9)
        logs = [np.log(np.maximum(error, smallest)) for error in errors]
        self.models = _fitted_without_each(basis, logs)
        self.scores = [
            error / np.exp(model.of(P))
            for error, model, P in zip(errors, self.models, basis, strict=True)
        ]

    def around(self, features: Array, predicted: Array, coverage: float) -> Array:
        """(lower, upper) for each row, shape (m, 2), from predictions of shape (networks, m)."""
        alpha, n = 1 - coverage, sum(map(len, self.scores))
        low, high = floor(alpha * (n + 1) + 1e-9), ceil(coverage * (n + 1) - 1e-9)
        if low < 1 or high > n:
            raise DataError(
                f"coverage={coverage:g} needs {ceil(1 / alpha - 1e-9) - 1:,} held-out rows; there "
                f"are {n:,}"
            )
        ends, size = np.empty((len(features), 2)), max(AT_ONCE // n, 1)
        for start in range(0, len(features), size):
            rows = slice(start, start + size)
            f = [predicted[k, rows] for k in self.predictors]
            s = [
                np.exp(model.of(self._basis(features[rows], each)))
                for model, each in zip(self.models, f, strict=True)
            ]
            reach = np.hstack([np.outer(a, b) for a, b in zip(s, self.scores, strict=True)])
            centres = np.repeat(np.stack(f, axis=1), list(map(len, self.scores)), axis=1)
            ends[rows, 0] = np.partition(centres - reach, low - 1, axis=1)[:, low - 1]
            ends[rows, 1] = np.partition(centres + reach, high - 1, axis=1)[:, high - 1]
        return ends

    def _basis(self, features: Array, predicted: Array) -> Array:
        P = predicted[:, None] if self.wide else np.column_stack([features, predicted])
        P = P.astype(np.float64)
        return np.hstack([P, P**2])


class Ridge:
    """The model y = mean + Q w, where Q holds the columns of P, standardised."""

    def __init__(self, P: Array, y: Array, penalty: float) -> None:
        self.centre, self.spread, self.mean = P.mean(axis=0), P.std(axis=0), float(y.mean())
        self.spread = np.where(self.spread > 0, self.spread, inf)
        Q = (P - self.centre) / self.spread
        self.w = np.zeros(P.shape[1])
        if penalty < inf:
            self.w = np.linalg.solve(Q.T @ Q + penalty * np.eye(len(self.w)), Q.T @ (y - self.mean))

    def of(self, P: Array) -> Array:
        """The predicted value for each row of P."""
        slope = ((P - self.centre) / self.spread) @ self.w
        return np.asarray(self.mean + np.clip(slope, -STEEPEST, STEEPEST))


def _fitted_without_each(P: Sequence[Array], y: Sequence[Array]) -> list[Ridge]:
    """For each part a regression on the others, with the penalty that errs least on all parts."""
    few = sum(map(len, y)) < FEWEST
    best, least = [], inf
    for penalty in reversed(PENALTIES[-1:] if few else PENALTIES):
        models = []
        for k in range(len(P)):
            others = [j for j in range(len(P)) if j != k] or [k]
            Q, t = (np.concatenate([each[j] for j in others]) for each in (P, y))
            models.append(Ridge(Q, t, penalty))
        error = sum(
            float(((model.of(Q) - t) ** 2).sum()) for model, Q, t in zip(models, P, y, strict=True)
        )
        if error < least:
            best, least = models, error
    return best


def fitted(
    features: Sequence[Array], predicted: Sequence[Array], targets: Sequence[Array]
) -> list[Intervals]:
    """Intervals for each output, from the held-out rows: shapes (n_k, p) and (n_k, outputs).

    The rows of a single network are split into parts with the same predictor.
    """
    predictors = list(range(len(features)))
    if len(features) == 1:
        parts = range(min(PARTS, len(features[0])))
        features, predicted, targets = (
            [each[0][part::PARTS] for part in parts] for each in (features, predicted, targets)
        )
        predictors = [0] * len(parts)
    outputs = range(predicted[0].shape[1])
    return [
        Intervals(features, [f[:, j] for f in predicted], [y[:, j] for y in targets], predictors)
        for j in outputs
    ]


def checked_coverage(coverage: float) -> float:
    """The setting, if it lies between 0 and 1."""
    return require_number("coverage", coverage, above=0, below=1)
