"""Activations and their slopes, number by number."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels import activations as kernels

# Away from 0, where some have a kink; on both sides of it, near and far.
Z = np.array([[-30.0, -3.3, -1.0, -0.2], [0.1, 0.9, 2.5, 25.0]])


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def normal_cdf(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def gelu_tanh(z: float) -> float:
    return z / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


# Settings; what forward leaves beside A, what backward reads of Z, A and that, and its scratch
# memory, a letter for each, as `memory` has them; the definition.
CASES: dict[str, tuple[tuple[float, ...], str, str, str, Callable[[float], float]]] = {
    "relu": ((), "", "A", "b", lambda z: max(z, 0)),
    "leaky_relu": ((0.3,), "", "Z", "fbb", lambda z: z if z > 0 else 0.3 * z),
    "elu": (
        (1.7, 1.1),
        "",
        "Z",
        "ffbb",
        lambda z: 1.1 * (z if z > 0 else 1.7 * math.expm1(z)),
    ),
    "gelu": ((), "e", "Ze", "s", lambda z: z * normal_cdf(z)),
    "gelu_tanh": ((), "e", "Ze", "ss", gelu_tanh),
    "silu": ((), "e", "Ze", "f", lambda z: z * sigmoid(z)),
    "mish": ((), "ee", "Zee", "ff", lambda z: z * math.tanh(math.log1p(math.exp(z)))),
    "sigmoid": ((), "", "A", "f", sigmoid),
    "tanh": ((), "", "A", "f", math.tanh),
    "softplus": ((), "", "Z", "f", lambda z: math.log1p(math.exp(z))),
}
FORWARD_SCRATCH = {"elu": "f", "gelu": "d", "softplus": "f"}
OVER_Z = ["relu", "sigmoid", "tanh"]
every_activation = pytest.mark.parametrize("name", CASES)


def memory(kinds: str, like: np.ndarray) -> list[np.ndarray]:
    """Outputs and scratch: floats, booleans; a flat piece, two of them."""
    made = {
        "f": lambda: nan(*like.shape),
        "e": lambda: nan(*like.shape),
        "b": lambda: nan(*like.shape, dtype=bool),
        "s": lambda: nan(like.size),
        "d": lambda: nan(2 * like.size),
    }
    return [made[kind]() for kind in kinds]


def forward(name: str, z: np.ndarray, A: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    settings, extra, *_ = CASES[name]
    left = memory(extra, z)
    scratch = memory(FORWARD_SCRATCH.get(name, ""), z)
    return getattr(kernels, name)(z, *settings, *left, A, *scratch), left


def backward(name: str, dA: np.ndarray, dZ: np.ndarray) -> np.ndarray:
    settings, _, reads, scratch, _ = CASES[name]
    A, left = forward(name, Z, nan(*Z.shape))
    known: dict[str, list[Any]] = {"Z": [Z], "A": [A], "e": left}
    given = [known[letter].pop(0) for letter in reads]
    function = getattr(kernels, f"{name}_backward")
    return function(dA, *given, *settings, dZ, *memory(scratch, Z))


@every_activation
def test_an_activation_is_its_definition(name):
    A = nan(*Z.shape)
    result, _ = forward(name, Z, A)
    assert result is A
    expected = [CASES[name][-1](z) for z in Z.flat]
    np.testing.assert_allclose(A.ravel(), expected, rtol=1e-12, atol=1e-14)


@every_activation
def test_the_slope_of_an_activation(name, rng):
    dA, z, dZ = rng.standard_normal(Z.shape), Z.copy(), nan(*Z.shape)

    def of() -> float:
        return float((forward(name, z, nan(*Z.shape))[0] * dA).sum())

    assert backward(name, dA, dZ) is dZ
    close(dZ, gradient(of, z))


@every_activation
def test_a_slope_may_be_written_over_the_gradient(name, rng):
    dA = rng.standard_normal(Z.shape)
    expected = backward(name, dA, nan(*Z.shape))
    np.testing.assert_array_equal(backward(name, dA, dA), expected)


@pytest.mark.parametrize("name", OVER_Z)
def test_some_may_be_written_over_their_input(name):
    expected, _ = forward(name, Z, nan(*Z.shape))
    z = Z.copy()
    np.testing.assert_array_equal(forward(name, z, z)[0], expected)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_at_zero_the_slope_is_that_below(name):
    settings, _, _, scratch, _ = CASES[name]
    zero, dZ = np.zeros((1, 1)), nan(1, 1)
    getattr(kernels, f"{name}_backward")(
        np.ones((1, 1)), zero, *settings, dZ, *memory(scratch, zero)
    )
    assert dZ[0, 0] == pytest.approx({"relu": 0, "leaky_relu": 0.3, "elu": 1.7 * 1.1}[name])
