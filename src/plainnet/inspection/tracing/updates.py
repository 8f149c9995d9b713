"""An optimizer's step for each tensor, as a window on the formulas of its rule."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.parameters import Segment
from plainnet.engine.recording import Window
from plainnet.network import Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]

FROZEN = (Formula("p_next", "p", "p' = p"),)


class Rule(SimpleNamespace):
    """An optimizer's formulas for one tensor, with the settings that hold for it."""

    formulas: Formulas
    optimizer: Optimizer

    def __repr__(self) -> str:
        return repr(self.optimizer)


def updated(network: Network, optimizer: Optimizer) -> Iterator[tuple[str, Window]]:
    """Let the optimizer take one step; return a window for each tensor, in the vector's order."""
    missed, size = optimizer.missed, network.parameters.size
    zero = np.zeros(size, network.dtype)
    before = {name: optimizer.state.get(name, zero).copy() for name in optimizer.accumulators}
    before |= {"p": network.parameters.copy(), "dp": network.gradients.copy()}
    optimizer.update(network.parameters, network.gradients, network.segments)
    for segment in network.segments:
        lag = sum(n for start, stop, n in missed if start <= segment.start < stop)
        window = Window(_rule_of(optimizer, segment, optimizer.steps - lag), {})
        for name, vector in before.items():
            window.note(name, _tensor(vector, segment))
        window.note("p_next", network.tensors[segment.name].copy())
        yield segment.name, window


def _rule_of(optimizer: Optimizer, segment: Segment, t: int) -> Rule:
    settings = optimizer.settings(t)
    settings["learning_rate"] = optimizer.learning_rate * segment.learning_rate
    settings["weight_decay"] = optimizer.weight_decay * segment.weight_decay
    settings["l1"] = optimizer.l1 * segment.weight_decay
    rule = Rule(**settings, optimizer=optimizer)
    formulas = optimizer.formulas if segment.learning_rate else FROZEN
    rule.formulas = Formulas("p", "p_next", formulas, ()).holding(rule, training=True)
    return rule


def _tensor(vector: Array, segment: Segment) -> Array:
    return vector[segment.start : segment.stop].reshape(segment.shape, order=segment.order)
