import numpy as np
import pytest

from plainnet import Network, train
from plainnet.errors import SettingError, ShapeError
from plainnet.inspection import attention_rollout, grad_cam
from plainnet.layers import (
    LSTM,
    Add,
    Concatenate,
    Conv1d,
    Conv2d,
    Dense,
    Embedding,
    EncoderDecoder,
    Flatten,
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    Graph,
    Masking,
    MaxPool2d,
    MultiHeadAttention,
    ReLU,
    Residual,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

F64 = np.float64


def network_of(layers, input_shape, loss=None, dtype=F64):
    loss = SoftmaxCrossEntropy() if loss is None else loss
    return Network(layers, loss=loss, input_shape=input_shape, seed=0, dtype=dtype)


# --- Grad-CAM -------------------------------------------------------------------------------------


def test_a_map_worked_by_hand():
    """Two filters that pass a channel on; the gradient of their mean is w / 4 at each place."""
    network = network_of([Conv2d(2, 1), GlobalAveragePool2d(), Dense(2)], (2, 2, 2))
    network["0.conv2d.W"] = np.eye(2).reshape(2, 1, 1, 2)
    network["2.dense.W"] = [[4, -8], [0, 4]]
    X = np.zeros((1, 2, 2, 2))
    X[0, :, :, 0], X[0, :, :, 1] = [[5, 1], [0, 2]], [[1, 1], [0, 0]]
    # A_0 - 2 A_1, and A_1; what is negative becomes 0.
    np.testing.assert_allclose(grad_cam(network, X, 0), [[[3, 0], [0, 2]]])
    np.testing.assert_allclose(grad_cam(network, X, [1]), [[[1, 1], [0, 0]]])


def test_after_the_activation_it_is_the_activation():
    layers = [Conv2d(2, 1, bias=False), ReLU(), GlobalAveragePool2d(), Dense(2)]
    network = network_of(layers, (2, 2, 1))
    network["0.conv2d.W"] = np.array([1, -1]).reshape(2, 1, 1, 1)
    network["3.dense.W"] = [[4, 8], [0, 0]]
    X = np.array([[[[3.0], [-1.0]], [[0.5], [-2.0]]]])
    np.testing.assert_allclose(grad_cam(network, X, 0, "1.relu"), [[[3, 2], [0.5, 4]]])
    # Before it, where the gradient is 0 for half of the places: a = 1/2 and 1.
    np.testing.assert_allclose(grad_cam(network, X, 0), [[[0, 0.5], [0, 1]]])


def test_the_gradient_is_that_of_central_differences(rng):
    """The last layers alone give Z from A; their slope is measured place by place."""
    network = network_of([Conv2d(3, 2), ReLU(), MaxPool2d(2), Flatten(), Dense(2)], (5, 5, 2))
    rest = network_of([ReLU(), MaxPool2d(2), Flatten(), Dense(2)], (4, 4, 3))
    rest["3.dense.W"], rest["3.dense.b"] = network["4.dense.W"], network["4.dense.b"]
    X, h = rng.standard_normal((1, 5, 5, 2)), 1e-6
    A = network_of([Conv2d(3, 2)], (5, 5, 2), MeanSquaredError())
    A["0.conv2d.W"], A["0.conv2d.b"] = network["0.conv2d.W"], network["0.conv2d.b"]
    A = A.outputs(X)
    a = np.zeros(3)
    for place in np.ndindex(4, 4, 3):
        step = np.zeros_like(A)
        step[(0, *place)] = h
        a[place[2]] += (rest.outputs(A + step) - rest.outputs(A - step))[0, 1] / (2 * h) / 16
    L = np.maximum((A[0] * a).sum(axis=-1), 0)
    found = grad_cam(network, X, 1)[0]
    assert found.shape == (5, 5)
    np.testing.assert_allclose(found[[0, 0, -1, -1], [0, -1, 0, -1]],
                               L[[0, 0, -1, -1], [0, -1, 0, -1]], atol=1e-8)  # fmt: skip
    # The middle of 5 pixels lies between the two middle ones of 4.
    np.testing.assert_allclose(found[2, 2], L[1:3, 1:3].mean(), atol=1e-8)


def test_a_map_is_enlarged_by_linear_interpolation():
    network = network_of([Conv2d(1, 2, stride=2, bias=False), GlobalAveragePool2d(), Dense(1)],
                         (2, 4, 1), MeanSquaredError())  # fmt: skip
    network["0.conv2d.W"] = np.array([1, 0, 0, 0]).reshape(1, 2, 2, 1)
    network["2.dense.W"] = [[2]]
    X = np.array([[1, 0, 5, 0], [0, 0, 0, 0]]).reshape(1, 2, 4, 1)
    np.testing.assert_allclose(grad_cam(network, X), [[[1, 2, 4, 5]] * 2])


def test_a_padded_sequence_gets_the_map_that_it_gets_alone(rng):
    layers = [Masking(), Conv1d(4, 3, padding="same"), ReLU(), GlobalAveragePool1d(), Dense(2)]
    network = network_of(layers, (None, 3))
    network["1.conv1d.b"] = [1, 2, 3, 4]
    X = rng.standard_normal((2, 6, 3))
    X[1, 4:] = 0
    L = grad_cam(network, X, 0)
    assert L.shape == (2, 6)
    assert not L[1, 4:].any()
    np.testing.assert_allclose(L[1:, :4], grad_cam(network, X[1:, :4], 0))
    assert L[1].any() or grad_cam(network, X, 1)[1].any()


def test_ids_have_a_map_of_steps(rng):
    layers = [Embedding(9, 4), Conv1d(4, 3, stride=2), GlobalAveragePool1d(), Dense(2)]
    network = network_of(layers, (None,))
    assert grad_cam(network, rng.integers(0, 9, (3, 8))).shape == (3, 8)


def test_a_layer_inside_another_and_a_container(rng):
    layers = [Residual([Conv2d(2, 3, padding="same"), ReLU()]), GlobalAveragePool2d(), Dense(2)]
    network = network_of(layers, (4, 4, 2))
    X = rng.standard_normal((3, 4, 4, 2))
    w = network["2.dense.W"][1] / 16
    Y = X + np.maximum(network_of_conv(network, X), 0)
    np.testing.assert_allclose(
        grad_cam(network, X, 1, "0.residual"), np.maximum((Y * w).sum(axis=-1), 0)
    )
    inner = grad_cam(network, X, 1)
    np.testing.assert_array_equal(inner, grad_cam(network, X, 1, "0.residual.0.conv2d"))


def network_of_conv(network, X):
    conv = network_of([Conv2d(2, 3, padding="same")], (4, 4, 2), MeanSquaredError())
    conv["0.conv2d.W"] = network["0.residual.0.conv2d.W"]
    conv["0.conv2d.b"] = network["0.residual.0.conv2d.b"]
    return conv.outputs(X)


def test_rows_in_pieces(rng, monkeypatch):
    network = network_of([Conv2d(2, 3), ReLU(), GlobalAveragePool2d(), Dense(2)], (4, 4, 2))
    X = rng.standard_normal((7, 4, 4, 2))
    whole = grad_cam(network, X)
    monkeypatch.setattr("plainnet.inspection.attribution.probing.ROWS_AT_ONCE", 3)
    np.testing.assert_allclose(grad_cam(network, X), whole)


def test_the_one_input_that_is_images():
    graph = Graph(
        {
            "seen": ([Conv2d(2, 2), GlobalAveragePool2d()], "image"),
            "out": ([Concatenate(), Dense(2)], "seen", "table"),
        },
        inputs=("table", "image"), outputs="out",
    )  # fmt: skip
    network = network_of(graph, {"table": 3, "image": (3, 4, 1)})
    X = {"table": np.ones((2, 3)), "image": np.ones((2, 3, 4, 1))}
    assert grad_cam(network, X).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("layers", "shape", "name", "message"),
    [
        ([Flatten(), Dense(2)], (2, 2, 1), None, "needs a Conv1d or Conv2d"),
        ([Conv2d(1, 1), Flatten(), Dense(2)], (2, 2, 1), "2.dense", r"2\.dense.*shape \(2,\)"),
        (
            [LSTM(3, return_sequences=True), GlobalAveragePool1d(), Dense(2)],
            (4, 2),
            "0.lstm",
            "not recurrent",
        ),
        ([Conv2d(1, 1), Flatten(), Dense(2)], (2, 2, 1), 0, "layer must be a string"),
    ],
)
def test_layers_without_feature_maps_are_refused(layers, shape, name, message):
    network = network_of(layers, shape)
    with pytest.raises(SettingError, match=message):
        grad_cam(network, np.ones((1, *shape)), 0, name)


def test_an_unknown_layer_is_met_with_those_that_there_are():
    network = network_of([Conv2d(1, 1), Flatten(), Dense(2)], (2, 2, 1))
    with pytest.raises(KeyError, match=r"no layer 'conv'; the network has 0\.conv2d, 1\.flatten"):
        grad_cam(network, np.ones((1, 2, 2, 1)), 0, "conv")


def test_two_inputs_of_images_are_too_many():
    conv = Conv2d(2, 2)
    graph = Graph(
        {"a": (conv, "left"), "b": (conv, "right"),
         "out": ([Add(), GlobalAveragePool2d(), Dense(2)], "a", "b")},
        inputs=("left", "right"), outputs="out",
    )  # fmt: skip
    network = network_of(graph, {"left": (3, 3, 1), "right": (3, 3, 1)})
    X = np.ones((2, 3, 3, 1))
    with pytest.raises(ShapeError, match=r"an input of images; the network has 2 of them"):
        grad_cam(network, {"left": X, "right": X})


# --- attention rollout ----------------------------------------------------------------------------


def softmax(S):
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def attention_by_hand(A, W, b, heads, seen):
    """The weights of one layer of one example, (heads, T, T), step by step."""
    T, d = len(A), W.shape[1] // heads
    P = np.zeros((heads, T, T))
    for h in range(heads):
        Q = A @ W[h * d : (h + 1) * d].T + b[h * d : (h + 1) * d]
        rows = slice((heads + h) * d, (heads + h + 1) * d)
        K = A @ W[rows].T + b[rows]
        for t in range(T):
            s = [s for s in range(T) if seen(t, s)]
            P[h, t, s] = softmax(np.array([Q[t] @ K[j] / np.sqrt(d) for j in s]))
    return P


@pytest.mark.parametrize("causal", [False, True])
def test_rollout_is_the_product_of_the_layers_by_hand(rng, causal):
    layers = [Masking(), *(MultiHeadAttention(2, causal=causal) for _ in range(2)),
              GlobalAveragePool1d(), Dense(2)]  # fmt: skip
    network = network_of(layers, (None, 4))
    network.parameters[:] += 0.3 * rng.standard_normal(network.parameters.shape)
    X = rng.standard_normal((3, 5, 4))
    X[2, 3:] = 0
    R = attention_rollout(network, X)
    first = network_of([Masking(), MultiHeadAttention(2, causal=causal)], (None, 4),
                       MeanSquaredError())  # fmt: skip
    for name in first.tensors:
        first[name] = network[name]
    inner = first.outputs(X)
    for i, n in enumerate([5, 5, 3]):

        def seen(t, s, n=n):
            return s < n and (s <= t or not causal)

        expected = np.eye(5)
        for A, name in ((X[i], "1.multiheadattention"), (inner[i], "2.multiheadattention")):
            P = attention_by_hand(A, network[f"{name}.W"], network[f"{name}.b"], 2, seen)
            expected = (0.5 * P.mean(axis=0) + 0.5 * np.eye(5)) @ expected
        np.testing.assert_allclose(R[i], expected, atol=1e-12)
    np.testing.assert_allclose(R.sum(axis=2), 1)
    assert not causal or not np.triu(R, 1).any()


def test_rollout_of_ids_in_blocks(rng, monkeypatch):
    layers = [Embedding(9, 4, padding=0), TransformerBlock(2), TransformerBlock(2),
              GlobalAveragePool1d(), Dense(2)]  # fmt: skip
    network = network_of(layers, (None,), dtype=np.float32)
    X = rng.integers(1, 9, (5, 4))
    X[0, 2:] = 0
    X[4] = 0
    R = attention_rollout(network, X)
    assert R.shape == (5, 4, 4)
    np.testing.assert_array_equal(R[4], np.eye(4))  # nothing but padding attends to nothing
    assert R.dtype == np.float32
    np.testing.assert_allclose(R.sum(axis=2), 1, rtol=1e-6)
    assert not R[0, :2, 2:].any()  # padding gives nothing to what is data
    monkeypatch.setattr("plainnet.inspection.attribution.probing.ROWS_AT_ONCE", 2)
    np.testing.assert_allclose(attention_rollout(network, X), R, rtol=1e-6)


def test_what_is_attended_to_stands_out_and_random_weights_look_elsewhere(rng):
    """Adebayo et al. 2018: the class is the number beside the one marked step."""
    X = np.zeros((600, 6, 6))
    y, marked = rng.integers(0, 4, 600), rng.integers(0, 6, 600)
    X[np.arange(600)[:, None], np.arange(6), rng.integers(0, 4, (600, 6))] = 1
    X[np.arange(600), marked, :4] = np.eye(4)[y]
    X[np.arange(600), marked, 4] = 2
    X[..., 5] = 1
    layers = [Dense(8), MultiHeadAttention(1), GlobalAveragePool1d(), Dense(4)]
    network = network_of(layers, (6, 6), dtype=np.float32)
    other = network_of(layers, (6, 6), dtype=np.float32)
    train(network, X, y, epochs=15, optimizer=Adam(0.02), batch_size=50, seed=0, progress=False)
    assert network.evaluate(X, y)["accuracy"] > 0.95
    trained, fresh = (attention_rollout(each, X[:50]).mean(axis=1) for each in (network, other))
    assert np.mean(trained.argmax(axis=1) == marked[:50]) > 0.9
    ranks = [np.argsort(np.argsort(each.ravel())) for each in (trained, fresh)]
    assert np.corrcoef(*ranks)[0, 1] < 0.4


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([Dense(2), Flatten(), Dense(2)], (3, 2), "needs a MultiHeadAttention"),
        (
            [
                Embedding(9, 4),
                Graph(
                    {"a": (MultiHeadAttention(1), "x"), "b": (MultiHeadAttention(1), "x"),
                     "sum": (Add(), "a", "b")},
                    inputs="x", outputs="sum",
                ),
                GlobalAveragePool1d(),
                Dense(2),
            ],
            (3,),
            "one layer after the other; 1.graph is Graph",
        ),
        (
            [EncoderDecoder([Embedding(9, 4)], [Embedding(9, 4), TransformerBlock(1, cross=True)],
                            2)],
            (5,),
            "0.encoderdecoder is EncoderDecoder",
        ),
    ],
)  # fmt: skip
def test_what_has_no_rollout_is_refused(layers, shape, message):
    network = network_of(layers, shape)
    with pytest.raises(SettingError, match=message):
        attention_rollout(network, np.ones((1, *shape), int))


def test_layers_of_different_lengths_are_refused():
    layers = [MultiHeadAttention(1), Conv1d(4, 2, stride=2), MultiHeadAttention(1),
              GlobalAveragePool1d(), Dense(2)]  # fmt: skip
    network = network_of(layers, (6, 4))
    with pytest.raises(ShapeError, match="one has 6 and another 3"):
        attention_rollout(network, np.ones((1, 6, 4)))
