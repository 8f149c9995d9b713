"""The columns of a network's diagram: the inputs, then a column for each layer with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.signs import Signal
from plainnet.layers import Dense
from plainnet.network import Network

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
    size = network.parameters.itemsize
    first = network.parameters.__array_interface__["data"][0]
    found = []
    for name, view in network.tensors.items():
        found.append(
            {
                "name": name,
                "shape": list(view.shape),
                "start": (view.__array_interface__["data"][0] - first) // size,
                "strides": [stride // size for stride in view.strides],
            }
        )
    return found


def order_after_move(network: Network, layer: str, start: int, end: int) -> Array:
    """Where each parameter comes from when a unit of a dense layer changes its place.

    The unit takes with it its row of W, its bias, what normalizes it, and its column in the next
    layer's W, so that the network computes what it did.
    """
    places = np.arange(network.parameters.size)
    names = [each.name for each in network.layers]
    at = names.index(layer)
    moved = after_move(network.tensors[f"{layer}.W"].shape[0], start, end)
    views = {each["name"]: each for each in tensors_of(network)}

    def permute(name: str, axis: int) -> None:
        view = views[name]
        index = np.ogrid[tuple(slice(n) for n in view["shape"])]
        source = list(index)
        source[axis] = moved.reshape(index[axis].shape)

        def flat(at: list[Any]) -> Any:
            return view["start"] + sum(i * s for i, s in zip(at, view["strides"], strict=True))

        places[flat([*index])] = flat(source)

    for following in network.layers[at:]:
        if following.name != layer and isinstance(following, Dense):
            permute(f"{following.name}.W", 1)
            break
        for name in following.declared:
            permute(f"{following.name}.{name}", 0)
    return places


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
