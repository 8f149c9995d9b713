"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plainnet.arguments.arrays import as_batch
from plainnet.engine.plan import Place
from plainnet.engine.tables import Table


@dataclass(frozen=True)
class Row:
    """A layer at its place.

    Attributes
    ----------
    name, shape, size : str
        The place's name; the output's shape; the number of parameters, "" for none, or "as left"
        where the layer of `left` stands once more.
    frozen : str
        What does not learn: "all", or the names of tensors.
    reads : str
        In a graph, the sources.
    """

    name: str
    shape: str
    size: str = ""
    frozen: str = ""
    reads: str = ""


def rows_of(network: Any) -> list[Row]:
    """The inputs, then every layer in the order of the forward pass."""
    shapes = network.input_shape
    inputs = shapes.items() if isinstance(shapes, dict) else [("input", shapes)]
    return [Row(name, as_batch(shape)) for name, shape in inputs] + list(_layers(network))


def _layers(network: Any) -> Iterator[Row]:
    listed = {id(layer) for layer in network.body.walk()} - {id(network.body)}
    frozen = {s.name for s in network.segments if s.learning_rate == 0}
    first: dict[int, str] = {}
    ahead: list[tuple[Place, Place]] = [(network.plan, each) for each in network.plan.inner[::-1]]
    while ahead:
        around, place = ahead.pop()
        layer: Any = place.subject
        known = id(layer) in first
        if not known:
            ahead += [(place, each) for each in place.inner[::-1]]
        if id(layer) not in listed:
            continue
        shape, reads = as_batch(layer.output_shape), ""
        if around.subject is not None:
            reads = ", ".join(around.subject.sources.get(place.name, ()))
        if known:
            yield Row(place.path, shape, f"as {first[id(layer)]}", reads=reads)
            continue
        first[id(layer)] = place.path
        size = sum(tensor.size for tensor in layer.declared.values())
        still = [name for name in layer.declared if f"{layer.name}.{name}" in frozen]
        if layer.name in network.keeping_state():
            still += layer.declared_state
        every = len(still) == len(layer.declared) + len(layer.declared_state)
        what = "all" if every and still else ", ".join(still)
        yield Row(place.path, shape, f"{size:,}" if size else "", what, reads)


class Summary(str):
    """The table as a string, which a prompt prints as it is and a notebook shows as HTML.

    Attributes
    ----------
    table : Table
    notes : tuple of str
        The lines below it: the loss, and how many parameters there are.
    """

    table: Table
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from plainnet.inspection.markup import output, paragraph, table

        return output(table(self.table), *map(paragraph, self.notes))


def summary_of(network: Any) -> Summary:
    """Every layer with its output's shape, number of parameters, what is frozen; then the loss."""
    rows = rows_of(network)
    titles = {"name": "layer", "shape": "output shape", "size": "parameters"}
    titles |= {name: name for name in ("frozen", "reads") if any(getattr(r, name) for r in rows)}
    cells = [[getattr(row, name) for name in titles] for row in rows]
    frozen = sum(s.stop - s.start for s in network.segments if s.learning_rate == 0)
    of_them = f", of which {frozen:,} are frozen" if frozen else ""
    megabytes = network.parameters.nbytes / 1e6
    size_of_all = f"{network.parameters.size:,} parameters{of_them}"
    table = Table([*titles.values()], cells, numbers=("parameters",))
    notes = repr(network.loss), f"{size_of_all}, {network.dtype}, {megabytes:.2f} MB"
    summary = Summary("\n".join([str(table), *notes]))
    summary.table, summary.notes = table, notes
    return summary
