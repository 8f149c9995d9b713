"""The network behind the tabular estimators: RealMLP, its settings and its initialization.

Holzmueller, Grinsztajn and Steinwart 2024, Better by Default: Strong Pre-Tuned MLPs and Boosted
Trees on Tabular Data, section 3 and table A.1. One thing is added: beside its waves, each number is
also encoded by its position among bins (`PiecewiseLinearEmbedding`), so that the network can split
single features as trees do. docs/decisions.md has the figures for this and the other differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.settings import TrainingSettings
from plainnet.errors import require_integer, require_sequence
from plainnet.estimators.tabular.columns import Columns
from plainnet.estimators.tabular.sizes import hidden_layer_sizes_for
from plainnet.layers import (
    SELU,
    CategoryEmbedding,
    Dense,
    Dropout,
    Identity,
    Layer,
    Mish,
    Parallel,
    ParametricActivation,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    Scale,
)
from plainnet.losses import Loss
from plainnet.network import Network

Array = npt.NDArray[Any]

ROWS_TO_START, NUMBERS_TO_START, FEWEST_TO_START = 4096, 2**20, 128
"""How many rows the initial weights are scaled on: more would make no difference. If a row
becomes many numbers inside the network, fewer rows are enough."""
POINTS_PER_BIAS = 5
FEW_VALUES = 256
"""A number with at most this many distinct values gets bins between the values themselves."""
MOST_BINS = 128
QUANTILE_BINS = 48
ROWS_PER_BIN = 100
"""Small tables get fewer bins."""
BINS_IN_ALL = 2048
"""Wide tables get fewer bins for each number."""
MOST_WAVES = 256
"""Tables with more numbers than this get no waves, which would take most of the memory."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a preset."""

    learning_rate: float
    activation: type[Layer]
    label_smoothing: float = 0.0
    dropout: tuple[float, ...] = (0.15, 0.05, 0.3, 0.1, 0.2)
    """The dropout of each network in turn: noisy tables need more, tables without noise less."""
    weight_decay: float = 0.02
    embed: bool = True
    """Whether numbers become waves, and each activation has a learned share."""
    hidden_layer_sizes: tuple[int, ...] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    """None means that the number of rows decides these three."""

    def adapted(self, settings: TrainingSettings) -> Recipe:
        """A copy, with the given settings in place of its own."""
        own = {name: value for name, value in settings.given().items() if name in vars(self)}
        if settings.dropout is not None:
            own["dropout"] = (settings.dropout,)
        if settings.hidden_layer_sizes is not None:
            own["hidden_layer_sizes"] = tuple(
                require_integer("each of hidden_layer_sizes", size, at_least=1)
                for size in require_sequence(
                    "hidden_layer_sizes", settings.hidden_layer_sizes, "whole numbers"
                )
            )
        return replace(self, **own)


CLASSIFIER = {
    "default": Recipe(0.05, SELU, dropout=(0.3, 0.05, 0.5, 0.1, 0.4)),
    "fast": Recipe(0.05, SELU, dropout=(0.0,), weight_decay=0.0, embed=False),
}
REGRESSOR = {
    "default": Recipe(0.065, Mish),
    "fast": Recipe(0.07, Mish, dropout=(0.0,), weight_decay=0.0, embed=False),
}


def build(
    recipe: Recipe,
    columns: Columns,
    X: Array,
    n_outputs: int,
    loss: Loss,
    rng: np.random.Generator,
    number: int = 0,
) -> Network:
    """The network for these columns, with bins from X and initial weights scaled to X.

    `number`, counted from 0, is its place in an ensemble.
    """
    dropout = recipe.dropout[number % len(recipe.dropout)]
    numbers = columns.n_numbers
    flags = numbers + columns.n_flags
    ids = flags + len(columns.id_sizes)
    parts: list[tuple[tuple[int, int], Layer]] = []
    if numbers:
        waves = recipe.embed and numbers <= MOST_WAVES
        parts.append(((0, numbers), PeriodicEmbedding() if waves else Identity()))
        edges = [bin_edges(X[:, i], max(1, BINS_IN_ALL // numbers)) for i in range(numbers)]
        parts.append(((0, numbers), PiecewiseLinearEmbedding(edges)))
    if columns.n_flags:
        parts.append(((numbers, flags), Identity()))
    if columns.id_sizes:
        parts.append(((flags, ids), CategoryEmbedding(columns.id_sizes)))
    inputs, scale = Parallel([p for p, _ in parts], [layer for _, layer in parts]), Scale()
    layers: list[Layer] = [inputs, scale]
    for width in recipe.hidden_layer_sizes or hidden_layer_sizes_for(len(X)):
        layers.append(Dense(width))
        activation = recipe.activation()
        layers.append(ParametricActivation(activation) if recipe.embed else activation)
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Dense(n_outputs))
    network = Network(layers, loss=loss, input_shape=X.shape[1], seed=rng)
    for layer, (first, last) in zip(inputs.layers, inputs.columns, strict=True):
        if isinstance(layer, PiecewiseLinearEmbedding):  # a number's bins count as one feature
            scale.gamma[first:last] = 1 / np.bincount(layer.feature)[layer.feature]
    largest = max(layer.numbers(1) for layer in network.body.walk())
    rows = min(max(NUMBERS_TO_START // largest, FEWEST_TO_START), ROWS_TO_START)
    _start(network, X[rng.permutation(len(X))[:rows]], rng, biases=recipe.embed)
    return network


def bin_edges(values: Array, at_most: int = MOST_BINS) -> list[float]:
    """Bin edges for one number: between its values if there are few, otherwise its quantiles."""
    different, most = np.unique(values), min(max(1, len(values) // ROWS_PER_BIN), at_most)
    if len(different) == 1:  # numbers so close that float32 does not tell them apart
        return [float(different[0]), float(different[0]) + 1]
    if len(different) <= FEW_VALUES:
        bins = min(len(different) - 1, MOST_BINS, most)
        places = np.linspace(0, len(different) - 1, bins + 1).round().astype(int)
        return [float(edge) for edge in different[places]]
    quantiles = np.quantile(values, np.linspace(0, 1, min(QUANTILE_BINS, most) + 1))
    return [float(edge) for edge in np.unique(quantiles.astype(values.dtype))]


def _start(network: Network, A: Array, rng: np.random.Generator, *, biases: bool) -> None:
    """Scale the dense layers by the data, and give each tensor its own learning rate.

    A unit's weights are normal and scaled so that its pre-activation has unit standard deviation on
    these rows. Its bias puts the kink of its activation amid the data: at a random average of five
    examples, weighted by exponential draws (Steinwart 2019, "he+5").

    The recipe's layers are Z = A W' / sqrt(n_in) + b. With Adam, whose step does not depend on the
    gradient's size, W = W' / sqrt(n_in) learns the same at 1 / sqrt(n_in) of the learning rate.
    """
    cache = Cache()
    network.forward(A, cache)
    for layer, own in cache.children[""].layers:
        if isinstance(layer, Dense):
            _scale(layer, A, rng, biases)
            root = sqrt(layer.W.shape[1])
            network.adjust(f"{layer.name}.W", learning_rate=1 / root, weight_decay=root)
            network.adjust(f"{layer.name}.b", learning_rate=0.1)
        elif isinstance(layer, Scale):
            network.adjust(layer.name, learning_rate=6.0, weight_decay=1.0)
        elif isinstance(layer, ParametricActivation):
            network.adjust(layer.name, learning_rate=0.1, weight_decay=1.0)
        A = layer.forward(A, own).copy()
    for layer in network.body.walk():
        if isinstance(layer, PeriodicEmbedding):
            network.adjust(layer.name, learning_rate=0.1, weight_decay=1.0)


def _scale(layer: Dense, A: Array, rng: np.random.Generator, biases: bool) -> None:
    W = rng.standard_normal(layer.W.shape)  # (units, n_in)
    Z = A @ W.T
    spread = Z.std(axis=0)
    spread[spread == 0] = sqrt(W.shape[1])
    layer.W[...] = W / spread[:, None]
    if biases:
        shares = rng.exponential(size=(POINTS_PER_BIAS, layer.units))
        shares /= shares.sum(axis=0)
        points = rng.integers(0, len(Z), (POINTS_PER_BIAS, layer.units))
        layer.b[...] = -(shares * Z[points, np.arange(layer.units)] / spread).sum(axis=0)
