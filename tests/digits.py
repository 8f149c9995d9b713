"""What a loss is, to 60 digits, from its definition: Python's decimal arithmetic, and no NumPy.

Numbers come as the floats that the loss got, and are taken exactly.
"""

import math
from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from functools import wraps
from typing import Any

import numpy as np

Number = Decimal
Pair = tuple[Decimal, list[Decimal]]
"""A loss, and its gradient."""


def exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments as decimals, and 60 digits."""

    def exact(value: Any) -> Any:
        if isinstance(value, list | tuple | np.ndarray):
            return [exact(v) for v in value]
        return value if isinstance(value, int) else Decimal(float(value))

    @wraps(function)
    def called(*arguments: Any) -> Any:
        with localcontext(Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX)):
            return function(*map(exact, arguments))

    return called


def agrees(value: float, expected: Decimal, dtype: type, bound: float) -> bool:
    """Within this relative error, or where the dtype ends."""
    info = np.finfo(dtype)
    if abs(expected) > Decimal(float(info.max)):
        return math.isinf(value) and (value > 0) == (expected > 0)
    error = abs(Decimal(float(value)) - expected)
    return error <= max(abs(expected) * Decimal(bound), Decimal(float(info.tiny)))


def log1p(x: Decimal) -> Decimal:
    return x - x * x / 2 + x**3 / 3 if abs(x) < Decimal("1e-20") else (1 + x).ln()


def expm1(x: Decimal) -> Decimal:
    return x + x * x / 2 + x**3 / 6 if abs(x) < Decimal("1e-20") else x.exp() - 1


# --- classes --------------------------------------------------------------------------------------


def odds_against(z: Sequence[Decimal]) -> list[Decimal]:
    """(1 - P_k) / P_k of the softmax, for each class k."""
    top = max(z)
    E = [(v - top).exp() for v in z]
    return [sum(e for j, e in enumerate(E) if j != k) / E[k] for k in range(len(z))]


@exactly
def softmax_cross_entropy(z: list[Decimal], target: Any, smoothing: Decimal) -> Pair:
    K, s = len(z), smoothing
    y = target if isinstance(target, list) else [Decimal(k == target) for k in range(K)]
    q = [(1 - s) * v + s / K for v in y]
    odds = odds_against(z)
    loss = sum(q[k] * log1p(odds[k]) for k in range(K))
    # P sum(q) - q, as the rest of q less (1 - P) sum(q): 60 digits are few beside 1e-8000.
    gradient = [
        sum(v for j, v in enumerate(q) if j != k) - sum(q) * odds[k] / (1 + odds[k])
        if q[k] > sum(q) / 2
        else sum(q) / (1 + odds[k]) - q[k]
        for k in range(K)
    ]
    return loss, gradient


@exactly
def focal(z: list[Decimal], target: int, gamma: Decimal) -> Pair:
    each = odds_against(z)
    odds = each[target]
    p, q, surprise = 1 / (1 + odds), odds / (1 + odds), log1p(odds)
    slope = q**gamma + gamma * p * q ** (gamma - 1) * surprise
    gradient = [slope * (-q if k == target else 1 / (1 + o)) for k, o in enumerate(each)]
    return q**gamma * surprise, gradient


@exactly
def sigmoid_cross_entropy(z: Decimal, y: Decimal, smoothing: Decimal) -> Pair:
    y = (1 - smoothing) * y + smoothing / 2
    loss = y * (log1p(z.exp()) - z if z < 0 else log1p((-z).exp()))
    loss += (1 - y) * (log1p(z.exp()) if z < 0 else z + log1p((-z).exp()))
    below, above = 1 / (1 + z.exp()), 1 / (1 + (-z).exp())
    return loss, [(1 - y) * above - y * below]


@exactly
def hinge(z: list[Decimal], target: int, squared: int) -> Pair:
    rival = max(v for k, v in enumerate(z) if k != target)
    missing = max(Decimal(0), 1 + rival - z[target])
    slope = Decimal(missing > 0) * (2 * missing if squared else 1)
    first = next(k for k, v in enumerate(z) if v == rival and k != target)
    gradient = [slope * ((k == first) - (k == target)) for k in range(len(z))]
    return missing ** (2 if squared else 1), gradient


# --- numbers --------------------------------------------------------------------------------------


def sign(x: Decimal) -> int:
    return (x > 0) - (x < 0)


@exactly
def squared_error(z: Decimal, y: Decimal) -> Pair:
    return (z - y) ** 2, [2 * (z - y)]


@exactly
def absolute_error(z: Decimal, y: Decimal) -> Pair:
    return abs(z - y), [Decimal(sign(z - y))]


@exactly
def huber(z: Decimal, y: Decimal, delta: Decimal) -> Pair:
    d = z - y
    if abs(d) <= delta:
        return d * d / 2, [d]
    return delta * (abs(d) - delta / 2), [sign(d) * delta]


@exactly
def pinball(z: Decimal, y: Decimal, level: Decimal) -> Pair:
    slope = [-level, Decimal("0.5") - level, 1 - level][1 + sign(z - y)]
    return (z - y) * slope, [slope]


@exactly
def poisson(z: Decimal, y: Decimal) -> Pair:
    return z.exp() - y * z, [z.exp() - y]


@exactly
def tweedie(z: Decimal, y: Decimal, p: Decimal) -> Pair:
    U, V = ((2 - p) * z).exp(), y * ((1 - p) * z).exp()
    return U / (2 - p) + V / (p - 1), [U - V]


@exactly
def half_poisson_deviance(z: Decimal, y: Decimal) -> Pair:
    mu = z.exp()
    return mu - y + (y * (y.ln() - z) if y else 0), [mu - y]
