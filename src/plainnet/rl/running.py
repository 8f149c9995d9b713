"""Running mean and variance, for scaling observations and rewards."""

from __future__ import annotations

import numpy as np

from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.layers.base import Array, Shape

LIMIT = 10.0
"""Scaled numbers are clipped to this many standard deviations."""


EARLIER_NOISE = (1e-4, 0.0)
"""The `noise` of older files: their agents left deviations below 1e-4 unscaled."""


class RunningStatistics:
    """Mean and variance of all data so far (Chan, Golub and LeVeque 1979, equation 2.1).

    They are computed in float64, from differences to one of the observations, so that a large
    offset does not hide small differences.
    """

    def __init__(self, shape: Shape) -> None:
        self.count = np.zeros(())
        self.mean = np.zeros(shape)
        self.squares = np.zeros(shape)
        """The sum of squared distances from the mean."""
        self.noise = np.array([0, np.finfo(np.float32).eps])
        """Deviations up to noise[0] + noise[1] |mean| count as rounding."""

    def see(self, batch: Array) -> None:
        """Include a batch of shape (m, *shape)."""
        m, n = len(batch), float(self.count)
        if batch.dtype != np.float32 and not self.noise[0]:
            self.noise[1] = np.finfo(np.float64).eps
        D = batch.astype(np.float64) - batch[0]  # exact zeros where nothing changes
        shift = D.sum(axis=0) / m
        distance = batch[0] - self.mean + shift
        D -= shift
        self.squares += (D * D).sum(axis=0) + distance**2 * (n * m / (n + m))
        self.mean += distance * (m / (n + m))
        self.count += m

    @property
    def deviation(self) -> Array:
        """The standard deviation; 1 before the first batch, and where all values are the same."""
        deviation = np.sqrt(self.squares / max(float(self.count), 1))
        noise = self.noise[0] + self.noise[1] * np.abs(self.mean)
        return np.asarray(np.where(deviation > noise, deviation, 1))

    def normalized(self, X: Array) -> Array:
        """(X - mean) / deviation, clipped to LIMIT; rounded to float32 only at the end."""
        scaled = (X - self.mean) / self.deviation
        return np.asarray(np.clip(scaled, -LIMIT, LIMIT), np.float32)

    def stage(self, observations: Array) -> Stage:
        """For a trace: how `normalized` makes these observations."""
        known = {
            "observations": observations.astype(np.float64),
            "mean": self.mean.copy(),
            "deviation": self.deviation,
            "limit": LIMIT,
        }
        formulas = (
            Formula("scaled", "(observations - mean) / deviation", r"s = (o - \mu) / \sigma"),
            Formula("X", "minimum(maximum(scaled, -limit), limit)", r"X = \min(\max(s, -c), c)"),
        )
        return Stage("observation", f"normalized, {int(self.count):,} seen", formulas, known)

    def state(self) -> dict[str, Array]:
        return {
            "count": self.count,
            "mean": self.mean,
            "squares": self.squares,
            "noise": self.noise,
        }
