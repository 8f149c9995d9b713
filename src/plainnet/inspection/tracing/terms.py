"""One element of a formula's result, as the numbers and operations that it is computed from.

The plain form of a formula says how an array is computed from arrays. To see how one number is
computed from numbers, the element's index is pushed down the syntax tree: an operation asks its
operands for the elements that it reads, with axes of length 1 repeated as NumPy repeats them; a
product of matrices, `einsum`, `sum`, `mean`, `max` and `min` ask for all the elements that they run
over. Transposing, reshaping, indexing and concatenating move numbers without changing them: where a
number came from is found by moving an array of positions in the same way.

The whole operand of a sum or a product is computed once; its terms are created when they are
accessed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import FUNCTIONS, Formula
from plainnet.inspection.tracing.reading import (
    ELEMENTWISE,
    OF_MANY,
    Reading,
    repeated,
    subscripts_of,
)

Array = npt.NDArray[Any]
Index = tuple[int, ...]


# --- what a number is made of ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A number with a name, W[3, 0], or without one: a constant of the formula.

    `array` is the full name of the array that it is an element of, such as "0.dense.W"; "" for
    constants and settings.
    """

    name: str
    index: Index
    value: Any
    array: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """Two numbers and a sign between them, or one with a minus sign before it."""

    sign: str
    operands: tuple[Term, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Function:
    """A function of numbers: exp(z), maximum(a, b)."""

    name: str
    operands: tuple[Term, ...]
    value: Any


class LazyTerms(Sequence["Term"]):
    """Terms that are created when they are accessed."""

    def __init__(self, n: int, make: Callable[[int], Term]) -> None:
        self._n, self._make = n, make

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, i: int) -> Term: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[Term, ...]: ...
    def __getitem__(self, i: int | slice) -> Term | tuple[Term, ...]:
        chosen = range(self._n)[i]
        return self._made(chosen) if isinstance(chosen, int) else tuple(map(self._made, chosen))

    def __iter__(self) -> Iterator[Term]:
        return map(self._made, range(self._n))

    def _made(self, i: int) -> Term:
        with np.errstate(all="ignore"):
            return self._make(i)


@dataclass(frozen=True, slots=True, eq=False)
class Many:
    """A sum, mean, max or min of terms.

    `values` are the values of the terms; `left_out` counts the terms that a mask has set to 0.
    """

    kind: str
    terms: Sequence[Term]
    values: Array
    value: Any
    left_out: int = 0


Term = Number | Operation | Function | Many


def size_of(term: Term) -> float:
    """The largest finite number in it, relative to which rounding is measured."""
    own = abs(float(term.value or 0))
    own = own if own < np.inf else 0.0
    match term:
        case Number():
            return own
        case Many(values=values):
            sizes = np.abs(values.astype(float))
            return max(own, float(sizes[np.isfinite(sizes)].sum()))
    return max(own, *map(size_of, term.operands))


def together(kind: str, values: Array) -> Any:
    """The sum, mean, max or min of these."""
    return getattr(np, kind)(values) if values.size else values.dtype.type(0)


# --- from a formula -------------------------------------------------------------------------------

SIGNS: Mapping[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%",
    ast.FloorDiv: "//", ast.BitAnd: "&", ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow, "%": operator.mod, "//": operator.floordiv, "&": operator.and_,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def _here(name: str, index: Index) -> tuple[str, Index]:
    return "", index


class Terms(Reading):
    """The elements of a formula's result, as terms.

    Parameters
    ----------
    formula : Formula
    known : mapping of names to arrays and settings
    place : function of a name and an index, optional
        The full name of the array that this element belongs to, and its index there.
    """

    def __init__(
        self,
        formula: Formula,
        known: Mapping[str, Any],
        place: Callable[[str, Index], tuple[str, Index]] = _here,
    ) -> None:
        super().__init__(formula, known)
        self._place = place
        self._places: dict[ast.AST, tuple[Array, list[tuple[int, ast.expr]]]] = {}

    def element(self, index: Index) -> Term:
        """How the element at this index is computed."""
        with np.errstate(all="ignore"):
            return self._term(self.tree, index)

    # --- terms -----------------------------------------------------------------------------------

    def _term(self, node: ast.expr, index: Index) -> Term:
        match node:
            case ast.Name(id=name):
                value = self.known[name]
                if not isinstance(value, np.ndarray):
                    return Number(name, (), value)
                array, outside = self._place(name, index)
                return Number(name, outside, value[index], array)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(left, right, index)
            case (
                ast.BinOp(left=left, op=op, right=right)
                | ast.Compare(left=left, ops=[op], comparators=[right])
            ):
                sign = SIGNS[type(op)]
                a, b = self._operand(left, index), self._operand(right, index)
                return Operation(sign, (a, b), OPERATORS[sign](a.value, b.value))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                term = self._operand(operand, index)
                return Operation("-", (term,), -term.value)
            case ast.Subscript(value=base) if not self.is_setting(base):
                return self._moved(node, index)
            case ast.Attribute(attr="T"):
                return self._moved(node, index)
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in OF_MANY:
                return self._of_many(node, name, base, index)
            case ast.Call(func=ast.Attribute(attr="reshape") | ast.Name(id="concatenate")):
                return self._moved(node, index)
            case ast.Call(func=ast.Name(id="einsum"), args=[subscripts, *operands]):
                return self._einsum(subscripts, operands, index)
            case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
                chosen = self._operand(condition, index).value
                return self._operand(yes if chosen else no, index)
            case ast.Call(func=ast.Name(id=name), args=operands) if name in ELEMENTWISE:
                terms = tuple(self._operand(each, index) for each in operands)
                (value,) = FUNCTIONS[name](*(np.atleast_1d(term.value) for term in terms))
                return Function(name, terms, value)
        value = self.value(node)  # of shapes, settings and positions
        return Number("", (), value[index] if np.ndim(value) else value)

    def _operand(self, node: ast.expr, index: Index) -> Term:
        """The term of an operand's element that is repeated to the result's index."""
        return self._term(node, repeated(index, self.shape(node)))

    # --- moved numbers ---------------------------------------------------------------------------

    def _moved(self, node: ast.expr, index: Index) -> Term:
        """The element of the operand that stands at this index after being moved."""
        if node not in self._places:
            bases: list[tuple[int, ast.expr]] = []
            self._places[node] = self._ids(node, bases), bases
        ids, bases = self._places[node]
        place = int(ids[index])
        first, base = next((first, base) for first, base in reversed(bases) if first <= place)
        found = tuple(map(int, np.unravel_index(place - first, shape := self.shape(base))))
        return self._term(base, found if shape else ())

    def _ids(self, node: ast.expr, bases: list[tuple[int, ast.expr]]) -> Any:
        """A number for each place in the bases, moved as the node moves their elements."""
        match node:
            case ast.Subscript(value=base, slice=places):
                return self._ids(base, bases)[self.value(places)]
            case ast.Attribute(value=base, attr="T"):
                return self._ids(base, bases).T
            case ast.Call(func=ast.Attribute(value=base, attr="reshape"), args=sizes):
                return self._ids(base, bases).reshape(*self.arguments(sizes))
            case ast.Call(func=ast.Name(id="concatenate"), args=[ast.List(elts=parts), *axis]):
                axes = [self.value(each) for each in (*axis, *(w.value for w in node.keywords))]
                return np.concatenate([self._ids(part, bases) for part in parts], *axes)
        shape = self.shape(node)
        first = bases[-1][0] + prod(self.shape(bases[-1][1])) if bases else 0
        bases.append((first, node))
        return np.arange(first, first + prod(shape)).reshape(shape)

    # --- terms of many ---------------------------------------------------------------------------

    def _of_many(self, node: ast.Call, kind: str, base: ast.expr, index: Index) -> Many:
        run_over, keeps = self.axes(node, base)
        kept = [a for a in range(len(self.shape(base))) if a not in run_over]
        own = tuple(index[a] for a in kept) if keeps else index
        fixed = dict(zip(kept, own, strict=True))
        every = tuple(fixed.get(a, slice(None)) for a in range(len(self.shape(base))))
        found = np.asarray(self.value(base)[every])

        def term(k: int) -> Term:
            run = map(int, np.unravel_index(k, found.shape))
            at = fixed | dict(zip(run_over, run, strict=True))
            return self._term(base, tuple(at[a] for a in range(len(at))))

        values = found.ravel()
        return Many(kind, LazyTerms(values.size, term), values, together(kind, values))

    def _product(self, left: ast.expr, right: ast.expr, index: Index) -> Many:
        a, b = self.shape(left), self.shape(right)
        column = index[-1:] if len(b) > 1 else ()
        row = index[: len(index) - len(column)][-1:] if len(a) > 1 else ()
        batch = index[: len(index) - len(row) - len(column)]
        before_row, before_column = repeated(batch, a[:-2]), repeated(batch, b[:-2])

        def term(k: int) -> Term:
            return self._times(
                [(left, (*before_row, *row, k)), (right, (*before_column, k, *column))]
            )

        one = self.value(left)[(*before_row, *row)]
        other = self.value(right)[(*before_column, slice(None), *column)]
        values = one * other
        return Many("sum", LazyTerms(values.size, term), values, together("sum", values))

    def _einsum(self, subscripts: ast.expr, operands: list[ast.expr], index: Index) -> Term:
        letters, output = subscripts_of(subscripts)
        sizes = self.sizes(letters, operands)
        fixed = dict(zip(output, index, strict=True))
        runs = _Runs([letter for letter in sizes if letter not in fixed])
        factors: list[tuple[str, ast.expr]] = []
        for names, operand in zip(letters, operands, strict=True):
            part = self.value(operand)
            if part.dtype == bool:  # what a mask hides is no term
                runs.keep([n for n in names if n not in fixed], _slice(part, names, fixed))
            else:
                factors.append((names, operand))
        runs.over_all({letter: n for letter, n in sizes.items() if letter not in fixed})
        values: Any = 1
        for names, operand in factors:
            values = (
                values * self.value(operand)[tuple(fixed.get(n, runs.at.get(n)) for n in names)]
            )
        values = np.broadcast_to(values, (runs.n,))

        def term(k: int) -> Term:
            at = fixed | {letter: int(place[k]) for letter, place in runs.at.items()}
            return self._times([(o, tuple(at[n] for n in names)) for names, o in factors])

        if not runs.letters and runs.n == 1:
            return term(0)
        every = prod(sizes[letter] for letter in runs.letters)
        return Many("sum", LazyTerms(runs.n, term), values, together("sum", values), every - runs.n)

    def _times(self, places: list[tuple[ast.expr, Index]]) -> Term:
        """The product of these elements."""
        (node, index), *others = places
        term = self._term(node, index)
        for other, at in others:
            factor = self._term(other, at)
            term = Operation("*", (term, factor), term.value * factor.value)
        return term


class _Runs:
    """What the letters of a sum run over: `n` places, for each letter an array of them."""

    def __init__(self, letters: list[str]) -> None:
        self.letters, self.n = letters, 1
        self.at: dict[str, Array] = {}

    def keep(self, letters: list[str], mask: Array) -> None:
        """Go over the places of a mask only; `letters` are those of its axes."""
        new = np.argwhere(mask)
        old = self.n
        self.at = {letter: np.repeat(at, len(new)) for letter, at in self.at.items()}
        wanted = np.ones(old * len(new), bool)
        for axis, letter in enumerate(letters):
            column = np.tile(new[:, axis], old)
            if letter in self.at:
                wanted &= self.at[letter] == column
            self.at[letter] = column
        self.at = {letter: at[wanted] for letter, at in self.at.items()}
        self.n = int(np.count_nonzero(wanted))

    def over_all(self, sizes: dict[str, int]) -> None:
        """Go over all of the letters without a mask; then bring the places into order."""
        for letter, size in sizes.items():
            if letter not in self.at:
                self.keep([letter], np.ones(size, bool))
        if self.letters:
            order = np.lexsort([self.at[letter] for letter in reversed(self.letters)])
            self.at = {letter: at[order] for letter, at in self.at.items()}


def _slice(array: Array, names: str, fixed: Mapping[str, int]) -> Array:
    return np.asarray(array[tuple(fixed.get(letter, slice(None)) for letter in names)])
