"""Central differences, and the result of a gradient check with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.engine.tables import Table

Array = npt.NDArray[Any]

STEP = 1e-5
RIGHT, WRONG = "right", "WRONG"


class Element(NamedTuple):
    """An element of a gradient: its index, the gradient under test, and central differences."""

    place: tuple[int, ...]
    analytic: float
    numeric: float


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """The relative error of each gradient: max |analytic - numeric| / max(|analytic|, |numeric|).

    It is printed as a table with a verdict on each gradient, also in a notebook.

    Attributes
    ----------
    errors : {name: float}
        For every parameter, and for the input.
    tolerance : float
        The largest relative error that passes.
    worst : {name: (place, analytic, numeric)}
        The element with the largest error.
    """

    errors: dict[str, float]
    tolerance: float
    worst: dict[str, Element] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether all errors are within the tolerance."""
        return all(error <= self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        width = max(map(len, self.errors), default=0)
        lines = [f"{name:<{width}}  {error:>8}  {verdict}{where}"
                 for name, error, verdict, where in self._rows()]  # fmt: skip
        return "\n".join([self._title(), *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from plainnet.inspection.markup import judged, output, paragraph, table

        rows = [
            (name, error, judged(verdict, where, right=verdict == RIGHT))
            for name, error, verdict, where in self._rows()
        ]
        titles = ("gradient", "relative error", "verdict")
        listed = table(Table(titles, rows, numbers=titles[1:2]))
        return output(paragraph(self._title()), listed)

    def _title(self) -> str:
        return f"relative error of the gradients (tolerance {self.tolerance:g})"

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The name, the error, the verdict and, if it is wrong, where."""
        for name, error in self.errors.items():
            right = error <= self.tolerance
            yield name, f"{error:.1e}", *((RIGHT, "") if right else (WRONG, self._where(name)))

    def _where(self, name: str) -> str:
        if name not in self.worst:
            return ""
        place, analytic, numeric = self.worst[name]
        return f"{at(place)}: {instead(analytic, numeric)}"


def at(place: tuple[int, ...]) -> str:
    """A place in an array, after a verb; nothing for a number."""
    return f" at [{', '.join(map(str, place))}]" if place else ""


def instead(given: float, expected: float) -> str:
    """Both numbers, with enough digits to tell them apart."""
    for digits in (4, 6, 9, 17):
        texts = [f"{number:.{digits}g}" for number in (given, expected)]
        if texts[0] != texts[1]:
            break
    return f"{texts[0]} instead of {texts[1]}"


def relative_error(
    loss: Callable[[], float],
    variable: Array,
    analytic: Array,
    smallest: float,
    samples: int | None,
    rng: np.random.Generator,
    *,
    scaled_step: bool = False,
) -> tuple[float, Element]:
    """The largest difference from central differences, relative to the largest gradient; its index.

    If the largest gradient is below `smallest`, `smallest` is used instead. A scaled step grows
    with numbers above 1; below 1, a proportional step is tried too if rounding leaves it enough
    digits: x^3 bends too much within 1e-5 of 1e-3, and 1e-6 - 1e-5 has no logarithm.
    """

    def difference(index: tuple[int, ...], step: float) -> float:
        kept = variable[index]
        with np.errstate(divide="ignore", invalid="ignore"):
            variable[index] = kept + step
            above = loss()
            variable[index] = kept - step
            below = loss()
        variable[index] = kept
        return (above - below) / (2 * step)

    places = np.arange(variable.size)
    if samples is not None and samples < variable.size:
        places = rng.choice(variable.size, samples, replace=False)
    elements = [Element((), 0.0, 0.0)]
    for place in places:
        index = tuple(map(int, np.unravel_index(place, variable.shape)))
        size, exact = abs(float(variable[index])), float(analytic[index])
        numeric = difference(index, STEP * max(1.0, size) if scaled_step else STEP)
        visible = max(abs(exact), abs(numeric)) if isfinite(numeric) else abs(exact)
        if scaled_step and 0 < size < 1 and smallest <= visible * size:
            closer = difference(index, STEP * size)
            if not abs(numeric - exact) <= abs(closer - exact):
                numeric = closer
        elements.append(Element(index, exact, numeric))
    # NumPy's maximum, unlike Python's, is NaN if one of the numbers is.
    largest = float(np.max(np.abs([element[1:] for element in elements])))
    differences = [abs(numeric - analytic) for _, analytic, numeric in elements]
    worst = int(np.argmax(differences))
    error = differences[worst]
    return error / max(largest, smallest) if error != 0 else 0.0, elements[worst]
