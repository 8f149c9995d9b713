"""Initial weights: the variance that preserves the size of the signal from layer to layer.

A dense layer sums `fan_in` products, so `Var(Z) = fan_in * Var(W) * E[A^2]`. Each rule below picks
`Var(W)` so that the size of the signal neither grows nor shrinks for its kind of activation.

    LeCun     Var(W) = 1 / fan_in               LeCun et al. 1998, Efficient BackProp, section 4.6
    Glorot    Var(W) = 2 / (fan_in + fan_out)   Glorot and Bengio 2010, equation 12
    He        Var(W) = 2 / fan_in               He et al. 2015, equation 10

A uniform distribution on [-limit, limit] has the variance limit^2 / 3.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.config import Configurable, python_number
from plainnet.errors import SettingError, require_number

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of shape (n_out, ..., n_in).

    The axes between the first and the last are a receptive field, which counts in both.
    """
    if len(shape) < 2:
        raise SettingError(f"fan_in and fan_out need a shape of two axes or more; got {shape}")
    field = prod(shape[1:-1])
    return shape[-1] * field, shape[0] * field


class Initializer(Configurable, ABC):
    """A rule for the initial values of a tensor. Call it with a generator and a shape."""

    def __post_init__(self) -> None:
        """Convert settings from NumPy to Python, as `Configurable` does in classes not frozen."""
        for name, value in vars(self).items():
            object.__setattr__(self, name, python_number(value))

    @abstractmethod
    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        """A float64 array of this shape."""


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Var(W) = 2 / ((1 + a^2) fan_in) for the slope a below zero (He et al. 2015, eq. 10 and 15).

    A ReLU (a = 0) passes on half of the second moment; the factor 2 makes up for that.
    """

    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        require_number("negative_slope", self.negative_slope)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        (fan_in, _), a = fans(shape), self.negative_slope
        return rng.standard_normal(shape) * sqrt(2 / ((1 + a * a) * fan_in))


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with He's variance: limit = sqrt(6 / ((1 + a^2) fan_in))."""

    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        require_number("negative_slope", self.negative_slope)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        (fan_in, _), a = fans(shape), self.negative_slope
        limit = sqrt(6 / ((1 + a * a) * fan_in))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Var(W) = 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 12)."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        fan_in, fan_out = fans(shape)
        return rng.standard_normal(shape) * sqrt(2 / (fan_in + fan_out))


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform with Glorot's variance: limit = sqrt(6 / (fan_in + fan_out)) (equation 16)."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        fan_in, fan_out = fans(shape)
        limit = sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """Var(W) = 1 / fan_in (LeCun et al. 1998, section 4.6), as SELU needs it."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        fan_in, _ = fans(shape)
        return rng.standard_normal(shape) / sqrt(fan_in)


@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """Uniform with LeCun's variance: limit = sqrt(3 / fan_in)."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        fan_in, _ = fans(shape)
        limit = sqrt(3 / fan_in)
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).

    This is Q in the QR decomposition of a Gaussian matrix; multiplying its columns by the signs of
    R's diagonal makes it uniform over the orthogonal matrices (Mezzadri 2007, section 5).
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        require_number("gain", self.gain, above=0)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        fans(shape)
        rows, columns = shape[0], prod(shape[1:])
        gaussian = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(gaussian)
        q *= np.sign(np.diagonal(r))
        matrix = q if rows >= columns else q.T
        return np.ascontiguousarray(self.gain * matrix).reshape(shape)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0, whatever the fans: for tensors that are not weights of a sum."""

    standard_deviation: float = 1.0

    def __post_init__(self) -> None:
        require_number("standard_deviation", self.standard_deviation, at_least=0)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return rng.standard_normal(shape) * self.standard_deviation


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on [-limit, limit], whatever the fans."""

    limit: float

    def __post_init__(self) -> None:
        require_number("limit", self.limit, at_least=0)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """The same number in every element."""

    value: float

    def __post_init__(self) -> None:
        require_number("value", self.value)
        super().__post_init__()

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero: right for biases, wrong for weights (every unit would learn the same)."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return np.zeros(shape)
