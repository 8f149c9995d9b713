"""Files that the command writes: checked before the work, and whole or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from plainnet.errors import FileError


def check_writable(path: Path) -> Path:
    """Where `path` will be written, links followed; an error says why it cannot be.

    Trying is the only sure test, so an empty file is made beside it and removed.
    """
    place = path.resolve()
    if not place.parent.is_dir():
        raise FileError(f"cannot write {path}: there is no folder {place.parent}")
    if place.exists() and not place.is_file():
        raise FileError(f"cannot write {path}: it is no ordinary file")
    beside = _beside(place)
    try:
        with open(beside, "wb"):
            pass
        beside.unlink()
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    return place


def may_replace(path: Path, kind: str, is_one: Callable[[Path], bool]) -> bool:
    """Whether there is a file in this place, and it is of the kind that will be written there.

    Somebody else's file is refused.
    """
    if not path.exists():
        return False
    if not is_one(path):
        raise FileError(
            f"{path} exists and is not {kind}, so it is left as it is: name another file as --out"
        )
    return True


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A text file to write, which takes the place of `path` only if all went well."""
    beside = _beside(path)
    try:
        with open(beside, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")
