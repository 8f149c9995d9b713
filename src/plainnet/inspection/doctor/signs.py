"""What one pass shows about a network: its layers' activations, and its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.recording import Window
from plainnet.inspection.doctor.thresholds import IN_TAIL, TAIL
from plainnet.layers import ELU, GELU, RNN, SELU, Layer, Mish, ReLU, Sigmoid, SiLU, Tanh
from plainnet.layers.recurrence.recurrent import Recurrent
from plainnet.network import Network

Array = npt.NDArray[Any]

CAN_DIE = ReLU, ELU, SELU, GELU, SiLU, Mish
"""Activations with a flat part, in which a unit can be stuck for all rows."""
BOUNDED = {Sigmoid: (0.0, 1.0), Tanh: (-1.0, 1.0), RNN: (-1.0, 1.0)}
"""Activations with flat parts at both ends."""
CONSTANT = 1e-6
"""A smaller variation, relative to the layer's largest activation, counts as none."""


@dataclass(frozen=True)
class Signal:
    """A layer's input and output in one recorded pass.

    A and Y have a row for each example and a column for each unit or feature; whatever other axes
    there are count as rows.
    """

    path: str
    layer: Layer
    A: Array
    Y: Array
    is_last: bool
    """Whether no later layer has parameters."""

    @property
    def has_weights(self) -> bool:
        """Whether it declares a tensor of two axes or more."""
        return any(getattr(self.layer, name).ndim > 1 for name in self.layer.declared)

    @cached_property
    def dead_units(self) -> Array:
        """Whether each unit is in the flat part for every row."""
        if not isinstance(self.layer, CAN_DIE):
            return np.zeros(self.Y.shape[1], bool)
        low, high = self.Y.min(axis=0), self.Y.max(axis=0)
        largest = max(1.0, float(-low.min()), float(high.max()))
        return np.asarray(high - low <= CONSTANT * largest)

    @property
    def dead(self) -> float:
        """The share of dead units."""
        return float(np.mean(self.dead_units))

    @property
    def saturated(self) -> float:
        """The share of units that are near a flat end for most rows."""
        kind = next((kind for kind in BOUNDED if isinstance(self.layer, kind)), None)
        if kind is None or (kind is RNN and getattr(self.layer, "activation", "tanh") != "tanh"):
            return 0.0
        low, high = BOUNDED[kind]
        margin = TAIL * (high - low)
        in_tail = (self.Y < low + margin) | (self.Y > high - margin)
        return float(np.mean(in_tail.mean(axis=0) >= IN_TAIL))


def products_of(network: Network, X: Any) -> float:
    """The approximate number of multiplications in a forward pass per row."""
    rows, products = len(X), 0.0
    for signal in signals_of(network, X):
        size = sum(getattr(signal.layer, name).size for name in signal.layer.declared)
        products += size * max(len(signal.Y) / rows, 1)
    return products


def begins_in_training(network: Network) -> bool:
    """Whether prediction needs running state that only training creates."""
    return any(layer.declared_state for layer in network.body.walk())


def signals_of(
    network: Network, X: Any, cache: Cache | None = None, *, new: bool = False
) -> list[Signal]:
    """The signals of each layer without inner layers, in the order of the forward pass.

    A `new` network has no running state yet, and runs in training mode. A recording cache that
    is kept from call to call saves most of the time of small networks.
    """
    training = new and begins_in_training(network)
    if training:
        network = deepcopy(network)
    cache = cache or Cache(record=True, training=training, seed=0)
    with np.errstate(all="ignore"):
        network.forward(X, cache)
    found = list(recorded(cache))
    last = max((i for i, (_, window) in enumerate(found) if window.subject.declared), default=-1)
    return [
        Signal(path, window.subject, _rows(A), _rows(Y), i >= last)
        for i, (path, window) in enumerate(found)
        for A, Y in [_in_and_out(window)]
        if A is not None and Y is not None
    ]


def both_ways(network: Network, X: Any, y: Any) -> list[tuple[str, Window]]:
    """The layers of an untrained network after a forward and a backward pass."""
    own = deepcopy(network)
    cache = Cache(record=True, training=begins_in_training(own), seed=0)
    with np.errstate(all="ignore"):
        own.loss_and_gradients(X, y, cache)
    return list(recorded(cache))


def over_time(layers: list[tuple[str, Window]]) -> Iterator[tuple[str, Recurrent, float]]:
    """For each recurrent layer, the ratio of the gradients at its first and last step."""
    for path, window in layers:
        layer, dA = window.subject, window.noted.get("dA")
        if isinstance(layer, Recurrent) and dA is not None and dA.ndim == 3:
            sizes = np.linalg.norm(dA.astype(np.float64), axis=(0, 2))
            first, last = sizes[:: -1 if layer.reverse else 1][[0, -1]]
            if last:
                yield path, layer, float(first / last)


def steepest(layers: list[tuple[str, Window]]) -> tuple[str, float]:
    """The layer whose backward pass enlarges the gradient most, and by which factor."""
    factors = {"": 0.0}
    for path, window in layers:
        formulas = window.formulas
        above, below = (window.noted.get(f"d{name}") for name in (formulas.output, formulas.input))
        if above is not None and below is not None and below.size and above.any():
            factors[path] = float(np.abs(below).max() / np.abs(above).max())
    return max(factors.items(), key=lambda each: each[1] if each[1] == each[1] else np.inf)


def recorded(cache: Cache) -> Iterator[tuple[str, Window]]:
    """The layers that a pass came to, by their paths; containers are left out."""
    ahead = [(child, name) for name, child in reversed(cache.children.items())]
    while ahead:
        here, path = ahead.pop()
        subject = here.place.subject
        window = here.window
        is_layer = isinstance(subject, Layer) and not subject.layers
        if is_layer and window is not None and window.noted:
            yield path, window
        ahead += [
            (child, f"{path}.{name}".strip(".")) for name, child in reversed(here.children.items())
        ]


def _in_and_out(window: Window) -> tuple[Array | None, Array | None]:
    formulas = window.formulas
    return window.noted.get(formulas.input), window.noted.get(formulas.output)


def _rows(A: Array | None) -> Any:
    return None if A is None else A.reshape(-1, A.shape[-1]) if A.ndim > 1 else A.reshape(-1, 1)


def mean_square(A: Array) -> float:
    """The mean square of all elements, in float64."""
    return float(np.square(A, dtype=np.float64).mean()) if A.size else 0.0


# --- tensors --------------------------------------------------------------------------------------


def weights_of(network: Network) -> list[str]:
    """Names of the trainable weights (tensors with two or more axes), in order from the input."""
    learning = {s.name for s in network.segments if s.learning_rate > 0}
    order = [f"{layer.name}.{name}" for layer in network.body.walk() for name in layer.declared]
    return [name for name in order if name in learning and network.tensors[name].ndim > 1]
