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

from plainnet.engine.formulas import LAYERS, Formula, Formulas, formulas_of

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
        """And back."""
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


class Step(Frame):
    """One step of a sequence, the one at this place of the time axis."""

    window: WindowOfSteps

    def __init__(self, window: WindowOfSteps, t: int) -> None:
        super().__init__(window)
        self.t = t

    def known(self, name: str) -> Any:
        if self.window.has_steps(name):
            return self.window[name][:, self.t]
        return self.window.known(name)

    def inside(self, name: str, index: Index) -> Index:
        return (index[0], *index[2:]) if self.window.has_steps(name) else index

    def outside(self, name: str, index: Index) -> Index:
        return (index[0], self.t, *index[1:]) if self.window.has_steps(name) else index


Made = tuple[Formula, Frame, Index]
"""A formula, the frame in which it speaks, and which element of its result."""


# --- windows --------------------------------------------------------------------------------------


ABOVE = "dY_above"
"""In a recurrent layer, what comes to a step's dY from above the layer, not from a later step."""


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
        self.formulas = formulas
        self.by_name = {formula.result: formula for formula in self.formulas}
        self.on_the_way_back = {formula.result for formula in self.formulas.backward}
        self._frames: dict[int, Frame] = {}

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


class WindowOfSteps(Window):
    """For a recurrent layer, whose formulas speak of one step: each array has a time axis.

    H, and C of an LSTM, are the states before each step, and Y and C_next those after it; dY is the
    whole gradient of Y, from the loss and from the step that follows. A tensor's gradient is that
    of the pass, the sum over all steps. In steps that are masked the states and their gradients go
    through unchanged.

    The subject gives `flow`, the names of each state before and after a step, and `made(arrays)`,
    which of the names a pass has made, (time, m, ...) in the order of the steps.
    """

    def begin(self, A: Array, tensors: Mapping[str, Array], *, training: bool = True) -> None:
        super().begin(A, tensors, training=training)
        self._tensors = set(tensors)

    def end(self, Y: Array) -> None:
        """Y is the state after every step; the layer may return only the last one."""
        self.returned = Y

    def begin_back(self, dY: Array) -> None:
        self.went_back = True
        self._computed.clear()
        self.given_back = dY

    def __iter__(self) -> Iterator[str]:
        states = [n for before, after in self.subject.flow for n in (before, after, f"d{after}")]
        states.append(ABOVE)
        names = dict.fromkeys((*self.noted, *states, *self.by_name, *self.arrays))
        return (name for name in names if name in self)

    def __contains__(self, name: object) -> bool:
        flow = self.subject.flow
        if name == ABOVE or name in self.on_the_way_back:
            return self.went_back
        if any(name == f"d{after}" for _, after in flow):
            return self.went_back
        states = {state for pair in flow for state in pair}
        return any(name in names for names in (self.by_name, states, self.noted, self.arrays))

    def __getitem__(self, name: str) -> Array:
        if name in self.noted:
            return self.noted[name]
        if name not in self:
            raise KeyError(name)
        if not self._computed:
            steps = self._forward()
            if self.went_back:
                steps |= self._backward(steps)
            self._computed = {n: self.cast(self._in_order(each)) for n, each in steps.items()}
        return self._computed[name] if name in self._computed else self.arrays[name]

    def _in_order(self, steps: Array) -> Array:
        """(time, m, ...) in the order of the steps as (m, time, ...) in that of the input."""
        return (steps[::-1] if self.subject.reverse else steps).swapaxes(0, 1)

    def _settings(self) -> dict[str, Any]:
        return {**vars(self.subject), **{name: self.noted[name] for name in self._tensors}}

    def _forward(self) -> dict[str, Array]:
        """All steps at once: the states before them are known."""
        steps = {name: np.array(each) for name, each in self.subject.made(self.arrays).items()}
        A = self.noted[self.formulas.input].swapaxes(0, 1)
        steps["A"] = A[::-1] if self.subject.reverse else A
        time, m = steps["H"].shape[:2]
        known = self._settings()
        known |= {name: each.reshape(time * m, -1) for name, each in steps.items()}
        for formula in self.formulas.forward:
            if formula.result not in known:
                known[formula.result] = formula.evaluate(known)
                steps[formula.result] = known[formula.result].reshape(time, m, -1)
        return steps

    def _backward(self, steps: dict[str, Array]) -> dict[str, Array]:
        """From the last step to the first, each with what comes from the step after it."""
        flow, time = self.subject.flow, len(steps["H"])
        padded = self.arrays["padded"]
        formulas = [f for f in self.formulas.backward if f.result[1:] not in self._tensors]
        through = {f"d{before}": f"d{after}" for before, after in flow}
        coming = {before: np.zeros_like(steps["H"][0]) for before, _ in flow}
        found: list[dict[str, Array]] = []
        for t in reversed(range(time)):
            step = {f"d{after}": coming[before] for before, after in flow}
            step[ABOVE] = self._from_above(t, time, padded)
            step["dY"] = step["dY"] + step[ABOVE]
            known = self._settings() | {name: each[t] for name, each in steps.items()} | step
            for formula in formulas:
                value = formula.evaluate(known)
                if padded is not None:
                    unchanged = through.get(formula.result)
                    value = np.where(padded[t], known[unchanged] if unchanged else 0, value)
                step[formula.result] = known[formula.result] = value
            coming = {before: step[f"d{before}"] for before, _ in flow}
            found.append(step)
        return {name: np.stack([step[name] for step in reversed(found)]) for name in found[0]}

    def _from_above(self, t: int, time: int, padded: Array | None) -> Array:
        """The gradient that comes to a step's state from above the layer, not from a later step."""
        if not self.subject.return_sequences:
            return self.given_back if t == time - 1 else np.zeros_like(self.given_back)
        here = self.given_back[:, time - 1 - t if self.subject.reverse else t]
        return here if padded is None else np.where(padded[t], 0, here)

    # --- how an element is made ------------------------------------------------------------------

    def has_steps(self, name: str) -> bool:
        """Whether the array of this name has a time axis."""
        return name in self and name.removeprefix("d") not in self._tensors

    @property
    def steps(self) -> range:
        """The places on the time axis, in the order in which the states are made."""
        steps = range(self.noted[self.formulas.input].shape[1])
        return steps[::-1] if self.subject.reverse else steps

    def _make_frame(self, t: int) -> Frame:
        return Step(self, t)

    def made(self, name: str, index: Index) -> list[Made]:
        if name not in self or name in self._tensors:
            return []
        if not self.has_steps(name):  # a tensor's gradient: each step has its share
            if name in self.by_name:
                return [(self.by_name[name], self.frame(t), index) for t in self.steps]
            return self._made_at_the_start(name, index)
        i, t, *rest = index
        order = self.steps.index(t)
        if name in self.by_name:
            formula = self._at_step(name, i, order)
            return [] if formula is None else [(formula, self.frame(t), (i, *rest))]
        return self._passed_on(name, order, (i, *rest))

    def passed_on_to(self, name: str, index: Index) -> Iterator[tuple[str, Index]]:
        """The states and gradients of other steps that an element is handed on as."""
        if not self.has_steps(name):
            places = [(i, self.steps[0], *index) for i in range(len(self["H"]))]
        else:
            places = [(index[0], t, *index[2:]) for t in self.steps]
        flow = [n for before, after in self.subject.flow for n in (before, f"d{after}")]
        if self.has_steps(name):  # in a masked step, a state is handed on to the next at once
            ends = [n for before, after in self.subject.flow for n in (after, f"d{before}")]
            order = self.steps.index(index[1])
            for other in ends:
                formula = self._at_step(other, index[0], order) if other in self else None
                if formula is not None and formula.plain == name:
                    yield other, index
        flow += [f"d{state}0" for state in self.subject.states if f"d{state}0" in self]
        for other in flow:
            if other in self and not self.has_steps(other):
                is_first = self.has_steps(name) and index[1] == self.steps[0]
                if is_first and self.arrays["learned"] and name == f"d{self._before(other)}":
                    yield other, index[2:]
                continue
            for place in places if other in self else ():
                for formula, frame, inner in self.made(other, place):
                    if formula.plain == name and frame.outside(name, inner) == index:
                        yield other, place

    def _before(self, gradient: str) -> str:
        """What the formulas call the state that begins as h0, from the name of its gradient."""
        names: dict[str, str] = {
            state: before
            for state, (before, _) in zip(self.subject.states, self.subject.flow, strict=True)
        }
        return names[gradient[1:-1]]

    def _made_at_the_start(self, name: str, index: Index) -> list[Made]:
        """The gradient of a state that is learned: that of the first step, of all sequences."""
        for state, (before, _) in zip(self.subject.states, self.subject.flow, strict=True):
            if name == f"d{state}0" and self.arrays["learned"]:
                formula = Formula(name, f"d{before}.sum(axis=0)", rf"{name} = \sum_i d{before}_i")
                return [(formula, self.frame(self.steps[0]), index)]
        return []

    def _at_step(self, name: str, i: int, order: int) -> Formula | None:
        """The formula at this step; in one that is masked, only states go through, unchanged."""
        padded = self.arrays["padded"]
        if padded is None or not padded[order, i, 0]:
            return self.by_name[name]
        through = {after: before for before, after in self.subject.flow}
        through |= {f"d{before}": f"d{after}" for after, before in through.items()}
        same = through.get(name, "0" if name in self.on_the_way_back else "")
        return Formula(name, same, f"{name} = {same}") if same else None

    def _passed_on(self, name: str, order: int, inner: Index) -> list[Made]:
        """A state from the step before; a gradient from the step after, and from above."""
        steps = self.steps
        for state, (before, after) in zip(self.subject.states, self.subject.flow, strict=True):
            if name == before and order:
                return [(Formula(name, after, ""), self.frame(steps[order - 1]), inner)]
            if name == before and f"{state}0" in self._tensors and self.arrays["learned"]:
                return [(Formula(name, f"{state}0", ""), self.frame(steps[0]), inner[1:])]
            if name == f"d{after}":
                later, above = f"d{before}", ABOVE if after == "Y" else ""
                parts = []
                if order + 1 < len(steps):
                    parts.append((Formula(name, later, ""), self.frame(steps[order + 1]), inner))
                if above and (self.subject.return_sequences or order + 1 == len(steps)):
                    parts.append((Formula(name, ABOVE, ""), self.frame(steps[order]), inner))
                return parts
        return []
