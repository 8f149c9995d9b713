"""Which numbers of one part come from another: values passed on, and gradients added up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

import numpy.typing as npt

from plainnet.engine.recorded_steps import ABOVE, WindowOfSteps
from plainnet.inspection.tracing.memory import Held, Memory
from plainnet.inspection.tracing.parts import Part
from plainnet.inspection.tracing.terms import Index
from plainnet.inspection.tracing.uses import Place, Uses

Array = npt.NDArray[Any]


class Links:
    """The links between the parts of a pass, and from its data.

    Parameters
    ----------
    parts : mapping of str to Part
        By their paths.
    data : mapping of str to array
        By their names.
    """

    def __init__(self, parts: Mapping[str, Part], data: Mapping[str, Array]) -> None:
        self.parts, self.data = parts, data

    @cached_property
    def passing(self) -> list[Part]:
        """The parts of the pass itself, without the updates."""
        return [part for part in self.parts.values() if part.kind != "update"]

    @cached_property
    def forward(self) -> Memory:
        """The arrays of the data and the forward pass."""
        made = [Held(array, None, name) for name, array in self.data.items()]
        return Memory(made + [each for p in self.passing for each in p.made(backward=False)])

    @cached_property
    def backward(self) -> Memory:
        """The arrays of the backward pass."""
        return Memory([each for part in self.passing for each in part.made(backward=True)])

    @cached_property
    def read(self) -> Memory:
        """The arrays that each part reads from others and returns a gradient for."""
        return Memory([Held(p.window[name], p, name) for p in self.passing for name in p.read()])

    @cached_property
    def _uses(self) -> Uses:
        return Uses(list(self.parts.values()))

    # --- where it came from ----------------------------------------------------------------------

    def origin(self, part: Part, name: str, index: Index) -> tuple[Part | None, str, Index] | None:
        """The part that computed an element passed to a part; None if no part did.

        For data, the part is None.
        """
        if part.kind == "update":
            return self._origin_of_update(part, name, index)
        place = part.window.place(name, index)
        if place is None:
            return None
        window = part.window
        gradients = {*window.on_the_way_back, *part.handed("backward"), ABOVE}
        backward = name in gradients or (name in window.from_inside and name.startswith("d"))
        found: list[tuple[bool, int, Held, Index]] = []
        memory = self.backward if backward else self.forward
        for made, own in memory.at(*place):
            owner: Part | None = made.owner
            if owner is None:
                found.append((False, -1, made, own))
            elif owner is not part and self._may_come_from(part, name, owner, made.name, backward):
                nearness = -owner.begin if backward else owner.end
                found.append((owner.is_evaluable(made.name), nearness, made, own))
        if not found:
            return self._handed_on(part, place, backward)
        *_, made, own = max(found, key=lambda each: each[:2])
        if made.owner is None:
            return None, made.name, own
        inner = made.owner.window.own_index(made.name, own)
        # What a recurrent layer returns for a masked step is not its state.
        alike = _same(made.owner.window[made.name][inner], window[name][index])
        return (made.owner, made.name, inner) if alike else None

    def _handed_on(
        self, part: Part, place: tuple[Array, Index], backward: bool
    ) -> tuple[Part, str, Index] | None:
        """Which container around the part was handed this element, and handed it on."""
        around = [each for each in self.passing if each.holds(part)]
        for owner in reversed(around):
            direction = "backward" if backward else "forward"
            handed = [Held(owner.window[n], owner, n) for n in owner.handed(direction)]
            for made, own in Memory(handed).at(*place):
                return owner, made.name, own
        return None

    def _may_come_from(self, part: Part, name: str, owner: Part, made: str, backward: bool) -> bool:
        """Whether the owner had made it when the part was handed it."""
        if name in part.window.by_name or name in part.window.from_inside:
            return part.holds(owner)
        if owner.holds(part):  # what a container hands on to the layers inside it
            return owner.is_evaluable(made) and made not in owner.returned("forward")
        return owner.begin > part.end if backward else owner.end < part.begin

    def _origin_of_update(
        self, part: Part, name: str, index: Index
    ) -> tuple[Part | None, str, Index] | None:
        tensor = part.path.removeprefix("update.")
        path, _, local = tensor.rpartition(".")
        owner = self.parts.get(path)
        wanted = {"p": local, "dp": f"d{local}"}.get(name)
        if owner is None or wanted is None or wanted not in owner.window:
            return None
        alike = _same(owner.window[wanted][index], part.window[name][index])
        return (owner, wanted, index) if alike else None  # a shared layer's is a sum

    def readers(self, part: Part, name: str, index: Index) -> list[Place]:
        """The gradients returned by all readers of a part's output.

        Their sum is the gradient of the output: the chain rule for a value used more than once.
        """
        if part.kind == "update":
            return self._places_of_shared(part, name, index)
        inside = name in part.window.on_the_way_back and not part.is_evaluable(name)
        if not inside and name not in part.handed("backward") and name != ABOVE:
            return []
        place = part.window.place("Y" if name == ABOVE else name[1:], index)
        if place is None:
            return []
        found = [
            (made.owner, made.name, own)
            for made, own in self.read.at(*place)
            if (part.holds(made.owner) if inside else made.owner.begin > part.end)
        ]
        outer = [each for each in found if not any(o[0].holds(each[0]) for o in found)]
        return [(owner, f"d{read}", own) for owner, read, own in outer]

    def _places_of_shared(self, part: Part, name: str, index: Index) -> list[Place]:
        """The gradients of a tensor at each place of a layer that stands in several."""
        tensor = part.path.removeprefix("update.")
        path, _, local = tensor.rpartition(".")
        if name != "dp" or path not in self.parts:
            return []
        layer = self.parts[path].window.subject
        alike = [each for each in self.passing if each.window.subject is layer]
        return [(each, f"d{local}", index) for each in alike]

    # --- on to what is made of it ----------------------------------------------------------------

    def uses(
        self, part: Part | None, name: str, index: Index, is_it: Callable[[Part, str, Index], bool]
    ) -> list[Place]:
        """The elements that formulas compute from this one; it belongs to the data if part is None.

        `is_it` tells whether another part's element at the same address is this number.
        """
        if part is None:
            return self._uses.of((self.data[name], index), [], is_it)
        known: list[Place] = [(part, name, index)]
        layer = part.window.subject
        if name in _tensors(part):  # each place of a shared layer reads it
            known = [(each, name, index) for each in self.passing if each.window.subject is layer]
        update = self._update_of(part, name)
        if update is not None and self.origin(*update, index) is not None:
            known.append((*update, index))
        return self._uses.of(part.window.place(name, index), known, is_it)

    def sums(self, part: Part, name: str, index: Index) -> list[Place]:
        """The gradients that may be sums over all readers, with this element as one term."""
        update = self._update_of(part, name)
        if update is not None and self.origin(*update, index) is None:
            return [(*update, index)]
        read = name.removeprefix("d")
        place = part.window.place(read, index) if name != read and read in part.read() else None
        if place is None:
            return []
        makers = [each for each in self.forward.at(*place) if each[0].owner is not None]
        around = [each for each in self.read.at(*place) if each[0].owner.holds(part)]
        found = []
        for made, own in makers + around:
            owner, is_recurrent = made.owner, isinstance(made.owner.window, WindowOfSteps)
            gradient = ABOVE if is_recurrent else f"d{made.name}"
            if gradient in owner.window and not owner.is_evaluable(gradient):
                found.append((owner, gradient, owner.window.own_index(made.name, own)))
        return found

    def _update_of(self, part: Part, name: str) -> tuple[Part, str] | None:
        """Where an optimizer changes a tensor, and what its formulas call it or its gradient."""
        tensor = name.removeprefix("d")
        update = self.parts.get(f"update.{getattr(part.window.subject, 'name', '')}.{tensor}")
        if update is None or tensor not in _tensors(part):
            return None
        return update, "p" if name == tensor else "dp"


def _tensors(part: Part) -> Collection[str]:
    tensors: Collection[str] = getattr(part.window.subject, "declared", ())
    return tensors


def _same(one: Any, other: Any) -> bool:
    """Whether two numbers are the same; NaN is NaN."""
    return bool(one == other or (one != one and other != other))
