"""The kinds of files: plainnet's own, and others that a file may seem to be."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from plainnet.errors import SettingError

LARGEST_LIST = 2**18
"""The largest size of a zip file's list of members, in bytes."""


class Unreadable(Exception):
    """Why a file cannot be read, for a FileError that names the file."""


@dataclass(frozen=True)
class Kind:
    """One of plainnet's own kinds of files."""

    what: str
    ending: str
    module: str
    """Has `write(thing, path, **settings)` and `read(path, **settings)`."""
    members: tuple[str, ...]
    """The names in the zip file by which the kind is known."""


KINDS = {
    "network": Kind(
        "a network", ".npz", "plainnet.files.native", ("description.npy", "parameters.npy")
    ),
    "agent": Kind("an agent", ".npz", "plainnet.rl.saving", ("agent_format.npy", "agent.npy")),
    "estimator": Kind("an estimator", ".skops", "plainnet.estimators.saving", ("schema.json",)),
}

FOREIGN = {
    ".h5": "Keras and HDF5",
    ".hdf5": "Keras and HDF5",
    ".keras": "Keras",
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".ckpt": "PyTorch and TensorFlow",
    ".pb": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".onnx": "ONNX",
    ".safetensors": "safetensors",
    ".gguf": "GGUF",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "joblib",
    ".npy": "single NumPy arrays",
    ".mat": "MATLAB",
    ".json": "JSON",
    ".yaml": "YAML",
    ".toml": "TOML",
    ".yml": "YAML",
    ".xml": "XML",
    **dict.fromkeys((".csv", ".tsv", ".parquet", ".feather", ".arrow", ".xlsx"), "tables"),
    **dict.fromkeys((".gif", ".png", ".jpg", ".jpeg", ".svg", ".pdf", ".mp4"), "pictures"),
    **dict.fromkeys((".txt", ".md", ".html", ".jsonl"), "text"),
    **dict.fromkeys((".db", ".sqlite"), "databases"),
    ".py": "Python",
    ".ipynb": "notebooks",
    **dict.fromkeys((".gz", ".bz2", ".zip", ".tar"), "archives"),
    **dict.fromkeys((".dill", ".cloudpickle"), "pickle"),
    ".msgpack": "MessagePack",
    ".pt2": "PyTorch",
    ".mlmodel": "Core ML",
    **dict.fromkeys((".hdf", ".he5"), "HDF5"),
}
"""File endings of other formats, which would mislead as names of plainnet's files."""


def check_ending(path: str | os.PathLike[str], kind: str) -> None:
    """Refuse a name that promises a format other than the file's.

    Unknown endings, or none, are allowed: a file is recognised by its contents.
    """
    name, own = os.fsdecode(path), KINDS[kind]
    ending = os.path.splitext(name)[1].lower()
    remedy = os.path.splitext(name)[0] + own.ending
    if ending in FOREIGN:
        raise SettingError(
            f"{name} has the ending of {FOREIGN[ending]}, and plainnet saves {own.what} in its "
            f"own format: name the file {remedy}"
        )
    for other in KINDS.values():
        if ending == other.ending != own.ending:
            raise SettingError(
                f"{name} has the ending of {other.what}, and this is {own.what}: name the file "
                f"{remedy}"
            )


def kind_of(path: Path) -> str | None:
    """The key in `KINDS` for the contents of the file, even if damaged; None if there is none."""
    if not path.is_file():  # reading a pipe would block
        return None
    try:
        members = set(_members(path))
    except Exception:  # any error: it is not ours
        return None
    return next((name for name, kind in KINDS.items() if members.intersection(kind.members)), None)


def _members(path: Path) -> list[str]:
    with open(path, "rb") as stream:
        expect_short_list(stream)
        with zipfile.ZipFile(stream) as file:
            return file.namelist()


def expect_short_list(stream: IO[bytes]) -> None:
    """Refuse a long list of members, which takes ten times as much memory as space in the file."""
    end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
    if end and end[5] > LARGEST_LIST + stream.seek(0, 2) // 4:
        raise Unreadable(f"it lists too many members: {end[5]:,} bytes of them")


# --- what else there is ---------------------------------------------------------------------------

BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, perhaps a Keras .h5"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"\xfd7zXZ", "an xz file: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"PAR1", "a Parquet table"),
    (b"SQLite format 3\0", "an SQLite database, perhaps a study of `plainnet tune`"),
    (b"GGUF", "a GGUF model"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"MATLAB", "a MATLAB file"),
    (b"version https://git-lfs", "a pointer of Git LFS: `git lfs pull` fetches the file itself"),
    (b"PK\x03\x04", "a zip file that ends early, or is damaged"),
)
PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
ZLIB = (b"x\x01", b"x\x9c", b"x\xda")


def described(path: Path) -> str:
    """What a file seems to be, in words, by its first bytes."""
    if path.is_dir():
        return "a folder"
    if not path.is_file():
        return "not an ordinary file"
    if zipfile.is_zipfile(path):
        return _described_zip(path)
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        if error.filename is not None:
            raise
        return f"a file that cannot be read ({error.strerror})"
    size = path.stat().st_size
    if not head:
        return "an empty file"
    for beginning, what in BEGINNINGS:
        if head.startswith(beginning):
            return what
    if head.startswith(PICKLES):
        return "a pickle, which could run code and is not read"
    if head.startswith(ZLIB) and path.suffix.lower() in (".joblib", ".pkl", ".z"):
        return "a joblib file, which could run code and is not read"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "a safetensors file"
    if head[:1] == b"\x08" and head[1:2] < b"\x20" and head[2:3] in b"\x12\x1a\x22\x2a\x32\x3a\x42":
        return "an ONNX model"
    return _described_text(head) or "a binary file of an unknown kind"


def _described_zip(path: Path) -> str:
    try:
        names = _members(path)
    except Exception:  # whatever is wrong with it
        return "a damaged zip file"
    for kind in KINDS.values():
        if set(kind.members) <= set(names):
            return f"a plainnet file of {kind.what}"
    if any(name.endswith("/data.pkl") for name in names):
        return "a PyTorch file: torch.load reads it"
    if any(name.endswith(".weights.h5") for name in names):
        return "a Keras model (.keras): keras.models.load_model reads it"
    if "[Content_Types].xml" in names:
        return "an Office document"
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if arrays and len(arrays) == len(names):
        shown = ", ".join(arrays[:3]) + (" ..." if len(arrays) > 3 else "")
        return f"an .npz file of other arrays: {shown}"
    return "a zip file of something else"


def _described_text(head: bytes) -> str:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut in two at the end
            return ""
        text = head[: error.start].decode()
    if "\0" in text:
        return ""
    first = text.lstrip()[:1]
    if first and first in "{[":
        return "JSON"
    if text.lstrip()[:9].lower() in ("<!doctype", "<html>") or text.startswith("<html"):
        return "a web page, perhaps of an error while downloading"
    line = text.partition("\n")[0]
    if any(mark in line for mark in ",;\t"):
        return "a table in text, such as CSV"
    return "text"
