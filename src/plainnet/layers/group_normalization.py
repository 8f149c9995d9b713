"""Normalization of groups of channels; `normalization` has the mathematics that all share."""

from math import prod

import numpy as np

from plainnet.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_number
from plainnet.initializers import Constant, Zeros
from plainnet.kernels.arrays import rows
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.normalization import (
    INVERSE_STD,
    Y_OF_A_HAT,
    add_sums,
    expect_several,
    inverse_sqrt,
)
from plainnet.memory import pieces


class GroupNorm(Layer):
    """Mean 0 and variance 1 over all positions of a group of channels (Wu and He 2018, equation 7).

    The channels are the last axis, split into `groups` of neighbours. With one group it normalizes
    each example as a whole; with a group for every channel it is instance normalization.

    Tensors
    -------
    gamma, beta : (channels,), from 1 and 0
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array

    needs_lengths = True
    releases_arrays = True
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
        self.per_group = prod(input_shape) // self.groups
        expect_several(self.per_group, "numbers in a group")
        self.declare("gamma", (channels,), Constant(1))
        self.declare("beta", (channels,), Zeros())
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        per_channel = (len(A), *(1,) * (A.ndim - 2), A.shape[-1])
        mean = cache.array("channel_mean", per_channel, A.dtype)
        variance = cache.array("channel_variance", per_channel, A.dtype)
        inverse_std = cache.array("channel_inverse_std", per_channel, A.dtype)
        A_hat = cache.array("A_hat", A.shape, A.dtype)
        Y = cache.output("Y", A)
        gammas = cache.line("gammas", self.gamma, A.shape)
        betas = cache.line("betas", self.beta, A.shape)
        examples = pieces(A, A_hat, Y, mean, variance, inverse_std, tail=A.ndim - 1)
        for a, a_hat, y, mu, sigma2, s in examples:
            self._group_means(_sums(a, mu, cache), cache)
            np.subtract(a, _along(a, "means", mu, cache), out=a_hat)
            np.multiply(a_hat, a_hat, out=y)
            self._group_means(_sums(y, sigma2, cache), cache)
            inverse_sqrt(sigma2, self.epsilon, out=s)
            np.multiply(a_hat, _along(a, "inverse_stds", s, cache), out=a_hat)
            np.multiply(a_hat, gammas, out=y)
            np.add(y, betas, out=y)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        self.dgamma.fill(0)
        self.dbeta.fill(0)
        dA = cache.gradient("dA", dY)
        gammas = cache.line("gammas", self.gamma, dY.shape)
        examples = pieces(dY, cache["A_hat"], dA, cache["channel_inverse_std"], tail=dY.ndim - 1)
        for dy, a_hat, da, s in examples:
            product = cache.array("product", dy.shape, dy.dtype)
            np.multiply(dy, a_hat, out=product)
            sums = _sums(dy, cache.array("sums", s.shape, s.dtype), cache)
            product_sums = _sums(product, cache.array("product_sums", s.shape, s.dtype), cache)
            add_sums(sums, self.dbeta, cache)
            add_sums(product_sums, self.dgamma, cache)
            if not cache.needs_input_gradient:
                continue
            # gamma is the same at all positions, so the means of dA_hat follow from these sums.
            sums *= self.gamma
            product_sums *= self.gamma
            self._group_means(sums, cache)
            self._group_means(product_sums, cache)
            np.multiply(a_hat, _along(dy, "product_means", product_sums, cache), out=product)
            np.multiply(dy, gammas, out=da)
            np.subtract(da, product, out=da)
            np.subtract(da, _along(dy, "means", sums, cache), out=da)
            np.multiply(da, _along(dy, "inverse_stds", s, cache), out=da)
        return dA if cache.needs_input_gradient else NO_GRADIENT

    def _group_means(self, sums: Array, cache: Cache) -> None:
        """From sums per channel to the mean of the channel's group, in the same memory."""
        grouped = sums.reshape(len(sums), self.groups, -1)
        means = cache.array("group_means", (len(sums), self.groups, 1), sums.dtype)
        np.add.reduce(grouped, axis=2, keepdims=True, out=means)
        np.divide(means, self.per_group, out=grouped)


def _sums(A: Array, out: Array, cache: Cache) -> Array:
    """Each example's sums over all positions, into `out`, (m, 1 ..., channels)."""
    positions = A.reshape(len(A), -1, A.shape[-1])
    np.matmul(cache.ones(positions.shape[1], A.dtype), positions, out=rows(out))
    return out


def _along(A: Array, name: str, values: Array, cache: Cache) -> Array:
    """Each example's values per channel, repeated over a line of A; see `Cache.line`."""
    if A.ndim == 2:
        return values
    line = cache.array(name, (*values.shape[:-2], *A.shape[-2:]), values.dtype)
    np.copyto(line, values)
    return line
