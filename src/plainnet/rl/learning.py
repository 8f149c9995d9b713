"""The episodes that an agent has learned from, and the learning curve."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from plainnet.inspection.plots import new_axes
from plainnet.layers.base import Array


class Learning:
    """A row for each finished episode: the step at which it ended, its return, its length."""

    def __init__(self, rows: Array | None = None) -> None:
        # Flat, since there may be millions, and a tuple takes many times the memory.
        self._numbers = array("d", b"" if rows is None else rows.astype(float).tobytes())

    def __len__(self) -> int:
        return len(self._numbers) // 3

    def add(self, episodes: Iterable[tuple[int, float, int]]) -> None:
        """Add newly finished episodes."""
        for episode in episodes:
            self._numbers.extend(episode)

    @property
    def table(self) -> Array:
        """A copy of all rows, shape (episodes, 3)."""
        return np.array(self._numbers, float).reshape(-1, 3)

    @property
    def rows(self) -> list[tuple[int, float, int]]:
        return [(int(at), value, int(length)) for at, value, length in self.table.tolist()]

    @property
    def steps(self) -> Array:
        return self.table[:, 0].astype(int)

    @property
    def returns(self) -> Array:
        return self.table[:, 1].copy()

    @property
    def lengths(self) -> Array:
        return self.table[:, 2].astype(int)

    def recent(self, episodes: int = 100) -> float:
        """The mean return of the last episodes; NaN before the first."""
        last = self._numbers[-3 * episodes :][1::3]
        return sum(last) / len(last) if last else float("nan")

    def plot(self, ax: Any = None, *, window: int = 50) -> Any:
        """Plot the returns over the steps, with their mean over the last `window` episodes.

        Returns
        -------
        ax : matplotlib.axes.Axes
            The one that was given, or that of a new figure.
        """
        ax = new_axes() if ax is None else ax
        steps, returns = self.steps, self.returns
        size = np.clip(600 / max(len(steps), 1), 2, 6)
        ax.plot(steps, returns, ".", markersize=size, alpha=0.4, label="of an episode")
        if len(returns) >= window:
            mean = np.convolve(returns, np.full(window, 1 / window), "valid")
            ax.plot(steps[window - 1 :], mean, label=f"mean of {window}")
        ax.set(xlabel="steps", ylabel="return")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        return f"<{len(self)} episodes, the last 100 with a mean return of {self.recent():.1f}>"
