"""The slope of softmax; test_elementary has its values."""

import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels.softmax import softmax, softmax_backward


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (5, 1)])
@pytest.mark.parametrize("reuse", [True, False])
def test_the_slope_of_softmax(shape, reuse, rng):
    Z, dA = rng.standard_normal((2, *shape))
    per_row = nan(*shape[:-1], 1)

    def of() -> float:
        return float((softmax(Z, nan(*shape), per_row) * dA).sum())

    expected = gradient(of, Z)
    A, dZ = softmax(Z, nan(*shape), per_row), dA if reuse else nan(*shape)
    assert softmax_backward(dA, A, dZ, nan(*shape), nan(*shape[:-1], 1)) is dZ
    close(dZ, expected)
