"""Each layer at two sizes beside PyTorch: time forward, and time of a step.

"Forward" is prediction. A "step" is the forward pass in training, the mean squared error, and the
gradients of all weights and of the input; for the whole networks it is cross-entropy, the gradients
of all weights and an update by Adam. Beside the layers: Adam alone, beside PyTorch's fused one, and
an embedding's gradient alone.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from timing import Call, in_turns, seconds, table, times_as_fast
from torch import nn
from torch.nn import functional

from parts.kinds import KINDS, LETTERS, TEXTS, Kind, Shape
from plainnet import Cache, Network, layers
from plainnet.initializers import Zeros
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

SECONDS = 0.05
"""About how long a measurement takes."""


Calls = dict[str, Call]
WAYS = ("forward", "step")


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


def plainnet_calls(kind: Kind, shape: Shape) -> Calls:
    X, target = kind.data(shape)
    network = Network(
        kind.ours(shape[-1]) if kind.classes else [Below(), *kind.ours(shape[-1])],
        loss=SoftmaxCrossEntropy() if kind.classes else MeanSquaredError(),
        input_shape=shape[1:],
        seed=0,
    )
    X, y, _ = network.check(X, target((len(X), *network.output_shape)))
    prediction, training = Cache(backward=False), Cache(training=True)
    optimizer = Adam()

    def step() -> None:
        network.step(X, y, training)
        if kind.classes:
            optimizer.update(network.parameters, network.gradients, network.segments)

    return {"forward": lambda: network.forward(X, prediction), "step": step}


def torch_calls(kind: Kind, shape: Shape) -> Calls:
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
    predicting = deepcopy(module).eval()
    optimizer = torch.optim.Adam(module.parameters()) if kind.classes else None
    X.requires_grad_(not kind.classes)

    @torch.no_grad()
    def forward() -> None:
        predicting(X)

    def step() -> None:
        module.zero_grad()
        X.grad = None
        output = module(X)
        if output.ndim > 2 and kind.classes:
            output = output.mT  # (m, classes, time)
        loss_of(output, y).backward()
        if optimizer is not None:
            optimizer.step()

    return {"forward": forward, "step": step}


# --- parts of a step alone ------------------------------------------------------------------------

ADAMS: dict[str, tuple[Shape, ...]] = {
    "the parameters of 64-128-64-10": ((128, 64), (128,), (64, 128), (64,), (10, 64), (10,)),
    "5 million parameters": ((1000, 1000),) * 5,
}
EMBEDDINGS = (*((shape, LETTERS) for shape in TEXTS), (TEXTS[1], 50_000))
WIDTH = 64


def plainnet_adam(shapes: tuple[Shape, ...]) -> Calls:
    rng = np.random.default_rng(0)
    size = sum(map(prod, shapes))
    parameters, gradients = rng.standard_normal((2, size), dtype=np.float32)
    return {"step": partial(Adam().update, parameters, gradients)}


def torch_adam(shapes: tuple[Shape, ...]) -> Calls:
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape)
    return {"step": torch.optim.Adam(parameters, fused=True).step}


def embedding_data(shape: Shape, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, vocabulary, shape), rng.standard_normal((*shape, WIDTH), np.float32)


def plainnet_embedding(shape: Shape, vocabulary: int) -> Calls:
    ids, dY = embedding_data(shape, vocabulary)
    layer = layers.Embedding(vocabulary, WIDTH)
    network = Network([layer], loss=MeanSquaredError(), input_shape=shape[1:], seed=0)
    cache = Cache(training=True)
    network.layers[0].forward(ids, cache)
    return {"step": partial(network.layers[0].backward, dY, cache)}


def torch_embedding(shape: Shape, vocabulary: int) -> Calls:
    ids, dY = map(torch.from_numpy, embedding_data(shape, vocabulary))
    embedding = nn.Embedding(vocabulary, WIDTH)
    Y = embedding(ids)
    gradient = partial(torch.autograd.grad, Y, embedding.weight, dY, retain_graph=True)
    return {"step": gradient}


# --- all rows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A row: what makes its calls in either library, and which calls those are."""

    name: str
    size: str
    ours: Callable[[], Calls]
    theirs: Callable[[], Calls]
    ways: tuple[str, ...] = WAYS


def cases() -> Iterator[Case]:
    for kind in KINDS:
        for shape in kind.shapes:
            ours, theirs = partial(plainnet_calls, kind, shape), partial(torch_calls, kind, shape)
            yield Case(kind.name, " x ".join(map(str, shape)), ours, theirs)
    for size, shapes in ADAMS.items():
        yield Case(
            "Adam alone; PyTorch's is fused",
            size,
            partial(plainnet_adam, shapes),
            partial(torch_adam, shapes),
            ("step",),
        )
    for shape, vocabulary in EMBEDDINGS:
        yield Case(
            "the gradient of an embedding alone",
            f"{' x '.join(map(str, shape))} ids of {vocabulary:,}, {WIDTH} wide",
            partial(plainnet_embedding, shape, vocabulary),
            partial(torch_embedding, shape, vocabulary),
            ("step",),
        )


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for case in cases():
        cells: list[Any] = [case.name, case.size]
        ours, theirs = case.ours(), case.theirs()
        for way in WAYS:
            if way not in case.ways:
                cells += [None, None]
                continue
            times = in_turns({"ours": ours[way], "theirs": theirs[way]}, rounds, SECONDS)
            cells += [seconds(times["ours"]), times_as_fast(times["theirs"], times["ours"])]
        rows.append(cells)
    return table(["layer", "input", "forward", "x PyTorch", "step", "x PyTorch"], rows)
