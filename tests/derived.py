"""Gradients derived from forward formulas alone, to compare with what the code computes.

The formulas of a layer and of all layers inside it become one list of formulas, in which each name
stands for one array: those of a recurrent layer once for each step. Reverse mode then goes through
all of it. From a recorded pass comes only what is not a formula: what was drawn at random, ids, and
which steps are data.
"""

import ast
from typing import Any

import numpy as np

from plainnet import Cache
from plainnet.engine.differentiation import Tape
from plainnet.engine.formulas import FUNCTIONS, LAYERS, Formula, formulas_of
from plainnet.engine.recording import Window, WindowOfRows
from plainnet.layers import EncoderDecoder, Graph, Layer, Parallel, Transposed
from plainnet.layers.recurrence.recurrent import Recurrent

NOT_FORMULAS = {"M", "E", "ids", "data"}
"""Masks and noise that were drawn, ids, and which steps are data."""


class Written:
    """Layers written out as formulas of one input, A."""

    def __init__(self, layer: Layer, A: np.ndarray, recorded: Cache) -> None:
        self.recorded = recorded
        self.formulas: list[Formula] = []
        self.known: dict[str, Any] = {"A": A}
        self.tensors: dict[str, str] = {}
        """The full name of each tensor, by its name here."""
        self.source = ""
        self.output = self.layer(layer, "A")

    def gradients(self, dY: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The output, and the gradients of sum(dY * output): of the input, "A", and all tensors."""
        wanted = [*(["A"] if self.known["A"].dtype.kind == "f" else []), *self.tensors]
        tape = Tape(self.formulas, wanted)
        forward = tape.forward(self.known)
        found = tape.backward(forward, self.output, dY)
        named = {self.tensors.get(name, name): gradient for name, gradient in found.items()}
        return forward.named[self.output], named

    def let(self, plain: str) -> str:
        """A new name for this expression."""
        name = f"_{len(self.formulas)}"
        self.formulas.append(Formula(name, plain, ""))
        return name

    # --- layers, each from the name of its input to that of its output ---------------------------

    def chain(self, layers: tuple[Layer, ...], A: str) -> str:
        for layer in layers:
            A = self.layer(layer, A)
        return A

    def layer(self, layer: Layer, A: str, *others: str) -> str:
        names = {name: self._tensor(layer, name) for name in layer.declared}
        if isinstance(layer, Transposed):
            names["W"] = self._tensor(layer.layer, "W")
        if layer.takes_several:
            given = {f"A_{i}": each for i, each in enumerate((A, *others), 1)}
            return self._once(layer, names | given)
        if isinstance(layer, Recurrent):
            return self._unrolled(layer, A, names)
        if layer.shown_by is not WindowOfRows:
            return self._once(layer, names | {layer.formulas.input: A})
        rows = self.let(f"{A}.reshape(-1, {A}.shape[-1])")
        Y = self._once(layer, names | {layer.formulas.input: rows})
        return self.let(f"{Y}.reshape(*{A}.shape[:-1], -1)")

    def inside(self, container: Layer, called: str, which: int, *arguments: str) -> str:
        """What the layers inside a container make of an array, by what its formulas call them."""
        A, layers = arguments[0], container.layers
        if isinstance(container, Graph):
            values = dict(zip(container.inputs, arguments, strict=True))
            for name in container.names:
                layer, *sources = container.nodes[name]
                values[name] = self.layer(layer, *(values[source] for source in sources))
            return values[container.outputs[0]]
        if isinstance(container, Parallel):
            return self.layer(layers[which], A)
        if isinstance(container, EncoderDecoder):
            layers = container.encoder if called == "encode" else container.decoder
            (*_, self.source) = arguments
        if called in ("forwards", "backwards"):
            layers = layers[:1] if called == "forwards" else layers[1:]
        return self.chain(layers, A)

    def _tensor(self, layer: Layer, name: str) -> str:
        full = f"{layer.name}.{name}"
        here = "_" + full.replace(".", "_")
        self.tensors[here] = full
        self.known[here] = getattr(layer, name)
        return here

    def _once(self, layer: Layer, names: dict[str, str]) -> str:
        """Each of the formulas, in order; `names` grows by their results."""
        for formula in formulas_of(layer, Window.unknown, training=self.recorded.training).forward:
            plain = ast.unparse(Renaming(self, layer, names).visit(ast.parse(formula.plain)))
            names[formula.result] = self.let(plain)
        return names[layer.formulas.output]

    def _unrolled(self, layer: Recurrent, A: str, names: dict[str, str]) -> str:
        data = self._fixed(layer, "data")
        states = {}
        for state, (before, _) in zip(layer.states, layer.flow, strict=True):
            begin = names.get(f"{state}0", "")
            if not begin:
                begin = f"_zeros_{layer.units}"
                self.known[begin] = np.zeros(layer.units)
            states[before] = self.let(f"zeros_like({A}[:, 0, :1]) + {begin}")
        outputs: dict[int, str] = {}
        steps = range(layer.input_shape[0])
        for t in reversed(steps) if layer.reverse else steps:
            step = names | states | {"A": self.let(f"{A}[:, {t}]")}
            self._once(layer, step)
            here = f"{data}[:, {t}, None]"
            states = {  # a masked step changes nothing
                before: self.let(f"where({here}, {step[after]}, {states[before]})")
                for before, after in layer.flow
            }
            outputs[t] = self.let(f"where({here}, {states['H']}, 0)[:, None]")
        if not layer.return_sequences:
            return states["H"]
        return self.let(f"concatenate([{', '.join(outputs[t] for t in steps)}], axis=1)")

    def _fixed(self, layer: Layer, name: str) -> str:
        """A setting, or what the recorded pass drew."""
        here = "_" + f"{layer.name}.{name}".replace(".", "_")
        if hasattr(layer, name):
            self.known[here] = getattr(layer, name)
        else:
            assert name in NOT_FORMULAS, f"{name} of {layer!r} should have a formula"
            drawn = self.recorded[f"{layer.name}.{name}"]
            as_rows = name == "E" and layer.shown_by is WindowOfRows
            self.known[here] = drawn.reshape(-1, drawn.shape[-1]) if as_rows else drawn
        return here


class Renaming(ast.NodeTransformer):
    """An expression with the names that stand for a layer's own here, and its inner layers."""

    def __init__(self, written: Written, layer: Layer, names: dict[str, str]) -> None:
        self.written, self.layer, self.names = written, layer, names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = node.id
        if name in FUNCTIONS:
            return node
        if name not in self.names and name == "X":  # of a CrossAttention
            return ast.Name(self.written.source)
        if name not in self.names:
            self.names[name] = self.written._fixed(self.layer, name)
        return ast.Name(self.names[name])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not (isinstance(node.func, ast.Name) and node.func.id in LAYERS):
            return self.generic_visit(node)
        arguments = [self.written.let(ast.unparse(self.visit(each))) for each in node.args]
        which = 0
        if isinstance(self.layer, Parallel):  # layers(A_1), layers(A_2) ...
            which = int(ast.unparse(node.args[0]).removeprefix("A_")) - 1
        return ast.Name(self.written.inside(self.layer, node.func.id, which, *arguments))
