"""The episodes that an agent has learned from, and the curve that they make."""

from __future__ import annotations

from typing import Any

import numpy as np

from plainnet.layers.base import Array
from plainnet.plots import new_axes


class Learning:
    """A row for each episode that has ended: after how many steps, its return, its length."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, float, int]] = []

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def steps(self) -> Array:
        return np.array([row[0] for row in self.rows], int)

    @property
    def returns(self) -> Array:
        return np.array([row[1] for row in self.rows], float)

    @property
    def lengths(self) -> Array:
        return np.array([row[2] for row in self.rows], int)

    def recent(self, episodes: int = 100) -> float:
        """The mean return of the last episodes; NaN before the first."""
        last = [row[1] for row in self.rows[-episodes:]]
        return sum(last) / len(last) if last else float("nan")

    def plot(self, ax: Any = None, *, window: int = 50) -> Any:
        """Returns over the steps, and their mean over the last `window` episodes.

        Returns
        -------
        ax : matplotlib.axes.Axes
            The one that was given, or that of a new figure.
        """
        ax = new_axes() if ax is None else ax
        steps, returns = self.steps, self.returns
        ax.plot(steps, returns, ".", markersize=2, alpha=0.4, label="of an episode")
        if len(returns) >= window:
            mean = np.convolve(returns, np.full(window, 1 / window), "valid")
            ax.plot(steps[window - 1 :], mean, label=f"mean of {window}")
        ax.set(xlabel="steps", ylabel="return")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        return f"<{len(self)} episodes, the last 100 with a mean return of {self.recent():.1f}>"
