"""The mean of squared differences, and its gradient at once, while they are in the cache."""

import numpy as np

from plainnet.kernels.arrays import Array
from plainnet.kernels.compiled import twin
from plainnet.kernels.pieces import pieces


@twin
def squared_error(
    Z: Array,  # (m, k)
    y: Array,  # (m, k)
    scale: float,
    losses: Array,  # (m,)
    D: Array,  # (m, k)
    dL: Array,  # (m, k), may be D
) -> Array:
    """D = Z - y, losses_i = mean_j D_ij^2, and dL = scale (2 D / k).

    dL is the gradient of scale times the sum of the losses.
    """
    k = Z.shape[1]
    for z, target, d, slopes, loss in pieces(Z, y, D, dL, losses[:, None]):
        np.subtract(z, target, out=d)
        np.vecdot(d, d, out=loss[:, 0])
        loss /= k
        np.multiply(d, 2 / k, out=slopes)
        if scale != 1:
            slopes *= scale
    return losses
