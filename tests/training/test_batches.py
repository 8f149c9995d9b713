"""Batches of one's own with weights: the numbers of one large batch, worked out by hand."""

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.errors import DataError, ShapeError
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def line(dtype=np.float64):
    """y = W x without a bias, so that its gradient is a line of arithmetic."""
    return Network(
        [Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=3, seed=0, dtype=dtype
    )


def data(rng, m, dtype=np.float64):
    return rng.standard_normal((m, 3)).astype(dtype), rng.standard_normal(m).astype(dtype)


def by_hand(network, X, y, w, rate):
    """The weights and the loss after one step of gradient descent on sum w (Wx - y)^2 / sum w."""
    share = np.array([float(v) for v in w]) / max(float(v) for v in w)
    share /= share.sum()
    W = network["0.dense.W"][0].astype(np.float64)
    error = X.astype(np.float64) @ W - y
    return W - rate * 2 * (share * error) @ X, float(share @ error**2)


def run(network, batches, optimizer=None, **settings):
    settings = {"epochs": 1, "progress": False, **settings}
    return train(network, batches, optimizer=optimizer or SGD(0.1), **settings)


WEIGHTS = {
    "apart": (np.array([1, 2, 3.0, 4]), np.array([100, 200, 0, 50.0])),
    "whole numbers": (np.array([1, 2, 3, 4]), np.array([100, 200, 0, 50], np.uint8)),
    "float32": (np.array([1, 2, 3, 4], np.float32), np.array([9, 8, 7, 6], np.float32)),
    "tiny": (np.array([1, 2, 3, 4]) * 1e-300, np.array([9, 8, 7, 6]) * 1e-300),
    "huge": (np.array([1, 2, 3, 4]) * 1e300, np.array([9, 8, 7, 6]) * 1e300),
    "largest": (np.full(4, 1.7e308), np.full(4, 1.7e308)),
    "small first": (np.array([1, 2, 3, 4]) * 1e-30, np.array([9, 8, 7, 6]) * 1e30),
    "large first": (np.array([1, 2, 3, 4]) * 1e30, np.array([9, 8, 7, 6]) * 1e-30),
    "worlds apart": (np.array([1, 2, 3, 4]) * 1e-300, np.array([9, 8, 7, 6]) * 1e300),
    "in one batch": (np.array([1e-300, 1e300, 1e10, 0]), np.array([1e300, 1, 1e299, 1e-300])),
    "nothing first": (np.zeros(4), np.array([1, 2, 3, 4])),
    "nothing last": (np.array([1, 2, 3, 4]), np.zeros(4)),
    "truth values": (np.array([True, False, True, True]), np.array([False, True, True, False])),
}


@dtypes
@pytest.mark.parametrize("w", WEIGHTS.values(), ids=WEIGHTS)
def test_accumulated_batches_are_one_batch(w, dtype, rng):
    X, y = data(rng, 8, dtype)
    first, second = w
    network = line(dtype)
    W, loss = by_hand(network, X, y, [*first, *second], 0.1)
    history = run(network, [(X[:4], y[:4], first), (X[4:], y[4:], second)], accumulate=2)
    close = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(network["0.dense.W"][0], W, rtol=close)
    assert history["loss"] == pytest.approx([loss], rel=close)


@dtypes
def test_one_batch_and_its_halves_make_the_same_step(dtype, rng):
    X, y = data(rng, 8, dtype)
    w = np.array([1, 2, 3, 4, 1000, 2000, 500, 0])
    whole, halves = line(dtype), line(dtype)
    one = run(whole, [(X, y, w)])
    two = run(halves, [(X[:4], y[:4], w[:4]), (X[4:], y[4:], w[4:])], accumulate=2)
    close = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(halves.parameters, whole.parameters, rtol=close)
    assert two["loss"] == pytest.approx(one["loss"], rel=close)


@dtypes
@pytest.mark.parametrize("w", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_given_batches_train_as_the_same_rows_in_arrays(optimizer, w, dtype, rng):
    X, y = data(rng, 8, dtype)
    given, arrays = line(dtype), line(dtype)
    batches = [(X[:4], y[:4], w[0]), (X[4:], y[4:], w[1])]
    one = run(given, batches, optimizer(0.1), epochs=3)
    two = train(
        arrays, X, y, sample_weight=np.concatenate(w), optimizer=optimizer(0.1), epochs=3,
        batch_size=4, shuffle=False, progress=False,
    )  # fmt: skip
    close = 1e-4 if dtype == np.float32 else 1e-11
    if w[1].max() and w[0].max() / w[1].max() < 1e-300:  # in one array the first rows vanish
        return
    np.testing.assert_allclose(given.parameters, arrays.parameters, rtol=close)
    assert one["loss"] == pytest.approx(two["loss"], rel=close)


def test_the_loss_of_an_epoch_is_the_mean_over_all_weights(rng):
    X, y = data(rng, 8)
    w = np.array([1, 2, 3, 4, 500, 0, 700, 800.0])
    network = line()
    W = network["0.dense.W"][0].copy()
    history = run(network, [(X[:4], y[:4], w[:4]), (X[4:], y[4:], w[4:])], SGD(0.0))
    assert history["loss"] == pytest.approx([np.average((X @ W - y) ** 2, weights=w)], rel=1e-13)


def test_a_batch_without_weights_has_one_each(rng):
    X, y = data(rng, 8)
    network = line()
    W, loss = by_hand(network, X, y, [1, 1, 1, 1, 5, 6, 7, 0], 0.1)
    history = run(network, [(X[:4], y[:4]), (X[4:], y[4:], [5, 6, 7, 0])], accumulate=2)
    np.testing.assert_allclose(network["0.dense.W"][0], W, rtol=1e-13)
    assert history["loss"] == pytest.approx([loss], rel=1e-13)


def test_mixup_leaves_weights_comparable(rng):
    """A share of 0 or 1 mixes nothing: Beta(alpha, alpha) for a tiny alpha."""
    X, y = data(rng, 8)
    w = [np.array([1, 2, 3, 4.0]), np.array([1000, 2000, 500, 0.0])]
    network, plain = line(), line()
    batches = [(X[:4], y[:4, None], w[0]), (X[4:], y[4:, None], w[1])]
    mixed = run(network, batches, accumulate=2, mixup=1e-9, seed=0)
    as_it_is = run(plain, batches, accumulate=2)
    np.testing.assert_allclose(network.parameters, plain.parameters, rtol=1e-12)
    assert mixed["loss"] == pytest.approx(as_it_is["loss"], rel=1e-12)


def tagger():
    return Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(None, 3), seed=0)


def test_a_batch_whose_positions_do_not_count_trains_on(rng):
    X = rng.standard_normal((4, 5, 3), np.float32)
    y = rng.integers(0, 2, (4, 5))
    y[:2] = -1
    given, arrays, counted = tagger(), tagger(), tagger()
    one = run(given, [(X[:2], y[:2]), (X[2:], y[2:])])
    two = train(
        arrays, X, y, optimizer=SGD(0.1), epochs=1, batch_size=2, shuffle=False, progress=False
    )
    np.testing.assert_array_equal(given.parameters, arrays.parameters)
    assert one["loss"] == two["loss"] == run(counted, [(X[2:], y[2:])])["loss"]
    np.testing.assert_array_equal(given.parameters, counted.parameters)


def test_an_epoch_in_which_nothing_counts_is_an_error(rng):
    X, y = data(rng, 4)
    zeros = np.zeros(4)
    with pytest.raises(DataError, match="in all batches of the epoch nothing counts"):
        run(line(), [(X, y, zeros), (X, y, zeros)])
    sequences, ids = rng.standard_normal((2, 5, 3), np.float32), np.full((2, 5), -1)
    with pytest.raises(DataError, match="every target is -1 or has the sample weight 0"):
        run(tagger(), [(sequences, ids)])
    ids[0] = 1
    some = {"sample_weight": [0.0, 1.0]}  # the weight is on the sequence that does not count
    with pytest.raises(DataError, match="nothing counts"):
        train(
            tagger(), sequences, ids, optimizer=SGD(0.1), epochs=1, batch_size=1, progress=False,
            **some,
        )  # fmt: skip
    with pytest.raises(DataError, match="nothing counts"):
        tagger().evaluate(sequences, ids, **some)
    with pytest.raises(DataError, match="nothing counts"):
        run(tagger(), [(sequences, ids)], validation_data=(sequences, ids, [0.0, 1.0]))


@pytest.mark.parametrize(
    ("w", "error", "message"),
    [
        ([1, -1, 1, 1], DataError, "got -1.0 in row 1"),
        ([1, 1, np.nan, 1], DataError, "got nan in row 2"),
        ([1, 1, 1, np.inf], DataError, "got inf in row 3"),
        (["a", "b", "c", "d"], DataError, "must be real numbers"),
        ([1 + 1j, 1, 1, 1], DataError, "must be real numbers; got dtype complex128"),
        ([1, 1, 1], ShapeError, r"must have the shape \(4,\); got \(3,\)"),
    ],
)
def test_wrong_weights_are_refused(w, error, message, rng):
    X, y = data(rng, 4)
    with pytest.raises(error, match=message):
        run(line(), [(X, y, w)])
