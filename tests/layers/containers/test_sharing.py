"""Layers that stand in several places of a graph: one set of weights, and the sum of gradients."""

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import plainnet
from allocations import peak_of
from layer_cases import CASES
from plainnet import Cache, Network, check_gradients
from plainnet.errors import FileError, SettingError
from plainnet.files.native import pack, unpack
from plainnet.layers import (
    Add,
    BatchNorm,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePool1d,
    Graph,
    Identity,
    Multiply,
    Sequential,
    Tanh,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

every_layer = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def network_of(nodes, *, inputs="X", outputs="Y", shape=4, dtype=np.float64) -> Network:
    graph = Graph(nodes, inputs=inputs, outputs=outputs)
    return Network(graph, loss=MeanSquaredError(), input_shape=shape, seed=0, dtype=dtype)


# --- gradients ------------------------------------------------------------------------------------


@every_layer
def test_a_shared_layer_has_the_gradients_of_all_its_places(case, rng):
    """Those of as many layers of their own with the same weights, added up."""

    def network(one, other):
        nodes = {
            "one": (one, "a"),
            "other": (other, "b"),
            "p": ([Flatten(), Dense(2)], "one"),
            "q": ([Flatten(), Dense(2)], "other"),
            "Y": (Add(), "p", "q"),
        }
        return network_of(
            nodes, inputs=("a", "b"), shape={"a": case.input_shape, "b": case.input_shape}
        )

    layer = case.make()
    shared, apart = network(layer, layer), network(case.make(), case.make())

    def in_apart(name):
        """The names of a shared network's tensor in the other."""
        return (name, f"other{name[3:]}") if name.startswith("one.") else (name,)

    shared.parameters[:] += 0.1 * rng.standard_normal(shared.parameters.size)
    for name, tensor in (*shared.tensors.items(), *shared.state_tensors.items()):
        for each in in_apart(name):
            apart[each] = tensor
    shape = (5, *case.input_shape)
    X = {"a": rng.standard_normal(shape), "b": rng.standard_normal(shape)}
    if layer.takes_ids:
        X = {name: rng.integers(0, 3, shape) for name in X}
    y = rng.standard_normal((5, 2))
    cache = Cache(training=True, seed=1)
    for _ in range(2):  # the second time without checks
        shared.gradients.fill(np.nan)
        loss = shared.loss_and_gradients(X, y, cache)
    other = Cache(training=True, seed=1)
    for _ in range(2):
        expected = apart.loss_and_gradients(X, y, other)
    assert loss == expected
    for name, gradient in shared.gradient_tensors.items():
        parts = [apart.gradient_tensors[each] for each in in_apart(name)]
        np.testing.assert_array_equal(gradient, sum(parts[1:], start=parts[0]))


def twice(layer, **settings) -> Network:
    return network_of({"a": (layer, "X"), "Y": (layer, "a")}, **settings)


def inside_two_sequences(layer):
    return {"a": ([layer, Tanh()], "X"), "Y": ([Identity(), layer], "a")}


def inside_a_graph_that_is_shared():
    layer = Dense(4)
    inner = Graph(
        {"p": (layer, "Z"), "q": (layer, "p"), "sum": (Add(), "p", "q", "Z")},
        inputs="Z",
        outputs="sum",
    )
    return {"a": (inner, "X"), "b": (layer, "a"), "c": (inner, "b"), "Y": (Add(), "c", "a")}


SHARED = {
    "on top of itself": lambda: twice(Dense(4)),
    "a sequence": lambda: twice(Sequential([Dense(3), Tanh(), Dense(4)])),
    "with running state": lambda: twice(Sequential([Dense(4), BatchNorm(), Tanh()])),
    "inside two sequences": lambda: network_of(inside_two_sequences(Dense(4))),
    "a graph that is shared": lambda: network_of(inside_a_graph_that_is_shared()),
}


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
def test_gradients_agree_with_central_differences(make, rng):
    check = check_gradients(make(), rng.standard_normal((5, 4)), rng.standard_normal((5, 4)))
    assert check.passed, check


def test_running_state_follows_every_place(rng):
    """Both places move the same average, the first one first."""
    layer = BatchNorm(momentum=0.5)
    network = network_of(
        {"p": (layer, "a"), "q": (layer, "b"), "Y": (Add(), "p", "q")},
        inputs=("a", "b"),
        shape={"a": 2, "b": 2},
    )
    X = {"a": rng.standard_normal((5, 2)), "b": 3 + rng.standard_normal((5, 2))}
    network.forward(X, Cache(training=True))
    expected = (X["a"].mean(axis=0) / 2 + X["b"].mean(axis=0)) / 2
    np.testing.assert_allclose(network["p.running_mean"], expected, rtol=1e-12)


# --- PyTorch --------------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": (lambda: SGD(0.1, momentum=0.9), lambda t, p: t.SGD(p, 0.1, momentum=0.9)),
    "Adam": (lambda: Adam(0.01), lambda t, p: t.Adam(p, 0.01)),
}


@pytest.mark.parametrize(("optimizer", "theirs"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_shared_layers_learn_what_they_learn_in_pytorch(optimizer, theirs, rng):
    """Two texts and two tables through the same layers; two outputs, one of half the weight."""
    torch = pytest.importorskip("torch")
    words, encoder = Embedding(6, 3), Dense(3)
    graph = Graph(
        {
            "left": ([words, GlobalAveragePool1d()], "s"),
            "right": ([words, GlobalAveragePool1d()], "t"),
            "one": ([encoder, Tanh()], "left"),
            "again": ([encoder, Tanh()], "one"),
            "other": ([encoder, Tanh()], "right"),
            "both": (Multiply(), "again", "other"),
            "kind": (Dense(4), "both"),
            "size": ([Concatenate(), Dense(2)], "one", "table", "both"),
        },
        inputs=("s", "t", "table"),
        outputs=("kind", "size"),
    )
    network = Network(
        graph,
        loss={"kind": SoftmaxCrossEntropy(), "size": (MeanSquaredError(), 0.5)},
        input_shape={"s": 5, "t": 5, "table": 2},
        seed=0,
        dtype=np.float64,
    )
    X = {
        "s": rng.integers(0, 6, (7, 5)),
        "t": rng.integers(0, 6, (7, 5)),
        "table": rng.standard_normal((7, 2)),
    }
    y = {"kind": rng.integers(0, 4, 7), "size": rng.standard_normal((7, 2))}
    p = {name: torch.tensor(tensor.copy(), requires_grad=True)
         for name, tensor in network.tensors.items()}  # fmt: skip

    def affine(name, A):
        return A @ p[f"{name}.W"].T + p[f"{name}.b"]

    def loss():
        left, right = (p["left.0.embedding.E"][X[name]].mean(axis=1) for name in "st")
        one, other = (torch.tanh(affine("one.0.dense", A)) for A in (left, right))
        both = torch.tanh(affine("one.0.dense", one)) * other
        size = affine("size.1.dense", torch.cat([one, torch.tensor(X["table"]), both], 1))
        kinds = torch.nn.functional.cross_entropy(affine("kind", both), torch.tensor(y["kind"]))
        return kinds + 0.5 * ((size - torch.tensor(y["size"])) ** 2).mean()

    ours, cache = optimizer(), Cache(training=True)
    others = theirs(torch.optim, list(p.values()))
    for _ in range(10):
        found = network.loss_and_gradients(X, y, cache)
        others.zero_grad()
        expected = loss()
        expected.backward()
        np.testing.assert_allclose(found, expected.item(), rtol=1e-12)
        for name, gradient in network.gradient_tensors.items():
            np.testing.assert_allclose(gradient, p[name].grad.numpy(), rtol=1e-12, atol=1e-14)
        ours.update(network.parameters, network.gradients, network.segments)
        others.step()
    for name, tensor in network.tensors.items():
        np.testing.assert_allclose(tensor, p[name].detach().numpy(), rtol=1e-12, atol=1e-13)


# --- names, copies, files -------------------------------------------------------------------------


def siamese(dtype=np.float32) -> Network:
    """Two inputs through one encoder; two outputs."""
    encoder = Sequential([Dense(6), BatchNorm(), Tanh()])
    graph = Graph(
        {
            "left": (encoder, "a"),
            "right": (encoder, "b"),
            "both": (Multiply(), "left", "right"),
            "kind": (Dense(3), "both"),
            "size": ([Concatenate(), Dense(1)], "left", "right", "both"),
        },
        inputs=("a", "b"),
        outputs=("kind", "size"),
    )
    loss = {"kind": SoftmaxCrossEntropy(), "size": (MeanSquaredError(), 0.5)}
    return Network(graph, loss=loss, input_shape={"a": 4, "b": 4}, seed=0, dtype=dtype)


def data(m, rng):
    X = {name: rng.standard_normal((m, 4)).astype(np.float32) for name in "ab"}
    return X, {"kind": rng.integers(0, 3, m), "size": rng.standard_normal((m, 1))}


def test_a_shared_layer_is_saved_and_counted_once():
    network = siamese()
    assert network.parameters.size == (4 * 6 + 6) + 2 * 6 + (6 * 3 + 3) + (18 + 1)
    assert network.layer("left") is network.layer("right")
    assert network.layer("right.0.dense") is network.layer("left.0.dense")
    assert json.dumps(network.config()).count('"units": 6') == 1
    assert "as left" in network.summary()
    network.freeze("left")
    assert "82 parameters, of which 42 are frozen" in network.summary()


WAYS = {
    "file": lambda network, folder: (plainnet.save(network, folder / "n"),
                                     plainnet.load(folder / "n"))[1],
    "pickle": lambda network, folder: pickle.loads(pickle.dumps(network)),
    "deepcopy": lambda network, folder: copy.deepcopy(network),
    "astype": lambda network, folder: network.astype(network.dtype),
    "layers of another network": lambda network, folder: Network(
        Graph(network.body.nodes, inputs=network.body.inputs, outputs=network.body.outputs),
        loss=dict(network.loss.losses),
        input_shape=network.input_shape,
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_copies_share_what_the_original_shares(way, rng, tmp_path):
    network = siamese()
    X, y = data(8, rng)

    def step(network):
        loss = network.loss_and_gradients(X, y, Cache(training=True, seed=5))
        SGD(0.1).update(network.parameters, network.gradients)
        return loss, network.parameters.copy(), network.state.copy()

    step(network)
    other = way(network, tmp_path)
    assert other.layer("left") is other.layer("right")
    assert other.layer("left") is not network.layer("left")
    assert other.config() == network.config()
    before = network.parameters.copy()
    found = step(other)
    np.testing.assert_array_equal(network.parameters, before)  # it is left alone
    for one, expected in zip(found, step(network), strict=True):
        np.testing.assert_array_equal(one, expected)


def tampered(change) -> dict[str, np.ndarray]:
    """The arrays of a saved network, with another description of its nodes."""
    arrays = pack(twice(Dense(4)))
    description = json.loads(str(arrays["description"]))
    change(description["layers"]["nodes"])
    return {**arrays, "description": np.array(json.dumps(description))}


def unknown_number(nodes):
    nodes[0][1][0] = {"is": 7}


def no_number(nodes):
    nodes[1][1][0] = {"is": ["0"]}


def itself(nodes):
    nodes[0][1][0] = {"type": "Sequential", "layers": [{"is": 0}], "is": 0}


def a_cycle(nodes):
    nodes[0][1][1] = "Y"


def doubled(wrapped):
    """Each layer holds the one before it twice, forty times."""

    def change(nodes):
        names, source = [], "X"
        nodes[:] = []
        layer = {"type": "Identity", "is": 0}
        for i in range(1, 41):
            pair = [["a", [layer, "Z"]], ["b", [{"is": i - 1}, "a"]]]
            if wrapped:  # each twin in a sequence of its own
                for node in pair:
                    node[1][0] = {"type": "Sequential", "layers": [node[1][0]]}
            layer = {"type": "Graph", "nodes": pair, "inputs": "Z", "outputs": "b", "is": i}
            names.append(f"n{i}")
            nodes.append([names[-1], [layer, source]])
            layer, source = {"is": i}, names[-1]
        nodes.append(["Y", [{"type": "Dense", "units": 4}, source]])

    return change


def doubled_and_wrong(nodes):
    """An error whose message would show all of it."""
    doubled(wrapped=True)(nodes)
    nodes[-1][1] = [{"is": 40}, "X", "n40"]


@pytest.mark.parametrize(
    "change",
    [unknown_number, no_number, itself, a_cycle, doubled(False), doubled(True), doubled_and_wrong],
)
def test_a_damaged_description_is_refused(change):
    with pytest.raises(FileError):
        unpack(tampered(change), "here")


def test_more_places_than_memory_holds_are_refused():
    layer = Identity()
    for _ in range(20):
        layer = Graph({"a": (layer, "Z"), "b": (layer, "a")}, inputs="Z", outputs="b")
    with pytest.raises(SettingError, match=r"at most 300,000 places; these stand in [\d,]+$"):
        network_of({"Y": (layer, "X")})


# --- memory and threads ---------------------------------------------------------------------------


def test_a_warm_step_allocates_nothing(rng):
    m = 32 * 1024
    network, cache = siamese(), Cache(training=True)
    X, targets, _ = network.check(*data(m, rng))
    for _ in range(2):
        network.step(X, targets, cache)
    ordinary = np.setbufsize(512)  # NumPy's ufuncs have a buffer for each operand
    try:
        peak = peak_of(lambda: network.step(X, targets, cache))
    finally:
        np.setbufsize(ordinary)
    assert peak < 0.5 * m  # one byte per example would be too much


def test_eight_threads_predict_what_one_predicts(rng):
    network = siamese()
    inputs = [data(50, rng)[0] for _ in range(32)]
    alone = [network.outputs(X) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(network.outputs, inputs))
    for one, other in zip(alone, together, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
