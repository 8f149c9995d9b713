"""How many threads divide a large call of a compiled kernel; that changes no bit of a result."""

import os
from collections.abc import Mapping

OF_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""The variables by which others limit the threads of matrix products."""


def threads_for(environment: Mapping[str, str]) -> int:
    """How many threads divide a large call: PLAINNET_THREADS, or as many as BLAS uses.

    What is not a positive number counts as not set, as it does for BLAS.
    """
    for name in ("PLAINNET_THREADS", *OF_BLAS):
        if number := positive(environment.get(name, "")):
            return number
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def positive(text: str) -> int | None:
    """The number that an environment variable begins with, or None if it is no positive one."""
    first = text.partition(",")[0].strip()  # OpenMP's has one for each level
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None
