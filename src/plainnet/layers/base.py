"""The base of all layers: shapes at construction, a forward formula, and its derivative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import described
from plainnet.arguments.config import Configurable
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formulas
from plainnet.engine.parameters import Declaration
from plainnet.engine.plan import Place, Planned
from plainnet.errors import DTypeError, SettingError, ShapeError, require_optional
from plainnet.initializers import GlorotUniform, Initializer

Array = npt.NDArray[Any]
Shape = tuple[Any, ...]
"""Axes without the batch; the first may be None, for a time axis of any length."""

HUGE = 2**40
"""More numbers than any machine can hold."""

NO_GRADIENT: Array = np.empty(0)
"""What `backward` returns if nobody reads the input's gradient, as below the first layer."""


class Layer(Configurable, Planned, ABC):
    """One step of the forward pass, with its derivative.

    A subclass stores its constructor's arguments under their names, declares its tensors in
    `build`, and writes `forward` directly above `backward`. Whatever `forward` leaves for
    `backward` goes into the cache, not onto the layer, so that many threads can predict with one
    network.

    >>> class Double(Layer):
    ...     def forward(self, A, cache):
    ...         return 2 * A
    ...     def backward(self, dA, cache):
    ...         return 2 * dA
    """

    formulas: Formulas
    """The mathematics as data. Every layer of plainnet has formulas, and a custom layer may."""

    keeps_identity = True

    layers: tuple[Layer, ...] = ()
    """The layers inside a container."""

    releases_arrays: bool = False
    """Whether `forward` and `backward` return arrays of the layer's own that it does not read
    again, so that a neighbour may write over them. False is always right; True saves memory."""

    takes_ids: bool = False
    """Whether the input holds integers, such as the ids of tokens, and so has no gradient."""

    takes_several: bool = False
    """Whether it has several inputs: `build` then gets a tuple of shapes, `forward` gets a tuple of
    arrays, and `backward` returns a tuple of gradients."""

    gives_several: bool = False
    """Whether it has several outputs: `build` then returns a tuple of shapes, `forward` returns a
    tuple of arrays, and `backward` gets a tuple of gradients."""

    uses_mask: bool = False
    """Whether `forward` uses `cache.mask`, which tells which steps of a sequence are data;
    `mask_for` checks that it fits the input."""

    ends_time: bool = False
    """Whether the output has no time axis any more, so that the layers above see no mask."""

    carries_back: bool = True
    """Whether it has a backward pass with `Cache(carry=True)`."""

    needs_lengths: bool = False
    """Whether it needs the input's full shape, without None for a time axis of any length."""

    weight_initializer: Initializer | None = None
    """An activation's default for the weights below it; with None, the next layer decides."""

    def __init__(self) -> None:
        """A layer without settings."""

    # --- what a subclass writes ------------------------------------------------------------------

    def build(self, input_shape: Shape) -> Shape:
        """Check the input's shape, declare the tensors, return the output's shape.

        Shapes leave out the batch axis. Raise `ShapeError` with what came and what is needed.
        """
        return input_shape

    @abstractmethod
    def forward(self, A: Array, cache: Cache) -> Array:
        """The layer's output for the input A, of shape (m, *input_shape)."""

    @abstractmethod
    def backward(self, dA: Array, cache: Cache) -> Array:
        """The gradient of the input, given that of the output; also writes dW, db and so on."""

    # --- what a subclass calls in build ----------------------------------------------------------

    def declare(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer | None,
        *,
        decays: bool = False,
        order: Literal["C", "F"] = "C",
    ) -> None:
        """Declare a parameter: it appears as `self.<name>`, its gradient as `self.d<name>`."""
        shape = self._checked_declaration(name, shape, initializer)
        self._refuse_taken(name, f"d{name}")
        if None in shape:
            raise ShapeError("cannot have weights for an axis of any length (None in its input)")
        self.declared[name] = Declaration(name, shape, initializer, decays, order)

    def declare_state(self, name: str, shape: Shape, initializer: Initializer) -> None:
        """Declare running state: saved with the network, never optimised.

        Change it in `forward` only if `cache.training` is true; in a frozen layer it is false.
        """
        shape = self._checked_declaration(name, shape, initializer)
        self._refuse_taken(name)
        self.declared_state[name] = Declaration(name, shape, initializer)

    def _checked_declaration(
        self, name: str, shape: Shape, initializer: Initializer | None
    ) -> Shape:
        if "declared" not in vars(self):
            raise SettingError(f"{self!r} declares {name!r} too early: declare in build")
        if not _is_shape(shape):
            raise SettingError(
                f"{self!r} declares {name!r} with a shape that is not a tuple of positive "
                f"integers: {shape!r}"
            )
        require_optional(f"the initializer of {name!r} of {self!r}", initializer, Initializer)
        return tuple(n if n is None else int(n) for n in shape)

    def _refuse_taken(self, *names: str) -> None:
        taken = {*self.declared, *(f"d{name}" for name in self.declared), *self.declared_state}
        for name in names:
            if name in taken or hasattr(self, name):
                raise SettingError(f"{self!r} cannot declare {name!r}: it has that already")

    def plan(self, own: Place) -> Iterable[Place]:
        """For a container: the places of the layers inside it, in the order of the forward pass.

        `forward` and `backward` find them in `cache.layers_of(self)`. By default, no inner layer
        may write over what it is given.
        """
        return tuple(
            Place(f"{i}.{type(layer).__name__.lower()}", layer)
            for i, layer in enumerate(self.layers)
        )

    def numbers(self, time: int) -> int:
        """About how many numbers a pass without training needs for an example of `time` steps."""
        return sum(
            prod(time if n is None else n for n in shape)
            for shape in self.outputs_of(self.output_shape)
        )

    # --- what containers and networks call -------------------------------------------------------

    name: str
    declared: dict[str, Declaration]
    declared_state: dict[str, Declaration]
    input_shape: Shape
    output_shape: Shape
    _bound: tuple[str, ...] = ()

    def place(self, name: str, input_shape: Shape) -> Shape:
        """Build the layer at its place in a network; errors name the place."""
        placed = _PLACED.get()
        if placed is not None and id(self) in placed:
            return self._place_again(name, input_shape)
        if self._bound:
            raise SettingError(
                f"layer {name} ({self!r}) already belongs to a network; place a copy of it"
            )
        self.name, self.declared, self.declared_state = name, {}, {}
        try:
            if self.takes_several and not all(isinstance(each, tuple) for each in input_shape):
                raise ShapeError(
                    f"takes several inputs, and gets one of shape {input_shape}: make it a node of "
                    "a Graph"
                )
            if self.needs_lengths and any(None in shape for shape in self.inputs_of(input_shape)):
                raise ShapeError(f"needs an input of known length; got {input_shape}")
            self.output_shape = self.build(input_shape)
            if not self.gives_several and self.takes_several and not _is_shape(self.output_shape):
                raise ShapeError(
                    "takes several inputs, so that build must say the shape of its one output; it "
                    f"returned {self.output_shape!r}"
                )
            if not all(map(_is_shape, self.outputs_of(self.output_shape))):
                raise ShapeError(
                    "must return the output's shape from build, a tuple such as the input's, "
                    f"{input_shape}; it returned {self.output_shape!r}"
                )
            for tensor in (*self.declared.values(), *self.declared_state.values()):
                _refuse_huge(f"a tensor {tensor.name} of shape", tensor.shape)
            for shape in self.outputs_of(self.output_shape):
                _refuse_huge("an output for each example of shape", shape)
        except ShapeError as error:
            if error.placed:  # by a layer inside this container
                raise
            with_place = ShapeError(f"layer {name} ({self!r}) {error}")
            with_place.placed = True
            raise with_place from None
        self.input_shape = input_shape
        if placed is not None:
            placed[id(self)] = self
        return self.output_shape

    def _place_again(self, name: str, input_shape: Shape) -> Shape:
        """At another place of the same graph: its tensors are declared, and have their shapes."""
        if input_shape != self.input_shape:
            error = ShapeError(
                f"layer {name} ({self!r}) also stands at {self.name}, where its input has the "
                f"shape {self.input_shape}; here it has {input_shape}. A shared layer needs the "
                "same shape at each place; sequences of any length have None as their first axis"
            )
            error.placed = True
            raise error
        return self.output_shape

    def inputs_of(self, value: Any) -> tuple[Any, ...]:
        """A tuple of shapes or arrays, one for each input."""
        return value if self.takes_several else (value,)

    def outputs_of(self, value: Any) -> tuple[Any, ...]:
        """A tuple of shapes or arrays, one for each output."""
        return value if self.gives_several else (value,)

    def takes_ids_at(self, place: int) -> bool:
        """Whether the input with this index is ids."""
        return self.takes_ids

    def suggest(self, following: Initializer) -> Initializer:
        """Set the initializer of weights without one; return what suits the weights below."""
        for name, tensor in self.declared.items():
            if tensor.initializer is None:
                self.declared[name] = replace(tensor, initializer=following)
        if any(len(tensor.shape) > 1 for tensor in self.declared.values()):
            return GlorotUniform()  # weights below weights: linear, both directions count
        return self.weight_initializer or following

    def bind(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        state: Mapping[str, Array],
    ) -> None:
        """Set the views into the network's vectors as attributes: `W`, `dW` ..."""
        views = {**parameters, **{f"d{name}": view for name, view in gradients.items()}, **state}
        self.__dict__.update(views)
        # A layer without tensors belongs to its network all the same.
        self.__dict__["_bound"] = ("_bound", *views)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to replace a view: the network would not see the new array."""
        if name in self._bound and value is not self.__dict__[name]:  # += assigns the same array
            raise AttributeError(
                f"{name} is a view into the network's vector: write into it, self.{name}[...] = "
            )
        super().__setattr__(name, value)

    def mask_for(self, A: Array, cache: Cache) -> Array | None:
        """`cache.mask`, which must have the shape (m, time) of the input, or None."""
        mask = cache.mask
        if mask is None:
            return None
        if mask.shape != A.shape[: mask.ndim]:
            raise ShapeError(
                f"layer {self.name} ({self!r}) needs a mask of shape (m, time), here "
                f"{A.shape[:2]}; got {mask.shape}"
            )
        if mask.dtype != np.bool_:
            raise DTypeError(f"layer {self.name} ({self!r}) needs a boolean mask; got {mask.dtype}")
        return mask

    def users_of(self, setting: str) -> Iterator[tuple[Layer, str]]:
        """The layers whose passes read this setting, and their names for it.

        A container that passes a setting on to inner layers lists them, so that schedules reach
        them.
        """
        yield self, setting

    def walk(self) -> Iterator[Layer]:
        """This layer and all layers inside it, each once, from the input to the output."""
        ahead: list[Layer] = [self]
        met: set[int] = set()
        while ahead:
            layer = ahead.pop()
            if id(layer) not in met:
                met.add(id(layer))
                yield layer
                ahead += reversed(layer.layers)

    # Views die in pickle and deepcopy; the network binds fresh ones (Network.__setstate__).
    def __getstate__(self) -> dict[str, Any]:
        # The innermost layers come first, and the rest refers to them, so that pickle and deepcopy
        # need little of Python's stack for layers in layers in layers.
        innermost_first = [*self.walk()][:0:-1]
        state = {key: value for key, value in self.__dict__.items() if key not in self._bound}
        return {"innermost_first": innermost_first, **state} if innermost_first else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.pop("innermost_first", None)


_PLACED: ContextVar[dict[int, Layer] | None] = ContextVar("placed", default=None)


@contextmanager
def placing() -> Iterator[dict[int, Layer]]:
    """While a network or a graph is built: its layers by identity, as they get their places.

    A layer that is placed again is the same layer, and shared.
    """
    placed = _PLACED.get()
    if placed is not None:  # inside another
        yield placed
        return
    token = _PLACED.set(placed := {})
    try:
        yield placed
    finally:
        _PLACED.reset(token)


def has_a_place(layer: Layer) -> bool:
    """Whether the layer already has a place in the network that is being built."""
    placed = _PLACED.get()
    return placed is not None and id(layer) in placed


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(
        n is None or (isinstance(n, int | np.integer) and n > 0) for n in shape
    )


def _refuse_huge(what: str, shape: Shape) -> None:
    """Refuse a shape before memory is taken for it."""
    if prod(n or 1 for n in shape) > HUGE:
        raise ShapeError(f"would have {what} {shape}, more than any memory holds")


def name_who_writes(error: ValueError, who: str) -> None:
    """Raise an error that says who wrote into a read-only view, if that is what went wrong."""
    if "read-only" in str(error):
        raise SettingError(
            f"{who} writes over the array that it is given, which others read: compute into a new "
            "array"
        ) from error


def seen(value: Any) -> str:
    """A description of what was returned instead of an array."""
    return "None: is its `return` missing?" if value is None else described(value)


def expect_axes(input_shape: Shape, at_least: int, meaning: str) -> None:
    """Refuse an input with fewer axes than a layer needs."""
    if len(input_shape) < at_least:
        raise ShapeError(
            f"needs an input of shape {meaning}, without the batch axis; got {input_shape}"
        )


def expect_image(input_shape: Shape) -> None:
    """Refuse an input that is not an image, or an image of unknown size."""
    if len(input_shape) != 3 or None in input_shape:
        raise ShapeError(
            "needs an input of shape (height, width, channels), without the batch axis; got "
            f"{input_shape}"
        )
