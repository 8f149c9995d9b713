"""The loss around the parameters of a network: along a line, and on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_generator, as_numbers
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    optional,
    require_integer,
    require_number,
    require_type,
    shown,
)
from plainnet.inspection.plots.axes import BLUE, ORANGE, axes_or_new, colorbar
from plainnet.network import Network

Array = npt.NDArray[Any]

LEVELS = 12
"""The number of contour lines on a plane."""
STEEP = 20.0
"""If the largest loss is this many times the smallest, levels and colours are logarithmic."""


def loss_along_line(
    network: Network,
    X: Any,
    y: Any,
    *,
    to: Any = None,
    span: tuple[float, float] | None = None,
    points: int = 41,
    seed: int = 0,
    ax: Any = None,
) -> Any:
    """Draw the loss along a line through the network's parameters p.

    With `to`, the line leads to other parameters q: the loss at (1 - a) p + a q (Goodfellow et al.
    2015, "Qualitatively characterizing neural network optimization problems"). Otherwise it is the
    loss at p + a d, for a random direction d whose filters have the same norms as those of p (Li et
    al. 2018, "Visualizing the loss landscape of neural nets", section 4), so that plots of
    different networks are comparable. A filter is a row of a dense layer's W, or a filter of a
    convolution; biases and other tensors with one axis do not move, nor do frozen tensors.

    The loss is the prediction loss, as in `evaluate`, without weight decay or dropout; batch norm
    uses its running statistics.

    Parameters
    ----------
    network : Network
        It is not changed; only a copy is.
    X, y : arrays
        As `evaluate` takes them.
    to : array of the shape of `network.parameters`, optional
        q, for example a copy of `network.parameters` from another time.
    span : (float, float), optional
        The range of a; by default (-0.5, 1.5) with `to`, else (-1, 1).
    points : int
        How many losses are computed.
    seed : int
        For the random direction.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its first line is the curve, with NaN where the loss is not finite.

    Raises
    ------
    SettingError, ShapeError, DataError
        If a setting makes no sense, `to` has the wrong shape, or the data does not fit.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=1)
    >>> network["0.dense.W"] = [[2.0]]
    >>> ax = loss_along_line(network, [[1.0]], [0.0], to=[0.0], span=(0, 1), points=3)
    >>> ax.get_lines()[0].get_xydata()  # (2 (1 - a))^2
    array([[0. , 4. ],
           [0.5, 1. ],
           [1. , 0. ]])
    """
    require_type("network", network, Network)
    points = require_integer("points", points, at_least=2)
    first, last = _ends(((-1.0, 1.0) if to is None else (-0.5, 1.5)) if span is None else span)
    if to is None:
        direction = random_direction(network, as_generator(_seed(seed)))
    else:
        direction = _vector("to", to, network) - network.parameters.astype(np.float64)
    a = np.linspace(first, last, points)
    losses = losses_at(network, X, y, a[:, None] * direction)
    ax = axes_or_new(ax)
    ax.plot(a, losses, ".-", color=BLUE)
    ends = {0.0: "network"} if to is None else {0.0: "network", 1.0: "other parameters"}
    for place, name in ends.items():
        if first <= place <= last:
            ax.axvline(place, color=ORANGE, linestyle="--", linewidth=1)
            ax.annotate(
                name, (place, 1), (0, 3), xycoords=("data", "axes fraction"), color=ORANGE,
                textcoords="offset points", ha="center",
            )  # fmt: skip
    ax.set(
        xlabel="a, along the direction"
        if to is None
        else "a, from the network to the other parameters"
    )
    ax.set(ylabel="loss")
    return ax


def loss_on_plane(
    network: Network,
    X: Any,
    y: Any,
    *,
    directions: Sequence[Any] | None = None,
    span: tuple[float, float] = (-1.0, 1.0),
    points: int = 21,
    seed: int = 0,
    ax: Any = None,
) -> Any:
    """Draw the loss on a plane through the network's parameters, with contour lines.

    It is the loss at p + a d + b e. By default d and e are random directions as in
    `loss_along_line`. Colours and lines use a logarithmic scale if losses differ by a factor of 20
    or more. In many dimensions, a plane shows little: what looks like a bowl may have downward
    slopes in other directions.

    Parameters
    ----------
    network : Network
        It is not changed; only a copy is.
    X, y : arrays
        As `evaluate` takes them.
    directions : two arrays of the shape of `network.parameters`, optional
        d and e, for example the differences to the parameters of two other networks.
    span : (float, float)
        The range of a and b.
    points : int
        The loss is computed at points^2 positions.
    seed : int
        For the random directions.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its first collection has the losses, shape (points, points), masked where not finite.

    Raises
    ------
    SettingError, ShapeError, DataError
        If a setting makes no sense, the directions have the wrong shape, or the data does not fit.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=2)
    >>> network.parameters[:] = 0.0
    >>> ways = np.eye(2)  # the loss is (a + b - 1)^2
    >>> ax = loss_on_plane(network, [[1.0, 1.0]], [1.0], directions=ways, span=(0, 1), points=3)
    >>> ax.collections[0].get_array().data
    array([[1.  , 0.25, 0.  ],
           [0.25, 0.  , 0.25],
           [0.  , 0.25, 1.  ]])
    """
    require_type("network", network, Network)
    points = require_integer("points", points, at_least=2)
    first, last = _ends(span)
    if directions is None:
        rng = as_generator(_seed(seed))
        d, e = random_direction(network, rng), random_direction(network, rng)
    else:
        d, e = _two(directions, network)
    a = np.linspace(first, last, points)
    moves = a[None, :, None] * d + a[:, None, None] * e  # b is the row
    losses = losses_at(network, X, y, moves.reshape(points**2, -1)).reshape(points, points)
    ax = axes_or_new(ax)
    shown_losses = np.ma.masked_invalid(losses)
    low, high = float(shown_losses.min()), float(shown_losses.max())
    steep = 0 < STEEP * low < high
    colors = optional("matplotlib.colors", purpose="plots", extra="plots")
    norm = colors.LogNorm(low, high) if steep else None
    picture = ax.pcolormesh(a, a, shown_losses, shading="gouraud", cmap="viridis", norm=norm)
    if low < high and points > 2:
        spaced = np.geomspace if steep else np.linspace
        levels = spaced(low, high, LEVELS + 2)[1:-1]
        lines = ax.contour(a, a, shown_losses, levels, colors="white", linewidths=0.8)
        effects = optional("matplotlib.patheffects", purpose="plots", extra="plots")
        outline = effects.withStroke(linewidth=1.5, foreground="0.2")
        for text in ax.clabel(lines, fmt="%.2g", fontsize="small"):
            text.set_path_effects([outline])
    colorbar(ax, picture, "loss")
    if first <= 0 <= last:
        ax.plot(0, 0, "X", color=ORANGE, markeredgecolor="white", markersize=9, label="network")
        ax.legend()
    ax.set(xlabel="a, along the first direction", ylabel="b, along the second", aspect="equal")
    return ax


def random_direction(network: Network, rng: np.random.Generator) -> Array:
    """A random direction whose filters have the same norms as the network's; float64.

    d_ij <- d_ij / ||d_ij|| ||p_ij||, for filter j of layer i (Li et al. 2018, section 4).
    """
    own = network.astype(np.float64)  # whose vector becomes the direction
    own.parameters[:] = 0.0
    learns = {segment.name for segment in network.segments if segment.learning_rate}
    for name, tensor in network.tensors.items():
        drawn = rng.standard_normal(tensor.shape)  # whether it is frozen or not
        if tensor.ndim > 1 and name in learns:
            axes = tuple(range(1, tensor.ndim))
            own.tensors[name][...] = drawn / _lengths(drawn, axes) * _lengths(tensor, axes)
    if not own.parameters.any():
        raise SettingError(
            "the network has no weights that learn and are not zero, which a direction could "
            "follow: give other parameters instead"
        )
    return own.parameters.copy()


def _lengths(tensor: Array, axes: tuple[int, ...]) -> Array:
    squares = np.square(tensor, dtype=np.float64)
    return np.asarray(np.sqrt(squares.sum(axis=axes, keepdims=True)))


def losses_at(network: Network, X: Any, y: Any, moves: Array) -> Array:
    """The loss of a copy of the network, moved by each of these vectors; NaN if not finite."""
    own, start = deepcopy(network), network.parameters.astype(np.float64)
    own.evaluate(X, y)  # which refuses data that does not fit
    losses = np.empty(len(moves))
    for i, move in enumerate(moves):
        with np.errstate(all="ignore"):
            own.parameters[:] = start + move
            losses[i] = own.evaluate(X, y)["loss"]
    losses[~np.isfinite(losses)] = np.nan
    if np.isnan(losses).all():
        raise DataError("the loss is not finite anywhere: choose a shorter span")
    return losses


def _vector(name: str, values: Any, network: Network) -> Array:
    """As many finite numbers as the network has parameters."""
    vector = as_numbers(name, values).astype(np.float64)
    if vector.shape != network.parameters.shape:
        raise ShapeError(
            f"{name} must have the shape of network.parameters, {network.parameters.shape}; got "
            f"{vector.shape}"
        )
    if not np.isfinite(vector).all():
        raise DataError(f"{name} must be finite; got {vector[~np.isfinite(vector)][0]}")
    return vector


def _two(directions: Any, network: Network) -> tuple[Array, Array]:
    given = list(directions) if np.iterable(directions) else []
    if len(given) != 2:
        raise SettingError(
            f"directions must be two vectors of {network.parameters.size} numbers; got "
            f"{shown(directions)}"
        )
    return _vector("directions[0]", given[0], network), _vector("directions[1]", given[1], network)


def _ends(span: Any) -> tuple[float, float]:
    ends = tuple(span) if np.iterable(span) and not isinstance(span, str) else ()
    if len(ends) != 2:
        raise SettingError(f"span must be two numbers, from where to where; got {shown(span)}")
    first, last = (require_number("each of span", end) for end in ends)
    if first >= last:
        raise SettingError(f"span must begin below its end; got {shown(span)}")
    return first, last


def _seed(seed: Any) -> int:
    """A generator would be advanced."""
    return require_integer("seed", seed, at_least=0)
