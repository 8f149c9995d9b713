"""Convolutions and pools as loops over places, cells and channels."""

import itertools
import math

import numpy as np

from plainnet.layers import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout2d,
    Layer,
    MaxPool2d,
    Upsample,
)


def two(setting: object) -> tuple:
    return setting if isinstance(setting, tuple) else (setting, setting)


def zeros_before(padding: object, axis: int, n: int, span: int, stride: int) -> int:
    if padding == "valid":
        return 0
    if padding == "same":
        reach = (math.ceil(n / stride) - 1) * stride + span
        return math.floor(max(0, reach - n) / 2)
    return two(two(padding)[axis])[0]


def conv2d(example: np.ndarray, layer: Conv2d) -> np.ndarray:
    (height, width, channels), kernel = example.shape, two(layer.kernel_size)
    stride, dilation = two(layer.stride), two(layer.dilation)
    top, left = (
        zeros_before(
            layer.padding, axis, example.shape[axis], (k - 1) * dilation[axis] + 1, stride[axis]
        )
        for axis, k in enumerate(kernel)
    )
    out = np.empty(layer.output_shape)
    for y, x, f in np.ndindex(out.shape):
        terms = [float(layer.b[f])] if layer.bias else []
        first = f // (layer.filters // layer.groups) * (channels // layer.groups)
        for i, j, c in np.ndindex(*kernel, channels // layer.groups):
            r = y * stride[0] + i * dilation[0] - top
            s = x * stride[1] + j * dilation[1] - left
            if 0 <= r < height and 0 <= s < width:
                terms.append(float(layer.W[f, i, j, c]) * float(example[r, s, first + c]))
        out[y, x, f] = math.fsum(terms)
    return out


def conv_transpose2d(example: np.ndarray, layer: ConvTranspose2d) -> np.ndarray:
    kernel, stride, dilation = two(layer.kernel_size), two(layer.stride), two(layer.dilation)
    out = np.zeros(layer.output_shape)
    height, width, filters = out.shape
    top, left = (
        zeros_before(
            layer.padding, axis, out.shape[axis], (k - 1) * dilation[axis] + 1, stride[axis]
        )
        for axis, k in enumerate(kernel)
    )
    if layer.bias:
        for y, x, f in np.ndindex(out.shape):
            out[y, x, f] = layer.b[f]
    per_group = example.shape[2] // layer.groups
    for y, x, c in np.ndindex(example.shape):
        group = c // per_group
        for i, j, f in itertools.product(range(kernel[0]), range(kernel[1]), range(filters)):
            r = y * stride[0] + i * dilation[0] - top
            s = x * stride[1] + j * dilation[1] - left
            same_group = f // (filters // layer.groups) == group
            if 0 <= r < height and 0 <= s < width and same_group:
                out[r, s, f] += float(layer.W[f, i, j, c % per_group]) * float(example[y, x, c])
    return out


def conv1d(example: np.ndarray, layer: Conv1d) -> np.ndarray:
    time, channels = example.shape
    span = (layer.kernel_size - 1) * layer.dilation + 1
    if layer.padding == "causal":
        before = span - 1
    elif isinstance(layer.padding, tuple):
        before = layer.padding[0]
    else:
        before = zeros_before(layer.padding, 0, time, span, layer.stride)
    out = np.empty(layer.output_shape)
    for t, f in np.ndindex(out.shape):
        terms = [float(layer.b[f])] if layer.bias else []
        first = f // (layer.filters // layer.groups) * (channels // layer.groups)
        for i, c in np.ndindex(layer.kernel_size, channels // layer.groups):
            step = t * layer.stride + i * layer.dilation - before
            if 0 <= step < time:
                terms.append(float(layer.W[f, i, c]) * float(example[step, first + c]))
        out[t, f] = math.fsum(terms)
    return out


def under(example: np.ndarray, layer: MaxPool2d | AveragePool2d, y: int, x: int, c: int) -> list:
    kernel = two(layer.kernel_size)
    stride = kernel if layer.stride is None else two(layer.stride)
    top, left = (
        zeros_before(layer.padding, axis, example.shape[axis], kernel[axis], stride[axis])
        for axis in (0, 1)
    )
    places = itertools.product(range(kernel[0]), range(kernel[1]))
    pixels = [(y * stride[0] + i - top, x * stride[1] + j - left) for i, j in places]
    height, width, _ = example.shape
    return [float(example[r, s, c]) for r, s in pixels if 0 <= r < height and 0 <= s < width]


def max_pool2d(example: np.ndarray, layer: MaxPool2d) -> np.ndarray:
    out = np.empty(layer.output_shape)
    for y, x, c in np.ndindex(out.shape):
        out[y, x, c] = max(under(example, layer, y, x, c))
    return out


def average_pool2d(example: np.ndarray, layer: AveragePool2d) -> np.ndarray:
    """Without ceil_mode, all that lies under a window is image or padding."""
    out = np.empty(layer.output_shape)
    cells = math.prod(two(layer.kernel_size))
    for y, x, c in np.ndindex(out.shape):
        seen = under(example, layer, y, x, c)
        out[y, x, c] = math.fsum(seen) / (cells if layer.count_padding else len(seen))
    return out


def mean_of_all(example: np.ndarray, layer: Layer) -> np.ndarray:
    columns = example.reshape(-1, example.shape[-1]).T.tolist()
    return np.array([math.fsum(column) / len(column) for column in columns])


def max_of_all(example: np.ndarray, layer: Layer) -> np.ndarray:
    return np.array([max(column) for column in example.reshape(-1, example.shape[-1]).T.tolist()])


def upsample(example: np.ndarray, layer: Upsample) -> np.ndarray:
    out = np.empty(layer.output_shape)
    fy, fx = two(layer.factor)
    height, width, _ = example.shape
    for y, x, c in np.ndindex(out.shape):
        if layer.mode == "nearest":
            out[y, x, c] = example[y // fy, x // fx, c]
            continue
        # Where this pixel's centre lies among the centres of the input's pixels.
        r = min(max((y + 0.5) / fy - 0.5, 0), height - 1)
        s = min(max((x + 0.5) / fx - 0.5, 0), width - 1)
        above, left = math.floor(r), math.floor(s)
        below, right = min(above + 1, height - 1), min(left + 1, width - 1)
        out[y, x, c] = (1 - (r - above)) * (
            (1 - (s - left)) * example[above, left, c] + (s - left) * example[above, right, c]
        ) + (r - above) * (
            (1 - (s - left)) * example[below, left, c] + (s - left) * example[below, right, c]
        )
    return out


def dropout2d(example: np.ndarray, layer: Dropout2d) -> np.ndarray:
    """In prediction."""
    return example
