"""Which numbers are computed from a number."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.recorded_steps import WindowOfSteps
from plainnet.engine.recording import Frame
from plainnet.inspection.tracing.memory import Memory
from plainnet.inspection.tracing.parts import Part, naming
from plainnet.inspection.tracing.reading import ELEMENTWISE, OF_MANY, Reading
from plainnet.inspection.tracing.terms import Index

Array = npt.NDArray[Any]
Place = tuple[Part, str, Index]


class Reach(Reading):
    """Which elements of a formula's result depend directly on an element of one of its arrays.

    The element is marked in a boolean array that moves up the syntax tree: an operation marks the
    results of marked elements, and a sum marks results with a marked term.
    """

    _name: str
    _marked: Array

    def elements(self, name: str, index: Index) -> Array:
        """The indices of those elements, one per row."""
        own = copy(self)  # threads may ask at once
        own._name = name
        own._marked = np.zeros(self.known[name].shape, bool)
        own._marked[index] = True
        marks = own._marks(self.tree)
        return np.argwhere(np.zeros((), bool) if marks is None else marks)

    def _marks(self, node: ast.expr) -> Array | None:
        """The marked elements of a node's value; None where there are none."""
        match node:
            case ast.Name(id=name):
                return self._marked if name == self._name else None
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._of_product(node, left, right)
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                return self._of_any(node, [left, right])
            case ast.UnaryOp(operand=operand):
                return self._marks(operand)
            case ast.Subscript(value=base, slice=places) if not self.is_setting(base):
                return self._moved(base, lambda marks: marks[self.value(places)])
            case ast.Attribute(value=base, attr="T"):
                return self._moved(base, lambda marks: marks.T)
            case ast.Call(func=ast.Attribute(value=base, attr="reshape"), args=sizes):
                return self._moved(base, lambda marks: marks.reshape(*self.arguments(sizes)))
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in OF_MANY:
                axes, keeps = self.axes(node, base)
                return self._moved(base, lambda marks: marks.any(tuple(axes), keepdims=keeps))
            case ast.Call(func=ast.Name(id="concatenate"), args=[ast.List(elts=parts), *axis]):
                axis += [word.value for word in node.keywords]
                joined = [self._marks_or_none(part) for part in parts]
                return np.asarray(np.concatenate(joined, *map(self.value, axis)))
            case ast.Call(func=ast.Name(id="einsum"), args=[subscripts, *operands]):
                return self._of_einsum(ast.literal_eval(subscripts), operands)
            case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
                branches = self._marks_or_none(yes), self._marks_or_none(no)
                return np.where(self.value(condition), *branches)
            case ast.Call(func=ast.Name(id=name), args=operands) if name in ELEMENTWISE:
                return self._of_any(node, operands)
        return None

    def _marks_or_none(self, node: ast.expr) -> Array:
        """The marks, False everywhere where there are none."""
        marks = self._marks(node)
        return np.zeros(self.shape(node), bool) if marks is None else marks

    def _moved(self, base: ast.expr, move: Callable[[Array], Any]) -> Array | None:
        marks = self._marks(base)
        return None if marks is None else np.asarray(move(marks))

    def _of_any(self, node: ast.expr, operands: list[ast.expr]) -> Array | None:
        marked = [marks for each in operands if (marks := self._marks(each)) is not None]
        if not marked:
            return None
        whole: Array = np.zeros(self.shape(node), bool)
        for marks in marked:
            whole |= marks
        return whole

    def _of_product(self, node: ast.expr, left: ast.expr, right: ast.expr) -> Array | None:
        """What a row on the left or a column on the right with a mark makes."""
        a, b = self._marks(left), self._marks(right)
        whole: Array = np.zeros(self.shape(node), bool)
        if a is not None:
            rows = np.asarray(a.any(axis=-1))
            whole |= rows[..., None] if len(self.shape(right)) > 1 else rows
        if b is not None and b.ndim > 1:
            columns = np.asarray(b.any(axis=-2))
            whole |= columns[..., None, :] if len(self.shape(left)) > 1 else columns
        elif b is not None:
            whole |= b.any()
        return whole

    def _of_einsum(self, letters: str, operands: list[ast.expr]) -> Array | None:
        """What has a marked element in a product that no mask hides."""
        masks = [self._is_mask(each) for each in operands]
        whole: Array | None = None
        for i, marked in enumerate(operands):
            marks = None if masks[i] else self._marks(marked)
            if marks is None:
                continue
            factors = [
                marks if j == i else self.value(each) if masks[j] else self._ones(each)
                for j, each in enumerate(operands)
            ]
            reached = np.einsum(letters, *(np.asarray(each, np.int64) for each in factors)) > 0
            whole = reached if whole is None else whole | reached
        return whole

    def _is_mask(self, node: ast.expr) -> bool:
        return bool(np.asarray(self.value(node)).dtype == bool)

    def _ones(self, node: ast.expr) -> Array:
        return np.broadcast_to(np.int64(1), self.shape(node))


class Uses:
    """Which formulas of which parts read a number, and what they compute from it."""

    def __init__(self, parts: list[Part]) -> None:
        self._read = Memory([each for part in parts for each in part.given()])
        self._reach: dict[tuple[Frame, Formula], Reach] = {}

    def of(
        self,
        place: tuple[Array, Index] | None,
        known: list[Place],
        is_it: Callable[[Part, str, Index], bool],
    ) -> list[Place]:
        """The elements that are computed from a number, each once.

        Parameters
        ----------
        place : array and index, or None
            Where it lies in memory.
        known : list of part, name and index
            Elements known to be the same number although they lie elsewhere.
        is_it : function of a part, a name and an index
            Whether the element there is this number: layers that pass their input on share memory.
        """
        aliases = list(known)
        if place is not None:
            found = [
                (made.owner, made.name, made.owner.window.own_index(made.name, own))
                for made, own in self._read.at(*place)
            ]
            aliases += [each for each in found if each not in known and is_it(*each)]
        return list(dict.fromkeys(use for alias in aliases for use in self._made_of(*alias)))

    def _made_of(self, part: Part, name: str, index: Index) -> Iterator[Place]:
        window = part.window
        frames = [window.frame()]
        if isinstance(window, WindowOfSteps):
            steps = index[1:2] if window.has_steps(name) else window.steps
            frames = [window.frame(t) for t in steps]
            yield from ((part, *use) for use in window.passed_on_to(name, index))
        for formula in window.formulas:
            evaluable = formula.result in window and part.is_evaluable(formula.result)
            if name in formula.names and evaluable:
                for frame in frames:
                    with naming(part, formula):
                        inner = frame.inside(name, index)
                        places = self._reach_of(formula, frame).elements(name, inner)
                    for place in places:
                        result = frame.outside(formula.result, tuple(map(int, place)))
                        if any(by is formula for by, *_ in window.made(formula.result, result)):
                            yield part, formula.result, result

    def _reach_of(self, formula: Formula, frame: Frame) -> Reach:
        if (frame, formula) not in self._reach:
            known = {name: frame.known(name) for name in formula.names}
            reach = Reach(formula, known)
            reach.expect_shape(np.shape(frame.known(formula.result)))
            self._reach[frame, formula] = reach
        return self._reach[frame, formula]
