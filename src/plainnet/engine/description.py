"""A network as a table."""

from __future__ import annotations

from typing import Any

from plainnet.arguments.arrays import as_batch


def table_of(network: Any) -> str:
    """Every layer with its output's shape, number of parameters, what is frozen; then the loss."""
    rows = [("layer", "output shape", "parameters", "frozen")]
    rows.append(("input", as_batch(network.input_shape), "", ""))
    frozen = {s.name: s.stop - s.start for s in network.segments if s.learning_rate == 0}
    for layer in network.body.walk():
        if layer is not network.body:
            size = sum(tensor.size for tensor in layer.declared.values())
            still = [name for name in layer.declared if f"{layer.name}.{name}" in frozen]
            if layer.name in network.keeping_state():
                still += layer.declared_state
            every = len(still) == len(layer.declared) + len(layer.declared_state)
            what = "all" if every and still else ", ".join(still)
            shape = as_batch(layer.output_shape)
            rows.append((layer.name, shape, f"{size:,}" if size else "", what))
    if not any(what for *_, what in rows[1:]):
        rows = [(*row[:3], "") for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {size:>{widths[2]}}  {what}".rstrip()
        for name, shape, size, what in rows
    ]
    lines.insert(1, "-" * (sum(widths) + (6 if widths[3] else 4)))
    lines.append(repr(network.loss))
    megabytes = network.parameters.nbytes / 1e6
    of_them = f", of which {sum(frozen.values()):,} are frozen" if frozen else ""
    size_of_all = f"{network.parameters.size:,} parameters{of_them}"
    lines.append(f"{size_of_all}, {network.dtype}, {megabytes:.2f} MB")
    return "\n".join(lines)
