"""One step of an optimizer on one or more tensors, with given accumulators.

ONNX keeps Adam's moments m and v; ours holds M = m / (1 - beta1) and V = v / (1 - beta2).
"""

import numpy as np

from plainnet import optimizers
from plainnet.engine.parameters import Segment
from plainnet.optimizers.base import Optimizer

MANY_STEPS = 10**9
"""After these, the powers of the betas are 0: ONNX's step number 0 means no correction."""


def step(optimizer: Optimizer, tensors: tuple[np.ndarray, ...], *held: str) -> list[np.ndarray]:
    """One step on tensors that come as X, dX and the accumulators; X and the latter after it."""
    n = len(tensors) // (2 + len(held))
    parameters, gradients, *state = (
        np.concatenate(tensors[i : i + n]) for i in range(0, len(tensors), n)
    )
    optimizer.state = dict(zip(held, state, strict=True))
    everything = Segment("X", 0, parameters.size, parameters.shape, weight_decay=1.0)
    optimizer.update(parameters, gradients, (everything,))
    sizes = np.cumsum([len(X) for X in tensors[: n - 1]])
    return [np.split(vector, sizes) for vector in (parameters, *optimizer.state.values())]


def adam(
    R: np.ndarray,
    T: np.ndarray,
    *tensors: np.ndarray,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> tuple[np.ndarray, ...]:
    assert T == 0
    optimizer = optimizers.Adam(
        float(R), betas=(alpha, beta), epsilon=epsilon, weight_decay=norm_coefficient
    )
    optimizer.steps = MANY_STEPS
    n = len(tensors) // 4
    scales = np.repeat([1, 1, 1 - alpha, 1 - beta], n).astype(np.float32)
    scaled = tuple(A / scale for A, scale in zip(tensors, scales, strict=True))
    X, M, V = step(optimizer, scaled, "M", "V")
    return (*X, *(A * scales[2 * n] for A in M), *(A * scales[3 * n] for A in V))


def adagrad(
    R: np.ndarray,
    T: np.ndarray,
    *tensors: np.ndarray,
    decay_factor: float = 0.0,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> tuple[np.ndarray, ...]:
    assert T == 0  # so decay_factor, of a schedule of the learning rate, plays no part
    optimizer = optimizers.Adagrad(float(R), epsilon=epsilon, weight_decay=norm_coefficient)
    X, V = step(optimizer, tensors, "V")
    return (*X, *V)


def momentum(
    R: np.ndarray,
    T: np.ndarray,
    *tensors: np.ndarray,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
) -> tuple[np.ndarray, ...]:
    assert T == 0  # so beta, the weight of the gradient in later steps, plays no part
    optimizer = optimizers.SGD(
        float(R), momentum=alpha, nesterov=mode == "nesterov", weight_decay=norm_coefficient
    )
    X, v = step(optimizer, tensors, "v")
    return (*X, *v)


ADAPTERS = {"Adagrad": adagrad, "Adam": adam, "Momentum": momentum}
