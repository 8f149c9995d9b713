"""How one number is made of others, and how that is written; test_trace.py has all layers."""

from __future__ import annotations

import numpy as np

from plainnet.engine.formulas import Formula
from plainnet.inspection.tracing.terms import Terms
from plainnet.inspection.tracing.writing import Writer


def test_a_line_as_a_textbook_has_it():
    known = {
        "A": np.array([[0.35, -1.06, 0.5]]),
        "W": np.array([[0.2, 0.1, 4.0], [-0.82, 0.69, 0.0]]),
        "b": np.array([0.25, 1.0]),
    }
    line = Terms(Formula("Z", "A @ W.T + b", ""), known)
    term = line.element((0, 1))
    assert Writer().line("Z", (0, 1), term) == (
        "Z[0, 1] = 0.35*(-0.82) + (-1.06)*0.69 + 0.5*0 + 1 = -0.0184"
    )
    assert Writer(names=True)(term) == (
        "A[0, 0]*W[1, 0] + A[0, 1]*W[1, 1] + A[0, 2]*W[1, 2] + b[1]"
    )
    long = Terms(Formula("s", "x.sum()", ""), {"x": np.arange(1.0, 1001)}).element(())
    assert Writer()(long) == "1 + 2 + 3 + 4 + 5 + 6 + (992 more: 498480) + 999 + 1000"
