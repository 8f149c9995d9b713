"""Pairs of numbers turned by their places."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.rotary import rotate, rotate_backward
from twins.attention import turned


@pytest.mark.parametrize("pairing", ["halves", "interleaved"])
class TestRotation:
    def turn(self, X, start, pairing, function=rotate):
        return function(X, start, 100.0, pairing, nan(*X.shape), nan(X.size))

    def test_it_turns_complex_numbers(self, pairing, rng):
        X = rng.standard_normal((2, 3, 2, 6))
        out = self.turn(X, 5, pairing)
        for i, t, h in np.ndindex(2, 3, 2):
            expected = turned(X[i, t, h].tolist(), 5 + t, 100.0, pairing)
            np.testing.assert_allclose(out[i, t, h], expected, rtol=1e-12)

    def test_products_depend_on_the_distance_only(self, pairing, rng):
        q, k = rng.standard_normal((2, 1, 1, 1, 6))
        at = {
            (i, j): (self.turn(q, i, pairing) * self.turn(k, j, pairing)).sum()
            for i, j in [(0, 3), (5, 8), (90, 93), (0, 4)]
        }
        np.testing.assert_allclose([at[5, 8], at[90, 93]], at[0, 3], rtol=1e-12)
        assert abs(at[0, 4] - at[0, 3]) > 1e-3

    def test_it_turns_back(self, pairing, rng):
        X = rng.standard_normal((2, 3, 2, 6))
        back = self.turn(self.turn(X, 2, pairing), 2, pairing, rotate_backward)
        np.testing.assert_allclose(back, X, rtol=1e-13, atol=1e-14)

    def test_gradients(self, pairing, rng):
        X, dY = rng.standard_normal((2, 2, 3, 2, 4))

        def of() -> float:
            return float((self.turn(X, 3, pairing) * dY).sum())

        close(self.turn(dY, 3, pairing, rotate_backward), gradient(of, X))

    def test_in_place_or_not(self, pairing, rng):
        X = rng.standard_normal((2, 3, 2, 6))
        expected = self.turn(X, 4, pairing)
        view = nan(2, 3, 5, 6)[:, :, 1:3]
        assert rotate(X, 4, 100.0, pairing, view, nan(X.size)) is view
        np.testing.assert_array_equal(view, expected)
        rotate(X, 4, 100.0, pairing, X, nan(X.size + 3))
        np.testing.assert_array_equal(X, expected)


def test_pairs_are_those_that_onnx_and_llama_name():
    """At place 1 the slowest pair of four numbers hardly turns, and the fastest by a radian."""
    X = np.array([1.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    halves = rotate(X, 1, 10000.0, "halves", nan(*X.shape), nan(4))
    interleaved = rotate(X, 1, 10000.0, "interleaved", nan(*X.shape), nan(4))
    np.testing.assert_allclose(halves.ravel(), [np.cos(1), 0, np.sin(1), 0])
    np.testing.assert_allclose(interleaved.ravel(), [np.cos(1), np.sin(1), 0, 0])
