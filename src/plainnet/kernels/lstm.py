"""Long short-term memory as a loop over a cell; what holds for all recurrence is in `rnn`.

The cell, with the parts of Z + H U' in the order i, f, o, g:

    i, f, o = sigmoid of their parts, g = tanh of its
    c' = f c + i g
    h' = o tanh(c')

Python costs as much as arithmetic here. So what the gates need lies beside each other in an order
in which one call serves two or three of them:

    S = [ i    f    o    g    c    tanh c' ]
    E = [ i g  f c  h' ]

(i, f) (g, c) is the first two of E, and their sum is c'. The slopes of i, f, o, times what they
multiply, are E (1 - (i, f, o)); those of g and tanh c', which stand two apart, are
(i, o) - (i g, h') (g, tanh c').
"""

import numpy as np

from plainnet.kernels.arrays import Array
from plainnet.kernels.compiled import twin
from plainnet.kernels.gated import by_gate, sigmoid_of_gates


def lstm_cell(
    Z: Array,  # (4, m, units)
    H: Array,  # (m, units)
    U: Array,  # (4, units, units), transposed gate by gate
    padded: Array | None,  # (m, 1), booleans
    S: Array,  # (6, m, units), of which S[4] = c is given
    E: Array,  # (3, m, units)
    C_next: Array,  # (m, units)
    Y: Array,  # (m, units)
) -> Array:
    """C_next = f c + i g, Y = o tanh(C_next)."""
    gates, g, tanh_c = S[:4], S[3], S[5]
    np.matmul(H, U, gates)
    gates += Z
    sigmoid_of_gates(S[:3])
    np.tanh(g, g)
    if padded is not None:
        np.copyto(S[0], 0, where=padded)
        np.copyto(S[1], 1, where=padded)  # with i = 0, c stays as it is
    np.multiply(S[:2], S[3:5], E[:2])
    np.add(E[0], E[1], C_next)
    np.tanh(C_next, tanh_c)
    np.multiply(S[2], tanh_c, Y)
    if padded is not None:
        np.copyto(Y, H, where=padded)
    E[2] = Y
    return Y


def lstm_cell_backward(
    dY: Array,  # (m, units)
    dC_next: Array,  # (m, units)
    U: Array,  # (4 units, units)
    padded: Array | None,  # (m, 1), booleans
    S: Array,  # (6, m, units)
    E: Array,  # (3, m, units)
    dZ: Array,  # (m, 4 units)
    dZ_gates: Array,  # (4, m, units), dZ by gate
    dC: Array,  # (m, units), may be dC_next
    dH: Array,  # (m, units), may be dY
    slopes: Array,  # (5, m, units), scratch: of i, f, o, g, tanh c'
    part: Array,  # (m, units), scratch
    kept: Array,  # (m, units), scratch
) -> None:
    """dC = ds f, where ds = dC_next + dY o (1 - tanh^2 c'), and dH = dZ U.

    dZ_i = ds g i (1 - i), dZ_f = ds c f (1 - f), dZ_o = dY tanh(c') o (1 - o),
    dZ_g = ds i (1 - g^2).
    """
    of_sigmoids, of_tanhs = slopes[:3], slopes[3:]
    np.multiply(E, S[:3], of_sigmoids)
    np.subtract(E, of_sigmoids, of_sigmoids)
    np.multiply(E[::2], S[3::2], of_tanhs)
    np.subtract(S[0:3:2], of_tanhs, of_tanhs)
    if padded is not None:
        np.copyto(slopes, 0, where=padded)
        np.copyto(kept, dY)
    np.multiply(dY, slopes[4], part)
    np.add(dC_next, part, dC)
    np.multiply(dC, slopes[:2], dZ_gates[:2])
    np.multiply(dY, slopes[2], dZ_gates[2])
    np.multiply(dC, slopes[3], dZ_gates[3])
    np.multiply(dC, S[1], dC)
    np.dot(dZ, U, dH)
    if padded is not None:
        np.copyto(dH, kept, where=padded)


@twin
def lstm(
    Z: Array,  # (time, m, 4 units)
    U: Array,  # (4 units, units)
    padded: Array | None,  # (time, m, 1), booleans
    H: Array,  # (time + 1, m, units), of which H[0] is given
    S: Array,  # (time + 1, 6, m, units), of which S[0, 4] = c is given
    E: Array,  # (time, 3, m, units)
) -> Array:
    """H_(t+1), c_(t+1) = cell(Z_t, H_t, c_t), from the first step to the last."""
    Z, U = by_gate(Z, 4), by_gate(U.T, 4)
    with np.errstate(over="ignore"):  # see `sigmoid_of_gates`
        for t in range(len(Z)):
            padded_t = None if padded is None else padded[t]
            lstm_cell(Z[t], H[t], U, padded_t, S[t], E[t], S[t + 1, 4], H[t + 1])
    return H


@twin
def lstm_backward(
    dY: Array | None,  # (time, m, units), what comes to each state from outside
    U: Array,  # (4 units, units)
    padded: Array | None,  # (time, m, 1), booleans
    S: Array,  # (time + 1, 6, m, units)
    E: Array,  # (time, 3, m, units)
    dZ: Array,  # (time, m, 4 units)
    dc: Array,  # (m, units), given for the last c, becomes that of the first
    dh: Array,  # (m, units), likewise
    slopes: Array,  # (5, m, units), scratch
    part: Array,  # (m, units), scratch
    kept: Array,  # (m, units), scratch
) -> Array:
    """dZ_t, dc and dh from the cell's gradients, from the last step to the first."""
    gates = by_gate(dZ, 4)
    for t in reversed(range(len(dZ))):
        if dY is not None:
            np.add(dh, dY[t], out=dh)
        padded_t = None if padded is None else padded[t]
        lstm_cell_backward(
            dh, dc, U, padded_t, S[t], E[t], dZ[t], gates[t], dc, dh, slopes, part, kept
        )
    return dh
