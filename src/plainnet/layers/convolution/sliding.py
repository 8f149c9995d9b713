"""The settings of kernels and windows: sizes, strides and padding."""

from typing import Any

from plainnet.errors import SettingError, ShapeError, require_integer
from plainnet.kernels.sliding import Pair, Window

MOST_PIXELS = 2**31 - 1
"""Along an axis: more than any image has, and the product of two still fits NumPy's integers."""


def plain(value: Any) -> Any:
    """The setting with lists, which come from JSON, as tuples."""
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value


def pair(name: str, value: Any, *, at_least: int = 1) -> Pair:
    """One whole number for both directions, or one for each."""
    if not isinstance(value, tuple):
        value = (value, value)
    if len(value) != 2:
        raise SettingError(f"{name} must be one number or two; got {value!r}")
    down, across = (require_integer(name, n, at_least=at_least, at_most=MOST_PIXELS) for n in value)
    return down, across


def zeros(padding: Any) -> tuple[Pair, Pair]:
    """The zeros of a `padding` in numbers: ((above, below), (left, right))."""
    if not isinstance(padding, tuple):
        padding = (padding, padding)
    if len(padding) != 2:
        raise SettingError(f"padding must have a part for each of 2 directions; got {padding!r}")
    vertical, horizontal = (pair("padding", part, at_least=0) for part in padding)
    return vertical, horizontal


def require_padding(padding: Any, *names: str) -> None:
    """Refuse a padding that is neither numbers nor one of these words."""
    if isinstance(padding, str):
        if padding not in names:
            raise SettingError(
                f"padding must be one of {', '.join(map(repr, names))} or numbers; got {padding!r}"
            )
    else:
        zeros(padding)


def around(padding: Any, window: Window, size: Pair) -> tuple[Pair, Pair]:
    """The zeros before an image of this size, (above, left), and after it, (below, right)."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        (top, bottom), (left, right) = zeros(padding)
        return (top, left), (bottom, right)
    # ceil(n / stride) places reach so much further than n; the odd one comes after.
    (down, across) = (
        max(0, (-(-n // stride) - 1) * stride + span - n)
        for n, stride, span in zip(size, window.stride, window.span, strict=True)
    )
    return (down // 2, across // 2), (down - down // 2, across - across // 2)


def expect_places(window: Window, size: Pair, after: Pair) -> Pair:
    """The number of places for the kernel; refuses an image that is smaller than it."""
    places = window.places(size, after)
    if min(places) < 1:
        padded = tuple(map(sum, zip(size, window.before, after, strict=True)))
        raise ShapeError(f"is larger, {window.span}, than its padded input, {padded}")
    return places
