"""What layers compute for one example: feature maps of convolutions, attention weights."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array
from plainnet.arguments.parts import Parts
from plainnet.data import check_features
from plainnet.engine.cache import Cache
from plainnet.errors import SettingError, ShapeError, require_integer, require_type, shown
from plainnet.inspection.plots.axes import axes_or_new, colorbar, several_axes
from plainnet.inspection.plots.tensors import how_many, in_grid, layer_of, signed, tiled
from plainnet.layers.attention.attention import CrossAttention, MultiHeadAttention
from plainnet.network import Network

Array = npt.NDArray[Any]

MOST_LABELS = 18
"""In longer sequences, only every second or third step is labelled."""


def feature_maps(network: Network, layer: str, x: Any, *, most: int = 64, ax: Any = None) -> Any:
    """Draw a layer's output for one example, each channel as a small picture, all on one scale.

    If the output is a sequence, as for `Conv1d`, the picture has the channels from top to bottom
    and the steps from left to right.

    Parameters
    ----------
    network : Network
    layer : str
        The name of a layer that outputs images or sequences: a convolution, or the activation
        after it.
    x : array of shape input_shape, or (1, *input_shape)
        One example; for a network with several inputs, a dict of arrays, each (1, ...).
    most : int
        How many channels are drawn, counted from the first.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its first collection holds all channels, with a line of NaN between those of images.

    Raises
    ------
    SettingError
        If the layer's output is neither images nor sequences.
    ShapeError
        If x is not one example.
    UnknownNameError
        If the network has no layer of this name.

    Examples
    --------
    >>> from plainnet.layers import Conv2d
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Conv2d(4, 3)], loss=MeanSquaredError(), input_shape=(8, 8, 1))
    >>> feature_maps(network, "0.conv2d", np.ones((8, 8, 1))).collections[0].get_array().shape
    (13, 13)
    """
    found: Any = layer_of(network, layer)
    most = require_integer("most", most, at_least=1)
    if found.gives_several or len(found.output_shape) not in (2, 3):
        raise SettingError(
            f"layer must be one whose output is images or sequences; the output of {layer} "
            f"({found!r}) has the shape {found.output_shape}"
        )
    cache = _recorded(network, x)
    name = found.formulas.output if hasattr(found, "formulas") else "Y"
    (A,) = cache[f"{layer}.{name}"]
    K = A.shape[-1]
    maps = np.moveaxis(A[..., :most], -1, 0)  # (channels, height, width) or (channels, time)
    look = {"cmap": "viridis"} if maps.min() >= 0 else signed(f"{layer}.{name}", maps)
    is_sequence = maps.ndim == 2
    ax = axes_or_new(ax)
    if is_sequence:
        steps, channels = (np.arange(n + 1) - 0.5 for n in (maps.shape[1], len(maps)))
        image = ax.pcolormesh(steps, channels, maps.copy(), **look)
        ax.invert_yaxis()
    else:
        image, _ = tiled(ax, in_grid(maps), **look)
    colorbar(ax, image, name)
    ax.set(title=how_many(K, len(maps), f"channels of {layer}"))
    if is_sequence:
        ax.set(xlabel="step", ylabel="channel")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.yaxis.get_major_locator().set_params(integer=True)
    return ax


def attention(
    network: Network, x: Any, *, layer: str | None = None, labels: Any = None, axes: Any = None
) -> Any:
    """Draw the attention weights of each head of an attention layer.

    Row t shows where step t looks: its weights lie between 0 and 1 and sum to 1, or are all 0 if it
    may look at nothing. They show where a step looks, not how it uses what it finds there.

    Parameters
    ----------
    network : Network
    x : array of shape input_shape, or (1, *input_shape)
        One example, such as the ids of a text; for a network with several inputs, a dict of
        arrays, each (1, ...).
    layer : str, optional
        The name of a `MultiHeadAttention` or `CrossAttention`; needed if there are several.
    labels : sequence of str, optional
        Labels of the steps that are looked at, such as words.
    axes : array of matplotlib.axes.Axes, optional
        One for each head.

    Returns
    -------
    axes : array of matplotlib.axes.Axes, shape (heads,)
        The image of each holds the weights, shape (time, steps looked at).

    Raises
    ------
    SettingError
        If the layer is not attention or must be named, or the number of labels is wrong.
    ShapeError
        If x is not one example.
    UnknownNameError
        If the network has no layer of this name.

    Examples
    --------
    >>> from plainnet.layers import MultiHeadAttention
    >>> from plainnet.losses import MeanSquaredError
    >>> layers = [MultiHeadAttention(2, causal=True)]
    >>> network = Network(layers, loss=MeanSquaredError(), input_shape=(3, 2))
    >>> network.parameters[:] = 0.0  # all steps that can be seen get the same attention
    >>> first, second = attention(network, np.ones((3, 2)))
    >>> first.images[0].get_array().data.round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]], dtype=float32)
    """
    require_type("network", network, Network)
    path = _attending(network, layer)
    (P,) = _recorded(network, x)[f"{path}.P"]  # (heads, time, steps looked at)
    heads, time, steps = P.shape
    words = None if labels is None else _labels(labels, steps)
    side = 1.0 + min(max(0.2 * max(time, steps), 1.6), 3.6) + (0.6 if words else 0.0)
    axes = several_axes(axes, [f"head {h}" for h in range(heads)], size=(side, side))
    for h, ax in enumerate(axes):
        image = ax.imshow(
            P[h].copy(), cmap="Blues", vmin=0, vmax=float(P.max()) or 1.0, interpolation="nearest"
        )
        if words is not None:
            every = range(0, steps, ceil(steps / MOST_LABELS))
            ax.set_xticks([*every], labels=[words[t] for t in every], rotation=90)
            if time == steps:
                ax.set_yticks([*every], labels=[words[t] for t in every])
        else:
            ax.set(xlabel="looked at", ylabel="step")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.yaxis.get_major_locator().set_params(integer=True)
    axes[0].figure.colorbar(image, ax=[*axes], label="weight", shrink=0.8)
    return axes


def _attending(network: Network, name: str | None) -> str:
    """The name of the attention layer that is meant."""
    kinds = MultiHeadAttention | CrossAttention
    known = [p.path for p in network.plan.walk() if isinstance(p.subject, kinds)]
    if name is None:
        if len(known) != 1:
            has = ", ".join(known) or "no MultiHeadAttention or CrossAttention"
            raise SettingError(f"layer must say which attention is drawn; the network has {has}")
        return known[0]
    if not isinstance(found := layer_of(network, name), kinds):
        raise SettingError(
            f"layer must be a MultiHeadAttention or CrossAttention, {', '.join(known) or 'none'} "
            f"here; {name} is {found!r}"
        )
    return name


def _labels(labels: Any, steps: int) -> list[str]:
    words = [str(each) for each in labels] if np.iterable(labels) else []
    if isinstance(labels, str) or len(words) != steps:
        raise SettingError(
            f"labels must be {steps} texts, one for each step that is looked at; got "
            f"{shown(labels)}"
        )
    return words


def _recorded(network: Network, x: Any) -> Cache:
    """A recorded forward pass of one example."""
    if not network.body.takes_several:
        x = as_array("x", x)
        if x.ndim == len(network.input_shape):
            x = x[None]
    inputs = network.inputs(x)
    check_features(inputs)
    if len(inputs) != 1:
        raise ShapeError(
            f"x must be one example, of shape {network.input_shape}; got {len(inputs)} of them"
        )
    cache = Cache(record=True)
    network.forward(inputs.arrays if isinstance(inputs, Parts) else inputs, cache)
    return cache
