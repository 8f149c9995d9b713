"""Random arguments: every public call of plainnet, with one or two of its arguments replaced.

A call has to work, and what it made has to work too, or it refuses with one of plainnet's errors
that names the argument. Anything else is a fault: another exception, a warning, an object that
breaks when it is used. NumPy's numbers and truth values have to do wherever Python's do.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from fuzz.calls import calls
from fuzz.uses import Call
from plainnet.errors import DivergedError, PlainnetError


class Outcome(NamedTuple):
    """What became of one try."""

    name: str
    kind: str
    """ "works", "refused" or "raw"."""
    detail: str


class Shown:
    """A value with a description that is short, and a class whose objects are good for nothing."""


def _nothing(*args: Any, **settings: Any) -> None:
    """A function that takes anything and returns None."""


def _generated() -> Iterator[int]:
    yield from (1, 2, 3)


HUGE = {"2**40": 2**40, "2**62": 2**62, "2**70": 2**70, "int64(2**40)": np.int64(2**40)}
"""Sizes that no machine has; also numbers of epochs that end after the universe."""

POOL: dict[str, Any] = {
    "None": lambda: None,
    "''": lambda: "",
    "'x'": lambda: "x",
    "'0'": lambda: "0",
    "b'x'": lambda: b"x",
    "-1": lambda: -1,
    "0": lambda: 0,
    "1": lambda: 1,
    "3": lambda: 3,
    "1.5": lambda: 1.5,
    "0.5": lambda: 0.5,
    "-0.5": lambda: -0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "10**400": lambda: 10**400,
    "1e300": lambda: 1e300,
    "1e-300": lambda: 1e-300,
    "True": lambda: True,
    "False": lambda: False,
    "1j": lambda: 1j,
    "Fraction(1, 2)": lambda: Fraction(1, 2),
    "Decimal('0.5')": lambda: Decimal("0.5"),
    "object()": object,
    "a class": lambda: Shown,
    "int": lambda: int,
    "a module": lambda: np,
    "...": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "a date": lambda: date(2020, 1, 1),
    "slice": lambda: slice(0, 2),
    "range(3)": lambda: range(3),
    "[]": list,
    "()": tuple,
    "[None]": lambda: [None],
    "['x']": lambda: ["x"],
    "[1, 2]": lambda: [1, 2],
    "(1, 2)": lambda: (1, 2),
    "(0.5, 0.5)": lambda: (0.5, 0.5),
    "(0, -1)": lambda: (0, -1),
    "(2**40, 2**40)": lambda: (2**40, 2**40),
    "[True]": lambda: [True],
    "[1.5]": lambda: [1.5],
    "[object()]": lambda: [object()],
    "[nan, 1]": lambda: [float("nan"), 1],
    "[[1], [2, 3]]": lambda: [[1], [2, 3]],
    "[[1, 2], [3, 4]]": lambda: [[1, 2], [3, 4]],
    "((1, 2), (0, 1))": lambda: ((1, 2), (0, 1)),
    "[()]": lambda: [()],
    "{}": dict,
    "{'x': 1}": lambda: {"x": 1},
    "{0: 1.5}": lambda: {0: 1.5},
    "{0: 'x'}": lambda: {0: "x"},
    "{None: nan}": lambda: {None: float("nan")},
    "set()": set,
    "{1, 2}": lambda: {1, 2},
    "a generator": _generated,
    "an iterator": lambda: iter([1, 2]),
    "map": lambda: map(int, "12"),
    "lambda: None": lambda: lambda: None,
    "lambda x: x": lambda: lambda x: x,
    "a function that returns None": lambda: _nothing,
    "a function that raises": lambda: lambda *a, **k: 1 / 0,
    "float32(0.5)": lambda: np.float32(0.5),
    "float64(0.5)": lambda: np.float64(0.5),
    "float16(0.5)": lambda: np.float16(0.5),
    "longdouble(0.5)": lambda: np.longdouble(0.5),
    "float32(nan)": lambda: np.float32("nan"),
    "int64(2)": lambda: np.int64(2),
    "uint8(2)": lambda: np.uint8(2),
    "int8(-1)": lambda: np.int8(-1),
    "bool_(True)": lambda: np.bool_(True),
    "complex64(1j)": lambda: np.complex64(1j),
    "str_('x')": lambda: np.str_("x"),
    "datetime64": lambda: np.datetime64("2020-01-01"),
    "array(2)": lambda: np.array(2),
    "array(0.5)": lambda: np.array(0.5),
    "array(None)": lambda: np.array(None),
    "array([])": lambda: np.array([]),
    "array([1, 2])": lambda: np.array([1, 2]),
    "array([0.5])": lambda: np.array([0.5]),
    "array([[1.0, 2.0]])": lambda: np.array([[1.0, 2.0]]),
    "zeros((6, 4))": lambda: np.zeros((6, 4)),
    "zeros((6, 4), float32)": lambda: np.zeros((6, 4), np.float32),
    "zeros((0, 4))": lambda: np.zeros((0, 4)),
    "zeros((6, 0))": lambda: np.zeros((6, 0)),
    "zeros(6, int)": lambda: np.zeros(6, int),
    "ones(6, bool)": lambda: np.ones(6, bool),
    "float16 (6, 4)": lambda: np.ones((6, 4), np.float16),
    "longdouble (6, 4)": lambda: np.ones((6, 4), np.longdouble),
    "huge floats (6, 4)": lambda: np.full((6, 4), 1e300),
    "uint64 (6,)": lambda: np.full(6, 2**63, np.uint64),
    "big-endian (6, 4)": lambda: np.ones((6, 4), ">f4"),
    "complex (6, 4)": lambda: np.ones((6, 4), complex),
    "complex (6,)": lambda: np.ones(6, complex),
    "nan (6, 4)": lambda: np.full((6, 4), np.nan, np.float32),
    "objects (6, 4)": lambda: np.full((6, 4), None),
    "numbers as objects (6, 4)": lambda: np.ones((6, 4), object),
    "texts (6,)": lambda: np.full(6, "x"),
    "texts (6, 4)": lambda: np.full((6, 4), "x"),
    "bytes (6,)": lambda: np.full(6, b"x"),
    "dates (6,)": lambda: np.full(6, "2020-01-01", "datetime64[D]"),
    "durations (6, 4)": lambda: np.ones((6, 4), "timedelta64[s]"),
    "structured (6,)": lambda: np.zeros(6, [("a", "f4"), ("b", "i4")]),
    "structured (6, 4)": lambda: np.zeros((6, 4), [("a", "f4")]),
    "masked (6, 4)": lambda: np.ma.masked_equal(np.eye(6, 4, dtype=np.float32), 1),
    "masked (6,)": lambda: np.ma.masked_equal(np.arange(6), 1),
    "read-only (6, 4)": lambda: _read_only(np.ones((6, 4), np.float32)),
    "a view (6, 4)": lambda: np.ones((12, 8), np.float32)[::2, ::2],
    "reversed (6, 4)": lambda: np.ones((6, 4), np.float32)[::-1],
    "broadcast (6, 4)": lambda: np.broadcast_to(np.float32(1), (6, 4)),
    "matrix (6, 4)": lambda: np.ones((6, 4), np.float32).view(np.matrix),
    "memoryview": lambda: memoryview(np.ones(6)),
    "'float16'": lambda: "float16",
    "'int'": lambda: "int",
    "'float32'": lambda: "float32",
    "'>f4'": lambda: ">f4",
    "dtype(float16)": lambda: np.dtype("float16"),
    "dtype(float64)": lambda: np.dtype("float64"),
    "dtype(object)": lambda: np.dtype(object),
    "dtype of records": lambda: np.dtype([("a", "f4")]),
    "np.float64": lambda: np.float64,
    "np.complex64": lambda: np.complex64,
    "default_rng(0)": lambda: np.random.default_rng(0),
    "RandomState(0)": lambda: np.random.RandomState(0),
    "SeedSequence(0)": lambda: np.random.SeedSequence(0),
    "PCG64(0)": lambda: np.random.PCG64(0),
    "an open file": io.StringIO,
}

with contextlib.suppress(ImportError):
    import pandas as pd

    POOL |= {
        "DataFrame": lambda: pd.DataFrame({"a": [1.0] * 6, "b": [2.0] * 6}),
        "DataFrame (6, 4)": lambda: pd.DataFrame(np.ones((6, 4))),
        "DataFrame of texts": lambda: pd.DataFrame({"a": ["x"] * 6, "b": [None] * 6}),
        "Series (6,)": lambda: pd.Series([0, 1] * 3),
        "Series of texts": lambda: pd.Series(["x", None] * 3),
        "Categorical": lambda: pd.Categorical(["a", "b"] * 3),
        "nullable (6,)": lambda: pd.array([1, None, 0, 1, 0, 1], dtype="Int64"),
        "pd.NA": lambda: pd.NA,
        "NaT": lambda: pd.NaT,
        "Timestamp": lambda: pd.Timestamp("2020-01-01"),
    }

with contextlib.suppress(ImportError):
    from scipy import sparse

    POOL["sparse (6, 4)"] = lambda: sparse.csr_array(np.eye(6, 4, dtype=np.float32))


def tries(rng: np.random.Generator) -> Iterator[Outcome]:
    """One random call after the other, without an end."""
    with tempfile.TemporaryDirectory() as folder:
        everything = calls()
        while True:
            call = everything[rng.integers(len(everything))]
            yield _try(call, rng, folder)


def _try(call: Call, rng: np.random.Generator, folder: str) -> Outcome:
    here = os.getcwd()
    os.chdir(folder)  # a name that is a file's is written there
    try:
        return _tried(call, rng)
    finally:
        os.chdir(here)


def _tried(call: Call, rng: np.random.Generator) -> Outcome:
    arguments = call.good()
    count = min(1 + int(rng.random() < 0.25), len(arguments))
    replaced = [str(name) for name in rng.choice(list(arguments), count, replace=False)]
    shown, same = {}, True
    for name in replaced:
        label, value, equal = _other(arguments[name], name in call.long, rng)
        arguments[name], shown[name], same = value, label, same and equal
    detail = ", ".join(f"{name}={label}" for name, label in shown.items())
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("error")
        for allowed in call.warns:
            warnings.simplefilter("ignore", allowed)
        try:
            call.use(call.function(**arguments))
        except Exception as error:
            if same:
                return Outcome(call.name, "raw", f"{detail}: as good as before; {_told(error)}")
            kind = "refused" if _is_clear(error, arguments, replaced, call) else "raw"
            return Outcome(call.name, kind, f"{detail}: {_told(error)}")
    return Outcome(call.name, "works", detail)


def _other(good: Any, is_long: bool, rng: np.random.Generator) -> tuple[str, Any, bool]:
    """(its description, another value, whether it is the same for NumPy's users)."""
    luck = rng.random()
    if luck < 0.15 and isinstance(good, bool | int | float):
        of_numpy = {bool: np.bool_, int: np.int64, float: np.float64}[type(good)](good)
        return repr(of_numpy), of_numpy, True
    if luck < 0.2 and not is_long:
        label = str(rng.choice(list(HUGE)))
        return label, HUGE[label], False
    label = str(rng.choice([name for name in POOL if not (is_long and name == "10**400")]))
    return label, POOL[label](), False


def _is_clear(error: Exception, arguments: dict[str, Any], replaced: list[str], call: Call) -> bool:
    """Whether it is one of plainnet's own errors, and tells the argument by its name or value."""
    if isinstance(error, DivergedError):
        return True
    message = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, PlainnetError):
        words = [word for name in replaced for word in (name, *call.says.get(name, ()))]
        if len(replaced) == 2:  # they may agree with each other, and no longer with the rest
            words += arguments
        values = [arguments[name] for name in replaced]
        texts = [str(v) for v in values if isinstance(v, str | tuple | int | float | np.integer)]
        return any(re.search(rf"\b{re.escape(word)}", message) for word in words) or any(
            text in message for text in texts
        )
    # The function that was handed in is the caller's own, and so is what it raises.
    if frames[-1].filename == __file__:
        return isinstance(error, ZeroDivisionError)
    if re.match(r".*<lambda>\(\) (take|missing)", message):
        return True
    line = frames[-1].line or ""
    if any(isinstance(arguments[name], type) and f"{name}(" in line for name in replaced):
        return True  # a class, called as the function that it stands for
    if isinstance(error, OSError) and error.filename is not None:  # Python's own, of a path
        return True
    return call.own_manner(error, frames)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
