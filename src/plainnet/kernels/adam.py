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
    settings: Array,  # (4,): beta1, beta2, epsilon, rate
    work: Array,  # (n,), scratch
) -> None:
    """M <- beta1 M + g, V <- beta2 V + g^2, p <- p - rate M / (sqrt(V) + epsilon).

    With V_max, the largest V so far takes the place of V in the last.
    """
    beta1, beta2, epsilon, rate = (settings[i, ...] for i in range(4))
    M *= beta1
    M += g
    V *= beta2
    V += np.multiply(g, g, out=work)
    if V_max is not None:
        V = np.maximum(V, V_max, out=V_max)
    np.sqrt(V, out=work)
    work += epsilon
    np.divide(M, work, out=work)
    work *= rate
    p -= work
