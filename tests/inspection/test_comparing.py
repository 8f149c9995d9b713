"""`compare` finds each planted mistake at the array where it is made, and says which it is."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

import plainnet
from plainnet import NeuralNetwork, compare, one_hot
from plainnet.errors import DataError, SettingError
from plainnet.layers import BatchNorm, Dense
from plainnet.losses import MeanSquaredError
from plainnet.textbook import NeuralNetwork as Book

X = np.random.default_rng(1).standard_normal((4, 7))
Y = one_hot([0, 2, 1, 1, 0, 2, 2], 3).T


class Student:
    """The listing of the guide, line by line."""

    def __init__(self, input_size, hidden_layers, output_size, learning_rate=0.01):
        self.L = len(hidden_layers)
        self.parameters = {}
        self.learning_rate = learning_rate
        layer_dims = [input_size] + hidden_layers + [output_size]  # noqa: RUF005
        rng = np.random.default_rng(9)
        for l in range(1, len(layer_dims)):
            W = rng.standard_normal((layer_dims[l], layer_dims[l - 1])) * (2.0 / layer_dims[l - 1])
            self.parameters[f"W{l}"] = W
            self.parameters[f"b{l}"] = np.zeros((layer_dims[l], 1))

    def relu(self, Z):
        return np.maximum(0, Z)

    def relu_derivative(self, Z):
        return np.where(Z > 0, 1, 0)

    def softmax(self, Z):
        exp_Z = np.exp(Z - np.max(Z, axis=0, keepdims=True))
        return exp_Z / exp_Z.sum(axis=0, keepdims=True)

    def Z(self, l, A_prev):
        return np.dot(self.parameters[f"W{l}"], A_prev) + self.parameters[f"b{l}"]

    def forward_propagation(self, X):
        cache = {"A0": X}
        A_prev = X
        for l in range(1, self.L + 1):
            cache[f"Z{l}"] = Z = self.Z(l, A_prev)
            cache[f"A{l}"] = A_prev = self.relu(Z)
        cache[f"Z{self.L + 1}"] = Z = self.Z(self.L + 1, A_prev)
        cache[f"A{self.L + 1}"] = self.softmax(Z)
        return cache

    def compute_loss(self, AL, Y):
        return -np.sum(Y * np.log(AL + 1e-8)) / Y.shape[1]

    def dZ(self, A, Y):
        return A - Y

    def dW(self, dZ, A_prev, m):
        return np.dot(dZ, A_prev.T) / m

    def db(self, dZ, m):
        return np.sum(dZ, axis=1, keepdims=True) / m

    def backward_propagation(self, cache, Y):
        grads = {}
        m = Y.shape[1]
        dZ = self.dZ(cache[f"A{self.L + 1}"], Y)
        for l in range(self.L + 1, 0, -1):
            if l <= self.L:
                dA = np.dot(self.parameters[f"W{l + 1}"].T, dZ)
                dZ = dA * self.relu_derivative(cache[f"Z{l}"])
            grads[f"dW{l}"] = self.dW(dZ, cache[f"A{l - 1}"], m)
            grads[f"db{l}"] = self.db(dZ, m)
        return grads

    def update_parameters(self, grads):
        for l in range(1, self.L + 2):
            self.parameters[f"W{l}"] -= self.learning_rate * grads[f"dW{l}"]
            self.parameters[f"b{l}"] -= self.learning_rate * grads[f"db{l}"]


def compared(mine, hidden=(5, 6), **settings):
    sizes = 4, list(hidden), 3
    student = mine(*sizes) if isinstance(mine, type) else mine
    return compare(student, Book(*sizes, learning_rate=0.3, seed=0), X, Y, **settings)


# --- what is right --------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (5,), (5, 6), (5, 5, 5)])
@pytest.mark.parametrize("kind", [Student, Book])
def test_the_listing_of_the_guide_agrees(kind, hidden):
    result = compared(kind, hidden)
    assert result.same, result
    assert result.first is result.place is None
    layers = range(1, len(hidden) + 2)
    forward = [f"{letter}{l}" for l in layers for letter in "ZA"]
    backward = [f"d{letter}{l}" for l in reversed(layers) for letter in "Wb"]
    updated = [f"{letter}{l}" for l in layers for letter in "Wb"]
    assert list(result.agree) == ["A0", *forward, "loss", *backward, *updated]
    assert (
        str(result) == repr(result) == f"all agree to a relative 1e-06: {', '.join(result.agree)}"
    )


class OtherLogarithm(Student):
    def compute_loss(self, AL, Y):
        return -np.sum(Y * np.log(np.clip(AL, 1e-15, 1))) / Y.shape[1]


class AlsoReturnsTheOutput(Student):
    def forward_propagation(self, X):
        cache = super().forward_propagation(X)
        return cache[f"A{self.L + 1}"], cache


class KeepsItsDictionaries(Student):
    def forward_propagation(self, X):
        self.cache = super().forward_propagation(X)

    def backward_propagation(self, cache, Y):
        self.grads = super().backward_propagation(cache, Y)


class LossOfOneElement(Student):
    def compute_loss(self, AL, Y):
        return np.reshape(super().compute_loss(AL, Y), (1, 1))


class InFloat32(Student):
    def softmax(self, Z):
        return super().softmax(Z.astype(np.float32))


@pytest.mark.parametrize(
    "mine",
    [OtherLogarithm, AlsoReturnsTheOutput, KeepsItsDictionaries, LossOfOneElement, InFloat32],
)
def test_other_ways_of_writing_it_agree(mine):
    result = compared(mine)
    assert result.same, result


def test_confident_outputs_and_other_logarithms_agree():
    book = Book(4, [5], 3, seed=0)
    book.parameters["W2"] *= 30
    assert compare(OtherLogarithm(4, [5], 3), book, X, Y).same


def test_both_stay_as_they_are():
    mine, book = Student(4, [5], 3), Book(4, [5], 3, seed=0)
    kept = [(array, array.copy()) for each in (mine, book) for array in each.parameters.values()]
    kept += [(X, X.copy()), (Y, Y.copy())]
    assert compare(mine, book, X, Y).same
    assert mine.learning_rate == 0.01
    for array, before in kept:
        np.testing.assert_array_equal(array, before)


# --- mistakes -------------------------------------------------------------------------------------


class NoBias(Student):
    def Z(self, l, A_prev):
        return self.parameters[f"W{l}"] @ A_prev


class ReadsZ(Student):
    def forward_propagation(self, X):
        cache = super().forward_propagation(X)
        cache["Z2"] = self.Z(2, cache["Z1"])
        return cache


class WritesOverZ(Student):
    def relu(self, Z):
        Z[Z < 0] = 0
        return Z


class Sigmoid(Student):
    def relu(self, Z):
        return 1 / (1 + np.exp(-Z))


class NoActivation(Student):
    def relu(self, Z):
        return Z


class WrongAxis(Student):
    def softmax(self, Z):
        exp_Z = np.exp(Z - Z.max())
        return exp_Z / exp_Z.sum(axis=1, keepdims=True)


class WholeSoftmax(Student):
    def softmax(self, Z):
        return np.exp(Z) / np.exp(Z).sum()


class SummedLoss(Student):
    def compute_loss(self, AL, Y):
        return super().compute_loss(AL, Y) * Y.shape[1]


class MeanOfAll(Student):
    def compute_loss(self, AL, Y):
        return -np.mean(Y * np.log(AL))


class LossSign(Student):
    def compute_loss(self, AL, Y):
        return -super().compute_loss(AL, Y)


class LossOfEach(Student):
    def compute_loss(self, AL, Y):
        return -np.sum(Y * np.log(AL + 1e-8), axis=0)


class LossOfNothing(Student):
    def compute_loss(self, AL, Y):
        return None


class Turned(Student):
    def dZ(self, A, Y):
        return Y - A


class SoftmaxTwice(Student):
    def dZ(self, A, Y):
        return (A - Y) * A * (1 - A)


class NoMean(Student):
    def dW(self, dZ, A_prev, m):
        return dZ @ A_prev.T


class WrongMean(Student):
    def dW(self, dZ, A_prev, m):
        return dZ @ A_prev.T / len(dZ)


class Transposed(Student):
    def dW(self, dZ, A_prev, m):
        return A_prev @ dZ.T / m


class NoSum(Student):
    def db(self, dZ, m):
        return dZ / m


class WrongSum(Student):
    def db(self, dZ, m):
        return np.sum(dZ, axis=0, keepdims=True) / m


class SumOfAll(Student):
    def db(self, dZ, m):
        return np.sum(dZ) / m


class NoKeepdims(Student):
    def db(self, dZ, m):
        return np.sum(dZ, axis=1) / m


class SummedBias(Student):
    def db(self, dZ, m):
        return np.sum(dZ, axis=1, keepdims=True)


class NoMask(Student):
    def relu_derivative(self, Z):
        return np.ones_like(Z)


class ReLUForItsDerivative(Student):
    def relu_derivative(self, Z):
        return np.maximum(0, Z)


class MissesFirstLayer(Student):
    def backward_propagation(self, cache, Y):
        grads = super().backward_propagation(cache, Y)
        del grads["dW1"]
        return grads


class OneElement(Student):
    def backward_propagation(self, cache, Y):
        grads = super().backward_propagation(cache, Y)
        grads["dW2"][3, 1] += 0.25
        return grads


class NaN(Student):
    def dW(self, dZ, A_prev, m):
        return super().dW(dZ, A_prev, m) * np.where(np.arange(len(A_prev)) == 2, np.nan, 1)


class Ascent(Student):
    def update_parameters(self, grads):
        super().update_parameters({name: -gradient for name, gradient in grads.items()})


class NoRate(Student):
    def update_parameters(self, grads):
        for name in self.parameters:
            self.parameters[name] -= grads[f"d{name}"]


class BiasesNotUpdated(Student):
    def update_parameters(self, grads):
        zeros = {name: 0 * grad for name, grad in grads.items() if name[1] == "b"}
        super().update_parameters({**grads, **zeros})


class UpdatesInBackward(Student):
    def backward_propagation(self, cache, Y):
        grads = super().backward_propagation(cache, Y)
        self.update_parameters(grads)
        return grads


@pytest.mark.parametrize(
    ("mine", "first", "before", "hint"),
    [
        (NoBias, "Z1", "A0", "as without b1"),
        (ReadsZ, "Z2", "A1", "as of Z1 in place of A1"),
        (WritesOverZ, "Z1", "A0", "it is A1: the activation has written over it"),
        (Sigmoid, "A1", "Z1", "it is the sigmoid of Z1"),
        (NoActivation, "A1", "Z1", "it is Z1, as without an activation"),
        (WrongAxis, "A3", "Z3", "the softmax is over axis=1"),
        (WholeSoftmax, "A3", "Z3", "the softmax is over the whole array"),
        (SummedLoss, "loss", "A3", "as without 1/m"),
        (MeanOfAll, "loss", "A3", "as divided by m K = 21"),
        (LossSign, "loss", "A3", "as without the minus sign"),
        (LossOfEach, "loss", "A3", "is a number: it is the loss of each example"),
        (LossOfNothing, "loss", "A3", "loss must be an array of numbers; it is None"),
        (Turned, "dW3", "loss", "the sign is turned"),
        (SoftmaxTwice, "dW3", "loss", "as with dZ3 = (A3 - Y) A3 (1 - A3)"),
        (NoMean, "dW3", "loss", "m = 7 times the book's, as without 1/m"),
        (WrongMean, "dW3", "loss", "as divided by Y.shape[0] = 3 in place of m"),
        (Transposed, "dW3", "loss", "shape (6, 3), the book's has (3, 6): it is the book's, trans"),
        (NoSum, "db3", "dW3", "shape (3, 7), the book's has (3, 1): as of dZ3 without the sum"),
        (WrongSum, "db3", "dW3", "summed over axis=0"),
        (SumOfAll, "db3", "dW3", "summed over the whole array"),
        (NoKeepdims, "db3", "dW3", "shape (3,), the book's has (3, 1): the numbers agree, as with"),
        (SummedBias, "db3", "dW3", "m = 7 times the book's"),
        (NoMask, "dW2", "db3", "without ReLU's mask Z2 > 0"),
        (ReLUForItsDerivative, "dW2", "db3", "as with ReLU in place of its derivative"),
        (MissesFirstLayer, "dW1", "db2", "dW1 is missing"),
        (OneElement, "dW2", "db3", "by 0.25 at [3, 1]: "),
        (NaN, "dW3", "loss", "differs first: at [0, 2]: nan instead of "),
        (Ascent, "W1", "db1", "W1 after the update differs first: by"),
        (Ascent, "W1", "db1", "the gradient is added, not subtracted"),
        (NoRate, "W1", "db1", "as without the learning rate"),
        (BiasesNotUpdated, "b1", "W1", "it is as it was before the update"),
        (UpdatesInBackward, "W1", "db1", "updated twice"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_mistake_is_found_where_it_is_made(mine, first, before, hint):
    result = compared(mine)
    assert not result.same
    assert result.first == first
    assert hint in str(result)
    assert result.agree[-1] == before
    assert str(result).endswith(f"{before} and all before agree" if before != "A0" else "A0 agrees")


def test_what_is_square_may_be_transposed():
    class Backwards(Student):
        def backward_propagation(self, cache, Y):
            self.parameters["W2"] = self.parameters["W2"].T.copy()
            grads = super().backward_propagation(cache, Y)
            self.parameters["W2"] = self.parameters["W2"].T.copy()
            return grads

    class SquareGradient(Student):
        def dW(self, dZ, A_prev, m):
            dW = super().dW(dZ, A_prev, m)
            return dW.T if dW.shape == (5, 5) else dW

    result = compared(Backwards, (5, 5))
    assert result.first == "dW1"
    assert "as with W2 in place of its transpose" in str(result)
    result = compared(SquareGradient, (5, 5))
    assert result.first == "dW2"
    assert "it is the book's, transposed" in str(result)


def test_the_place_is_that_of_the_largest_difference():
    result = compared(OneElement)
    assert result.place == (3, 1)
    assert result.during == "backward_propagation"


def test_no_mistake_is_named_that_the_numbers_do_not_support():
    class Other(Student):
        def softmax(self, Z):
            return super().softmax(1.3 * Z)

    said = str(compared(Other)).split(";")
    assert len(said) == 2  # the difference, and what agrees


def test_a_small_learning_rate_hides_nothing():
    book = Book(4, [5], 3, learning_rate=1e-9, seed=0)
    result = compare(BiasesNotUpdated(4, [5], 3), book, X, Y)
    assert (result.first, result.during) == ("b1", "update_parameters")


# --- errors in the student's class ----------------------------------------------------------------


class Breaks(Student):
    def relu(self, Z):
        return np.dot(Z, Z)


class NoMethod(Student):
    compute_loss = None


class NoParameters(Student):
    def __init__(self, *sizes):
        self.W1 = np.zeros((5, 4))


class OtherShape(Student):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.parameters["W1"] = self.parameters["W1"].T


class FlatBias(Student):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.parameters["b1"] = self.parameters["b1"][:, 0]


class OneLayerLess(Student):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        del self.parameters["b3"]


class ReturnsNothing(Student):
    def forward_propagation(self, X):
        super().forward_propagation(X)


class OtherArguments(Student):
    def backward_propagation(self, cache, X, Y):
        raise AssertionError


class NoOutput(Student):
    def forward_propagation(self, X):
        cache = super().forward_propagation(X)
        del cache["A3"]
        return cache


@pytest.mark.parametrize(
    ("mine", "first", "text"),
    [
        (Breaks, "forward_propagation", r"\(X\) raised ValueError: shapes .* \(in relu, line \d+"),
        (NoMethod, "compute_loss", r"there is no method compute_loss\(AL, Y\)"),
        (NoParameters, "parameters", "there is no dictionary `parameters` of W1, b1"),
        (OtherShape, "W1", r"shape \(4, 5\), the book's has \(5, 4\): transposed\?$"),
        (FlatBias, "b1", r"the shape \(5,\), the book's has \(5, 1\)$"),
        (OneLayerLess, "b3", "b3 is missing$"),
        (ReturnsNothing, "forward_propagation", "must return a dictionary .* it returned None"),
        (OtherArguments, "backward_propagation", r"raised TypeError: .* argument: 'Y'; loss and"),
        (NoOutput, "A3", "A3 is missing"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_an_error_in_the_class_is_the_result(mine, first, text):
    result = compared(mine)
    assert result.first == first
    assert re.search(text, str(result)), result


def test_no_line_of_plainnet_is_shown():
    class OneLayerMore(Book):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.L += 1

    result = compared(OneLayerMore)
    assert result.first == "forward_propagation"
    assert str(result).endswith("got W1, b1, W2, b2, W3, b3")


class KeepsNoZ(Student):
    def forward_propagation(self, X):
        cache = super().forward_propagation(X)
        return {name: array for name, array in cache.items() if name[0] == "A"}

    def backward_propagation(self, cache, Y):
        return super().backward_propagation(cache | self.Z_of(cache), Y)

    def Z_of(self, cache):
        return {f"Z{l}": cache[f"A{l}"] for l in range(1, self.L + 1)}


class KeepsNoZAndErrs(KeepsNoZ, NoMean):
    pass


def test_what_is_not_in_the_cache_is_named():
    result = compared(KeepsNoZ)
    assert (result.first, result.during) == ("Z1", "forward_propagation")
    assert str(result) == "Z1, Z2, Z3: not in the cache; all else agrees"
    assert result.agree[-1] == "b3"
    result = compared(KeepsNoZAndErrs)
    assert result.first == "dW3"
    assert "; not in the cache: Z1, Z2, Z3; loss and all before agree" in str(result)


# --- dictionaries and other objects ---------------------------------------------------------------


def test_dictionaries_are_compared_in_the_order_of_the_book():
    book = {"W": np.arange(4.0).reshape(2, 2), "b": [1, 2], "n": 3}
    assert compare(book, book).same
    assert compare({"n": 3, **book}, book).agree == ("W", "b", "n")
    result = compare({"W": book["W"], "b": [-1, -2], "n": 4}, book)
    assert (
        str(result) == "b differs first: by 4 at [1]: -2 instead of 2; the sign is turned; W agrees"
    )
    result = compare({"W": book["W"].T, "b": [1, 2], "n": 3}, book)
    assert (result.first, result.place) == ("W", (0, 1))
    assert "it is the book's, transposed" in str(result)
    assert str(compare({"b": [1, 2]}, book)) == "W is missing"
    assert "all of it is 3 times the book's" in str(compare({"a": [3, 6]}, {"a": [1, 2]}))
    assert str(compare({"n": 4}, {"n": 3})) == "n differs first: by 1: 4 instead of 3"
    assert "all of it is 0" in str(compare({"a": [0, 0]}, {"a": [1, 2]}))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite(value):
    assert compare({"a": [1, value]}, {"a": [1, value]}).same
    assert compare({"a": [1, value]}, {"a": [1, 2]}).place == (1,)
    assert compare({"a": [1, 2]}, {"a": [1, value]}).place == (1,)


def test_the_tolerance_is_relative():
    mine, book = {"a": [1e6, 1.5]}, {"a": [1e6, 1.0]}
    assert compare(mine, book).same
    assert not compare(mine, book, tolerance=1e-7).same
    assert compare({"a": [1e-17]}, {"a": [0.0]}).same
    assert not compare({"a": [1e-9]}, {"a": [0.0]}).same


def test_objects_are_compared_by_their_attributes():
    book = SimpleNamespace(name="book", W=np.ones((2, 2)), grads={"dW": [1, 2]}, _seen=1, rate=0.1)
    assert compare(book, book).agree == ("W", "grads['dW']", "rate")
    mine = SimpleNamespace(W=np.ones((2, 2)), grads={"dW": [1, 3]}, rate=0.1)
    assert compare(mine, book).first == "grads['dW']"
    assert compare(SimpleNamespace(), book).first == "W"


def test_numbers_that_are_close_are_told_apart():
    assert "1.00001 instead of 1" in str(compare({"a": 1.00001}, {"a": 1.0}))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compare(Student, Book(4, [], 3), X, Y), SettingError, "mine .* add parentheses"),
        (lambda: compare(Student(4, [], 3), Book, X, Y), SettingError, "book .* add parentheses"),
        (lambda: compare(Student(4, [], 3), Book(4, [], 3), X), SettingError, "both X and Y"),
        (lambda: compare(Student(4, [], 3), Book(4, [], 3)), SettingError, "mine, book, X, Y"),
        (lambda: compare(Student(4, [], 3), Book(4, [], 3), X.T, Y), ValueError, r"pass X\.T"),
        (lambda: compare(Student(4, [], 3), Book(4, [], 3), X, Y.T), ValueError, r"pass Y\.T"),
        (lambda: compare(Student(4, [], 3), {"W": 1}, X, Y), SettingError, "book must be an objec"),
        (lambda: compare(Book(4, [], 3), NoOutput(4, [9, 9], 3), X, Y), SettingError, "have A3"),
        (lambda: compare({}, Book(4, [], 3)), SettingError, "a dictionary is compared with a dict"),
        (lambda: compare({}, {}), SettingError, "book has no arrays"),
        (lambda: compare({"a": 1}, {"a": "one"}), DataError, r"book\['a'\] must be real numbers"),
        (lambda: compare({"a": 1}, {"a": 1}, tolerance=0), SettingError, "tolerance must be"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_textbook_is_the_public_one():
    assert Book is NeuralNetwork


def test_networks_are_compared_by_their_tensors():
    def network(seed):
        layers = [Dense(2), BatchNorm()]
        return plainnet.Network(layers, loss=MeanSquaredError(), input_shape=3, seed=seed)

    assert compare(network(0), network(0)).same
    assert str(compare(network(1), network(0))).startswith("0.dense.W differs first")


def test_properties_and_slots_are_attributes():
    class Slotted:
        __slots__ = ("W",)

        def __init__(self, W):
            self.W = W

        @property
        def twice(self):
            return 2 * self.W

    assert compare(Slotted(np.ones(2)), Slotted(np.ones(2))).same
    assert not compare(Slotted(np.ones(2)), Slotted(np.zeros(2))).same


def test_arrays_by_themselves():
    assert compare(np.ones(2), np.ones(2)).same
    assert compare([1.0, 2.0], np.array([1.0, 3.0])).first == "array"


def test_a_method_that_ends_the_program_is_a_result():
    class Leaves(NeuralNetwork):
        def forward_propagation(self, X):
            raise SystemExit(3)

    X, Y = np.ones((2, 3)), np.eye(2)[:, [0, 1, 1]]
    assert "raised SystemExit: 3" in str(compare(Leaves(2, [3], 2), NeuralNetwork(2, [3], 2), X, Y))
