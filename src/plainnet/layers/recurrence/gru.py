"""The gated recurrent unit, with the reset gate after or before the recurrent product."""

from __future__ import annotations

from collections.abc import Mapping

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import require_one_of
from plainnet.initializers import Zeros
from plainnet.kernels.affine import affine_backward
from plainnet.kernels.gru import Reset, gru, gru_backward
from plainnet.layers.base import Array, Shape
from plainnet.layers.recurrence.recurrent import Recurrent

AFTER, BEFORE = "reset == 'after'", "reset == 'before'"


class GRU(Recurrent):
    """The gated recurrent unit (Cho et al. 2014, equations 5 to 8).

        r, k = sigmoid of their parts of A_t W^T + h_(t-1) U^T + b
        n = tanh(A_t W_n^T + b_n + r (h_(t-1) U_n^T + b_reset))      reset="after"
        n = tanh(A_t W_n^T + b_n + (r h_(t-1)) U_n^T)                reset="before"
        h_t = (1 - k) n + k h_(t-1)

    k, the share that is kept, is the update gate, called z in the papers. "before" is the original;
    "after" is the variant of PyTorch and cuDNN, with one product per step instead of two. Other
    settings, masks, starts and carried states are as in `Recurrent`.

    Parameters
    ----------
    reset : "after" or "before"
        Whether the reset gate r is applied after or before the product with U.

    Tensors
    -------
    W : (3 units, features), decays, Glorot's gate by gate. In memory transposed.
    U : (3 units, units), decays, orthogonal gate by gate. In memory transposed.
    b : (3 units,)
    b_reset : (units,), with "after"
    h0 : (units,), with learned_start

    Notes
    -----
    The gates are in the order r, k, n, which is PyTorch's r, z, n; ONNX has z, r, h, and
    linear_before_reset=1 for "after". PyTorch has two biases: the r and k parts of b are their
    sums, the n part of b is PyTorch's b_in, and b_reset is its b_hn.
    """

    b_reset: Array
    db_reset: Array

    gates = 3

    def __init__(
        self,
        units: int,
        *,
        reset: Reset = "after",
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
        S = cache.array("S", (time, 3, m, units), Z.dtype)
        V = cache.array("V", (time, m, units), Z.dtype)
        R = cache.array("R", (3, m, units), Z.dtype)
        b_reset = self.b_reset if self.reset == "after" else None
        gru(Z, self.U, b_reset, padded, H, S, V, R)

    def made(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        S = arrays["S"]
        gates = {name: S[:, i] for i, name in enumerate("RKN")}
        return super().made(arrays) | gates | {"V": arrays["V"], "Z": arrays["Z"]}

    def steps_back(
        self, dY: Array | None, dZ: Array, dh: Array, padded: Array | None, cache: Cache
    ) -> None:
        (m, units), gates = dh.shape, 3 if self.reset == "after" else 2
        dR = cache.array("dR", (len(dZ), m, gates * units), dh.dtype)
        slopes = cache.array("slopes", (3, m, units), dh.dtype)
        dv = cache.array("dv", dh.shape, dh.dtype)
        kept = cache.array("kept", dh.shape, dh.dtype)
        change = cache.array("change", dh.shape, dh.dtype)
        gru_backward(
            dY, cache["H"], self.U, self.reset, padded, cache["S"], cache["V"],
            dZ, dR, dh, slopes, dv, kept, change,
        )  # fmt: skip

    def recurrent_gradients(self, H: Array, dZ: Array, cache: Cache) -> None:
        dR, rk = cache["dR"], 2 * self.units
        if self.reset == "after":
            sums = cache.array("sums", self.b.shape, dR.dtype)
            affine_backward(dR, H, self.U, self.dU, sums, None)
            self.db_reset[:] = sums[rk:]
        else:
            affine_backward(dR, H, self.U[:rk], self.dU[:rk], None, None)
            affine_backward(dZ[..., rk:], cache["V"], self.U[rk:], self.dU[rk:], None, None)
