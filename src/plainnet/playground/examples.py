"""The examples that a playground's network learns from, and the plane in which they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from plainnet.playground.planes import Plane

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows for training and for testing, as the network takes them.

    Attributes
    ----------
    X : array of shape (m, n), float32
    y : array of shape (m,)
        Class ids, or float32 targets.
    n_train : int
        The first rows are for training, the others for testing.
    plane : Plane
    names : tuple of str
        Of the n inputs.
    classes : tuple of str
        The names of the classes; () for regression.
    points : array of shape (m, 2)
        Where the examples lie in the plane.
    image_shape : (height, width) or None
        Where the inputs are the pixels of an image.
    """

    X: Array
    y: Array
    n_train: int
    plane: Plane
    names: tuple[str, ...]
    classes: tuple[str, ...]
    points: Array
    image_shape: tuple[int, int] | None = None
    mean_image: tuple[float, ...] | None = None
    """The mean of each pixel of the training rows, before anything was done to it."""
    notes: tuple[str, ...] = ()
    """What the page says about where the numbers come from, such as rows left out."""

    def description(self) -> dict[str, Any]:
        """What the page is told beside the points and targets."""
        return {
            "names": self.names,
            "classes": self.classes,
            "n_train": self.n_train,
            "image_shape": self.image_shape,
            "mean_image": self.mean_image,
            "labels": self.plane.labels,
            "low": self.plane.low,
            "high": self.plane.high,
            "notes": self.notes,
        }

    @property
    def train(self) -> tuple[Array, Array]:
        """X and y of the rows for training."""
        return self.X[: self.n_train], self.y[: self.n_train]

    @property
    def test(self) -> tuple[Array, Array] | None:
        """X and y of the rows for testing; None where nothing is held out."""
        if self.n_train == len(self.X):
            return None
        return self.X[self.n_train :], self.y[self.n_train :]
