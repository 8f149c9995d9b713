"""Recurrence: the same weights at every step of a sequence, and a state that goes on.

Inside a layer, the time axis comes first, (time, m, features), so that each step is one block of
memory. Whatever does not depend on the state is one product over all steps, and so are the
gradients of the weights; only the product with the state is computed step by step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula
from plainnet.engine.recorded_steps import WindowOfSteps
from plainnet.errors import DTypeError, SettingError, ShapeError, require_boolean, require_integer
from plainnet.initializers import GlorotUniform, Initializer, Orthogonal, Zeros
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.arrays import sum_rows
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape

BOOL = np.dtype(bool)


@dataclass(frozen=True)
class PerGate(Initializer):
    """An initializer applied to each gate separately: a gate is a matrix with its own fans."""

    initializer: Initializer
    gates: int

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        one = (shape[0] // self.gates, *shape[1:])
        return np.concatenate([self.initializer(rng, one) for _ in range(self.gates)])


class Recurrent(Layer):
    """The base of RNN, LSTM and GRU: everything but the step itself.

    Parameters
    ----------
    units : int
        Length of the state, which is also the output.
    return_sequences : bool
        Return the state after every step, (m, time, units), instead of only the last, (m, units).
    reverse : bool
        Run from the last step to the first. A returned sequence keeps the order of the input.
    learned_start : bool
        Learn the state before the first step, which is zero otherwise.

    Notes
    -----
    At masked steps the state does not change, the output is zero, and no gradient passes in or out.
    So the last state of a padded sequence is that of the sequence without padding, in both
    directions.

    `start` sets the state to begin with. With `Cache(carry=True)`, a pass begins with the final
    state of the previous pass, which the backward pass treats as a constant: truncated
    backpropagation through time. After a backward pass, the cache holds `dh` (and `dc` for an
    LSTM), the gradient of the state before the first step.
    """

    W: Array
    U: Array
    b: Array
    dW: Array
    dU: Array
    db: Array

    gates = 1
    states: tuple[str, ...] = ("h",)
    shown_by = WindowOfSteps
    flow: tuple[tuple[str, str], ...] = (("H", "Y"),)
    """The names in the formulas of each state before and after a step."""
    releases_arrays = True
    uses_mask = True

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        learned_start: bool = False,
    ) -> None:
        self.units = require_integer("units", units, at_least=1)
        self.return_sequences = require_boolean("return_sequences", return_sequences)
        self.ends_time = not self.return_sequences
        self.reverse = require_boolean("reverse", reverse)
        self.learned_start = require_boolean("learned_start", learned_start)

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"needs an input of shape (time, features), without the batch axis; got "
                f"{input_shape}"
            )
        time, features = input_shape
        height = self.gates * self.units
        glorot, orthogonal = PerGate(GlorotUniform(), self.gates), PerGate(Orthogonal(), self.gates)
        self.declare("W", (height, features), glorot, decays=True, order="F")
        self.declare("U", (height, self.units), orthogonal, decays=True, order="F")
        self.declare("b", (height,), self.bias_initializer())
        if self.learned_start:
            for state in self.states:
                self.declare(f"{state}0", (self.units,), Zeros())
        return (time, self.units) if self.return_sequences else (self.units,)

    def numbers(self, time: int) -> int:
        """The gates and states of all steps, even if only the last state is returned."""
        steps = self.input_shape[0] or time
        return int(steps) * (3 * self.gates + 3) * self.units

    def bias_initializer(self) -> Initializer:
        return Zeros()

    def expect_carry(self, training: bool) -> None:
        if self.reverse:
            raise SettingError(
                f"layer {self.name} goes from the last step to the first and cannot continue an "
                "earlier pass: use reverse=False, or a cache without carry"
            )

    # --- the whole sequence ----------------------------------------------------------------------

    def forward(self, A: Array, cache: Cache) -> Array:
        m, time, features = A.shape
        X = cache.array("X", (time, m, features), A.dtype)
        np.copyto(X, self._steps_first(A))
        Z = cache.array("Z", (time, m, self.gates * self.units), A.dtype)
        affine(X, self.W, self.b, Z)
        H = cache.array("H", (time + 1, m, self.units), A.dtype)  # H[t] goes into step t
        cache["learned"] = not cache.carried
        self.begin("h", H[0], cache)
        padded = cache["padded"] = self._find_padded(cache)
        self.steps(Z, H, padded, cache)
        self.end("h", H[-1], cache)
        if not self.return_sequences:
            Y = cache.array("Y", (m, self.units), A.dtype)
            np.copyto(Y, H[-1])
            return Y
        Y = cache.array("Y", (m, time, self.units), A.dtype)
        np.copyto(self._steps_first(Y), H[1:])
        if padded is not None:
            np.copyto(self._steps_first(Y), 0, where=padded)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        X, Z, H = cache["X"], cache["Z"], cache["H"]
        padded = cache["padded"]
        dZ = cache.array("dZ", Z.shape, dY.dtype) if cache.record else Z  # nobody reads Z again
        dh = cache.array("dh", H.shape[1:], dY.dtype)
        if self.return_sequences:
            dh.fill(0)
            each = self._steps_first(dY)
            if padded is not None:
                each = cache.array("dY", H[1:].shape, dY.dtype)
                np.copyto(each, self._steps_first(dY))
                np.copyto(each, 0, where=padded)
            self.steps_back(each, dZ, dh, padded, cache)
        else:
            np.copyto(dh, dY)
            self.steps_back(None, dZ, dh, padded, cache)
        dX = cache.array("dX", X.shape, dY.dtype) if cache.needs_input_gradient else None
        affine_backward(dZ, X, self.W, self.dW, self.db, dX)
        self.recurrent_gradients(H[:-1], dZ, cache)
        if self.learned_start:
            for state in self.states:
                gradient = getattr(self, f"d{state}0")
                sum_rows(cache[f"d{state}"], gradient)
                gradient *= cache["learned"]
        if dX is None:
            return NO_GRADIENT
        dA = cache.array("dA", (X.shape[1], X.shape[0], X.shape[2]), dY.dtype)
        np.copyto(self._steps_first(dA), dX)
        return dA

    # --- one step after the other: what a cell writes --------------------------------------------

    @abstractmethod
    def steps(self, Z: Array, H: Array, padded: Array | None, cache: Cache) -> None:
        """Compute H[1:] from H[0] and Z, (time, m, gates * units), which does not change.

        `padded`, (time, m, 1), is True where there is no data; None means that all is data.
        """

    @abstractmethod
    def steps_back(
        self, dY: Array | None, dZ: Array, dh: Array, padded: Array | None, cache: Cache
    ) -> None:
        """Fill dZ from the last step to the first, and turn dh from that of H[-1] to that of H[0].

        `dY`, (time, m, units), enters at each step; it is None if only the last state is returned.
        """

    def made(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The names in the formulas that a pass keeps in its cache, with shapes (time, m, ...)."""
        return {"H": arrays["H"][:-1], "Y": arrays["H"][1:]}

    def recurrent_gradients(self, H: Array, dZ: Array, cache: Cache) -> None:
        """dU, from the states before each step, (time, m, units)."""
        affine_backward(dZ, H, self.U, self.dU, None, None)

    # --- where a sequence starts -----------------------------------------------------------------

    def start(self, cache: Cache, h: Array) -> None:
        """Let passes with this cache begin with the state h, (m, units), until `cache.forget()`.

        `cache` is the one passed to the network, which must have been used for a first pass. With
        `carry`, the next pass begins with h, and later passes continue from there.
        """
        self._give(cache, h=h)

    def _give(self, cache: Cache, **states: Array) -> None:
        own = self._own(cache)
        if own is None:
            raise SettingError(
                f"layer {self.name} has not used this cache yet: make a pass with it first"
            )
        for state, values in states.items():
            if values.ndim != 2 or values.shape[1] != self.units:
                raise ShapeError(
                    f"layer {self.name} needs {state} of shape (m, {self.units}); got "
                    f"{values.shape}"
                )
            if values.dtype != self.W.dtype:
                raise DTypeError(
                    f"{state} is {values.dtype} and layer {self.name} is {self.W.dtype}: pass "
                    f"{state}.astype(np.{self.W.dtype})"
                )
            own.carried[state] = values.copy()

    def _own(self, cache: Cache) -> Cache | None:
        """This layer's cache in the tree."""
        if cache.place.subject is self:
            return cache
        found = (self._own(child) for child in cache.children.values())
        return next((own for own in found if own is not None), None)

    def begin(self, state: str, out: Array, cache: Cache) -> None:
        """Write the state before the first step: given, carried, learned, or zero."""
        before = cache.carried.get(state)
        if before is not None and len(before) != len(out):
            raise ShapeError(
                f"layer {self.name} begins with the states of {len(before)} sequences; got "
                f"{len(out)}: call forget() on the cache to start new ones"
            )
        if before is not None:
            np.copyto(out, before)
        elif self.learned_start:
            np.copyto(out, getattr(self, f"{state}0"))
        else:
            out.fill(0)

    def end(self, state: str, last: Array, cache: Cache) -> None:
        """Keep the state after the last step if the next pass begins with it."""
        if not cache.carry:
            return
        if state not in cache.carried:
            cache.carried[state] = np.empty_like(last)
        np.copyto(cache.carried[state], last)

    # --- the order of the steps, and the padding -------------------------------------------------

    def _steps_first(self, A: Array) -> Array:
        """A view of (m, time, ...) as (time, m, ...), in the order in which the steps are made."""
        A = A.swapaxes(0, 1)
        return A[::-1] if self.reverse else A

    def _find_padded(self, cache: Cache) -> Array | None:
        """True at the steps without data, (time, m, 1); None where there is no such step."""
        mask = cache.mask
        if mask is None or mask.all():
            return None
        padded = cache.array("not_data", (*mask.shape[::-1], 1), BOOL)
        np.logical_not(self._steps_first(mask), out=padded[..., 0])
        return padded


# One step: H is the state before it and Y the state after it, dY the whole gradient of the latter,
# from the loss and from the next step. The gradients of the tensors are this step's share.
SHARES = (
    Formula("dW", "dZ.T @ A", r"dW = \sum_t dZ_t^\top A_t"),
    Formula("dU", "dZ.T @ H", r"dU = \sum_t dZ_t^\top h_{t-1}"),
    Formula("db", "dZ.sum(axis=0)", r"db = \sum_{t,i} dZ_{t,i}"),
    Formula("dH", "dZ @ U", r"dh_{t-1} = dZ_t\, U"),
    Formula("dA", "dZ @ W", r"dA_t = dZ_t\, W"),
)
STEP = Formula("Z", "A @ W.T + H @ U.T + b", r"Z_t = A_t W^\top + h_{t-1} U^\top + b")
