"""Pooling: the maximum or the mean of the pixels under a window that slides over an image.

Among equal maxima, the first one, row by row, gets the gradient.
"""

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError, require_boolean
from plainnet.kernels.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
    pool_block_size,
)
from plainnet.kernels.sliding import Pair, Window
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_image
from plainnet.layers.convolution.sliding import around, pair, plain, require_padding, zeros

BOOL = np.dtype(bool)


def _under(axis: int, result: str, latex: str) -> Formula:
    """1 where the window at a place covers this line or column of the image; (places, pixels)."""
    start = f"arange(output_shape[{axis}])[:, None] * window.stride[{axis}] - window.before[{axis}]"
    pixels = f"arange(input_shape[{axis}])"
    plain = f"({pixels} >= {start}) & ({pixels} < {start} + window.kernel[{axis}])"
    return Formula(result, plain, latex)


_DOWN = _under(0, "down", r"D_{yr} = [\,0 \le r - t y + p < k\,]")
_ACROSS = _under(1, "across", r"E_{xs} = [\,0 \le s - t x + p < k\,]")


def _reached(axis: int, result: str, latex: str) -> Formula:
    """Which line or column of the image lies under each cell of the window; (places, cells)."""
    start = f"arange(output_shape[{axis}])[:, None] * window.stride[{axis}] - window.before[{axis}]"
    return Formula(result, f"{start} + arange(window.kernel[{axis}])", latex)


def _bounded(name: str, axis: int) -> str:
    """What lies outside the image, and is never used, stands for the nearest pixel."""
    return f"minimum(maximum({name}, 0), input_shape[{axis}] - 1)"


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the windows along an axis start and stop: (start, stop) for each."""

    starts: range
    kernel: int

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: int) -> Pair:
        return self.starts[i], self.starts[i] + self.kernel

    def __iter__(self) -> Iterator[Pair]:
        first = self.starts
        stops = range(first.start + self.kernel, first.stop + self.kernel, first.step)
        return zip(first, stops, strict=True)


class _Pool(Layer, ABC):
    """The window of both pools, and where it comes to lie."""

    releases_arrays = True

    def _set(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
        require_boolean("ceil_mode", ceil_mode)
        self.kernel_size, self.stride, self.padding = map(plain, (kernel_size, stride, padding))
        self.ceil_mode = ceil_mode
        kernel = pair("kernel_size", self.kernel_size)
        self.window = Window(kernel, kernel if stride is None else pair("stride", self.stride))
        require_padding(self.padding, "valid", "same")
        if not isinstance(self.padding, str) and any(
            max(part) >= size for part, size in zip(zeros(self.padding), kernel, strict=True)
        ):
            raise SettingError(
                f"padding must be less than the kernel, {kernel}, or a window sees nothing else; "
                f"got {self.padding!r}"
            )

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        height, width, channels = input_shape
        size = height, width
        before, self._after = around(self.padding, self.window, size)
        self.window = replace(self.window, before=before)
        self._spans = [self._spans_along(axis, n) for axis, n in enumerate(size)]
        if not all(self._spans):
            padded = tuple(map(sum, zip(size, before, self._after, strict=True)))
            raise ShapeError(f"is larger, {self.window.kernel}, than its padded input, {padded}")
        self._inside = all(
            start >= 0 and stop <= n
            for spans, n in zip(self._spans, size, strict=True)
            for start, stop in (spans[0], spans[-1])
        )
        ends = tuple(spans[-1][1] for spans in self._spans)
        self._tiles = self._inside and self.window.stride == self.window.kernel and ends == size
        return (*map(len, self._spans), channels)

    def _spans_along(self, axis: int, n: int) -> Spans:
        """Where each window starts and stops; before 0 and from n on it covers no pixels."""
        kernel, stride = self.window.kernel[axis], self.window.stride[axis]
        before, padded = self.window.before[axis], n + self._after[axis]
        stop = padded - kernel + 1
        if self.ceil_mode:  # one more for what is left over, if it starts before the zeros do
            stop = min(padded - kernel + stride, n)
        return Spans(range(-before, stop, stride), kernel)


class MaxPool2d(_Pool):
    """The maximum of the pixels under a window that slides over an image, in each channel.

    Parameters
    ----------
    kernel_size : int or (int, int)
        The size of the window, down and across.
    stride : int or (int, int), optional
        By default the size of the window, so that windows do not overlap.
    padding : "valid", "same", int, (int, int) or ((above, below), (left, right))
        As in `Conv2d`, but padding is never the maximum.
    ceil_mode : bool
        Whether a last window may reach beyond the padding instead of leaving pixels out, as in
        PyTorch and ONNX.
    """

    releases_arrays = False  # backward looks for the maxima in Y

    def __init__(
        self,
        kernel_size: int | Pair,
        *,
        stride: int | Pair | None = None,
        padding: str | int | Pair | tuple[Pair, Pair] = "valid",
        ceil_mode: bool = False,
    ) -> None:
        self._set(kernel_size, stride, padding, ceil_mode)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            _reached(0, "r", "r_{yi} = t y + i - p"),
            _reached(1, "s", "s_{xj} = t x + j - p"),
            Formula(
                "inside",
                "((r >= 0) & (r < input_shape[0]))[:, None, :, None]"
                " & ((s >= 0) & (s < input_shape[1]))[:, None]",
                r"I_{yxij} = [\,0 \le r_{yi} < h,\; 0 \le s_{xj} < w\,]",
            ),
            Formula(
                "under",
                f"A[:, {_bounded('r', 0)}[:, None, :, None], {_bounded('s', 1)}[:, None]]",
                r"U_{yxij} = A_{r_{yi} s_{xj}}",
            ),
            Formula(
                "seen",
                "where(inside[..., None], under, A.min() - 1)"
                ".reshape(len(A), *output_shape[:2], -1, A.shape[3])",
                r"S_{yx} = \{U_{yxij} : I_{yxij} = 1\}",
            ),
            Formula("Y", "seen.max(axis=3)", r"Y_{yx} = \max S_{yx}"),
        ),
        backward=(
            Formula(
                "first",
                "seen.argmax(axis=3)[:, :, :, None] == arange(seen.shape[3])[:, None]",
                r"F_{yxij} = [\,U_{yxij} \text{ is the first of } \max S_{yx}\,]",
            ),
            Formula(
                "pixel",
                "(r[:, None, :, None] * input_shape[1] + s[:, None])"
                ".reshape(*output_shape[:2], -1, 1) == arange(input_shape[0] * input_shape[1])",
                r"P_{yxij,rs} = [\,r_{yi} = r,\; s_{xj} = s\,]",
            ),
            Formula(
                "dA",
                "einsum('myxc,myxkc,yxkp->mpc', dY, first, pixel).reshape(A.shape)",
                r"dA_{rs} = \sum_{yxij} P_{yxij,rs} F_{yxij} dY_{yx}",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        Y = cache.array("Y", (len(A), *self.output_shape), A.dtype)
        return max_pool(A, self.window, self._inside, Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        A, Y = cache["A"], cache["Y"]
        dA = cache.array("dA", A.shape, dY.dtype)
        block = (pool_block_size(A, Y.shape),)
        free = cache.array("free", block, BOOL)
        first = cache.array("is_first", block, BOOL)
        term = cache.array("term", block, dY.dtype)
        return max_pool_backward(dY, A, Y, self.window, self._tiles, dA, free, first, term)


class AveragePool2d(_Pool):
    """The mean of the pixels under a window that slides over an image, in each channel.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode
        As in `MaxPool2d`.
    count_padding : bool
        Whether the zeros of the padding count as pixels (PyTorch's default), or only the image's
        pixels do (the default of ONNX and Keras). Whatever lies beyond the padding never counts.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        *,
        stride: int | Pair | None = None,
        padding: str | int | Pair | tuple[Pair, Pair] = "valid",
        count_padding: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self._set(kernel_size, stride, padding, ceil_mode)
        require_boolean("count_padding", count_padding)
        self.count_padding = count_padding

    @cached_property
    def counts(self) -> Array:
        """The number of pixels by which each window's sum is divided, shape (height, width, 1)."""
        down, across = (
            [
                min(stop, n + after) - start if self.count_padding else min(stop, n) - max(start, 0)
                for start, stop in spans
            ]
            for spans, n, after in zip(self._spans, self.input_shape, self._after, strict=False)
        )
        return np.asarray(np.multiply.outer(down, across)[:, :, None])

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            _DOWN,
            _ACROSS,
            Formula(
                "Y",
                "einsum('yr,xs,mrsc->myxc', down, across, A) / counts",
                r"Y_{yx} = \tfrac{1}{n_{yx}} \sum_{rs} D_{yr} E_{xs} A_{rs}",
            ),
        ),
        backward=(
            Formula(
                "dA",
                "einsum('yr,xs,myxc->mrsc', down, across, dY / counts)",
                r"dA_{rs} = \sum_{yx} D_{yr} E_{xs}\, dY_{yx} / n_{yx}",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        Y = cache.array("Y", (len(A), *self.output_shape), A.dtype)
        return average_pool(A, self.window, self._share(A.dtype), Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", cache["A"].shape, dY.dtype)
        part = cache.array("part", (pool_block_size(dA, dY.shape),), dY.dtype)
        share = self._share(dY.dtype)
        return average_pool_backward(dY, self.window, share, self._tiles, dA, part)

    def _share(self, dtype: npt.DTypeLike) -> Array:
        return np.reciprocal(self.counts, dtype=dtype)
