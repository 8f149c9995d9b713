"""Arrays at the door: what users hand in becomes what networks compute with, once.

Behind the door nothing converts: layers, losses and optimizers see one float dtype, and integers
for ids.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, DTypeError

Array = npt.NDArray[Any]

REAL = "biuf"
"""The kinds of NumPy's booleans, integers and floats."""


def as_array(name: str, values: Any) -> Array:
    """An array of whatever dtype `values` has; refuses what would lose something on the way."""
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(f"{name} is a masked array, and the mask would be lost: fill it first")
    if hasattr(values, "toarray"):
        raise DataError(f"{name} is sparse, a {type(values).__name__}: pass {name}.toarray()")
    try:
        array = np.asarray(values)
        return _from_pandas(values) if array.dtype == object and _is_real(values) else array
    except Exception as error:  # NumPy's, or those of a library whose array this is
        raise DataError(f"{name} cannot be read as an array: {error}") from error


def as_floats(name: str, array: Array, dtype: np.dtype[Any], first_row: int = 0) -> Array:
    """The same real numbers in a float dtype: `array` itself if it has that one already.

    Raises
    ------
    DTypeError
        If they are not real numbers: text, objects, dates, complex numbers.
    DataError
        If one of them is too large for the dtype. `first_row` is where the array begins in the data
        that it is a slice of.
    """
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in REAL:
        raise DTypeError(_not_real(name, array, dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(dtype)
        # The sum is finite if all numbers are, but for one that overflows: look closer then.
        if dtype.itemsize >= array.dtype.itemsize or np.isfinite(converted.sum()):
            return converted
    lost = np.isinf(converted) & np.isfinite(array)
    if lost.any():
        row, *column = np.argwhere(lost)[0]
        at = f", column {', '.join(map(str, column))}" if column else ""
        raise DataError(
            f"{name} has {array[(row, *column)]:g} in row {first_row + row}{at}, and {dtype} ends "
            f"at {np.finfo(dtype).max:.3g}: scale the data first, or compute with dtype=np.float64"
        )
    return converted


def lies_outside(X: Any) -> bool:
    """Whether X is to be read slice by slice: it may be larger than memory (memmap, Zarr, HDF5)."""
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap)
    array_like = all(hasattr(X, name) for name in ("shape", "dtype", "__len__", "__getitem__"))
    return array_like and bool(X.shape) and not hasattr(X, "to_numpy")


def _not_real(name: str, array: Array, dtype: np.dtype[Any]) -> str:
    remedy = "encode it as numbers first"
    if array.dtype == object:
        remedy = f"if all of them are numbers, pass {name}.astype(np.{dtype})"
        for place, value in np.ndenumerate(array):
            if not isinstance(value, (int, float, np.number, np.bool_)):
                return (
                    f"{name} has {value!r} in {_where(place)}; a network computes with real "
                    "numbers: encode or drop it first"
                )
    elif array.dtype.kind == "c":
        remedy = "pass its real and imaginary parts as features of their own"
    return f"{name} is {array.dtype}, and a network computes with real numbers: {remedy}"


def _where(place: tuple[int, ...]) -> str:
    row, *column = place or (0,)
    return f"row {row}, column {', '.join(map(str, column))}" if column else f"row {row}"


# --- tables of pandas, whose nullable numbers and mixed columns NumPy would read as objects -------


def _is_real(values: Any) -> bool:
    return hasattr(values, "to_numpy") and all(
        getattr(dtype, "kind", "O") in REAL for dtype in _column_dtypes(values)
    )


def _column_dtypes(values: Any) -> list[Any]:
    return list(values.dtypes) if np.iterable(values.dtypes) else [values.dtypes]


def _from_pandas(values: Any) -> Array:
    whole = all(dtype.kind != "f" for dtype in _column_dtypes(values))
    if whole and not np.asarray(values.isna()).any():
        return np.asarray(values.to_numpy(dtype=np.int64))
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
