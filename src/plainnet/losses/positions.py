"""A loss at every position of a sequence or an image."""

from collections.abc import Iterable
from copy import copy
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, fits
from plainnet.engine.cache import Cache
from plainnet.engine.plan import Place
from plainnet.errors import SettingError, ShapeError, require_type
from plainnet.losses.base import Array, Loss, Shape

NOT_COUNTED = -1
BOOL = np.dtype(bool)


class EachPosition(Loss):
    """Every position of every example counts as a separate example.

        L = sum_it w_i L_it / sum_it w_i,    over the positions t that are counted

    A `Network` whose output has axes between the batch and the features, such as (m, time, K),
    wraps its loss in this one. Targets have those axes too: ids of shape (m, time), numbers of
    shape (m, time, k). Masked steps are not counted, nor are positions with the class id -1. Sample
    weights belong to the examples, shape (m,), or to their positions, (m, time).

    Parameters
    ----------
    loss : Loss
        The loss at one position, whose outputs have the shape (K,).
    """

    def __init__(self, loss: Loss) -> None:
        require_type("loss", loss, Loss)
        if not loss.needs_targets:
            raise SettingError(f"loss must have targets, one for each position; got {loss!r}")
        self.loss = copy(loss)
        self.includes = loss.includes
        self.is_classifier = loss.is_classifier
        self.gives_probabilities = loss.gives_probabilities

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) < 2:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (..., features), with positions; the "
                f"network gives {output_shape}"
            )
        self.output_shape = output_shape
        self.loss.build(output_shape[-1:])

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y, positions = as_array("y", y), self.output_shape[:-1]
        axes = 1 + len(positions)
        if not fits(y.shape[1:axes], positions):
            shown = ", ".join("time" if n is None else str(n) for n in positions)
            raise ShapeError(
                f"targets must have the shape (m, {shown}) or (m, {shown}, {self.output_shape[-1]})"
                f", one for each position of the output; got {y.shape}. For one target per "
                "example, put Flatten() or a global pool before the last layer"
            )
        flat = y.reshape(-1, *y.shape[axes:])
        left_out = None
        if self.is_classifier and flat[:1].size == 1 and flat.dtype.kind == "i":
            left_out = flat.reshape(-1) == NOT_COUNTED
            flat = np.where(left_out.reshape(flat.shape), 0, flat)  # a copy
        targets = self.loss.targets(flat, dtype)
        if left_out is not None and left_out.any():
            targets[left_out] = NOT_COUNTED
        return targets.reshape(*y.shape[:axes], *targets.shape[1:])

    def counts(self, y: Array, sample_weight: Array | None) -> bool:
        if not self.is_classifier:
            return super().counts(y, sample_weight)
        m, *positions = y.shape[: len(self.output_shape)]
        counted = (
            y.reshape(m, *positions, -1)[..., 0] != NOT_COUNTED
        )  # otherwise it is -1, or all are
        if sample_weight is None:
            return bool(counted.any())
        return bool((counted & (_by_position(sample_weight, counted) > 0)).any())

    def plan(self, own: Place) -> Iterable[Place]:
        yield Place("each", self.loss, carries=False)

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        """The loss at each position, shape (m, *positions), even where it is not counted."""
        own = cache.inside(self)
        Z, y, _ = self._flat(Z, y, None, cache)
        return self.loss.forward(Z, y, own).reshape(cache["Z"].shape[:-1])

    def backward(self, cache: Cache) -> Array:
        own = cache.inside(self)
        return self.loss.backward(own).reshape(cache["Z"].shape)

    def mean(self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        own = cache.inside(self)
        Z, y, weights = self._flat(Z, y, sample_weight, cache)
        mean = self.loss.mean(Z, y, own, weights)
        if cache.window is not None:
            inner: Any = own.window
            cache.window.note_inner("L", inner["L"])
        return mean

    def mean_and_gradient(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        # A derived class may have another `mean`, or another `mean_gradient`.
        if cache.record or type(self) is not EachPosition:
            return super().mean_and_gradient(Z, y, cache, sample_weight)
        own, shape = cache.inside(self), Z.shape
        Z, y, weights = self._flat(Z, y, sample_weight, cache)
        mean, dZ = self.loss.mean_and_gradient(Z, y, own, weights)
        return mean, dZ.reshape(shape)

    def weight(self, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        if cache["all weigh 1"]:
            return float(prod(y.shape[: len(self.output_shape)]))
        return float(np.add.reduce(cache["weights"]))

    def mean_gradient(self, cache: Cache, sample_weight: Array | None = None) -> Array:
        own = cache.inside(self)
        dZ = self.loss.mean_gradient(own, None if cache["all weigh 1"] else cache["weights"])
        return dZ.reshape(cache["Z"].shape)

    def _flat(
        self, Z: Array, y: Array, sample_weight: Array | None, cache: Cache
    ) -> tuple[Array, Array, Array | None]:
        """Outputs, targets and weights of all positions, one after the other; None: all weigh 1."""
        cache["Z"] = Z
        m, *positions, K = Z.shape
        n = m * prod(positions)
        Z, y = Z.reshape(n, K), y.reshape(n, *y.shape[1 + len(positions) :])
        counted = None
        if self.is_classifier:
            first = y if y.ndim == 1 else y[:, 0]
            counted = np.not_equal(first, NOT_COUNTED, out=cache.array("counted", (n,), BOOL))
            if counted.all():
                counted = None
            else:
                y = np.maximum(y, 0, out=cache.array("y", y.shape, y.dtype))
        cache["all weigh 1"] = sample_weight is None and cache.mask is None and counted is None
        if cache["all weigh 1"]:
            return Z, y, None
        weights = cache.array("weights", (n,), Z.dtype)
        each = weights.reshape(m, *positions)
        np.copyto(each, 1 if sample_weight is None else _by_position(sample_weight, each))
        if cache.mask is not None:
            each *= _by_position(self._fitting(cache.mask, each), each)
        if counted is not None:
            weights *= counted
        return Z, y, weights

    def _fitting(self, mask: Array, positions: Array) -> Array:
        if mask.shape != positions.shape[: mask.ndim]:
            raise ShapeError(
                f"loss {self!r} gets outputs at {positions.shape} positions and a mask of shape "
                f"{mask.shape}: a layer that changes the time axis has to change cache.mask too, "
                "or to end it with cache.mask = None"
            )
        return mask

    # --- what its user reads ---------------------------------------------------------------------

    def activate(self, Z: Array) -> Array:
        return self.loss.activate(Z.reshape(-1, Z.shape[-1])).reshape(Z.shape)

    def decide(self, Z: Array) -> Array:
        """The prediction at each position, shape (m, *positions)."""
        decided = self.loss.decide(Z.reshape(-1, Z.shape[-1]))
        return decided.reshape(*Z.shape[:-1], *decided.shape[1:])

    def classes(self, y: Array) -> Array:
        positions = len(self.output_shape) - 1
        classes = self.loss.classes(y.reshape(-1, *y.shape[1 + positions :]))
        return classes.reshape(*y.shape[: 1 + positions], *classes.shape[1:])

    def hits(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> tuple[float, float]:
        """As `Loss.hits`, for the positions that are counted."""
        own = cache.inside(self)
        Z, y, weights = self._flat(Z, y, sample_weight, cache)
        return self.loss.hits(Z, y, own, weights)


def _by_position(weights: Array, positions: Array) -> Array:
    """Weights of examples, or of steps, with as many axes as the positions have."""
    return weights.reshape(*weights.shape, *(1,) * (positions.ndim - weights.ndim))
