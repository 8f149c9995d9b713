"""The hinge loss: scores instead of probabilities, and no loss where the margin is kept."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_boolean
from plainnet.kernels.arrays import counting
from plainnet.losses.base import Array
from plainnet.losses.classification import BOOL, INTP, OneOfK


class Hinge(OneOfK):
    """The true class's score should lead by 1: L_i = max_k (Z_ik + [k is not y_i]) - Z_iy.

    It is 0 where the true class leads by 1 or more, and otherwise how much is missing (Crammer and
    Singer 2001). The outputs are scores, not probabilities. Targets are class ids, shape (m,); a
    binary target has two classes, and so two outputs.

    Parameters
    ----------
    squared : bool
        Use L_i^2 instead, whose derivative is continuous.
    """

    def __init__(self, squared: bool = False) -> None:
        require_boolean("squared", squared)
        self.squared = squared

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula(
                "S",
                "Z - (Z * Y).sum(axis=1, keepdims=True) + 1 - Y",
                r"S_{ik} = Z_{ik} - Z_{i y_i} + [k \ne y_i]",
            ),
            Formula("losses", "S.max(axis=1)", r"L_i = \max_k S_{ik}", when="not squared"),
            Formula("losses", "S.max(axis=1)**2", r"L_i = (\max_k S_{ik})^2", when="squared"),
        ),
        backward=(
            Formula(
                "k",
                "where(S == S.max(axis=1, keepdims=True), arange(S.shape[1]), S.shape[1])"
                ".min(axis=1, keepdims=True)",
                r"k_i = \min \{k : S_{ik} = \max_j S_{ij}\}",
            ),
            Formula("R", "arange(S.shape[1]) == k", r"R_{ik} = [k = k_i]"),
            Formula("dL", "R - Y", r"dL = R - Y", when="not squared"),
            Formula(
                "dL",
                "2 * S.max(axis=1, keepdims=True) * (R - Y)",
                r"dL_{ik} = 2 \max_j S_{ij}\, (R_{ik} - Y_{ik})",
                when="squared",
            ),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        m, K = Z.shape
        first = np.multiply(counting(m), K, out=cache.array("first", (m,), INTP))
        true = np.add(first, y, out=cache.array("true", (m,), INTP))
        S = cache.array("S", (m, K), Z.dtype)
        np.copyto(S, Z)
        flat = S.reshape(-1)
        names = ("row", "rival", "part", "rounding")
        own, rival, part, rounding = (cache.array(name, (m,), Z.dtype) for name in names)
        flat.take(true, out=own, mode="clip")
        flat[true] = -np.inf
        leader = np.argmax(S, axis=1, out=cache.array("leader", (m,), INTP))
        leader += first
        flat.take(leader, out=rival, mode="clip")
        # rival - own + 1 cancels; what the difference was rounded by is added last (Knuth 1997,
        # The Art of Computer Programming, volume 2, section 4.2.2).
        missing = np.subtract(rival, own, out=cache.array("missing", (m,), Z.dtype))
        np.subtract(missing, rival, out=part)
        np.subtract(missing, part, out=rounding)
        np.subtract(rival, rounding, out=rounding)
        part += own
        rounding -= part
        missing += 1
        missing += rounding
        # Where the margin is kept, the true class is its own rival.
        kept = np.less_equal(missing, 0, out=cache.array("kept", (m,), BOOL))
        np.copyto(leader, true, where=kept)
        np.maximum(missing, 0, out=missing)
        if cache.record:
            S -= own[:, None]
            S += 1
            flat[true] = 0
        if self.squared:
            return np.multiply(missing, missing, out=cache.array("losses", (m,), Z.dtype))
        return missing

    def backward(self, cache: Cache) -> Array:
        """dL = R - Y, zero where the true class is its own rival; times 2 max S if squared."""
        S, true, leader = cache["S"], cache["true"], cache["leader"]
        slope = cache.array("slope", leader.shape, S.dtype)
        if self.squared:
            np.multiply(cache["missing"], 2, out=slope)
        else:
            slope.fill(1)
        dL = cache.array("dL", S.shape, S.dtype)
        dL.fill(0)
        flat = dL.reshape(-1)
        flat[leader] = slope
        rest = flat.take(true, out=cache.array("rest", slope.shape, S.dtype), mode="clip")
        rest -= slope
        flat[true] = rest
        return dL
