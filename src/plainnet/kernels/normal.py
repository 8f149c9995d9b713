"""The standard normal distribution, for which NumPy has no error function."""

from math import pi, sqrt

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from plainnet.kernels.arrays import Array

# erfc(x) = t exp(-x^2 + P(t)) with t = 2 / (2 + x): the form of Press et al., Numerical Recipes
# (2007), section 6.2.2. These are the Chebyshev coefficients of P on 0 < t <= 1, from its values at
# 48 Chebyshev nodes to 60 digits. All of them give float64, the first 11 float32.
_LOG_ERFC = (
    -0.651326859890854717,
    0.64196979235649026,
    0.0194764732041858363,
    -0.00956151478680863164,
    -0.000946595344482036866,
    0.000366839497852761452,
    0.0000425233248069077716,
    -0.0000202785781125342432,
    -1.62429000464702551e-6,
    1.3036558355805232e-6,
    1.56264417220661432e-8,
    -8.52380959149265425e-8,
    6.5290544390988515e-9,
    5.05934349555146894e-9,
    -9.91364156493033087e-10,
    -2.27365122293183586e-10,
    9.6467911020155268e-11,
    2.39403808303911474e-12,
    -6.8860275264975534e-12,
    8.94487927309072572e-13,
    3.13092139934295808e-13,
    -1.12708223613672524e-13,
    3.81090525518923206e-16,
    7.10609761360923699e-15,
    -1.5230282014571043e-15,
    -9.457494571291234e-17,
)
_LOG_ERFC_POWERS = {
    np.dtype(kind): tuple(map(float, cheb2poly(_LOG_ERFC[:n])[::-1]))
    for kind, n in ((np.float32, 11), (np.float64, len(_LOG_ERFC)))
}
"""Coefficients of the powers of s = 2 t - 1, the highest first."""


def normal_pdf(
    Z: Array,  # (...)
    out: Array,  # (...), may be Z
) -> Array:
    """The density exp(-Z^2 / 2) / sqrt(2 pi)."""
    np.multiply(Z, Z, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= 1 / sqrt(2 * pi)
    return out


def normal_cdf(
    Z: Array,  # (...)
    out: Array,  # (...), not Z
    work: Array,  # (2, ...), scratch
) -> Array:
    """The distribution function erfc(-Z / sqrt(2)) / 2.

    Relative error below 1e-14 in float64 and 2e-6 in float32 for |Z| < 5.
    """
    s, P = work
    t = np.abs(Z, out=out)
    t *= sqrt(0.5)
    t += 2
    np.divide(2, t, out=t)

    # P(t) as a polynomial in s = 2 t - 1, by Horner's rule.
    np.multiply(t, 2, out=s)
    s -= 1
    highest, *others = _LOG_ERFC_POWERS[out.dtype]
    P.fill(highest)
    for c in others:
        P *= s
        P += c

    # The upper tail Q(|Z|) = t exp(P - Z^2 / 2) / 2; then Phi is Q below zero and 1 - Q above.
    square = np.multiply(Z, Z, out=s)
    square *= 0.5
    P -= square
    np.exp(P, out=P)
    t *= P
    t *= 0.5
    above = np.greater(Z, 0, out=s, casting="unsafe")
    np.subtract(above, t, out=out)
    return np.abs(out, out=out)
