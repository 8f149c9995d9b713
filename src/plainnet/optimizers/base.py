"""The base of optimizers: one pass over the flat vector, in pieces that fit the cache.

An optimizer sees two vectors, the parameters and their gradients, and the segments that learn or
decay at rates of their own. It goes through them once, in pieces small enough that all arrays of a
piece stay in the processor's cache during the several NumPy calls of an update.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.config import Configurable, arguments_of
from plainnet.engine.formulas import Formula
from plainnet.engine.memory import aligned
from plainnet.engine.parameters import Segment
from plainnet.errors import SettingError, ShapeError, require_integer, require_number

Array = npt.NDArray[Any]
Piece = tuple[Array, Array, Array, tuple[Array, ...]]
"""Parameters, gradient, memory for the decayed gradient, and the other arrays of `rule`."""
Missed = tuple[tuple[int, int, int], ...]
"""(start, stop, n) for each part: its elements, start to stop, were frozen in n of the steps."""

PIECE = 64 * 1024
"""Elements in a piece: five float32 arrays of this length take 1.25 MiB of the L2 cache."""

FLUSH_EVERY = 64
"""Steps between two passes that set accumulators next to zero, below 1e-34 in float32, to zero.

An accumulator that no longer gets a gradient (because a unit is dead, or an input always zero)
decays until it is denormal, and stays so, since 0.9 of the smallest number rounds to itself.
Denormal numbers make an update up to fifty times slower and have no effect on a parameter.
"""


class Optimizer(Configurable, ABC):
    """Changes a parameter vector in place, given its gradient.

    A subclass names its accumulators, each a vector like the parameters that starts from zero, and
    writes `rule`. Regularisation is applied here, to weights but not to biases: weight decay before
    the rule, in one of two forms, and L1 after it, which makes weights exactly 0:

        L2 regularisation             g + weight_decay p takes the place of g
        decoupled (`decoupled`)       p <- p - lr weight_decay p
        L1                            p <- sign(p) max(|p| - lr l1, 0)

    L1 is decoupled too: a rule that scales the gradient does not scale lr l1. `SGD` comes to rest
    where the loss plus (1 - momentum) l1 sum |p| is least. In rules that divide by the size of the
    gradient, l1 compares with steps in units of lr: weights whose gradient is mostly noise become
    0, and one with a steady gradient, which moves by about lr, withstands any l1 below 1.

    Nothing else is required: pieces, frozen tensors, each tensor's rates and saving are taken care
    of. `rule` gets one scratch array and each accumulator, and may allocate memory; `self.shared`
    holds the learning rate, or what `prepare` computes from it.

    >>> class Momentum(Optimizer):
    ...     accumulators = ("V",)
    ...     def rule(self, p, g, work, V):
    ...         (lr,) = self.shared
    ...         V *= 0.9
    ...         V += g
    ...         p -= lr * V
    >>> p, g = np.array([1.0, 2.0]), np.array([0.5, 1.0])
    >>> optimizer = Momentum(learning_rate=0.1)
    >>> optimizer.update(p, g)
    >>> optimizer.update(p, g)
    >>> p  # 1 - 0.1 (0.5 + 0.95)
    array([0.855, 1.71 ])
    """

    formulas: tuple[Formula, ...] = ()
    """The update of one tensor as data: from p and its gradient dp to p_next. Here g is dp with its
    L2 term, p_decayed is p after decoupled decay, t counts the steps including this one, and the
    accumulators are those before the step. Every optimizer of plainnet has formulas."""

    accumulators: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()
    """The accumulators that sum squares and are therefore never negative."""
    decoupled = False
    scratch = 1
    """The number of scratch arrays that `rule` gets."""

    l1: float = 0.0
    """Here for objects that were pickled before there was L1."""

    def __init__(self, learning_rate: float, weight_decay: float = 0.0, l1: float = 0.0) -> None:
        require_number("learning_rate", learning_rate, at_least=0)
        require_number("weight_decay", weight_decay, at_least=0)
        require_number("l1", l1, at_least=0)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.l1 = l1
        self.steps = 0
        """Updates done so far; within `prepare` and `rule`, those of the current tensors."""
        self.state: dict[str, Array] = {}
        """The accumulators by name; empty before the first update."""

    @abstractmethod
    def rule(self, p: Array, g: Array, *arrays: Array) -> None:
        """Update one piece `p` in place from its gradient `g`, which is only read.

        `arrays` holds the scratch arrays, then the accumulators, all as long as the piece.
        """

    def settings(self, t: int) -> dict[str, Any]:
        """The values of all names in the formulas that are not arrays, at step t."""
        arguments = {name: getattr(self, name) for name in arguments_of(type(self))}
        return {**arguments, "decoupled": self.decoupled, "t": t}

    def prepare(self, learning_rate: float) -> None:
        """Compute what the following pieces share, and `share` it: by default, the learning rate.

        `learning_rate` is the one for these pieces. `self.steps` already counts this step, but not
        those in which the pieces were frozen: each tensor counts its own steps.
        """
        self.share(learning_rate)

    def share(self, *values: float) -> None:
        """Pass `rule` these numbers as `self.shared`: 0-d arrays, which NumPy need not convert."""
        if len(self.shared) != len(values):
            self.shared_vector = np.empty(len(values) + 2, self._dtype)
            self.shared = [self.shared_vector[i, ...] for i in range(len(values))]
        self.shared_vector[-2:] = self._decay, self._shrink
        for array, value in zip(self.shared, values, strict=True):
            array[()] = value

    def update(self, parameters: Array, gradients: Array, segments: Sequence[Segment] = ()) -> None:
        """One step.

        Parameters
        ----------
        parameters, gradients : 1-D arrays of one length
            The same two arrays at every step.
        segments : sequence of Segment
            `network.segments`: which parts of the vector learn or decay, and at which rates
            relative to the optimizer's. Without segments, all of it learns and nothing decays.
        """
        self.attach(parameters, gradients, segments)
        self.steps += 1
        for lag, learning_rate, share, pieces in self._groups:
            if not lag:
                self._update(learning_rate, share, pieces)
                continue
            self.steps, self._lag = self.steps - lag, lag
            try:
                self._update(learning_rate, share, pieces)
            finally:
                self.steps, self._lag = self.steps + lag, 0
        if self.steps % FLUSH_EVERY == 0:
            self._flush()

    def attach(self, parameters: Array, gradients: Array, segments: Sequence[Segment]) -> None:
        """Prepare for updates of these, unless the last update was one."""
        if (
            parameters is not self._target
            or gradients is not self._source
            or segments is not self._segments
            or (bool(self.weight_decay), bool(self.l1)) != self._decays
        ):
            self._attach(parameters, gradients, segments)

    def advance(self, steps: int) -> None:
        """Count updates that somebody else has made, not beyond a multiple of FLUSH_EVERY."""
        self.steps += steps
        if steps and self.steps % FLUSH_EVERY == 0:
            self._flush()

    def _update(self, learning_rate: float, share: float, pieces: list[Piece]) -> None:
        factor = self._factor
        learning_rate *= self.learning_rate
        weight_decay, threshold = share * self.weight_decay, learning_rate * share * self.l1
        self._decay, self._shrink = self.decay_factors(learning_rate, weight_decay)
        if self._takes_all:
            weight_decay = 0.0
        else:
            factor[()] = self._shrink if self.decoupled else self._decay
            self._decay, self._shrink = 0.0, 1.0  # done here, not in the rule
        if threshold:
            below, above = self._limits
            below[()], above[()] = -threshold, threshold
        self.prepare(learning_rate)
        for p, g, decayed, arrays in pieces:
            if weight_decay and self.decoupled:
                p *= factor
            elif weight_decay:
                np.multiply(p, factor, out=decayed)
                decayed += g
                g = decayed
            if self.rule(p, g, *arrays) is not None:
                raise SettingError(f"{self!r}.rule must write into p, and return nothing")
            if threshold:  # what lies within the limits becomes exactly 0
                p -= np.clip(p, below, above, out=decayed)

    def decay_factors(self, learning_rate: Any, weight_decay: float) -> tuple[float, Any]:
        """What p is multiplied by: to be added to g, and to take the place of p."""
        if self.decoupled:
            return 0.0, 1 - learning_rate * weight_decay
        return weight_decay, 1.0

    def reset(self) -> None:
        """Forget all steps: the accumulators start from zero again."""
        self.steps, self.state, self.missed = 0, {}, ()
        self._target = self._segments = None

    def resume_state(self) -> dict[str, Any]:
        """All that it remembers of its steps, for `resume`: numbers, and arrays by name."""
        return {"steps": self.steps, "missed": self.missed, "accumulators": self.state}

    def resume(self, state: Mapping[str, Any], parameters: Array) -> None:
        """Continue as the optimizer of these parameters that returned this `resume_state`."""
        self.reset()
        self.steps = state["steps"]
        self.missed = tuple((start, stop, n) for start, stop, n in state["missed"])
        for name in self.accumulators if state["accumulators"] else ():
            values = state["accumulators"][name]
            if values.shape != parameters.shape or values.dtype != parameters.dtype:
                raise SettingError(f"its {name} does not fit {parameters.size} parameters")
            self.state[name] = aligned(values.shape, values.dtype)
            np.copyto(self.state[name], values)

    def expect_to_fit(self, parameters: Array) -> None:
        """Refuse state from a file that does not fit these parameters."""
        require_integer("steps", self.steps, at_least=0)
        if self.state and set(self.state) != set(self.accumulators):
            raise SettingError(f"{self!r} keeps {', '.join(self.accumulators)}; got others")
        for name, values in self.state.items():
            alike = values.shape == parameters.shape and values.dtype == parameters.dtype
            if not (alike and np.isfinite(values).all()):
                raise SettingError(f"its {name} does not fit {parameters.size} parameters")
            if name in self.squares and (values < 0).any():
                raise SettingError(f"its {name}, of squares, is negative")
        for start, stop, n in self.missed:
            if not (0 <= start < stop <= parameters.size and 0 < n <= self.steps):
                raise SettingError(f"its record of frozen steps is impossible: {start, stop, n}")

    # --- the steps of each tensor ----------------------------------------------------------------

    _missed: Missed = ()
    _since = 0
    """What `steps` was when `_missed` was last brought up to date."""
    _lag = 0
    """The steps that the tensors at hand have missed."""

    @property
    def missed(self) -> Missed:
        """Which parts of the vector were frozen, and in how many of the `steps`; () for none.

        Together with `steps` and `state`, this is all that the optimizer remembers.
        """
        made, self._since = self.steps - self._since, self.steps
        frozen = [s for s in self._segments or () if s.learning_rate == 0]
        if made > 0 and frozen:
            self._missed = _sum(self._missed, [(s.start, s.stop, made) for s in frozen])
        return self._missed

    @missed.setter
    def missed(self, missed: Missed) -> None:
        self._missed, self._since = tuple(missed), self.steps
        self._segments = None  # so that the next update groups the pieces by it

    # --- pieces ----------------------------------------------------------------------------------

    _target: Array | None = None
    _source: Array | None = None
    _segments: Sequence[Segment] | None = None
    _decays = False, False
    """Whether there is weight decay, and whether L1. With either, groups keep apart what decays."""
    _takes_all = False
    runs: list[tuple[int, int, float, float, int]]
    """Start, stop, factors of the learning rate and of weight decay and L1, and lag."""
    _groups: list[tuple[int, float, float, list[Piece]]]
    """Lag, factors of the learning rate and of weight decay and L1, and their pieces."""
    _dtype: np.dtype[Any]
    _factor: Array
    _decayed: Array
    """Scratch memory: the gradient of a piece with its L2 term."""
    _limits: tuple[Array, Array]
    """Minus and plus the threshold of L1."""
    shared: Sequence[Array] = ()
    shared_vector: Array
    """For a rule that is a kernel: `shared`, and what p is multiplied by for L2 regularisation and
    for decoupled decay. A rule whose attribute `takes_all` is true applies these two itself, and
    gets all parameters at once, but a scratch array of a piece only."""
    _decay, _shrink = 0.0, 1.0

    def _attach(self, parameters: Array, gradients: Array, segments: Sequence[Segment]) -> None:
        if parameters.shape != gradients.shape or parameters.ndim != 1:
            raise ShapeError(
                "parameters and gradients must be vectors of the same length; got shapes "
                f"{parameters.shape} and {gradients.shape}"
            )
        size, dtype = parameters.size, parameters.dtype
        kind = type(self).__name__
        if not vars(self).keys() >= {"learning_rate", "weight_decay", "steps", "state"}:
            raise SettingError(f"{kind}.__init__ must call super().__init__(learning_rate)")
        if isinstance(self.accumulators, str):
            raise SettingError(
                f'{kind}.accumulators must be a tuple of names, such as ("V",); got '
                f"{self.accumulators!r}"
            )
        if not self.state:
            self.state = {name: aligned(size, dtype) for name in self.accumulators}
        vectors = (parameters, gradients, *self.state.values())
        moved = self._target is not None and self._target is not parameters
        if moved or any(v.size != size or v.dtype != dtype for v in vectors):
            raise SettingError(
                f"{self!r} has done {self.steps} steps on other parameters than these "
                f"{size}: make a new one, or reset() it"
            )
        decayed, *scratch = (aligned(min(PIECE, size), dtype) for _ in range(1 + self.scratch))
        self._decayed = decayed
        self._groups, self.shared = [], ()
        self._decays = bool(self.weight_decay), bool(self.l1)
        self._takes_all = getattr(type(self).rule, "takes_all", False)
        # L1 writes into `decayed`, which is as long as a piece.
        piece = size if self._takes_all and not self.l1 else PIECE
        self.runs = list(_runs(size, segments, self.missed, decays=any(self._decays)))
        for start, stop, learning_rate, share, lag in self.runs:
            pieces = []
            for first in range(start, stop, piece):
                last = min(first + piece, stop)
                p, g, *state = (vector[first:last] for vector in vectors)
                own = (array[: last - first] for array in scratch)
                pieces.append((p, g, decayed[: last - first], (*own, *state)))
            self._groups.append((lag, learning_rate, share, pieces))
        self._target, self._source, self._segments = parameters, gradients, segments
        self._dtype, self._factor = dtype, np.empty((), dtype)
        self._limits = np.empty((), dtype), np.empty((), dtype)

    def _flush(self) -> None:
        threshold = 1e4 * np.finfo(self._dtype).tiny
        for start, stop, *_ in self.runs:
            for first in range(start, stop, PIECE):
                for accumulator in self.state.values():
                    some = accumulator[first : min(first + PIECE, stop)]
                    work = self._decayed[: some.size]
                    np.abs(some, out=work)
                    np.greater_equal(work, threshold, out=work, casting="unsafe")
                    some *= work

    def __getstate__(self) -> dict[str, Any]:
        # The pieces are views into the caller's vectors; the next update makes new ones.
        state = {**self.__dict__, "_missed": self.missed, "_since": self.steps}
        return {key: value for key, value in state.items() if key not in _ATTACHED}


_ATTACHED = (
    "_target", "_source", "_segments", "_groups", "_lag", "_factor", "_limits", "shared",
    "shared_vector", "_decay", "_shrink", "runs", "_decayed",
)  # fmt: skip


def require_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Two decay rates, each 0 <= beta < 1."""
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise SettingError(f"betas must be two numbers; got {betas!r}")
    for i, beta in enumerate(betas):
        require_number(f"betas[{i}]", beta, at_least=0, below=1)
    return float(betas[0]), float(betas[1])


def _runs(
    size: int, segments: Sequence[Segment], missed: Missed, *, decays: bool
) -> Iterator[tuple[int, int, float, float, int]]:
    """(start, stop, learning rate, weight decay, lag) of neighbours that have these in common."""
    parts = [
        (start, stop, s.learning_rate, s.weight_decay if decays else 0.0, lag)
        for s in segments or (Segment("", 0, size, (size,)),)
        for start, stop, lag in _lags(s.start, s.stop, missed)
    ]
    for common, run in groupby(parts, key=lambda part: part[2:]):
        first, *others = run
        if common[0] > 0:  # what is frozen gets no pieces
            yield first[0], (others or [first])[-1][1], *common


def _lags(start: int, stop: int, missed: Missed) -> Iterator[tuple[int, int, int]]:
    """This part of the vector, cut where the number of missed steps changes."""
    for first, last, n in missed:
        first, last = max(first, start), min(last, stop)
        if first < last:
            if start < first:
                yield start, first, 0
            yield first, last, n
            start = last
    if start < stop:
        yield start, stop, 0


def _sum(*missed: Iterable[tuple[int, int, int]]) -> Missed:
    """The steps missed in either of two periods, together."""
    changes: Counter[int] = Counter()
    for start, stop, n in chain(*missed):
        changes[start] += n
        changes[stop] -= n
    places = sorted(place for place, change in changes.items() if change)
    found, n = [], 0
    for start, stop in pairwise(places):
        n += changes[start]
        if n:
            found.append((start, stop, n))
    return tuple(found)
