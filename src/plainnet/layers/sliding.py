"""Where a kernel that slides over an image comes to lie: for convolutions and pools alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from plainnet.errors import SettingError, ShapeError, require_integer
from plainnet.layers.base import Shape

Pair = tuple[int, int]

MOST_PIXELS = 2**31 - 1
"""In a direction: more than any image has, and products of two stay numbers of NumPy's."""

BLOCK = 2**21
"""Bytes that are worked on at once, so that they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Window:
    """How a kernel slides. Each pair is (down, across); `before` are the zeros above and left."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)

    @property
    def span(self) -> Pair:
        """From the kernel's first to its last cell."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def places(self, size: Pair, after: Pair) -> Pair:
        """Where the kernel fits, with `after` zeros below and right; none if less than 1."""
        down, across = (
            (n + before + end - span) // stride + 1
            for n, before, end, span, stride in zip(
                size, self.before, after, self.span, self.stride, strict=True
            )
        )
        return down, across

    def turned(self) -> "Window":
        """How the turned kernel slides back, over the outputs; without a stride."""
        (sh, sw), (top, left) = self.span, self.before
        return Window(self.kernel, (1, 1), self.dilation, (sh - 1 - top, sw - 1 - left))


def overlap(offset: int, stride: int, n_in: int, n_out: int) -> tuple[slice, slice]:
    """The outputs y for which there is an input y * stride + offset, and these inputs."""
    first = max(0, -(offset // stride))
    stop = min(n_out, -((offset - n_in) // stride))
    if first >= stop:
        return slice(0, 0), slice(0, 0)
    begin = first * stride + offset
    return slice(first, stop), slice(begin, begin + (stop - first - 1) * stride + 1, stride)


def cells(
    window: Window, inputs: Pair, lines: slice, width: int
) -> Iterator[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """Each cell (i, j) of the kernel, with the outputs that it gives to and the inputs it reads.

    Outputs are those in these lines, counted from the first of them. Cells that reach no input from
    any place are left out: with `ceil_mode`, a pool's kernel may be larger than the image.
    """
    (sh, sw), (dh, dw), (top, left) = window.stride, window.dilation, window.before
    n_down = min(window.kernel[0], -(-(inputs[0] + top) // dh))
    n_across = min(window.kernel[1], -(-(inputs[1] + left) // dw))
    for i, j in product(range(n_down), range(n_across)):
        y_out, y_in = overlap(
            i * dh - top + lines.start * sh, sh, inputs[0], lines.stop - lines.start
        )
        x_out, x_in = overlap(j * dw - left, sw, inputs[1], width)
        yield i, j, (y_out, x_out), (y_in, x_in)


def blocks(m: int, lines: int, bytes_per_line: int) -> Iterator[tuple[slice, slice]]:
    """Examples, and lines of their outputs, that fill BLOCK bytes; one line or more."""
    fitting = max(1, BLOCK // max(1, bytes_per_line))
    if fitting >= lines:
        for start in range(0, m, fitting // lines):
            yield slice(start, min(m, start + fitting // lines)), slice(0, lines)
    else:
        for i, start in product(range(m), range(0, lines, fitting)):
            yield slice(i, i + 1), slice(start, min(lines, start + fitting))


# --- settings -------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Lists, which come from JSON, as tuples."""
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
    """The zeros before, (above, left), and after, (below, right), an image of this size."""
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


def expect_image(input_shape: Shape) -> None:
    """Refuse what is no image, or one of open size."""
    if len(input_shape) != 3 or None in input_shape:
        raise ShapeError(
            "needs an input of shape (height, width, channels), without the batch axis; got "
            f"{input_shape}"
        )


def expect_places(window: Window, size: Pair, after: Pair) -> Pair:
    """How many places the kernel has; refuse an image that is smaller than it."""
    places = window.places(size, after)
    if min(places) < 1:
        padded = tuple(map(sum, zip(size, window.before, after, strict=True)))
        raise ShapeError(f"is larger, {window.span}, than its padded input, {padded}")
    return places
