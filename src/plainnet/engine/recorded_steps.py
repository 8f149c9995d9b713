"""What a recording cache shows of a recurrent layer, whose formulas speak of one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.recording import Frame, Index, Made, Window

Array = npt.NDArray[Any]

ABOVE = "dY_above"
"""In a recurrent layer, what comes to a step's dY from above the layer, not from a later step."""


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

    @property
    def held(self) -> Mapping[str, Array]:
        """What came in and went out; the arrays of the steps have other axes in the cache."""
        back = {ABOVE: self.given_back} if self.went_back else {}
        return {**self.noted, "Y": self.returned, **back}

    def place(self, name: str, index: Index) -> tuple[Array, Index] | None:
        if name in ("Y", ABOVE) and not self.subject.return_sequences:
            i, t, *rest = index
            if t != self.steps[-1]:
                return None
            index = (i, *rest)
        return super().place(name, index)

    def own_index(self, name: str, index: Index) -> Index:
        if name not in ("Y", ABOVE) or self.subject.return_sequences:
            return index
        return (index[0], self.steps[-1], *index[1:])

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
