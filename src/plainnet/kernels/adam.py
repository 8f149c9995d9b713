"""The update of Adam; `optimizers.Adam` has the mathematics."""

import numpy as np

from plainnet.kernels.arrays import Array
from plainnet.kernels.compiled import twin


@twin
def adam(
    p: Array,  # (n,), changed
    g: Array,  # (n,)
    M: Array,  # (n,), changed
    V: Array,  # (n,), changed
    V_max: Array | None,  # (n,), changed; for AMSGrad
    settings: Array,  # (6,): beta1, beta2, epsilon, rate, decay, shrink
    work: Array,  # (n,) or less, scratch: NumPy updates as many numbers at a time
) -> None:
    """M <- beta1 M + g, V <- beta2 V + g^2, p <- p - rate M / (sqrt(V) + epsilon).

    Before that, p <- shrink p, and g + decay p takes the place of g. With V_max, the largest V so
    far takes the place of V in the last.
    """
    arrays = (p, g, M, V) if V_max is None else (p, g, M, V, V_max)
    for start in range(0, len(p), len(work)):
        some = [array[start : start + len(work)] for array in arrays]
        _update(*some, settings=settings, work=work[: len(some[0])])


def _update(
    p: Array, g: Array, M: Array, V: Array, *V_max: Array, settings: Array, work: Array
) -> None:
    beta1, beta2, epsilon, rate, decay, shrink = (settings[i, ...] for i in range(6))
    if shrink != 1:
        p *= shrink
    if decay:
        np.multiply(p, decay, out=work)
        work += g
        g = work
    M *= beta1
    M += g
    V *= beta2
    V += np.multiply(g, g, out=work)
    for largest in V_max:
        V = np.maximum(V, largest, out=largest)
    np.sqrt(V, out=work)
    work += epsilon
    np.divide(M, work, out=work)
    work *= rate
    p -= work
