"""Tables of text: columns where they are printed, HTML where a notebook shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Titles, and rows of as many cells.

    Attributes
    ----------
    titles : sequence of str
    rows : sequence of sequences of str
    numbers : sequence of str
        The titles of the columns that are aligned to the right.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[str] = ()

    def __str__(self) -> str:
        cells = [self.titles, *self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                f"{cell:>{width}}" if title in self.numbers else f"{cell:<{width}}"
                for cell, width, title in zip(row, widths, self.titles, strict=True)
            ).rstrip()
            for row in cells
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        return "\n".join(lines)
