"""The losses of scikit-learn's MLP, factors included: they sum over outputs, plainnet's average.

A loss that is k times larger learns k times faster with the same learning rate, so changing the
import must not change the factors.
"""

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import DataError
from plainnet.layers.dense.stack import STACKED
from plainnet.losses import Loss, SigmoidCrossEntropy
from plainnet.losses.base import Array, in_wider, real_targets


class HalfSquaredError(Loss):
    """L_i = 1/2 sum_j (Z_ij - y_ij)^2."""

    squares_errors = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("D", "Z - Y", r"D = Z - Y"),
            Formula("losses", "(D**2).sum(axis=1) / 2", r"L_i = \frac12 \sum_j D_{ij}^2"),
        ),
        backward=(Formula("dL", "D", r"dL = D"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        D = np.subtract(Z, y, out=cache.array("D", Z.shape, Z.dtype))
        square = np.multiply(D, D, out=cache.array("square", Z.shape, Z.dtype))
        losses = np.add.reduce(square, axis=1, out=cache.array("losses", (len(Z),), Z.dtype))
        losses *= 0.5
        return losses

    def backward(self, cache: Cache) -> Array:
        """dL = D."""
        return cache["D"]


class HalfPoissonDeviance(Loss):
    """L_i = sum_j (mu_ij - y_ij + y_ij log(y_ij / mu_ij)), mu = exp(Z): counts and rates >= 0.

    Half of the deviance of McCullagh and Nelder 1989, section 2.3; 0 log 0 counts 0.
    """

    includes = "Exponential"

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y = real_targets(y, self.output_shape, dtype)
        if y.size and y.min() < 0:
            raise DataError(f"the Poisson loss needs targets >= 0; got {y.min():g}")
        return y

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("M", "exp(Z)", r"M = e^Z"),
            Formula(
                "losses",
                "(M - Y + Y * (log(maximum(Y, 1e-300)) - Z)).sum(axis=1)",
                r"L_i = \sum_j (M_{ij} - Y_{ij} + Y_{ij} (\log Y_{ij} - Z_{ij}))",
            ),
        ),
        backward=(Formula("dL", "M - Y", r"dL = M - Y"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        M, each, D = (cache.array(name, Z.shape, Z.dtype) for name in ("M", "each", "D"))
        in_wider(_half_deviances, Z, y, M, each, D)
        return np.add.reduce(each, axis=1, out=cache.array("losses", (len(Z),), Z.dtype))

    def backward(self, cache: Cache) -> Array:
        """dL = M - Y."""
        return cache["D"]

    def activate(self, Z: Array) -> Array:
        """The expected counts, exp(Z)."""
        return np.exp(Z)


def _half_deviances(Z: Array, y: Array) -> tuple[Array, ...]:
    """M, the terms of the loss, and M - Y. A term is y (exp(d) - 1 - d) with d = Z - log y."""
    M, some = np.exp(Z), np.where(y > 0, y, 1).astype(Z.dtype)
    d = Z - np.log(some)
    return M, np.where(y > 0, some * (np.expm1(d) - d), M), M - y


class SummedSigmoidCrossEntropy(SigmoidCrossEntropy):
    """The sum of the labels' cross-entropies, where the base class takes their mean.

    Label smoothing brings each target closer to 1/2: (1 - s) y + s / 2.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        losses = super().forward(Z, y, cache)
        losses *= Z.shape[1]
        return losses

    def backward(self, cache: Cache) -> Array:
        """dL = P - Y."""
        dL = super().backward(cache)
        dL *= dL.shape[1]
        return dL


# The sum over one label is its mean.
STACKED[SummedSigmoidCrossEntropy] = lambda loss: (
    "" if loss.label_smoothing or loss.output_shape != (1,) else "labels"
)
