"""Layers in order, and how a container runs one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from plainnet.arguments.arrays import fits
from plainnet.arguments.sparse import SparseRows
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.memory import read_only
from plainnet.engine.plan import Place
from plainnet.errors import SettingError, ShapeError, require_sequence, require_type
from plainnet.initializers import Initializer
from plainnet.kernels.compiled import numpy_forms
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, name_who_writes, seen


class Sequential(Layer):
    """One layer after the other; the backward pass runs them in the opposite order."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = checked_layers(layers)
        self.names = [f"{i}.{type(layer).__name__.lower()}" for i, layer in enumerate(self.layers)]
        if self.layers:
            first, last = self.layers[0], self.layers[-1]
            self.takes_ids, self.takes_several = first.takes_ids, first.takes_several
            self.gives_several = last.gives_several
            for before, after in pairwise(self.layers):
                _expect_one(before, after)

    def takes_ids_at(self, place: int) -> bool:
        return bool(self.layers) and self.layers[0].takes_ids_at(place)

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
        """Each layer may write over what its neighbours release; the ends, over what this one may.

        No gradient is read below the first layer that learns.
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
        return forward_in_order(cache.layers_of(self), A)

    def backward(self, dA: Array, cache: Cache) -> Array:
        return backward_in_order(cache.layers_back, dA)


def _expect_one(before: Layer, after: Layer) -> None:
    """Refuse neighbours that do not take and give one array each."""
    if before.gives_several or after.takes_several:
        several = f"{after!r} takes several arrays"
        if before.gives_several:
            several = f"{before!r} gives several arrays"
        raise SettingError(
            "in a sequence of layers, only the first may take several arrays, and only the last "
            f"may give several; {several}: join them in a Graph"
        )


# --- a way through several layers, and through one of them ----------------------------------------


def forward_in_order(layers: list[tuple[Layer, Cache]], A: Array) -> Array:
    """The forward pass through one layer after the other."""
    try:
        for layer, own in layers:
            A = watched_forward(layer, A, own) if own.watches_forward else layer.forward(A, own)
    except ValueError as error:  # the data are read-only in every pass
        name_who_writes(error, f"layer {layer.name} ({layer!r}).forward")
        raise
    return A


def backward_in_order(layers_back: list[tuple[Layer, Cache]], dA: Array) -> Array:
    """The backward pass, from the last layer to the first."""
    for layer, own in layers_back:
        dA = watched_backward(layer, dA, own) if own.watches_backward else layer.backward(dA, own)
    return dA


def forward_through(layer: Layer, A: Array, cache: Cache) -> Array:
    """The forward pass of a container through one of its layers."""
    return watched_forward(layer, A, cache) if cache.watches_forward else layer.forward(A, cache)


def backward_through(layer: Layer, dA: Array, cache: Cache) -> Array:
    """The backward pass of a container through one of its layers."""
    return (
        watched_backward(layer, dA, cache) if cache.watches_backward else layer.backward(dA, cache)
    )


def watched_forward(layer: Layer, A: Any, cache: Cache) -> Any:
    """A checked forward pass: the first of a cache, a recorded one, or one with a mask.

    The layer must return the shape that `build` gave, and leave A unchanged.
    """
    mask = layer.mask_for(layer.inputs_of(A)[0], cache) if layer.uses_mask else None
    given = A if cache.reuse_input else _protected(A)
    if cache.window is not None:
        names = (*layer.declared, *layer.declared_state)
        known = {name: getattr(layer, name) for name in names}
        if layer.uses_mask:  # as the formulas have it, None or not
            one = layer.inputs_of(A)[0]
            known["data"] = np.ones(one.shape[:-1], bool) if mask is None else mask
        cache.window.begin(given, known, training=cache.training)
    try:
        with numpy_forms(cache.record):
            Y = layer.forward(given, cache)
    except ValueError as error:
        name_who_writes(error, f"layer {layer.name} ({layer!r}).forward")
        raise
    _expect_returned(layer, layer.inputs_of(A), Y)
    if cache.window is not None:
        cache.window.end(Y)
    if layer.ends_time:
        cache.mask = None
    checks_mask = layer.uses_mask and len(layer.input_shape) == 2  # only a sequence has one
    cache.watches_forward = cache.record or checks_mask or layer.ends_time
    return A if Y is given else Y


def _expect_returned(layer: Layer, inputs: tuple[Array, ...], Y: Any) -> None:
    """Refuse an output that is not what `build` said."""
    shapes = layer.outputs_of(layer.output_shape)
    _expect_tuple(layer, "forward", Y, len(shapes) if layer.gives_several else 1)
    floats = [A.dtype for i, A in enumerate(inputs) if not layer.takes_ids_at(i)]
    for array, shape in zip(layer.outputs_of(Y), shapes, strict=True):
        expected = (len(inputs[0]), *shape)
        same_dtype = not floats or getattr(array, "dtype", None) == floats[0]
        if not (isinstance(array, np.ndarray) and fits(array.shape, expected) and same_dtype):
            raise ShapeError(
                f"layer {layer.name} ({layer!r}) said that it returns "
                f"{floats[0] if floats else inputs[0].dtype} of shape {expected}; it returned "
                f"{seen(array)}"
            )


def _expect_tuple(layer: Layer, what: str, returned: Any, n: int) -> None:
    if n > 1 and not (isinstance(returned, tuple) and len(returned) == n):
        raise ShapeError(
            f"layer {layer.name} ({layer!r}).{what} must return a tuple of {n} arrays; it returned "
            f"{seen(returned)}"
        )


def watched_backward(layer: Layer, dA: Any, cache: Cache) -> Any:
    """A checked backward pass: the gradient of the input must have the input's shape."""
    if cache.carry and not layer.carries_back:
        raise SettingError(f"layer {layer.name} ({layer!r}) has no backward pass with carry=True")
    given = dA if cache.reuse_gradient else _protected(dA)
    if cache.window is not None:
        cache.window.begin_back(given)
    try:
        with numpy_forms(cache.record):
            dX = layer.backward(given, cache)
    except ValueError as error:
        name_who_writes(error, f"layer {layer.name} ({layer!r}).backward")
        raise
    _expect_gradients(layer, layer.outputs_of(dA)[0], dX, cache)
    if cache.window is not None:
        cache.window.end_back(dX, {name: getattr(layer, f"d{name}") for name in layer.declared})
    cache.watches_backward = cache.record
    return dA if dX is given else dX


def _expect_gradients(layer: Layer, dA: Array, dX: Any, cache: Cache) -> None:
    """Refuse a gradient that does not have the input's shape."""
    if dX is NO_GRADIENT and not cache.needs_input_gradient:
        return
    shapes = layer.inputs_of(layer.input_shape)
    _expect_tuple(layer, "backward", dX, len(shapes) if layer.takes_several else 1)
    for i, (gradient, shape) in enumerate(zip(layer.inputs_of(dX), shapes, strict=True)):
        expected = (len(dA), *shape)
        matters = cache.needs_input_gradient and not layer.takes_ids_at(i)
        if not isinstance(gradient, np.ndarray) or (
            matters and not (fits(gradient.shape, expected) and gradient.dtype == dA.dtype)
        ):
            raise ShapeError(
                f"layer {layer.name} ({layer!r}).backward must return the gradient of its input, "
                f"{dA.dtype} of shape {expected}; it returned {seen(gradient)}"
            )


def _protected(arrays: Any) -> Any:
    """What a layer may not write over."""
    if isinstance(arrays, SparseRows):  # no layer writes into one
        return arrays
    return tuple(map(read_only, arrays)) if isinstance(arrays, tuple) else read_only(arrays)


def checked_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The setting `layers`, which must hold Layer objects."""
    objects = require_sequence("layers", layers, "Layer objects")
    for position, layer in enumerate(objects):
        require_type(f"layer {position}", layer, Layer)
    return tuple(objects)
