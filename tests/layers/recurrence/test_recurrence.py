"""Recurrent layers: PyTorch's numbers, padding, carried states, and what is refused."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from formulas import evaluate
from plainnet import Cache, Network, check_gradients
from plainnet.errors import DTypeError, SettingError, ShapeError
from plainnet.layers import GRU, LSTM, RNN, Bidirectional, Layer, Masking, Sequential
from plainnet.losses import Loss, MeanSquaredError
from plainnet.network import NUMBERS_AT_ONCE
from twins.recurrence import PYTORCH

CELLS = {
    "tanh": RNN,
    "relu": lambda *args, **settings: RNN(*args, activation="relu", **settings),
    "lstm": LSTM,
    "gru after": GRU,
    "gru before": lambda *args, **settings: GRU(*args, reset="before", **settings),
}
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


class AnyShape(Loss):
    """Lets a network end in any shape; never evaluated."""

    def forward(self, Z, y, cache):
        return Z

    def backward(self, cache):
        return np.empty(0)


class FixedMask(Layer):
    """Sets a mask, whatever comes."""

    def __init__(self, mask):
        self.mask = mask

    def forward(self, A, cache):
        cache.mask = np.array(self.mask)
        return A

    def backward(self, dA, cache):
        return dA


def network_of(*layers: Layer, shape: tuple[int, ...] = (5, 2), **settings: Any) -> Network:
    """In float64, with biases and starts that are not zero."""
    network = Network(
        layers, loss=AnyShape(), input_shape=shape, seed=0, **{"dtype": np.float64} | settings
    )
    numbers = np.random.default_rng(1).standard_normal(network.parameters.shape)
    network.parameters[:] += (0.3 * numbers).astype(network.dtype)
    return network


def back(network: Network, dY: np.ndarray, cache: Cache) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the input and of all parameters; a recording cache computes the former."""
    dA = network.body.backward(dY, cache.children[""])
    return dA.copy(), network.gradients.copy()


# --- the numbers of others ------------------------------------------------------------------------


def sines(shape: tuple[int, ...], pace: float) -> np.ndarray:
    return np.sin(np.arange(1, 1 + math.prod(shape)) * pace).reshape(shape)


@pytest.mark.parametrize("name", PYTORCH)
def test_pytorch(name):
    layer = CELLS[name](2, return_sequences=True)
    network = network_of(layer, shape=(3, 2))
    # PyTorch's rows in the order of plainnet's gates: the LSTM has o and g the other way round.
    gates = {"tanh": [0], "lstm": [0, 1, 3, 2], "gru after": [0, 1, 2]}[name]
    rows = np.array([[2 * gate, 2 * gate + 1] for gate in gates]).ravel()
    bias_ih, bias_hh = (sines((len(rows),), pace)[rows] for pace in (0.4, 0.6))
    layer.W[:] = sines((len(rows), 2), 0.9)[rows]
    layer.U[:] = sines((len(rows), 2), 1.1)[rows]
    layer.b[:] = bias_ih + bias_hh
    if name == "gru after":
        layer.b[4:] = bias_ih[4:]
        layer.b_reset[:] = bias_hh[4:]
    cache = Cache(training=True, record=True)
    Y = network.forward(sines((2, 3, 2), 0.7), cache)
    dA, _ = back(network, sines((2, 3, 2), 1.3), cache)
    expected = {key: np.array(text.split(), float) for key, text in PYTORCH[name].items()}
    close = {"rtol": 1e-9, "atol": 1e-11}
    np.testing.assert_allclose(Y.ravel(), expected["Y"], **close)
    np.testing.assert_allclose(dA.ravel(), expected["dA"], **close)
    np.testing.assert_allclose(layer.dW, expected["dW"].reshape(-1, 2)[rows], **close)
    np.testing.assert_allclose(layer.dU, expected["dU"].reshape(-1, 2)[rows], **close)
    np.testing.assert_allclose(layer.db, expected["db_ih"][rows], **close)
    if name == "gru after":
        np.testing.assert_allclose(layer.db_reset, expected["db_hh"][4:], **close)


@every_cell
@pytest.mark.parametrize("learned_start", [False, True])
def test_formulas_step_after_step(cell, learned_start, rng):
    layer = cell(3, return_sequences=True, learned_start=learned_start)
    network = network_of(layer)
    A, upstream = rng.standard_normal((4, 5, 2)), rng.standard_normal((4, 5, 3))
    cache = Cache(training=True, record=True)
    Y = network.forward(A, cache)
    dA, _ = back(network, upstream, cache)

    known = {name: getattr(layer, name) for name in layer.declared} | {"units": 3}
    states = {
        name.upper(): np.tile(getattr(layer, f"{name}0", np.zeros(3)), (4, 1))
        for name in layer.states
    }
    nothing = {"dY": np.zeros((4, 3)), "dC_next": np.zeros((4, 3))}
    before = []
    for t in range(5):
        before.append(states)
        results = evaluate(layer.formulas, known | states | nothing | {"A": A[:, t]})
        np.testing.assert_allclose(results["Y"], Y[:, t], rtol=1e-10, atol=1e-12)
        states = {"H": results["Y"], "C": results.get("C_next")}
    results = {"dH": 0, "dC": np.zeros((4, 3))}
    shares = dict.fromkeys(layer.declared, 0)
    for t in reversed(range(5)):
        gradients = {"dY": upstream[:, t] + results["dH"], "dC_next": results.get("dC")}
        results = evaluate(layer.formulas, known | before[t] | gradients | {"A": A[:, t]})
        np.testing.assert_allclose(results["dA"], dA[:, t], rtol=1e-10, atol=1e-12)
        for name in shares:
            if not name.endswith("0"):
                shares[name] = shares[name] + results[f"d{name}"]
    for name in layer.states if learned_start else ():
        shares[f"{name}0"] = results[f"d{name.upper()}"].sum(axis=0)
    for name, share in shares.items():
        np.testing.assert_allclose(getattr(layer, f"d{name}"), share, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_formulas_of_both_ways(merge, return_sequences, rng):
    layer = Bidirectional(GRU(3, return_sequences=return_sequences), merge=merge)
    network = network_of(layer)
    A, dY = rng.standard_normal((4, 5, 2)), rng.standard_normal((4, *network.output_shape))
    cache = Cache(record=True)
    Y = network.forward(A, cache)
    dA, _ = back(network, dY, cache)
    caches = Cache(), Cache()
    pairs = list(zip(layer.layers, caches, strict=True))
    known = {
        "A": A,
        "dY": dY,
        "width": 3,
    }
    for word, (inner, own) in zip(("forwards", "backwards"), pairs, strict=True):
        known[word] = lambda A, inner=inner, own=own: inner.forward(A, own)
        known[f"{word}_back"] = lambda d, inner=inner, own=own: inner.backward(d, own)
    results = evaluate(layer.formulas, known)
    np.testing.assert_array_equal(results["Y"], Y)
    np.testing.assert_array_equal(results["dA"], dA)


# --- layers upon layers ---------------------------------------------------------------------------


def test_stacked():
    stack = Sequential(
        [
            LSTM(3, return_sequences=True, learned_start=True),
            Bidirectional(GRU(2, return_sequences=True)),
            RNN(3, return_sequences=True, reverse=True),
            GRU(2, reset="before"),
        ]
    )
    check = check_gradients(stack, input_shape=(4, 2), tolerance=1e-6)
    assert check.passed, check


@every_cell
def test_the_length_of_the_sequence_may_differ_from_pass_to_pass(cell, rng):
    network = network_of(cell(3, return_sequences=True))
    layer, kept = network.layers[0], Cache(training=True)
    assert cell(3, return_sequences=True).place("", (None, 2)) == (None, 3)
    assert cell(3).place("", (None, 2)) == (3,)
    for time in (5, 2, 7, 1):
        A, dY = rng.standard_normal((4, time, 2)), rng.standard_normal((4, time, 3))
        fresh = Cache(training=True)
        np.testing.assert_array_equal(layer.forward(A, kept), layer.forward(A, fresh))
        dA = layer.backward(dY, kept).copy()
        gradients = network.gradients.copy()
        np.testing.assert_array_equal(layer.backward(dY, fresh), dA)
        np.testing.assert_array_equal(network.gradients, gradients)


def test_first_weights():
    network = Network([LSTM(4)], loss=AnyShape(), input_shape=(3, 6), seed=0, dtype=np.float64)
    layer = network.layers[0]
    np.testing.assert_array_equal(layer.b, [0] * 4 + [1] * 4 + [0] * 8)
    for gate in layer.U.reshape(4, 4, 4):
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-12)
    limit = math.sqrt(6 / (6 + 4))  # Glorot's for one gate of 6 inputs and 4 outputs
    assert 0.8 * limit < np.abs(layer.W).max() <= limit
    assert network.n_decaying == layer.W.size + layer.U.size


def test_a_recurrent_layer_can_be_copied_into_both_directions_with_weights_of_its_own():
    network = network_of(Bidirectional(GRU(3)))
    assert network.output_shape == (6,)
    assert {name for name in network.tensors if name.endswith("W")} == {
        "0.bidirectional.forward.W",
        "0.bidirectional.backward.W",
    }


# --- padding --------------------------------------------------------------------------------------

LENGTHS = (5, 2, 4)


def padded(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three sequences with noise in the padding, and the mask."""
    return rng.standard_normal((3, 5, 2)), np.arange(5) < np.array(LENGTHS)[:, None]


DIRECTIONS = {
    "there": lambda cell, **settings: cell(3, **settings),
    "back": lambda cell, **settings: cell(3, reverse=True, **settings),
    "both": lambda cell, **settings: Bidirectional(cell(3, **settings)),
}
every_direction = pytest.mark.parametrize("make", DIRECTIONS.values(), ids=DIRECTIONS)


@every_cell
@every_direction
def test_padding_changes_nothing_at_all(cell, make, rng):
    network = network_of(make(cell), shape=(5, 2))
    layer = network.layers[0]
    A, cache = rng.standard_normal((3, 5, 2)), Cache()
    alone = layer.forward(A[:, :3].copy(), Cache()).copy()
    cache.mask = np.broadcast_to(np.arange(5) < 3, (3, 5))
    np.testing.assert_array_equal(layer.forward(A, cache), alone)


@every_cell
@every_direction
@pytest.mark.parametrize("return_sequences", [False, True])
def test_padded_sequences_are_the_sequences_one_by_one(cell, make, return_sequences, rng):
    layer = make(cell, return_sequences=return_sequences, learned_start=True)
    network = network_of(layer, shape=(None, 2))
    A, mask = padded(rng)
    shape = (
        (3, *A.shape[1:-1], *layer.output_shape[-1:])
        if return_sequences
        else (3, *layer.output_shape)
    )
    dY, cache = rng.standard_normal(shape), Cache(training=True)
    cache.mask = mask
    Y = layer.forward(A, cache).copy()
    dA = layer.backward(dY, cache).copy()
    together = network.gradients.copy()
    close = {"rtol": 1e-10, "atol": 1e-13}
    apart = np.zeros_like(together)
    for i, length in enumerate(LENGTHS):
        cache = Cache(training=True)
        upstream = dY[i : i + 1, :length] if return_sequences else dY[i : i + 1]
        expected = layer.forward(A[i : i + 1, :length], cache)
        np.testing.assert_allclose(
            Y[i, :length] if return_sequences else Y[i], expected[0], **close
        )
        np.testing.assert_allclose(dA[i, :length], layer.backward(upstream, cache)[0], **close)
        apart += network.gradients
        assert not dA[i, length:].any()
        assert not return_sequences or not Y[i, length:].any()
    np.testing.assert_allclose(together, apart, **close)


@every_cell
def test_gaps_within_a_sequence_are_as_if_they_were_not_there(cell, rng):
    network = network_of(cell(3))
    layer, cache = network.layers[0], Cache()
    A = rng.standard_normal((2, 5, 2))
    cache.mask = np.array([[False, True, True, False, True]] * 2)
    expected = layer.forward(A[:, [1, 2, 4]], Cache()).copy()
    np.testing.assert_array_equal(layer.forward(A, cache), expected)


@every_cell
def test_gradients_of_padded_sequences_agree_with_central_differences(cell):
    mask = [[True] * length + [False] * (5 - length) for length in LENGTHS]
    layers = [FixedMask(mask), cell(3, return_sequences=True), Bidirectional(cell(2))]
    check = check_gradients(
        Sequential(layers), input_shape=(5, 2), batch_size=3, samples=None, tolerance=1e-6
    )
    assert check.passed, check


def test_masking_finds_the_padding_for_the_layers_above(rng):
    network = network_of(Masking(-1), LSTM(3))
    A, mask = padded(rng)
    A[1, 0, 0] = -1  # one feature of two: still data
    A[~mask] = -1
    cache = Cache(record=True)
    Y = network.forward(A, cache)
    np.testing.assert_array_equal(cache["0.masking.M"], mask)
    for i, length in enumerate(LENGTHS):
        alone = network.layers[1].forward(A[i : i + 1, :length], Cache())
        np.testing.assert_allclose(Y[i], alone[0], rtol=1e-12)


def test_masking_adds_to_a_mask_that_is_there():
    layer, cache = Masking(), Cache()
    cache.mask = np.array([[True, False, True]])
    A = np.array([[[1.0], [2.0], [0.0]]])
    assert layer.forward(A, cache) is A
    np.testing.assert_array_equal(cache.mask, [[True, False, False]])


@every_cell
def test_a_warm_step_with_padding_allocates_nothing(cell, rng):
    m = 16 * 1024
    network = network_of(cell(4, return_sequences=True), dtype=np.float32)
    layer, cache = network.layers[0], Cache(training=True)
    A = rng.standard_normal((m, 5, 2)).astype(np.float32)
    dY = rng.standard_normal((m, 5, 4)).astype(np.float32)
    cache.mask = np.arange(5) < rng.integers(1, 6, (m, 1))
    for _ in range(2):
        layer.forward(A, cache)
        layer.backward(dY, cache)
    tracemalloc.start()
    try:
        layer.forward(A, cache)
        layer.backward(dY, cache)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < m + 2 * np.getbufsize() * 4  # a byte per sequence, and NumPy's own two buffers


# --- where a sequence starts ----------------------------------------------------------------------


@every_cell
def test_two_parts_with_carry_are_the_whole(cell, rng):
    settings = {"return_sequences": True, "learned_start": True}
    network = network_of(cell(3, **settings), cell(2, **settings), shape=(None, 2))
    A = rng.standard_normal((4, 5, 2))
    whole, cache = network.forward(A), Cache(carry=True)
    for _ in range(2):
        parts = [network.forward(part, cache).copy() for part in (A[:, :2], A[:, 2:])]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)
        cache.forget()


@every_cell
def test_a_carried_state_is_a_constant_for_backward(cell, rng):
    network = network_of(cell(3, learned_start=True))
    layer = network.layers[0]
    A, dY = rng.standard_normal((2, 4, 5, 2)), rng.standard_normal((4, 3))
    carrying = Cache(training=True, carry=True)
    layer.forward(A[0], carrying)
    states = {name: carrying.carried[name].copy() for name in layer.states}
    layer.forward(A[1], carrying)
    dA, gradients = layer.backward(dY, carrying).copy(), network.gradients.copy()
    for name in layer.states:
        assert not getattr(layer, f"d{name}0").any()

    started = Cache(training=True)
    network.forward(A[0], started)
    layer.start(started, *states.values())
    network.forward(A[1], started)
    own = started.children[""].children[layer.name]
    own.needs_input_gradient = True
    np.testing.assert_array_equal(layer.backward(dY, own), dA)
    np.testing.assert_array_equal(network.gradients, gradients)


@every_cell
def test_the_gradient_of_a_given_start_agrees_with_central_differences(cell, rng):
    network = network_of(Bidirectional(cell(3)))
    layer = network.layers[0].layers[1]  # within a container, and in reverse
    A, dY = rng.standard_normal((4, 5, 2)), rng.standard_normal((4, 6))
    given = [rng.standard_normal((4, 3)) for _ in layer.states]
    cache = Cache(training=True, record=True)

    network.forward(A, cache)

    def value() -> float:
        layer.start(cache, *given)
        return float((network.forward(A, cache) * dY).sum())

    value()
    back(network, dY, cache)
    analytic = [cache[f"{layer.name}.d{name}"].copy() for name in layer.states]
    for state, gradient in zip(given, analytic, strict=True):
        for place in np.ndindex(state.shape):
            kept = state[place]
            state[place] = kept + 1e-5
            above = value()
            state[place] = kept - 1e-5
            below = value()
            state[place] = kept
            assert gradient[place] == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-9)


def test_a_given_start_holds_until_it_is_forgotten(rng):
    network, cache = network_of(LSTM(3)), Cache()
    A = rng.standard_normal((4, 5, 2))
    from_zero = network.forward(A, cache).copy()
    network.layers[0].start(cache, np.ones((4, 3)), np.ones((4, 3)))
    started = network.forward(A, cache).copy()
    assert not np.allclose(started, from_zero)
    np.testing.assert_array_equal(network.forward(A, cache), started)
    cache.forget()
    np.testing.assert_array_equal(network.forward(A, cache), from_zero)


def test_starts_that_do_not_fit_are_refused(rng):
    network, cache = network_of(GRU(3)), Cache()
    layer = network.layers[0]
    with pytest.raises(SettingError, match=r"layer 0\.gru has not used this cache yet"):
        layer.start(cache, np.zeros((4, 3)))
    network.forward(np.zeros((2, 5, 2)), cache)
    with pytest.raises(ShapeError, match=r"0.gru needs h of shape \(m, 3\); got \(4, 2\)"):
        layer.start(cache, np.zeros((4, 2)))
    with pytest.raises(DTypeError, match=r"h is float32 and layer 0.gru is float64"):
        layer.start(cache, np.zeros((4, 3), np.float32))
    layer.start(cache, np.zeros((4, 3)))
    with pytest.raises(ShapeError, match="begins with the states of 4 sequences; got 2"):
        network.forward(np.zeros((2, 5, 2)), cache)


def test_carrying_on_with_another_batch_is_refused():
    network, cache = network_of(RNN(3)), Cache(carry=True)
    network.forward(np.zeros((4, 5, 2)), cache)
    with pytest.raises(ShapeError, match=r"continues 4 sequences; got 3: call forget"):
        network.forward(np.zeros((3, 5, 2)), cache)
    cache.forget()
    network.forward(np.zeros((3, 5, 2)), cache)


@pytest.mark.parametrize("layer", [LSTM(3, reverse=True), Bidirectional(GRU(3))])
def test_carrying_on_backwards_is_refused(layer):
    network = network_of(layer)
    with pytest.raises(SettingError, match="cannot continue an earlier pass"):
        network.forward(np.zeros((4, 5, 2)), Cache(carry=True))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (5, 2, 2)])
@pytest.mark.parametrize("layer", [LSTM(3), Bidirectional(RNN(3)), Masking()], ids=repr)
def test_other_axes_are_refused(layer, shape):
    with pytest.raises(ShapeError, match=r"needs an input of shape \(time, features\)"):
        network_of(layer, shape=shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "units must be a whole number >= 1"),
        (lambda: RNN(3, activation="sigmoid"), 'activation must be "tanh" or "relu"; got'),
        (lambda: GRU(3, reset="never"), 'reset must be "after" or "before"; got'),
        (lambda: Bidirectional(GRU(3), merge="mean"), 'merge must be "concat" or "sum"; got'),
        (lambda: Bidirectional(GRU(3, reverse=True)), "needs a layer with reverse=False"),
        (lambda: Bidirectional(GRU), "add parentheses"),
        (lambda: Masking("x"), "value must be a number"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_extreme_inputs_saturate_without_a_warning():
    network = network_of(LSTM(3, return_sequences=True), GRU(2), dtype=np.float32)
    Y = network.forward(np.full((2, 5, 2), 1e4, np.float32))
    assert np.isfinite(Y).all()


def test_prediction_takes_rows_by_what_its_steps_need(rng):
    """Only the last state comes out, but gates and states of all steps are there at once."""
    network = Network([LSTM(64)], loss=MeanSquaredError(), input_shape=(150, 8), seed=0)
    X = rng.standard_normal((512, 150, 8)).astype(np.float32)
    tracemalloc.start()
    try:
        network.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * NUMBERS_AT_ONCE * 2
