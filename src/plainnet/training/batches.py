"""The batches of one epoch of `train`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import described
from plainnet.arguments.parts import Parts
from plainnet.arguments.sparse import SparseRows
from plainnet.augmentation import Transform
from plainnet.data import Batches, check_features, check_weights, weigh_classes
from plainnet.engine.cache import Cache
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    require_integer,
    require_sequence,
    shown,
)
from plainnet.kernels.arrays import counting
from plainnet.losses import EachPosition
from plainnet.losses.base import NOTHING_COUNTS
from plainnet.network import ROWS_AT_ONCE, Network

Array = npt.NDArray[Any]
Batch = tuple[Any, Any, Array | None]
"""X, targets and weights; the weights are float64, on the same scale for all batches."""


def make_batches(
    network: Network,
    X: Any,
    y: npt.ArrayLike | None,
    batch_size: int | None,
    sample_weight: npt.ArrayLike | None,
    class_weight: dict[int, float] | str | None,
    rng: np.random.Generator,
    *,
    epochs: int,
    shuffle: bool,
    first: int | None,
) -> Batches | GivenBatches:
    """Checked batches of the arrays, or of an iterable of batches where there is no y.

    `batch_size=None` makes one batch of all. `first` leaves out all batches after the first few.
    """
    if first is not None:
        first = require_integer("overfit_batches", first, at_least=1)
    if y is None:
        if batch_size is not None or sample_weight is not None or class_weight is not None:
            raise SettingError(
                "without y, X must be an iterable of batches (X, y) or (X, y, sample_weight), and "
                "batch_size, sample_weight and class_weight must be left out"
            )
        return GivenBatches(network, X, epochs, first)
    if batch_size is not None:
        batch_size = require_integer("batch_size", batch_size, at_least=1)
    X = network.examples(X)
    if not isinstance(X, SparseRows):  # which the estimators have checked
        for start in range(0, max(len(X), 1), ROWS_AT_ONCE):  # X may be larger than memory
            check_features(network.inputs(X[start : start + ROWS_AT_ONCE], start), first_row=start)
    targets, weights = network.targets_and_weights(len(X), y, sample_weight)
    if weights is not None:
        weights = check_weights(weights, len(X), np.float64, weights.shape[1:])
    if class_weight is not None:
        if not network.loss.is_classifier:
            raise SettingError(f"class_weight needs classes; {network.loss!r} has none")
        if isinstance(network.loss, EachPosition):
            raise SettingError(
                "class_weight needs one class per example, and y has one per position"
            )
        n_classes = max(network.output_shape[0], 2)
        weights = weigh_classes(class_weight, targets, n_classes, weights, np.float64)
    if not network.loss.counts(targets, weights):
        raise DataError(NOTHING_COUNTS)
    size = batch_size or len(X)
    if first is not None:
        rows = slice(first * size)
        X, targets, weights = X[rows], targets[rows], None if weights is None else weights[rows]
    dtype = network.batch_dtype(X)
    return Batches(X, targets, weights, size, rng, dtype, shuffle=shuffle and first is None)


def scaled(weights: Array, dtype: npt.DTypeLike, cache: Cache) -> tuple[Array, float]:
    """A batch's weights in the network's dtype, and the number they were divided by.

    The divisor is the largest weight, if that is so far from 1 that the sum of the weights, or one
    of them, might leave the range of the dtype.
    """
    largest = float(weights.max())
    unit = 1.0 if largest == 0 or 2**-20 < largest < 2**20 else largest
    if unit == 1 and weights.dtype == dtype:
        return weights, unit
    shares = cache.array("shares of the unit", weights.shape, weights.dtype)
    np.divide(weights, unit, out=shares)
    if weights.dtype == dtype:
        return shares, unit
    converted = cache.array("weights", weights.shape, dtype)
    np.copyto(converted, shares, casting="same_kind")
    return converted, unit


def checked_transforms(augment: Sequence[Transform]) -> Sequence[Transform]:
    """The setting `augment`, if it is a list of functions."""
    transforms = require_sequence("augment", augment, "functions (X, rng) -> X")
    for transform in transforms:
        if not callable(transform):
            raise SettingError(f"augment must be functions (X, rng) -> X; got {shown(transform)}")
    return transforms


class GivenBatches:
    """A caller's batches, each checked as it arrives."""

    def __init__(
        self, network: Network, batches: Any, epochs: int, first: int | None = None
    ) -> None:
        if not isinstance(batches, Iterable) or hasattr(batches, "shape"):
            raise SettingError(
                "without y, X must be an iterable of batches (X, y) or (X, y, sample_weight); got "
                f"{type(batches).__name__}"
            )
        if epochs > 1 and iter(batches) is batches:
            raise SettingError(
                f"X gives its batches only once, and epochs={epochs}: pass a list, or an object "
                "whose __iter__ starts again"
            )
        self.network, self.batches, self.first = network, batches, first

    @property
    def n(self) -> int | None:
        """The number of batches in an epoch; None if it is not known."""
        if not isinstance(self.batches, Sized):
            return None
        return min(len(self.batches), self.first or len(self.batches))

    def __iter__(self) -> Iterator[Batch]:
        batch, counts = None, False
        for batch in islice(self.batches, self.first):
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise SettingError(
                    f"a batch must be (X, y) or (X, y, sample_weight); got {type(batch).__name__}"
                )
            X, y, weights = self.network.check_batch(*batch)
            counts = counts or self.network.loss.counts(y, weights)
            yield X, y, weights
        if batch is None:
            raise DataError("X gave no batches")
        if not counts:
            raise DataError(f"in all batches of the epoch {NOTHING_COUNTS}")


class Augmented:
    """Batches whose inputs pass through one transform after the other."""

    def __init__(
        self, batches: Iterable[Batch], transforms: Sequence[Transform], rng: np.random.Generator
    ) -> None:
        self.batches, self.transforms, self.rng = batches, transforms, rng

    def __iter__(self) -> Iterator[Batch]:
        for X, y, sample_weight in self.batches:
            if isinstance(X, Parts):
                raise SettingError("augment changes one input, and the network has several")
            changed = X if X.flags.writeable else X.copy()  # the caller's, or ours to write into
            for transform in self.transforms:
                changed = transform(changed, self.rng)
                if isinstance(changed, np.ndarray) and changed.dtype.kind == X.dtype.kind == "f":
                    changed = changed.astype(X.dtype, copy=False)  # rng.uniform is float64
                if not (
                    isinstance(changed, np.ndarray)
                    and changed.shape == X.shape
                    and changed.dtype == X.dtype
                ):
                    raise ShapeError(
                        f"augmentation {shown(transform)} was given {X.dtype} of shape {X.shape} "
                        f"and must return the same; it returned {described(changed)}"
                    )
            yield changed, y, sample_weight


class Mixup:
    """Batches whose examples are mixed in pairs (Zhang et al. 2018).

        X <- lambda X + (1 - lambda) X[order],    y likewise,    lambda ~ Beta(alpha, alpha)

    There is one lambda and one random order per batch. Class ids first become one-hot rows. With
    weights, the examples have

        v = lambda w + (1 - lambda) w[order],    y <- (lambda w y + (1 - lambda) (w y)[order]) / v

    so that each target counts with its own weight: exactly, if the loss is linear in y.
    """

    def __init__(
        self, network: Network, batches: Iterable[Batch], alpha: float, rng: np.random.Generator
    ) -> None:
        self.network, self.batches, self.alpha, self.rng = network, batches, alpha, rng
        self._cache = Cache()
        self._one_hot: Array | None = None

    def __iter__(self) -> Iterator[Batch]:
        cache = self._cache
        if isinstance(self.network.loss, EachPosition):
            raise SettingError("mixup mixes whole examples, and y has a target for each position")
        for X, y, sample_weight in self.batches:
            if isinstance(X, Parts) or isinstance(y, Parts):
                raise SettingError(
                    "mixup mixes one input and its target, and the network has several"
                )
            if y.dtype.kind in "iu":
                y = self._rows(y)
            order = cache.array("order", (len(X),), np.dtype(np.intp))
            np.copyto(order, counting(len(X)))
            self.rng.shuffle(order)
            share = self.rng.beta(self.alpha, self.alpha)
            mixed = self._mixed("X", X, order, share, 1 - share)
            if sample_weight is None:
                yield mixed, self._mixed("y", y, order, share, 1 - share), None
                continue
            v = self._mixed("w", sample_weight, order, share, 1 - share)
            shares = self._shares(sample_weight, v, share, y.dtype)
            yield mixed, self._mixed("y", y, order, *shares), v

    def _shares(
        self, w: Array, v: Array, share: float, dtype: npt.DTypeLike
    ) -> tuple[Array, Array]:
        """lambda w / v, the share of each example's own target, and the rest."""
        part, whole = (self._cache.array(name, w.shape, w.dtype) for name in ("part", "whole"))
        own, rest = (self._cache.array(name, w.shape, dtype) for name in ("own", "rest"))
        np.multiply(w, share, out=part)
        part /= np.maximum(
            v, np.finfo(v.dtype).tiny, out=whole
        )  # v = 0: the target does not matter
        np.copyto(own, part, casting="same_kind")
        np.subtract(1, own, out=rest)
        return own, rest

    def _rows(self, ids: Array) -> Array:
        """One-hot rows; a loss that takes only class ids refuses them."""
        if self._one_hot is None:
            loss, dtype = self.network.loss, self.network.dtype
            self._one_hot = loss.targets(np.eye(self.network.output_shape[-1]), dtype)
        rows = self._cache.array("y", (*ids.shape, len(self._one_hot)), self._one_hot.dtype)
        return self._one_hot.take(ids, axis=0, out=rows, mode="clip")

    def _mixed(
        self, name: str, array: Array, order: Array, own: float | Array, rest: float | Array
    ) -> Array:
        if array.dtype.kind != "f":
            raise SettingError(f"mixup needs real numbers to mix; {name} has dtype {array.dtype}")
        other = self._cache.array(f"{name}[order]", array.shape, array.dtype)
        mixed = self._cache.array(f"{name} mixed", array.shape, array.dtype)
        array.take(order, axis=0, out=other, mode="clip")
        # Examples last, so that shares of shape (m,) fit.
        np.multiply(other.T, rest, out=other.T)
        np.multiply(array.T, own, out=mixed.T)
        mixed += other
        return mixed
