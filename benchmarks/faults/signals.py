"""Images, series and strings that are drawn with a generator."""

import numpy as np

from faults.data import Source, split
from faults.setting import Data

LETTERS = 12
"""Ids of the strings below, from 0."""


def bars(n: int = 400, noise: float = 0.3) -> Source:
    """Images of 10 x 10: a bar that is horizontal, vertical or diagonal, somewhere."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 700
        y = rng.integers(0, 4, m)
        X = noise * rng.standard_normal((m, 10, 10, 1))
        steps = np.arange(5)
        for image, kind in zip(X, y, strict=True):
            row, column = rng.integers(0, 6, 2)
            down, right = ((0, 1), (1, 0), (1, 1), (-1, 1))[kind]
            rows = row + down * steps + (4 if down < 0 else 0)
            image[rows, column + right * steps, 0] += 1
        return split(X, y, n, 200, rng)

    return draw


def spots(n: int = 400) -> Source:
    """Images of 10 x 10 with bright spots; the target is how bright they are together."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 700
        X = 0.1 * rng.standard_normal((m, 10, 10, 1))
        y = np.zeros(m)
        for i in range(m):
            for _ in range(rng.integers(0, 5)):
                row, column = rng.integers(0, 9, 2)
                brightness = rng.uniform(0.5, 1.5)
                X[i, row : row + 2, column : column + 2, 0] += brightness
                y[i] += brightness
        return split(X, (y - 2) / 1.5, n, 200, rng)

    return draw


def waves(n: int = 400, time: int = 32, noise: float = 0.5) -> Source:
    """Series of one feature: a sine, a square wave, a sawtooth or a slower sine, in noise."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 700
        y = rng.integers(0, 4, m)
        period = np.where(y == 3, 16, 8)[:, None]
        phase = (np.arange(time) / period + rng.random((m, 1))) % 1
        sine = np.sin(2 * np.pi * phase)
        forms = np.stack([sine, np.sign(sine), 2 * phase - 1, sine])
        X = forms[y, np.arange(m)] + noise * rng.standard_normal((m, time))
        return split(X[:, :, None], y, n, 200, rng)

    return draw


def remembered(time: int = 12, n: int = 400, noise: float = 0.3) -> Source:
    """Series of two features; the class is which of 4 signs the first step had."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 700
        X = noise * rng.standard_normal((m, time, 2))
        y = rng.integers(0, 4, m)
        X[:, 0] += np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[y]
        return split(X, y, n, 200, rng)

    return draw


def sums(time: int = 10, n: int = 400) -> Source:
    """The sum of a series where the second feature is 1, as in the adding problem."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 700
        values = rng.uniform(-1, 1, (m, time))
        marked = rng.random((m, time)) < 0.4
        total = (values * marked).sum(axis=1)
        return split(np.stack([values, marked], axis=2), total / total.std(), n, 200, rng)

    return draw


def strings(time: int = 12, n: int = 800, n_classes: int = 3) -> Source:
    """Strings of letters; each class has its own chances for the next letter."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 800
        # The chances are those of the data set, whatever the rows that are drawn from it.
        chances = np.random.default_rng(7).dirichlet(np.full(LETTERS, 0.3), (n_classes, LETTERS))
        y = rng.integers(0, n_classes, m)
        X = np.zeros((m, time), np.int64)
        X[:, 0] = rng.integers(0, LETTERS, m)
        for t in range(1, time):
            ends = chances[y, X[:, t - 1]].cumsum(axis=1)
            X[:, t] = np.minimum((rng.random((m, 1)) > ends).sum(axis=1), LETTERS - 1)
        return split(X, y, n, 200, rng)

    return draw


def pairs(time: int = 8, n: int = 1800) -> Source:
    """Strings in which the letter 0 occurs; the class is the letter after it, from 1 to 4."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 800
        X = rng.integers(1, LETTERS, (m, time))
        y, place = rng.integers(0, 4, m), rng.integers(0, time - 1, m)
        X[np.arange(m), place], X[np.arange(m), place + 1] = 0, y + 1
        return split(X, y, n, 200, rng)

    return draw


def majorities(time: int = 15, n: int = 500) -> Source:
    """Strings; the class is whether letters below 6 are in the majority."""

    def draw(rng: np.random.Generator) -> Data:
        X = rng.integers(0, LETTERS, (n + 800, time))
        y = ((X < LETTERS // 2).sum(axis=1) > time / 2).astype(np.int64)
        return split(X, y, n, 200, rng)

    return draw
