"""Large arrays in pieces and in lines."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.kernels import pieces as module
from plainnet.kernels.pieces import along, line_shape, piece_size, pieces
from plainnet.layers import GELU, BatchNorm, Flatten, GroupNorm, LayerNorm, RMSNorm, Scale
from plainnet.losses import MeanSquaredError


@pytest.mark.parametrize("tail", [1, 2])
@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("size", [1, 100, 10**6])
def test_pieces_are_all_rows_once_and_in_order(tail, lay, size, monkeypatch):
    monkeypatch.setattr(module, "PIECE", size)
    A = lay(np.arange(7 * 3 * 4.0).reshape(7, 3, 4))
    per_row = np.zeros((7, 3, 1))
    seen = []
    for a, r in pieces(A, per_row, tail=tail):
        assert len(a) == len(r)
        assert a.shape[-tail:] == A.shape[-tail:]
        assert a.nbytes <= size or len(a) == 1
        seen.append(a.reshape(-1, 4))
        r += a.sum(axis=-1, keepdims=True)
    np.testing.assert_array_equal(np.concatenate(seen), A.reshape(-1, 4))
    np.testing.assert_array_equal(per_row, A.sum(axis=-1, keepdims=True))  # written through
    assert (len(seen) == 1) == (size > A.nbytes)
    assert max(a.size for a in seen) == piece_size(A, tail)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm, (4, 5, 6)),
        (BatchNorm, (6,)),
        (LayerNorm, (4, 6)),
        (RMSNorm, (4, 6)),
        (lambda: GroupNorm(2), (4, 5, 6)),
        (lambda: GroupNorm(3), (6,)),
        (GELU, (5, 6)),
        (lambda: GELU("tanh"), (5, 6)),
    ],
)
def test_layers_give_the_same_in_pieces(layer, shape, training, monkeypatch, rng):
    X, y = rng.standard_normal((2, 7, *shape))
    results = []
    for size in (module.PIECE, 200):  # all at once, and a few rows at a time
        monkeypatch.setattr(module, "PIECE", size)
        layers = [Scale(), layer(), Flatten()]
        network = Network(layers, loss=MeanSquaredError(), input_shape=shape, dtype=np.float64)
        network.parameters[:] = np.linspace(0.5, 2, network.parameters.size)
        cache = Cache(training=training)
        network.loss_and_gradients(X, y.reshape(7, -1), cache)
        results.append([network.forward(X).copy(), network.gradients.copy(), network.state.copy()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("layer", [GELU(), GELU("tanh")], ids=repr)
@pytest.mark.parametrize("lay_input", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("lay_gradient", [np.ascontiguousarray, np.asfortranarray])
def test_input_and_gradient_may_lie_differently(layer, lay_input, lay_gradient, monkeypatch, rng):
    Z, dA = rng.standard_normal((2, 3, 20, 6))
    results = []
    for size in (module.PIECE, 100):  # all at once, and less than an example
        monkeypatch.setattr(module, "PIECE", size)
        cache = Cache(training=True)
        layer.forward(lay_input(Z), cache)
        results.append(layer.backward(lay_gradient(dA), cache))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-12)


# --- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((9, 4), (4,)),
        ((9, 600), (600,)),
        ((9, 600, 4), (600, 4)),
        ((9, 40, 30, 4), (40, 30, 4)),
        ((9, 40, 600, 4), (600, 4)),
        ((9, 40, 5, 512), (512,)),
        ((9, 40, 5, 511), (5, 511)),
        ((9, 1, 2, 3), (1, 2, 3)),
        ((9, 7, 600, 5, 4), (600, 5, 4)),
    ],
)
def test_lines_are_long_and_leave_out_the_batch(shape, expected):
    assert line_shape(shape) == expected


def test_values_are_repeated_along_lines():
    one, two, lines = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.full((4, 3, 2), np.nan)
    first, second = along(lines, one, two)
    np.testing.assert_array_equal(first, [[1, 2]] * 3)
    np.testing.assert_array_equal(second, [[3, 4]] * 3)
    assert np.shares_memory(second, lines)


def test_where_a_line_is_the_last_axis_nothing_is_repeated():
    values = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    lines = np.full((4, 2), np.nan)
    assert along(lines, *values)[1] is values[1]
