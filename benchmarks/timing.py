"""Contenders that take turns, so that a machine that slows down slows down all of them."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

Call = Callable[[], object]


def in_turns(contenders: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call, a number for each round.

    In a round, each is called as often as fills about `seconds`. The call that finds out how often
    that is warms it up.
    """
    calls = {name: max(1, round(seconds / _once(call))) for name, call in contenders.items()}
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            spent[name].append((time.perf_counter() - start) / calls[name])
    return spent


def _once(call: Call) -> float:
    call()  # allocates what later calls use again
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(of: list[float], to: list[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def software() -> str:
    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__} "
        f"({torch.get_num_threads()} threads), {platform.machine()}"
    )


def table_head(titles: list[str]) -> None:
    table_row(titles)
    print("|" + "---|" * len(titles))


def table_row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)
