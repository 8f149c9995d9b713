"""The harness: what is asked of every layer."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import plainnet
from allocations import peak_of
from layer_cases import CASES, EXPORTED, LayerCase
from plainnet import Cache, Network, check_gradients, kernels
from plainnet.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Dropout2d,
    Flatten,
    FromFormula,
    GaussianNoise,
    Sample,
    Tanh,
)
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD

every_layer = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def alone(case: LayerCase, dtype: type = np.float64) -> Network:
    """The layer with numbers that are not 0 or 1 in it, flattened into a mean squared error."""
    network = Network(
        [case.make(), Flatten()],
        loss=MeanSquaredError(),
        input_shape=case.input_shape,
        seed=1,
        dtype=dtype,
    )
    network.parameters[:] += 0.1
    network.state[:] += 0.1 * np.arange(1, 1 + network.state.size)
    return network


def amid(case: LayerCase, dtype: type = np.float32) -> Network:
    """The layer between dense layers, so that it may write over what it is handed."""
    layer = case.make()
    before = [] if layer.takes_ids else [Dense(case.input_shape[-1])]
    return Network(
        [*before, layer, Flatten(), Dense(2)],
        loss=MeanSquaredError(),
        input_shape=case.input_shape,
        seed=1,
        dtype=dtype,
    )


def batch(network: Network, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if network.body.takes_ids:
        X = rng.integers(0, 3, (m, *network.input_shape))
    else:
        X = rng.standard_normal((m, *network.input_shape)).astype(network.dtype)
    return X, rng.standard_normal((m, *network.output_shape)).astype(network.dtype)


@every_layer
@pytest.mark.parametrize(
    "above", [Tanh, lambda: Dropout(0.3), BatchNorm], ids=["tanh", "drop", "norm"]
)
@pytest.mark.parametrize("below", [None, Tanh], ids=["dense below", "tanh below"])
def test_neighbours_that_write_over_arrays_change_no_gradient(case, above, below, rng):
    """A layer may be written over above and write over what is below: a recording pass tells."""
    layer = case.make()
    before = [] if layer.takes_ids else [Dense(case.input_shape[-1]), *([below()] if below else [])]
    network = Network(
        [*before, layer, above(), Flatten(), Dense(2)],
        loss=MeanSquaredError(),
        input_shape=case.input_shape,
        seed=1,
        dtype=np.float64,
    )
    X, y = batch(network, 5, rng)
    state, gradients = network.state.copy(), []
    for record in (True, False):
        network.state[:] = state
        network.gradients.fill(np.nan)
        network.loss_and_gradients(X, y, Cache(training=True, record=record, seed=0))
        gradients.append(network.gradients.copy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-10, atol=1e-13)
    assert (gradients[0] != 0).any()


def test_every_exported_layer_has_a_case():
    # CrossAttention works only inside an EncoderDecoder.
    layers = [layer for case in CASES for layer in case.make().walk()]
    assert {type(layer) for layer in layers} == set(EXPORTED.values())


@every_layer
def test_forward_is_its_definition(case, rng):
    network = alone(case)
    X, _ = batch(network, 4, rng)
    layer = network.layers[0]
    expected = np.stack([case.twin(example, layer) for example in X])
    assert expected.shape[1:] == layer.output_shape
    np.testing.assert_allclose(layer.forward(X, Cache()), expected, rtol=1e-12, atol=1e-14)


@every_layer
def test_gradients_agree_with_central_differences(case, rng):
    X = rng.integers(0, 3, (5, *case.input_shape)) if case.make().takes_ids else None
    check = check_gradients(case.make(), X, input_shape=case.input_shape, tolerance=1e-7)
    assert check.passed, check


@every_layer
def test_gradients_are_the_same_where_arrays_are_written_over(case, rng):
    network = amid(case)
    X, y = batch(network, 7, rng)
    kept = X.copy()
    recording = Cache(training=True, record=True, seed=3)
    loss = network.loss_and_gradients(X, y, recording)
    gradients = network.gradients.copy()
    network.gradients.fill(np.nan)
    # A recording computes with NumPy's kernels; with the compiled ones a pass is as exact.
    ulps = 0 if kernels.info().kind == "numpy" else 200
    epsilon = ulps * float(np.finfo(network.dtype).eps)
    again = network.loss_and_gradients(X, y, Cache(training=True, seed=3))
    assert again == pytest.approx(loss, rel=epsilon, abs=0)
    size = epsilon * np.abs(gradients).max()
    np.testing.assert_allclose(network.gradients, gradients, rtol=epsilon, atol=size)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.make().takes_ids], ids=lambda case: case.id
)
def test_a_recording_cache_keeps_what_went_in(case, rng):
    network = amid(case)
    X, y = batch(network, 7, rng)
    cache = Cache(training=True, record=True)
    network.loss_and_gradients(X, y, cache)
    expected = X @ network["0.dense.W"].T + network["0.dense.b"]
    np.testing.assert_allclose(cache["0.dense.Z"], expected, rtol=1e-5, atol=1e-6)


@every_layer
def test_float32_stays_float32(case, rng):
    network = amid(case, np.float32)
    X, y = batch(network, 7, rng)
    cache = Cache(training=True, record=True)
    network.loss_and_gradients(X, y, cache)
    assert network.forward(X).dtype == np.float32
    arrays = {name: cache[name] for name in cache if cache[name].size}
    floats = {n: a.dtype for n, a in arrays.items() if np.issubdtype(a.dtype, np.floating)}
    assert set(floats.values()) == {np.dtype(np.float32)}, floats


@every_layer
def test_batches_of_other_sizes_give_what_they_would_give_alone(case, rng):
    network, kept = amid(case, np.float64), Cache(training=True)
    if isinstance(case.make(), Dropout | Dropout2d | GaussianNoise | Sample):
        kept = Cache()  # each batch has random numbers of its own
    for m in (8, 3, 1, 8, 11, 2):
        X, y = batch(network, m, rng)
        loss = network.loss_and_gradients(X, y, kept)
        gradients = network.gradients.copy()
        fresh = network.loss_and_gradients(X, y, Cache(training=kept.training))
        assert loss == fresh
        np.testing.assert_array_equal(gradients, network.gradients)


@every_layer
def test_eight_threads_predict_what_one_predicts(case, rng):
    network = amid(case)
    inputs = [batch(network, 50, rng)[0] for _ in range(32)]
    alone = [network.predict(X) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(network.predict, inputs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@every_layer
def test_copies_train_on(case, rng, tmp_path):
    network = amid(case)
    X, y = batch(network, 6, rng)

    def step(network: Network) -> np.ndarray:
        network.loss_and_gradients(X, y, Cache(training=True, seed=5))
        SGD(0.1).update(network.parameters, network.gradients)
        return network.predict(X)

    step(network)
    plainnet.save(network, tmp_path / "network.npz")
    copies = [
        pickle.loads(pickle.dumps(network)),
        copy.deepcopy(network),
        plainnet.load(tmp_path / "network.npz"),
    ]
    before = network.parameters.copy()
    expected = step(network)
    assert not np.array_equal(before, network.parameters)
    for other in copies:
        np.testing.assert_array_equal(other.parameters, before)
        np.testing.assert_array_equal(step(other), expected)
        np.testing.assert_array_equal(other.parameters, network.parameters)


REUSING = [case for case in CASES if not isinstance(case.make(), FromFormula)]
"""A layer from its formula allocates; docs/decisions.md says why."""


@pytest.mark.parametrize("case", REUSING, ids=[case.id for case in REUSING])
def test_a_warm_step_allocates_nothing(case, rng):
    m = 32 * 1024
    network, cache = amid(case), Cache(training=True)
    X, y = batch(network, m, rng)
    for _ in range(2):
        network.step(X, y, cache)
    ordinary = np.setbufsize(512)  # NumPy's ufuncs have a buffer for each operand
    try:
        peak = peak_of(lambda: network.step(X, y, cache))
    finally:
        np.setbufsize(ordinary)
    # One byte per example would be too much.
    assert peak < 0.5 * m + 3 * 512 * network.dtype.itemsize


@every_layer
def test_a_layer_that_comes_first_spares_its_users_data(case, rng):
    network = alone(case, np.float32)
    X, y = batch(network, 5, rng)
    kept = X.copy()
    network.loss_and_gradients(X, y)
    network.predict(X)
    np.testing.assert_array_equal(X, kept)
