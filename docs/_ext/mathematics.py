"""Mathematics as MathML, which browsers set by themselves: nothing is loaded, nothing runs."""

import re
from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(latex: str, *, display: bool = False) -> str:
    """The element `math`. What latex2mathml does not know is a ValueError."""
    latex = latex.strip()
    if display and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    found = convert(latex, display="block" if display else "inline")
    if "\\" in found:
        raise ValueError(f"latex2mathml does not know a command in {latex}")
    return re.sub(r' xmlns="[^"]*"', "", found)


def _set(node: nodes.Node, *, display: bool) -> str:
    try:
        return mathml(node.astext(), display=display)
    except Exception as error:  # of any kind: latex2mathml has many
        logger.warning("mathematics: %s: %r", node.astext(), error, location=node)
        return f"<code>{escape(node.astext())}</code>"


def _visit_inline(self, node) -> None:
    self.body.append(_set(node, display=False))
    raise nodes.SkipNode


def _visit_block(self, node) -> None:
    self.body.append(f'<div class="mathematics">{_set(node, display=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
