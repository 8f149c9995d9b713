"""The base of all losses: a number for each example, its derivative, and the mean of either.

A subclass defines the loss of each example and its derivative; the mean over the batch, with the
sample weights, is taken here, unless a loss has a shorter way (`mean_and_gradient`):

    L = sum_i w_i L_i / sum_i w_i            dL/dZ_i = w_i / sum_i w_i  dL_i/dZ_i
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import isfinite, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import REAL, as_array, as_batch
from plainnet.arguments.config import Configurable
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formulas
from plainnet.engine.memory import read_only
from plainnet.engine.plan import Planned
from plainnet.engine.recording import Window, WindowOfLoss
from plainnet.errors import DataError, ShapeError
from plainnet.kernels.arrays import ones
from plainnet.kernels.compiled import numpy_forms
from plainnet.kernels.scaling import times
from plainnet.layers.base import name_who_writes, seen

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

BOOL = np.dtype(bool)

NOTHING_COUNTS = "nothing counts: every target is -1 or has the sample weight 0"


class Loss(Configurable, Planned, ABC):
    """How far the outputs `Z`, shape (m, *output_shape), are from the targets `y`.

    A subclass writes `forward` and, right below it, `backward`; what one passes to the other goes
    into the cache. Nothing else is required: targets are real numbers of Z's shape unless `targets`
    is overridden, and weights and the mean are taken care of. `check_gradients` tells whether
    `backward` is right.

    >>> class LogCosh(Loss):
    ...     def forward(self, Z, y, cache):
    ...         cache["D"] = Z - y
    ...         return np.log(np.cosh(Z - y)).mean(axis=1)
    ...     def backward(self, cache):
    ...         return np.tanh(cache["D"]) / cache["D"].shape[1]
    >>> from plainnet import check_gradients
    >>> check_gradients(LogCosh(), y=np.zeros((5, 3)), input_shape=3).passed
    True
    """

    formulas: Formulas
    """The mathematics of one batch as data: `losses`, shape (m,), and dL, their sum's gradient.
    Every loss of plainnet has them; a custom loss may."""

    includes: str = ""
    """The name of the built-in activation, which must not also be the network's last layer."""

    shown_by: type[Window] = WindowOfLoss

    is_classifier: bool = False
    """Whether `decide` returns classes, so that accuracy is defined."""

    of_positions: bool = False
    """Whether `EachPosition` applies the loss to outputs with more axes, as (time, features)."""

    needs_targets: bool = True
    """If False, the loss depends on the outputs alone, and targets have the shape (m, 0)."""

    gives_probabilities: bool = False
    """Whether `activate` returns the probabilities of the classes."""
    squares_errors: bool = False
    """Whether targets whose squares exceed the range of the dtype are refused."""

    def __init__(self) -> None:
        """A loss without settings."""

    # --- what a subclass writes ------------------------------------------------------------------

    @abstractmethod
    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        """The loss of each example, shape (m,)."""

    @abstractmethod
    def backward(self, cache: Cache) -> Array:
        """The gradient of the *sum* of the losses of the last `forward`, with the shape of Z."""

    def build(self, output_shape: Shape) -> None:
        """Check that the network's output fits, and remember its shape."""
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        """The targets as `forward` needs them; refuses targets that cannot be learned."""
        return real_targets(y, self.output_shape, dtype)

    def activate(self, Z: Array) -> Array:
        """The network's output as users read it: probabilities, or the numbers themselves."""
        return Z

    def probabilities(self, Z: Array) -> Array:
        """`activate`, for a loss with `gives_probabilities`."""
        return self.activate(Z)

    def decide(self, Z: Array) -> Array:
        """The prediction: classes, or the numbers themselves."""
        A = self.activate(Z)
        return A[:, 0] if self.output_shape == (1,) else A

    def classes(self, y: Array) -> Array:
        """The true classes of `targets`, in the form that `decide` returns; classifiers only."""
        return y

    def shown(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """The targets in the form that the formulas call Y."""
        return np.asarray(y)

    def accuracy(self, Z: Array, y: Array, sample_weight: Array | None = None) -> float:
        """The share of examples classified correctly; with several labels, all must be right."""
        hits, counted = self.hits(Z, y, Cache(), sample_weight)
        return hits / counted

    def hits(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> tuple[float, float]:
        """The total weight of the correctly classified examples, and of all examples."""
        right = self.decide(Z) == self.classes(y)
        if right.ndim > 1:
            right = right.all(axis=1)
        if sample_weight is None:
            return float(np.count_nonzero(right)), float(len(right))
        return float(np.dot(right, sample_weight)), float(np.add.reduce(sample_weight))

    def measures(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> dict[str, tuple[float, float]]:
        """The loss and, for a classifier, the accuracy, each with its weight."""
        measures = {
            "loss": (self.mean(Z, y, cache, sample_weight), self.weight(y, cache, sample_weight))
        }
        if self.is_classifier:
            hits, counted = self.hits(Z, y, cache, sample_weight)
            measures["accuracy"] = (hits / counted if counted else 0.0, counted)
        return measures

    def scores(self, means: dict[str, float]) -> dict[str, float]:
        """The result of `Network.evaluate`, from the means of all measures."""
        return means

    def counts(self, y: Array, sample_weight: Array | None) -> bool:
        """Whether any of these targets has a weight other than 0."""
        return sample_weight is None or bool(sample_weight.any())

    # --- what the network calls ------------------------------------------------------------------

    def mean(self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        """The weighted mean of the examples' losses."""
        if cache.watches_forward:
            Z, y = read_only(Z), read_only(y)
        try:
            with numpy_forms(cache.record):
                losses = self.forward(Z, y, cache)
        except ValueError as error:
            name_who_writes(error, f"{self!r}.forward")
            raise
        cache["shape of Z"] = Z.shape, Z.dtype
        if getattr(losses, "shape", ()) != (len(Z),):
            raise ShapeError(
                f"{self!r}.forward must return a loss for each example, shape ({len(Z)},), not "
                f"their mean; it returned {seen(losses)}"
            )
        cache.watches_forward = cache.record
        window: Any = cache.window
        if window is not None:
            known = {"Y": self.shown(y, Z.dtype)}
            known |= {} if sample_weight is None else {"w": sample_weight}
            window.begin(Z, known, training=cache.training)
            window.end(losses)
        mean = self._mean(losses, cache, sample_weight)
        if window is not None:
            window.end_mean(mean)
        return mean

    def _mean(self, losses: Array, cache: Cache, sample_weight: Array | None) -> float:
        if sample_weight is None:
            return float(np.add.reduce(losses)) / len(losses)
        total = float(np.add.reduce(sample_weight))
        with np.errstate(invalid="ignore"):
            loss = float(np.dot(sample_weight, losses))
        cache["overflows"] = not isfinite(loss)
        if cache["overflows"]:  # a row that does not count may overflow
            counts = sample_weight > 0
            loss = float(np.dot(sample_weight[counts], losses[counts]))
        return loss / total if total else 0.0

    def weight(self, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        """How much the batch of the last `mean` counts relative to others."""
        return len(y) if sample_weight is None else float(np.add.reduce(sample_weight))

    def mean_gradient(self, cache: Cache, sample_weight: Array | None = None) -> Array:
        """The gradient of `mean` with respect to Z.

        Once after each `mean`: what `backward` returned may be scaled where it lies, if that method
        has the attribute `releases`. A loss may set it where the array is its cache's own, in the
        dtype of Z, and is not read again.
        """
        with numpy_forms(cache.record):
            dL = self.backward(cache)
        known: Any = cache["shape of Z"]
        shape, dtype = known
        if getattr(dL, "shape", ()) != shape or dL.dtype.kind not in REAL:
            raise ShapeError(
                f"{self!r}.backward must return a gradient of the shape of Z, "
                f"{as_batch(self.output_shape)}; for {shape[0]} examples it returned {seen(dL)}"
            )
        if cache.window is not None:
            cache.window.begin_back(dL)
        reuses = getattr(type(self).backward, "releases", False) and not cache.record
        dZ = dL if reuses else cache.array("dZ", shape, dtype)
        if sample_weight is None:
            return times(dL, 1 / len(dL), dZ)
        total = float(np.add.reduce(sample_weight))
        share = cache.array("share", sample_weight.shape, sample_weight.dtype)
        np.divide(sample_weight, total or 1.0, out=share)  # without any weight, no gradient
        shares = share.reshape(-1, *(1,) * (dL.ndim - 1))
        if not cache["overflows"]:
            return np.multiply(dL, shares, out=dZ, casting="same_kind")
        with np.errstate(invalid="ignore"):
            np.multiply(dL, shares, out=dZ, casting="same_kind")
        np.copyto(dZ, 0, where=shares == 0)
        return dZ

    def mean_and_gradient(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        """`mean`, and then `mean_gradient`. A loss with a shorter way to both overrides this."""
        return self.mean(Z, y, cache, sample_weight), self.mean_gradient(cache, sample_weight)


class Elementwise(Loss):
    """A loss defined for each output separately; an example's loss is the mean over outputs."""

    of_positions = True

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) != 1:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (outputs,); the network gives "
                f"{output_shape}"
            )
        self.output_shape = output_shape


# --- what losses share ----------------------------------------------------------------------------


def mean_over_outputs(each: Array, cache: Cache) -> Array:
    """(m, k) to (m,)."""
    m, k = each.shape
    # A product with ones adds up short rows ten times as fast as np.add.reduce.
    losses: Array = np.dot(each, ones(k, each.dtype), cache.array("losses", (m,), each.dtype))
    losses /= k
    return losses


WIDER = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.longdouble}
AT_ONCE = 1024
"""How many numbers at a time are held in the wider dtype, to save memory."""


def in_wider(
    each: Callable[[Array, Array], tuple[Array, ...]], Z: Array, y: Array, *out: Array
) -> None:
    """`each(Z, y)` with Z in the next wider dtype, some rows at a time, into `out`.

    For terms that cancel: in exp(Z) - y Z, float32 would lose half of its digits where the two are
    close. Where long double is not wider than float64, float64 keeps what it has.
    """
    size = max(AT_ONCE // prod(Z.shape[1:]), 1)
    for start in range(0, len(Z), size):
        rows = slice(start, start + size)
        results = each(Z[rows].astype(WIDER[Z.dtype]), y[rows])
        for array, result in zip(out, results, strict=True):
            array[rows] = result


def real_targets(y: npt.ArrayLike, output_shape: Shape, dtype: npt.DTypeLike) -> Array:
    """Numbers of shape (m, *output_shape), or (m,) for one output, as this dtype, all finite."""
    y = as_array("y", y)
    if y.ndim == 1 and output_shape == (1,):
        y = y[:, None]
    if y.shape[1:] != output_shape:
        raise ShapeError(f"targets must have the shape {as_batch(output_shape)}; got {y.shape}")
    if y.dtype.kind not in "biuf":
        raise DataError(f"targets must be real numbers; got dtype {y.dtype}")
    if y.dtype == dtype:
        targets = np.ascontiguousarray(y)
    else:
        with np.errstate(over="ignore"):
            targets = np.ascontiguousarray(y, dtype)
    if not np.isfinite(targets).all():
        raise DataError(f"targets must be finite as {np.dtype(dtype)}; got NaN or infinity")
    return targets
