"""The chain rule from the loss to one gradient: first in symbols, then in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from plainnet.engine.formulas import Formula, aligned, text_in_latex
from plainnet.engine.recording import ABOVE
from plainnet.errors import SettingError, UnknownNameError
from plainnet.inspection.tracing.lines import Line, Lines
from plainnet.inspection.tracing.parts import Part
from plainnet.inspection.tracing.printing import DIGITS, MOST_ELEMENTS, MOST_TERMS
from plainnet.inspection.tracing.terms import Index


@dataclass(frozen=True)
class Link:
    """One formula of the chain, with the lines of those elements that the gradient needs."""

    layer: str
    formula: Formula
    lines: tuple[Line, ...]


@dataclass(frozen=True, repr=False)
class Derivation:
    """How the loss leads to one gradient, formula by formula.

    Attributes
    ----------
    name : str
        The full name of the gradient, such as "0.dense.dW".
    index : tuple of int
        The element whose numbers are shown.
    links : tuple of Link
        From the loss to the gradient.
    """

    name: str
    index: Index
    links: tuple[Link, ...]

    @property
    def symbols(self) -> str:
        """The formulas, each with its layer."""
        return self._beside([(link.layer, str(link.formula)) for link in self.links])

    def numbers(self, *, digits: int = DIGITS, most: int = MOST_TERMS) -> str:
        """The lines of the elements that it needs, of each formula at most a few."""
        rows = []
        for link in self.links:
            shown = [line.text(digits=digits, most=most) for line in link.lines[:MOST_ELEMENTS]]
            left = len(link.lines) - len(shown)
            rows += [
                (link.layer, line) for line in [*shown, *[f"... and {left:,} more"] * (left > 0)]
            ]
        return self._beside(rows)

    def _beside(self, rows: list[tuple[str, str]]) -> str:
        """Texts with their layers before them."""
        width = max(len(layer) for layer, _ in rows)
        return "\n".join(f"{layer:<{width}}  {text}" if width else text for layer, text in rows)

    def __str__(self) -> str:
        return f"{self.symbols}\n\n{self.numbers()}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        rows = [f"{text_in_latex(link.layer)} && {_set(link.formula)}" for link in self.links]
        formulas = " \\\\\n".join(rows)
        lines = f"```text\n{self.numbers()}\n```"
        return f"$$\n\\begin{{aligned}}\n{formulas}\n\\end{{aligned}}\n$$\n\n{lines}"


def _set(formula: Formula) -> str:
    """A formula in LaTeX; what only hands a number on has a plain form alone."""
    if formula.latex:
        return aligned(formula)
    return f"{text_in_latex(formula.result)} &= {text_in_latex(formula.plain)}"


def derivation_of(lines: Lines, name: Any, index: Any) -> Derivation:
    """From the loss to a gradient; `name` may also be what it is the gradient of."""
    part, local, _ = lines.find(name)
    if part is None:
        part, local = _first_reader(lines, name)
    if local not in part.window.on_the_way_back:
        local = f"d{local}"
    if not part.window.went_back:
        raise SettingError("there is no backward pass in this trace: pass the targets y to trace")
    if local not in part.window:
        raise UnknownNameError(
            f"no gradient {part.full(local)!r}; {part.path} has "
            f"{', '.join(n for n in part.names() if n in part.window.on_the_way_back) or 'none'}"
        )
    if index is None:
        index = (0,) * part.window[local].ndim
    first = lines.line(part.full(local), index)
    return Derivation(first.name, first.index, tuple(_chain(lines, first)))


def _first_reader(lines: Lines, name: str) -> tuple[Part, str]:
    """Who reads the data first, and what it calls them."""
    for part in lines.parts.values():
        for read in part.inputs:
            array = part.window[read]
            if array.size and lines.of(part, read, (0,) * array.ndim).name == name:
                return part, read
    raise UnknownNameError(f"nobody reads {name!r} as it is, so it has no gradient")


def _chain(lines: Lines, first: Line) -> list[Link]:
    """How the loss is made, then all gradients that go into this one, as they are computed."""
    losses = [part for part in lines.parts.values() if part.kind == "loss"]
    losses = losses or list(lines.parts.values())  # a textbook network is one part
    totals = [(p.full(name), p) for p in losses for name in ("L", "loss") if name in p.window]
    ends = [lines.line(name, ()) for name, _ in totals]
    forward = _needed(lines, ends, lambda part, name: part in losses)
    back = _needed(lines, [first], _is_gradient)
    gradients = [*_links(lines, back, backward=True)]
    gradients.sort(key=lambda link: link.lines[0].name == first.name)  # which is what it leads to
    return [*_links(lines, forward, backward=False), *gradients]


def _needed(
    lines: Lines, first: list[Line], follows: Callable[[Part, str], bool]
) -> dict[str, dict[Index, Line]]:
    """The lines of all numbers that these are made of, by array and index, as far as it follows."""
    needed: dict[str, dict[Index, Line]] = {}
    ahead = list(first)
    while ahead:
        line = ahead.pop()
        if line.formula is None or line.index in needed.setdefault(line.name, {}):
            continue
        needed[line.name][line.index] = line
        for number in line.numbers:
            part, local, _ = lines.find(number.array)
            if part is not None and follows(part, local):
                ahead.append(lines.line(number.array, number.index))
    return needed


def _is_gradient(part: Part, name: str) -> bool:
    handed = (*part.handed("backward"), ABOVE)
    return name in part.window.on_the_way_back or name in handed


def _links(lines: Lines, needed: dict[str, dict[Index, Line]], *, backward: bool) -> Iterator[Link]:
    """One for each array, in the order in which a pass makes them."""
    found = []
    for name, by_index in needed.items():
        part, local, _ = lines.find(name)
        known = [line for _, line in sorted(by_index.items())]
        if part is None or not known:
            continue
        order = {f.result: i for i, f in enumerate(part.window.formulas)}.get(local, -1)
        place = (part.kind != "loss", -part.begin, order) if backward else (True, part.end, order)
        found.append((place, part, known))
    for _, part, known in sorted(found, key=lambda each: each[0]):
        formulas = [line.formula for line in known if line.formula is not None]
        if formulas:  # at the first or last step of a sequence there is less to add up
            formula = max(formulas, key=lambda each: len(each.names))
            yield Link(part.path, formula, tuple(known))
