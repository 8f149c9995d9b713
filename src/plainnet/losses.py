"""Losses, each fused with its output activation, and stable at any logit.

A loss takes the network's last pre-activations `Z`, not probabilities: `log(softmax(Z))` and its
derivative have forms that neither overflow nor take the logarithm of zero. A subclass gives the
loss of each example and its derivative; the mean over the batch, sample weights included, is taken
here, once, and nowhere else:

    L = sum_i w_i L_i / sum_i w_i            dL/dZ_i = w_i / sum_i w_i  dL_i/dZ_i
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import functions
from plainnet.cache import Cache
from plainnet.config import Configurable
from plainnet.errors import DataError, ShapeError, require_number
from plainnet.layers.base import Formula, Formulas

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

INTP = np.dtype(np.intp)


class Loss(Configurable, ABC):
    """How wrong the outputs `Z`, shape (m, *output_shape), are about the targets `y`.

    A subclass writes `forward` and, right below it, `backward`. What one leaves for the other goes
    into the cache.
    """

    formulas: Formulas
    """The mathematics of one batch as data: `losses`, shape (m,), and dL, their sum's gradient."""

    includes: str = ""
    """The activation that is built in, and so must not be the network's last layer too."""

    is_classifier: bool = False
    """`decide` gives classes, so that an accuracy makes sense."""

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
        """The targets as `forward` wants them; refuses what cannot be learned."""
        return real_targets(y, self.output_shape, dtype)

    def activate(self, Z: Array) -> Array:
        """The network's output as its user reads it: probabilities, or the numbers themselves."""
        return Z

    def decide(self, Z: Array) -> Array:
        """The prediction: classes, or the numbers themselves."""
        return Z[:, 0] if self.output_shape == (1,) else Z

    def classes(self, y: Array) -> Array:
        """The true classes of `targets`, in the form of `decide`; classifiers only."""
        return y

    # --- what the network calls ------------------------------------------------------------------

    def mean(self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        """The weighted mean of the examples' losses."""
        losses = self.forward(Z, y, cache)
        if getattr(losses, "shape", ()) != (len(Z),):
            raise ShapeError(
                f"{self!r}.forward must return a loss for each example, shape ({len(Z)},), not "
                f"their mean; it returned the shape {np.shape(losses)}"
            )
        if sample_weight is None:
            return float(np.add.reduce(losses)) / len(losses)
        total = float(np.add.reduce(sample_weight))
        return float(np.dot(sample_weight, losses)) / total if total else 0.0

    def mean_gradient(self, cache: Cache, sample_weight: Array | None = None) -> Array:
        """The gradient of `mean` with respect to Z."""
        dL = self.backward(cache)
        dZ = cache.array("dZ", dL.shape, dL.dtype)
        if sample_weight is None:
            return np.multiply(dL, 1 / len(dL), out=dZ)
        total = float(np.add.reduce(sample_weight))
        share = cache.array("share", sample_weight.shape, sample_weight.dtype)
        np.divide(sample_weight, total or 1.0, out=share)  # no weight at all: no gradient
        return np.multiply(dL, share.reshape(-1, *(1,) * (dL.ndim - 1)), out=dZ)


class SoftmaxCrossEntropy(Loss):
    """One class out of K: L_i = -sum_k q_ik log softmax(Z_i)_k.

    Targets are class ids, shape (m,), or one-hot rows or probabilities, shape (m, K). Label
    smoothing mixes every target with the uniform distribution, q = (1 - s) y + s / K (Szegedy et
    al. 2016, section 7).
    """

    includes = "Softmax"
    is_classifier = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula(
                "P",
                "exp(Z - Z.max(axis=1, keepdims=True))"
                " / exp(Z - Z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)",
                r"P = \mathrm{softmax}(Z)",
            ),
            Formula(
                "Q",
                "(1 - label_smoothing) * Y + label_smoothing / Y.shape[1]",
                r"Q = (1 - s) Y + s / K",
            ),
            Formula("losses", "-(Q * log(P)).sum(axis=1)", r"L_i = -\sum_k Q_{ik} \log P_{ik}"),
        ),
        backward=(Formula("dL", "P - Q", r"dL = P - Q"),),
    )

    def __init__(self, label_smoothing: float = 0.0) -> None:
        require_number("label_smoothing", label_smoothing, at_least=0, below=1)
        self.label_smoothing = label_smoothing

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) != 1 or output_shape[0] < 2:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (classes,), two classes or more; the "
                f"network gives {output_shape}"
            )
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y, (K,) = np.asarray(y), self.output_shape
        if y.ndim == 2 and y.shape[1] == K:
            return _distributions(y, dtype)
        if y.ndim != 1:
            raise ShapeError(
                f"targets must be class ids of shape (m,) or one-hot rows of shape (m, {K}); got "
                f"shape {y.shape}"
            )
        if y.dtype.kind not in "biu":
            raise DataError(
                f"class ids must be integers from 0 to {K - 1}; got dtype {y.dtype}. "
                "np.unique(y, return_inverse=True) turns any labels into ids"
            )
        if y.size and not (0 <= y.min() and y.max() < K):
            raise DataError(
                f"class ids must lie between 0 and {K - 1}, for {K} outputs; got {y.min()} to "
                f"{y.max()}"
            )
        return y.astype(np.intp, copy=False)

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        # A row per class: what goes over the classes is then a loop over K long rows.
        m, K = Z.shape
        P = cache.array("P.T", (K, m), Z.dtype)
        row = cache.array("row", (m,), Z.dtype)
        np.copyto(P, Z.T)
        P -= np.maximum.reduce(P, axis=0, out=row)
        expected = self._expected(P, y, cache)  # sum_k q_k (Z_k - max Z)
        np.exp(P, out=P)
        total = np.dot(cache.ones(K, Z.dtype), P, out=row)
        P /= total
        cache["y"], cache["P"] = y, P.T
        losses = np.log(total, out=row)
        losses -= expected
        return losses

    def backward(self, cache: Cache) -> Array:
        """dL = P - Q, written over P unless the cache records."""
        y, dL = cache["y"], cache["P.T"]
        if cache.record:
            P, dL = dL, cache.array("dL.T", dL.shape, dL.dtype)
            np.copyto(dL, P)
        keep = 1 - self.label_smoothing
        if y.ndim == 1:
            flat, index = dL.reshape(-1), cache["index"]
            true = flat.take(index, out=cache["expected"], mode="clip")
            true -= keep
            flat[index] = true
        else:
            dL -= np.multiply(y.T, keep, out=cache.array("product", dL.shape, dL.dtype))
        if self.label_smoothing:
            dL -= self.label_smoothing / len(dL)
        return dL.T

    def _expected(self, S: Array, y: Array, cache: Cache) -> Array:
        """sum_k q_k S_k for each column of S, shape (K, m)."""
        K, m = S.shape
        expected = cache.array("expected", (m,), S.dtype)
        if y.ndim == 1:
            index = np.multiply(y, m, out=cache.array("index", (m,), INTP))
            index += cache.counting(m)
            S.reshape(-1).take(index, out=expected, mode="clip")
        else:
            product = np.multiply(S, y.T, out=cache.array("product", (K, m), S.dtype))
            np.add.reduce(product, axis=0, out=expected)
        if self.label_smoothing:
            uniform = np.add.reduce(S, axis=0, out=cache.array("uniform", (m,), S.dtype))
            uniform *= self.label_smoothing / K
            expected *= 1 - self.label_smoothing
            expected += uniform
        return expected

    def activate(self, Z: Array) -> Array:
        """Probabilities, shape (m, K)."""
        return functions.softmax(Z, np.empty_like(Z))

    def decide(self, Z: Array) -> Array:
        """The most probable class of each row, shape (m,)."""
        return np.asarray(np.argmax(Z, axis=1))

    def classes(self, y: Array) -> Array:
        """Class ids, shape (m,)."""
        return y if y.ndim == 1 else self.decide(y)


class SigmoidCrossEntropy(Loss):
    """Yes or no, once (binary) or for each of k labels (multilabel).

    L_i = mean_j (log(1 + exp(Z_ij)) - y_ij Z_ij), which is -y log sigmoid(Z) - (1 - y) log(1 -
    sigmoid(Z)). Targets are 0, 1 or probabilities, shape (m,) or (m, k).
    """

    includes = "Sigmoid"
    is_classifier = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("P", "1 / (1 + exp(-Z))", r"P = \sigma(Z)"),
            Formula(
                "losses",
                "-(Y * log(P) + (1 - Y) * log(1 - P)).mean(axis=1)",
                r"L_i = -\frac1k \sum_j (Y_{ij} \log P_{ij} + (1 - Y_{ij}) \log(1 - P_{ij}))",
            ),
        ),
        backward=(Formula("dL", "(P - Y) / Y.shape[1]", r"dL = (P - Y) / k"),),
    )

    def build(self, output_shape: Shape) -> None:
        _expect_one_axis(self, output_shape)
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y = real_targets(y, self.output_shape, dtype)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise DataError(f"targets must lie between 0 and 1; got {y.min():g} to {y.max():g}")
        return y

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        cache["Z"], cache["y"] = Z, y
        work = cache.array("work", Z.shape, Z.dtype)
        losses = functions.softplus(Z, cache.array("each", Z.shape, Z.dtype), work)
        losses -= np.multiply(y, Z, out=work)
        return _mean_over_outputs(losses, cache)

    def backward(self, cache: Cache) -> Array:
        """dL = (P - Y) / k."""
        Z, y = cache["Z"], cache["y"]
        P = functions.sigmoid(Z, cache.array("P", Z.shape, Z.dtype))
        dL = np.subtract(P, y, out=cache.array("dL", Z.shape, Z.dtype))
        dL /= Z.shape[1]
        return dL

    def activate(self, Z: Array) -> Array:
        """The probability of each label, shape (m, k)."""
        return functions.sigmoid(Z, np.empty_like(Z))

    def decide(self, Z: Array) -> Array:
        """0 or 1, shape (m,) for one output and (m, k) for several."""
        return self.classes(self.activate(Z))

    def classes(self, y: Array) -> Array:
        """0 or 1, in the shapes of `decide`."""
        classes = (y > 0.5).astype(np.intp)
        return classes[:, 0] if self.output_shape == (1,) else classes


class MeanSquaredError(Loss):
    """L_i = mean_j (Z_ij - y_ij)^2: the mean over examples and outputs, without a factor 1/2."""

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("D", "Z - Y", r"D = Z - Y"),
            Formula("losses", "(D**2).mean(axis=1)", r"L_i = \frac1k \sum_j D_{ij}^2"),
        ),
        backward=(Formula("dL", "2 * D / D.shape[1]", r"dL = 2 D / k"),),
    )

    def build(self, output_shape: Shape) -> None:
        _expect_one_axis(self, output_shape)
        self.output_shape = output_shape

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        D = np.subtract(Z, y, out=cache.array("D", Z.shape, Z.dtype))
        square = np.multiply(D, D, out=cache.array("square", Z.shape, Z.dtype))
        return _mean_over_outputs(square, cache)

    def backward(self, cache: Cache) -> Array:
        """dL = 2 D / k."""
        D = cache["D"]
        dL = np.multiply(D, 2, out=cache.array("dL", D.shape, D.dtype))
        dL /= D.shape[1]
        return dL


def _mean_over_outputs(each: Array, cache: Cache) -> Array:
    """(m, k) to (m,)."""
    m, k = each.shape
    losses = np.add.reduce(each, axis=1, out=cache.array("losses", (m,), each.dtype))
    losses /= k
    return losses


# --- targets --------------------------------------------------------------------------------------


def real_targets(y: npt.ArrayLike, output_shape: Shape, dtype: npt.DTypeLike) -> Array:
    """Numbers of shape (m, *output_shape), or (m,) for one output, as this dtype, all finite."""
    y = np.asarray(y)
    if y.ndim == 1 and output_shape == (1,):
        y = y[:, None]
    if y.shape[1:] != output_shape:
        raise ShapeError(f"targets must have the shape (m, *{output_shape}); got {y.shape}")
    if y.dtype.kind not in "biuf":
        raise DataError(f"targets must be real numbers; got dtype {y.dtype}")
    with np.errstate(over="ignore"):
        targets = np.ascontiguousarray(y, dtype)
    if not np.isfinite(targets).all():
        raise DataError(f"targets must be finite as {np.dtype(dtype)}; got NaN or infinity")
    return targets


def _distributions(y: Array, dtype: npt.DTypeLike) -> Array:
    """Rows that are probability distributions."""
    y = real_targets(y, y.shape[1:], dtype)
    if y.size and (y.min() < 0 or np.abs(y.sum(axis=1) - 1).max() > 1e-3):
        raise DataError("each row of one-hot targets must be >= 0 and sum to 1")
    return y


def _expect_one_axis(loss: Loss, output_shape: Shape) -> None:
    if len(output_shape) != 1:
        raise ShapeError(
            f"loss {loss!r} needs an output of shape (outputs,); the network gives {output_shape}"
        )
