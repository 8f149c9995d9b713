"""The learning-rate range test: a short training with ever larger steps."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.errors import (
    DivergedError,
    SettingError,
    require_integer,
    require_number,
    require_type,
)
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.plots import new_axes
from plainnet.spelling import require_object
from plainnet.training import train

SMOOTHING = 0.9
"""How much of the smoothed loss stays at each step."""

EXPLODES = 2.0
"""The test ends when the smoothed loss is above its minimum by so many times its first value."""


@dataclass(frozen=True)
class LearningRates:
    """What `find_learning_rate` saw: a learning rate and a loss for each step."""

    learning_rates: list[float]
    losses: list[float]
    smoothed: list[float]
    """The losses' exponential mean, which the suggestion looks at."""
    suggestion: float
    """A tenth of the learning rate at which the smoothed loss is lowest."""

    def plot(self, ax: Any = None) -> Any:
        """The losses over the learning rate, on these axes or new ones, which are returned."""
        ax = new_axes() if ax is None else ax
        ax.plot(self.learning_rates, self.losses, alpha=0.3, label="of a batch")
        ax.plot(self.learning_rates, self.smoothed, label="smoothed")
        ax.axvline(self.suggestion, linestyle=":", label=f"suggestion {self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        low, high = min(self.smoothed), self.smoothed[0]
        margin = 0.1 * (high - low) or 1.0
        ax.set_ylim(low - margin, high + margin)  # the explosion would flatten all the rest
        ax.legend()
        return ax


def find_learning_rate(
    network: Network,
    X: Any,
    y: npt.ArrayLike,
    *,
    optimizer: Optimizer,
    batch_size: int,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 200,
    seed: int | np.random.Generator | None = None,
    **settings: Any,
) -> LearningRates:
    """Suggest a learning rate (Smith 2017, section 3.3).

    A copy of the network is trained with a learning rate that grows by the same factor at every
    step, until the loss explodes; the network and the optimizer stay as they are. Suggested is a
    tenth of the learning rate at which the smoothed loss is lowest: there it still falls, and fast.
    (The point of steepest descent, which others take, moves much more with the seed.)

    Parameters
    ----------
    network, X, y, batch_size, seed
        As for `train`.
    optimizer : Optimizer
        Its kind and settings; its learning rate has no part.
    lowest, highest : float
        Where the learning rates begin and end.
    steps : int
        How many there are.
    **settings
        Further arguments of `train`, such as `sample_weight`.
    """
    require_type("network", network, Network)
    require_object("optimizer", optimizer, Optimizer)
    require_number("lowest", lowest, above=0)
    require_number("highest", highest, above=lowest)
    steps = require_integer("steps", steps, at_least=10)
    network, optimizer = deepcopy(network), deepcopy(optimizer)
    optimizer.reset()
    rise = _Rise(optimizer, np.geomspace(lowest, highest, steps).tolist())
    try:
        train(
            network, X, y, optimizer=optimizer, epochs=steps, batch_size=batch_size, seed=seed,
            callbacks=[rise], progress=False, **settings,
        )  # fmt: skip
    except DivergedError:  # the learning rates before it are what was asked for
        if not rise.losses:
            raise
    best = int(np.argmin(rise.smoothed))
    if best == 0:
        raise SettingError(f"no learning rate lowers the loss, from lowest={lowest:g} on")
    rates = rise.rates[: len(rise.losses)]
    return LearningRates(rates, rise.losses, rise.smoothed, rates[best] / 10)


class _Rise(Callback):
    """Sets one learning rate after the other, until there are no more or the loss explodes."""

    def __init__(self, optimizer: Optimizer, rates: list[float]) -> None:
        self.optimizer, self.rates = optimizer, rates
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0

    def begin_step(self, run: Run) -> None:
        self.optimizer.learning_rate = self.rates[run.step]

    def end_step(self, run: Run) -> None:
        n = len(self.losses) + 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * run.loss
        smoothed = self._mean / (1 - SMOOTHING**n)  # the mean began with 0
        self.losses.append(run.loss)
        self.smoothed.append(smoothed)
        exploded = smoothed > min(self.smoothed) + EXPLODES * abs(self.smoothed[0])
        if n == len(self.rates) or exploded:
            run.stop("the learning rates are through")
