"""Formulas that are data, evaluated as the mathematics that they are."""

from typing import Any

import numpy as np
from scipy import special

from plainnet.layers import Formulas

FUNCTIONS: dict[str, Any] = {
    "Phi": special.ndtr,
    "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    "sigmoid": special.expit,
    "softplus": lambda z: np.logaddexp(0, z),
    "len": len,
    "abs": np.abs,
} | {
    name: getattr(np, name)
    for name in (
        "arange",
        "concatenate",
        "cos",
        "einsum",
        "exp",
        "expm1",
        "heaviside",
        "inf",
        "log",
        "log1p",
        "maximum",
        "minimum",
        "pi",
        "sign",
        "sin",
        "sqrt",
        "tanh",
        "where",
        "zeros_like",
    )
}


def evaluate(formulas: Formulas, known: dict[str, Any]) -> dict[str, Any]:
    """All results of the formulas, forward then backward."""
    known = FUNCTIONS | known
    for formula in (*formulas.forward, *formulas.backward):
        known[formula.result] = eval(formula.plain, known)
        assert formula.latex
    return known
