"""Running statistics by which observations and rewards are brought to one size."""

from __future__ import annotations

import numpy as np

from plainnet.layers.base import Array, Shape

LIMIT = 10.0
"""What is further out, in standard deviations, is put there."""


class RunningStatistics:
    """Mean and variance of all that was seen (Chan, Golub and LeVeque 1979, equation 2.1)."""

    def __init__(self, shape: Shape) -> None:
        self.count = np.zeros(())
        self.mean = np.zeros(shape)
        self.squares = np.zeros(shape)
        """The sum of squared distances from the mean."""

    def see(self, batch: Array) -> None:
        """Take in a batch of shape (m, *shape)."""
        m, n = len(batch), float(self.count)
        distance = batch.mean(axis=0) - self.mean
        self.squares += batch.var(axis=0) * m + distance**2 * (n * m / (n + m))
        self.mean += distance * (m / (n + m))
        self.count += m

    @property
    def deviation(self) -> Array:
        """The standard deviation; 1 before anything was seen, or where all was the same."""
        variance = self.squares / max(float(self.count), 1)
        return np.asarray(np.sqrt(np.where(variance > 1e-8, variance, 1)))

    def normalized(self, X: Array) -> Array:
        """(X - mean) / deviation within LIMIT, in X's dtype."""
        scaled = (X - self.mean) / self.deviation
        return np.asarray(np.clip(scaled, -LIMIT, LIMIT), X.dtype)

    def state(self) -> dict[str, Array]:
        return {"count": self.count, "mean": self.mean, "squares": self.squares}
