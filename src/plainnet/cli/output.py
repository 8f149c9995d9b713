"""Files that the command writes: checked before any work, written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from plainnet.errors import FileError, SettingError
from plainnet.files.places import check_place, moved_into_place


def check_writable(path: Path, special: str = "") -> Path:
    """Where `path` will be written, with links followed; an error says why it cannot be.

    Trying is the only sure test, so a write is started and abandoned. `special` says what to do
    instead if something other than an ordinary file is there.
    """
    try:
        place = path.resolve()
        exists = place.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a zero byte
        raise FileError(f"cannot write {path}: {_why(error)}") from error
    if not place.parent.is_dir():
        raise FileError(f"cannot write {path}: there is no folder {place.parent}")
    if place.is_dir():
        raise FileError(f"cannot write {path}: it is a folder; name a file in it")
    if exists and not place.is_file():
        raise FileError(f"cannot write {path}: it is not an ordinary file{special}")
    if exists and not os.access(place, os.W_OK):
        raise FileError(f"cannot write {path}: it is read-only")
    try:
        return check_place(place)
    except OSError as error:
        raise FileError(f"cannot write {path}: {_why(error)}") from error


def check_replaceable(path: Path, place: Path, kind: str, is_one: Callable[[Path], bool]) -> bool:
    """Whether a file will be replaced: only a file of the same kind, or an empty one, may be.

    Anything else is refused.
    """
    if not place.exists() or place.stat().st_size == 0:
        return False
    if not is_one(place):
        raise FileError(
            f"{path} exists and is not {kind}, and only one of these is replaced: name another "
            "file, or remove this one first"
        )
    return True


class PageFile:
    """A page that a command writes; it may replace the page of an earlier run, but no other file.

    Whatever can be refused is refused in the constructor, before any work.
    """

    def __init__(self, path: Path, command: str) -> None:
        self.path = path
        self.mark = f"<!-- plainnet {command} -->"
        if path.suffix.lower() not in (".html", ".htm"):
            raise SettingError(
                f"a page is an .html file; got {path}. A browser prints it, also as a PDF"
            )
        self.place = check_writable(path)
        check_replaceable(path, self.place, f"a page of `plainnet {command}`", self._is_one)

    def write(self, document: str) -> None:
        """Write the page, with its identifying mark after the first line, which says it is HTML."""
        with written_whole(self.path, self.place) as file:
            file.write(document.replace("\n", f"\n{self.mark}\n", 1))

    def _is_one(self, path: Path) -> bool:
        with open(path, "rb") as file:
            return self.mark.encode() in file.read(4096)


@contextmanager
def written_whole(path: Path, place: Path) -> Iterator[TextIO]:
    """A text file to write, which takes its place only if writing succeeds."""
    try:
        with moved_into_place(place) as raw:
            file = TextIOWrapper(cast("BinaryIO", raw), encoding="utf-8", newline="")
            yield file
            file.flush()
            file.detach()
    except OSError as error:
        raise FileError(f"cannot write {path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
