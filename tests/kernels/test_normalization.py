"""Normalizations in plain expressions and by central differences; the pieces change nothing."""

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels import pieces
from plainnet.kernels.batch_norm import (
    batch_norm,
    batch_norm_backward,
    batch_statistics,
    feature_lines_shape,
    feature_piece_size,
    masked_batch_norm_backward,
    masked_batch_statistics,
)
from plainnet.kernels.group_norm import (
    channel_lines_shape,
    group_norm,
    group_norm_backward,
    repeats_size,
)
from plainnet.kernels.layer_norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from plainnet.kernels.pieces import piece_size

EPSILON = 0.3  # large, so that where it stands is seen
SHAPES = [(5, 4), (3, 2, 4), (3, 2, 3, 4), (1, 2, 4), (1, 4)]
every_shape = pytest.mark.parametrize("shape", SHAPES)
# All at once; less than an example; about two rows.
every_piece = pytest.mark.parametrize("piece", [2**18, 1, 80])
every_use = pytest.mark.parametrize("reuse", [True, False])


@pytest.fixture
def arrays(shape, rng):
    """A, gamma, beta and dY."""
    n = shape[-1]
    A, dY = 1 + 2 * rng.standard_normal((2, *shape))
    return A, rng.standard_normal(n), rng.standard_normal(n), dY


def normalized(A: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    mean, variance = A.mean(axis=axes, keepdims=True), A.var(axis=axes, keepdims=True)
    return (A - mean) / np.sqrt(variance + EPSILON)


@every_shape
@every_piece
@every_use
def test_layer_norm(shape, piece, reuse, arrays, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", piece)
    (A, gamma, beta, dY), n, per_row = arrays, shape[-1], (*shape[:-1], 1)

    def plain() -> np.ndarray:
        return gamma * normalized(A, -1) + beta

    def of() -> float:
        return float((plain() * dY).sum())

    Y, wanted = plain(), [gradient(of, X) for X in (gamma, beta, A)]
    A_hat, mean, variance, inverse_std = nan(*shape), *nan(3, *per_row)
    mu, sigma2 = A.mean(axis=-1, keepdims=True), A.var(axis=-1, keepdims=True)
    out = A if reuse else nan(*shape)
    layer_norm(A, gamma, beta, EPSILON, out, A_hat, mean, variance, inverse_std)
    np.testing.assert_allclose(out, Y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(mean, mu, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(variance, sigma2, rtol=1e-12)

    scratch = nan(piece_size(dY)), nan(piece_size(dY) // n), nan(n)
    dgamma, dbeta = nan(2, n)
    layer_norm_backward(dY, gamma, A_hat, inverse_std, dgamma, dbeta, None, *scratch)
    close(dgamma, wanted[0])
    close(dbeta, wanted[1])
    dA = dY if reuse else nan(*shape)
    dgamma, dbeta = nan(2, n)
    layer_norm_backward(dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, *scratch)
    for actual, expected in zip((dgamma, dbeta, dA), wanted, strict=True):
        close(actual, expected)


@every_shape
@every_piece
@every_use
def test_rms_norm(shape, piece, reuse, arrays, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", piece)
    (A, gamma, _, dY), n, per_row = arrays, shape[-1], (*shape[:-1], 1)

    def plain() -> np.ndarray:
        return gamma * A / np.sqrt((A**2).mean(axis=-1, keepdims=True) + EPSILON)

    def of() -> float:
        return float((plain() * dY).sum())

    Y, wanted = plain(), [gradient(of, X) for X in (gamma, A)]
    A_hat, mean_square, inverse_rms = nan(*shape), *nan(2, *per_row)
    squares = (A**2).mean(axis=-1, keepdims=True)
    out = A if reuse else nan(*shape)
    rms_norm(A, gamma, EPSILON, out, A_hat, mean_square, inverse_rms)
    np.testing.assert_allclose(out, Y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(mean_square, squares, rtol=1e-12)

    scratch = nan(piece_size(dY)), nan(piece_size(dY) // n), nan(n)
    dgamma = nan(n)
    rms_norm_backward(dY, gamma, A_hat, inverse_rms, dgamma, None, *scratch)
    close(dgamma, wanted[0])
    dgamma, dA = nan(n), dY if reuse else nan(*shape)
    rms_norm_backward(dY, gamma, A_hat, inverse_rms, dgamma, dA, *scratch)
    close(dgamma, wanted[0])
    close(dA, wanted[1])


@every_shape
@every_piece
@every_use
@pytest.mark.parametrize("of_batch", [True, False])
def test_batch_norm(shape, piece, reuse, of_batch, arrays, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", piece)
    (A, gamma, beta, dY), n = arrays, shape[-1]
    axes = tuple(range(len(shape) - 1))
    mean, variance = nan(2, n)
    lines, whole = nan(*feature_lines_shape(A)), feature_piece_size(A)
    if of_batch:
        batch_statistics(A, mean, variance, lines, nan(whole), nan(n))
        np.testing.assert_allclose(mean, A.mean(axis=axes), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(variance, A.var(axis=axes), rtol=1e-12, atol=1e-13)
    else:
        mean[:], variance[:] = np.arange(n), np.arange(1, n + 1)

    def plain() -> np.ndarray:
        if of_batch:
            return gamma * normalized(A, axes) + beta
        return gamma * (A - mean) / np.sqrt(variance + EPSILON) + beta

    def of() -> float:
        return float((plain() * dY).sum())

    Y, wanted = plain(), [gradient(of, X) for X in (gamma, beta, A)]
    A_hat, inverse_std, out = nan(*shape), nan(n), A if reuse else nan(*shape)
    lines = nan(*lines.shape)
    batch_norm(A, mean, variance, gamma, beta, EPSILON, out, A_hat, inverse_std, lines)
    np.testing.assert_allclose(out, Y, rtol=1e-12, atol=1e-13)

    scratch, (dgamma, dbeta) = (nan(*lines.shape), nan(whole), nan(3, n)), nan(2, n)
    given = dY, gamma, A_hat, inverse_std, of_batch
    batch_norm_backward(*given, dgamma, dbeta, None, *scratch)
    close(dgamma, wanted[0])
    close(dbeta, wanted[1])
    (dgamma, dbeta), dA = nan(2, n), dY if reuse else nan(*shape)
    batch_norm_backward(*given, dgamma, dbeta, dA, *scratch)
    for actual, expected in zip((dgamma, dbeta, dA), wanted, strict=True):
        close(actual, expected)


@every_shape
@every_piece
@every_use
@pytest.mark.parametrize("without_data", [True, False])
def test_masked_batch_norm(shape, piece, reuse, without_data, arrays, rng, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", piece)
    (A, gamma, beta, dY), n = arrays, shape[-1]
    data = np.zeros(shape[:-1], bool) if without_data else rng.random(shape[:-1]) < 0.6
    data.flat[-1] = not without_data

    def plain() -> np.ndarray:
        counted = A[data] if data.any() else np.zeros((1, n))
        mean, variance = counted.mean(axis=0), counted.var(axis=0)
        return gamma * (A - mean) / np.sqrt(variance + EPSILON) + beta

    def of() -> float:
        return float((plain() * dY).sum())

    Y, wanted = plain(), [gradient(of, X) for X in (gamma, beta, A)]
    w, lines, whole = data[..., None].astype(float), nan(*feature_lines_shape(A)), nan(A.size)
    mean, variance, inverse_std, dgamma, dbeta = nan(5, n)
    masked_batch_statistics(A, w, mean, variance, nan(piece_size(A)), nan(n))
    A_hat, out = nan(*shape), nan(*shape)
    batch_norm(A, mean, variance, gamma, beta, EPSILON, out, A_hat, inverse_std, lines)
    np.testing.assert_allclose(out, Y, rtol=1e-12, atol=1e-13)

    dA = dY if reuse else nan(*shape)
    given = dY, gamma, A_hat, inverse_std, False
    batch_norm_backward(*given, dgamma, dbeta, dA, lines, whole, nan(3, n))
    given = gamma, A_hat, inverse_std, w, dgamma, dbeta
    masked_batch_norm_backward(*given, dA, nan(piece_size(dA)), nan(3, n))
    for actual, expected in zip((dgamma, dbeta, dA), wanted, strict=True):
        close(actual, expected)


@every_shape
@every_piece
@every_use
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(shape, piece, reuse, groups, arrays, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", piece)
    (A, gamma, beta, dY), m, n = arrays, shape[0], shape[-1]

    def plain() -> np.ndarray:
        grouped = A.reshape(m, -1, groups, n // groups)
        return gamma * normalized(grouped, (1, 3)).reshape(shape) + beta

    def of() -> float:
        return float((plain() * dY).sum())

    Y, wanted = plain(), [gradient(of, X) for X in (gamma, beta, A)]
    A_hat, out = nan(*shape), A if reuse else nan(*shape)
    mean, variance, inverse_std = nan(3, m, *(1,) * (len(shape) - 2), n)
    lines, repeats = channel_lines_shape(A), repeats_size(A)
    group_norm(
        A, gamma, beta, groups, EPSILON, out, A_hat, mean, variance, inverse_std,
        nan(*lines), nan(repeats), nan(m * groups), nan(piece_size(A, A.ndim - 1)),
    )  # fmt: skip
    np.testing.assert_allclose(out, Y, rtol=1e-12, atol=1e-13)

    given = dY, gamma, A_hat, inverse_std, groups
    scratch = (
        nan(piece_size(dY, dY.ndim - 1)), nan(*lines), nan(repeats),
        nan(2, *inverse_std.shape), nan(m * groups), nan(n),
    )  # fmt: skip
    dgamma, dbeta = nan(2, n)
    group_norm_backward(*given, dgamma, dbeta, None, *scratch)
    close(dgamma, wanted[0])
    close(dbeta, wanted[1])
    (dgamma, dbeta), dA = nan(2, n), dY if reuse else nan(*shape)
    group_norm_backward(*given, dgamma, dbeta, dA, *scratch)
    for actual, expected in zip((dgamma, dbeta, dA), wanted, strict=True):
        close(actual, expected)


@pytest.mark.parametrize("shape", [(4, 3, 5, 4), (40, 4), (2, 3, 600, 2)])
@every_piece
def test_in_any_layout(shape, piece, rng, monkeypatch):
    """What comes from a loss or a slice may lie anyhow."""
    monkeypatch.setattr(pieces, "PIECE", piece)
    n, per_row = shape[-1], (*shape[:-1], 1)
    dY, A_hat = rng.standard_normal((2, *shape))
    gamma, inverse_std = rng.standard_normal(n), np.abs(rng.standard_normal(per_row))
    results = []
    for lay in (np.ascontiguousarray, np.asfortranarray):
        dy = lay(dY)
        dgamma, dbeta, dA = nan(n), nan(n), nan(*shape)
        scratch = nan(piece_size(dy)), nan(piece_size(dy) // n), nan(n)
        layer_norm_backward(dy, gamma, A_hat, inverse_std, dgamma, dbeta, dA, *scratch)
        scratch = nan(*feature_lines_shape(dy)), nan(feature_piece_size(dy)), nan(3, n)
        more = nan(n), nan(n), nan(*shape)
        batch_norm_backward(dy, gamma, A_hat, np.arange(1.0, n + 1), True, *more, *scratch)
        results.append((dgamma, dbeta, dA, *more))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-11)
