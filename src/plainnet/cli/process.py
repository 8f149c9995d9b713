"""The process of a command: its signals, and streams that may be closed, full or unread.

This module needs the standard library only.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

lost: list[OSError] = []
"""The errors that kept reports of the running command from being written."""
stopped_by: list[int] = []
"""The signals, other than Ctrl-C's, that have asked the running command to stop."""


class OutputError(Exception):
    """Standard output did not accept the result."""


class Output(io.TextIOBase):
    """Standard output for a result: either it is delivered, or an error says why not."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding or "utf-8"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def close(self) -> None:
        """Do nothing: the stream belongs to the process and stays open."""

    def write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except UnicodeEncodeError as error:
            raise OutputError(
                f"standard output takes {error.encoding}, which has no "
                f"{text[error.start : error.end]!r}: set PYTHONIOENCODING=utf-8, or write to a file"
            ) from error
        except BrokenPipeError:  # whoever read it has seen enough
            raise
        except OSError as error:
            raise OutputError(_not_written(error)) from error

    def flush(self) -> None:
        try:
            self.stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(_not_written(error)) from error


class Report(Output):
    """Standard output for a report: if it accepts no more, the work continues without it."""

    def write(self, text: str) -> int:
        if not lost:
            fitting = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
            try:
                self.stream.write(fitting)
            except OSError as error:
                lost.append(error)
        return len(text)

    def flush(self) -> None:
        if not lost:
            try:
                self.stream.flush()
            except OSError as error:
                lost.append(error)


def report() -> Report:
    """The current standard output, for a report."""
    stream = sys.stdout
    return Report(stream.stream if isinstance(stream, Output) else stream)


def reason_of_loss() -> str | None:
    """Why part of the report was lost; None if nothing was, or if its reader left."""
    found = next((error for error in lost if not isinstance(error, BrokenPipeError)), None)
    return None if found is None else _not_written(found)


def _not_written(error: OSError) -> str:
    why = "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    return f"cannot write to standard output: {why}"


@contextmanager
def standard_streams() -> Iterator[None]:
    """Reports that standard output cannot be written, before Python exits."""
    lost.clear()
    _open_missing()
    stream = sys.stdout
    sys.stdout = Output(stream)
    try:
        yield
    finally:
        sys.stdout = stream
        for each in (stream, sys.stderr):
            _finish(each)


def _open_missing() -> None:
    """Fill the places of streams that the process was started without.

    Otherwise the next file that is opened takes that place, and with it all that a library prints.
    What stands in for standard output can only be read, so that writing fails.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    # Without them, sys.stdout and sys.stderr are None, whatever their type says.
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _finish(stream: TextIO) -> None:
    """Write what is left; if that fails, keep Python from trying again at its exit."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):  # a stream that is not a file of the system
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# --- warnings -------------------------------------------------------------------------------------


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Print each of plainnet's warnings once, as a line on stderr without the place in the code."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: object) -> None:
        if category is not UserWarning:
            usual(message, category, *place)  # type: ignore[arg-type]
        elif str(message) not in seen:
            seen.add(str(message))
            with suppress(OSError):
                print(f"plainnet: warning: {' '.join(str(message).splitlines())}", file=sys.stderr)  # noqa: T201

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning)
        usual, warnings.showwarning = warnings.showwarning, show  # type: ignore[assignment]
        yield


# --- signals --------------------------------------------------------------------------------------


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """Let a request to terminate, or a closed terminal, act like Ctrl-C.

    Training then stops after its current step, and the model is saved. Signals that are ignored
    (nohup) or have a handler are left alone.
    """
    stopped_by.clear()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped_by.append(signum)
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # a shell lets what runs in the background ignore Ctrl-C
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
