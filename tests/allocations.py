"""What a call allocates."""

import tracemalloc
from collections.abc import Callable


def peak_of(call: Callable[[], object], tries: int = 3) -> int:
    """The most bytes at a time that a call allocates: the least of some tries, since what other
    threads of the process allocate meanwhile is counted too."""
    peaks = []
    for _ in range(tries):
        tracemalloc.start()
        try:
            call()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)
