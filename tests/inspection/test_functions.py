"""The gradient check of plain functions."""

import math
from itertools import count

import numpy as np
import pytest

from plainnet import NeuralNetwork, check_gradients, one_hot
from plainnet.errors import DataError, DTypeError, SettingError, ShapeError

W, b = np.array([[1.0, -2.0, 0.5], [3.0, 0.1, 4.0]]), np.array([[0.3], [-0.7]])
X = np.array([[0.2, 1.0, -1.0, 2.0], [-0.4, 0.3, 0.8, -2.0], [1.5, -0.6, 0.1, 0.9]])

CALLS = count()


def squares(W, b):
    return np.mean((W @ X + b) ** 2)


def right(W, b):
    dZ = 2 * (W @ X + b) / 8
    return dZ @ X.T, dZ.sum(axis=1, keepdims=True)


def test_several_arrays_are_named_as_the_parameters():
    check = check_gradients(squares, right, (W, b))
    assert check.passed, check
    assert list(check.errors) == ["W", "b"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (lambda W, b: (-right(W, b)[0], right(W, b)[1]), ["W"]),
        (lambda W, b: (right(W, b)[0], 4 * right(W, b)[1]), ["b"]),
        (lambda W, b: (right(W, b)[0] + np.eye(2, 3), 0 * b), ["W", "b"]),
        (lambda W, b: (right(W, b)[0] * np.nan, right(W, b)[1]), ["W"]),
    ],
    ids=["sign", "factor", "both", "nan"],
)
def test_a_wrong_array_is_named(wrong, expected):
    check = check_gradients(squares, wrong, (W, b))
    assert [name for name, error in check.errors.items() if not error <= 1e-7] == expected
    assert str(check).count("WRONG at [") == len(expected)


def test_the_element_with_the_largest_error_is_shown_with_both_numbers():
    def df(x):
        gradient = 2 * x
        gradient[1, 2] += 3
        gradient[0, 0] += 1
        return gradient

    check = check_gradients(lambda x: np.sum(x**2), df, W)
    place, analytic, numeric = check.worst["x"]
    assert (place, analytic) == ((1, 2), 11)
    assert numeric == pytest.approx(8)
    assert "WRONG at [1, 2]: 11 instead of 8" in str(check)


def test_numbers_that_are_close_have_enough_digits():
    check = check_gradients(lambda x: x**2, lambda x: 2 * x + 1e-5, 3)
    assert str(check).endswith("WRONG: 6.00001 instead of 6")


@pytest.mark.parametrize("key", ["W", "dW"])
def test_a_dictionary(key):
    def f(p):
        assert type(p["b"]) is np.float64
        return np.sum(np.tanh(p["W"]) * p["b"])

    def df(p):
        slope = 1 - np.tanh(p["W"]) ** 2
        return {key: slope * p["b"], "b": np.sum(np.tanh(p["W"])), "dZ": "left alone"}

    check = check_gradients(f, df, {"W": W, "b": 2})
    assert check.passed, check
    assert list(check.errors) == ["W", "b"]


@pytest.mark.parametrize(
    ("f", "df", "x"),
    [
        (math.exp, math.exp, 2),
        (lambda x: x**3, lambda x: 3 * x**2, -1.5),
        (np.sin, np.cos, [0.1, 2.0, -3.0]),
        (np.log, lambda x: 1 / x, [1e6, 1e8]),
        (lambda x: x**2, lambda x: 2 * x, np.array([1e8, -1e7])),
        (lambda x: x @ x, lambda x: 2 * x, np.arange(3)),
        (lambda x: np.zeros(()), lambda x: np.zeros(3), np.ones(3)),
        (lambda x: x[None, :] @ x[:, None], lambda x: 2 * x, np.ones(3)),  # a number, shape (1, 1)
        (np.cumsum, lambda x, dY: np.cumsum(dY[::-1])[::-1], np.ones(4)),
        (lambda x: x**2, lambda x, dY: 2 * x * dY, 3.0),
        (np.matmul, lambda A, B, dY: (dY @ B.T, A.T @ dY), (W, X)),
    ],
)  # fmt: skip
def test_what_is_right_passes(f, df, x):
    check = check_gradients(f, df, x)
    assert check.passed, check


def softmax(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=0)


def test_the_derivative_of_each_number_shows_as_it_is():
    book = NeuralNetwork(2, [3], 2)
    assert check_gradients(book.relu, book.relu_derivative, W).passed
    check = check_gradients(book.relu, lambda Z: np.where(Z > 0, 1, 0.1), W)
    place, analytic, numeric = check.worst["Z"]
    assert (place, analytic) == ((0, 1), pytest.approx(0.1))
    assert numeric == pytest.approx(0)
    # Its other derivatives are not 0, though they add up to 0 with its own.
    assert not check_gradients(softmax, lambda Z: softmax(Z) * (1 - softmax(Z)), W).passed
    assert not check_gradients(softmax, lambda Z: 0 * Z, W).passed


def test_the_backward_pass_of_an_array():
    def backward(Z, dA):
        A = softmax(Z)
        return A * (dA - (A * dA).sum(axis=0))

    assert check_gradients(softmax, backward, W).passed
    assert not check_gradients(softmax, lambda Z, dA: softmax(Z) * dA, W).passed


def test_the_textbook_class():
    book, Y = NeuralNetwork(3, [5], 2, seed=0), one_hot([0, 1, 1, 0], 2).T
    before = {name: array.copy() for name, array in book.parameters.items()}

    def forward(parameters):
        book.parameters = parameters
        return book.forward_propagation(X)

    check = check_gradients(
        lambda parameters: book.compute_loss(forward(parameters)["A2"], Y),
        lambda parameters: book.backward_propagation(forward(parameters), Y),
        book.parameters,
        tolerance=1e-6,  # the loss adds 1e-8 in the logarithm, the gradient does not
    )
    assert check.passed, check
    assert list(check.errors) == ["W1", "b1", "W2", "b2"]
    for name, array in before.items():
        np.testing.assert_array_equal(book.parameters[name], array)


def test_x_stays_as_it_is():
    x = np.ones(3, np.float32)

    def f(x):
        x *= 2
        return x.sum()

    assert check_gradients(f, lambda x: np.full(3, 2), x).passed
    np.testing.assert_array_equal(x, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_gradients(np.sum), SettingError, r"check_gradients\(f, df, x\).*got None"),
        (lambda: check_gradients(np.sum, W), SettingError, r"got an array of shape \(2, 3\)"),
        (lambda: check_gradients(np.sum, np.ones_like), SettingError, "the place x is missing"),
        (lambda: check_gradients(abs, np.sign, "x"), DataError, "x must be real numbers"),
        (
            lambda: check_gradients(abs, np.sign, [1, np.inf]),
            DataError,
            "x must be finite numbers; x is",
        ),
        (lambda: check_gradients(np.sum, np.ones_like, ()), SettingError, "empty tuple"),
        (lambda: check_gradients(np.sum, np.ones_like, {}), SettingError, "empty dictionary"),
        (lambda: check_gradients(lambda x: None, np.sin, W), SettingError, "f .* returned None"),
        (lambda: check_gradients(np.float32, np.sin, 1), SettingError, "add parentheses"),
        (
            lambda: check_gradients(lambda x: x.astype(np.float32).sum(), np.ones_like, W),
            DTypeError,
            r"need float64; f\(x\) is float32",
        ),
        (
            lambda: check_gradients(np.sum, lambda x: np.ones((3, 2)), W),
            ShapeError,
            r"must have the shape of \w+, \(2, 3\); df returned \(3, 2\): transposed\?",
        ),
        (
            lambda: check_gradients(lambda x: x @ X, np.ones_like, W),
            ShapeError,
            r"f\(x\) has the shape \(2, 4\), so that df needs its gradient too: df\(x, dY\)",
        ),
        (
            lambda: check_gradients(lambda p: p["W"].sum(), np.ones_like, {"W": W}),
            SettingError,
            "df must return a dictionary of gradients",
        ),
        (
            lambda: check_gradients(
                lambda p: p["W"].sum() + p["b"], lambda p: {"dW": p["W"]}, {"W": W, "b": 1}
            ),
            SettingError,
            "the gradient of b is missing: df returned dW",
        ),
        (
            lambda: check_gradients(squares, lambda W, b: right(W, b)[0], (W, b)),
            SettingError,
            "a tuple of 2, so that df must return as many gradients",
        ),
        (
            lambda: check_gradients(np.sum, np.ones_like, W, input_shape=3),
            SettingError,
            "a function needs an x",
        ),
        (
            lambda: check_gradients(lambda x: x + next(CALLS), np.ones_like, np.ones(3)),
            SettingError,
            "another number each time",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("f", "df", "x"),
    [
        (lambda x: np.sum(x**3), lambda x: 3 * x**2, np.full(2, 1e-3)),
        (lambda x: np.sum(np.log(x)), lambda x: 1 / x, np.array([1e-6, 0.5])),
        (lambda x: np.sum(np.sqrt(x)), lambda x: 0.5 / np.sqrt(x), np.array([1e-7])),
    ],
)
def test_small_numbers_take_small_steps(f, df, x):
    assert check_gradients(f, df, x).passed
    assert not check_gradients(f, lambda x: 1.01 * df(x), x).passed
