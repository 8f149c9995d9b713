"""The column to predict: its values, and whether they are classes or numbers."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import exact_ids
from plainnet.errors import DataError, optional

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Task = Literal["classification", "regression"]

NAMES = ("target", "class", "label", "y")
"""A column with one of these names is the target if the user names none."""
WHOLE = re.compile(r"0|-?[1-9][0-9]*")
MOST_CLASSES = 20
"""More distinct numbers than this in a target are measurements, not class labels."""


class InfinityError(DataError):
    """Infinity among the numbers of a target: no number to learn, but it can be a class."""


@dataclass(frozen=True, eq=False)
class Target:
    """The target of the rows that have one."""

    name: str
    values: Array
    """Labels of any type, or float64; shape (kept rows,)."""
    kept: Array
    """Booleans, shape (m,), that mark the rows that have a target."""
    task: Task
    why: str
    """The reason for the inferred task; "" if it was given."""

    @property
    def doubtful(self) -> bool:
        """Whether the inferred task may be wrong."""
        return "number" in self.why


def target(
    column: pd.Series[Any], name: str, task: Task | None, decimal: str | None = None
) -> Target:
    """The target's values, and whether they are classes or numbers.

    Cells of a CSV file are texts: a non-empty cell is a class, and a number only if the other
    cells are numbers too.
    """
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    if types.is_object_dtype(column) and all(isinstance(value, str) for value in column):
        values, kept, why = _of_texts(column.str.strip().to_numpy(object), name, task, decimal)
    else:
        kept, why = column.notna().to_numpy(bool), ""
        values = _values(column[kept], name) if kept.any() else np.empty(0)
    if not kept.any():
        raise DataError(f"the target {name!r} has no value in any row")
    different = np.unique(values)
    if task == "regression" and values.dtype.kind == "O":
        raise DataError(
            f"the target {name!r} must hold numbers for regression; it has {different[0]!r}"
        )
    if len(different) == 1:
        what = "class" if values.dtype.kind in "Ob" else "value"
        raise DataError(
            f"the target {name!r} has only one {what}, {different.tolist()[0]!r}: there is "
            "nothing to learn"
        )
    if task is None:
        task, why = _told_from(values, different, name, why)
    else:
        why = ""
    if task == "regression":
        return Target(name, values.astype(np.float64), kept, task, why)
    if values.dtype.kind == "f":
        if (values % 1 == 0).all():
            if np.abs(values).max() >= exact_ids(np.float64):
                raise DataError(
                    f"the target {name!r} has classes beyond 2^53, which a column with missing "
                    "values holds as rounded floats: drop the rows without a target first"
                )
            values = values.astype(np.int64)  # whole numbers with missing values between them
        else:
            values = np.array(list(map(str, values)), object)  # scikit-learn refuses fractions
    return Target(name, values, kept, task, why)


def _of_texts(
    texts: Array, name: str, task: Task | None, decimal: str | None
) -> tuple[Array, Array, str]:
    """(values, which rows have one, what they are if it is not plain from their dtype)."""
    from plainnet.estimators.tabular.cells import INFINITE
    from plainnet.estimators.tabular.telling import doubts_of
    from plainnet.estimators.tabular.written_numbers import numbers_in

    kept = texts != ""
    filled = texts[kept]
    finite = [text for text in filled if not INFINITE.fullmatch(text)]
    reading = None if task == "classification" else numbers_in(finite, decimal)
    if reading is not None and len(finite) < len(filled):
        raise InfinityError(f"the target {name!r} holds infinity")
    if reading is not None:
        others = reading.others.keys() | reading.missing.keys()
        numbers = [text for text in filled if text not in others]
        if task == "regression" or _are_measurements(len(set(numbers)), len(numbers)):
            if task == "regression" and reading.others:
                raise DataError(
                    f"the target {name!r} must hold numbers for regression; it has "
                    f"{next(iter(reading.others))!r}"
                )
            for doubt in doubts_of(reading, filled.tolist(), "numbers"):
                warnings.warn(f"the target {name!r}: {doubt}", UserWarning, stacklevel=2)
            kept[kept] = [text not in others for text in filled]
            return np.array([reading.notation.read(text) for text in numbers], float), kept, ""
    if set(filled) <= {"True", "False"}:
        return filled == "True", kept, ""
    # Beside a missing value, pandas writes 7 as 7.0.
    bare = filled.tolist() if kept.all() else [text.removesuffix(".0") for text in filled]
    if (
        all(map(WHOLE.fullmatch, bare))
        and len({text == w for text, w in zip(filled, bare, strict=True)}) == 1
    ):
        whole = list(map(int, bare))
        if all(-(2**63) <= number < 2**63 for number in whole):
            return np.array(whole, np.int64), kept, ""
    return filled, kept, "" if reading is None else "numbers"


def _told_from(values: Array, different: Array, name: str, what: str) -> tuple[Task, str]:
    count = f"{len(different):,} different"
    if values.dtype.kind == "O" and not what:
        return "classification", f"{name!r} holds texts, {count}"
    if values.dtype.kind == "b":
        return "classification", f"{name!r} holds booleans"
    if values.dtype.kind != "O" and _are_measurements(len(different), len(values)):
        return "regression", f"{name!r} holds {count} numbers"
    return "classification", f"{name!r} holds only {count} numbers"


def _are_measurements(different: int, values: int) -> bool:
    """Whether numbers are more than names of classes, by how many different ones there are."""
    return different > min(MOST_CLASSES, max(2, values / 2))


def _values(column: pd.Series[Any], name: str) -> Array:
    """Without missing values: bool, integer, float64, or str as objects."""
    types = optional("pandas.api.types", purpose="reading tables", extra="cli")
    if types.is_bool_dtype(column):
        return column.to_numpy(bool)
    if types.is_integer_dtype(column):
        return column.to_numpy(np.uint64 if column.dtype.kind == "u" else np.int64)
    if types.is_float_dtype(column):
        y = column.to_numpy(np.float64)
        if not np.isfinite(y).all():
            raise DataError(f"the target {name!r} holds infinity")
        return y
    y = column.to_numpy(object)
    if all(isinstance(value, (bool, np.bool)) for value in y):  # booleans with missing values
        return y.astype(bool)
    if all(isinstance(value, Decimal) for value in y):
        return _values(column.astype(float), name)
    other = next((value for value in y if not isinstance(value, str)), None)
    if other is not None:
        raise DataError(
            f"the target {name!r} holds {type(other).__name__} values ({column.dtype}); a target "
            "is numbers, texts or booleans"
        )
    return y
