"""Elman's cell and its loop, against plain expressions and central differences."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.rnn import rnn, rnn_backward, rnn_cell, rnn_cell_backward

M, UNITS, TIME = 4, 3, 5
PADDED = np.array([[False], [True], [False], [True]])
every_activation = pytest.mark.parametrize("rectified", [False, True])
every_mask = pytest.mark.parametrize("masked", [False, True])


def plain(Z, H, U, rectified, padded):
    pre = Z + H @ U.T
    Y = pre * (pre > 0) if rectified else np.tanh(pre)
    return Y if padded is None else np.where(padded, H, Y)


def scratch(rectified: bool) -> tuple[np.ndarray, np.ndarray]:
    return nan(M, UNITS, dtype=bool if rectified else float), nan(M, UNITS)


@every_activation
@every_mask
def test_cell(rectified, masked, rng):
    (Z, H, dY), U = rng.standard_normal((3, M, UNITS)), rng.standard_normal((UNITS, UNITS))
    padded = PADDED if masked else None

    def of() -> float:
        return float((plain(Z, H, U, rectified, padded) * dY).sum())

    Y = rnn_cell(Z, H, U, rectified, padded, nan(M, UNITS), nan(M, UNITS))
    np.testing.assert_allclose(Y, plain(Z, H, U, rectified, padded), rtol=1e-13)
    dZ, dH = gradient(of, Z), gradient(of, H)
    for reuse in (False, True):
        outputs = nan(M, UNITS), dY if reuse else nan(M, UNITS)
        rnn_cell_backward(dY, Y, U, rectified, padded, *outputs, *scratch(rectified))
        close(outputs[0], dZ)
        close(outputs[1], dH)


@every_activation
@every_mask
@pytest.mark.parametrize("returned", ["all states", "the last"])
def test_loop(rectified, masked, returned, rng):
    Z, dY = rng.standard_normal((2, TIME, M, UNITS))
    start, U = rng.standard_normal((M, UNITS)), rng.standard_normal((UNITS, UNITS))
    padded = rng.random((TIME, M, 1)) < 0.4 if masked else None
    last = rng.standard_normal((M, UNITS))

    def states() -> list[np.ndarray]:
        found = [start]
        for t in range(TIME):
            at = None if padded is None else padded[t]
            found.append(plain(Z[t], found[-1], U, rectified, at))
        return found

    def of() -> float:
        total = float((states()[-1] * last).sum())
        if returned == "the last":
            return total
        return total + sum(float((h * d).sum()) for h, d in zip(states()[1:], dY, strict=True))

    H = nan(TIME + 1, M, UNITS)
    H[0] = start
    rnn(Z, U, rectified, padded, H, nan(M, UNITS))
    np.testing.assert_allclose(H, states(), rtol=1e-12)
    dZ, dh = nan(TIME, M, UNITS), last.copy()
    given = None if returned == "the last" else dY
    rnn_backward(given, H, U, rectified, padded, dZ, dh, *scratch(rectified))
    close(dZ, gradient(of, Z))
    close(dh, gradient(of, start))
