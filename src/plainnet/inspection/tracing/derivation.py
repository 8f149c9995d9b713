"""The chain rule from the loss to one gradient: first in symbols, then in numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from plainnet.engine.formulas import Formula, aligned, text_in_latex
from plainnet.engine.recorded_steps import ABOVE
from plainnet.errors import SettingError, UnknownNameError
from plainnet.inspection.tracing.lines import Kept, Line, Lines, split
from plainnet.inspection.tracing.parts import Part
from plainnet.inspection.tracing.printing import MOST_ELEMENTS
from plainnet.inspection.tracing.terms import Index
from plainnet.inspection.tracing.writing import DIGITS, MOST_TERMS


@dataclass(frozen=True)
class Link:
    """One formula of the chain, with lines for the elements that the gradient needs."""

    layer: str
    formula: Formula
    lines: tuple[Line, ...]


MOST_FOLLOWED = 64
"""The most elements followed in an array, and the most numbers in a line."""


@dataclass(frozen=True, repr=False, eq=False)
class Derivation(Kept):
    """The chain rule from the loss to one gradient, formula by formula.

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
        """The lines of the elements that it needs, at most a few for each formula."""
        rows = []
        for link in self.links:
            shown = [line.text(digits=digits, most=most) for line in link.lines[:MOST_ELEMENTS]]
            more = ["... and more"] * (len(link.lines) > len(shown))
            rows += [(link.layer, line) for line in [*shown, *more]]
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
    """The derivation of a gradient; `name` may also name the tensor that it belongs to."""
    name, index = split(name, index)
    part, local, _ = lines.find(name)
    if part is None:
        part, local = _first_reader(lines, name)
    if part.kind == "update":
        raise SettingError(f"a derivation ends before the update; {name} is of the update")
    if not part.window.went_back:
        raise SettingError("there is no backward pass in this trace: pass the targets y to trace")
    if not _is_gradient(part, local):
        local = f"d{local}"
    known = [each for each in part.names if _is_gradient(part, each)]
    if local not in known or (part.kind == "loss" and local == "dL" and name.endswith("L")):
        raise UnknownNameError(
            f"no gradient of {name!r}; {part.path or 'the trace'} has {', '.join(known) or 'none'}"
        )
    if index == ():
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
    raise UnknownNameError(f"no layer reads {name!r} directly, so it has no gradient")


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
    """The lines of numbers that these are made of, by array and index, as far as it follows.

    Of each array only so many: a gradient of many rows is made of all of their numbers.
    """
    needed: dict[str, dict[Index, Line]] = {}
    ahead = deque(first)
    while ahead:
        line = ahead.popleft()
        known = needed.setdefault(line.name, {})
        if line.index in known or len(known) >= MOST_FOLLOWED:
            continue
        known[line.index] = line
        for array, index in islice(_made_of(lines, line), MOST_FOLLOWED):
            part, local, _ = lines.find(array)
            if part is not None and follows(part, local):
                ahead.append(lines.line(array, index))
    return {name: known for name, known in needed.items() if _is_a_link(lines, name, known)}


def _made_of(lines: Lines, line: Line) -> Iterator[tuple[str, Index]]:
    """The numbers of a line; of a gradient that code without formulas makes, those it was given."""
    part, local, _ = lines.find(line.name)
    if line.formula is not None:
        yield from ((number.array, number.index) for number in line.numbers)
    elif part is not None and local in part.returned("backward"):
        for handed in part.handed("backward"):
            array = part.window[handed]
            rows = range(len(array)) if local[1:] not in part.inputs else line.index[:1]
            yield from (
                (part.full(handed), (row, *rest))
                for row in rows
                for rest in np.ndindex(*array.shape[1:])
            )


def _is_a_link(lines: Lines, name: str, known: dict[Index, Line]) -> bool:
    """Whether something is made there, by a formula or by code without one."""
    part, local, _ = lines.find(name)
    by_formula = any(line.formula is not None for line in known.values())
    return by_formula or (part is not None and local in _by_code(part))


def _by_code(part: Part) -> list[str]:
    """What may be made by the code of a layer or loss of one's own, without a formula."""
    return [*part.unexplained("forward"), *part.unexplained("backward")]


def _is_gradient(part: Part, name: str) -> bool:
    window = part.window
    handed = {*part.handed("backward"), *part.returned("backward"), ABOVE}
    inside = name in window.from_inside and name.startswith("d")
    of_loss = part.kind == "loss" and name == "dL"
    return name in window.on_the_way_back or name in handed or inside or of_loss


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
        # At the first or last step of a sequence there is less to add up.
        formula = max(formulas, key=lambda each: len(each.names), default=None)
        if formula is None:
            _, _, local = known[0].name.rpartition(".")
            direction = "backward" if backward else "forward"
            given = ", ".join(name for name in part.handed(direction) if name in part.window)
            formula = Formula(local, f"{direction}({given})", "")
        yield Link(part.path, formula, tuple(known))
