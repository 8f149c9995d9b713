"""A formula together with the values and shapes of its parts.

Nothing is computed before it is asked for, and shapes are derived without values if possible.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache as computed_once
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_tuple

from plainnet.engine.formulas import FUNCTIONS, Formula, expect_grammatical

Array = npt.NDArray[Any]
Index = tuple[int, ...]

OF_MANY = ("sum", "mean", "max", "min")
ELEMENTWISE = frozenset(FUNCTIONS) - {
    "arange", "concatenate", "einsum", "inf", "len", "pi", "where", "zeros_like",
}  # fmt: skip


class Reading:
    """A formula's syntax tree, with values and shapes for its nodes.

    Parameters
    ----------
    formula : Formula
    known : mapping of names to arrays and settings
    """

    def __init__(self, formula: Formula, known: Mapping[str, Any]) -> None:
        self.known = {**FUNCTIONS, **known}
        self.tree = _parsed(formula.plain)
        self._values: dict[ast.AST, Any] = {}
        self._shapes: dict[ast.AST, Index] = {}

    def is_setting(self, node: ast.expr) -> bool:
        """Whether it is a shape or a tuple setting, so that indexing it moves no numbers."""
        match node:
            case ast.Name(id=name):
                return not isinstance(self.known[name], np.ndarray)
            case ast.Attribute(attr=name):
                return name != "T"
        return False

    def value(self, node: ast.expr) -> Any:
        """The value of a node."""
        if node not in self._values:
            with np.errstate(all="ignore"):
                self._values[node] = eval(_code(node), self.known)
        return self._values[node]

    def shape(self, node: ast.expr) -> Index:
        """The shape of its value."""
        if node not in self._shapes:
            self._shapes[node] = self._find_shape(node)
        return self._shapes[node]

    def expect_shape(self, kept: Index) -> None:
        """Refuse a formula whose result does not have the shape that the pass recorded."""
        made = self.shape(self.tree)
        is_spread = isinstance(self.tree, ast.Name | ast.Constant)  # over the rows, such as H = h0
        if made != (kept[len(kept) - len(made) :] if is_spread else kept):
            raise ValueError(f"it makes the shape {made}, and the pass has {kept}")

    def _find_shape(self, node: ast.expr) -> Index:
        """The shape of a node's value; where it takes no more than a rule, without the value."""
        match node:
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                a, b = self.shape(left), self.shape(right)
                if a[-1] != b[-2:][0]:
                    raise ValueError(f"the shapes {a} and {b} cannot be multiplied")
                if len(a) > 1 and len(b) > 1:
                    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
                return (*a[:-1], *b[:-2], *b[len(b) - (len(b) > 1) :])
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                return np.broadcast_shapes(self.shape(left), self.shape(right))
            case ast.UnaryOp(operand=operand):
                return self.shape(operand)
            case ast.Attribute(value=base, attr="T"):
                return self.shape(base)[::-1]
            case ast.Subscript(value=base, slice=places) if not self.is_setting(base):
                return np.shape(self._nothing(base)[self.value(places)])
            case ast.Call(func=ast.Attribute(value=base, attr="reshape"), args=sizes):
                return np.shape(self._nothing(base).reshape(*self.arguments(sizes)))
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in OF_MANY:
                shape, (run_over, keeps) = self.shape(base), self.axes(node, base)
                if keeps:
                    return tuple(1 if a in run_over else n for a, n in enumerate(shape))
                return tuple(n for a, n in enumerate(shape) if a not in run_over)
            case ast.Call(func=ast.Name(id="einsum"), args=[subscripts, *operands]):
                letters, output = subscripts_of(subscripts)
                lengths = self.sizes(letters, operands)
                return tuple(lengths[letter] for letter in output)
            case ast.Call(func=ast.Name(id=name), args=operands) if (
                name in ELEMENTWISE or name == "where"
            ):
                return np.broadcast_shapes(*map(self.shape, operands))
        return np.shape(self.value(node))

    def _nothing(self, node: ast.expr) -> Array:
        """An array of the shape of a node's value, which takes no memory."""
        return np.broadcast_to(np.False_, self.shape(node))

    def axes(self, node: ast.Call, base: ast.expr) -> tuple[list[int], bool]:
        """The axes that a sum, mean, max or min runs over, and whether they are kept."""
        ndim = len(self.shape(base))
        words = {word.arg: self.value(word.value) for word in node.keywords}
        axis = self.value(node.args[0]) if node.args else words.get("axis")
        axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
        return sorted(axes), bool(words.get("keepdims"))

    def sizes(self, letters: Sequence[str], operands: list[ast.expr]) -> dict[str, int]:
        """The length of the axis for each letter of an einsum."""
        return {
            letter: n
            for names, operand in zip(letters, operands, strict=True)
            for letter, n in zip(names, self.shape(operand), strict=True)
        }

    def arguments(self, nodes: list[ast.expr]) -> list[Any]:
        """The values of a call's arguments, of which some may be starred."""
        values: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values += self.value(node.value)
            else:
                values.append(self.value(node))
        return values


def repeated(index: Index, shape: Index) -> Index:
    """The index of the repeated element if an array of this shape is broadcast."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


def subscripts_of(node: ast.expr) -> tuple[list[str], str]:
    """The letters of each operand's axes, and those of the result's."""
    inputs, output = ast.literal_eval(node).split("->")
    return inputs.split(","), output


@computed_once
def _parsed(plain: str) -> ast.expr:
    expect_grammatical(plain)
    return ast.parse(plain, mode="eval").body


@computed_once
def _code(node: ast.expr) -> Any:
    return compile(ast.fix_missing_locations(ast.Expression(node)), "<formula>", "eval")
