"""The learning-rate range test: a short training with ever larger steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_generator
from plainnet.arguments.spelling import require_object
from plainnet.callbacks.base import Callback, Run
from plainnet.errors import (
    DivergedError,
    SettingError,
    counted,
    require_integer,
    require_number,
    require_type,
)
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.training import train

SMOOTHING = 0.9
"""The share of the previous value in an exponential mean."""

EXPLODES = 2.0
"""The test ends when the change exceeds its minimum by this many times the initial loss."""

HARMLESS = 1e-3
"""A change of the loss by less than this share does not count."""


@dataclass(frozen=True, repr=False)
class LearningRates:
    """The result of `find_learning_rate`: a learning rate and a loss for each step.

    Printing shows the suggestion; a notebook adds the curve.
    """

    learning_rates: list[float]
    losses: list[float]
    smoothed: list[float]
    """The exponential mean of the losses."""
    change: list[float]
    """The exponential mean of the change in the loss: the loss of each batch minus its loss with
    the initial parameters. The suggestion follows from it."""
    suggestion: float
    """A tenth of the learning rate at which the change is lowest, or less; not below `lowest`."""

    def __str__(self) -> str:
        lowest = min(self.smoothed)
        at, rates = self.smoothed.index(lowest), self.learning_rates
        return (
            f"suggested learning rate: {self.suggestion:.2g}; in {counted(len(rates), 'step')} at "
            f"rates from {rates[0]:.2g} to {rates[-1]:.2g}, the smoothed loss began at "
            f"{self.smoothed[0]:.4g} and was lowest, {lowest:.4g}, at {rates[at]:.2g}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from plainnet.inspection.charts import rates_of
        from plainnet.inspection.markup import output, paragraph

        return output(rates_of(self), paragraph(str(self)))

    def plot(self, ax: Any = None) -> Any:
        """Plot the losses over the learning rate, and return the axes."""
        from plainnet.inspection.plots import new_axes

        ax = new_axes() if ax is None else ax
        ax.plot(self.learning_rates, self.losses, alpha=0.3, label="of a batch")
        ax.plot(self.learning_rates, self.smoothed, label="smoothed")
        ax.axvline(self.suggestion, linestyle=":", label=f"suggestion {self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        low, high = min(self.smoothed), self.smoothed[0]
        margin = 0.1 * (high - low) or 1.0
        ax.set_ylim(low - margin, high + margin)  # the explosion would flatten the rest
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
    step, until the loss explodes; the network, the optimizer and a generator given as seed do not
    change. The suggestion is a tenth of the learning rate at which the loss has fallen most: there
    it still falls fast. (The point of steepest descent, which others use, varies much more with
    the seed.)

    The fall is measured relative to the loss of the same batches, with the same dropout, under the
    initial parameters. Otherwise, if there is little to gain, as in a network that is already
    trained, the differences between batches would decide. If no learning rate lowers the loss, the
    suggestion is a tenth of the highest one that does no harm. It is then tried as a constant
    rate, for as many steps, and divided by 3 until the loss does not rise, since a test with
    growing rates need not show what one of them does in the long run. In all, this takes three
    times `steps` or more.

    Parameters
    ----------
    network, X, y, batch_size, seed
        As for `train`.
    optimizer : Optimizer
        Its kind and its settings, except for the learning rate, are used.
    lowest, highest : float
        The first and the last learning rate.
    steps : int
        How many learning rates are tried, and for how many steps the suggestion is tested.
    **settings
        Other arguments of `train`, such as `sample_weight`.

    Returns
    -------
    LearningRates
        The `suggestion` in it is never below `lowest`.

    Raises
    ------
    SettingError
        If the loss rises even at the lowest learning rate.
    """
    require_type("network", network, Network)
    require_object("optimizer", optimizer, Optimizer)
    lowest = require_number("lowest", lowest, above=0)
    highest = require_number("highest", highest, above=lowest)
    steps = require_integer("steps", steps, at_least=10)
    if all(s.learning_rate == 0 for s in network.segments):
        why = "every parameter is frozen" if network.segments else "there are no parameters"
        raise SettingError(f"{why}: nothing can be learned")
    for name in ("callbacks", "epochs", "optimizer", "progress"):
        if name in settings:
            raise SettingError(f"find_learning_rate sets {name} itself: leave it out")
    rates, rng = np.geomspace(lowest, highest, steps).tolist(), as_generator(seed)

    def run(callback: _Rates) -> None:
        copied = deepcopy(optimizer)
        copied.reset()
        train(
            deepcopy(network), X, y, optimizer=copied, epochs=steps, batch_size=batch_size,
            seed=deepcopy(rng), callbacks=[callback], progress=False, **settings,
        )  # fmt: skip

    still = _Rates([0.0] * steps)
    rise = _Rates(rates, still.losses)
    try:
        with suppress(DivergedError):  # every learning rate meets the same batch
            run(still)
        run(rise)
    except DivergedError:  # the learning rates before it are what is wanted
        if not rise.losses:
            raise
    loss = float(np.mean(np.abs(still.losses)))
    best = _best(rise.change, HARMLESS * loss)
    suggestion = max(rates[best] / 10, lowest)
    while best == 0 or not _keeps_the_loss(run, suggestion, still.losses, HARMLESS * loss):
        if best == 0 or suggestion == lowest:
            raise SettingError(
                f"no learning rate from lowest={lowest:g} on lowers the loss: it is {loss:.4g}, "
                "and rises. Pass a smaller lowest, unless the network has learned all that it can"
            )
        suggestion = max(suggestion / 3, lowest)
    return LearningRates(
        rates[: len(rise.losses)], rise.losses, rise.smoothed, rise.change, suggestion
    )


def _best(change: list[float], harmless: float) -> int:
    """Where the loss has fallen most, or where it has not yet risen."""
    best = int(np.argmin(change))
    if change[best] < -harmless:
        return best
    return next((i - 1 for i, value in enumerate(change) if value > harmless), len(change) - 1)


def _keeps_the_loss(
    run: Callable[[_Rates], None], rate: float, reference: list[float], harmless: float
) -> bool:
    """Whether the loss does not exceed its first value in the second half of a trial."""
    trial = _Rates([rate] * len(reference), reference)
    try:
        run(trial)
    except DivergedError:
        return False
    late = slice(len(reference) // 2, None)
    if len(trial.losses) < len(reference):  # it exploded
        return False
    return float(np.mean(np.subtract(trial.losses, reference)[late])) <= harmless


class _Rates(Callback):
    """Sets one learning rate after the other, until none is left or the loss explodes.

    `reference` holds the losses of the same batches with the initial parameters.
    """

    def __init__(self, rates: list[float], reference: list[float] | None = None) -> None:
        self.rates, self.reference = rates, reference
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.change: list[float] = []
        self._loss, self._change = _Mean(), _Mean()

    def begin_step(self, run: Run) -> None:
        if isinstance(run.optimizer, Optimizer):
            run.optimizer.learning_rate = self.rates[run.step]

    def end_step(self, run: Run) -> None:
        n = len(self.losses) + 1
        self.losses.append(run.loss)
        self.smoothed.append(self._loss.add(run.loss))
        ends = len(self.rates)
        if self.reference is not None:
            self.change.append(self._change.add(run.loss - self.reference[n - 1]))
            ends = len(self.reference)
            limit = EXPLODES * float(np.mean(np.abs(self.reference)))
            if self.change[-1] > min(self.change) + limit:
                run.stop("the loss explodes")
        if n == ends:
            run.stop("the learning rates are through")


class _Mean:
    """An exponential mean, corrected for having begun with 0."""

    def __init__(self) -> None:
        self.total, self.weight = 0.0, 0.0

    def add(self, value: float) -> float:
        self.total = SMOOTHING * self.total + (1 - SMOOTHING) * value
        self.weight = SMOOTHING * self.weight + (1 - SMOOTHING)
        return self.total / self.weight
