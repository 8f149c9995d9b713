"""Tokenizers beside textbook implementations, padding, refusals."""

import json
import pickle
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet import Network, text, train
from plainnet.errors import DataError, FileError, SettingError, ShapeError
from plainnet.layers import Dense, Embedding, GlobalAveragePool1d
from plainnet.losses import SigmoidCrossEntropy
from plainnet.optimizers import Adam
from plainnet.text import PADDING, UNKNOWN, BytePairs, Characters, Words, mask, pad

RHYME = [
    "Humpty Dumpty sat on a wall,",
    "Humpty Dumpty had a great fall.",
    "",
    "All the king's men",
]
LEARNED = {
    "Characters": lambda: Characters.learn(RHYME),
    "Words": lambda: Words.learn(RHYME),
    "BytePairs": lambda: BytePairs.learn(RHYME, size=300),
}
every_tokenizer = pytest.mark.parametrize("make", LEARNED.values(), ids=LEARNED)


# --- byte pairs -----------------------------------------------------------------------------------


def naive_merges(texts: list[str], most: int, least: int) -> list[bytes]:
    """Sennrich et al. 2016, algorithm 1: all counts anew for each merge, with re on symbols."""
    vocab = Counter()
    for each in texts:
        for piece in re.findall(r"\s?\w{1,40}|\s?[^\w\s]{1,40}|\s{1,40}", each):
            vocab[tuple(bytes([byte]) for byte in piece.encode())] += 1
    order = {bytes([i]): i for i in range(256)}
    merged: list[bytes] = []
    for _ in range(most):
        pairs = Counter()
        for word, freq in vocab.items():
            for pair in pairwise(word):
                pairs[pair] += freq
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], -order[p[0]], -order[p[1]]))
        if pairs[best] < least:
            break
        order.setdefault(best[0] + best[1], len(order))
        merged.append(best)
        new = Counter()
        for word, freq in vocab.items():
            out, i = [], 0
            while i < len(word):
                if word[i : i + 2] == best:
                    out.append(best[0] + best[1])
                    i += 2
                else:
                    out.append(word[i])
                    i += 1
            new[tuple(out)] += freq
        vocab = new
    return merged


CORPORA = {
    "rhyme": RHYME * 2,
    "repeats": ["aaaa aaa aa a aaaaa", "abab ababab baba"],
    "umlauts": ["Grüße über Brüder", "süße Früchte, grüne Brühe"],
}


@pytest.mark.parametrize("least", [1, 2, 3])
@pytest.mark.parametrize("texts", CORPORA.values(), ids=CORPORA)
def test_byte_pairs_are_those_of_the_paper(texts, least):
    tokenizer = BytePairs.learn(texts, size=258 + 40, min_count=least)
    expected = naive_merges(texts, 40, least)
    pieces = [b"", b"", *(bytes([i]) for i in range(256))]
    for a, b in tokenizer.merges:
        pieces.append(pieces[a] + pieces[b])
    found = [(pieces[a], pieces[b]) for a, b in tokenizer.merges]
    assert found == expected


def test_encoding_replays_the_merges_in_order():
    """As learned: all places of the first pair, then of the second, and so on."""
    tokenizer = BytePairs.learn(CORPORA["repeats"], size=258 + 20, min_count=1)
    for each in ["aaaa", "abaab", "babaaaa ab", "b"]:
        expected = []
        for piece in re.findall(r"\s?\w+", each):
            ids = [2 + byte for byte in piece.encode()]
            for k, pair in enumerate(tokenizer.merges):
                i = 0
                while i < len(ids) - 1:
                    if ids[i : i + 2] == pair:
                        ids[i : i + 2] = [258 + k]
                    i += 1
            expected += ids
        assert tokenizer.encode(each).tolist() == expected


def test_frequent_words_become_one_token():
    tokenizer = BytePairs.learn(["the king and the queen"] * 5, size=400)
    assert len(tokenizer.encode(" the")) == 1
    assert len(tokenizer.encode("zzz")) == 3


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_text_is_lost_in_byte_pairs(any_text):
    tokenizer = BytePairs.learn(RHYME, size=280)
    assert tokenizer.decode(tokenizer.encode(any_text)) == any_text


def test_lone_surrogates_and_cut_characters():
    tokenizer = BytePairs([])
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ud800b"
    assert tokenizer.decode(tokenizer.encode("ü")[:1]) == "\N{REPLACEMENT CHARACTER}"
    characters = Characters.learn(["a\ud800"])
    assert characters.decode(characters.encode("\ud800a")) == "\ud800a"


def test_a_text_without_spaces_takes_no_longer():
    ids = BytePairs.learn(["ab" * 50_000], size=270).encode("ab" * 50_000)
    assert len(ids) < 50_000


# --- characters and words -------------------------------------------------------------------------


@given(st.text(max_size=100), st.text(max_size=100))
@settings(deadline=None, derandomize=True)
def test_characters_beside_a_loop(learned, other):
    tokenizer = Characters.learn([learned])
    known = sorted(set(learned))
    expected = [known.index(c) + 2 if c in known else UNKNOWN for c in other]
    assert tokenizer.encode(other).tolist() == expected
    assert tokenizer.decode(tokenizer.encode(learned)) == learned
    assert len(tokenizer) == len(known) + 2


def test_characters_in_an_order_of_ones_own():
    tokenizer = Characters("zebra")
    assert tokenizer.encode("bar!").tolist() == [4, 6, 5, UNKNOWN]
    assert tokenizer.decode([2, 3, UNKNOWN, 0, 0]) == "ze\N{REPLACEMENT CHARACTER}"


def test_words_by_frequency():
    tokenizer = Words.learn(["b a b", "c b a?"], most=2)
    assert tokenizer.tokens == ["b", "a"]
    assert tokenizer.encode("A b? c").tolist() == [3, 2, UNKNOWN, UNKNOWN]
    assert Words.learn(["x y", "x"], min_count=2).tokens == ["x"]
    assert Words.learn(["X x"], lower=False).tokens == ["X", "x"]
    assert tokenizer.decode(tokenizer.encode("b a")) == "b a"


# --- all tokenizers -------------------------------------------------------------------------------


@every_tokenizer
def test_several_texts_are_those_alone(make):
    tokenizer = make()
    together = tokenizer.encode([*RHYME, "unknown: ✓"])
    for each, ids in zip([*RHYME, "unknown: ✓"], together, strict=True):
        np.testing.assert_array_equal(tokenizer.encode(each), ids)
        assert ids.dtype.kind == "i"
        assert ((ids >= 1) & (ids < len(tokenizer))).all()
    assert tokenizer.encode([]) == []
    for each in RHYME:
        again = tokenizer.encode(tokenizer.decode(tokenizer.encode(each)))
        np.testing.assert_array_equal(again, tokenizer.encode(each))


@every_tokenizer
def test_it_comes_back_from_json_and_pickle(make):
    tokenizer = make()
    copies = [
        text.from_config(json.loads(json.dumps(tokenizer.config()))),
        pickle.loads(pickle.dumps(tokenizer)),
    ]
    for copy in copies:
        assert type(copy) is type(tokenizer)
        assert copy.config() == tokenizer.config()
        np.testing.assert_array_equal(copy.encode(RHYME[0]), tokenizer.encode(RHYME[0]))


@every_tokenizer
def test_ids_that_are_not_tokens_are_refused(make):
    tokenizer = make()
    with pytest.raises(DataError, match="ids must lie between 0 and"):
        tokenizer.decode([len(tokenizer)])
    with pytest.raises(DataError, match="got -1 to 2"):
        tokenizer.decode([-1, 2])
    with pytest.raises(ShapeError, match="those of one text"):
        tokenizer.decode([[2, 3]])
    with pytest.raises(ShapeError, match="must be integers"):
        tokenizer.decode([2.5])
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode([PADDING]) == ""


@pytest.mark.parametrize("texts", ["one text", b"bytes", {"a": 1}, 3])
@pytest.mark.parametrize("kind", [Characters, Words, BytePairs])
def test_what_is_not_several_texts_is_refused(kind, texts):
    with pytest.raises(DataError, match="texts must be several texts"):
        kind.learn(texts)


def test_a_text_that_is_not_a_str_is_refused():
    with pytest.raises(DataError, match="text 1 is None"):
        Words.learn(["a", None])
    with pytest.raises(DataError, match="text 0 is b'a'"):
        Words.learn([b"a"])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Characters("aa"), "more than once"),
        (lambda: Characters(3), "tokens must be a text"),
        (lambda: Words(["a", "a"]), "more than once"),
        (lambda: Words(["a", 1]), "each a str"),
        (lambda: BytePairs([[2, 258]]), "must be a whole number"),
        (lambda: BytePairs([[2, 3, 4]]), "two ids"),
        (lambda: BytePairs([[2, 3], [2, 3]]), "more than once"),
        (lambda: BytePairs.learn(["a"], size=10), "size must be a whole number >= 258"),
        (lambda: Words.learn(["a"], min_count=0), "min_count"),
    ],
)
def test_settings_that_make_no_sense_are_refused(made, message):
    with pytest.raises(SettingError, match=message):
        made()


@pytest.mark.parametrize("config", [{"type": "Dense", "units": 3}, {}, None, "Words"])
def test_a_description_of_something_else_is_refused(config):
    with pytest.raises((SettingError, FileError)):
        text.from_config(config)


# --- padding and masks ----------------------------------------------------------------------------


def test_padding_and_its_mask():
    padded = pad([np.array([3, 4]), np.array([], int), [5, 6, 7]])
    np.testing.assert_array_equal(padded, [[3, 4, 0], [0, 0, 0], [5, 6, 7]])
    np.testing.assert_array_equal(mask(padded), [[1, 1, 0], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(pad([[3, 4, 5]], 2), [[3, 4]])
    np.testing.assert_array_equal(pad([[3]], 3, padding=9), [[3, 9, 9]])
    assert pad([]).shape == (0, 1)
    assert pad([[]]).shape == (1, 1)
    with pytest.raises(ShapeError, match="1-D arrays of ids"):
        pad([[1.5]])
    with pytest.raises(ShapeError, match="1-D arrays of ids"):
        pad([[[1]]])
    with pytest.raises(SettingError, match="length"):
        pad([[1]], 0)


def test_a_network_reads_padded_texts():
    tokenizer = Words.learn(RHYME)
    ids = pad(tokenizer.encode(RHYME))
    layers = [Embedding(len(tokenizer), 4, padding=PADDING), GlobalAveragePool1d(), Dense(1)]
    network = Network(layers, loss=SigmoidCrossEntropy(), input_shape=(None,), seed=0)
    train(network, ids, [0, 1, 0, 1], optimizer=Adam(), epochs=2, batch_size=2, progress=False)
    longer = pad(tokenizer.encode(RHYME), 40)
    np.testing.assert_allclose(network.predict_proba(longer), network.predict_proba(ids), rtol=1e-6)
