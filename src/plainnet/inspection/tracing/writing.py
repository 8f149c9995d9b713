"""Terms as a line of mathematics that can be read, checked on paper, and parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from plainnet.inspection.tracing.terms import (
    Function,
    Index,
    Many,
    Number,
    Operation,
    Term,
    together,
)

DIGITS = 3
WHOLE_DIGITS = 6
"""Whole numbers are written out up to here."""
FURTHER = 4
"""A number with as many zeros after its digits is taken for a shorter one."""
MOST_TERMS, AT_THE_END = 8, 2
"""A longer sum shows its first terms and these last ones; what is between them is one number."""

SIGNED_NUMBER = re.compile(r"-[\d.]+(e[+-]\d+)?(?=[*/]|$)")

COMPARISON, SUM, PRODUCT, SIGNED, POWER, ATOM = range(6)
"""How strongly an expression binds, as in Python."""
BINDS = {
    **dict.fromkeys((">", ">=", "<", "<=", "==", "!=", "&"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "//", "%"), PRODUCT),
    "**": POWER,
}


def number(value: Any, digits: int = DIGITS) -> str:
    """The value with so many significant digits; fewer only where that is the value.

    What rounding in floating point adds to it does not count. Whole numbers are written out.

    >>> [number(x) for x in (0.3468, -1.0, 1.0009, 0.1 + 0.2, 1000.0, 12345.6, 0.00003, True)]
    ['0.347', '-1', '1.00', '0.3', '1000', '1.23e+04', '3e-05', '1']
    """
    if value is None:  # a setting, such as a padding that there is not
        return "None"
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(int(value))
    value = float(value)
    if value.is_integer() and abs(value) < 10 ** max(digits, WHOLE_DIGITS):
        return str(int(value))
    short = f"{value:.{digits}g}"
    is_it = abs(float(short) - value) <= abs(value) * 10.0 ** -(digits + FURTHER)
    return short if is_it else f"{value:#.{digits}g}".rstrip(".")


def reference(name: str, index: Index) -> str:
    """A number's name in its array: W[3, 0]."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _bracketed(text: str) -> str:
    """What begins with a minus sign, where it follows an operation: (-2)*3, (-exp(0.5))."""
    if not text.startswith("-"):
        return text
    sign = SIGNED_NUMBER.match(text)
    return f"({sign[0]}){text[sign.end() :]}" if sign else f"({text})"


class Writer:
    """Writes terms.

    Parameters
    ----------
    digits : int
        Significant digits of a number.
    most : int
        Terms of a sum, mean, max or min that are written out.
    names : bool
        Names with indices, such as W[3, 0], rather than their values.
    """

    def __init__(
        self, digits: int = DIGITS, most: int = MOST_TERMS, *, names: bool = False
    ) -> None:
        self.digits, self.most, self.names = digits, most, names

    def __call__(self, term: Term) -> str:
        return self._written(term)[0]

    def line(self, name: str, index: Index, term: Term) -> str:
        """Z[0, 1] = 0.35*(-1.06) + 0.82*0.69 = 0.195."""
        result, made = reference(name, index), self(term)
        value = number(term.value, self.digits)
        return f"{result} = {made}" if made == value else f"{result} = {made} = {value}"

    def _written(self, term: Term) -> tuple[str, int]:
        """The text, and how strongly it binds."""
        match term:
            case Number(name=name, index=index, value=value):
                if self.names and name:
                    return reference(name, index), ATOM
                text = number(value, self.digits)
                return text, SIGNED if text.startswith("-") else ATOM
            case Operation(sign=sign, operands=[operand]):
                return f"{sign}{self._within(operand, POWER)}", SIGNED
            case Operation(sign=sign, operands=[left, right]):
                return self._between(sign, left, right)
            case Function(name=name, operands=operands):
                return f"{name}({', '.join(map(self, operands))})", ATOM
            case Many(kind="sum"):
                return self._sum(term)
            case Many(kind="mean", terms=terms):
                text, binds = self._sum(term)
                total = text if binds > PRODUCT else f"({text})"
                return f"{total}/{len(terms)}", PRODUCT
            case Many(kind=kind):
                return f"{kind}({', '.join(self._some(term, self))})", ATOM
        raise TypeError(f"{term!r} is not a term")

    def _between(self, sign: str, left: Term, right: Term) -> tuple[str, int]:
        binds = BINDS[sign]
        # a - (b + c), a / (b*c), a*(b//c), (a**b)**c have brackets; a + (b - c), a*(b/c) need none.
        whole = isinstance(right, Operation) and right.sign in ("//", "%")
        from_left = binds + (binds in (POWER, COMPARISON))
        from_right = binds + (whole or sign not in ("+", "*", "**"))
        first, second = self._within(left, from_left), self._within(right, from_right)
        second = _bracketed(second)
        space = "" if binds in (PRODUCT, POWER) else " "
        return f"{first}{space}{sign}{space}{second}", binds

    def _within(self, term: Term, binds: int) -> str:
        text, own = self._written(term)
        return text if own >= binds else f"({text})"

    def _sum(self, term: Many) -> tuple[str, int]:
        if len(term.terms) == 1:
            return self._written(term.terms[0])
        parts = self._some(term, lambda each: self._within(each, SUM))
        if not parts:
            return "0", ATOM
        first, *others = parts
        return " + ".join([first, *map(_bracketed, others)]), SUM

    def _some(self, term: Many, write: Callable[[Term], str]) -> list[str]:
        """The terms, of many the first and the last, with what the others make together."""
        terms = term.terms
        if len(terms) <= self.most:
            return [write(each) for each in terms]
        first = self.most - AT_THE_END
        between = term.values[first:-AT_THE_END]
        kind = "sum" if term.kind == "mean" else term.kind
        made = number(together(kind, between), self.digits)
        shown = f"({len(between):,} more: {made})"
        return [*map(write, terms[:first]), shown, *map(write, terms[-AT_THE_END:])]
