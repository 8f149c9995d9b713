"""What the planted faults do to data, to weights and to layers."""

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.setting import Data
from plainnet import Cache, Network
from plainnet.layers import Layer
from plainnet.optimizers import SGD, AdamW

Array = npt.NDArray[Any]
Generator = np.random.Generator
Change = Callable[[Network, Any, Generator], None]


# --- the data ------------------------------------------------------------------------------------


def each_X(data: Data, change: Callable[[Array], Array]) -> Data:
    """The same change of the inputs of all rows."""
    held, test = data.validation, data.test
    return Data(change(data.X), data.y, (change(held[0]), held[1]), (change(test[0]), test[1]))


def scaled(data: Data, factor: float, rng: Generator) -> Data:
    """Half of the last axis's columns, at least one, in another unit."""
    n = data.X.shape[-1]
    factors = np.ones(n)
    factors[rng.permutation(n)[: max(1, n // 2)]] = factor
    return each_X(data, lambda X: X * factors)


def offset(data: Data, distance: float, rng: Generator) -> Data:
    """All inputs lie far from 0."""
    return each_X(data, lambda X: X + distance)


def with_constants(data: Data, n: int, rng: Generator) -> Data:
    """n more columns that are 1 in all rows."""
    return each_X(data, lambda X: np.concatenate([X, np.ones((len(X), n))], axis=1))


def each_y(data: Data, change: Callable[[Array], Array]) -> Data:
    held, test = data.validation, data.test
    return Data(data.X, change(data.y), (held[0], change(held[1])), (test[0], change(test[1])))


def target_scaled(data: Data, factor: float, rng: Generator) -> Data:
    return each_y(data, lambda y: y * factor)


def target_offset(data: Data, distance: float, rng: Generator) -> Data:
    return each_y(data, lambda y: y + distance)


def imbalanced(data: Data, kept: float, rng: Generator) -> Data:
    """Of all classes but one, few rows are left for training and validation; not in the test."""

    def few(X: Array, y: Array) -> tuple[Array, Array]:
        rows = (y == 0) | (rng.random(len(y)) < kept)
        for label in np.unique(y):
            rows[np.flatnonzero(y == label)[:1]] = True  # each class is still there
        return X[rows], y[rows]

    return Data(*few(data.X, data.y), few(*data.validation), data.test)


def shuffled(data: Data, share: float, rng: Generator) -> Data:
    """The labels of this share of the training rows change places."""
    rows = rng.permutation(len(data.y))[: round(share * len(data.y))]
    y = data.y.copy()
    y[rows] = y[rng.permutation(rows)]
    return replace(data, y=y)


def sorted_by_label(data: Data, share: float, rng: Generator) -> Data:
    """The training rows in the order of their labels, but for a few at random places."""
    n = len(data.y)
    order = np.argsort(data.y, kind="stable")
    places = rng.permutation(n)[: round((1 - share) * n)]
    order[places] = order[rng.permutation(places)]
    return replace(data, X=data.X[order], y=data.y[order])


def shared(data: Data, share: float, rng: Generator) -> Data:
    """This share of the validation rows are training rows."""
    return nearly_shared(data, share, rng, 0.0)


def nearly_shared(data: Data, share: float, rng: Generator, noise: float = 0.05) -> Data:
    """This share of the validation rows are training rows, measured once more."""
    X, y = data.validation[0].copy(), data.validation[1].copy()
    n = round(share * len(y))
    rows = rng.choice(len(data.y), n, replace=len(data.y) < n)
    X[:n] = data.X[rows] + noise * data.X.std() * rng.standard_normal((n, *data.X.shape[1:]))
    y[:n] = data.y[rows]
    return replace(data, validation=(X, y))


def leaking(data: Data, noise: float, rng: Generator) -> Data:
    """The last column is the target with some noise; in the test it is that of another row."""

    def leaked(X: Array, y: Array) -> Array:
        X, known = X.copy(), (y - data.y.mean()) / data.y.std()
        X[:, -1] = known + noise * rng.standard_normal(len(y))
        return X

    held, test = data.validation, data.test
    return Data(
        leaked(data.X, data.y),
        data.y,
        (leaked(*held), held[1]),
        (leaked(test[0], rng.permutation(test[1])), test[1]),
    )


def validation_offset(data: Data, distance: float, rng: Generator) -> Data:
    """The validation rows were measured by something that was not calibrated."""
    X, y = data.validation
    return replace(data, validation=(X + distance * data.X.std(), y))


def validation_noise(data: Data, noise: float, rng: Generator) -> Data:
    X, y = data.validation
    return replace(data, validation=(X + noise * data.X.std() * rng.standard_normal(X.shape), y))


# --- the start -----------------------------------------------------------------------------------


def tensors(network: Network, pattern: str) -> list[str]:
    found = [segment.name for segment in network.segments if fnmatch(segment.name, pattern)]
    if not found:
        raise KeyError(f"no tensor {pattern!r}")
    return found


def multiply(pattern: str) -> Change:
    """The initial weights of these tensors, times the strength."""

    def change(network: Network, factor: float, rng: Generator) -> None:
        for name in tensors(network, pattern):
            network[name] *= factor

    return change


def lower(pattern: str) -> Change:
    """The strength is subtracted from the initial numbers of these tensors, such as biases."""

    def change(network: Network, amount: float, rng: Generator) -> None:
        for name in tensors(network, pattern):
            network[name] -= amount

    return change


def alike(pattern: str) -> Change:
    """Of these weights' own differences only this share is left around the constant 0.1."""

    def change(network: Network, share: float, rng: Generator) -> None:
        for name in tensors(network, pattern):
            network[name] = 0.1 + share * network[name]

    return change


def blind(pattern: str) -> Change:
    """This share of the weights from each input is 0, and all of these weights stay as they are."""

    def change(network: Network, share: float, rng: Generator) -> None:
        for name in tensors(network, pattern):
            n = network[name].shape[-1]
            network[name][..., rng.permutation(n)[: round(share * n)]] = 0
        network.freeze(pattern)

    return change


def freeze(network: Network, patterns: tuple[str, ...], rng: Generator) -> None:
    """These tensors never change."""
    for pattern in patterns:
        network.freeze(pattern)


# --- training ------------------------------------------------------------------------------------


def with_momentum(rate: float) -> SGD:
    return SGD(rate, momentum=0.9)


def decaying(rate: float) -> Callable[[float], AdamW]:
    """From the weight decay to the optimizer."""
    return lambda decay: AdamW(rate, weight_decay=decay)


def clipped(norm: float) -> dict[str, Any]:
    return {"clip_norm": norm}


def in_order(_: Any) -> dict[str, Any]:
    return {"shuffle": False}


# --- layers --------------------------------------------------------------------------------------


class WrongReLU(Layer):
    """ReLU whose backward pass has the wrong sign for this share of the units."""

    def __init__(self, wrong: float) -> None:
        self.wrong = wrong

    def forward(self, Z: Array, cache: Cache) -> Array:
        cache["Z"] = Z
        return np.maximum(Z, 0)

    def backward(self, dA: Array, cache: Cache) -> Array:
        dZ = dA * (cache["Z"] > 0)
        dZ[..., : round(self.wrong * dZ.shape[-1])] *= -1
        return dZ
