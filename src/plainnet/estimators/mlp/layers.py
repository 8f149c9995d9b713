"""The layers that the settings ask for, and scikit-learn's first weights."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from math import sqrt
from numbers import Integral
from typing import Any

from plainnet.errors import SettingError, is_a, require_integer, require_sequence, shown
from plainnet.estimators.base import Array
from plainnet.layers import BatchNorm, Dense, Dropout, Layer
from plainnet.layers.base import HUGE
from plainnet.layers.dense import activations

ACTIVATIONS: dict[str, type[Layer]] = {
    name.lower(): kind
    for name, kind in vars(activations).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
} | {"logistic": activations.Sigmoid}

SCIKIT_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def hidden_layers(
    sizes: list[int], activation: Any, *, batch_norm: bool, dropout: float
) -> list[Layer]:
    """Dense layers of these sizes, each with its activation and regularization."""
    layers = list[Layer]()
    for units, own in zip(sizes, _activations(activation, len(sizes)), strict=True):
        layers.append(Dense(units))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(own)
        if dropout:
            layers.append(Dropout(dropout))
    return layers


def hidden_sizes(wanted: Any) -> list[int]:
    """The setting hidden_layer_sizes, if it holds whole numbers."""
    if hasattr(wanted, "__iter__"):
        sizes = require_sequence("hidden_layer_sizes", wanted, "whole numbers")
    else:
        sizes = [wanted]
    if not all(is_a(Integral, size) for size in sizes):
        raise SettingError(f"hidden_layer_sizes must be whole numbers; got {shown(sizes)}")
    if any(size <= 0 for size in sizes):
        raise SettingError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [require_integer("hidden_layer_sizes", size, at_least=1) for size in sizes]


def _activations(wanted: Any, n: int) -> list[Layer]:
    """A separate layer for each of the n hidden layers."""
    each = list(wanted) if isinstance(wanted, list | tuple) else [wanted] * n
    if len(each) != n:
        raise SettingError(
            f"activation lists {len(each)} activations for {n} hidden layers: {wanted!r}"
        )
    unknown = [a for a in each if not (isinstance(a, Layer) or a in ACTIVATIONS)]
    if unknown:
        raise SettingError(
            f"unknown activation {unknown[0]!r}; known are {', '.join(sorted(ACTIVATIONS))}, "
            "or any Layer object"
        )
    return [deepcopy(a) if isinstance(a, Layer) else ACTIVATIONS[a]() for a in each]


def scikit_start(activation: Any, sizes: list[int], source: Any) -> list[tuple[Array, Array]]:
    """(W, b) of each layer as scikit-learn draws them; [] with an activation it does not have.

    They are uniform, with Glorot's limit (2010, equation 16), for the biases too. He's
    initialization, plainnet's own for ReLU, is too large below wide layers with few inputs, and
    does worse on small tables.

    Parameters
    ----------
    sizes : list of int
        Sizes of the input, the hidden layers and the output.
    source : numpy.random.RandomState or Generator
    """
    if not isinstance(activation, str) or activation not in SCIKIT_ACTIVATIONS:
        return []
    start = []
    for n_in, n_out in pairwise(sizes):
        if n_in * n_out > HUGE:
            raise SettingError(f"hidden_layer_sizes: {n_in} x {n_out} weights fit into no memory")
        limit = sqrt((2 if activation == "logistic" else 6) / (n_in + n_out))
        W = source.uniform(-limit, limit, (n_in, n_out))
        start.append((W, source.uniform(-limit, limit, n_out)))
    return start
