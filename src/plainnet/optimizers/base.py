"""What optimizers share: one pass over the flat vector, in pieces that stay in the cache.

An optimizer sees two vectors, the parameters and their gradients, and the segments in which they
learn or decay at their own rates. It goes over them once, in pieces small enough that all arrays of
a piece stay in the processor's cache through the several NumPy calls of an update.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby
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

    A subclass names its accumulators, each a vector like the parameters that starts from zero, and
    writes `rule`. Weight decay is done here, before the rule, in one of two kinds:

        L2 regularisation             g + weight_decay p takes the place of g
        decoupled (`decoupled`)       p <- p - lr weight_decay p
    """

    accumulators: tuple[str, ...] = ()
    decoupled = False
    scratch = 1
    """Arrays that `rule` gets to work with."""

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        require_number("learning_rate", learning_rate, at_least=0)
        require_number("weight_decay", weight_decay, at_least=0)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = 0
        """Updates done so far."""
        self.state: dict[str, Array] = {}
        """The accumulators by name; empty before the first update."""

    @abstractmethod
    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        """Update one piece `p` in place from its gradient `g`, which is only read.

        `arrays` are the scratch arrays, then the accumulators, all of the piece's length.
        """

    @abstractmethod
    def prepare(self, learning_rate: float) -> None:
        """Compute what the pieces that follow share, and `share` it.

        `learning_rate` is the one that holds for them. `self.steps` already counts this step.
        """

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
        factor = self._factor
        for learning_rate, weight_decay, pieces in self._groups:
            learning_rate *= self.learning_rate
            weight_decay *= self.weight_decay
            if weight_decay:
                factor[()] = 1 - learning_rate * weight_decay if self.decoupled else weight_decay
            self.prepare(learning_rate)
            for p, g, decayed, arrays in pieces:
                if not weight_decay:
                    self.rule(p, g, *arrays)
                elif self.decoupled:
                    p *= factor
                    self.rule(p, g, *arrays)
                else:
                    np.multiply(p, factor, out=decayed)
                    decayed += g
                    self.rule(p, decayed, *arrays)
        if self.steps % FLUSH_EVERY == 0:
            self._flush()

    def reset(self) -> None:
        """Forget all steps: the accumulators start from zero again."""
        self.steps, self.state, self._target = 0, {}, None

    # --- pieces ----------------------------------------------------------------------------------

    _target: Array | None = None
    _source: Array | None = None
    _segments: Sequence[Segment] | None = None
    _groups: list[tuple[float, float, list[tuple[Array, Array, Array, tuple[Array, ...]]]]]
    _dtype: np.dtype[Any]
    _factor: Array
    shared: Sequence[Array] = ()

    def _attach(self, parameters: Array, gradients: Array, segments: Sequence[Segment]) -> None:
        if parameters.shape != gradients.shape or parameters.ndim != 1:
            raise ShapeError(
                "parameters and gradients must be vectors of one length; got shapes "
                f"{parameters.shape} and {gradients.shape}"
            )
        size, dtype = parameters.size, parameters.dtype
        if not self.state:
            self.state = {name: aligned(size, dtype) for name in self.accumulators}
        vectors = (parameters, gradients, *self.state.values())
        moved = self._target is not None and self._target is not parameters
        if moved or any(v.size != size or v.dtype != dtype for v in vectors):
            raise SettingError(
                f"{self!r} has done {self.steps} steps on other parameters than these "
                f"{size}: take a new one, or reset() it"
            )
        decayed, *scratch = (aligned(min(PIECE, size), dtype) for _ in range(1 + self.scratch))
        self._groups, self.shared = [], ()
        for start, stop, learning_rate, weight_decay in _runs(size, segments):
            pieces = []
            for first in range(start, stop, PIECE):
                last = min(first + PIECE, stop)
                p, g, *state = (vector[first:last] for vector in vectors)
                own = (array[: last - first] for array in scratch)
                pieces.append((p, g, decayed[: last - first], (*own, *state)))
            self._groups.append((learning_rate, weight_decay, pieces))
        self._target, self._source, self._segments = parameters, gradients, segments
        self._dtype, self._factor = dtype, np.empty((), dtype)

    def _flush(self) -> None:
        threshold = 1e4 * np.finfo(self._dtype).tiny
        for _, _, pieces in self._groups:
            for _, _, _, arrays in pieces:
                work = arrays[0]
                for accumulator in arrays[self.scratch :]:
                    np.abs(accumulator, out=work)
                    np.greater_equal(work, threshold, out=work, casting="unsafe")
                    accumulator *= work

    def __getstate__(self) -> dict[str, Any]:
        # The pieces are views into somebody's vectors; the next update makes them anew.
        attached = ("_target", "_source", "_segments", "_groups", "_factor", "shared")
        return {key: value for key, value in self.__dict__.items() if key not in attached}


def require_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Two decay rates, each 0 <= beta < 1."""
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise SettingError(f"betas must be two numbers; got {betas!r}")
    for i, beta in enumerate(betas):
        require_number(f"betas[{i}]", beta, at_least=0, below=1)
    return betas[0], betas[1]


def _runs(size: int, segments: Sequence[Segment]) -> Iterator[tuple[int, int, float, float]]:
    """(start, stop, learning rate, weight decay) of neighbours with the same factors."""
    if not segments:
        yield 0, size, 1.0, 0.0
    for rates, run in groupby(segments, key=lambda s: (s.learning_rate, s.weight_decay)):
        first, *others = run
        if rates[0] > 0:  # what is frozen has no pieces
            yield first.start, (others or [first])[-1].stop, *rates
