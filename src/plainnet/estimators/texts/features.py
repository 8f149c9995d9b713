"""Features of texts: words, pairs of words and character n-grams, weighted by tf-idf.

NGrams        the vocabulary of some texts, and bags of its features for any texts
TextFeatures  a few numbers for each text, from the bags by a truncated singular value decomposition

Nothing is hashed: `NGrams.features` lists what each id stands for. Character n-grams lie within a
word and the spaces around it, as in fastText (Bojanowski et al. 2017, section 3.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import svds

from plainnet.errors import DataError, require_integer, require_type
from plainnet.estimators.texts.column import as_texts
from plainnet.text import code_points, words_of

Array = npt.NDArray[Any]

LONGEST, MOST = 5, 50_000
"""The most characters in an n-gram, and the most features in a vocabulary."""
BITS = 12
"""Bits per character in an n-gram's 60-bit code, for the 4,095 most frequent characters."""
SPACE = ord(" ")
AT_ONCE = 2**19
"""How many characters are processed at once, to bound memory."""


@dataclass
class Bags:
    """The features of m texts: those of text i are `ids[starts[i] : starts[i + 1]]`."""

    starts: Array
    ids: Array
    weights: Array

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Array:
        return np.diff(self.starts)

    def take(self, rows: Array) -> Bags:
        """The features of some of the texts."""
        lengths = self.lengths[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        place = np.arange(ends[-1]) + np.repeat(self.starts[rows] - ends[:-1], lengths)
        return Bags(ends, self.ids[place], self.weights[place])

    def matrix(self, n_features: int) -> Any:
        """The weights as a sparse matrix of shape (m, n_features)."""
        return sparse.csr_matrix(
            (self.weights, self.ids, self.starts), shape=(len(self), n_features)
        )


class NGrams:
    """The words, pairs of neighbouring words and character n-grams of some texts.

    Parameters
    ----------
    texts : array of str, shape (m,)
        As `as_texts` gives them.
    min_count : int
        Features that occur in fewer texts are left out.
    most : int
        At most this many features are kept: those that occur in the most texts.

    Attributes
    ----------
    features : list of str
        What each id stands for: "word", "two words", and characters in brackets, "[ing ]".
    idf : array of shape (features,)
        log((1 + m) / (1 + number of texts with the feature)) + 1.
    """

    def __init__(self, texts: Array, *, min_count: int = 2, most: int = MOST) -> None:
        self.alphabet = _alphabet(texts)
        words = Counter[str]()
        pairs = Counter[str]()
        for text in texts:
            found = words_of(text)
            words.update(dict.fromkeys(found, 1))  # each once, in an order that is always the same
            pairs.update(dict.fromkeys((f"{a} {b}" for a, b in pairwise(found)), 1))
        counts = [(count, word) for word, count in chain(words.items(), pairs.items())]
        codes, times = self._character_counts(texts, min_count)
        totals = np.concatenate([np.array([c for c, _ in counts], np.intp), times])
        kept = np.flatnonzero(totals >= min_count)
        kept = np.sort(kept[np.argsort(-totals[kept], kind="stable")[:most]])
        n = int(np.searchsorted(kept, len(counts)))
        self.words = [counts[i][1] for i in kept[:n]]
        self.codes = codes[kept[n:] - len(counts)]
        """Of character n-grams, ascending."""
        self.idf = np.log((1 + len(texts)) / (1 + totals[kept])) + 1
        self._ids = {word: i for i, word in enumerate(self.words)}

    # Pickles and files have the words as one text, with a line for each.

    def __getstate__(self) -> dict[str, Any]:
        return {
            "alphabet": self.alphabet,
            "words": "\n".join(self.words),
            "codes": self.codes,
            "idf": self.idf,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.words = state["words"].split("\n") if state["words"] else []
        self._ids = {word: i for i, word in enumerate(self.words)}

    def expect_to_work(self) -> None:
        """Refuse what a damaged file has brought."""
        for name, kind in (("alphabet", "u"), ("codes", "i"), ("idf", "f")):
            array = vars(self).get(name)
            if not (isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind == kind):
                raise DataError(f"its {name} is not what it was")
        if len(self._ids) + len(self.codes) != len(self.idf):
            raise DataError("it does not have an idf for each word and n-gram")
        if not np.isfinite(self.idf).all():
            raise DataError("its idf is not finite")
        if any((array[1:] <= array[:-1]).any() for array in (self.alphabet, self.codes)):
            raise DataError("its characters or n-grams are not in ascending order")

    def __len__(self) -> int:
        return len(self.idf)

    @property
    def features(self) -> list[str]:
        """What each id stands for."""
        return [*self.words, *(f"[{self._spelled(code)}]" for code in self.codes.tolist())]

    def bags(self, texts: Array) -> Bags:
        """Each text's features in order of their ids, with weights (1 + log count) idf.

        The weights of a text's words and those of its character n-grams each have norm 1.
        """
        together = [self._bags(part) for part in _parts(texts)]
        lengths = np.concatenate([bags.lengths for bags in together])
        return Bags(
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([bags.ids for bags in together]),
            np.concatenate([bags.weights for bags in together]),
        )

    def _bags(self, texts: Array) -> Bags:
        n, m = len(self), len(texts)
        keys = np.concatenate([*self._word_keys(texts), *self._character_keys(texts)])
        keys, times = np.unique(keys, return_counts=True)
        rows, ids = keys // max(n, 1), keys % max(n, 1)
        weights = LOGARITHMS[np.minimum(times, len(LOGARITHMS) - 1)] * self.idf[ids]
        part = 2 * rows + (ids >= len(self.words))
        squares = np.bincount(part, weights**2, minlength=2 * m)
        weights /= np.sqrt(squares)[part]
        starts = np.searchsorted(rows, np.arange(m + 1))
        return Bags(starts, ids.astype(np.int32), weights.astype(np.float32))

    # Both as keys: the text's row times the number of features, plus the feature's id.

    def _word_keys(self, texts: Array) -> Iterable[Array]:
        known, n = self._ids, len(self)
        for row, text in enumerate(texts):
            found = words_of(text)
            of_pairs = (known.get(f"{a} {b}", -1) for a, b in pairwise(found))
            ids = [i for i in chain((known.get(word, -1) for word in found), of_pairs) if i >= 0]
            yield np.array(ids, np.int64) + row * n

    def _character_keys(self, texts: Array) -> Iterable[Array]:
        if not len(self.codes):
            return
        for codes, rows in self._grams(texts):
            place = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
            known = self.codes[place] == codes
            yield rows[known] * len(self) + len(self.words) + place[known]

    def _character_counts(self, texts: Array, min_count: int) -> tuple[Array, Array]:
        """(codes, texts that have each), of those that occur often enough, codes ascending."""
        totals: dict[int, tuple[Array, Array]] = {}
        for part in _parts(texts):
            for n, (codes, rows) in enumerate(self._grams(part)):
                order = np.lexsort((rows, codes))
                codes, rows = codes[order], rows[order]
                new = np.ones(len(codes), bool)
                new[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
                found, times = np.unique(codes[new], return_counts=True)
                if n in totals:
                    found, inverse = np.unique(
                        np.concatenate([totals[n][0], found]), return_inverse=True
                    )
                    times = np.bincount(inverse, np.concatenate([totals[n][1], times]))
                totals[n] = found, times.astype(np.intp)
        codes = np.concatenate([found for found, _ in totals.values()] or [np.empty(0, np.int64)])
        times = np.concatenate([times for _, times in totals.values()] or [np.empty(0, np.intp)])
        often = times >= min_count
        codes, times = codes[often], times[often]
        order = np.argsort(codes)
        return codes[order], times[order]

    def _grams(self, texts: Array) -> Iterable[tuple[Array, Array]]:
        """(codes, rows) of all n-grams of two characters and more, one length after the other.

        Only the first and the last character of an n-gram may be a space, and none is unknown.
        """
        spaced = [f" {' '.join(text.lower().split())} " for text in texts]
        points = code_points("".join(spaced))
        ids = np.searchsorted(self.alphabet, points).clip(max=max(len(self.alphabet) - 1, 0))
        ids = np.where(self.alphabet[ids] == points, ids + 1, 0) if len(self.alphabet) else ids * 0
        rows = np.repeat(np.arange(len(spaced)), [len(text) for text in spaced])
        space = points == SPACE
        codes, inside = ids.astype(np.int64), ids > 0
        for n in range(2, LONGEST + 1):
            # One more character behind each; what was the last is inside now.
            inside = inside[:-1] & (ids[n - 1 :] > 0) & (rows[: 1 - n] == rows[n - 1 :])
            if n > 2:
                inside &= ~space[n - 2 : -1]
            codes = (codes[:-1] << BITS) | ids[n - 1 :]
            kept = inside & ~(space[: 1 - n] & space[n - 1 :]) if n == 2 else inside
            yield codes[kept], rows[: 1 - n][kept]

    def _spelled(self, code: int) -> str:
        out = ""
        while code:
            out = chr(self.alphabet[(code & (1 << BITS) - 1) - 1]) + out
            code >>= BITS
        return out


LOGARITHMS = np.concatenate([[0.0], 1 + np.log(np.arange(1, 1024))])
"""1 + log count."""


def _alphabet(texts: Array) -> Array:
    """The most frequent characters, in the order of Unicode."""
    found, counts = np.empty(0, np.uint32), np.empty(0, np.intp)
    for part in _parts(texts):
        points = code_points(" ".join(["", *part]).lower())
        more, times = np.unique(points, return_counts=True)
        found, inverse = np.unique(np.concatenate([found, more]), return_inverse=True)
        counts = np.bincount(inverse, np.concatenate([counts, times])).astype(np.intp)
    order = np.argsort(-counts, kind="stable")[: (1 << BITS) - 1]
    return np.sort(found[order])


def _parts(texts: Array) -> Iterable[Array]:
    """Some texts at a time, at least one."""
    lengths = np.array([len(text) for text in texts])
    part = np.cumsum(lengths) // AT_ONCE
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(texts)]):
        yield texts[start:end]


class TextFeatures:
    """A few numbers for each text: its bag of words and n-grams, projected without targets.

    The projection is a truncated singular value decomposition of the training texts' tf-idf weights
    (latent semantic analysis, Deerwester et al. 1990). It is deterministic, and the numbers of a
    text do not depend on the texts beside it.

    Parameters
    ----------
    X : list, array or Series of m texts
        Missing values count as "".
    n_features : int
        The most numbers per text; few distinct texts give fewer.
    most : int
        The most words, pairs of words and n-grams in the vocabulary.

    Attributes
    ----------
    ngrams : NGrams
    projection : array of shape (len(ngrams), d)

    Examples
    --------
    >>> features = TextFeatures(["a red rose", "a red tulip", "two blue seas", "a blue sea"], 2)
    >>> features.transform(["red", None]).shape
    (2, 2)
    """

    def __init__(self, X: Any, n_features: int = 24, *, most: int = MOST) -> None:
        n_features = require_integer("n_features", n_features, at_least=1)
        texts = as_texts(X)
        self.ngrams = NGrams(texts, most=most)
        M = self.ngrams.bags(texts).matrix(len(self.ngrams)).astype(np.float64)
        self.projection = _directions(M, n_features)

    def expect_to_work(self) -> None:
        """Refuse what a damaged file has brought."""
        require_type("ngrams", vars(self).get("ngrams"), NGrams)
        self.ngrams.expect_to_work()
        P = vars(self).get("projection")
        if not (isinstance(P, np.ndarray) and P.dtype == np.float64 and np.isfinite(P).all()):
            raise DataError("its projection is not finite")
        if P.ndim != 2 or len(P) != len(self.ngrams):
            raise DataError(f"its projection does not have {len(self.ngrams)} rows")

    @property
    def n_features(self) -> int:
        """How many numbers a text gets."""
        return int(self.projection.shape[1])

    def transform(self, X: Any) -> Array:
        """The numbers of m texts, shape (m, n_features), float64."""
        M = self.ngrams.bags(as_texts(X)).matrix(len(self.ngrams)).astype(np.float64)
        return np.asarray(M @ self.projection)


def _directions(M: Any, k: int) -> Array:
    """The right singular vectors of the k largest singular values, the larger first."""
    k = min(k, min(M.shape) - 1)
    if k < 1 or not M.nnz:
        return np.zeros((M.shape[1], 0))
    _, first, counts = np.unique(
        M @ np.sqrt(1 + np.arange(M.shape[1])), return_index=True, return_counts=True
    )
    if len(first) <= k:  # different texts; ARPACK would go on with random vectors
        rows = M[first].toarray() * np.sqrt(counts)[:, None]
        _, sizes, Vt = np.linalg.svd(rows, full_matrices=False)
    else:
        start = np.random.default_rng(0).standard_normal(min(M.shape))
        _, sizes, Vt = svds(M, k=k, v0=start, solver="arpack")
    order = np.argsort(-sizes, kind="stable")
    V, sizes = Vt[order].T, sizes[order]
    V = V[:, sizes > 1e-9 * sizes[0]]
    signs = np.sign(V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])])
    return np.ascontiguousarray(V * signs)
