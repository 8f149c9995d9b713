"""Adam and its relatives: a mean of the gradient, divided by the root of a mean of its square."""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.engine.parameters import Segment
from plainnet.errors import require_boolean, require_number
from plainnet.kernels.adam import adam
from plainnet.optimizers.base import Optimizer, require_betas
from plainnet.optimizers.regularization import DECAY, update

Array = npt.NDArray[Any]


MOMENTS = (
    *DECAY,
    Formula("m", "(1 - betas[0]) * M", r"m = (1 - \beta_1) M"),
    Formula("v", "(1 - betas[1]) * V", r"v = (1 - \beta_2) V"),
    Formula("m_next", "betas[0] * m + (1 - betas[0]) * g", r"m' = \beta_1 m + (1 - \beta_1) g"),
    Formula(
        "v_next", "betas[1] * v + (1 - betas[1]) * g**2", r"v' = \beta_2 v + (1 - \beta_2) g^2"
    ),
)
"""The means of the gradient and of its square, from the accumulators."""


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1).

        m <- beta1 m + (1 - beta1) g            mean of the gradient
        v <- beta2 v + (1 - beta2) g^2          mean of its square
        m' = m / (1 - beta1^t)                  t = 1, 2 ...: corrects for
        v' = v / (1 - beta2^t)                  the start of both at 0
        p <- p - lr m' / (sqrt(v') + eps)

    Weight decay is L2 regularisation here: g + weight_decay p takes the place of g. `AdamW` has
    decoupled weight decay.

    AMSGrad (Reddi et al. 2018, algorithm 2) never lets a step grow because v shrinks: the largest
    v so far takes the place of v in v'. The correction in v' is PyTorch's, not the paper's.

    The accumulators hold M = m / (1 - beta1) and V = v / (1 - beta2): M <- beta1 M + g and
    V <- beta2 V + g^2 need two passes fewer. With c = sqrt((1 - beta2) / (1 - beta2^t)) the update
    is p <- p - lr (1 - beta1) / (1 - beta1^t) / c * M / (sqrt(V) + eps / c), which is equal.

    Parameters
    ----------
    learning_rate : float
    betas : (float, float)
        beta1 and beta2, each 0 <= beta < 1.
    epsilon : float
        eps, which keeps the divisor away from 0.
    weight_decay, l1 : float
        See `Optimizer`.
    amsgrad : bool
        Whether to use the largest v so far.
    """

    formulas = (
        *MOMENTS,
        Formula(
            "v_max", "(1 - betas[1]) * V_max", r"v_{max} = (1 - \beta_2) V_{max}", when="amsgrad"
        ),
        Formula(
            "v_max_next", "maximum(v_max, v_next)", r"v'_{max} = \max(v_{max}, v')", when="amsgrad"
        ),
        Formula("m_hat", "m_next / (1 - betas[0]**t)", r"\hat m = m' / (1 - \beta_1^t)"),
        Formula(
            "v_hat",
            "v_next / (1 - betas[1]**t)",
            r"\hat v = v' / (1 - \beta_2^t)",
            when="not amsgrad",
        ),
        Formula(
            "v_hat",
            "v_max_next / (1 - betas[1]**t)",
            r"\hat v = v'_{max} / (1 - \beta_2^t)",
            when="amsgrad",
        ),
        *update(
            "learning_rate * m_hat / (sqrt(v_hat) + epsilon)",
            r"\eta \hat m / (\sqrt{\hat v} + \epsilon)",
        ),
    )

    accumulators: tuple[str, ...] = ("M", "V")
    squares = ("V", "V_max")

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay, l1)
        require_number("epsilon", epsilon, above=0)
        self.betas = require_betas(betas)
        self.epsilon = epsilon
        self.amsgrad = require_boolean("amsgrad", amsgrad)
        if self.amsgrad:
            self.accumulators = ("M", "V", "V_max")

    def prepare(self, learning_rate: float) -> None:
        (beta1, beta2), t = self.betas, self.steps
        self.share(beta1, beta2, *self._corrected(beta1**t, beta2**t, learning_rate, sqrt))

    def _corrected(self, beta1_t: Any, beta2_t: Any, learning_rate: Any, root: Any) -> Any:
        """eps / c and the rate, of one step or, in arrays, of several."""
        beta1, beta2 = self.betas
        c = root((1 - beta2) / (1 - beta2_t))
        return self.epsilon / c, learning_rate * (1 - beta1) / (1 - beta1_t) / c

    def settings_ahead(
        self,
        parameters: Array,
        gradients: Array,
        segments: Sequence[Segment],
        learning_rates: Sequence[float],
    ) -> tuple[Array, Array]:
        """What the kernel `adam` needs for the next steps, of which these are the rates.

        Returns
        -------
        groups : array of shape (groups, 2), integers
            The parts of the vector that learn, each from its first to before its last element.
        settings : array of shape (steps, groups, 6)
        """
        self.attach(parameters, gradients, segments)
        (beta1, beta2), n = self.betas, len(learning_rates)
        settings = np.empty((n, len(self.runs), 6), parameters.dtype)
        rates = np.array(learning_rates)
        for i, (_, _, factor, share, lag) in enumerate(self.runs):
            of_run = settings[:, i].T
            of_run[0], of_run[1] = beta1, beta2
            # NumPy's powers may differ from Python's in the last digit.
            steps = range(self.steps + 1 - lag, self.steps + 1 - lag + n)
            beta1_t, beta2_t = (np.array([beta**t for t in steps]) for beta in self.betas)
            of_run[2], of_run[3] = self._corrected(beta1_t, beta2_t, factor * rates, np.sqrt)
            of_run[4], of_run[5] = self.decay_factors(factor * rates, share * self.weight_decay)
        return np.array([run[:2] for run in self.runs], np.intp).reshape(-1, 2), settings

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, M, V, *largest = arrays
        adam(p, g, M, V, largest[0] if largest else None, self.shared_vector, work)

    rule.takes_all = True  # type: ignore[attr-defined]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

        p <- p - lr weight_decay p, then Adam's update

    Adam divides an L2 term by sqrt(v') like the rest of the gradient, so that weights with large
    gradients hardly decay. With decoupled decay, all weights decay at the same rate. As in PyTorch,
    lr weight_decay is the paper's lambda, so that a schedule for the learning rate scales both
    terms, as the paper's eta_t does.
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        l1: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            learning_rate,
            betas=betas,
            epsilon=epsilon,
            weight_decay=weight_decay,
            l1=l1,
            amsgrad=amsgrad,
        )


class NAdam(Adam):
    """Adam with Nesterov momentum (Dozat 2016), which is warmed up.

        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
        m' = mu_t+1 m / (1 - mu_1 ... mu_t+1) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        p <- p - lr m' / (sqrt(v') + eps)                  m, v and v' are Adam's

    As in PyTorch, m itself is averaged with beta1; mu_t, which rises from beta1 / 2 to beta1,
    appears in m' only. Weight decay is L2 regularisation: g + weight_decay p takes the place of g.

    Parameters
    ----------
    learning_rate : float
    betas : (float, float)
        beta1 and beta2, each 0 <= beta < 1.
    epsilon : float
    momentum_decay : float
        How fast mu_t rises; with the paper's 0.004, it is halfway after 4,200 steps.
    weight_decay, l1 : float
        See `Optimizer`.
    """

    formulas = (
        *MOMENTS,
        Formula(
            "mu",
            "betas[0] * (1 - 0.96 ** (t * momentum_decay) / 2)",
            r"\mu = \beta_1 (1 - 0.96^{t \psi} / 2)",
        ),
        Formula(
            "mu_next",
            "betas[0] * (1 - 0.96 ** ((t + 1) * momentum_decay) / 2)",
            r"\mu' = \beta_1 (1 - 0.96^{(t + 1) \psi} / 2)",
        ),
        Formula(
            "m_hat",
            "mu_next * m_next / (1 - mu_product * mu_next) + (1 - mu) * g / (1 - mu_product)",
            r"\hat m = \frac{\mu' m'}{1 - \mu_1 \cdots \mu_t\, \mu'}"
            r" + \frac{(1 - \mu) g}{1 - \mu_1 \cdots \mu_t}",
        ),
        Formula("v_hat", "v_next / (1 - betas[1]**t)", r"\hat v = v' / (1 - \beta_2^t)"),
        *update(
            "learning_rate * m_hat / (sqrt(v_hat) + epsilon)",
            r"\eta \hat m / (\sqrt{\hat v} + \epsilon)",
        ),
    )

    scratch = 2

    def __init__(
        self,
        learning_rate: float = 0.002,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        momentum_decay: float = 0.004,
        weight_decay: float = 0.0,
        l1: float = 0.0,
    ) -> None:
        super().__init__(
            learning_rate, betas=betas, epsilon=epsilon, weight_decay=weight_decay, l1=l1
        )
        require_number("momentum_decay", momentum_decay, at_least=0)
        self.momentum_decay = momentum_decay
        self._products: dict[int, tuple[int, float]] = {}

    def settings(self, t: int) -> dict[str, Any]:
        return {**super().settings(t), "mu_product": prod(self._mu(i) for i in range(1, t + 1))}

    def _mu(self, t: int) -> float:
        missing: float = 0.96 ** (t * self.momentum_decay)
        return self.betas[0] * (1 - missing / 2)

    def _mu_product(self, t: int) -> float:
        """The product mu_1 ... mu_t, by one factor per step for tensors of the same lag."""
        last, product = self._products.get(self._lag, (0, 1.0))
        if t == last + 1:
            product *= self._mu(t)
        elif t != last:  # after a reset, or where `steps` was set from outside
            product, i = 1.0, 0
            while i < t and product > 0:
                i += 1
                product *= self._mu(i)
        self._products[self._lag] = t, product
        return product

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_products")  # computed again where it is not known
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._products = {}

    def prepare(self, learning_rate: float) -> None:
        (beta1, beta2), t = self.betas, self.steps
        c = sqrt((1 - beta2) / (1 - beta2**t))
        product, following = self._mu_product(t), self._mu(t + 1)
        of_M = following * (1 - beta1) / (1 - product * following)
        of_g = (1 - self._mu(t)) / (1 - product)
        self.share(beta1, beta2, self.epsilon / c, of_M / of_g, learning_rate / c * of_g)

    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        work, step, M, V = arrays
        beta1, beta2, epsilon, share_of_M, rate = self.shared
        M *= beta1
        M += g
        V *= beta2
        V += np.multiply(g, g, out=work)
        np.sqrt(V, out=work)
        work += epsilon
        np.multiply(M, share_of_M, out=step)
        step += g
        step /= work
        step *= rate
        p -= step
