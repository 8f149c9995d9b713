"""What a recording cache shows of one layer or loss: every name of its formulas, as they say it.

A pass leaves some of these arrays in the cache, bit for bit what training computes. Others it never
makes: they lie between two steps that the code takes at once. These are computed when they are
asked for, by the formula itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import LAYERS, Formula, Formulas, expect_expression, formulas_of

Array = npt.NDArray[Any]
Index = tuple[int, ...]

# --- in which axes a formula speaks ---------------------------------------------------------------


class Frame:
    """What the names in a window's formulas stand for, and the axes that they have there."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def known(self, name: str) -> Any:
        """What a name in a formula stands for: an array, or a setting."""
        return self.window.known(name)

    def inside(self, name: str, index: Index) -> Index:
        """Where an element of the window's array of this name is in that of the formula."""
        return index

    def outside(self, name: str, index: Index) -> Index:
        """Where an element of the formula's array is in the window's."""
        return index


class Rows(Frame):
    """All axes of the layer's input but the last are one."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.axes = window.noted[window.formulas.input].shape[:-1]

    def known(self, name: str) -> Any:
        value = self.window.known(name)
        if self._is_spread(value):
            return value.reshape(-1, *value.shape[len(self.axes) :])
        return value

    def inside(self, name: str, index: Index) -> Index:
        n = len(self.axes)
        if not self._is_spread(self.window[name]):
            return index
        return int(np.ravel_multi_index(index[:n], self.axes)), *index[n:]

    def outside(self, name: str, index: Index) -> Index:
        if not self._is_spread(self.window[name]):
            return index
        return *map(int, np.unravel_index(index[0], self.axes)), *index[1:]

    def _is_spread(self, value: Any) -> bool:
        n = len(self.axes)
        return isinstance(value, np.ndarray) and value.ndim > n and value.shape[:n] == self.axes


Made = tuple[Formula, Frame, Index]
"""A formula, the frame in which it speaks, and which element of its result."""


# --- windows --------------------------------------------------------------------------------------


class Window(Mapping[str, Array]):
    """One layer's or loss's part of a recorded pass, by the names in its formulas.

    `arrays` are those that it left in its cache. What it was handed and what it returned is noted
    from outside, with copies of its tensors, which the next step of an optimizer changes.
    """

    unknown = Formulas("A", "Y", (), ())
    """For a custom layer without formulas: only its input and output have names."""

    def __init__(self, subject: Any, arrays: Mapping[str, Array]) -> None:
        self.subject = subject
        self.arrays = arrays
        self.noted: dict[str, Array] = {}
        self.from_inside: set[str] = set()
        self.went_back = False
        self._computed: dict[str, Array] = {}
        self._take(formulas_of(subject, self.unknown, training=True))

    def _take(self, formulas: Formulas) -> None:
        """Speak in these formulas."""
        self._frames: dict[int, Frame] = {}
        if formulas is getattr(self, "formulas", None):
            return
        for formula in formulas:
            expect_expression(formula, type(self.subject).__name__)
        self.formulas = formulas
        self.by_name = {formula.result: formula for formula in self.formulas}
        self.on_the_way_back = {formula.result for formula in self.formulas.backward}

    # --- what a pass notes -----------------------------------------------------------------------

    def begin(self, A: Array, tensors: Mapping[str, Array], *, training: bool = True) -> None:
        """Before forward."""
        self._take(formulas_of(self.subject, self.unknown, training=training))
        self.went_back = False
        self._computed.clear()
        self.noted = {name: tensor.copy() for name, tensor in tensors.items()}
        self.noted |= named(self.formulas.input, A)

    def end(self, Y: Array) -> None:
        """After forward."""
        self.noted |= named(self.formulas.output, Y)

    def begin_back(self, dY: Array) -> None:
        """Before backward."""
        self.went_back = True
        self._computed.clear()
        self.noted |= named(f"d{self.formulas.output}", dY)

    def end_back(self, dA: Array, gradients: Mapping[str, Array]) -> None:
        """After backward."""
        self.noted |= {f"d{name}": gradient.copy() for name, gradient in gradients.items()}
        self.noted |= named(f"d{self.formulas.input}", dA)

    def note(self, name: str, array: Array) -> None:
        """Show an array that the formulas name and the cache does not hold."""
        self.noted[name] = array

    def note_inner(self, name: str, array: Array) -> None:
        """The same of an array that something inside has made."""
        self.noted[name] = array
        self.from_inside.add(name)

    # --- what is read ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        """All names that can be read now."""
        names = dict.fromkeys((*self.noted, *self.by_name, *self.arrays))
        return (name for name in names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        """Whether it is there, or could be computed; nothing is."""
        if name in self.noted:
            return True
        if name in self.on_the_way_back and not self.went_back:
            return False
        if name in self.arrays:
            return True
        formula = self.by_name.get(str(name))
        return formula is not None and all(
            each in self or self._is_setting(each) for each in formula.names
        )

    def __getitem__(self, name: str) -> Array:
        """The array of this name; KeyError where the pass has none."""
        if name in self.noted:
            return self.noted[name]
        if name in self.on_the_way_back and not self.went_back:
            raise KeyError(name)
        if name in self.arrays:
            return self.arrays[name]
        if name not in self._computed:
            self._computed[name] = self.compute(name)
        return self._computed[name]

    def compute(self, name: str) -> Array:
        """A formula's result, from the names in it."""
        formula = self.by_name[name]
        return self.cast(formula.evaluate({each: self.known(each) for each in formula.names}))

    def known(self, name: str) -> Any:
        """What a name in a formula stands for: an array of the pass, or a setting."""
        return getattr(self.subject, name) if self._is_setting(name) else self[name]

    def _is_setting(self, name: str) -> bool:
        own = name in self.noted or name in self.by_name
        return not own and hasattr(self.subject, name)

    # --- how an element is made ------------------------------------------------------------------

    def made(self, name: str, index: Index) -> list[Made]:
        """What makes this element: a formula, or several whose results are added up, or none."""
        formula = self.by_name.get(name)
        if formula is None or formula.names & LAYERS:
            return []
        frame = self.frame()
        return [(formula, frame, frame.inside(name, index))]

    @property
    def held(self) -> Mapping[str, Array]:
        """The arrays that the pass has left, as they lie in memory."""
        return {**self.arrays, **self.noted}

    def place(self, name: str, index: Index) -> tuple[Array, Index] | None:
        """Where an element lies in memory; None for what was computed when it was asked for."""
        held = self.held
        return (held[name], index) if name in held else None

    def own_index(self, name: str, index: Index) -> Index:
        """The index of an element that lies in memory at this one, in the array of this name."""
        return index

    def frame(self, t: int = 0) -> Frame:
        """Of the formulas; of those of step t, where they speak of one step."""
        if t not in self._frames:
            self._frames[t] = self._make_frame(t)
        return self._frames[t]

    def _make_frame(self, t: int) -> Frame:
        return Frame(self)

    def cast(self, result: Any) -> Array:
        """In the dtype of the pass: Python's numbers and counting make float64 of float32."""
        array = np.asarray(result)
        if array.dtype.kind != "f":
            return array
        floats = (each.dtype for each in self.noted.values() if each.dtype.kind == "f")
        return array.astype(next(floats, array.dtype), copy=False)


def named(name: str, arrays: Array | tuple[Array, ...]) -> dict[str, Array]:
    """An array by its name; several, as a layer with several inputs has them, by A_1, A_2 ..."""
    if isinstance(arrays, tuple):
        return {f"{name}_{i}": array for i, array in enumerate(arrays, 1)}
    return {name: arrays}


class WindowOfRows(Window):
    """For a layer whose formulas speak of rows: all axes of the input but the last are one."""

    def _make_frame(self, t: int) -> Frame:
        return Rows(self)

    def compute(self, name: str) -> Array:
        formula, frame = self.by_name[name], self.frame()
        result = self.cast(formula.evaluate({each: frame.known(each) for each in formula.names}))
        axes = self.noted[self.formulas.input].shape[:-1]
        if len(axes) > 1 and result.ndim == 2 and len(result) == prod(axes):
            return result.reshape(*axes, result.shape[1])
        return result


class WindowOfLoss(Window):
    """For a loss: after its own formulas come those of the mean, L, over the examples.

    On the way back, dL is the gradient of the sum of their losses, and dZ that of the mean.
    """

    unknown = Formulas("Z", "losses", (), ())

    def begin(self, A: Array, tensors: Mapping[str, Array], *, training: bool = True) -> None:
        super().begin(A, tensors, training=training)
        own = self.formulas
        mean, gradient = mean_of_losses(A.ndim, tensors.get("w"))
        self._take(Formulas(own.input, own.output, (*own.forward, mean), (*own.backward, gradient)))

    def end_mean(self, loss: float) -> None:
        """After the mean."""
        self.noted["L"] = self.cast(loss)

    def begin_back(self, dY: Array) -> None:
        super().begin_back(dY)
        self.noted["dL"] = self.noted.pop(f"d{self.formulas.output}")


def mean_of_losses(ndim: int, w: Array | None) -> tuple[Formula, Formula]:
    """The mean over the examples, with their weights w, and its gradient, an array of `ndim`."""
    if w is not None and not w.any():  # a batch of which nothing counts
        return Formula("L", "0 * losses.sum()", "L = 0"), Formula("dZ", "0 * dL", "dZ = 0")
    if w is None:
        return (
            Formula("L", "losses.mean()", r"L = \tfrac1m \sum_i L_i"),
            Formula("dZ", "dL / len(losses)", r"dZ = \tfrac1m\, dL"),
        )
    share = f"(w / w.sum()).reshape(-1{', 1' * (ndim - 1)})"
    return (
        Formula("L", "(w * losses).sum() / w.sum()", r"L = \sum_i w_i L_i \,/ \sum_i w_i"),
        Formula("dZ", f"{share} * dL", r"dZ_i = \frac{w_i}{\sum_j w_j}\, dL_i"),
    )
