import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.inspection import occlusion
from plainnet.layers import (
    LSTM,
    Concatenate,
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePool1d,
    Graph,
    Masking,
    ReLU,
    TiedEmbedding,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy


def images():
    layers = [Conv2d(4, 3), ReLU(), Flatten(), Dense(3)]
    loss = SoftmaxCrossEntropy()
    return Network(layers, loss=loss, input_shape=(5, 7, 2), seed=0, dtype=np.float64)


def falls(network, X, k, starts, size, value):
    """A loop over patches, and in them over pixels."""
    _, height, width, _ = X.shape
    found = [[[] for _ in range(width)] for _ in range(height)]
    for top, left in starts:
        hidden = X.copy()
        covered = [(r, s) for r in range(top, min(top + size[0], height))
                   for s in range(left, min(left + size[1], width))]  # fmt: skip
        for r, s in covered:
            hidden[:, r, s] = value
        fall = network.outputs(X)[:, k] - network.outputs(hidden)[:, k]
        for r, s in covered:
            found[r][s].append(fall)
    return np.array([[np.mean(each, axis=0) for each in row] for row in found]).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("size", "stride", "down", "across"),
    [
        (1, None, range(5), range(7)),
        (2, None, (0, 2, 4), (0, 2, 4, 6)),
        (3, 2, (0, 2), (0, 2, 4)),
        ((2, 3), (1, 2), (0, 1, 2, 3), (0, 2, 4)),
        ((5, 7), None, (0,), (0,)),
    ],
)
def test_patches_of_an_image_are_those_of_a_loop(rng, size, stride, down, across):
    network, X = images(), rng.standard_normal((3, 5, 7, 2))
    R = occlusion(network, X, 1, size=size, stride=stride, value=0.5)
    starts = [(top, left) for top in down for left in across]
    height, width = size if isinstance(size, tuple) else (size, size)
    expected = falls(network, X, 1, starts, (height, width), 0.5)
    np.testing.assert_allclose(R, expected, atol=1e-12)


def test_many_patches_go_through_in_several_passes(rng, monkeypatch):
    network, X = images(), rng.standard_normal((3, 5, 7, 2))
    whole = occlusion(network, X)
    monkeypatch.setattr("plainnet.inspection.attribution.probing.ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(occlusion(network, X), whole, atol=1e-12)


def test_a_hidden_step_is_one_that_is_not_there(rng):
    layers = [Masking(), LSTM(4, return_sequences=False), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None, 3), dtype=np.float64)
    X = rng.standard_normal((2, 4, 3))
    R = occlusion(network, X)
    assert R.shape == (2, 4)
    for t in range(4):
        without = network.outputs(np.delete(X, t, axis=1))
        np.testing.assert_allclose(R[:, t], (network.outputs(X) - without)[:, 0])


def test_ids_are_replaced_by_an_id():
    layers = [Embedding(4, 2), GlobalAveragePool1d(), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None,), dtype=np.float64)
    network["0.embedding.E"] = [[0, 0], [1, 2], [3, 4], [5, 5]]
    network["2.dense.W"] = [[10, 1]]
    np.testing.assert_allclose(occlusion(network, [[1, 2, 0]], value=3), [[-43 / 3, -7, -55 / 3]])
    np.testing.assert_allclose(occlusion(network, [[1, 2, 0]]), [[4, 34 / 3, 0]])


def test_one_of_several_inputs_is_hidden_at_a_time(rng):
    graph = Graph(
        {"flat": (Flatten(), "image"), "out": ([Concatenate(), Dense(1)], "flat", "table")},
        inputs=("image", "table"), outputs="out",
    )  # fmt: skip
    shapes = {"image": (2, 2, 1), "table": 3}
    network = Network(graph, loss=MeanSquaredError(), input_shape=shapes, dtype=np.float64)
    X = {"image": rng.standard_normal((4, 2, 2, 1)), "table": rng.standard_normal((4, 3))}
    R, w = occlusion(network, X), network["out.1.dense.W"][0]
    np.testing.assert_allclose(R["image"], X["image"][..., 0] * w[:4].reshape(2, 2))
    np.testing.assert_allclose(R["table"], X["table"] * w[4:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a whole number >= 1; got 0"),
        ({"size": "2"}, "size must be a whole number"),
        ({"size": (2, 2, 2)}, "size must be one number or two"),
        ({"size": 6}, r"size must be at most that of the input, \(5, 7\); got 6"),
        ({"size": 2, "stride": 3}, "stride must be at most size, 2, or places are left out; got 3"),
        ({"value": "x"}, "value must be a number"),
        ({"value": np.nan}, "value must be a finite number"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(SettingError, match=message):
        occlusion(images(), np.ones((1, 5, 7, 2)), **settings)


def test_a_table_has_one_size():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3)
    with pytest.raises(SettingError, match=r"one number, except for images; got \(1, 2\)"):
        occlusion(network, np.ones((2, 3)), size=(1, 2))
    with pytest.raises(DataError, match=r"value must be finite in float32"):
        occlusion(network, np.ones((2, 3)), value=1e99)


@pytest.mark.parametrize("value", [0.5, -1, 2.0**70])
def test_what_hides_an_id_is_an_id(value):
    layers = [Embedding(4, 2), GlobalAveragePool1d(), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None,))
    with pytest.raises(SettingError, match="value must be an id, a whole number >= 0"):
        occlusion(network, [[1, 2]], value=value)


def test_what_has_no_patches_is_refused():
    layers = [Flatten(), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(2, 2, 2, 2))
    with pytest.raises(ShapeError, match=r"a table, sequences or images.*\(1, 2, 2, 2, 2\)"):
        occlusion(network, np.ones((1, 2, 2, 2, 2)))


def test_an_output_for_each_step_is_refused():
    layers = [TiedEmbedding(4, 2, [Dense(2)])]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(None,))
    with pytest.raises(ShapeError, match=r"one vector of outputs for each row.*\(1, 2, 4\)"):
        occlusion(network, [[1, 2]])
