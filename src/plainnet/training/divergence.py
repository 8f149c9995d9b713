"""When a number stops being finite: where it is, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import arrays_of
from plainnet.arguments.sparse import SparseRows
from plainnet.callbacks.base import Run
from plainnet.engine.cache import Cache
from plainnet.engine.plan import Place
from plainnet.errors import DivergedError, counted
from plainnet.layers import Layer
from plainnet.network import Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]

LOSS = "the loss"
SPARSE_ROWS_AT_ONCE = 64
"""How many rows of a sparse matrix are made dense at a time, to search them."""


class Snapshot:
    """The last parameters and state with which the loss is known to be finite."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parameters = network.parameters.copy()
        self.state = network.state.copy()  # a forward pass alone may change it
        self.step = -1

    def take(self, step: int) -> None:
        np.copyto(self.parameters, self.network.parameters)
        np.copyto(self.state, self.network.state)
        self.step = step

    def replace(self, parameters: Array, step: int) -> None:
        """Take these, with the state as it is."""
        np.copyto(self.parameters, parameters)
        np.copyto(self.state, self.network.state)
        self.step = step

    def resume_state(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "state": self.state, "step": self.step}

    def resume(self, state: Mapping[str, Any]) -> None:
        np.copyto(self.parameters, state["parameters"], casting="no")
        np.copyto(self.state, state["state"], casting="no")
        self.step = state["step"]

    def restore(self) -> None:
        self.network.parameters[:] = self.parameters
        self.network.state[:] = self.state


def diverged(run: Run, good: Snapshot, what: str, X: Any) -> DivergedError:
    """Put the network back to its snapshot, and return the error to raise."""
    where = first_non_finite(run.network, X)
    good.restore()
    run.average = None  # nothing takes the snapshot's place
    remedy = "Standardised inputs usually help"
    if isinstance(run.optimizer, Optimizer):
        run.optimizer.reset()  # its accumulators may hold infinities
        rate = run.optimizer.learning_rate
        remedy = f"A smaller learning rate than {rate:g} or standardised inputs usually help"
    return DivergedError(
        f"{what} after {counted(run.step, 'step')}, in epoch {run.epoch + 1}; "
        f"the first number that is not finite is in {where}. {remedy}",
        step=run.step,
        layer=where,
        end=f"the network is back at step {max(good.step, 0)}",
    )


def first_non_finite(network: Network, X: Any) -> str:
    """The first layer, from the input on, with a number that is not finite."""
    if isinstance(X, SparseRows):
        found = (
            first_non_finite(network, X[start : start + SPARSE_ROWS_AT_ONCE].dense())
            for start in range(0, len(X), SPARSE_ROWS_AT_ONCE)
        )
        return next((where for where in found if where != LOSS), LOSS)
    for array in arrays_of(X):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return "X, by way of augmentation"
    cache = Cache(training=True, record=True, seed=0)
    network.forward(X, cache)
    for place in network.plan.walk():
        layer = place.subject
        if isinstance(layer, Layer):
            tensors = [network[f"{layer.name}.{name}"] for name in layer.declared]
            arrays = [] if layer.layers else [cache[n] for n in cache if _is_in(n, place)]
            if not all(np.isfinite(array).all() for array in (*tensors, *arrays)):
                return place.path
    return LOSS


def _is_in(name: str, place: Place) -> bool:
    return name.startswith(f"{place.path}.")
