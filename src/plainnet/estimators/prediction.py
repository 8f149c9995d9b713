"""The mean of several networks' outputs; a row's result does not depend on the rows beside it.

A matrix product adds its terms in an order that depends on the shapes, and so its rounding does
too. Three things keep that out of a prediction: it is computed in float64; it is computed in blocks
whose rows are a multiple of `TILE`, so that BLAS treats nearly all of them alike; and the remaining
difference, about 1e-15, disappears when the result is rounded to float32, in which the networks
have learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.layers import EmbeddingBag
from plainnet.network import Network

Array = npt.NDArray[Any]

TILE = 16
"""A multiple of the rows that BLAS processes at once."""
NUMBERS_AT_ONCE = 2**17
"""Numbers in a block's largest layer output: a megabyte about fits the processor's cache."""
FEW_ROWS = 64
"""Up to this many rows, making a cache takes as long as a pass, so caches are kept."""
BAGS_AT_ONCE = 32
"""Bags that are padded to the same length: one long text would lengthen a whole block."""


class Blocks(Protocol):
    """Rows in the form that networks take, a block at a time."""

    time: int
    """The number of steps if a row is a sequence; else 1."""

    def __len__(self) -> int: ...

    def block(self, start: int, stop: int, m: int) -> Any:
        """The input for the rows from `start` to `stop`, followed by blank ones up to m rows."""
        ...


class Matrix:
    """The rows of an array."""

    time = 1

    def __init__(self, X: Array) -> None:
        self.X = X

    def __len__(self) -> int:
        return len(self.X)

    def block(self, start: int, stop: int, m: int) -> Array:
        block = np.zeros((m, *self.X.shape[1:]))
        block[: stop - start] = self.X[start:stop]
        return block


class Twin:
    """A network in float64, kept for later predictions.

    A first layer that sums bags of ids is not converted: it processes each row by itself, and its
    vectors are by far the largest part of the parameters.
    """

    def __init__(self, network: Network, time: int) -> None:
        first, *others = network.layers
        if isinstance(first, EmbeddingBag):
            self.network = Network(
                deepcopy(others), loss=network.loss, input_shape=first.width, dtype=np.float64
            )
        else:
            self.network = network.astype(np.float64)
        largest = max(layer.numbers(time) for layer in self.network.body.walk())
        self.rows_at_once = min(max(NUMBERS_AT_ONCE // largest // TILE, 1), 64) * TILE
        self._spare: list[tuple[Cache, Cache]] = []

    def follow(self, network: Network) -> None:
        """Copy the network's parameters, which may have changed; other threads write the same."""
        own = self.network.parameters
        own[:] = network.parameters[-len(own) :]  # the bags' vectors, which decay, come first
        self.network.state[:] = network.state

    def add_outputs(self, network: Network, X: Blocks, Z: Array) -> None:
        """Add the network's output for each row of X to Z."""
        first = network.layers[0]
        caches = self._caches() if len(X) <= FEW_ROWS else _two_caches()
        for start in range(0, len(X), self.rows_at_once):
            stop = min(start + self.rows_at_once, len(X))
            m = -(-(stop - start) // TILE) * TILE
            if isinstance(first, EmbeddingBag):
                block = _sums_of_bags(first, X, start, stop, m, caches[0])
            else:
                block = X.block(start, stop, m)
            Z[start:stop] += self.network.forward(block, caches[1])[: stop - start]
        if len(X) <= FEW_ROWS:
            self._spare.append(caches)

    def _caches(self) -> tuple[Cache, Cache]:
        """Two that no thread is using."""
        try:
            return self._spare.pop()
        except IndexError:
            return _two_caches()


def _two_caches() -> tuple[Cache, Cache]:
    return Cache(backward=False), Cache(backward=False)


def _sums_of_bags(
    layer: EmbeddingBag, X: Blocks, start: int, stop: int, m: int, cache: Cache
) -> Array:
    """What the layer gives for the rows from `start` to `stop`, followed by zeros up to m rows."""
    sums = np.zeros((m, layer.width))
    for first in range(start, stop, BAGS_AT_ONCE):
        last = min(first + BAGS_AT_ONCE, stop)
        bags = X.block(first, last, last - first)
        sums[first - start : last - start] = layer.forward(bags, cache)
    return sums


_twins: WeakKeyDictionary[Network, Twin] = WeakKeyDictionary()


def mean_outputs(networks: Sequence[Network], X: Array | Blocks) -> Array:
    """The mean of the networks' outputs for each row of X, shape (m, *output_shape), float64."""
    blocks = Matrix(X) if isinstance(X, np.ndarray) else X
    Z = np.zeros((len(blocks), *networks[0].output_shape))
    for network in networks:
        _twin_of(network, blocks.time).add_outputs(network, blocks, Z)
    Z /= len(networks)
    return _rounded(Z)


def mean_and_each(networks: Sequence[Network], X: Array | Blocks) -> tuple[Array, Array]:
    """`mean_outputs`, and each network's outputs, shape (networks, m, *output_shape)."""
    blocks = Matrix(X) if isinstance(X, np.ndarray) else X
    each = np.zeros((len(networks), len(blocks), *networks[0].output_shape))
    Z = np.zeros(each.shape[1:])
    for network, own in zip(networks, each, strict=True):
        _twin_of(network, blocks.time).add_outputs(network, blocks, own)
        Z += own
    Z /= len(networks)
    return _rounded(Z), _rounded(each)


def _rounded(Z: Array) -> Array:
    return Z.astype(np.float32).astype(np.float64)


def _twin_of(network: Network, time: int) -> Twin:
    twin = _twins.get(network)
    if twin is None:
        twin = _twins[network] = Twin(network, time)
    twin.follow(network)
    return twin
