"""What callers hand in, brought to one form or refused: seeds, dtypes, arrays, data.

Settings that are plain Python values are checked in `plainnet.errors`. Data of any real dtype are
converted here, once; past this point, layers, losses and optimizers see one float dtype, and
integers for ids.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, DTypeError, SettingError, is_a, require_integer, shown

Array = npt.NDArray[Any]

REAL = "biuf"
"""NumPy's dtype kinds for booleans, integers and floats."""


def as_generator(seed: Any) -> np.random.Generator:
    """The generator that a seed stands for; a generator is used as it is, None is fresh entropy.

    NumPy's SeedSequence and BitGenerator are accepted too, and so is a list of whole numbers.
    """
    kinds = np.random.Generator | np.random.SeedSequence | np.random.BitGenerator
    several = seed if isinstance(seed, list | tuple) and seed else [seed]
    if seed is None or isinstance(seed, kinds) or all(map(_is_seed, several)):
        return np.random.default_rng(seed)
    hint = ""
    if isinstance(seed, np.random.RandomState):
        hint = ": np.random.default_rng(0) makes a Generator"
    raise SettingError(
        f"seed must be a whole number >= 0, a numpy.random.Generator or None; got {shown(seed)}"
        f"{hint}"
    )


def _is_seed(value: Any) -> bool:
    return is_a(Integral, value) and bool(value >= 0)


def as_dtype(name: str, dtype: Any, kinds: str, meaning: str) -> np.dtype[Any]:
    """A dtype of one of NumPy's `kinds`; `meaning` describes them in a message."""
    if dtype is not None:  # which NumPy would take for float64
        try:
            found: np.dtype[Any] | None = np.dtype(dtype)
        except Exception:  # NumPy raises many errors for what is not a dtype
            found = None
        if found is not None and found.kind in kinds and found.isnative:
            return found
    raise SettingError(f"{name} must be {meaning}; got {shown(dtype)}")


def as_array(name: str, values: Any) -> Array:
    """An array of the dtype that `values` has; refuses what a conversion would lose."""
    if type(values) is np.ndarray and values.dtype.kind in REAL:  # the usual case, at every step
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(f"{name} is a masked array, and its mask would be lost: fill it first")
    if hasattr(values, "toarray"):
        raise DataError(f"{name} is sparse, a {type(values).__name__}: pass {name}.toarray()")
    try:
        array = np.asarray(values)
        return _from_pandas(values) if array.dtype == object and _is_real(values) else array
    except Exception as error:  # NumPy's, or those of a library whose array this is
        raise DataError(
            f"{name} cannot be made an array, whose rows have one length and one type: {error}"
        ) from error


def as_numbers(name: str, values: Any) -> Array:
    """An array of real numbers or booleans."""
    array = as_array(name, values)
    if array.dtype.kind not in REAL:
        raise DataError(f"{name} must be real numbers; got {shown_dtype(values, array)}")
    return array


def shown_dtype(values: Any, array: Array) -> str:
    """What came in place of numbers."""
    return f"dtype {array.dtype}" if array.ndim else shown(values)


def as_labels(name: str, values: Any) -> Array:
    """An array of labels that can be sorted: numbers, booleans, texts, dates."""
    array = as_array(name, values)
    try:
        if array.dtype.kind == "O":
            np.unique(array)
        fits = array.dtype.kind not in "cV"
    except Exception:  # comparing two of them may raise anything
        fits = False
    if not fits:
        raise DataError(f"{name} must be labels of one type; got {shown_dtype(values, array)}")
    return array


def described(value: Any) -> str:
    """What a function returned that should have returned an array."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return shown(value)


# --- data ----------------------------------------------------------------------------------------


def as_floats(name: str, array: Array, dtype: np.dtype[Any], first_row: int = 0) -> Array:
    """The same real numbers in a float dtype: `array` itself if it already has that dtype.

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
        # The sum of finite numbers is finite unless it overflows; only then look at each of them.
        if dtype.itemsize >= array.dtype.itemsize or np.isfinite(converted.sum()):
            return converted
    lost = np.isinf(converted) & np.isfinite(array)
    if lost.any():
        row, *column = np.argwhere(lost)[0]
        at = f", column {', '.join(map(str, column))}" if column else ""
        raise DataError(
            f"{name} must be finite in {dtype}; got {array[(row, *column)]:g} in row "
            f"{first_row + row}{at}, beyond {np.finfo(dtype).max:.3g}: scale it first, or compute "
            "with dtype=np.float64"
        )
    return converted


def lies_outside(X: Any) -> bool:
    """Whether X is to be read slice by slice: it may be larger than memory (memmap, Zarr, HDF5)."""
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap)
    array_like = all(hasattr(X, name) for name in ("dtype", "__len__", "__getitem__"))
    shape = getattr(X, "shape", ())
    whole = hasattr(X, "to_numpy") or hasattr(X, "toarray")  # tables, and sparse matrices
    return array_like and isinstance(shape, tuple) and shape != () and not whole


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
        remedy = "pass its real and imaginary parts as separate features"
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
    dtypes = values.dtypes if hasattr(values, "dtypes") else values.dtype  # an Index has one
    return list(dtypes) if np.iterable(dtypes) else [dtypes]


def _from_pandas(values: Any) -> Array:
    whole = all(dtype.kind != "f" for dtype in _column_dtypes(values))
    if whole and not np.asarray(values.isna()).any():
        return np.asarray(values.to_numpy(dtype=np.int64))
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def exponents(y: Array) -> Array:
    """For each column a k, so that squares and sums of y / 2^k stay in the range of floats.

    It is 0 where those of y do; elsewhere |y| / 2^k is at most 1. Such a division is exact, unless
    a number is 10^300 times smaller than the largest.
    """
    with np.errstate(over="ignore"):
        largest = np.abs(np.asarray(y, np.float64)).max(axis=0)
    ordinary = (largest == 0) | ((largest > 1e-100) & (largest < 1e100))
    return np.where(ordinary, 0, np.frexp(largest)[1])


def exact_ids(dtype: npt.DTypeLike) -> int:
    """How many ids, counted from 0, a float dtype tells apart: 2^24 or 2^53."""
    return 1 << (int(np.finfo(dtype).nmant) + 1)


def as_shape(input_shape: int | tuple[Any, ...]) -> tuple[Any, ...]:
    """An `input_shape` as a tuple, whose first axis may be None: any length."""
    several = np.iterable(input_shape) and not isinstance(input_shape, str | bytes | dict)
    shape: tuple[Any, ...] = (
        tuple(input_shape) if np.iterable(input_shape) and several else (input_shape,)
    )
    time = several and len(shape) > 0 and shape[0] is None
    try:
        if not shape:
            raise SettingError("no axis")
        sizes = [require_integer("each axis", n, at_least=1) for n in shape[time:]]
    except SettingError:
        raise SettingError(
            "input_shape must be a positive integer or a tuple of them, of which the first may be "
            f"None; got {shown(input_shape)}"
        ) from None
    return (None, *sizes) if time else tuple(sizes)


def as_batch(shape: tuple[Any, ...]) -> str:
    """The shape of m examples of this shape, for messages: (m, time, 3)."""
    return f"({', '.join(['m', *('time' if n is None else str(n) for n in shape)])})"


def fits(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    """Whether an array's shape is the expected one, where None stands for any length."""
    return len(shape) == len(expected) and all(
        b is None or a == b for a, b in zip(shape, expected, strict=True)
    )
