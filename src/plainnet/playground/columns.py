"""The columns of a network's diagram: the inputs, then a column for each layer with weights."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.signs import Signal
from plainnet.layers import Dense
from plainnet.network import Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]

MOST_TILES = 64
"""A column with more units is shown without their responses."""


@dataclass(frozen=True)
class Column:
    """Units side by side: a layer with weights, and what is applied to its units one by one.

    Attributes
    ----------
    name : str
        Of the layer with weights, such as "0.dense".
    layers : tuple of (name, code)
        All layers of the column, in order.
    units : int
    is_dense : bool
        Whether each unit has a row of W and one bias.
    """

    name: str
    layers: tuple[tuple[str, str], ...]
    units: int
    is_dense: bool

    @property
    def last(self) -> str:
        """The layer whose output the column hands on."""
        return self.layers[-1][0]

    @property
    def has_tiles(self) -> bool:
        """Whether the responses of its units are shown."""
        return self.units <= MOST_TILES


def columns_of(signals: list[Signal], rows: int) -> list[Column]:
    """The columns that a recorded pass over this many rows shows."""
    found: list[list[Signal]] = []
    for signal in signals:
        if signal.has_weights or not found:
            found.append([])
        found[-1].append(signal)
    return [
        Column(
            each[0].path,
            tuple((signal.path, repr(signal.layer)) for signal in each),
            each[-1].Y.shape[1],
            all(len(signal.Y) == rows for signal in each) and isinstance(each[0].layer, Dense),
        )
        for each in found
    ]


def tensors_of(network: Network) -> list[dict[str, Any]]:
    """Where each tensor's elements lie in the vector: start + sum of index * stride."""
    return _laid_out(network.tensors, network.parameters)


def state_tensors_of(network: Network) -> list[dict[str, Any]]:
    """The same for the running state."""
    return _laid_out(network.state_tensors, network.state)


def _laid_out(tensors: Mapping[str, Array], vector: Array) -> list[dict[str, Any]]:
    size, first = vector.itemsize, vector.__array_interface__["data"][0]
    return [
        {
            "name": name,
            "shape": list(view.shape),
            "start": (view.__array_interface__["data"][0] - first) // size,
            "strides": [stride // size for stride in view.strides],
        }
        for name, view in tensors.items()
    ]


def places_of(network: Network) -> dict[str, Array]:
    """For each tensor, where in the vector its elements lie: an array of its shape."""
    found = {}
    for each in tensors_of(network):
        along = np.ogrid[tuple(slice(n) for n in each["shape"])]
        found[each["name"]] = each["start"] + sum(
            i * stride for i, stride in zip(along, each["strides"], strict=True)
        )
    return found


def axes_of_units(network: Network, layer: str) -> dict[str, int]:
    """The tensors that have a part for each unit of a dense layer, and along which axis.

    They are its own, those of what normalizes it, and the next layer's W, which reads it.
    """
    found = {}
    at = [each.name for each in network.layers].index(layer)
    for following in network.layers[at:]:
        if following.name != layer and isinstance(following, Dense):
            found[f"{following.name}.W"] = 1
            break
        found |= {f"{following.name}.{name}": 0 for name in following.declared}
    return found


def order_after_move(network: Network, layer: str, start: int, end: int) -> Array:
    """Where each parameter comes from when a unit of a dense layer changes its place.

    The unit takes with it all that belongs to it, so that the network computes what it did.
    """
    order = np.arange(network.parameters.size)
    places = places_of(network)
    for name, axis in axes_of_units(network, layer).items():
        moved = after_move(places[name].shape[axis], start, end)
        order[places[name]] = places[name].take(moved, axis)
    return order


def without_unit(network: Network, layer: str, unit: int) -> tuple[Network, Array]:
    """A network without a unit of this dense layer, and where each of its parameters comes from.

    All that belongs to the unit goes; everything else is as it was.
    """
    body = deepcopy(network.body)  # copies belong to no network
    next(each for each in body.layers if each.name == layer).units -= 1
    smaller = Network(
        body.layers, loss=network.loss, input_shape=network.input_shape, dtype=network.dtype, seed=0
    )
    before, axes = places_of(network), axes_of_units(network, layer)
    order = np.empty(smaller.parameters.size, np.intp)
    for name, places in places_of(smaller).items():
        kept = before[name]
        order[places] = np.delete(kept, unit, axes[name]) if name in axes else kept
    smaller.parameters[:] = network.parameters[order]
    smaller.gradients[:] = network.gradients[order]
    for name, view in smaller.state_tensors.items():
        values = network.state_tensors[name]
        view[:] = np.delete(values, unit, 0) if len(values) > len(view) else values
    for each in network.segments:
        smaller.adjust(each.name, learning_rate=each.learning_rate, weight_decay=each.weight_decay)
    return smaller, order


def carry_over(optimizer: Optimizer, network: Network, order: Array) -> None:
    """Let the optimizer go on with this network, whose parameters were elsewhere before."""
    state = optimizer.resume_state()
    accumulators = {name: values[order] for name, values in state["accumulators"].items()}
    state |= {"accumulators": accumulators, "missed": ()}
    optimizer.resume(state, network.parameters)


def after_move(units: int, start: int, end: int) -> Array:
    """Which unit stands in each place after one has moved from `start` to `end`."""
    moved = list(range(units))
    moved.insert(end, moved.pop(start))
    return np.array(moved)


def state_of_units(network: Network, layer: str) -> list[Array]:
    """The running state, number by number, of the units of a dense layer."""
    at = [each.name for each in network.layers].index(layer) + 1
    found: list[Array] = []
    for following in network.layers[at:]:
        if isinstance(following, Dense):
            break
        found += [network.state_tensors[f"{following.name}.{n}"] for n in following.declared_state]
    return found
