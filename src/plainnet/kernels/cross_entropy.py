"""The cross-entropy of a softmax, with all digits where a probability rounds to 1.

With E = exp(Z), e that of the true class and R the sum of the others,

    -log P = log(1 + R / e)        P = E / (e + R)

so that a loss next to 0 is R / e. These are exponentials of Z, not of Z - max Z: the difference is
rounded, and exp makes an absolute error of its argument a relative one of its result.
"""

from math import log

import numpy as np

from plainnet.kernels.activations import LARGEST_EXPONENT
from plainnet.kernels.arrays import Array, counting, sum_rows
from plainnet.kernels.compiled import twin


@twin
def cross_entropy(
    Z: Array,  # (m, K)
    y: Array,  # (m,), class ids, integers
    losses: Array,  # (m,)
    dL: Array,  # (m, K), whose transpose lies in one piece, for loops over K long rows
    p: Array | None,  # (m,), the probability of the true class
    index: Array,  # (m,), integers, scratch
    rows: Array,  # (5, m), scratch
    far: Array,  # (m,), booleans, scratch
) -> Array:
    """L_i = -log P_iy, dL_ik = P_ik - [k = y_i]: for the true class minus the sum of the others."""
    m, K = Z.shape
    E, e, (R, total, z, shift, near) = dL.T, losses, rows
    np.copyto(E, Z.T)
    flat = E.reshape(-1)
    np.multiply(y, m, out=index)
    np.add(index, counting(m), out=index)
    limit = LARGEST_EXPONENT[Z.dtype] - log(K)
    is_near = _all_below(Z, limit / 2)  # so that neither R / e nor e / R overflows
    if not is_near:
        _bring_near(E, limit - 2, shift, near, far)
        flat.take(index, out=z, mode="clip")
    np.exp(E, out=E)
    flat.take(index, out=e, mode="clip")
    flat[index] = 0
    sum_rows(E, R)
    np.add(e, R, out=total)
    if p is not None:
        np.divide(e, total, out=p)
    if is_near:
        np.log1p(np.divide(R, e, out=e), out=e)
    else:
        _far(e, R, total, z, shift, far)
    np.negative(R, out=R)
    flat[index] = R
    E /= total
    return losses


def _all_below(Z: Array, limit: float) -> bool:
    """Whether all |Z| are below the limit."""
    z = Z.reshape(-1)
    # One quick sum settles most batches; otherwise the reductions decide.
    return bool(
        np.dot(z, z) < limit**2 or (np.maximum.reduce(z) < limit and np.minimum.reduce(z) > -limit)
    )


def _far(e: Array, R: Array, total: Array, z: Array, least: Array, far: Array) -> None:
    """log(1 + R / e), written over e = exp(z), where R / e may overflow."""
    np.multiply(R, 64 * np.finfo(R.dtype).tiny, out=least)
    np.less(e, least, out=far)
    np.divide(R, np.maximum(e, least, out=least), out=e)
    np.log1p(e, out=e)
    np.copyto(e, np.subtract(np.log(total, out=least), z, out=least), where=far)


def _bring_near(S: Array, limit: float, top: Array, near: Array, large: Array) -> None:
    """Shift each column, which changes no softmax, so that its largest lies in (-1, limit + 1).

    The shift is a whole number, and 0 in that interval: what counts beside the largest stays exact.
    So it does beside a very large one, from which it differs by less than half.
    """
    np.maximum.reduce(S, axis=0, out=top)
    np.clip(top, 0, limit, out=near)
    np.greater(top, 4 * limit, out=large)
    np.copyto(near, 0, where=large)
    top -= near
    S -= np.trunc(top, out=top)
