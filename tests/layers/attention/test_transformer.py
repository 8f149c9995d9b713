"""TransformerBlock, EncoderDecoder and SwiGLU."""

import copy

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network, check_gradients
from plainnet.errors import SettingError, ShapeError
from plainnet.initializers import Normal
from plainnet.layers import (
    Dense,
    Dropout,
    Embedding,
    EncoderDecoder,
    Layer,
    LayerNorm,
    LearnedPositions,
    SinusoidalPositions,
    TiedEmbedding,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import AdamW


def network_of(*layers: Layer, width: int = 4) -> Network:
    return Network(
        layers, loss=MeanSquaredError(), input_shape=(None, width), seed=0, dtype=np.float64
    )


def test_a_block_of_another_network_is_copied_with_its_parameters(rng):
    """Although it makes the layers inside it anew."""
    block = TransformerBlock(2)
    first = network_of(block, Dense(2))
    first.parameters[:] = rng.standard_normal(first.parameters.size)
    second = network_of(block)
    X = rng.standard_normal((2, 3, 4))
    Y = first.predict(X)
    W, b = first["1.dense.W"], first["1.dense.b"]
    np.testing.assert_allclose(second.predict(X) @ W.T + b, Y, rtol=1e-12)
    second.parameters[:] = 0
    np.testing.assert_array_equal(first.predict(X), Y)


def wave(shape: tuple[int, ...], k: int) -> np.ndarray:
    """Numbers that another library can be given too."""
    return 0.5 * np.sin(k * np.arange(1, 1 + np.prod(shape))).reshape(shape)


def mark(array: np.ndarray) -> float:
    """One number that moves with each element."""
    return float((array * wave(array.shape, 9)).sum())


# torch.nn.TransformerEncoderLayer(4, 2, 6, activation="gelu"), version 2.13, in float64: marks of
# the output, of the input's gradient, and of those of its parameters in its own order, which has
# attention, the dense layers and then the normalizations.
TORCH = {
    "pre": [
        -0.2291335630775142,
        -0.11755251267292896,
        0.1281427633275165,
        -0.2045886746828269,
        -0.18594778089201003,
        0.05123098834664577,
        -0.010828536236578335,
        0.0013883015827444375,
        0.012137413482612706,
        0.09831606444213534,
        -0.10479620205991212,
        -0.01548574596807958,
        -0.021281411153363697,
        0.003804357062958976,
    ],
    "post": [
        -0.20823342997948754,
        0.03959245980622776,
        0.0006558709739686282,
        -0.048181500534544265,
        -0.010756090932079486,
        -0.1109103463249686,
        0.005538047204407219,
        -0.010591424470410025,
        -0.0024088263981124902,
        -0.23994504944432488,
        -0.18188255248762406,
        -0.23226989924021177,
        0.03530011437242753,
        0.09831606444213536,
    ],
}
PARTS = ["multiheadattention", "dense", "layernorm"]


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_numbers_are_pytorchs(norm):
    network = network_of(TransformerBlock(2, hidden=6, norm=norm))
    (block,) = network.layers
    learning = [layer for layer in block.walk() if layer.declared]
    learning.sort(key=lambda layer: PARTS.index(layer.name.split(".")[-1]))
    tensors = [(layer, name) for layer in learning for name in layer.declared]
    for k, (layer, name) in enumerate(tensors):
        view = getattr(layer, name)
        view[...] = wave(view.shape, k + 1)
    cache = Cache(training=True)
    Y = block.forward(wave((2, 3, 4), 20), cache)
    found = [mark(Y), mark(block.backward(wave(Y.shape, 7), cache))]
    found += [mark(getattr(layer, f"d{name}")) for layer, name in tensors]
    np.testing.assert_allclose(found, TORCH[norm], rtol=1e-10)


def test_its_layers_have_names():
    network = network_of(Dense(4), TransformerBlock(2, cross=False, dropout=0.1))
    assert [layer.name for layer in network.layers[1].walk()] == [
        "1.transformerblock",
        "1.transformerblock.0.residual",
        "1.transformerblock.0.residual.0.layernorm",
        "1.transformerblock.0.residual.1.multiheadattention",
        "1.transformerblock.0.residual.2.dropout",
        "1.transformerblock.1.residual",
        "1.transformerblock.1.residual.0.layernorm",
        "1.transformerblock.1.residual.1.dense",
        "1.transformerblock.1.residual.2.gelu",
        "1.transformerblock.1.residual.3.dense",
        "1.transformerblock.1.residual.4.dropout",
    ]
    cache = Cache(record=True)
    network.forward(np.zeros((2, 3, 4)), cache)
    P = cache["1.transformerblock.0.residual.1.multiheadattention.P"]
    np.testing.assert_allclose(P, np.full((2, 2, 3, 3), 1 / 3))


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, [(16, 4), (4, 16)]),
        ({"hidden": 5}, [(5, 4), (4, 5)]),
        ({"activation": "swiglu"}, [(2 * 10, 4), (4, 10)]),
        ({"activation": "swiglu", "hidden": 5}, [(10, 4), (4, 5)]),
        ({"activation": "relu"}, [(16, 4), (4, 16)]),
    ],
)
def test_hidden_units(settings, shapes):
    (block,) = network_of(TransformerBlock(2, **settings)).layers
    dense = [layer for layer in block.layers[1].layers if "W" in layer.declared]
    assert [layer.W.shape for layer in dense] == shapes


def test_without_bias_no_layer_but_the_normalization_has_one():
    network = network_of(TransformerBlock(2, bias=False, activation="swiglu"))
    assert {name.split(".")[-1] for name in network.tensors} == {"W", "W_out", "gamma", "beta"}
    network = network_of(TransformerBlock(2, bias=False, normalization="RMSNorm"))
    assert {name.split(".")[-1] for name in network.tensors} == {"W", "W_out", "gamma"}


def test_initializers_reach_the_weights_that_they_are_for():
    settings = {"initializer": Normal(0.3), "residual_initializer": Normal(0.01)}
    network = network_of(TransformerBlock(4, **settings), width=32)
    spread = {name: float(view.std()) for name, view in network.tensors.items() if view.ndim == 2}
    into_shortcut = [name for name in spread if name.endswith(("W_out", "1.residual.3.dense.W"))]
    assert len(into_shortcut) == 2
    assert len(spread) == 4
    for name, found in spread.items():
        np.testing.assert_allclose(found, 0.01 if name in into_shortcut else 0.3, rtol=0.1)


def test_a_block_comes_back_from_its_file(tmp_path, rng):
    network = Network(
        [
            TiedEmbedding(
                7, 4, [SinusoidalPositions(), TransformerBlock(2, causal=True, rotary=True)]
            )
        ],
        loss=SoftmaxCrossEntropy(),
        input_shape=(None,),
        seed=0,
    )
    ids = rng.integers(0, 7, (2, 5))
    plainnet.save(network, tmp_path / "network.npz")
    for other in (plainnet.load(tmp_path / "network.npz"), copy.deepcopy(network)):
        np.testing.assert_array_equal(other.forward(ids), network.forward(ids))
        network.loss_and_gradients(ids, ids)
        other.loss_and_gradients(ids, ids)
        np.testing.assert_array_equal(other.gradients, network.gradients)
    assert network.astype(np.float64).forward(ids).dtype == np.float64


@pytest.mark.parametrize("settings", [{}, {"norm": "post"}, {"rotary": True}], ids=str)
def test_a_decoder_that_continues_gives_what_the_whole_gives(settings, rng):
    blocks = [TransformerBlock(2, causal=True, key_value_heads=1, **settings) for _ in range(2)]
    network = Network(
        [TiedEmbedding(9, 8, [LearnedPositions(12), *blocks, LayerNorm()])],
        loss=SoftmaxCrossEntropy(),
        input_shape=(None,),
        seed=0,
        dtype=np.float64,
    )
    ids, cache = rng.integers(0, 9, (3, 12)), Cache(carry=True)
    whole = network.forward(ids).copy()
    for start, stop in [(0, 5), (5, 6), (6, 10), (10, 11), (11, 12)]:
        Z = network.forward(ids[:, start:stop], cache)
        np.testing.assert_allclose(Z, whole[:, start:stop], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "tanh"}, 'activation must be "gelu", "swiglu" or "relu"; got \'tanh\''),
        ({"norm": None}, 'norm must be "pre" or "post"; got None'),
        ({"normalization": "BatchNorm"}, 'normalization must be "LayerNorm" or "RMSNorm"'),
        ({"dropout": 1.0}, "dropout must be .* < 1"),
        ({"hidden": 0}, "hidden must be a whole number >= 1"),
        ({"key_value_heads": 3}, "key_value_heads must divide the number of heads, 2; got 3"),
        ({"initializer": 0.02}, "initializer must be an Initializer object"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        TransformerBlock(2, **settings)


def test_errors_name_the_layer_inside():
    with pytest.raises(ShapeError, match=r"block\.0\.residual\.1\.multihead.*3 heads"):
        network_of(TransformerBlock(3), width=8)


# --- encoder and decoder --------------------------------------------------------------------------


def translator(dropout: float = 0.0, dtype: type = np.float64, width: int = 4) -> Network:
    """From three tokens to any number."""

    def side(depth: int, **settings) -> list[Layer]:
        blocks = [
            TransformerBlock(2, bias=False, dropout=dropout, **settings) for _ in range(depth)
        ]
        return [Embedding(6, width, padding=0), SinusoidalPositions(), *blocks, LayerNorm()]

    parts = EncoderDecoder(side(1), side(2, causal=True, cross=True), source_length=3)
    return Network(
        [parts, Dense(6)], loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0, dtype=dtype
    )


def test_gradients_of_an_encoder_come_from_all_blocks_of_the_decoder():
    ids = np.array([[1, 2, 0, 4, 5, 1, 0], [3, 3, 5, 1, 2, 2, 3]])
    y = np.array([[5, 1, 2, -1], [2, 2, 3, 4]])
    for dropout in (0.0, 0.3):
        check = check_gradients(translator(dropout), ids, y, samples=2, tolerance=2e-7)
        assert check.passed, check


def test_what_the_decoder_sees(rng):
    network = translator()
    ids = np.array([[1, 2, 0, 4, 5, 1]])
    before = network.forward(ids).copy()

    def changed(place: int, token: int) -> np.ndarray:
        other = ids.copy()
        other[0, place] = token
        return np.abs(network.forward(other)[0] - before[0]).max(axis=1) > 1e-9

    assert changed(0, 5).tolist() == [True, True, True]  # the source, at all steps
    assert changed(4, 2).tolist() == [False, True, True]  # the target, from there on


def test_padding_of_the_source_gets_no_attention(rng):
    """A longer source that ends in padding gives what the shorter source gives."""

    def network(source_length: int) -> Network:
        parts = EncoderDecoder(
            [Embedding(6, 4, padding=0), TransformerBlock(2)],
            [Embedding(6, 4, padding=0), TransformerBlock(2, causal=True, cross=True)],
            source_length,
        )
        return Network(
            [parts], loss=MeanSquaredError(), input_shape=(None,), seed=0, dtype=np.float64
        )

    source, target = rng.integers(1, 6, (2, 3)), rng.integers(1, 6, (2, 4))
    padding = np.zeros((2, 2), int)
    short = network(3).forward(np.hstack([source, target]))
    long = network(5).forward(np.hstack([source, padding, target]))
    np.testing.assert_allclose(long, short, rtol=1e-12)


def test_reversing_a_sequence_is_learned():
    """What comes out depends on the whole source: cross-attention has to find the places."""
    network = translator(dtype=np.float32, width=16)
    rng, cache, optimizer = np.random.default_rng(0), Cache(training=True), AdamW(0.01)
    for _ in range(120):
        source = rng.integers(1, 6, (32, 3))
        target = source[:, ::-1]
        begun = np.hstack([np.ones((32, 1), int), target[:, :-1]])
        X = np.hstack([source, begun])
        loss = network.loss_and_gradients(X, target, cache)
        optimizer.update(network.parameters, network.gradients, network.segments)
    assert loss < 0.3  # of log 5 = 1.6 to begin with


def test_the_encoder_runs_once_for_passes_that_continue():
    network, cache = translator(), Cache(carry=True)
    ids = np.array([[1, 2, 0, 4, 5, 1, 2], [3, 3, 5, 1, 2, 2, 3]])  # the source has padding
    whole = network.forward(ids).copy()
    np.testing.assert_allclose(network.forward(ids[:, :5], cache), whole[:, :2], rtol=1e-12)
    network["0.encoderdecoder.encoder.0.embedding.E"][:] = np.nan
    for t in (5, 6):
        found = network.forward(ids[:, t : t + 1], cache)
        np.testing.assert_allclose(found[:, 0], whole[:, t - 3], rtol=1e-11)
    with pytest.raises(SettingError, match="no backward pass with carry=True"):
        network.loss_and_gradients(ids, ids[:, 3:], Cache(carry=True))


def test_an_encoder_decoder_refuses_what_does_not_fit():
    embedding = Embedding(6, 4)
    with pytest.raises(SettingError, match="both begin with an Embedding, or neither"):
        EncoderDecoder([embedding], [Dense(4)], 3)
    with pytest.raises(SettingError, match="source_length must be a whole number >= 1; got 0"):
        EncoderDecoder([], [], 0)
    cross = TransformerBlock(2, cross=True)
    with pytest.raises(ShapeError, match=r"0\.encoderdecoder .* shape \(2, 4\); got \(2, 5\)"):
        network_of(EncoderDecoder([Dense(5)], [cross], 2))
    parts = EncoderDecoder([Dense(4)], [TransformerBlock(2, cross=True)], 2)
    with pytest.raises(ShapeError, match=r"more than its 2 steps of the source; got \(2, 4\)"):
        Network([parts], loss=MeanSquaredError(), input_shape=(2, 4))
    parts = EncoderDecoder([Dense(4)], [TransformerBlock(2, cross=True)], 2)
    with pytest.raises(ShapeError, match=r"0\.encoderdecoder .*source; got an input of shape"):
        network_of(parts).predict(np.zeros((1, 2, 4)))


def test_its_attention_gets_the_settings():
    block = TransformerBlock(2, rotary=True, rotary_base=500.0, head_width=6, cross=True)
    network_of(EncoderDecoder([Dense(4)], [block], 2))
    own, cross = (layer for layer in block.walk() if hasattr(layer, "heads") and layer is not block)
    assert (own.rotary_base, own.d, cross.d) == (500.0, 6, 6)


def test_dropout_stands_only_where_it_is_asked_for():
    kinds = {type(layer) for layer in network_of(TransformerBlock(2)).body.walk()}
    assert Dropout not in kinds
