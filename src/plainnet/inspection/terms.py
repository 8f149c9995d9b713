"""One element of a formula's result, as the numbers and operations that it is made of.

The plain form of a formula says how arrays make an array. To see how numbers make one number, the
element's index is pushed down through the syntax tree: an operation asks its operands for the
elements that it reads, with axes of length 1 repeated as NumPy repeats them; a product of matrices,
`einsum`, `sum`, `mean`, `max` and `min` ask for all the elements that they run over. Transposing,
reshaping, indexing and concatenating move numbers and change none: where a number came from is
found by moving an array of places in the same way.

Nothing is computed as a whole that the one element does not need, and the terms of a sum are made
when they are looked at.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as computed_once
from math import prod
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import FUNCTIONS, Formula

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
    """Terms that are made when they are looked at."""

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
        return self._make(chosen) if isinstance(chosen, int) else tuple(map(self._make, chosen))

    def __iter__(self) -> Iterator[Term]:
        return map(self._make, range(self._n))


@dataclass(frozen=True, slots=True)
class Many:
    """A sum, mean, max or min of terms.

    `values` are those of the terms; `left_out` counts the terms that a mask has set to 0.
    """

    kind: str
    terms: Sequence[Term]
    values: Array
    value: Any
    left_out: int = 0


Term = Number | Operation | Function | Many


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
OF_MANY = ("sum", "mean", "max", "min")
ELEMENTWISE = frozenset(FUNCTIONS) - {
    "arange", "concatenate", "einsum", "inf", "len", "pi", "where", "zeros_like",
}  # fmt: skip


def _here(name: str, index: Index) -> tuple[str, Index]:
    return "", index


class Terms:
    """The elements of a formula's result, as terms.

    Parameters
    ----------
    formula : Formula
    known : mapping of names to arrays and settings
    result : array, optional
        What a pass has computed by the formula; else its elements are computed from their terms.
    place : function of a name and an index, optional
        The full name of the array that this element belongs to, and its index there.
    """

    def __init__(
        self,
        formula: Formula,
        known: Mapping[str, Any],
        result: Array | None = None,
        place: Callable[[str, Index], tuple[str, Index]] = _here,
    ) -> None:
        self.formula = formula
        self._known = {**FUNCTIONS, **known}
        self._result, self._place = result, place
        self._tree = _parsed(formula.plain)
        self._values: dict[ast.AST, Any] = {}
        self._shapes: dict[ast.AST, Index] = {}
        self._places: dict[ast.AST, tuple[Array, list[tuple[int, ast.expr]]]] = {}

    @property
    def shape(self) -> Index:
        """Of the result."""
        return self._shape(self._tree)

    def element(self, index: Index) -> Term:
        """How the element at this index is made."""
        with np.errstate(all="ignore"):
            term = self._term(self._tree, index)
        if self._result is None or isinstance(term, Number):
            return term
        return replace(term, value=self._result[index])

    def _is_setting(self, node: ast.expr) -> bool:
        """Whether it is a shape, or a setting that is a tuple: indexing them moves no numbers."""
        match node:
            case ast.Name(id=name):
                return not isinstance(self._known[name], np.ndarray)
            case ast.Attribute(attr=name):
                return name != "T"
        return False

    # --- values and shapes -----------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Any:
        if node not in self._values:
            with np.errstate(all="ignore"):
                self._values[node] = eval(_code(node), self._known)
        return self._values[node]

    def _shape(self, node: ast.expr) -> Index:
        if node not in self._shapes:
            self._shapes[node] = self._found_shape(node)
        return self._shapes[node]

    def _found_shape(self, node: ast.expr) -> Index:
        """The shape of a node's value; where it takes no more than a rule, without the value."""
        match node:
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                a, b = self._shape(left), self._shape(right)
                if len(a) > 1 and len(b) > 1:
                    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
                return (*a[:-1], *b[:-2], *b[len(b) - (len(b) > 1) :])
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                return np.broadcast_shapes(self._shape(left), self._shape(right))
            case ast.UnaryOp(operand=operand):
                return self._shape(operand)
            case ast.Attribute(value=base, attr="T"):
                return self._shape(base)[::-1]
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in OF_MANY:
                shape, (run_over, keeps) = self._shape(base), self._axes(node, base)
                if keeps:
                    return tuple(1 if a in run_over else n for a, n in enumerate(shape))
                return tuple(n for a, n in enumerate(shape) if a not in run_over)
            case ast.Call(func=ast.Name(id="einsum"), args=[subscripts, *operands]):
                letters, output = _subscripts(subscripts)
                sizes = self._sizes(letters, operands)
                return tuple(sizes[letter] for letter in output)
            case ast.Call(func=ast.Name(id=name), args=operands) if (
                name in ELEMENTWISE or name == "where"
            ):
                return np.broadcast_shapes(*map(self._shape, operands))
        return np.shape(self._value(node))

    def _axes(self, node: ast.Call, base: ast.expr) -> tuple[list[int], bool]:
        """Over which axes a sum, mean, max or min runs, and whether they are kept."""
        ndim = len(self._shape(base))
        words = {word.arg: self._value(word.value) for word in node.keywords}
        axis = self._value(node.args[0]) if node.args else words.get("axis")
        axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return sorted(a % ndim for a in axes), bool(words.get("keepdims"))

    def _sizes(self, letters: Sequence[str], operands: list[ast.expr]) -> dict[str, int]:
        return {
            letter: n
            for names, operand in zip(letters, operands, strict=True)
            for letter, n in zip(names, self._shape(operand), strict=True)
        }

    def _at(self, node: ast.expr, index: Index) -> Any:
        """The element of a node's value, or the value itself if it is a single number."""
        value = self._value(node)
        return value[index] if isinstance(value, np.ndarray) and value.ndim else value

    # --- terms -----------------------------------------------------------------------------------

    def _term(self, node: ast.expr, index: Index) -> Term:
        match node:
            case ast.Name(id=name):
                value = self._known[name]
                if not np.ndim(value):
                    return Number(name, (), value[()] if isinstance(value, np.ndarray) else value)
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
            case ast.Subscript(value=base) if not self._is_setting(base):
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
        return Number("", (), self._at(node, index))  # of shapes, settings and positions

    def _operand(self, node: ast.expr, index: Index) -> Term:
        """The term of an operand's element that is repeated to the result's index."""
        return self._term(node, _repeated(index, self._shape(node)))

    # --- moved numbers ---------------------------------------------------------------------------

    def _moved(self, node: ast.expr, index: Index) -> Term:
        """The element of the operand that stands at this index after being moved."""
        if node not in self._places:
            bases: list[tuple[int, ast.expr]] = []
            self._places[node] = self._ids(node, bases), bases
        ids, bases = self._places[node]
        place = int(ids[index])
        first, base = next((first, base) for first, base in reversed(bases) if first <= place)
        found = tuple(map(int, np.unravel_index(place - first, shape := self._shape(base))))
        return self._term(base, found if shape else ())

    def _ids(self, node: ast.expr, bases: list[tuple[int, ast.expr]]) -> Any:
        """A number for each place in the bases, moved as the node moves their elements."""
        match node:
            case ast.Subscript(value=base, slice=places):
                return self._ids(base, bases)[self._value(places)]
            case ast.Attribute(value=base, attr="T"):
                return self._ids(base, bases).T
            case ast.Call(func=ast.Attribute(value=base, attr="reshape"), args=sizes):
                return self._ids(base, bases).reshape(*self._arguments(sizes))
            case ast.Call(func=ast.Name(id="concatenate"), args=[ast.List(elts=parts), *axis]):
                axes = [self._value(each) for each in (*axis, *(w.value for w in node.keywords))]
                return np.concatenate([self._ids(part, bases) for part in parts], *axes)
        shape = self._shape(node)
        first = bases[-1][0] + prod(self._shape(bases[-1][1])) if bases else 0
        bases.append((first, node))
        return np.arange(first, first + prod(shape)).reshape(shape)

    def _arguments(self, nodes: list[ast.expr]) -> tuple[Any, ...]:
        arguments: tuple[Any, ...] = eval(_code(ast.Tuple(nodes, ast.Load())), self._known)
        return arguments

    # --- terms of many ---------------------------------------------------------------------------

    def _of_many(self, node: ast.Call, kind: str, base: ast.expr, index: Index) -> Many:
        run_over, keeps = self._axes(node, base)
        kept = [a for a in range(len(self._shape(base))) if a not in run_over]
        own = tuple(index[a] for a in kept) if keeps else index
        fixed = dict(zip(kept, own, strict=True))
        every = tuple(fixed.get(a, slice(None)) for a in range(len(self._shape(base))))
        found = np.asarray(self._value(base)[every])

        def term(k: int) -> Term:
            run = map(int, np.unravel_index(k, found.shape))
            at = fixed | dict(zip(run_over, run, strict=True))
            return self._term(base, tuple(at[a] for a in range(len(at))))

        values = found.ravel()
        return Many(kind, LazyTerms(values.size, term), values, together(kind, values))

    def _product(self, left: ast.expr, right: ast.expr, index: Index) -> Many:
        a, b = self._shape(left), self._shape(right)
        column = index[-1:] if len(b) > 1 else ()
        row = index[: len(index) - len(column)][-1:] if len(a) > 1 else ()
        batch = index[: len(index) - len(row) - len(column)]
        before_row, before_column = _repeated(batch, a[:-2]), _repeated(batch, b[:-2])

        def term(k: int) -> Term:
            return self._times(
                [(left, (*before_row, *row, k)), (right, (*before_column, k, *column))]
            )

        one = self._value(left)[(*before_row, *row)]
        other = self._value(right)[(*before_column, slice(None), *column)]
        values = one * other
        return Many("sum", LazyTerms(values.size, term), values, together("sum", values))

    def _einsum(self, subscripts: ast.expr, operands: list[ast.expr], index: Index) -> Term:
        letters, output = _subscripts(subscripts)
        sizes = self._sizes(letters, operands)
        fixed = dict(zip(output, index, strict=True))
        free = [letter for letter in sizes if letter not in fixed]
        wanted = np.ones([sizes[letter] for letter in free], bool)
        products: Any = 1
        factors = []
        for names, operand in zip(letters, operands, strict=True):
            part = np.asarray(self._value(operand)[tuple(fixed.get(n, slice(None)) for n in names)])
            own = [letter for letter in names if letter not in fixed]
            order = [own.index(letter) for letter in free if letter in own]
            spread = part.transpose(order).reshape([sizes[n] if n in own else 1 for n in free])
            if part.dtype == bool:  # what a mask hides is no term
                wanted &= spread
            else:
                products = products * spread
                factors.append((names, operand))
        runs = np.argwhere(wanted)
        values = np.broadcast_to(products, wanted.shape)[wanted]

        def term(k: int) -> Term:
            at = fixed | dict(zip(free, map(int, runs[k]), strict=True))
            return self._times([(o, tuple(at[n] for n in names)) for names, o in factors])

        if not free and len(runs) == 1:
            return term(0)
        total = together("sum", values)
        return Many("sum", LazyTerms(len(runs), term), values, total, wanted.size - len(runs))

    def _times(self, places: list[tuple[ast.expr, Index]]) -> Term:
        """The product of these elements."""
        (node, index), *others = places
        term = self._term(node, index)
        for other, at in others:
            factor = self._term(other, at)
            term = Operation("*", (term, factor), term.value * factor.value)
        return term


def _repeated(index: Index, shape: Index) -> Index:
    """The index of the element that is repeated, where an array of this shape is spread."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


def _subscripts(node: ast.expr) -> tuple[list[str], str]:
    """The letters of each operand's axes, and those of the result's."""
    inputs, output = ast.literal_eval(node).split("->")
    return inputs.split(","), output


@computed_once
def _parsed(plain: str) -> ast.expr:
    return ast.parse(plain, mode="eval").body


@computed_once
def _code(node: ast.expr) -> Any:
    return compile(ast.fix_missing_locations(ast.Expression(node)), "<formula>", "eval")
