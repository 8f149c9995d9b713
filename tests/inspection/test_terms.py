"""How each number is made: recomputed with `math`, and from the text that is printed of it."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import special

from layer_cases import CASES, LayerCase
from loss_cases import CASES as LOSSES
from loss_cases import LossCase
from plainnet import Cache, Network
from plainnet.engine.formulas import LAYERS, Formula
from plainnet.engine.recording import Window, WindowOfSteps
from plainnet.inspection.terms import Function, Many, Number, Operation, Term, Terms
from plainnet.inspection.writing import Writer
from plainnet.layers import Identity
from plainnet.losses import Loss

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


Case = LayerCase | LossCase


class AnyShape(Loss):
    """Lets a network end in any shape; never evaluated."""

    def forward(self, Z, y, cache):
        return Z

    def backward(self, cache):
        return np.empty(0)


def windows(case: Case, rng: np.random.Generator) -> Iterator[Window]:
    """What a recording shows of the layer and of those inside it, or of the loss."""
    if isinstance(case, LossCase):
        cache = Cache(training=True, record=True, seed=0)
        network = Network([Identity()], loss=case.loss, input_shape=case.outputs, dtype=np.float64)
        network.loss_and_gradients(rng.standard_normal((5, case.outputs)), case.y, cache)
        window = cache.children["loss"].window
        assert window is not None
        yield window
        return
    layer = case.make()
    network = Network(
        [layer], loss=AnyShape(), input_shape=case.input_shape, seed=0, dtype=np.float64
    )
    network.parameters[:] += 0.1 * rng.standard_normal(network.parameters.shape)
    A = rng.standard_normal((3, *case.input_shape))
    if layer.takes_ids:
        A = rng.integers(0, 3, A.shape)
    cache = Cache(training=True, record=True, seed=0)
    network.forward(A, cache)
    network.body.backward(rng.standard_normal((3, *layer.output_shape)), cache.children[""])
    ahead = [cache]
    while ahead:
        here = ahead.pop()
        if here.window is not None:
            yield here.window
        ahead += here.children.values()


def lines(
    case: LayerCase | LossCase, rng: np.random.Generator
) -> Iterator[tuple[Terms, np.ndarray]]:
    """Each formula that can be evaluated, with the recorded array that is its result."""
    for window in windows(case, rng):
        if isinstance(window, WindowOfSteps):
            continue
        for formula in window.formulas:
            if formula.names & LAYERS:  # what the layers inside make has its own formulas
                continue
            frame = window.frame()
            known = {name: frame.known(name) for name in formula.names}
            yield Terms(formula, known), np.asarray(frame.known(formula.result))


def some_of(array: np.ndarray, rng: np.random.Generator) -> list[tuple[int, ...]]:
    return [tuple(int(rng.integers(n)) for n in array.shape) for _ in range(4)]


ALL = [*CASES, *LOSSES]
every_case = pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])


@every_case
def test_the_numbers_of_each_layer_and_loss(case: Case, rng):
    for line, array in lines(case, rng):
        assert line.shape == array.shape
        for index in some_of(array, rng):
            found = recomputed(line.element(index))
            expected = float(array[index])
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-11), (line.formula, index)


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


def test_a_line_as_a_textbook_has_it():
    known = {
        "A": np.array([[0.35, -1.06, 0.5]]),
        "W": np.array([[0.2, 0.1, 4.0], [-0.82, 0.69, 0.0]]),
        "b": np.array([0.25, 1.0]),
    }
    line = Terms(Formula("Z", "A @ W.T + b", ""), known)
    term = line.element((0, 1))
    assert Writer().line("Z", (0, 1), term) == (
        "Z[0, 1] = 0.35*(-0.82) + (-1.06*0.69) + 0.5*0 + 1 = -0.0184"
    )
    assert Writer(names=True)(term) == (
        "A[0, 0]*W[1, 0] + A[0, 1]*W[1, 1] + A[0, 2]*W[1, 2] + b[1]"
    )
    long = Terms(Formula("s", "x.sum()", ""), {"x": np.arange(1.0, 1001)}).element(())
    assert Writer()(long) == "1 + 2 + 3 + 4 + 5 + 6 + (992 more: 498480) + 999 + 1000"


@pytest.mark.parametrize("digits", [3, 15])
@every_case
def test_what_is_printed_can_be_checked(case: Case, digits: int, rng):
    write, checked, undecided = Writer(digits), 0, 0
    for line, array in lines(case, rng):
        for index in some_of(array, rng):
            text = write.line(line.formula.result, index, line.element(index))
            _, *made, value = text.split(" = ")
            try:
                found = parsed(made[0] if made else value, digits)
                expected = parsed(value, digits)
            except Undecided:
                undecided += 1
                continue
            off = abs(found.value - float(array[index]))
            assert off <= 1.5 * found.error + 1e-9 * abs(found.value) + 1e-12, text
            assert abs(expected.value - array[index]) <= 1.01 * expected.error + 1e-15, text
            checked += 1
    assert undecided <= checked / 2 or digits == 3
