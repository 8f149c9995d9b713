"""Caches that a network keeps: whose they are, and when there are none."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.engine import spare
from plainnet.engine.cache import Memory
from plainnet.errors import ShapeError
from plainnet.layers import Dense, Graph, Layer, Tanh
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy


def network_of(*layers, loss=None, seed=0):
    loss = loss or SoftmaxCrossEntropy()
    return Network([*layers, Dense(8), Tanh(), Dense(3)], loss=loss, input_shape=4, seed=seed)


def inputs(m, seed=1):
    return np.random.default_rng(seed).standard_normal((m, 4)).astype(np.float32)


def kept_by(network):
    return network._spare._caches


class Through(Layer):
    """Passes on what it is given; a test gives it a `forward`."""

    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA


CALLS = (
    lambda network, X: network.predict(X),
    lambda network, X: network.predict_proba(X),
    lambda network, X: network.outputs(X),
    lambda network, X: network.forward(X),
)


@pytest.mark.parametrize("call", CALLS)
def test_a_second_prediction_makes_no_cache(call, monkeypatch):
    network, X = network_of(), inputs(3)
    call(network, X)
    (kept,) = kept_by(network)
    monkeypatch.setattr(Memory, "__init__", lambda self: pytest.fail("a cache is made"))
    call(network, X)
    call(network, X[:1])
    assert kept_by(network) == [kept]


@pytest.mark.parametrize("call", CALLS)
def test_it_gives_the_bits_that_a_new_cache_gives(call):
    used, X = network_of(), inputs(5)
    for m in (5, 1, 3):
        call(used, -X[:m])
    for m in (1, 2, 5):
        used.parameters[:] *= 1.5
        new = copy.deepcopy(used)
        np.testing.assert_array_equal(call(used, X[:m]), call(new, X[:m]))
        np.testing.assert_array_equal(new.outputs(X[:m]), new.outputs(X[:m], Cache()))


@pytest.mark.parametrize("call", CALLS)
def test_what_is_returned_is_the_callers(call):
    network, X = network_of(loss=MeanSquaredError()), inputs(2)
    if call is CALLS[1]:
        network = network_of()
    first = call(network, X)
    kept = first.copy()
    second = call(network, -X)
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert first.flags.writeable
    assert first.flags.c_contiguous


def test_each_output_of_a_graph_is_the_callers():
    graph = Graph(
        inputs=("a", "b"),
        nodes={"c": (Dense(2), "a"), "d": (Dense(3), "b")},
        outputs=("c", "d"),
    )
    loss = {"c": MeanSquaredError(), "d": SoftmaxCrossEntropy()}
    network = Network(graph, loss=loss, input_shape={"a": 4, "b": 4}, seed=0)
    X = {"a": inputs(2), "b": inputs(2, seed=2)}
    first, predicted = network.forward(X), network.predict(X)
    before = copy.deepcopy((first, predicted))
    negative = {name: -array for name, array in X.items()}
    network.forward(negative), network.predict(negative)
    for now, then in zip((first, predicted), before, strict=True):
        for name in ("c", "d"):
            np.testing.assert_array_equal(now[name], then[name])
    assert len(kept_by(network)) == 1


def test_the_callers_data_do_not_stay_in_memory():
    network, many = network_of(Through()), inputs(50)
    network.predict(many[7:8])
    (cache,) = kept_by(network)
    held = [a for each in cache._tree() for a in each._kept.values() if isinstance(a, np.ndarray)]
    assert held
    assert not any(np.shares_memory(array, many) for array in held)


def test_a_large_batch_leaves_no_cache(monkeypatch):
    network = network_of()
    monkeypatch.setattr(spare, "MOST_BYTES", 20_000)
    monkeypatch.setattr("plainnet.network.MOST_BYTES", 20_000)
    network.predict(inputs(1000))
    assert not kept_by(network)
    network.predict(inputs(10))
    (kept,) = kept_by(network)
    assert kept.nbytes <= 20_000
    network.predict(inputs(1000))
    network.forward(inputs(1000))
    assert kept_by(network) == [kept]
    assert kept.nbytes <= 20_000


def test_a_cache_that_grows_beyond_the_limit_is_dropped(monkeypatch):
    class Wasteful(Through):
        def forward(self, A, cache):
            cache.array("scratch", (len(A), 10_000), A.dtype)
            return A

    network = network_of(Wasteful())
    monkeypatch.setattr(spare, "MOST_BYTES", 100_000)
    network.predict(inputs(2))
    assert len(kept_by(network)) == 1
    network.predict(inputs(3))
    assert not kept_by(network)


def test_at_most_some_caches_are_kept():
    caches = spare.SpareCaches()
    taken = [caches.take() for _ in range(spare.MOST_CACHES + 3)]
    for cache in taken:
        caches.give_back(cache)
    assert len(caches._caches) == spare.MOST_CACHES


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_and_files_have_none(copied):
    network, X = network_of(), inputs(3)
    expected = network.predict_proba(X)
    assert b"Cache" not in pickle.dumps(network)
    other = copied(network)
    assert not kept_by(other)
    network._bind()
    assert not kept_by(network)
    for each in (network, other, pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(each.predict_proba(X), expected)


def test_threads_have_a_cache_each():
    network = network_of()
    given = [inputs(m, seed=m) for m in range(1, 9)] * 20
    alone = [network.predict_proba(X) for X in given]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(network.predict_proba, given))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert 1 <= len(kept_by(network)) <= spare.MOST_CACHES


def test_a_layer_may_predict_with_its_own_network():
    class Asks(Through):
        depth = 0

        def forward(self, A, cache):
            if Asks.depth < 2:
                Asks.depth += 1
                network.predict_proba(-3 * A)
                Asks.depth -= 1
            return A

    network, X = network_of(Asks()), inputs(3)
    Asks.depth = 2
    expected = network.predict_proba(X)
    Asks.depth = 0
    for _ in range(2):
        np.testing.assert_array_equal(network.predict_proba(X), expected)


@pytest.mark.usefixtures("numpy_kernels")  # those in C do not call each layer
def test_a_refused_pass_leaves_no_cache_behind():
    network, X = network_of(), inputs(3)
    network.predict(X)
    network.layers[1].forward = lambda A, cache: 1 / 0
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            network.predict(X)
    assert not kept_by(network)
    del network.layers[1].forward
    assert network.predict(X).shape == (3,)


def test_a_layer_that_loses_rows_is_named_later_too():
    class Mean(Through):
        def forward(self, A, cache):
            return A.mean(axis=0, keepdims=True)

    network = network_of(Mean())
    assert network.predict(inputs(1)).shape == (1,)  # of one row it is right
    with pytest.raises(ShapeError, match=r"layer 0\.mean .* shape \(5, 4\); it returned"):
        network.predict(inputs(5))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_draws_other_numbers_than_its_parent():
    class Draws(Through):
        def forward(self, A, cache):
            return A + cache.rng.standard_normal(A.shape, A.dtype)

    network = Network([Draws()], loss=MeanSquaredError(), input_shape=4)
    X = inputs(1)
    network.predict(X)
    drawn = []
    for _ in range(2):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, network.predict(X).tobytes())
            os._exit(0)
        drawn.append(os.read(read, 100))
        os.waitpid(child, 0)
        os.close(read), os.close(write)
    assert len(drawn[0]) == X.nbytes
    assert len({*drawn, network.predict(X).tobytes()}) == 3
