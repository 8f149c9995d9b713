"""Regression with standardised targets: predictions within their range, and intervals."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers, exponents
from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import DataError
from plainnet.estimators.base import Rows
from plainnet.estimators.ensemble import Ensemble, Learned
from plainnet.estimators.held_out import LEAST_ROWS
from plainnet.estimators.intervals import Intervals, checked_coverage, fitted
from plainnet.estimators.prediction import mean_and_each
from plainnet.estimators.targets import Regressor
from plainnet.losses import Loss, MeanSquaredError

Array = npt.NDArray[Any]

MOST_SPREADS = 1e18
"""A bound for float32, whose squares must not overflow."""


class StandardisedRegressor(Regressor, Ensemble):
    """A regressor whose networks learn (y / 2^exponent - center) / spread for each output.

    Predictions stay between the smallest and the largest training target.
    """

    _exponent: Array | int = 0  # which files of earlier versions may lack
    """The power of 2 that divides targets whose squares would leave the range of floats."""

    def _loss(self, label_smoothing: float = 0.0) -> Loss:
        return MeanSquaredError()

    def _scale(self, rows: Rows) -> None:
        y = _float64(rows.targets)
        self._exponent = exponents(y)
        y = np.ldexp(y, -self._exponent)
        self._center, self._spread = y.mean(axis=0), y.std(axis=0)
        self._spread = np.where(self._spread > 0, self._spread, 1.0)
        self._least, self._largest = y.min(axis=0), y.max(axis=0)

    def _learnable(self, rows: Rows) -> Array:
        with np.errstate(over="ignore"):
            y = np.ldexp(_float64(rows.targets), -self._exponent)
            z = np.asarray((y - self._center) / self._spread, np.float32)
        if not (np.abs(z) < MOST_SPREADS).all():
            raise DataError(
                "y_val has targets that are more than 1e18 standard deviations away from those "
                "trained on: are they in another unit?"
            )
        return z

    def _decide(self, Z: Array) -> Array:
        y = super()._decide(Z) * self._spread + self._center
        return np.asarray(np.ldexp(np.clip(y, self._least, self._largest), self._exponent))

    def _stage_after(self) -> Stage | None:
        known = {
            "spread": np.atleast_1d(self._spread),
            "center": np.atleast_1d(self._center),
            "least": np.atleast_1d(self._least),
            "largest": np.atleast_1d(self._largest),
            "unit": np.ldexp(1.0, np.atleast_1d(self._exponent)),
        }
        formulas = (
            Formula("unbounded", "Z * spread + center", r"u = Z s + \mu"),
            Formula(
                "y",
                "minimum(maximum(unbounded, least), largest) * unit",
                r"\hat y = \min(\max(u, y_{min}), y_{max})",
            ),
        )
        return Stage("prediction", "standardised targets", formulas, known, ends=True)

    # --- intervals -------------------------------------------------------------------------------

    _intervals: Sequence[Intervals] = ()
    """One for each output; empty if no rows were held out."""
    _mean_is_held = False
    """Whether all networks held out the same rows, which then show the errors of their mean."""

    @abstractmethod
    def _numbers(self, X: Any) -> Array:
        """Of each row, what the width of its interval may depend on; shape (m, numbers)."""

    def _finish(self, held: Sequence[Learned], shared: bool) -> None:
        self._intervals, self._mean_is_held = (), shared
        found = self._predicted(held, shared)
        if found:
            Z = [self._in_range(each) for each, _ in found]
            targets = [y.reshape(len(y), -1) for _, (_, y, *_) in found]
            self._intervals = fitted([self._numbers(X) for _, (X, *_) in found], Z, targets)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """The interval that holds each row's target with probability `coverage`: (lower, upper).

        Intervals come from the errors on the rows that each network held out (CV+, Barber et al.
        2021), and are wider for rows whose errors are expected to be larger. The coverage holds on
        average over rows like the training rows, whatever their distribution, but not for every
        kind of row. With several networks the intervals are rather too wide, especially for small
        tables; with one network, or with X_val, they are somewhat too narrow, since the same rows
        have also chosen the epoch.

        Parameters
        ----------
        X : as for `predict`, m rows
        coverage : float
            Between 0 and 1. A larger coverage needs more held-out rows: 9 for 0.9.

        Returns
        -------
        array of shape (m, 2), or (m, k, 2) for k outputs
            Lower and upper ends, with the prediction between them.

        Raises
        ------
        DataError
            If no rows were held out, or too few.
        """
        coverage, X = checked_coverage(coverage), self._features(X)
        if not self._intervals:
            raise DataError(
                "intervals come from rows that were held out, and this model has none: fit it to "
                f"{LEAST_ROWS} rows or more, without validation_fraction=0; a file of an earlier "
                "version may lack them"
            )
        ends = self._ends(X, coverage)
        return ends[:, 0] if self._n_outputs == 1 else ends

    def _ends(self, X: Any, coverage: float) -> Array:
        """Lower and upper ends, shape (m, outputs, 2), for X as `_features` gives it.

        They are rounded to float32 as predictions are, so that no other row changes them.
        """
        mean, each = mean_and_each(self.networks_, X)
        Z, numbers = self._in_range(mean[None] if self._mean_is_held else each), self._numbers(X)
        ends = np.stack(
            [own.around(numbers, Z[:, :, j], coverage) for j, own in enumerate(self._intervals)],
            axis=-1,
        ).astype(np.float32)  # (m, 2, outputs)
        with np.errstate(over="ignore"):
            ends = np.ldexp(ends * self._spread + self._center, self._exponent)
        predicted = self._decide(mean).reshape(ends[:, 0].shape)
        lower, upper = np.minimum(ends[:, 0], predicted), np.maximum(ends[:, 1], predicted)
        return np.stack([lower, upper], axis=-1)

    def _in_range(self, Z: Array) -> Array:
        """Outputs within the range of the targets, as predictions are."""
        low, high = ((end - self._center) / self._spread for end in (self._least, self._largest))
        return np.clip(Z, low, high)

    def _expect_prediction(self, X: Any) -> None:
        super()._expect_prediction(X)
        if self._intervals:
            self._ends(X, 0.5)


def _float64(targets: Array) -> Array:
    with np.errstate(over="ignore"):
        y = as_numbers("targets y", targets).astype(np.float64)
    if not np.isfinite(y).all():
        raise DataError("targets must be finite as float64; got NaN or infinity")
    return y
