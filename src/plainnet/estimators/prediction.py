"""The mean of several networks' outputs, the same for a row whatever rows stand beside it.

A product of matrices adds its terms in an order that depends on their shapes, and so does its
rounding. Three things keep that out of a prediction: it is computed in float64; in blocks whose
rows are a multiple of `TILE`, so that BLAS takes the same way through nearly all of them; and what
is left, some 1e-15, goes when the result is rounded to float32, in which the networks have learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.network import Network

Array = npt.NDArray[Any]

TILE = 16
"""Rows that BLAS takes at once, or a multiple of them."""
NUMBERS_AT_ONCE = 2**17
"""In the largest layer's output for a block: a megabyte about fits the processor's cache."""
FEW_ROWS = 64
"""Up to here, making a cache takes as long as a pass through it, so that caches are kept."""


class Twin:
    """A network in float64, kept for later predictions."""

    def __init__(self, network: Network) -> None:
        self.network = network.astype(np.float64)
        largest = max(layer.numbers(1) for layer in network.body.walk())
        self.rows_at_once = min(max(NUMBERS_AT_ONCE // largest // TILE, 1), 64) * TILE
        self._spare: list[Cache] = []

    def follow(self, network: Network) -> None:
        """Take the network's numbers, which may have changed; a second thread writes the same."""
        self.network.parameters[:] = network.parameters
        self.network.state[:] = network.state

    def add_outputs(self, X: Array, Z: Array) -> None:
        """Add to Z what the network gives for each row of X."""
        cache = self._cache() if len(X) <= FEW_ROWS else Cache()
        for start in range(0, len(X), self.rows_at_once):
            rows = X[start : start + self.rows_at_once]
            block = np.zeros((-(-len(rows) // TILE) * TILE, *X.shape[1:]))
            block[: len(rows)] = rows
            Z[start : start + len(rows)] += self.network.forward(block, cache)[: len(rows)]
        if len(X) <= FEW_ROWS:
            self._spare.append(cache)

    def _cache(self) -> Cache:
        """One that no thread is using."""
        try:
            return self._spare.pop()
        except IndexError:
            return Cache()


_twins: WeakKeyDictionary[Network, Twin] = WeakKeyDictionary()


def mean_outputs(networks: Sequence[Network], X: Array) -> Array:
    """The mean of what the networks give for each row of X, shape (m, *output_shape), float64."""
    Z = np.zeros((len(X), *networks[0].output_shape))
    for network in networks:
        _twin_of(network).add_outputs(X, Z)
    Z /= len(networks)
    return Z.astype(np.float32).astype(np.float64)


def _twin_of(network: Network) -> Twin:
    twin = _twins.get(network)
    if twin is None:
        twin = _twins[network] = Twin(network)
    twin.follow(network)
    return twin
