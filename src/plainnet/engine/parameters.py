"""The flat vector: all parameters of a network in one 1-D array, with a named view for each tensor.

Optimizers, clipping, averaging and checkpoints see three vectors and nothing else: the parameters,
their gradients in the same layout, and the running state (saved, never optimised). Tensors that
weight decay shrinks come first, so that decay is the slice `parameters[:n_decaying]`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import described
from plainnet.engine.memory import aligned
from plainnet.errors import SettingError
from plainnet.initializers import Initializer

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One tensor as a layer declares it in `build`.

    `order="F"` stores an `(n_out, n_in)` matrix as `(n_in, n_out)` rows, the layout in which
    `A @ W.T` needs no transposed operand. `initializer=None` leaves the choice to the activation
    that follows.
    """

    name: str
    shape: Shape
    initializer: Initializer | None
    decays: bool = False
    order: Literal["C", "F"] = "C"

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Segment:
    """Where a tensor lies in the flat vector, and how fast it learns and decays.

    The factors multiply the optimizer's rates there: `learning_rate`, of which 0 freezes the
    tensor, and `weight_decay`, which holds for L1 as well.
    """

    name: str
    start: int
    stop: int
    shape: Shape
    order: Literal["C", "F"] = "C"
    learning_rate: float = 1.0
    weight_decay: float = 0.0

    def adjusted(self, learning_rate: float | None, weight_decay: float | None) -> "Segment":
        """The segment with these factors; None leaves one as it is."""
        return replace(
            self,
            learning_rate=self.learning_rate if learning_rate is None else learning_rate,
            weight_decay=self.weight_decay if weight_decay is None else weight_decay,
        )


class FlatVector:
    """One 1-D array and a view into it for each declared tensor, by full name.

    >>> vector = FlatVector({"0.dense.W": Declaration("W", (2, 3), None)}, np.dtype("float32"))
    >>> vector.views["0.dense.W"][1, 2] = 5
    >>> vector.flat
    array([0., 0., 0., 0., 0., 5.], dtype=float32)
    """

    def __init__(self, tensors: Mapping[str, Declaration], dtype: np.dtype[Any]) -> None:
        decaying_first = sorted(tensors.items(), key=lambda item: not item[1].decays)
        self.layout: dict[str, Declaration] = dict(decaying_first)
        self._declared = tuple(tensors)
        self.n_decaying = sum(t.size for t in tensors.values() if t.decays)
        self.flat: Array = aligned(sum(t.size for t in tensors.values()), dtype)
        self.views: Mapping[str, Array] = self._views()

    def segments(self) -> Iterator[Segment]:
        """The tensors in the vector's order."""
        start = 0
        for name, t in self.layout.items():
            decay = 1.0 if t.decays else 0.0
            yield Segment(name, start, start + t.size, t.shape, t.order, weight_decay=decay)
            start += t.size

    def _views(self) -> Mapping[str, Array]:
        return MappingProxyType(
            {
                s.name: self.flat[s.start : s.stop].reshape(s.shape, order=s.order)
                for s in self.segments()
            }
        )

    def initialize(self, rng: np.random.Generator) -> None:
        """Fill every tensor by its initializer, in the order in which the layers declared them."""
        for name in self._declared:
            initializer = self.layout[name].initializer
            if initializer is not None:
                view = self.views[name]
                with np.errstate(over="ignore", invalid="ignore"):
                    numbers = initializer(rng, view.shape)
                    if np.shape(numbers) != view.shape:
                        raise SettingError(
                            f"{initializer!r} must return an array of the shape {view.shape}, for "
                            f"{name}; got {described(numbers)}"
                        )
                    view[...] = numbers
                    fits = np.isfinite(view.sum()) or np.isfinite(view).all()
                if not fits:
                    raise SettingError(
                        f"{name} would begin with numbers that {view.dtype} does not have, by "
                        f"{initializer!r}"
                    )

    # A view does not survive pickle or deepcopy as a view, so only the array and layout travel.
    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "views"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.flat = aligned(state["flat"].size, state["flat"].dtype)
        self.flat[:] = state["flat"]
        self.views = self._views()
