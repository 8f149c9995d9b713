"""Records the numbers behind histograms of layers and tensors during training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts
from plainnet.callbacks.base import Callback, Run
from plainnet.engine.cache import Cache
from plainnet.errors import (
    SettingError,
    require_integer,
    require_sequence,
    require_type,
    shown,
)
from plainnet.inspection.doctor.signs import signals_of, weights_of
from plainnet.layers import Dropout, Flatten, Identity, Reshape
from plainnet.network import Network

Array = npt.NDArray[Any]
Kind = Literal["activations", "gradients", "updates"]

ROWS = 64
"""How many rows of a batch are recorded."""
QUANTILES = 0.05, 0.25, 0.5, 0.75, 0.95
UNCHANGED = Flatten, Reshape, Dropout, Identity
"""Layers whose outputs are reshaped inputs, or some of the inputs."""


@dataclass(frozen=True)
class Spread:
    """The distribution of some numbers.

    Attributes
    ----------
    counts, edges : arrays of shape (bins,) and (bins + 1,)
        A histogram of the numbers that are not exactly zero.
    quantiles : array of shape (5,)
        The 5%, 25%, 50%, 75% and 95% quantiles; for gradients and updates, of the absolute values
        that are not zero.
    zeros : float
        The share of numbers that are exactly zero.
    scale : float
        For gradients and updates, the root mean square of their tensor.
    """

    counts: Array
    edges: Array
    quantiles: Array
    zeros: float
    scale: float = 0.0


@dataclass(frozen=True)
class Moment:
    """The distributions of one step, by the name of a layer or tensor."""

    step: int
    activations: dict[str, Spread] = field(default_factory=dict)
    gradients: dict[str, Spread] = field(default_factory=dict)
    updates: dict[str, Spread] = field(default_factory=dict)


class Histograms(Callback):
    """Records histograms of activations, gradients and updates during training.

    Training is not changed. Recording a step takes about as long as 15 steps, so by default
    training takes up to a fifth longer. Each recording keeps about a hundred numbers for each layer
    and each weight tensor.
    Gradients come from the step's batch, after clipping; activations come from a pass in prediction
    mode, after the step's update.

    Parameters
    ----------
    every : int
        Steps between recordings, starting with the first step.
    rows : array, optional
        The examples whose activations are recorded; by default the first 64 of the batch.
    bins : int
        The most bins of a histogram; few numbers get fewer.

    Attributes
    ----------
    moments : list of Moment
        The recordings, in the order of the steps.

    Examples
    --------
    >>> from plainnet import train
    >>> from plainnet.inspection import plots
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network(
    ...     [Dense(8), ReLU(), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0
    ... )
    >>> X = np.random.default_rng(0).standard_normal((64, 2))
    >>> histograms = plots.Histograms(every=2)
    >>> _ = train(network, X, X[:, 0], optimizer=SGD(0.01), epochs=3, batch_size=32,
    ...           callbacks=[histograms], progress=False)
    >>> [moment.step for moment in histograms.moments]
    [0, 2, 4]
    >>> len(plots.update_histograms(histograms))  # 0.dense.W and 2.dense.W
    2
    """

    only_shows = True

    def __init__(self, every: int = 100, *, rows: Any = None, bins: int = 40) -> None:
        self.every = require_integer("every", every, at_least=1)
        self.rows = rows
        self.bins = require_integer("bins", bins, at_least=1)
        self.moments: list[Moment] = []
        self._before: Array | None = None

    def begin_training(self, run: Run) -> None:
        kept = self.moments if run.resumed else []
        self.moments = [moment for moment in kept if moment.step < run.step]

    def begin_step(self, run: Run) -> None:
        self._before = run.network.parameters.copy() if run.step % self.every == 0 else None

    def end_step(self, run: Run) -> None:
        if self._before is None:
            return
        network, before = run.network, self._before
        segments = {segment.name: segment for segment in network.segments}
        gradients, updates = {}, {}
        for name in weights_of(network):
            part = slice(segments[name].start, segments[name].stop)
            scale = root_mean_square(before[part])
            gradients[name] = sizes(network.gradients[part], self.bins, scale)
            updates[name] = sizes(network.parameters[part] - before[part], self.bins, scale)
        rows = _first(run.X) if self.rows is None else self.rows
        activations = activations_of(network, rows, self.bins)
        self.moments.append(Moment(run.step, activations, gradients, updates))
        self._before = None

    def moment(self, step: int | None) -> Moment:
        """The moment of a step, by default the last."""
        if not self.moments:
            raise SettingError("the Histograms are empty: pass them to train as a callback first")
        if step is None:
            return self.moments[-1]
        found = {moment.step: moment for moment in self.moments}
        if step not in found:
            raise SettingError(
                f"step must be one of those that were recorded, {shown(list(found))}; got "
                f"{shown(step)}"
            )
        return found[step]


def _first(X: Any) -> Any:
    """The first rows of a batch, as a network takes them."""
    return {name: X.arrays[name][:ROWS] for name in X.arrays} if isinstance(X, Parts) else X[:ROWS]


# --- of a network as it is ------------------------------------------------------------------------


def activations_of(network: Network, X: Any, bins: int) -> dict[str, Spread]:
    """Activations of each layer that computes new outputs, in a pass in prediction mode."""
    return {
        signal.path: _spread_of(signal.Y, bins)
        for signal in signals_of(network, X)
        if not isinstance(signal.layer, UNCHANGED)
    }


def gradients_of(network: Network, X: Any, y: Any, seed: Any, bins: int) -> dict[str, Spread]:
    """Gradients of each trainable weight tensor, in a pass in training mode."""
    own = deepcopy(network)
    own.loss_and_gradients(X, y, Cache(training=True, seed=seed))
    return {
        name: sizes(own.gradient_tensors[name], bins, root_mean_square(own.tensors[name]))
        for name in weights_of(own)
    }


def sizes(values: Array, bins: int, scale: float) -> Spread:
    """The distribution of absolute values without zeros, in bins equal on a logarithmic scale."""
    ordered = np.sort(np.abs(_finite(values)))
    positive = ordered[np.searchsorted(ordered, 0, side="right") :]
    if not positive.size:
        edges = np.geomspace(0.5, 2, bins + 1)
        return Spread(np.zeros(bins, int), edges, np.full(len(QUANTILES), np.nan), 1.0, scale)
    low, high = float(positive[0]), float(positive[-1])
    if low == high:
        low, high = low / 2, high * 2
    edges = np.geomspace(low, high, _fitting(bins, positive) + 1)
    zeros = 1 - positive.size / ordered.size
    return Spread(_counts(positive, edges), edges, _quantiles(positive), zeros, scale)


def _spread_of(values: Array, bins: int) -> Spread:
    ordered = np.sort(_finite(values))
    if not ordered.size:
        ordered = np.zeros(1)
    others = ordered[ordered != 0]
    edges = np.histogram_bin_edges(
        others[[0, -1]] if others.size else others, _fitting(bins, others)
    )
    zeros = 1 - others.size / ordered.size
    return Spread(_counts(others, edges), edges, _quantiles(ordered), zeros)


def _finite(values: Array) -> Array:
    """In one axis."""
    flat = values.ravel()
    finite = np.isfinite(flat)
    return flat if finite.all() else flat[finite]


# Sorted once, numbers are counted and ranked much faster than by np.histogram and np.quantile.


def _counts(ordered: Array, edges: Array) -> Array:
    """How many are in each bin, which has its lower edge, and the last one both."""
    inner = np.searchsorted(ordered, edges[1:-1])
    return np.diff(inner, prepend=0, append=len(ordered))


def _quantiles(ordered: Array) -> Array:
    places = np.array(QUANTILES) * (len(ordered) - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    low, high = ordered[below].astype(np.float64), ordered[above].astype(np.float64)
    return np.asarray(low + (places - below) * (high - low))


def _fitting(bins: int, values: Array) -> int:
    """As many bins as so many numbers fill: 2 n^(1/3) at most (Rice's rule)."""
    return min(bins, max(5, int(np.ceil(2 * np.cbrt(values.size)))))


def root_mean_square(values: Array) -> float:
    """The root mean square, computed in float64."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0


# --- which of them --------------------------------------------------------------------------------


def some_of(found: Mapping[str, Any], names: Sequence[str] | None, most: int) -> Iterator[str]:
    """The ones with these names, or that match patterns such as "*.W"; by default all."""
    if names is None:
        chosen = list(found)
    else:
        patterns = require_sequence("names", names, "names, or patterns of them")
        for each in patterns:
            require_type("each of names", each, str)
            if not any(fnmatchcase(name, each) for name in found):
                raise SettingError(
                    f"names has {each!r}, which is none of {', '.join(found) or 'nothing'}"
                )
        chosen = [name for name in found if any(fnmatchcase(name, each) for each in patterns)]
    if not chosen:
        raise SettingError("there is nothing to draw: no layer or tensor was looked at")
    if len(chosen) > most:
        raise SettingError(
            f"there would be {len(chosen)} histograms, and {most} can be read: choose some by "
            f"names, out of {shown(chosen)}"
        )
    return iter(chosen)
