"""Every loss of plainnet, with targets and a twin that is written straight from the definition.

A twin takes the loss, one example's outputs and its target, and returns the example's loss. It uses
loops and `math`, and exponentials without any care for their size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from plainnet.losses import (
    Focal,
    GaussianKL,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Tweedie,
)

Twin = Callable[[Any, list[float], Any], float]


@dataclass(frozen=True)
class LossCase:
    loss: Loss
    y: np.ndarray
    """Targets of five examples."""
    twin: Twin
    outputs: int = 3

    @property
    def id(self) -> str:
        return f"{self.loss!r} on {self.y.dtype}{self.y.shape}"

    def by_hand(self, Z: np.ndarray) -> list[float]:
        """The loss of each example."""
        pairs = zip(Z.tolist(), self.y.tolist(), strict=True)
        return [self.twin(self.loss, z, target) for z, target in pairs]


def probabilities(z: list[float]) -> list[float]:
    total = sum(math.exp(v) for v in z)
    return [math.exp(v) / total for v in z]


def softmax_cross_entropy(loss: SoftmaxCrossEntropy, z: list[float], target: Any) -> float:
    K, s, p = len(z), loss.label_smoothing, probabilities(z)
    q = target if isinstance(target, list) else [float(k == target) for k in range(K)]
    return -sum(((1 - s) * q[k] + s / K) * math.log(p[k]) for k in range(K))


def focal(loss: Focal, z: list[float], target: int) -> float:
    p = probabilities(z)[target]
    return -((1 - p) ** loss.gamma) * math.log(p)


def hinge(loss: Hinge, z: list[float], target: int) -> float:
    rival = max(v for k, v in enumerate(z) if k != target)
    missing = max(0.0, 1 - (z[target] - rival))
    return missing**2 if loss.squared else missing


def mean(each: Callable[[Any, float, float], float]) -> Twin:
    """The twin of an elementwise loss, from that of one output."""

    def twin(loss: Loss, z: list[float], target: list[float]) -> float:
        return sum(each(loss, v, t) for v, t in zip(z, target, strict=True)) / len(z)

    return twin


def sigmoid_cross_entropy(loss: Loss, v: float, t: float) -> float:
    p = 1 / (1 + math.exp(-v))
    return -t * math.log(p) - (1 - t) * math.log(1 - p)


def huber(loss: Huber, v: float, t: float) -> float:
    far = abs(v - t)
    return far**2 / 2 if far <= loss.delta else loss.delta * (far - loss.delta / 2)


def poisson(loss: Loss, v: float, t: float) -> float:
    """The negative logarithm of the Poisson probability of t, without that of 1 / t!."""
    return -math.log(math.exp(-math.exp(v)) * math.exp(v) ** t)


def tweedie(loss: Tweedie, v: float, t: float) -> float:
    p, mu = loss.power, math.exp(v)
    return mu ** (2 - p) / (2 - p) - t * mu ** (1 - p) / (1 - p)


def gaussian_kl(loss: Loss, z: list[float], target: Any) -> float:
    """The integral of p log(p / q), p normal as z has it, q standard normal, by a sum of steps."""
    k, step, total = len(z) // 2, 0.1, 0.0
    for mean, log_var in zip(z[:k], z[k:], strict=True):
        deviation = math.sqrt(math.exp(log_var))
        for i in range(-120, 121):
            t = i * step
            x = mean + deviation * t
            p = math.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
            total += step * p * (-(t**2) / 2 - math.log(deviation) + x**2 / 2)
    return total


def quantile(loss: Quantile, z: list[float], target: list[float]) -> float:
    levels = loss.levels if isinstance(loss.levels, tuple) else (loss.levels,)
    total, rest = 0.0, list(z)
    for t in target:
        for level in levels:
            v = rest.pop(0)
            total += level * (t - v) if v < t else (1 - level) * (v - t)
    assert not rest
    return total / len(z)


IDS = np.array([0, 2, 1, 2, 2])
ONE_HOT = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
SOFT = np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0, 0.5, 0.5], [0.1, 0.1, 0.8], [0.6, 0.4, 0]])
YES_NO = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0]])
REAL = np.array([[0.3, -1, 2], [4, 0, 0.5], [-2, 1, 1], [0, 0, 0], [1, -3, 2]])
COUNTS = np.array([[0, 1, 5], [2, 0, 0], [1, 1, 3], [0, 0, 0], [7, 2, 1]])

CASES = [
    LossCase(SoftmaxCrossEntropy(), IDS, softmax_cross_entropy),
    LossCase(SoftmaxCrossEntropy(), ONE_HOT, softmax_cross_entropy),
    LossCase(SoftmaxCrossEntropy(), SOFT, softmax_cross_entropy),
    LossCase(SoftmaxCrossEntropy(label_smoothing=0.3), IDS, softmax_cross_entropy),
    LossCase(SoftmaxCrossEntropy(label_smoothing=0.3), SOFT, softmax_cross_entropy),
    LossCase(SigmoidCrossEntropy(), YES_NO, mean(sigmoid_cross_entropy)),
    LossCase(SigmoidCrossEntropy(), YES_NO * 0.7 + 0.1, mean(sigmoid_cross_entropy)),
    LossCase(Focal(), IDS, focal),
    LossCase(Focal(0.5), IDS, focal),
    LossCase(Focal(0), IDS, focal),
    LossCase(Hinge(), IDS, hinge),
    LossCase(Hinge(squared=True), IDS, hinge),
    LossCase(MeanSquaredError(), REAL, mean(lambda loss, v, t: (v - t) ** 2)),
    LossCase(MeanAbsoluteError(), REAL, mean(lambda loss, v, t: abs(v - t))),
    LossCase(Huber(), REAL, mean(huber)),
    LossCase(Huber(0.3), REAL, mean(huber)),
    LossCase(Quantile(), REAL, quantile),
    LossCase(Quantile(0.9), REAL, quantile),
    LossCase(Quantile([0.1, 0.5, 0.8]), REAL[:, :1], quantile),
    LossCase(Quantile([0.25, 0.75]), REAL, quantile, outputs=6),
    LossCase(Poisson(), COUNTS, mean(poisson)),
    LossCase(Poisson(), COUNTS * 0.7, mean(poisson)),
    LossCase(Tweedie(), COUNTS * 0.7, mean(tweedie)),
    LossCase(Tweedie(1.8), COUNTS, mean(tweedie)),
    LossCase(GaussianKL(), np.empty((5, 0)), gaussian_kl, outputs=6),
]
