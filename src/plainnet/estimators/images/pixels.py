"""Images as they come, brought to one size, one number of channels and one scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import REAL, as_numbers
from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import DataError, ShapeError, counted, shown
from plainnet.estimators.images.pictures import is_path, is_picture, pixels_of, size_of
from plainnet.estimators.images.resizing import Size, resized

Array = npt.NDArray[Any]

LARGEST_SIDE = 64
"""Where no size is given, images larger than this are scaled down."""
CHANNELS = (1, 3)
LUMA = tuple(map(np.float32, (0.299, 0.587, 0.114)))
"""The shares of red, green and blue in brightness (ITU-R BT.601), as in Pillow."""
NO_IMAGES = "X holds no images: 0 sample(s), while a minimum of 1 is required"
AT_ONCE = 256
LOOKED_AT = 1024
"""How many images the colour of the border is taken from."""
TOO_BRIGHT = 8
"""A pixel may be at most this many times the largest pixel in training."""


def as_images(X: Any) -> Array | list[Any]:
    """X as an array of shape (m, height, width, channels), or as a list of images.

    The contents of a list are checked only when they are read.
    """
    if is_path(X) or is_picture(X):
        raise DataError(f"X must hold images; got one, {shown(X)}: put it in a list")
    if hasattr(X, "iloc") and X.ndim == 2 and X.shape[1] == 1:
        X = X.iloc[:, 0]
    if isinstance(X, Iterator):
        raise DataError(f"X must hold images; got {shown(X)}: list(X) makes a list of it")
    if getattr(X, "ndim", 0) == 1 and hasattr(X, "tolist"):  # an array, a Series, an Index
        X = X if getattr(X.dtype, "kind", "O") in REAL else X.tolist()
    if isinstance(X, list | tuple):
        if not X:
            raise DataError(NO_IMAGES)
        return list(X)
    X = as_numbers("X", X)
    if X.ndim == 2:
        _refuse_rows(X)
    if X.ndim not in (3, 4):
        raise ShapeError(
            "images have the shape (m, height, width) or (m, height, width, channels); got "
            f"{X.shape}"
        )
    if 0 in X.shape:
        raise DataError(f"{NO_IMAGES}; it has the shape {X.shape}")
    return _with_channels(X, "X")


def _refuse_rows(X: Array) -> NoReturn:
    n = X.shape[1]
    side = round(n**0.5)
    shape = (side, side) if side * side == n else "(height, width)"
    raise ShapeError(
        f"X has the shape {X.shape}, and images have (m, height, width): if each row holds the "
        f"pixels of one, image_shape={shape} says so; a single image is X[None]"
    )


def _with_channels(images: Array, name: str) -> Array:
    """Images with an axis for their channels, of which there are one or three."""
    if images.ndim == 3:
        return images[..., None]
    if images.shape[3] in CHANNELS:
        return images
    hint = ""
    if images.shape[1] in CHANNELS:
        hint = f": channels come last, as in np.moveaxis({name}, 1, -1)"
    elif images.shape[3] in (2, 4):
        hint = f": leave alpha out, as in {name}[..., :{images.shape[3] - 1}]"
    raise ShapeError(f"images have one channel or three; {name} has the shape {images.shape}{hint}")


# --- one of a list --------------------------------------------------------------------------------


def _named(i: int) -> str:
    return f"X[{i}]"


def _size(item: Any, i: int) -> Size:
    if is_path(item) or is_picture(item):
        return size_of(item)
    height, width = _array(item, i).shape[:2]
    return height, width


def _array(item: Any, i: int) -> Array:
    """One image, shape (height, width, channels): bytes or float32."""
    if is_path(item) or is_picture(item):
        return pixels_of(item)
    array = as_numbers(_named(i), item)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ShapeError(
            f"an image has the shape (height, width) or (height, width, channels); {_named(i)} has "
            f"{array.shape}"
        )
    return _floats_or_bytes(_with_channels(array[None], _named(i))[0], i)


def _floats_or_bytes(pixels: Array, first: int = 0) -> Array:
    """Bytes as they are, all else as float32, which must be finite."""
    if pixels.dtype == np.uint8:
        return pixels
    with np.errstate(over="ignore"):
        floats = pixels.astype(np.float32)
    if not np.isfinite(floats).all():
        bad = tuple(np.argwhere(~np.isfinite(floats))[0])
        i = first + (int(bad[0]) if pixels.ndim == 4 else 0)
        raise DataError(
            f"{_named(i)} has the pixel {pixels[bad]}; pixels must be numbers that float32 holds, "
            "and not NaN or infinity"
        )
    return floats


# --- all of them ----------------------------------------------------------------------------------


class Pixels:
    """Size, channels and scale of the training images; brings other images to them.

    Parameters
    ----------
    size : (int, int), optional
        The height and width that all images get. By default the medians, scaled down together if
        either is above 64.

    Attributes
    ----------
    size : (int, int)
    channels : int
        1 if no training image had a colour, else 3.
    mean, scale : arrays of shape (channels,)
        Mean and scale of the pixels.
    border : array of shape (channels,)
        The median pixel of the images' borders, standardised.
    largest : float
        The largest absolute value of a pixel.
    whole : bool
        Whether all pixels were whole numbers.
    """

    def __init__(self, size: Size | None = None) -> None:
        self.given_size = size

    def fit(self, X: Any) -> Array:
        """Choose size and channels for the training images; return the images as `take` does."""
        images = as_images(X)
        self.size = self._chosen_size(images)
        pixels = self._brought(images, images.shape[3] if isinstance(images, np.ndarray) else 3)
        if (pixels[..., :1] == pixels).all():
            pixels = np.ascontiguousarray(pixels[..., :1])
        self.channels = pixels.shape[3]
        return pixels

    def measure(self, pixels: Array) -> None:
        """Measure mean, scale and border of the training images that `fit` returned."""
        self.mean, spread = _mean_and_spread(pixels)
        self.scale = np.where(spread > 0, spread, 1.0)
        self.largest = max(abs(float(pixels.min())), abs(float(pixels.max())))
        self.whole = pixels.dtype == np.uint8 or bool((np.rint(pixels) == pixels).all())
        if not self.whole and self.largest >= TOO_BRIGHT:
            self._expect_one_scale(pixels)
        self.border = self.standardised(_border(pixels[:LOOKED_AT]))

    def take(self, X: Any) -> Array:
        """Images in the common size, shape (m, height, width, channels): bytes or float32."""
        images = as_images(X)
        if isinstance(X, np.ndarray) and X.ndim == 3 and X.shape[2] in (*CHANNELS, 4):
            self._expect_several(X)
        pixels = self._brought(images, self.channels)
        self._expect_same_scale(pixels)
        return pixels

    def standardised(self, pixels: Array) -> Array:
        """(pixels - mean) / scale for each channel, in float32."""
        floats = pixels.astype(np.float32)
        floats -= self.mean.astype(np.float32)
        floats /= self.scale.astype(np.float32)
        return floats

    def stage(self, pixels: Array) -> Stage:
        """The formula by which `standardised` makes these pixels, for a trace."""
        known = {"pixels": pixels.astype(np.float64), "mean": self.mean, "scale": self.scale}
        formulas = (Formula("X", "(pixels - mean) / scale", r"X = (x - \mu) / \sigma"),)
        height, width = self.size
        code = f"{height} x {width} pixels, {counted(self.channels, 'channel')}"
        return Stage("pixels", code, formulas, known)

    def expect_to_work(self, input_shape: tuple[int, ...]) -> None:
        """Refuse values from a file that do not suit a network with this input shape."""
        vectors = self.mean, self.scale, self.border
        fits = tuple(input_shape) == (*self.size, self.channels) and self.channels in CHANNELS
        fits = fits and all(np.shape(vector) == (self.channels,) for vector in vectors)
        if not fits or not np.isfinite(vectors).all() or not (self.scale > 0).all():
            raise DataError("its pixels_ do not suit its network")

    def _chosen_size(self, images: Array | list[Any]) -> Size:
        if self.given_size is not None:
            return self.given_size
        if isinstance(images, np.ndarray):
            sizes = np.array([images.shape[1:3]])
        else:
            sizes = np.array([_size(item, i) for i, item in enumerate(images)])
        median = np.median(sizes, axis=0)
        height, width = np.rint(median * min(1, LARGEST_SIDE / median.max())).astype(int).tolist()
        return max(1, height), max(1, width)

    def _brought(self, images: Array | list[Any], channels: int) -> Array:
        """The images in the common size, with this number of channels."""
        if isinstance(images, np.ndarray):
            if images.shape[1:3] == self.size:
                return _in_channels(_floats_or_bytes(images), channels)
            dtype = images.dtype if images.dtype == np.uint8 else np.float32
            pixels = np.empty((len(images), *self.size, channels), dtype)
            for first in range(0, len(images), AT_ONCE):
                some = _floats_or_bytes(images[first : first + AT_ONCE], first)
                pixels[first : first + AT_ONCE] = _in_channels(resized(some, self.size), channels)
            return pixels
        pixels = np.empty((len(images), *self.size, channels), np.uint8)
        for i, item in enumerate(images):
            image = _in_channels(resized(_array(item, i), self.size), channels)
            if image.dtype != pixels.dtype:
                pixels = pixels.astype(np.float32, copy=False)
            pixels[i] = image
        return pixels

    def _expect_several(self, X: Array) -> None:
        """An array of shape (m, height, width) could be one image in colour."""
        if X.shape[1:] != self.size:
            raise ShapeError(
                f"X has the shape {X.shape}: X[None] if that is one image in colour, X[..., None] "
                f"if they are {len(X)} images of {X.shape[1]} x {X.shape[2]} pixels"
            )

    def _expect_same_scale(self, pixels: Array) -> None:
        """Refuse what was scaled otherwise than in training, each image by itself."""
        if not self.largest:
            return
        each, top = _flat_and_top(pixels)
        for i in np.flatnonzero(top >= TOO_BRIGHT * self.largest).tolist():
            self._refuse_scale(i, f"up to {top[i]:g}")
        if pixels.dtype == np.uint8:
            if self.largest > 255:
                self._refuse_scale(0, "bytes")
            return
        if self.whole and self.largest > 1:
            for i in np.flatnonzero((top > 0) & (top <= 1)).tolist():
                fractions = (each[i] != np.rint(each[i])).any()
                if fractions or self.largest >= TOO_BRIGHT:
                    self._refuse_scale(i, f"{'fractions ' if fractions else ''}up to {top[i]:g}")

    def _expect_one_scale(self, pixels: Array) -> None:
        """Refuse images from 0 to 1 beside others with whole numbers in training."""
        each, top = _flat_and_top(pixels)
        fractions = (each != np.rint(each)).any(axis=1)
        small, large = fractions & (top <= 1), ~fractions & (top >= TOO_BRIGHT)
        if small.any() and large.any():
            i, j = int(small.argmax()), int(large.argmax())
            raise DataError(
                f"X has images of two scales: one with fractions up to {top[i]:g}, and one with "
                f"whole numbers up to {top[j]:g}"
            )

    def _refuse_scale(self, i: int, what: str) -> NoReturn:
        whole = "whole numbers " if self.whole else ""
        raise DataError(
            f"{_named(i)} does not have the scale of the training: its pixels are {what}, and "
            f"there they were {whole}up to {self.largest:g}"
        )


def _flat_and_top(pixels: Array) -> tuple[Array, Array]:
    """Each image as a row, and its largest absolute pixel."""
    each = pixels.reshape(len(pixels), -1)
    return each, np.maximum(each.max(axis=1), -each.min(axis=1).astype(np.float32))


def _in_channels(pixels: Array, channels: int) -> Array:
    """Grey in three channels, or colours as grey, by how bright the eye sees them."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    red, green, blue = (pixels[..., k : k + 1].astype(np.float32) for k in range(3))
    grey = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    grey = np.where((red == green) & (green == blue), red, grey)  # without an error of rounding
    return np.rint(grey).astype(np.uint8) if pixels.dtype == np.uint8 else grey


def _mean_and_spread(pixels: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel, in memory for a few images at a time."""
    parts = [pixels[i : i + AT_ONCE] for i in range(0, len(pixels), AT_ONCE)]
    count = pixels.size // pixels.shape[3]
    mean = sum(part.sum(axis=(0, 1, 2), dtype=np.float64) for part in parts) / count
    squares = sum(((part - mean) ** 2).sum(axis=(0, 1, 2)) for part in parts)
    return mean, np.sqrt(squares / count)


def _border(images: Array) -> Array:
    """The median of the outermost pixels, shape (channels,)."""
    sides = images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]
    return np.asarray(np.median(np.concatenate(sides, axis=1), axis=(0, 1)))
