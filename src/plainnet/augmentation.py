"""Augmentation: random changes to the images of a batch that leave their classes as they are.

Each is called with images of shape (m, height, width, channels) and a random generator, and returns
new images; `train(..., augment=[Shift(2), Flip()])` calls one after the other on each batch. Any
function of these two arguments will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.config import Configurable
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_integer,
    require_number,
    require_sequence,
)

Array = npt.NDArray[Any]
LARGEST = float(np.finfo(np.float32).max)
Transform = Callable[[Array, np.random.Generator], Array]


class Shift(Configurable):
    """Shift each image by up to `pixels` in both directions, with `fill` in the area left empty.

    This is a random crop of the image with a border around it.

    Parameters
    ----------
    pixels : int
        The largest shift in each direction.
    fill : float or sequence of float
        One number, or one for each channel.
    """

    def __init__(self, pixels: int, fill: float | Sequence[float] = 0.0) -> None:
        self.pixels = require_integer("pixels", pixels, at_least=1)
        if isinstance(fill, Real):
            self.fill: float | list[float] = _pixel("fill", fill)
        else:
            numbers = require_sequence("fill", fill, "numbers")
            self.fill = [_pixel("each of fill", number) for number in numbers]

    def __call__(self, X: Array, rng: np.random.Generator) -> Array:
        _expect_images(self, X)
        m, height, width, channels = X.shape
        if isinstance(self.fill, list) and len(self.fill) != channels:
            raise ShapeError(f"fill has {len(self.fill)} numbers for {channels} channels")
        if self.pixels >= min(height, width):
            raise ShapeError(
                f"pixels={self.pixels} would move images of {height} x {width} out of sight"
            )
        moved = np.empty_like(X)
        moved[...] = self.fill
        moves: list[list[int]] = rng.integers(-self.pixels, self.pixels + 1, (m, 2)).tolist()
        for image, source, (down, right) in zip(moved, X, moves, strict=True):
            image[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = (
                source[
                    max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
                ]
            )
        return moved


def _pixel(name: str, value: Any) -> float:
    """A number that float32 holds."""
    return require_number(name, value, above=-LARGEST, below=LARGEST)


class Flip(Configurable):
    """Mirror each image with probability 1/2: left becomes right."""

    def __call__(self, X: Array, rng: np.random.Generator) -> Array:
        _expect_images(self, X)
        mirrored = X.copy()
        chosen = rng.random(len(X)) < 0.5
        mirrored[chosen] = X[chosen, :, ::-1]
        return mirrored


class Erase(Configurable):
    """Set a square of each image to 0, its centre anywhere (DeVries and Taylor 2017, Cutout)."""

    def __init__(self, size: int) -> None:
        self.size = require_integer("size", size, at_least=1)

    def __call__(self, X: Array, rng: np.random.Generator) -> Array:
        _expect_images(self, X)
        erased = X.copy()
        m, height, width, _ = X.shape
        centres = rng.integers(0, (height, width), (m, 2))
        corners: list[list[int]] = (centres - self.size // 2).tolist()
        for image, (top, left) in zip(erased, corners, strict=True):
            image[max(top, 0) : top + self.size, max(left, 0) : left + self.size] = 0
        return erased


class Crop(Configurable):
    """Cut a window out of each image at a random place, and enlarge it to the image's size.

    Parameters
    ----------
    share : float
        The sides of a window are at least 1 - share times as long as those of the image.
    """

    def __init__(self, share: float) -> None:
        require_number("share", share, above=0, below=1)
        self.share = share

    def __call__(self, X: Array, rng: np.random.Generator) -> Array:
        _expect_images(self, X)
        m, height, width, _ = X.shape
        side = np.asarray(rng.uniform(1 - self.share, 1, m))
        down, right = rng.uniform(-0.5, 0.5, (2, m)) * (1 - side)
        down *= (height - 1) / height  # from the middle of the first to that of the last pixel
        right *= (width - 1) / width
        nothing = np.zeros(m)
        return _resample(X, side, nothing, nothing, side, down, right)


class Rotate(Configurable):
    """Rotate each image about its centre by up to `degrees`, with 0 in the area left empty."""

    def __init__(self, degrees: float) -> None:
        require_number("degrees", degrees, above=0, below=180.1)
        self.degrees = degrees

    def __call__(self, X: Array, rng: np.random.Generator) -> Array:
        _expect_images(self, X)
        angle = np.radians(rng.uniform(-self.degrees, self.degrees, len(X)))
        cos, sin, nothing = np.cos(angle), np.sin(angle), np.zeros(len(X))
        return _resample(X, cos, sin, -sin, cos, nothing, nothing)


def _resample(X: Array, a: Array, b: Array, c: Array, d: Array, down: Array, right: Array) -> Array:
    """The image whose pixel (y, x), from the centre, is X's at (a y + b x, c y + d x) + the shift.

    `down` and `right` are shares of the image's sides. Between four pixels it is their bilinear
    mean, outside the image 0.
    """
    m, height, width, channels = X.shape
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = np.arange(width) - (width - 1) / 2
    a, b, c, d, down, right = (v[:, None, None] for v in (a, b, c, d, down, right))
    rows = a * y + b * x + (height - 1) / 2 + down * height  # (m, height, width)
    columns = c * y + d * x + (width - 1) / 2 + right * width

    bordered = np.zeros((m, height + 2, width + 2, channels), X.dtype)
    bordered[:, 1:-1, 1:-1] = X
    flat = bordered.reshape(-1, channels)
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = np.minimum(rows.astype(np.intp), height), np.minimum(columns.astype(np.intp), width)
    lower = (rows - top).astype(X.dtype)[..., None]
    righter = (columns - left).astype(X.dtype)[..., None]
    first = (np.arange(m)[:, None, None] * (height + 2) + top) * (width + 2) + left
    above = flat[first] * (1 - righter) + flat[first + 1] * righter
    below = flat[first + width + 2] * (1 - righter) + flat[first + width + 3] * righter
    return np.asarray(above * (1 - lower) + below * lower)


def _expect_images(transform: Any, X: Array) -> None:
    if X.ndim != 4 or X.dtype.kind != "f":
        raise SettingError(
            f"{transform!r} changes images of shape (m, height, width, channels), of a real dtype; "
            f"got {X.dtype} of shape {X.shape}"
        )
