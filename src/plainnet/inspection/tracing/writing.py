"""Terms as a line of mathematics that can be read, checked on paper, and parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
"""How many digits before the point are written out."""
FURTHER = 4
"""A number with this many zeros after its digits counts as a shorter one."""
MOST_TERMS, AT_THE_END = 8, 2
"""A longer sum shows its first and last terms; those in between are summed to one number."""

COMPARISON, SUM, PRODUCT, SIGNED, POWER, ATOM = range(6)
"""How strongly an expression binds, as in Python."""
BINDS = {
    **dict.fromkeys((">", ">=", "<", "<=", "==", "!=", "&"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "//", "%"), PRODUCT),
    "**": POWER,
}


def number(value: Any, digits: int = DIGITS) -> str:
    """The value with this many significant digits, or fewer if they are exact.

    Floating-point rounding errors are ignored. Whole numbers are written out, and so is the part
    before the point.

    >>> [number(x) for x in (0.3468, -1.0, 1.0009, 0.1 + 0.2, 1000.0, 12345.6, 0.00003, True)]
    ['0.347', '-1', '1.00', '0.3', '1000', '12346', '3e-05', '1']
    """
    if value is None:  # a setting, such as a padding that there is not
        return "None"
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(int(value))
    value = float(value)
    if value.is_integer() and abs(value) < 10 ** max(digits, WHOLE_DIGITS):
        return str(int(value))
    if 1 <= abs(value) < 10**WHOLE_DIGITS:
        digits = max(digits, len(str(int(abs(value)))))
    short = f"{value:.{digits}g}"
    is_it = abs(float(short) - value) <= abs(value) * 10.0 ** -(digits + FURTHER)
    return short if is_it else f"{value:#.{digits}g}".rstrip(".")


def reference(name: str, index: Index) -> str:
    """A number's name in its array: W[3, 0]."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


class Writer:
    """Writes terms.

    Parameters
    ----------
    digits : int
        Significant digits of a number.
    most : int
        How many terms of a sum, mean, max or min are written out.
    names : bool
        Write names with indices, such as W[3, 0], instead of values.
    """

    signed = re.compile(r"-[\d.]+(e[+-]\d+)?(?=[*/]|$)")
    """A number with a minus sign, at the start of a text and as a whole factor."""

    def __init__(
        self, digits: int = DIGITS, most: int = MOST_TERMS, *, names: bool = False
    ) -> None:
        self.digits, self.most, self.names = digits, most, names

    def __call__(self, term: Term) -> str:
        return self._written(term)[0]

    def line(self, name: str, index: Index, term: Term) -> str:
        """Z[0, 1] = 0.35*(-1.06) + 0.82*0.69 = 0.195."""
        return " = ".join(self.sides(name, index, term))

    def sides(self, name: str, index: Index, term: Term) -> list[str]:
        """The sides of the equation, without repeating the value.

        A number that is only moved is named: Q[0, 1] = Y[0, 1] = 1.
        """
        value = self.number(term.value)[0]
        made, binds = self._written(term)
        if binds == COMPARISON:
            made = self._in_brackets(made)
        if isinstance(term, Number) and term.array and (term.name, term.index) != (name, index):
            made = self._moved(term)
        sides = [self.reference(name, index), made]
        return sides if self.bare(made) == value else [*sides, value]

    # --- the characters, which other forms have others of -----------------------------------------

    def number(self, value: Any) -> tuple[str, int]:
        """A number, and how strongly it binds."""
        text = number(value, self.digits)
        return text, SIGNED if text.startswith("-") else ATOM

    def reference(self, name: str, index: Index) -> str:
        """A number's name in its array."""
        return reference(name, index)

    def bare(self, text: str) -> str:
        """The text without markup."""
        return text

    def _leaf(self, term: Number) -> tuple[str, int]:
        if self.names and term.name:
            return self.reference(term.name, term.index), ATOM
        return self.number(term.value)

    def _moved(self, term: Number) -> str:
        return self.reference(term.name, term.index)

    def _in_brackets(self, text: str) -> str:
        return f"({text})"

    def _joined(self, sign: str, first: str, second: str) -> tuple[str, int]:
        """Two operands that have the brackets that they need."""
        binds = BINDS[sign]
        space = "" if binds in (PRODUCT, POWER) else " "
        return f"{first}{space}{sign}{space}{second}", binds

    def _called(self, name: str, operands: Sequence[Term]) -> tuple[str, int]:
        return self._listed(name, ", ".join(map(self, operands)))

    def _listed(self, name: str, inside: str) -> tuple[str, int]:
        return f"{name}({inside})", ATOM

    def _divided(self, text: str, binds: int, n: int) -> tuple[str, int]:
        return f"{text if binds > PRODUCT else self._in_brackets(text)}/{n}", PRODUCT

    def _left_out(self, n: int, made: str) -> str:
        return f"({n:,} more: {made})"

    # --- the terms -------------------------------------------------------------------------------

    def _written(self, term: Term) -> tuple[str, int]:
        """The text, and how strongly it binds."""
        match term:
            case Number():
                return self._leaf(term)
            case Operation(sign=sign, operands=[operand]):
                return f"{sign}{self._within(operand, POWER)}", SIGNED
            case Operation(sign=sign, operands=[left, right]):
                return self._between(sign, left, right)
            case Function(name=name, operands=operands):
                return self._called(name, operands)
            case Many(kind="sum"):
                return self._sum(term)
            case Many(kind="mean", terms=terms):
                return self._divided(*self._sum(term), len(terms))
            case Many(kind=kind):
                return self._listed(kind, ", ".join(self._some(term, self)))
        raise TypeError(f"{term!r} is not a term")

    def _between(self, sign: str, left: Term, right: Term) -> tuple[str, int]:
        binds = BINDS[sign]
        # a - (b + c), a / (b*c), a*(b//c), (a**b)**c have brackets; a + (b - c), a*(b/c) need none.
        whole = isinstance(right, Operation) and right.sign in ("//", "%")
        from_left = binds + (binds in (POWER, COMPARISON))
        from_right = binds + (whole or sign not in ("+", "*", "**"))
        first, second = self._within(left, from_left), self._within(right, from_right)
        return self._joined(sign, first, self._bracketed(second))

    def _within(self, term: Term, binds: int) -> str:
        text, own = self._written(term)
        return text if own >= binds else self._in_brackets(text)

    def _bracketed(self, text: str) -> str:
        """What begins with a minus sign, where it follows an operation: (-2)*3, (-exp(0.5))."""
        if not text.startswith("-"):
            return text
        sign = self.signed.match(text)
        return f"({sign[0]}){text[sign.end() :]}" if sign else self._in_brackets(text)

    def _sum(self, term: Many) -> tuple[str, int]:
        if len(term.terms) == 1:
            return self._written(term.terms[0])
        parts = self._some(term, lambda each: self._within(each, SUM))
        if not parts:
            return "0", ATOM
        first, *others = parts
        return " + ".join([first, *map(self._bracketed, others)]), SUM

    def _some(self, term: Many, write: Callable[[Term], str]) -> list[str]:
        """The terms, of many the first and the last, with what the others make together."""
        terms = term.terms
        if len(terms) <= self.most:
            return [write(each) for each in terms]
        first = self.most - AT_THE_END
        between = term.values[first:-AT_THE_END]
        kind = "sum" if term.kind == "mean" else term.kind
        made = self.number(together(kind, between))[0]
        shown = self._left_out(len(between), made)
        return [*map(write, terms[:first]), shown, *map(write, terms[-AT_THE_END:])]


# --- LaTeX ----------------------------------------------------------------------------------------

GREEK = frozenset(
    {
        "alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu",
        "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
    }
)  # fmt: skip
COMMANDS = {
    **{name: rf"\{name}" for name in ("cos", "log", "max", "min", "sin", "tanh")},
    "maximum": r"\max", "minimum": r"\min", "sigmoid": r"\sigma", "Phi": r"\Phi", "phi": r"\phi",
}  # fmt: skip
RELATIONS = {">": ">", ">=": r"\ge", "<": "<", "<=": r"\le", "==": "=", "!=": r"\ne"}


class LatexWriter(Writer):
    r"""Writes terms in LaTeX: Z_{0,1} = 0.35 \cdot (-1.06) + \frac{0.82}{2} = 0.0390.

    A comparison is 1 or 0, in Iverson's brackets: [0.3 > 0].
    """

    signed = re.compile(r"-[\d.]+( \\times 10\^\{-?\d+\})?(?= \\cdot |$)")

    def number(self, value: Any) -> tuple[str, int]:
        text, binds = super().number(value)
        digits, e, power = text.partition("e")
        if text.lstrip("-").isalpha():  # inf, nan, None
            sign = "-" * text.startswith("-")
            name = text.lstrip("-")
            return sign + (r"\infty" if name == "inf" else rf"\text{{{name}}}"), binds
        if e and digits:
            return rf"{digits} \times 10^{{{int(power)}}}", SIGNED if binds == SIGNED else PRODUCT
        return text, binds

    def reference(self, name: str, index: Index) -> str:
        r"""W_{3,0}; what is below the line already comes first: p_{\text{next};3,0}."""
        base, *below = name.split("_")
        letters = base.rstrip("0123456789")
        if letters != base:  # Z1
            below.insert(0, base[len(letters) :])
        rest = letters.removeprefix("d")
        d = "d" if rest != letters and (rest in GREEK or len(rest) == 1) else ""
        places = [",".join(map(_in_latex, below)), ",".join(map(str, index))]
        lower = ";".join(filter(None, places))
        return f"{d}{_in_latex(letters.removeprefix(d))}" + (f"_{{{lower}}}" if lower else "")

    def _in_brackets(self, text: str) -> str:
        return rf"\left({text}\right)" if r"\frac" in text else f"({text})"

    def _between(self, sign: str, left: Term, right: Term) -> tuple[str, int]:
        if sign == "/":
            return rf"\frac{{{self(left)}}}{{{self(right)}}}", PRODUCT
        if sign == "//":
            return rf"\left\lfloor \frac{{{self(left)}}}{{{self(right)}}} \right\rfloor", ATOM
        if sign == "**":
            return f"{self._within(left, ATOM)}^{{{self(right)}}}", POWER
        return super()._between(sign, left, right)

    def _joined(self, sign: str, first: str, second: str) -> tuple[str, int]:
        if sign in RELATIONS:
            return f"[{first} {RELATIONS[sign]} {second}]", ATOM
        shown = {"*": r"\cdot", "%": r"\bmod", "&": r"\wedge"}.get(sign, sign)
        return f"{first} {shown} {second}", BINDS[sign]

    def _called(self, name: str, operands: Sequence[Term]) -> tuple[str, int]:
        """A function of a number; (log(0.5))**2 is not log(0.5**2), so that it binds less."""
        inside = ", ".join(map(self, operands))
        match name:
            case "exp":
                return f"e^{{{inside}}}", POWER
            case "expm1":
                return f"e^{{{inside}}} - 1", SUM
            case "log1p":
                return rf"\log(1 + {self._bracketed(inside)})", POWER
            case "sqrt":
                return rf"\sqrt{{{inside}}}", POWER
            case "abs":
                return rf"\left|{inside}\right|", ATOM
        return self._listed(name, inside)

    def _listed(self, name: str, inside: str) -> tuple[str, int]:
        command = COMMANDS.get(name, rf"\operatorname{{{name}}}")
        return f"{command}{self._in_brackets(inside)}", POWER

    def _divided(self, text: str, binds: int, n: int) -> tuple[str, int]:
        return rf"\frac{{{text}}}{{{n}}}", PRODUCT

    def _left_out(self, n: int, made: str) -> str:
        return rf"\underbrace{{\cdots}}_{{\text{{{n:,} more: }} {made}}}"


def _in_latex(word: str) -> str:
    if word in GREEK:
        return rf"\{word}"
    return word if len(word) == 1 or word.isdigit() else rf"\text{{{word}}}"
