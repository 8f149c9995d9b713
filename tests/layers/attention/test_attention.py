"""Attention, against PyTorch's numbers, loops, and what must not depend on what."""

import tracemalloc

import numpy as np
import pytest

from formulas import evaluate
from plainnet import Cache, Network, check_gradients
from plainnet.engine.sequences import Source
from plainnet.errors import SettingError, ShapeError
from plainnet.kernels import attention
from plainnet.layers import CrossAttention, Dense, Embedding, Layer, MultiHeadAttention
from plainnet.losses import MeanSquaredError
from twins.attention import cross_attention, self_attention


def network_of(*layers: Layer, width: int = 4, dtype: type = np.float64) -> Network:
    return Network(layers, loss=MeanSquaredError(), input_shape=(None, width), seed=0, dtype=dtype)


def wave(shape: tuple[int, ...], k: int) -> np.ndarray:
    """Numbers that another library can be given too."""
    return 0.5 * np.sin(k * np.arange(1, 1 + np.prod(shape))).reshape(shape)


def mark(array: np.ndarray) -> float:
    """One number that moves with each element."""
    return float((array * wave(array.shape, 9)).sum())


def masked(layer: Layer, A: np.ndarray, mask: np.ndarray | None, **mode: bool) -> np.ndarray:
    cache = Cache(**mode)
    cache.mask = mask
    return layer.forward(A, cache).copy()


@pytest.fixture(params=[128, 2])
def queries_at_once(request, monkeypatch):
    """Both in one block and in several."""
    monkeypatch.setattr(attention, "QUERIES_AT_ONCE", request.param)
    for remembered in (attention._scratch, attention._hidden_future):
        remembered.cache_clear()
    yield request.param
    for remembered in (attention._scratch, attention._hidden_future):
        remembered.cache_clear()


# torch.nn.MultiheadAttention(4, 2), version 2.13, in float64: marks of the output, and of the
# gradients of the input, in_proj_weight, in_proj_bias, out_proj.weight and out_proj.bias.
TORCH = {
    "plain": [
        -0.5219234503179249,
        0.030135849022113064,
        -0.057192025119809434,
        -0.17232784819718266,
        -0.2723443168949437,
        0.09831606444213539,
    ],
    "padded": [
        -0.503767023285852,
        0.020494160773481845,
        -0.040608359944668854,
        -0.13473407650392277,
        -0.30508217888102784,
        0.09831606444213539,
    ],
    "causal": [
        -0.5418179286363203,
        0.146285173179042,
        -0.005162573398333481,
        -0.18234536734303486,
        -0.23241896689552238,
        0.09831606444213539,
    ],
}
MASK = np.array([[True, True, False], [True, True, True]])


@pytest.mark.parametrize("kind", TORCH)
@pytest.mark.usefixtures("queries_at_once")
def test_numbers_are_pytorchs(kind):
    network = network_of(MultiHeadAttention(2, causal=kind == "causal"))
    (layer,) = network.layers
    for k, name in enumerate(("W", "b", "W_out", "b_out")):
        view = getattr(layer, name)
        view[...] = wave(view.shape, k + 1)
    cache = Cache(training=True)
    cache.mask = MASK if kind == "padded" else None
    Y = layer.forward(wave((2, 3, 4), 5), cache)
    found = [mark(Y), mark(layer.backward(wave(Y.shape, 7), cache))]
    found += [mark(gradient) for gradient in (layer.dW, layer.db, layer.dW_out, layer.db_out)]
    np.testing.assert_allclose(found, TORCH[kind], rtol=1e-10)


SETTINGS = [
    {},
    {"causal": True},
    {"key_value_heads": 2, "causal": True},
    {"key_value_heads": 1, "rotary": True},
    {"rotary": "interleaved", "bias": False, "causal": True},
    {"head_width": 6},
    {"dropout": 0.4, "key_value_heads": 2, "causal": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.usefixtures("queries_at_once")
def test_gradients_with_and_without_kept_weights(settings, training):
    layer = MultiHeadAttention(4, **settings)
    check = check_gradients(layer, input_shape=(5, 8), training=training, samples=40)
    assert check.passed, check


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.usefixtures("queries_at_once")
def test_masked_keys_get_no_weight(settings, rng):
    network = network_of(MultiHeadAttention(4, **settings), width=8)
    (layer,) = network.layers
    network.parameters[:] += 0.1
    A = rng.standard_normal((3, 5, 8))
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
    expected = [self_attention(a, layer, m.tolist()) for a, m in zip(A, mask, strict=True)]
    np.testing.assert_allclose(masked(layer, A, mask), expected, rtol=1e-12)
    np.testing.assert_allclose(masked(layer, A, mask, record=True), expected, rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_with_a_mask_in_which_some_see_nothing(causal):
    ids = np.array([[0, 0, 3, 1], [0, 0, 0, 0], [2, 1, 1, 0]])
    network = Network(
        [Embedding(4, 4, padding=0), MultiHeadAttention(2, causal=causal), Dense(2)],
        loss=MeanSquaredError(),
        input_shape=(None,),
        seed=0,
        dtype=np.float64,
    )
    network.parameters[:] += 0.1
    check = check_gradients(network, ids, np.ones((3, 4, 2)))
    assert check.passed, check


def test_who_sees_nothing_gets_zeros():
    network = network_of(MultiHeadAttention(2))
    (layer,) = network.layers
    layer.b_out[...] = [1, 2, 3, 4]
    A = np.random.default_rng(0).standard_normal((2, 3, 4))
    Y = masked(layer, A, np.array([[False] * 3, [True] * 3]))
    np.testing.assert_array_equal(Y[0], [[1, 2, 3, 4]] * 3)
    assert np.isfinite(Y).all()


def test_a_mask_that_ends_an_earlier_pass_does_not_stay(rng):
    (layer,) = network_of(MultiHeadAttention(2)).layers
    A, cache = rng.standard_normal((2, 3, 4)), Cache()
    cache.mask = MASK
    layer.forward(A, cache)
    cache.mask = None
    np.testing.assert_array_equal(layer.forward(A, cache), layer.forward(A, Cache()))


@pytest.mark.usefixtures("queries_at_once")
def test_a_later_token_changes_no_earlier_output(rng):
    network = network_of(MultiHeadAttention(2, causal=True, rotary=True))
    A = rng.standard_normal((1, 7, 4))
    before = network.forward(A).copy()
    for t in range(7):
        other = A.copy()
        other[:, t] = 1e6
        after = network.forward(other)
        np.testing.assert_array_equal(after[:, :t], before[:, :t])
        assert (after[:, t:] != before[:, t:]).all()


def test_without_positions_order_does_not_matter(rng):
    network = network_of(MultiHeadAttention(2))
    A, order = rng.standard_normal((2, 6, 4)), rng.permutation(6)
    shuffled = network.forward(A[:, order]).copy()
    np.testing.assert_allclose(shuffled, network.forward(A)[:, order], rtol=1e-11)


def test_scores_of_any_size_are_no_trouble(rng):
    network = network_of(MultiHeadAttention(2), dtype=np.float32)
    Y = network.forward(1e4 * rng.standard_normal((2, 5, 4)).astype(np.float32))
    assert np.isfinite(Y).all()


def test_dropout_drops_weights_and_keeps_the_mean():
    network = network_of(MultiHeadAttention(1, dropout=0.25))
    (layer,) = network.layers
    A = np.random.default_rng(1).standard_normal((200, 20, 4))
    cache = Cache(training=True, seed=3)
    Y = layer.forward(A, cache)
    assert abs(cache["M"].mean() - 0.75) < 0.01
    np.testing.assert_allclose(Y.mean(axis=0), layer.forward(A, Cache()).mean(axis=0), atol=0.1)
    assert (masked(layer, A[:2], None) == masked(layer, A[:2], None)).all()


# --- passes that continue -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{}, {"rotary": True}, {"key_value_heads": 1, "rotary": "interleaved"}, {"head_width": 3}],
    ids=str,
)
@pytest.mark.usefixtures("queries_at_once")
def test_a_pass_that_continues_gives_what_the_whole_gives(settings, rng):
    settings = {"causal": True, **settings}
    if settings.get("rotary"):
        settings["head_width"] = 4
    network = network_of(MultiHeadAttention(2, **settings), width=6)
    A, cache = rng.standard_normal((3, 11, 6)), Cache(carry=True)
    whole = network.forward(A).copy()
    for piece in (slice(0, 4), slice(4, 5), slice(5, 9), slice(9, 10), slice(10, 11)):
        np.testing.assert_allclose(network.forward(A[:, piece], cache), whole[:, piece], rtol=1e-10)


def test_a_pass_that_continues_remembers_what_was_padding(rng):
    (layer,) = network_of(MultiHeadAttention(2, causal=True)).layers
    A = rng.standard_normal((2, 6, 4))
    mask = np.array([[1, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1]], bool)
    whole, cache = masked(layer, A, mask), Cache(carry=True)
    for piece, known in (
        (slice(0, 2), None),
        (slice(2, 4), mask[:, 2:4]),
        (slice(4, 5), None),
        (slice(5, 6), mask[:, 5:]),
    ):
        cache.mask = known
        np.testing.assert_allclose(layer.forward(A[:, piece], cache), whole[:, piece], rtol=1e-10)


def test_what_cannot_continue_is_refused(rng):
    A = rng.standard_normal((2, 3, 4))
    with pytest.raises(SettingError, match=r"0\.multiheadattention .* only with causal=True"):
        network_of(MultiHeadAttention(2)).forward(A, Cache(carry=True))
    network = network_of(MultiHeadAttention(2, causal=True))
    with pytest.raises(SettingError, match="only with no training"):
        network.forward(A, Cache(carry=True, training=True))
    cache = Cache(carry=True)
    network.forward(A, cache)
    with pytest.raises(ShapeError, match=r"continues 2 sequences; got 1.*forget"):
        network.forward(A[:1], cache)
    with pytest.raises(SettingError, match="no backward pass with carry=True"):
        network.loss_and_gradients(A, A, Cache(carry=True))


@pytest.mark.parametrize("settings", [{"causal": 1}, {"rotary": 1.0}, {"rotary": "both"}])
def test_settings_of_another_type_are_refused(settings):
    with pytest.raises(SettingError, match=f"{next(iter(settings))} must be"):
        MultiHeadAttention(2, **settings)


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("training", "matrices"), [(True, 1.2), (False, 0.2)])
def test_one_matrix_of_scores_for_training_and_none_for_prediction(training, matrices, rng):
    T = 2048
    network = network_of(MultiHeadAttention(2, causal=True), dtype=np.float32)
    A = rng.standard_normal((1, T, 4)).astype(np.float32)
    cache = Cache(training=training)
    tracemalloc.start()
    try:
        network.loss_and_gradients(A, A, cache)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < matrices * 2 * T * T * 4


# --- cross-attention ------------------------------------------------------------------------------


def cross(layer: CrossAttention, width: int = 4) -> CrossAttention:
    """The layer with weights."""
    network = network_of(layer, width=width)
    network.parameters[:] = wave(network.parameters.shape, 3)
    return layer


def crossed(layer: CrossAttention, A, X, mask=None, **mode: bool) -> tuple[np.ndarray, Cache]:
    cache = Cache(**mode)
    cache.sequences.source = Source(X, mask, np.zeros_like(X))
    return layer.forward(A, cache), cache


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"key_value_heads": 1, "bias": False},
        {"source_width": 3, "head_width": 5},
        {"dropout": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("hidden", [False, True])
def test_cross_attention_is_its_definition(settings, hidden, rng):
    layer = cross(CrossAttention(2, **settings))
    A = rng.standard_normal((2, 3, 4))
    X = rng.standard_normal((2, 5, settings.get("source_width", 4)))
    mask = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1]], bool) if hidden else None
    Y, _ = crossed(layer, A, X, mask)
    masks = mask.tolist() if hidden else [None, None]
    expected = [cross_attention(a, x, layer, m) for a, x, m in zip(A, X, masks, strict=True)]
    np.testing.assert_allclose(Y, expected, rtol=1e-12)


def test_cross_attention_has_pytorchs_numbers():
    """nn.MultiheadAttention(4, 2) as above, on queries wave 5 and a source wave 6."""
    layer = cross(CrossAttention(2))
    W, b = wave((12, 4), 1), wave((12,), 2)
    layer.W[...], layer.W_kv[...] = W[:4], W[4:]
    layer.b[...], layer.b_kv[...] = b[:4], b[4:]
    layer.W_out[...], layer.b_out[...] = wave((4, 4), 3), wave((4,), 4)
    Y, cache = crossed(layer, wave((2, 3, 4), 5), wave((2, 5, 4), 6), training=True)
    dA = layer.backward(wave(Y.shape, 7), cache)
    found = [Y, dA, cache.sequences.source.dX, layer.dW, layer.dW_kv, layer.dW_out]
    expected = [
        -0.5686672564332014,
        0.0033463854758714814,
        -0.01953753980928096,
        0.002259910074893054,
        0.003918438755151998,
        -0.13977357547548125,
    ]
    np.testing.assert_allclose([mark(array) for array in found], expected, rtol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_cross_attention_is_its_formulas(bias, dropout, rng):
    layer = cross(CrossAttention(2, key_value_heads=1, bias=bias, dropout=dropout))
    A, X = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 4))
    Y, cache = crossed(layer, A, X, training=True)
    dY = rng.standard_normal(Y.shape)
    dA = layer.backward(dY, cache)
    known = {"A": A, "X": X, "dY": dY, "M": cache["M"] if dropout else None}
    known["data"] = np.ones(X.shape[:2], bool)
    results = evaluate(layer.formulas, vars(layer) | known)
    np.testing.assert_allclose(results["Y"], Y, rtol=1e-10)
    np.testing.assert_allclose(results["dA"], dA, rtol=1e-10)
    np.testing.assert_allclose(results["dX"], cache.sequences.source.dX, rtol=1e-10)
    for name in layer.declared:
        np.testing.assert_allclose(
            results[f"d{name}"], getattr(layer, f"d{name}"), rtol=1e-10, atol=1e-13
        )


def test_dropout_is_in_the_formulas(rng):
    network = network_of(MultiHeadAttention(2, dropout=0.5, causal=True))
    (layer,) = network.layers
    A, cache = rng.standard_normal((2, 5, 4)), Cache(training=True, seed=0)
    Y = layer.forward(A, cache)
    dY = rng.standard_normal(Y.shape)
    dA = layer.backward(dY, cache)
    M = np.where(np.tri(5, dtype=bool), cache["M"], False)  # the rest is whatever
    known = {"A": A, "dY": dY, "M": M, "data": np.ones(A.shape[:2], bool)}
    results = evaluate(layer.formulas, vars(layer) | known)
    np.testing.assert_allclose(results["Y"], Y, rtol=1e-10)
    np.testing.assert_allclose(results["dA"], dA, rtol=1e-10)
    np.testing.assert_allclose(results["dW"], layer.dW, rtol=1e-10, atol=1e-13)


def test_cross_attention_belongs_into_an_encoder_decoder(rng):
    network = network_of(CrossAttention(2))
    with pytest.raises(SettingError, match=r"0\.crossattention .* only inside an EncoderDecoder"):
        network.forward(rng.standard_normal((2, 3, 4)))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MultiHeadAttention, CrossAttention])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": 0}, "heads must be a whole number >= 1; got 0"),
        ({"heads": 4, "key_value_heads": 3}, "must divide the number of heads, 4; got 3"),
        ({"heads": 2, "key_value_heads": 4}, "must divide the number of heads, 2; got 4"),
        ({"heads": 2, "dropout": 1}, "dropout must be .*< 1; got 1"),
        ({"heads": 2, "head_width": 0}, "head_width must be a whole number >= 1"),
        ({"heads": 2, "initializer": 0.02}, "initializer must be an Initializer object"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, settings, message):
    with pytest.raises(SettingError, match=message):
        kind(**settings)


def test_rotations_that_make_no_sense_are_refused():
    with pytest.raises(SettingError, match=r"rotary must be True, False.*got 'both'"):
        MultiHeadAttention(2, rotary="both")
    with pytest.raises(ShapeError, match="a head's width must be even; got 3"):
        network_of(MultiHeadAttention(2, rotary=True), width=6)


@pytest.mark.parametrize("kind", [MultiHeadAttention, CrossAttention])
def test_widths_that_heads_do_not_divide_are_refused(kind):
    with pytest.raises(ShapeError, match=r"width that 3 heads divide.*got the width 8"):
        network_of(kind(3), width=8)
    network_of(kind(3, head_width=5), width=8)
