"""Where a kernel that slides over an image comes to lie: for convolutions and pools alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

Pair = tuple[int, int]

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


def block_size(m: int, lines: int, bytes_per_line: int) -> Pair:
    """How many examples, and lines of each, fill BLOCK bytes; one line or more."""
    fitting = max(1, BLOCK // max(1, bytes_per_line))
    return (min(m, fitting // lines), lines) if fitting >= lines else (1, fitting)


def blocks(m: int, lines: int, bytes_per_line: int) -> Iterator[tuple[slice, slice]]:
    """All examples, and lines of their outputs, in blocks of that size."""
    examples, fitting = block_size(m, lines, bytes_per_line)
    for i in range(0, m, max(1, examples)):
        for start in range(0, lines, fitting):
            yield slice(i, min(m, i + examples)), slice(start, min(lines, start + fitting))
