"""coefs_ and intercepts_: lists of views, into which arrays can be assigned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from plainnet.arguments import as_array
from plainnet.errors import DataError, SettingError, ShapeError

Array = npt.NDArray[Any]


class Tensors(list[Array]):
    """One tensor of each layer, as a view: what is assigned to an element goes into the network.

    Copies and pickles of it are plain lists of arrays.
    """

    def __init__(self, name: str, views: Iterable[Array]) -> None:
        super().__init__(views)
        self.name = name

    def __setitem__(self, index: Any, value: Any) -> None:
        several = isinstance(index, slice)
        places = range(len(self))[index] if several else [range(len(self))[index]]
        write(self.name, self, value if several else [value], places)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise SettingError(f"{self.name} has one array for each layer, neither more nor fewer")

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __delitem__ = __iadd__ = __imul__ = _refuse


def listed(name: str, values: Any) -> list[Any]:
    """The arrays of a list of them."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise SettingError(f"{name} must be a list of arrays, one for each layer; got {values!r}")
    return list(values)


def write(name: str, views: Sequence[Array], values: Any, places: Iterable[int]) -> None:
    """Write the arrays into the views at these places, all of them or, after an error, none."""
    places, values = list(places), listed(name, values)
    if len(values) != len(places):
        raise ShapeError(
            f"{name} must be {len(places)} arrays, one for each layer; got {len(values)}"
        )
    fitting = [
        _fitting(f"{name}[{i}]", value, views[i]) for i, value in zip(places, values, strict=True)
    ]
    for i, array in zip(places, fitting, strict=True):
        views[i][...] = array


def _fitting(name: str, value: Any, view: Array) -> Array:
    """A copy of the array in the view's dtype."""
    array = as_array(name, value)
    if array.shape != view.shape:
        turned = "; pass its transpose" if array.shape == view.shape[::-1] else ""
        raise ShapeError(f"{name} must have the shape {view.shape}; got {array.shape}{turned}")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be real numbers; got dtype {array.dtype}")
    with np.errstate(over="ignore"):
        array = array.astype(view.dtype)
    if not np.isfinite(array).all():
        raise DataError(f"{name} must be finite in {view.dtype}; it holds NaN or infinity")
    return array
