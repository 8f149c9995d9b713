"""Layers, losses and optimizers of one's own in a trace: without formulas, and with wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import SettingError
from plainnet.inspection import Trace, trace
from plainnet.layers import Dense, Formula, Formulas, Layer
from plainnet.losses import Loss, MeanSquaredError
from plainnet.optimizers import SGD, Optimizer


class Cube(Layer):
    def forward(self, A, cache):
        cache["A"] = A
        return A**3

    def backward(self, dA, cache):
        return 3 * cache["A"] ** 2 * dA


class LogCosh(Loss):
    def forward(self, Z, Y, cache):
        cache["D"] = Z - Y
        return np.log(np.cosh(Z - Y)).mean(axis=1)

    def backward(self, cache):
        return np.tanh(cache["D"]) / cache["D"].shape[1]


class SignDescent(Optimizer):
    def rule(self, p, g, *arrays):
        (lr,) = self.shared
        p -= lr * np.sign(g)


def formulas(plain: str) -> Formulas:
    return Formulas("A", "Y", (Formula("Y", plain, ""),), ())


def traced(plain: str | None = None, loss: Any = None, optimizer: Any = None) -> Trace:
    cube = Cube()
    if plain is not None:
        cube.formulas = formulas(plain)
    network = Network(
        [Dense(2), cube, Dense(1)], loss=loss or MeanSquaredError(), input_shape=2, seed=0
    )
    return trace(network, [[1.0, 2.0]], [[0.5]], optimizer)


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        ("A ** power", "the pass has no power"),
        ("cube(A)", "the pass has no cube"),
        ("A @ A", r"the shapes \(1, 2\) and \(1, 2\) cannot be multiplied"),
        ("A[:, 5:6]", r"it makes the shape \(1, 0\), and the pass has \(1, 2\)"),
        ("A[:, 5]", "index 5 is out of bounds"),
        ("A.sum(axis=1)", r"it makes the shape \(1,\), and the pass has \(1, 2\)"),
        ("A.sum(axis=7)", "axis 7 is out of bounds"),
        ("A + A.T", r"it makes the shape \(2, 2\), and the pass has \(1, 2\)"),
        ("A.cumsum(axis=1)", "a formula cannot call A.cumsum"),
    ],
)
def test_a_formula_that_does_not_work(plain, why):
    """It is named where it is asked for; all the rest can be looked at."""
    record = traced(plain)
    named = rf"1\.cube \(Cube\(\)\) has a formula that does not work, Y = .*: .*{why}"
    with pytest.raises(SettingError, match=named):
        record.unit("1.cube.Y[0, 1]")
    with pytest.raises(SettingError, match=named):
        record.goes_into("0.dense.Z", (0, 1))
    assert record.unit("2.dense.Z[0, 0]").agrees
    assert record.step("1.cube").formulas[0].plain == plain
    for shown in (str(record), record._repr_html_()):
        assert "Cube() has a formula that does not work" in shown.replace("(Cube())", "Cube()")
        assert "2.dense" in shown
    np.testing.assert_allclose(record["1.cube.Y"], record["0.dense.Z"] ** 3, rtol=1e-6)


def test_a_formula_that_python_cannot_read():
    with pytest.raises(SettingError, match=r"Cube has a formula that is no expression, Y = A \*\*"):
        traced("A **")


def test_formulas_that_are_no_tuple_of_them():
    with pytest.raises(SettingError, match="forward must be a tuple of Formula objects; got"):
        Formulas("A", "Y", [Formula("Y", "A", "")], ())
    with pytest.raises(SettingError, match="backward must be a tuple of Formula objects; got"):
        Formulas("A", "Y", (), ("dA = dY",))


def test_parts_of_ones_own_are_shown_as_their_arrays():
    record = traced(loss=LogCosh())
    step = record.step("1.cube")
    assert step.formulas == ()
    np.testing.assert_array_equal(step.outputs["Y"], step.inputs["A"] ** 3)
    assert "Cube has no formulas: add them to the class" in str(step)
    line = record.unit("1.cube.Y", (0, 1))
    assert (line.formula, line.name) == (None, "1.cube.Y")
    assert record.unit("1.cube.A", (0, 1)).name == "0.dense.Z"
    assert record.unit("0.dense.dZ", (0, 1)).name == "1.cube.dA"
    line = record.unit("loss.L")
    assert str(line).startswith("L = ")
    assert [each.array for each in line.numbers] == ["loss.losses"]


def test_a_loss_without_formulas():
    record = traced(loss=LogCosh())
    text = str(record)
    assert "losses  (1,)" in text
    assert "dL  (1, 1)" in text
    assert text.count("LogCosh has no formulas: add them to the class") == 2
    derived = str(record.derivation("2.dense.W"))
    assert "losses = forward(Z" in derived
    assert "dL = backward()" in derived
    assert record.unit("loss.dL[0, 0]").formula is None
    assert record.unit("loss.dZ[0, 0]").agrees


def test_an_optimizer_without_formulas():
    text = str(traced(optimizer=SignDescent(0.1)))
    assert "SignDescent has no formulas: add them to the class" in text


def test_a_layer_with_half_of_its_formulas():
    text = str(traced("A ** 3").step("1.cube", "backward"))
    assert "Cube has no formula of dA: add it to the class" in text
    text = str(traced("A ** 3", optimizer=SGD(0.1)).step("1.cube"))
    assert "add it" not in text
