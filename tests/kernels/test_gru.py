"""The GRU's cell and its loop, against the papers' form and central differences."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.gated import by_gate
from plainnet.kernels.gru import gru, gru_backward, gru_cell, gru_cell_backward

M, UNITS, TIME = 4, 3, 5
PADDED = np.array([[False], [True], [False], [True]])
every_reset = pytest.mark.parametrize("reset", ["after", "before"])
every_mask = pytest.mark.parametrize("masked", [False, True])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def plain(Z, H, U, b_reset, padded) -> np.ndarray:
    """The state after a step, with Z and U as they are, (m, 3 units) and (3 units, units)."""
    (Z_r, Z_k, Z_n), (U_r, U_k, U_n) = np.split(Z, 3, axis=1), np.split(U, 3)
    r, k = sigmoid(Z_r + H @ U_r.T), sigmoid(Z_k + H @ U_k.T)
    if b_reset is None:
        n = np.tanh(Z_n + (r * H) @ U_n.T)
    else:
        n = np.tanh(Z_n + r * (H @ U_n.T + b_reset))
    Y = (1 - k) * n + k * H
    return Y if padded is None else np.where(padded, H, Y)


def of_product(dQ: np.ndarray, H: np.ndarray, V: np.ndarray, dZ: np.ndarray, reset: str):
    """dU and db_reset of all steps, which say what dQ and V are."""
    if reset == "after":
        return np.einsum("tmi,tmj->ij", dQ, H), dQ[..., 2 * UNITS :].sum(axis=(0, 1))
    of_gates = np.einsum("tmi,tmj->ij", dQ, H)
    return np.concatenate([of_gates, np.einsum("tmi,tmj->ij", dZ[..., 2 * UNITS :], V)]), None


def scratch() -> tuple[np.ndarray, ...]:
    return nan(3, M, UNITS), nan(M, UNITS), nan(M, UNITS), nan(M, UNITS)


@pytest.fixture
def weights(reset, rng):
    """U and b_reset."""
    return rng.standard_normal((3 * UNITS, UNITS)), (
        rng.standard_normal(UNITS) if reset == "after" else None
    )


@every_reset
@every_mask
def test_cell(reset, masked, weights, rng):
    (H, dY), Z = rng.standard_normal((2, M, UNITS)), rng.standard_normal((M, 3 * UNITS))
    (U, b_reset), padded = weights, PADDED if masked else None

    def of() -> float:
        return float((plain(Z, H, U, b_reset, padded) * dY).sum())

    S, V, Y = nan(3, M, UNITS), nan(M, UNITS), nan(M, UNITS)
    given = by_gate(Z, 3), H, by_gate(U.T, 3), b_reset, padded
    assert gru_cell(*given, S, V, Y, nan(3, M, UNITS)) is Y
    np.testing.assert_allclose(Y, plain(Z, H, U, b_reset, padded), rtol=1e-12)

    wanted = [gradient(of, X) for X in (Z, H, U)]
    of_b = None if b_reset is None else gradient(of, b_reset)
    gates = 3 if reset == "after" else 2
    for reuse in (False, True):
        dZ, dQ = nan(M, 3 * UNITS), nan(M, gates * UNITS)
        dH = dY if reuse else nan(M, UNITS)
        outputs = by_gate(dZ, 3), dQ, by_gate(dQ, gates), dH
        gru_cell_backward(dY, H, U, reset, padded, S, V, *outputs, *scratch())
        dU, db_reset = of_product(dQ[None], H[None], V[None], dZ[None], reset)
        for actual, expected in zip((dZ, dH, dU), wanted, strict=True):
            close(actual, expected)
        if of_b is not None:
            close(db_reset, of_b)


@every_reset
@every_mask
@pytest.mark.parametrize("returned", ["all states", "the last"])
def test_loop(reset, masked, returned, weights, rng):
    Z, (U, b_reset) = rng.standard_normal((TIME, M, 3 * UNITS)), weights
    start, last = rng.standard_normal((2, M, UNITS))
    dY = rng.standard_normal((TIME, M, UNITS))
    padded = rng.random((TIME, M, 1)) < 0.4 if masked else None

    def states() -> list[np.ndarray]:
        found = [start]
        for t in range(TIME):
            at = None if padded is None else padded[t]
            found.append(plain(Z[t], found[-1], U, b_reset, at))
        return found

    def of() -> float:
        total = float((states()[-1] * last).sum())
        if returned == "the last":
            return total
        return total + sum(float((h * d).sum()) for h, d in zip(states()[1:], dY, strict=True))

    H, S, V = nan(TIME + 1, M, UNITS), nan(TIME, 3, M, UNITS), nan(TIME, M, UNITS)
    H[0] = start
    gru(Z, U, b_reset, padded, H, S, V, nan(3, M, UNITS))
    np.testing.assert_allclose(H, states(), rtol=1e-12)

    gates = 3 if reset == "after" else 2
    dZ, dQ, dh = nan(TIME, M, 3 * UNITS), nan(TIME, M, gates * UNITS), last.copy()
    given = None if returned == "the last" else dY
    gru_backward(given, H, U, reset, padded, S, V, dZ, dQ, dh, *scratch())
    dU, _ = of_product(dQ, H[:-1], V, dZ, reset)
    for actual, X in ((dZ, Z), (dh, start), (dU, U)):
        close(actual, gradient(of, X))
