"""The network behind ImageClassifier: a small residual network, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np

from plainnet.augmentation import Shift, Transform
from plainnet.engine.settings import TrainingSettings
from plainnet.errors import SettingError
from plainnet.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2d,
    ReLU,
    Residual,
)
from plainnet.losses import Loss
from plainnet.network import Network

COARSE = 8
"""The side to which images are reduced in the deepest part of the network."""
LARGEST_BATCH, SMALLEST_BATCH, STEPS_PER_EPOCH = 128, 16, 16
SHIFT = 28
"""Images are shifted by up to their smaller side / 28, rounded up."""
SHIFTABLE = 4
"""Smaller images are not shifted."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a preset."""

    filters: tuple[int, int, int]
    """Of the first convolution, the middle ones and the last."""
    blocks: int
    images_to_see: int
    """How many images the network sees over all epochs."""
    fewest_epochs: int
    most_epochs: int
    learning_rate: float = 0.005
    label_smoothing: float = 0.05
    dropout: float = 0.3
    weight_decay: float = 0.05
    epochs: int | None = None
    batch_size: int | None = None
    """None: chosen by the number of images, like the epochs."""

    def adapted(self, settings: TrainingSettings) -> Recipe:
        """A copy, with the given settings in place of its own."""
        own = {name: value for name, value in settings.given().items() if name in vars(self)}
        return replace(self, **own)

    def epochs_for(self, images: int) -> int:
        """How often the network goes through this many images."""
        wanted = self.images_to_see // images
        return self.epochs or min(max(wanted, self.fewest_epochs), self.most_epochs)

    def batch_size_for(self, images: int) -> int:
        """128, or fewer if there would be too few steps."""
        usual = min(max(images // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
        return min(self.batch_size or usual, images)


PRESETS = {
    "default": Recipe((32, 64, 96), 1, 700_000, 12, 40),
    "fast": Recipe((16, 32, 48), 0, 500_000, 8, 30),
}


def build(
    recipe: Recipe,
    shape: tuple[int, int, int],
    n_outputs: int,
    loss: Loss,
    rng: np.random.Generator,
) -> Network:
    """The network for images of this shape.

    Convolutions are cheap where there are few positions or few channels: the image is halved until
    it is at most 8 pixels wide, and most of the filters come after that. Pooling comes before batch
    normalization and the activation, which then have only a quarter of the numbers to process.
    """
    first, middle, last = recipe.filters
    height, width = shape[:2]
    halvings = max(1, ceil(log2(max(height, width) / COARSE)))
    layers: list[Layer] = []

    def convolution(filters: int, *, kernel: int = 3, stride: int = 1, halved: bool) -> None:
        nonlocal height, width
        layers.append(_convolution(filters, kernel, stride))
        height, width = ceil(height / stride), ceil(width / stride)
        if halved:
            pool = min(2, height), min(2, width)
            layers.append(MaxPool2d(pool))
            height, width = height // pool[0], width // pool[1]
        layers.extend([BatchNorm(), ReLU()])

    if halvings > 2:
        convolution(first, kernel=5, stride=2, halved=False)
        for _ in range(halvings - 3):
            convolution(first, halved=True)
    convolution(first, halved=halvings > 1)
    convolution(middle, halved=True)
    for _ in range(recipe.blocks):
        layers += [_block(middle), ReLU()]
    convolution(last, halved=True)
    layers.append(Flatten())
    if recipe.dropout:
        layers.append(Dropout(recipe.dropout))
    layers.append(Dense(n_outputs))
    return Network(layers, loss=loss, input_shape=shape, seed=rng)


def _convolution(filters: int, kernel: int = 3, stride: int = 1) -> Conv2d:
    """Batch normalization has the biases."""
    return Conv2d(filters, kernel, stride=stride, padding="same", bias=False)


def _block(filters: int) -> Residual:
    """He et al. 2016, Deep Residual Learning for Image Recognition, figure 2."""
    inner = [_convolution(filters), BatchNorm(), ReLU(), _convolution(filters), BatchNorm()]
    return Residual(inner)


def shift_for(
    shape: tuple[int, int, int], pixels: int | None, border: list[float]
) -> list[Transform]:
    """How images of this shape are shifted in training; the gap gets the border's colour."""
    side = min(shape[:2])
    if pixels is None:
        pixels = ceil(side / SHIFT) if side >= SHIFTABLE else 0
    if pixels >= side:
        raise SettingError(
            f"shift must be less than the smaller side of the size {shape[:2]}; got {pixels}"
        )
    return [Shift(pixels, border)] if pixels else []
