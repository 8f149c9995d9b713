"""What a drawing of a network shows: its inputs, layers and losses, and what each reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal
from unicodedata import east_asian_width

from plainnet.arguments.arrays import as_batch
from plainnet.engine.plan import Place
from plainnet.errors import counted, shown
from plainnet.layers import (
    Bidirectional,
    Graph,
    Highway,
    Layer,
    Parallel,
    Residual,
    Sequential,
    TransformerBlock,
)
from plainnet.losses import EachOutput, Loss

LONGEST = 36
"""The most characters of a node's description; `Node.code` has the whole of a longer one."""

Values = tuple[int, ...]
"""Numbers of the nodes that compute them."""


@dataclass(frozen=True)
class Node:
    """An input, a layer at its place, or the loss of an output.

    Attributes
    ----------
    kind : str
    name : str
        The place's name, such as "0.dense" or "encoder".
    what, code : str
        What it is, in short and in full.
    shape : str
        The output's shape; for the loss of one of several outputs, its weight.
    size : str
        The number of parameters, "" for none, and "as left" for those of a layer that already
        stands at `left`.
    reads : tuple of int
        The numbers of its sources, in the order in which the layer takes them.
    group : int or None
        The same number for all nodes that share parameters.
    """

    kind: Literal["input", "layer", "loss"]
    name: str
    what: str
    code: str
    shape: str = ""
    size: str = ""
    reads: Values = ()
    group: int | None = None


def nodes_of(network: Any, depth: int) -> list[Node]:
    """All nodes in the order of the forward pass, with containers opened `depth` levels deep."""
    opened = _Opened()
    body, given = network.body, network.input_shape
    shapes = given if isinstance(given, dict) else {_name_of_input(body): given}
    for i, (name, shape) in enumerate(shapes.items()):
        what = "ids" if body.takes_ids_at(i) else "input"
        opened.nodes.append(Node("input", name, what, what, as_batch(shape)))
    inputs = tuple(range(len(shapes)))
    outputs = opened.values_of(network.plan.inner[0], inputs, depth)
    losses: dict[str, Any] = {"loss": (network.loss, None)}
    if isinstance(network.loss, EachOutput):
        losses = {f"{name}_loss": each for name, each in network.loss.losses.items()}
    for (name, (loss, weight)), value in zip(losses.items(), outputs, strict=True):
        code, weighs = _code(loss), "" if weight is None else f"weight {weight:g}"
        opened.nodes.append(Node("loss", name, _cut(code), code, weighs, reads=(value,)))
    return opened.grouped()


def _name_of_input(body: Layer) -> str:
    return next(iter(body.inputs)) if isinstance(body, Graph) else "input"


class _Opened:
    """The nodes met so far on the way through the places of a plan."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.held: dict[int, tuple[Layer, list[int]]] = {}  # by identity, and in which nodes

    def values_of(self, place: Place, given: Values, depth: int) -> Values:
        """The values that a place makes of the given ones; a place without a name is no level."""
        layer: Any = place.subject
        inner = place.inner
        if depth < 1:
            value = self._add(layer, place.path, given, [*layer.walk()], _code(layer))
            return (value,) * len(layer.outputs_of(layer.output_shape))
        if isinstance(layer, Graph):
            known = dict(zip(layer.inputs, given, strict=True))
            for each in inner:
                read = tuple(known[source] for source in layer.sources[each.name])
                (known[each.name],) = self.values_of(each, read, depth - 1)
            return tuple(known[name] for name in layer.outputs)
        if isinstance(layer, Sequential):
            for each in inner:
                given = self.values_of(each, given, depth - 1)
            return given
        if isinstance(layer, TransformerBlock):
            return self.values_of(inner[0], given, depth)
        name, code = place.path, type(layer).__name__
        if isinstance(layer, Residual | Highway):  # which join what their branch makes to its input
            made = self.values_of(inner[0], given, depth)
            return (self._add(layer, name, made + given, [layer], code),)
        if isinstance(layer, Parallel | Bidirectional):
            made = sum((self.values_of(each, given, depth - 1) for each in inner), ())
            return (self._add(layer, name, made, [layer], code),)
        return self.values_of(place, given, 0)

    def _add(self, layer: Layer, name: str, reads: Values, held: list[Layer], code: str) -> int:
        """A node for a layer; `held` are the layers that are drawn as this one node."""
        number, size = len(self.nodes), self._size(layer, held)
        what = _in_short(layer, code)
        for source, times in Counter(reads).items():
            if times > 1:
                many = "twice" if times == 2 else f"{times} times"
                what += f", reads {self.nodes[source].name} {many}"
        shape = ", ".join(map(as_batch, layer.outputs_of(layer.output_shape)))
        self.nodes.append(Node("layer", name, what, code, shape, size, reads))
        for each in held:
            self.held.setdefault(id(each), (each, []))[1].append(number)
        return number

    def _size(self, layer: Layer, held: list[Layer]) -> str:
        """How many parameters are new here, and where the others stand."""
        new = [each for each in held if id(each) not in self.held]
        known = [each for each in held if id(each) in self.held and _has_tensors(each)]
        if known and id(layer) in self.held:
            known = [layer]
        size = sum(tensor.size for each in new for tensor in each.declared.values())
        parts = [f"{size:,}"] if size else []
        if known:
            parts.append("as " + ", ".join(each.name for each in known))
        return " + ".join(parts)

    def grouped(self) -> list[Node]:
        """The nodes, with a number for those that share parameters."""
        groups: dict[int, int] = {}
        for layer, numbers in self.held.values():
            if len(numbers) > 1 and _has_tensors(layer):
                group = groups.get(numbers[0], len(set(groups.values())))
                groups = dict.fromkeys(numbers, group) | groups
        return [replace(node, group=groups.get(i)) for i, node in enumerate(self.nodes)]


def _has_tensors(layer: Layer) -> bool:
    return bool(layer.declared or layer.declared_state)


def _code(thing: Layer | Loss) -> str:
    """Its repr, in one line of characters that can be shown anywhere."""
    return "".join(filter(str.isprintable, shown(thing)))


def _in_short(layer: Layer, code: str) -> str:
    """Its code if that is short; of a container, what is inside; otherwise the code's beginning."""
    if isinstance(layer, Sequential):
        code = " → ".join(type(inner).__name__ for inner in layer.layers) or "nothing"
    if len(code) > LONGEST and layer.layers:
        code = f"{type(layer).__name__} of {counted(len(layer.layers), 'layer')}"
    return _cut(code)


def _cut(code: str) -> str:
    return code if len(code) <= LONGEST else f"{code[: LONGEST - 1]}…"


def columns_of(text: str) -> int:
    """The width of a text in a terminal, where Chinese characters are two columns wide."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
