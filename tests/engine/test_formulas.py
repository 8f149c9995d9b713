"""The grammar of formulas, and their evaluation."""

import ast

import numpy as np
import pytest

from layer_cases import CASES
from loss_cases import CASES as LOSSES
from plainnet.engine.formulas import (
    FUNCTIONS,
    LAYERS,
    Formula,
    expect_condition,
    expect_grammatical,
)

ALL = {
    formula.plain: formula
    for formulas in (
        *(case.make().formulas for case in CASES),
        *(type(case.make()).formulas for case in CASES),
        *(case.loss.formulas for case in LOSSES),
        *(type(case.loss).formulas for case in LOSSES),
    )
    for formula in formulas
}


@pytest.mark.parametrize("formula", ALL.values(), ids=ALL)
def test_every_formula_keeps_to_the_grammar(formula):
    expect_grammatical(formula.plain)
    for node in ast.walk(ast.parse(formula.plain)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "einsum":
            assert len(node.args) <= 5, "an einsum of more than four operands cannot be read"


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ("[a for a in A]", "ListComp is not in the grammar"),
        ("(lambda a: a)(A)", "a formula cannot call lambda"),
        ("A if A else B", "IfExp is not in the grammar"),
        ("open(A)", "a formula cannot call open"),
        ("A.dot(B)", "a formula cannot call A.dot"),
        ("A.sum(initial=0)", "a formula has no keyword initial"),
        ("einsum('ij->i', A)[0]()", "a formula cannot call einsum"),
    ],
)
def test_what_the_grammar_does_not_have(plain, message):
    with pytest.raises(ValueError, match=message):
        expect_grammatical(plain)


WITH_CONDITIONS = [
    case for case in CASES if any(f.when for f in getattr(type(case.make()), "formulas", ()))
]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_what_layers_make_has_a_formula_of_its_own(case):
    """So that the pass records it, and the other formulas can be evaluated."""
    for formula in case.make().formulas:
        if formula.names & LAYERS:
            tree = ast.parse(formula.plain, mode="eval").body
            assert isinstance(tree, ast.Call)
            assert {type(each) for each in tree.args} == {ast.Name}


@pytest.mark.parametrize("case", WITH_CONDITIONS, ids=[case.id for case in WITH_CONDITIONS])
def test_a_condition_names_settings(case):
    layer = case.make()
    for formula in type(layer).formulas:
        if formula.when:
            expect_condition(formula.when)
            names = {node.id for node in ast.walk(ast.parse(formula.when)) if hasattr(node, "id")}
            assert names <= {"training", *layer.config(), *vars(type(layer)), *vars(layer)}
    held = layer.formulas
    ids = {f"d{held.input}"} if layer.takes_ids else set()
    assert {f.result for f in held} >= {held.output, f"d{held.input}"} - ids
    results = [formula.result for formula in held]
    assert len(results) == len(set(results)), "two formulas of one name hold at once"


def test_what_a_condition_cannot_be():
    with pytest.raises(ValueError, match="Call is not in the grammar of conditions"):
        expect_condition("open('x')")


def test_a_formula_is_evaluated_from_what_its_names_stand_for():
    formula = Formula("Y", "sigmoid(A @ W.T).sum(axis=1) * pi", "")
    assert formula.names == {"A", "W"}
    A, W = np.zeros((2, 3)), np.ones((4, 3))
    np.testing.assert_allclose(formula.evaluate({"A": A, "W": W}), [2 * np.pi] * 2)


@pytest.mark.parametrize("name", ["Phi", "phi", "sigmoid", "softplus"])
def test_functions_agree_with_scipy(name):
    special = pytest.importorskip("scipy.special")
    expected = {
        "Phi": special.ndtr,
        "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
        "sigmoid": special.expit,
        "softplus": lambda z: np.logaddexp(0, z),
    }[name]
    Z = np.linspace(-8, 8, 41)
    np.testing.assert_allclose(FUNCTIONS[name](Z), expected(Z), rtol=1e-13)
