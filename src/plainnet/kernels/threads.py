"""Large calls of compiled kernels, divided among threads of Python's.

A kernel hands out its parts, which do not depend on each other, and lets go of Python's lock while
it computes. How many threads there are changes no bit of a result.
"""

import os
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread

OF_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
"""The variables by which others limit the threads of matrix products."""

Done = SimpleQueue[BaseException | None]
Task = tuple[Callable[[int, int], None], int, int, Done]

# Ctrl+C may come anywhere. A lock of Python's threading, as those of a ThreadPoolExecutor, may then
# stay closed for ever; this queue is made in C, and the flag may be wrong for a moment.
_tasks: SimpleQueue[Task] | None = None
_busy = False


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
    global _busy
    n = min(_n_threads, parts)
    if n == 1 or _busy:
        run(0, parts)
        return
    try:
        _busy = True
        cuts = [parts * i // n for i in range(n + 1)]
        tasks, done = _workers(), Done()
        for i in range(1, n):
            tasks.put((run, cuts[i], cuts[i + 1], done))
        run(0, cuts[1])
        for _ in range(1, n):
            if error := done.get():
                raise error
    finally:
        _busy = False


def _workers() -> SimpleQueue[Task]:
    """What the threads that wait for tasks take them from."""
    global _tasks
    if _tasks is None:
        tasks: SimpleQueue[Task] = SimpleQueue()
        for _ in range(_n_threads - 1):
            Thread(target=_work, args=(tasks,), name="plainnet", daemon=True).start()
        _tasks = tasks
    return _tasks


def _work(tasks: SimpleQueue[Task]) -> None:
    while True:
        run, first, last, done = tasks.get()
        try:
            run(first, last)
            done.put(None)
        except BaseException as error:  # it belongs to who shares
            done.put(error)
        del run, done  # lets go of the call while it waits


def _begin_anew() -> None:
    """In a forked child, where no thread but its own exists."""
    global _tasks, _busy
    _tasks, _busy = None, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
