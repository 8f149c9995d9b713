"""Arrays that belong together row by row: the inputs of a graph, its outputs, its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from plainnet.errors import DataError, SettingError, ShapeError, counted, shown

Array = npt.NDArray[Any]


class Parts:
    """Named arrays of the same number of rows, which are sliced together.

    Like one array, it has a length, which is its number of rows, and `parts[rows]` are some of
    them.

    >>> import numpy as np
    >>> parts = Parts({"a": np.arange(4), "b": np.ones((4, 2))})
    >>> len(parts), parts[1:3].arrays["a"]
    (4, array([1, 2]))
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = dict(arrays)

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, rows: Any) -> Parts:
        return self.map(lambda array: array[rows])

    def map(self, made: Callable[[Any], Any]) -> Parts:
        """The same of each array."""
        return Parts({name: made(array) for name, array in self.arrays.items()})

    def copy(self) -> Parts:
        return self.map(lambda array: array.copy())


def arrays_of(data: Any) -> tuple[Any, ...]:
    """The arrays of Parts, or the one array that it is."""
    return tuple(data.arrays.values()) if isinstance(data, Parts) else (data,)


def like(data: Any, arrays: tuple[Any, ...]) -> Any:
    """These arrays in the form that `data` has: Parts, or one array."""
    if isinstance(data, Parts):
        return Parts(dict(zip(data.arrays, arrays, strict=True)))
    (array,) = arrays
    return array


def by_name(
    what: str,
    names: tuple[str, ...],
    values: Any,
    error: type[DataError | SettingError] = DataError,
) -> dict[str, Any]:
    """Values for these names, in their order, from a mapping or from a tuple in that order.

    `what` is what the caller calls them: "X", "y", "loss".
    """
    if isinstance(values, Parts):
        values = values.arrays
    if isinstance(values, Mapping):
        missing = [name for name in names if name not in values]
        unknown = [str(name) for name in values if name not in names]
        if missing or unknown:
            got = ", ".join(map(str, values)) or "nothing"
            raise error(f"{what} must have {', '.join(names)}; got {got}")
        return {name: values[name] for name in names}
    if isinstance(values, tuple | list) and len(values) == len(names):
        return dict(zip(names, values, strict=True))
    raise error(
        f"{what} must be a dict with {', '.join(names)}, or a tuple of {len(names)} in this order; "
        f"got {shown(values)}"
    )


def only(
    what: str, names: tuple[str, ...], value: Any, error: type[DataError | SettingError] = DataError
) -> Any:
    """The value itself, or what a mapping has under the only name; a list of layers has no name."""
    if not names or not isinstance(value, Mapping):
        return value
    (found,) = by_name(what, names, value, error).values()
    return found


def named_values(what: str, given: Any, of: str) -> list[tuple[Any, Any]]:
    """The items of a dict, or its pairs, as a description in a file has them."""
    if isinstance(given, Mapping):
        return list(given.items())
    pairs = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise SettingError(f"{what} must be a dict of names and {of}; got {shown(given)}")
    return [(name, value) for name, value in pairs]


def expect_same_rows(what: str, parts: Parts) -> None:
    """Refuse arrays of different lengths."""
    lengths = {name: len(array) for name, array in parts.arrays.items()}
    first, *others = lengths.items()
    for name, length in others:
        if length != first[1]:
            raise ShapeError(
                f"{what}[{first[0]!r}] has {counted(first[1], 'row')} and {what}[{name!r}] has "
                f"{length}; they must agree"
            )
