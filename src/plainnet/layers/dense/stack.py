"""Networks of dense layers whose step, or prediction, is one call of a compiled kernel.

A network finds out when it is built whether it is one. Its steps are then those of any other: the
layers say what is computed, and the kernel does it where its twin is in use and the batch is small,
so that the time between calls matters. Otherwise, and in a recording, the layers run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.kernels.compiled import in_use
from plainnet.kernels.dense_stack import (
    IDENTITY,
    RELU,
    SIGMOID,
    TANH,
    dense_outputs,
    dense_stack,
    dense_stack_size,
)
from plainnet.layers.base import Layer
from plainnet.layers.containers.parallel import Parallel
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.dense.activations import ReLU, Sigmoid, Tanh
from plainnet.layers.dense.dense import Dense
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

Array = npt.NDArray[Any]

FLOAT64, INTP = np.dtype(np.float64), np.dtype(np.intp)

MOST_PRODUCTS = 2**21
"""Multiplications of a forward pass up to which one call was faster than BLAS between calls."""

MOST_WEIGHTS = 2**15
"""The most with which one call predicts a row faster: it copies what does not fill registers."""

MOST_LAYERS = 32

ACTIVATIONS: dict[type[Layer], int] = {ReLU: RELU, Tanh: TANH, Sigmoid: SIGMOID}
STACKED: dict[type[Loss], Callable[[Any], str]] = {
    SoftmaxCrossEntropy: lambda loss: "" if loss.label_smoothing else "classes",
    SigmoidCrossEntropy: lambda loss: "labels",
    MeanSquaredError: lambda loss: "numbers",
}
"""What the kernel calls the targets of a loss, or "" with settings that it does not compute."""


class DenseOutputs:
    """The prediction of such a network, or of a part of one.

    Parameters
    ----------
    plan : array of shape (layers, 5)
        As the kernel takes it.
    name : str
        What its arrays in a cache begin with.
    """

    def __init__(self, plan: Array, name: str = "") -> None:
        self.plan, self.name = plan, name
        self.per_example = int(plan[:, 0] @ plan[:, 1])
        self.n_outputs = int(plan[-1, 1])
        self._size = 0, 0

    def predicts(self, X: Any, cache: Cache) -> bool:
        """Whether this forward pass may be one call."""
        return (
            in_use("dense_outputs")
            and not (cache.record or cache.carry)
            and type(X) is np.ndarray
            and self.per_example <= MOST_WEIGHTS
            and 0 < len(X) * self.per_example <= MOST_PRODUCTS
        )

    def outputs(self, X: Array, parameters: Array, cache: Cache) -> Array:
        """The last pre-activations."""
        if not X.flags.c_contiguous:  # the kernel would decline, and the last bits would differ
            given, X = X, cache.array(self.name + "rows", X.shape, X.dtype)
            np.copyto(X, given)
        Z = cache.array(self.name + "outputs", (len(X), self.n_outputs), X.dtype)
        return dense_outputs(X, parameters, self.plan, Z, self.work(X, cache))

    def work(self, X: Array, cache: Cache) -> Array:
        """The kernel's scratch memory."""
        known = self._size  # a pair, since another thread may replace it
        if known[0] != len(X):
            known = self._size = len(X), dense_stack_size(self.plan, len(X))
        return cache.array(self.name + "stack", known[1:], X.dtype)


class SideBySide:
    """The prediction of a `Parallel` that has nothing but dense layers: one call for each part.

    Parameters
    ----------
    parts : sequence of (slice, DenseOutputs, slice)
        The features that each part gets, and the columns that it fills.
    """

    def __init__(self, parts: Sequence[tuple[slice, DenseOutputs, slice]]) -> None:
        self.parts = parts
        self.n_outputs = parts[-1][-1].stop

    def predicts(self, X: Any, cache: Cache) -> bool:
        """Whether this forward pass may be these calls."""
        return all(part.predicts(X, cache) for _, part, _ in self.parts)

    def outputs(self, X: Array, parameters: Array, cache: Cache) -> Array:
        """The parts' last pre-activations, side by side."""
        Z = cache.array("outputs", (len(X), self.n_outputs), X.dtype)
        for features, part, columns in self.parts:
            Z[:, columns] = part.outputs(X[:, features], parameters, cache)
        return Z


class DenseStack(DenseOutputs):
    """The step and the prediction of such a network, whose loss the kernel computes too.

    Parameters
    ----------
    plan : array of shape (layers, 5)
    targets : "classes", "numbers" or "labels"
        What the loss takes.
    """

    def __init__(self, plan: Array, targets: str) -> None:
        super().__init__(plan)
        self.targets = targets

    def takes(self, X: Any, y: Array, cache: Cache) -> bool:
        """Whether this step may be one call."""
        return (
            in_use("dense_stack")
            and cache.training
            and not (cache.record or cache.input_gradient or cache.carry)
            and type(X) is np.ndarray
            and (y.ndim == 1) == (self.targets == "classes")
            and len(X) * self.per_example <= MOST_PRODUCTS
        )

    def step(self, X: Array, y: Array, parameters: Array, gradients: Array, cache: Cache) -> float:
        """The mean loss; writes the gradient."""
        mean = cache.array("mean", (1,), FLOAT64)
        work = self.work(X, cache)
        classes, numbers = (y, None) if self.targets == "classes" else (None, y)
        dense_stack(X, classes, numbers, parameters, self.plan, gradients, mean, work)
        return float(mean[0])


def dense_stack_of(
    layers: Sequence[Layer], loss: Any, starts: Mapping[str, int]
) -> DenseStack | None:
    """The stack that these layers and this loss are, or None.

    Only the very classes count, since a subclass may compute something else.

    Parameters
    ----------
    layers : sequence of Layer
    loss : Loss
    starts : mapping of str to int
        Where each tensor begins in the vector of parameters, which is one of float32.
    """
    targets = STACKED[type(loss)](loss) if type(loss) in STACKED else ""
    plan = _plan(layers, starts)
    if plan is None or not targets:
        return None
    plan[-1, -1] = SIGMOID if targets == "labels" else IDENTITY
    return DenseStack(plan, targets)


def dense_outputs_of(
    layers: Sequence[Layer], starts: Mapping[str, int]
) -> DenseOutputs | SideBySide | None:
    """The prediction that these layers make with one call, or one for each part, or None."""
    if len(layers) != 1 or type(layers[0]) is not Parallel:
        plan = _plan(layers, starts)
        return None if plan is None else DenseOutputs(plan)
    both = layers[0]
    parts = []
    for name, layer, features, columns in zip(
        both.names, both.layers, both.parts, both.columns, strict=True
    ):
        plan = _plan(layer.layers if type(layer) is Sequential else (layer,), starts)
        if plan is None:
            return None
        parts.append((slice(*features), DenseOutputs(plan, f"{name}."), slice(*columns)))
    return SideBySide(parts)


def _plan(layers: Sequence[Layer], starts: Mapping[str, int]) -> Array | None:
    """The kernel's plan of dense layers with activations between, or None for others."""
    if not layers or type(layers[-1]) is not Dense:
        return None
    rows: list[list[int]] = []
    open_for_activation = False
    for layer in layers:
        if type(layer) is Dense and len(layer.input_shape) == 1:
            b = starts[f"{layer.name}.b"] if layer.bias else -1
            rows.append([layer.input_shape[0], layer.units, starts[f"{layer.name}.W"], b, IDENTITY])
            open_for_activation = True
        elif open_for_activation and type(layer) in ACTIVATIONS:
            rows[-1][-1] = ACTIVATIONS[type(layer)]
            open_for_activation = False
        else:
            return None
    return np.array(rows, np.intp) if len(rows) <= MOST_LAYERS else None
