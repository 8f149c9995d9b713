"""A pass as a sequence of steps, with all of its arrays and numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.memory import read_only
from plainnet.errors import (
    UnknownNameError,
    counted,
    require_integer,
    require_one_of,
    require_sequence,
    shown,
)
from plainnet.inspection.tracing.derivation import Derivation, derivation_of
from plainnet.inspection.tracing.json_form import json_of
from plainnet.inspection.tracing.lines import Kept, Line, Lines, checked_bounds
from plainnet.inspection.tracing.parts import Part
from plainnet.inspection.tracing.printing import (
    MOST_ELEMENTS,
    text_of,
    text_of_step,
)
from plainnet.inspection.tracing.terms import Index, Number
from plainnet.inspection.tracing.updates import Rule
from plainnet.inspection.tracing.writing import DIGITS, MOST_TERMS
from plainnet.layers import FromFormula

Array = npt.NDArray[Any]
Direction = Literal["forward", "backward", "update"]


class Step:
    """What a layer, the loss, or an optimizer for one tensor computes in one direction.

    Attributes
    ----------
    number : int
        Its place in `Trace.steps`.
    layer : str
        The name of the layer, "loss", or "update" with the tensor's name.
    subject : str
        The layer, loss or optimizer as code.
    direction : "forward", "backward" or "update"
    formulas : tuple of Formula
        The layer's formulas in this direction, as far as the pass has computed them.
    """

    def __init__(
        self,
        trace: Trace,
        number: int,
        part: Part,
        direction: Direction,
        layer: str,
        subject: str,
        formulas: tuple[Formula, ...],
    ) -> None:
        self.trace, self.number, self.part, self.direction = trace, number, part, direction
        self.layer, self.subject, self.formulas = layer, subject, formulas

    @property
    def inputs(self) -> dict[str, Array]:
        """The arrays that the formulas read but do not compute, by their names in the formulas."""
        made = {formula.result for formula in self.formulas}
        names = dict.fromkeys(
            name for formula in self.formulas for name in sorted(formula.names) if name not in made
        )
        if self.unexplained or not names:
            names |= dict.fromkeys(self.part.handed(self.direction))
        return self._arrays(names)

    @property
    def outputs(self) -> dict[str, Array]:
        """The arrays that the step computes, with or without formulas."""
        names = dict.fromkeys(self.unexplained)
        names |= dict.fromkeys(formula.result for formula in self.formulas)
        return self._arrays(names or self.part.returned(self.direction))

    @cached_property
    def unexplained(self) -> tuple[str, ...]:
        """The outputs that no formula computes."""
        return tuple(self.part.unexplained(self.direction))

    @property
    def shapes(self) -> dict[str, Index]:
        """The shapes of all arrays that the step reads or computes."""
        return {name: array.shape for name, array in {**self.inputs, **self.outputs}.items()}

    def _arrays(self, names: Any) -> dict[str, Array]:
        window = self.part.window
        return {name: read_only(window[name]) for name in names if name in window}

    @property
    def notes(self) -> tuple[str, ...]:
        """Facts that no formula states, such as which cell of a table became which number."""
        return self.part.notes if self.direction == "forward" else ()

    @property
    def origins(self) -> dict[str, str]:
        """The arrays that it reads unchanged from elsewhere: full names by the step's own names."""
        found = {}
        for name, array in self.inputs.items():
            if array.size:
                made, _ = self.trace._lines.maker(self.part, name, (0,) * array.ndim)
                if made != self.part.full(name):
                    found[name] = made
        return found

    @property
    def why_no_formulas(self) -> str:
        """Why no formula is shown for a layer, loss or optimizer, or for some of its arrays."""
        subject = self.part.window.subject
        if isinstance(subject, Rule):
            subject = subject.optimizer
        if isinstance(subject, FromFormula):
            return "these follow from its formulas forward, by reverse-mode differentiation"
        what = "formulas: add them"
        if getattr(subject, "formulas", ()):
            what = f"formula of {' or '.join(self.unexplained)}: add it"
        kind = type(subject).__name__
        return f"{kind} has no {what} to the class, see plainnet.layers.Formulas"

    def line(self, name: str, index: int | Index) -> Line:
        """How an element of one of its arrays is computed."""
        return self.trace.unit(self.part.full(name), index)

    def lines(self) -> Iterator[Line]:
        """All elements of its outputs, one line each."""
        for name, array in self.outputs.items():
            for index in np.ndindex(array.shape):
                yield self.line(name, index)

    def text(
        self, *, digits: int = DIGITS, most: int = MOST_TERMS, elements: int = MOST_ELEMENTS
    ) -> str:
        """The step as it is printed; see `Trace.text`."""
        return text_of_step(self, *checked_bounds(digits, most), _checked(elements))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Step {self.number}: {self.layer}, {self.direction}>"

    def _repr_html_(self) -> str:
        from plainnet.inspection.tracing.html import html_of_step

        return html_of_step(self)

    def __rich__(self) -> Any:
        from plainnet.inspection.tracing.terminal import in_colour

        return in_colour(str(self))


def _checked(elements: Any) -> int:
    return require_integer("elements", elements, at_least=0)


class Trace(Kept, Mapping[str, Array]):
    """One pass, with every number recorded by `plainnet.trace`.

    `trace["0.dense.Z"]` is an array, and iterating gives the names of all arrays.

    Attributes
    ----------
    loss : float or None
        The loss of the pass; None without targets.
    steps : tuple of Step
        In the order of computation.
    """

    def __init__(self, parts: Iterable[Part], data: Mapping[str, Any], loss: float | None) -> None:
        self.loss = loss
        self._parts = {part.path: part for part in parts}
        self._data = {name: np.asarray(array) for name, array in data.items()}
        self._lines = Lines(self._parts, self._data)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(
            Step(self, i, part, direction, part.path, part.code, part.formulas(direction))
            for i, (part, direction) in enumerate(_in_order(self._parts.values()))
        )

    def step(self, which: int | str, direction: Direction = "forward") -> Step:
        """A step by its number, or by the name of its layer and the direction."""
        require_one_of("direction", direction, get_args(Direction))
        if isinstance(which, bool) or not isinstance(which, str | int | np.integer):
            raise UnknownNameError(
                f"a step has a number, or the name of its layer; got {shown(which)}"
            )
        if isinstance(which, str):
            for step in self.steps:
                if step.layer == which and step.direction in (direction, "update"):
                    return step
            known = ", ".join(step.layer for step in self.steps if step.direction == direction)
            raise UnknownNameError(f"no step {direction} of {which!r}; there are {known or 'none'}")
        if not -len(self.steps) <= which < len(self.steps):
            n = counted(len(self.steps), "step")
            raise UnknownNameError(f"no step {which}; the trace has {n}")
        return self.steps[which]

    # --- arrays ----------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Array:
        *_, array = self._lines.find(name)
        return read_only(array)

    def __iter__(self) -> Iterator[str]:
        yield from self._data
        for part in self._parts.values():
            yield from map(part.full, part.names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return any(name == each for each in self)

    def owner(self, name: str) -> tuple[Part | None, str]:
        """The layer, loss or optimizer that an array belongs to, and the array's name there.

        Parameters
        ----------
        name : str
            The full name of the array: "0.dense.dW" gives the part of 0.dense, and "dW".

        Returns
        -------
        Part or None
            With its `path`, its `kind`, and its `window.subject`, a copy of it. None for what the
            pass was given: the inputs and the targets.
        str

        Raises
        ------
        UnknownNameError
            If there is no such array.
        """
        part, local, _ = self._lines.find(name)
        return part, local

    # --- numbers ---------------------------------------------------------------------------------

    def unit(self, name: str, index: int | Index | None = None) -> Line:
        """How one number is computed.

        If another layer computed the number, as for a layer's input, the line is from that layer.

        Parameters
        ----------
        name : str
            The full name of its array, "0.dense.Z", or with the index, "0.dense.Z[0, 3]".
        index : int or tuple of int
            The element; not needed if the name contains it.

        Raises
        ------
        UnknownNameError
            If there is no such array or element; the message lists the existing ones.
        """
        return self._lines.line(name, index)

    def derivation(self, name: str, index: int | Index | None = None) -> Derivation:
        """The chain rule from the loss to one gradient, in symbols and in numbers.

        Parameters
        ----------
        name : str
            The name of the tensor, "0.dense.W", or of the gradient itself, "0.dense.dW".
        index : int or tuple of int, optional
            The element whose numbers are shown; the first by default.
        """
        return derivation_of(self._lines, name, index)

    def to_json(self, units: Iterable[str] = ()) -> str:
        """The steps and arrays as JSON.

        Parameters
        ----------
        units : iterable of str
            Numbers to write with their whole computation, such as "0.dense.Z[0, 3]".

        Returns
        -------
        str
            JSON that `plainnet.inspection.trace_schema()` describes.
        """
        return json_of(
            self,
            [units]
            if isinstance(units, str)
            else require_sequence("units", units, "names with indices"),
        )

    def text(
        self, *, digits: int = DIGITS, most: int = MOST_TERMS, elements: int = MOST_ELEMENTS
    ) -> str:
        """The pass as it is printed.

        Parameters
        ----------
        digits : int
            Significant digits of a number.
        most : int
            How many terms of a sum are written out.
        elements : int
            Arrays with at most this many elements are written out; of larger ones, a few elements.
        """
        return text_of(self, *checked_bounds(digits, most), _checked(elements))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        loss = "" if self.loss is None else f", loss {self.loss:.4g}"
        return f"<Trace of {counted(len(self.steps), 'step')}{loss}>"

    def _repr_html_(self) -> str:
        from plainnet.inspection.tracing.html import html_of

        return html_of(self)

    def __rich__(self) -> Any:
        from plainnet.inspection.tracing.terminal import in_colour

        return in_colour(str(self))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a page to a file that ends in .html, the text to .txt, or the arrays to .json.

        The page is self-contained, and its numbers show how they are computed.

        Raises
        ------
        SettingError
            If the file has any other ending.
        """
        from plainnet.inspection.tracing.html import save

        save(self, path)

    def goes_into(self, name: str, index: int | Index | None = None) -> tuple[Number, ...]:
        """The numbers that are computed directly from one number.

        Parameters
        ----------
        name, index
            As in `unit`. If another layer computed the number, its uses are followed from there.
        """
        return self._lines.uses(name, index)


def _in_order(parts: Iterable[Part]) -> list[tuple[Part, Direction]]:
    """The parts as they run: forward, back in the opposite order, then the updates."""
    ordered = sorted(parts, key=lambda part: part.end)
    passes = [part for part in ordered if part.kind != "update"]
    steps: list[tuple[Part, Direction]] = []
    steps += [(part, "forward") for part in passes if part.is_a_step("forward")]
    back = sorted(passes, key=lambda part: -part.begin)
    steps += [(part, "backward") for part in back if part.is_a_step("backward")]
    steps += [(part, "update") for part in ordered if part.kind == "update"]
    return steps
