"""Elman's recurrence as a loop over a cell.

Here as in `lstm` and `gru`, sequences lie with the steps first, (time, m, ...), so that a step is
one block of memory. What does not depend on the state, Z = A W' + b, is one product over all steps,
made before; so are the gradients of the weights, made after. In a step that is padded for an
example, its state stays as it is, and the gradient of the state goes through unchanged.
"""

import numpy as np

from plainnet.kernels.activations import relu, relu_backward, tanh, tanh_backward
from plainnet.kernels.arrays import Array
from plainnet.kernels.compiled import twin


def rnn_cell(
    Z: Array,  # (m, units)
    H: Array,  # (m, units)
    U: Array,  # (units, units)
    rectified: bool,
    padded: Array | None,  # (m, 1), booleans
    Y: Array,  # (m, units)
    pre: Array,  # (m, units), scratch
) -> Array:
    """Y = tanh(Z + H U'), or max(Z + H U', 0) if rectified."""
    np.dot(H, U.T, pre)
    pre += Z
    if rectified:
        relu(pre, Y)
    else:
        tanh(pre, Y)
    if padded is not None:
        np.copyto(Y, H, where=padded)
    return Y


def rnn_cell_backward(
    dY: Array,  # (m, units)
    Y: Array,  # (m, units)
    U: Array,  # (units, units)
    rectified: bool,
    padded: Array | None,  # (m, 1), booleans
    dZ: Array,  # (m, units)
    dH: Array,  # (m, units), may be dY
    slope: Array,  # (m, units), scratch; booleans if rectified
    kept: Array,  # (m, units), scratch
) -> None:
    """dZ = dY (1 - Y^2), or dY [Y > 0] if rectified; dH = dZ U."""
    if rectified:
        relu_backward(dY, Y, dZ, slope)
    else:
        tanh_backward(dY, Y, dZ, slope)
    if padded is None:
        np.dot(dZ, U, dH)
    else:
        np.copyto(dZ, 0, where=padded)
        np.copyto(kept, dY)
        np.dot(dZ, U, dH)
        np.copyto(dH, kept, where=padded)


@twin
def rnn(
    Z: Array,  # (time, m, units)
    U: Array,  # (units, units)
    rectified: bool,
    padded: Array | None,  # (time, m, 1), booleans
    H: Array,  # (time + 1, m, units), of which H[0] is given
    pre: Array,  # (m, units), scratch
) -> Array:
    """H_(t+1) = cell(Z_t, H_t), from the first step to the last."""
    for t in range(len(Z)):
        padded_t = None if padded is None else padded[t]
        rnn_cell(Z[t], H[t], U, rectified, padded_t, H[t + 1], pre)
    return H


@twin
def rnn_backward(
    dY: Array | None,  # (time, m, units), what comes to each state from outside
    H: Array,  # (time + 1, m, units)
    U: Array,  # (units, units)
    rectified: bool,
    padded: Array | None,  # (time, m, 1), booleans
    dZ: Array,  # (time, m, units)
    dh: Array,  # (m, units), given for the last state, becomes that of the first
    slope: Array,  # (m, units), scratch; booleans if rectified
    kept: Array,  # (m, units), scratch
) -> Array:
    """dZ_t and dh from the cell's gradients, from the last step to the first."""
    for t in reversed(range(len(dZ))):
        if dY is not None:
            np.add(dh, dY[t], out=dh)
        padded_t = None if padded is None else padded[t]
        rnn_cell_backward(dh, H[t + 1], U, rectified, padded_t, dZ[t], dh, slope, kept)
    return dh
