"""The data sets: rows for training, validation and test, drawn with a generator."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets

from faults.setting import Data

Array = npt.NDArray[Any]
Source = Callable[[np.random.Generator], Data]


@cache
def loaded(name: str) -> tuple[Array, Array]:
    """One of scikit-learn's data sets, as it is."""
    keywords = {"scaled": False} if name == "diabetes" else {}
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, **keywords)
    return X.astype(np.float64), y


def split(X: Array, y: Array, n: int, n_validation: int, rng: np.random.Generator) -> Data:
    """n rows for training, the next for validation, the rest for the test."""
    order = rng.permutation(len(X))
    fit, held, test = np.split(order, [n, n + n_validation])
    return Data(X[fit], y[fit], (X[held], y[held]), (X[test], y[test]))


def standardised(data: Data) -> Data:
    """Inputs with the mean 0 and the variance 1 of the training rows."""
    mean, deviation = data.X.mean(axis=0), data.X.std(axis=0) + 1e-8
    X, held, test = ((Z - mean) / deviation for Z in (data.X, data.validation[0], data.test[0]))
    return Data(X, data.y, (held, data.validation[1]), (test, data.test[1]))


def standardised_target(data: Data) -> Data:
    mean, deviation = data.y.mean(), data.y.std()
    y, held, test = ((t - mean) / deviation for t in (data.y, data.validation[1], data.test[1]))
    return Data(data.X, y, (data.validation[0], held), (data.test[0], test))


def digits(n: int = 900, n_validation: int = 300) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        X, y = loaded("digits")
        return split(X / 16, y, n, n_validation, rng)

    return draw


def digit_images(n: int = 900, n_validation: int = 300) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        X, y = loaded("digits")
        return split(X.reshape(-1, 8, 8, 1) / 16, y, n, n_validation, rng)

    return draw


def flowers(rng: np.random.Generator) -> Data:
    return standardised(split(*loaded("iris"), 75, 30, rng))


def wines(rng: np.random.Generator) -> Data:
    return standardised(split(*loaded("wine"), 80, 38, rng))


def raw_wines(rng: np.random.Generator) -> Data:
    """Columns from 0.1 to 1680, as they were measured."""
    return split(*loaded("wine"), 80, 38, rng)


def tumours(rng: np.random.Generator) -> Data:
    return standardised(split(*loaded("breast_cancer"), 280, 120, rng))


def raw_tumours(rng: np.random.Generator) -> Data:
    return split(*loaded("breast_cancer"), 280, 120, rng)


def patients(rng: np.random.Generator) -> Data:
    """Diabetes: 10 columns, and how far the disease has gone a year later."""
    return standardised_target(standardised(split(*loaded("diabetes"), 222, 80, rng)))


def raw_patients(rng: np.random.Generator) -> Data:
    """Inputs in years, mmHg and mg/dl; the target has the mean 0 and the variance 1."""
    return standardised_target(split(*loaded("diabetes"), 222, 80, rng))


def blobs(
    n_classes: int = 3, n: int = 400, *, noise: float = 0.0, separation: float = 1.5
) -> Source:
    """Clusters at the corners of a cube in 6 of 10 dimensions, 2 for each class."""

    def draw(rng: np.random.Generator) -> Data:
        X, y = datasets.make_classification(
            n + 200 + 600, 10, n_informative=6, n_redundant=2, n_classes=n_classes,
            class_sep=separation, flip_y=noise, random_state=int(rng.integers(2**31)),
        )  # fmt: skip
        return standardised(split(X, y, n, 200, rng))

    return draw


def moons(n: int = 300, noise: float = 0.15) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        X, y = datasets.make_moons(n + 700, noise=noise, random_state=int(rng.integers(2**31)))
        return standardised(split(X, y, n, 200, rng))

    return draw


def rings(rng: np.random.Generator) -> Data:
    """Two circles, one inside the other."""
    X, y = datasets.make_circles(
        1000, noise=0.08, factor=0.5, random_state=int(rng.integers(2**31))
    )
    return standardised(split(X, y, 300, 200, rng))


def spirals(rng: np.random.Generator) -> Data:
    """Three arms, one turn each."""
    y = rng.integers(0, 3, 1300)
    radius = np.sqrt(rng.uniform(0.02, 1, 1300))
    angle = 2 * np.pi * (radius + y / 3) + 0.15 * rng.standard_normal(1300)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return standardised(split(X, y, 500, 200, rng))


def friedman(n: int = 400, noise: float = 1.0) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        X, y = datasets.make_friedman1(n + 800, noise=noise, random_state=int(rng.integers(2**31)))
        return standardised_target(standardised(split(X, y, n, 200, rng)))

    return draw


def linear(n: int = 300, noise: float = 20.0) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        X, y = datasets.make_regression(
            n + 700, 12, n_informative=8, noise=noise, random_state=int(rng.integers(2**31))
        )
        return standardised_target(standardised(split(X, y, n, 200, rng)))

    return draw


def raw_houses(n: int = 700) -> Source:
    """Prices by area, age, rooms, distance, income and 3 flags, each in its own unit."""

    def draw(rng: np.random.Generator) -> Data:
        m = n + 800
        area, age = rng.lognormal(4.7, 0.4, m), rng.uniform(0, 90, m)
        rooms = np.maximum(1, np.round(area / 28 + rng.standard_normal(m)))
        distance, income = rng.exponential(6000, m), rng.lognormal(10.5, 0.5, m)
        flags = rng.random((m, 3)) < (0.3, 0.5, 0.1)
        log_price = (
            0.8 * np.log(area) - 0.00015 * (age - 45) ** 2 - distance / 15000
            + 0.6 * np.log(income) * (1 + 0.02 * flags[:, 0]) + 0.05 * rooms
            + 0.3 * flags[:, 2] + 0.15 * rng.standard_normal(m)
        )  # fmt: skip
        X = np.column_stack([area, age, rooms, distance, income, flags])
        return standardised_target(split(X, log_price, n, 200, rng))

    return draw


def towards_raw(source: Source, share: float) -> Source:
    """Between standardised, at 0, and the units in which the columns were measured, at 1."""

    def draw(rng: np.random.Generator) -> Data:
        raw = source(rng)
        mean, deviation = raw.X.mean(axis=0), raw.X.std(axis=0)

        def part(X: Array) -> Array:
            return (X - mean) / deviation ** (1 - share) + share * mean * deviation ** (share - 1)

        held, test = raw.validation, raw.test
        return Data(part(raw.X), raw.y, (part(held[0]), held[1]), (part(test[0]), test[1]))

    return draw


def houses(n: int = 700) -> Source:
    def draw(rng: np.random.Generator) -> Data:
        return standardised(raw_houses(n)(rng))

    return draw


def counts(rng: np.random.Generator) -> Data:
    """Numbers of events, with a rate that depends on 6 columns."""
    X = rng.standard_normal((1600, 6))
    rate = np.exp(1 + 0.5 * X[:, 0] + 0.4 * np.abs(X[:, 1]) - 0.4 * X[:, 2] * (X[:, 3] > 0))
    return split(X, rng.poisson(rate).astype(np.float64), 800, 200, rng)
