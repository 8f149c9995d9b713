"""A trace in a terminal with colours: the printed text, with names marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {
    r"(?m)^\S+( \S+)*": "bold",  # a direction, or the name of a layer
    r"(?m)^  \w+ is .*$": "dim",
    r"(?m)  # \(.*\)$": "dim",
    r"(?m)^    \.\.\. and .*$": "dim",
    r"(?m)(?<=^    )[\w.]+(\[[\d, ]+\])?(?= = )": "cyan",
}
"""Styles by pattern, for whole lines or for their beginnings and ends."""


def in_colour(text: str) -> Text:
    """The text with styles for rich."""
    from rich.text import Text

    shown = Text(text)
    for pattern, style in STYLES.items():
        shown.highlight_regex(pattern, style)
    return shown
