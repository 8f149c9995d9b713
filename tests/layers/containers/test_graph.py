"""Layers joined as one likes: a graph of a chain is a sequence, and every branch gets its share."""

from copy import deepcopy

import numpy as np
import pytest

from layer_cases import CASES, LayerCase
from plainnet import Cache, Network, check_gradients
from plainnet.errors import DataError, DTypeError, SettingError, ShapeError
from plainnet.layers import (
    LSTM,
    Add,
    BatchNorm,
    Concatenate,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePool1d,
    Graph,
    Identity,
    Layer,
    Masking,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

every_layer = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def network_of(nodes, *, inputs="X", outputs="Y", shape=4, loss=None, **settings) -> Network:
    """A float64 network with squared errors."""
    graph = Graph(nodes, inputs=inputs, outputs=outputs)
    if loss is None:
        loss = MeanSquaredError()
        if graph.gives_several:
            loss = {name: MeanSquaredError() for name in graph.outputs}
    settings = {"seed": 0, "dtype": np.float64, **settings}
    return Network(graph, loss=loss, input_shape=shape, **settings)


def chain(layers: list[Layer]) -> Graph:
    """Each layer a node that reads the one before."""
    names = [f"n{i}" for i in range(len(layers))]
    sources = ["X", *names[:-1]]
    nodes = {name: (layer, of) for name, layer, of in zip(names, layers, sources, strict=True)}
    return Graph(nodes, inputs="X", outputs=names[-1])


# --- a chain --------------------------------------------------------------------------------------


def amid(case: LayerCase) -> list[Layer]:
    """The layer between others, below and above, that write over what they are handed."""
    layer = case.make()
    below = [] if layer.takes_ids else [Dense(case.input_shape[-1]), Tanh()]
    return [*below, layer, Dropout(0.2), ReLU(), Flatten(), Dense(2)]


@every_layer
@pytest.mark.parametrize("way", ["in order", "node by node"])
def test_a_graph_of_a_chain_is_a_sequence(case, way, rng):
    body = chain(amid(case))
    assert body._is_chain
    body._is_chain = way == "in order"
    networks = [
        Network(layers, loss=MeanSquaredError(), input_shape=case.input_shape, seed=1)
        for layers in (amid(case), body)
    ]
    shape = (5, *case.input_shape)
    ids = networks[0].body.takes_ids
    X = rng.integers(0, 3, shape) if ids else rng.standard_normal(shape)
    y = rng.standard_normal((5, 2))
    caches = [Cache(training=True, seed=3) for _ in networks]
    for _ in range(3):
        losses = []
        for network, cache in zip(networks, caches, strict=True):
            losses.append(network.loss_and_gradients(X, y, cache))
            SGD(0.1).update(network.parameters, network.gradients)
        row, graph = networks
        assert losses[0] == losses[1]
        np.testing.assert_array_equal(row.gradients, graph.gradients)
        np.testing.assert_array_equal(row.state, graph.state)
    np.testing.assert_array_equal(row.predict(X), graph.predict(X))


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": (Tanh(), "X"), "Y": (Concatenate(), "a", "X")},
        {"a": (Tanh(), "X"), "b": (Tanh(), "X"), "Y": (Add(), "a", "b")},
    ],
)
def test_branches_are_not_a_chain(nodes):
    assert not Graph(nodes, inputs="X", outputs="Y")._is_chain


# --- gradients ------------------------------------------------------------------------------------


def gate() -> Graph:
    nodes = {"bent": (Tanh(), "Z"), "Y": (Multiply(), "bent", "Z")}
    return Graph(nodes, inputs="Z", outputs="Y")


NETWORKS = {
    "an output that others read": lambda: network_of(
        {"h": ([Dense(3), Tanh()], "X"), "Y": (Dense(2), "h"), "Z": (Add(), "h", "X2")},
        inputs=("X", "X2"),
        outputs=("h", "Y", "Z"),
        shape={"X": 4, "X2": 3},
    ),
    "a source twice": lambda: network_of(
        {"h": (Dense(3), "X"), "square": (Multiply(), "h", "h"), "Y": (Add(), "square", "h", "h")}
    ),
    "a merge in front of layers": lambda: network_of(
        {"Y": ([Concatenate(), Tanh(), Dense(3)], "a", "b", "a")},
        inputs=("a", "b"),
        shape={"a": 4, "b": 2},
    ),
    "a graph in a graph": lambda: network_of(
        {"g": (gate(), "X"), "h": (Dense(4), "g"), "Y": (gate(), "h")}
    ),
    "a graph of two inputs in a graph": lambda: network_of(
        {
            "a": (Dense(3), "X"),
            "b": (Dense(3), "X"),
            "Y": (
                Graph(
                    {"p": (Multiply(), "s", "t"), "o": (Add(), "p", "s")},
                    inputs=("s", "t"),
                    outputs="o",
                ),
                "a",
                "b",
            ),
        }
    ),
    "a graph in a sequence in a graph": lambda: network_of(
        {"a": ([Dense(4), gate(), Dropout(0.3)], "X"), "Y": (Add(), "a", "X")}
    ),
    "branches below all that learns": lambda: network_of(
        {
            "a": (Tanh(), "X"),
            "b": (Multiply(), "a", "X"),
            "c": (Dense(4), "b"),
            "Y": (Add(), "c", "a"),
        }
    ),
    "writing over": lambda: network_of(
        {
            "a": (Dense(5), "X"),
            "b": (ReLU(), "a"),
            "c": (Dropout(0.3), "b"),
            "d": (Tanh(), "b"),
            "e": (BatchNorm(), "d"),
            "f": (ReLU(), "e"),
            "Y": (Concatenate(), "c", "f", "e"),
        }
    ),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_gradients_agree_with_central_differences(make, rng):
    network = make()
    shapes = network.input_shape
    if isinstance(shapes, dict):
        X = {name: rng.standard_normal((5, *shape)) for name, shape in shapes.items()}
    else:
        X = rng.standard_normal((5, *shapes))
    outputs = network.body.outputs_of(network.output_shape)
    y = [rng.standard_normal((5, *shape)) for shape in outputs]
    check = check_gradients(network, X, tuple(y) if len(y) > 1 else y[0])
    assert check.passed, check


def test_a_layer_of_several_inputs_of_ones_own(rng):
    class Mixed(Layer):
        """Y = c A + (1 - c) B; the second input is scaled by ids, which have no gradient."""

        takes_several = True

        def takes_ids_at(self, place):
            return place == 2

        def forward(self, A, cache):
            one, other, ids = A
            cache["share"] = share = (ids / 4).astype(one.dtype)
            return share * one + (1 - share) * other

        def build(self, input_shape):
            return input_shape[0]

        def backward(self, dY, cache):
            share = cache["share"]
            return dY * share, dY * (1 - share), np.empty(0)

    network = network_of(
        {"h": (Dense(3), "X"), "Y": (Mixed(), "h", "X", "k")},
        inputs=("X", "k"),
        shape={"X": 3, "k": 1},
    )
    X = {"X": rng.standard_normal((5, 3)), "k": rng.integers(0, 5, (5, 1))}
    check = check_gradients(network, X, rng.standard_normal((5, 3)))
    assert check.passed
    assert set(check.errors) == {"h.W", "h.b", "input X"}
    with pytest.raises(DTypeError, match=r"X\['k'\] is float64"):
        network.predict({"X": X["X"], "k": np.zeros((5, 1))})


def test_a_graph_inside_other_containers(rng):
    body = [Residual([gate(), Dense(4)]), Sequential([gate(), Identity()]), Dense(2)]
    network = Network(body, loss=MeanSquaredError(), input_shape=4, seed=0, dtype=np.float64)
    assert check_gradients(network, rng.standard_normal((5, 4)), np.zeros((5, 2))).passed


# --- what travels along the edges -----------------------------------------------------------------


def padded(rng, m=4, time=6, features=2) -> np.ndarray:
    """Sequences of different lengths, the first of which has all steps."""
    X = rng.standard_normal((m, time, features))
    for i, row in enumerate(X):
        row[time - i :] = 0
    return X


def test_a_mask_holds_in_its_branch_only(rng):
    X = padded(rng)
    network = network_of(
        {
            "masked": ([Masking(), GlobalAveragePool1d()], "X"),
            "plain": (GlobalAveragePool1d(), "X"),
            "Y": (Concatenate(), "masked", "plain"),
        },
        shape=(6, 2),
    )
    of_data = np.stack([row[: 6 - i].mean(axis=0) for i, row in enumerate(X)])
    expected = np.hstack([of_data, X.mean(axis=1)])
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12)


def pooled(merge: Layer) -> Network:
    """The mean over time behind a merge of two sequences, the second of which has a mask."""
    nodes = {
        "one": (Identity(), "a"),
        "other": (Masking(), "b"),
        "both": (merge, "one", "other"),
        "Y": (GlobalAveragePool1d(), "both"),
    }
    return network_of(nodes, inputs=("a", "b"), shape={"a": (6, 2), "b": (6, 2)})


def test_sequences_one_after_the_other_keep_their_masks(rng):
    a, b = rng.standard_normal((4, 6, 2)), padded(rng)
    expected = [np.concatenate([a[i], b[i, : 6 - i]]).mean(axis=0) for i in range(4)]
    found = pooled(Concatenate(1)).predict({"a": a, "b": b})
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("merge", [Add(), Multiply(), Concatenate()])
def test_steps_side_by_side_are_data_where_both_are(merge, rng):
    a, b = padded(rng)[::-1].copy(), padded(rng)
    nodes = {"a1": (Masking(), "a"), "b1": (Masking(), "b"), "both": (merge, "a1", "b1")}
    network = network_of(
        {**nodes, "Y": (GlobalAveragePool1d(), "both")},
        inputs=("a", "b"),
        shape={"a": (6, 2), "b": (6, 2)},
    )
    merged = {Add: np.add, Multiply: np.multiply, Concatenate: lambda *s: np.concatenate(s, -1)}
    expected = []
    for i in range(4):
        steps = min(3 + i, 6 - i)
        expected.append(merged[type(merge)](a[i], b[i])[:steps].mean(axis=0))
    np.testing.assert_allclose(network.predict({"a": a, "b": b}), expected, rtol=1e-12)


def test_each_input_of_a_graph_inside_has_its_own_mask(rng):
    pools = {
        "u": (GlobalAveragePool1d(), "s"),
        "v": (GlobalAveragePool1d(), "t"),
        "both": (Concatenate(), "u", "v"),
    }
    masked = {"m": (Masking(), "a"), "n": (Identity(), "b")}
    settings = {"inputs": ("a", "b"), "shape": {"a": (6, 2), "b": (6, 2)}}
    inside = Graph(pools, inputs=("s", "t"), outputs="both")
    nested = network_of({**masked, "Y": (inside, "m", "n")}, **settings)
    flat = network_of(
        {
            **masked,
            "u": (GlobalAveragePool1d(), "m"),
            "v": (GlobalAveragePool1d(), "n"),
            "Y": (Concatenate(), "u", "v"),
        },
        **settings,
    )
    X = {"a": padded(rng), "b": padded(rng)}
    np.testing.assert_array_equal(nested.predict(X), flat.predict(X))
    np.testing.assert_allclose(flat.predict(X)[:, 2:], X["b"].mean(axis=1), rtol=1e-12)


def test_each_output_counts_the_steps_of_its_own_mask(rng):
    """The loss of a masked output is that of its data; one of the other output has all steps."""
    network = network_of(
        {"masked": ([Masking(), Dense(2)], "X"), "plain": (Dense(2), "X")},
        outputs=("masked", "plain"),
        shape=(None, 2),
    )
    X, y = padded(rng), rng.standard_normal((4, 6, 2))
    Z = network.outputs(X)
    square = {name: ((Z[name] - y) ** 2).mean(axis=2) for name in Z}
    of_data = np.arange(6) < 6 - np.arange(4)[:, None]
    measures = network.evaluate(X, {"masked": y, "plain": y})
    np.testing.assert_allclose(measures["masked_loss"], square["masked"][of_data].mean())
    np.testing.assert_allclose(measures["plain_loss"], square["plain"].mean())
    errors = check_gradients(network, X, {"masked": y, "plain": y}).errors
    del errors["input"]  # a masked step that changes by 1e-5 is one of data
    assert max(errors.values()) < 1e-7


def test_tokens_and_numbers_with_padding(rng):
    """Recurrent and pooled branches over padded tokens, beside a table."""
    network = network_of(
        {
            "words": (Embedding(5, 3, padding=0), "text"),
            "read": (LSTM(3), "words"),
            "mean": (GlobalAveragePool1d(), "words"),
            "tags": (Dense(4), "words"),
            "Y": ([Concatenate(), Dense(2)], "read", "mean", "table"),
        },
        inputs=("text", "table"),
        outputs=("Y", "tags"),
        loss={"Y": MeanSquaredError(), "tags": (SoftmaxCrossEntropy(), 0.3)},
        shape={"text": (None,), "table": 2},
    )
    text = np.array([[1, 2, 3, 4], [4, 1, 0, 0], [2, 0, 0, 0]])
    X = {"text": text, "table": rng.standard_normal((3, 2))}
    y = {"Y": rng.standard_normal((3, 2)), "tags": np.where(text > 0, text % 4, -1)}
    check = check_gradients(network, X, y)
    assert check.passed, check
    shorter = {"text": text[1:, :2], "table": X["table"][1:]}
    np.testing.assert_allclose(
        network.predict(X)["Y"][1:], network.predict(shorter)["Y"], rtol=1e-12
    )


def test_carried_states_continue_in_every_branch(rng):
    """Two halves of a sequence, one after the other, are the whole."""
    layer = LSTM(3, return_sequences=True)
    network = network_of(
        {
            "one": (layer, "a"),
            "other": (layer, "b"),
            "own": (LSTM(3, return_sequences=True), "a"),
            "Y": (Add(), "one", "other", "own"),
        },
        inputs=("a", "b"),
        shape={"a": (None, 2), "b": (None, 2)},
    )
    X = {name: rng.standard_normal((3, 6, 2)) for name in "ab"}
    cache = Cache(carry=True)
    halves = [
        network.forward({name: x[:, half] for name, x in X.items()}, cache).copy()
        for half in (slice(0, 4), slice(4, 6))
    ]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), network.forward(X), rtol=1e-12)


# --- recording ------------------------------------------------------------------------------------


def test_a_recording_shows_every_node(rng):
    network = network_of(
        {"h": (Dense(3), "X"), "t": (Tanh(), "h"), "Y": ([Concatenate(), Dense(2)], "h", "t")}
    )
    X, cache = rng.standard_normal((5, 4)), Cache(training=True, record=True)
    network.loss_and_gradients(X, np.zeros((5, 2)), cache)
    np.testing.assert_allclose(cache["h.Z"], X @ network["h.W"].T + network["h.b"], rtol=1e-12)
    np.testing.assert_array_equal(cache["Y.A_2"], np.tanh(cache["h.Z"]))
    np.testing.assert_array_equal(cache["Y.0.concatenate.A_1"], cache["h.Z"])
    # h is read twice, so its gradient is a sum.
    expected = cache["Y.dA_1"] + cache["t.dZ"]
    np.testing.assert_allclose(cache["h.dZ"], expected, rtol=1e-12)
    assert {"h.W", "h.dW", "Y.1.dense.b", "loss.losses"} <= set(cache.names())


def test_a_recording_of_a_graph_has_the_bits_of_training(rng):
    network = NETWORKS["writing over"]()
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, *network.output_shape))
    state, found = network.state.copy(), []
    for record in (True, False):
        network.state[:] = state
        network.gradients.fill(np.nan)
        loss = network.loss_and_gradients(X, y, Cache(training=True, record=record, seed=0))
        found.append((loss, network.gradients.copy()))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


# --- what is refused ------------------------------------------------------------------------------

LAYER = Dense(3)
TWO = {"inputs": ("a", "b"), "shape": {"a": 4, "b": 2}}

REFUSED = {
    "no nodes": (lambda: network_of({}), "at least one node; got none"),
    "layers without sources": (
        lambda: network_of([Dense(1)]),
        r"nodes must be a dict of names and \(layer, source, ...\); got \[Dense\(1\)\]",
    ),
    "no tuple": (
        lambda: network_of({"Y": Dense(1)}),
        r"node 'Y' must be \(layer, source, ...\).*got Dense\(1\)",
    ),
    "no source": (lambda: network_of({"Y": (Dense(1),)}), "node 'Y' .* at least one source"),
    "a class": (lambda: network_of({"Y": (Dense, "X")}), "of node 'Y' must be .*add parentheses"),
    "a layer as a source": (
        lambda: network_of({"Y": (Dense(1), Dense(2))}),
        r"source of node 'Y' must be a str.*got Dense\(2\)",
    ),
    "a dotted name": (
        lambda: network_of({"a.b": (Dense(1), "X")}),
        r"node names must be letters, digits and underscores.*got 'a\.b'",
    ),
    "a number as a name": (lambda: network_of({1: (Dense(1), "X")}), "node names .*got 1"),
    "a bad input": (
        lambda: network_of({"Y": (Dense(1), "X")}, inputs="a b"),
        "input names .*'a b'",
    ),
    "a kind": (
        lambda: network_of({"Y": (Dense(1), "X")}, inputs={"X": "text"}),
        "kind of the input 'X' must be \"numbers\" or \"ids\"; got 'text'",
    ),
    "inputs of another type": (lambda: network_of({"Y": (Dense(1), "X")}, inputs=3), "inputs.*3"),
    "an input twice": (
        lambda: network_of({"Y": (Add(), "X", "X")}, inputs=("X", "X")),
        "two inputs called 'X'",
    ),
    "no inputs": (lambda: network_of({"Y": (Dense(1), "X")}, inputs=()), "at least one input"),
    "no outputs": (lambda: network_of({"Y": (Dense(1), "X")}, outputs=()), "at least one; got"),
    "an output twice": (
        lambda: network_of({"Y": (Dense(1), "X")}, outputs=("Y", "Y")),
        r"each once and at least one; got \['Y', 'Y'\]",
    ),
    "two sources for one input": (
        lambda: network_of({"Y": (Dense(1), "X", "X")}),
        r"node 'Y' \(Dense\(1\)\) takes one input and reads X, X: join them first",
    ),
    "several outputs inside": (
        lambda: network_of(
            {
                "Y": (
                    Graph(
                        {"p": (Tanh(), "Z"), "q": (Tanh(), "Z")}, inputs="Z", outputs=("p", "q")
                    ),
                    "X",
                )
            }
        ),
        "node 'Y' .* gives several arrays; a node gives one",
    ),
    "ids from a node": (
        lambda: network_of({"d": (Dense(2), "X"), "Y": (Embedding(4, 2), "d")}),
        r"node 'Y' \(Embedding\(4, 2\)\) takes ids, and node 'd' gives numbers: ids come from an",
    ),
    "ids as numbers": (
        lambda: network_of(
            {"e": ([Embedding(4, 2), Flatten()], "X"), "Y": (Concatenate(), "e", "d"),
             "d": (Dense(2), "X")}
        ),
        r"the input 'X' is ids, and node 'd' \(Dense\(2\)\) takes numbers",
    ),
    "declared ids as numbers": (
        lambda: network_of({"Y": (Dense(2), "X")}, inputs={"X": "ids"}), "'X' is ids, and node 'Y'"
    ),
    "ids in a merge": (
        lambda: network_of(
            {"Y": (Concatenate(), "a", "b")}, **{**TWO, "inputs": {"a": "ids", "b": "numbers"}}
        ),
        r"the input 'a' is ids, and node 'Y' \(Concatenate\(\)\) takes numbers",
    ),
    "a merge in the middle": (
        lambda: network_of({"Y": ([Dense(3), Add()], "X")}),
        r"only the first may take several arrays.*; Add\(\) takes several arrays",
    ),
    "a shape": (
        lambda: network_of({"c": (Conv2d(3, 3), "X"), "Y": (Dense(1), "c")}),
        r"layer c \(Conv2d\(3, 3\)\) needs an input of shape \(height, width, channels\)",
    ),
    "another shape at the second place": (
        lambda: network_of({"a": (LAYER, "X"), "Y": (LAYER, "a")}),
        r"layer Y \(Dense\(3\)\) also stands at a, .* shape \(4,\); here it has \(3,\)",
    ),
    "a merge alone": (
        lambda: network_of({"Y": (Residual([Add()]), "X")}),
        r"layer Y \(Sequential.* takes several inputs, and gets one of shape \(4,\): make it",
    ),
    "one layer twice in a list": (
        lambda: Network([Dense(3)] * 2, loss=MeanSquaredError(), input_shape=3),
        r"Dense\(3\) is at two places of the network.*two nodes of a Graph",
    ),
    "one layer twice in a node": (
        lambda: network_of({"Y": ([Dense(4)] * 2, "X")}), r"Dense\(4\) is at two places"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_at_construction(make, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        make()


def two_inputs(**settings) -> Network:
    return network_of({"Y": ([Concatenate(), Dense(2)], "a", "b")}, **{**TWO, **settings})


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"a": 4}, "input_shape must have a, b; got a"),
        ({"a": 4, "b": 3, "c": 3}, "input_shape must have a, b; got a, b, c"),
        (4, "input_shape must be a dict with a, b, or a tuple of 2 in this order; got 4"),
        ((4, 2, 3), r"input_shape must be a dict .*got \(4, 2, 3\)"),
        ({"a": "4", "b": 3}, "must be a positive integer or a tuple of them.*got '4'"),
    ],
)
def test_input_shape_has_the_names_of_the_inputs(shape, message):
    with pytest.raises((SettingError, DataError), match=message):
        two_inputs(shape=shape)


def test_input_shape_may_come_in_the_order_of_the_inputs():
    assert two_inputs(shape=(4, (2,))).input_shape == {"a": (4,), "b": (2,)}


A, B = np.zeros((5, 4)), np.zeros((5, 2))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ({"a": A}, "X must have a, b; got a"),
        ({"a": A, "b": B, "c": B}, "X must have a, b; got a, b, c"),
        ({}, "X must have a, b; got nothing"),
        (A, "X must be a dict with a, b, or a tuple of 2 in this order; got an array of shape"),
        ((A, B, B), "X must be a dict"),
        ({"a": A, "b": B[:3]}, r"X\['a'\] has 5 rows and X\['b'\] has 3; they must agree"),
        ({"a": A, "b": A}, r"X\['b'\] must have the shape \(m, 2\); got \(5, 4\)"),
        ({"a": A, "b": np.full((5, 2), "x")}, r"X\['b'\] is <U1"),
        ({"a": A, "b": B + np.nan}, r"X\['b'\] must be finite; got nan in row 0, column 0"),
        ({"a": A, "b": 3}, r"X\['b'\] must have the shape \(m, 2\); got \(\)"),
        ({"a": A[:0], "b": B[:0]}, r"X\['a'\] has no rows"),
    ],
)
def test_X_has_the_names_shapes_and_rows_of_the_inputs(X, message):
    network = two_inputs()
    for use in (network.predict, lambda X: network.loss_and_gradients(X, np.zeros((5, 2)))):
        with pytest.raises((DataError, ShapeError, DTypeError), match=message):
            use(X)


def test_one_input_and_one_output_have_names_too():
    layer = Dense(1)
    graph = Graph({"Y": (layer, "X")}, inputs="X", outputs="Y")
    network = Network(graph, loss={"Y": MeanSquaredError()}, input_shape={"X": 4}, seed=0)
    np.testing.assert_array_equal(network.predict({"X": A}), network.predict(A))
    loss = network.loss_and_gradients(A, np.ones(5))
    assert network.loss_and_gradients({"X": A}, {"Y": np.ones(5)}) == loss
    with pytest.raises(DataError, match="X must have X; got Z"):
        network.predict({"Z": A})
    with pytest.raises(DataError, match="y must have Y; got X"):
        network.evaluate(A, {"X": np.ones(5)})
    with pytest.raises(SettingError, match="input_shape must have X; got Y"):
        Network(deepcopy(graph), loss=MeanSquaredError(), input_shape={"Y": 4})
    with pytest.raises(SettingError, match="loss must have Y; got X"):
        Network(deepcopy(graph), loss={"X": MeanSquaredError()}, input_shape=4)


def test_a_list_of_layers_has_no_names():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4)
    with pytest.raises(ShapeError, match="one input, and X is a dict of X: pass its array"):
        network.predict({"X": A})


Q = np.zeros((5, 2))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"p": np.zeros(5, int)}, "y must be a dict with the targets of p, q, or a tuple of 2"),
        ({"p": np.zeros(5, int), "q": Q, "r": Q}, "y must be a dict .*got p, q, r"),
        (Q, r"y must be a dict with the targets of p, q.*got an array of shape \(5, 2\)"),
        ({"p": np.zeros(5, int), "q": Q[:3]}, r"y\['p'\] has 5 rows and y\['q'\] has 3"),
        ({"p": np.zeros(4, int), "q": Q[:4]}, "X has 5 rows and y has 4"),
        ({"p": np.zeros(5, int), "q": A}, r"y\['q'\]: targets must have the shape \(m, 2\)"),
        ({"p": np.zeros(5, int), "q": Q + np.inf}, r"y\['q'\]: targets must be finite"),
        ({"p": np.full(5, 7), "q": Q}, r"y\['p'\]: class ids must lie between 0 and 2"),
    ],
)
def test_y_has_the_names_shapes_and_rows_of_the_outputs(y, message):
    network = two_outputs()
    for use in (network.evaluate, network.loss_and_gradients):
        with pytest.raises((DataError, ShapeError), match=message):
            use(A, y)


def two_outputs(loss=None) -> Network:
    loss = {"p": SoftmaxCrossEntropy(), "q": MeanSquaredError()} if loss is None else loss
    nodes = {"h": (Dense(5), "X"), "p": (Dense(3), "h"), "q": (Dense(2), "h")}
    return network_of(nodes, outputs=("p", "q"), loss=loss)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (MeanSquaredError(), "loss must be a dict with a loss for each output, p, q; got Mean"),
        ((MeanSquaredError(),) * 3, "loss must be a dict with p, q, or a tuple of 2"),
        ({"p": MeanSquaredError()}, "loss must have p, q; got p"),
        (dict.fromkeys("pqr", MeanSquaredError()), "loss must have p, q; got p, q, r"),
        ({"p": MeanSquaredError, "q": MeanSquaredError()}, "loss of output 'p' .*parentheses"),
        ({"p": "mse", "q": MeanSquaredError()}, "loss of output 'p' must be a Loss.*got 'mse'"),
        ({"p": (MeanSquaredError(), -1), "q": MeanSquaredError()}, "weight of output 'p' .*-1"),
        ({"p": (MeanSquaredError(), 1, 2), "q": MeanSquaredError()}, "loss of output 'p'"),
    ],
)
def test_loss_has_one_for_each_output(loss, message):
    with pytest.raises((SettingError, DataError), match=message):
        two_outputs(loss)


def test_an_activation_that_a_loss_has_built_in_is_refused_at_its_output():
    nodes = {"q": (Dense(2), "X"), "p": ([Dense(3), Softmax()], "X")}
    losses = {"p": SoftmaxCrossEntropy(), "q": MeanSquaredError()}
    with pytest.raises(SettingError, match=r"has Softmax built in: leave the last layer, Softmax"):
        network_of(nodes, outputs=("q", "p"), loss=losses)
