"""Correlations and their gradients in loops, with not one number of scratch memory too many."""

from typing import NamedTuple

import numpy as np
import pytest

from kernels.differences import nan
from plainnet.kernels import sliding
from plainnet.kernels.arrays import Shape
from plainnet.kernels.correlation import (
    correlate,
    correlate_backward,
    correlate_backward_size,
    correlate_size,
    swap,
    transposed_correlate,
    transposed_correlate_backward,
    transposed_correlate_backward_size,
    transposed_correlate_size,
)
from plainnet.kernels.sliding import Window


@pytest.fixture(autouse=True)
def fresh_sizes():
    """Sizes of scratch memory are remembered, and BLOCK, which decides them, does not stay."""
    yield
    for size in (
        correlate_size,
        correlate_backward_size,
        transposed_correlate_size,
        transposed_correlate_backward_size,
    ):
        size.cache_clear()


class Case(NamedTuple):
    window: Window
    groups: int
    image: Shape  # (height, width, channels)
    filters: int
    after: tuple[int, int] = (0, 0)


CASES = [
    Case(Window((3, 2)), 1, (5, 4, 3), 2),
    Case(Window((3, 3), before=(1, 1)), 1, (4, 5, 5), 4, (1, 1)),  # "same", many channels
    Case(Window((1, 1)), 1, (3, 4, 5), 2),  # the image is its own columns
    Case(Window((1, 1)), 2, (3, 2, 4), 6),
    Case(Window((1, 1), (2, 2)), 1, (5, 4, 3), 2),
    Case(Window((2, 3), (2, 1), (1, 2), (1, 2)), 1, (5, 4, 2), 3, (0, 1)),
    Case(Window((2, 2), (3, 2), (2, 1), (2, 0)), 2, (6, 5, 4), 2),
    Case(Window((3, 2), before=(0, 1)), 2, (5, 4, 10), 4),
    Case(Window((2, 2), before=(3, 2)), 1, (2, 2, 1), 2, (1, 3)),  # zeros all around
    Case(Window((3, 3), before=(1, 1)), 3, (4, 4, 3), 3, (1, 1)),  # depthwise
    Case(Window((2, 3), (2, 1), (1, 2), (1, 2)), 2, (5, 4, 2), 2, (0, 1)),
    Case(Window((3, 1), before=(2, 0)), 1, (6, 1, 2), 3),  # a causal sequence
    Case(Window((2, 2), (3, 3)), 1, (5, 7, 2), 3),  # pixels that no place reaches
    Case(Window((2, 2), before=(-1, -2)), 1, (6, 6, 2), 3, (-1, 0)),  # pixels cut off
    Case(Window((2, 3), before=(-1, -2)), 2, (6, 6, 2), 2),
    Case(Window((1, 1), before=(-1, -1)), 1, (3, 3, 2), 3, (1, 1)),
    Case(Window((1, 1), (2, 2), before=(1, 1)), 1, (3, 3, 2), 3, (2, 2)),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_block = pytest.mark.parametrize("block", [2**21, 1, 700])
every_bias = pytest.mark.parametrize("bias", [True, False])


def weighted(case: Case, A: np.ndarray, W: np.ndarray, dZ: np.ndarray) -> tuple[np.ndarray, ...]:
    """Z without a bias, dW and dA, one product after the other."""
    (_, kh, kw, per_group), (sh, sw), (dh, dw) = W.shape, case.window.stride, case.window.dilation
    top, left = case.window.before
    Z, dW, dA = np.zeros(dZ.shape), np.zeros(W.shape), np.zeros(A.shape)
    for n, y, x, f in np.ndindex(dZ.shape):
        group = f // (case.filters // case.groups)
        for i, j, c in np.ndindex(kh, kw, per_group):
            r, s = y * sh + i * dh - top, x * sw + j * dw - left
            if 0 <= r < A.shape[1] and 0 <= s < A.shape[2]:
                place = n, r, s, group * per_group + c
                Z[n, y, x, f] += W[f, i, j, c] * A[place]
                dW[f, i, j, c] += dZ[n, y, x, f] * A[place]
                dA[place] += dZ[n, y, x, f] * W[f, i, j, c]
    return Z, dW, dA


@pytest.fixture
def arrays(case, rng):
    """A, W and dZ."""
    height, width, channels = case.image
    places = case.window.places((height, width), case.after)
    return (
        rng.standard_normal((3, *case.image)),
        rng.standard_normal((case.filters, *case.window.kernel, channels // case.groups)),
        rng.standard_normal((3, *places, case.filters)),
    )


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12)


@every_case
@every_block
@every_bias
def test_correlate(case, block, bias, arrays, monkeypatch):
    monkeypatch.setattr(sliding, "BLOCK", block)
    (A, W, dZ), window, groups = arrays, case.window, case.groups
    Z, dW, dA = weighted(case, A, W, dZ)
    b = np.arange(1.0, 1 + case.filters) if bias else None
    work = nan(correlate_size(A.shape, W.shape, window, groups, Z.shape, 8))
    same(correlate(A, W, b, window, groups, nan(*Z.shape), work), Z if b is None else Z + b)

    size = correlate_backward_size(dZ.shape, A.shape, W.shape, window, groups, 8)
    outputs = nan(*W.shape), nan(case.filters), nan(*A.shape)
    correlate_backward(dZ, A, W, window, groups, *outputs, nan(size))
    for actual, expected in zip(outputs, (dW, dZ.sum(axis=(0, 1, 2)), dA), strict=True):
        same(actual, expected)
    only = nan(*W.shape)
    correlate_backward(dZ, A, W, window, groups, only, None, None, nan(size))
    np.testing.assert_array_equal(only, outputs[0])


@every_case
@every_block
@every_bias
def test_transposed_correlate(case, block, bias, arrays, monkeypatch):
    """The linear map of `correlate` the other way: what went in comes out."""
    monkeypatch.setattr(sliding, "BLOCK", block)
    (dA, W, A), window, groups = arrays, case.window, case.groups
    expected_dA, dW, Z = weighted(case, dA, W, A)
    b = np.arange(1.0, 1 + Z.shape[3]) if bias else None
    work = nan(transposed_correlate_size(A.shape, W.shape, window, groups, Z.shape, 8))
    same(
        transposed_correlate(A, W, b, window, groups, nan(*Z.shape), work),
        Z if b is None else Z + b,
    )

    dZ = dA
    size = transposed_correlate_backward_size(dZ.shape, A.shape, W.shape, window, groups, 8)
    outputs = nan(*W.shape), nan(Z.shape[3]), nan(*A.shape)
    transposed_correlate_backward(dZ, A, W, window, groups, *outputs, nan(size))
    for actual, expected in zip(outputs, (dW, dZ.sum(axis=(0, 1, 2)), expected_dA), strict=True):
        same(actual, expected)
    only = nan(*W.shape)
    transposed_correlate_backward(dZ, A, W, window, groups, only, None, None, nan(size))
    np.testing.assert_array_equal(only, outputs[0])


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_swap_trades_filters_for_channels(groups, rng):
    W = rng.standard_normal((2 * groups, 2, 3, 4))
    swapped = swap(W, groups, nan(4 * groups, 2, 3, 2))
    for g, f, c in np.ndindex(groups, 2, 4):
        np.testing.assert_array_equal(swapped[4 * g + c, :, :, f], W[2 * g + f, :, :, c])
    np.testing.assert_array_equal(swap(swapped, groups, nan(*W.shape)), W)


def test_scratch_memory_does_not_grow_with_the_batch():
    sizes = [
        correlate_backward_size(
            (m, 64, 64, 8), (m, 64, 64, 8), (8, 3, 3, 8), Window((3, 3), before=(1, 1)), 1, 4
        )
        for m in (1000, 10**6)
    ]
    assert sizes[0] == sizes[1] < 10**6
