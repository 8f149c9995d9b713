"""The layer objects of a network: its own, each once except for those that a graph shares."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from plainnet.arguments.config import MOST_PLACES
from plainnet.engine.plan import MOST_NESTED
from plainnet.errors import SettingError
from plainnet.layers.base import Layer
from plainnet.layers.containers.graph import Graph


def expect_each_once(body: Layer) -> None:
    """Refuse a layer that stands in two places, unless they are in two nodes of one graph.

    `[Dense(8)] * 3` contains the same layer three times, which is hardly ever intended.
    """
    found: dict[int, set[int]] = {}  # the identities of what is inside, and of itself
    for each in _innermost_first(body):
        met = {id(each)}
        for inner in each.layers:
            again = met & found[id(inner)]
            if again and not isinstance(each, Graph):
                twice = next(one for one in inner.walk() if id(one) in again)
                raise SettingError(
                    f"{twice!r} is at two places of the network; each place needs its own layer "
                    "object, unless they are two nodes of a Graph, which share it"
                )
            met |= found[id(inner)]
        found[id(each)] = met


def expect_modest(body: Layer) -> None:
    """Refuse layers nested too deeply for Python's stack, or with too many places for memory."""
    depth: dict[int, int] = {}
    places: dict[int, int] = {}
    for layer in _innermost_first(body):
        inside = layer.places if isinstance(layer, Graph) else layer.layers
        depth[id(layer)] = 1 + max((depth[id(inner)] for inner in inside), default=-1)
        places[id(layer)] = 1 + sum(places[id(inner)] for inner in inside)
    if depth[id(body)] > MOST_NESTED + 1:
        raise SettingError(
            f"layers may be nested at most {MOST_NESTED} deep; these are nested deeper"
        )
    if places[id(body)] > MOST_PLACES:
        raise SettingError(
            f"shared layers may stand in at most {MOST_PLACES:,} places; these stand in "
            f"{places[id(body)]:,}"
        )


def expect_placed(body: Layer, placed: Mapping[int, Layer]) -> None:
    """Refuse a layer that its container has not placed, and that has no tensors here."""
    for layer in body.walk():
        if id(layer) not in placed:
            raise SettingError(
                f"{layer!r} is among the layers of a container that has not placed it: its build "
                "must call layer.place(name, input_shape) for each of them"
            )


def _innermost_first(body: Layer) -> list[Layer]:
    """Every layer once, after all that are inside it."""
    order: list[Layer] = []
    done: set[int] = set()
    path = [body]
    while path:
        waiting = next((inner for inner in path[-1].layers if id(inner) not in done), None)
        if waiting is not None:
            path.append(waiting)
        else:
            layer = path.pop()
            if id(layer) not in done:
                done.add(id(layer))
                order.append(layer)
    return order


def with_own_layers(body: Layer) -> tuple[Layer, list[tuple[Layer, Layer]]]:
    """The body with copies of layers that belong to another network, and the pairs of both.

    Layers that belong to no network are not copied, so that whoever made them finds them in the
    network.
    """
    theirs = {id(layer) for layer in body.walk() if layer._bound}
    if not theirs:
        return body, []
    free = [each for each in body.walk() if theirs.isdisjoint(id(inner) for inner in each.walk())]
    copies = {id(layer): layer for layer in free}
    own = deepcopy(body, copies)
    return own, [(copies[id(layer)], layer) for layer in body.walk() if id(layer) in theirs]


def copy_tensors(original: Layer, layer: Layer) -> None:
    """Copy the parameters and running state of a layer into its copy in another network."""
    for name in (*layer.declared, *layer.declared_state):
        view, values = getattr(layer, name), getattr(original, name)
        if view.shape != values.shape:
            raise SettingError(
                f"layer {layer.name} ({layer!r}) is {original.name} of another network, in which "
                f"{name} has the shape {values.shape}; here it would have {view.shape}: put a new "
                "layer there"
            )
        view[...] = values
