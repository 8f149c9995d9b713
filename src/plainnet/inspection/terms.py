"""One element of a formula's result, as the numbers and operations that it is made of.

The plain form of a formula says how arrays make an array. To see how numbers make one number, the
element's index is pushed down through the syntax tree: an operation asks its operands for the
elements that it reads, with axes of length 1 repeated as NumPy repeats them; a product of matrices,
`einsum`, `sum`, `mean`, `max` and `min` ask for all the elements that they run over. Transposing,
reshaping, indexing and concatenating move numbers and change none: where a number came from is
found by moving an array of places in the same way.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as computed_once
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import FUNCTIONS, Formula

Array = npt.NDArray[Any]
Index = tuple[int, ...]


# --- what a number is made of ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A number with a name, W[3, 0], or without one: a constant of the formula."""

    name: str
    index: Index
    value: Any


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


@dataclass(frozen=True, slots=True)
class Many:
    """A sum, mean, max or min of terms.

    `left_out` counts the terms that a mask has set to 0.
    """

    kind: str
    terms: tuple[Term, ...]
    value: Any
    left_out: int = 0


Term = Number | Operation | Function | Many


# --- from a formula -------------------------------------------------------------------------------

SIGNS: Mapping[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%",
    ast.FloorDiv: "//", ast.BitAnd: "&", ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=",
    ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
OF_MANY = ("sum", "mean", "max", "min")
MOVING = ("reshape",)
ELEMENTWISE = frozenset(FUNCTIONS) - {
    "arange", "concatenate", "einsum", "inf", "len", "pi", "where", "zeros_like",
}  # fmt: skip


class Line:
    """A formula with what its names stand for, from which elements of its result are taken.

    Parameters
    ----------
    formula : Formula
    known : mapping of names to arrays and settings
    """

    def __init__(self, formula: Formula, known: Mapping[str, Any]) -> None:
        self.formula = formula
        self._known = {**FUNCTIONS, **known}
        self._tree = _parsed(formula.plain)
        self._values: dict[ast.AST, Any] = {}
        self._places: dict[ast.AST, tuple[Array, list[tuple[int, ast.expr]]]] = {}

    @property
    def value(self) -> Any:
        """The whole result."""
        return self._value(self._tree)

    def element(self, index: Index) -> Term:
        """How the element at this index is made."""
        return self._term(self._tree, index)

    # --- values ----------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Any:
        if node not in self._values:
            with np.errstate(all="ignore"):
                self._values[node] = eval(_code(node), self._known)
        return self._values[node]

    def _at(self, node: ast.expr, index: Index) -> Any:
        """The element of a node's value, or the value itself if it is a single number."""
        value = self._value(node)
        return value[index] if isinstance(value, np.ndarray) and value.ndim else value

    # --- terms -----------------------------------------------------------------------------------

    def _term(self, node: ast.expr, index: Index) -> Term:
        match node:
            case ast.Name():
                index = index if np.ndim(self._value(node)) else ()
                return Number(node.id, index, self._at(node, index))
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(node, left, right, index)
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(SIGNS[type(op)], node, [left, right], index)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._operation(SIGNS[type(op)], node, [left, right], index)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._operation("-", node, [operand], index)
            case ast.Subscript() | ast.Attribute(attr="T"):
                return self._moved(node, index)
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in OF_MANY:
                return self._of_many(node, name, base, index)
            case ast.Call(func=ast.Attribute(attr=name)) if name in MOVING:
                return self._moved(node, index)
            case ast.Call(func=ast.Name(id="concatenate")):
                return self._moved(node, index)
            case ast.Call(func=ast.Name(id="einsum"), args=[subscripts, *operands]):
                return self._einsum(node, ast.literal_eval(subscripts), operands, index)
            case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
                chosen = self._at(condition, self._index_in(condition, index))
                branch = yes if chosen else no
                return self._term(branch, self._index_in(branch, index))
            case ast.Call(func=ast.Name(id=name), args=operands) if name in ELEMENTWISE:
                terms = tuple(self._term(each, self._index_in(each, index)) for each in operands)
                return Function(name, terms, self._at(node, index))
        return Number("", (), self._at(node, index))  # of shapes, settings and positions

    def _index_in(self, node: ast.expr, index: Index) -> Index:
        """The index of an operand's element that is repeated to the result's index."""
        shape = np.shape(self._value(node))
        own = index[len(index) - len(shape) :]
        return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))

    def _operation(
        self, sign: str, node: ast.expr, operands: list[ast.expr], index: Index
    ) -> Operation:
        terms = tuple(self._term(each, self._index_in(each, index)) for each in operands)
        return Operation(sign, terms, self._at(node, index))

    # --- moved numbers ---------------------------------------------------------------------------

    def _moved(self, node: ast.expr, index: Index) -> Term:
        """The element of the operand that stands at this index after being moved."""
        if not isinstance(self._value(node), np.ndarray):
            return Number("", (), self._at(node, index))  # an element of a shape
        if node not in self._places:
            bases: list[tuple[int, ast.expr]] = []
            self._places[node] = self._ids(node, bases), bases
        ids, bases = self._places[node]
        place = int(ids[index])
        first, base = next((first, base) for first, base in reversed(bases) if first <= place)
        shape = np.shape(self._value(base))
        found = tuple(map(int, np.unravel_index(place - first, shape))) if shape else ()
        return self._term(base, found)

    def _ids(self, node: ast.expr, bases: list[tuple[int, ast.expr]]) -> Array:
        """A number for each place in the bases, moved as the node moves their elements."""
        match node:
            case ast.Subscript(value=base, slice=places):
                ids: Array = self._ids(base, bases)[self._value(places)]
                return ids
            case ast.Attribute(value=base, attr="T"):
                return self._ids(base, bases).T
            case ast.Call(
                func=ast.Attribute(value=base, attr="reshape"),
            ):
                return self._ids(base, bases).reshape(np.shape(self._value(node)))
            case ast.Call(func=ast.Name(id="concatenate"), args=[ast.List(elts=parts), *axis]):
                axes = [self._value(each) for each in (*axis, *(w.value for w in node.keywords))]
                joined: Array = np.concatenate([self._ids(part, bases) for part in parts], *axes)
                return joined
        first = bases[-1][0] + np.size(self._value(bases[-1][1])) if bases else 0
        bases.append((first, node))
        shape = np.shape(self._value(node))
        return np.arange(first, first + np.size(self._value(node))).reshape(shape)

    # --- terms of many ---------------------------------------------------------------------------

    def _of_many(self, node: ast.Call, kind: str, base: ast.expr, index: Index) -> Many:
        shape = np.shape(self._value(base))
        words = {word.arg: self._value(word.value) for word in node.keywords}
        axis = self._value(node.args[0]) if node.args else words.get("axis")
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        run_over = sorted(a % len(shape) for a in axes)
        kept = [a for a in range(len(shape)) if a not in run_over]
        own = index if not words.get("keepdims") else tuple(index[a] for a in kept)
        terms = []
        for run in product(*(range(shape[a]) for a in run_over)):
            place = dict(zip(kept, own, strict=True)) | dict(zip(run_over, run, strict=True))
            terms.append(self._term(base, tuple(place[a] for a in range(len(shape)))))
        return Many(kind, tuple(terms), self._at(node, index))

    def _product(self, node: ast.expr, left: ast.expr, right: ast.expr, index: Index) -> Many:
        a, b = self._value(left), self._value(right)
        batch = index[: max(a.ndim, b.ndim) - 2] if a.ndim > 1 and b.ndim > 1 else index[:-1]
        terms: list[Term] = []
        for k in range(a.shape[-1]):
            row = (*index[: a.ndim - 1], k) if a.ndim > 1 else (k,)
            if b.ndim > 2:
                column = (*_repeated(batch, b.shape[:-2]), k, index[-1])
            elif b.ndim == 2:
                column = (k, index[-1])
            else:
                column = (k,)
            if a.ndim > 2 and b.ndim > 1:
                row = (*_repeated(batch, a.shape[:-2]), index[-2], k)
            terms.append(self._times([(left, row), (right, column)]))
        return Many("sum", tuple(terms), self._at(node, index))

    def _einsum(
        self, node: ast.expr, subscripts: str, operands: list[ast.expr], index: Index
    ) -> Term:
        inputs, output = subscripts.split("->")
        letters = inputs.split(",")
        sizes = {
            letter: n
            for names, operand in zip(letters, operands, strict=True)
            for letter, n in zip(names, np.shape(self._value(operand)), strict=True)
        }
        fixed = dict(zip(output, index, strict=True))
        free = [letter for letter in sizes if letter not in fixed]
        wanted = np.ones([sizes[letter] for letter in free], bool)
        for names, operand in zip(letters, operands, strict=True):
            mask = self._value(operand)
            if mask.dtype == bool:  # what it hides is no term
                seen = np.asarray(mask[tuple(fixed.get(letter, slice(None)) for letter in names)])
                order = [letter for letter in names if letter not in fixed]
                spread = [order.index(letter) if letter in order else None for letter in free]
                seen = seen.transpose([axis for axis in spread if axis is not None])
                wanted &= seen[tuple(None if axis is None else slice(None) for axis in spread)]
        factors = [
            (names, operand)
            for names, operand in zip(letters, operands, strict=True)
            if self._value(operand).dtype != bool
        ]
        terms = []
        for run in np.argwhere(wanted):
            at = fixed | dict(zip(free, map(int, run), strict=True))
            places = [
                (operand, tuple(at[letter] for letter in names)) for names, operand in factors
            ]
            terms.append(self._times(places))
        if not free and len(terms) == 1:
            return terms[0]
        return Many("sum", tuple(terms), self._at(node, index), wanted.size - len(terms))

    def _times(self, places: list[tuple[ast.expr, Index]]) -> Term:
        """The product of these elements."""
        (node, index), *others = places
        term = self._term(node, index)
        for other, at in others:
            factor = self._term(other, at)
            term = Operation("*", (term, factor), term.value * factor.value)
        return term


def _repeated(index: Index, shape: Index) -> Index:
    own = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


@computed_once
def _parsed(plain: str) -> ast.expr:
    return ast.parse(plain, mode="eval").body


@computed_once
def _code(node: ast.expr) -> Any:
    return compile(ast.fix_missing_locations(ast.Expression(node)), "<formula>", "eval")
