"""Pools, and their opposite: images made larger. A sequence is an image of width 1."""

import numpy as np

from onnx_conformance.adapters.convolution import padding_of
from onnx_conformance.adapters.through import channels_first, channels_last, through
from plainnet.layers import (
    AveragePool2d,
    GlobalAveragePool2d,
    GlobalMaxPool2d,
    Layer,
    MaxPool2d,
    Upsample,
)


def max_pool(X: np.ndarray, *, storage_order: int = 0, **window: object) -> tuple:
    return _pool(MaxPool2d, X, **window), None


def average_pool(X: np.ndarray, *, count_include_pad: int = 0, **window: object) -> np.ndarray:
    return _pool(AveragePool2d, X, count_padding=bool(count_include_pad), **window)


def _pool(
    make: type[Layer],
    X: np.ndarray,
    *,
    kernel_shape: list[int],
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    dilations: list[int] | None = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    **settings: bool,
) -> np.ndarray:
    ones = [1] * len(kernel_shape)
    assert (dilations or ones) == ones
    strides = strides or ones
    padding = padding_of(X.shape[2:], kernel_shape, strides, ones, pads, auto_pad)
    if sequence := X.ndim == 3:
        X, kernel_shape, strides, padding = (
            X[..., None],
            [*kernel_shape, 1],
            [*strides, 1],
            (*padding, (0, 0)),
        )
    layer = make(
        tuple(kernel_shape),
        stride=tuple(strides),
        padding=padding,
        ceil_mode=bool(ceil_mode),
        **settings,
    )
    Y = channels_first(through(layer, channels_last(X)))
    return Y[..., 0] if sequence else Y


def global_average_pool(X: np.ndarray) -> np.ndarray:
    return through(GlobalAveragePool2d(), channels_last(X))[:, :, None, None]


def global_max_pool(X: np.ndarray) -> np.ndarray:
    return through(GlobalMaxPool2d(), channels_last(X))[:, :, None, None]


def upsample(X: np.ndarray, scales: np.ndarray, *, mode: str = "nearest") -> np.ndarray:
    factors = tuple(map(int, scales))
    assert (factors[:2], factors) == ((1, 1), tuple(scales))
    layer = Upsample(factors[2:], mode={"linear": "bilinear"}.get(mode, mode))
    return channels_first(through(layer, channels_last(X)))


def resize(
    X: np.ndarray,
    roi: None = None,
    scales: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    *,
    mode: str = "nearest",
    axes: tuple[int, ...] = (0, 1, 2, 3),
    keep_aspect_ratio_policy: str = "stretch",
) -> np.ndarray:
    """Where the result is not to be smaller than its sizes, the largest scale is that of all."""
    if sizes is not None:
        scales = sizes / np.take(X.shape, axes)
        if keep_aspect_ratio_policy == "not_smaller":
            scales = scales.max()
        else:
            assert keep_aspect_ratio_policy == "stretch"
    of_all = np.ones(4)
    of_all[list(axes)] = scales
    return upsample(X, of_all, mode=mode)


ADAPTERS = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
    "Resize": resize,
    "Upsample": upsample,
}
