"""Adagrad and its successors: a step size for each parameter, from its past gradients."""

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.errors import require_boolean, require_number
from plainnet.optimizers.base import Optimizer
from plainnet.optimizers.regularization import DECAY, update

Array = npt.NDArray[Any]


class Adagrad(Optimizer):
    """Adaptive subgradient descent (Duchi et al. 2011, figure 1, with diagonal matrices).

        V <- V + g^2
        p <- p - lr g / (sqrt(V) + eps)

    The sum V never shrinks, so the steps only get smaller. This suits sparse gradients: rare inputs
    keep large steps. Weight decay is L2 regularisation: g + weight_decay p takes the place of g.

    Parameters
    ----------
    learning_rate : float
    epsilon : float
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *DECAY,
        Formula("V_next", "V + g**2", "V' = V + g^2"),
        *update("learning_rate * g / (sqrt(V_next) + epsilon)", r"\eta g / (\sqrt{V'} + \epsilon)"),
    )

    accumulators = squares = ("V",)

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        require_number("epsilon", epsilon, above=0)
        self.epsilon = epsilon

    def prepare(self, learning_rate: float) -> None:
        self.share(self.epsilon, learning_rate)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, V = arrays
        epsilon, lr = self.shared
        V += np.multiply(g, g, out=work)
        np.sqrt(V, out=work)
        work += epsilon
        np.divide(g, work, out=work)
        work *= lr
        p -= work


class RMSprop(Optimizer):
    """The gradient divided by the root of its mean square (Tieleman and Hinton 2012, lecture 6.5).

        v <- rho v + (1 - rho) g^2
        p <- p - lr g / (sqrt(v) + eps)

        centered           m <- rho m + (1 - rho) g;   v - m^2 takes the place of v
        with momentum mu   b <- mu b + g / (sqrt(v) + eps);   p <- p - lr b

    If centered, the gradient is divided by its standard deviation (Graves 2013, equations 38 to 41,
    but with eps outside the root, as in PyTorch). Where a gradient stays constant, its standard
    deviation falls to 0; a larger eps, such as 0.01, then bounds the steps. Weight decay is L2
    regularisation: g + weight_decay p takes the place of g.

    As with Adam, the accumulators hold V = v / (1 - rho) and M = m / (1 - rho); B holds the
    momentum of g / (sqrt(V) + eps / c), c = sqrt(1 - rho).

    Parameters
    ----------
    learning_rate : float
    rho : float
        0 <= rho < 1. Hinton's 0.9 is also Keras's default; PyTorch calls it alpha and has 0.99.
    epsilon : float
    momentum : float
        mu, 0 <= mu < 1.
    centered : bool
        Whether to divide by the standard deviation instead of the root mean square.
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *DECAY,
        Formula("v", "(1 - rho) * V", r"v = (1 - \rho) V"),
        Formula("v_next", "rho * v + (1 - rho) * g**2", r"v' = \rho v + (1 - \rho) g^2"),
        Formula("m", "(1 - rho) * M", r"m = (1 - \rho) M", when="centered"),
        Formula(
            "m_next", "rho * m + (1 - rho) * g", r"m' = \rho m + (1 - \rho) g", when="centered"
        ),
        Formula(
            "scaled",
            "g / (sqrt(v_next) + epsilon)",
            r"d = g / (\sqrt{v'} + \epsilon)",
            when="not centered",
        ),
        Formula(
            "scaled",
            "g / (sqrt(abs(v_next - m_next**2)) + epsilon)",
            r"d = g / (\sqrt{v' - m'^2} + \epsilon)",
            when="centered",
        ),
        Formula("b", "B / sqrt(1 - rho)", r"b = B / \sqrt{1 - \rho}", when="momentum"),
        Formula("b_next", "momentum * b + scaled", r"b' = \mu b + d", when="momentum"),
        *update("learning_rate * scaled", r"\eta d", when="not momentum"),
        *update("learning_rate * b_next", r"\eta b'", when="momentum"),
    )

    squares = ("V",)

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        require_number("rho", rho, at_least=0, below=1)
        require_number("epsilon", epsilon, above=0)
        require_number("momentum", momentum, at_least=0, below=1)
        self.rho = rho
        self.epsilon = epsilon
        self.momentum = momentum
        self.centered = require_boolean("centered", centered)
        optional = {"M": centered, "B": momentum}
        self.accumulators = ("V", *(name for name, wanted in optional.items() if wanted))

    def prepare(self, learning_rate: float) -> None:
        c = sqrt(1 - self.rho)
        self.share(self.rho, self.rho - 1, self.epsilon / c, self.momentum, learning_rate / c)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, V, *others = arrays
        rho, rho_1, epsilon, mu, rate = self.shared
        V *= rho
        V += np.multiply(g, g, out=work)
        if "M" in self.accumulators:
            M = others[0]
            M *= rho
            M += g
            np.multiply(M, M, out=work)
            work *= rho_1
            work += V
            np.abs(work, out=work)  # rounding may leave a little less than 0
            np.sqrt(work, out=work)
        else:
            np.sqrt(V, out=work)
        work += epsilon
        np.divide(g, work, out=work)
        if "B" in self.accumulators:
            B = others[-1]
            B *= mu
            B += work
            np.multiply(B, rate, out=work)
        else:
            work *= rate
        p -= work


class Adadelta(Optimizer):
    """Steps in the parameter's own units, without a learning rate to choose (Zeiler 2012).

        v <- rho v + (1 - rho) g^2                    algorithm 1
        d = sqrt(u + eps) / sqrt(v + eps) g
        u <- rho u + (1 - rho) d^2
        p <- p - lr d                                 the paper's lr is 1

    Weight decay is L2 regularisation: g + weight_decay p takes the place of g. As with Adam, the
    accumulators hold V = v / (1 - rho) and U = u / (1 - rho).

    Parameters
    ----------
    learning_rate : float
    rho : float
        0 <= rho < 1.
    epsilon : float
        Also sets the size of the first steps, sqrt(eps / (1 - rho)).
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *DECAY,
        Formula("v", "(1 - rho) * V", r"v = (1 - \rho) V"),
        Formula("u", "(1 - rho) * U", r"u = (1 - \rho) U"),
        Formula("v_next", "rho * v + (1 - rho) * g**2", r"v' = \rho v + (1 - \rho) g^2"),
        Formula(
            "d",
            "sqrt(u + epsilon) / sqrt(v_next + epsilon) * g",
            r"d = \frac{\sqrt{u + \epsilon}}{\sqrt{v' + \epsilon}}\, g",
        ),
        Formula("u_next", "rho * u + (1 - rho) * d**2", r"u' = \rho u + (1 - \rho) d^2"),
        *update("learning_rate * d", r"\eta d"),
    )

    accumulators = squares = ("V", "U")
    scratch = 2

    def __init__(
        self,
        learning_rate: float = 1.0,
        *,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        require_number("rho", rho, at_least=0, below=1)
        require_number("epsilon", epsilon, above=0)
        self.rho = rho
        self.epsilon = epsilon

    def prepare(self, learning_rate: float) -> None:
        self.share(self.rho, self.epsilon / (1 - self.rho), learning_rate)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, d, V, U = arrays
        rho, epsilon, lr = self.shared
        V *= rho
        V += np.multiply(g, g, out=work)
        np.add(V, epsilon, out=work)
        np.add(U, epsilon, out=d)
        d /= work
        np.sqrt(d, out=d)
        d *= g
        U *= rho
        U += np.multiply(d, d, out=work)
        d *= lr
        p -= d
