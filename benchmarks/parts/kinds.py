"""The layers that are measured beside PyTorch, each at a small and a larger size.

Both compute the same on float32 numbers. Images lie as each library has them by default, channels
last here and first in PyTorch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from plainnet import layers

Shape = tuple[int, ...]
LETTERS = 65
IMAGES: tuple[Shape, ...] = ((32, 14, 14, 16), (64, 28, 28, 64))
SEQUENCES: tuple[Shape, ...] = ((32, 32, 32), (64, 64, 256))
DIGITS: tuple[Shape, ...] = ((32, 28, 28, 1), (256, 28, 28, 1))
TEXTS: tuple[Shape, ...] = ((16, 32), (32, 128))
ROWS: tuple[Shape, ...] = ((64, 1024), (4096, 1024))


@dataclass(frozen=True)
class Kind:
    """A layer, or a whole network with so many classes, given its input's features."""

    name: str
    ours: Callable[[int], list[layers.Layer]]
    theirs: Callable[[int], nn.Module]
    shapes: tuple[Shape, ...]
    classes: int = 0

    def data(self, shape: Shape) -> tuple[np.ndarray, Callable[[Shape], np.ndarray]]:
        """The input, and a function from the output's shape to the target."""
        rng = np.random.default_rng(0)
        numbers = partial(rng.standard_normal, dtype=np.float32)
        if not self.classes:
            return numbers(shape), numbers
        X = rng.integers(0, LETTERS, shape) if shape in TEXTS else numbers(shape)
        return X, lambda output: rng.integers(0, self.classes, output[:-1])


# --- PyTorch's modules, with the input and the output that ours have -----------------------------


class States(nn.Module):
    """Of what a recurrent module returns, the states of all steps."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.recurrent = recurrent

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.recurrent(X)[0]


class Turned(nn.Module):
    """Sequences as PyTorch's convolution takes them, (m, features, time), and back."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.convolution(X.mT).mT


@cache
def earlier_steps(T: int) -> torch.Tensor:
    """The mask of causal attention, made once for each length."""
    return nn.Transformer.generate_square_subsequent_mask(T)


class CausalAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        mask = earlier_steps(X.shape[1])
        return self.attention(X, X, X, attn_mask=mask, is_causal=True, need_weights=False)[0]


class CausalBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, functional.gelu, batch_first=True, norm_first=True
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.block(X, src_mask=earlier_steps(X.shape[1]), is_causal=True)


# --- what is measured -----------------------------------------------------------------------------


def lenet(_: int) -> list[layers.Layer]:
    return [
        *[layers.Conv2d(6, 5, padding=2), layers.ReLU(), layers.MaxPool2d(2)],
        *[layers.Conv2d(16, 5), layers.ReLU(), layers.MaxPool2d(2)],
        *[layers.Flatten(), layers.Dense(120), layers.ReLU()],
        *[layers.Dense(84), layers.ReLU(), layers.Dense(10)],
    ]


def torch_lenet(_: int) -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(400, 120), nn.ReLU()],
        *[nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)],
    )


def letters(*between: layers.Layer) -> list[layers.Layer]:
    return [layers.Embedding(LETTERS, 64), *between, layers.Dense(LETTERS)]


def torch_letters(*between: nn.Module, width: int = 64) -> nn.Module:
    return nn.Sequential(nn.Embedding(LETTERS, 64), *between, nn.Linear(width, LETTERS))


KINDS = (
    Kind(
        "Conv2d 3x3",
        lambda c: [layers.Conv2d(c, 3, padding="same")],
        lambda c: nn.Conv2d(c, c, 3, padding=1),
        IMAGES,
    ),
    Kind(
        "Conv2d 3x3, stride 2",
        lambda c: [layers.Conv2d(2 * c, 3, stride=2, padding=1)],
        lambda c: nn.Conv2d(c, 2 * c, 3, stride=2, padding=1),
        IMAGES,
    ),
    Kind(
        "Conv2d 3x3, depthwise",
        lambda c: [layers.Conv2d(c, 3, padding="same", groups=c)],
        lambda c: nn.Conv2d(c, c, 3, padding=1, groups=c),
        IMAGES,
    ),
    Kind(
        "ConvTranspose2d 2x2, stride 2",
        lambda c: [layers.ConvTranspose2d(c // 2, 2, stride=2)],
        lambda c: nn.ConvTranspose2d(c, c // 2, 2, stride=2),
        IMAGES,
    ),
    Kind(
        "Conv1d 5",
        lambda c: [layers.Conv1d(c, 5, padding="same")],
        lambda c: Turned(nn.Conv1d(c, c, 5, padding=2)),
        SEQUENCES,
    ),
    Kind(
        "MaxPool2d 2x2",
        lambda c: [layers.MaxPool2d(2)],
        lambda c: nn.MaxPool2d(2),
        IMAGES,
    ),
    Kind(
        "MaxPool2d 3x3, stride 2",
        lambda c: [layers.MaxPool2d(3, stride=2)],
        lambda c: nn.MaxPool2d(3, stride=2),
        IMAGES,
    ),
    Kind(
        "AveragePool2d 2x2",
        lambda c: [layers.AveragePool2d(2)],
        lambda c: nn.AvgPool2d(2),
        IMAGES,
    ),
    Kind(
        "BatchNorm",
        lambda c: [layers.BatchNorm()],
        lambda c: nn.BatchNorm2d(c),
        IMAGES,
    ),
    Kind(
        "GroupNorm, 4 groups",
        lambda c: [layers.GroupNorm(4)],
        lambda c: nn.GroupNorm(4, c),
        IMAGES,
    ),
    Kind(
        "LayerNorm",
        lambda c: [layers.LayerNorm()],
        lambda c: nn.LayerNorm(c),
        SEQUENCES,
    ),
    Kind(
        "RNN",
        lambda c: [layers.RNN(c, return_sequences=True)],
        lambda c: States(nn.RNN(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "LSTM",
        lambda c: [layers.LSTM(c, return_sequences=True)],
        lambda c: States(nn.LSTM(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "GRU",
        lambda c: [layers.GRU(c, return_sequences=True, reset="after")],
        lambda c: States(nn.GRU(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "causal attention, 4 heads",
        lambda c: [layers.MultiHeadAttention(4, causal=True)],
        lambda c: CausalAttention(c, 4),
        (*SEQUENCES, (1, 2048, 128)),
    ),
    Kind(
        "Transformer block, 4 heads",
        lambda c: [layers.TransformerBlock(4, causal=True)],
        lambda c: CausalBlock(c, 4),
        SEQUENCES,
    ),
    Kind("GELU", lambda _: [layers.GELU()], lambda _: nn.GELU(), ROWS),
    Kind("LeNet-5", lenet, torch_lenet, DIGITS, classes=10),
    Kind(
        "letters, LSTM of 128",
        lambda _: letters(layers.LSTM(128, return_sequences=True)),
        lambda _: torch_letters(States(nn.LSTM(64, 128, batch_first=True)), width=128),
        TEXTS,
        classes=LETTERS,
    ),
    Kind(
        "letters, 2 blocks of width 64",
        lambda _: letters(*(layers.TransformerBlock(4, causal=True) for _ in range(2))),
        lambda _: torch_letters(*(CausalBlock(64, 4) for _ in range(2))),
        TEXTS,
        classes=LETTERS,
    ),
)
