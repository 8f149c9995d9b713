"""Large calls of compiled kernels, divided among threads of Python's.

A kernel hands out its parts, which do not depend on each other, and lets go of Python's lock while
it computes. How many threads there are changes no bit of a result.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

OF_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""The variables by which others limit the threads of matrix products."""

_one_at_a_time = Lock()
_pool: ThreadPoolExecutor | None = None


def threads_for(environment: Mapping[str, str]) -> int:
    """How many threads divide a large call: PLAINNET_THREADS, or as many as BLAS uses.

    What is not a positive number counts as not set, as it does for BLAS.
    """
    for name in ("PLAINNET_THREADS", *OF_BLAS):
        value = environment.get(name, "").partition(",")[0].strip()
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_n_threads = threads_for(os.environ)


def shared(run: Callable[[int, int], None], parts: int) -> None:
    """Have run(first, last) called for all parts, by several threads.

    If a call is being shared already, as when several threads train, each works for itself.
    """
    n = min(_n_threads, parts)
    if n == 1 or not _one_at_a_time.acquire(blocking=False):
        run(0, parts)
        return
    try:
        cuts = [parts * i // n for i in range(n + 1)]
        others = [_workers().submit(run, cuts[i], cuts[i + 1]) for i in range(1, n)]
        run(0, cuts[1])
        for other in others:
            other.result()
    finally:
        _one_at_a_time.release()


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_n_threads - 1, thread_name_prefix="plainnet")
    return _pool


def _begin_anew() -> None:
    """In a forked child, where no thread but its own exists."""
    global _pool, _one_at_a_time
    _pool, _one_at_a_time = None, Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
