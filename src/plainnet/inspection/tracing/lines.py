"""Lines: one number each, with its formula and the numbers that it is computed from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.recording import Frame, Made
from plainnet.errors import (
    UnknownNameError,
    counted,
    require_integer,
    shown,
)
from plainnet.inspection.tracing.links import Links
from plainnet.inspection.tracing.parts import Part, naming
from plainnet.inspection.tracing.terms import (
    Index,
    LazyTerms,
    Many,
    Number,
    Term,
    Terms,
    size_of,
    together,
)
from plainnet.inspection.tracing.writing import AT_THE_END, DIGITS, MOST_TERMS, LatexWriter, Writer

Array = npt.NDArray[Any]


class Kept:
    """Objects that live as long as their pass, since numbers are identified by memory address."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled, since it goes on with the arrays of its "
            "pass: keep its text, to_json or, as a page, save"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Line(Kept):
    """One number, and how it is computed.

    Attributes
    ----------
    name : str
        The full name of its array, such as "0.dense.Z".
    index : tuple of int
    value : number
    formula : Formula or None
        None for numbers without a formula: data, targets, parameters, random draws.
    term : Number, Operation, Function or Many
        The computation as a tree.
    agrees : bool
        Whether the formula gives the number of the pass, up to rounding. It does not if the code
        avoids an overflow that the formula has, or if a formula of your own is wrong.
    """

    name: str
    index: Index
    value: Any
    formula: Formula | None
    term: Term
    agrees: bool = True

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers of other arrays that it is computed from, each once, from left to right."""
        if self.formula is None:
            return ()
        found: dict[tuple[str, Index], Number] = {}
        ahead: list[Term] = [self.term]
        while ahead:
            term = ahead.pop()
            if isinstance(term, Number):
                if term.array:
                    found.setdefault((term.array, term.index), term)
            else:
                ahead += reversed(term.terms if isinstance(term, Many) else term.operands)
        return tuple(found.values())

    def text(self, *, digits: int = DIGITS, most: int = MOST_TERMS, names: bool = False) -> str:
        """The line as it is printed.

        Parameters
        ----------
        digits : int
            Significant digits.
        most : int
            How many terms of a sum are written out.
        names : bool
            Write names with indices, such as W[3, 0], instead of values.
        """
        writer = Writer(*checked_bounds(digits, most), names=names)
        line = writer.line(self.local_name, self.index, self.term)
        return line if self.agrees else f"{line}; the pass has {writer.number(self.value)[0]}"

    def latex(self, *, digits: int = DIGITS, most: int = MOST_TERMS, names: bool = False) -> str:
        """The line in LaTeX; see `text`."""
        writer = LatexWriter(*checked_bounds(digits, most), names=names)
        line = writer.line(self.local_name, self.index, self.term)
        if self.agrees:
            return line
        return rf"{line} \text{{; the pass has }} {writer.number(self.value)[0]}"

    @property
    def local_name(self) -> str:
        """The array's name in the formulas, such as "Z"."""
        return self.name.rpartition(".")[2]

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from plainnet.inspection.tracing.html import html_of_line

        return html_of_line(self)


def checked_bounds(digits: Any, most: Any) -> tuple[int, int]:
    """Check the significant digits and the number of terms of a sum to write out."""
    return (
        require_integer("digits", digits, at_least=1, at_most=17),
        require_integer("most", most, at_least=AT_THE_END + 1),
    )


class Lines:
    """The lines of a pass, created on demand.

    Parameters
    ----------
    parts : mapping of str to Part
        The parts by their paths.
    data : mapping of str to array
        The inputs of the pass, by their names.
    """

    def __init__(self, parts: Mapping[str, Part], data: Mapping[str, Array]) -> None:
        self.parts, self.data = parts, data
        self.links = Links(parts, data)
        self._terms: dict[tuple[Frame, Formula], Terms] = {}

    def find(self, name: Any) -> tuple[Part | None, str, Array]:
        """The part that has the array with this name, its name there, and the array.

        For data, the part is None.
        """
        if not isinstance(name, str):
            raise UnknownNameError(
                f'name must be that of an array, such as "0.dense.Z"; got {shown(name)}'
            )
        if name in self.data:
            return None, name, self.data[name]
        if "[" in name:
            raise UnknownNameError(
                f'a number is "0.dense.Z[0, 3]", or "0.dense.Z" and (0, 3); got {shown(name)}'
            )
        path, _, local = name.rpartition(".")
        while path and path not in self.parts:
            path, _, last = path.rpartition(".")
            local = f"{last}.{local}"
        part = self.parts.get(path)
        if part is None:
            known = ", ".join([*self.data, *self.parts])
            raise UnknownNameError(
                f"no array {name!r}: a name is a layer's and an array's, such as "
                f'"0.dense.Z"; the trace has {known}'
            )
        if local not in part.names:
            raise UnknownNameError(
                f"no array {name!r}; {path or 'the trace'} has {', '.join(part.names)}"
            )
        return part, local, part.window[local]

    def line(self, name: Any, index: Any) -> Line:
        """The line of an element, by the full name of its array."""
        name, index = split(name, index)
        part, local, array = self.find(name)
        return self.of(part, local, _checked(name, array, index))

    def of(self, part: Part | None, name: str, index: Index) -> Line:
        """The line of an element, which may belong to another part that computed it."""
        part, name, index = self._maker(part, name, index)
        if part is None:
            value = self.data[name][index]
            return Line(name, index, value, None, Number(name, index, value))
        full, value = part.full(name), part.window[name][index]
        made = part.window.made(name, index)
        if made:  # by a formula, or by several that add up
            with naming(part, made[0][0]):
                return self._made(part, full, index, value, made)
        readers = [self.number(*place) for place in self.links.readers(part, name, index)]
        values = np.array([reader.value for reader in readers])
        if readers and np.isclose(values.sum(), value, equal_nan=True):
            names = " + ".join(reader.array for reader in readers)
            total = Many("sum", LazyTerms(len(readers), readers.__getitem__), values, value)
            return Line(full, index, value, Formula(name, names, ""), total)
        return Line(full, index, value, None, Number(name, index, value))

    def maker(self, part: Part | None, name: str, index: Index) -> tuple[str, Index]:
        """The full name and index of an element at the part that computed it, without its line."""
        part, name, index = self._maker(part, name, index)
        return (name if part is None else part.full(name)), index

    def _maker(self, part: Part | None, name: str, index: Index) -> tuple[Part | None, str, Index]:
        while part is not None and not part.window.made(name, index):
            origin = self.links.origin(part, name, index)
            if origin is None:
                break
            part, name, index = origin
        return part, name, index

    def _made(self, part: Part, full: str, index: Index, value: Any, made: Sequence[Made]) -> Line:
        terms = [self._terms_of(part, by, frame).element(i) for by, frame, i in made]
        term = terms[0] if len(terms) == 1 else _sum(terms)
        formula = _formula([by for by, *_ in made])
        agrees = _agree(term, value, part.window[made[0][0].result])
        if agrees and not isinstance(term, Number):
            term = replace(term, value=value)
        return Line(full, index, value, formula, term, agrees)

    def number(self, part: Part, name: str, index: Index) -> Number:
        """An element as a number with its name."""
        return Number(name, index, part.window[name][index], part.full(name))

    def uses(self, name: Any, index: Any) -> tuple[Number, ...]:
        """The numbers that one number goes into directly."""
        line = self.line(name, index)
        part, local, _ = self.find(line.name)
        found = self.links.uses(part, local, line.index, lambda *place: self._is(line, *place))
        if part is not None:
            found += [
                place
                for place in self.links.sums(part, local, line.index)
                if self._is_a_sum_with(line, *place)
            ]
        return tuple(self.number(*place) for place in dict.fromkeys(found))

    def _is(self, line: Line, part: Part, name: str, index: Index) -> bool:
        """Whether what a part has under this name is the line's number, handed on."""
        return self.maker(part, name, index) == (line.name, line.index)

    def _is_a_sum_with(self, line: Line, part: Part, name: str, index: Index) -> bool:
        total = self.of(part, name, index)
        if total.name != part.full(name):
            return False
        parts = [self.line(number.array, number.index) for number in total.numbers]
        return (line.name, line.index) in [(each.name, each.index) for each in parts]

    def _terms_of(self, part: Part, formula: Formula, frame: Frame) -> Terms:
        if (frame, formula) not in self._terms:
            window = part.window

            def place(name: str, index: Index) -> tuple[str, Index]:
                if name in window:
                    return part.full(name), frame.outside(name, index)
                return "", index

            known = {name: frame.known(name) for name in formula.names}
            terms = Terms(formula, known, place)
            terms.expect_shape(np.shape(frame.known(formula.result)))
            self._terms[frame, formula] = terms
        return self._terms[frame, formula]


def _formula(made: list[Formula]) -> Formula:
    """What makes a number, be it several that add up."""
    first, *others = dict.fromkeys(made)
    plain = " + ".join(each.plain for each in (first, *others))
    return Formula(first.result, plain, "") if others else first


def _agree(term: Term, value: Any, array: Array) -> bool:
    """Whether they are the same number of the array, but for rounding."""
    made, kept = float(term.value), float(value)
    if made == kept or (made != made and kept != kept):
        return True
    if array.dtype.kind != "f" or not (np.isfinite(made) and np.isfinite(kept)):
        return False
    rounding = ROUNDING.get(np.asarray(value).dtype.name, 0.0)
    off = abs(made - kept)
    if off <= rounding * size_of(term):
        return True
    # What cancels in the pass may not cancel here: it is measured by its neighbours.
    largest = np.abs(array[np.isfinite(array)]).max(initial=0)
    return bool(off <= CANCELLED * np.finfo(array.dtype).eps * largest)


ROUNDING = {"float32": 1e-4, "float64": 1e-6}
"""Tolerance relative to the largest number in a line; estimators round some float64 to float32."""
CANCELLED = 100
"""Units in the last place of an array's largest number that may remain instead of zero."""


def _sum(terms: list[Term]) -> Many:
    """The sum of terms; of those that are sums, of their terms."""
    parts = [
        term if isinstance(term, Many) and term.kind == "sum" else _alone(term) for term in terms
    ]
    ends = np.cumsum([len(part.terms) for part in parts])

    def pick(i: int) -> Term:
        which = int(np.searchsorted(ends, i, side="right"))
        first = ends[which] - len(parts[which].terms)
        return parts[which].terms[i - int(first)]

    values = np.concatenate([part.values for part in parts])
    return Many("sum", LazyTerms(len(values), pick), values, together("sum", values))


def _alone(term: Term) -> Many:
    return Many("sum", [term], np.array([term.value]), term.value)


# --- names and indices ----------------------------------------------------------------------------

WITH_INDEX = re.compile(r"(.+)\[(\s*-?\d+\s*(?:,\s*-?\d+\s*)*),?\s*\]")


def split(name: Any, index: Any) -> tuple[Any, Any]:
    """A name and its index; the name may contain the index, as in "0.dense.Z[0, 3]"."""
    match = WITH_INDEX.fullmatch(name) if isinstance(name, str) and index is None else None
    if match:
        return match[1], tuple(int(i) for i in match[2].split(",") if i.strip())
    if index is None:
        return name, ()
    return name, index


def _checked(name: str, array: Array, index: Any) -> Index:
    """The index of an element, if the array has it."""
    index = index.tolist() if isinstance(index, np.ndarray) else index
    given = index if isinstance(index, tuple | list) else (index,)
    whole = all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in given)
    fits = whole and len(given) == array.ndim
    if not fits or not all(-n <= i < n for i, n in zip(given, array.shape, strict=True)):
        raise UnknownNameError(
            f"{name} has the shape {array.shape}, so an index is "
            f"{counted(array.ndim, 'whole number')} within it; got {index!r}"
        )
    return tuple(int(i) % n for i, n in zip(given, array.shape, strict=True))
