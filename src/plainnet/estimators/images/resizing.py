"""Resizes images without Pillow, in the same way for arrays and for files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Size = tuple[int, int]


def resized(image: Array, size: Size) -> Array:
    """The image, shape (..., height, width, channels), in another size; bytes stay bytes.

    Each pixel is a mean of the pixels around its place with triangular weights, as in Pillow's
    BILINEAR. The triangle is as wide as two pixels of the smaller image, so no pixel is skipped.
    """
    *rest, height, width, channels = image.shape
    if (height, width) == size:
        return image
    down, across = _triangles(height, size[0]), _triangles(width, size[1])
    rows = down @ image.astype(np.float32).reshape(*rest, height, width * channels)
    pixels = across @ rows.reshape(*rest, size[0], width, channels)
    if image.dtype == np.uint8:
        return np.asarray(np.rint(pixels).clip(0, 255), np.uint8)
    return np.asarray(pixels)


@lru_cache(maxsize=1024)
def _triangles(before: int, after: int) -> Array:
    """The weights of the pixels along one side, shape (after, before)."""
    scale = before / after
    places = (np.arange(after)[:, None] + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(before) - places) / max(scale, 1))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
