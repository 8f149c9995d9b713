"""Activations, softmax and dropout."""

from collections.abc import Callable

import numpy as np

from onnx_conformance.adapters.through import channels_first, channels_last, through
from plainnet import Cache, layers
from plainnet.layers import Dropout, Layer, PReLU, Softmax


def elementwise(make: Callable[..., Layer]) -> Callable[..., np.ndarray]:
    """The adapter of an activation, from its attributes to the layer."""

    def adapter(X: np.ndarray, **settings: float | str) -> np.ndarray:
        return through(make(**settings), X.reshape(1, -1)).reshape(X.shape)

    return adapter


def leaky_relu(alpha: float = 0.01) -> Layer:
    return layers.LeakyReLU(alpha)


def selu(alpha: float = layers.SELU.alpha, gamma: float = layers.SELU.scale) -> Layer:
    np.testing.assert_allclose((alpha, gamma), (layers.SELU.alpha, layers.SELU.scale), rtol=1e-7)
    return layers.SELU()


def swish(alpha: float = 1.0) -> Layer:
    assert alpha == 1
    return layers.SiLU()


def prelu(X: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """A slope for each number, feature or channel; the axes that have no slope are rows."""
    if slope.shape == X.shape:
        return through(PReLU(), X.reshape(1, -1), alpha=slope.ravel()).reshape(X.shape)
    if slope.shape == X.shape[-1:]:
        return through(PReLU(), X, alpha=slope)
    alpha = np.broadcast_to(slope.ravel(), X.shape[1])  # a slope per channel, or one
    return channels_first(through(PReLU(), channels_last(X), alpha=alpha))


def softmax(X: np.ndarray, *, axis: int = -1) -> np.ndarray:
    Z = np.ascontiguousarray(np.moveaxis(X, axis, -1))
    return np.moveaxis(through(Softmax(), Z), -1, axis)


def dropout(
    X: np.ndarray,
    rate: np.ndarray | None = None,
    training: np.ndarray | None = None,
    *,
    seed: int = 0,
    ratio: float = 0.5,
) -> tuple[np.ndarray, np.ndarray | None]:
    rate = ratio if rate is None else float(rate)
    layer = Dropout(rate)
    trains = training is not None and bool(training)
    cache = Cache(training=trains, record=True, seed=NumbersOfOnnx(seed))
    Y = through(layer, X[None], cache)[0]
    drops = cache.training and rate > 0
    return Y, cache[f"{layer.name}.M"][0].astype(bool) if drops else None


class NumbersOfOnnx(np.random.Generator):
    """Draws what the vectors were made with, by NumPy's first generator."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.first = np.random.RandomState(seed)

    def random(self, *, out: np.ndarray, dtype: np.dtype) -> np.ndarray:
        out[...] = self.first.uniform(0, 1, out.shape)
        return out


ADAPTERS = {
    "Dropout": dropout,
    "Elu": elementwise(layers.ELU),
    "Gelu": elementwise(layers.GELU),
    "Identity": elementwise(layers.Identity),
    "LeakyRelu": elementwise(leaky_relu),
    "Mish": elementwise(layers.Mish),
    "PRelu": prelu,
    "Relu": elementwise(layers.ReLU),
    "Selu": elementwise(selu),
    "Sigmoid": elementwise(layers.Sigmoid),
    "Softmax": softmax,
    "Softplus": elementwise(layers.Softplus),
    "Swish": elementwise(swish),
    "Tanh": elementwise(layers.Tanh),
}
