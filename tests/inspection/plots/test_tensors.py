"""weights, filters, feature_maps and attention hold the numbers that they show."""

import numpy as np
import pytest

from plainnet import Network
from plainnet.engine.cache import Cache
from plainnet.errors import DataError, SettingError, ShapeError, UnknownNameError
from plainnet.inspection.plots import attention, feature_maps, filters, weights
from plainnet.layers import (
    Conv1d,
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePool1d,
    MultiHeadAttention,
    ReLU,
)
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")


def network_of(*layers, input_shape):
    return Network([*layers], loss=MeanSquaredError(), input_shape=input_shape, seed=0)


def tiles_of(ax, height, width):
    """The pictures that a mesh holds, row by row, with what lies between them left out."""
    whole = np.asarray(ax.collections[0].get_array())
    rows, columns = (whole.shape[0] + 1) // (height + 1), (whole.shape[1] + 1) // (width + 1)
    return [
        whole[i * (height + 1) :, j * (width + 1) :][:height, :width]
        for i in range(rows)
        for j in range(columns)
    ]


# --- weights --------------------------------------------------------------------------------------


def test_weights_are_the_tensor_around_zero():
    network = network_of(Dense(3), input_shape=4)
    ax = weights(network, "0.dense.W")
    np.testing.assert_array_equal(ax.images[0].get_array(), network["0.dense.W"])
    largest = np.abs(network["0.dense.W"]).max()
    np.testing.assert_allclose(ax.images[0].get_clim(), (-largest, largest))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "unit")
    network["0.dense.W"] = np.zeros((3, 4))
    assert ax.images[0].get_array().any()  # the picture is not a view


def test_a_vector_is_a_row_and_zeros_are_white():
    network = network_of(Dense(3), input_shape=4)
    ax = weights(network, "0.dense.b")
    assert ax.images[0].get_array().tolist() == [[0, 0, 0]]
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    assert ax.get_xlabel() == "unit"


def test_weights_refuses_what_it_cannot_draw():
    network = network_of(Conv2d(2, 3), Flatten(), Dense(1), input_shape=(4, 4, 1))
    with pytest.raises(SettingError, match=r"0.conv2d.W has the shape \(2, 3, 3, 1\): filters"):
        weights(network, "0.conv2d.W")
    with pytest.raises(UnknownNameError, match=r"no parameter '0.W'; the network has"):
        weights(network, "0.W")
    with pytest.raises(SettingError, match="network must be a Network object; got 3"):
        weights(3, "0.dense.W")
    network["2.dense.b"] = [np.nan]
    with pytest.raises(DataError, match=r"2.dense.b must be finite, to have colours; got nan"):
        weights(network, "2.dense.b")


# --- filters --------------------------------------------------------------------------------------


def test_filters_of_one_channel_stand_in_a_grid():
    network = network_of(Conv2d(5, (2, 3)), input_shape=(6, 6, 1))
    ax = filters(network, "0.conv2d")
    W, tiles = network["0.conv2d.W"], tiles_of(ax, 2, 3)
    assert len(tiles) == 6  # 2 columns, since they are wider than high
    for own, tile in zip(W, tiles, strict=False):
        np.testing.assert_allclose(tile, own[..., 0])
    assert np.isnan(tiles[5].astype(float)).all()
    assert ax.get_title() == "5 filters of 0.conv2d"
    assert ax.get_aspect() == 1
    assert filters(network, "0.conv2d", most=2).get_title() == "2 of 5 filters of 0.conv2d"


def test_filters_of_several_channels_have_a_column_for_each():
    network = network_of(Conv2d(4, 3), input_shape=(6, 6, 2))
    ax = filters(network, "0.conv2d")
    tiles = tiles_of(ax, 3, 3)
    for k in range(4):
        for c in range(2):
            np.testing.assert_allclose(tiles[2 * k + c], network["0.conv2d.W"][k, :, :, c])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("channel", "filter")
    middles = ax.get_yticks()
    assert len(middles) == 4
    np.testing.assert_allclose(np.diff(middles), 3.6)  # a gap is a fifth of a picture
    assert middles[0] == 1.5


def test_filters_of_three_channels_are_colours():
    network = network_of(Conv2d(2, 3), input_shape=(6, 6, 3))
    first, second = tiles_of(filters(network, "0.conv2d"), 3, 3)
    W = network["0.conv2d.W"]
    for own, tile in zip(W, (first, second), strict=True):
        np.testing.assert_allclose(tile[..., :3], 0.5 + 0.5 * own / np.abs(W).max(), rtol=1e-6)
        assert (tile[..., 3] == 1).all()


def test_filters_of_sequences_have_channels_from_top_to_bottom():
    network = network_of(Conv1d(2, 5), input_shape=(9, 4))
    ax = filters(network, "0.conv1d")
    for own, tile in zip(network["0.conv1d.W"], tiles_of(ax, 4, 5), strict=True):
        np.testing.assert_allclose(tile, own.T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "channel")


def test_filters_are_of_convolutions():
    network = network_of(Dense(2), input_shape=3)
    with pytest.raises(SettingError, match=r"must be a Conv1d, Conv2d .*; 0.dense is Dense\(2\)"):
        filters(network, "0.dense")
    with pytest.raises(UnknownNameError, match=r"no layer '1.conv2d'; the network has 0.dense"):
        filters(network, "1.conv2d")
    with pytest.raises(SettingError, match="most must be a whole number >= 1; got 0"):
        filters(network, "0.dense", most=0)


# --- feature maps ---------------------------------------------------------------------------------


def test_feature_maps_are_what_the_layer_makes(rng):
    network = network_of(Conv2d(3, 3), ReLU(), input_shape=(6, 5, 1))
    x = rng.standard_normal((6, 5, 1))
    made = network.outputs(x[None])[0]  # (4, 3, 3)
    for given in (x, x[None]):
        ax = feature_maps(network, "1.relu", given)
        for k, tile in enumerate(tiles_of(ax, 4, 3)[:3]):
            np.testing.assert_allclose(tile, made[..., k])
    assert ax.collections[0].get_cmap().name == "viridis"
    ax = feature_maps(network, "0.conv2d", x)
    assert ax.collections[0].get_cmap().name == "RdBu_r"
    low, high = ax.collections[0].get_clim()
    assert low == -high
    assert feature_maps(network, "1.relu", x, most=2).get_title() == "2 of 3 channels of 1.relu"


def test_feature_maps_of_sequences_have_a_row_for_each_channel(rng):
    network = network_of(Conv1d(3, 3), input_shape=(7, 2))
    x = rng.standard_normal((7, 2))
    ax = feature_maps(network, "0.conv1d", x)
    np.testing.assert_allclose(ax.collections[0].get_array(), network.outputs(x[None])[0].T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "channel")
    assert ax.yaxis_inverted()


def test_feature_maps_refuses_other_layers_and_other_data():
    network = network_of(Conv2d(3, 3), Flatten(), Dense(1), input_shape=(6, 6, 1))
    x = np.zeros((6, 6, 1))
    with pytest.raises(SettingError, match=r"the output of 2.dense \(Dense\(1\)\) has the shape"):
        feature_maps(network, "2.dense", x)
    with pytest.raises(ShapeError, match=r"x must be one example.* got 2 of them"):
        feature_maps(network, "0.conv2d", [x, x])
    with pytest.raises(ShapeError, match=r"shape \(m, 6, 6, 1\); got \(1, 5, 6, 1\)"):
        feature_maps(network, "0.conv2d", x[1:])
    with pytest.raises(DataError, match="X must be finite; got nan"):
        feature_maps(network, "0.conv2d", x + np.nan)


# --- attention ------------------------------------------------------------------------------------


def reader(*layers):
    return Network(
        [Embedding(9, 4, padding=0), *layers, GlobalAveragePool1d(), Dense(1)],
        loss=SigmoidCrossEntropy(), input_shape=(None,), seed=0,
    )  # fmt: skip


def test_attention_is_the_softmax_of_queries_and_keys():
    network = reader(MultiHeadAttention(2))
    ids = [3, 5, 8, 0]
    axes = attention(network, ids)
    A = network["0.embedding.E"][ids].astype(np.float64)
    A[3] = 0
    W, b = (network[f"1.multiheadattention.{name}"].astype(np.float64) for name in "Wb")
    Z = A @ W.T + b  # queries, keys and values, each of 2 heads of width 2
    for h, ax in enumerate(axes):
        Q, K = Z[:, 2 * h : 2 * h + 2], Z[:, 4 + 2 * h : 6 + 2 * h]
        E = np.exp(Q @ K.T / np.sqrt(2)) * [1, 1, 1, 0]
        P = E / E.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(ax.images[0].get_array(), P, rtol=1e-5)
        assert ax.get_title() == f"head {h}"
    largest = max(ax.images[0].get_array().max() for ax in axes)
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim() == (0, largest)


def test_steps_have_labels():
    words = ["a", "film", "of"]
    axes = attention(reader(MultiHeadAttention(1)), [3, 5, 8], labels=words)
    for labels in (axes[0].get_xticklabels(), axes[0].get_yticklabels()):
        assert [label.get_text() for label in labels] == words
    long = attention(reader(MultiHeadAttention(1)), [1] * 40, labels=[f"{t}" for t in range(40)])
    assert [label.get_text() for label in long[0].get_xticklabels()][:3] == ["0", "3", "6"]
    with pytest.raises(SettingError, match=r"labels must be 3 texts.* got \['a'\]"):
        attention(reader(MultiHeadAttention(1)), [3, 5, 8], labels=["a"])


def test_one_of_several_must_be_named():
    network = reader(MultiHeadAttention(1), MultiHeadAttention(2))
    with pytest.raises(
        SettingError,
        match=r"which attention is drawn; the network has 1.multiheadattention, 2.multihead",
    ):
        attention(network, [1, 2])
    cache = Cache(record=True)
    network.forward(np.array([[1, 2]]), cache)
    axes = attention(network, [1, 2], layer="2.multiheadattention")
    np.testing.assert_array_equal(
        axes[1].images[0].get_array(), cache["2.multiheadattention.P"][0, 1]
    )
    with pytest.raises(SettingError, match=r"layer must be a MultiHeadAttention .* 0.embedding is"):
        attention(network, [1, 2], layer="0.embedding")
    with pytest.raises(SettingError, match="the network has no MultiHeadAttention"):
        attention(network_of(Dense(1), input_shape=2), [1.0, 2.0])
    with pytest.raises(ShapeError, match="x must be one example"):
        attention(network, [[1, 2], [3, 4]], layer="2.multiheadattention")
