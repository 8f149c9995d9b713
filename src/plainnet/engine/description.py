"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plainnet.arguments.arrays import as_batch
from plainnet.engine.plan import Place


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


def table_of(network: Any) -> str:
    """Every layer with its output's shape, number of parameters, what is frozen; then the loss."""
    rows = rows_of(network)
    titles = Row("layer", "output shape", "parameters", "frozen", "reads")
    columns = ["name", "shape", "size"]
    columns += [name for name in ("frozen", "reads") if any(getattr(row, name) for row in rows)]
    cells = [[getattr(row, column) for column in columns] for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            f"{cell:>{width}}" if column == "size" else f"{cell:<{width}}"
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    lines.append(repr(network.loss))
    frozen = sum(s.stop - s.start for s in network.segments if s.learning_rate == 0)
    of_them = f", of which {frozen:,} are frozen" if frozen else ""
    megabytes = network.parameters.nbytes / 1e6
    size_of_all = f"{network.parameters.size:,} parameters{of_them}"
    lines.append(f"{size_of_all}, {network.dtype}, {megabytes:.2f} MB")
    return "\n".join(lines)
