"""The functions of one number in C, in units in the last place, over all orders of magnitude."""

import numpy as np
import pytest
from scipy import special

kernels = pytest.importorskip("plainnet_kernels", reason="plainnet_kernels is missing").kernels


def floats(low: float, high: float, n: int = 300_000) -> np.ndarray:
    """Floats of both signs whose bits are equally far apart, so that each power of two counts."""
    ends = np.array([low, high], np.float32).view(np.int32).astype(np.float64)
    some = np.linspace(*ends, n).astype(np.int32).view(np.float32)
    return np.concatenate([some, -some])


def worst(got: np.ndarray, exact: np.ndarray) -> float:
    """The largest error, in the distance between floats at the exact number."""
    normal = np.maximum(np.abs(exact), np.finfo(np.float32).tiny).astype(np.float32)
    return float(np.max(np.abs(got - exact) / np.spacing(normal)))


def expm1(x: np.ndarray) -> np.ndarray:
    return kernels["elu"](x, 1.0, 1.0, np.empty_like(x), None)


def exp(x: np.ndarray) -> np.ndarray:
    e = np.empty_like(x)
    kernels["mish"](x, e, np.empty_like(x), np.empty_like(x))
    return e


def normal_cdf(x: np.ndarray) -> np.ndarray:
    Phi = np.empty_like(x)
    kernels["gelu"](x, Phi, np.empty_like(x), None)
    return Phi


@pytest.mark.parametrize(
    ("function", "exact", "high", "ulps"),
    [
        (exp, np.exp, 20, 1),
        (expm1, lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), 100, 1),
        (lambda x: kernels["sigmoid"](x, np.empty_like(x)), special.expit, 87, 2.5),
        (lambda x: kernels["tanh"](x, np.empty_like(x)), np.tanh, 30, 2.5),
        (
            lambda x: kernels["softplus"](x, np.empty_like(x), None),
            lambda x: np.logaddexp(0, x),
            80,
            2,
        ),
        (normal_cdf, special.ndtr, 5, 18),
    ],
    ids=["exp", "expm1", "sigmoid", "tanh", "softplus", "normal_cdf"],
)
def test_they_are_as_exact_as_the_source_says(function, exact, high, ulps):
    x = floats(1e-30, high)
    assert worst(function(x), exact(x.astype(np.float64))) <= ulps


def test_exp_is_zero_where_it_would_be_denormal():
    x = np.linspace(-110, -80, 1000, dtype=np.float32)
    np.testing.assert_allclose(exp(x), np.exp(x.astype(np.float64)), rtol=1e-6, atol=1.2e-38)
    assert exp(np.float32([-np.inf, -88, -87])).tolist()[:2] == [0, 0]
