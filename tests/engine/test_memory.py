"""Arrays that start on a cache line, and in pieces."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.engine import memory
from plainnet.engine.memory import aligned, pieces
from plainnet.layers import GELU, BatchNorm, Flatten, GroupNorm, LayerNorm, RMSNorm, Scale
from plainnet.losses import MeanSquaredError


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("shape", [0, 1, 7, 1000, (3, 5), (0, 4), (), (2, 3, 4)])
def test_an_array_is_aligned_zero_and_contiguous(shape, dtype):
    kept = [aligned(shape, dtype) for _ in range(8)]  # one could lie right by luck
    expected = np.zeros(shape, dtype)
    for array in kept:
        np.testing.assert_array_equal(array, expected, strict=True)
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_two_arrays_share_nothing():
    first, second = aligned(100, np.float32), aligned(100, np.float32)
    first.fill(1)
    assert second.sum() == 0
    assert not np.shares_memory(first, second)


# --- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", [1, 2])
@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("size", [1, 100, 10**6])
def test_pieces_are_all_rows_once_and_in_order(tail, lay, size, monkeypatch):
    monkeypatch.setattr(memory, "PIECE", size)
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
    for size in (memory.PIECE, 200):  # all at once, and a few rows at a time
        monkeypatch.setattr(memory, "PIECE", size)
        layers = [Scale(), layer(), Flatten()]
        network = Network(layers, loss=MeanSquaredError(), input_shape=shape, dtype=np.float64)
        network.parameters[:] = np.linspace(0.5, 2, network.parameters.size)
        cache = Cache(training=training)
        network.loss_and_gradients(X, y.reshape(7, -1), cache)
        results.append([network.forward(X).copy(), network.gradients.copy(), network.state.copy()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)
