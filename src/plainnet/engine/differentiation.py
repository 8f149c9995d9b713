"""Reverse mode: the gradients of what formulas compute, from the formulas alone.

The syntax tree of each formula becomes a tape, one step after the other, each an operation on the
values of earlier steps. Forward goes along the tape and keeps every value; backward goes along it
from the end, and each operation hands the gradient of its value on to its operands; `operations`
has each value directly beside its derivatives.

What no gradient flows through is not taken apart: shapes, indices, comparisons, settings and all
that is computed from them alone are Python expressions, evaluated as they stand.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as computed_once
from types import CodeType
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import FUNCTIONS, Formula
from plainnet.engine.operations import (
    FLAT,
    INDEXED,
    METHODS,
    NEGATIVE,
    OPERATIONS,
    PLAINLY_CALLED,
    SIGNS,
    TRANSPOSED,
    Gradient,
    Operation,
    summed_to_shape,
)

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A step through which no gradient flows: an expression, evaluated as it stands."""

    code: CodeType


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on values of earlier steps."""

    value: Callable[..., Any]
    operands: tuple[int, ...]
    settings: CodeType | None
    gradients: tuple[tuple[int, Gradient], ...]
    """For each operand that a gradient flows to: the step whose value it is, and the gradient."""


@dataclass(frozen=True, slots=True)
class Line:
    """A formula: its steps, and the place of its result among the values."""

    steps: tuple[Step | Evaluation, ...]
    result: str
    place: int


@dataclass(frozen=True, slots=True)
class Forward:
    """What a way along the tape leaves for the way back."""

    values: list[Any]
    settings: list[Any]
    named: dict[str, Any]
    """The formulas' results by their names, with all that was known."""


class Tape:
    """Formulas, taken apart once for gradients with respect to the wanted names.

    >>> tape = Tape([Formula("R", "maximum(Z, 0)", ""), Formula("A", "g * R**2", "")], ["Z", "g"])
    >>> forward = tape.forward({"Z": np.array([-1.0, 2.0, 3.0]), "g": np.array(0.5)})
    >>> forward.named["A"]
    array([0. , 2. , 4.5])
    >>> tape.backward(forward, "A", np.ones(3))
    {'Z': array([0., 2., 3.]), 'g': array(13.)}
    """

    def __init__(self, formulas: Iterable[Formula], wanted: Iterable[str]) -> None:
        self.wanted = tuple(wanted)
        self.lines: list[Line] = []
        self._steps: list[Step | Evaluation] = []  # of the formula that is being taken apart
        self._count = len(self.wanted)
        self._carrying = {name: i for i, name in enumerate(self.wanted)}
        for formula in formulas:
            tree = ast.parse(formula.plain, mode="eval").body
            place, carries = self._place_of(tree), self._carries(tree)
            self.lines.append(Line(tuple(self._steps), formula.result, place))
            self._steps.clear()
            self._carrying.pop(formula.result, None)
            if carries:
                self._carrying[formula.result] = place

    # --- along it, and back ----------------------------------------------------------------------

    def forward(self, known: Mapping[str, Any]) -> Forward:
        """The values of all steps, in the dtype of the wanted arrays.

        A number of NumPy's, or an integer array, would make float64 of float32.
        """
        values: list[Any] = [known[name] for name in self.wanted]
        settings: list[Any] = [NO_SETTINGS] * len(values)
        dtype = np.result_type(*(value.dtype for value in values)) if values else None
        named = {**FUNCTIONS, **TAKEN, **known}
        with np.errstate(all="ignore"):
            for line in self.lines:
                for step in line.steps:
                    given = NO_SETTINGS
                    if isinstance(step, Evaluation):
                        value = eval(step.code, named)
                    else:
                        if step.settings is not None:
                            given = eval(step.settings, named)
                        operands = [values[place] for place in step.operands]
                        value = step.value(*operands, *given[0], **given[1])
                    values.append(_in_dtype(value, dtype))
                    settings.append(given)
                named[line.result] = values[line.place]
        return Forward(values, settings, named)

    def backward(self, forward: Forward, result: str, upstream: Array) -> dict[str, Array]:
        """The gradient of sum(upstream * result) with respect to each wanted name."""
        values, settings = forward.values, forward.settings
        gradients: list[Any] = [None] * len(values)
        if result in self._carrying:
            gradients[self._carrying[result]] = upstream
        at = len(values)
        with np.errstate(all="ignore"):
            for line in reversed(self.lines):
                for step in reversed(line.steps):
                    at -= 1
                    dY = gradients[at]
                    if dY is None or isinstance(step, Evaluation):
                        continue
                    operands = [values[place] for place in step.operands]
                    arguments, keywords = settings[at]
                    for place, gradient in step.gradients:
                        share = gradient(dY, values[at], *operands, *arguments, **keywords)
                        share = summed_to_shape(share, values[place].shape)
                        share = _in_dtype(share, values[place].dtype)
                        before = gradients[place]
                        gradients[place] = share if before is None else before + share
        return {
            name: np.zeros_like(value) if gradient is None else np.asarray(gradient)
            for name, value, gradient in zip(self.wanted, values, gradients, strict=False)
        }

    # --- from the syntax tree --------------------------------------------------------------------

    def _place_of(self, tree: ast.expr) -> int:
        """Where the value of an expression is; the steps that make it go onto the tape."""
        if not self._carries(tree):
            return self._append(Evaluation(_compiled(tree)))
        match tree:
            case ast.Name(id=name):
                return self._carrying[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._step(NEGATIVE, [operand])
            case ast.BinOp(left=left, op=sign, right=right):
                return self._step(SIGNS[type(sign)], [left, right])
            case ast.Attribute(value=value, attr="T"):
                return self._step(TRANSPOSED, [value])
            case ast.Subscript(value=value, slice=index):
                taken = ast.Subscript(ast.Name("<index>", ast.Load()), index, ast.Load())
                return self._step(INDEXED, [value], [taken])
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in METHODS:
                return self._step(METHODS[method], [value], tree.args, tree.keywords)
            case ast.Call(func=ast.Name(id="einsum"), args=[ast.Constant() as spec, *operands]):
                return self._step(OPERATIONS["einsum"], operands, [spec])
            case ast.Call(
                func=ast.Name(id="concatenate"), args=[ast.List(parts) | ast.Tuple(parts), *axis]
            ):
                keywords = [*tree.keywords, *(ast.keyword("axis", each) for each in axis)]
                return self._step(OPERATIONS["concatenate"], parts, (), keywords)
            case ast.Call(func=ast.Name(id=name), args=operands) if name in PLAINLY_CALLED:
                return self._step(OPERATIONS[name], operands)
        raise ValueError(f"{ast.unparse(tree)} cannot be differentiated")

    def _step(
        self,
        operation: Operation,
        operands: Sequence[ast.expr],
        settings: Sequence[ast.expr] = (),
        keywords: Sequence[ast.keyword] = (),
    ) -> int:
        places = tuple(self._place_of(_as_array(operand)) for operand in operands)
        code = None
        if settings or keywords:
            taken = ast.Name("<settings>", ast.Load())
            code = _compiled(ast.Call(taken, list(settings), list(keywords)))
        gradients = [
            (place, operation.gradient(k))
            for k, (place, operand) in enumerate(zip(places, operands, strict=True))
            if self._carries(operand)
        ]
        return self._append(
            Step(operation.value, places, code, tuple((k, g) for k, g in gradients if g))
        )

    def _append(self, step: Step | Evaluation) -> int:
        self._steps.append(step)
        self._count += 1
        return self._count - 1

    def _carries(self, tree: ast.expr) -> bool:
        """Whether a gradient flows from the value of an expression to a wanted name."""
        carries = self._carries
        match tree:
            case ast.Name(id=name):
                return name in self._carrying
            case ast.UnaryOp(operand=operand):
                return carries(operand)
            case ast.BinOp(left=left, op=sign, right=right):
                return type(sign) in SIGNS and (carries(left) or carries(right))
            case ast.Subscript(value=value) | ast.Starred(value=value):
                return carries(value)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return any(carries(part) for part in parts)
            case ast.Attribute(value=value, attr=name):
                return name not in FLAT and carries(value)
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                return name not in FLAT and carries(value)
            case ast.Call(func=ast.Name(id=name), args=operands):
                return name not in FLAT and any(carries(operand) for operand in operands)
        return False


NO_SETTINGS: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
TAKEN: Mapping[str, Any] = {
    "<settings>": lambda *arguments, **keywords: (arguments, keywords),
    "<index>": np.s_,
    "<array>": np.asarray,
}
"""What makes values of an operation's settings, of an index with its slices, and of a list. No
formula can use these names."""


def _as_array(tree: ast.expr) -> ast.expr:
    """A list as an operand is an array."""
    if isinstance(tree, ast.List | ast.Tuple):
        return ast.Call(ast.Name("<array>", ast.Load()), [tree], [])
    return tree


def _compiled(tree: ast.expr) -> CodeType:
    expression = ast.fix_missing_locations(ast.Expression(tree))
    return compile(expression, f"<{ast.unparse(tree)}>", "eval")


def _in_dtype(value: Any, dtype: np.dtype[Any] | None) -> Any:
    """NumPy's floats in this dtype; Python's numbers go with any."""
    own = getattr(value, "dtype", None)
    if own is None or own == dtype or own.kind != "f" or dtype is None:
        return value
    return value.astype(dtype)


@computed_once
def tape_of(formulas: tuple[Formula, ...], wanted: tuple[str, ...]) -> Tape:
    """The tape of these formulas; the same one whenever it is asked for again."""
    return Tape(formulas, wanted)


def differentiate(
    formulas: Iterable[Formula],
    known: Mapping[str, Any],
    result: str,
    upstream: Array,
    wanted: Iterable[str],
) -> dict[str, Array]:
    """The gradient of sum(upstream * result) with respect to each wanted name.

    The formulas are evaluated in order, from what is known.
    """
    tape = Tape(formulas, wanted)
    return tape.backward(tape.forward(known), result, upstream)
