"""The affine map and its gradients, in loops."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.affine import affine, affine_backward


@pytest.mark.parametrize("shape", [(5,), (4, 3), (1,), (2, 1, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_affine_is_a_weighted_sum_of_every_input(shape, bias, rng):
    A, W = rng.standard_normal((*shape, 3)), rng.standard_normal((3, 4)).T
    b = rng.standard_normal(4) if bias else None
    Z = affine(A, W, b, nan(*shape, 4))
    for place in np.ndindex(Z.shape):
        f = place[-1]
        expected = sum(w * a for w, a in zip(W[f], A[place[:-1]], strict=True))
        assert Z[place] == pytest.approx(expected + (b[f] if b is not None else 0), rel=1e-12)


@pytest.mark.parametrize("shape", [(5,), (4, 3)])
def test_gradients_of_affine(shape, rng):
    A, W = rng.standard_normal((*shape, 3)), rng.standard_normal((3, 4)).T
    b, dZ = rng.standard_normal(4), rng.standard_normal((*shape, 4))
    dW, db, dA = nan(3, 4).T, nan(4), nan(*shape, 3)
    affine_backward(dZ, A, W, dW, db, dA)

    def of() -> float:
        return float((affine(A, W, b, nan(*shape, 4)) * dZ).sum())

    close(dW, gradient(of, W))
    close(db, gradient(of, b))
    close(dA, gradient(of, A))


def test_what_nobody_reads_is_left_out(rng):
    A, W, dZ = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)), np.eye(5, 4)
    all_of_them, some = [nan(4, 3), nan(4), nan(5, 3)], nan(4, 3)
    affine_backward(dZ, A, W, *all_of_them)
    affine_backward(dZ, A, W, some, None, None)
    np.testing.assert_array_equal(some, all_of_them[0])
