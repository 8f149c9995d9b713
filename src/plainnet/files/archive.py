"""The arrays of an .npz file, each of which is read only after its size has been checked.

A few bytes can claim to unpack to gigabytes. So the sizes stated in a file are compared with its
contents before any memory is allocated: data packed tighter than numbers or text ever are is
refused, and an array is read only into memory that has been allocated for it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from plainnet.errors import FileError, MissingExtraError
from plainnet.files.kinds import Unreadable, described, expect_short_list

Array = npt.NDArray[Any]

PACKED_TIGHTEST, SMALL = 50, 2**18
"""Numbers and text never unpack to more than `PACKED_TIGHTEST` times what they take in the file,
apart from the first `SMALL` bytes."""
AT_ONCE = 2**20


@dataclass(frozen=True)
class Header:
    """What an array in the file claims to be."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool

    @property
    def size(self) -> int:
        return prod(self.shape)


def header_of(stream: IO[bytes], size: int, name: str) -> Header:
    """What an array of this many bytes claims to be, if it has enough bytes for that."""
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read:
        raise Unreadable(f"its {name} is an array of an unknown format, {version}")
    shape, by_columns, dtype = read[version](stream)
    if dtype.hasobject:
        raise Unreadable(f"its {name} holds Python objects, which could run code")
    if dtype.itemsize == 0 and shape != ():  # an empty text has no axes
        raise Unreadable(f"its {name} is an array of {dtype}, which takes no bytes")
    start = stream.tell()
    if size - start != prod(shape) * dtype.itemsize:
        raise Unreadable(
            f"its {name} has {size - start} bytes for {dtype} of shape {shape}, which takes "
            f"{prod(shape) * dtype.itemsize}"
        )
    return Header(shape, dtype, by_columns and len(shape) > 1)


class Archive:
    """An open .npz file."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file
        self.members = {info.filename: info for info in file.infolist()}

    @property
    def unpacked(self) -> int:
        """The unpacked size of all members together, in bytes."""
        return sum(info.file_size for info in self.members.values())

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self.members

    def names(self) -> list[str]:
        """The names of the arrays."""
        return [name.removesuffix(".npy") for name in self.members if name.endswith(".npy")]

    def header(self, name: str) -> Header:
        """What the array of this name claims to be; nothing else is read."""
        with self._open(name) as stream:
            return self._header(name, stream)

    def text(self, name: str) -> str:
        """A text, stored as an array without axes."""
        with self._open(name) as stream:
            header = self._header(name, stream)
            if header.shape != () or header.dtype.kind != "U":
                raise Unreadable(f"its {name} is not a text but {header.dtype} {header.shape}")
            order = "be" if header.dtype.str[0] == ">" else "le"
            return self._rest(stream).decode(f"utf-32-{order}").rstrip("\0")

    def json(self, name: str) -> Any:
        """The data in a JSON text."""
        try:
            return json.loads(self.text(name))
        except RecursionError:
            raise Unreadable(f"its {name} is nested too deeply") from None
        except ValueError as error:
            raise Unreadable(f"its {name} is not JSON: {error}") from None

    def number(self, name: str) -> int:
        """A whole number, stored as an array without axes."""
        with self._open(name) as stream:
            header = self._header(name, stream)
            if header.shape != () or header.dtype.kind not in "iu":
                raise Unreadable(
                    f"its {name} is not a whole number but {header.dtype} {header.shape}"
                )
            return int(np.frombuffer(self._rest(stream), header.dtype)[0])

    def rows(self, name: str, width: int, dtype: npt.DTypeLike) -> Array:
        """An array with any number of rows of this width."""
        shape = self.header(name).shape
        if shape[1:] != (width,):
            raise Unreadable(f"its {name} has the shape {shape}; (rows, {width}) is needed")
        rows = np.empty((*shape[:1], width), dtype)
        self.read_into(name, rows)
        return rows

    def array(self, name: str) -> Array:
        """An array of any shape and dtype."""
        header = self.header(name)
        values = np.empty(header.shape, header.dtype.newbyteorder("="))
        self.read_into(name, values)
        return values

    def read_into(self, name: str, place: Array) -> None:
        """Fill an array from the one with this name, which must have its shape and dtype."""
        with self._open(name) as stream:
            header = self._header(name, stream)
            native = header.dtype.newbyteorder("=")
            if header.by_columns:
                raise Unreadable(f"its {name} lies by columns; numbers lie by rows in a file")
            if header.shape != place.shape or native != place.dtype:
                raise Unreadable(
                    f"its {name} is {native} of shape {header.shape}; {place.dtype} of shape "
                    f"{place.shape} is needed"
                )
            flat = place.reshape(-1) if place.flags.c_contiguous else np.empty(place.size, native)
            at_once = max(AT_ONCE // max(native.itemsize, 1), 1)
            for first in range(0, flat.size, at_once):
                part = flat[first : first + at_once]
                data = stream.read(part.nbytes)
                part[...] = np.frombuffer(data, header.dtype)
            if stream.read(1):  # the end is also where the checksum is compared
                raise Unreadable(f"its {name} goes on after the last number")
            if not place.flags.c_contiguous:
                place[...] = flat.reshape(place.shape)

    def _header(self, name: str, stream: IO[bytes]) -> Header:
        return header_of(stream, self.members[f"{name}.npy"].file_size, name)

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self:
            raise Unreadable(f"it has no {name}")
        with self.file.open(self.members[f"{name}.npy"]) as stream:
            yield stream

    def _rest(self, stream: IO[bytes]) -> bytes:
        return stream.read()


@contextmanager
def opened(path: Path, what: str) -> Iterator[Archive]:
    """Open an .npz file to read it.

    Any fault in the file, even if found inside the block, becomes a FileError that says that it is
    not `what`, such as "a plainnet model"; a missing file remains a FileNotFoundError.
    """
    with read_zip(path, what) as file:
        yield Archive(file)


@contextmanager
def read_zip(path: Path, what: str) -> Iterator[zipfile.ZipFile]:
    """A zip file whose members are unpacked to no more than the allowed size."""
    with open_ordinary(path, what) as stream:
        if not zipfile.is_zipfile(stream):
            raise FileError(f"{path} is not {what}: it seems to be {described(path)}")
        try:
            expect_short_list(stream)
            with zipfile.ZipFile(stream) as file:
                expect_members(file)
                yield file
        except (FileError, MissingExtraError):
            raise
        except OSError as error:
            if error.errno is not None and error.filename is not None:
                raise
            raise FileError(_not(path, what, error)) from error
        except (
            Exception
        ) as error:  # zip, NumPy and JSON each have their own errors for a damaged file
            raise FileError(_not(path, what, error)) from error


OWN = {
    "a plainnet model": "a network",
    "an agent of plainnet": "an agent",
    "a saved estimator": "an estimator",
}


def _not(path: Path, what: str, error: Exception) -> str:
    seems = described(path)
    known = seems == f"a plainnet file of {OWN.get(what)}"
    reason = shortened(error) if known else f"it seems to be {seems} ({shortened(error)})"
    return f"{path} is not {what}: {reason}"


def shortened(error: Exception, most: int = 400) -> str:
    """The message of an error, shortened if it quotes half the file."""
    text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def open_ordinary(path: Path, what: str) -> IO[bytes]:
    """The file, open to read; a folder, a pipe or a device is refused before it is opened."""
    if path.exists() and not path.is_file():
        raise FileError(f"{path} is not {what}: it seems to be {described(path)}")
    return open(path, "rb")


def expect_members(file: zipfile.ZipFile) -> None:
    """Refuse a zip file with two members of one name, or one that unpacks to too much."""
    seen = set()
    for info in file.infolist():
        if info.filename in seen:
            raise Unreadable(f"it holds {info.filename!r} twice")
        seen.add(info.filename)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(f"its {info.filename!r} is packed in an unknown way")
        if info.flag_bits & 1:
            raise Unreadable(f"its {info.filename!r} is encrypted")
        if not fits_its_packing(info):
            raise Unreadable(
                f"its {info.filename!r} would unpack from {info.compress_size:,} bytes to "
                f"{info.file_size:,}"
            )


def fits_its_packing(info: zipfile.ZipInfo) -> bool:
    """Whether a member's size is plausible for what it takes in the file."""
    if info.compress_type == zipfile.ZIP_STORED:
        return info.file_size == info.compress_size
    return info.file_size <= SMALL + PACKED_TIGHTEST * info.compress_size
