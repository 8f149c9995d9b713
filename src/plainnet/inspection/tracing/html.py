"""A trace in a notebook or on a page: each formula with a table of its results.

Resting the pointer on a number shows how it is computed. The amount shown is limited, and the page
says what is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as computed_once
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.tables import Table
from plainnet.errors import SettingError, counted, require_path
from plainnet.files.places import moved_into_place
from plainnet.inspection.charts import BLUE, ORANGE
from plainnet.inspection.markup import (
    MANY,
    Cell,
    Markup,
    details,
    element,
    lines,
    output,
    page,
    paragraph,
    table,
)
from plainnet.inspection.tracing.lines import Line
from plainnet.inspection.tracing.printing import shortened
from plainnet.inspection.tracing.terms import Index, Number
from plainnet.inspection.tracing.writing import Writer, number, reference

if TYPE_CHECKING:
    from plainnet.inspection.tracing.trace import Step, Trace

Array = npt.NDArray[Any]

ROWS, FEWEST_ROWS, COLUMNS = 6, 2, 8
"""The size of a table of numbers; it has fewer rows if there are many tables."""
OPEN = 4
"""How many steps of a short trace start unfolded; steps with notes always do."""
SHADES = 4


@dataclass(frozen=True)
class Bounds:
    """The most formulas, numbers and lines of numbers shown in total."""

    formulas: int
    cells: int
    lines: int


NOTEBOOK, PAGE = Bounds(400, 6_000, 1_500), Bounds(10_000, 100_000, 50_000)

STYLE = """
.plainnet-output .plainnet-heading{font-size:1.1em;font-weight:bold;margin:.9em 0 .4em}
.plainnet-layer{font-weight:bold}
.plainnet-said{opacity:.75}
.plainnet-step{border-left:2px solid #80808055;margin:.4em 0;padding-left:.8em}
.plainnet-step>summary{margin-left:-.4em}
.plainnet-output .plainnet-step pre{background:none;border:0;color:inherit;font-family:monospace;
font-size:13px;margin:.4em 0;overflow-wrap:break-word;padding:0;white-space:pre-wrap;
word-break:normal}
.plainnet-output .plainnet-formula{align-items:baseline;display:flex;
flex-flow:row-reverse wrap-reverse;gap:.2em 1.5em;justify-content:flex-end;margin:1em 0 .4em}
.plainnet-formula math{font-size:1.15em}
.plainnet-output.plainnet-output .plainnet-values tr{background:none}
.plainnet-output.plainnet-output .plainnet-values :is(th,td){border:0;padding:.15em .6em;
text-align:right;font-variant-numeric:tabular-nums}
.plainnet-output.plainnet-output .plainnet-values th{opacity:.75}
.plainnet-output [title]{cursor:help}
""" + "".join(
    f".plainnet-output.plainnet-output .plainnet-{sign}{shade}{{background:{color}{alpha}}}\n"
    for sign, color in (("p", BLUE), ("n", ORANGE))
    for shade, alpha in enumerate(("1c", "38", "54", "70"), 1)
)
"""The colours of numbers stand out on white and on black, and keep text readable on both."""

LEGEND = (
    "Shaded by size: blue above 0, orange below. Rest the pointer on a number to see how it is "
    "made, wherever it turns into a question mark; “in numbers” shows some of them as text."
)


# --- wholes ---------------------------------------------------------------------------------------


def html_of(trace: Trace, bounds: Bounds = NOTEBOOK) -> str:
    """All that a notebook shows of a trace."""
    return output(content_of(trace, bounds), style=STYLE)


def content_of(trace: Trace, bounds: Bounds = NOTEBOOK) -> Markup:
    """All steps, under a heading for each direction, without the style."""
    sections: list[Markup] = []
    room = Room(bounds, sum(max(1, len(step.formulas)) for step in trace.steps))
    direction, short = "", len(trace.steps) <= MANY
    for step in trace.steps:
        if not room.has(step):
            left = counted(len(trace.steps) - step.number, "more step")
            shown = (
                f'trace.step({step.number}) is the next, and trace.save("trace.html") a longer page'
            )
            sections.append(paragraph(f"... and {left}: {shown}"))
            break
        if step.direction != direction:
            direction = step.direction
            sections.append(element("p", direction.capitalize(), class_="plainnet-heading"))
        is_open = (short and step.number < OPEN) or bool(step.notes)
        sections.append(_section(step, room, is_open=is_open))
    return Markup("".join([paragraph(title_of(trace)), _said(LEGEND), *sections]))


def html_of_step(step: Step) -> str:
    """One step, open."""
    room = Room(NOTEBOOK, max(1, len(step.formulas)))
    return output(_section(step, room, is_open=True), style=STYLE)


def html_of_line(line: Line) -> str:
    """A line in which each number has its full name as a title."""
    return output(element("p", _line(line)), style=STYLE)


def title_of(trace: Trace) -> str:
    """A line that says what is traced."""
    return repr(trace).strip("<>")


def page_of(trace: Trace, title: str) -> str:
    """A self-contained document."""
    return page(title, html_of(trace, PAGE))


def save(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Save a trace as a page, as text or as JSON, by the ending of the file."""
    place = require_path("path", path)
    ending = place.suffix.lower()
    if ending == ".html":
        content = page_of(trace, title_of(trace))
    elif ending == ".txt":
        content = f"{trace}\n"
    elif ending == ".json":
        content = f"{trace.to_json()}\n"
    else:
        raise SettingError(f"a trace is saved as .html, .txt or .json; got {place}")
    with moved_into_place(place) as file:
        file.write(content.encode("utf-8", "replace"))


class Room:
    """How much may still be shown: every table gets the same share."""

    def __init__(self, bounds: Bounds, tables: int) -> None:
        self.formulas = bounds.formulas
        shown = min(tables, bounds.formulas)
        self.rows = min(ROWS, max(FEWEST_ROWS, bounds.cells // (shown * COLUMNS)))
        self.lines = max(1, bounds.lines // shown)

    def has(self, step: Step) -> bool:
        """Whether there is room for a step, which is then taken."""
        self.formulas -= max(1, len(step.formulas))
        return self.formulas >= 0


# --- a step ---------------------------------------------------------------------------------------


def _section(step: Step, room: Room, *, is_open: bool) -> Markup:
    """A step under its name, its code, and the shapes of what it returns."""
    own = step.part.returned(step.direction) if step.layer == step.part.path else []
    outputs = step.outputs
    shapes = {name: array.shape for name, array in outputs.items() if name in own or not own}
    made = ", ".join(f"{name} {shape}" if shape else name for name, shape in shapes.items())
    title = [element("span", step.layer, class_="plainnet-layer"), Markup(" ")]
    title += [element("code", shortened(step.subject)), Markup(f" → {made}" if made else "")]
    content = [lines(step.notes)] if step.notes else []
    content += [_said("; ".join(f"{name} is {origin}" for name, origin in step.origins.items()))]
    if step.unexplained:
        content += [_array(step, name, room, has_lines=False) for name in step.unexplained]
        content.append(_said(step.why_no_formulas))
    for formula in step.formulas:
        content.append(element("p", *_formula(formula), class_="plainnet-formula"))
        try:
            content.append(_array(step, formula.result, room, has_lines=True))
        except SettingError as error:  # of a formula of one's own
            content += [_said(str(error)), _array(step, formula.result, room, has_lines=False)]
    if step.formulas or step.notes:
        _, *text = step.text().split("\n")
        content.append(details("in numbers", lines(line.removeprefix("  ") for line in text)))
    heading = element("span", *title)
    return details(heading, *content, is_open=is_open, class_="plainnet-step")


def _said(text: str) -> Markup:
    return element("p", text, class_="plainnet-said") if text else Markup("")


def _formula(formula: Formula) -> Iterator[Markup]:
    """As the expression that runs, and as mathematics where that can be set.

    The expression comes first, although it stands on the right: a viewer that drops both MathML and
    the style leaves letters without their places.
    """
    yield element("code", str(formula))
    if formula.latex:
        yield Markup(" " + mathematics(formula.latex))


@computed_once
def mathematics(latex: str) -> Markup:
    """MathML, or nothing where latex2mathml is not installed or does not know a command."""
    try:
        from latex2mathml.converter import convert

        found = convert(latex)
    except Exception:  # whatever it is, the expression stands beside it
        return Markup("")
    return Markup("" if "\\" in found else re.sub(r' xmlns="[^"]*"', "", found))


# --- arrays ---------------------------------------------------------------------------------------


def _array(step: Step, name: str, room: Room, *, has_lines: bool) -> Markup:
    """A table of an array's first numbers; a single number as its line."""
    array = step.outputs[name]
    if not array.ndim:
        line = step.line(name, ())
        return element("p", _line(line) if has_lines else f"{name} = {number(array[()])}")
    if not array.size:
        return _said(f"{name} {array.shape} has no numbers")
    axes = _axes_shown(step, array)
    sizes = dict(zip(axes, (room.rows, COLUMNS)[-len(axes) :], strict=True))
    places = tuple(slice(sizes[a]) if a in sizes else 0 for a in range(array.ndim))
    shown = np.atleast_2d(array[places])
    left = room.lines if has_lines else 0
    indices = _indices(array[places].shape, axes, array.ndim)
    cells = [
        _cell(step, name, index, value, shade, has_line=i < left)
        for i, index, value, shade in zip(
            count(), indices, shown.ravel(), _shades(shown), strict=False
        )
    ]
    width = shown.shape[1]
    rows: list[Sequence[str]] = []
    for i in range(len(shown)):
        label = str(i) if array.ndim > 1 else "="
        rows.append([label, *cells[i * width : (i + 1) * width]])
    where = _places(places, array.shape)
    titles = [name if array.ndim < 3 else f"{name}[{where}]", *map(str, range(width))]
    listed = table(Table(titles, rows), class_="plainnet-values")
    if shown.size == array.size:
        return listed
    said = f"{name}[{where}], {shown.size:,} of {array.size:,} numbers of {array.shape}"
    return Markup(listed + _said(said))


def _axes_shown(step: Step, array: Array) -> tuple[int, ...]:
    """Which axes are a table's rows and columns: of images and filters height and width."""
    place = step.part.path
    if step.direction == "update":
        place = place.removeprefix("update.").rpartition(".")[0]
    owner = next((s.part.window.subject for s in step.trace.steps if s.part.path == place), None)
    if array.ndim == 4 and len(getattr(owner, "input_shape", ())) == 3:
        return 1, 2
    return tuple(range(array.ndim))[-2:]


def _indices(shape: Index, axes: Sequence[int], ndim: int) -> Iterator[Index]:
    """The whole indices of the numbers in a table of this shape."""
    for place in np.ndindex(*shape):
        at = dict(zip(axes, place, strict=True))
        yield tuple(at.get(a, 0) for a in range(ndim))


def _places(places: Sequence[int | slice], shape: Index) -> str:
    """As they are written in Python: 0, :6, :, 0."""
    return ", ".join(
        str(at) if isinstance(at, int) else ":" if at.stop >= n else f":{at.stop}"
        for at, n in zip(places, shape, strict=True)
    )


def _shades(shown: Array) -> Iterator[str]:
    """For each number the class of its colour, which is deeper the larger it is."""
    values = np.nan_to_num(shown.ravel().astype(float), posinf=np.inf, neginf=-np.inf)
    finite = np.abs(values[np.isfinite(values)])
    largest = finite.max(initial=0) or 1.0
    depths = np.ceil(np.minimum(np.abs(values) / largest, 1) * SHADES).astype(int)
    for value, depth in zip(values, depths, strict=True):
        yield f"plainnet-{'p' if value > 0 else 'n'}{depth}" if depth else ""


def _cell(step: Step, name: str, index: Index, value: Any, shade: str, *, has_line: bool) -> Cell:
    """A number, with its line as its title."""
    attributes: dict[str, object] = {"class_": shade} if shade else {}
    if has_line:
        line = step.line(name, index)
        elsewhere = line.name != step.part.full(name)  # of another layer: say which
        before = line.name.removesuffix(line.local_name) if elsewhere else ""
        attributes["title"] = f"{before}{line}"
    return Cell(number(value), **attributes)


# --- a line ---------------------------------------------------------------------------------------


def _line(line: Line) -> Markup:
    return element("code", *MarkedWriter().marked(line))


class MarkedWriter(Writer):
    """Writes terms in which each number of an array can be found: 0.35⟨3⟩*2."""

    signed = re.compile("-[\\d.]+(e[+-]\\d+)?(\ue000\\d+\ue001)?(?=[*/]|$)")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Number]] = []

    def pieces(self, line: Line) -> Iterator[tuple[str, Number | None]]:
        """The line piece by piece: its name, then texts and the numbers between them."""
        own = Number(line.local_name, line.index, line.value, line.name)
        _, *others = self.sides(line.local_name, line.index, line.term)
        yield reference(line.local_name, line.index), own
        before, *marks = re.split("\ue000(\\d+)\ue001", " = ".join(["", *others]))
        for which, after in zip(marks[::2], marks[1::2], strict=True):
            text, made = self.found[int(which)]
            yield before.removesuffix(text), None
            yield text, made
            before = after
        yield before if line.agrees else f"{before}; the pass has {number(line.value)}", None

    def marked(self, line: Line) -> Iterator[str]:
        """The pieces of the line, with the full name of each number as its title."""
        for text, made in self.pieces(line):
            if made is None:
                yield text
            else:
                yield element("span", text, title=reference(made.array, made.index))

    def bare(self, text: str) -> str:
        return re.sub("\ue000\\d+\ue001", "", text)

    def _leaf(self, term: Number) -> tuple[str, int]:
        text, binds = super()._leaf(term)
        return self._mark(text, term) if term.array else text, binds

    def _moved(self, term: Number) -> str:
        return self._mark(super()._moved(term), term)

    def _mark(self, text: str, term: Number) -> str:
        self.found.append((text, term))
        return f"{text}\ue000{len(self.found) - 1}\ue001"
