"""What a network's file holds besides the network, so that its training can be resumed.

    training     JSON text: a tree of objects, lists, numbers and texts
    training.*   the arrays in that tree, each an array of the file, named by its place

Like the rest of the file, it is data: reading it runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError, shown
from plainnet.files.archive import Archive
from plainnet.files.kinds import Unreadable

Array = npt.NDArray[Any]

MEMBER = "training"
ARRAY = "__array__"
"""In the text, {ARRAY: name} stands for the array with this name."""


def packed(tree: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of the file that hold a tree of JSON values and arrays."""
    arrays: dict[str, Array] = {}

    def without_arrays(value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                raise SettingError(f"{name} holds Python objects, which a file cannot hold")
            while name in arrays:
                name += "_"
            arrays[name] = np.asarray(value, order="C")  # an archive holds rows
            return {ARRAY: name}
        if isinstance(value, Mapping):
            return {str(key): without_arrays(item, f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [without_arrays(item, f"{name}.{i}") for i, item in enumerate(value)]
        if isinstance(value, np.generic):
            return value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise SettingError(f"a file cannot hold {name}: {shown(value)} is not data for JSON")

    text = json.dumps(without_arrays(tree, MEMBER))
    return {MEMBER: np.array(text), **arrays}


def unpacked(archive: Archive) -> Any:
    """The tree that `packed` was given: tuples as lists, and all keys as text."""
    read: set[str] = set()

    def with_arrays(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {ARRAY}:
                name = value[ARRAY]
                if not isinstance(name, str) or not name.startswith(f"{MEMBER}."):
                    raise Unreadable(f"its {MEMBER} names the array {shown(name)}")
                if name in read:  # a short text must not ask for a large array again and again
                    raise Unreadable(f"its {MEMBER} names the array {name} twice")
                read.add(name)
                return archive.array(name)
            return {key: with_arrays(item) for key, item in value.items()}
        if isinstance(value, list):
            return [with_arrays(item) for item in value]
        return value

    return with_arrays(archive.json(MEMBER))
