"""The LSTM's cell and its loop, against the textbook's form and central differences."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.gated import by_gate
from plainnet.kernels.lstm import lstm, lstm_backward, lstm_cell, lstm_cell_backward

M, UNITS, TIME = 4, 3, 5
PADDED = np.array([[False], [True], [False], [True]])
every_mask = pytest.mark.parametrize("masked", [False, True])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def plain(Z, H, C, U, padded) -> tuple[np.ndarray, np.ndarray]:
    """h and c after a step, with Z and U as they are, (m, 4 units) and (4 units, units)."""
    i, f, o, g = np.split(Z + H @ U.T, 4, axis=1)
    C_next = sigmoid(f) * C + sigmoid(i) * np.tanh(g)
    Y = sigmoid(o) * np.tanh(C_next)
    if padded is None:
        return Y, C_next
    return np.where(padded, H, Y), np.where(padded, C, C_next)


def scratch() -> tuple[np.ndarray, ...]:
    return nan(5, M, UNITS), nan(M, UNITS), nan(M, UNITS)


@every_mask
def test_cell(masked, rng):
    Z, U = rng.standard_normal((M, 4 * UNITS)), rng.standard_normal((4 * UNITS, UNITS))
    H, C, dY, dC_next = rng.standard_normal((4, M, UNITS))
    padded = PADDED if masked else None

    def of() -> float:
        Y, C_next = plain(Z, H, C, U, padded)
        return float((Y * dY).sum() + (C_next * dC_next).sum())

    S, E, C_next, Y = nan(6, M, UNITS), nan(3, M, UNITS), nan(M, UNITS), nan(M, UNITS)
    S[4] = C
    assert lstm_cell(by_gate(Z, 4), H, by_gate(U.T, 4), padded, S, E, C_next, Y) is Y
    for actual, expected in zip((Y, C_next), plain(Z, H, C, U, padded), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)

    wanted = [gradient(of, X) for X in (Z, C, H)]
    for reuse in (False, True):
        dZ, dC, dH = nan(M, 4 * UNITS), nan(M, UNITS), nan(M, UNITS)
        if reuse:
            dC, dH = dC_next, dY
        outputs = dZ, by_gate(dZ, 4), dC, dH
        lstm_cell_backward(dY, dC_next, U, padded, S, E, *outputs, *scratch())
        for actual, expected in zip((dZ, dC, dH), wanted, strict=True):
            close(actual, expected)


def test_what_lies_beside_each_other(rng):
    """A layer shows these arrays in a recording: where no step is padded, they are the gates."""
    Z, U = rng.standard_normal((M, 4 * UNITS)), rng.standard_normal((4 * UNITS, UNITS))
    H, C = rng.standard_normal((2, M, UNITS))
    S, E, C_next, Y = nan(6, M, UNITS), nan(3, M, UNITS), nan(M, UNITS), nan(M, UNITS)
    S[4] = C
    lstm_cell(by_gate(Z, 4), H, by_gate(U.T, 4), None, S, E, C_next, Y)
    i, f, o, g = np.split(Z + H @ U.T, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    np.testing.assert_allclose(S, [i, f, o, g, C, np.tanh(C_next)], rtol=1e-13)
    np.testing.assert_allclose(E, [i * g, f * C, Y], rtol=1e-13)


@every_mask
@pytest.mark.parametrize("returned", ["all states", "the last"])
def test_loop(masked, returned, rng):
    Z, U = rng.standard_normal((TIME, M, 4 * UNITS)), rng.standard_normal((4 * UNITS, UNITS))
    h, c, last_h, last_c = rng.standard_normal((4, M, UNITS))
    dY = rng.standard_normal((TIME, M, UNITS))
    padded = rng.random((TIME, M, 1)) < 0.4 if masked else None

    def states() -> list[tuple[np.ndarray, np.ndarray]]:
        found = [(h, c)]
        for t in range(TIME):
            at = None if padded is None else padded[t]
            found.append(plain(Z[t], *found[-1], U, at))
        return found

    def of() -> float:
        found = states()
        total = float((found[-1][0] * last_h).sum() + (found[-1][1] * last_c).sum())
        if returned == "the last":
            return total
        return total + sum(float((y * d).sum()) for (y, _), d in zip(found[1:], dY, strict=True))

    H, S, E = nan(TIME + 1, M, UNITS), nan(TIME + 1, 6, M, UNITS), nan(TIME, 3, M, UNITS)
    H[0], S[0, 4] = h, c
    lstm(Z, U, padded, H, S, E)
    np.testing.assert_allclose(H, [y for y, _ in states()], rtol=1e-12)
    np.testing.assert_allclose(S[:, 4], [each for _, each in states()], rtol=1e-12)

    dZ, dc, dh = nan(TIME, M, 4 * UNITS), last_c.copy(), last_h.copy()
    given = None if returned == "the last" else dY
    lstm_backward(given, U, padded, S, E, dZ, dc, dh, *scratch())
    for actual, X in ((dZ, Z), (dc, c), (dh, h)):
        close(actual, gradient(of, X))


def test_a_full_cell_that_forgets_nothing_stays_full():
    H, S, E = nan(2, 1, 1), nan(2, 6, 1, 1), nan(1, 3, 1, 1)
    H[0], S[0, 4] = 0, 2
    lstm(np.array([[[-1e4, 1e4, 1e4, 0]]]), np.ones((4, 1)), None, H, S, E)
    assert (S[1, 4], H[1]) == (2, np.tanh(2))
