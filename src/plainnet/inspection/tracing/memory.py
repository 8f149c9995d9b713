"""Where a number of a recorded pass came from: an array at the same place in memory.

A layer receives the very array that another layer computed, or a part of it, and a recording
overwrites nothing. So the address of a number shows which layer computed it, through any container.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Held:
    """An array and its owner.

    Attributes
    ----------
    array : Array
    owner : object
        The part that has it.
    name : str
        The owner's name for it.
    """

    array: Array
    owner: Any
    name: str


class Memory:
    """Arrays, indexed by the addresses of their numbers."""

    def __init__(self, made: Sequence[Held]) -> None:
        self.made = [each for each in made if each.array.size and _has_own_places(each.array)]
        bounds = [np.lib.array_utils.byte_bounds(each.array) for each in self.made]
        self._starts, self._stops = np.array(bounds, np.int64).reshape(-1, 2).T

    def at(self, array: Array, index: Index) -> list[tuple[Held, Index]]:
        """All arrays that contain this element of an array, each with its index there."""
        address = _address(array, index)
        found = []
        for i in np.flatnonzero((self._starts <= address) & (address < self._stops)):
            own = _index_of(address, self.made[i].array)
            if own is not None and self.made[i].array.dtype == array.dtype:
                found.append((self.made[i], own))
        return found


def _address(array: Array, index: Index) -> int:
    first: int = array.__array_interface__["data"][0]
    return first + sum(i * stride for i, stride in zip(index, array.strides, strict=True))


def _index_of(address: int, array: Array) -> Index | None:
    """Which element of the array is at this address."""
    index = [0] * array.ndim
    offset = address - array.__array_interface__["data"][0]
    for axis in sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])):
        stride, n = array.strides[axis], array.shape[axis]
        if n > 1:
            index[axis], offset = divmod(offset, stride)
            if not 0 <= index[axis] < n:
                return None
    return None if offset else tuple(index)


def _has_own_places(array: Array) -> bool:
    """Whether each element has a place of its own: nothing is repeated or goes backwards."""
    return all(stride > 0 for stride, n in zip(array.strides, array.shape, strict=True) if n > 1)
