"""A report as HTML, for notebooks and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plainnet.inspection.markup import Markup, element, lines, output, page, paragraph

if TYPE_CHECKING:
    from plainnet.inspection.doctor.verdicts import Report, Verdict

STYLE = """
.plainnet-verdict{border-left:3px solid #808080;margin:.6em 0;padding:.1em .8em}
.plainnet-verdict.plainnet-serious{border-color:#b91c1c}
.plainnet-verdict.plainnet-warning{border-color:#d97706}
.plainnet-verdict pre{background:#80808018;border-radius:3px;margin:.4em 0;overflow-x:auto;
padding:.4em .6em}
"""


def html_of(report: Report) -> str:
    """The HTML that a notebook shows for a report."""
    return output(content_of(report), style=STYLE)


def page_of(report: Report, title: str) -> str:
    """A self-contained document."""
    heading = element("h1", title)
    return page(title, output(heading, content_of(report), style=STYLE))


def content_of(report: Report) -> Markup:
    """The verdicts, without the style."""
    parts = [paragraph(element("strong", report.headline)), *map(_verdict, report)]
    if report.looked_at:
        parts.append(paragraph(f"Looked at: {', '.join(report.looked_at)}."))
    parts += [paragraph(f"Not looked at: {what}; {why}.") for what, why in report.left_out.items()]
    return Markup("".join(parts))


def _verdict(verdict: Verdict) -> Markup:
    title = [element("strong", f"{verdict.severity}: {verdict.title}")]
    content = [paragraph(*title), paragraph(verdict.evidence), paragraph(verdict.advice)]
    if verdict.code:
        content.append(lines(verdict.code.splitlines()))
    look = f"plainnet-verdict plainnet-{verdict.severity}"
    return element("div", *content, class_=look)
