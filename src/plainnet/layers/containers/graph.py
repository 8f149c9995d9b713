"""Layers joined freely: several inputs, several outputs, layers that are used in several places.

A graph is a table of nodes, each a layer and the sources of its input. It runs them in an order in
which each comes after its sources; the backward pass runs them in the opposite order, and adds up
the gradients of whatever several nodes read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from plainnet.arguments.config import shown_by_name
from plainnet.arguments.parts import named_values
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.errors import (
    SettingError,
    ShapeError,
    counted,
    require_one_of,
    require_sequence,
    require_type,
    shown,
)
from plainnet.initializers import Initializer
from plainnet.layers.base import (
    NO_GRADIENT,
    Array,
    Layer,
    Shape,
    name_who_writes,
    placing,
)
from plainnet.layers.containers.order import in_order
from plainnet.layers.containers.sequential import (
    Sequential,
    backward_in_order,
    forward_in_order,
    watched_backward,
    watched_forward,
)

Kind = Literal["numbers", "ids"]
Node = tuple[Any, ...]
"""A layer, and the names of its sources."""


class Back(NamedTuple):
    """A node in the backward pass.

    Attributes
    ----------
    layer : Layer
    own : Cache
    value : int
        The number of the value that it makes.
    sources : list of (int, int or None)
        The numbers of the values it reads whose gradients are needed, each with the index of that
        gradient among those it returns; None if it returns only one.
    again : list of (Layer, str)
        The gradients that another node has already written, to which its share must be added.
    """

    layer: Layer
    own: Cache
    value: int
    sources: list[tuple[int, int | None]]
    again: list[tuple[Layer, str]]


class Graph(Layer):
    """Named nodes, each a layer and the nodes or inputs that it reads.

    Several nodes may share a layer object. It is then one layer, with one set of weights: its
    gradient is the sum over the nodes, and it is saved once, under the name of the first.

    Parameters
    ----------
    nodes : mapping of str to (layer, source, ...)
        A list of layers stands for `Sequential`. A layer of one input has one source; `Add`,
        `Concatenate` and any other layer with `takes_several` have as many as they are given. The
        order of the nodes does not matter.
    inputs : str, sequence of str, or mapping of str to "numbers" or "ids"
        The names of the inputs. An input read by a layer of ids, such as `Embedding`, is ids in any
        case.
    outputs : str or sequence of str
        The nodes whose values go to the loss.

    Raises
    ------
    SettingError
        If a source is unknown, nodes form a cycle, or a node or input is not used.

    Examples
    --------
    Two branches that share their first layer, and compare its outputs for two inputs:

    >>> from plainnet import Network
    >>> from plainnet.layers import Concatenate, Dense, ReLU
    >>> from plainnet.losses import SigmoidCrossEntropy
    >>> encoder = Dense(8)
    >>> graph = Graph(
    ...     {
    ...         "left": (encoder, "a"),
    ...         "right": (encoder, "b"),
    ...         "same": ([Concatenate(), ReLU(), Dense(1)], "left", "right"),
    ...     },
    ...     inputs=("a", "b"),
    ...     outputs="same",
    ... )
    >>> network = Network(graph, loss=SigmoidCrossEntropy(), input_shape={"a": 4, "b": 4}, seed=0)
    >>> list(network.tensors)
    ['left.W', 'same.2.dense.W', 'left.b', 'same.2.dense.b']
    >>> network.predict({"a": [[1, 2, 3, 4]], "b": [[4, 3, 2, 1]]}).shape
    (1,)
    """

    def __init__(
        self,
        nodes: Mapping[str, Node] | Iterable[Node],
        *,
        inputs: str | Iterable[str] | Mapping[str, Kind],
        outputs: str | Iterable[str],
    ) -> None:
        self.nodes = _checked_nodes(nodes)
        self.inputs = _checked_inputs(inputs)
        self.outputs = _checked_outputs(outputs)
        self.sources = {name: tuple(node[1:]) for name, node in self.nodes.items()}
        self.names = in_order(self.sources, tuple(self.inputs), self.outputs)
        self.places = tuple(self.nodes[name][0] for name in self.names)
        self.layers = tuple({id(layer): layer for layer in self.places}.values())
        self.takes_several, self.gives_several = len(self.inputs) > 1, len(self.outputs) > 1
        for name in self.names:
            _expect_fitting(name, *self.nodes[name])
        # Values are numbered: first the inputs, then what each node makes, in order.
        at = {name: i for i, name in enumerate((*self.inputs, *self.names))}
        self._reads = [tuple(at[source] for source in self.sources[name]) for name in self.names]
        self._outputs = tuple(at[name] for name in self.outputs)
        self._sums = [f"d{name}" for name in at]
        self._ids = self._which_are_ids()
        self.takes_ids = not self.takes_several and self._ids[0]
        self._is_chain = self._runs_straight()

    def _which_are_ids(self) -> tuple[bool, ...]:
        """For each input, whether it is ids."""
        n = len(self.inputs)
        ids = [kind == "ids" for kind in self.inputs.values()]
        of_ids: list[tuple[int, str]] = []  # which values nodes read as ids, and as numbers
        of_numbers: list[tuple[int, str]] = []
        for name, layer, reads in zip(self.names, self.places, self._reads, strict=True):
            for place, value in enumerate(reads):
                if layer.takes_ids_at(place):
                    of_ids.append((value, name))
                else:
                    of_numbers.append((value, name))
        for value, name in of_ids:
            if value >= n:
                raise SettingError(
                    f"node {name!r} ({self.nodes[name][0]!r}) takes ids, and node "
                    f"{self.names[value - n]!r} gives numbers: ids come from an input"
                )
            ids[value] = True
        for value, name in of_numbers:
            if value < n and ids[value]:
                raise SettingError(
                    f"the input {list(self.inputs)[value]!r} is ids, and node {name!r} "
                    f"({self.nodes[name][0]!r}) takes numbers"
                )
        return tuple(ids)

    def takes_ids_at(self, place: int) -> bool:
        return self._ids[place]

    # --- at construction --------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> Shape:
        given = self.inputs_of(input_shape)
        if len(given) != len(self.inputs):
            raise ShapeError(
                f"has {counted(len(self.inputs), 'input')}, {', '.join(self.inputs)}; got the "
                f"shapes {given}"
            )
        prefix, shapes = f"{self.name}." if self.name else "", list(given)
        with placing():
            for name, layer, reads in zip(self.names, self.places, self._reads, strict=True):
                several = tuple(shapes[i] for i in reads)
                shape = several if layer.takes_several else several[0]
                shapes.append(layer.place(prefix + name, shape))
        self._again = self._gradients_again()
        outputs = tuple(shapes[i] for i in self._outputs)
        return outputs if self.gives_several else outputs[0]

    def _runs_straight(self) -> bool:
        """Whether each node reads the one before, and nothing is added up: as in a `Sequential`."""
        ways = [(i,) for i in range(len(self.places))]
        several = self.takes_several or any(layer.takes_several for layer in self.places)
        ends = self._outputs == (len(self.places),)
        inside = [id(each) for layer in self.places for each in layer.walk()]
        shares = len(set(inside)) < len(inside)
        return self._reads == ways and ends and not several and not shares

    def _gradients_again(self) -> list[list[tuple[Layer, str]]]:
        """For each node, the gradients that a later one, earlier on the way back, writes too."""
        written: set[int] = set()
        again = []
        for layer in reversed(self.places):
            inside = list(layer.walk())
            again.append(
                [
                    (each, f"d{name}")
                    for each in inside
                    if id(each) in written
                    for name in each.declared
                ]
            )
            written |= {id(each) for each in inside}
        return again[::-1]

    def suggest(self, following: Initializer) -> Initializer:
        """If several nodes read a value, the first of them decides for the weights below it."""
        suggested = dict.fromkeys(self._outputs, following)
        for i in reversed(range(len(self.places))):
            below = self.places[i].suggest(suggested[i + len(self.inputs)])
            suggested |= dict.fromkeys(self._reads[i], below)
        return suggested[0]

    def plan(self, own: Place) -> Iterable[Place]:
        """A node may write over a value that only it reads and that its source releases.

        The gradient of a value that several nodes read is a sum, which belongs to the graph.
        """
        n = len(self.inputs)
        readers: list[list[Layer]] = [[] for _ in range(n + len(self.places))]
        releases = [own.reuse_input] * n
        wanted = [own.needs_input_gradient] * n  # whose gradient somebody below needs, or itself
        for layer, reads in zip(self.places, self._reads, strict=True):
            releases.append(layer.releases_arrays)
            learns = any(inner.declared for inner in layer.walk())
            wanted.append(learns or any(wanted[i] for i in reads))
            for i in reads:
                readers[i].append(layer)
        for i, (name, layer, reads) in enumerate(
            zip(self.names, self.places, self._reads, strict=True), n
        ):
            returned = [reader.releases_arrays for reader in readers[i]]
            returned += [own.reuse_gradient] * (i in self._outputs)
            source = reads[0]
            alone = len(reads) == 1 and len(readers[source]) == 1 and source not in self._outputs
            yield Place(
                name,
                layer,
                reuse_input=alone and releases[source],
                reuse_gradient=len(returned) > 1 or returned[0],
                needs_input_gradient=any(wanted[j] for j in reads),
                runs_back=wanted[i],
            )

    # --- forward and backward ---------------------------------------------------------------------

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "Y", "layers(A)", r"Y_j = f_j(Y_{s_1}, Y_{s_2}, \dots) \text{ for each node } j"
            ),
        ),
        backward=(
            Formula("dA", "layers_back(dY)", r"dY_i = \sum_{j \text{ reads } i} f_j'(dY_j)_i"),
        ),
    )

    def forward(self, A: Any, cache: Cache) -> Any:
        layers = cache.layers_of(self)
        if self._is_chain:
            return forward_in_order(layers, A)
        if cache.route is None:
            cache.route = self._route(cache)
        sequences, values = cache.sequences, [*self.inputs_of(A)]
        given_masks = sequences.masks if self.takes_several else (sequences.mask,)
        # One for each value, as soon as there is one; None is all of the steps.
        masks: list[Array | None] | None = None
        if any(mask is not None for mask in given_masks):
            masks = [*given_masks]
        try:
            for (layer, own), reads in zip(layers, self._reads):  # noqa: B905
                if masks is not None:
                    sequences.mask = masks[reads[0]]
                    sequences.masks = tuple([masks[i] for i in reads])
                if layer.takes_several:
                    given = tuple([values[i] for i in reads])
                else:
                    given = values[reads[0]]
                watches = own.watches_forward
                Y = watched_forward(layer, given, own) if watches else layer.forward(given, own)
                if masks is not None:
                    masks.append(sequences.mask)
                elif sequences.mask is not None:
                    masks = [*[None] * len(values), sequences.mask]
                values.append(Y)
        except ValueError as error:  # the data are read-only in every pass
            name_who_writes(error, f"layer {layer.name} ({layer!r}).forward")
            raise
        if masks is not None:
            sequences.mask = masks[self._outputs[0]]
            sequences.masks = tuple([masks[i] for i in self._outputs])
        if self.gives_several:
            return tuple([values[i] for i in self._outputs])
        return values[self._outputs[0]]

    def backward(self, dY: Any, cache: Cache) -> Any:
        if self._is_chain:
            return backward_in_order(cache.layers_back, dY)
        n = len(self.inputs)
        gradients: list[Any] = [None] * (n + len(self.places))
        for i, gradient in zip(self._outputs, self.outputs_of(dY), strict=True):
            gradients[i] = gradient
        for layer, own, value, sources, again in cache.route:
            before = [_kept(each, name, own) for each, name in again] if again else ()
            dZ = gradients[value]
            watches = own.watches_backward
            dA = watched_backward(layer, dZ, own) if watches else layer.backward(dZ, own)
            for i, part in sources:
                gradient = dA if part is None else dA[part]
                held = gradients[i]
                if held is not None:  # the first one stays where it is; sums are the graph's own
                    total = cache.array(self._sums[i], held.shape, held.dtype)
                    gradient = np.add(held, gradient, out=total)
                gradients[i] = gradient
            if again:
                for (each, name), so_far in zip(again, before, strict=True):
                    written = getattr(each, name)
                    written += so_far
        inputs = tuple([NO_GRADIENT if dX is None else dX for dX in gradients[:n]])
        return inputs if self.takes_several else inputs[0]

    def _route(self, cache: Cache) -> list[Back]:
        """The way back, worked out once for a cache."""
        n, layers = len(self.inputs), cache.layers
        wanted = [cache.needs_input_gradient and not ids for ids in self._ids]
        wanted += [own.place.runs_back for _, own in layers]
        route = []
        for k, (layer, own) in enumerate(layers):
            sources = []
            if own.needs_input_gradient:
                parts = range(len(self._reads[k])) if layer.takes_several else [None]
                pairs = zip(self._reads[k], parts, strict=True)
                sources = [(i, part) for i, part in pairs if wanted[i]]
            if own.place.runs_back:
                route.append(Back(layer, own, n + k, sources, self._again[k]))
        return route[::-1]

    # --- description ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """Code that makes the graph: a shared layer is named where it first appears."""
        with shown_by_name(_names_of_shared(self)):
            nodes = {
                name: f"({', '.join([repr(layer), *map(repr, sources)])})"
                for name, (layer, *sources) in self.nodes.items()
            }
        shown = ", ".join(f"{name!r}: {node}" for name, node in nodes.items())
        inputs = tuple(self.inputs) if "ids" not in self.inputs.values() else self.inputs
        return f"Graph({{{shown}}}, inputs={inputs!r}, outputs={self.outputs!r})"


def _names_of_shared(graph: Graph) -> dict[int, str]:
    """By identity, a name for each layer that a reader of the nodes meets more than once."""
    first: dict[int, str] = {}
    shared: dict[int, str] = {}
    for node, (layer, *_) in graph.nodes.items():
        ahead: list[Layer] = [layer]
        while ahead:
            inner = ahead.pop()
            if id(inner) in first:
                shared[id(inner)] = first[id(inner)]
            else:
                first[id(inner)] = f"{node}_layer"
                ahead += inner.layers
    return shared


def input_names(body: Layer, n: int) -> tuple[str, ...]:
    """The names of a body's inputs: from a graph at its beginning, otherwise "0", "1" ..."""
    while isinstance(body, Sequential) and body.layers:
        body = body.layers[0]
    return tuple(body.inputs) if isinstance(body, Graph) else tuple(map(str, range(n)))


def output_names(body: Layer, n: int) -> tuple[str, ...]:
    """The names of its outputs: from a graph at its end, otherwise "0", "1" ..."""
    while isinstance(body, Sequential) and body.layers:
        body = body.layers[-1]
    return body.outputs if isinstance(body, Graph) else tuple(map(str, range(n)))


def last_layers(body: Layer) -> list[Layer]:
    """The last layer before each output."""
    while isinstance(body, Sequential) and body.layers:
        body = body.layers[-1]
    if not isinstance(body, Graph):
        return [body]
    return [last for name in body.outputs for last in last_layers(body.nodes[name][0])]


# --- what a graph is made of ----------------------------------------------------------------------


def _checked_nodes(nodes: Any) -> dict[str, Node]:
    checked: dict[str, Node] = {}
    for name, node in named_values("nodes", nodes, "(layer, source, ...)"):
        _expect_name("node", name)
        if name in checked:
            raise SettingError(f"there are two nodes called {name!r}")
        if name == "loss":
            raise SettingError("a node cannot be called 'loss': that is the network's loss")
        if not isinstance(node, tuple | list) or len(node) < 2:
            raise SettingError(
                f"node {name!r} must be (layer, source, ...), with at least one source; got "
                f"{shown(node)}"
            )
        layer, *sources = node
        if isinstance(layer, list | tuple):
            layer = Sequential(layer)
        require_type(f"the layer of node {name!r}", layer, Layer)
        for source in sources:
            require_type(f"each source of node {name!r}", source, str)
        checked[name] = (layer, *sources)
    if not checked:
        raise SettingError("a Graph needs at least one node; got none")
    return checked


def _checked_inputs(inputs: Any) -> dict[str, Kind]:
    if isinstance(inputs, str):
        inputs = [inputs]
    if not isinstance(inputs, Mapping) and np.iterable(inputs):
        inputs = [(each, "numbers") if isinstance(each, str) else each for each in inputs]
    checked: dict[str, Kind] = {}
    for name, kind in named_values("inputs", inputs, '"numbers" or "ids"'):
        _expect_name("input", name)
        require_one_of(f"the kind of the input {name!r}", kind, get_args(Kind))
        if name in checked:
            raise SettingError(f"there are two inputs called {name!r}")
        checked[name] = kind
    if not checked:
        raise SettingError("a Graph needs at least one input; got none")
    return checked


def _checked_outputs(outputs: Any) -> tuple[str, ...]:
    names = [outputs] if isinstance(outputs, str) else require_sequence("outputs", outputs, "names")
    for name in names:
        _expect_name("output", name)
    if not names or len(set(names)) < len(names):
        raise SettingError(f"outputs must be names, each once and at least one; got {shown(names)}")
    return tuple(names)


def _expect_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise SettingError(
            f"{what} names must be letters, digits and underscores, such as 'encoder'; got "
            f"{shown(name)}"
        )


def _expect_fitting(name: str, layer: Layer, *sources: str) -> None:
    if layer.gives_several:
        raise SettingError(f"node {name!r} ({layer!r}) gives several arrays; a node gives one")
    if len(sources) > 1 and not layer.takes_several:
        raise SettingError(
            f"node {name!r} ({layer!r}) takes one input and reads {', '.join(sources)}: join them "
            "first, by [Concatenate(), ...] or Add(), for example"
        )


def _kept(layer: Layer, name: str, cache: Cache) -> Array:
    """A copy of a gradient that is about to be written once more."""
    gradient: Array = getattr(layer, name)
    copy = cache.array(f"{layer.name}.{name} so far", gradient.shape, gradient.dtype)
    np.copyto(copy, gradient)
    return copy
