"""Networks, optimizers and schedules from settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import initializers, layers, losses, optimizers, schedules
from plainnet.callbacks import Callback
from plainnet.errors import SettingError
from plainnet.initializers import Initializer
from plainnet.layers import BatchNorm, Dense, Dropout, Graph, Layer
from plainnet.losses import Loss
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.playground.choices import LOSSES, OF_CLASSES, OF_NUMBERS
from plainnet.playground.examples import Examples
from plainnet.playground.settings import CHECKS, LayerSettings, Settings

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class HeWithoutRoot(Initializer):
    """He's formula without its square root: standard deviation 2 / fan_in, not its root.

    A slip that is often made. Signals shrink with every layer that is wider than two units.
    """

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        fan_in, _ = initializers.fans(shape)
        return rng.standard_normal(shape) * 2 / fan_in


ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "tanh": layers.Tanh,
    "sigmoid": layers.Sigmoid,
    "identity": layers.Identity,
}

INITIALIZERS: dict[str, Callable[[], Initializer]] = {
    "he": initializers.HeNormal,
    "he_without_root": HeWithoutRoot,
    "glorot": initializers.GlorotNormal,
    "zeros": initializers.Zeros,
    "too_small": lambda: initializers.Normal(0.001),
    "too_large": lambda: initializers.Normal(3.0),
}

_LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": losses.SoftmaxCrossEntropy,
    "focal": losses.Focal,
    "hinge": losses.Hinge,
    "squared": losses.MeanSquaredError,
    "absolute": losses.MeanAbsoluteError,
    "huber": losses.Huber,
}

_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": optimizers.SGD,
    "momentum": lambda rate, **own: optimizers.SGD(rate, momentum=0.9, **own),
    "nesterov": lambda rate, **own: optimizers.SGD(rate, momentum=0.9, nesterov=True, **own),
    "rmsprop": optimizers.RMSprop,
    "adam": optimizers.Adam,
    "adamw": optimizers.AdamW,
    "lion": optimizers.Lion,
}

_SCHEDULES: dict[str, Callable[[int], Sequence[Callback]]] = {
    "constant": lambda epochs: (),
    "step": lambda epochs: (schedules.Step(every=max(1, epochs // 3), by=0.1),),
    "exponential": lambda epochs: (schedules.Exponential(0.01 ** (1 / epochs)),),
    "cosine": lambda epochs: (schedules.Cosine(),),
    "one_cycle": lambda epochs: (schedules.OneCycle(),),
}


def network_of(settings: Settings, examples: Examples) -> Network:
    """A network with its initial weights."""
    rule = INITIALIZERS[settings.initialization]
    stack: list[Layer] = []
    for each in settings.layers:
        stack.append(Dense(each.units, initializer=rule()))
        if each.batch_norm:
            stack.append(BatchNorm())
        if each.activation != "identity":
            stack.append(ACTIVATIONS[each.activation]())
        if each.dropout:
            stack.append(Dropout(each.dropout))
    n_out = len(examples.classes) or 1
    return Network(
        [*stack, Dense(n_out, initializer=rule())],
        loss=loss_of(settings, examples),
        input_shape=examples.X.shape[1],
        seed=settings.network_seed,
    )


def layers_of(network: Network) -> tuple[LayerSettings, ...] | None:
    """The hidden layers as settings; None where these cannot say what the network has."""
    *hidden, last = network.layers
    if isinstance(network.body, Graph) or not isinstance(last, Dense) or not last.bias:
        return None
    found: list[LayerSettings] = []
    place = len(ORDER)
    for layer in hidden:
        name, value = _setting_of(layer)
        if name == "units":
            found.append(LayerSettings(value, "identity"))
        elif name is None or ORDER.index(name) <= place:
            return None
        else:
            found[-1] = replace(found[-1], **{name: value})
        place = ORDER.index(name)
    try:
        checked: tuple[LayerSettings, ...] = CHECKS["layers"]("layers", found)
    except SettingError:
        return None
    return checked


ORDER = "units", "batch_norm", "activation", "dropout"
"""Of the parts of a layer in a network."""


def _setting_of(layer: Layer) -> tuple[str | None, Any]:
    """The name and the value of the setting that makes this layer, or None."""
    if isinstance(layer, Dense) and layer.bias:
        return "units", layer.units
    if isinstance(layer, Dropout):
        return "dropout", layer.rate
    config = layer.config()
    if config == BatchNorm().config():
        return "batch_norm", True
    for name, kind in ACTIVATIONS.items():
        if config == kind().config():
            return "activation", name
    return None, None


def loss_named(loss: Loss) -> str | None:
    """The setting that makes this loss; None where there is none."""
    known = (name for name, kind in _LOSSES.items() if repr(kind()) == repr(loss))
    return next(known, None)


def loss_of(settings: Settings, examples: Examples) -> Loss:
    """The loss, if it suits the targets."""
    suitable = OF_CLASSES if examples.classes else OF_NUMBERS
    if settings.loss not in suitable:
        kind = "classes" if examples.classes else "numbers"
        raise SettingError(
            f"{LOSSES[settings.loss]} does not suit targets that are {kind}; "
            f"{', '.join(LOSSES[each] for each in suitable[1:])} do"
        )
    return _LOSSES[suitable[1] if settings.loss == "auto" else settings.loss]()


def suited(settings: Settings, examples: Examples) -> Settings:
    """The settings with a loss that suits these targets: theirs, if it does."""
    suits = settings.loss in (OF_CLASSES if examples.classes else OF_NUMBERS)
    return settings if suits else replace(settings, loss="auto")


def optimizer_of(settings: Settings) -> Optimizer:
    """The optimizer, without any memory yet."""
    kind = _OPTIMIZERS[settings.optimizer]
    return kind(settings.learning_rate, weight_decay=settings.l2, l1=settings.l1)


def schedule_of(settings: Settings) -> Sequence[Callback]:
    """The callbacks that move the learning rate during one call of `train`."""
    if not settings.learning_rate:  # there is nothing to move
        return ()
    return _SCHEDULES[settings.schedule](settings.epochs)
