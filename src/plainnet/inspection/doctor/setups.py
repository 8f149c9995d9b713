"""A training setup: copies of a network and of everything that a remedy may change."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts
from plainnet.layers import Graph
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.optimizers.lbfgs import LBFGS

Array = npt.NDArray[Any]
Pair = tuple[Any, Any]

MOST_ROWS = 2000
"""If there are more rows, a sample of this size without replacement stands for all."""


@dataclass
class Setup:
    """A network with its data and training settings. `validation` is a pair of X and y."""

    network: Network
    X: Any
    y: Any
    validation: Pair | None
    optimizer: Optimizer | LBFGS
    settings: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `train`."""

    def copied(self) -> Setup:
        """The setup with copies of everything that training or a remedy changes in place."""
        return replace(
            self,
            network=deepcopy(self.network),
            optimizer=deepcopy(self.optimizer),
            settings=dict(self.settings),
        )

    def train_call(self, **changes: Any) -> str:
        """Code that trains it with some settings changed."""
        settings = {"optimizer": "optimizer"}
        settings |= {name: repr(value) for name, value in {**self.settings, **changes}.items()}
        return f"train(network, X, y, {', '.join(f'{n}={v}' for n, v in settings.items())})"


def sampled(X: Any, y: Any, rng: np.random.Generator, most: int = MOST_ROWS) -> Pair:
    """Some of the rows, in their order."""
    n = len(y if not isinstance(y, Mapping) else next(iter(y.values())))
    if n <= most:
        return X, y
    rows = np.sort(rng.choice(n, most, replace=False))
    return taken(X, rows), taken(y, rows)


def taken(data: Any, rows: Array | slice) -> Any:
    """These rows of an array, or of each array of a dict or of Parts."""
    if isinstance(data, Mapping):
        return {name: array[rows] for name, array in data.items()}
    return data[rows]


def as_given(X: Any) -> Any:
    """The result of `Network.inputs` in the user's form: an array, or a dict of arrays."""
    return dict(X.arrays) if isinstance(X, Parts) else np.asarray(X)


def reinitialized(network: Network, seed: int) -> Network:
    """A network with the same layers and settings, and new initial parameters."""
    body = deepcopy(network.body)  # copies belong to no network
    layers = body if isinstance(body, Graph) else body.layers
    other = copy(network)
    Network.__init__(
        other, layers, loss=network.loss, input_shape=network.input_shape, dtype=network.dtype,
        seed=seed,
    )  # fmt: skip
    other.segments, other._kept = network.segments, network._kept
    return other


def feature_arrays(X: Any) -> dict[str, Array]:
    """The inputs that are numbers rather than ids, by name; "" names the only input."""
    named = X.arrays if isinstance(X, Parts) else {"": X}
    return {name: array for name, array in named.items() if array.dtype.kind == "f"}
