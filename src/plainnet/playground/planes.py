"""The plane on which examples are drawn, and a network's outputs behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MARGIN = 0.1
"""The share of the examples' range that is shown beyond them on each side."""
SIDE = 1.2
"""How far a plane of features reaches from its origin, if no point lies beyond."""

FEATURES: dict[str, Callable[[Array, Array], Array]] = {
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1^2": lambda x1, x2: x1 * x1,
    "x2^2": lambda x1, x2: x2 * x2,
    "x1*x2": lambda x1, x2: x1 * x2,
    "sin(x1)": lambda x1, x2: np.sin(np.pi * x1),
    "sin(x2)": lambda x1, x2: np.sin(np.pi * x2),
}
"""Of points with -1 <= x1, x2 <= 1 for the most part."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane of points and what the network sees at each.

    Attributes
    ----------
    labels : (str, str)
        What its axes are called; "" where the second has no meaning.
    center, axes : arrays of shape (n,) and (2, n), or None
        The inputs at a point (u, v) are center + u axes[0] + v axes[1] ... The axes are orthogonal,
        and the second is zero where there is but one.
    features : tuple of str
        ... or these functions of (u, v), where the plane came first.
    low, high : (float, float)
        The ranges shown.
    """

    labels: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]
    center: Array | None = None
    axes: Array | None = None
    features: tuple[str, ...] = ()

    def inputs(self, points: Array) -> Array:
        """What the network sees at points of shape (m, 2): (m, n), float32."""
        if self.axes is not None and self.center is not None:
            inputs: Array = self.center + points @ self.axes
            return inputs.astype(np.float32)
        x1, x2 = points.T
        columns = [FEATURES[name](x1, x2) for name in self.features]
        return np.stack(columns, axis=1).astype(np.float32)

    def points(self, X: Array) -> Array:
        """Where examples are drawn, (m, 2): the points of the plane that are nearest to them."""
        if self.axes is None or self.center is None:
            raise ValueError("a plane of features has its points before its inputs")
        squares = np.square(self.axes).sum(axis=1)
        return np.asarray((X - self.center) @ self.axes.T / np.where(squares > 0, squares, 1))

    def showing(self, X: Array) -> Plane:
        """The same plane with ranges that show these examples."""
        low, high = bounds(self.points(X))
        return replace(self, low=low, high=high)

    def grid(self, side: int) -> Array:
        """The middles of side x side cells, row by row from the top: (side * side, 2)."""
        steps = (np.arange(side) + 0.5) / side
        u = self.low[0] + steps * (self.high[0] - self.low[0])
        v = self.high[1] - steps * (self.high[1] - self.low[1])
        return np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)


def bounds(points: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ranges that show these points with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    rounding = 1e-6 * np.maximum(np.abs(low), np.abs(high))
    room = np.where(high - low > rounding, MARGIN * (high - low), np.maximum(rounding, MARGIN))
    return _pair(low - room), _pair(high + room)


def _pair(values: Array) -> tuple[float, float]:
    u, v = values.tolist()
    return u, v


def plane_of_features(points: Array, features: tuple[str, ...]) -> Plane:
    """The square around the origin, large enough for these points."""
    side = max(SIDE, 1.05 * float(np.abs(points).max()))
    return Plane(("x₁", "x₂"), (-side, -side), (side, side), features=features)


def plane_of_columns(
    X: Array,
    names: Sequence[str],
    which: Sequence[int],
    units: tuple[Array, Array] | None = None,
) -> Plane:
    """The plane of two inputs; the others are at their means. Of a single input, the first axis.

    With `units`, which are (means, scales), an axis shows mean + scale * input.
    """
    center, axes = X.mean(axis=0, dtype=np.float64), np.zeros((2, X.shape[1]))
    means, scales = units or (np.zeros(len(names)), np.ones(len(names)))
    labels = ["", ""]
    for i, column in enumerate(which):
        axes[i, column] = 1 / scales[column]
        center[column] = -means[column] / scales[column]
        labels[i] = names[column]
    return Plane((labels[0], labels[1]), (0, 0), (0, 0), center, axes).showing(X)


def plane_of_components(X: Array) -> Plane:
    """The plane through the mean along the first two principal components."""
    center = X.mean(axis=0, dtype=np.float64)
    _, _, components = np.linalg.svd(X - center, full_matrices=False)
    axes = np.zeros((2, X.shape[1]))
    axes[: len(components)] = components[:2]
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    labels = ("component 1", "component 2" if len(components) > 1 else "")
    return Plane(labels, (0, 0), (0, 0), center, axes * signs[:, None]).showing(X)
