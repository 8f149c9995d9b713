"""A page of sections that loads nothing from elsewhere and prints well from a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import plainnet
from plainnet.engine.tables import Table
from plainnet.inspection.doctor.html import STYLE as VERDICTS
from plainnet.inspection.markup import Markup, element, output, page, table
from plainnet.inspection.tracing.html import STYLE as TRACES

STYLE = """
.plainnet-output{overflow-x:visible}
.plainnet-output h1{font-size:1.6em;margin:.2em 0}
.plainnet-output h2{border-top:1px solid #80808055;font-size:1.25em;margin:1.6em 0 .5em;
padding-top:.7em}
.plainnet-output h3{font-size:1em;margin:1.2em 0 .3em}
.plainnet-output :is(p,h1,h2,h3){overflow-wrap:anywhere}
.plainnet-output p{max-width:46em}
.plainnet-output code{overflow-wrap:anywhere}
.plainnet-aside{opacity:.75}
.plainnet-contents{display:flex;flex-wrap:wrap;gap:.2em 1.2em;margin:1em 0}
.plainnet-facts{display:flex;flex-wrap:wrap;gap:.6em 2.4em;margin:1.2em 0}
.plainnet-facts div{min-width:6em}
.plainnet-facts strong{display:block;font-size:1.5em;font-variant-numeric:tabular-nums}
.plainnet-row{align-items:flex-start;display:flex;flex-wrap:wrap;gap:.8em 1.6em}
.plainnet-row>*{min-width:0}
.plainnet-wide{overflow-x:auto}
.plainnet-output.plainnet-output .plainnet-wide :is(th,td){padding:.2em .7em}
.plainnet-output.plainnet-output .plainnet-free :is(th,td){white-space:normal}
.plainnet-free table{min-width:44em}
.plainnet-free td{max-width:26em;overflow-wrap:anywhere}
.plainnet-output .plainnet-scrolling{max-height:640px}
.plainnet-output svg{height:auto;max-width:100%}
.plainnet-cells{display:flex;flex-wrap:wrap;gap:.2em 1.4em}
.plainnet-cells span{opacity:.75}
.plainnet-pictures{display:flex;flex-wrap:wrap;gap:.5em}
.plainnet-pictures figure{margin:0;width:5.5em}
.plainnet-frames figure{width:10em}
.plainnet-pictures img{display:block;image-rendering:pixelated;width:100%}
.plainnet-pictures figcaption{font-size:12px;overflow-wrap:anywhere}
@media print{
@page{margin:1.5cm}
:root{color-scheme:light}
body{font-size:10pt;margin:0;max-width:none;padding:0}
.plainnet-contents,.plainnet-screen{display:none}
.plainnet-output :is(h1,h2,h3){break-after:avoid}
.plainnet-output h2+p{break-after:avoid}
.plainnet-output :is(figure,svg,tr,img,.plainnet-cells,.plainnet-facts,.plainnet-verdict){
break-inside:avoid}
.plainnet-wide{overflow-x:visible}
.plainnet-free table{min-width:0}
.plainnet-output.plainnet-output :is(th,td){font-size:8.5pt;padding:.15em .5em;white-space:normal}
.plainnet-output pre{white-space:pre-wrap}
.plainnet-output .plainnet-scrolling{max-height:none}
.plainnet-scrolling svg{max-height:15cm}
.plainnet-row>figure{flex:0 1 47%}
*{print-color-adjust:exact}
}
"""


class Fact(NamedTuple):
    """A key number, and what it is."""

    name: str
    value: str


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading."""

    title: str
    content: Sequence[Markup]

    @property
    def anchor(self) -> str:
        """The name of the link target."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Document:
    """The contents of a page."""

    title: str
    notes: Sequence[Markup]
    """The line below the title."""
    facts: Sequence[Fact]
    sections: Sequence[Section]

    def html(self) -> str:
        """The document as it is written to a file."""
        facts = [element("div", fact.name, element("strong", fact.value)) for fact in self.facts]
        links = [element("a", s.title, href=f"#{s.anchor}") for s in self.sections]
        content = [
            element("h1", self.title),
            *self.notes,
            element("div", *facts, class_="plainnet-facts"),
            element("nav", *links, class_="plainnet-contents"),
        ]
        for section in self.sections:
            content += [element("h2", section.title, id=section.anchor), *section.content]
        made = f"Made by plainnet {plainnet.__version__}."
        content.append(element("p", made, class_="plainnet-aside"))
        return page(self.title, output(*content, style=TRACES + VERDICTS + STYLE))


# --- parts ----------------------------------------------------------------------------------------


def subtitle(text: str) -> Markup:
    """A heading inside a section."""
    return element("h3", text)


def aside(text: str) -> Markup:
    """A sentence that explains what is shown."""
    return element("p", text, class_="plainnet-aside")


def side_by_side(*parts: Markup) -> Markup:
    """Parts in a row, or below each other if there is no room."""
    return element("div", *parts, class_="plainnet-row")


def wide(shown: Table, *, wraps: bool = False) -> Markup:
    """A table that scrolls if it is wider than the page, or whose cells wrap."""
    look = "plainnet-wide plainnet-free" if wraps else "plainnet-wide"
    return element("div", table(shown), class_=look)


def on_screen(*parts: Markup) -> Markup:
    """Parts that are shown on screen but not printed."""
    return element("div", *parts, class_="plainnet-screen")
