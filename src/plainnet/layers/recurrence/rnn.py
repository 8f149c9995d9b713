"""Elman's recurrent network."""

from __future__ import annotations

from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_one_of
from plainnet.kernels.rnn import rnn, rnn_backward
from plainnet.layers.base import Array
from plainnet.layers.recurrence.recurrent import SHARES, STEP, Recurrent

BOOL = np.dtype(bool)


TANH, RELU = "activation == 'tanh'", "activation == 'relu'"


class RNN(Recurrent):
    """h_t = tanh(A_t W^T + h_(t-1) U^T + b), or ReLU (Elman 1990, Finding Structure in Time).

    All settings except `activation`, masks, starts and carried states are as in `Recurrent`.

    Parameters
    ----------
    activation : "tanh" or "relu"

    Tensors
    -------
    W : (units, features), decays, Glorot's. In memory transposed, as in `Dense`.
    U : (units, units), decays, orthogonal. In memory transposed.
    b : (units,). PyTorch has two biases, of which `b` is the sum.
    h0 : (units,), with learned_start
    """

    def __init__(
        self,
        units: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        return_sequences: bool = False,
        reverse: bool = False,
        learned_start: bool = False,
    ) -> None:
        super().__init__(
            units,
            return_sequences=return_sequences,
            reverse=reverse,
            learned_start=learned_start,
        )
        require_one_of("activation", activation, ("tanh", "relu"))
        self.activation = activation

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            STEP,
            Formula("Y", "tanh(Z)", r"h_t = \tanh(Z_t)", when=TANH),
            Formula("Y", "maximum(Z, 0)", r"h_t = \max(Z_t, 0)", when=RELU),
        ),
        backward=(
            Formula(
                "dZ",
                "dY * (1 - Y**2)",
                r"dZ_t = dh_t \odot (1 - h_t^2)",
                when=TANH,
            ),
            Formula("dZ", "dY * (Z > 0)", r"dZ_t = dh_t \odot [Z_t > 0]", when=RELU),
            *SHARES,
        ),
    )

    def steps(self, Z: Array, H: Array, padded: Array | None, cache: Cache) -> None:
        R = cache.array("R", H.shape[1:], H.dtype)
        rnn(Z, self.U, self.activation == "relu", padded, H, R)

    def steps_back(
        self, dY: Array | None, dZ: Array, dh: Array, padded: Array | None, cache: Cache
    ) -> None:
        rectified = self.activation == "relu"
        slope = cache.array("slope", dh.shape, BOOL if rectified else dh.dtype)
        kept = cache.array("kept", dh.shape, dh.dtype)
        rnn_backward(dY, cache["H"], self.U, rectified, padded, dZ, dh, slope, kept)
