"""One step: the gradient of a batch, clipped, and the optimizer's update with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.spelling import require_object, spelled
from plainnet.engine.cache import Cache
from plainnet.engine.memory import aligned
from plainnet.engine.weighted_mean import WeightedMean
from plainnet.errors import (
    DivergedError,
    SettingError,
    require_number,
    require_optional,
    require_type,
)
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.optimizers.clipping import clip_norm as shorten
from plainnet.optimizers.clipping import clip_value as bound
from plainnet.training.batches import Batch, scaled
from plainnet.training.divergence import first_non_finite

Array = npt.NDArray[Any]


@spelled
def step(
    network: Network,
    X: Any,
    y: npt.ArrayLike,
    optimizer: Optimizer,
    *,
    cache: Cache | None = None,
    sample_weight: npt.ArrayLike | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> float:
    """Train a network on one batch: the step of `train`, for custom loops.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape)
    y : array of m targets, as the network's loss takes them
    optimizer : Optimizer
    cache : Cache, optional
        Pass the same `Cache(training=True, seed=0)` at every step: then steps after the first few
        allocate nothing, and dropout follows the seed. Without `training`, dropout and batch
        normalization act as in prediction. By default a new `Cache(training=True)`, without a seed.
    sample_weight : array of shape (m,), optional
    clip_norm, clip_value : float, optional
        As in `train`.

    Returns
    -------
    float
        The mean loss of the batch before the update.

    Raises
    ------
    DivergedError
        If the loss is not finite. The parameters are then unchanged.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    >>> optimizer, cache = SGD(0.1), Cache(training=True, seed=0)
    >>> X, y = np.eye(2), np.array([1.0, 2.0])
    >>> losses = [step(network, X, y, optimizer, cache=cache) for _ in range(100)]
    >>> losses[-1] < 0.01 * losses[0]
    True
    """
    require_type("network", network, Network)
    require_object("optimizer", optimizer, Optimizer)
    require_optional("cache", cache, Cache)
    expect_limits(clip_norm, clip_value)
    X, targets, weights = network.check(X, y, sample_weight)
    own = Cache(training=True) if cache is None else cache
    one = Step(network, optimizer, own, clip_norm=clip_norm, clip_value=clip_value)
    one.diverged = lambda what: _not_finite(what, network, X, optimizer)
    with np.errstate(over="ignore", invalid="ignore"):  # the loss is checked instead
        loss, *_ = one.gradient((X, targets, weights))
        one.update()
    return loss


def _not_finite(what: str, network: Network, X: Array, optimizer: Optimizer) -> DivergedError:
    where = first_non_finite(network, X)
    return DivergedError(
        f"{what}; the first number that is not finite is in {where}. A smaller learning rate than "
        f"{optimizer.learning_rate:g} or standardised inputs usually help",
        step=optimizer.steps,
        layer=where,
    )


def expect_limits(clip_norm: float | None, clip_value: float | None) -> None:
    """Refuse limits that are not positive, and both at once."""
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None:
            require_number(name, limit, above=0)
    if clip_norm is not None and clip_value is not None:
        raise SettingError(f"clip_norm={clip_norm!r} and clip_value={clip_value!r}: pass only one")


class Step:
    """The steps of one training run, in the same memory each time.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer, optional
        Without one, only gradients are computed.
    cache : Cache
    clip_norm, clip_value : float, optional

    Attributes
    ----------
    diverged : function
        Makes the error to raise, from the name of what became infinite or NaN.
    """

    diverged: Callable[[str], DivergedError]

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer | None,
        cache: Cache,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.network, self.optimizer, self.cache = network, optimizer, cache
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.X = np.empty(0)
        """The batch of the last gradient."""
        self._weights = Cache()
        self._sum: Array | None = None
        self._learning_of: object = None
        self._stretches: list[Array] = []

    def gradient(self, batch: Batch) -> tuple[float, float, float]:
        """The mean loss of a batch and its weight in `unit`; writes the gradient to the network."""
        network, unit = self.network, 1.0
        self.X, y, sample_weight = batch
        if sample_weight is not None:
            sample_weight, unit = scaled(sample_weight, network.dtype, self._weights)
        loss = network.step(self.X, y, self.cache, sample_weight)
        if not isfinite(loss):
            raise self.diverged(f"the loss became {loss}")
        return loss, network.loss.weight(y, self.cache.children["loss"], sample_weight), unit

    def mean_gradient(self, batches: Iterable[Batch]) -> tuple[float, float, float]:
        """`gradient` of several batches as if they were one."""
        gradients, mean = self.network.gradients, WeightedMean()
        if self._sum is None:
            self._sum = aligned(gradients.size, gradients.dtype)
        self._sum.fill(0)
        for batch in batches:
            share = mean.add(*self.gradient(batch))
            gradients *= share
            self._sum *= 1 - share
            self._sum += gradients
        np.copyto(gradients, self._sum)
        return mean.value, mean.weight, mean.unit

    def update(self) -> None:
        """Clip the gradient, and let the optimizer change the parameters by it."""
        network = self.network
        if self.clip_norm is not None or self.clip_value is not None:
            self.clip()
        if self.optimizer is not None:
            self.optimizer.update(network.parameters, network.gradients, network.segments)

    def clip(self) -> None:
        """Clip the gradient of all parameters that learn."""
        learning = self._learning()
        if self.clip_value is not None:
            bound(learning, self.clip_value)
        if self.clip_norm is not None and not isfinite(norm := shorten(learning, self.clip_norm)):
            raise self.diverged(f"the gradient's norm became {norm}")

    def _learning(self) -> list[Array]:
        """The gradient of what learns: one view where all of it does, else one per stretch."""
        network = self.network
        if self._learning_of is not network.segments:
            self._learning_of, self._stretches = network.segments, []
            for learns, segments in groupby(network.segments, lambda s: s.learning_rate > 0):
                group = list(segments)
                if learns:
                    stretch = slice(group[0].start, group[-1].stop)
                    self._stretches.append(network.gradients[stretch])
        return self._stretches
