"""Which inputs mattered for an output: by its gradient, at X or on a path to X.

The output is a number of the last pre-activation Z, such as the logit of a class, before the
activation that is built into the loss. The pass runs in prediction mode, and the network is not
changed: gradients are taken in a copy.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from plainnet.arguments.arrays import as_numbers
from plainnet.arguments.parts import by_name
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    counted,
    require_number,
    shown,
)
from plainnet.inspection.attribution.lines import MOST_PARTS, Lines
from plainnet.inspection.attribution.probing import (
    Arrays,
    Probe,
    as_given,
    called,
)
from plainnet.network import Network

ROUNDING = 1e-6
"""A smaller difference, relative to the outputs, counts as this share of them."""


def gradient_times_input(network: Network, X: Any, target: Any = None) -> Any:
    """The gradient of an output, times the input: R = dZ_k / dX * X.

    Shrikumar et al. 2017 (DeepLIFT, section 2.2). In a linear network without biases, these are the
    terms of the sum Z_k. In other networks, where the output bends or saturates, they are a linear
    approximation at X. The cost is one forward and one backward pass.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape)
        With several inputs, a dict of arrays.
    target : int or array of m ints, optional
        k, an index of the last pre-activation. By default the predicted class of each row (the
        largest element of Z), or the only output: the log-odds of class 1 for
        `SigmoidCrossEntropy`. For a network with several outputs, {"output name": k}.

    Returns
    -------
    R : array of X's shape, or dict of such arrays
        For ids that an `Embedding` reads, shape (m, time): dZ_k / dE * E, summed over each vector.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2)
    >>> network["0.dense.W"] = [[2.0, -1.0]]
    >>> gradient_times_input(network, [[3.0, 5.0]])
    array([[ 6., -5.]], dtype=float32)
    """
    probe = Probe(network, X, target)
    R = _empty(probe)
    for rows in probe.pieces():
        points = {name: point[rows] for name, point in probe.points.items()}
        _, gradients = probe.follow(points, rows)
        for name, gradient in gradients.items():
            R[name][rows] = probe.summed(name, gradient * points[name])
    return as_given(R)


def integrated_gradients(
    network: Network,
    X: Any,
    target: Any = None,
    *,
    baseline: Any = 0.0,
    tolerance: float = 1e-3,
) -> Any:
    """The mean gradient on the line from a baseline B to X, times X - B.

        R = (X - B) * integral from 0 to 1 of dZ_k / dX at B + a (X - B)  da

    Sundararajan et al. 2017, eq. 1. Their sum is the difference of the outputs, Z_k(X) - Z_k(B)
    (completeness, proposition 1), which also shows whether the integral is accurate enough. The
    line is first cut into four parts with 8 Gauss-Legendre points each; those with the largest
    errors are halved until the errors of a row together are within the tolerance. Everything is
    computed in float64.

    Parameters
    ----------
    network, X, target
        As in `gradient_times_input`. The predicted class is the one at X.
    baseline : number or array that broadcasts to X
        An uninformative input, such as a black image or the mean of a table. With several inputs, a
        dict of baselines, or one for all. The baseline of ids is always the zero vector.
    tolerance : float
        How far a row's sum may differ from the difference of its outputs, relative to it.

    Returns
    -------
    R : array of X's shape, or dict of such arrays
        For ids, shape (m, time), summed over each vector. Where `Masking` or an `Embedding` finds
        padding in X, it stays padding on the whole line.

    Warns
    -----
    UserWarning
        If 512 parts are not enough for a row; its result is then less accurate.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(1), ReLU()], loss=MeanSquaredError(), input_shape=2)
    >>> network["0.dense.W"] = [[1.0, -1.0]]
    >>> integrated_gradients(network, [[3.0, 1.0]], baseline=[1.0, 0.0])  # Z from 1 to 2
    array([[ 2., -1.]], dtype=float32)
    """
    tolerance = require_number("tolerance", tolerance, above=0)
    probe = Probe(network, X, target, np.float64)
    lines = Lines(probe, _baselines(probe, baseline))
    change = probe.Z - lines.Z
    least = ROUNDING * np.maximum(np.abs(probe.Z), np.abs(lines.Z))
    allowed = tolerance * np.maximum(np.abs(change), least)
    parts = lines.parts(allowed)
    errors = np.abs(np.bincount(parts.row, parts.error))
    misses = ~(errors <= allowed)
    if misses.any():
        worst = np.argmax(np.where(misses, errors / allowed, 0))
        warnings.warn(
            f"integrated_gradients: with {MOST_PARTS} parts of their lines, the sums of "
            f"{counted(int(misses.sum()), 'row')} are not within tolerance={tolerance:g} of the "
            f"difference of the outputs; the worst is row {worst}, off by {errors[worst]:.2g}, "
            f"where the difference is {change[worst]:.2g}",
            UserWarning,
            stacklevel=2,
        )
    R = {name: probe.summed(name, each) for name, each in lines.integrals(parts).items()}
    return as_given({name: each.astype(network.dtype) for name, each in R.items()})


def _empty(probe: Probe) -> Arrays:
    """Where the attributions of each input go."""
    dtype = probe.network.dtype
    return {name: np.zeros(array.shape, dtype) for name, array in probe.X.items()}


def _baselines(probe: Probe, baseline: Any) -> Arrays:
    """Where each input's line begins, in the shape of `probe.points`."""
    numbers = tuple(name for name in probe.points if name not in probe.ids)
    given = dict.fromkeys(numbers, baseline)
    if isinstance(baseline, Mapping) and "" not in probe.points:
        given = by_name("baseline", numbers, baseline, SettingError)
    elif not numbers and not (np.isscalar(baseline) and baseline == 0):
        raise SettingError(
            f"the baseline of ids is the zero vector: leave baseline out; got {shown(baseline)}"
        )
    starts = {name: np.zeros_like(point) for name, point in probe.points.items()}
    for name, each in given.items():
        what = f"baseline[{name!r}]" if each is not baseline else "baseline"
        array = as_numbers(what, each)
        if not np.isfinite(array).all():
            raise DataError(f"{what} must be finite; got {shown(each)}")
        try:
            starts[name][...] = array
        except ValueError:
            raise ShapeError(
                f"{what} must be a number, or an array that broadcasts to the shape of "
                f"{called(name)}, {starts[name].shape}; got {array.shape}"
            ) from None
    return starts
