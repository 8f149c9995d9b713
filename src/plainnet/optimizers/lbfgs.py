"""L-BFGS: all examples at every step, and a model of the curvature from the last steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.config import Configurable
from plainnet.engine.parameters import Segment
from plainnet.errors import SettingError, counted, optional, require_integer, require_number

Array = npt.NDArray[Any]


class LBFGS(Configurable):
    """Limited-memory BFGS (Liu and Nocedal 1989) with a line search; SciPy's implementation.

    It suits small data and networks without noise such as dropout: it has no learning rate, uses
    all examples at every evaluation, and stops where the gradient vanishes. An iteration counts as
    an epoch of one step, and `epochs` is the largest number of iterations. Needs the extra `scipy`.

    It minimises the mean loss plus weight_decay / 2 times the sum of squares of the parameters that
    decay: the L2 regularisation of `SGD`. Frozen tensors do not change; other factors of the
    learning rate have no effect. The search is in float64, whatever the network's dtype.

    Parameters
    ----------
    memory : int
        The number of past steps from which the curvature is estimated.
    tolerance : float
        The search has converged when no element of the gradient, including weight decay, exceeds
        this. It also ends with an iteration that lowers the loss by less than 2.2e-9 of its value,
        SciPy's default.
    max_evaluations : int
        Training ends after the iteration that reaches this many computations of the loss.
    weight_decay : float
    """

    read_once = ("tolerance", "weight_decay")

    def __init__(
        self,
        *,
        memory: int = 10,
        tolerance: float = 1e-4,
        max_evaluations: int = 15_000,
        weight_decay: float = 0.0,
    ) -> None:
        self.memory = require_integer("memory", memory, at_least=1)
        require_number("tolerance", tolerance, at_least=0)
        self.tolerance = tolerance
        self.max_evaluations = require_integer("max_evaluations", max_evaluations, at_least=1)
        require_number("weight_decay", weight_decay, at_least=0)
        self.weight_decay = weight_decay

    def minimize(
        self,
        parameters: Array,
        gradients: Array,
        segments: Sequence[Segment],
        evaluate: Callable[[], float],
        accept: Callable[[float], bool],
        iterations: int,
    ) -> str:
        """Minimise the loss, changing the parameters in place.

        Parameters
        ----------
        parameters, gradients : 1-D arrays of one length
        segments : sequence of Segment
            `network.segments`: what is frozen, and what decays.
        evaluate : function
            Returns the loss at `parameters` and writes its gradient into `gradients`.
        accept : function
            Called with the loss after each iteration, when `parameters` holds the new point; ends
            the search by returning True.
        iterations : int
            At most this many.

        Returns
        -------
        str
            Why the search ended.
        """
        optimize = optional("scipy.optimize", purpose="L-BFGS", extra="scipy")
        learning, decay = np.zeros(parameters.size, bool), np.zeros(parameters.size)
        for s in segments:
            learning[s.start : s.stop] = s.learning_rate > 0
            decay[s.start : s.stop] = self.weight_decay * s.weight_decay
        learns: Any = slice(None) if learning.all() else learning  # a slice makes no copies
        if not learning.any():
            why = "every parameter is frozen" if parameters.size else "there are no parameters"
            raise SettingError(f"{why}: nothing can be minimised")
        decay, loss = decay[learns], float("nan")

        def objective(p: Array) -> tuple[float, Array]:
            nonlocal loss
            parameters[learns] = p
            loss = evaluate()
            penalty = 0.5 * float(np.dot(decay, p * p))
            total = decay * p
            total += gradients[learns]
            return loss + penalty, total

        def iterated(intermediate_result: Any) -> None:
            if accept(loss):  # an iteration ends at the point that was evaluated last
                raise StopIteration

        result = optimize.minimize(
            objective,
            parameters[learns].astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=iterated,
            options={
                "maxcor": min(self.memory, iterations),  # no further steps are made
                "gtol": self.tolerance,
                "maxiter": iterations,
                "maxfun": self.max_evaluations,
            },
        )
        parameters[learns] = result.x
        if result.success:
            return f"converged after {result.nit} iterations"
        if result.nit >= iterations:
            return f"all {counted(iterations, 'epoch')} done"
        if result.status == 1:
            return f"the loss was computed max_evaluations={self.max_evaluations} times"
        return "the line search found no lower loss"
