"""Lion: steps along the sign of a momentum."""

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.optimizers.base import Optimizer, require_betas
from plainnet.optimizers.regularization import DECAY, update

Array = npt.NDArray[Any]


class Lion(Optimizer):
    """Evolved sign momentum (Chen et al. 2023, algorithm 2).

        p <- p - lr weight_decay p
        p <- p - lr sign(beta1 m + (1 - beta1) g)
        m <- beta2 m + (1 - beta2) g

    Every parameter moves by lr, so the paper uses a learning rate 3 to 10 times smaller than
    Adam's, and a (decoupled) weight decay larger by the same factor. Its one accumulator takes half
    of Adam's memory. Where a gradient stays 0, m eventually falls to 0 and the parameter no longer
    moves.

    The accumulator holds M = m / (1 - beta2), and the sign is taken of
    M beta1 (1 - beta2) / (1 - beta1) + g.

    Parameters
    ----------
    learning_rate : float
    betas : (float, float)
        beta1 and beta2, each 0 <= beta < 1.
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *DECAY,
        Formula("m", "(1 - betas[1]) * M", r"m = (1 - \beta_2) M"),
        Formula(
            "direction",
            "sign(betas[0] * m + (1 - betas[0]) * g)",
            r"d = \operatorname{sign}(\beta_1 m + (1 - \beta_1) g)",
        ),
        Formula("m_next", "betas[1] * m + (1 - betas[1]) * g", r"m' = \beta_2 m + (1 - \beta_2) g"),
        *update("learning_rate * direction", r"\eta d"),
    )

    accumulators = ("M",)
    decoupled = True
    scratch = 2

    def __init__(
        self,
        learning_rate: float = 0.0001,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        self.betas = require_betas(betas)

    def prepare(self, learning_rate: float) -> None:
        beta1, beta2 = self.betas
        self.share(beta2, beta1 * (1 - beta2) / (1 - beta1), learning_rate)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, step, M = arrays
        beta2, share_of_M, lr = self.shared
        np.multiply(M, share_of_M, out=work)
        work += g
        np.sign(work, out=step)  # in place, np.sign takes eight times longer
        step *= lr
        p -= step
        M *= beta2
        M += g
