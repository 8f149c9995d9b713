"""Losses of classifiers, each fused with its output activation, and stable at any logit.

They take the network's last pre-activations `Z`, not probabilities: `log(softmax(Z))` and its
derivative have forms that neither overflow nor take the logarithm of zero, and that add up terms of
one sign only, so that a loss next to 0 has all its digits.
"""

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array
from plainnet.data import one_hot
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import DataError, ShapeError, require_number
from plainnet.kernels.activations import sigmoid
from plainnet.kernels.arrays import counting, sum_rows
from plainnet.kernels.cross_entropy import cross_entropy
from plainnet.kernels.softmax import softmax
from plainnet.losses.base import (
    Array,
    Elementwise,
    Loss,
    Shape,
    in_wider,
    mean_over_outputs,
    real_targets,
)

INTP, BOOL = np.dtype(np.intp), np.dtype(bool)

SOFTMAX = (
    Formula("E", "exp(Z - Z.max(axis=1, keepdims=True))", r"E_{ik} = e^{Z_{ik} - \max_j Z_{ij}}"),
    Formula("P", "E / E.sum(axis=1, keepdims=True)", r"P_{ik} = E_{ik} / \sum_j E_{ij}"),
)


class OneOfK(Loss):
    """One output for each of K classes; the highest decides. Targets are class ids."""

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

    def shown(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """One-hot rows, shape (m, K)."""
        return one_hot(y, self.output_shape[0], dtype) if y.ndim == 1 else y

    def decide(self, Z: Array) -> Array:
        """The class of the highest output of each row, shape (m,)."""
        return np.asarray(Z.argmax(axis=1))


class SoftmaxCrossEntropy(OneOfK):
    """One class out of K: L_i = -sum_k q_ik log softmax(Z_i)_k.

    Targets are class ids, shape (m,), or one-hot rows or probabilities, shape (m, K). With label
    smoothing s, every target is mixed with the uniform distribution, q = (1 - s) y + s / K
    (Szegedy et al. 2016, section 7).
    """

    includes = "Softmax"
    gives_probabilities = True

    def __init__(self, label_smoothing: float = 0.0) -> None:
        require_number("label_smoothing", label_smoothing, at_least=0, below=1)
        self.label_smoothing = label_smoothing

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y, (K,) = as_array("y", y), self.output_shape
        if y.ndim == 2 and y.shape[1] == K:
            return _distributions(y, dtype)
        return _class_ids(y, K, f" or one-hot rows of shape (m, {K})")

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            *SOFTMAX,
            Formula("Q", "Y", "Q = Y", when="not label_smoothing"),
            Formula(
                "Q",
                "(1 - label_smoothing) * Y + label_smoothing / Y.shape[1]",
                r"Q = (1 - s) Y + s / K",
                when="label_smoothing",
            ),
            Formula("losses", "-(Q * log(P)).sum(axis=1)", r"L_i = -\sum_k Q_{ik} \log P_{ik}"),
        ),
        backward=(
            Formula(
                "dL",
                "P * Q.sum(axis=1, keepdims=True) - Q",
                r"dL_{ik} = P_{ik} \sum_j Q_{ij} - Q_{ik}",
            ),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        cache["y"] = y
        if self._is_hard(y):
            return _surprise(Z, y, cache, whole=cache.record)
        # With the leading class a: -log P_a sum_k q_k + sum_k q_k (Z_a - Z_k), all terms >= 0.
        lead = np.argmax(Z, axis=1, out=cache.array("lead", Z.shape[:1], INTP))
        losses, Q = _surprise(Z, lead, cache, whole=True), self._expected(y, cache)
        top = np.maximum.reduce(Z, axis=1, out=cache.array("top", losses.shape, Z.dtype))
        losses *= sum_rows(Q, cache.array("sum of q", losses.shape, Z.dtype))
        behind = np.subtract(top, Z.T, out=cache.array("behind", Q.shape, Z.dtype))
        behind *= Q
        losses += sum_rows(behind, top)
        return losses

    def _expected(self, y: Array, cache: Cache) -> Array:
        """Q, a row for each class."""
        (K,), s = self.output_shape, self.label_smoothing
        Q = cache.array("Q.T", (K, len(y)), cache["dL.T"].dtype)
        if y.ndim == 1:
            Q.fill(s / K)
            Q.reshape(-1)[_places_of(y, "true classes", cache)] = 1 - s + s / K
        else:
            np.copyto(Q, y.T)
            if s:
                Q *= 1 - s
                Q += s / K
        cache["Q"] = Q.T
        return Q

    def backward(self, cache: Cache) -> Array:
        """dL = P sum_k q_k - Q."""
        dL = cache["dL.T"]
        if self._is_hard(cache["y"]):
            return dL.T
        Q, total, p, index = (cache[name] for name in ("Q.T", "sum of q", "p", "index"))
        flat, own = dL.reshape(-1), cache.array("own", p.shape, p.dtype)
        dL *= total
        dL -= Q
        # All of them add up to 0: where P_a may be next to 1, the others tell P_a sum_k q_k - q_a.
        flat[index] = 0
        rest = sum_rows(dL, cache.array("rest", p.shape, p.dtype))
        np.multiply(p, total, out=own)
        own -= Q.reshape(-1).take(index, out=cache["top"], mode="clip")
        sure = np.greater(p, 0.5, out=cache.array("sure", p.shape, BOOL))
        np.negative(rest, out=own, where=sure)
        flat[index] = own
        return dL.T

    def _is_hard(self, y: Array) -> bool:
        """Class ids, checked."""
        return y.ndim == 1 and not self.label_smoothing

    def activate(self, Z: Array) -> Array:
        """Probabilities, shape (m, K)."""
        return softmax(Z, np.empty_like(Z), np.empty_like(Z[:, :1]))

    def classes(self, y: Array) -> Array:
        """Class ids, shape (m,)."""
        return y if y.ndim == 1 else self.decide(y)


class SigmoidCrossEntropy(Elementwise):
    """Two classes (binary), or k labels that each apply or not (multilabel).

    L_i = mean_j (-y_ij log sigmoid(Z_ij) - (1 - y_ij) log sigmoid(-Z_ij)). Targets are 0, 1 or
    probabilities, shape (m,) or (m, k).

    It is computed as log(1 + exp(-|Z|)) + Z ([Z > 0] - y), two terms >= 0. log(1 + exp(Z)) - y Z is
    equal, but loses all digits of the loss where the prediction is confident and right.
    """

    label_smoothing = 0.0
    """A subclass may set s > 0, for which the targets become (1 - s) y + s / 2."""

    includes = "Sigmoid"
    is_classifier = True
    gives_probabilities = True

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y = real_targets(y, self.output_shape, dtype)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise DataError(f"targets must lie between 0 and 1; got {y.min():g} to {y.max():g}")
        return y

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("P", "sigmoid(Z)", r"P = \sigma(Z)"),
            Formula(
                "losses",
                "(Y * softplus(-Z) + (1 - Y) * softplus(Z)).mean(axis=1)",
                r"L_i = -\frac1k \sum_j (Y_{ij} \log P_{ij} + (1 - Y_{ij}) \log(1 - P_{ij}))",
            ),
        ),
        backward=(
            Formula(
                "dL",
                "((1 - Y) * sigmoid(Z) - Y * sigmoid(-Z)) / Y.shape[1]",
                r"dL = (P - Y) / k",
            ),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        cache["Z"], s = Z, self.label_smoothing
        small = np.abs(Z, out=cache.array("small", Z.shape, Z.dtype))
        np.negative(small, out=small)
        np.exp(small, out=small)
        each = np.log1p(small, out=cache.array("each", Z.shape, Z.dtype))
        side = np.greater(Z, 0, out=cache.array("side", Z.shape, Z.dtype))  # [Z > 0]: 0 or 1
        lean = np.subtract(side, y, out=cache.array("lean", Z.shape, Z.dtype))
        work = cache.array("work", Z.shape, Z.dtype)
        if s:  # [Z > 0] less the smoothed target
            lean *= 1 - s
            np.subtract(side, 0.5, out=work)
            work *= s
            lean += work
        each += np.multiply(Z, lean, out=work)
        return mean_over_outputs(each, cache)

    def backward(self, cache: Cache) -> Array:
        """dL = (P - Y) / k, from [Z > 0] - y, less sigmoid(-|Z|) where Z > 0, else plus it."""
        Z, small, work = cache["Z"], cache["small"], cache["work"]
        np.add(small, 1, out=work)
        tail = np.divide(small, work, out=cache.array("tail", Z.shape, Z.dtype))
        np.multiply(cache["side"], 2, out=work)
        work -= 1
        tail *= work
        dL = np.subtract(cache["lean"], tail, out=cache.array("dL", Z.shape, Z.dtype))
        if Z.shape[1] > 1:
            dL /= Z.shape[1]
        if cache.record:
            sigmoid(Z, cache.array("P", Z.shape, Z.dtype))
        return dL

    def activate(self, Z: Array) -> Array:
        """The probability of each label, shape (m, k)."""
        return sigmoid(Z, np.empty_like(Z))

    def decide(self, Z: Array) -> Array:
        """0 or 1, shape (m,) for one output and (m, k) for several."""
        return self.classes(self.activate(Z))

    def classes(self, y: Array) -> Array:
        """0 or 1, in the shapes of `decide`."""
        classes = (y > 0.5).astype(np.intp)
        return classes[:, 0] if self.output_shape == (1,) else classes


class Focal(OneOfK):
    """Cross-entropy that gives easy examples less weight: L_i = -(1 - p)^gamma log p.

    p is the softmax probability of the true class (Lin et al. 2017, equation 4; their sigmoid is
    the softmax of two classes). Examples that the network is sure of hardly count, so that the many
    easy ones do not drown out the few hard ones. Targets are class ids, shape (m,). The paper's
    alpha is the `class_weight` of `train`.

    Parameters
    ----------
    gamma : float
        0 is the plain cross-entropy; the paper's choice is 2.
    """

    includes = "Softmax"
    gives_probabilities = True

    def __init__(self, gamma: float = 2.0) -> None:
        require_number("gamma", gamma, at_least=0)
        self.gamma = gamma

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            *SOFTMAX,
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

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        rows = [cache.array(n, y.shape, Z.dtype) for n in ("losses", "p", "q", "surprise")]
        matrices = [cache.array(name, Z.shape, Z.dtype) for name in ("P", "dL")]
        in_wider(self._each, Z, y, *rows, *matrices)
        return rows[0]

    def _each(self, Z: Array, y: Array) -> tuple[Array, ...]:
        """In a wider dtype, since (1 - p)^gamma has gamma times the rounding error of 1 - p."""
        rows, gamma = np.arange(len(Z)), self.gamma
        # With E = exp(Z - max Z) and the sum R of all E but the true one, e: p = e / (e + R) and
        # q = 1 - p = R / (e + R), which stays exact where p rounds to 1.
        S = Z - Z.max(axis=1, keepdims=True)
        E, true = np.exp(S), S[rows, y]
        e = E[rows, y]
        E[rows, y] = 0
        R = E.sum(axis=1)
        # -log p = log(R + e) - log e; e is 1 where the true class leads, and R may be tiny.
        surprise = np.log1p(e - 1 + R) - true
        total = e + R
        P, p, q = E / total[:, None], e / total, R / total
        weight = q**gamma
        F = weight * (1 + gamma * p * surprise / np.maximum(q, np.finfo(q.dtype).tiny))
        P[rows, y] = -q  # p - 1
        dL = F[:, None] * P
        P[rows, y] = p
        return weight * surprise, p, q, surprise, P, dL

    def backward(self, cache: Cache) -> Array:
        """dL = F (P - Y) with F = q^gamma (1 + gamma p (-log p) / q)."""
        return cache["dL"]

    def activate(self, Z: Array) -> Array:
        """Probabilities, shape (m, K)."""
        return softmax(Z, np.empty_like(Z), np.empty_like(Z[:, :1]))


# --- what classifiers share ----------------------------------------------------------------------


def _surprise(Z: Array, classes: Array, cache: Cache, *, whole: bool) -> Array:
    """-log P of one class in each row, shape (m,), with all its digits where P rounds to 1.

    It leaves `dL.T` in the cache, the derivative, which is P less 1 at the class, as (K, m); with
    `whole`, also the class's P as `p`, and the class's place in `dL.T` as `index`.
    """
    (m, K), dtype = Z.shape, Z.dtype
    surprise, dL = cache.array("surprise", (m,), dtype), cache.array("dL.T", (K, m), dtype)
    p = cache.array("p", (m,), dtype) if whole else None
    index, far = cache.array("index", (m,), INTP), cache.array("far", (m,), BOOL)
    cross_entropy(Z, classes, surprise, dL.T, p, index, cache.array("rows", (5, m), dtype), far)
    if whole:
        _places_of(classes, "index", cache)
    if cache.record:
        P = cache.array("P.T", (K, m), dtype)
        np.copyto(P, dL)
        P.reshape(-1)[index] = p
        cache["P"] = P.T
    return surprise


def _places_of(y: Array, name: str, cache: Cache) -> Array:
    """The indices of these classes in a flat (K, m) array."""
    index = np.multiply(y, len(y), out=cache.array(name, y.shape, INTP))
    index += counting(len(y))
    return index


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
