"""Long short-term memory: a cell that is written to and read through gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.initializers import Initializer
from plainnet.kernels.lstm import lstm, lstm_backward
from plainnet.layers.base import Array, Shape
from plainnet.layers.recurrence.recurrent import SHARES, STEP, Recurrent


@dataclass(frozen=True)
class ForgetOne(Initializer):
    """Zero, but 1 for the forget gate, the second of four, so that a new cell remembers."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        b = np.zeros((4, shape[0] // 4))
        b[1] = 1
        return b.reshape(shape)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate by Gers et al. 2000).

        Z_t = A_t W^T + h_(t-1) U^T + b
        i, f, o = sigmoid of their parts of Z_t, g = tanh of its part
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t)

    The forget gate's bias starts at 1 (Jozefowicz et al. 2015, section 5). There are no peephole
    connections. The settings, masks, starts and carried states are as in `Recurrent`.

    Tensors
    -------
    W : (4 units, features), decays, Glorot's gate by gate. In memory transposed.
    U : (4 units, units), decays, orthogonal gate by gate. In memory transposed.
    b : (4 units,)
    h0, c0 : (units,), with learned_start

    Notes
    -----
    The gates are in the order i, f, o, g. PyTorch has i, f, g, o and two biases, of which b is the
    sum; ONNX has i, o, f, c, and its c is g here.
    """

    gates = 4
    states = ("h", "c")
    flow = (("H", "Y"), ("C", "C_next"))

    def bias_initializer(self) -> Initializer:
        return ForgetOne()

    def start(self, cache: Cache, h: Array, c: Array) -> None:  # type: ignore[override]
        """`Recurrent.start`, with the state h and the cell c, both (m, units)."""
        self._give(cache, h=h, c=c)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            STEP,
            Formula("I", "sigmoid(Z[:, :units])", r"i_t = \sigma(Z_t^i)"),
            Formula("F", "sigmoid(Z[:, units:2 * units])", r"f_t = \sigma(Z_t^f)"),
            Formula("O", "sigmoid(Z[:, 2 * units:3 * units])", r"o_t = \sigma(Z_t^o)"),
            Formula("G", "tanh(Z[:, 3 * units:])", r"g_t = \tanh(Z_t^g)"),
            Formula("C_next", "F * C + I * G", r"c_t = f_t \odot c_{t-1} + i_t \odot g_t"),
            Formula("T", "tanh(C_next)", r"\tau_t = \tanh(c_t)"),
            Formula("Y", "O * T", r"h_t = o_t \odot \tau_t"),
        ),
        backward=(
            Formula(
                "dS",
                "dC_next + dY * O * (1 - T**2)",
                r"ds_t = dc_t + dh_t \odot o_t \odot (1 - \tau_t^2)",
            ),
            Formula("dZ_i", "dS * G * I * (1 - I)", r"dZ^i = ds \odot g \odot i \odot (1 - i)"),
            Formula(
                "dZ_f", "dS * C * F * (1 - F)", r"dZ^f = ds \odot c_{t-1} \odot f \odot (1 - f)"
            ),
            Formula("dZ_o", "dY * T * O * (1 - O)", r"dZ^o = dh \odot \tau \odot o \odot (1 - o)"),
            Formula("dZ_g", "dS * I * (1 - G**2)", r"dZ^g = ds \odot i \odot (1 - g^2)"),
            Formula(
                "dZ",
                "concatenate([dZ_i, dZ_f, dZ_o, dZ_g], axis=1)",
                r"dZ_t = [dZ^i \; dZ^f \; dZ^o \; dZ^g]",
            ),
            Formula("dC", "dS * F", r"dc_{t-1} = ds_t \odot f_t"),
            *SHARES,
        ),
    )

    def steps(self, Z: Array, H: Array, padded: Array | None, cache: Cache) -> None:
        time, m, units = len(Z), Z.shape[1], self.units
        S = cache.array("S", (time + 1, 6, m, units), Z.dtype)
        E = cache.array("E", (time, 3, m, units), Z.dtype)
        self.begin("c", S[0, 4], cache)
        lstm(Z, self.U, padded, H, S, E)
        self.end("c", S[-1, 4], cache)

    def made(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        S = arrays["S"]
        gates = {name: S[:-1, i] for i, name in enumerate(("I", "F", "O", "G", "C", "T"))}
        return super().made(arrays) | gates | {"C_next": S[1:, 4]}

    def steps_back(
        self, dY: Array | None, dZ: Array, dh: Array, padded: Array | None, cache: Cache
    ) -> None:
        dc = cache.array("dc", dh.shape, dh.dtype)
        dc.fill(0)
        slopes = cache.array("slopes", (5, *dh.shape), dh.dtype)
        part = cache.array("part", dh.shape, dh.dtype)
        kept = cache.array("kept", dh.shape, dh.dtype)
        lstm_backward(dY, self.U, padded, cache["S"], cache["E"], dZ, dc, dh, slopes, part, kept)
