"""Policies: distributions over actions whose parameters are a network's outputs.

Each formula stands above its derivative with respect to those parameters, which is all that a
policy gradient needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import e, log, pi
from typing import Any

import numpy as np

from plainnet.arguments.config import Configurable
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_integer
from plainnet.initializers import Zeros
from plainnet.layers.base import Array, Layer, Shape, expect_axes


class Policy(Configurable, ABC):
    """A distribution over actions.

    `theta`, shape (m, outputs), is a network's output for m observations. Actions are ids, shape
    (m,), or real numbers, shape (m, numbers).
    """

    outputs: int
    """How many network outputs describe the distribution."""

    numbers: int
    """How many numbers describe an action."""

    formulas: tuple[Formula, ...]
    """The meaning of theta, in a few words."""

    def settings(self) -> dict[str, Any]:
        """The values of the names in the formulas."""
        return {}

    @abstractmethod
    def sample(self, theta: Array, rng: np.random.Generator) -> Array:
        """An action for each observation."""

    @abstractmethod
    def mode(self, theta: Array) -> Array:
        """The likeliest action for each observation."""

    @abstractmethod
    def log_probability(self, theta: Array, actions: Array, cache: Cache) -> Array:
        """log pi(a), or the log-density, shape (m,)."""

    @abstractmethod
    def log_probability_gradient(self, cache: Cache) -> Array:
        """The gradient of the last `log_probability` with respect to theta."""

    @abstractmethod
    def entropy(self, theta: Array, cache: Cache) -> Array:
        """H = -E log pi(a), shape (m,)."""

    @abstractmethod
    def entropy_gradient(self, cache: Cache) -> Array:
        """The gradient of the last `entropy` with respect to theta."""


class Categorical(Policy):
    """One of n actions: pi(a) = softmax(theta)_a.

    With P = softmax(theta), the derivatives are

        d log pi(a) / d theta = onehot(a) - P          dH / d theta_j = -P_j (log P_j + H)
    """

    numbers = 1

    formulas = (
        Formula(
            "E", "exp(theta - theta.max(axis=1, keepdims=True))", r"E = e^{\theta - \max\theta}"
        ),
        Formula("P", "E / E.sum(axis=1, keepdims=True)", r"\pi(a) = E_a / \sum_b E_b"),
    )

    def __init__(self, n: int) -> None:
        self.n = self.outputs = require_integer("n", n, at_least=2)

    def sample(self, theta: Array, rng: np.random.Generator) -> Array:
        # The largest of theta plus Gumbel noise is distributed as softmax(theta).
        return np.asarray((theta + rng.gumbel(size=theta.shape)).argmax(axis=1))

    def mode(self, theta: Array) -> Array:
        return np.asarray(theta.argmax(axis=1))

    def log_probability(self, theta: Array, actions: Array, cache: Cache) -> Array:
        cache["log_P"] = log_P = _log_softmax(theta)
        cache["onehot"] = actions.reshape(-1, 1) == np.arange(self.n)
        return np.asarray(log_P[cache["onehot"]])

    def log_probability_gradient(self, cache: Cache) -> Array:
        log_P = cache["log_P"]  # 1 - P as -expm1(log P): P may round to 1
        return np.asarray(np.where(cache["onehot"], -np.expm1(log_P), -np.exp(log_P)))

    def entropy(self, theta: Array, cache: Cache) -> Array:
        cache["log_P"] = log_P = _log_softmax(theta)
        cache["H"] = H = np.asarray(-np.vecdot(np.exp(log_P), log_P))
        return H

    def entropy_gradient(self, cache: Cache) -> Array:
        log_P = cache["log_P"]
        return np.asarray(-np.exp(log_P) * (log_P + cache["H"][:, None]))


class Gaussian(Policy):
    """k independent normal numbers: theta = [mu, log sigma].

    With D = (a - mu) / sigma, the log-density is -sum_j (D_j^2 / 2 + log sigma_j + log(2 pi) / 2),
    and the derivatives are

        d log pi / d mu = D / sigma       d log pi / d log sigma = D^2 - 1
        H = sum_j (log sigma_j + log(2 pi e) / 2)       dH / d log sigma = 1
    """

    formulas = (
        Formula("mu", "theta[:, :k]", r"\mu = \theta_{1 \dots k}"),
        Formula("sigma", "exp(theta[:, k:])", r"\sigma = e^{\theta_{k+1 \dots 2k}}"),
    )

    def settings(self) -> dict[str, Any]:
        return {"k": self.k}

    def __init__(self, k: int) -> None:
        self.k = self.numbers = require_integer("k", k, at_least=1)
        self.outputs = 2 * self.k

    def sample(self, theta: Array, rng: np.random.Generator) -> Array:
        mu, log_sigma = theta[:, : self.k], theta[:, self.k :]
        noise = rng.standard_normal(mu.shape, dtype=theta.dtype)
        return np.asarray(mu + np.exp(log_sigma) * noise)

    def mode(self, theta: Array) -> Array:
        return theta[:, : self.k].copy()

    def log_probability(self, theta: Array, actions: Array, cache: Cache) -> Array:
        mu, log_sigma = theta[:, : self.k], theta[:, self.k :]
        cache["inverse_sigma"] = inverse_sigma = np.exp(-log_sigma)
        cache["D"] = D = (actions - mu) * inverse_sigma
        constant = 0.5 * self.k * log(2 * pi)
        return np.asarray(-(0.5 * D**2 + log_sigma).sum(axis=1) - constant)

    def log_probability_gradient(self, cache: Cache) -> Array:
        D = cache["D"]
        return np.concatenate([D * cache["inverse_sigma"], D**2 - 1], axis=1)

    def entropy(self, theta: Array, cache: Cache) -> Array:
        cache["theta"] = theta
        return np.asarray(theta[:, self.k :].sum(axis=1) + 0.5 * self.k * log(2 * pi * e))

    def entropy_gradient(self, cache: Cache) -> Array:
        dH = np.zeros_like(cache["theta"])
        dH[:, self.k :] = 1
        return dH


class WithSpread(Layer):
    """Y = [A, log sigma], where log sigma is learned and the same for all observations.

    Tensors
    -------
    log_sigma : (features,), from 0
    """

    log_sigma: Array
    dlog_sigma: Array

    releases_arrays = True

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(features,)")
        self.declare("log_sigma", input_shape, Zeros())
        return (2 * input_shape[0],)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "Y",
                "concatenate([A, zeros_like(A) + log_sigma], axis=1)",
                r"Y_i = [A_i, \log\sigma]",
            ),
        ),
        backward=(
            Formula("dlog_sigma", "dY[:, A.shape[1] :].sum(axis=0)", r"d\log\sigma = \sum_i dY_i"),
            Formula("dA", "dY[:, : A.shape[1]]", r"dA_i = dY_i^{1 \dots k}"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        m, k = A.shape
        Y = cache.array("Y", (m, 2 * k), A.dtype)
        Y[:, :k] = A
        Y[:, k:] = self.log_sigma
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        m, k = len(dY), dY.shape[1] // 2
        np.add.reduce(dY[:, k:], axis=0, out=self.dlog_sigma)
        dA = cache.array("dA", (m, k), dY.dtype)
        np.copyto(dA, dY[:, :k])
        return dA


def _log_softmax(theta: Array) -> Array:
    """log P, (m, n): of the likeliest action -log(1 + R), R the sum of the others' exp(theta).

    R is computed in a wider dtype, relative to the likeliest: it alone tells P and 1 apart, and exp
    turns an absolute error of its argument into a relative one.
    """
    shifted = theta.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    likeliest = np.arange(len(theta)), shifted.argmax(axis=1)
    E = np.exp(shifted)
    E[likeliest] = 0
    shifted -= np.log1p(E.sum(axis=1, keepdims=True))
    return shifted.astype(theta.dtype, copy=False)
