"""Histograms of activations, gradients and updates, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plainnet.errors import SettingError, require_integer, require_one_of, require_type, shown
from plainnet.inspection.plots.axes import BLUE, ORANGE, several_axes
from plainnet.inspection.plots.recording import (
    QUANTILES,
    Histograms,
    Kind,
    Spread,
    activations_of,
    gradients_of,
    some_of,
)
from plainnet.network import Network

MOST = 24
"""The most histograms in a figure."""
SMALL = (3.2, 2.4)
"""The size of one histogram in inches."""
USUAL_UPDATE = 1e-3
"""The usual size of an update relative to the weights: a rule of thumb (Karpathy, cs231n)."""


def activation_histograms(
    source: Network | Histograms,
    X: Any = None,
    *,
    step: int | None = None,
    names: Sequence[str] | None = None,
    bins: int = 40,
    axes: Any = None,
) -> Any:
    """Draw a histogram of each layer's outputs, over all units and rows.

    Exact zeros are left out, and their share is written above: in a ReLU layer they are inactive
    units. The pass runs in prediction mode.

    Parameters
    ----------
    source : Network or Histograms
    X : array of shape (m, *input_shape), optional
        The examples for a network; not for `Histograms`, which have their own.
    step : int, optional
        For `Histograms`: which of the recorded steps; by default the last.
    names : sequence of str, optional
        Names of layers, or patterns such as "*.relu". By default all layers with one input, except
        those that only change a shape or drop numbers.
    bins : int
        The most bins of a histogram, for a network; few numbers get fewer. `Histograms` have their
        own bins.
    axes : array of matplotlib.axes.Axes, optional
        One for each layer.

    Returns
    -------
    axes : array of matplotlib.axes.Axes
        One for each layer, in the order of the forward pass.

    Raises
    ------
    SettingError
        If there is nothing to draw or too much, a name is unknown, or X is missing.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(4), ReLU()], loss=MeanSquaredError(), input_shape=2, seed=0)
    >>> axes = activation_histograms(network, [[1.0, 2.0], [-1.0, 0.0]])
    >>> [ax.get_title() for ax in axes]
    ['0.dense', '1.relu (50% zero)']
    """
    if isinstance(source, Histograms):
        found = _recorded(source, step, X=X).activations
    else:
        _require_data(source, step, X=X)
        found = activations_of(source, X, require_integer("bins", bins, at_least=1))
    return _drawn(found, names, axes, "output", sizes=False)


def gradient_histograms(
    source: Network | Histograms,
    X: Any = None,
    y: Any = None,
    *,
    step: int | None = None,
    names: Sequence[str] | None = None,
    bins: int = 40,
    seed: int = 0,
    axes: Any = None,
) -> Any:
    """Draw the sizes of the weights' gradients, tensor by tensor, on a logarithmic scale.

    Sizes are absolute values without zeros, whose share is written above; all tensors have the same
    scale, which may leave out the smallest values. If sizes shrink by a factor from each layer to
    the one below, the gradient vanishes; if they grow, it explodes (Glorot and Bengio 2010, figures
    6 and 7).

    Parameters
    ----------
    source : Network or Histograms
    X, y : arrays, optional
        Examples and targets for a network; not for `Histograms`, which have their own. A copy of
        the network makes the pass, in training mode.
    step, names, bins, axes
        As in `activation_histograms`; the names are tensor names, such as "0.dense.W".
    seed : int
        For dropout.

    Returns
    -------
    axes : array of matplotlib.axes.Axes
        One for each trainable weight tensor, in order from the input.

    Raises
    ------
    SettingError
        If there is nothing to draw or too much, a name is unknown, or X or y is missing.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> layers = [Dense(4), ReLU(), Dense(1)]
    >>> network = Network(layers, loss=MeanSquaredError(), input_shape=2, seed=0)
    >>> axes = gradient_histograms(network, [[1.0, 2.0], [-1.0, 1.0]], [0.0, 1.0])
    >>> [ax.get_title().partition(" ")[0] for ax in axes]
    ['0.dense.W', '2.dense.W']
    """
    if isinstance(source, Histograms):
        found = _recorded(source, step, X=X, y=y).gradients
    else:
        _require_data(source, step, X=X, y=y)
        bins = require_integer("bins", bins, at_least=1)
        found = gradients_of(source, X, y, require_integer("seed", seed, at_least=0), bins)
    return _drawn(found, names, axes, "size of a gradient", sizes=True)


def update_histograms(
    source: Histograms,
    *,
    step: int | None = None,
    names: Sequence[str] | None = None,
    axes: Any = None,
) -> Any:
    """Draw how far a step moved the weights, tensor by tensor, on a logarithmic scale.

    The dashed line marks a thousandth of the tensor's root mean square. As a rule of thumb, updates
    much smaller than that learn slowly, and much larger ones may not converge.

    Parameters
    ----------
    source : Histograms
    step, names, axes
        As in `activation_histograms`; the names are tensor names, such as "0.dense.W".

    Returns
    -------
    axes : array of matplotlib.axes.Axes
        One for each trainable weight tensor, in order from the input.

    Raises
    ------
    SettingError
        If nothing was recorded, or a step or name is unknown.

    Examples
    --------
    See `Histograms`.
    """
    require_type("source", source, Histograms)
    found = source.moment(step).updates
    axes = _drawn(found, names, axes, "size of an update", sizes=True)
    for ax, name in zip(axes, some_of(found, names, MOST), strict=True):
        if found[name].scale:
            ax.axvline(USUAL_UPDATE * found[name].scale, color=ORANGE, linestyle="--")
    return axes


def histograms_over_time(
    source: Histograms,
    kind: Kind = "activations",
    *,
    names: Sequence[str] | None = None,
    axes: Any = None,
) -> Any:
    """Draw how distributions change during training, as bands over the steps.

    The line is the median; half of the numbers lie in the dark band, and nine tenths in the pale
    one. For gradients and updates, the numbers are absolute values without zeros.

    Parameters
    ----------
    source : Histograms
    kind : "activations", "gradients" or "updates"
    names : sequence of str, optional
        Names of layers or tensors, or patterns such as "*.W"; by default all.
    axes : array of matplotlib.axes.Axes, optional
        One for each layer or tensor.

    Returns
    -------
    axes : array of matplotlib.axes.Axes
        One for each layer or tensor.

    Raises
    ------
    SettingError
        If nothing was recorded, or the kind or a name is unknown.

    Examples
    --------
    >>> from plainnet import train
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    >>> histograms = Histograms(every=1)
    >>> _ = train(network, [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], optimizer=SGD(0.1), epochs=5,
    ...           batch_size=2, callbacks=[histograms], progress=False)
    >>> (ax,) = histograms_over_time(histograms, "gradients")
    >>> ax.get_lines()[0].get_xdata()
    array([0, 1, 2, 3, 4])
    """
    require_type("source", source, Histograms)
    require_one_of("kind", kind, ("activations", "gradients", "updates"))
    found = getattr(source.moment(None), kind)
    chosen = [*some_of(found, names, MOST)]
    steps = np.array([moment.step for moment in source.moments])
    axes = several_axes(axes, chosen, size=SMALL)
    for ax, name in zip(axes, chosen, strict=True):
        spreads = [getattr(moment, kind).get(name) for moment in source.moments]
        missing = np.full(len(QUANTILES), np.nan)
        low, lower, middle, upper, high = np.stack(
            [missing if each is None else each.quantiles for each in spreads], axis=1
        )
        ax.fill_between(steps, low, high, color=BLUE, alpha=0.2, linewidth=0)
        ax.fill_between(steps, lower, upper, color=BLUE, alpha=0.4, linewidth=0)
        ax.plot(steps, middle, color=BLUE)
        ax.set(xlabel="step")
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        if kind != "activations" and np.isfinite(middle).any():
            ax.set_yscale("log")
    label = "output" if kind == "activations" else f"size of {_a(kind)}"
    _label_left(axes, label)
    return axes


def _a(kind: str) -> str:
    return {"gradients": "a gradient", "updates": "an update"}[kind]


def _recorded(source: Histograms, step: int | None, **data: Any) -> Any:
    """The moment that is meant."""
    for name, value in data.items():
        if value is not None:
            raise SettingError(f"{name} is for a Network; Histograms have recorded their own rows")
    return source.moment(step)


def _require_data(source: Any, step: int | None, **data: Any) -> None:
    if not isinstance(source, Network):
        raise SettingError(f"source must be a Network or Histograms; got {shown(source)}")
    if step is not None:
        raise SettingError(f"step is for Histograms; a Network is as it is now; got {shown(step)}")
    for name, value in data.items():
        if value is None:
            raise SettingError(f"{name} must be given with a Network; got None")


def _drawn(
    found: Mapping[str, Spread], names: Sequence[str] | None, axes: Any, label: str, *, sizes: bool
) -> Any:
    """A histogram for each: the share of the numbers in each bin."""
    chosen = [*some_of(found, names, MOST)]
    titles = [
        f"{name} ({found[name].zeros:.0%} zero)" if found[name].zeros > 0.005 else name
        for name in chosen
    ]
    axes = several_axes(axes, titles, size=SMALL)
    some = [found[name] for name in chosen if found[name].counts.any()]
    for ax, name in zip(axes, chosen, strict=True):
        spread = found[name]
        shares = spread.counts / (spread.counts.sum() or 1) * (1 - spread.zeros)
        ax.stairs(shares, spread.edges, fill=True, color=BLUE)
        ax.set(xlabel=label)
        if sizes:
            ax.set_xscale("log")
            if some:
                lowest = min(max(each.edges[0], each.quantiles[0] / 30) for each in some)
                ax.set_xlim(lowest / 1.5, 1.5 * max(each.edges[-1] for each in some))
    _label_left(axes, "share")
    return axes


def _label_left(axes: Any, label: str) -> None:
    """A label for each row of new axes, or for all of those that a caller arranged."""
    for ax in axes:
        place = ax.get_subplotspec()
        if place is None or place.is_first_col():
            ax.set(ylabel=label)
