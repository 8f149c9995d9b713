"""Noise in training only: dropped units, or added Gaussian numbers."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_number
from plainnet.kernels.dropout import dropout, dropout_backward
from plainnet.layers.base import Array, Layer, Shape, expect_image

BOOL = np.dtype(bool)


class Dropout(Layer):
    """Y = A M / (1 - rate), where M is 0 with probability `rate`, else 1; inactive in prediction.

    This is inverted dropout (Srivastava et al. 2014, section 10): dividing in training keeps
    E[Y] = A, so that prediction needs no correction.
    """

    def __init__(self, rate: float) -> None:
        require_number("rate", rate, at_least=0, below=1)
        self.rate = rate

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Y", "A * M / (1 - rate)", r"Y = A \odot M / (1 - p)", when="training"),
            Formula("Y", "A", "Y = A", when="not training"),
        ),
        backward=(
            Formula("dA", "dY * M / (1 - rate)", r"dA = dY \odot M / (1 - p)", when="training"),
            Formula("dA", "dY", "dA = dY", when="not training"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        if not cache.training or self.rate == 0:
            return _all_kept(A, cache)
        return _dropped(A, A.shape, self.rate, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.training or self.rate == 0:
            return dY
        return dropout_backward(dY, cache["scale"], cache.gradient("dA", dY))


class Dropout2d(Layer):
    """`Dropout` of whole channels: M is the same for all pixels of a channel of an example.

    Neighbouring pixels are so similar that dropping single ones hides little (Tompson et al. 2015,
    Efficient Object Localization Using Convolutional Networks, section 3.2).
    """

    def __init__(self, rate: float) -> None:
        require_number("rate", rate, at_least=0, below=1)
        self.rate = rate

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        return input_shape

    formulas = Dropout.formulas

    def forward(self, A: Array, cache: Cache) -> Array:
        if not cache.training or self.rate == 0:
            return _all_kept(A, cache)
        return _dropped(A, (len(A), 1, 1, A.shape[3]), self.rate, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        if not cache.training or self.rate == 0:
            return dY
        return dropout_backward(dY, cache["scale"], cache.gradient("dA", dY))


def _all_kept(A: Array, cache: Cache) -> Array:
    if cache.record and cache.training:
        cache.array("M", A.shape, BOOL).fill(True)
    return A


def _dropped(A: Array, shape: Shape, rate: float, cache: Cache) -> Array:
    """M, with a random number for each number of an array of this shape."""
    scale = cache.array("scale", shape, A.dtype)
    cache.rng.random(out=scale, dtype=A.dtype)
    M = cache.array("M", shape, BOOL)
    return dropout(A, rate, cache.output("Y", A), M, scale)


class GaussianNoise(Layer):
    """Y = A + E, E normal with mean 0 and this standard deviation; inactive in prediction.

    Applied to the input, with the squared error as the loss, it amounts to a penalty on the slope
    of the network's output (Bishop 1995, Training with noise is equivalent to Tikhonov
    regularization).
    """

    def __init__(self, standard_deviation: float) -> None:
        require_number("standard_deviation", standard_deviation, at_least=0)
        self.standard_deviation = standard_deviation

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Y", "A + E", r"Y = A + E,\; E \sim \mathcal N(0, \sigma^2)", when="training"),
            Formula("Y", "A", "Y = A", when="not training"),
        ),
        backward=(Formula("dA", "dY", r"dA = dY"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        if not cache.training or self.standard_deviation == 0:
            if cache.record and cache.training:
                cache.array("E", A.shape, A.dtype).fill(0)
            return A
        E = cache.array("E", A.shape, A.dtype)
        cache.rng.standard_normal(out=E, dtype=A.dtype)
        E *= A.dtype.type(self.standard_deviation)
        return np.add(A, E, out=cache.output("Y", A))

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY
