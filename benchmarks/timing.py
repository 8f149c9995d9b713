"""Contenders that take turns, so that a machine that slows down slows down all of them."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Any

Call = Callable[[], object]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PLAINNET_THREADS": "1",
    "NPROC": "1",  # JAX's pool on a CPU, for which XLA_FLAGS do nothing
}
"""The environment in which every library computes on one thread, set before any is imported."""
REST = 0.05


def in_turns(contenders: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call, a number for each round.

    In a round, each is called as often as fills about `seconds`: once, if that is 0. What finds out
    how often that is warms it up. Every other round goes through them backwards.
    """
    calls = {name: _times(call, seconds) for name, call in contenders.items()}
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders.items())
    for _ in range(rounds):
        for name, call in order:
            _rest()
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            spent[name].append((time.perf_counter() - start) / calls[name])
        order.reverse()
    return spent


def _times(call: Call, seconds: float) -> int:
    call()  # allocates what later calls use again
    if not seconds:
        return 1
    start = time.perf_counter()
    call()
    return max(1, round(seconds / (time.perf_counter() - start)))


def _rest() -> None:
    """Let the threads of the one before, which wait for work by asking for it, go to sleep."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        time.sleep(REST)


def ratio(of: list[float], to: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


# --- cells of a table, as a JSON file holds them and report.py writes them ------------------------


def spread(values: Iterable[float]) -> list[float]:
    """The median of a number of each round, and the quartiles on either side of it."""
    values = list(values)
    if len(values) < 2:
        values *= 2
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return [median, low, high]


def times_as_fast(theirs: list[float], ours: list[float]) -> dict[str, Any]:
    return {"ratio": spread(a / b for a, b in zip(theirs, ours, strict=True))}


def share(part: list[float], whole: list[float]) -> dict[str, Any]:
    return {"share": spread(a / b for a, b in zip(part, whole, strict=True))}


def seconds(values: list[float]) -> dict[str, Any]:
    return {"seconds": statistics.median(values)}


def table(
    columns: list[str], rows: list[list[Any]], left_out: Iterable[str] = ()
) -> dict[str, Any]:
    return {"columns": columns, "rows": rows, "left_out": sorted(set(left_out))}


# --- contenders that may be missing ---------------------------------------------------------------


class LeftOut(Exception):
    """Why a contender cannot run here."""


def made(
    makers: Mapping[str, Callable[..., Any]], *arguments: Any
) -> tuple[dict[str, Any], list[str]]:
    """What each maker makes of the arguments, and the reasons of those that cannot."""
    those, left_out = {}, []
    for name, make in makers.items():
        try:
            those[name] = make(*arguments)
        except ImportError as error:
            left_out.append(f"{name} ({error.name or error} is not installed)")
        except LeftOut as error:
            left_out.append(f"{name} ({error})")
    return those, left_out


# --- for scripts that print a table of their own --------------------------------------------------


def software() -> str:
    parts = [f"Python {platform.python_version()}"]
    for name, package in (("NumPy", "numpy"), ("PyTorch", "torch")):
        try:
            parts.append(f"{name} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or f"{os.cpu_count()}, the default"
    return f"{', '.join(parts)}, BLAS threads: {threads}, {platform.machine()}"


def table_head(titles: list[str]) -> None:
    table_row(titles)
    print("|" + "---|" * len(titles))


def table_row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)
