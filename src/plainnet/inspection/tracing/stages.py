"""A row's path through preprocessing, the network, and what follows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formulas
from plainnet.engine.recording import Window
from plainnet.engine.stages import Stage
from plainnet.inspection.tracing.networks import kept, named, recorded_outputs
from plainnet.inspection.tracing.parts import Part, parts_of
from plainnet.losses import Loss
from plainnet.network import Network

Array = npt.NDArray[Any]


class Way:
    """The parts that a row goes through, in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.data: dict[str, Any] = {}

    @property
    def moment(self) -> int:
        """When the last of them ended."""
        return max((part.end for part in self.parts), default=0)

    def add_before(self, stage: Stage | None, given: Any, network: Network) -> Any:
        """Add the stage that makes the networks' data, if any; return a copy for them to read."""
        given = kept(network.inputs(given))
        if stage is not None:
            known = {
                n: np.array(v) if isinstance(v, np.ndarray) else v for n, v in stage.known.items()
            }
            self.add(replace(stage, known=known), **({"X": given} if stage.formulas else {}))
        return given

    def add_network(self, network: Network, given: Any, prefix: str = "") -> Array:
        """Add a prediction pass through a network of its own; return its output."""
        cache = Cache(record=True)
        X, Z = recorded_outputs(network, given, cache)
        made = any(part.window.noted.get("X") is given for part in self.parts)
        if not made:
            self.data = named(X)
        self.parts += parts_of(cache, {}, prefix=prefix, after=self.moment)
        return np.asarray(Z)

    def add(self, stage: Stage, **known: Array) -> Any:
        """Add a stage, evaluate its formulas in order, and return the last result."""
        arrays = {n: v for n, v in stage.known.items() if isinstance(v, np.ndarray)} | known
        subject = SimpleNamespace(
            **{name: value for name, value in stage.known.items() if name not in arrays}
        )
        made = [formula.result for formula in stage.formulas]
        read = [n for f in stage.formulas for n in sorted(f.names) if n in arrays and n not in made]
        subject.formulas = Formulas(
            read[0] if read else "X", made[-1] if made else "X", stage.formulas, ()
        )
        window = Window(subject, {})
        for name, array in arrays.items():
            window.note(name, array)
        for name in made:
            window.note(name, window[name])
        self._append(stage.name, window).described = stage.code
        self.parts[-1].notes = stage.notes
        return window[made[-1]] if made else None

    def add_activation(self, loss: Loss, Z: Array) -> None:
        """Add the loss's activation of the outputs, such as probabilities."""
        window = loss.shown_by(loss, {})
        window.begin(Z, {}, training=False)
        self._append("loss", window).kind = "loss"

    def _append(self, name: str, window: Window) -> Part:
        moment = self.moment
        self.parts.append(Part(name, window, "layer", moment + 1, moment + 2))
        return self.parts[-1]
