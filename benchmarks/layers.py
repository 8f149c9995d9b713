"""Each family of layers at two sizes beside PyTorch: time forward, time of a step, and memory.

    python benchmarks/layers.py [convolution ...] [--rounds 7]

Both compute the same layer on float32 numbers. "Forward" is prediction. A "step" is the forward
pass in training, the mean squared error, and the gradients of all weights and of the input; for the
whole networks it is cross-entropy, the gradients of all weights and an update by Adam. The two take
turns; the table gives medians, and the medians of the ratios of each round: above 1, plainnet is
faster. Images lie as each library has them by default, channels last here and first in PyTorch.

Memory is the most that a fresh process holds in two steps beyond what it held before it made the
layer and its input: from Linux's /proc, 0 elsewhere.

Needs PyTorch (CPU). For one thread set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1.
"""

import argparse
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from timing import Call, in_turns, ratio, software, table_head, table_row
from torch import nn
from torch.nn import functional

from plainnet import Cache, Network, layers
from plainnet.initializers import Zeros
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

Shape = tuple[int, ...]
LETTERS = 65
IMAGES: tuple[Shape, ...] = ((32, 14, 14, 16), (64, 28, 28, 64))
SEQUENCES: tuple[Shape, ...] = ((32, 32, 32), (64, 64, 256))
DIGITS: tuple[Shape, ...] = ((32, 28, 28, 1), (256, 28, 28, 1))
TEXTS: tuple[Shape, ...] = ((16, 32), (32, 128))


@dataclass(frozen=True)
class Kind:
    """A layer, or a whole network with so many classes, given its input's features."""

    family: str
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


class CausalAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(X.shape[1])
        return self.attention(X, X, X, attn_mask=mask, is_causal=True, need_weights=False)[0]


class CausalBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, functional.gelu, batch_first=True, norm_first=True
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(X.shape[1])
        return self.block(X, src_mask=mask, is_causal=True)


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
        "convolution",
        "Conv2d 3x3",
        lambda c: [layers.Conv2d(c, 3, padding="same")],
        lambda c: nn.Conv2d(c, c, 3, padding=1),
        IMAGES,
    ),
    Kind(
        "convolution",
        "Conv2d 3x3, stride 2",
        lambda c: [layers.Conv2d(2 * c, 3, stride=2, padding=1)],
        lambda c: nn.Conv2d(c, 2 * c, 3, stride=2, padding=1),
        IMAGES,
    ),
    Kind(
        "convolution",
        "Conv2d 3x3, depthwise",
        lambda c: [layers.Conv2d(c, 3, padding="same", groups=c)],
        lambda c: nn.Conv2d(c, c, 3, padding=1, groups=c),
        IMAGES,
    ),
    Kind(
        "convolution",
        "ConvTranspose2d 2x2, stride 2",
        lambda c: [layers.ConvTranspose2d(c // 2, 2, stride=2)],
        lambda c: nn.ConvTranspose2d(c, c // 2, 2, stride=2),
        IMAGES,
    ),
    Kind(
        "convolution",
        "Conv1d 5",
        lambda c: [layers.Conv1d(c, 5, padding="same")],
        lambda c: Turned(nn.Conv1d(c, c, 5, padding=2)),
        SEQUENCES,
    ),
    Kind(
        "pooling",
        "MaxPool2d 2x2",
        lambda c: [layers.MaxPool2d(2)],
        lambda c: nn.MaxPool2d(2),
        IMAGES,
    ),
    Kind(
        "pooling",
        "MaxPool2d 3x3, stride 2",
        lambda c: [layers.MaxPool2d(3, stride=2)],
        lambda c: nn.MaxPool2d(3, stride=2),
        IMAGES,
    ),
    Kind(
        "pooling",
        "AveragePool2d 2x2",
        lambda c: [layers.AveragePool2d(2)],
        lambda c: nn.AvgPool2d(2),
        IMAGES,
    ),
    Kind(
        "normalization",
        "BatchNorm",
        lambda c: [layers.BatchNorm()],
        lambda c: nn.BatchNorm2d(c),
        IMAGES,
    ),
    Kind(
        "normalization",
        "GroupNorm, 4 groups",
        lambda c: [layers.GroupNorm(4)],
        lambda c: nn.GroupNorm(4, c),
        IMAGES,
    ),
    Kind(
        "normalization",
        "LayerNorm",
        lambda c: [layers.LayerNorm()],
        lambda c: nn.LayerNorm(c),
        SEQUENCES,
    ),
    Kind(
        "recurrence",
        "RNN",
        lambda c: [layers.RNN(c, return_sequences=True)],
        lambda c: States(nn.RNN(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "recurrence",
        "LSTM",
        lambda c: [layers.LSTM(c, return_sequences=True)],
        lambda c: States(nn.LSTM(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "recurrence",
        "GRU",
        lambda c: [layers.GRU(c, return_sequences=True, reset="after")],
        lambda c: States(nn.GRU(c, c, batch_first=True)),
        SEQUENCES,
    ),
    Kind(
        "attention",
        "causal attention, 4 heads",
        lambda c: [layers.MultiHeadAttention(4, causal=True)],
        lambda c: CausalAttention(c, 4),
        (*SEQUENCES, (1, 2048, 128)),
    ),
    Kind(
        "attention",
        "Transformer block, 4 heads",
        lambda c: [layers.TransformerBlock(4, causal=True)],
        lambda c: CausalBlock(c, 4),
        SEQUENCES,
    ),
    Kind("whole networks", "LeNet-5", lenet, torch_lenet, DIGITS, classes=10),
    Kind(
        "whole networks",
        "letters, LSTM of 128",
        lambda _: letters(layers.LSTM(128, return_sequences=True)),
        lambda _: torch_letters(States(nn.LSTM(64, 128, batch_first=True)), width=128),
        TEXTS,
        classes=LETTERS,
    ),
    Kind(
        "whole networks",
        "letters, 2 blocks of width 64",
        lambda _: letters(*(layers.TransformerBlock(4, causal=True) for _ in range(2))),
        lambda _: torch_letters(*(CausalBlock(64, 4) for _ in range(2))),
        TEXTS,
        classes=LETTERS,
    ),
)


class Below(layers.Layer):
    """Costs nothing, and learns: below the first layer that does, nobody computes a gradient."""

    def build(self, input_shape: Shape) -> Shape:
        self.declare("g", (1,), Zeros())
        return input_shape

    def forward(self, A: np.ndarray, cache: Cache) -> np.ndarray:
        return A

    def backward(self, dA: np.ndarray, cache: Cache) -> np.ndarray:
        self.dg[:] = 0
        return dA


def plainnet_calls(kind: Kind, shape: Shape) -> tuple[Call, Call]:
    """Forward, and a step."""
    X, target = kind.data(shape)
    network = Network(
        kind.ours(shape[-1]) if kind.classes else [Below(), *kind.ours(shape[-1])],
        loss=SoftmaxCrossEntropy() if kind.classes else MeanSquaredError(),
        input_shape=shape[1:],
        seed=0,
    )
    y = target((len(X), *network.output_shape))
    prediction, training = Cache(), Cache(training=True)
    optimizer = Adam()

    def step() -> None:
        network.loss_and_gradients(X, y, training)
        if kind.classes:
            optimizer.update(network.parameters, network.gradients, network.segments)

    return lambda: network.forward(X, prediction), step


def torch_calls(kind: Kind, shape: Shape) -> tuple[Call, Call]:
    """Forward, and a step."""
    numbers, target = kind.data(shape)
    X, module = torch.from_numpy(numbers), kind.theirs(shape[-1])
    if len(shape) == 4:
        X = X.permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        output = module(X).shape
    images = len(output) == 4
    numbers = target((len(X), *output[2:], output[1]) if images else tuple(output))
    y = torch.from_numpy(numbers.transpose(0, 3, 1, 2).copy() if images else numbers)
    loss_of = functional.cross_entropy if kind.classes else functional.mse_loss
    optimizer = torch.optim.Adam(module.parameters()) if kind.classes else None
    X.requires_grad_(not kind.classes)

    def forward() -> None:
        module.eval()
        with torch.no_grad():
            module(X)

    def step() -> None:
        module.train()
        module.zero_grad()
        X.grad = None
        output = module(X)
        if output.ndim > 2 and kind.classes:
            output = output.mT  # (m, classes, time)
        loss_of(output, y).backward()
        if optimizer is not None:
            optimizer.step()

    return forward, step


LIBRARIES = {"plainnet": plainnet_calls, "PyTorch": torch_calls}


def peak(library: str, index: int, shape: Shape) -> int:
    """Bytes that two steps add, for a process that does nothing else."""
    before = _memory("VmRSS")
    _, step = LIBRARIES[library](KINDS[index], shape)
    step()
    step()
    return _memory("VmHWM") - before


def _memory(name: str) -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def in_fresh_process(library: str, index: int, shape: Shape) -> int:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(peak, library, index, shape).result()


def main() -> None:
    families = list(dict.fromkeys(kind.family for kind in KINDS))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=families, help=", ".join(families))
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (7)")
    arguments = parser.parse_args()
    for family in arguments.families:
        if family not in families:
            parser.error(f"there is no family {family!r}; there are {', '.join(families)}")

    print(f"{software()}; {arguments.rounds} rounds\n")
    table_head(
        ["layer", "input", "forward (ms)", "x PyTorch", "step (ms)", "x PyTorch", "MB (PyTorch)"]
    )
    for index, kind in enumerate(KINDS):
        for shape in kind.shapes if kind.family in arguments.families else ():
            calls = {name: make(kind, shape) for name, make in LIBRARIES.items()}
            cells = [kind.name, " x ".join(map(str, shape))]
            for which in (0, 1):
                times = in_turns(
                    {n: both[which] for n, both in calls.items()}, arguments.rounds, 0.1
                )
                ours = times["plainnet"]
                cells += [
                    f"{statistics.median(ours) * 1e3:.2f}",
                    f"{ratio(times['PyTorch'], ours):.2f}",
                ]
            ours, theirs = (in_fresh_process(name, index, shape) / 1e6 for name in LIBRARIES)
            table_row([*cells, f"{ours:.0f} ({theirs:.0f})"])


if __name__ == "__main__":
    main()
