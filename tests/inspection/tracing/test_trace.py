"""Every number of a pass: what it is made of, what it goes into, and where it came from.

Each line is computed again with `math` from its leaves, and once more from the text that is printed
of it; both have to give the recorded number.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from layer_cases import CASES, LayerCase
from loss_cases import CASES as LOSSES
from loss_cases import LossCase
from plainnet import Network
from plainnet.inspection import Trace, trace
from plainnet.inspection.tracing.terms import Number
from plainnet.layers import (
    GRU,
    LSTM,
    RNN,
    Add,
    BatchNorm,
    Bidirectional,
    Concatenate,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    EncoderDecoder,
    Flatten,
    FromFormula,
    GlobalAveragePool1d,
    Graph,
    Highway,
    Layer,
    LayerNorm,
    Masking,
    MaxPool2d,
    MultiHeadAttention,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
)
from printed import Undecided, parsed, recomputed
from traced import network_of, some_of, traced_layer, traced_loss


def place(number: Number) -> str:
    return f"{number.name}[{', '.join(map(str, number.index))}]" if number.index else number.name


def expect_true_lines(record: Trace, rng: np.random.Generator, n: int = 3) -> int:
    """Each line makes the recorded number, as a tree and as it is printed; how many lines."""
    lines, undecided = 0, {3: 0, 15: 0}
    for name, index in some_of(record, rng, n):
        line, value = record.unit(name, index), record[name][index]
        assert line.agrees, (name, index, line)
        assert line.value == value, (name, index, line)
        if line.formula is None:
            continue
        lines += 1
        found = recomputed(line.term)
        assert found == pytest.approx(float(value), rel=1e-9, abs=1e-11), (name, index, line)
        for digits in (3, 15):
            text = line.text(digits=digits)
            _, *made, shown = text.split(" = ")
            if isinstance(line.term, Number) and line.term.array:
                assert made == [place(line.term)], text
                made = []
            try:
                again, expected = parsed(made[0] if made else shown, digits), parsed(shown, digits)
            except Undecided:
                undecided[digits] += 1
                continue
            off = abs(again.value - float(value))
            assert off <= 1.5 * again.error + 1e-6 * 10.0 ** (3 - digits) * abs(value) + 1e-12, text
            off = abs(expected.value - float(value))
            assert off <= 1.01 * expected.error + 10.0 ** -(digits + 3) * abs(value) + 1e-16, text
    assert max(undecided.values()) <= 0.1 * lines + 1
    return lines


def expect_both_ways(record: Trace, rng: np.random.Generator) -> None:
    """What a number is made of goes into it."""
    for name, index in some_of(record, rng, 1):
        line = record.unit(name, index)
        numbers = line.numbers
        for i in rng.permutation(len(numbers))[:3]:
            used = record.goes_into(numbers[i].array, numbers[i].index)
            places = {(each.array, each.index) for each in used}
            assert (line.name, line.index) in places, (line, numbers[i], used)


OF_STEPS = ("C", "H", "dC_next", "dY_above")
"""Zero before the first step and after the last."""
LEAVES = ("X", "Y", "data", "ids", "M", "E", "w")
"""Data, targets, masks, what is drawn, weights."""


def expect_known_leaves(record: Trace, rng: np.random.Generator, *others: str) -> None:
    """All numbers lead back to data, targets, parameters and what was drawn or kept before."""
    layers = [part.window.subject for part in record._parts.values() if part.kind == "layer"]
    for name, index in some_of(record, rng, 1):
        line = record.unit(name, index)
        if line.formula is None:
            local = line.name.rpartition(".")[2]
            parameter = any(
                local in layer.declared or local in layer.declared_state for layer in layers
            )
            kept = line.name.startswith(("X", "update."))
            assert parameter or kept or local in (*LEAVES, *others), line.name


LAYERS = [pytest.param(case, id=case.id) for case in CASES]


@pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
@pytest.mark.parametrize("case", LAYERS)
def test_every_layer(case: LayerCase, training: bool, rng):
    record = traced_layer(case, rng, training=training)
    lines = expect_true_lines(record, rng, n=3 if training else 1)
    assert lines or not case.make().formulas.forward
    if not isinstance(case.make(), FromFormula):  # which has no formulas backward
        expect_known_leaves(record, rng, "losses", "dL", *OF_STEPS)


@pytest.mark.parametrize("case", LAYERS)
def test_both_ways_through_every_layer(case: LayerCase, rng):
    expect_both_ways(traced_layer(case, rng), rng)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in LOSSES])
def test_every_loss(case: LossCase, rng):
    record = traced_loss(case, rng)
    assert expect_true_lines(record, rng) > 5
    expect_known_leaves(record, rng)
    expect_both_ways(record, rng)


OPTIMIZERS: list[Optimizer] = [
    SGD(0.1),
    SGD(0.1, weight_decay=0.3),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, l1=0.9),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    Adam(0.1),
    Adam(0.1, amsgrad=True, weight_decay=0.2, betas=(0.5, 0.6)),
    AdamW(0.1, weight_decay=0.2),
    AdamW(0.1, weight_decay=0.2, l1=0.9),
    Adam(0.1, weight_decay=0.2, l1=0.9),
    AdamW(0.1, amsgrad=True),
    NAdam(0.1, weight_decay=0.1),
    Adagrad(0.1, weight_decay=0.1),
    RMSprop(0.1),
    RMSprop(0.1, centered=True, weight_decay=0.1),
    RMSprop(0.1, momentum=0.9),
    RMSprop(0.1, momentum=0.9, l1=0.9),
    RMSprop(0.1, centered=True, momentum=0.9, rho=0.5),
    Adadelta(1.0, weight_decay=0.1),
    Lion(0.1),
    Lion(0.1, weight_decay=0.4),
]


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer(optimizer: Optimizer, steps: int, rng):
    """Its formulas make the parameters that its code makes."""
    network = network_of([Dense(3), Tanh(), Dense(2)], SoftmaxCrossEntropy(), 2, rng)
    network.freeze("0.dense.b")
    network.adjust("2.dense.*", learning_rate=0.5)
    X, y, own = rng.standard_normal((4, 2)), np.array([0, 1, 1, 0]), deepcopy(optimizer)
    for _ in range(steps):
        network.loss_and_gradients(X, y)
        own.update(network.parameters, network.gradients, network.segments)
    before = network.parameters.copy()
    record = trace(network, X, y, own)
    assert (own.steps, network.parameters.tolist()) == (steps, before.tolist())
    expect_true_lines(record, rng)
    expect_both_ways(record, rng)
    network.loss_and_gradients(X, y)
    own.update(network.parameters, network.gradients, network.segments)
    for name, tensor in network.tensors.items():
        np.testing.assert_array_equal(record[f"update.{name}.p_next"], tensor)
        window = record.step(f"update.{name}").part.window
        np.testing.assert_allclose(window.compute("p_next"), tensor, rtol=1e-12, atol=1e-14)


def test_an_optimizer_goes_on_where_a_frozen_tensor_stopped(rng):
    """Each tensor counts its own steps."""
    network = network_of([Dense(2)], MeanSquaredError(), 2, rng)
    X, y, adam = rng.standard_normal((4, 2)), rng.standard_normal((4, 2)), Adam(0.1)
    for frozen in (True, True, False, False):
        (network.freeze if frozen else network.unfreeze)("0.dense.W")
        network.loss_and_gradients(X, y)
        adam.update(network.parameters, network.gradients, network.segments)
    record = trace(network, X, y, adam)
    for name, t in (("W", 3), ("b", 5)):
        window = record.step(f"update.0.dense.{name}").part.window
        assert window.subject.t == t
        np.testing.assert_allclose(window.compute("p_next"), window["p_next"], rtol=1e-12)


class Momentum(Optimizer):
    accumulators = ("V",)

    def rule(self, p, g, work, V):
        V *= 0.9
        V += g
        p -= self.shared[0] * V


def test_an_optimizer_of_ones_own_is_shown_as_its_arrays(rng):
    network = network_of([Dense(2)], MeanSquaredError(), 2, rng)
    record = trace(network, rng.standard_normal((4, 2)), rng.standard_normal((4, 2)), Momentum(0.1))
    step = record.step("update.0.dense.W")
    assert step.formulas == ()
    assert {*step.inputs} == {"p", "dp", "V"}
    assert {*step.outputs} == {"p_next"}


# --- networks -------------------------------------------------------------------------------------

X_OF_TWO = np.array([[0.5, -1.0], [2.0, 0.25]])


def branched() -> Graph:
    nodes = {
        "a": (Dense(3), "X"),
        "b": (Tanh(), "a"),
        "c": ([Dense(3), ReLU()], "a"),
        "sum": (Add(), "a", "b", "c"),
        "both": (Concatenate(), "sum", "b"),
        "out": (Dense(2), "both"),
    }
    return Graph(nodes, inputs="X", outputs="out")


def shared() -> Graph:
    layer = Dense(3)
    nodes = {
        "a": (layer, "X"),
        "b": ([Tanh(), Dense(2)], "a"),
        "c": (layer, "b"),
        "d": (Add(), "a", "c"),
    }
    return Graph(nodes, inputs="X", outputs="d")


NETWORKS: dict[str, Any] = {
    "dense": lambda: [Dense(3), ReLU(), Dense(2)],
    "residual": lambda: [Dense(3), Residual([Dense(3), Tanh()]), Residual([LayerNorm(), Dense(3)])],
    "nested": lambda: [
        Sequential([Dense(3), Sequential([Tanh(), Residual([Sequential([Dense(3)])])])])
    ],
    "highway": lambda: [Dense(3), Highway([Dense(3), Tanh()])],
    "parallel": lambda: [Parallel([(0, 1), (0, 2)], [Dense(2), Sequential([Dense(2), Tanh()])])],
    "branched": branched,
    "graph in a list": lambda: [Dense(2), branched(), Tanh()],
    "shared": shared,
    "dropout": lambda: [Dense(4), Dropout(0.5), BatchNorm(), Dense(2)],
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_networks(make: Any, training: bool, rng):
    network = network_of(make(), SoftmaxCrossEntropy(), 2, rng)
    record = trace(network, X_OF_TWO, [0, 1], SGD(0.1), training=training)
    expect_true_lines(record, rng)
    expect_known_leaves(record, rng)
    expect_both_ways(record, rng)


SEQUENCES: dict[str, Any] = {
    "rnn": lambda: [RNN(3, return_sequences=True), RNN(2)],
    "lstm": lambda: [
        LSTM(3, return_sequences=True, learned_start=True),
        GRU(2, learned_start=True),
    ],
    "both directions": lambda: [
        Bidirectional(LSTM(2, return_sequences=True)),
        Bidirectional(GRU(2)),
    ],
    "summed directions": lambda: [
        Bidirectional(RNN(2, return_sequences=True), merge="sum"),
        RNN(2),
    ],
    "convolution": lambda: [Conv1d(3, 2, padding="causal"), BatchNorm(), GlobalAveragePool1d()],
    "attention": lambda: [MultiHeadAttention(2, causal=True, dropout=0.3), GlobalAveragePool1d()],
    "transformer": lambda: [TransformerBlock(2, rotary=True), GlobalAveragePool1d()],
}


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences(make: Any, masked: bool, rng):
    layers: list[Layer] = [*([Masking()] if masked else []), *make(), Dense(2)]
    network = network_of(layers, SoftmaxCrossEntropy(), (4, 4), rng)
    X = rng.standard_normal((3, 4, 4))
    if masked:
        X[0, -1:] = X[1, :1] = 0
    record = trace(network, X, [0, 1, 1], Adam())
    expect_true_lines(record, rng)
    if not masked:  # in a masked step nothing is made
        expect_known_leaves(record, rng, *OF_STEPS)
    expect_both_ways(record, rng)


def test_a_translator_with_a_loss_at_each_step(rng):
    encoder = [Embedding(7, 4, padding=0), TransformerBlock(2)]
    decoder = [Embedding(7, 4), TransformerBlock(2, causal=True, cross=True), Residual([Dense(4)])]
    body = [EncoderDecoder([*encoder], [*decoder, TransformerBlock(2, cross=True), Dense(7)], 3)]
    network = network_of(body, SoftmaxCrossEntropy(), (7,), rng)
    X = rng.integers(1, 7, (2, 7))
    X[0, 2] = 0
    y = rng.integers(0, 7, (2, 4))
    y[1, 3] = -1  # a step that does not count
    record = trace(network, X, y, AdamW())
    expect_true_lines(record, rng)
    expect_known_leaves(record, rng, "weights", "counted", "y")
    expect_both_ways(record, rng)


def test_images(rng):
    layers = [Conv2d(2, 3), BatchNorm(), ReLU(), MaxPool2d(2), Flatten(), Dense(3)]
    network = network_of(layers, SoftmaxCrossEntropy(), (6, 6, 1), rng)
    record = trace(network, rng.standard_normal((2, 6, 6, 1)), [0, 2], SGD(0.1, momentum=0.9))
    expect_true_lines(record, rng)
    expect_known_leaves(record, rng)
    expect_both_ways(record, rng)


def test_several_inputs_and_outputs(rng):
    nodes = {
        "h": ([Dense(3), Tanh()], "left"),
        "both": (Concatenate(), "h", "right"),
        "kind": (Dense(2), "both"),
        "size": (Dense(1), "both"),
    }
    graph = Graph(nodes, inputs=("left", "right"), outputs=("kind", "size"))
    losses = {"kind": SoftmaxCrossEntropy(), "size": (MeanSquaredError(), 0.5)}
    network = network_of(graph, losses, {"left": 2, "right": 1}, rng)
    X = {"left": X_OF_TWO, "right": [[1.0], [2.0]]}
    record = trace(network, X, {"kind": [0, 1], "size": [0.5, 2.0]}, SGD(0.1))
    assert {"X.left", "X.right", "loss.kind.L", "loss.size.dZ"} <= {*record}
    line = record.unit("loss.L", ())
    assert [number.array for number in line.numbers] == ["loss.L_kind", "loss.L_size"]
    assert float(line.value) == record.loss
    expect_true_lines(record, rng)
    expect_known_leaves(record, rng)
    expect_both_ways(record, rng)


def test_by_hand():
    """A neuron whose numbers can be checked in the head."""
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64)
    network["0.dense.W"], network["0.dense.b"] = [[0.5, -0.25]], [0.75]
    record = trace(network, [[3.0, 2.0], [1.0, -1.0]], [2.0, 0.5], SGD(0.1))
    lines = {
        "0.dense.Z[0, 0]": "Z[0, 0] = 3*0.5 + 2*(-0.25) + 0.75 = 1.75",
        "0.dense.Z[1, 0]": "Z[1, 0] = 1*0.5 + (-1)*(-0.25) + 0.75 = 1.5",
        "loss.losses[0]": "losses[0] = (-0.25)**2/1 = 0.0625",
        "loss.L": "L = (0.0625 + 1)/2 = 0.531",
        "loss.dZ[1, 0]": "dZ[1, 0] = 2/2 = 1",
        "0.dense.dW[0, 1]": "dW[0, 1] = -0.25*2 + 1*(-1) = -1.5",
        "update.0.dense.W.p_next[0, 1]": "p_next[0, 1] = -0.25 - 0.1*(-1.5) = -0.1",
    }
    assert {name: str(record.unit(name)) for name in lines} == lines
