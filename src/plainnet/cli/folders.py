"""A folder with a folder for each class: which files are in it, and which class each has.

Everything below a class's folder belongs to the class, however deep. Hidden files, and those that
systems leave behind, are ignored; other files of the wrong kind are listed and left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zlib import crc32

from plainnet import datasets
from plainnet.cli import OK, complain
from plainnet.cli.checks import LISTED
from plainnet.errors import DataError, FileError, counted

Kind = Literal["images", "texts"]
Broken = Literal["skip", "refuse"]
"""What happens to files that cannot be read."""

ENDINGS: dict[str, Kind] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"), "images"),
    ".txt": "texts",
}
NAMED: dict[Kind, str] = {"images": "picture", "texts": "text"}
LEFT_BEHIND = ("thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db")
READ_AT_ONCE = 2**20
CHECKPOINT = ".checkpoint"
"""The ending of the folder that a run of `plainnet train` keeps beside its model."""


@dataclass(frozen=True)
class Folder:
    """Files to learn from, with their classes."""

    name: str
    kind: Kind
    paths: list[Path]
    labels: list[str]
    left_out: list[str] = field(default_factory=list)
    """A sentence for each file that was found but left out."""

    def without(self, broken: dict[Path, str]) -> Folder:
        """The folder without these files, for the reasons given."""
        kept = [i for i, path in enumerate(self.paths) if path not in broken]
        return Folder(
            self.name,
            self.kind,
            [self.paths[i] for i in kept],
            [self.labels[i] for i in kept],
            [*self.left_out, *broken.values()],
        )


def is_folder(source: str) -> bool:
    """Whether a folder is meant; a dataset's name wins over a folder's, but ./NAME is a folder."""
    return source not in datasets.NAMES and Path(source).is_dir()


def refuse_single(source: str) -> None:
    """Refuse to learn from one picture or text, whose class would be the name of its folder."""
    path = Path(source)
    if path.is_file() and _ending(path) in ENDINGS:
        raise DataError(
            f"{source} is one {NAMED[ENDINGS[_ending(path)]]}, whose class cannot be told: name a "
            "folder that has a folder for each class"
        )


def to_learn(source: str) -> Folder:
    """The files of a folder that has a folder for each class."""
    root = Path(source)
    entries = _entries(root)
    classes = [entry for entry in entries if entry.is_dir()]
    left_out = [f"{entry} is in no class's folder" for entry in entries if entry not in classes]
    if not classes:
        raise DataError(
            f"{root} is a folder without a folder for each class: put the files of each class into "
            "a folder in it that has the class's name"
        )
    taken = {_identity(entry) for entry in classes if not entry.is_symlink()}
    found = []
    for entry in classes:
        if not entry.is_symlink():
            taken.remove(_identity(entry))
        found += [(entry.name, path) for path in _below(entry, left_out, taken)]
    kind = _kind_of([path for _, path in found], root)
    of_kind = [(label, path) for label, path in found if ENDINGS.get(_ending(path)) == kind]
    left_out += [
        f"{path} is not a {NAMED[kind]}" for _, path in found if ENDINGS.get(_ending(path)) != kind
    ]
    filled = {label for label, _ in of_kind}
    left_out += [f"{entry} holds no {NAMED[kind]}" for entry in classes if entry.name not in filled]
    _expect_classes_here(root, classes, [path for _, path in of_kind])
    labels = [_text(label, root) for label, _ in of_kind]
    return Folder(root.resolve().name or str(root), kind, [p for _, p in of_kind], labels, left_out)


def to_predict(sources: Sequence[str], kind: Kind) -> tuple[list[Path], list[str]]:
    """(files, lines about what was left out) for the named files and those in named folders."""
    paths: list[Path] = []
    left_out: list[str] = []
    for source in sources:
        path = Path(source)
        if not path.is_dir():
            if not path.exists():
                raise FileError(f"there is no file {path}")
            paths.append(path)
            continue
        for inner in _below(path, left_out):
            if ENDINGS.get(_ending(inner)) == kind:
                paths.append(inner)
            else:
                left_out.append(f"{inner} is not a {NAMED[kind]}")
    return paths, left_out


def say_left_out(lines: Sequence[str]) -> None:
    """List on stderr what was left out, even with --quiet."""
    for line in lines[:LISTED]:
        complain(f"left out: {line}", OK)
    if len(lines) > LISTED:
        complain(f"left out: {counted(len(lines) - LISTED, 'more file')}", OK)


def checksum(root: Path) -> int:
    """A checksum of the names and contents of all files."""
    found = 0
    for path in _below(root, []):
        line = f"{path.relative_to(root)}\0{path.stat().st_size}\0"
        found = crc32(line.encode("utf-8", "surrogateescape"), found)
        with path.open("rb") as file:
            while part := file.read(READ_AT_ONCE):
                found = crc32(part, found)
    return found


# --- files ----------------------------------------------------------------------------------------


def _below(
    folder: Path, left_out: list[str], seen: set[tuple[int, int]] | None = None
) -> list[Path]:
    """All files in a folder and the folders in it; links are followed, but to no folder twice."""
    own, seen = _identity(folder), set() if seen is None else seen
    if own in seen:
        left_out.append(f"{folder} is a link to a folder that is there already")
        return []
    seen.add(own)
    files: list[Path] = []
    for path in _entries(folder):
        if path.is_dir():
            files += _below(path, left_out, seen)
        elif path.is_file():
            files.append(path)
        else:
            left_out.append(f"{path} is a link that leads nowhere, or not an ordinary file")
    return files


def _identity(folder: Path) -> tuple[int, int]:
    """The same for a folder and a link to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, in the order of the names, without what nobody has put there."""
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in found if not _is_hidden(path)]


def _is_hidden(path: Path) -> bool:
    kept = path.name.endswith(CHECKPOINT) and path.is_dir()
    return path.name.startswith(".") or path.name.lower() in LEFT_BEHIND or kept


def _ending(path: Path) -> str:
    return path.suffix.lower()


def _kind_of(paths: Sequence[Path], root: Path) -> Kind:
    """What most of the files are."""
    kinds = Counter(ENDINGS[_ending(path)] for path in paths if _ending(path) in ENDINGS)
    if not kinds:
        raise DataError(
            f"the folders in {root} have no files to learn from: pictures ("
            f"{', '.join(ending for ending, kind in ENDINGS.items() if kind == 'images')}) or "
            "texts (.txt)"
        )
    return max(kinds, key=lambda kind: kinds[kind])


def _expect_classes_here(root: Path, classes: Sequence[Path], paths: Sequence[Path]) -> None:
    """Refuse a folder whose folders are not the classes yet, such as train and test."""
    parents = {path.parent for path in paths}
    if not parents.isdisjoint(classes):
        return
    counts = Counter(path.relative_to(root).parts[0] for path in paths)
    inner = max(sorted(counts), key=counts.__getitem__)
    raise DataError(
        f"the folders in {root} hold folders and no files, as if the classes were one level below: "
        f"name the folder whose folders are the classes, such as {root / inner}"
    )


def _text(label: str, root: Path) -> str:
    try:
        label.encode()
    except UnicodeEncodeError as error:
        raise FileError(f"a folder in {root} has a name that is not text: {label!r}") from error
    return label
