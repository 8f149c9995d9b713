"""Elementary functions against Python's math, SciPy, and series in decimal arithmetic."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from plainnet.kernels.activations import sigmoid, softplus
from plainnet.kernels.normal import normal_cdf, normal_pdf
from plainnet.kernels.softmax import softmax

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
same_every_time = settings(deadline=None, derandomize=True)

ORDINARY = np.concatenate([np.linspace(-30, 30, 241), [-1e-3, -1e-8, 0.0, -0.0, 1e-8, 1e-3]])
TOLERANCE = {np.float32: 3e-7, np.float64: 1e-15}


def call(function, Z: np.ndarray) -> np.ndarray:
    """The function with the scratch memory that it wants, filled with NaN to catch a reader."""
    Z = np.asarray(Z)
    kept, out = Z.copy(), np.full_like(Z, np.nan)
    if function is softplus:
        result = softplus(Z, out, np.full_like(Z, np.nan))
    elif function is normal_cdf:
        result = normal_cdf(Z, out, np.full((2, *Z.shape), np.nan, Z.dtype))
    elif function is softmax:
        result = softmax(Z, out, np.full((*Z.shape[:-1], 1), np.nan, Z.dtype))
    else:
        result = function(Z, out)
    assert result is out
    np.testing.assert_array_equal(Z, kept)
    return out


def exact_normal_cdf(z: float) -> float:
    """1/2 + 1/sqrt(2 pi) sum_n (-1)^n z^(2n+1) / (2^n n! (2n+1)), in 80 digits."""
    with localcontext() as context:
        context.prec = 80
        z = Decimal(z)
        power, total, n = z, Decimal(0), 0
        while n < 10 or abs(power) > Decimal(10) ** -70:
            total += power / (2 * n + 1)
            n += 1
            power *= -z * z / (2 * n)
        pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640629")
        return float(Decimal("0.5") + total / (2 * pi).sqrt())


# --- sigmoid --------------------------------------------------------------------------------------


@every_dtype
def test_sigmoid(dtype):
    Z = ORDINARY.astype(dtype)
    expected = special.expit(Z.astype(np.float64))
    np.testing.assert_allclose(call(sigmoid, Z), expected, rtol=TOLERANCE[dtype] * 3)


def test_sigmoid_by_hand():
    values = call(sigmoid, np.array([0.0, math.log(3), -math.log(3), math.log(9)]))
    np.testing.assert_allclose(values, [0.5, 0.75, 0.25, 0.9], rtol=1e-15)


def test_sigmoid_is_relatively_accurate_far_below_zero():
    Z = np.array([-50.0, -300, -700])
    np.testing.assert_allclose(call(sigmoid, Z), [math.exp(z) for z in Z], rtol=1e-13)


@every_dtype
def test_sigmoid_is_finite_at_every_number(dtype):
    largest = np.finfo(dtype).max
    Z = np.array([-np.inf, -largest, -1e4, -800, -90, -0.0, 90, 800, 1e4, largest, np.inf], dtype)
    expected = [0] * 5 + [0.5] + [1] * 5
    np.testing.assert_allclose(call(sigmoid, Z), expected, atol=1e-37)


@same_every_time
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_sigmoid_rises_from_0_to_1_and_is_symmetric(a, b):
    low, high, mirrored = call(sigmoid, np.array([min(a, b), max(a, b), -max(a, b)]))
    assert 0 <= low <= high <= 1
    assert high + mirrored == pytest.approx(1, abs=1e-15)


# --- softmax --------------------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (2, 1)])
def test_softmax_is_over_the_last_axis(shape, dtype, rng):
    Z = (3 * rng.standard_normal(shape)).astype(dtype)
    A = call(softmax, Z)
    for place in np.ndindex(shape[:-1]):
        powers = [math.exp(z) for z in Z[place]]
        expected = [power / math.fsum(powers) for power in powers]
        np.testing.assert_allclose(A[place], expected, rtol=TOLERANCE[dtype] * 10)


@every_dtype
def test_softmax_is_finite_at_large_numbers(dtype):
    Z = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4], [0, -0.0, -np.inf]], dtype)
    expected = [[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0], [0.5, 0.5, 0]]
    np.testing.assert_allclose(call(softmax, Z), expected, rtol=1e-6)


@same_every_time
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.floats(-1e3, 1e3))
def test_softmax_sums_to_one_and_ignores_what_all_have_in_common(z, shift):
    Z = np.array([z])
    A = call(softmax, Z)
    assert A.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(call(softmax, Z + shift), A, rtol=1e-9, atol=1e-300)


# --- softplus -------------------------------------------------------------------------------------


@every_dtype
def test_softplus(dtype):
    Z = ORDINARY.astype(dtype)
    expected = np.logaddexp(0, Z.astype(np.float64))
    np.testing.assert_allclose(call(softplus, Z), expected, rtol=TOLERANCE[dtype] * 3)


@every_dtype
def test_softplus_at_the_ends(dtype):
    Z = np.array([-np.inf, -1e4, -80, -0.0, 0, 80, 1e4, np.inf], dtype)
    expected = [0, 0, math.exp(-80), math.log(2), math.log(2), 80, 1e4, np.inf]
    np.testing.assert_allclose(call(softplus, Z), expected, rtol=1e-6)


# --- the normal distribution ----------------------------------------------------------------------


@every_dtype
def test_normal_pdf(dtype):
    Z = np.linspace(-8, 8, 161).astype(dtype)
    expected = stats.norm.pdf(Z.astype(np.float64))
    np.testing.assert_allclose(call(normal_pdf, Z), expected, rtol=TOLERANCE[dtype] * 100)


@every_dtype
def test_normal_cdf_against_math_erf(dtype):
    Z = np.linspace(-3, 3, 241).astype(dtype)
    expected = [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in Z.astype(np.float64)]
    np.testing.assert_allclose(call(normal_cdf, Z), expected, rtol=TOLERANCE[dtype] * 150)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_normal_cdf_is_as_accurate_as_it_says(dtype, tolerance):
    Z = np.linspace(-5, 5, 403).astype(dtype)
    expected = np.array([exact_normal_cdf(float(z)) for z in Z])
    assert np.abs(call(normal_cdf, Z) / expected - 1).max() < tolerance


@every_dtype
def test_the_tails_of_the_normal_distribution(dtype):
    Z = np.array([-np.inf, -1e4, -40, -9, 9, 40, 1e4, np.inf], dtype)
    below = special.ndtr(-9)
    expected = [0, 0, 0, below, 1, 1, 1, 1]
    np.testing.assert_allclose(call(normal_cdf, Z), expected, rtol=2e-5, atol=1e-300)
    expected = [0, 0, 0, stats.norm.pdf(9), stats.norm.pdf(9), 0, 0, 0]
    np.testing.assert_allclose(call(normal_pdf, Z), expected, rtol=2e-5, atol=1e-300)


@every_dtype
def test_normal_cdf_at_zero_is_a_half(dtype):
    np.testing.assert_allclose(call(normal_cdf, np.array([0.0, -0.0], dtype)), 0.5, rtol=1e-6)


# --- all of them ----------------------------------------------------------------------------------

every_function = pytest.mark.parametrize(
    "function", [sigmoid, softmax, softplus, normal_pdf, normal_cdf]
)


@every_function
@every_dtype
def test_nan_comes_out_as_nan(function, dtype):
    out = call(function, np.array([[np.nan, 0.5], [1.0, 2.0]], dtype))
    assert np.isnan(out[0, 0])
    assert np.isfinite(out[1]).all()


@every_function
@every_dtype
def test_the_dtype_stays_in_any_layout(function, dtype, rng):
    Z = np.asfortranarray(rng.standard_normal((4, 3)).astype(dtype))
    out = call(function, Z)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, call(function, np.ascontiguousarray(Z)), rtol=1e-6)


@pytest.mark.parametrize("function", [sigmoid, normal_pdf])
def test_these_may_write_over_their_input(function, rng):
    Z = rng.standard_normal((4, 3))
    expected = call(function, Z)
    function(Z, Z)
    np.testing.assert_array_equal(Z, expected)


def test_softmax_may_write_over_its_input(rng):
    Z = rng.standard_normal((4, 3))
    expected = call(softmax, Z)
    softmax(Z, Z, np.empty((4, 1)))
    np.testing.assert_array_equal(Z, expected)
