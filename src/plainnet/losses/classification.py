"""Losses of classifiers, each fused with its output activation, and stable at any logit.

They take the network's last pre-activations `Z`, not probabilities: `log(softmax(Z))` and its
derivative have forms that neither overflow nor take the logarithm of zero.
"""

import numpy as np
import numpy.typing as npt

from plainnet import functions
from plainnet.arrays import as_array
from plainnet.cache import Cache
from plainnet.errors import DataError, ShapeError, require_number
from plainnet.layers.base import Formula, Formulas
from plainnet.losses.base import (
    Array,
    Elementwise,
    Loss,
    Shape,
    mean_over_outputs,
    real_targets,
)

INTP = np.dtype(np.intp)

SOFTMAX = Formula(
    "P",
    "exp(Z - Z.max(axis=1, keepdims=True))"
    " / exp(Z - Z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)",
    r"P = \mathrm{softmax}(Z)",
)


class OneOfK(Loss):
    """An output for each of K classes, of which the highest decides. Targets are class ids."""

    is_classifier = True
    of_positions = True

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) != 1 or output_shape[0] < 2:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (classes,), two classes or more; the "
                f"network gives {output_shape}"
            )
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        return _class_ids(as_array("y", y), self.output_shape[0])

    def decide(self, Z: Array) -> Array:
        """The class of the highest output of each row, shape (m,)."""
        return np.asarray(np.argmax(Z, axis=1))


class SoftmaxCrossEntropy(OneOfK):
    """One class out of K: L_i = -sum_k q_ik log softmax(Z_i)_k.

    Targets are class ids, shape (m,), or one-hot rows or probabilities, shape (m, K). Label
    smoothing mixes every target with the uniform distribution, q = (1 - s) y + s / K (Szegedy et
    al. 2016, section 7).
    """

    includes = "Softmax"
    gives_probabilities = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            SOFTMAX,
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

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y, (K,) = as_array("y", y), self.output_shape
        if y.ndim == 2 and y.shape[1] == K:
            return _distributions(y, dtype)
        return _class_ids(y, K, f" or one-hot rows of shape (m, {K})")

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        P, row = _row_per_class(Z, cache)
        expected = self._expected(P, y, cache)  # sum_k q_k (Z_k - max Z)
        np.exp(P, out=P)
        total = np.dot(cache.ones(len(P), Z.dtype), P, out=row)
        P /= total
        cache["y"], cache["P"] = y, P.T
        losses = np.log(total, out=row)
        losses -= expected
        return losses

    def backward(self, cache: Cache) -> Array:
        """dL = P - Q, written over P unless the cache records."""
        y, dL = cache["y"], _gradient_over(cache["P.T"], cache)
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
            S.reshape(-1).take(_places_of(y, cache), out=expected, mode="clip")
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

    def classes(self, y: Array) -> Array:
        """Class ids, shape (m,)."""
        return y if y.ndim == 1 else self.decide(y)


class SigmoidCrossEntropy(Elementwise):
    """Yes or no, once (binary) or for each of k labels (multilabel).

    L_i = mean_j (log(1 + exp(Z_ij)) - y_ij Z_ij), which is -y log sigmoid(Z) - (1 - y) log(1 -
    sigmoid(Z)). Targets are 0, 1 or probabilities, shape (m,) or (m, k).
    """

    includes = "Sigmoid"
    is_classifier = True
    gives_probabilities = True
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
        return mean_over_outputs(losses, cache)

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


class Focal(OneOfK):
    """Cross-entropy that goes easy on the easy: L_i = -(1 - p)^gamma log p.

    p is the softmax's probability of the true class (Lin et al. 2017, equation 4; their sigmoid is
    the softmax of two classes). What the network is sure of hardly counts, so that the many easy
    examples do not drown the few hard ones. Targets are class ids, shape (m,). The paper's alpha is
    the `class_weight` of `train`.

    Parameters
    ----------
    gamma : float
        0 is the plain cross-entropy; the paper's choice is 2.
    """

    includes = "Softmax"
    gives_probabilities = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            SOFTMAX,
            Formula("p", "(P * Y).sum(axis=1)", r"p_i = \sum_k Y_{ik} P_{ik}"),
            Formula("losses", "-(1 - p)**gamma * log(p)", r"L_i = -(1 - p_i)^\gamma \log p_i"),
        ),
        backward=(
            Formula(
                "F",
                "(1 - p)**gamma - gamma * p * (1 - p)**(gamma - 1) * log(p)",
                r"F_i = (1 - p_i)^\gamma - \gamma p_i (1 - p_i)^{\gamma - 1} \log p_i",
            ),
            Formula("dL", "F[:, None] * (P - Y)", r"dL_{ik} = F_i (P_{ik} - Y_{ik})"),
        ),
    )

    def __init__(self, gamma: float = 2.0) -> None:
        require_number("gamma", gamma, at_least=0)
        self.gamma = gamma

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        # With E = exp(Z - max Z) and the sum R of all E but the true one, e: p = e / (e + R) and
        # q = 1 - p = R / (e + R), which stays exact where p rounds to 1.
        E, row = _row_per_class(Z, cache)
        flat, index = E.reshape(-1), _places_of(y, cache)
        p, q, surprise = (cache.array(name, y.shape, Z.dtype) for name in ("p", "q", "surprise"))
        true = flat.take(index, out=cache.array("true", y.shape, Z.dtype), mode="clip")
        np.exp(E, out=E)
        e = np.exp(true, out=p)
        flat[index] = 0
        R = np.dot(cache.ones(len(E), Z.dtype), E, out=row)
        # -log p = log(R + e) - log e; e is 1 where the true class leads, and R may be tiny.
        np.subtract(e, 1, out=surprise)
        surprise += R
        np.log1p(surprise, out=surprise)
        surprise -= true
        total = np.add(e, R, out=q)
        E /= total
        np.divide(e, total, out=p)
        np.divide(R, total, out=q)
        flat[index] = p
        cache["P"] = E.T
        weight = cache.array("weight", y.shape, Z.dtype)
        np.power(q, self.gamma, out=weight)
        return np.multiply(weight, surprise, out=row)

    def backward(self, cache: Cache) -> Array:
        """dL = F (P - Y) with F = q^gamma (1 + gamma p (-log p) / q), over P unless it records."""
        p, q, weight = cache["p"], cache["q"], cache["weight"]
        F = np.maximum(q, np.finfo(q.dtype).tiny, out=cache.array("F", q.shape, q.dtype))
        np.divide(cache["surprise"], F, out=F)
        F *= p
        F *= self.gamma
        F += 1
        F *= weight
        dL = _gradient_over(cache["P.T"], cache)
        rest = np.negative(q, out=cache.array("rest", q.shape, q.dtype))  # p - 1
        dL.reshape(-1)[cache["index"]] = rest
        dL *= F
        return dL.T

    def activate(self, Z: Array) -> Array:
        """Probabilities, shape (m, K)."""
        return functions.softmax(Z, np.empty_like(Z))


# --- what classifiers share ----------------------------------------------------------------------


def _row_per_class(Z: Array, cache: Cache) -> tuple[Array, Array]:
    """Z - max Z as (K, m), for loops over K long rows, and a row of (m,) to work in."""
    S = cache.array("P.T", Z.shape[::-1], Z.dtype)
    row = cache.array("row", Z.shape[:1], Z.dtype)
    np.copyto(S, Z.T)
    S -= np.maximum.reduce(S, axis=0, out=row)
    return S, row


def _places_of(y: Array, cache: Cache) -> Array:
    """Where the true classes stand in a flat (K, m)."""
    index = np.multiply(y, len(y), out=cache.array("index", y.shape, INTP))
    index += cache.counting(len(y))
    return index


def _gradient_over(P: Array, cache: Cache) -> Array:
    """P, to be written over, or a copy of it where the cache records."""
    if not cache.record:
        return P
    dL = cache.array("dL.T", P.shape, P.dtype)
    np.copyto(dL, P)
    return dL


def _class_ids(y: Array, K: int, otherwise: str = "") -> Array:
    """Class ids 0 to K - 1, shape (m,)."""
    if y.ndim != 1:
        raise ShapeError(f"targets must be class ids of shape (m,){otherwise}; got shape {y.shape}")
    if y.dtype.kind not in "biu":
        raise DataError(
            f"class ids must be integers from 0 to {K - 1}; got dtype {y.dtype}. "
            "np.unique(y, return_inverse=True) turns any labels into ids"
        )
    if y.size and not (0 <= y.min() and y.max() < K):
        raise DataError(
            f"class ids must lie between 0 and {K - 1}, for {K} outputs; got {y.min()} to {y.max()}"
        )
    return y.astype(np.intp, copy=False)


def _distributions(y: Array, dtype: npt.DTypeLike) -> Array:
    """Rows that are probability distributions."""
    y = real_targets(y, y.shape[1:], dtype)
    if y.size and (y.min() < 0 or np.abs(y.sum(axis=1) - 1).max() > 1e-3):
        raise DataError("each row of one-hot targets must be >= 0 and sum to 1")
    return y
