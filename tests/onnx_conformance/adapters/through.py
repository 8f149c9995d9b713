"""One layer as a network, and the layout of images: ours has the channels last, ONNX's first."""

import numpy as np

from plainnet import Cache, Network
from plainnet.layers import Layer
from plainnet.losses import MeanSquaredError


def through(
    layer: Layer, X: np.ndarray, cache: Cache | None = None, **tensors: np.ndarray
) -> np.ndarray:
    """The layer's output for X, as a network with these tensors gives it."""
    dtype = X.dtype if X.dtype.kind == "f" else np.float32
    network = Network([layer], loss=MeanSquaredError(), input_shape=X.shape[1:], dtype=dtype)
    for name, values in tensors.items():
        network[f"{layer.name}.{name}"] = values
    return network.forward(X, cache)


def channels_last(X: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(X, 1, -1))


def channels_first(Y: np.ndarray) -> np.ndarray:
    return np.moveaxis(Y, -1, 1)
