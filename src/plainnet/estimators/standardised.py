"""Regression with standardised targets, whose predictions stay within their range."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers, exponents
from plainnet.errors import DataError
from plainnet.estimators.base import Rows
from plainnet.estimators.targets import Regressor
from plainnet.losses import Loss, MeanSquaredError

Array = npt.NDArray[Any]

MOST_SPREADS = 1e18
"""Of float32, whose squares must not overflow."""


class StandardisedRegressor(Regressor):
    """Networks learn (y / 2^exponent - center) / spread, for each output.

    Predictions stay between the least and the largest target of the rows trained on.
    """

    _exponent: Array | int = 0  # which files of earlier versions may lack
    """Of 2, by which targets are divided whose squares would leave the range of floats."""

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


def _float64(targets: Array) -> Array:
    with np.errstate(over="ignore"):
        y = as_numbers("targets y", targets).astype(np.float64)
    if not np.isfinite(y).all():
        raise DataError("targets must be finite as float64; got NaN or infinity")
    return y
