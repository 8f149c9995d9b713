"""Global pooling: the mean or the maximum of a whole image or sequence, in each channel.

Among equal maxima, the first gets the gradient. The maxima are not released (`releases_arrays`),
since the backward pass looks for them in the output.
"""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError
from plainnet.kernels.pooling import (
    global_average,
    global_average_backward,
    global_max,
    global_max_backward,
)
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_image

BOOL = np.dtype(bool)


class GlobalAveragePool2d(Layer):
    """The mean over all pixels: (m, height, width, channels) becomes (m, channels)."""

    releases_arrays = True

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        return input_shape[-1:]

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "A.mean(axis=(1, 2))", r"Y_c = \tfrac1n \sum_p A_{pc}"),),
        backward=(
            Formula(
                "dA",
                "zeros_like(A) + dY[:, None, None] / A[0, ..., 0].size",
                r"dA_{pc} = \tfrac1n dY_c",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        return _mean(_as_sequence(A), None, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        return _mean_backward(dY, cache["A"].shape, cache)


class GlobalMaxPool2d(Layer):
    """The maximum over all pixels: (m, height, width, channels) becomes (m, channels)."""

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        return input_shape[-1:]

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "A.max(axis=(1, 2))", r"Y_c = \max_p A_{pc}"),),
        backward=(
            Formula(
                "first",
                "A.reshape(len(A), -1, A.shape[-1]).argmax(axis=1)",
                r"f_c = \text{the first } p \text{ of } \max_p A_{pc}",
            ),
            Formula(
                "dA",
                "(dY[:, None] * (first[:, None] == arange(A[0, ..., 0].size)[:, None]))"
                ".reshape(A.shape)",
                r"dA_{pc} = [\,p = f_c\,]\, dY_c",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        return _max(_as_sequence(A), cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        return _max_backward(dY, cache["A"], cache)


class GlobalAveragePool1d(Layer):
    """The mean over time: (m, time, features) becomes (m, features).

    Masked steps do not count; a sequence without data gives 0.
    """

    uses_mask = ends_time = True
    releases_arrays = True

    def build(self, input_shape: Shape) -> Shape:
        return _expect_sequence(input_shape)

    def expect_carry(self, training: bool) -> None:
        _expect_whole(self)

    # `data` is the mask, (m, time).
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "n",
                "maximum(data.sum(axis=1, keepdims=True), 1)",
                r"n = \max(\sum_t \mathrm{data}_t, 1)",
            ),
            Formula(
                "Y",
                "(A * data[..., None]).sum(axis=1) / n",
                r"Y_c = \tfrac1n \sum_t \mathrm{data}_t A_{tc}",
            ),
        ),
        backward=(
            Formula(
                "dA",
                "data[..., None] * (dY / n)[:, None]",
                r"dA_{tc} = \tfrac1n \mathrm{data}_t\, dY_c",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        return _mean(A, cache.mask, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        return _mean_backward(dY, cache["A"].shape, cache)


class GlobalMaxPool1d(Layer):
    """The maximum over time: (m, time, features) becomes (m, features).

    Masked steps do not count; a sequence without data gives 0.
    """

    uses_mask = ends_time = True

    def build(self, input_shape: Shape) -> Shape:
        return _expect_sequence(input_shape)

    def expect_carry(self, training: bool) -> None:
        _expect_whole(self)

    # `data` is the mask, (m, time).
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "seen",
                "where(data[..., None], A, -inf)",
                r"S_{tc} = A_{tc} \text{ where } \mathrm{data}_t, -\infty \text{ elsewhere}",
            ),
            Formula(
                "Y",
                "where(data.any(axis=1, keepdims=True), seen.max(axis=1), 0)",
                r"Y_c = \max_t S_{tc}, \quad \max \emptyset = 0",
            ),
        ),
        backward=(
            Formula(
                "first",
                "seen.argmax(axis=1)",
                r"f_c = \text{the first } t \text{ of } \max_t S_{tc}",
            ),
            Formula(
                "dA",
                "data[..., None] * dY[:, None] * (first[:, None] == arange(A.shape[1])[:, None])",
                r"dA_{tc} = \mathrm{data}_t\, [\,t = f_c\,]\, dY_c",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        mask = cache.mask
        if mask is None:
            cache["A"] = A
            return _max(A, cache)
        masked = cache.array("masked", A.shape, A.dtype)
        masked.fill(-np.inf)
        np.copyto(masked, A, where=mask[:, :, None])
        cache["A"] = masked
        Y = _max(masked, cache)
        Y[~mask.any(axis=1)] = 0
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        return _max_backward(dY, cache["A"], cache)


def _expect_sequence(input_shape: Shape) -> Shape:
    if len(input_shape) != 2:
        raise ShapeError(f"needs an input of shape (time, features); got {input_shape}")
    return input_shape[-1:]


def _expect_whole(layer: Layer) -> None:
    """Refuse a cache that carries."""
    raise SettingError(
        f"layer {layer.name} ({layer!r}) needs the whole sequence and cannot continue an "
        "earlier pass: use a cache without carry"
    )


def _as_sequence(A: Array) -> Array:
    return A.reshape(len(A), -1, A.shape[-1])


def _mean(A: Array, mask: Array | None, cache: Cache) -> Array:
    """From (m, places, channels); leaves the weight of each place, (m or 1, 1, places)."""
    m, places, channels = A.shape
    if mask is None:
        share = cache.array("share", (1, 1, places), A.dtype)
        share.fill(1 / places)
    else:
        share = cache.array("share", (m, 1, places), A.dtype)
        np.copyto(share[:, 0], mask)
        count = np.add.reduce(share, axis=2, keepdims=True)
        share /= np.maximum(count, 1, out=count)
    return global_average(A, share, cache.array("Y", (m, 1, channels), A.dtype))[:, 0]


def _mean_backward(dY: Array, shape: Shape, cache: Cache) -> Array:
    if not cache.needs_input_gradient:
        return NO_GRADIENT
    dA = cache.array("dA", shape, dY.dtype)
    global_average_backward(dY, cache["share"], _as_sequence(dA))
    return dA


def _max(A: Array, cache: Cache) -> Array:
    return global_max(A, cache.array("Y", (len(A), A.shape[2]), A.dtype))


def _max_backward(dY: Array, A: Array, cache: Cache) -> Array:
    if not cache.needs_input_gradient:
        return NO_GRADIENT
    sequence = _as_sequence(A)
    dA = cache.array("dA", A.shape, dY.dtype)
    first = cache.array("is_first", sequence.shape, BOOL)
    found = cache.array("found", sequence.shape, BOOL)
    global_max_backward(dY, sequence, cache["Y"], _as_sequence(dA), first, found)
    return dA
