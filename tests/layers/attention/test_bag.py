"""EmbeddingBag beside loops and PyTorch's."""

import numpy as np
import pytest

from formulas import evaluate
from plainnet import Cache, Network, check_gradients, load, save
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Dense, Embedding, EmbeddingBag, GlobalAveragePool1d, Graph, Tanh
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import AdamW

IDS = np.array([[1, 4, 4, 0, 0], [0, 2, 0, 3, 0], [0, 0, 0, 0, 0], [4, 3, 2, 1, 4]])
combines = pytest.mark.parametrize("combine", ["mean", "sum", "weights"])


def network_of(combine="mean", *layers, padding=0, dtype=np.float64, width=3):
    bag = EmbeddingBag(5, width, combine=combine, padding=padding)
    shape = ((None,), (None,)) if combine == "weights" else (None,)
    loss = MeanSquaredError()
    return Network([bag, *layers], loss=loss, input_shape=shape, seed=0, dtype=dtype)


def inputs(combine, rng, ids=IDS):
    return (ids, rng.standard_normal(ids.shape)) if combine == "weights" else ids


def loops(network, combine, X, padding=0):
    """By the definition: (outputs, gradient of E, gradient of the weights) for dY of ones."""
    ids, weights = X if combine == "weights" else (X, np.ones(X.shape))
    E = network["0.embeddingbag.E"]
    Y, dE, dW = np.zeros((len(ids), E.shape[1])), np.zeros(E.shape), np.zeros(ids.shape)
    for i, row in enumerate(ids):
        counted = [t for t, k in enumerate(row) if k != padding]
        share = 1 / len(counted) if combine == "mean" and counted else 1
        for t in counted:
            Y[i] += weights[i, t] * share * E[row[t]]
            dE[row[t]] += weights[i, t] * share
            dW[i, t] = sum(E[row[t]])
    return Y, dE, dW


@combines
@pytest.mark.parametrize("padding", [0, 4, None])
def test_passes_beside_loops(combine, padding, rng):
    network, X = network_of(combine, padding=padding), inputs(combine, rng)
    (layer,), cache = network.layers, Cache(training=True, record=True)
    Y = layer.forward(X, cache)
    expected, dE, dW = loops(network, combine, X, padding)
    np.testing.assert_allclose(Y, expected, rtol=1e-13, atol=1e-14)
    network.gradients.fill(np.nan)
    back = layer.backward(np.ones(Y.shape), cache)
    np.testing.assert_allclose(layer.dE, dE, rtol=1e-13, atol=1e-14)
    if combine == "weights":
        np.testing.assert_allclose(back[1], dW, rtol=1e-13, atol=1e-14)


@combines
def test_central_differences(combine, rng):
    bag = EmbeddingBag(5, 3, combine=combine, padding=0)
    check = check_gradients(bag, inputs(combine, rng), samples=None, tolerance=1e-8)
    assert check.passed, check


def test_weighted_formulas_are_what_a_pass_records(rng):
    network, X = network_of("weights"), inputs("weights", rng)
    (layer,), cache = network.layers, Cache(training=True, record=True)
    Y, dY = layer.forward(X, cache), rng.standard_normal((4, 3))
    _, dW = layer.backward(dY, cache)
    known = {"A_1": X[0], "A_2": X[1], "E": layer.E, "padding": 0, "dY": dY}
    results = evaluate(layer.formulas, known)
    for name, found in {"w": cache["w"], "Y": Y, "dE": layer.dE, "dA_2": dW}.items():
        np.testing.assert_allclose(results[name], found, rtol=1e-12, atol=1e-14)


@combines
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pytorch_agrees(combine, dtype, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is the extra `all-tests`")
    network, X = network_of(combine, dtype=dtype), inputs(combine, rng)
    (layer,), cache = network.layers, Cache(training=True, record=True)
    if combine == "weights":
        X = X[0], X[1].astype(dtype)
    ids = torch.tensor(X[0] if combine == "weights" else X)
    E = torch.tensor(layer.E.copy(), requires_grad=True)
    weights = torch.tensor(X[1], requires_grad=True) if combine == "weights" else None
    mode = "mean" if combine == "mean" else "sum"
    bag = torch.nn.functional.embedding_bag
    expected = bag(ids, E, mode=mode, per_sample_weights=weights, padding_idx=0)
    dY = rng.standard_normal(expected.shape).astype(dtype)
    expected.backward(torch.tensor(dY))
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12}
    np.testing.assert_allclose(layer.forward(X, cache), expected.detach(), **tolerance)
    back = layer.backward(dY, cache)
    np.testing.assert_allclose(layer.dE, E.grad, **tolerance)
    if combine == "weights":
        counted = X[0] != 0
        np.testing.assert_allclose(back[1][counted], weights.grad.numpy()[counted], **tolerance)


def test_it_is_an_embedding_and_a_mean_over_time(rng):
    bag = network_of("mean", Dense(2))
    layers = [Embedding(5, 3, padding=0), GlobalAveragePool1d(), Dense(2)]
    long_way = Network(layers, loss=MeanSquaredError(), input_shape=(None,), dtype=np.float64)
    long_way.parameters[:] = bag.parameters
    y = rng.standard_normal((4, 2))
    assert bag.loss_and_gradients(IDS, y) == pytest.approx(long_way.loss_and_gradients(IDS, y))
    np.testing.assert_allclose(bag.gradients, long_way.gradients, rtol=1e-12, atol=1e-15)


@combines
def test_an_example_is_the_same_bits_in_any_company(combine, rng):
    """Alone, among others, and padded further."""
    ids = np.where(rng.random((40, 90)) < rng.random((40, 1)), rng.integers(1, 5, (40, 90)), 0)
    X = inputs(combine, rng, ids)
    (layer,) = network_of(combine, dtype=np.float32, width=19).layers
    X = (X[0], X[1].astype(np.float32)) if combine == "weights" else X

    def of(rows, more=0):
        pad = [(0, 0), (0, more)]
        if combine == "weights":
            return layer.forward(tuple(np.pad(each[rows], pad) for each in X), Cache())
        return layer.forward(np.pad(X[rows], pad), Cache())

    together = of(slice(None)).copy()
    for i in range(40):
        np.testing.assert_array_equal(of(slice(i, i + 1)), together[i : i + 1])
        np.testing.assert_array_equal(of(slice(i, i + 3), 7), together[i : i + 3])


@combines
def test_batches_of_changing_lengths_in_one_cache(combine, rng):
    network, kept = network_of(combine, Tanh(), Dense(2)), Cache(training=True)
    for m, T in [(4, 9), (2, 3), (5, 1), (4, 9), (3, 20)]:
        X, y = inputs(combine, rng, rng.integers(0, 5, (m, T))), rng.standard_normal((m, 2))
        loss = network.loss_and_gradients(X, y, cache=kept)
        gradients = network.gradients.copy()
        assert network.loss_and_gradients(X, y) == loss
        np.testing.assert_array_equal(network.gradients, gradients)


def test_padding_stays_zero_in_training(rng):
    network = network_of("weights", Dense(1))
    for _ in range(3):
        network.loss_and_gradients(inputs("weights", rng), np.ones((4, 1)))
        AdamW(0.1).update(network.parameters, network.gradients, network.segments)
    assert (network["0.embeddingbag.E"][0] == 0).all()


def test_in_a_graph_and_in_a_file(rng, tmp_path):
    nodes = {
        "bag": (EmbeddingBag(5, 3, combine="weights", padding=0), "ids", "weights"),
        "Z": (Dense(2), "bag"),
    }
    graph = Graph(nodes, inputs=["ids", "weights"], outputs="Z")
    shapes = {"ids": (None,), "weights": (None,)}
    network = Network(graph, loss=MeanSquaredError(), input_shape=shapes, seed=0)
    X = {"ids": IDS, "weights": rng.random(IDS.shape)}
    save(network, tmp_path / "bag.npz")
    np.testing.assert_array_equal(load(tmp_path / "bag.npz").predict(X), network.predict(X))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: EmbeddingBag(0, 3), "vocabulary must be a whole number >= 1; got 0"),
        (lambda: EmbeddingBag(3, 0), "width must be a whole number >= 1"),
        (lambda: EmbeddingBag(3, 3, combine="max"), "combine must be"),
        (lambda: EmbeddingBag(3, 3, padding=3), "padding must be an id below 3; got 3"),
    ],
)
def test_settings_that_make_no_sense_are_refused(made, message):
    with pytest.raises(SettingError, match=message):
        made()


def test_inputs_that_do_not_fit_are_refused(rng):
    with pytest.raises(DataError, match="ids from 0 to 4; got 5"):
        network_of().predict([[1, 5]])
    with pytest.raises(ShapeError, match="a weight for each id"):
        network_of("weights").predict((IDS, rng.random((4, 3))))
    with pytest.raises(ShapeError, match=r"ids of shape \(time,\)"):
        Network([EmbeddingBag(5, 3)], loss=MeanSquaredError(), input_shape=(2, 3))
    with pytest.raises(ShapeError, match="needs two inputs of one shape, ids and weights"):
        Network(
            Graph({"Y": (EmbeddingBag(5, 3, combine="weights"), "X")}, inputs="X", outputs="Y"),
            loss=MeanSquaredError(),
            input_shape=(None,),
        )
