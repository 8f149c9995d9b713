"""What a call is, and what its result has to be good for.

All use six examples of four features, which values in the pool have as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import plainnet
from plainnet import EarlyStopping, Network, train
from plainnet.arguments.config import rebuild
from plainnet.files import native
from plainnet.layers import Dense, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

M, N = 6, 4


def nothing(result: Any) -> None:
    """The call was all."""


def never(error: Exception, frames: Sequence[Any]) -> bool:
    return False


PLAINNET = Path(plainnet.__file__).parent
"""Not any folder of this name: a clone is called so too, and has an environment inside."""


def textbooks(error: Exception, frames: Sequence[Any]) -> bool:
    """The textbook class imports nothing of plainnet, and raises Python's own errors."""
    last = frames[-1]
    raised = last.line is not None and last.line.startswith("raise ")
    return isinstance(error, ValueError | TypeError) and raised


def of_the_call(error: Exception, frames: Sequence[Any]) -> bool:
    """What the function in the call raises itself."""
    return Path(frames[-1].filename).name == "calls.py"


def gymnasiums(error: Exception, frames: Sequence[Any]) -> bool:
    """What Gymnasium has to say about an environment."""
    return "/gymnasium/" in frames[-1].filename


def scikits(error: Exception, frames: Sequence[Any]) -> bool:
    """An estimator checks as scikit-learn's do, with scikit-learn's errors."""
    kinds = ValueError | TypeError | OverflowError | RuntimeWarning  # the last is a cast of its own
    ours = [
        f
        for f in frames
        if Path(f.filename).is_relative_to(PLAINNET) or "fuzz" in Path(f.filename).parts
    ]
    by_scikit = (
        "sklearn" in Path(frames[frames.index(ours[-1]) + 1 :][0].filename).parts
        if (frames[-1] is not ours[-1])
        else (ours[-1].line or "").startswith("raise ")
    )
    return isinstance(error, kinds) and by_scikit


@dataclass(frozen=True)
class Call:
    """A public function or class, good arguments for it, and what its result has to be good for."""

    name: str
    function: Callable[..., Any]
    good: Callable[[], dict[str, Any]]
    use: Callable[[Any], object] = nothing
    long: tuple[str, ...] = ()
    """Arguments that, huge, rightly take for ever."""
    says: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Further words by which a message may name an argument."""
    warns: tuple[type[Warning], ...] = ()
    own_manner: Callable[[Exception, Sequence[Any]], bool] = never


# --- what results are used for --------------------------------------------------------------------


def inputs(shape: Sequence[int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((M, *shape)).astype(np.float32)


def through_json(thing: Any, kinds: dict[str, type]) -> Any:
    """The same thing, described in JSON and rebuilt."""
    config = thing.config()
    again = rebuild(json.loads(json.dumps(config)), kinds)
    assert json.dumps(again.config()) == json.dumps(config)
    return again


def one_step(network: Network, X: np.ndarray, y: Any) -> None:
    train(network, X, y, optimizer=SGD(1e-6), epochs=1, batch_size=M, seed=0, progress=False)
    with np.errstate(over="ignore", invalid="ignore"):
        network.predict(X)


def as_layer(shape: Sequence[int], ids: int = 0) -> Callable[[Any], None]:
    """In a network that learns, before and after its description in JSON."""

    def use(layer: Any) -> None:
        again = through_json(layer, native.known_kinds())
        X = np.arange(M * shape[0]).reshape(M, *shape) % ids if ids else inputs(shape)
        for made in (layer, again):
            network = Network([made], loss=MeanSquaredError(), input_shape=shape, seed=0)
            y = np.zeros((M, *network.output_shape))
            one_step(network, X, y)

    return use


def as_loss(outputs: int, y: Any) -> Callable[[Any], None]:
    def use(loss: Any) -> None:
        for made in (loss, through_json(loss, native.known_kinds())):
            network = Network([Dense(outputs)], loss=made, input_shape=N, seed=0)
            one_step(network, inputs((N,)), y)

    return use


def as_initializer(initializer: Any) -> None:
    again = through_json(initializer, native.known_kinds())
    for made in (initializer, again):
        network = Network(
            [Dense(3, initializer=made)], loss=MeanSquaredError(), input_shape=N, seed=0
        )
        one_step(network, inputs((N,)), np.zeros((M, 3)))


def classifier() -> Network:
    layers = [Dense(5), ReLU(), Dense(3)]
    return Network(layers, loss=SoftmaxCrossEntropy(), input_shape=N, seed=0)


def training() -> dict[str, Any]:
    return {
        "network": classifier(),
        "X": inputs((N,)),
        "y": np.array([0, 1, 2] * 2),
        "optimizer": SGD(0.01, momentum=0.5),
        "epochs": 2,
        "batch_size": 4,
        "validation_data": (inputs((N,)), [0, 1, 2] * 2),
        "sample_weight": np.ones(M),
        "class_weight": {0: 1.0, 2: 0.5},
        "callbacks": [EarlyStopping()],
        "seed": 0,
        "progress": False,
        "shuffle": True,
        "clip_norm": 1.0,
        "clip_value": None,
        "accumulate": 1,
        "mixup": 0.0,
        "augment": [lambda X, rng: X],
        "carry": False,
        "overfit_batches": None,
        "metrics": ["f1"],
    }


def as_optimizer(optimizer: Any) -> None:
    assert repr(optimizer)
    json.dumps(optimizer.config())
    settings = {**training(), "optimizer": optimizer, "clip_norm": None}
    train(**settings)


def as_callback(callback: Any) -> None:
    train(**{**training(), "callbacks": [callback]})


def as_schedule(schedule: Any) -> None:
    json.dumps({k: v for k, v in vars(schedule).items() if k in ("warmup", "of", "per")})
    as_callback(schedule)


def as_transform(transform: Any) -> None:
    json.dumps(transform.config())
    X = inputs((5, 4, 2))
    changed = transform(X, np.random.default_rng(0))
    assert changed.shape == X.shape
    assert changed.dtype == X.dtype


def is_number(value: Any) -> None:
    assert isinstance(value, float)


def is_network(network: Network) -> None:
    one_step(network, inputs((N,)).astype(network.dtype), np.array([0, 1, 2] * 2))


def each_batch(batches: Any) -> None:
    assert len(batches) >= 0
    for X, y, *_ in batches:
        assert len(X) == len(y)


def fresh(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with layers of their own: a layer serves one network."""
    return deepcopy(settings)
