"""Convolutions of sequences and images. Ours has the channels last in data and weights alike."""

from math import ceil

import numpy as np

from onnx_conformance.adapters.through import channels_first, channels_last, through
from plainnet import Cache, Network
from plainnet.layers import Conv1d, Conv2d, ConvTranspose2d, Identity, SiLU
from plainnet.losses import MeanSquaredError


def convolution(
    X: np.ndarray,
    W: np.ndarray,
    B: np.ndarray | None = None,
    *,
    kernel_shape: list[int],
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    dilations: list[int] | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> np.ndarray:
    size, ones = X.shape[2:], [1] * len(kernel_shape)
    strides, dilations = strides or ones, dilations or ones
    settings = {
        "stride": tuple(strides),
        "padding": padding_of(size, kernel_shape, strides, dilations, pads, auto_pad),
        "dilation": tuple(dilations),
    }
    make, kernel = Conv2d, tuple(kernel_shape)
    if len(size) == 1:
        make, kernel = Conv1d, kernel[0]
        settings = {name: v if isinstance(v, str) else v[0] for name, v in settings.items()}
    layer = make(len(W), kernel, groups=group, bias=B is not None, **settings)
    tensors = {"W": np.moveaxis(W, 1, -1)} | ({} if B is None else {"b": B})
    return channels_first(through(layer, channels_last(X), **tensors))


def transposed_convolution(
    X: np.ndarray,
    W: np.ndarray,
    B: np.ndarray | None = None,
    *,
    kernel_shape: list[int] | None = None,
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    output_padding: list[int] | None = None,
    output_shape: list[int] | None = None,
    dilations: list[int] | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> np.ndarray:
    if X.ndim == 3:  # a sequence is an image of width 1
        assert strides is pads is output_padding is output_shape is dilations is None
        return transposed_convolution(X[..., None], W[..., None])[..., 0]
    kernel, ones = W.shape[2:], [1, 1]
    assert kernel_shape is None or tuple(kernel_shape) == kernel
    strides, dilations, more = strides or ones, dilations or ones, output_padding or [0, 0]
    padding = padding_of(X.shape[2:], kernel, strides, dilations, pads, auto_pad)
    if output_shape is not None:  # what is cut off, or added where that is less than nothing
        cut = [
            s * (n - 1) + d * (k - 1) + 1 + a - wanted
            for n, k, s, d, a, wanted in zip(
                X.shape[2:], kernel, strides, dilations, more, output_shape, strict=True
            )
        ]
        more = [a + max(0, -c) for a, c in zip(more, cut, strict=True)]
        padding = tuple((max(0, c) // 2, max(0, c) - max(0, c) // 2) for c in cut)
    filters = W.shape[1] * group
    layer = ConvTranspose2d(
        filters,
        kernel,
        stride=tuple(strides),
        padding=padding,
        output_padding=tuple(more),
        dilation=tuple(dilations),
        groups=group,
        bias=B is not None,
    )
    own = np.concatenate([part.transpose(1, 2, 3, 0) for part in np.split(W, group)])
    tensors = {"W": own} | ({} if B is None else {"b": B})
    return channels_first(through(layer, channels_last(X), **tensors))


def causal_convolution(
    X: np.ndarray,
    W: np.ndarray,
    B: np.ndarray | None = None,
    past: np.ndarray | None = None,
    *,
    activation: str = "none",
) -> tuple[np.ndarray, np.ndarray]:
    """Depthwise; a state from before is a first pass, with a cache that carries it on."""
    channels = X.shape[1]
    layer = Conv1d(channels, W.shape[2], padding="causal", groups=channels, bias=B is not None)
    after = Identity() if activation == "none" else SiLU()
    network = Network(
        [layer, after], loss=MeanSquaredError(), input_shape=(None, channels), dtype=X.dtype
    )
    layer.W[...] = W.transpose(0, 2, 1)
    if B is not None:
        layer.b[...] = B
    cache = Cache(carry=True)
    if past is not None:
        network.forward(channels_last(past), cache)
    Y = network.forward(channels_last(X), cache)
    state = cache.children[""].children[layer.name].carried["A"]
    return channels_first(Y), channels_first(state)


def padding_of(
    size: tuple[int, ...],
    kernel: list[int] | tuple[int, ...],
    strides: list[int],
    dilations: list[int],
    pads: list[int] | None,
    auto_pad: str,
) -> str | tuple[tuple[int, int], ...]:
    """The zeros (before, after) in each direction; "same" puts the odd one after."""
    if auto_pad == "SAME_UPPER":
        return "same"
    if auto_pad == "SAME_LOWER":
        sums = [
            max(0, (ceil(n / s) - 1) * s + d * (k - 1) + 1 - n)
            for n, k, s, d in zip(size, kernel, strides, dilations, strict=True)
        ]
        return tuple((n - n // 2, n // 2) for n in sums)
    assert auto_pad in ("NOTSET", "VALID")
    pads = pads or [0, 0] * len(size)
    return tuple(zip(pads[: len(size)], pads[len(size) :], strict=True))


ADAPTERS = {
    "CausalConvWithState": causal_convolution,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
}
