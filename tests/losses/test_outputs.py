"""Several outputs, each with a loss and a weight: the sums are those of the losses one by one."""

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import LSTM, BatchNorm, Concatenate, Dense, Embedding, Graph, ReLU, Tanh
from plainnet.losses import (
    EachOutput,
    GaussianKL,
    MeanAbsoluteError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from plainnet.optimizers import Adam

KIND, BOX = SoftmaxCrossEntropy(), MeanAbsoluteError()


def two_heads(loss=None, dtype=np.float64) -> Network:
    nodes = {
        "body": ([Dense(6), Tanh()], "X"),
        "kind": (Dense(3), "body"),
        "box": (Dense(2), "body"),
    }
    graph = Graph(nodes, inputs="X", outputs=("kind", "box"))
    loss = {"kind": KIND, "box": (BOX, 0.25)} if loss is None else loss
    return Network(graph, loss=loss, input_shape=4, seed=0, dtype=dtype)


def data(rng, m=9):
    X = rng.standard_normal((m, 4))
    return X, {"kind": rng.integers(0, 3, m), "box": rng.standard_normal((m, 2))}


def alone(network: Network, output: str, loss) -> Network:
    """The same network with one of its outputs."""
    nodes = {name: network.body.nodes[name] for name in ("body", output)}
    graph = Graph(nodes, inputs="X", outputs=output)
    return Network(graph, loss=loss, input_shape=4, dtype=network.dtype)


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradients_are_the_weighted_sums(weighted, rng):
    network, (X, y) = two_heads(), data(rng)
    w = rng.random(len(X)) if weighted else None
    value = network.loss_and_gradients(X, y, sample_weight=w)
    total, shared = 0.0, 0.0
    for output, loss, weight in (("kind", KIND, 1.0), ("box", BOX, 0.25)):
        one = alone(network, output, loss)
        total += weight * one.loss_and_gradients(X, y[output], sample_weight=w)
        shared = shared + weight * one.gradient_tensors["body.0.dense.W"]
        head = network.gradient_tensors[f"{output}.W"]
        np.testing.assert_allclose(head, weight * one.gradient_tensors[f"{output}.W"], rtol=1e-12)
    assert value == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(network.gradient_tensors["body.0.dense.W"], shared, rtol=1e-11)


def test_evaluation_names_each_output(rng):
    network, (X, y) = two_heads(), data(rng)
    scores = network.evaluate(X, y)
    assert list(scores) == ["loss", "kind_loss", "kind_accuracy", "box_loss"]
    assert scores["loss"] == pytest.approx(scores["kind_loss"] + 0.25 * scores["box_loss"])
    assert scores["kind_accuracy"] == (network.predict(X)["kind"] == y["kind"]).mean()
    box = alone(network, "box", BOX).evaluate(X, y["box"])
    assert scores["box_loss"] == pytest.approx(box["loss"])


def test_prediction_in_slices_is_that_of_all_rows(rng, monkeypatch):
    network, (X, _) = two_heads(), data(rng, 50)

    def predicted():
        return [network.predict(X), network.outputs(X), network.predict_proba(X)]

    whole = predicted()
    monkeypatch.setattr("plainnet.network.ROWS_AT_ONCE", 7)
    for one, other in zip(whole, predicted(), strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-12)
    assert list(whole[2]) == ["kind"]  # a box has no probabilities


def test_losses_are_found_by_name():
    other_way_round = EachOutput({"box": (BOX, 0.25), "kind": KIND})
    network = two_heads(other_way_round)
    assert list(network.loss.losses) == ["kind", "box"]
    assert type(network.loss.losses["box"][0]) is MeanAbsoluteError


def test_a_loss_without_targets_needs_none(rng):
    network = two_heads({"kind": KIND, "box": GaussianKL()})
    X, y = data(rng)
    for given in ({"kind": y["kind"]}, (y["kind"],)):
        value = network.loss_and_gradients(X, given)
        scores = network.evaluate(X, given)
        assert value == pytest.approx(scores["kind_loss"] + scores["box_loss"])


def test_positions_count_by_their_own_masks(rng):
    """One output of each step, padded ones left out, and one of the whole sequence."""
    nodes = {
        "words": (Embedding(9, 4, padding=0), "X"),
        "states": (LSTM(5, return_sequences=True), "words"),
        "tags": (Dense(3), "states"),
        "last": (LSTM(3), "states"),
        "kind": (Dense(2), "last"),
    }
    graph = Graph(nodes, inputs="X", outputs=("tags", "kind"))
    losses = {"tags": SoftmaxCrossEntropy(), "kind": SoftmaxCrossEntropy()}
    network = Network(graph, loss=losses, input_shape=(None,), seed=0, dtype=np.float64)
    X = rng.integers(1, 9, (6, 5))
    X[0, 3:] = X[1, 1:] = 0
    y = {"tags": rng.integers(0, 3, X.shape), "kind": rng.integers(0, 2, 6)}
    value = network.loss_and_gradients(X, y)
    Z = network.outputs(X)

    def cross_entropy(Z, y):
        right = np.take_along_axis(Z, y[..., None], -1)[..., 0]
        return np.log(np.exp(Z).sum(axis=-1)) - right

    tags = cross_entropy(Z["tags"], y["tags"])[X > 0].mean()
    assert value == pytest.approx(tags + cross_entropy(Z["kind"], y["kind"]).mean(), rel=1e-10)


REFUSED = {
    "no box": (
        lambda y: {"kind": y["kind"]},
        DataError,
        "targets of kind, box.*got kind",
    ),
    "too many": (lambda y: {**y, "more": y["box"]}, DataError, "got kind, box, more"),
    "an array": (
        lambda y: y["box"],
        DataError,
        r"got an array of shape \(9, 2\)",
    ),
    "three": (lambda y: (1, 2, 3), DataError, "a tuple of 2 in this order"),
    "rows": (lambda y: {**y, "box": y["box"][:4]}, ShapeError, r"9 rows.*y\['box'\] has 4"),
    "a class": (lambda y: {**y, "kind": y["kind"] + 7}, DataError, r"y\['kind'\].*class ids"),
    "a shape": (lambda y: {**y, "box": y["box"][:, :1]}, ShapeError, r"y\['box'\].*\(m, 2\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_targets_that_do_not_fit(case, rng):
    change, error, message = REFUSED[case]
    X, y = data(rng)
    with pytest.raises(error, match=message):
        two_heads().loss_and_gradients(X, change(y))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (KIND, "loss must be a dict with a loss for each output, kind, box; got Softmax"),
        ({"kind": KIND}, "loss must have kind, box; got kind"),
        ({"kind": KIND, "box": BOX, "x": BOX}, "got kind, box, x"),
        ({"kind": KIND, "box": (BOX, -1)}, "the weight of output 'box' must be >= 0; got -1"),
        ({"kind": KIND, "box": 3}, "the loss of output 'box' must be a Loss object; got 3"),
    ],
)
def test_losses_that_do_not_fit(loss, message):
    with pytest.raises(SettingError, match=message):
        two_heads(loss)


# --- training -------------------------------------------------------------------------------------


def two_inputs(dtype=np.float32) -> Network:
    nodes = {
        "words": ([Embedding(9, 4), LSTM(5)], "text"),
        "numbers": ([Dense(5), BatchNorm(), ReLU()], "table"),
        "both": (Concatenate(), "words", "numbers"),
        "kind": (Dense(3), "both"),
        "yes": (Dense(1), "both"),
    }
    graph = Graph(nodes, inputs={"table": "numbers", "text": "ids"}, outputs=("kind", "yes"))
    losses = {"kind": SoftmaxCrossEntropy(), "yes": (SigmoidCrossEntropy(), 0.5)}
    shapes = {"table": 4, "text": (6,)}
    return Network(graph, loss=losses, input_shape=shapes, seed=0, dtype=dtype)


def rows(rng, m=40):
    X = {"table": rng.standard_normal((m, 4)), "text": rng.integers(0, 9, (m, 6))}
    kind = (X["table"][:, 0] > 0).astype(int) + (X["text"][:, -1] > 4)
    return X, {"kind": kind, "yes": (X["text"][:, -1] > 4).astype(int)}


def trained(X, y=None, network=None, **settings):
    network = network or two_inputs()
    settings = {"optimizer": Adam(0.02), "epochs": 3, "seed": 1, "progress": False, **settings}
    if y is not None:
        settings.setdefault("batch_size", 8)
    return network, plainnet.train(network, X, y, **settings)


def test_what_is_given_as_a_dict_a_tuple_a_memmap_or_a_list_trains_the_same(rng, tmp_path):
    X, y = rows(rng)
    X["table"] = X["table"].astype(np.float32)
    expected = trained(X, y)[0].parameters
    mapped = np.memmap(tmp_path / "table", X["table"].dtype, "w+", shape=X["table"].shape)
    mapped[:] = X["table"]
    others = [
        ((X["table"], X["text"]), (y["kind"], y["yes"])),
        ({"text": X["text"].astype(np.int8), "table": X["table"].tolist()}, y),
        ({"table": X["table"], "text": X["text"][::1].copy(order="F")}, y),
    ]
    for given, targets in others:
        np.testing.assert_array_equal(trained(given, targets)[0].parameters, expected)
    whole = {"shuffle": False, "batch_size": 40}
    one, _ = trained({**X, "table": mapped}, y, **whole)
    np.testing.assert_array_equal(one.parameters, trained(X, y, **whole)[0].parameters)


def test_it_learns_and_says_how_well(rng):
    X, y = rows(rng, 400)
    stopping = plainnet.EarlyStopping("val_kind_accuracy", patience=30)
    network, history = trained(X, y, epochs=30, validation_data=(X, y), callbacks=[stopping])
    assert max(history["val_kind_accuracy"]) > 0.9
    assert network.evaluate(X, y)["kind_accuracy"] == max(history["val_kind_accuracy"])


def test_accumulated_batches_are_one_large_batch(rng):
    X, y = rows(rng)
    w = rng.random(40)
    ends = []
    for size, accumulate in ((16, 1), (4, 4)):
        network = two_inputs(np.float64)
        network.freeze("numbers.1.batchnorm")  # its statistics are those of a batch
        settings = {"batch_size": size, "accumulate": accumulate, "sample_weight": w}
        ends.append(trained(X, y, network, **settings)[0].parameters)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)


def test_batches_of_ones_own(rng):
    X, y = rows(rng)
    parts = [slice(0, 16), slice(16, 32), slice(32, 40)]
    batches = [
        ({name: array[part] for name, array in X.items()}, {n: a[part] for n, a in y.items()})
        for part in parts
    ]
    one, _ = trained(batches)
    other, _ = trained(X, y, batch_size=16, shuffle=False)
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_averages_and_whole_steps(rng):
    X, y = rows(rng)
    network, history = trained(
        X, y, callbacks=[plainnet.callbacks.EMA(0.9)], validation_data=(X, y)
    )
    assert network.evaluate(X, y)["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-6)
    found = plainnet.find_learning_rate(two_inputs(), X, y, optimizer=Adam(), batch_size=8, seed=0)
    assert found.suggestion > 0
    pytest.importorskip("scipy", reason="the extra `scipy` is not installed")
    _, history = trained(X, y, optimizer=plainnet.LBFGS(), batch_size=None, epochs=10)
    assert history["loss"][-1] < 0.8 * history["loss"][0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixup": 0.2}, "mixup mixes one input and its target, and the network has several"),
        ({"augment": [lambda X, rng: X]}, "augment changes one input, and the network has several"),
        ({"class_weight": "balanced"}, "class_weight needs classes"),
        ({"metrics": ["f1"]}, "metrics need one output"),
    ],
)
def test_what_concerns_one_input_or_one_output(settings, message, rng):
    X, y = rows(rng)
    if "metrics" in settings:
        settings["validation_data"] = (X, y)
    with pytest.raises(SettingError, match=message):
        trained(X, y, **settings)


def test_divergence_names_the_node(rng):
    X, y = rows(rng)
    network = two_inputs()
    network["numbers.0.dense.W"] = np.full((5, 4), 3e38)
    with pytest.raises(plainnet.errors.DivergedError, match=r"is in numbers\.0\.dense"):
        trained(X, y, network)


def test_steps_and_gradients_of_the_inputs(rng):
    X, y = rows(rng)
    network, cache = two_inputs(), Cache(training=True, seed=0)
    optimizer = Adam(0.02)
    losses = [plainnet.step(network, X, y, optimizer, cache=cache) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    assert {n: dX.shape for n, dX in network.input_gradient(X, y).items()} == {"table": (40, 4)}
    check = plainnet.check_gradients(two_inputs(np.float64), X, y, training=False)
    assert check.passed, check
    assert "input table" in check.errors
