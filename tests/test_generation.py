"""Tokens drawn one after the other."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import DataError, DTypeError, SettingError, ShapeError
from plainnet.generation import generate
from plainnet.layers import (
    GRU,
    LSTM,
    Dense,
    Embedding,
    EncoderDecoder,
    Layer,
    LayerNorm,
    LearnedPositions,
    SinusoidalPositions,
    TiedEmbedding,
    TransformerBlock,
)
from plainnet.losses import SoftmaxCrossEntropy

V = 11


def network_of(*layers: Layer, seed: int = 0) -> Network:
    return Network(
        layers, loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=seed, dtype=np.float64
    )


def gpt(positions: Layer, **settings) -> Network:
    blocks = [TransformerBlock(2, causal=True, **settings) for _ in range(2)]
    network = network_of(TiedEmbedding(V, 8, [positions, *blocks, LayerNorm()]))
    network.parameters[:] *= 5  # scores that differ
    return network


def fixed(P: list[float]) -> Network:
    """A network that gives these probabilities, whatever came before."""
    network = network_of(Embedding(len(P), 1), Dense(len(P)))
    network["1.dense.W"] = np.zeros((len(P), 1))
    network["1.dense.b"] = np.log(P)
    return network


def by_whole_passes(network: Network, ids: list[int], n: int, window: int = 10**6) -> list[int]:
    for _ in range(n):
        Z = network.forward(np.array([ids[-window:]]))
        ids = [*ids, int(Z[0, -1].argmax())]
    return ids


@pytest.mark.parametrize(
    ("positions", "settings"),
    [
        (lambda: LearnedPositions(30), {}),
        (SinusoidalPositions, {"rotary": True, "key_value_heads": 1}),
    ],
)
def test_the_likeliest_tokens_are_those_of_whole_passes(positions, settings):
    network = gpt(positions(), **settings)
    ids = generate(network, [3, 1, 4], 20, temperature=0)
    assert ids.tolist() == by_whole_passes(network, [3, 1, 4], 20)
    assert len(set(ids[3:].tolist())) > 1


@pytest.mark.parametrize("every_step", [True, False])
def test_recurrent_networks_carry_their_state(every_step):
    layers = [Embedding(V, 6), LSTM(8, return_sequences=True)]
    network = network_of(*layers, GRU(8, return_sequences=every_step), Dense(V))
    network.parameters[:] *= 4
    ids = generate(network, [3, 1, 4], 20, temperature=0).tolist()
    expected = [3, 1, 4]
    for _ in range(20):
        Z = network.forward(np.array([expected]))
        expected.append(int((Z[0, -1] if every_step else Z[0]).argmax()))
    assert ids == expected
    assert len(set(ids[3:])) > 1


@pytest.mark.parametrize("prompt", [[3, 1], [3, 1, 4, 1, 5, 9, 2, 6, 5]])
def test_behind_the_last_position_the_window_slides(prompt):
    network = gpt(LearnedPositions(6))
    ids = generate(network, prompt, 12, temperature=0)
    assert ids.tolist() == by_whole_passes(network, prompt, 12, window=6)


def test_each_pass_computes_the_new_token_only(monkeypatch):
    network, seen = gpt(LearnedPositions(12)), []
    forward = Network.forward

    def noting(self, X, cache):
        seen.append(X.shape)
        return forward(self, X, cache)

    monkeypatch.setattr(Network, "forward", noting)
    generate(network, [[1, 2, 3], [4, 5, 6]], 4)
    assert seen == [(2, 3), (2, 1), (2, 1), (2, 1)]


def test_several_prompts_go_together():
    network = gpt(SinusoidalPositions())
    prompts = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    ids = generate(network, prompts, 5, temperature=0)
    assert ids.shape == (2, 8)
    for row, prompt in zip(ids, prompts, strict=True):
        np.testing.assert_array_equal(row, generate(network, prompt, 5, temperature=0))


def test_a_seed_decides_what_is_drawn():
    network = gpt(SinusoidalPositions())
    first = generate(network, [1], 30, seed=1)
    np.testing.assert_array_equal(generate(network, [1], 30, seed=1), first)
    assert not np.array_equal(generate(network, [1], 30, seed=2), first)


def test_nothing_more_is_the_prompt():
    np.testing.assert_array_equal(generate(gpt(SinusoidalPositions()), [1, 2], 0), [1, 2])


class Last(Layer):
    """The last step only: scores of shape (m, vocabulary)."""

    def build(self, input_shape):
        return input_shape[1:]

    def forward(self, A, cache):
        return A[:, -1]

    def backward(self, dA, cache):
        raise NotImplementedError


def test_scores_may_be_of_the_last_step_only():
    network = network_of(Embedding(4, 4), Last(), Dense(4))
    network["0.embedding.E"] = network["2.dense.W"] = np.eye(4)[[1, 2, 3, 0]]
    network["2.dense.W"] = 9 * np.eye(4)
    assert generate(network, [0], 6, temperature=0).tolist() == [0, 1, 2, 3, 0, 1, 2]


def translator(positions: Layer) -> Network:
    """A source of three tokens, and a target that goes on."""
    parts = EncoderDecoder(
        [Embedding(V, 8, padding=0), TransformerBlock(2)],
        [Embedding(V, 8, padding=0), positions, TransformerBlock(2, causal=True, cross=True)],
        source_length=3,
    )
    network = network_of(parts, Dense(V))
    network.parameters[:] *= 4
    return network


def test_a_decoder_writes_what_its_encoder_read():
    network, written = translator(LearnedPositions(10)), []
    for source in ([3, 1, 4], [2, 7, 0]):  # the second ends in padding
        expected = [*source, 5]
        for _ in range(10):
            scores = network.forward(np.array([expected]))[0, -1]
            expected.append(1 + int(scores[1:].argmax()))
        ids = generate(network, [*source, 5], 10, temperature=0).tolist()
        assert ids == expected
        written.append(ids[4:])
    assert written[0] != written[1]
    with pytest.raises(SettingError, match=r"10 positions, and a target of 1 .* 10 more; got n=11"):
        generate(network, [3, 1, 4, 5], 11)


def test_padding_is_not_drawn():
    network = network_of(Embedding(3, 1, padding=1), Dense(3))
    network["1.dense.W"], network["1.dense.b"] = np.zeros((3, 1)), [0.0, 9.0, 0.0]
    for settings in ({}, {"temperature": 0}, {"top_k": 2}, {"top_p": 0.9}):
        assert 1 not in generate(network, [0], 30, seed=0, **settings)


# --- what is drawn --------------------------------------------------------------------------------

P = [0.08, 0.4, 0.02, 0.3, 0.2]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, P),
        ({"temperature": 0.5}, [p**2 / sum(q**2 for q in P) for p in P]),
        ({"temperature": 2.0}, [p**0.5 / sum(q**0.5 for q in P) for p in P]),
        ({"temperature": 0}, [0, 1, 0, 0, 0]),
        ({"top_k": 1}, [0, 1, 0, 0, 0]),
        ({"top_k": 3}, [0, 0.4 / 0.9, 0, 0.3 / 0.9, 0.2 / 0.9]),
        ({"top_k": 99}, P),
        ({"top_p": 0.39}, [0, 1, 0, 0, 0]),
        ({"top_p": 0.69}, [0, 0.4 / 0.7, 0, 0.3 / 0.7, 0]),
        ({"top_p": 0.71}, [0, 0.4 / 0.9, 0, 0.3 / 0.9, 0.2 / 0.9]),
        ({"top_p": 1.0}, P),
        # Of the three likeliest, 0.44, 0.33 and 0.22, two have 0.75 together.
        ({"top_k": 3, "top_p": 0.75}, [0, 0.4 / 0.7, 0, 0.3 / 0.7, 0]),
    ],
    ids=str,
)
def test_how_often_each_token_is_drawn(settings, expected):
    n = 20_000
    ids = generate(fixed(P), np.zeros((n, 1), int), 1, seed=0, **settings)[:, 1]
    found = np.bincount(ids, minlength=5) / n
    # Five standard deviations of a share.
    allowed = 5 * np.sqrt(np.array(expected) * (1 - np.array(expected)) / n)
    assert (np.abs(found - expected) <= allowed).all(), found


def test_each_step_draws_anew():
    ids = generate(fixed([0.25] * 4), [0], 1000, seed=0)[1:]
    after = np.bincount(ids[1:][ids[:-1] == 2], minlength=4) / (ids[:-1] == 2).sum()
    np.testing.assert_allclose(after, 0.25, atol=0.15)


def test_scores_far_apart_are_no_trouble():
    network = fixed([0.5, 0.5])
    network["1.dense.b"] = [1e5, -1e5]
    for temperature in (0.01, 5e-324):
        assert generate(network, [0], 9, temperature=temperature).tolist() == [0] * 10


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 0}, "top_k must be a whole number >= 1; got 0"),
        ({"top_p": 0.0}, "top_p must be > 0; got 0.0"),
        ({"top_p": 1.1}, "top_p must be <= 1; got 1.1"),
        ({"temperature": -1}, "temperature must be >= 0; got -1"),
        ({"n": -1}, "n must be a whole number >= 0; got -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        generate(fixed(P), [0], **{"n": 1, **settings})


@pytest.mark.parametrize(
    ("prompt", "error", "message"),
    [
        ([], DataError, "the prompt is empty"),
        (np.empty((2, 0), int), DataError, "the prompt is empty"),
        ([0.0, 1.0], DTypeError, "the prompt must be integers.*float64"),
        ([[[1]]], ShapeError, r"\(time,\) or \(m, time\); got \(1, 1, 1\)"),
        ([5], DataError, "ids from 0 to 4; got 5"),
        ([2, -1], DataError, "ids from 0 to 4; got -1"),
        ([[1, 2], [3]], ShapeError, "prompts of different lengths need separate calls"),
    ],
)
def test_prompts_that_make_no_sense_are_refused(prompt, error, message):
    with pytest.raises(error, match=message):
        generate(fixed(P), prompt, 1)


def test_padding_in_a_prompt_is_refused():
    network = network_of(Embedding(V, 6, padding=2), LSTM(8, return_sequences=True), Dense(V))
    with pytest.raises(DataError, match="the prompt contains padding, the id 2"):
        generate(network, [[3, 1], [4, 2]], 1)


@pytest.mark.parametrize("score", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_scores_that_are_no_numbers_are_refused(score, temperature):
    network = fixed(P)
    network["1.dense.b"][3] = score
    with pytest.raises(DataError, match="infinite or NaN: has its training diverged"):
        generate(network, [0], 1, temperature=temperature)


def test_networks_of_numbers_and_of_one_length_are_refused():
    for network in (
        Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=4),
        Network([Embedding(3, 2), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=(4,)),
    ):
        with pytest.raises(SettingError, match=r"takes ids, with input_shape=\(None,\)"):
            generate(network, [0], 1)
    network = network_of(Embedding(V, 8), TransformerBlock(2), Dense(V))
    with pytest.raises(SettingError, match="causal=True"):
        generate(network, [0], 1)
    network.forward(np.array([[0]]), Cache())  # which it can do


def test_an_id_beyond_all_integers_is_named_as_it_is():
    network = Network(
        [Embedding(9, 4), Dense(9)], loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0
    )
    with pytest.raises(
        DataError, match="the id 9223372036854775809, which is beyond any vocabulary"
    ):
        generate(network, np.array([2**63 + 1, 2], np.uint64), 3)
    expected = generate(network, [1, 2], 3, seed=0)
    for dtype in (np.uint8, np.int8, np.uint64):
        ids = generate(network, np.array([1, 2], dtype), 3, seed=0)
        np.testing.assert_array_equal(ids, expected)
