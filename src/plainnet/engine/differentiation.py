"""Reverse mode: the gradients of what formulas compute, from the formulas alone.

The syntax tree of each formula becomes a tape, one step after the other, each an operation on the
values of earlier steps. Forward goes along the tape and keeps every value; backward goes along it
from the end, and each operation hands the gradient of its value on to its operands. The operations
stand in three tables below, each value directly beside its derivatives.

What no gradient flows through is not taken apart: shapes, indices, comparisons, settings and all
that is computed from them alone are Python expressions, evaluated as they stand.

At a kink the derivative is one-sided, as the layers have it: `maximum` belongs to its second
operand where both are equal and `minimum` to its first, so that the slope of ReLU at 0 is 0; `max`
and `min` belong to the first of equal elements; `abs`, `sign` and `heaviside` have the slope 0
at 0. A smooth function that is written with kinks has theirs: `softplus(Z)` has the slope 1/2 at 0,
`log1p(exp(-abs(Z))) + maximum(Z, 0)` has 0.
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

from plainnet.engine.formulas import FUNCTIONS, Formula, Phi, phi, sigmoid, softplus

Array = npt.NDArray[Any]
Gradient = Callable[..., Array]


# --- operations, each with its derivatives --------------------------------------------------------


class Operation:
    """A value, and for each operand the gradient of the operand.

    `value(*operands)` is Y. A gradient is called with dY, Y and the operands, and broadcasts as the
    value did; None says that there is none. `of_each(k)` gives that of operand k where there may be
    any number of them. Settings, such as `axis`, come after the operands.
    """

    def __init__(
        self,
        value: Callable[..., Any],
        *gradients: Gradient | None,
        of_each: Callable[[int], Gradient] | None = None,
    ) -> None:
        self.value = value
        self.gradient = of_each or gradients.__getitem__


def _left_of_product(dY: Array, Y: Array, a: Array, b: Array) -> Array:
    dY, _, b = _as_matrices(dY, a, b)
    return dY @ b.swapaxes(-1, -2)


def _right_of_product(dY: Array, Y: Array, a: Array, b: Array) -> Array:
    dY, a, matrix = _as_matrices(dY, a, b)
    if matrix.ndim == 2:  # all axes of a but the last are rows: one product instead of many
        a, dY = a.reshape(-1, a.shape[-1]), dY.reshape(-1, dY.shape[-1])
    product = a.swapaxes(-1, -2) @ dY
    return product[..., 0] if b.ndim == 1 else product


def _as_matrices(dY: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """A vector on the left is a row and one on the right a column, as `@` takes them."""
    if b.ndim == 1:
        b, dY = b[:, None], dY[..., None]
    if a.ndim == 1:
        a, dY = a[None, :], dY[..., None, :]
    return dY, a, b


def _power(a: Any, b: Any) -> Any:
    """a**b, a whole power up to 8 by products: NumPy's is more than ten times slower above 2."""
    if not (isinstance(b, int) and 2 < b <= 8):
        return a**b
    half = _power(a, b // 2)
    return half * half * a if b % 2 else half * half


SIGNS: Mapping[type[ast.operator], Operation] = {
    ast.Add: Operation(
        lambda a, b: a + b,
        lambda dY, Y, a, b: dY,
        lambda dY, Y, a, b: dY,
    ),
    ast.Sub: Operation(
        lambda a, b: a - b,
        lambda dY, Y, a, b: dY,
        lambda dY, Y, a, b: -dY,
    ),
    ast.Mult: Operation(
        lambda a, b: a * b,
        lambda dY, Y, a, b: dY * b,
        lambda dY, Y, a, b: dY * a,
    ),
    ast.Div: Operation(
        lambda a, b: a / b,
        lambda dY, Y, a, b: dY / b,
        lambda dY, Y, a, b: -dY * Y / b,
    ),
    ast.Pow: Operation(
        lambda a, b: _power(a, b),
        lambda dY, Y, a, b: dY * (b * _power(a, b - (b != 0))),  # a**0 has the slope 0 at 0, too
        lambda dY, Y, a, b: dY * Y * np.log(np.where(a > 0, a, 1)),
    ),
    ast.Mod: Operation(
        lambda a, b: a % b,
        lambda dY, Y, a, b: dY,
        lambda dY, Y, a, b: -dY * (a // b),
    ),
    ast.MatMult: Operation(lambda a, b: a @ b, _left_of_product, _right_of_product),
}
"""Those that are not here, `//`, `&` and comparisons, have steps for values, and no gradient."""

NEGATIVE = Operation(lambda a: -a, lambda dY, Y, a: -dY)
TRANSPOSED = Operation(lambda a: a.T, lambda dY, Y, a: dY.T)


def _placed(dY: Array, Y: Array, A: Array, index: Any) -> Array:
    """dA, with each number of dY at the place that it was taken from."""
    dA = np.zeros_like(A)
    if all(part is None or isinstance(part, int | slice) or part is ... for part in _tuple(index)):
        dA[index] = dY
    else:
        np.add.at(dA, index, dY)  # an index may name a place more than once
    return dA


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


INDEXED = Operation(lambda A, index: A[index], _placed)


def _spread(dY: Array, A: Array, axis: Any, keepdims: bool) -> Array:
    """A number for each group of elements as one for each element of A."""
    if axis is not None and not keepdims:
        dY = np.expand_dims(dY, axis)
    return np.broadcast_to(dY, A.shape)


def _to_first(dY: Array, Y: Array, A: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """To the first element in each group that is the group's maximum or minimum Y."""
    found = A == _spread(Y, A, axis, keepdims)
    axes = range(A.ndim) if axis is None else [n % A.ndim for n in _tuple(axis)]
    order = [*(n for n in range(A.ndim) if n not in axes), *sorted(axes)]
    groups = found.transpose(order)  # the axes of a group last
    flat = groups.reshape(*groups.shape[: A.ndim - len(axes)], -1)
    first = np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
    chosen = first.reshape(groups.shape).transpose(np.argsort(order))
    dA: Array = _spread(dY, A, axis, keepdims) * chosen
    return dA


METHODS: Mapping[str, Operation] = {
    "sum": Operation(
        lambda A, axis=None, keepdims=False: A.sum(axis=axis, keepdims=keepdims),
        lambda dY, Y, A, axis=None, keepdims=False: _spread(dY, A, axis, keepdims),
    ),
    "mean": Operation(
        lambda A, axis=None, keepdims=False: A.mean(axis=axis, keepdims=keepdims),
        lambda dY, Y, A, axis=None, keepdims=False: (
            _spread(dY, A, axis, keepdims) / (A.size // max(Y.size, 1))
        ),
    ),
    "max": Operation(
        lambda A, axis=None, keepdims=False: A.max(axis=axis, keepdims=keepdims), _to_first
    ),
    "min": Operation(
        lambda A, axis=None, keepdims=False: A.min(axis=axis, keepdims=keepdims), _to_first
    ),
    "reshape": Operation(
        lambda A, *shape: A.reshape(*shape),
        lambda dY, Y, A, *shape: dY.reshape(A.shape),
    ),
}


def _part_of_concatenated(k: int) -> Gradient:
    def gradient(dY: Array, Y: Array, *parts: Array, axis: int = 0) -> Array:
        begin = sum(part.shape[axis] for part in parts[:k])
        end = begin + parts[k].shape[axis]
        return dY.swapaxes(0, axis)[begin:end].swapaxes(0, axis)

    return gradient


def _operand_of_einsum(k: int) -> Gradient:
    """The same sum with dY in the operand's place, and the operand's subscripts for the result."""

    def gradient(dY: Array, Y: Array, *operands: Any) -> Array:
        *arrays, subscripts = operands
        inputs, output = _spelled_out(subscripts, [np.ndim(array) for array in arrays])
        own, shape = inputs[k], arrays[k].shape
        others = [pair for i, pair in enumerate(zip(inputs, arrays, strict=True)) if i != k]
        terms = [(output, dY), *others]
        wanted = ""
        for axis, letter in enumerate(own):
            n, reached = shape[axis], "".join(letters for letters, _ in terms)
            if letter in wanted:  # a diagonal: its other places have no gradient
                fresh = next(c for c in LETTERS if c not in reached + own + wanted)
                terms.append((letter + fresh, np.eye(n, dtype=dY.dtype)))
                letter = fresh
            elif letter not in reached:  # summed by itself: the gradient is the same for each
                terms.append((letter, np.ones(n, dY.dtype)))
            wanted += letter
        result: Array = np.einsum(
            ",".join(letters for letters, _ in terms) + "->" + wanted, *(a for _, a in terms)
        )
        return result

    return gradient


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _spelled_out(subscripts: str, dimensions: Sequence[int]) -> tuple[list[str], str]:
    """Subscripts of each operand and of the result, with letters for `...`."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        output = ("..." if "..." in left else "") + "".join(once)
    free = [letter for letter in LETTERS if letter not in subscripts]
    hidden = [n - len(s.replace("...", "")) for s, n in zip(inputs, dimensions, strict=True)]
    axes = "".join(free[: max(hidden)])
    spelled_out = [
        s.replace("...", axes[len(axes) - n :]) for s, n in zip(inputs, hidden, strict=True)
    ]
    return spelled_out, output.replace("...", axes)


OPERATIONS: Mapping[str, Operation] = {
    "Phi": Operation(Phi, lambda dY, Y, Z: dY * phi(Z)),
    "abs": Operation(np.abs, lambda dY, Y, Z: dY * np.sign(Z)),
    "concatenate": Operation(
        lambda *parts, axis=0: np.concatenate(parts, axis=axis), of_each=_part_of_concatenated
    ),
    "cos": Operation(np.cos, lambda dY, Y, Z: -dY * np.sin(Z)),
    "einsum": Operation(
        lambda *operands: np.einsum(operands[-1], *operands[:-1]), of_each=_operand_of_einsum
    ),
    "exp": Operation(np.exp, lambda dY, Y, Z: dY * Y),
    "expm1": Operation(np.expm1, lambda dY, Y, Z: dY * (Y + 1)),
    "log": Operation(np.log, lambda dY, Y, Z: dY / Z),
    "log1p": Operation(np.log1p, lambda dY, Y, Z: dY / (1 + Z)),
    "maximum": Operation(
        np.maximum,
        lambda dY, Y, a, b: dY * (a > b),
        lambda dY, Y, a, b: dY * np.logical_not(a > b),
    ),
    "minimum": Operation(
        np.minimum,
        lambda dY, Y, a, b: dY * np.logical_not(a > b),
        lambda dY, Y, a, b: dY * (a > b),
    ),
    "phi": Operation(phi, lambda dY, Y, Z: -dY * Z * Y),
    "sigmoid": Operation(sigmoid, lambda dY, Y, Z: dY * Y * (1 - Y)),
    "sin": Operation(np.sin, lambda dY, Y, Z: dY * np.cos(Z)),
    "softplus": Operation(softplus, lambda dY, Y, Z: dY * sigmoid(Z)),
    "sqrt": Operation(np.sqrt, lambda dY, Y, Z: dY / (2 * Y)),
    "tanh": Operation(np.tanh, lambda dY, Y, Z: dY * (1 - Y**2)),
    "where": Operation(
        np.where,
        None,
        lambda dY, Y, condition, a, b: dY * np.asarray(condition, bool),
        lambda dY, Y, condition, a, b: dY * np.logical_not(condition),
    ),
}

PLAINLY_CALLED = OPERATIONS.keys() - {"concatenate", "einsum"}
"""Their arguments are their operands."""

FLAT = frozenset(
    {"any", "argmax", "arange", "dtype", "heaviside", "len", "ndim", "shape", "sign", "size",
     "zeros_like"}
)  # fmt: skip
"""Functions, methods and attributes that carry no gradient."""


def summed_to_shape(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: an operand that was repeated gets the sum over its copies."""
    if gradient.shape == shape:
        return gradient
    new = gradient.ndim - len(shape)
    stretched = [new + axis for axis, n in enumerate(shape) if n == 1]
    total: Array = gradient.sum(axis=(*range(new), *stretched), keepdims=True)
    return total.reshape(shape)


# --- the tape -------------------------------------------------------------------------------------


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
