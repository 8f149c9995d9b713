"""The gated recurrent unit as a loop over a cell; what holds for all recurrence is in `rnn`.

The cell, with the gates in the order r, k, n and each gate's part of Z marked by its letter:

    r = sigmoid(Z_r + H U_r'), k = sigmoid(Z_k + H U_k')
    n = tanh(Z_n + r V), V = H U_n' + b_reset        reset "after" the product
    n = tanh(Z_n + V U_n'), V = r H                  reset "before" it
    Y = (1 - k) n + k H = n + k (H - n)

S keeps r, k, n. Q is the product of the state itself with U: all of it with "after", without U_n
with "before".
"""

from typing import Literal

import numpy as np

from plainnet.kernels.arrays import Array
from plainnet.kernels.compiled import twin
from plainnet.kernels.gated import by_gate, sigmoid_of_gates

Reset = Literal["after", "before"]


def gru_cell(
    Z: Array,  # (3, m, units)
    H: Array,  # (m, units)
    U: Array,  # (3, units, units), transposed gate by gate
    b_reset: Array | None,  # (units,), with "after"
    padded: Array | None,  # (m, 1), booleans
    S: Array,  # (3, m, units)
    V: Array,  # (m, units)
    Y: Array,  # (m, units)
    Q: Array,  # (3, m, units), scratch
) -> Array:
    """Y = (1 - k) n + k H; without b_reset, the reset gate comes before the product."""
    r, k, n = S
    gates = S[:2]
    if b_reset is not None:
        np.matmul(H, U, Q)
        np.add(Q[:2], Z[:2], gates)
        sigmoid_of_gates(gates)
        np.add(Q[2], b_reset, V)
        np.multiply(r, V, n)
    else:
        np.matmul(H, U[:2], gates)
        gates += Z[:2]
        sigmoid_of_gates(gates)
        np.multiply(r, H, V)
        np.matmul(V, U[2], n)
    n += Z[2]
    np.tanh(n, n)
    np.subtract(H, n, Y)
    Y *= k
    Y += n
    if padded is not None:
        np.copyto(Y, H, where=padded)
    return Y


def gru_cell_backward(
    dY: Array,  # (m, units)
    H: Array,  # (m, units)
    U: Array,  # (3 units, units)
    reset: Reset,
    padded: Array | None,  # (m, 1), booleans
    S: Array,  # (3, m, units)
    V: Array,  # (m, units)
    dZ: Array,  # (3, m, units)
    dQ: Array,  # (m, 3 units), or (m, 2 units) with "before"
    dQ_gates: Array,  # (3, m, units), or (2, m, units): dQ by gate
    dH: Array,  # (m, units), may be dY
    slopes: Array,  # (3, m, units), scratch: of r, k, n, then their gradients
    dV: Array,  # (m, units), scratch
    kept: Array,  # (m, units), scratch
    change: Array,  # (m, units), scratch
) -> None:
    """dZ_n = dY (1 - k) (1 - n^2), dZ_k = dY (H - n) k (1 - k).

    With "after", dV = dZ_n r, dZ_r = dZ_n V r (1 - r), dQ = [dZ_r dZ_k dV],
    dH = dY k + dQ U.

    With "before", dV = dZ_n U_n, dZ_r = dV H r (1 - r), dQ = [dZ_r dZ_k],
    dH = dY k + dV r + dQ [U_r; U_k].
    """
    r, k, n = S
    dr, dk, dn = slopes
    of_gates = slopes[:2]
    np.multiply(S, S, slopes)
    np.subtract(S[:2], of_gates, of_gates)
    np.subtract(1, dn, dn)
    if padded is not None:
        np.copyto(slopes, 0, where=padded)
    np.subtract(H, n, change)
    dk *= change
    dk *= dY
    np.multiply(dY, k, kept)
    np.subtract(dY, kept, change)
    dn *= change
    if padded is not None:
        np.copyto(kept, dY, where=padded)
    if reset == "after":
        np.multiply(dn, V, change)
        dr *= change
        np.multiply(dn, r, dQ_gates[2])
        np.copyto(dQ_gates[:2], of_gates)
        np.dot(dQ, U, dH)
        dH += kept
    else:
        rk = 2 * len(U) // 3
        np.dot(dn, U[rk:], dV)
        np.multiply(dV, H, change)
        dr *= change
        np.copyto(dQ_gates, of_gates)
        np.dot(dQ, U[:rk], dH)
        dH += kept
        dV *= r
        dH += dV
    np.copyto(dZ, slopes)


@twin
def gru(
    Z: Array,  # (time, m, 3 units)
    U: Array,  # (3 units, units)
    b_reset: Array | None,  # (units,), with "after"
    padded: Array | None,  # (time, m, 1), booleans
    H: Array,  # (time + 1, m, units), of which H[0] is given
    S: Array,  # (time, 3, m, units)
    V: Array,  # (time, m, units)
    Q: Array,  # (3, m, units), scratch
) -> Array:
    """H_(t+1) = cell(Z_t, H_t), from the first step to the last."""
    Z, U = by_gate(Z, 3), by_gate(U.T, 3)
    with np.errstate(over="ignore"):  # see `sigmoid_of_gates`
        for t in range(len(Z)):
            padded_t = None if padded is None else padded[t]
            gru_cell(Z[t], H[t], U, b_reset, padded_t, S[t], V[t], H[t + 1], Q)
    return H


@twin
def gru_backward(
    dY: Array | None,  # (time, m, units), what comes to each state from outside
    H: Array,  # (time + 1, m, units)
    U: Array,  # (3 units, units)
    reset: Reset,
    padded: Array | None,  # (time, m, 1), booleans
    S: Array,  # (time, 3, m, units)
    V: Array,  # (time, m, units)
    dZ: Array,  # (time, m, 3 units)
    dQ: Array,  # (time, m, 3 units), or (time, m, 2 units) with "before"
    dh: Array,  # (m, units), given for the last state, becomes that of the first
    slopes: Array,  # (3, m, units), scratch
    dV: Array,  # (m, units), scratch
    kept: Array,  # (m, units), scratch
    change: Array,  # (m, units), scratch
) -> Array:
    """dZ_t, dQ_t and dh from the cell's gradients, from the last step to the first."""
    dZ_gates, dQ_gates = by_gate(dZ, 3), by_gate(dQ, 3 if reset == "after" else 2)
    for t in reversed(range(len(dZ))):
        if dY is not None:
            np.add(dh, dY[t], out=dh)
        padded_t = None if padded is None else padded[t]
        gru_cell_backward(
            dh, H[t], U, reset, padded_t, S[t], V[t],
            dZ_gates[t], dQ[t], dQ_gates[t], dh, slopes, dV, kept, change,
        )  # fmt: skip
    return dh
