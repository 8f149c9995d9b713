"""Gradient descent, with or without momentum."""

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.errors import SettingError, require_boolean, require_number
from plainnet.optimizers.base import Optimizer
from plainnet.optimizers.regularization import DECAY, update

Array = npt.NDArray[Any]


class SGD(Optimizer):
    """Gradient descent, with or without momentum.

        without momentum   p <- p - lr g
        momentum mu        v <- mu v + g;   p <- p - lr v
        Nesterov           v <- mu v + g;   p <- p - lr (g + mu v)

    Momentum follows Sutskever et al. 2013, equations 1 and 2. Nesterov momentum follows equations 3
    and 4, written for the point p + mu v at which they evaluate the gradient. In both, as in
    PyTorch, v does not contain the learning rate, so that changing it takes effect at once. Weight
    decay is L2 regularisation: g + weight_decay p takes the place of g where weights decay.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        mu, 0 <= mu < 1.
    nesterov : bool
        Whether to use Nesterov momentum, which needs `momentum` > 0.
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *DECAY,
        Formula("v_next", "momentum * v + g", r"v' = \mu v + g", when="momentum"),
        *update("learning_rate * g", r"\eta g", when="not momentum"),
        *update("learning_rate * v_next", r"\eta v'", when="momentum and not nesterov"),
        *update("learning_rate * (g + momentum * v_next)", r"\eta (g + \mu v')", when="nesterov"),
    )

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        require_number("momentum", momentum, at_least=0, below=1)
        require_boolean("nesterov", nesterov)
        if nesterov and momentum == 0:
            raise SettingError("nesterov=True needs momentum > 0; got momentum=0")
        self.momentum = momentum
        self.nesterov = nesterov
        self.accumulators = ("v",) if momentum else ()

    def prepare(self, learning_rate: float) -> None:
        self.share(self.momentum, learning_rate, learning_rate * self.momentum)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, *accumulators = arrays
        mu, lr, lr_mu = self.shared
        if not accumulators:
            p -= np.multiply(g, lr, out=work)
            return
        (v,) = accumulators
        v *= mu
        v += g
        if self.nesterov:
            p -= np.multiply(g, lr, out=work)
        p -= np.multiply(v, lr_mu if self.nesterov else lr, out=work)
