"""The playground's data: points in the plane, iris, digits, drawn points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.playground.examples import Examples
from plainnet.playground.planes import Plane
from plainnet.playground.settings import Settings

Array = npt.NDArray[Any]


def examples_of(settings: Settings) -> Examples:
    """The examples that these settings describe; those of a table come from `tables`."""
    rng = np.random.default_rng(settings.data_seed)
    points, y = spirals(settings.points, settings.classes, settings.noise, rng)
    order = rng.permutation(len(points))
    points, y = points[order], y[order]
    plane = Plane(("x₁", "x₂"), (-1.2, -1.2), (1.2, 1.2), features=settings.features)
    n_test = round(settings.test_share * len(points))
    return Examples(
        plane.inputs(points), y, len(points) - n_test, plane, settings.features,
        tuple(str(k) for k in range(settings.classes)), points=points,
    )  # fmt: skip


def spirals(m: int, k: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """k arms, each 0.75 of a turn around the origin."""
    y = np.arange(m) % k
    radius = rng.uniform(0.05, 1, m)
    angle = 2 * np.pi * (y / k + 0.75 * radius)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + rng.normal(0, 0.5 * noise, points.shape), y
