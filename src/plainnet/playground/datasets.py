"""The playground's data: points in the plane, iris, digits, drawn points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import data, datasets
from plainnet.datasets import Dataset
from plainnet.errors import SettingError
from plainnet.playground.choices import HAS_CLASSES
from plainnet.playground.examples import Examples
from plainnet.playground.planes import (
    Plane,
    plane_of_columns,
    plane_of_components,
    plane_of_features,
)
from plainnet.playground.settings import Settings

Array = npt.NDArray[Any]
Points = tuple[Array, Array]

SPREAD = 0.3
"""The standard deviation that a noise of 1 gives to points, and to the targets of surfaces."""
FEWEST_TO_HOLD_OUT = 10
"""With fewer drawn points, all are for training."""

ELSEWHERE = {
    "table": "page that the table was dropped into",
    "given": "notebook that they were given in",
}

PLACES, NOISE, ORDER, HELD_OUT = range(4)
"""What the seed of the data is used for: each has random numbers of its own, so that another noise
or another share for testing leaves the rest as it is."""


FEW = "with so few points, all are for training"


def examples_of(settings: Settings) -> Examples:
    """The examples that these settings describe; those of a table come from `tables`.

    Raises
    ------
    SettingError, DataError
        If the settings do not fit the data.
    MissingExtraError
        If the package that ships the dataset is not installed.
    """
    if settings.data in ELSEWHERE:
        raise SettingError(f"the examples are only in the {ELSEWHERE[settings.data]}")
    if settings.data in ("iris", "digits"):
        return _of_dataset(settings)
    if settings.data == "drawn":
        points, y = _drawn(settings)
    elif settings.data in SURFACES:
        points, y = _surface(settings)
    else:
        points, y = _classes(settings)
    n_classes = 0 if is_regression(settings) else int(max(y.max(), _of_settings(settings))) + 1
    is_small = settings.data == "drawn" and len(y) < FEWEST_TO_HOLD_OUT
    order, n_train = in_parts(
        y if n_classes else None, len(y), 0 if is_small else settings.test_share, settings.data_seed
    )
    points, y = points[order], y[order]
    plane = plane_of_features(points, settings.features)
    return Examples(
        plane.inputs(points), y, n_train, plane, settings.features,
        tuple(str(k) for k in range(n_classes)), points,
        notes=(FEW,) if is_small and settings.test_share else (),
    )  # fmt: skip


def is_regression(settings: Settings) -> bool:
    """Whether points of the plane have numbers to predict instead of classes."""
    is_drawn = settings.data == "drawn" and settings.drawn_target == "number"
    return is_drawn or settings.data in SURFACES


def _of_settings(settings: Settings) -> int:
    """The last class, if the number of classes is a setting."""
    return settings.classes - 1 if settings.data in HAS_CLASSES else 0


def random(settings: Settings, purpose: int) -> np.random.Generator:
    """The random numbers for one purpose."""
    return np.random.default_rng([settings.data_seed, purpose])


def in_parts(classes: Array | None, m: int, test_share: float, seed: int) -> tuple[Array, int]:
    """The order of m rows, those for training first, and how many these are.

    Each class has its share in both parts; a larger share takes more rows beside the same ones.
    """
    order = np.random.default_rng([seed, ORDER]).permutation(m)
    if not test_share or m < 2:
        return order, m
    strata = None if classes is None else classes[order]
    rng = np.random.default_rng([seed, HELD_OUT])
    train, test = data.split(m, test_share, seed=rng, stratify=strata)
    return order[np.concatenate([train, test])], len(train)


# --- classes --------------------------------------------------------------------------------------


def _classes(settings: Settings) -> Points:
    make = CLASSES[settings.data]
    points, y = make(settings.points, settings.classes, random(settings, PLACES))
    return points + SPREAD * settings.noise * _normal(settings, points.shape), y


def _normal(settings: Settings, shape: tuple[int, ...]) -> Array:
    return random(settings, NOISE).standard_normal(shape)


def _polar(radius: Array, angle: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def circle(m: int, k: int, rng: np.random.Generator) -> Points:
    """A disc, and a ring around it."""
    y = np.arange(m) % 2
    squares = np.where(y == 0, rng.uniform(0, 0.45**2, m), rng.uniform(0.7**2, 1, m))
    return _polar(np.sqrt(squares), rng.uniform(0, 2 * np.pi, m)), y


def xor(m: int, k: int, rng: np.random.Generator) -> Points:
    """Four squares: class 0 where both coordinates have the same sign."""
    quadrant = np.arange(m) % 4
    signs = np.stack([1 - 2 * (quadrant % 2), 1 - 2 * (quadrant // 2)], axis=1)
    return signs * rng.uniform(0.08, 1, (m, 2)), (quadrant % 2 + quadrant // 2) % 2


def moons(m: int, k: int, rng: np.random.Generator) -> Points:
    """Two half circles, each of which ends inside the other."""
    y = np.arange(m) % 2
    angle = rng.uniform(0, np.pi, m) + np.pi * y
    centers = np.array([[-0.3, -0.15], [0.3, 0.15]])
    return centers[y] + _polar(np.full(m, 0.6), angle), y


def spirals(m: int, k: int, rng: np.random.Generator) -> Points:
    """k arms, each 0.75 of a turn around the origin."""
    y = np.arange(m) % k
    radius = rng.uniform(0.1, 1, m)
    return _polar(radius, 2 * np.pi * (y / k + 0.75 * radius)), y


def gaussians(m: int, k: int, rng: np.random.Generator) -> Points:
    """k round clouds on a circle."""
    y = np.arange(m) % k
    centers = _polar(np.full(m, 0.6), 2 * np.pi * (y / k + 0.125))
    return centers + 0.15 * rng.standard_normal((m, 2)), y


CLASSES: dict[str, Callable[[int, int, np.random.Generator], Points]] = {
    "circle": circle,
    "xor": xor,
    "moons": moons,
    "spirals": spirals,
    "gaussians": gaussians,
}


def _drawn(settings: Settings) -> Points:
    drawn = np.array(settings.drawn, float).reshape(-1, 3)
    if len(drawn) < 2:
        raise SettingError(f"draw at least two points; there are {len(drawn)}")
    if is_regression(settings):
        return drawn[:, :2], drawn[:, 2].astype(np.float32)
    y = drawn[:, 2].astype(np.intp)
    wrong = (y != drawn[:, 2]) | (y < 0) | (y >= settings.classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise SettingError(
            f"a drawn point is of a class from 0 to {settings.classes - 1}; point {row} is of "
            f"{drawn[row, 2]:g}"
        )
    return drawn[:, :2], y


# --- surfaces -------------------------------------------------------------------------------------

HILLS = ((0.5, 0.5, 1), (-0.5, -0.5, 1), (-0.5, 0.5, -1), (0.5, -0.5, -1))
"""x1, x2 and the height of each hill or hollow."""


def _hills(x1: Array, x2: Array) -> Array:
    heights = [h * np.exp(-((x1 - a) ** 2 + (x2 - b) ** 2) / 0.12) for a, b, h in HILLS]
    return np.asarray(sum(heights))


SURFACES: dict[str, Callable[[Array, Array], Array]] = {
    "plane": lambda x1, x2: (x1 + x2) / 2,
    "waves": lambda x1, x2: np.sin(np.pi * (x1 + x2)),
    "hills": _hills,
}


def _surface(settings: Settings) -> Points:
    points = random(settings, PLACES).uniform(-1, 1, (settings.points, 2))
    y = SURFACES[settings.data](*points.T)
    y = y + SPREAD * settings.noise * _normal(settings, y.shape)
    return points, y.astype(np.float32)


# --- datasets -------------------------------------------------------------------------------------

_load = cache(datasets.load)


def _of_dataset(settings: Settings) -> Examples:
    dataset: Dataset = _load(settings.data)
    order, n_train = in_parts(dataset.y, len(dataset.y), settings.test_share, settings.data_seed)
    X, y = dataset.X[order].astype(np.float64), dataset.y[order]
    known = X[:n_train]
    means, scales = known.mean(axis=0), known.std(axis=0)
    note = "each measure is standardised: minus its mean, divided by its standard deviation"
    shape = image = None
    if dataset.image_shape is not None:  # some pixels are the same in all pictures
        scales = np.full(len(means), (known - means).std())
        note = f"each pixel, from 0 to 16, minus its mean, is divided by {scales[0]:.2f}"
        shape, image = (dataset.image_shape[0], dataset.image_shape[1]), tuple(means.tolist())
    X = ((X - means) / scales).astype(np.float32)
    plane = plane_of(X, n_train, dataset.feature_names, settings.plane, (means, scales))
    return Examples(
        X, y, n_train, plane, dataset.feature_names, dataset.class_names, plane.points(X),
        shape, image, (note,),
    )  # fmt: skip


def plane_of(
    X: Array,
    n_train: int,
    names: Sequence[str],
    wanted: Sequence[str],
    units: tuple[Array, Array] | None = None,
) -> Plane:
    """The plane of the two inputs with these names, or of the training rows' components."""
    if not wanted:
        return plane_of_components(X[:n_train]).showing(X)
    for name in wanted:
        if name not in names:
            some = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
            raise SettingError(f"plane: there is no input {name!r}; there are {some}")
    return plane_of_columns(X, names, [names.index(name) for name in wanted], units)
