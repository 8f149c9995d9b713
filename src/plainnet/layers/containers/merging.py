"""Layers that make one array out of several, where the branches of a graph meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas, WrittenOut
from plainnet.errors import SettingError, ShapeError, require_integer
from plainnet.layers.base import Array, Layer, Shape

Arrays = tuple[Array, ...]
BOOL = np.dtype(bool)


def _inputs(layer: Any) -> list[str]:
    """What the formulas call the inputs of a layer; of a class, two."""
    return [f"A_{i}" for i in range(1, 1 + len(getattr(layer, "input_shape", "12")))]


class Merge(Layer):
    """The base of layers with several inputs of one shape.

    A step of a sequence counts as data if it is data in all inputs.
    """

    takes_several = True

    def build(self, input_shape: Shape) -> Shape:
        _expect_several(input_shape)
        if len(set(input_shape)) > 1:
            raise ShapeError(f"needs inputs of the same shape; got {_listed(input_shape)}")
        shape: Shape = input_shape[0]
        return shape

    def _begin(self, A: Arrays, cache: Cache) -> None:
        """Before a pass: sequences of any length may differ in it, and so may their masks."""
        if any(each.shape != A[0].shape for each in A):
            raise ShapeError(
                f"layer {self.name} ({self!r}) needs inputs of the same shape; got "
                f"{_listed(tuple(each.shape for each in A))}"
            )
        cache.mask = in_all(cache.sequences.masks, cache)


def in_all(masks: tuple[Array | None, ...], cache: Cache) -> Array | None:
    """The steps that are data according to each of these masks; None means all steps."""
    known = [mask for mask in masks if mask is not None]
    if len(known) < 2:
        return known[0] if known else None
    both = cache.array("mask", known[0].shape, BOOL)
    np.copyto(both, known[0])
    for mask in known[1:]:
        both &= mask
    return both


class Add(Merge):
    """Y = A_1 + ... + A_n, for inputs of the same shape."""

    @WrittenOut
    def formulas(layer: Any) -> Formulas:  # noqa: N805
        A = _inputs(layer)
        return Formulas(
            input="A",
            output="Y",
            forward=(Formula("Y", " + ".join(A), "Y = " + " + ".join(A)),),
            backward=tuple(Formula(f"d{each}", "dY", f"d{each} = dY") for each in A),
        )

    def forward(self, A: Any, cache: Cache) -> Array:
        self._begin(A, cache)
        Y: Array = np.add(A[0], A[1], out=cache.array("Y", A[0].shape, A[0].dtype))
        for each in A[2:]:
            Y += each
        return Y

    def backward(self, dY: Array, cache: Cache) -> Any:
        return (dY,) * len(self.input_shape)


class Multiply(Merge):
    """Y = A_1 * ... * A_n, for inputs of the same shape, one of which may be a gate."""

    @WrittenOut
    def formulas(layer: Any) -> Formulas:  # noqa: N805
        A = _inputs(layer)
        return Formulas(
            input="A",
            output="Y",
            forward=(Formula("Y", " * ".join(A), "Y = " + r" \odot ".join(A)),),
            backward=tuple(
                Formula(
                    f"d{each}",
                    " * ".join(["dY", *A[:i], *A[i + 1 :]]),
                    f"d{each} = " + r" \odot ".join(["dY", *A[:i], *A[i + 1 :]]),
                )
                for i, each in enumerate(A)
            ),
        )

    def forward(self, A: Any, cache: Cache) -> Array:
        self._begin(A, cache)
        cache["A"] = A
        Y: Array = np.multiply(A[0], A[1], out=cache.array("Y", A[0].shape, A[0].dtype))
        for each in A[2:]:
            Y *= each
        return Y

    def backward(self, dY: Array, cache: Cache) -> Any:
        A = cache["A"]
        gradients = []
        for i in range(len(A)):
            dA = cache.array(f"dA_{i + 1}", dY.shape, dY.dtype)
            np.copyto(dA, dY)
            for j, other in enumerate(A):
                if j != i:
                    dA *= other
            gradients.append(dA)
        return tuple(gradients)


class Dot(Merge):
    """Y = sum_k A_1k A_2k over the last axis: the similarity of two vectors, shape (m, ..., 1)."""

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Y", "(A_1 * A_2).sum(axis=-1, keepdims=True)", r"Y = \sum_k A_{1,k} A_{2,k}"),
        ),
        backward=(
            Formula("dA_1", "dY * A_2", r"dA_1 = dY\, A_2"),
            Formula("dA_2", "dY * A_1", r"dA_2 = dY\, A_1"),
        ),
    )

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) > 2:
            raise ShapeError(f"needs two inputs; got {len(input_shape)}")
        return (*super().build(input_shape)[:-1], 1)

    def forward(self, A: Any, cache: Cache) -> Array:
        self._begin(A, cache)
        cache["A"] = A
        one, other = A
        products = np.multiply(one, other, out=cache.array("products", one.shape, one.dtype))
        Y = cache.array("Y", (*one.shape[:-1], 1), one.dtype)
        return np.add.reduce(products, axis=-1, keepdims=True, out=Y)

    def backward(self, dY: Array, cache: Cache) -> Any:
        one, other = cache["A"]
        return (
            np.multiply(dY, other, out=cache.array("dA_1", one.shape, dY.dtype)),
            np.multiply(dY, one, out=cache.array("dA_2", one.shape, dY.dtype)),
        )


class Concatenate(Layer):
    """Y = [A_1 ... A_n], side by side along an axis.

    Parameters
    ----------
    axis : int
        An axis of the arrays, whose axis 0 is the batch: -1 joins features, 1 joins sequences in
        time.
    """

    takes_several = True

    def __init__(self, axis: int = -1) -> None:
        self.axis = require_integer("axis", axis, at_least=-64, at_most=64)
        if self.axis == 0:
            raise SettingError("axis must not be 0, which is the batch; got 0")

    before = "..., "
    """The axes before that one, in an index."""

    @WrittenOut
    def formulas(layer: Any) -> Formulas:  # noqa: N805
        A = _inputs(layer)
        return Formulas(
            input="A",
            output="Y",
            forward=(
                Formula(
                    "Y",
                    f"concatenate([{', '.join(A)}], axis=axis)",
                    "Y = [" + r" \; ".join(A) + "]",
                ),
            ),
            backward=tuple(
                Formula(
                    f"d{each}",
                    f"dY[{layer.before}{_ends(A[:i])}:{_ends(A[: i + 1])}]",
                    rf"d{each} = dY_{{\text{{part }} {i + 1}}}",
                )
                for i, each in enumerate(A)
            ),
        )

    def build(self, input_shape: Shape) -> Shape:
        _expect_several(input_shape)
        first = input_shape[0]
        axes = len(first) + 1
        place = self.axis % axes if -axes <= self.axis < axes else 0
        if place == 0:
            raise ShapeError(f"has axis={self.axis}, and its inputs are {_listed(input_shape)}")
        at = place - 1  # in a shape without the batch
        rest = {(*shape[:at], *shape[at + 1 :]) for shape in input_shape}
        if len(rest) > 1 or any(len(shape) != len(first) for shape in input_shape):
            raise ShapeError(
                f"needs inputs of one shape but for axis {self.axis}; got {_listed(input_shape)}"
            )
        self.before = "..., " if place == axes - 1 else ":, " * place
        sizes = [shape[at] for shape in input_shape]
        total = None if None in sizes else sum(sizes)
        return (*first[:at], total, *first[at + 1 :])

    def forward(self, A: Any, cache: Cache) -> Array:
        axis, masks = self.axis % A[0].ndim, cache.sequences.masks
        sizes = [each.shape[axis] for each in A]
        before, after = A[0].shape[:axis], A[0].shape[axis + 1 :]
        if any(each.shape[:axis] != before or each.shape[axis + 1 :] != after for each in A):
            raise ShapeError(
                f"layer {self.name} ({self!r}) needs inputs of one shape but for axis "
                f"{self.axis}; got {_listed(tuple(each.shape for each in A))}"
            )
        Y = cache.array("Y", (*before, sum(sizes), *after), A[0].dtype)
        cache["sizes"] = sizes
        for part, each in zip(_parts(Y, sizes, axis), A, strict=True):
            part[...] = each
        if axis > 1 or Y.ndim == 2:
            cache.mask = in_all(masks, cache)
        elif any(mask is not None for mask in masks):
            cache.mask = cache.array("mask", Y.shape[:2], BOOL)
            for steps, mask in zip(_parts(cache.mask, sizes, 1), masks, strict=True):
                steps[...] = True if mask is None else mask
        return Y

    def backward(self, dY: Array, cache: Cache) -> Any:
        axis, sizes = self.axis % dY.ndim, list(cache["sizes"])
        gradients = []
        for i, part in enumerate(_parts(dY, sizes, axis), 1):
            dA = cache.array(f"dA_{i}", part.shape, dY.dtype)
            np.copyto(dA, part)
            gradients.append(dA)
        return tuple(gradients)


def _parts(Y: Array, sizes: list[int], axis: int) -> list[Array]:
    """Y cut into pieces of these sizes along an axis."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(Y[(*(slice(None),) * axis, slice(start, start + size))])
        start += size
    return pieces


def _ends(names: list[str]) -> str:
    """How many features or steps these inputs have together, as a formula says it."""
    return " + ".join(f"{name}.shape[axis]" for name in names)


def _expect_several(input_shape: Shape) -> None:
    if len(input_shape) < 2:
        raise ShapeError(f"needs two inputs or more; got one of shape {input_shape[0]}")


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))
