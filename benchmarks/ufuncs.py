"""What NumPy's operations cost for each number, and what may stand in for the slow ones.

    python benchmarks/ufuncs.py
    python benchmarks/ufuncs.py log sign          # rows whose name has one of these words
    NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" python benchmarks/ufuncs.py

The last of these shows a processor without AVX-512 on one that has it; for NumPy before 2.4 the
names are AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR. A row that begins
with "=" computes what the row above it does, in another way. Each time is the least of several
rounds in which the rows take turns.
"""

import platform
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

Array = np.ndarray
Call = Callable[[], object]
SIZES = (1_000, 100_000, 10_000_000)
ROUNDS, SECONDS = 7, 0.003


def log1p(p: Array, out: Array, u: Array) -> None:
    """log(u) + (p - (u - 1)) / u with u = 1 + p: the second term is what u has lost by rounding."""
    np.add(p, 1, out=u)
    np.subtract(u, 1, out=out)
    np.subtract(p, out, out=out)
    np.divide(out, u, out=out)
    np.log(u, out=u)
    np.add(out, u, out=out)


def expm1(x: Array, out: Array, work: Array) -> None:
    """2 t / (1 - t) with t = tanh(x / 2); for x <= 0."""
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    np.subtract(1, out, out=work)
    np.multiply(out, 2, out=out)
    np.divide(out, work, out=out)


def logaddexp(x: Array, y: Array, out: Array, work: Array) -> None:
    """log1p(exp(-|x - y|)) + max(x, y)."""
    np.subtract(x, y, out=work)
    np.abs(work, out=work)
    np.negative(work, out=work)
    np.exp(work, out=work)
    np.log1p(work, out=work)
    np.maximum(x, y, out=out)
    np.add(out, work, out=out)


def sign(x: Array, out: Array, work: Array) -> None:
    """[x > 0] - [x < 0]."""
    np.greater(x, 0, out=out)
    np.less(x, 0, out=work)
    np.subtract(out, work, out=out)


def maximum_by_columns(rows: Array, columns: Array, out: Array) -> None:
    """That of each row, after a copy in which the rows are columns."""
    np.copyto(columns, rows.T)
    np.maximum.reduce(columns, axis=0, out=out)


def in_place(function: Callable[..., object], x: Array, *more: object, out: Array) -> None:
    """On a copy of x, whose time is that of `copyto`."""
    np.copyto(out, x)
    function(out, *more, out=out)


def operations(n: int, dtype: type) -> Iterator[tuple[str, Call]]:
    """Calls by name, on numbers that are normally distributed, or for p between 0 and 1."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(n).astype(dtype) for _ in range(2))
    p, below = rng.random(n).astype(dtype), -np.abs(x)
    a, b, zero = np.empty_like(x), np.empty_like(x), np.zeros((), dtype)
    positive, chosen = x > 0, np.empty(n, bool)
    yield "x y", lambda: np.multiply(x, y, out=a)
    yield "copyto", lambda: np.copyto(a, x)
    yield "x + 1", lambda: np.add(x, 1, out=a)
    yield "x / y", lambda: np.divide(x, y, out=a)
    yield "reciprocal(x)", lambda: np.reciprocal(x, out=a)
    yield "abs(x)", lambda: np.abs(x, out=a)
    yield "x**2", lambda: np.power(x, 2, out=a)
    yield "= square(x)", lambda: np.square(x, out=a)
    yield "sqrt(p)", lambda: np.sqrt(p, out=a)
    yield "p**1.5", lambda: np.power(p, 1.5, out=a)
    yield "exp(x)", lambda: np.exp(x, out=a)
    yield "tanh(x)", lambda: np.tanh(x, out=a)
    yield "expm1(x), x < 0", lambda: np.expm1(below, out=a)
    yield "= by tanh", lambda: expm1(below, a, b)
    yield "log(p)", lambda: np.log(p, out=a)
    yield "log1p(p)", lambda: np.log1p(p, out=a)
    yield "= by log", lambda: log1p(p, a, b)
    yield "logaddexp(x, y)", lambda: np.logaddexp(x, y, out=a)
    yield "= by log1p", lambda: logaddexp(x, y, a, b)
    yield "hypot(x, y)", lambda: np.hypot(x, y, out=a)
    yield "maximum(x, y)", lambda: np.maximum(x, y, out=a)
    yield "maximum(x, 0)", lambda: np.maximum(x, 0, out=a)
    yield "= with an array 0", lambda: np.maximum(x, zero, out=a)
    yield "= copyto, in place", lambda: in_place(np.maximum, x, zero, out=a)
    yield "minimum(x, 0)", lambda: np.minimum(x, 0, out=a)
    yield "clip(x, -1, 1)", lambda: np.clip(x, -1, 1, out=a)
    yield "= copyto, in place", lambda: in_place(np.clip, x, -1, 1, out=a)
    yield "= maximum, minimum", lambda: np.minimum(np.maximum(x, -1, out=a), 1, out=a)
    yield "sign(x)", lambda: np.sign(x, out=a)
    yield "= copyto, in place", lambda: in_place(np.sign, x, out=a)
    yield "= by comparisons", lambda: sign(x, a, b)
    yield "copysign(1, x)", lambda: np.copysign(1, x, out=a)
    yield "heaviside(x, 0.5)", lambda: np.heaviside(x, 0.5, out=a)
    yield "x > 0, booleans", lambda: np.greater(x, 0, out=chosen)
    yield "x > 0, floats", lambda: np.greater(x, 0, out=a)
    yield "x [x > 0]", lambda: np.multiply(x, positive, out=a)
    yield "copyto(where=)", lambda: np.copyto(a, x, where=positive)
    yield "where(c, x, y)", lambda: np.where(positive, x, y)
    rows, columns, each = x.reshape(-1, 10), a.reshape(10, -1), b[: n // 10]
    yield "maximum of each 10", lambda: np.maximum.reduce(rows, axis=1, out=each)
    yield "= after transposing", lambda: maximum_by_columns(rows, columns, each)
    yield "sum of each 10", lambda: np.add.reduce(rows, axis=1, out=each)
    yield "= a product with 1", lambda: np.dot(rows, np.ones(10, dtype), each)


def chosen_of(names: list[str], words: list[str]) -> list[int]:
    """The rows with one of these words, with what stands in for them, and the product."""
    rows, keeps = [], True
    for i, name in enumerate(names):
        if not name.startswith("="):
            keeps = i == 0 or not words or any(word in name for word in words)
        if keeps:
            rows.append(i)
    return rows


def least(calls: list[Call]) -> list[float]:
    """The seconds of each call."""
    repeats = []
    for call in calls:
        call()  # the first one touches the memory
        began = time.perf_counter()
        call()
        repeats.append(max(1, round(SECONDS / (time.perf_counter() - began))))
    times = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            began = time.perf_counter()
            for _ in range(repeats[i]):
                call()
            times[i] = min(times[i], (time.perf_counter() - began) / repeats[i])
    return times


def main(words: list[str]) -> None:
    """A line for each operation: nanoseconds a number."""
    print(f"NumPy {np.__version__}, {platform.machine()}; nanoseconds a number\n")
    columns = []
    for dtype in (np.float32, np.float64):
        for n in SIZES:
            known = list(operations(n, dtype))
            names = [name for name, _ in known]
            rows = chosen_of(names, words)
            columns.append([s / n * 1e9 for s in least([known[i][1] for i in rows])])
    print("| | " + " | ".join(f"float{bits}, {n:,}" for bits in (32, 64) for n in SIZES) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for i, times in zip(rows, zip(*columns, strict=True), strict=True):
        print(f"| {names[i]} | " + " | ".join(f"{each:.2f}" for each in times) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
