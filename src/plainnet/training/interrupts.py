"""Lets Ctrl-C act between two steps of training, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_ctrl_c(ask_to_stop: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl-C stop training after a step, so that no update is left half done.

    A second Ctrl-C interrupts at once. Only the main thread gets signals, and a handler that other
    code has set stays in place.
    """
    theirs = signal.getsignal(signal.SIGINT)
    ours = (
        threading.current_thread() is threading.main_thread()
        and theirs is signal.default_int_handler
    )

    def stop(signum: int, frame: FrameType | None) -> None:
        ask_to_stop()
        signal.signal(signal.SIGINT, theirs)

    if ours:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, theirs)
