"""Every layer of plainnet, with an input and a twin that is written straight from the definition.

A twin takes one example as a float64 array, and the layer, and returns one example. It uses loops
and `math`, never the functions that the layer itself calls.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plainnet import layers
from plainnet.layers import (
    ELU,
    GELU,
    SELU,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    Mish,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

Twin = Callable[[np.ndarray, Layer], np.ndarray]


@dataclass(frozen=True)
class LayerCase:
    make: Callable[[], Layer]
    input_shape: tuple[int, ...]
    twin: Twin

    @property
    def id(self) -> str:
        return f"{self.make()!r} on {self.input_shape}"


def each(function: Callable[[float], float]) -> Twin:
    """The twin of an elementwise layer, from a function of one number."""

    def twin(example: np.ndarray, layer: Layer) -> np.ndarray:
        return np.array([function(float(z)) for z in example.flat]).reshape(example.shape)

    return twin


def softplus(z: float) -> float:
    return z if z > 30 else math.log(1 + math.exp(z))


def phi(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def gelu_tanh(z: float) -> float:
    return 0.5 * z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z)))


def elu(alpha: float, scale: float = 1.0) -> Twin:
    return each(lambda z: scale * (z if z > 0 else alpha * (math.exp(z) - 1)))


def dense(example: np.ndarray, layer: Dense) -> np.ndarray:
    out = np.empty((*example.shape[:-1], layer.units))
    for place in np.ndindex(*example.shape[:-1]):
        for j in range(layer.units):
            total = float(layer.b[j]) if layer.bias else 0.0
            for k in range(example.shape[-1]):
                total += float(layer.W[j, k]) * float(example[*place, k])
            out[*place, j] = total
    return out


def softmax(example: np.ndarray, layer: Layer) -> np.ndarray:
    out = np.empty_like(example)
    for place in np.ndindex(*example.shape[:-1]):
        powers = [math.exp(z) for z in example[place]]
        out[place] = [power / sum(powers) for power in powers]
    return out


def flat(example: np.ndarray, layer: Layer) -> np.ndarray:
    return np.array(list(example.flat))


def shaped(*shape: int) -> Twin:
    return lambda example, layer: np.array(list(example.flat)).reshape(shape)


def same(example: np.ndarray, layer: Layer) -> np.ndarray:
    return example


def chain(example: np.ndarray, layer: Sequential | Residual) -> np.ndarray:
    by_type = {type(case.make()): case.twin for case in CASES}
    for inner in layer.layers:
        example = by_type[type(inner)](example, inner)
    return example


def residual(example: np.ndarray, layer: Residual) -> np.ndarray:
    out = chain(example, layer)
    return np.array([a + b for a, b in zip(example.flat, out.flat, strict=True)]).reshape(out.shape)


CASES = [
    LayerCase(lambda: Dense(3), (4,), dense),
    LayerCase(lambda: Dense(3, bias=False), (4,), dense),
    LayerCase(lambda: Dense(3), (5, 2), dense),
    LayerCase(Identity, (6,), same),
    LayerCase(ReLU, (6,), each(lambda z: z if z > 0 else 0.0)),
    LayerCase(ReLU, (3, 2), each(lambda z: z if z > 0 else 0.0)),
    LayerCase(LeakyReLU, (6,), each(lambda z: z if z > 0 else 0.01 * z)),
    LayerCase(lambda: LeakyReLU(0.3), (6,), each(lambda z: z if z > 0 else 0.3 * z)),
    LayerCase(ELU, (6,), elu(1.0)),
    LayerCase(lambda: ELU(0.7), (6,), elu(0.7)),
    LayerCase(SELU, (6,), elu(1.6732632423543772, 1.0507009873554805)),
    LayerCase(GELU, (6,), each(lambda z: z * phi(z))),
    LayerCase(lambda: GELU("tanh"), (6,), each(gelu_tanh)),
    LayerCase(SiLU, (6,), each(lambda z: z / (1 + math.exp(-z)))),
    LayerCase(Mish, (6,), each(lambda z: z * math.tanh(softplus(z)))),
    LayerCase(Sigmoid, (6,), each(lambda z: 1 / (1 + math.exp(-z)))),
    LayerCase(Tanh, (6,), each(math.tanh)),
    LayerCase(Softplus, (6,), each(softplus)),
    LayerCase(Softmax, (6,), softmax),
    LayerCase(Softmax, (2, 3), softmax),
    LayerCase(lambda: Dropout(0.4), (6,), same),
    LayerCase(lambda: Dropout(0.0), (6,), same),
    LayerCase(Flatten, (2, 3), flat),
    LayerCase(lambda: Reshape((3, -1)), (2, 3), shaped(3, 2)),
    LayerCase(lambda: Sequential([Dense(3), Tanh(), Flatten()]), (4,), chain),
    LayerCase(lambda: Residual([Dense(5), ReLU(), Dense(4)]), (4,), residual),
    LayerCase(lambda: Residual([ReLU()]), (4,), residual),
]

EXPORTED = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}
