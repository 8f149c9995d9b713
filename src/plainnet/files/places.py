"""Writing files: whole or not at all, by any number of threads and processes at once.

A file is written beside its destination and then moved there, so that a reader sees either the old
file or the new one, and an error leaves the old one unchanged.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from plainnet.errors import FileError

UNFINISHED = re.compile(r"\.plainnet-([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{8}\.part")
WINDOWS = sys.platform == "win32"
OF_A_PROCESS = re.compile(r"/proc/[^/]+/(task/\d+/)?fd|/dev/fd")


@contextmanager
def moved_into_place(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write, which replaces `path` only if all goes well.

    Any number of threads and processes may write at once: the last one wins, and readers see a
    whole file at all times. Symbolic links are followed. An existing file keeps its permissions
    and, where allowed, its owner; a new file gets the permissions that the umask leaves. Anything
    but an ordinary file, such as a pipe or /dev/stdout, is written to and not replaced. Unfinished
    files that killed processes left in the folder are removed.

    Raises
    ------
    FileError
        If `path` is a folder.
    OSError
        If the file cannot be created, or the disk is full.
    """
    name = os.fsdecode(path)
    place = os.path.realpath(name)  # now: the working directory may change
    before = _found(name)
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise FileError(f"cannot write to {name}: it is a folder; name a file in it")
    if before is not None and (not stat.S_ISREG(before.st_mode) or _is_open_file(name)):
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            with open(name, "wb") as special:
                shutil.copyfileobj(file, special)
        return
    folder = os.path.dirname(place)
    _remove_unfinished(folder)
    beside = os.path.join(folder, _unfinished_name())
    try:
        with open(beside, "xb", opener=_opener(before)) as file:
            yield file
            file.flush()
            if before is not None:
                _keep_owner_and_mode(file.fileno(), before)
            _sync(file.fileno())
        _move(beside, place)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a full disk names no file
            raise OSError(error.errno, error.strerror, name) from error
        if error.errno is None or error.filename != beside:
            raise
        missing = "its folder does not exist"
        what = missing if error.errno == errno.ENOENT else f"it cannot be written: {error.strerror}"
        raise OSError(error.errno, what, name) from error  # about the file that the user knows
    finally:
        with suppress(OSError):
            os.unlink(beside)
    with suppress(
        OSError
    ):  # a power failure must not undo the move; not every system supports this
        _sync_folder(folder)


def check_place(path: str | os.PathLike[str]) -> Path:
    """Where `path` will be written, links followed; an OSError says why it cannot be.

    Trying is the only sure test: an empty file is created beside it and removed.
    """
    name = os.fsdecode(path)
    place = os.path.realpath(name)
    beside = os.path.join(os.path.dirname(place), _unfinished_name())
    with open(beside, "xb"):
        pass
    os.unlink(beside)
    return Path(place)


# --- what is there already ------------------------------------------------------------------------


def _found(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except FileNotFoundError:
        return None


def _is_open_file(name: str) -> bool:
    """Whether the name stands for what a process has open: /dev/stdout, though it may be a file."""
    for _ in range(40):
        if OF_A_PROCESS.fullmatch(os.path.realpath(os.path.dirname(name) or ".")):
            return True
        if not os.path.islink(name):
            return False
        name = os.path.join(os.path.dirname(name), os.readlink(name))
    return False


def _opener(before: os.stat_result | None) -> Callable[[str, int], int]:
    """New files get what the umask leaves; a replacement stays private until it is in place."""
    mode = 0o666 if before is None else 0o600
    return lambda path, flags: os.open(path, flags, mode)


def _keep_owner_and_mode(file: int, before: os.stat_result) -> None:
    if WINDOWS:  # a file has its folder's permissions there
        return
    now = os.fstat(file)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(file, before.st_uid, before.st_gid)
        except OSError:  # only root may give files away; the group may be one of ours
            with suppress(OSError):
                os.fchown(file, -1, before.st_gid)
    with suppress(PermissionError):
        os.fchmod(file, stat.S_IMODE(before.st_mode))


def _move(beside: str, place: str) -> None:
    """Windows does not replace a file that is being read, be it by a virus scanner: wait for it."""
    for seconds in (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64) if WINDOWS else ():
        try:
            os.replace(beside, place)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    os.replace(beside, place)


def _sync(file: int) -> None:
    """Wait until the disk has it; what is not a disk need not support that."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what was left unfinished ---------------------------------------------------------------------
#
# The name of an unfinished file says who writes it: the machine since it was started, with its
# space of process numbers, the process and when it began. Only what this machine can know to be
# dead is removed; of another machine that shares the folder nothing is known.


def _unfinished_name() -> str:
    pid = os.getpid()
    _, began = _process(pid)
    return f".plainnet-{_machine()}-{pid}-{began}-{secrets.token_hex(4)}.part"


def _remove_unfinished(folder: str) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(".plainnet-")]
        machine = _machine() if names else ""
        for name in names:
            found = UNFINISHED.fullmatch(name)
            if found and found[1] == machine and not _lives(int(found[2]), int(found[3])):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, name))


def _machine() -> str:
    """This machine since it was started, and its space of process numbers."""
    known = [socket.gethostname()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:12]


def _lives(pid: int, began: int) -> bool:
    """Whether the process that began then still runs; its number may be another's by now."""
    if WINDOWS:  # os.kill would end it, or send it Ctrl-C: nothing is known, and its file stays
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        pass
    state, now = _process(pid)
    return state not in "ZX" and (not began or not now or now == began)


def _process(pid: int) -> tuple[str, int]:
    """(state, when it began in the system's ticks); ("?", 0) where that cannot be known."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
        return after_name[0], int(after_name[19])
    except (OSError, ValueError, IndexError):
        return "?", 0
