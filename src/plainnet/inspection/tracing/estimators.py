"""The trace of an estimator's prediction: from the cells of a row to what is predicted."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import Window
from plainnet.errors import DataError
from plainnet.estimators.base import NeuralEstimator
from plainnet.estimators.ensemble import Ensemble
from plainnet.estimators.images import ImageClassifier
from plainnet.estimators.stages import Stage
from plainnet.inspection.tracing.networks import named, recorded_outputs
from plainnet.inspection.tracing.parts import Part, parts_of
from plainnet.inspection.tracing.trace import Trace
from plainnet.losses import Loss

Array = npt.NDArray[Any]

MOST_ROWS = 256
"""A trace keeps every number of the pass."""


def trace_of_estimator(estimator: NeuralEstimator, X: Any) -> Trace:
    """The prediction for a few rows: what comes before the networks, each network, what follows."""
    rows = estimator._features(X)
    if len(rows) > MOST_ROWS:
        raise DataError(f"a trace is for a few rows, {MOST_ROWS} at most; got {len(rows):,}")
    way = _Way()
    before, given = estimator.stage_before(X, rows)
    if before is not None and before.formulas:
        given = np.array(given, np.float64)
        way.add(before, X=given)
    elif before is not None:
        way.add(before)
    several = isinstance(estimator, Ensemble)
    exact = several or isinstance(estimator, ImageClassifier)  # they predict in float64
    networks = estimator.networks_ if several else [estimator.network_]
    outputs = []
    for i, network in enumerate(networks, 1):
        own = network.astype(np.float64) if exact else deepcopy(network)
        cache = Cache(record=True)
        read, Z = recorded_outputs(own, given, cache)
        way.parts += parts_of(
            cache, {}, prefix=f"network_{i}" if len(networks) > 1 else "", after=way.moment
        )
        outputs.append(np.asarray(Z))
        if before is None or not before.formulas:
            way.data = named(read)
    Z = outputs[0]
    if len(outputs) > 1:
        names = [f"Z_{i}" for i in range(1, len(outputs) + 1)]
        mean = Formula("Z", f"({' + '.join(names)}) / {len(names)}", r"Z = \tfrac1n \sum_i Z_i")
        known = dict(zip(names, outputs, strict=True))
        Z = way.add(Stage("mean", f"of {len(names)} networks", (mean,), known))
    after = estimator.stage_after("Z")
    if after is not None:
        Z = way.add(after, Z=Z)
    if after is None or after.formulas[-1].result.startswith("Z"):
        way.add_activation(estimator.network_.loss, Z)
    way.parts[-1].notes = estimator.notes_on(estimator._outputs(rows))
    return Trace(way.parts, way.data, None)


class _Way:
    """The parts that a row goes through, one after the other."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.data: dict[str, Any] = {}

    @property
    def moment(self) -> int:
        """When the last of them ended."""
        return max((part.end for part in self.parts), default=0)

    def add(self, stage: Stage, **known: Array) -> Any:
        """A stage, whose formulas are evaluated in order; returns what the last of them makes."""
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
        """What the loss makes of the outputs: probabilities, say."""
        window = loss.shown_by(loss, {})
        window.begin(Z, {}, training=False)
        self._append("loss", window).kind = "loss"

    def _append(self, name: str, window: Window) -> Part:
        moment = self.moment
        self.parts.append(Part(name, window, "layer", moment + 1, moment + 2))
        return self.parts[-1]
