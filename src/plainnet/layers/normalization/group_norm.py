"""Normalization of groups of channels."""

from math import prod

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_number
from plainnet.initializers import Constant, Zeros
from plainnet.kernels.group_norm import (
    channel_lines_shape,
    group_norm,
    group_norm_backward,
    repeats_size,
)
from plainnet.kernels.pieces import piece_size
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.normalization.batch_norm import INVERSE_STD, Y_OF_A_HAT, expect_several


class GroupNorm(Layer):
    """Mean 0 and variance 1 over all positions of a group of channels (Wu and He 2018, equation 7).

    Channels are the last axis, split into `groups` of neighbours. With one group, each example is
    normalized as a whole; with a group for every channel, it is instance normalization.

    Tensors
    -------
    gamma, beta : (channels,), initially 1 and 0
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array

    needs_lengths = True
    releases_arrays = True

    def __init__(self, groups: int, *, epsilon: float = 1e-5) -> None:
        self.groups = require_integer("groups", groups, at_least=1)
        require_number("epsilon", epsilon, above=0)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., channels)")
        channels = input_shape[-1]
        if channels % self.groups:
            raise ShapeError(
                f"needs a number of channels that {self.groups} groups divide; got an input of "
                f"shape {input_shape}"
            )
        expect_several(prod(input_shape) // self.groups, "numbers in a group")
        self.declare("gamma", (channels,), Constant(1))
        self.declare("beta", (channels,), Zeros())
        return input_shape

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "G",
                "A.reshape(len(A), -1, groups, A.shape[-1] // groups)",
                r"G_{ipgk} = A_{ipc},\; c = g n_k + k",
            ),
            Formula(
                "mean", "G.mean(axis=(1, 3), keepdims=True)", r"\mu_{ig} = \tfrac1n \sum_{pk} G"
            ),
            Formula(
                "variance",
                "((G - mean) ** 2).mean(axis=(1, 3), keepdims=True)",
                r"\sigma^2_{ig} = \tfrac1n \sum_{pk} (G - \mu)^2",
            ),
            INVERSE_STD,
            Formula("G_hat", "(G - mean) * inverse_std", r"\hat G = (G - \mu)\, s"),
            Formula("A_hat", "G_hat.reshape(A.shape)", r"\hat A_{ipc} = \hat G_{ipgk}"),
            Y_OF_A_HAT,
        ),
        backward=(
            Formula(
                "dgamma",
                "(dY * A_hat).reshape(-1, A.shape[-1]).sum(axis=0)",
                r"d\gamma = \sum_{ip} dY_{ip} \odot \hat A_{ip}",
            ),
            Formula("dbeta", "dY.reshape(-1, A.shape[-1]).sum(axis=0)", r"d\beta = \sum_{ip} dY"),
            Formula("dG_hat", "(gamma * dY).reshape(G.shape)", r"d\hat G = \gamma \odot dY"),
            Formula(
                "dA",
                "(inverse_std * (dG_hat - dG_hat.mean(axis=(1, 3), keepdims=True)"
                " - G_hat * (dG_hat * G_hat).mean(axis=(1, 3), keepdims=True))).reshape(A.shape)",
                r"dA = s\, (d\hat G - \tfrac1n \sum_{pk} d\hat G"
                r" - \hat G\, \tfrac1n \sum_{pk} d\hat G \odot \hat G)",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        per_channel = (len(A), *(1,) * (A.ndim - 2), A.shape[-1])
        Y = cache.output("Y", A)
        A_hat = cache.kept("A_hat", or_in=Y)
        mean = cache.array("channel_mean", per_channel, A.dtype)
        variance = cache.array("channel_variance", per_channel, A.dtype)
        inverse_std = cache.array("channel_inverse_std", per_channel, A.dtype)
        lines = cache.array("lines", channel_lines_shape(A), A.dtype)
        repeats = cache.array("repeats", (repeats_size(A),), A.dtype)
        group_means = cache.array("group_means", (len(A) * self.groups,), A.dtype)
        square = cache.array("square", (piece_size(A, A.ndim - 1),), A.dtype)
        return group_norm(
            A, self.gamma, self.beta, self.groups, self.epsilon,
            Y, A_hat, mean, variance, inverse_std, lines, repeats, group_means, square,
        )  # fmt: skip

    def backward(self, dY: Array, cache: Cache) -> Array:
        inverse_std = cache["channel_inverse_std"]
        dA = cache.gradient("dA", dY) if cache.needs_input_gradient else None
        product = cache.array("product", (piece_size(dY, dY.ndim - 1),), dY.dtype)
        lines = cache.array("lines", channel_lines_shape(dY), dY.dtype)
        repeats = cache.array("repeats", (repeats_size(dY),), dY.dtype)
        sums = cache.array("sums", (2, *inverse_std.shape), dY.dtype)
        group_means = cache.array("group_means", (len(dY) * self.groups,), dY.dtype)
        part = cache.array("part", self.gamma.shape, dY.dtype)
        group_norm_backward(
            dY, self.gamma, cache["A_hat"], inverse_std, self.groups,
            self.dgamma, self.dbeta, dA, product, lines, repeats, sums, group_means, part,
        )  # fmt: skip
        return NO_GRADIENT if dA is None else dA
