"""The cache: the same memory at every step, names through all levels, and who owns what."""

import numpy as np
import pytest

from plainnet import Cache, Network, step
from plainnet.engine.plan import Place
from plainnet.errors import SettingError
from plainnet.layers import (
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    GroupNorm,
    LayerNorm,
    ReLU,
    Residual,
    Sequential,
    SiLU,
    Tanh,
)
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import Adam

FLOAT32 = np.dtype(np.float32)
dtype_spellings = pytest.mark.parametrize("dtype", [FLOAT32, np.float32, "float32"], ids=repr)


@dtype_spellings
def test_the_same_request_gets_the_same_memory(dtype):
    cache = Cache()
    first = cache.array("Z", (6, 4), dtype)
    first[:] = np.arange(24).reshape(6, 4)
    again = cache.array("Z", (6, 4), dtype)
    assert again.ctypes.data == first.ctypes.data
    np.testing.assert_array_equal(again, np.arange(24).reshape(6, 4))
    assert again.dtype == np.float32


def test_a_shorter_batch_gets_a_slice_and_a_full_one_the_whole_again():
    cache = Cache()
    full = cache.array("Z", (6, 4), FLOAT32)
    short = cache.array("Z", (2, 4), FLOAT32)
    assert short.shape == (2, 4)
    assert short.flags.c_contiguous
    assert short.ctypes.data == full.ctypes.data
    assert cache.array("Z", (6, 4), FLOAT32).ctypes.data == full.ctypes.data
    assert cache.nbytes == 6 * 4 * 4


def test_a_larger_batch_gets_new_memory_and_the_old_is_let_go():
    cache = Cache()
    cache.array("Z", (6, 4), FLOAT32)
    assert cache.array("Z", (9, 4), FLOAT32).shape == (9, 4)
    assert cache.nbytes == 9 * 4 * 4


def test_another_dtype_gets_other_memory():
    cache = Cache()
    cache.array("Z", (6, 4), FLOAT32)
    assert cache.array("Z", (6, 4), np.float64).dtype == np.float64
    assert cache.array("Z", (6, 4), bool).dtype == np.bool_


def test_arrays_of_two_names_do_not_overlap():
    cache = Cache()
    Z, A = (cache.array(name, (5, 3), FLOAT32) for name in "ZA")
    assert not np.shares_memory(Z, A)


def test_what_was_asked_for_last_is_what_the_name_shows():
    cache = Cache()
    cache.array("Z", (6, 4), FLOAT32)[:] = 7
    cache.array("Z", (2, 4), FLOAT32)
    np.testing.assert_array_equal(cache["Z"], np.full((2, 4), 7))


# --- whose array is it ----------------------------------------------------------------------------


def test_a_reference_is_kept_as_it_is_and_costs_nothing():
    cache, X = Cache(), np.zeros((3, 2))
    cache["A"] = X
    assert cache["A"] is X
    assert cache.nbytes == 0


def test_an_array_of_its_own_is_not_replaced_by_a_reference():
    cache = Cache()
    own = cache.array("Z", (3, 2), FLOAT32)
    with pytest.raises(KeyError, match="'Z' is an array of the cache's own; take another name"):
        cache["Z"] = np.zeros((3, 2))
    assert cache["Z"] is own


@dtype_spellings
@pytest.mark.parametrize("shape", [(3, 2), (2, 2)])
def test_a_reference_is_never_handed_out_to_be_written_over(dtype, shape):
    cache = Cache()
    cache["A"] = np.zeros((3, 2), np.float32)
    with pytest.raises(KeyError, match="'A' is an array that the cache only refers to"):
        cache.array("A", shape, dtype)


def test_where_it_may_a_layer_writes_over_what_it_is_handed():
    Z = np.zeros((3, 2), np.float32)
    cache = Cache()
    assert cache.output("A", Z) is not Z
    assert cache.gradient("dZ", Z) is not Z
    cache = Cache()
    cache.place = Place(reuse_input=True, reuse_gradient=True)
    assert cache.output("A", Z) is Z
    assert cache.gradient("dZ", Z) is Z
    assert cache["A"] is Z
    assert cache["dZ"] is Z


# --- names ----------------------------------------------------------------------------------------


def test_names_of_sub_caches_are_dotted_and_an_empty_name_adds_nothing():
    cache = Cache(record=True)
    cache.array("X", (1,), FLOAT32)
    body = cache.open("")
    block = body.open("1.residual").open("")
    deep = block.open("0.dense").array("Z", (2,), FLOAT32)
    own = body.open("0.dense").array("Z", (3,), FLOAT32)
    assert sorted(cache.names()) == ["0.dense.Z", "1.residual.0.dense.Z", "X"]
    assert cache["1.residual.0.dense.Z"] is deep
    assert cache["0.dense.Z"] is own
    assert "1.residual.0.dense.Z" in cache
    assert body.names() == ["1.residual.0.dense.Z", "0.dense.Z"]
    assert block.names() == ["0.dense.Z"]


def test_the_tenth_layer_is_not_taken_for_the_first():
    cache = Cache(record=True)
    cache.open("1.dense").array("Z", (1,), FLOAT32)
    eleventh = cache.open("11.dense").array("Z", (2,), FLOAT32)
    assert cache["11.dense.Z"] is eleventh


@pytest.mark.parametrize("name", ["0.dense.A", "0.dense", "dense.Z", "Z", "", ".Z"])
def test_an_unknown_name_is_told_what_there_is(name):
    cache = Cache(record=True)
    cache.array("X", (1,), FLOAT32)
    cache.open("0.dense").array("Z", (1,), FLOAT32)
    assert name not in cache
    with pytest.raises(KeyError) as caught:
        cache[name]
    assert f"the cache holds no array {name!r}; it holds X, 0.dense.Z" in str(caught.value)


def test_bytes_are_counted_through_all_levels():
    cache = Cache()
    cache.array("a", (10,), np.float64)
    cache.open("").array("b", (3, 5), FLOAT32)
    cache.open("0.dense").open("").array("c", (7,), bool)
    assert cache.nbytes == 80 + 60 + 7
    assert repr(cache) == "<Cache for inference, 3 arrays, 147 bytes>"


def test_a_sub_cache_has_the_mode_and_the_generator_of_its_parent():
    cache = Cache(training=True, record=True, seed=3)
    child = cache.open("0.dense").open("")
    assert child.training
    assert child.record
    assert child.rng is cache.rng
    assert not Cache().open("").training
    assert not Cache().open("").record


# --- in a network ---------------------------------------------------------------------------------


def network_of(*units: int, seed: int = 0) -> Network:
    layers = [layer for n in units for layer in (Dense(n), ReLU())]
    return Network(
        [*layers, Residual([Dense(units[-1]), Sequential([Tanh(), Dropout(0.5)])]), Dense(2)],
        loss=MeanSquaredError(),
        input_shape=3,
        seed=seed,
    )


def pass_through(network: Network, cache: Cache, m: int = 5) -> tuple[float, np.ndarray]:
    rng = np.random.default_rng(m)
    X = rng.standard_normal((m, 3)).astype(np.float32)
    y = rng.standard_normal((m, 2))
    return network.loss_and_gradients(X, y, cache), network.gradients.copy()


def test_a_network_names_arrays_as_it_names_its_layers():
    network, cache = network_of(4), Cache(training=True, record=True)
    pass_through(network, cache)
    places = {name.rpartition(".")[0] for name in cache.names()}
    assert places == {
        "",
        "0.dense",
        "1.relu",
        "2.residual",
        "2.residual.0.dense",
        "2.residual.1.sequential",
        "2.residual.1.sequential.0.tanh",
        "2.residual.1.sequential.1.dropout",
        "3.dense",
        "loss",
    }
    assert cache["0.dense.Z"].shape == (5, 4)
    assert all(cache[name] is not None for name in cache)


@pytest.mark.usefixtures("numpy_kernels")
def test_recording_keeps_what_is_otherwise_written_over():
    network = network_of(4)
    plain, recording = Cache(training=True, seed=1), Cache(training=True, record=True, seed=1)
    loss, gradients = pass_through(network, plain)
    recorded_loss, recorded_gradients = pass_through(network, recording)
    assert plain.children[""].children["0.dense"]["Z"].min() == 0  # ReLU wrote over it
    assert recording["0.dense.Z"].min() < 0
    assert recorded_loss == loss
    np.testing.assert_array_equal(recorded_gradients, gradients)
    assert recording["dX"].shape == (5, 3)
    for read in (lambda: plain["0.dense.Z"], lambda: plain["dX"], plain.names):
        with pytest.raises(KeyError, match=r"Make the pass with Cache\(record=True\)"):
            read()


def places(cache: Cache) -> list[int]:
    """Where the memory of all arrays lies."""
    own = [memory.ctypes.data for memory in cache._memory.values()]
    return own + [place for child in cache.children.values() for place in places(child)]


def test_a_warm_cache_hands_out_the_same_arrays():
    network, cache = network_of(4), Cache(training=True)
    pass_through(network, cache)
    before, size = places(cache), cache.nbytes
    for m in (5, 2, 5):
        pass_through(network, cache, m)
    assert places(cache) == before
    assert cache.nbytes == size


def test_a_cache_moves_between_networks():
    first, second = network_of(4), network_of(6, 3, seed=1)
    moving = Cache(training=True)
    for network in (first, second, first):
        moving.rng = np.random.default_rng(9)
        loss, gradients = pass_through(network, moving)
        expected_loss, expected_gradients = pass_through(network, Cache(training=True, seed=9))
        assert loss == expected_loss
        np.testing.assert_array_equal(gradients, expected_gradients)
    assert "2.relu" not in moving.children[""].children
    assert "0.dense" in moving.children[""].children


@pytest.mark.parametrize("flag", ["training", "record"])
def test_the_mode_is_fixed(flag):
    with pytest.raises(AttributeError):
        setattr(Cache(), flag, True)


def test_a_mask_is_one_for_the_whole_tree():
    cache = Cache()
    inner = cache.open("a").open("b")
    assert inner.mask is None
    inner.mask = np.ones((2, 3), bool)
    assert cache.mask is inner.mask
    assert cache.open("c").mask is inner.mask


def test_what_is_carried_stays_until_it_is_forgotten():
    cache = Cache(carry=True)
    inner = cache.open("a")
    assert inner.carry
    assert not Cache().open("a").carry
    inner.carried["h"] = np.ones(3)
    assert "h" not in cache.carried
    cache.forget()
    assert not inner.carried


# --- without a backward pass ----------------------------------------------------------------------


def test_what_only_the_backward_pass_reads_is_kept_if_there_may_be_one():
    Y = np.zeros((2, 3))
    assert Cache(backward=False).kept("A_hat", or_in=Y) is Y
    kept = Cache().kept("A_hat", or_in=Y)
    assert kept.shape == Y.shape
    assert not np.shares_memory(kept, Y)


@pytest.mark.parametrize("mode", ["training", "record", "input_gradient"])
def test_a_cache_for_prediction_serves_nothing_else(mode):
    with pytest.raises(SettingError, match="serves prediction alone"):
        Cache(backward=False, **{mode: True})


NORMALIZED = [Dense(6), BatchNorm(), GELU(), LayerNorm(), SiLU(), GroupNorm(2), Dense(2)]


def test_without_a_backward_pass_the_outputs_are_the_same():
    network = Network(NORMALIZED, loss=MeanSquaredError(), input_shape=4, seed=0)
    X = np.random.default_rng(0).standard_normal((5, 4))
    Z = network.forward(X, Cache())
    np.testing.assert_array_equal(network.forward(X, Cache(backward=False)), Z)
    np.testing.assert_array_equal(network.forward(X), Z)


def test_no_backward_pass_follows_a_cache_for_prediction():
    network = Network(NORMALIZED, loss=MeanSquaredError(), input_shape=4, seed=0)
    X, y, cache = np.ones((3, 4)), np.zeros((3, 2)), Cache(backward=False)
    network.forward(X, cache)
    for back in (
        lambda: network.backward(y, cache),
        lambda: network.loss_and_gradients(X, y, cache),
        lambda: step(network, X, y, Adam(), cache=cache),
    ):
        with pytest.raises(SettingError, match="keeps nothing for a backward pass"):
            back()
    with pytest.raises(KeyError, match="keeps nothing for a backward pass"):
        cache["A_hat"]
