"""Optimizers: one update rule each, on the flat parameter vector.

An optimizer sees two vectors, the parameters and their gradients, and the segments in which they
learn or decay at their own rates. It goes over them once, in pieces small enough that all arrays of
a piece stay in the processor's cache through the several NumPy calls of an update.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.config import Configurable
from plainnet.errors import SettingError, ShapeError, require_number
from plainnet.memory import aligned
from plainnet.parameters import Segment

Array = npt.NDArray[Any]

PIECE = 64 * 1024
"""Elements in a piece: five float32 arrays of this length take 1.25 MiB of the L2 cache."""

FLUSH_EVERY = 64
"""Steps between two passes that set accumulators next to zero, below 1e-34 in float32, to zero.

An accumulator that gets no more gradient (the unit is dead, the input always zero) decays until it
is denormal, and stays so for good, since 0.9 of the smallest number rounds to itself. Denormal
numbers make an update up to fifty times slower; their effect on a parameter is nil.
"""


class Optimizer(Configurable, ABC):
    """Changes a parameter vector in place, from its gradient.

    A subclass names its accumulators, each a vector like the parameters, and writes `rule`.
    """

    accumulators: tuple[str, ...] = ()
    weight_decay: float = 0.0

    def __init__(self, learning_rate: float) -> None:
        require_number("learning_rate", learning_rate, at_least=0)
        self.learning_rate = learning_rate
        self.steps = 0
        """Updates done so far."""
        self.state: dict[str, Array] = {}
        """The accumulators by name; empty before the first update."""

    @abstractmethod
    def rule(self, p: Array, g: Array, work: Array, *accumulators: Array) -> None:
        """Update one piece `p` in place from its gradient `g`. `work` is scratch of its size."""

    def prepare(self, learning_rate: float, weight_decay: float) -> None:
        """Compute what the pieces that follow share, from the rates that hold for them.

        `self.steps` already counts this step.
        """
        self.share(learning_rate, weight_decay)

    def share(self, *values: float) -> None:
        """Give `rule` these numbers as `self.shared`: 0-d arrays, which NumPy need not convert."""
        if len(self.shared) != len(values):
            self.shared = [np.empty((), self._dtype) for _ in values]
        for array, value in zip(self.shared, values, strict=True):
            array[()] = value

    def update(self, parameters: Array, gradients: Array, segments: Sequence[Segment] = ()) -> None:
        """One step.

        Parameters
        ----------
        parameters, gradients : 1-D arrays of one length
            The same two arrays at every step.
        segments : sequence of Segment
            `network.segments`: where the vector learns or decays at other rates than the
            optimizer's. Without them, all of it learns and nothing decays.
        """
        if (
            parameters is not self._target
            or gradients is not self._source
            or segments is not self._segments
        ):
            self._attach(parameters, gradients, segments)
        self.steps += 1
        for learning_rate, weight_decay, pieces in self._groups:
            self.prepare(self.learning_rate * learning_rate, self.weight_decay * weight_decay)
            for piece in pieces:
                self.rule(*piece)
        if self.steps % FLUSH_EVERY == 0:
            self._flush()

    def reset(self) -> None:
        """Forget all steps: the accumulators start from zero again."""
        self.steps, self.state, self._target = 0, {}, None

    # --- pieces ----------------------------------------------------------------------------------

    _target: Array | None = None
    _source: Array | None = None
    _segments: Sequence[Segment] | None = None
    _groups: list[tuple[float, float, list[tuple[Array, ...]]]]
    _dtype: np.dtype[Any]
    shared: Sequence[Array] = ()

    def _attach(self, parameters: Array, gradients: Array, segments: Sequence[Segment]) -> None:
        if parameters.shape != gradients.shape or parameters.ndim != 1:
            raise ShapeError(
                "parameters and gradients must be vectors of one length; got shapes "
                f"{parameters.shape} and {gradients.shape}"
            )
        if not self.state:
            self.state = {
                name: aligned(parameters.size, parameters.dtype) for name in self.accumulators
            }
        vectors = (parameters, gradients, *self.state.values())
        moved = self._target is not None and self._target is not parameters
        if moved or any(v.size != parameters.size or v.dtype != parameters.dtype for v in vectors):
            raise SettingError(
                f"{self!r} has done {self.steps} steps on other parameters than these "
                f"{parameters.size}: take a new one, or reset() it"
            )
        work = aligned(min(PIECE, parameters.size), parameters.dtype)
        self._groups, self.shared = [], ()
        for start, stop, learning_rate, weight_decay in _runs(parameters.size, segments):
            pieces = []
            for first in range(start, stop, PIECE):
                last = min(first + PIECE, stop)
                p, g, *state = (vector[first:last] for vector in vectors)
                pieces.append((p, g, work[: last - first], *state))
            self._groups.append((learning_rate, weight_decay, pieces))
        self._target, self._source, self._segments = parameters, gradients, segments
        self._dtype = parameters.dtype

    def _flush(self) -> None:
        for _, _, pieces in self._groups:
            for p, _, work, *accumulators in pieces:
                threshold = 1e4 * np.finfo(p.dtype).tiny
                for accumulator in accumulators:
                    np.abs(accumulator, out=work)
                    np.greater_equal(work, threshold, out=work, casting="unsafe")
                    accumulator *= work

    def __getstate__(self) -> dict[str, Any]:
        # The pieces are views into somebody's vectors; the next update makes them anew.
        attached = ("_target", "_source", "_segments", "_groups", "shared")
        return {key: value for key, value in self.__dict__.items() if key not in attached}


def _runs(size: int, segments: Sequence[Segment]) -> Iterator[tuple[int, int, float, float]]:
    """(start, stop, learning rate, weight decay) of neighbours with the same factors."""
    if not segments:
        yield 0, size, 1.0, 0.0
    for rates, run in groupby(segments, key=lambda s: (s.learning_rate, s.weight_decay)):
        first, *others = run
        if rates[0] > 0:  # what is frozen has no pieces
            yield first.start, (others or [first])[-1].stop, *rates


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

        without momentum   p <- p - lr g
        momentum mu        v <- mu v + g;   p <- p - lr v
        Nesterov           v <- mu v + g;   p <- p - lr (g + mu v)

    Momentum is that of Sutskever et al. 2013, equations 1 and 2, and Nesterov's that of equations 3
    and 4 written for the point p + mu v at which they take the gradient; both with the learning
    rate taken out of v, as PyTorch has it, so that changing it takes effect at once. Weight decay
    is L2 regularisation: g + weight_decay p takes the place of g where weights decay.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        mu, 0 <= mu < 1.
    nesterov : bool
    weight_decay : float
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate)
        require_number("momentum", momentum, at_least=0, below=1)
        require_number("weight_decay", weight_decay, at_least=0)
        if nesterov and momentum == 0:
            raise SettingError("nesterov=True needs momentum > 0; got momentum=0")
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.accumulators = ("v",) if momentum else ()

    def prepare(self, learning_rate: float, weight_decay: float) -> None:
        self.share(self.momentum, learning_rate, learning_rate * self.momentum, weight_decay)

    def rule(self, p: Array, g: Array, work: Array, *accumulators: Array) -> None:
        mu, lr, lr_mu, decay = self.shared
        if decay:
            g = np.add(np.multiply(p, decay, out=work), g, out=work)
        if not accumulators:
            p -= np.multiply(g, lr, out=work)
            return
        (v,) = accumulators
        v *= mu
        v += g
        if self.nesterov:
            p -= np.multiply(g, lr, out=work)
        p -= np.multiply(v, lr_mu if self.nesterov else lr, out=work)


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1).

        m <- beta1 m + (1 - beta1) g            mean of the gradient
        v <- beta2 v + (1 - beta2) g^2          mean of its square
        m' = m / (1 - beta1^t)                  t = 1, 2 ...: both start at 0,
        v' = v / (1 - beta2^t)                  which this makes up for
        p <- p - lr m' / (sqrt(v') + eps)

    Weight decay is L2 regularisation here: g + weight_decay p takes the place of g. `AdamW` has
    the decoupled kind.

    The accumulators hold M = m / (1 - beta1) and V = v / (1 - beta2): M <- beta1 M + g and
    V <- beta2 V + g^2 need two passes less. With c = sqrt((1 - beta2) / (1 - beta2^t)) the update
    reads p <- p - lr (1 - beta1) / (1 - beta1^t) / c * M / (sqrt(V) + eps / c), the same number.

    Parameters
    ----------
    learning_rate : float
    betas : (float, float)
        beta1 and beta2, each 0 <= beta < 1.
    epsilon : float
    weight_decay : float
    """

    accumulators = ("M", "V")

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate)
        require_number("weight_decay", weight_decay, at_least=0)
        for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
            require_number(name, beta, at_least=0, below=1)
        require_number("epsilon", epsilon, above=0)
        beta1, beta2 = betas
        self.betas = (beta1, beta2)
        self.epsilon = epsilon
        self.weight_decay = weight_decay

    def prepare(self, learning_rate: float, weight_decay: float) -> None:
        (beta1, beta2), t = self.betas, self.steps
        c = sqrt((1 - beta2) / (1 - beta2**t))
        rate = learning_rate * (1 - beta1) / (1 - beta1**t) / c
        self.share(beta1, beta2, self.epsilon / c, rate, weight_decay)

    def rule(self, p: Array, g: Array, work: Array, *accumulators: Array) -> None:
        M, V = accumulators
        beta1, beta2, epsilon, rate, decay = self.shared
        if decay:
            g = np.add(np.multiply(p, decay, out=work), g, out=work)
        M *= beta1
        M += g
        V *= beta2
        V += np.multiply(g, g, out=work)
        np.sqrt(V, out=work)
        work += epsilon
        np.divide(M, work, out=work)
        work *= rate
        p -= work


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

        p <- p - lr weight_decay p, then Adam's update

    Adam divides an L2 term by sqrt(v') like the rest of the gradient, so that weights with large
    gradients hardly decay. Decoupled, all decay alike. As in PyTorch, the paper's lambda is
    lr weight_decay here, so that a schedule of the learning rate scales both, as its eta_t does.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, betas=betas, epsilon=epsilon, weight_decay=weight_decay)

    def prepare(self, learning_rate: float, weight_decay: float) -> None:
        super().prepare(learning_rate, 0.0)
        self._kept = 1 - learning_rate * weight_decay

    def rule(self, p: Array, g: Array, work: Array, *accumulators: Array) -> None:
        if self._kept != 1:
            p *= self._kept
        super().rule(p, g, work, *accumulators)
