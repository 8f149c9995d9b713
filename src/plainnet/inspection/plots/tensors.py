"""Tensors as pictures."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, SettingError, UnknownNameError, require_integer, require_type
from plainnet.inspection.plots.axes import SIGNED, axes_or_new, colorbar
from plainnet.layers import Layer
from plainnet.layers.convolution import Conv1d, Conv2d, ConvTranspose2d
from plainnet.network import Network

Array = npt.NDArray[Any]

GAP = 0.2
"""The gap between pictures, as a share of their size."""


def weights(network: Network, name: str, *, ax: Any = None) -> Any:
    """Draw a tensor as a heat map: blue is negative, red positive, white zero.

    Parameters
    ----------
    network : Network
    name : str
        Name of a parameter or running state with one or two axes, such as "0.dense.W", whose rows
        are units and whose columns are inputs. For convolutions, use `filters`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its image holds the tensor; a vector is one row.

    Raises
    ------
    SettingError
        If the tensor has more than two axes.
    UnknownNameError
        If the network has no tensor of this name.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3)
    >>> network["0.dense.W"] = [[1.0, -2.0, 0.0], [0.5, 0.0, 0.0]]
    >>> weights(network, "0.dense.W").images[0].get_clim()
    (-2.0, 2.0)
    """
    require_type("network", network, Network)
    require_type("name", name, str)
    tensor = _tensor(network, name)
    if tensor.ndim > 2:
        raise SettingError(
            f"weights draws tensors with one axis or two; {name} has the shape {tensor.shape}: "
            "filters draws those of a convolution"
        )
    ax = axes_or_new(ax)
    picture = ax.imshow(
        np.atleast_2d(tensor).copy(), **signed(name, tensor), aspect="auto", interpolation="nearest"
    )
    colorbar(ax, picture, name)
    is_matrix = name.endswith(".W") and tensor.ndim == 2
    across = "input" if is_matrix else "unit" if name.endswith(".b") else f"axis {tensor.ndim - 1}"
    ax.set(xlabel=across)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.yaxis.get_major_locator().set_params(integer=True)
    if tensor.ndim == 2:
        ax.set(ylabel="unit" if is_matrix else "axis 0")
    else:
        ax.set_yticks([])
    return ax


def filters(network: Network, layer: str, *, most: int = 64, ax: Any = None) -> Any:
    """Draw the filters of a convolution, each as a small picture, all on one scale.

    With one channel, the filters form a grid, row by row. With three, the pictures are in colour,
    and zero is mid-grey. With any other number, each row is a filter and each column a channel.
    Filters of a `Conv1d` have the channels from top to bottom and the steps from left to right.

    Parameters
    ----------
    network : Network
    layer : str
        The name of a `Conv1d`, `Conv2d` or `ConvTranspose2d`, such as "0.conv2d".
    most : int
        How many filters, and how many channels, are drawn, counted from the first.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its first collection holds all pictures, separated by lines of NaN, or by transparent lines
        if they are in colour.

    Raises
    ------
    SettingError
        If the layer is not a convolution.
    UnknownNameError
        If the network has no layer of this name.

    Examples
    --------
    >>> from plainnet.layers import Conv2d
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Conv2d(4, 3)], loss=MeanSquaredError(), input_shape=(8, 8, 1))
    >>> filters(network, "0.conv2d").collections[0].get_array().shape  # 2 by 2, lines between
    (7, 7)
    """
    found = layer_of(network, layer)
    most = require_integer("most", most, at_least=1)
    if not isinstance(found, Conv1d | Conv2d | ConvTranspose2d):
        raise SettingError(
            f"layer must be a Conv1d, Conv2d or ConvTranspose2d; {layer} is {found!r}"
        )
    W = np.array(found.W[:most], np.float64)  # (filters, height, width, channels)
    n, channels = len(found.W), W.shape[-1]
    look = signed(f"{layer}.W", W)
    across = up = ""
    if isinstance(found, Conv1d):
        tiles, across, up = in_grid(W.swapaxes(1, 2)), "step", "channel"
    elif channels == 3:
        tiles, look = in_grid(0.5 + 0.5 * W / look["vmax"]), {}
    elif channels == 1:
        tiles = in_grid(W[..., 0])
    else:
        tiles, across, up = np.moveaxis(W[..., :most], -1, 1), "channel", "filter"
    ax = axes_or_new(ax)
    picture, middles = tiled(ax, tiles, **look)
    if look:
        colorbar(ax, picture, "weight")
    ax.set(xlabel=across, ylabel=up, title=how_many(n, len(W), f"filters of {layer}"))
    if up == "filter":
        for axis, places in zip((ax.yaxis, ax.xaxis), middles, strict=True):
            each = range(0, len(places), ceil(len(places) / 16))
            axis.set_ticks([places[i] for i in each], labels=map(str, each))
    return ax


# --- also for feature maps ------------------------------------------------------------------------


def layer_of(network: Any, name: Any) -> Layer:
    """The layer of this name."""
    require_type("network", network, Network)
    require_type("layer", name, str)
    try:
        found: Layer = network.layer(name)
    except KeyError as error:
        raise UnknownNameError(error.args[0]) from None
    return found


def _tensor(network: Network, name: str) -> Array:
    try:
        return network[name]
    except KeyError as error:
        raise UnknownNameError(error.args[0]) from None


def signed(what: str, values: Array) -> dict[str, Any]:
    """A colour map whose middle is zero."""
    limit = float(np.abs(values).max()) if values.size else 0.0
    if not np.isfinite(limit):
        raise DataError(f"{what} must be finite, to have colours; got {limit} among its numbers")
    return {"cmap": SIGNED, "vmin": -(limit or 1.0), "vmax": limit or 1.0}


def in_grid(pictures: Array) -> Array:
    """Pictures (n, height, width, ...) in a roughly square grid; the rest is NaN."""
    n, height, width = pictures.shape[:3]
    columns = min(n, ceil(sqrt(n * height / width)))
    padded = np.full((ceil(n / columns) * columns, *pictures.shape[1:]), np.nan)
    padded[:n] = pictures
    return padded.reshape(-1, columns, *pictures.shape[1:])


def tiled(ax: Any, tiles: Array, **look: Any) -> tuple[Any, tuple[Array, Array]]:
    """Draw pictures (rows, columns, height, width), or (..., 3) in colour, beside each other.

    Returns the artist, whose array has lines of NaN or transparent colour between pictures, and
    the centres of the rows and columns.
    """
    rows, columns, height, width = tiles.shape[:4]
    if tiles.ndim == 5:
        clear = np.isnan(tiles[..., :1])
        tiles = np.concatenate([np.where(clear, 1.0, tiles), 1.0 - clear], axis=-1)
    more = tiles.shape[4:]
    whole = np.full((rows, height + 1, columns, width + 1, *more), 0.0 if more else np.nan)
    whole[:, :height, :, :width] = np.moveaxis(tiles, 1, 2)
    whole = whole.reshape(rows * (height + 1), columns * (width + 1), *more)[:-1, :-1]
    gap = GAP * max(height, width)
    down, across = _edges(rows, height, gap), _edges(columns, width, gap)
    artist = ax.pcolormesh(across, down, whole, **look)
    ax.set(aspect="equal", xticks=[], yticks=[], facecolor="0.85")
    ax.invert_yaxis()
    ax.margins(0)
    middles = [
        np.arange(n) * (size + gap) + size / 2 for n, size in ((rows, height), (columns, width))
    ]
    return artist, (middles[0], middles[1])


def _edges(n: int, size: int, gap: float) -> Array:
    """Of the cells of n pictures, with a narrow one between neighbours."""
    steps = np.tile([*np.ones(size), gap], n)[:-1]
    return np.concatenate([[0.0], np.cumsum(steps)])


def how_many(n: int, drawn: int, what: str) -> str:
    """A title that says what is left out."""
    return f"{n} {what}" if drawn == n else f"{drawn} of {n} {what}"
