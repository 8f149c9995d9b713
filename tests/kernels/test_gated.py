"""Views by gate, and gates that saturate."""

import numpy as np
import pytest

from plainnet.kernels.gated import by_gate, sigmoid_of_gates


@pytest.mark.parametrize("gates", [2, 3, 4])
def test_by_gate_is_a_view(gates, rng):
    Z = rng.standard_normal((2, 5, gates * 3))
    split = by_gate(Z, gates)
    for gate in range(gates):
        np.testing.assert_array_equal(split[:, gate], Z[..., gate * 3 : (gate + 1) * 3])
    split[1, 0, 2] = 7
    assert (Z[1, 2, :3] == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gates_saturate(dtype):
    Z = np.array([-1e4, -3, 0, 3, 1e4], dtype)
    with np.errstate(over="ignore"):
        sigmoid_of_gates(Z)
    np.testing.assert_allclose(Z, [0, 1 / (1 + np.exp(3)), 0.5, 1 / (1 + np.exp(-3)), 1], rtol=1e-6)
