"""The textbook class in a trace: the guide's names, a column for each example."""

import numpy as np
import pytest

from plainnet import NeuralNetwork
from plainnet.inspection import trace
from printed import recomputed

X = np.array([[1.0, 0.5, -2.0], [2.0, -1.0, 0.25]])
Y = np.array([[1, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize("hidden", [[], [3], [4, 3]], ids=str)
def test_every_number_is_that_of_the_class(hidden, rng):
    book = NeuralNetwork(2, hidden, 2, learning_rate=0.3, seed=0)
    before = {name: array.copy() for name, array in book.parameters.items()}
    record = trace(book, X, Y)
    assert all((book.parameters[name] == array).all() for name, array in before.items())
    cache = book.forward_propagation(X)
    gradients = book.backward_propagation(cache, Y)
    loss = book.compute_loss(cache[f"A{book.L + 1}"], Y)
    book.update_parameters(gradients)
    expected = {**before, **cache, **gradients, "loss": np.array(loss)}
    expected |= {f"{name}_next": array for name, array in book.parameters.items()}
    assert record.loss == loss
    for name, array in expected.items():
        np.testing.assert_array_equal(record[name], array)
    for name in record:
        for index in np.ndindex(record[name].shape):
            line = record.unit(name, index)
            value = record[name][index]
            assert recomputed(line.term) == pytest.approx(value, rel=1e-12, abs=1e-15)
    made = {line.name for step in record.steps for line in step.lines()}
    assert made >= expected.keys() - before.keys() - {"A0"}


def test_in_words_of_the_guide():
    book = NeuralNetwork(2, [2], 2, learning_rate=0.1, seed=0)
    book.parameters["W1"][:] = [[0.5, -0.25], [0.75, 1.0]]
    record = trace(book, X, Y)
    assert [(step.layer, step.direction) for step in record.steps] == [
        ("layer 1", "forward"),
        ("layer 2", "forward"),
        ("loss", "forward"),
        ("layer 2", "backward"),
        ("layer 1", "backward"),
        ("layer 1", "update"),
        ("layer 2", "update"),
    ]
    assert str(record.unit("Z1[1, 2]")) == "Z1[1, 2] = 0.75*(-2) + 1*0.25 + 0 = -1.25"
    assert "Z1 = W1 @ A0 + b1  # (2, 3)" in str(record)
    used = {(number.array, number.index) for number in record.goes_into("A1", (0, 1))}
    assert used == {("Z2", (0, 1)), ("Z2", (1, 1)), ("dW2", (0, 0)), ("dW2", (1, 0))}
    assert str(record.derivation("W1")).startswith("Z1 = W1 @ A0 + b1\n")


def test_without_targets_it_ends_with_the_probabilities():
    book = NeuralNetwork(2, [3], 2, seed=0)
    record = trace(book, X)
    assert record.loss is None
    assert [step.layer for step in record.steps] == ["layer 1", "layer 2"]
    np.testing.assert_array_equal(record["A2"], book.forward_propagation(X)["A2"])


def test_a_class_with_formulas_of_its_own_is_refused():
    class Mine(NeuralNetwork):
        def relu(self, Z):
            return Z

    with pytest.raises(ValueError, match="overrides relu"):
        trace(Mine(2, [3], 2), X, Y)
