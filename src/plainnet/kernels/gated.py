"""What the cells with gates share: their arrays gate by gate, and the sigmoid of the gates."""

import numpy as np

from plainnet.kernels.arrays import Array


def by_gate(Z: Array, gates: int) -> Array:
    """A view of (..., m, gates * units) as (..., gates, m, units)."""
    return Z.reshape(*Z.shape[:-1], gates, -1).swapaxes(-3, -2)


def sigmoid_of_gates(Z: Array) -> None:
    """Z becomes 1 / (1 + exp(-Z)). Where exp overflows, the result 0 is right: ignore it outside.

    A clip, as in `activations.sigmoid`, would be a quarter of the time.
    """
    np.negative(Z, out=Z)
    np.exp(Z, out=Z)
    Z += 1
    np.reciprocal(Z, out=Z)
