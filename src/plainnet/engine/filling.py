"""Networks whose numbers come from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

Check = Callable[[int, int, np.dtype[Any]], None]
filling: ContextVar[Check | None] = ContextVar("check", default=None)


@contextmanager
def filled_from_file(check: Check) -> Iterator[None]:
    """Networks made in this context get their numbers from a file: none are drawn at random.

    Before a network takes any memory, `check(parameters, state, dtype)` is told how many numbers it
    needs, and raises if the file does not hold them.
    """
    token = filling.set(check)
    try:
        yield
    finally:
        filling.reset(token)
