"""Averaged parameters, which replace those of training for validation and at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts, arrays_of
from plainnet.arguments.sparse import SparseRows
from plainnet.callbacks.base import Run
from plainnet.engine.cache import Cache
from plainnet.layers import BatchNorm
from plainnet.network import Network
from plainnet.training.batches import Batch

Array = npt.NDArray[Any]

ROWS = 2048
"""The number of examples on which running state is measured; one epoch's if that has fewer."""


class Average:
    """Puts the parameters of `run.average` in place of the network's while they are needed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._statistics = RunningState(run.network)
        self._raw_state = run.network.state.copy()

    def watching(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches of one epoch, some of which are kept for the statistics."""
        for batch in batches:
            if self.run.average is not None and self._raw_state.size:
                self._statistics.keep(batch[0])
            yield batch

    @contextmanager
    def in_place(self, *, already: bool = False) -> Iterator[None]:
        """Use the average for the measurements after an epoch, but not for further training.

        `already` is for a resumed run that was interrupted in the middle of them.
        """
        network, average = self.run.network, self.run.average
        self._statistics.end_epoch()
        if average is not None and not already:
            np.copyto(self._raw_state, network.state)
            self._swap()
            self._statistics.measure()
        try:
            yield
        finally:
            if average is not None and self.run.average is not None:  # unless it has diverged
                self._swap()
                np.copyto(network.state, self._raw_state)

    def take(self) -> None:
        """Leave the average in the network when training is over."""
        if self.run.average is not None:
            self.run.network.parameters[:] = self.run.average
            self._statistics.measure()

    def resume_state(self) -> dict[str, Any]:
        average = {} if self.run.average is None else {"average": self.run.average}
        return {"raw_state": self._raw_state, "seen": self._statistics.resume_state(), **average}

    def resume(self, state: Mapping[str, Any]) -> None:
        np.copyto(self._raw_state, state["raw_state"], casting="no")
        self._statistics.resume(state["seen"])
        if self.run.average is not None:
            np.copyto(self.run.average, state["average"], casting="no")

    def _swap(self) -> None:
        network, average = self.run.network, self.run.average
        if average is not None:
            network.parameters[:], average[:] = average, network.parameters.copy()


class RunningState:
    """Measures the running statistics of a network again, on the last examples of training.

    The statistics of `BatchNorm` depend on the weights below it. Averaged weights give activations
    with a mean and variance that none of the weights in the average had, so neither the statistics
    of the last step nor their average fit (Izmailov et al. 2018, section 3.2). As in
    `torch.optim.swa_utils.update_bn`, the new ones are the mean of the batches' statistics. The
    running state of other layers stays as training left it, since its meaning is not known here.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._batches: list[Any] = []
        self._next = 0
        self._full = False

    def keep(self, X: Any) -> None:
        """Copy a batch over the oldest one; shorter batches are left out."""
        batches = self._batches
        if batches and len(X) < len(batches[0]):
            return
        if not self._full:
            batches.append(X.copy())
            self._full = len(batches) * len(batches[0]) >= ROWS
            return
        held = arrays_of(batches[self._next])
        if not isinstance(X, SparseRows) and all(
            a.shape == b.shape for a, b in zip(held, arrays_of(X), strict=True)
        ):
            for array, new in zip(held, arrays_of(X), strict=True):
                np.copyto(array, new)
        else:
            batches[self._next] = X.copy()
        self._next = (self._next + 1) % len(batches)

    def end_epoch(self) -> None:
        """Keep no more batches, since every example has been seen once."""
        self._full = bool(self._batches)

    def resume_state(self) -> dict[str, Any]:
        batches = [
            b.arrays if isinstance(b, Parts) else b.dense() if isinstance(b, SparseRows) else b
            for b in self._batches
        ]
        return {"batches": batches, "next": self._next, "full": self._full}

    def resume(self, state: Mapping[str, Any]) -> None:
        self._batches = [Parts(b) if isinstance(b, dict) else b for b in state["batches"]]
        self._next, self._full = state["next"], state["full"]

    def measure(self) -> None:
        """Replace the network's running state by that of its current parameters."""
        stateful = [layer for layer in self.network.body.walk() if layer.declared_state]
        averaging: list[Any] = [layer for layer in stateful if isinstance(layer, BatchNorm)]
        if not averaging:
            return
        others = [layer for layer in stateful if not isinstance(layer, BatchNorm)]
        kept = [
            (view, view.copy())
            for layer in others
            for view in (getattr(layer, name) for name in layer.declared_state)
        ]
        cache, momenta = Cache(training=True, seed=0), [layer.momentum for layer in averaging]
        try:
            for layer in averaging:
                vars(layer)["forward"] = _averaging(layer)
            for X in self._batches:
                self.network.forward(X, cache)
        finally:
            for layer, momentum in zip(averaging, momenta, strict=True):
                vars(layer).pop("forward", None)
                layer.momentum = momentum
            for view, values in kept:
                view[...] = values


def _averaging(layer: Any) -> Callable[[Array, Cache], Array]:
    """The layer's forward pass, which averages its statistics over all examples from now on.

    A shared layer has several in each pass of the network.
    """
    forward, seen = layer.forward, 0

    def counted(A: Array, cache: Cache) -> Array:
        nonlocal seen
        layer.momentum = seen / (seen + len(A))
        seen += len(A)
        result: Array = forward(A, cache)
        return result

    return counted
