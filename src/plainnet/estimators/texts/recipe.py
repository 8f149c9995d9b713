"""The networks behind the text estimators, and how they are trained.

"default" is fastText's classifier (Joulin et al. 2016, section 2): the mean of learned vectors, and
a linear layer. Two things differ: the features have tf-idf weights, and dropout comes in
between. docs/benchmarks.md shows what that gains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from plainnet.engine.settings import TrainingSettings
from plainnet.errors import SettingError
from plainnet.estimators.held_out import NETWORKS
from plainnet.initializers import Normal
from plainnet.layers import (
    GRU,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    EmbeddingBag,
    GlobalAveragePool1d,
    Layer,
    LayerNorm,
    LearnedPositions,
    TransformerBlock,
)
from plainnet.losses import Loss
from plainnet.network import Network
from plainnet.text import PADDING

TEXTS_FOR_SEVERAL = 20_000
"""Up to this many texts, several networks are trained."""
STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 20, 16, 256
SHORT_VECTORS = 0.05
"""The initial vectors' standard deviation, small so that unseen features hardly count."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a preset."""

    preset: str
    learning_rate: float
    width: int
    """The length of a token's vector."""
    dropout: float
    epochs: int = 20
    patience: int = 4
    """How many epochs without improvement before training stops."""
    weight_decay: float = 0.0
    batch_size: int | None = None
    in_order: bool = True
    """Whether the network reads a sequence of tokens rather than a bag of features."""
    networks: int | None = None
    """None: several, unless there are many texts."""

    def adapted(self, settings: TrainingSettings, width: int | None) -> Recipe:
        """A copy, with the given settings in place of its own."""
        own = {name: value for name, value in settings.given().items() if name in vars(self)}
        return replace(self, **own | ({} if width is None else {"width": width}))

    def networks_for(self, texts: int) -> int:
        """How many networks are trained."""
        return self.networks or (NETWORKS if texts <= TEXTS_FOR_SEVERAL else 1)

    def batch_for(self, rows: int) -> int:
        """How many rows a batch has."""
        fitting = min(max(rows // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
        return min(int(self.batch_size or fitting), rows)


RECIPES = {
    recipe.preset: recipe
    for recipe in (
        Recipe("default", 0.01, width=32, dropout=0.3, in_order=False),
        Recipe("gru", 0.003, width=64, dropout=0.3, networks=1),
        Recipe("transformer", 0.001, width=64, dropout=0.2, networks=1),
    )
}
HEADS, BLOCKS = 4, 2


def build(
    recipe: Recipe,
    vocabulary: int,
    length: int,
    n_outputs: int,
    loss: Loss,
    rng: np.random.Generator,
) -> Network:
    """The network for a vocabulary of this size; it reads at most `length` tokens, if in order."""
    width = recipe.width
    if not recipe.in_order:
        bag = EmbeddingBag(
            vocabulary,
            width,
            combine="weights",
            padding=PADDING,
            initializer=Normal(SHORT_VECTORS),
        )
        layers: list[Layer] = [bag, Dropout(recipe.dropout), Dense(n_outputs)]
        return Network(layers, loss=loss, input_shape=((None,), (None,)), seed=rng)
    if recipe.preset == "transformer" and width % HEADS:
        raise SettingError(
            f"width must be a multiple of {HEADS} for the preset 'transformer'; got {width}"
        )
    readers: list[Layer] = [Bidirectional(GRU(width, return_sequences=True))]
    if recipe.preset == "transformer":
        blocks = [TransformerBlock(HEADS, dropout=recipe.dropout) for _ in range(BLOCKS)]
        readers = [LearnedPositions(length), *blocks, LayerNorm()]
    layers = [
        Embedding(vocabulary, width, padding=PADDING, initializer=Normal(width**-0.5)),
        *readers,
        GlobalAveragePool1d(),
        Dropout(recipe.dropout),
        Dense(n_outputs),
    ]
    return Network(layers, loss=loss, input_shape=(None,), seed=rng)
