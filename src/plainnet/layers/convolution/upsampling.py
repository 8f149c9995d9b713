"""Larger images: pixels repeated, or weighted means of neighbours."""

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_one_of
from plainnet.kernels.sliding import Pair
from plainnet.kernels.upsampling import (
    mix_pixels,
    mix_pixels_backward,
    repeat_pixels,
    repeat_pixels_backward,
)
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_image
from plainnet.layers.convolution.sliding import pair, plain


class Upsample(Layer):
    """Enlarges images by an integer factor in height and width.

    Parameters
    ----------
    factor : int or (int, int)
        The factor, or one down and one across.
    mode : {"nearest", "bilinear"}
        "nearest" repeats every pixel; "bilinear" takes weighted means of the four nearest pixels,
        where the pixels of input and output are areas whose outer edges agree ("half-pixel" in
        ONNX, align_corners=False in PyTorch).
    """

    releases_arrays = True

    def __init__(
        self, factor: int | Pair, *, mode: Literal["nearest", "bilinear"] = "nearest"
    ) -> None:
        self.factor = plain(factor)
        self._factors = pair("factor", self.factor)
        require_one_of("mode", mode, ("nearest", "bilinear"))
        self.mode = mode

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        height, width, channels = input_shape
        down, across = self._factors
        return (height * down, width * across, channels)

    # The matrices of the formulas, made only on request: for a large image they are large.

    @cached_property
    def down(self) -> Array:
        return self._weights(0)

    @cached_property
    def across(self) -> Array:
        return self._weights(1)

    def _weights(self, axis: int) -> Array:
        weights = _repeated if self.mode == "nearest" else _between
        return weights(self.input_shape[axis], self._factors[axis])

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "Y",
                "einsum('Yy,Xx,myxc->mYXc', down, across, A)",
                r"Y = D A E^\top \text{ in each channel}",
            ),
        ),
        backward=(
            Formula(
                "dA",
                "einsum('Yy,Xx,mYXc->myxc', down, across, dY)",
                r"dA = D^\top dY E \text{ in each channel}",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        Y = cache.array("Y", (len(A), *self.output_shape), A.dtype)
        if cache.record:
            _ = self.down, self.across  # which the formulas name
        if self.mode == "nearest":
            return repeat_pixels(A, *self._factors, Y)
        down, across = self.down.astype(A.dtype), self.across.astype(A.dtype)
        return mix_pixels(A, down, across, Y, self._tall(cache, len(A), A.dtype))

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", (len(dY), *self.input_shape), dY.dtype)
        if self.mode == "nearest":
            return repeat_pixels_backward(dY, *self._factors, dA)
        down, across = self.down.astype(dY.dtype), self.across.astype(dY.dtype)
        return mix_pixels_backward(dY, down, across, dA, self._tall(cache, len(dY), dY.dtype))

    def _tall(self, cache: Cache, m: int, dtype: npt.DTypeLike) -> Array:
        """Memory for images that have the output's height and the input's width."""
        _, width, channels = self.input_shape
        return cache.array("tall", (m, self.output_shape[0], width * channels), dtype)


def _repeated(n: int, factor: int) -> Array:
    """The weights of n pixels in each of n * factor."""
    return np.repeat(np.eye(n), factor, axis=0)


def _between(n: int, factor: int) -> Array:
    """The weights of n pixels in each of n * factor, by distance; outside, the edge goes on."""
    centres = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
    weights: Array = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(n)))
    return weights
