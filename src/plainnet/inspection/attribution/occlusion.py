"""Which parts of an input mattered for an output: how far the output falls if they are hidden."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from plainnet.arguments.arrays import as_floats
from plainnet.errors import SettingError, ShapeError, require_number, require_type, shown
from plainnet.inspection.attribution.probing import (
    Array,
    Arrays,
    Target,
    as_given,
    beside,
    called,
    chosen,
    count_rows,
    ids_of,
    inputs_of,
    rows_at_once,
)
from plainnet.layers.convolution.sliding import pair, plain
from plainnet.network import Network

Patch = tuple[slice, ...]


def occlusion(
    network: Network,
    X: Any,
    target: Any = None,
    *,
    size: int | tuple[int, int] = 1,
    stride: int | tuple[int, int] | None = None,
    value: float = 0.0,
) -> Any:
    """How far an output falls when a part of the input is hidden: R = Z_k(X) - Z_k(hidden X).

    Zeiler and Fergus 2014, section 4.2. A patch slides over an image, and all channels under it are
    replaced; in a table it covers neighbouring features, in a sequence whole steps. Where patches
    overlap, a position gets the mean over the patches that cover it; patches at the far edge may be
    cut off. The cost is one forward pass per patch and no gradient, so it works for any network.

    Parameters
    ----------
    network, X, target
        As in `gradient_times_input`. With several inputs, a part of one is hidden at a time.
    size : int or (int, int)
        Size of a patch: pixels down and across, features, or steps.
    stride : int or (int, int), optional
        Distance from patch to patch, at most `size`, which is the default.
    value : float
        The value that fills a patch; for ids, an id. If the sequence is masked by the same value,
        hidden steps are skipped altogether.

    Returns
    -------
    R : array, or dict of such arrays
        Images (m, height, width, channels) give (m, height, width); tables (m, features) their own
        shape; sequences (m, time, features) and ids (m, time) give (m, time).

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3)
    >>> network["0.dense.W"] = [[2.0, -1.0, 1.0]]
    >>> occlusion(network, [[3.0, 5.0, 1.0]])
    array([[ 6., -5.,  1.]], dtype=float32)
    >>> occlusion(network, [[3.0, 5.0, 1.0]], size=2, stride=1)
    array([[ 1. , -1.5, -4. ]], dtype=float32)
    """
    require_type("network", network, Network)
    inputs = inputs_of(network, X)
    Z = network.outputs(as_given(inputs))
    explained = chosen(network, Z, target)
    Z, ids = explained.of(Z), ids_of(network)
    R: Arrays = {}
    for name, array in inputs.items():
        spatial = _spatial(name, array)
        patches = _patches(spatial, size, stride)
        hidden = _hidden_value(value, array, name in ids)
        total = np.zeros((len(array), *spatial), network.dtype)
        covered = np.zeros(spatial, int)
        for patch, Z_hidden in _with_hidden(network, inputs, name, patches, hidden, explained):
            total[(slice(None), *patch)] += beside(Z - Z_hidden, total)
            covered[patch] += 1
        R[name] = total / covered.astype(network.dtype)
    return as_given(R)


def _spatial(name: str, array: Array) -> tuple[int, ...]:
    """The axes that a patch lies on."""
    if array.ndim not in (2, 3, 4):
        raise ShapeError(
            f"{called(name)} must be a table, sequences or images, with 1 to 3 axes for each "
            f"example; got the shape {array.shape}"
        )
    return array.shape[1:3] if array.ndim == 4 else array.shape[1:2]


def _patches(spatial: tuple[int, ...], size: Any, stride: Any) -> list[Patch]:
    """All patches; the last along an axis may be cut."""
    sizes = _along(spatial, "size", size)
    strides = sizes if stride is None else _along(spatial, "stride", stride)
    if any(length > n for length, n in zip(sizes, spatial, strict=True)):
        raise SettingError(f"size must be at most that of the input, {spatial}; got {size!r}")
    if any(step > length for step, length in zip(strides, sizes, strict=True)):
        raise SettingError(
            f"stride must be at most size, {size!r}, or places are left out; got {stride!r}"
        )
    along = [
        [slice(start, start + length) for start in range(0, n - length + step, step)]
        for n, length, step in zip(spatial, sizes, strides, strict=True)
    ]
    return list(product(*along))


def _along(spatial: tuple[int, ...], name: str, value: Any) -> tuple[int, ...]:
    """One number for each axis."""
    if len(spatial) == 1 and isinstance(value, tuple | list):
        raise SettingError(f"{name} must be one number, except for images; got {shown(value)}")
    return pair(name, plain(value))[: len(spatial)]


def _hidden_value(value: Any, array: Array, ids: bool) -> Any:
    value = require_number("value", value)
    if not ids:
        return as_floats("value", np.array([value]), array.dtype)[0]
    if not value.is_integer() or not 0 <= value <= np.iinfo(array.dtype).max:
        raise SettingError(f"value must be an id, a whole number >= 0; got {value:g}")
    return int(value)


def _with_hidden(
    network: Network, inputs: Arrays, name: str, patches: list[Patch], value: Any, target: Target
) -> Iterator[tuple[Patch, Array]]:
    """Each patch with the target of all rows without it; of a few rows, many patches at once."""
    m = count_rows(inputs)
    at_once = max(rows_at_once(network, inputs) // m, 1)
    for start in range(0, len(patches), at_once):
        several = patches[start : start + at_once]
        n = len(several)
        copies = {each: np.concatenate([array] * n) for each, array in inputs.items()}
        for hidden, patch in zip(np.split(copies[name], n), several, strict=True):
            hidden[(slice(None), *patch)] = value
        Z = network.outputs(as_given(copies))
        yield from zip(several, target.of(Z, np.tile(np.arange(m), n)).reshape(n, m), strict=True)
