"""One picture, from Pillow or a file, as an array: upright, in bytes, grey or colour."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, FileError, optional

Array = npt.NDArray[Any]

SIXTEEN_BITS = 257
"""65535 / 255: sixteen bits on the scale of eight."""
ORIENTATION = 0x0112
"""The EXIF tag that says in which of eight ways the camera was held; from 5 on, on its side."""


def is_picture(item: Any) -> bool:
    """Whether it is a Pillow image, found out without importing Pillow."""
    return any(kind.__module__ == "PIL.Image" for kind in type(item).__mro__)


def is_path(item: Any) -> bool:
    """Whether it names a file."""
    return isinstance(item, str | os.PathLike)


def size_of(item: Any) -> tuple[int, int]:
    """(height, width) of a picture turned upright; only the beginning of a file is read."""
    with opened(item) as picture:
        width, height = picture.size
        lies = picture.getexif().get(ORIENTATION, 1) >= 5
        return (width, height) if lies else (height, width)


def pixels_of(item: Any) -> Array:
    """A picture's pixels, shape (height, width, 1 or 3), from 0 to 255.

    They are bytes, or float32 if the picture has sixteen bits. Transparent parts are put on white,
    and only the first of several frames counts.
    """
    with opened(item) as picture:
        upright = optional("PIL.ImageOps", purpose="pictures", extra="images").exif_transpose(
            picture
        )
        if upright.mode.startswith("I"):
            return _sixteen_bits(np.asarray(upright))
        if upright.mode == "F":
            raise DataError("its pixels are floats: pass it as an array")
        pixels = np.asarray(_grey_or_colour(upright))
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _sixteen_bits(pixels: Array) -> Array:
    if pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255 * SIXTEEN_BITS:
        raise DataError("its pixels have more than sixteen bits: pass it as an array")
    return (pixels.astype(np.float32) / SIXTEEN_BITS)[:, :, None]


def _grey_or_colour(picture: Any) -> Any:
    if "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info:
        image = optional("PIL.Image", purpose="pictures", extra="images")
        ground = image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture.convert("RGBA"))
        return ground.convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


@contextmanager
def opened(item: Any) -> Iterator[Any]:
    """A picture, read from its file if need be; error messages name the file.

    A picture larger than Pillow's own limit is refused.
    """
    image = optional("PIL.Image", purpose="pictures", extra="images")
    name = os.fspath(item) if is_path(item) else f"the picture {item!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF data, for example
            warnings.simplefilter("error", image.DecompressionBombWarning)
            if is_path(item):
                with image.open(Path(item)) as picture:
                    yield picture
            else:
                yield item
    except MemoryError:
        raise
    except (image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise FileError(f"{name} is too large a picture: {error}") from error
    except FileNotFoundError as error:
        raise FileError(f"there is no file {name}") from error
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise FileError(f"{name} cannot be read as a picture: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "it is of no kind that Pillow knows, or damaged"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
