"""Formulas as data: mathematics that can be both shown and run.

The plain form of a formula is a NumPy expression. Its grammar is small and fixed: names, numbers,
arithmetic, comparisons, `&`, indexing, attributes and methods of arrays, tuples and lists, and the
functions in `FUNCTIONS`. There are no comprehensions, no lambdas and no keywords but `axis` and
`keepdims`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache as computed_once
from itertools import compress
from types import CodeType
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError, shown
from plainnet.kernels import activations, normal

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """One line of mathematics: `result = plain`, where `plain` is a NumPy expression.

    Its names are the layer's input, output, parameters and settings, the results of other formulas
    and of the layer itself, and `FUNCTIONS`.
    """

    result: str
    plain: str
    latex: str
    when: str = ""
    """The settings of the layer with which the line holds, such as `bias` or `not bias`;
    `training` counts as a setting that is False in prediction."""

    def __str__(self) -> str:
        return f"{self.result} = {self.plain}"

    def evaluate(self, known: Mapping[str, Any]) -> Any:
        """The result, given the values of the names in it."""
        with np.errstate(all="ignore"):
            return eval(_compiled(self.plain), {**FUNCTIONS, **known})

    def holds(self, subject: Any, *, training: bool = True) -> bool:
        """Whether the formula holds for this layer or loss with its settings."""
        if not self.when:
            return True
        names = _names(self.when)
        settings = {n: training if n == "training" else getattr(subject, n) for n in names}
        return bool(eval(_compiled(self.when), {}, settings))

    @property
    def names(self) -> frozenset[str]:
        """The names whose values it needs, without functions."""
        return _names(self.plain)


@dataclass(frozen=True, slots=True, repr=False)
class Formulas:
    """A layer's mathematics as data: from `input` to `output`, and the gradients back.

    In the class, each line that does not always hold says when it does; the `formulas` of a layer
    object are those that hold for its settings, in training. Printing shows the plain forms, one
    per line; a notebook shows the LaTeX.
    """

    input: str
    output: str
    forward: tuple[Formula, ...]
    backward: tuple[Formula, ...]
    _by_held: dict[tuple[bool, ...], Formulas] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """The results of `holding`, by which of the lines hold."""

    def __post_init__(self) -> None:
        for name, side in (("forward", self.forward), ("backward", self.backward)):
            if not isinstance(side, tuple) or not all(isinstance(each, Formula) for each in side):
                raise SettingError(f"{name} must be a tuple of Formula objects; got {shown(side)}")

    def __iter__(self) -> Iterator[Formula]:
        yield from self.forward
        yield from self.backward

    def __get__(self, subject: Any, kind: type | None = None) -> Formulas:
        return self if subject is None else self.holding(subject, training=True)

    def holding(self, subject: Any, *, training: bool) -> Formulas:
        """Those that hold for the settings of this layer or loss, in training or in prediction."""
        if not any(formula.when for formula in self):
            return self
        held = tuple(formula.holds(subject, training=training) for formula in self)
        if held not in self._by_held:
            n = len(self.forward)
            forward, backward = (
                tuple(replace(each, when="") for each in compress(side, which))
                for side, which in ((self.forward, held[:n]), (self.backward, held[n:]))
            )
            self._by_held[held] = Formulas(self.input, self.output, forward, backward)
        return self._by_held[held]

    def __str__(self) -> str:
        return "\n".join(f"{each}  if {each.when}" if each.when else str(each) for each in self)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        """Markdown, not `_repr_latex_`: VS Code renders only this one by itself."""
        lines = []
        for name, side in (("forward", self.forward), ("backward", self.backward)):
            titles = [rf"\text{{{name}}} ", *[""] * len(side)]
            lines += [f"{t}&& {aligned(each)}" for t, each in zip(titles, side, strict=False)]
        return "\n".join(["$$", r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}", "$$"])


def aligned(formula: Formula) -> str:
    """The LaTeX with a mark before its first relation outside braces, and its condition."""
    latex, when, at = formula.latex, formula.when, 0
    for found in re.finditer(r"(\\mathrel\{\+\})?=", latex):
        if latex.count("{", 0, found.start()) == latex.count("}", 0, found.start()):
            at = found.start()
            break
    latex = f"{latex[:at]}&{latex[at:]}"
    if when:
        latex += rf" \quad {text_in_latex(f'if {when}')}"
    return latex


def text_in_latex(text: str) -> str:
    """The text in LaTeX: KaTeX and MathJax treat an underscore in text differently."""
    return r"\_".join(rf"\text{{{part}}}" for part in text.split("_"))


class WrittenOut:
    """Formulas written out for the number of inputs, or of inner layers, that a layer has.

    It decorates a function of the layer, or of its class, that returns them.
    """

    def __init__(self, made: Callable[[Any], Formulas]) -> None:
        self.made = made

    def __get__(self, subject: Any, kind: type) -> Formulas:
        return self.made(kind if subject is None else subject)


def formulas_of(subject: Any, unknown: Formulas, *, training: bool) -> Formulas:
    """The formulas of a layer or loss with its settings, in training or in prediction.

    A layer or loss without formulas gets `unknown`.
    """
    spaces = map(vars, (subject, *type(subject).__mro__))  # as it is written, before any __get__
    written = next((space["formulas"] for space in spaces if "formulas" in space), unknown)
    if type(written) is Formulas and written is not unknown:  # others make their own for each layer
        return written.holding(subject, training=training)
    formulas = written if written is unknown else subject.formulas
    if not isinstance(formulas, Formulas):
        raise SettingError(f"formulas of {subject!r} must be Formulas; got {shown(formulas)}")
    return formulas


def sigmoid(Z: Array) -> Array:
    """1 / (1 + exp(-Z))."""
    row = np.reshape(Z, -1)  # kernels take arrays, and a number is not one
    return activations.sigmoid(row, np.empty_like(row)).reshape(np.shape(Z))


def softplus(Z: Array) -> Array:
    """log(1 + exp(Z))."""
    row = np.reshape(Z, -1)
    return activations.softplus(row, np.empty_like(row), np.empty_like(row)).reshape(np.shape(Z))


def Phi(Z: Array) -> Array:
    """The standard normal distribution function."""
    row = np.reshape(Z, -1)
    scratch = np.empty((2, *row.shape), row.dtype)
    return normal.normal_cdf(row, np.empty_like(row), scratch).reshape(np.shape(Z))


def phi(Z: Array) -> Array:
    """The standard normal density."""
    row = np.reshape(Z, -1)
    return normal.normal_pdf(row, np.empty_like(row)).reshape(np.shape(Z))


FUNCTIONS: Mapping[str, Any] = {
    "Phi": Phi,
    "abs": np.abs,
    "len": len,
    "phi": phi,
    "sigmoid": sigmoid,
    "softplus": softplus,
    **{
        name: getattr(np, name)
        for name in (
            "arange", "concatenate", "cos", "einsum", "exp", "expm1", "heaviside", "inf", "log",
            "log1p", "maximum", "minimum", "pi", "sign", "sin", "sqrt", "tanh", "where",
            "zeros_like",
        )
    },
}  # fmt: skip
"""The functions that a formula may call, with pi and infinity."""

LAYERS = frozenset(
    {
        "layers", "layers_back", "forwards", "forwards_back", "backwards", "backwards_back",
        "encode", "encode_back", "decode", "decode_back", "attend_back",
    }
)  # fmt: skip
"""The layers inside a container, as functions of an array. A pass computes and records their
results; in a formula alone they cannot be evaluated."""

METHODS = frozenset({"any", "argmax", "max", "mean", "min", "reshape", "sum"})
"""The methods of arrays that a formula may call."""
KEYWORDS = frozenset({"axis", "keepdims"})

_CONDITIONS = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.Not, ast.Compare, ast.cmpop, ast.Name,
    ast.Load, ast.Constant,
)  # fmt: skip
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.USub, ast.Compare, ast.Call, ast.Attribute,
    ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Name, ast.Load, ast.Constant, ast.Starred,
    ast.keyword, ast.operator, ast.cmpop,
)  # fmt: skip


def expect_grammatical(plain: str) -> None:
    """Refuse an expression that contains anything outside the grammar."""
    for node in ast.walk(ast.parse(plain, mode="eval")):
        if isinstance(node, ast.BitXor):
            raise ValueError(f"{plain}: a power is written **, not ^")
        if not isinstance(node, _NODES):
            raise ValueError(f"{plain}: {type(node).__name__} is not in the grammar of formulas")
        if isinstance(node, ast.keyword) and node.arg not in KEYWORDS:
            raise ValueError(f"{plain}: a formula has no keyword {node.arg}")
        if isinstance(node, ast.Call):
            called = node.func
            known = (
                called.id in FUNCTIONS or called.id in LAYERS
                if isinstance(called, ast.Name)
                else isinstance(called, ast.Attribute) and called.attr in METHODS
            )
            if not known:
                raise ValueError(f"{plain}: a formula cannot call {ast.unparse(called)}")


def expect_expression(formula: Formula, whose: str) -> None:
    """Refuse a formula that Python cannot read; `whose` class it is."""
    try:
        _ = formula.names
    except SyntaxError as error:
        raise SettingError(
            f"{whose} has a formula that is no expression, {formula}: {error.msg}"
        ) from None


def expect_condition(when: str) -> None:
    """Refuse a condition other than settings, compared and joined by `and`, `or`, `not`."""
    for node in ast.walk(ast.parse(when, mode="eval")):
        if not isinstance(node, _CONDITIONS):
            raise ValueError(f"{when}: {type(node).__name__} is not in the grammar of conditions")


@computed_once
def _compiled(plain: str) -> CodeType:
    return compile(plain, f"<{plain}>", "eval")


@computed_once
def _names(plain: str) -> frozenset[str]:
    nodes = ast.walk(ast.parse(plain, mode="eval"))
    return frozenset(
        node.id for node in nodes if isinstance(node, ast.Name) and node.id not in FUNCTIONS
    )
