"""A term recomputed from its leaves with `math`, and a printed line parsed and recomputed."""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import Any

import numpy as np
from scipy import special

from plainnet.inspection.tracing.terms import Function, Many, Number, Operation, Term

SIGNS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": operator.mod,
    "//": operator.floordiv,
    "&": operator.and_,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
FUNCTIONS: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh")},
    "sin": math.sin,
    "cos": math.cos,
    "abs": abs,
    "maximum": max,
    "minimum": min,
    "sign": lambda z: int(z > 0) - int(z < 0),
    "sigmoid": special.expit,
    "softplus": lambda z: np.logaddexp(0, z),
    "Phi": special.ndtr,
    "phi": lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    "heaviside": lambda z, at_0: at_0 if z == 0 else float(z > 0),
}
OF_MANY = {
    "sum": math.fsum,
    "mean": lambda numbers: math.fsum(numbers) / len(numbers),
    "max": max,
    "min": min,
}


def recomputed(term: Term) -> Any:
    """The term's value, from those of its leaves alone."""
    match term:
        case Number():
            return term.value
        case Operation(operands=[operand]):
            return -recomputed(operand)
        case Operation():
            return SIGNS[term.sign](*map(recomputed, term.operands))
        case Function():
            return FUNCTIONS[term.name](*map(recomputed, term.operands))
        case Many():
            return OF_MANY[term.kind]([recomputed(each) for each in term.terms])


# --- what is printed ------------------------------------------------------------------------------


class Undecided(Exception):
    """Two rounded numbers that could be in either order."""


class Rounded:
    """A number of which so many digits are known, and how far a result may be off for that."""

    def __init__(self, value: float, error: float) -> None:
        self.value, self.error = float(value), float(error)

    @staticmethod
    def of(value: Any) -> Rounded:
        return (
            value
            if isinstance(value, Rounded)
            else Rounded(math.nan if value is None else value, 0)
        )

    def _with(self, other: Any, sign: Any) -> Rounded:
        other = Rounded.of(other)
        value = sign(self.value, other.value)
        ends = [
            sign(self.value + a * self.error, other.value + b * other.error)
            for a in (-1, 1)
            for b in (-1, 1)
        ]
        return Rounded(value, max(abs(end - value) for end in ends))

    def __add__(self, other: Any) -> Rounded:
        return self._with(other, operator.add)

    def __sub__(self, other: Any) -> Rounded:
        return self._with(other, operator.sub)

    def __mul__(self, other: Any) -> Rounded:
        return self._with(other, operator.mul)

    def __truediv__(self, other: Any) -> Rounded:
        other = Rounded.of(other)
        if abs(other.value) <= 2 * other.error:
            raise Undecided
        return self._with(other, operator.truediv)

    def __pow__(self, other: Any) -> Rounded:
        if self.value and abs(self.value) <= 2 * self.error:
            raise Undecided
        return self._with(other, operator.pow)

    def __mod__(self, other: Any) -> Rounded:
        return self._with(other, operator.mod)

    def __floordiv__(self, other: Any) -> Rounded:
        return self._with(other, operator.floordiv)

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error)

    def _compared(self, other: Any, sign: Any) -> Rounded:
        other = Rounded.of(other)
        if self.value != other.value and (
            abs(self.value - other.value) <= self.error + other.error
        ):
            raise Undecided
        if self.value == other.value and self.error + other.error and self.value != int(self.value):
            raise Undecided
        return Rounded(float(sign(self.value, other.value)), 0.0)

    def __gt__(self, other: Any) -> Rounded:  # type: ignore[override]
        return self._compared(other, operator.gt)

    def __ge__(self, other: Any) -> Rounded:
        return self._compared(other, operator.ge)

    def __lt__(self, other: Any) -> Rounded:
        return self._compared(other, operator.lt)

    def __le__(self, other: Any) -> Rounded:
        return self._compared(other, operator.le)

    def __eq__(self, other: Any) -> Rounded:  # type: ignore[override]
        return self._compared(other, operator.eq)

    def __ne__(self, other: Any) -> Rounded:  # type: ignore[override]
        return self._compared(other, operator.ne)

    def __and__(self, other: Any) -> Rounded:
        return Rounded(float(bool(self.value) and bool(Rounded.of(other).value)), 0.0)

    __hash__ = None  # type: ignore[assignment]


def of_rounded(function: Any) -> Any:
    def rounded(*numbers: Any) -> Rounded:
        numbers = tuple(map(Rounded.of, numbers))
        value = function(*(n.value for n in numbers))
        error = 0.0
        for i, n in enumerate(numbers):
            for sign in (-1, 1):
                moved = [m.value + sign * n.error * (j == i) for j, m in enumerate(numbers)]
                error += abs(function(*moved) - value)
        return Rounded(value, error)

    return rounded


BETWEEN = re.compile(r"\([\d,]+ more: ([^()]+)\)")


def parsed(text: str, digits: int) -> Rounded:
    """What a printed line says, with the error that its digits leave."""

    class Digits(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            if node.value is None:
                return node
            exact = isinstance(node.value, int) and len(str(node.value)) < digits
            error = 0.0 if exact else 0.5 * 10 ** (1 - digits) * abs(node.value)
            made = f"Rounded({node.value!r}, {error!r})"
            return ast.parse(made, mode="eval").body

    tree = ast.parse(BETWEEN.sub(r"(\1)", text), mode="eval")
    code = compile(ast.fix_missing_locations(Digits().visit(tree)), "<printed>", "eval")
    names = {name: of_rounded(function) for name, function in FUNCTIONS.items()}
    names |= {name: of_rounded(lambda *n, f=f: f(n)) for name, f in OF_MANY.items()}
    return Rounded.of(eval(code, {"Rounded": Rounded, "inf": math.inf, **names}))
