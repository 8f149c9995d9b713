"""What a case is: a network with its data as a user has them, healthy or with one planted fault."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.errors import DivergedError
from plainnet.layers import Layer
from plainnet.losses import Loss
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]


@dataclass
class Data:
    """Rows for training, for validation, and for the test."""

    X: Array
    y: Array
    validation: tuple[Array, Array]
    test: tuple[Array, Array]


@dataclass
class Setting:
    """What a user has in front of them when they ask."""

    network: plainnet.Network
    X: Any
    """The training rows."""
    y: Any
    validation: tuple[Any, Any]
    test: tuple[Any, Any]
    """Rows that neither training nor the doctor sees."""
    optimizer: Optimizer
    batch_size: int
    epochs: int
    options: dict[str, Any]
    """Further keyword arguments of train: seed, shuffle, clip_norm ..."""


@dataclass(frozen=True)
class Case:
    """One network; `make` builds it from a strength, None for the healthy twin, and a seed."""

    name: str
    kind: str
    """dense, convolution, recurrence, attention or table."""
    fault: str
    """Empty for a healthy network."""
    make: Callable[[Any, int], Setting]
    strengths: tuple[Any, ...]
    """Weak, medium, strong; none for a healthy network."""
    score: float
    """What the healthy network reaches at least on the test rows: accuracy or R²."""


@dataclass(frozen=True)
class Recipe:
    """A healthy network, its data and its training."""

    name: str
    kind: str
    data: Callable[[np.random.Generator], Data]
    layers: Callable[[], list[Layer]]
    loss: Callable[[], Loss]
    optimizer: Callable[[], Optimizer]
    batch_size: int
    epochs: int
    score: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def setting(
        self,
        seed: int,
        change_data: Callable[[Data, np.random.Generator], Data] | None = None,
        change_start: Callable[[plainnet.Network, np.random.Generator], None] | None = None,
    ) -> Setting:
        """The rows, the initial weights and the order of training follow from the seed.

        The random numbers of a change are its own, so that nothing else differs from the twin.
        """
        data = self.data(np.random.default_rng([seed, 0]))
        own = np.random.default_rng([seed, 1])
        if change_data is not None:
            data = change_data(data, own)
        network = plainnet.Network(
            self.layers(), loss=self.loss(), input_shape=data.X.shape[1:], seed=seed
        )
        if change_start is not None:
            change_start(network, own)
        return Setting(
            network,
            data.X,
            data.y,
            data.validation,
            data.test,
            self.optimizer(),
            self.batch_size,
            self.epochs,
            {"seed": seed, **self.options},
        )


MADE_ANEW = {"layers", "loss", "optimizer"}
"""What a recipe has a function for, since each network needs its own."""


def healthy(recipe: Recipe) -> Case:
    return Case(
        recipe.name, recipe.kind, "", lambda _, seed: recipe.setting(seed), (), recipe.score
    )


def plant(
    recipe: Recipe,
    fault: str,
    strengths: tuple[Any, Any, Any],
    *,
    how: str = "",
    change_data: Callable[[Data, Any, np.random.Generator], Data] | None = None,
    change_start: Callable[[plainnet.Network, Any, np.random.Generator], None] | None = None,
    **settings: Callable[[Any], Any],
) -> Case:
    """A case of this fault in this recipe.

    Parameters
    ----------
    how : str
        Tells apart cases of one fault in one recipe.
    change_data : (data, strength, generator) -> Data
    change_start : (network, strength, generator) -> None
        Changes the network before training.
    **settings : strength -> value
        Of attributes of the recipe.
    """

    def make(strength: Any, seed: int) -> Setting:
        if strength is None:
            return recipe.setting(seed)
        changed = {
            name: (lambda value=value: value(strength)) if name in MADE_ANEW else value(strength)
            for name, value in settings.items()
        }
        return replace(recipe, **changed).setting(
            seed,
            None if change_data is None else lambda data, rng: change_data(data, strength, rng),
            None if change_start is None else lambda net, rng: change_start(net, strength, rng),
        )

    name = "/".join(filter(None, (recipe.name, fault, how)))
    return Case(name, recipe.kind, fault, make, strengths, recipe.score)


def trained(setting: Setting) -> tuple[plainnet.Network, bool]:
    """A trained copy of the network, and whether its loss stayed finite."""
    network = deepcopy(setting.network)
    try:
        plainnet.train(
            network,
            setting.X,
            setting.y,
            optimizer=deepcopy(setting.optimizer),
            epochs=setting.epochs,
            batch_size=setting.batch_size,
            validation_data=setting.validation,
            progress=False,
            **setting.options,
        )
    except DivergedError:
        return network, False
    return network, True


def classifies(network: plainnet.Network) -> bool:
    return bool(network.loss.gives_probabilities)


def score_on(network: plainnet.Network, rows: tuple[Any, Any]) -> float:
    """Accuracy or R²; an R² below 0, worse than the mean, counts as 0."""
    X, y = rows
    y, predicted = np.asarray(y), network.predict(X)
    if classifies(network):
        return float(np.mean(predicted.reshape(y.shape) == y))
    y, predicted = y.ravel().astype(float), predicted.ravel().astype(float)
    with np.errstate(over="ignore", invalid="ignore"):
        score = 1 - np.mean((y - predicted) ** 2) / np.var(y)
    return float(score) if score > 0 else 0.0


def guessing_score(setting: Setting) -> float:
    """Of the training data's most frequent class on the test rows; of the mean, an R² of 0."""
    if not classifies(setting.network):
        return 0.0
    classes, counts = np.unique(setting.y, return_counts=True)
    return float(np.mean(np.asarray(setting.test[1]) == classes[np.argmax(counts)]))


def trained_score(setting: Setting) -> float:
    """Accuracy or R² on the test rows after training; that of guessing if the loss diverged."""
    network, finite = trained(setting)
    return score_on(network, setting.test) if finite else guessing_score(setting)
