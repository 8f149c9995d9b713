"""Texts in the form that a network reads, in batches: bags of features, or token sequences.

A reader learns its vocabulary from the training texts and turns any texts into examples. Examples
give the network's input for chosen rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.errors import DataError, require_integer, require_type
from plainnet.estimators.texts.features import Bags, NGrams
from plainnet.network import Network
from plainnet.text import PADDING, UNKNOWN, BytePairs, pad

Array = npt.NDArray[Any]

ROWS = 32
"""How many texts are measured at once."""
POOL = 16
"""How many batches are sorted by length together, so that a batch has little padding."""
LARGEST_VOCABULARY, LONGEST = 2_000, 128
MOST_TOKENS = 2**16
"""The largest length that a file may ask for."""


class Examples(Protocol):
    """Texts as a network reads them."""

    lengths: Array
    """The number of features or tokens in each text, shape (m,)."""
    time: int
    """The number of steps if the network reads sequences; else 1."""

    def __len__(self) -> int: ...

    def take(self, rows: Array) -> Self:
        """Some of the texts."""
        ...

    def batch(self, rows: Array) -> Any:
        """The network's input for these texts."""
        ...

    def block(self, start: int, stop: int, m: int) -> Any:
        """The input for texts `start` to `stop`, padded with empty texts up to m."""
        ...


class Reader(Protocol):
    """Turns texts into examples."""

    @property
    def vocabulary(self) -> int:
        """How many ids there are, padding included."""
        ...

    @property
    def tokens(self) -> list[str]:
        """What the ids from 1 on stand for."""
        ...

    length: int
    """The most tokens in a text; 0 for no limit."""

    def read(self, texts: Array) -> Examples: ...

    def expect_to_work(self) -> None:
        """Refuse what a damaged file has brought."""
        ...


class BagReader:
    """Texts as bags of words and character n-grams."""

    length = 0

    def __init__(self, texts: Array, min_count: int, most: int) -> None:
        self.ngrams = NGrams(texts, min_count=min_count, most=most)

    @property
    def vocabulary(self) -> int:
        return 1 + len(self.ngrams)

    @property
    def tokens(self) -> list[str]:
        """What the ids from 1 on stand for."""
        return self.ngrams.features

    def read(self, texts: Array) -> BagExamples:
        return BagExamples(self.ngrams.bags(texts))

    def expect_to_work(self) -> None:
        require_type("ngrams", self.ngrams, NGrams)
        self.ngrams.expect_to_work()


class BagExamples:
    """Padded bags: (ids, weights)."""

    time = 1

    def __init__(self, bags: Bags) -> None:
        self.bags, self.lengths = bags, bags.lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: Array) -> BagExamples:
        return BagExamples(self.bags.take(rows))

    def batch(self, rows: Array) -> tuple[Array, Array]:
        return self._padded(rows, len(rows))

    def block(self, start: int, stop: int, m: int) -> tuple[Array, Array]:
        return self._padded(np.arange(start, stop), m)

    def _padded(self, rows: Array, m: int) -> tuple[Array, Array]:
        bags = self.bags.take(rows)
        lengths = np.zeros(m, np.intp)
        lengths[: len(rows)] = bags.lengths
        length = max(int(lengths.max()), 1)
        ids, weights = np.zeros((m, length), np.intp), np.zeros((m, length), np.float32)
        data = np.arange(length) < lengths[:, None]
        ids[data] = bags.ids + 1
        weights[data] = bags.weights
        return ids, weights


class TokenReader:
    """Texts as sequences of byte-pair tokens; long texts are cut off at the end."""

    def __init__(self, texts: Array) -> None:
        self.tokenizer = BytePairs.learn(texts, size=LARGEST_VOCABULARY)
        lengths = [len(ids) for ids in self.tokenizer.encode(texts)]
        self.length = int(np.clip(np.quantile(lengths, 0.98), 1, LONGEST))

    @property
    def vocabulary(self) -> int:
        return len(self.tokenizer)

    @property
    def tokens(self) -> list[str]:
        """What the ids from 1 on stand for."""
        return [self.tokenizer.decode([i]) for i in range(1, self.vocabulary)]

    def read(self, texts: Array) -> TokenExamples:
        return TokenExamples(self.tokenizer.encode(texts), self.length)

    def expect_to_work(self) -> None:
        require_type("tokenizer", self.tokenizer, BytePairs)
        BytePairs(self.tokenizer.merges)
        require_integer("length", self.length, at_least=1, at_most=MOST_TOKENS)


class TokenExamples:
    """Padded ids; for a prediction they always have the same length."""

    def __init__(self, sequences: list[Array], length: int) -> None:
        nothing = np.array([UNKNOWN])  # an empty text: attention needs a step to look at
        self.sequences = [ids[:length] if len(ids) else nothing for ids in sequences]
        self.lengths = np.array([len(ids) for ids in self.sequences], np.intp)
        self.time = length

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, rows: Array) -> TokenExamples:
        return TokenExamples([self.sequences[i] for i in rows], self.time)

    def batch(self, rows: Array) -> Array:
        return pad([self.sequences[i] for i in rows])

    def block(self, start: int, stop: int, m: int) -> Array:
        block = np.full((m, self.time), PADDING)
        block[stop - start :, 0] = UNKNOWN
        block[: stop - start] = pad(self.sequences[start:stop], self.time)
        return block


class Batches:
    """Batches for `train`, with texts of similar length, in a new order each epoch."""

    def __init__(
        self,
        examples: Examples,
        targets: Array,
        weights: Array | None,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        self.examples, self.targets, self.weights = examples, targets, weights
        self.batch_size, self.rng = batch_size, rng

    def __len__(self) -> int:
        return -(-len(self.targets) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        order = self.rng.permutation(len(self.targets))
        pool = POOL * self.batch_size
        for start in range(0, len(order), pool):
            together = order[start : start + pool]
            together = together[np.argsort(self.examples.lengths[together], kind="stable")]
            n = -(-len(together) // self.batch_size)
            for k in self.rng.permutation(n):
                rows = together[k * self.batch_size : (k + 1) * self.batch_size]
                batch = self.examples.batch(rows), self.targets[rows]
                yield batch if self.weights is None else (*batch, self.weights[rows])


def measured(network: Network, examples: Examples) -> Array:
    """One network's last pre-activations in float32, to compute a measure."""
    m, cache = len(examples), Cache(backward=False)
    Z = np.empty((m, *network.output_shape))
    with np.errstate(over="ignore", invalid="ignore"):  # the outputs are checked instead
        for start in range(0, m, ROWS):
            stop = min(start + ROWS, m)
            X = examples.block(start, stop, ROWS)
            Z[start:stop] = network.forward(X, cache)[: stop - start]
    return finite(Z)


def finite(Z: Array) -> Array:
    """The networks' outputs, if they are finite; otherwise an error."""
    if not np.isfinite(Z).all():
        raise DataError(
            "the outputs of a network are not finite: with a smaller learning_rate or weight_decay "
            "they stay so"
        )
    return Z
