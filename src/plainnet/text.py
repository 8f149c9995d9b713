"""Texts as ids: tokenizers that learn their tokens from texts, padding and masks.

    Characters  a token for each character
    Words       a token for each word, and for each mark between words
    BytePairs   pieces of words, learned by byte-pair encoding; no text is unknown to it

Ids start with `PADDING`, 0, and `UNKNOWN`, 1, for tokens that were not learned. `pad` makes one
array of several texts, and `Embedding(len(tokenizer), width, padding=PADDING)` recognises padding.

>>> tokenizer = Words.learn(["a rose is a rose", "is it?"])
>>> pad(tokenizer.encode(["it is a rose", "it was"]))
array([[5, 4, 2, 3],
       [5, 1, 0, 0]])
>>> tokenizer.decode([2, 3])
'a rose'
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers
from plainnet.arguments.config import Configurable, rebuild
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    counted,
    require_boolean,
    require_integer,
    require_sequence,
    shown,
)

__all__ = [
    "PADDING",
    "UNKNOWN",
    "BytePairs",
    "Characters",
    "Tokenizer",
    "Words",
    "from_config",
    "mask",
    "pad",
]

Array = npt.NDArray[Any]

PADDING = 0
"""The id that fills up the shorter texts in an array."""
UNKNOWN = 1
"""The id of every token that was not learned."""
FIRST = 2
"""The id of the first token."""

WORD = re.compile(r"\w+|[^\w\s]")
"""A word, or one mark between words."""
PIECE = re.compile(r"\s?\w{1,40}|\s?[^\w\s]{1,40}|\s{1,40}")
"""Byte pairs are merged only within such a piece: a word or marks, with the space before. Its
length is limited, so that a text without spaces takes no more time than others."""
UNSEEN = "\N{REPLACEMENT CHARACTER}"
"""The text for an id without a token."""


class Tokenizer(Configurable):
    """Converts texts to ids and back. `from_config` rebuilds it from `config()`, JSON data."""

    @classmethod
    @abstractmethod
    def learn(cls, texts: Iterable[str]) -> Self:
        """A tokenizer with the tokens of these texts."""

    @abstractmethod
    def _encoded(self, texts: Sequence[str]) -> list[Array]: ...

    @abstractmethod
    def _decoded(self, ids: Array) -> str: ...

    @abstractmethod
    def __len__(self) -> int:
        """The number of ids, including `PADDING` and `UNKNOWN`."""

    @overload
    def encode(self, texts: str) -> Array: ...  # type: ignore[overload-overlap]

    @overload
    def encode(self, texts: Iterable[str]) -> list[Array]: ...

    def encode(self, texts: str | Iterable[str]) -> Array | list[Array]:
        """The ids of a text, shape (time,); for a list of texts, a list of such arrays."""
        if isinstance(texts, str):
            return self._encoded([texts])[0]
        return self._encoded(_checked(texts))

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids of shape (time,); padding is left out."""
        ids = as_numbers("ids", ids)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise ShapeError(
                f"ids must be integers of shape (time,), those of one text; got {ids.dtype} of "
                f"shape {ids.shape}"
            )
        if ids.size and not (ids.min() >= 0 and ids.max() < len(self)):
            raise DataError(
                f"ids must lie between 0 and {len(self) - 1}; got {ids.min()} to {ids.max()}"
            )
        return self._decoded(ids[ids != PADDING].astype(np.intp))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {counted(len(self), 'id')}>"


class Characters(Tokenizer):
    """A token for each character.

    Parameters
    ----------
    tokens : str
        The characters; the first has the id 2. `learn` finds the characters of given texts.

    Examples
    --------
    >>> tokenizer = Characters.learn(["banana"])
    >>> tokenizer.encode("bang")
    array([3, 2, 4, 1])
    >>> tokenizer.decode(tokenizer.encode("nab"))
    'nab'
    """

    def __init__(self, tokens: str) -> None:
        if not isinstance(tokens, str):
            raise SettingError(
                f"tokens must be a text of different characters; got {shown(tokens)}"
            )
        if len(set(tokens)) < len(tokens):
            raise SettingError("tokens has a character more than once")
        self.tokens = tokens

    @classmethod
    def learn(cls, texts: Iterable[str], *, min_count: int = 1) -> Self:
        """A tokenizer of the characters that occur at least `min_count` times, in Unicode order."""
        least = require_integer("min_count", min_count, at_least=1)
        found, times = np.unique(code_points("".join(_checked(texts))), return_counts=True)
        return cls(_text_of(found[times >= least]))

    def __len__(self) -> int:
        return FIRST + len(self.tokens)

    def _encoded(self, texts: Sequence[str]) -> list[Array]:
        known = code_points(self.tokens)
        order = np.argsort(known)
        points = code_points("".join(texts))
        ids = np.full(len(points), UNKNOWN)
        if len(known):
            place = order[np.searchsorted(known, points, sorter=order).clip(max=len(known) - 1)]
            ids = np.where(known[place] == points, place + FIRST, UNKNOWN)
        return _apart(ids, [len(text) for text in texts])

    def _decoded(self, ids: Array) -> str:
        points = code_points("\0" + UNSEEN + self.tokens)
        return _text_of(points[ids])


class Words(Tokenizer):
    """A token for each word, and for each mark between words; spaces only separate them.

    Parameters
    ----------
    tokens : sequence of str
        The words; the first has the id 2. `learn` finds the words of given texts.
    lower : bool
        Whether upper case becomes lower case.
    """

    def __init__(self, tokens: Sequence[str], *, lower: bool = True) -> None:
        self.tokens = require_sequence("tokens", tokens, "words")
        if not all(isinstance(token, str) for token in self.tokens):
            raise SettingError("tokens must be words, each a str")
        self.lower = require_boolean("lower", lower)
        self._ids = {token: i for i, token in enumerate(self.tokens, FIRST)}
        if len(self._ids) < len(self.tokens):
            raise SettingError("tokens has a word more than once")

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        *,
        most: int | None = None,
        min_count: int = 1,
        lower: bool = True,
    ) -> Self:
        """A tokenizer of at most `most` words that occur at least `min_count` times.

        The most frequent words come first.
        """
        least = require_integer("min_count", min_count, at_least=1)
        if most is not None:
            most = require_integer("most", most, at_least=0)
        times = Counter[str]()
        for text in _checked(texts):
            times.update(words_of(text, lower))
        kept = [word for word, count in times.most_common(most) if count >= least]
        return cls(kept, lower=lower)

    def __len__(self) -> int:
        return FIRST + len(self.tokens)

    def _encoded(self, texts: Sequence[str]) -> list[Array]:
        ids = self._ids
        each = ([ids.get(word, UNKNOWN) for word in words_of(t, self.lower)] for t in texts)
        return [np.array(row, np.intp) for row in each]

    def _decoded(self, ids: Array) -> str:
        tokens = ["", UNSEEN, *self.tokens]
        return " ".join(tokens[i] for i in ids.tolist())


class BytePairs(Tokenizer):
    """Pieces of words: single bytes, and frequent pairs of pieces merged into one.

    Byte-pair encoding (Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword
    Units, algorithm 1), on the bytes of UTF-8 instead of characters (Radford et al. 2019), so that
    no text is unknown: `decode(encode(text)) == text`. The ids 2 to 257 are the bytes.

    Parameters
    ----------
    merges : sequence of pairs of int
        Pairs of ids in the order in which they are merged; the first pair gets the id 258, and so
        on. `learn` finds the pairs of given texts.

    Examples
    --------
    >>> tokenizer = BytePairs.learn(["low lower lowest", "new newer newest"] * 3, size=270)
    >>> [tokenizer.decode([i]) for i in tokenizer.encode("slow")]
    ['s', 'low']
    """

    def __init__(self, merges: Sequence[Sequence[int]]) -> None:
        pairs = require_sequence("merges", merges, "pairs of ids")
        self.merges = [
            [
                require_integer("an id in merges", i, at_least=FIRST, at_most=BYTES + k - 1)
                for i in require_sequence("each of merges", pair, "two ids")
            ]
            for k, pair in enumerate(pairs)
        ]
        if any(len(pair) != 2 for pair in self.merges):
            raise SettingError("each of merges must be two ids")
        self._rank = self._ranked()
        if len(self._rank) < len(self.merges):
            raise SettingError("merges has a pair more than once")

    def _ranked(self) -> dict[tuple[int, int], int]:
        return {(a, b): BYTES + k for k, (a, b) in enumerate(self.merges)}

    # Pickles and files have the merges as one array.

    def __getstate__(self) -> dict[str, Any]:
        return {"merges": np.array(self.merges, np.intp).reshape(-1, 2)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.merges = state["merges"].tolist()
        self._rank = self._ranked()

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int = 1000, min_count: int = 2) -> Self:
        """Merge the most frequent pair until there are `size` ids or it is rarer than `min_count`.

        Of equally frequent pairs, the one with the lower ids comes first.
        """
        size = require_integer("size", size, at_least=BYTES)
        least = require_integer("min_count", min_count, at_least=1)
        times = Counter[str]()
        for text in _checked(texts):
            times.update(PIECE.findall(text))
        return cls(_merges(times, size - BYTES, least))

    def __len__(self) -> int:
        return BYTES + len(self.merges)

    def _encoded(self, texts: Sequence[str]) -> list[Array]:
        known: dict[str, list[int]] = {}
        encoded = []
        for text in texts:
            ids: list[int] = []
            for piece in PIECE.findall(text):
                found = known.get(piece)
                if found is None:
                    found = known[piece] = self._of_piece(piece)
                ids += found
            encoded.append(np.array(ids, np.intp))
        return encoded

    def _of_piece(self, piece: str) -> list[int]:
        """One pair after the other, in the order in which they were learned."""
        ids = _bytes_of(piece)
        rank, never = self._rank, len(self)
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda pair: rank.get(pair, never))
            if pair not in rank:
                break
            ids = _merged(ids, pair, rank[pair])
        return ids

    def _decoded(self, ids: Array) -> str:
        pieces = [b"", UNSEEN.encode(), *(bytes([i]) for i in range(256))]
        for a, b in self.merges:
            pieces.append(pieces[a] + pieces[b])
        whole = b"".join(pieces[i] for i in ids.tolist())
        try:
            return whole.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # cut in the middle of a character
            return whole.decode("utf-8", "replace")


BYTES = FIRST + 256
"""The id of the first merged pair."""


def _bytes_of(piece: str) -> list[int]:
    return [FIRST + byte for byte in piece.encode("utf-8", "surrogatepass")]


def _merged(ids: list[int], pair: tuple[int, int], merged: int) -> list[int]:
    """Each place of the pair, from the left, as one id."""
    out, i, n = [], 0, len(ids)
    while i < n:
        if i + 1 < n and ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(merged)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def _merges(times: Mapping[str, int], most: int, least: int) -> list[tuple[int, int]]:
    """Algorithm 1, where only words with the merged pair are looked at again.

    The heap may hold counts of the past; what comes out of it is compared with the present.
    """
    words = [(_bytes_of(piece), count) for piece, count in times.items()]
    counts, homes = Counter[tuple[int, int]](), defaultdict[tuple[int, int], set[int]](set)
    for i, (ids, count) in enumerate(words):
        for pair in pairwise(ids):
            counts[pair] += count
            homes[pair].add(i)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)
    merges: list[tuple[int, int]] = []
    while heap and len(merges) < most:
        count, best = heappop(heap)
        if counts[best] != -count:  # of the past
            continue
        if -count < least:
            break
        changed = set[tuple[int, int]]()
        for i in homes.pop(best):
            ids, count = words[i]
            for pair in pairwise(ids):
                counts[pair] -= count
                changed.add(pair)
            ids = _merged(ids, best, BYTES + len(merges))
            words[i] = ids, count
            for pair in pairwise(ids):
                counts[pair] += count
                homes[pair].add(i)
                changed.add(pair)
        merges.append(best)
        for pair in changed:
            if counts[pair] > 0:
                heappush(heap, (-counts[pair], pair))
    return merges


def from_config(config: Mapping[str, Any]) -> Tokenizer:
    """Rebuild a tokenizer from its `config()`, which may have been read from a JSON file.

    >>> from_config(Characters("ab").config()).encode("abc")
    array([2, 3, 1])
    """
    if not isinstance(config, Mapping) or "type" not in config:
        raise SettingError(f"config must describe a tokenizer; got {shown(config)}")
    made = rebuild(config, {kind.__name__: kind for kind in (Characters, Words, BytePairs)})
    if not isinstance(made, Tokenizer):
        raise SettingError(f"config must describe a tokenizer; got {shown(config)}")
    return made


# --- padding --------------------------------------------------------------------------------------


def pad(
    sequences: Sequence[npt.ArrayLike], length: int | None = None, *, padding: int = PADDING
) -> Array:
    """Ids of several texts as one array, shape (m, length), with padding at the end.

    Parameters
    ----------
    sequences : sequence of 1-D arrays of ids
    length : int, optional
        By default that of the longest text. Texts that are longer lose their end.
    padding : int
        The id that fills up shorter texts.
    """
    rows = [as_numbers("each of sequences", row) for row in sequences]
    if any(row.ndim != 1 or (row.size and row.dtype.kind not in "iu") for row in rows):
        raise ShapeError("sequences must be 1-D arrays of ids, one for each text")
    lengths = np.array([len(row) for row in rows], np.intp)
    if length is None:
        length = max(int(lengths.max(initial=0)), 1)
    length = require_integer("length", length, at_least=1)
    padding = require_integer("padding", padding, at_least=0)
    padded = np.full((len(rows), length), padding)
    if len(rows):
        together = np.concatenate([row[:length] for row in rows])
        padded[np.arange(length) < lengths[:, None]] = together
    return padded


def mask(ids: npt.ArrayLike, *, padding: int = PADDING) -> Array:
    """Which steps are not padding: booleans of shape (m, time)."""
    return np.asarray(as_numbers("ids", ids) != padding)


# --- texts ----------------------------------------------------------------------------------------


def words_of(text: str, lower: bool = True) -> list[str]:
    """The words of a text and the marks between them, in order.

    >>> words_of("It isn't over.")
    ['it', 'isn', "'", 't', 'over', '.']
    """
    return WORD.findall(text.lower() if lower else text)


def code_points(text: str) -> Array:
    """The Unicode code point of each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _text_of(points: Array) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _apart(together: Array, lengths: Sequence[int]) -> list[Array]:
    ends = np.cumsum([0, *lengths]).tolist()
    return [together[a:b] for a, b in pairwise(ends)]


def _checked(texts: Iterable[str]) -> list[str]:
    """A list of texts; a single text or anything else is refused."""
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
        raise DataError(f"texts must be several texts, such as a list of str; got {shown(texts)}")
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"texts must be str; text {row} is {shown(text)}")
    return texts
