"""What a number goes into: whatever changes when the number changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.recording import Frame, WindowOfSteps
from plainnet.inspection.origins import Memory
from plainnet.inspection.parts import Part
from plainnet.inspection.terms import Index

Array = npt.NDArray[Any]
Place = tuple[Part, str, Index]


class Uses:
    """Which formulas of which parts read a number, and what they make of it."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self._read = Memory([each for part in parts for each in part.given()])

    def of(self, place: tuple[Array, Index] | None, known: list[Place]) -> list[Place]:
        """The elements that are made of a number, each once, in the order of the pass.

        Parameters
        ----------
        place : array and index, or None
            Where it lies in memory.
        known : list of part, name and index
            By what names it is known that memory does not tell.
        """
        aliases = list(known)
        if place is not None:
            aliases += [
                (m.owner, m.name, m.owner.own_index(m.name, i)) for m, i in self._read.at(*place)
            ]
        found = dict.fromkeys(use for alias in aliases for use in self._made_of(*alias))
        return list(found)

    def _made_of(self, part: Part, name: str, index: Index) -> Iterator[Place]:
        window = part.window
        frames = [window.frame()]
        if isinstance(window, WindowOfSteps):
            frames = [
                window.frame(t) for t in (index[1:2] if window.has_steps(name) else window.steps)
            ]
            yield from ((part, *use) for use in window.passed_on_to(name, index))
        for formula in window.formulas:
            evaluable = formula.result in window and part.is_evaluable(formula.result)
            if name in formula.names and evaluable:
                for frame in frames:
                    inner = frame.inside(name, index)
                    for result in _changed(formula, frame, name, inner):
                        yield part, formula.result, frame.outside(formula.result, result)


def _changed(formula: Formula, frame: Frame, name: str, index: Index) -> Iterator[Index]:
    """The elements of a formula's result that change when one element that it reads does."""
    known = {each: frame.known(each) for each in formula.names}
    before = np.asarray(formula.evaluate(known))
    changed = np.zeros(before.shape, bool)
    for value in _others(np.asarray(known[name])[index]):
        array = np.array(known[name])
        array[index] = value
        after = np.asarray(formula.evaluate({**known, name: array}))
        changed |= (after != before) & ~(np.isnan(after) & np.isnan(before))
    return (tuple(map(int, place)) for place in np.argwhere(changed))


def _others(value: Any) -> tuple[Any, ...]:
    """Other values, of which at least one makes a difference wherever the number is used."""
    if value.dtype.kind == "b":
        return (not value,)
    if value.dtype.kind != "f":
        return (0,) if value else (1,)
    return value + 1, -value - 1, np.nan
