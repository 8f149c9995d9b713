"""Mathematics as MathML, which browsers set by themselves: nothing is loaded, nothing runs."""

import re
from html import escape, unescape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(latex: str, *, display: bool = False) -> str:
    """The element `math`. What latex2mathml does not know is a ValueError."""
    latex = latex.strip().strip("`")  # as GitHub may have it, $`a`$
    if display and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    latex = re.sub(r"\\(begin|end){(aligned|gathered)}", r"\\\1{align*}", latex)
    found = convert(latex, display="block" if display else "inline")
    if "\\" in found or "<mi>&</mi>" in found:
        raise ValueError(f"latex2mathml does not know a command in {latex}")
    return mended(re.sub(r' xmlns="[^"]*"', "", found))


def mended(found: str) -> str:
    """What browsers do not know, or show with odd spaces, in the way that they show well."""
    found = re.sub(r'<m(i|n) mathvariant="(bold|bold-italic)">(.*?)</m\1>', _bold, found)
    found = found.replace(f"<mo><mrow><mo>{PLUS}</mo></mrow></mo><mo>{EQUAL}</mo>", "<mo>+=</mo>")
    found = re.sub(NAME_BEFORE_PARENTHESIS, r"<mi>\1</mi>", found)
    return re.sub(FUNCTION, _spaced, found)


FUNCTION = r"(</m(?!o>)\w+>)?<mi>(log|ln|exp|sin|cos|tan|tanh|cosh|det)</mi>(?=(<m(?!o)\w+)?)"
NAME_BEFORE_PARENTHESIS = r"<mo>([A-Za-z]{2,})</mo>(?=<mo[^>]*>(?:&#x00028;|\[|&#x0005B;))"


def _spaced(found: re.Match[str]) -> str:
    """A function between letters: y log a."""
    before, name, after = found.groups()
    left, right = ("0.167em" if each else "0" for each in (before, after))
    return f'{before or ""}<mo lspace="{left}" rspace="{right}">{name}</mo>'


PLUS, EQUAL = "&#x0002B;", "&#x0003D;"
BOLD = (("0", "9", 0x1D7CE, 0x1D7CE), ("A", "Z", 0x1D400, 0x1D468), ("a", "z", 0x1D41A, 0x1D482),
        ("Α", "Ω", 0x1D6A8, 0x1D71C), ("α", "ω", 0x1D6C2, 0x1D736))  # fmt: skip
"""From, to, and where the bold and the bold italic ones begin in Unicode."""


def _bold(found: re.Match[str]) -> str:
    """Bold letters as characters of their own: browsers ignore the attribute."""
    kind, variant, text = found.groups()
    letters = []
    for letter in unescape(text):
        for first, last, upright, italic in BOLD:
            if first <= letter <= last:
                start = italic if variant == "bold-italic" else upright
                letter = chr(start + ord(letter) - ord(first))
                break
        letters.append(letter)
    return f"<m{kind}>{''.join(letters)}</m{kind}>"


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
