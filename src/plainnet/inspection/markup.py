"""HTML for notebooks: it runs no script, asks no other host and is readable on light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from plainnet.engine.tables import Table

if TYPE_CHECKING:
    from plainnet.inspection.drawing import Drawing

MANY = 20
"""A table with at least this many rows is folded."""
LARGEST = 50
"""The most boxes of a drawing that is shown by default."""

STYLE = """
.plainnet-output{line-height:1.4;overflow-x:auto}
.plainnet-output table{border-collapse:collapse;border:0;margin:.4em 0;width:auto}
.plainnet-output.plainnet-output :is(th,td){background:none;border:0;
border-bottom:1px solid #80808055;color:inherit;font-size:13px;padding:.2em .9em;text-align:left;
vertical-align:baseline;white-space:nowrap}
.plainnet-output.plainnet-output thead th{border-bottom:1px solid #808080;font-weight:bold}
.plainnet-output.plainnet-output tbody th{font-weight:normal}
.plainnet-output.plainnet-output .plainnet-number{text-align:right;
font-variant-numeric:tabular-nums}
.plainnet-output p{margin:.4em 0}
.plainnet-output summary{cursor:pointer}
.plainnet-right,.plainnet-wrong{background:#15803d;border-radius:3px;color:#fff;padding:.05em .4em}
.plainnet-wrong{background:#b91c1c;font-weight:bold}
.plainnet-scrolling{max-height:480px;overflow:auto}
@media print{.plainnet-scrolling{max-height:none}}
"""
"""Every rule uses a class of plainnet's own, doubled to override Jupyter's rules for tables. If a
viewer drops the styles, the words remain."""

PAGE = """
:root{color-scheme:light dark}
body{font-family:system-ui,sans-serif;margin:1.5em auto;max-width:75em;padding:0 1em}
"""
"""The style of a page of its own, light or dark according to the reader's theme."""


EMPTY = ("img",)
"""Elements that have no content."""


class Markup(str):
    """Text that is markup already; all other text is escaped."""


class Cell(str):
    """The text of a table's cell that has attributes, such as a title."""

    attributes: Mapping[str, object]

    def __new__(cls, text: str, **attributes: object) -> Cell:
        cell = super().__new__(cls, text)
        cell.attributes = attributes
        return cell


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """An element; `class_` is the attribute class, and `stroke_width` is stroke-width."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for name, value in attributes.items()
    )
    if tag in EMPTY:
        return Markup(f"<{tag}{named}/>")
    return Markup(f"<{tag}{named}>{_joined(content)}</{tag}>")


def _joined(content: tuple[str, ...]) -> str:
    return "".join(each if isinstance(each, Markup) else _escaped(each) for each in content)


def _escaped(text: str) -> str:
    """Some of the characters that cannot be printed may be in no document."""
    shown = "".join(" " if c.isspace() else c if c.isprintable() else "\ufffd" for c in text)
    return escape(shown)


def output(*content: str, style: str = "") -> str:
    """A notebook cell's output, with extra style rules; marimo takes a plain string only."""
    rules = Markup(f"<style>{STYLE}{style}</style>")
    return str(element("div", rules, *content, class_="plainnet-output"))


def page(title: str, content: str) -> str:
    """A document of its own around what a cell shows."""
    head = (
        '<meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"{element('title', title)}<style>{PAGE}</style>"
    )
    body = f"<body>\n{content}\n</body>"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n{body}\n</html>\n'


def paragraph(*content: str) -> Markup:
    """Text and words in colour."""
    return element("p", *content)


def lines(texts: Iterable[str]) -> Markup:
    """Lines of text, as they would be printed."""
    return element("pre", Markup("\n".join(map(_escaped, texts))))


def table(shown: Table, **attributes: object) -> Markup:
    """The first cell of each row is its name."""
    looks = [{"class_": "plainnet-number"} if t in shown.numbers else {} for t in shown.titles]
    head = [
        element("th", title, scope="col", **look)
        for title, look in zip(shown.titles, looks, strict=True)
    ]
    rows = [
        element(
            "tr",
            element("th", row[0], scope="row", **looks[0]),
            *(
                element("td", cell, **{**look, **getattr(cell, "attributes", {})})
                for cell, look in zip(row[1:], looks[1:], strict=True)
            ),
        )
        for row in shown.rows
    ]
    parts = element("thead", element("tr", *head)), element("tbody", *rows)
    return element("table", *parts, **attributes)


def folded(title: str, content: Markup, *, rows: int) -> Markup:
    """The content under a title that opens it, if it has many rows."""
    if rows < MANY:
        return Markup(paragraph(title) + content)
    return details(title, content)


def details(title: str, *content: str, is_open: bool = False, **attributes: object) -> Markup:
    """The content under a title that opens and closes it."""
    opened = {"open": ""} if is_open else {}
    return element("details", element("summary", title), *content, **opened, **attributes)


def drawn(drawing: Drawing) -> Markup:
    """A drawing, in a box that scrolls if it is high, which the keyboard does too."""
    nodes = len(drawing.nodes)
    if nodes > LARGEST:
        return paragraph(f"draw() shows the network, a drawing of {nodes:,} boxes")
    return element("div", Markup(drawing.svg), class_="plainnet-scrolling", tabindex=0)


def judged(verdict: str, said: str = "", *, right: bool) -> Markup:
    """A verdict, in a word and a colour; then what is said about it."""
    word = element("span", verdict, class_="plainnet-right" if right else "plainnet-wrong")
    return Markup(word + _escaped(said))
