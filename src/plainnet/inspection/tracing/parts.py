"""The parts of a recorded pass: its layers, its losses, the updates of its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count, takewhile
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import LAYERS, Formula
from plainnet.engine.recorded_steps import ABOVE
from plainnet.engine.recording import Window
from plainnet.errors import PlainnetError, SettingError
from plainnet.inspection.tracing.memory import Held
from plainnet.losses import EachOutput, EachPosition, Loss

Array = npt.NDArray[Any]
Index = tuple[int, ...]


@dataclass(eq=False)
class Part:
    """A layer or loss at its place, or the update of a tensor, with its window.

    `begin` and `end` number the moments at which the forward pass entered and left the part, so
    the parts inside a container lie between the container's own.
    """

    path: str
    window: Window
    kind: Literal["layer", "loss", "update"]
    begin: int = 0
    end: int = 0
    described: str = ""
    """A description, if it is not a layer, loss or optimizer."""
    notes: tuple[str, ...] = ()
    """Facts that no formula states."""

    @cached_property
    def names(self) -> list[str]:
        """Its arrays: those that its formulas name; without formulas, all that it recorded."""
        window = self.window
        ids = {f"d{n}" for n in self.inputs if f"d{n}" in window and _is_of_ids(window, n)}
        if not window.by_name:
            return [name for name in window if name not in ids]
        named = {name for formula in window.formulas for name in (formula.result, *formula.names)}
        scratch = set(window.arrays) - named - set(window.noted)
        return [name for name in window if name not in scratch | ids]

    @property
    def code(self) -> str:
        """The layer, loss or optimizer as code."""
        return self.described or repr(self.window.subject)

    def holds(self, other: Part) -> bool:
        """Whether the other is inside it."""
        return self.begin < other.begin and other.end < self.end

    def full(self, name: str) -> str:
        """The full name of its array of this name."""
        return f"{self.path}.{name}" if self.path else name

    def is_evaluable(self, name: str) -> bool:
        """Whether a formula, not the layers inside it, computes this array."""
        formula = self.window.by_name.get(name)
        return formula is not None and not formula.names & LAYERS

    def formulas(self, direction: str) -> tuple[Formula, ...]:
        """The formulas of one direction, as far as the pass has computed their results."""
        own = self.window.formulas
        side = own.backward if direction == "backward" else own.forward
        return tuple(formula for formula in side if formula.result in self.window)

    def is_a_step(self, direction: str) -> bool:
        """Whether it does anything beyond what the layers inside it do."""
        window = self.window
        if direction == "backward" and not window.went_back:
            return False
        if self.notes and direction == "forward":
            return True
        own = window.formulas.backward if direction == "backward" else window.formulas.forward
        if not own:
            return bool(self.returned(direction))
        return any(self.is_evaluable(formula.result) for formula in self.formulas(direction))

    # --- what it was handed, and what it returned -------------------------------------------------

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs in the formulas: A, or A_1, A_2 ..."""
        return _several(self.window, self.window.formulas.input)

    @property
    def _outputs(self) -> list[str]:
        return _several(self.window, self.window.formulas.output)

    def handed(self, direction: str) -> list[str]:
        """The names of the arrays that come in."""
        if direction == "update":
            return [name for name in self.window.noted if name not in self._outputs]
        return [f"d{n}" for n in self._outputs] if direction == "backward" else self.inputs

    def returned(self, direction: str) -> list[str]:
        """The names of the arrays that go out."""
        if direction != "backward":
            return self._outputs
        tensors = getattr(self.window.subject, "declared", ())
        return [f"d{n}" for n in (*self.inputs, *tensors) if f"d{n}" in self.window]

    def unexplained(self, direction: str) -> list[str]:
        """The arrays that it returns but no formula computes: those of code without formulas."""
        window = self.window
        names = self.returned(direction)
        if self.kind == "loss" and direction == "backward":
            names = ["dL", *names]
        return [
            name
            for name in names
            if name in self.names and not window.made(name, (0,) * window[name].ndim)
        ]

    def read(self) -> Iterator[str]:
        """The arrays that it reads from others and returns a gradient for."""
        window = self.window
        for name in dict.fromkeys((*self.inputs, *window.arrays)):
            gradient = f"d{name}"
            own = name in window.by_name or name in getattr(window.subject, "declared", ())
            if not own and name in window and gradient in window:
                yield name

    def made(self, *, backward: bool) -> Iterator[Held]:
        """The arrays that it computed in this direction, as they lie in memory."""
        window = self.window
        if backward and not window.went_back:
            return
        gradients = {*window.on_the_way_back, *self.returned("backward")}
        names = dict.fromkeys(self.returned("backward" if backward else "forward"))
        names |= dict.fromkeys(window.by_name)
        held = window.held
        for name in names:
            if name in held and (name in gradients) == backward:
                yield Held(held[name], self, name)

    def given(self) -> Iterator[Held]:
        """The arrays that its formulas read but it did not compute, as they lie in memory."""
        window = self.window
        names = {ABOVE, *(name for formula in window.formulas for name in formula.names)}
        for name, array in window.held.items():
            if name in names and not self.is_evaluable(name):
                yield Held(array, self, name)


@contextmanager
def naming(part: Part, formula: Formula) -> Iterator[None]:
    """Name the part and the formula, which may be the user's own, if evaluation fails."""
    try:
        yield
    except PlainnetError:
        raise
    except Exception as error:
        what = f"the pass has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise SettingError(
            f"{part.path} ({part.code}) has a formula that does not work, {formula}: {what}"
        ) from error


def _is_of_ids(window: Window, name: str) -> bool:
    """Whether an input has no gradient."""
    gradient = window.noted.get(f"d{name}")
    return gradient is not None and gradient.size == 0 < window[name].size


def _several(window: Window, name: str) -> list[str]:
    if name in window:
        return [name]
    return list(takewhile(window.__contains__, (f"{name}_{i}" for i in count(1))))


# --- of a whole pass ------------------------------------------------------------------------------


def parts_of(
    cache: Cache, updates: Mapping[str, Window], *, prefix: str = "", after: int = 0
) -> list[Part]:
    """All parts of a pass, in the order in which the forward pass reached them.

    Their paths begin with `prefix`, and their moments come after the given one.
    """
    parts: list[Part] = []
    moment = after
    ahead: list[tuple[Cache, str, Part | None]] = [
        (child, f"{prefix}.{name}".strip("."), None)
        for name, child in reversed(cache.children.items())
    ]
    while ahead:
        here, path, leaving = ahead.pop()
        moment += 1
        if leaving is not None:
            leaving.end = moment
            continue
        if here.window is not None and here.window.noted:
            kind: Any = "loss" if isinstance(here.place.subject, Loss) else "layer"
            part = Part(path, here.window, kind, moment)
            parts.append(part)
            ahead.append((here, path, part))
        ahead += [
            (child, f"{path}.{name}" if path and name else path or name, None)
            for name, child in reversed(here.children.items())
        ]
    for tensor, window in updates.items():
        moment += 1
        parts.append(Part(f"update.{tensor}", window, "update", moment, moment))
    return parts


def activation_shown(loss: Loss, outputs: Any, cache: Cache) -> None:
    """Let the windows of a loss show its activation of the outputs if there are no targets."""
    if isinstance(loss, EachOutput):
        for (name, (each, _)), (_, own) in zip(
            loss.losses.items(), cache.layers_of(loss), strict=True
        ):
            activation_shown(each, outputs[name], own)
    elif isinstance(loss, EachPosition):
        activation_shown(loss.loss, outputs.reshape(-1, outputs.shape[-1]), cache.inside(loss))
    elif cache.window is not None:
        cache.window.begin(np.asarray(outputs), {}, training=False)
