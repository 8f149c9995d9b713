"""A drawing in SVG: boxes in layers from top to bottom, each below all that it reads.

The steps are those of Sugiyama et al. 1981, "Methods for visual understanding of hierarchical
system structures": layers by the longest path, an order in each layer by barycentres, then
coordinates. An edge that passes a layer has a place of its own in it, so that it meets no box.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from plainnet.errors import counted
from plainnet.inspection.nodes import Node, columns_of

Item = tuple[int, int]
"""A node and the layer that it is in, or a layer below, which an edge from it passes."""

SWEEPS = 24
CHARACTER, HEIGHT, MARGIN = 7.3, 44.0, 12.0
"""The width of a character, the height of a box and the margin, in pixels."""

EDGE, TEXT, MUTED = "#7c8798", "#0f172a", "#475569"  # the edges' is readable on white and on black
COLORS = {
    "input": ("#dbeafe", "#3b82f6"),
    "layer": ("#f8fafc", "#94a3b8"),
    "output": ("#f8fafc", "#16a34a"),
    "loss": ("#dcfce7", "#16a34a"),
}
"""The fill and the border of a box."""

MERGE = "#a16207"
ACCENTS = ("#c2410c", "#7e22ce", "#0f766e", "#be185d", "#4d7c0f", "#1d4ed8")
"""Colours for layers that share parameters."""


class Layout:
    """Where the nodes are.

    Attributes
    ----------
    ranks : list of int
        The layer of each node.
    layers : list of list of Item
        From top to bottom, each from left to right.
    x, widths : dict from Item to float
        The centre of each item, and its width.
    tops : list of float
        The upper edge of each layer.
    width, height : float
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.ranks = _ranks(nodes)
        self.above: dict[Item, list[Item]] = defaultdict(list)
        self.below: dict[Item, list[Item]] = defaultdict(list)
        items = dict.fromkeys(enumerate(self.ranks))
        links: dict[tuple[Item, Item], None] = {}
        for i, node in enumerate(nodes):
            for source in node.reads:
                way = self.way(source, i)
                items |= dict.fromkeys(way)
                links |= dict.fromkeys(pairwise(way))
        for upper, lower in links:
            self.below[upper].append(lower)
            self.above[lower].append(upper)
        self.widths = {
            (i, rank): _width(nodes[i]) if rank == self.ranks[i] else 0.0 for i, rank in items
        }
        layers: list[list[Item]] = [[] for _ in range(max(self.ranks) + 1)]
        for item in sorted(items):
            layers[item[1]].append(item)
        self.layers = self._ordered(layers)
        self._place()

    def way(self, source: int, reader: int) -> list[Item]:
        """The items along an edge; all edges from a node share them."""
        passed = range(self.ranks[source], self.ranks[reader])
        return [*((source, rank) for rank in passed), (reader, self.ranks[reader])]

    def _ordered(self, layers: list[list[Item]]) -> list[list[Item]]:
        """Each layer by the mean place of its neighbours, down and up again; the best is kept."""
        best, fewest = layers, self._crossings(layers)
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            layers = [[*layer] for layer in layers]
            at: dict[Item, float] = {}
            for layer in layers if down else layers[::-1]:
                own = {item: (i + 0.5) / len(layer) for i, item in enumerate(layer)}
                for item in layer:
                    near = [at[each] for each in (self.above if down else self.below)[item]]
                    own[item] = sum(near) / len(near) if near else own[item]
                layer.sort(key=own.__getitem__)
                at |= {item: (i + 0.5) / len(layer) for i, item in enumerate(layer)}
            crossings = self._crossings(layers)
            if crossings < fewest:
                best, fewest = layers, crossings
        return best

    def _crossings(self, layers: list[list[Item]]) -> int:
        at = {item: i for layer in layers for i, item in enumerate(layer)}
        crossings = 0
        for layer in layers:
            ends: list[int] = []
            for item in layer:
                own = sorted(at[each] for each in self.below[item])
                crossings += sum(len(ends) - bisect_right(ends, end) for end in own)
                for end in own:
                    insort(ends, end)
        return crossings

    def _place(self) -> None:
        """Each item as near to its neighbours as the others in its layer allow, edges straight."""
        self.x = dict.fromkeys(self.widths, 0.0)
        for sweep in range(2 * SWEEPS):
            down = sweep % 2 == 0
            for layer in self.layers if down else self.layers[::-1]:
                wanted, weights = [], []
                for item in layer:
                    above, below = self.above[item], self.below[item]
                    near = (above or below) if down else (below or above)
                    pulls = [self._pull(item, each) for each in near]
                    centres = [self.x[each] * pull for each, pull in zip(near, pulls, strict=True)]
                    wanted.append(sum(centres) / (sum(pulls) or 1))
                    weights.append(sum(pulls) or 1)
                widths = [self.widths[item] + (24 if self.widths[item] else 16) for item in layer]
                self.x |= zip(layer, _spread(wanted, weights, widths), strict=True)
        left = min(x - self.widths[item] / 2 for item, x in self.x.items()) - MARGIN
        self.x = {item: x - left for item, x in self.x.items()}
        self.width = max(x + self.widths[item] / 2 for item, x in self.x.items()) + MARGIN
        self.tops = [MARGIN]
        for layer in self.layers[:-1]:  # more space where an edge has a longer way to the side
            sides = [abs(self.x[item] - self.x[low]) for item in layer for low in self.below[item]]
            self.tops.append(self.tops[-1] + HEIGHT + 18 + min(max(sides) / 6, 40))
        self.height = self.tops[-1] + HEIGHT + MARGIN

    def _pull(self, item: Item, other: Item) -> float:
        """Long edges are to be straight above all."""
        return (1.0, 3.0, 9.0)[(self.widths[item] == 0) + (self.widths[other] == 0)]


def _ranks(nodes: Sequence[Node]) -> list[int]:
    """The layer of each node, below all that it reads; an input is directly above a reader."""
    ranks: list[int] = []
    for node in nodes:
        ranks.append(1 + max((ranks[source] for source in node.reads), default=-1))
    for i, node in enumerate(nodes):
        if node.kind == "input":
            ranks[i] = min(ranks[j] for j, other in enumerate(nodes) if i in other.reads) - 1
    return ranks


def _spread(wanted: list[float], weights: list[float], widths: list[float]) -> list[float]:
    """The centres with the least squared distance from those wanted, so that nothing overlaps.

    Without the widths, it is isotonic regression: neighbours that would stand the wrong way round
    are pooled, and their mean is what is best for all of them.
    """
    offsets = [0.0]
    for a, b in pairwise(widths):
        offsets.append(offsets[-1] + (a + b) / 2)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, n = want - offset, 1
        while pools and pools[-1][0] >= mean:
            other, heavy, many = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, n = weight + heavy, n + many
        pools.append((mean, weight, n))
    means = [mean for mean, _, n in pools for _ in range(n)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


# --- the document ---------------------------------------------------------------------------------


def svg_of(nodes: Sequence[Node]) -> str:
    """The whole document: edges first, so that boxes lie above their ends."""
    layout = Layout(nodes)
    body = [*_edges(nodes, layout), *_boxes(nodes, layout)]
    n_layers = sum(node.kind == "layer" for node in nodes)
    title = f"A network of {counted(n_layers, 'layer')}"
    name = "net-" + hashlib.sha256("".join(body).encode()).hexdigest()[:12]
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" style="max-width:100%;height:auto" '
            f'role="graphics-document document" aria-labelledby="{name}" font-size="12" '
            "font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\">",
            f'<title id="{name}">{title}</title>',
            *body,
            "</svg>",
        ]
    )


def _edges(nodes: Sequence[Node], layout: Layout) -> Iterator[str]:
    """From the middle below a box to the top of the next, with an arrowhead."""
    for i, node in enumerate(nodes):
        ways = [layout.way(source, i) for source in node.reads]
        ways.sort(key=lambda way: layout.x[way[-2]])  # so that they do not cross above the box
        step = min(28.0, 0.7 * layout.widths[i, layout.ranks[i]] / len(ways)) if ways else 0
        for k, way in enumerate(ways):
            x, y = layout.x[way[0]], layout.tops[way[0][1]] + HEIGHT
            line = f"M{x:.1f} {y:.1f}"
            for item in way[1:]:
                to, top = layout.x[item], layout.tops[item[1]]
                if item == way[-1]:
                    to += (k - (len(ways) - 1) / 2) * step
                middle = (y + top) / 2
                line += f"C{x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {top:.1f}"
                x, y = to, top
                if item != way[-1]:
                    y += HEIGHT
                    line += f"V{y:.1f}"
            yield (
                f'<path class="edge" data-from="{way[0][0]}" data-to="{i}" d="{line}" '
                f'fill="none" stroke="{EDGE}" stroke-width="1.5"/>'
            )
            yield f'<path d="M{x:.1f} {y:.1f}l-4 -7h8z" fill="{EDGE}"/>'


def _boxes(nodes: Sequence[Node], layout: Layout) -> Iterator[str]:
    outputs = {source for node in nodes if node.kind == "loss" for source in node.reads}
    for i, node in enumerate(nodes):
        item = (i, layout.ranks[i])
        width, x, y = layout.widths[item], layout.x[item], layout.tops[layout.ranks[i]]
        left, output = x - width / 2, i in outputs and node.kind == "layer"
        fill, border = COLORS["output" if output else node.kind]
        dashes = ' stroke-dasharray="5 3"' if node.kind == "loss" else ""
        accent = None if node.group is None else ACCENTS[node.group % len(ACCENTS)]
        yield (
            f'<g class="{node.kind}" data-node="{i}" role="graphics-symbol img">'
            f"<title>{escape(f'{node.name}: {node.code}')}</title>"
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT:.1f}" '
            f'rx="{HEIGHT / 2 if node.kind == "input" else 7}" fill="{fill}" stroke="{border}" '
            f'stroke-width="{2 if output else 1.2}"'
            f"{dashes}/>"
        )
        if accent:
            yield _bar("shared", left + 6, y + 8, 4, HEIGHT - 16, accent)
            x += 4  # the text makes room
        if len(node.reads) > 1:
            yield _bar("merge", left + 12, y + 2.5, width - 24, 3, MERGE)
        below = _below(node)
        first = f'<tspan font-weight="bold">{escape(node.name)}</tspan> {escape(node.what)}'
        yield _text(x, y + (20 if below else 26), TEXT, first)
        if below:
            yield _text(x, y + 36, accent or MUTED, escape(below))
        yield "</g>"


def _bar(kind: str, x: float, y: float, width: float, height: float, color: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="1.5" fill="{color}"/>'
    )


def _text(x: float, y: float, color: str, content: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{color}">{content}</text>'


def _below(node: Node) -> str:
    """The second line of a box."""
    return " · ".join(filter(None, (node.shape, node.size)))


def _width(node: Node) -> float:
    lines = f"{node.name} {node.what}", _below(node)
    return max(map(columns_of, lines)) * CHARACTER + (28 if node.group is None else 40)
