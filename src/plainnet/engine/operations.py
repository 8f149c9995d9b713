"""The operations of formulas, each value directly beside its derivatives.

They stand in three tables: of the operators, of the methods and of the functions. At a kink the
derivative is one-sided, as the layers have it: `maximum` belongs to its second operand where both
are equal and `minimum` to its first, so that the slope of ReLU at 0 is 0; `max` and `min` belong to
the first of equal elements; `abs`, `sign` and `heaviside` have the slope 0 at 0. A smooth function
that is written with kinks has theirs: `softplus(Z)` has the slope 1/2 at 0,
`log1p(exp(-abs(Z))) + maximum(Z, 0)` has 0.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Phi, phi, sigmoid, softplus

Array = npt.NDArray[Any]
Gradient = Callable[..., Array]


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
