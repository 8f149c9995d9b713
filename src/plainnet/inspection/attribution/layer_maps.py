"""What layers inside a network looked at: feature maps of convolutions, attention weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.plan import Place
from plainnet.engine.recorded_steps import WindowOfSteps
from plainnet.errors import SettingError, ShapeError, require_type
from plainnet.inspection.attribution.probing import (
    Array,
    Arrays,
    as_given,
    chosen,
    count_rows,
    ids_of,
    inputs_of,
    pieces,
    some,
)
from plainnet.layers.attention.attention import CrossAttention, MultiHeadAttention
from plainnet.layers.attention.embedding import TiedEmbedding
from plainnet.layers.attention.transformer import TransformerBlock
from plainnet.layers.base import Layer
from plainnet.layers.containers.residual import Residual
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.convolution import Conv1d, Conv2d
from plainnet.network import Network

IN_ORDER = Sequential | Residual | TransformerBlock | TiedEmbedding | None
"""Containers whose layers follow one another; None stands for the network around them."""


def grad_cam(network: Network, X: Any, target: Any = None, layer: str | None = None) -> Array:
    """Where a convolution found evidence for an output: a weighted sum of its feature maps.

        a_k = mean over all places ij of dZ_c / dA_ijk
        L = max(0, sum_k a_k A_k)

    Selvaraju et al. 2017, eqs. 1 and 2. A is the layer's output, and L is brought to the input's
    height and width by linear interpolation. Masked steps do not count if the layer knows the mask,
    as `Conv1d` does.

    Parameters
    ----------
    network, X, target
        As in `gradient_times_input`.
    layer : str, optional
        The name of a layer that outputs images or sequences. By default the last `Conv2d` or
        `Conv1d`; to use the activation after it, give that layer's name, for example "3.relu".

    Returns
    -------
    L : array of shape (m, height, width), or (m, time) for sequences

    Examples
    --------
    >>> from plainnet.layers import Conv2d, GlobalAveragePool2d
    >>> from plainnet.losses import MeanSquaredError
    >>> layers = [Conv2d(1, 1), GlobalAveragePool2d()]
    >>> network = Network(layers, loss=MeanSquaredError(), input_shape=(2, 2, 1))
    >>> network["0.conv2d.W"] = [[[[2.0]]]]
    >>> grad_cam(network, [[[[1.0], [0.0]], [[0.0], [-1.0]]]])  # A is 2 X, and a is 1/4
    array([[[0.5, 0. ],
            [0. , 0. ]]], dtype=float32)
    """
    require_type("network", network, Network)
    network = deepcopy(network)
    inputs = inputs_of(network, X)
    place = _mapped(network, layer)
    subject: Any = place.subject
    size = _size(network, inputs, place)
    explained = chosen(network, network.outputs(as_given(inputs)), target)
    maps = np.empty((count_rows(inputs), *size), network.dtype)
    for rows in pieces(network, inputs):
        cache = Cache(record=True)
        Z = network.forward(as_given(some(inputs, rows)), cache)
        network.backward(explained.gradient(Z, rows), cache)
        name = subject.formulas.output if hasattr(subject, "formulas") else "Y"
        A, dA = cache[f"{place.path}.{name}"], cache[f"{place.path}.d{name}"]
        counts = np.ones(A.shape[:-1], A.dtype)
        data = cache[f"{place.path}.data"] if subject.uses_mask else counts
        if data.shape == counts.shape:  # a layer that changes the number of steps sees no mask
            counts *= data
        maps[rows] = _enlarged(_weighted(A, dA, counts), size)
    return maps


def _weighted(A: Array, dA: Array, counts: Array) -> Array:
    """max(0, sum_k a_k A_k), and 0 where nothing counts."""
    m, K = len(A), A.shape[-1]
    n = np.maximum(counts.reshape(m, -1).sum(axis=1), 1)
    a = (dA * counts[..., None]).reshape(m, -1, K).sum(axis=1) / n[:, None]  # (m, K)
    L: Array = np.maximum(np.einsum("mpk,mk->mp", A.reshape(m, -1, K), a), 0)
    return L.reshape(counts.shape) * counts


def _enlarged(L: Array, size: tuple[int, ...]) -> Array:
    """Each map in this size: linear between the centres of its places, constant at the edges."""
    for axis, n in enumerate(size, 1):
        places = L.shape[axis]
        centres = np.clip((np.arange(n) + 0.5) * places / n - 0.5, 0, places - 1)
        weights = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(places)))
        L = np.moveaxis(np.moveaxis(L, axis, -1) @ weights.T.astype(L.dtype), -1, axis)
    return L


def _mapped(network: Network, name: str | None) -> Place:
    """Where the layer stands whose output is the feature maps."""
    places = [place for place in network.plan.walk() if isinstance(place.subject, Layer)]
    if name is None:
        found = [place for place in places if isinstance(place.subject, Conv1d | Conv2d)][-1:]
        if not found:
            raise SettingError(
                "grad_cam needs a Conv1d or Conv2d in the network, or layer, the name of another "
                "whose output is images or sequences; the network has no convolution"
            )
    else:
        require_type("layer", name, str)
        network.layer(name)  # which says what names there are
        found = [place for place in places if place.path == name]
    subject: Any = found[0].subject  # a container comes before what is inside it
    axes = len(subject.output_shape)
    if subject.gives_several or axes not in (2, 3) or issubclass(subject.shown_by, WindowOfSteps):
        raise SettingError(
            f"layer must be one whose output is images or sequences, and not recurrent; got {name} "
            f"({subject!r}), whose output has the shape {subject.output_shape}"
        )
    return found[0]


def _size(network: Network, inputs: Arrays, place: Place) -> tuple[int, ...]:
    """The height and width, or the time, of the one input that the maps can be laid over."""
    subject: Any = place.subject
    axes = len(subject.output_shape) - 1
    ids = ids_of(network)
    fitting = [
        array.shape[1 : 1 + axes]
        for name, array in inputs.items()
        if array.ndim == (2 if name in ids and axes == 1 else axes + 2)
    ]
    if len(fitting) != 1:
        kind = "images" if axes == 2 else "sequences"
        raise ShapeError(
            f"the maps of {place.path} are laid over an input of {kind}; the network has "
            f"{len(fitting)} of them: X has the shapes "
            f"{', '.join(str(array.shape) for array in inputs.values())}"
        )
    return fitting[0]


def attention_rollout(network: Network, X: Any) -> Array:
    """How much of each step's final vector comes from each step of the input.

        A_l = (P_l + I) / 2, where P_l is the mean of the attention weights over all heads
        R_l = A_l R_(l-1), R_0 = I

    Abnar and Zuidema 2020, section 3, eq. 1 and the text before it: attention weights are taken
    as shares of a flow, and I is the shortcut around the layer. Row t of the result belongs to step
    t, and its numbers sum to 1. The result does not depend on an output. Layers between attention
    layers count as if steps did not mix, and so does a step that attends to nothing, where all is
    padding.

    Parameters
    ----------
    network : Network
        With `MultiHeadAttention` layers in sequence, alone or in a `TransformerBlock`. Branches, as
        in a `Graph` or an `EncoderDecoder`, are refused.
    X : array of shape (m, *input_shape)

    Returns
    -------
    R : array of shape (m, time, time)
        R[i, t, s] is the share of input step s in step t, for row i.

    Examples
    --------
    >>> from plainnet.layers import GlobalAveragePool1d, MultiHeadAttention
    >>> from plainnet.losses import MeanSquaredError
    >>> layers = [MultiHeadAttention(1), GlobalAveragePool1d()]
    >>> network = Network(layers, loss=MeanSquaredError(), input_shape=(2, 1))
    >>> network.parameters[:] = 0.0  # all steps get the same attention
    >>> attention_rollout(network, [[[1.0], [2.0]]])
    array([[[0.75, 0.25],
            [0.25, 0.75]]], dtype=float32)
    """
    require_type("network", network, Network)
    inputs = inputs_of(network, X)
    paths = _attention(network)
    found = []
    for rows in pieces(network, inputs):
        cache = Cache(record=True)
        network.forward(as_given(some(inputs, rows)), cache)
        found.append(_rolled_out([cache[f"{path}.P"] for path in paths]))
    return np.concatenate(found)


def _rolled_out(weights: list[Array]) -> Array:
    """From the weights of each layer, (m, heads, T, T), the lowest first."""
    T = weights[0].shape[-1]
    R = np.eye(T, dtype=weights[0].dtype)
    for P in weights:
        if P.shape[2:] != (T, T):
            raise ShapeError(
                "attention_rollout needs layers with the same number of steps; one has "
                f"{T} and another {P.shape[-1]}"
            )
        P = P.mean(axis=1)
        attends = P.any(axis=-1, keepdims=True)  # not where all is padding
        R = np.where(attends, (P @ R + R) / 2, R)
    return R


def _attention(network: Network) -> list[str]:
    """The names of all attention layers, in order."""
    for place in network.plan.walk():
        inside = [each.subject for each in place.walk() if each is not place]
        attends = any(isinstance(each, MultiHeadAttention | CrossAttention) for each in inside)
        branches = attends and not isinstance(place.subject, IN_ORDER)
        if branches or isinstance(place.subject, CrossAttention):
            raise SettingError(
                "attention_rollout follows self-attention one layer after the other; "
                f"{place.path or 'the network'} is {place.subject!r}"
            )
    paths = [
        place.path for place in network.plan.walk() if isinstance(place.subject, MultiHeadAttention)
    ]
    if not paths:
        raise SettingError("attention_rollout needs a MultiHeadAttention; the network has none")
    return paths
