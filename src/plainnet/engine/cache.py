"""The cache: what a forward pass keeps for its backward pass, and the window into it.

A cache holds arrays by name, in one sub-cache per layer, and uses the same memory at every step:
once each array has been asked for at its largest size, a training step allocates nothing.

>>> cache = Cache(training=True)
>>> Z = cache.array("Z", (128, 10), np.float32)
>>> np.shares_memory(cache.array("Z", (128, 10), np.float32), Z)
True
>>> np.shares_memory(cache.array("Z", (30, 10), np.float32), Z)  # a shorter last batch: a slice
True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_generator
from plainnet.engine.memory import aligned
from plainnet.engine.plan import Place, planned
from plainnet.engine.recording import Window
from plainnet.engine.sequences import Carried, Sequences
from plainnet.errors import SettingError, require_boolean

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


PREDICTS = (
    "a Cache(backward=False) keeps nothing for a backward pass: use Cache(training=True) or Cache()"
)


class Memory:
    """Arrays by name, in the same memory whenever they are asked for again."""

    __slots__ = ("_kept", "_memory", "_own")

    def __init__(self) -> None:
        self._own: dict[str, Array] = {}  # views into the memory, in the shapes last asked for
        self._memory: dict[str, Array] = {}
        self._kept: dict[str, Any] = {}  # what somebody else owns, and what is not an array

    def array(self, name: str, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """An array to write into, the same memory at every step; its contents are arbitrary."""
        held = self._own.get(name)
        # Identity settles nearly every call; what it misses, the slower path sorts out.
        if held is not None and held.shape == shape and held.dtype is dtype:
            return held
        return self._slice(name, shape, np.dtype(dtype))

    def _slice(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        size, memory = prod(shape), self._memory.get(name)
        if name in self._kept:
            raise KeyError(f"{name!r} is an array that the cache only refers to; take another name")
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = self._allocate(name, size, dtype)
        held = self._own[name] = memory[:size].reshape(shape)
        return held

    def _allocate(self, name: str, size: int, dtype: np.dtype[Any]) -> Array:
        memory = self._memory[name] = aligned(size, dtype)
        return memory


@dataclass(slots=True)
class Pass:
    """What a whole tree of caches has in common."""

    training: bool
    record: bool
    input_gradient: bool
    backward: bool
    rng: np.random.Generator
    sequences: Sequences = field(default_factory=Sequences)
    rows: int = 0
    """The rows of the last pass, if its backward pass is a separate call; see `Network.forward`."""
    frozen: frozenset[str] = frozenset()
    """The layers that keep their running state while training; see `Network.freeze`."""
    grown: bool = False
    """Whether memory has been allocated since somebody asked."""


class Cache(Memory):
    """Arrays by name, per layer, reused from step to step.

    One cache serves one thread. After a pass with `Cache(record=True)`, `cache["1.relu.A"]` is
    what `A` stands for in the formulas of layer `1.relu`; `cache.names()` lists all names. In any
    other cache, only the layers read what they wrote.

    Parameters
    ----------
    training : bool
        Only in training does dropout drop units and batch normalization use the batch.
    record : bool
        Keep every number of the pass, to be read by name. Otherwise a layer may write over an
        array that nothing reads any more (ReLU over `Z`), which changes no result.
    input_gradient : bool
        Compute the gradient with respect to the data too; see `Network.backward`. A recording
        cache always does.
    seed : int, numpy.random.Generator or None
        The source of the random numbers for dropout.
    carry : bool
        Each pass continues the sequences of the one before: recurrent layers start from their last
        state, attention sees the earlier keys and values, positions continue counting.
    backward : bool
        Whether a backward pass may follow. Without it, what only that reads is not kept, which
        makes prediction faster: so networks predict.
    """

    __slots__ = (
        "_pass",
        "_place",
        "carried",
        "children",
        "layers",
        "layers_back",
        "needs_input_gradient",
        "reuse_gradient",
        "reuse_input",
        "route",
        "watches_backward",
        "watches_forward",
        "window",
    )

    def __init__(
        self,
        *,
        training: bool = False,
        record: bool = False,
        seed: int | np.random.Generator | None = None,
        carry: bool = False,
        input_gradient: bool = False,
        backward: bool = True,
    ) -> None:
        record = require_boolean("record", record)
        if not require_boolean("backward", backward) and (training or record or input_gradient):
            raise SettingError(
                "a cache with backward=False serves prediction alone: not training, record or "
                "input_gradient"
            )
        self._set_up(
            Pass(
                require_boolean("training", training),
                record,
                require_boolean("input_gradient", input_gradient) or record,
                backward,
                as_generator(seed),
            ),
            require_boolean("carry", carry),
            Place(),
        )

    def _set_up(self, shared: Pass, carry: bool, place: Place) -> None:
        super().__init__()
        self._pass, self.place, self.carried = shared, place, Carried(carry)
        self.window: Window | None = None  # of a layer or loss, in a recording
        # The next pass in either direction is checked: it is the first, or it is recorded.
        self.watches_forward = self.watches_backward = True
        self.children: dict[str, Cache] = {}
        # A container's layers, each with its sub-cache, in the order of either pass.
        self.layers: list[tuple[Any, Cache]] = []
        self.layers_back: list[tuple[Any, Cache]] = []
        self.route: Any = None  # what a container works out once about its way through them

    @property
    def place(self) -> Place:
        """The place of its layer. What the place allows is stored, since each layer asks for it."""
        return self._place

    @place.setter
    def place(self, place: Place) -> None:
        self._place = place
        self.reuse_input = place.reuse_input
        self.reuse_gradient = place.reuse_gradient
        self.needs_input_gradient = place.needs_input_gradient

    # The mode is fixed: sub-caches and what may be written over follow from it.

    @property
    def training(self) -> bool:
        shared = self._pass
        if shared.frozen and getattr(self._place.subject, "name", None) in shared.frozen:
            return False
        return shared.training

    @property
    def record(self) -> bool:
        return self._pass.record

    @property
    def input_gradient(self) -> bool:
        return self._pass.input_gradient

    @property
    def backward(self) -> bool:
        """Whether a backward pass may follow."""
        return self._pass.backward

    @property
    def carry(self) -> bool:
        return self.carried.goes_on

    @property
    def rng(self) -> np.random.Generator:
        """The generator of the random numbers for dropout."""
        return self._pass.rng

    @rng.setter
    def rng(self, rng: np.random.Generator) -> None:
        self._pass.rng = rng

    @property
    def rows(self) -> int:
        return self._pass.rows

    @rows.setter
    def rows(self, rows: int) -> None:
        self._pass.rows = rows

    @property
    def sequences(self) -> Sequences:
        """What the layers of this pass share about its sequences."""
        return self._pass.sequences

    @property
    def mask(self) -> Array | None:
        """Which steps of a sequence are data: booleans (m, time), or None for all of them."""
        return self._pass.sequences.mask

    @mask.setter
    def mask(self, mask: Array | None) -> None:
        self._pass.sequences.mask = mask

    # --- for layers ------------------------------------------------------------------------------

    def output(self, name: str, like: Array) -> Array:
        """The array for a forward result of the input's shape: the input itself where allowed."""
        if self.reuse_input:
            self._kept[name] = like
            return like
        return self.array(name, like.shape, like.dtype)

    def gradient(self, name: str, like: Array) -> Array:
        """The array for a gradient of the shape that comes in: that array itself where allowed."""
        if self.reuse_gradient:
            self._kept[name] = like
            return like
        return self.array(name, like.shape, like.dtype)

    def kept(self, name: str, or_in: Array) -> Array:
        """The array for what only a backward pass reads, of the shape of `or_in`.

        Where no backward pass follows, it is `or_in` itself: the layer's output, which a kernel
        must be able to write over it.
        """
        if not self._pass.backward:
            return or_in
        return self.array(name, or_in.shape, or_in.dtype)

    # --- for networks and containers -------------------------------------------------------------

    def begin_pass(self, plan: Place, frozen: frozenset[str]) -> None:
        """Prepare for a pass of a network with this plan; the `frozen` layers keep their state."""
        if self._place is not plan:
            self.lay_out(plan)
        shared = self._pass
        shared.frozen = frozen
        shared.sequences.mask = shared.sequences.source = None
        shared.sequences.masks = ()
        shared.rows = 0

    def lay_out(self, plan: Place) -> None:
        """Make the sub-caches of all places of a plan, and drop those of another plan."""
        self.place = Place()  # until all of it stands: a layer may refuse
        ahead = [self]
        while ahead:
            here = ahead.pop()
            here.children.clear()
            here.carried.clear()
            inner = plan.inner if here is self else here.place.inner
            opened = [(each, here.open(each.name, each)) for each in inner]
            here.layers = [(each.subject, own) for each, own in opened]
            here.layers_back = [(each, own) for each, own in here.layers if own.place.runs_back]
            here.layers_back.reverse()
            here.route = None
            ahead += here.children.values()
        self.place = plan

    def layers_of(self, container: Any) -> list[tuple[Any, Cache]]:
        """A container's layers, each with its sub-cache, in the order of the forward pass."""
        if self._place.subject is not container:  # no network has laid this cache out
            self.lay_out(planned(Place("", container)))
        return self.layers

    def inside(self, container: Any) -> Cache:
        """The sub-cache of a container's only layer."""
        ((_, own),) = self.layers_of(container)
        return own

    def open(self, name: str, place: Place | None = None) -> Cache:
        """A sub-cache with this name in the same pass; "" adds nothing to the names of arrays."""
        place = place or Place(name, path=self.place.within(name))
        child = Cache.__new__(Cache)
        child._set_up(
            self._pass,
            self.carry and place.carries,
            place.recorded() if self.record else place,
        )
        if place.subject is not None:
            if child.carry:
                place.subject.expect_carry(self._pass.training)
            if self.record and name:
                child.window = place.subject.shown_by(place.subject, Arrays(child))
        self.children[name] = child
        return child

    # --- for everybody ---------------------------------------------------------------------------

    def __setitem__(self, name: str, value: Any) -> None:
        """Store an array that somebody else owns, or a value that is not an array."""
        if name in self._memory:
            raise KeyError(f"{name!r} is an array of the cache's own; take another name")
        self._kept[name] = value

    def __getitem__(self, name: str) -> Array:
        """What a layer has stored here, or, in a recording, an array by its full name."""
        if name in self._kept:
            kept: Array = self._kept[name]  # or a value that is not an array
            return kept
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
        ahead: list[tuple[str, Cache]] = [("", self)]
        while ahead:
            prefix, here = ahead.pop()
            yield from (prefix + name for name in here._shown)
            below = [(prefix + _dotted(name), child) for name, child in here.children.items()]
            ahead += reversed(below)

    def names(self) -> list[str]:
        """The full names of all arrays of a recording."""
        self._expect_record("its arrays")
        return list(self)

    @property
    def _shown(self) -> Mapping[str, Array]:
        return Arrays(self) if self.window is None else self.window

    def _below(self, name: str) -> Array | None:
        """An array of a sub-cache, as the formulas of its layer have it."""
        ahead = [(name, child, prefix) for prefix, child in reversed(self.children.items())]
        while ahead:
            name, here, prefix = ahead.pop()
            if name.startswith(_dotted(prefix)):
                inner = name[len(_dotted(prefix)) :]
                if inner in here._shown:
                    return here._shown[inner]
                ahead += [(inner, child, each) for each, child in reversed(here.children.items())]
        return None

    def _expect_record(self, what: str) -> None:
        if not self._pass.backward:
            raise KeyError(f"{what} is not in this cache: {PREDICTS}")
        if not self.record:
            raise KeyError(
                f"this cache does not show {what}: without record=True, layers write over arrays "
                "that nothing needs any more. Make the pass with Cache(record=True)"
            )

    def forget(self) -> None:
        """End the sequences that `carry` continues: the next pass begins new ones."""
        for cache in self._tree():
            cache.carried.clear()

    def resume_state(self) -> dict[str, dict[str, Any]]:
        """What `carry` continues, by the places of the layers that keep it; for `resume`."""
        return {place: dict(cache.carried) for place, cache in self._by_place() if cache.carried}

    def resume(self, state: Mapping[str, Mapping[str, Any]], plan: Place) -> None:
        """Continue the sequences of `resume_state` in passes of a network with this plan."""
        self.lay_out(plan)
        places = dict(self._by_place())
        for place, carried in state.items():
            places[place].carried.update(carried)

    def _by_place(self) -> Iterator[tuple[str, Cache]]:
        ahead = [("", self)]
        while ahead:
            place, here = ahead.pop()
            yield place, here
            ahead += [(f"{place}/{name}", child) for name, child in here.children.items()]

    def _allocate(self, name: str, size: int, dtype: np.dtype[Any]) -> Array:
        self._pass.grown = True
        return super()._allocate(name, size, dtype)

    def _has_grown(self) -> bool:
        """Whether this cache, sub-caches included, has allocated memory since it was last asked."""
        grown, self._pass.grown = self._pass.grown, False
        return grown

    @property
    def nbytes(self) -> int:
        """The number of bytes allocated, including sub-caches."""
        return sum(memory.nbytes for cache in self._tree() for memory in cache._memory.values())

    def _tree(self) -> Iterator[Cache]:
        ahead = [self]
        while ahead:
            here = ahead.pop()
            yield here
            ahead += here.children.values()

    def __repr__(self) -> str:
        mode = "training" if self.training else "inference"
        return f"<Cache for {mode}, {sum(1 for _ in self)} arrays, {self.nbytes:,} bytes>"


class Arrays(Mapping[str, Array]):
    """What a layer has stored in its cache, by the layer's own names."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def __getitem__(self, name: str) -> Array:
        kept = self.cache._kept
        return kept[name] if name in kept else self.cache._own[name]

    def __contains__(self, name: object) -> bool:
        return name in self.cache._own or isinstance(self.cache._kept.get(str(name)), np.ndarray)

    def __iter__(self) -> Iterator[str]:
        kept = (name for name, value in self.cache._kept.items() if isinstance(value, np.ndarray))
        return iter(dict.fromkeys((*kept, *self.cache._own)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _dotted(prefix: str) -> str:
    return f"{prefix}." if prefix else ""
