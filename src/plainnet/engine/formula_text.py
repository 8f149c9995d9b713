"""Formulas from a text that somebody types, or that comes out of a file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache as computed_once
from textwrap import dedent
from typing import Any

from plainnet.engine.formulas import (
    FUNCTIONS,
    LAYERS,
    METHODS,
    Formula,
    Formulas,
    expect_grammatical,
)
from plainnet.errors import SettingError, shown

ATTRIBUTES = {"T", "ndim", "shape", "size"}
LONGEST = 10_000
"""Characters of a text."""


class FormulasOfText(Formulas):
    """In a class whose objects each have a text, `formula`, and the names of their `parameters`.

    The formulas are made from the text whenever they are asked for: the text may have come into the
    object from a file, past its constructor, and only what is in the grammar is ever evaluated.
    """

    def __get__(self, subject: Any, kind: type | None = None) -> Formulas:
        if subject is None:
            return self
        return formulas_from(subject.formula, tuple(subject.parameters))


@computed_once
def formulas_from(text: str, parameters: tuple[str, ...]) -> Formulas:
    """The forward formulas in a text, one a line, or separated by ";".

    The input is the one name that is neither a parameter nor an earlier line's. The last line need
    not name its result, which is A then if the input is Z, and Y otherwise.

    Raises
    ------
    SettingError
        If the text is not in the grammar, or a name has no meaning or two.
    """
    lines = list(_lines(text))
    *results, output = (name for name, _ in lines)
    used, known, free = set[str](), {*parameters}, set[str]()
    for name, plain in lines:
        read = Formula(name, plain, "").names
        used |= read
        free |= read - known
        known.add(name)
    if len(free) != 1:
        raise SettingError(
            f"{text}: the input must be the one name that is neither a parameter nor an earlier "
            f"line's; got {', '.join(sorted(free)) or 'none'}"
        )
    (given,) = free
    output = output or ("A" if given == "Z" else "Y")
    names = [given, *parameters, *results, output]
    gradients = {f"d{name}" for name in names}
    for name in names:
        if names.count(name) > 1 or name in FUNCTIONS or name in LAYERS or name in gradients:
            raise SettingError(f"{text}: {name} has two meanings; take another name")
    for name in parameters:
        if name not in used:
            raise SettingError(f"{text}: the parameter {name} is not in it")
    named = [(name or output, plain) for name, plain in lines]
    forward = tuple(Formula(name, plain, _latex(f"{name} = {plain}")) for name, plain in named)
    return Formulas(given, output, forward, ())


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """(name, expression) of each line; the last may have no name, "" then."""
    try:
        if len(text) > LONGEST:
            raise ValueError(f"it has {len(text)} characters, more than {LONGEST}")
        text = dedent(text).strip()
        statements = ast.parse(text).body
        if not statements:
            raise ValueError("it is empty")
        whole: set[str] = set()
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=tree):
                    pass
                case ast.Expr(value=tree) if statement is statements[-1]:
                    name = ""
                case _:
                    raise ValueError(f"{ast.unparse(statement)} is not name = expression")
            plain = " ".join((ast.get_source_segment(text, tree) or "").split())
            expect_grammatical(plain)
            _expect_harmless(tree, whole)
            if _is_whole(tree, whole):
                whole.add(name)
            yield name, plain
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = str(error).removeprefix(f"{text}: ")
        raise SettingError(f"the formula {shown(text)} cannot be used: {reason}") from None


def _expect_harmless(tree: ast.expr, whole: set[str]) -> None:
    """Refuse what a file of somebody else's could make Python do for hours."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name not in ATTRIBUTES | METHODS:
                raise ValueError(f"a formula has no attribute {name}")
            case ast.Call(func=ast.Name(id=name)) if name in LAYERS:
                raise ValueError(f"{name} is for containers")
            case ast.BinOp(left=left, op=ast.Pow() | ast.LShift(), right=right):
                if _is_whole(left, whole) and _is_whole(right, whole):
                    power = ast.unparse(node)
                    raise ValueError(f"{power} may have any number of digits: write 2.0**n")


def _is_whole(tree: ast.expr, whole: set[str]) -> bool:
    """Whether it may be one of Python's whole numbers, or a tuple of them."""
    match tree:
        case ast.Constant(value=value):
            return not isinstance(value, float)
        case ast.Name(id=name):
            return name in whole
        case ast.UnaryOp(operand=operand) | ast.Subscript(value=operand):
            return _is_whole(operand, whole)
        case ast.BinOp(left=left, op=sign, right=right):
            sides = _is_whole(left, whole), _is_whole(right, whole)
            return all(sides) and not isinstance(sign, ast.Div)
        case ast.Attribute(attr=attribute):
            return attribute != "T"
        case ast.Call(func=ast.Name(id="len")) | ast.Tuple() | ast.List():
            return True
    return False


def _latex(plain: str) -> str:
    """As it is typed."""
    return r"\texttt{" + re.sub(r"([&%$#_{}])", r"\\\1", plain) + "}"
