"""The flat vector: one array, a named view for each tensor, decaying tensors first."""

import copy
import pickle

import numpy as np
import pytest

from plainnet.engine.parameters import Declaration, FlatVector
from plainnet.initializers import Constant, GlorotUniform, Zeros

FLOAT64 = np.dtype(np.float64)


def two_dense() -> FlatVector:
    return FlatVector(
        {
            "0.dense.W": Declaration("W", (2, 3), GlorotUniform(), decays=True, order="F"),
            "0.dense.b": Declaration("b", (2,), Zeros()),
            "1.dense.W": Declaration("W", (1, 2), Constant(5), decays=True, order="F"),
            "1.dense.b": Declaration("b", (1,), Constant(7)),
        },
        FLOAT64,
    )


copies = pytest.mark.parametrize(
    "copied",
    [lambda v: v, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))],
    ids=["itself", "deepcopy", "pickle"],
)


def test_tensors_that_decay_come_first():
    vector = two_dense()
    assert list(vector.views) == ["0.dense.W", "1.dense.W", "0.dense.b", "1.dense.b"]
    assert vector.n_decaying == 8
    vector.flat[:8] = 1
    assert [view.sum() for view in vector.views.values()] == [6, 2, 0, 0]


def test_no_tensor_decays_where_none_says_so():
    vector = FlatVector({"b": Declaration("b", (2,), Zeros())}, FLOAT64)
    assert vector.n_decaying == 0


@copies
def test_views_and_vector_are_one_memory(copied):
    vector = copied(two_dense())
    for number, view in enumerate(vector.views.values()):
        view[...] = number
    assert vector.flat.tolist() == [0] * 6 + [1] * 2 + [2] * 2 + [3]
    vector.flat[:] = np.arange(11)
    assert vector.views["1.dense.W"].tolist() == [[6, 7]]
    assert vector.views["0.dense.b"].tolist() == [8, 9]
    assert vector.views["1.dense.b"].tolist() == [10]


@copies
def test_weights_lie_as_n_in_by_n_out(copied):
    vector = copied(two_dense())
    vector.flat[:] = np.arange(11)
    W = vector.views["0.dense.W"]
    assert W.shape == (2, 3)
    assert [[W[j, k] for j in range(2)] for k in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert W.T.flags.c_contiguous
    assert W.T.base is not None


def test_c_order_lies_row_by_row():
    vector = FlatVector({"K": Declaration("K", (2, 3), None)}, FLOAT64)
    vector.flat[:] = np.arange(6)
    assert vector.views["K"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_copy_shares_nothing_with_its_original():
    original = two_dense()
    other = copy.deepcopy(original)
    other.views["0.dense.W"].fill(9)
    assert original.flat.sum() == 0
    assert other.flat.sum() == 54


@copies
def test_layout_and_decay_travel(copied):
    vector = copied(two_dense())
    assert vector.n_decaying == 8
    assert vector.flat.dtype == np.float64
    assert vector.layout["0.dense.W"].order == "F"
    vector.initialize(np.random.default_rng(0))
    assert vector.views["1.dense.W"].tolist() == [[5, 5]]


def test_views_cannot_be_replaced():
    vector = two_dense()
    with pytest.raises(TypeError):
        vector.views["0.dense.b"] = np.zeros(2)  # type: ignore[index]


def test_initializers_fill_the_views():
    vector = two_dense()
    vector.initialize(np.random.default_rng(0))
    assert vector.views["1.dense.W"].tolist() == [[5, 5]]
    assert vector.views["1.dense.b"].tolist() == [7]
    assert vector.views["0.dense.b"].tolist() == [0, 0]
    W = vector.views["0.dense.W"]
    assert len(np.unique(W)) == 6
    assert np.abs(W).max() <= np.sqrt(6 / 5)


def test_random_numbers_are_drawn_in_the_order_of_declaration():
    drawn = []

    class Drawing(GlorotUniform):
        def __call__(self, rng, shape):
            drawn.append(shape)
            return super().__call__(rng, shape)

    vector = FlatVector(
        {
            "first": Declaration("first", (2, 3), Drawing()),
            "second": Declaration("second", (4, 5), Drawing(), decays=True),
        },
        FLOAT64,
    )
    vector.initialize(np.random.default_rng(0))
    assert list(vector.views) == ["second", "first"]
    assert drawn == [(2, 3), (4, 5)]


def test_a_tensor_without_an_initializer_stays_zero():
    vector = FlatVector({"W": Declaration("W", (2, 3), None)}, FLOAT64)
    vector.initialize(np.random.default_rng(0))
    assert not vector.flat.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_vector_has_the_dtype_and_starts_on_a_cache_line(dtype):
    declarations = {"W": Declaration("W", (3, 3), None)}
    vectors = [FlatVector(declarations, np.dtype(dtype)) for _ in range(8)]
    for vector in vectors:
        assert vector.flat.dtype == dtype
        assert vector.views["W"].dtype == dtype
        assert vector.flat.ctypes.data % 64 == 0


def test_nothing_declared_is_an_empty_vector():
    vector = FlatVector({}, FLOAT64)
    vector.initialize(np.random.default_rng(0))
    assert vector.flat.shape == (0,)
    assert dict(vector.views) == {}


@pytest.mark.parametrize(("shape", "size"), [((2, 3), 6), ((4,), 4), ((), 1), ((2, 1, 5), 10)])
def test_a_declaration_knows_its_size(shape, size):
    assert Declaration("W", shape, None).size == size
