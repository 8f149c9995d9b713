"""A network as a drawing, in text and in SVG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from plainnet.errors import SettingError, require_integer
from plainnet.files.places import moved_into_place
from plainnet.inspection.nodes import Node, columns_of, nodes_of
from plainnet.inspection.svg import svg_of

MARKS = {"input": "○", "layer": "●", "loss": "◆"}


@dataclass(frozen=True, repr=False)
class Drawing:
    """A drawing from `Network.draw`: printed as text, shown as SVG in a notebook.

    In the text, rails on the left lead from each value to the nodes that read it: `○` is an input,
    `●` a layer, `◆` a loss. A rail that ends or branches at a horizontal line (`╯`, `┤` or `┼`)
    is read there; one that crosses it, `─│─`, is not.
    """

    nodes: tuple[Node, ...]

    @property
    def text(self) -> str:
        """A line for each input, layer and loss, in the order of the forward pass."""
        return "\n".join(lines_of(self.nodes))

    @property
    def svg(self) -> str:
        """An SVG document that needs nothing from outside."""
        return svg_of(self.nodes)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the SVG to a file that ends in .svg, or the text to one that ends in .txt.

        Raises
        ------
        SettingError
            If the file has any other ending.
        """
        name = os.fsdecode(path)
        ending = os.path.splitext(name)[1].lower()
        if ending not in (".svg", ".txt"):
            raise SettingError(f"a drawing is saved as .svg or .txt; got {name}")
        content = self.svg if ending == ".svg" else self.text
        with moved_into_place(path) as file:
            file.write(f"{content}\n".encode())


def drawing_of(network: Any, depth: int) -> Drawing:
    """The drawing of a network; see `Network.draw`."""
    return Drawing(tuple(nodes_of(network, require_integer("depth", depth, at_least=1))))


# --- text -----------------------------------------------------------------------------------------


def lines_of(nodes: Sequence[Node]) -> list[str]:
    """The lines of the drawing: the rails, then a description of each node."""
    rows = [
        (rail, node.name, node.what, node.shape, node.size)
        for rail, node in zip(rails_of(nodes), nodes, strict=True)
    ]
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        size = row[-1]
        padded = [each + " " * (n - columns_of(each)) for each, n in zip(row, widths, strict=True)]
        padded[-1] = " " * (widths[-1] - columns_of(size)) + size
        lines.append("  ".join(padded).rstrip())
    return lines


def rails_of(nodes: Sequence[Node]) -> list[str]:
    """For each node, its mark among the rails of values that are still to be read.

    If a node is the last to read a value, it continues that value's rail; otherwise it takes a
    free column.
    """
    last = {source: i for i, node in enumerate(nodes) for source in node.reads}
    live: dict[int, int] = {}  # the column of each value that is still to be read
    rails, above = [], -1  # the column of a loss's mark, directly under which no other may stand
    for i, node in enumerate(nodes):
        read = {live[source] for source in node.reads}
        ends = {live[source] for source in node.reads if last[source] == i}
        taken = set(live.values())
        own = min(ends) if ends else next(at for at in count() if at not in taken | {above})
        first, final = min(read | {own}), max(read | {own})
        rail = ""
        for at in range(max(taken | {own}) + 1):
            if at == own:
                rail += MARKS[node.kind]
            elif at in read:
                rail += _joint(at == first, at == final, goes_on=at not in ends)
            else:
                rail += "│" if at in taken else "─" if first < at < final else " "
            rail += "─" if first <= at < final else " "
        rails.append(rail.rstrip())
        live = {value: at for value, at in live.items() if last[value] > i}
        if i in last:
            live[i] = own
        above = -1 if i in last else own
    return rails


def _joint(leftmost: bool, rightmost: bool, *, goes_on: bool) -> str:
    """Where a horizontal line leaves a rail, which may go on below."""
    if leftmost:
        return "├" if goes_on else "╰"
    if rightmost:
        return "┤" if goes_on else "╯"
    return "┼" if goes_on else "┴"
