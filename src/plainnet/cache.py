"""The cache: what a forward pass keeps for its backward pass, and the window to look through.

A cache holds arrays by name, one sub-cache per layer, and the same memory at every step: once each
array has been asked for at its largest size, a training step allocates nothing.

>>> cache = Cache(training=True)
>>> Z = cache.array("Z", (128, 10), np.float32)
>>> np.shares_memory(cache.array("Z", (128, 10), np.float32), Z)
True
>>> np.shares_memory(cache.array("Z", (30, 10), np.float32), Z)  # a shorter last batch: a slice
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments import as_generator
from plainnet.engine.recording import Window
from plainnet.errors import require_boolean
from plainnet.memory import aligned

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

INTP = np.dtype(np.intp)
LONG = 512
"""Numbers in a row from which on NumPy's loops are at their speed."""


class Cache:
    """Arrays by name, per layer, reused from step to step.

    One cache serves one thread. After a pass with `Cache(record=True)`, `cache["1.relu.A"]` is
    what `A` stands for in the formulas of layer `1.relu`; `cache.names()` lists what there is. Of
    any other cache, only the layers read what they wrote.

    Parameters
    ----------
    training : bool
        Dropout drops and batch norm uses the batch only while training.
    record : bool
        Keep every number of the pass, to be read by name. Otherwise a layer may write over an
        array that nothing reads any more (ReLU over `Z`), which changes no result.
    seed : int, numpy.random.Generator or None
        Where dropout gets its random numbers.
    carry : bool
        Each pass continues the sequences of the one before: recurrent layers start from their last
        state, attention sees the earlier keys and values, positions go on counting.
    """

    __slots__ = (
        "_carry",
        "_kept",
        "_memory",
        "_own",
        "_record",
        "_training",
        "backward_pairs",
        "carried",
        "children",
        "context",
        "forward_pairs",
        "frozen",
        "needs_input_gradient",
        "owner",
        "path",
        "reuse_gradient",
        "reuse_input",
        "rng",
        "unchecked",
        "window",
    )

    def __init__(
        self,
        *,
        training: bool = False,
        record: bool = False,
        seed: int | np.random.Generator | None = None,
        carry: bool = False,
    ) -> None:
        self._training = require_boolean("training", training)
        self._record = require_boolean("record", record)
        self._carry = require_boolean("carry", carry)
        self.rng = as_generator(seed)
        self._own: dict[str, Array] = {}  # views into the memory, in the shapes last asked for
        self._memory: dict[str, Array] = {}
        self._kept: dict[str, Array] = {}  # what somebody else owns
        # What the container that opened this cache allows the layer that uses it.
        self.reuse_input = False  # forward may write over its input
        self.reuse_gradient = False  # backward may write over the gradient that it is handed
        self.needs_input_gradient = True  # somebody reads what backward returns
        self.owner: object = None
        self.window: Window | None = None  # of a layer or loss, in a recording
        self.unchecked = False  # no backward pass yet: the next one is looked at
        # What layers tell each other in one pass, the same dict in the whole tree; see `mask`.
        self.context: dict[str, Array | None] = {}
        # Whose array this is, and the layers that use and keep their running state while training,
        # the same set in the whole tree; see `Network.freeze`.
        self.path = ""
        self.frozen: set[str] = set()
        # What a layer keeps from one pass to the next; see `carry`.
        self.carried: dict[str, Array] = {}
        self.children: dict[str, Cache] = {}
        # A container's layers, each with its sub-cache, in the order of either pass.
        self.forward_pairs: list[tuple[Any, Cache]] = []
        self.backward_pairs: list[tuple[Any, Cache]] = []

    # The mode is fixed: sub-caches and what may be written over follow from it.

    @property
    def training(self) -> bool:
        return self._training and not (self.frozen and self.path in self.frozen)

    @property
    def record(self) -> bool:
        return self._record

    @property
    def carry(self) -> bool:
        return self._carry

    # --- for layers ------------------------------------------------------------------------------

    @property
    def mask(self) -> Array | None:
        """Which steps of a sequence are data, shape (m, time): True and False; None for all."""
        return self.context.get("mask")

    @mask.setter
    def mask(self, mask: Array | None) -> None:
        self.context["mask"] = mask

    def array(self, name: str, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """An array to write into, the same memory at every step; its contents are whatever."""
        held = self._own.get(name)
        # Identity settles nearly every call; what it misses, the slower path sorts out.
        if held is not None and held.shape == shape and held.dtype is dtype:
            return held
        return self._slice(name, shape, np.dtype(dtype))

    def output(self, name: str, like: Array) -> Array:
        """Where forward writes a result of its input's shape: over the input where it may."""
        if self.reuse_input:
            self._kept[name] = like
            return like
        return self.array(name, like.shape, like.dtype)

    def gradient(self, name: str, like: Array) -> Array:
        """Where backward writes a gradient of its input's shape: over the input where it may."""
        if self.reuse_gradient:
            self._kept[name] = like
            return like
        return self.array(name, like.shape, like.dtype)

    def ones(self, size: int, dtype: npt.DTypeLike) -> Array:
        """A vector of ones: `ones @ dZ` sums columns faster than `dZ.sum(axis=0)`."""
        return self._constant("ones", size, dtype, np.ones)

    def counting(self, size: int) -> Array:
        """The integers 0, 1 ... size - 1."""
        return self._constant("counting", size, INTP, np.arange)

    def line(self, name: str, values: Array, shape: Shape) -> Array:
        """`values`, one for each index of the last axis, for an operation with an array of `shape`.

        Where that axis is short, as channels are, NumPy spends its time between the loops. So they
        are repeated over the axes before it, the batch's excepted, until the loops are long.
        """
        size, axes = shape[-1], 1
        while size < LONG and axes < len(shape) - 1:
            axes += 1
            size *= shape[-axes]
        if axes == 1:
            return values
        line = self.array(name, shape[-axes:], values.dtype)
        np.copyto(line, values)
        return line

    def _constant(
        self, name: str, size: int, dtype: npt.DTypeLike, fill: Callable[[int], Array]
    ) -> Array:
        held = self._own.get(name)
        if held is not None and held.shape == (size,) and held.dtype is dtype:
            return held
        memory = self._memory.get(name)
        held = self._slice(name, (size,), np.dtype(dtype))
        if self._memory[name] is not memory:  # a slice of it has the right values already
            self._memory[name][:] = fill(size)
        return held

    def _slice(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        size, memory = prod(shape), self._memory.get(name)
        if name in self._kept:
            raise KeyError(f"{name!r} is an array that the cache only refers to; take another name")
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = self._memory[name] = aligned(size, dtype)
        held = self._own[name] = memory[:size].reshape(shape)
        return held

    # --- for containers --------------------------------------------------------------------------

    def open(self, name: str, subject: Any = None, *, carry: bool = True) -> Cache:
        """A sub-cache with this cache's mode and random generator; "" adds nothing to the names.

        `subject` is the layer or loss that it is for, of which a recording shows the formulas.

        With carry=False its layers begin anew in each pass, whatever this cache does.
        """
        carry = carry and self.carry
        child = Cache(training=self._training, record=self.record, seed=self.rng, carry=carry)
        child.context, child.frozen = self.context, self.frozen
        child.path = f"{_dotted(self.path)}{name}" if name else self.path
        if self.record and subject is not None:
            child.window = subject.shown_by(subject, Arrays(child))
        self.children[name] = child
        return child

    # --- for everybody ---------------------------------------------------------------------------

    def __setitem__(self, name: str, array: Array) -> None:
        """Keep a reference to an array that somebody else owns."""
        if name in self._memory:
            raise KeyError(f"{name!r} is an array of the cache's own; take another name")
        self._kept[name] = array

    def __getitem__(self, name: str) -> Array:
        """A layer's own array, or, in a recording, one by its full name."""
        held = self._kept.get(name)
        if held is None:
            held = self._own.get(name)
        if held is None:
            self._expect_record(repr(name))
            held = self._below(name)
        if held is None:
            raise KeyError(f"the cache holds no array {name!r}; it holds {', '.join(self.names())}")
        return held

    def __contains__(self, name: object) -> bool:
        self._expect_record(repr(name))
        return any(name == each for each in self)

    def __iter__(self) -> Iterator[str]:
        yield from self._named if self.window is None else self.window
        for prefix, child in self.children.items():
            yield from (_dotted(prefix) + name for name in child)

    def names(self) -> list[str]:
        """The full names of all arrays of a recording."""
        self._expect_record("its arrays")
        return list(self)

    @property
    def _named(self) -> dict[str, Array]:
        return {**self._kept, **self._own}

    def _below(self, name: str) -> Array | None:
        """An array of a sub-cache, as the formulas of its layer have it."""
        for prefix, child in self.children.items():
            if name.startswith(_dotted(prefix)):
                inner = name[len(_dotted(prefix)) :]
                here: Mapping[str, Array] = child._named if child.window is None else child.window
                held = here[inner] if inner in here else child._below(inner)
                if held is not None:
                    return held
        return None

    def _expect_record(self, what: str) -> None:
        if not self.record:
            raise KeyError(
                f"this cache does not show {what}: without record=True, layers write over arrays "
                "that nothing needs any more. Make the pass with Cache(record=True)"
            )

    def forget(self) -> None:
        """End the sequences that `carry` continues: the next pass begins new ones."""
        self.carried.clear()
        for child in self.children.values():
            child.forget()

    @property
    def nbytes(self) -> int:
        """The bytes that it has allocated, sub-caches included."""
        own = sum(memory.nbytes for memory in self._memory.values())
        return own + sum(child.nbytes for child in self.children.values())

    def __repr__(self) -> str:
        mode = "training" if self.training else "inference"
        return f"<Cache for {mode}, {sum(1 for _ in self)} arrays, {self.nbytes:,} bytes>"


class Arrays(Mapping[str, Array]):
    """What a layer has left in its cache, by the names that it gave."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def __getitem__(self, name: str) -> Array:
        kept = self.cache._kept
        return kept[name] if name in kept else self.cache._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.cache._kept, **self.cache._own})

    def __len__(self) -> int:
        return len(self.cache._kept) + len(self.cache._own)


def _dotted(prefix: str) -> str:
    return f"{prefix}." if prefix else ""
