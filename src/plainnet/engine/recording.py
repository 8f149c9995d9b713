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

from plainnet.engine.formulas import Formulas

Array = npt.NDArray[Any]

UNKNOWN = Formulas("A", "Y", (), ())
"""For a custom layer without formulas: only its input and output have names."""


class Window(Mapping[str, Array]):
    """One layer's or loss's part of a recorded pass, by the names in its formulas.

    `arrays` are those that it left in its cache. What it was handed and what it returned is noted
    from outside, with copies of its tensors, which the next step of an optimizer changes.
    """

    def __init__(self, subject: Any, arrays: Mapping[str, Array]) -> None:
        self.subject = subject
        self.arrays = arrays
        self.formulas: Formulas = getattr(subject, "formulas", UNKNOWN)
        self.by_name = {formula.result: formula for formula in self.formulas}
        self.on_the_way_back = {formula.result for formula in self.formulas.backward}
        self.noted: dict[str, Array] = {}
        self.went_back = False
        self._computed: dict[str, Array] = {}

    # --- what a pass notes -----------------------------------------------------------------------

    def begin(self, A: Array, tensors: Mapping[str, Array]) -> None:
        """Before forward."""
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
        gradients = named(f"d{self.formulas.output}", dY)
        self.noted |= {name: gradient.copy() for name, gradient in gradients.items()}

    def end_back(self, dA: Array, gradients: Mapping[str, Array]) -> None:
        """After backward."""
        self.noted |= {f"d{name}": gradient.copy() for name, gradient in gradients.items()}
        self.noted |= named(f"d{self.formulas.input}", dA)

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

    def compute(self, name: str) -> Array:
        formula, axes = self.by_name[name], self.noted[self.formulas.input].shape[:-1]
        known = {each: _as_rows(self.known(each), axes) for each in formula.names}
        result = self.cast(formula.evaluate(known))
        if len(axes) > 1 and result.ndim == 2 and len(result) == prod(axes):
            return result.reshape(*axes, result.shape[1])
        return result


def _as_rows(value: Any, axes: tuple[int, ...]) -> Any:
    n = len(axes)
    if isinstance(value, np.ndarray) and value.ndim > n and value.shape[:n] == axes:
        return value.reshape(-1, *value.shape[n:])
    return value


class WindowOfLoss(Window):
    """For a loss: what comes back is dL, the gradient of the sum of its examples' losses."""

    def begin_back(self, dY: Array) -> None:
        super().begin_back(dY)
        self.noted["dL"] = self.noted.pop(f"d{self.formulas.output}")


class WindowOfSteps(Window):
    """For a recurrent layer, whose formulas speak of one step: each array has a time axis.

    H, and C of an LSTM, are the states before each step, and Y and C_next those after it; dY is the
    whole gradient of Y, from the loss and from the step that follows. A tensor's gradient is that
    of the pass, the sum over all steps. In steps that are masked the states and their gradients go
    through unchanged.

    The subject gives `flow`, the names of each state before and after a step, and `made(arrays)`,
    which of the names a pass has made, (time, m, ...) in the order of the steps.
    """

    def begin(self, A: Array, tensors: Mapping[str, Array]) -> None:
        super().begin(A, tensors)
        self._tensors = set(tensors)

    def end(self, Y: Array) -> None:
        """Y is the state after every step; the layer may return only the last one."""

    def begin_back(self, dY: Array) -> None:
        self.went_back = True
        self._computed.clear()
        self._returned = dY.copy()

    def __iter__(self) -> Iterator[str]:
        states = [n for before, after in self.subject.flow for n in (before, after, f"d{after}")]
        names = dict.fromkeys((*self.noted, *states, *self.by_name, *self.arrays))
        return (name for name in names if name in self)

    def __contains__(self, name: object) -> bool:
        flow = self.subject.flow
        if name in self.on_the_way_back or any(name == f"d{after}" for _, after in flow):
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
            step["dY"] = step["dY"] + self._from_outside(t, time, padded)
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

    def _from_outside(self, t: int, time: int, padded: Array | None) -> Array | int:
        """The gradient that comes to a step's state from above the layer, not from a later step."""
        if not self.subject.return_sequences:
            return self._returned if t == time - 1 else 0
        here = self._returned[:, time - 1 - t if self.subject.reverse else t]
        return here if padded is None else np.where(padded[t], 0, here)
