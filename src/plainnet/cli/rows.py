"""Splits rows into training, validation and test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import data
from plainnet.errors import DataError

Array = npt.NDArray[Any]

TEST_SIZE = 0.2


@dataclass(frozen=True, eq=False)
class Parts:
    """Indices of the rows in the three parts."""

    fit: Array
    validation: Array
    test: Array

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many rows are in each part."""
        return len(self.fit), len(self.validation), len(self.test)


def split(
    m: int,
    labels: Array | None,
    test_size: float | None,
    validation_size: float,
    rng: np.random.Generator,
    *,
    most: int | None = None,
) -> Parts:
    """Split m rows into three parts with the same share of each label. A test size of 0 means none.

    `validation_size` is a share of the rows that are not tested on; it is reduced for large data,
    so that about `most` rows validate.
    """
    rest, test = np.arange(m), np.arange(0)
    if test_size != 0:
        rest, test = _hold_out(rest, labels, test_size or TEST_SIZE, rng)
    if most is not None and len(rest):
        validation_size = min(validation_size, most / len(rest))
    fit, validation = _hold_out(rest, labels, validation_size, rng)
    return Parts(fit, validation, test)


def _hold_out(
    rows: Array, labels: Array | None, share: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    if labels is not None:
        _expect_two_of_each(rows, labels)
    strata = None if labels is None else labels[rows]
    rest, held = data.split(len(rows), share, seed=rng, stratify=strata)
    if not len(rest) or not len(held):
        raise DataError(
            f"a share of {share:g} of {len(rows)} rows leaves none on one side: choose another "
            "--test-size"
        )
    return rows[rest], rows[held]


def _expect_two_of_each(rows: Array, labels: Array) -> None:
    classes, ids = np.unique(labels, return_inverse=True)
    counts = np.bincount(ids[rows], minlength=len(classes))
    least = int(counts.argmin())
    if counts[least] >= 2:
        return
    total, label = int((ids == least).sum()), classes.tolist()[least]
    if total > 2:
        raise DataError(
            f"the test rows leave {counts[least]} of {total} rows of the class {label!r}, and "
            "training and validation need one each: choose a smaller --test-size"
        )
    raise DataError(
        f"the class {label!r} has {total} {'row' if total == 1 else 'rows'}, and training, "
        "validation and testing need one each: add rows, or merge it with another class"
    )
