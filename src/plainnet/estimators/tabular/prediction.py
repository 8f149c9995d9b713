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
NUMBERS_AT_ONCE = 2**16
"""In the largest layer's output for a block: half a megabyte stays in the processor's cache."""


class Twin:
    """A network in float64, kept for later predictions."""

    def __init__(self, network: Network) -> None:
        self.network = network.astype(np.float64)
        self.spare: list[Cache] = []
        """Of predictions that are over. A cache serves one thread."""

    def follow(self, network: Network) -> None:
        """Take the network's numbers, which may have changed; a second thread writes the same."""
        self.network.parameters[:] = network.parameters
        self.network.state[:] = network.state


_twins: WeakKeyDictionary[Network, Twin] = WeakKeyDictionary()


def mean_outputs(networks: Sequence[Network], X: Array) -> Array:
    """The mean of what the networks give for each row of X, shape (m, *output_shape), float64."""
    twins = [_twin_of(network) for network in networks]
    caches = [twin.spare.pop() if twin.spare else Cache() for twin in twins]
    Z = np.empty((len(X), *twins[0].network.output_shape))
    size = _rows_at_once(twins[0].network)
    for start in range(0, len(X), size):
        rows = X[start : start + size]
        block = np.zeros((-(-len(rows) // TILE) * TILE, *X.shape[1:]))
        block[: len(rows)] = rows
        total: Any = sum(
            twin.network.forward(block, own) for twin, own in zip(twins, caches, strict=True)
        )
        Z[start : start + size] = total[: len(rows)]
    for twin, own in zip(twins, caches, strict=True):
        twin.spare.append(own)
    Z /= len(networks)
    return Z.astype(np.float32).astype(np.float64)


def _twin_of(network: Network) -> Twin:
    twin = _twins.get(network)
    if twin is None:
        twin = _twins[network] = Twin(network)
    twin.follow(network)
    return twin


def _rows_at_once(network: Network) -> int:
    largest: int = max(layer.numbers(1) for layer in network.body.walk())
    return min(max(NUMBERS_AT_ONCE // largest // TILE, 1), 64) * TILE
