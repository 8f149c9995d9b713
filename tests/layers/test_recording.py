"""Every name of every formula can be read from a recording, and is what the formula says."""

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from formulas import FUNCTIONS
from layer_cases import CASES, LayerCase
from plainnet import Cache, Network
from plainnet.engine.formulas import LAYERS
from plainnet.engine.recording import WindowOfRows
from plainnet.layers import GRU, LSTM, RNN, Dense, Layer, Masking
from plainnet.layers.recurrence.recurrent import Recurrent
from plainnet.optimizers import SGD
from upstream import Upstream


def recorded(case: LayerCase, rng: np.random.Generator, *before: Layer) -> tuple[Layer, Any]:
    """A layer, and what can be read of it after a pass, in float64."""
    layer = case.make()
    network = Network(
        [*before, layer], loss=Upstream(), input_shape=case.input_shape, seed=0, dtype=np.float64
    )
    network.parameters[:] += 0.1 * rng.standard_normal(network.parameters.shape)
    A = rng.standard_normal((5, *case.input_shape))
    if layer.takes_ids:
        A = rng.integers(0, 3, A.shape)
    if before:  # padding after the data, before it, and nothing else
        A[0, -1:] = A[1, :1] = A[2] = 0
    cache = Cache(training=True, record=True)
    Y = network.forward(A, cache)
    network.loss_and_gradients(A, rng.standard_normal(Y.shape), cache)
    return layer, lambda name: cache[f"{layer.name}.{name}"]


def close(value: Any, expected: Any) -> None:
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-11)


ONE_CALL = [case for case in CASES if not isinstance(case.make(), Recurrent)]


@pytest.mark.parametrize("case", ONE_CALL, ids=[case.id for case in ONE_CALL])
def test_every_name_of_every_formula(case: LayerCase, rng):
    expect_formulas(*recorded(case, rng))


def keeps_time(case: LayerCase) -> bool:
    """A mask that comes in still fits what comes out, or has ended."""
    layer = case.make()
    if len(case.input_shape) != 2:
        return False
    (time, *_) = layer.place("0", case.input_shape)
    return layer.ends_time or time == case.input_shape[0]


MASKED = [case for case in ONE_CALL if case.make().uses_mask and keeps_time(case)]


@pytest.mark.parametrize("case", MASKED, ids=[case.id for case in MASKED])
def test_every_name_of_every_formula_of_a_padded_batch(case: LayerCase, rng):
    layer, read = recorded(case, rng, Masking())
    assert read("data").sum(axis=1).tolist() == [
        case.input_shape[0] - missing for missing in (1, 1, case.input_shape[0], 0, 0)
    ]
    expect_formulas(layer, read)


def expect_formulas(layer: Layer, read: Any) -> None:
    """Each array that can be read is what its formula makes of the others."""
    before = layer.declared_state.keys()  # as it was when the pass began
    settings = {n: getattr(layer, n) for n in dir(layer) if n not in before and n[0] != "_"}
    rows = layer.shown_by is WindowOfRows
    flat = lambda X: X.reshape(-1, X.shape[-1]) if rows and X.ndim > 2 else X  # noqa: E731
    names = {name for formula in layer.formulas for name in formula.names} - LAYERS
    results = {formula.result for formula in layer.formulas}
    inputs = {layer.formulas.input, f"d{layer.formulas.output}", *layer.declared}
    for name in names - results - settings.keys():  # state, what is random, and ids
        inputs.add(name)
    known = FUNCTIONS | settings | {name: flat(read(name)) for name in inputs}
    for formula in layer.formulas:
        value = flat(read(formula.result))
        if formula.names & LAYERS:  # test_containers.py and test_formulas.py
            known[formula.result] = value
            continue
        known[formula.result] = eval(formula.plain, known)
        if value.size or known[formula.result].size == 0:  # ids have no gradient
            close(value, known[formula.result])
    for name in before:
        close(getattr(layer, name), known.get(f"{name}_next", known[name]))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize(
    "make",
    [RNN, partial(RNN, activation="relu"), LSTM, GRU, partial(GRU, reset="before")],
    ids=["tanh", "relu", "lstm", "gru", "gru before"],
)
def test_every_name_at_every_step(make, return_sequences, reverse, masked, rng):
    layer = make(3, return_sequences=return_sequences, reverse=reverse, learned_start=True)
    network = Network(
        [Masking(), layer], loss=Upstream(), input_shape=(5, 2), seed=0, dtype=np.float64
    )
    network.parameters[:] += 0.3 * rng.standard_normal(network.parameters.shape)
    A = rng.standard_normal((4, 5, 2))
    data = np.ones((4, 5), bool)
    if masked:
        data[0, 3:] = data[1, :2] = data[2, 2] = False
        A[~data] = 0
    cache = Cache(training=True, record=True)
    Y = network.forward(A, cache).copy()
    upstream = rng.standard_normal(Y.shape)
    network.loss_and_gradients(A, upstream, cache)
    upstream = upstream / len(A)  # of the mean
    read = {
        name: cache[f"1.{type(layer).__name__.lower()}.{name}"].copy() for name in names_of(layer)
    }

    settings = vars(layer) | {name: getattr(layer, name) for name in layer.declared}
    steps = range(5)[::-1] if reverse else range(5)
    # Each step by itself, from what is read of it, wherever there is data.
    for t in range(5):
        at = data[:, t]
        given = {name: read[name][at, t] for name in ("A", *in_and_out(layer))}
        known = FUNCTIONS | settings | given
        for formula in layer.formulas:
            if formula.result[1:] in layer.declared:
                continue
            known[formula.result] = eval(formula.plain, known)
            close(read[formula.result][at, t], known[formula.result])
    # From step to step: what goes in is what came out, and gradients add up.
    for before, after in layer.flow:
        first, last = steps[0], steps[-1]
        close(
            read[before][:, first],
            np.broadcast_to(
                settings[layer.states[layer.flow.index((before, after))] + "0"], (4, 3)
            ),
        )
        for earlier, later in pairwise(steps):
            close(read[after][:, earlier], read[before][:, later])
            from_loss = (
                upstream[:, earlier] * data[:, earlier, None]
                if return_sequences and before == "H"
                else 0
            )
            close(read[f"d{after}"][:, earlier], read[f"d{before}"][:, later] + from_loss)
        for t in range(5):  # a masked step changes nothing
            at = ~data[:, t]
            close(read[after][at, t], read[before][at, t])
            close(read[f"d{before}"][at, t], read[f"d{after}"][at, t])
        if not return_sequences and before == "H":
            close(read["Y"][:, last], Y)
            close(read["dY"][:, last], upstream)
    close(read["dA"], cache["0.masking.dY"])
    for name in ("W", "U", "b"):
        close(read[f"d{name}"], network.gradient_tensors[f"{layer.name}.{name}"])


def in_and_out(layer: Recurrent) -> list[str]:
    return [n for before, after in layer.flow for n in (before, f"d{after}")]


def names_of(layer: Recurrent) -> set[str]:
    states = {n for before, after in layer.flow for n in (before, after, f"d{before}", f"d{after}")}
    return {"A", "dA", *states, *(formula.result for formula in layer.formulas)}


@pytest.mark.parametrize("layer", [Dense(3), LSTM(3, return_sequences=True)], ids=repr)
def test_what_a_backward_pass_left_is_gone_after_the_next_forward_pass(layer, rng):
    network = Network([layer], loss=Upstream(), input_shape=(5, 2), seed=0)
    A, cache, name = rng.standard_normal((4, 5, 2)), Cache(training=True, record=True), layer.name
    network.loss_and_gradients(A, np.ones((4, 5, 3)), cache)
    assert {f"{name}.dA", f"{name}.dW"} <= set(cache.names())
    network.forward(A, cache)
    for gone in ("dA", "dW", "dZ"):
        assert f"{name}.{gone}" not in cache
        with pytest.raises(KeyError, match="the cache holds no array"):
            cache[f"{name}.{gone}"]
    assert cache[f"{name}.Z"].shape[:2] == (4, 5)


def test_a_recording_shows_the_parameters_of_its_pass(rng):
    network = Network([Dense(3)], loss=Upstream(), input_shape=2, seed=0)
    A, cache = rng.standard_normal((4, 2)), Cache(training=True, record=True)
    network.loss_and_gradients(A, np.ones((4, 3)), cache)
    before, gradients = network["0.dense.W"].copy(), network.gradients.copy()
    SGD(0.1).update(network.parameters, network.gradients)
    network.gradients.fill(0)
    np.testing.assert_array_equal(cache["0.dense.W"], before)
    np.testing.assert_array_equal(cache["0.dense.dW"].T.ravel(), gradients[:6])


def test_a_layer_of_ones_own_shows_what_went_in_and_came_out(rng):
    class Double(Layer):
        def forward(self, A, cache):
            cache["twice"] = 2 * A
            return cache["twice"]

        def backward(self, dA, cache):
            return 2 * dA

    network = Network([Double()], loss=Upstream(), input_shape=2, seed=0, dtype=np.float64)
    A, cache = rng.standard_normal((4, 2)), Cache(training=True, record=True)
    network.loss_and_gradients(A, np.ones((4, 2)), cache)
    close(cache["0.double.A"], A)
    close(cache["0.double.Y"], 2 * A)
    close(cache["0.double.twice"], 2 * A)
    close(cache["0.double.dY"], 1 / 4)
    close(cache["0.double.dA"], 2 / 4)


@pytest.mark.usefixtures("numpy_kernels")
@pytest.mark.parametrize("case", ONE_CALL, ids=[case.id for case in ONE_CALL])
def test_a_recorded_pass_computes_the_same_bits(case: LayerCase, rng):
    network = Network([case.make()], loss=Upstream(), input_shape=case.input_shape, seed=0)
    A = rng.standard_normal((5, *case.input_shape))
    if network.body.takes_ids:
        A = rng.integers(0, 3, A.shape)
    y, found = rng.standard_normal(network.forward(A).shape), []
    for record in (False, True):
        cache = Cache(training=True, record=record, seed=1)
        loss = network.loss_and_gradients(A, y, cache)
        found.append((loss, network.gradients.tolist()))
    assert found[0] == found[1]
