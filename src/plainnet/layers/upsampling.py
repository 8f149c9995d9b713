"""Larger images: pixels repeated, or weighted means of their neighbours."""

from functools import cached_property
from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_one_of
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.sliding import Pair, expect_image, pair, plain


class Upsample(Layer):
    """Images whole times as high and wide.

    Parameters
    ----------
    factor : int or (int, int)
        Down and across.
    mode : {"nearest", "bilinear"}
        Every pixel repeated; or weighted means of the four around it, where the pixels of input and
        output are areas whose outer edges agree ("half-pixel" in ONNX, align_corners=False in
        PyTorch).
    """

    releases_arrays = True
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

    # The matrices of the formulas, made when they are asked for: of a large image they are large.

    @cached_property
    def down(self) -> Array:
        return self._weights(0)

    @cached_property
    def across(self) -> Array:
        return self._weights(1)

    def _weights(self, axis: int) -> Array:
        weights = _repeated if self.mode == "nearest" else _between
        return weights(self.input_shape[axis], self._factors[axis])

    def forward(self, A: Array, cache: Cache) -> Array:
        (m, height, width, channels), (fy, fx) = A.shape, self._factors
        Y = cache.array("Y", (m, *self.output_shape), A.dtype)
        if cache.record:
            _ = self.down, self.across  # which the formulas name
        if self.mode == "nearest":
            blocks_of = Y.reshape(m, height, fy, width, fx, channels)
            np.copyto(blocks_of, A[:, :, None, :, None])
            return Y
        tall = cache.array("tall", (m, height * fy, width * channels), A.dtype)
        np.matmul(self.down.astype(A.dtype), A.reshape(m, height, -1), out=tall)
        lines = tall.reshape(m, -1, width, channels)
        return np.matmul(self.across.astype(A.dtype), lines, out=Y)

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        (height, width, channels), (fy, fx), m = self.input_shape, self._factors, len(dY)
        dA = cache.array("dA", (m, height, width, channels), dY.dtype)
        if self.mode == "nearest":
            blocks_of = dY.reshape(m, height, fy, width, fx, channels)
            np.copyto(dA, blocks_of[:, :, 0, :, 0])
            for i, j in list(np.ndindex(fy, fx))[1:]:
                np.add(dA, blocks_of[:, :, i, :, j], out=dA)
            return dA
        tall = cache.array("tall", (m, height * fy, width * channels), dY.dtype)
        lines = tall.reshape(m, -1, width, channels)
        np.matmul(self.across.T.astype(dY.dtype), dY, out=lines)
        np.matmul(self.down.T.astype(dY.dtype), tall, out=dA.reshape(m, height, -1))
        return dA


def _repeated(n: int, factor: int) -> Array:
    """The weights of n pixels in each of n * factor."""
    return np.repeat(np.eye(n), factor, axis=0)


def _between(n: int, factor: int) -> Array:
    """The weights of n pixels in each of n * factor, by distance; outside, the edge goes on."""
    centres = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
    weights: Array = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(n)))
    return weights
