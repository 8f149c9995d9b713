"""Layers made of layers: one after the other, around a shortcut, or side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.memory import read_only
from plainnet.engine.plan import Place
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_integer,
    require_sequence,
    require_type,
    shown,
)
from plainnet.initializers import Initializer
from plainnet.layers.base import (
    NO_GRADIENT,
    Array,
    Layer,
    Shape,
    fits,
    name_who_writes,
    seen,
)


class Sequential(Layer):
    """One layer after the other; the gradient comes back in the opposite order."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = _checked(layers)
        self.names = [f"{i}.{type(layer).__name__.lower()}" for i, layer in enumerate(self.layers)]
        self.takes_ids = bool(self.layers) and self.layers[0].takes_ids

    def build(self, input_shape: Shape) -> Shape:
        prefix = f"{self.name}." if self.name else ""
        for name, layer in zip(self.names, self.layers, strict=True):
            input_shape = layer.place(prefix + name, input_shape)
        return input_shape

    def suggest(self, following: Initializer) -> Initializer:
        for layer in reversed(self.layers):
            following = layer.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """Each layer may write over what its neighbours release, and the ends over what this may.

        Below the first layer that learns, nobody reads a gradient.
        """
        over_inputs = [own.reuse_input, *(layer.releases_arrays for layer in self.layers)]
        over_gradients = [*(layer.releases_arrays for layer in self.layers[1:]), own.reuse_gradient]
        first = 0
        if not own.needs_input_gradient:
            learns = [any(inner.declared for inner in layer.walk()) for layer in self.layers]
            first = learns.index(True) if any(learns) else len(self.layers)
        for i, (name, layer) in enumerate(zip(self.names, self.layers, strict=True)):
            yield Place(
                name,
                layer,
                reuse_input=over_inputs[i],
                reuse_gradient=over_gradients[i],
                needs_input_gradient=own.needs_input_gradient or i > first,
                runs_back=i >= first,
            )

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "layers(A)", r"Y = f_n(\dots f_2(f_1(A)))"),),
        backward=(Formula("dA", "layers_back(dY)", r"dA = f_1'(f_2'(\dots f_n'(dY)))"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        try:
            for layer, own in cache.layers_of(self):
                watches = own.watches_forward
                A = watched_forward(layer, A, own) if watches else layer.forward(A, own)
        except ValueError as error:  # the data are read-only in every pass
            name_who_writes(error, f"layer {layer.name} ({layer!r}).forward")
            raise
        return A

    def backward(self, dA: Array, cache: Cache) -> Array:
        for layer, own in cache.layers_back:
            dA = (
                watched_backward(layer, dA, own)
                if own.watches_backward
                else layer.backward(dA, own)
            )
        return dA


class Residual(Layer):
    """Y = A + F(A), F one or more layers in order (He et al. 2016, Deep Residual Learning, eq. 1).

    The shortcut passes the gradient on unchanged, past all the layers of F.
    """

    releases_arrays = True

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.branch = Sequential(layers)
        self.layers = self.branch.layers

    def build(self, input_shape: Shape) -> Shape:
        output_shape = self.branch.place(self.name, input_shape)
        if output_shape != input_shape:
            raise ShapeError(
                f"needs layers that return the shape they get, {input_shape}; they return "
                f"{output_shape}"
            )
        return output_shape

    def suggest(self, following: Initializer) -> Initializer:
        self.branch.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """The branch may not write over what comes from outside: the shortcut reads it too."""
        yield Place("", self.branch, needs_input_gradient=own.needs_input_gradient)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("F", "layers(A)", r"F = f_n(\dots f_2(f_1(A)))"),
            Formula("Y", "A + F", r"Y = A + F"),
        ),
        backward=(
            Formula("dF", "layers_back(dY)", r"dF = f_1'(f_2'(\dots f_n'(dY)))"),
            Formula("dA", "dY + dF", r"dA = dY + dF"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        F = cache["F"] = self.branch.forward(A, inner)
        return np.add(A, F, out=cache.array("Y", A.shape, A.dtype))

    def backward(self, dY: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        dF = cache["dF"] = self.branch.backward(dY, inner)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.add(dY, dF, out=cache.gradient("dA", dY))


class Parallel(Layer):
    """Layers side by side, each on its part of the input's features; outputs are concatenated.

    Parameters
    ----------
    parts : sequence of (start, stop)
        Which features each layer gets. Parts may overlap; each feature is in at least one.
    layers : sequence of Layer
        Each takes (m, stop - start) and gives (m, some width).
    """

    releases_arrays = True

    def __init__(self, parts: Sequence[tuple[int, int]], layers: Sequence[Layer]) -> None:
        self.layers = _checked(layers)
        self.parts = _checked_parts(parts)
        if not self.layers or len(self.layers) != len(self.parts):
            raise SettingError(
                f"Parallel needs a part for each layer; got {len(self.parts)} parts and "
                f"{len(self.layers)} layers"
            )
        self.width = max(stop for _, stop in self.parts)
        if not _cover_all(self.parts):
            raise SettingError(f"parts must be (start, stop) and cover all features; got {parts}")
        self.names = [f"{i}.{type(layer).__name__.lower()}" for i, layer in enumerate(self.layers)]

    def build(self, input_shape: Shape) -> Shape:
        if input_shape != (self.width,):
            raise ShapeError(f"needs an input of shape ({self.width},); got {input_shape}")
        self.columns, begin = [], 0
        for name, (start, stop), layer in zip(self.names, self.parts, self.layers, strict=True):
            output_shape = layer.place(f"{self.name}.{name}", (stop - start,))
            if len(output_shape) != 1:
                raise ShapeError(
                    f"needs layers that return (features,); {layer!r} returns {output_shape}"
                )
            self.columns.append((begin, begin + output_shape[0]))
            begin += output_shape[0]
        return (begin,)

    def suggest(self, following: Initializer) -> Initializer:
        for layer in self.layers:
            layer.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """Each layer may write over what it gets, which is a copy."""
        for name, layer in zip(self.names, self.layers, strict=True):
            yield Place(
                name,
                layer,
                reuse_input=True,
                reuse_gradient=True,
                needs_input_gradient=own.needs_input_gradient,
            )

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(Formula("Y", "layers(A)", r"Y = [f_1(A_{p_1}), \dots, f_n(A_{p_n})]"),),
        backward=(Formula("dA", "layers_back(dY)", r"dA_j = \sum_{i:\, j \in p_i} f_i'(dY_i)_j"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        Y = cache.array("Y", (len(A), *self.output_shape), A.dtype)
        parts = zip(cache.layers_of(self), self.parts, self.columns, strict=True)
        for (layer, own), (start, stop), (first, last) in parts:
            part = own.array("part", (len(A), stop - start), A.dtype)
            np.copyto(part, A[:, start:stop])
            Y[:, first:last] = forward_through(layer, part, own)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = NO_GRADIENT
        if cache.needs_input_gradient:
            dA = cache.array("dA", (len(dY), self.width), dY.dtype)
            dA.fill(0)
        parts = zip(cache.layers_of(self), self.parts, self.columns, strict=True)
        for (layer, own), (start, stop), (first, last) in parts:
            dpart = own.array("dpart", (len(dY), last - first), dY.dtype)
            np.copyto(dpart, dY[:, first:last])
            dpart = backward_through(layer, dpart, own)
            if cache.needs_input_gradient:
                for column in range(stop - start):  # by columns, NumPy needs no buffer
                    dA[:, start + column] += dpart[:, column]
        return dA


# --- a way through one layer ----------------------------------------------------------------------


def forward_through(layer: Layer, A: Array, cache: Cache) -> Array:
    """A container's way through one of its layers."""
    return watched_forward(layer, A, cache) if cache.watches_forward else layer.forward(A, cache)


def backward_through(layer: Layer, dA: Array, cache: Cache) -> Array:
    """And back."""
    return (
        watched_backward(layer, dA, cache) if cache.watches_backward else layer.backward(dA, cache)
    )


def watched_forward(layer: Layer, A: Array, cache: Cache) -> Array:
    """A checked forward pass: a cache's first, a recorded one, or one with a mask.

    It returns what `build` said and leaves A alone.
    """
    mask = layer.mask_for(A, cache) if layer.uses_mask else None
    given = A if cache.reuse_input else read_only(A)
    if cache.window is not None:
        known = {name: getattr(layer, name) for name in layer.declared}
        if layer.uses_mask:  # as the formulas have it, None or not
            known["data"] = np.ones(A.shape[:-1], bool) if mask is None else mask
        cache.window.begin(given, known)
    try:
        Y = layer.forward(given, cache)
    except ValueError as error:
        name_who_writes(error, f"layer {layer.name} ({layer!r}).forward")
        raise
    expected = (len(A), *layer.output_shape)
    same_dtype = layer.takes_ids or getattr(Y, "dtype", None) == A.dtype
    if not (isinstance(Y, np.ndarray) and fits(Y.shape, expected) and same_dtype):
        raise ShapeError(
            f"layer {layer.name} ({layer!r}) said that it returns {A.dtype} of shape {expected}; "
            f"it returned {seen(Y)}"
        )
    if cache.window is not None:
        cache.window.end(Y)
    if layer.ends_time:
        cache.mask = None
    checks_mask = layer.uses_mask and len(layer.input_shape) == 2  # only a sequence has one
    cache.watches_forward = cache.record or checks_mask or layer.ends_time
    return A if Y is given else Y


def watched_backward(layer: Layer, dA: Array, cache: Cache) -> Array:
    """The same for the way back: the gradient of the input has the input's shape."""
    if cache.carry and not layer.carries_back:
        raise SettingError(f"layer {layer.name} ({layer!r}) has no backward pass with carry=True")
    given = dA if cache.reuse_gradient else read_only(dA)
    if cache.window is not None:
        cache.window.begin_back(given)
    try:
        dX = layer.backward(given, cache)
    except ValueError as error:
        name_who_writes(error, f"layer {layer.name} ({layer!r}).backward")
        raise
    if not isinstance(dX, np.ndarray) or (
        cache.needs_input_gradient
        and not layer.takes_ids
        and not (fits(dX.shape, (len(dA), *layer.input_shape)) and dX.dtype == dA.dtype)
    ):
        raise ShapeError(
            f"layer {layer.name} ({layer!r}).backward must return the gradient of its input, "
            f"{dA.dtype} of shape {(len(dA), *layer.input_shape)}; it returned {seen(dX)}"
        )
    if cache.window is not None:
        cache.window.end_back(dX, {name: getattr(layer, f"d{name}") for name in layer.declared})
    cache.watches_backward = cache.record
    return dA if dX is given else dX


def _cover_all(parts: Sequence[tuple[int, int]]) -> bool:
    """Whether no part is empty, and together they leave no feature out."""
    covered = 0
    for start, stop in sorted(parts):
        if not 0 <= start <= covered or start >= stop:
            return False
        covered = max(covered, stop)
    return True


def _checked(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    objects = require_sequence("layers", layers, "Layer objects")
    for position, layer in enumerate(objects):
        require_type(f"layer {position}", layer, Layer)
    return tuple(objects)


def _checked_parts(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    pairs = require_sequence("parts", parts, "pairs (start, stop)")
    for pair in pairs:
        if len(require_sequence("each of parts", pair, "two whole numbers")) != 2:
            raise SettingError(f"each of parts must be (start, stop); got {shown(pair)}")
    start, stop = "the start of each of parts", "the stop of each of parts"
    return [
        (require_integer(start, a, at_least=0), require_integer(stop, b, at_least=0))
        for a, b in pairs
    ]
