"""Losses for regression: each output has its loss, and an example's loss is their mean."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    require_number,
    require_sequence,
    shown,
)
from plainnet.kernels.squared_error import squared_error
from plainnet.losses.base import (
    Array,
    Elementwise,
    Shape,
    in_wider,
    mean_over_outputs,
    real_targets,
)

BOOL = np.dtype(bool)
DIFFERENCE = Formula("D", "Z - Y", r"D = Z - Y")


class MeanSquaredError(Elementwise):
    """L_i = mean_j (Z_ij - y_ij)^2: the mean over examples and outputs, without a factor 1/2."""

    squares_errors = True
    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            DIFFERENCE,
            Formula("losses", "(D**2).mean(axis=1)", r"L_i = \frac1k \sum_j D_{ij}^2"),
        ),
        backward=(Formula("dL", "2 * D / D.shape[1]", r"dL = 2 D / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        losses = cache.array("losses", Z.shape[:1], Z.dtype)
        dL = cache.array("dL", Z.shape, Z.dtype)
        D = cache.array("D", Z.shape, Z.dtype) if cache.record else dL
        return squared_error(Z, y, 1.0, losses, D, dL)

    def backward(self, cache: Cache) -> Array:
        """dL = 2 D / k, which `forward` has computed too."""
        return cache["dL"]

    backward.releases = True  # type: ignore[attr-defined]

    def mean_and_gradient(
        self, Z: Array, y: Array, cache: Cache, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        # A derived class may have another `forward` or `backward`.
        if sample_weight is not None or cache.record or type(self) is not MeanSquaredError:
            return super().mean_and_gradient(Z, y, cache, sample_weight)
        losses = cache.array("losses", Z.shape[:1], Z.dtype)
        dZ = cache.array("dL", Z.shape, Z.dtype)
        squared_error(Z, y, 1 / len(Z), losses, dZ, dZ)
        return self._mean(losses, cache, None), dZ


class MeanAbsoluteError(Elementwise):
    """L_i = mean_j |Z_ij - y_ij|, which the median of y minimises and outliers affect little."""

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            DIFFERENCE,
            Formula("losses", "abs(D).mean(axis=1)", r"L_i = \frac1k \sum_j |D_{ij}|"),
        ),
        backward=(Formula("dL", "sign(D) / D.shape[1]", r"dL = \operatorname{sign}(D) / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        D = np.subtract(Z, y, out=cache.array("D", Z.shape, Z.dtype))
        return mean_over_outputs(np.abs(D, out=cache.array("size", Z.shape, Z.dtype)), cache)

    def backward(self, cache: Cache) -> Array:
        """dL = sign(D) / k, which is 0 at D = 0."""
        D = cache["D"]
        dL = np.sign(D, out=cache.array("dL", D.shape, D.dtype))
        dL /= D.shape[1]
        return dL


class Huber(Elementwise):
    """D^2 / 2 where |D| <= delta, and delta (|D| - delta / 2) beyond (Huber 1964).

    With D = Z - y, and C = D clipped to [-delta, delta], both are C (D - C / 2), and the derivative
    is C. Near the target it is half the squared error, far from it delta times the absolute one.

    Parameters
    ----------
    delta : float
        Where the squared error gives way to the absolute one, in the units of y.
    """

    def __init__(self, delta: float = 1.0) -> None:
        require_number("delta", delta, above=0)
        self.delta = delta

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            DIFFERENCE,
            Formula(
                "C",
                "minimum(maximum(D, -delta), delta)",
                r"C = \min(\max(D, -\delta), \delta)",
            ),
            Formula(
                "losses",
                "(C * (D - C / 2)).mean(axis=1)",
                r"L_i = \frac1k \sum_j C_{ij} (D_{ij} - C_{ij} / 2)",
            ),
        ),
        backward=(Formula("dL", "C / C.shape[1]", r"dL = C / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        D = np.subtract(Z, y, out=cache.array("D", Z.shape, Z.dtype))
        C = np.maximum(D, -self.delta, out=cache.array("C", Z.shape, Z.dtype))
        np.minimum(C, self.delta, out=C)
        each = np.multiply(C, -0.5, out=cache.array("each", Z.shape, Z.dtype))
        each += D
        each *= C
        return mean_over_outputs(each, cache)

    def backward(self, cache: Cache) -> Array:
        """dL = C / k."""
        C = cache["C"]
        return np.divide(C, C.shape[1], out=cache.array("dL", C.shape, C.dtype))


class Quantile(Elementwise):
    """Z becomes a quantile of y, by the pinball loss (Koenker and Bassett 1978).

    L_i = mean_j max(l (y_ij - Z_ij), (l - 1) (y_ij - Z_ij)) for the level l: a Z that is too low by
    1 costs l, one that is too high costs 1 - l. Each of several levels has its own outputs.

    Each level is learned separately, so a higher quantile may come out below a lower one.
    Predictions are therefore sorted within each example, which can only lower the loss: exchanging
    two quantiles of levels a < b that cross by c saves c (b - a) (compare Chernozhukov et al.
    2010). Training and evaluation use the loss of the unsorted Z.

    Parameters
    ----------
    levels : float or sequence of float
        0.5 is the median. With L levels in ascending order and k targets, the network has k L
        outputs, those of one target side by side, and predicts the shape (m, k, L), or (m, L) for
        one target.
    """

    def __init__(self, levels: float | Sequence[float] = 0.5) -> None:
        several = isinstance(levels, Iterable) and not isinstance(levels, str | bytes)
        each: list[Any] = [levels]
        if several:
            each = require_sequence("levels", levels, "numbers")
        for level in each:
            require_number("each of levels", level, above=0, below=1)
        if not each or any(low >= high for low, high in pairwise(each)):
            raise SettingError(
                f"levels must be one or more, in ascending order; got {shown(levels)}"
            )
        self.levels: float | tuple[float, ...]
        self.levels = tuple(map(float, each)) if several else float(each[0])
        self._each = np.array(each, float)

    def build(self, output_shape: Shape) -> None:
        super().build(output_shape)
        if output_shape[0] % len(self._each):
            raise ShapeError(
                f"loss {self!r} needs {len(self._each)} outputs for each target; the network gives "
                f"{output_shape}"
            )
        self.level = np.tile(self._each, output_shape[0] // len(self._each))  # of each output

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        return real_targets(y, (self.output_shape[0] // len(self._each),), dtype)

    def shown(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Each target repeated once per level."""
        return np.repeat(y, len(self._each), axis=1)

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            DIFFERENCE,
            Formula("S", "heaviside(D, 0.5) - level", r"S = [D > 0] - \ell"),
            Formula("losses", "(D * S).mean(axis=1)", r"L_i = \frac1k \sum_j D_{ij} S_{ij}"),
        ),
        backward=(Formula("dL", "S / S.shape[1]", r"dL = S / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        by_target = (*y.shape, len(self._each))
        D = cache.array("D", Z.shape, Z.dtype)
        np.subtract(Z.reshape(by_target), y[:, :, None], out=D.reshape(by_target))
        S = cache.array("S", Z.shape, Z.dtype)
        by_level, D_by_level = S.reshape(by_target), D.reshape(by_target)
        # 1 - level in float64: in float32 a level of 0.999 loses three digits.
        for side, slopes in ((np.less, -self._each), (np.greater, 1 - self._each)):
            where = side(D_by_level, 0, out=cache.array("side", by_target, BOOL))
            np.copyto(by_level, slopes, where=where, casting="same_kind")
        where = np.equal(D_by_level, 0, out=cache.array("side", by_target, BOOL))
        np.copyto(by_level, 0.5 - self._each, where=where, casting="same_kind")
        each = np.multiply(D, S, out=cache.array("each", Z.shape, Z.dtype))
        return mean_over_outputs(each, cache)

    def backward(self, cache: Cache) -> Array:
        """dL = S / k."""
        S = cache["S"]
        return np.divide(S, S.shape[1], out=cache.array("dL", S.shape, S.dtype))

    def decide(self, Z: Array) -> Array:
        """The quantiles, in ascending order."""
        if not isinstance(self.levels, tuple):
            return super().decide(Z)
        quantiles = np.sort(Z.reshape(len(Z), -1, len(self.levels)), axis=-1)
        return quantiles[:, 0] if quantiles.shape[1] == 1 else quantiles


class Poisson(Elementwise):
    """Counts: exp(Z) is the mean of a Poisson distribution, L_i = mean_j (exp(Z_ij) - y_ij Z_ij).

    This is the negative log-likelihood without log(y!), which does not depend on Z; adding
    y log(y) - y gives half the Poisson deviance. The loss may therefore be negative. Targets are
    numbers >= 0; predictions are the means.
    """

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        return _not_negative(real_targets(y, self.output_shape, dtype))

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("mu", "exp(Z)", r"\mu = e^Z"),
            Formula(
                "losses",
                "(mu - Y * Z).mean(axis=1)",
                r"L_i = \frac1k \sum_j (\mu_{ij} - Y_{ij} Z_{ij})",
            ),
        ),
        backward=(Formula("dL", "(mu - Y) / Y.shape[1]", r"dL = (\mu - Y) / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        names = ("mu", "each", "dL")
        mu, each, dL = (cache.array(name, Z.shape, Z.dtype) for name in names)
        in_wider(self._each, Z, y, mu, each, dL)
        return mean_over_outputs(each, cache)

    def _each(self, Z: Array, y: Array) -> tuple[Array, ...]:
        mu = np.exp(Z)
        return mu, mu - y * Z, (mu - y) / Z.shape[1]

    def backward(self, cache: Cache) -> Array:
        """dL = (mu - Y) / k."""
        return cache["dL"]

    def activate(self, Z: Array) -> Array:
        """The means, shape (m, k)."""
        return np.asarray(np.exp(Z))


class Tweedie(Elementwise):
    """Sums of a random number of amounts, many of them 0, as in insurance or rainfall.

    mu = exp(Z) is the mean, and the variance grows as mu^p (Jørgensen 1987). L_i is the mean over
    outputs of mu^(2 - p) / (2 - p) - y mu^(1 - p) / (1 - p): half the Tweedie deviance without the
    term y^(2 - p) / ((1 - p) (2 - p)), which does not depend on Z. Targets are numbers >= 0;
    predictions are the means.

    Parameters
    ----------
    power : float
        p, between 1 (the Poisson loss) and 2 (the gamma loss).
    """

    def __init__(self, power: float = 1.5) -> None:
        require_number("power", power, above=1, below=2)
        self.power = power

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        return _not_negative(real_targets(y, self.output_shape, dtype))

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("U", "exp((2 - power) * Z)", r"U = \mu^{2 - p}"),
            Formula("V", "Y * exp((1 - power) * Z)", r"V = Y \odot \mu^{1 - p}"),
            Formula(
                "losses",
                "(U / (2 - power) - V / (1 - power)).mean(axis=1)",
                r"L_i = \frac1k \sum_j (\tfrac{U_{ij}}{2 - p} - \tfrac{V_{ij}}{1 - p})",
            ),
        ),
        backward=(Formula("dL", "(U - V) / Y.shape[1]", r"dL = (U - V) / k"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        names = ("U", "V", "each", "dL")
        U, V, each, dL = (cache.array(name, Z.shape, Z.dtype) for name in names)
        in_wider(self._each, Z, y, U, V, each, dL)
        return mean_over_outputs(each, cache)

    def _each(self, Z: Array, y: Array) -> tuple[Array, ...]:
        p = self.power
        U = np.exp((2 - p) * Z)
        # Where y and mu are both practically 0, y / mu^(p - 1) has to be 0, and not 0 / 0.
        V = y / np.maximum(np.exp((p - 1) * Z), np.finfo(Z.dtype).tiny)
        return U, V, U / (2 - p) + V / (p - 1), (U - V) / Z.shape[1]

    def backward(self, cache: Cache) -> Array:
        """dL = (U - V) / k."""
        return cache["dL"]

    def activate(self, Z: Array) -> Array:
        """The means, shape (m, k)."""
        return np.asarray(np.exp(Z))


def _not_negative(y: Array) -> Array:
    if y.size and y.min() < 0:
        raise DataError(f"targets must be >= 0; got {y.min():g}")
    return y
