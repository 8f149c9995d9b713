"""The test rows with the worst predictions, each with its trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from plainnet.cli.pages.document import Section, aside, on_screen
from plainnet.cli.pages.scores import Classes, Numbers
from plainnet.errors import PlainnetError
from plainnet.inspection import Trace
from plainnet.inspection.markup import Markup, details, element, paragraph
from plainnet.inspection.tracing.html import Bounds, content_of

SHOWN = 5
CELLS, LONGEST = 40, 300
"""How many cells of a row are shown, and characters of a cell."""
TRACED = Bounds(formulas=60, cells=1_500, lines=300)
"""How much of each trace a page shows."""


def worst_of(scores: Classes | Numbers) -> list[int]:
    """Positions of the test rows with the largest losses, the largest first."""
    order = np.argsort(-scores.losses, kind="stable")[:SHOWN]
    return [int(i) for i in order if scores.worth_a_look[i]]


def of_worst(
    scores: Classes | Numbers,
    named: Callable[[int], str],
    shown: Callable[[int], Markup],
    traced: Callable[[int], Trace],
) -> Section:
    """Each row's contents, its prediction, and the reason for it.

    `named` gives a row's name, `shown` its contents, and `traced` its trace.
    """
    content: list[Markup] = [
        aside("Look here first for wrong labels, damaged rows, and kinds of rows that are rare.")
    ]
    for i in worst_of(scores):
        content.append(element("h3", f"{named(i)}: {scores.said(i)}"))
        content.append(shown(i))
        content.append(on_screen(_trace(traced, i)))
    if len(content) == 1:
        content = [paragraph(scores.all_well)]
    return Section("Worst predictions", content)


def _trace(traced: Callable[[int], Trace], i: int) -> Markup:
    try:
        record = traced(i)
    except PlainnetError as error:
        return aside(f"There is no trace of it: {error}.")
    return details("Every number of this prediction", content_of(record, TRACED))


def cells(names: Any, values: Any) -> Markup:
    """Names with their values, up to a limit."""
    more = len(names) - CELLS
    pairs = [
        element("div", element("span", f"{name}"), " ", element("strong", _cell(value)))
        for name, value in list(zip(names, values, strict=True))[:CELLS]
    ]
    pairs += [element("div", f"and {more:,} more")] if more > 0 else []
    return element("div", *pairs, class_="plainnet-cells")


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
