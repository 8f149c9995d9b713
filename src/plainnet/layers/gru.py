"""The gated recurrent unit, with the reset gate after or before the recurrent product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_one_of
from plainnet.initializers import Zeros
from plainnet.kernels.arrays import rows, sum_rows
from plainnet.layers.base import Array, Shape
from plainnet.layers.recurrence import Recurrent, by_gate, sigmoid

AFTER, BEFORE = "reset == 'after'", "reset == 'before'"


class GRU(Recurrent):
    """The gated recurrent unit (Cho et al. 2014, equations 5 to 8).

        r, k = sigmoid of their parts of A_t W^T + h_(t-1) U^T + b
        n = tanh(A_t W_n^T + b_n + r (h_(t-1) U_n^T + b_reset))      reset="after"
        n = tanh(A_t W_n^T + b_n + (r h_(t-1)) U_n^T)                reset="before"
        h_t = (1 - k) n + k h_(t-1)

    k, the share that is kept, is the update gate, z in the papers. "before" is the original;
    "after" is what PyTorch and cuDNN have, with one product a step instead of two. The other
    settings, masks, starts and carried states are those of `Recurrent`.

    Parameters
    ----------
    reset : "after" or "before"
        Where the reset gate r stands to the product with U.

    Tensors
    -------
    W : (3 units, features), decays, Glorot's gate by gate. In memory transposed.
    U : (3 units, units), decays, orthogonal gate by gate. In memory transposed.
    b : (3 units,)
    b_reset : (units,), with "after"
    h0 : (units,), with learned_start

    Notes
    -----
    The gates stand in the order r, k, n, which is PyTorch's r, z, n; ONNX has z, r, h, and
    linear_before_reset=1 for "after". PyTorch has two biases: the r and k parts of b are their
    sums, its n part is PyTorch's b_in, and b_reset is b_hn.
    """

    b_reset: Array
    db_reset: Array

    gates = 3

    def __init__(
        self,
        units: int,
        *,
        reset: Literal["after", "before"] = "after",
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
        require_one_of("reset", reset, ("after", "before"))
        self.reset = reset

    def build(self, input_shape: Shape) -> Shape:
        output_shape = super().build(input_shape)
        if self.reset == "after":
            self.declare("b_reset", (self.units,), Zeros())
        return output_shape

    # One step, as in recurrence.py: H is the state before it and Y the state after it.
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Z", "A @ W.T + b", r"Z_t = A_t W^\top + b"),
            Formula("Q", "H @ U.T", r"Q_t = h_{t-1} U^\top", when=AFTER),
            Formula(
                "R",
                "sigmoid((Z + Q)[:, :units])",
                r"r_t = \sigma(Z_t^r + Q_t^r)",
                when=AFTER,
            ),
            Formula(
                "K",
                "sigmoid((Z + Q)[:, units:2 * units])",
                r"k_t = \sigma(Z_t^k + Q_t^k)",
                when=AFTER,
            ),
            Formula(
                "V",
                "Q[:, 2 * units:] + b_reset",
                r"v_t = Q_t^n + b_{reset}",
                when=AFTER,
            ),
            Formula(
                "N",
                "tanh(Z[:, 2 * units:] + R * V)",
                r"n_t = \tanh(Z_t^n + r_t \odot v_t)",
                when=AFTER,
            ),
            Formula("Q", "H @ U[:2 * units].T", r"Q_t = h_{t-1} U_{rk}^\top", when=BEFORE),
            Formula(
                "R",
                "sigmoid(Z[:, :units] + Q[:, :units])",
                r"r_t = \sigma(Z_t^r + Q_t^r)",
                when=BEFORE,
            ),
            Formula(
                "K",
                "sigmoid(Z[:, units:2 * units] + Q[:, units:])",
                r"k_t = \sigma(Z_t^k + Q_t^k)",
                when=BEFORE,
            ),
            Formula("V", "R * H", r"v_t = r_t \odot h_{t-1}", when=BEFORE),
            Formula(
                "N",
                "tanh(Z[:, 2 * units:] + V @ U[2 * units:].T)",
                r"n_t = \tanh(Z_t^n + v_t U_n^\top)",
                when=BEFORE,
            ),
            Formula("Y", "(1 - K) * N + K * H", r"h_t = (1 - k_t) \odot n_t + k_t \odot h_{t-1}"),
        ),
        backward=(
            Formula(
                "dZ_n",
                "dY * (1 - K) * (1 - N**2)",
                r"dZ^n = dh_t \odot (1 - k_t) \odot (1 - n_t^2)",
            ),
            Formula(
                "dZ_k",
                "dY * (H - N) * K * (1 - K)",
                r"dZ^k = dh_t \odot (h_{t-1} - n_t) \odot k_t \odot (1 - k_t)",
            ),
            Formula(
                "dZ_r",
                "dZ_n * V * R * (1 - R)",
                r"dZ^r = dZ^n \odot v_t \odot r_t \odot (1 - r_t)",
                when=AFTER,
            ),
            Formula("dV", "dZ_n * R", r"dv_t = dZ^n \odot r_t", when=AFTER),
            Formula("dV", "dZ_n @ U[2 * units:]", r"dv_t = dZ^n U_n", when=BEFORE),
            Formula(
                "dZ_r",
                "dV * H * R * (1 - R)",
                r"dZ^r = dv_t \odot h_{t-1} \odot r_t \odot (1 - r_t)",
                when=BEFORE,
            ),
            Formula(
                "dZ", "concatenate([dZ_r, dZ_k, dZ_n], axis=1)", r"dZ_t = [dZ^r \; dZ^k \; dZ^n]"
            ),
            Formula(
                "dQ",
                "concatenate([dZ_r, dZ_k, dV], axis=1)",
                r"dQ_t = [dZ^r \; dZ^k \; dv]",
                when=AFTER,
            ),
            Formula("dW", "dZ.T @ A", r"dW = \sum_t dZ_t^\top A_t"),
            Formula("dU", "dQ.T @ H", r"dU = \sum_t dQ_t^\top h_{t-1}", when=AFTER),
            Formula(
                "dU",
                "concatenate([concatenate([dZ_r, dZ_k], axis=1).T @ H, dZ_n.T @ V])",
                r"dU_{rk} = \sum_t [dZ^r \; dZ^k]^\top h_{t-1},\ dU_n = \sum_t (dZ^n)^\top v_t",
                when=BEFORE,
            ),
            Formula("db", "dZ.sum(axis=0)", r"db = \sum_{t,i} dZ_{t,i}"),
            Formula(
                "db_reset",
                "dV.sum(axis=0)",
                r"db_{reset} = \sum_{t,i} dv_{t,i}",
                when=AFTER,
            ),
            Formula(
                "dH",
                "dY * K + dQ @ U",
                r"dh_{t-1} = dh_t \odot k_t + dQ_t\, U",
                when=AFTER,
            ),
            Formula(
                "dH",
                "dY * K + dV * R + concatenate([dZ_r, dZ_k], axis=1) @ U[:2 * units]",
                r"dh_{t-1} = dh_t \odot k_t + dv_t \odot r_t + [dZ^r \; dZ^k]\, U_{rk}",
                when=BEFORE,
            ),
            Formula("dA", "dZ @ W", r"dA_t = dZ_t\, W"),
        ),
    )

    def steps(self, Z: Array, H: Array, padded: Array | None, cache: Cache) -> None:
        time, m, units = len(Z), Z.shape[1], self.units
        after = self.reset == "after"
        S = cache.array("S", (time, 3, m, units), Z.dtype)  # r, k, n
        V = cache.array("V", (time, m, units), Z.dtype)  # what r multiplies, or has multiplied
        R = cache.array("R", (3, m, units), Z.dtype)
        Z_gates, U_gates = by_gate(Z, 3), by_gate(self.U.T, 3)
        for t in range(time):
            s, v, z, h, before = S[t], V[t], Z_gates[t], H[t + 1], H[t]
            r, k, n = s
            if after:
                np.matmul(before, U_gates, out=R)
                np.add(R[:2], z[:2], out=s[:2])
                sigmoid(s[:2])
                np.add(R[2], self.b_reset, out=v)
                np.multiply(r, v, out=n)
            else:
                np.matmul(before, U_gates[:2], out=s[:2])
                s[:2] += z[:2]
                sigmoid(s[:2])
                np.multiply(r, before, out=v)
                np.matmul(v, U_gates[2], out=n)
            n += z[2]
            np.tanh(n, out=n)
            np.subtract(before, n, out=h)
            h *= k
            h += n
            if padded is not None:
                np.copyto(h, before, where=padded[t])

    def made(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        S = arrays["S"]
        gates = {name: S[:, i] for i, name in enumerate("RKN")}
        return super().made(arrays) | gates | {"V": arrays["V"], "Z": arrays["Z"]}

    def steps_back(
        self, dY: Array | None, dZ: Array, dh: Array, padded: Array | None, cache: Cache
    ) -> None:
        """dZ is the gradient of the input's part, dR that of the product with the state."""
        S, V, H, units = cache["S"], cache["V"], cache["H"], self.units
        after = self.reset == "after"
        slopes = cache.array("slopes", (3, *dh.shape), dh.dtype)  # of r, k, n
        kept = cache.array("kept", dh.shape, dh.dtype)
        dv = cache.array("dv", dh.shape, dh.dtype)
        change = cache.array("change", dh.shape, dh.dtype)
        gates = 3 if after else 2  # that take part in the product with the state itself
        dR = cache.array("dR", (len(dZ), len(dh), gates * units), dh.dtype)
        U, U_n = self.U[: gates * units], self.U[2 * units :]
        dZ_gates, dR_gates = by_gate(dZ, 3), by_gate(dR, gates)
        for t in reversed(range(len(dZ))):
            s, before = S[t], H[t]
            r, k, n = s
            dr, dk, dn = slopes
            if dY is not None:
                np.add(dh, dY[t], out=dh)
            np.multiply(s, s, out=slopes)
            np.subtract(s[:2], slopes[:2], out=slopes[:2])
            np.subtract(1, dn, out=dn)
            if padded is not None:
                np.copyto(slopes, 0, where=padded[t])
            np.subtract(before, n, out=change)
            dk *= change
            dk *= dh
            np.multiply(dh, k, out=kept)
            np.subtract(dh, kept, out=change)
            dn *= change
            if after:
                np.multiply(dn, r, out=dv)
                np.copyto(dR_gates[t, 2], dv)
                np.multiply(dn, V[t], out=change)
            else:
                np.dot(dn, U_n, out=dv)
                np.multiply(dv, before, out=change)
                dv *= r
            dr *= change
            np.copyto(dZ_gates[t], slopes)
            np.copyto(dR_gates[t, :2], slopes[:2])
            if padded is not None:
                np.copyto(kept, dh, where=padded[t])
            np.dot(dR[t], U, out=dh)
            dh += kept
            if not after:
                dh += dv

    def recurrent_gradients(self, H: Array, dZ: Array, cache: Cache) -> None:
        dR, units = cache["dR"], self.units
        if self.reset == "after":
            np.matmul(rows(H).T, rows(dR), out=self.dU.T)
            sums = cache.array("sums", self.b.shape, dR.dtype)
            sum_rows(dR, sums)
            self.db_reset[:] = sums[2 * units :]
        else:
            np.matmul(rows(H).T, rows(dR), out=self.dU[: 2 * units].T)
            np.matmul(rows(cache["V"]).T, rows(dZ)[:, 2 * units :], out=self.dU[2 * units :].T)
