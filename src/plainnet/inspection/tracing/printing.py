"""A trace as text: what each step computes, in symbols and then in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from plainnet.engine.formulas import LAYERS
from plainnet.errors import SettingError
from plainnet.inspection.tracing.terms import Index

if TYPE_CHECKING:
    from plainnet.inspection.tracing.trace import Step, Trace

MOST_ELEMENTS = 6
"""The most elements that are written out."""
LONGEST = 72
"""The most characters of a layer's code."""
FIRST = 3
"""How many elements of a larger array are written out."""
INDENT = "  "


def text_of(trace: Trace, digits: int, most: int, elements: int) -> str:
    """All steps, under a heading for each direction."""
    parts: list[str] = []
    direction = ""
    for step in trace.steps:
        if step.direction != direction:
            direction = step.direction
            parts.append(direction.capitalize())
        parts.append(text_of_step(step, digits, most, elements))
    return "\n\n".join(parts)


def text_of_step(step: Step, digits: int, most: int, elements: int) -> str:
    """Each formula with the shape of its result, and below it the lines of its elements."""
    lines = [f"{step.layer}  {shortened(step.subject)}".rstrip()]
    lines += [f"{INDENT}{note}" for note in step.notes]
    lines += [f"{INDENT}{name} is {origin}" for name, origin in step.origins.items()]
    if step.unexplained:
        lines += [f"{INDENT}{name}  {step.outputs[name].shape}" for name in step.unexplained]
        lines.append(f"{INDENT}{step.why_no_formulas}")
    for formula in step.formulas:
        array = step.outputs[formula.result]
        shape = f"  # {array.shape}" if array.ndim else ""
        lines.append(f"{INDENT}{formula}{shape}")
        if formula.names & LAYERS:  # what layers inside make, they have shown
            continue
        try:
            shown = [
                step.line(formula.result, index).text(digits=digits, most=most)
                for index in chosen(array.shape, elements)
            ]
        except SettingError as error:  # of a formula of one's own
            lines.append(f"{INDENT}{INDENT}{error}")
            continue
        lines += [f"{INDENT}{INDENT}{line}" for line in shown]
        if array.size > len(shown):
            lines.append(f"{INDENT}{INDENT}... and {array.size - len(shown):,} more")
    return "\n".join(lines)


def shortened(code: str) -> str:
    """The beginning of long code."""
    return code if len(code) <= LONGEST else f"{code[: LONGEST - 1]}…"


def chosen(shape: Any, elements: int) -> Iterator[Index]:
    """All elements of a small array, the first few of a larger one."""
    size = int(np.prod(shape))
    return islice(np.ndindex(*shape), size if size <= elements else min(FIRST, elements))
