"""Real data by name: small tables that scikit-learn ships, Fashion-MNIST, and two texts.

    >>> from plainnet import datasets
    >>> datasets.NAMES
    ('digits', 'iris', 'wine', 'breast-cancer', 'fashion-mnist')

Fashion-MNIST (Xiao et al. 2017) is four IDX files. They are looked for in the folder that the
environment variable PLAINNET_DATA names, then where Debian's package dataset-fashion-mnist puts
them, and downloaded if neither has them.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import FileError, SettingError, optional, require_path, shown

Array = npt.NDArray[Any]

NAMES = ("digits", "iris", "wine", "breast-cancer", "fashion-mnist")
"""The names that `load` accepts."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table of numbers with a class for each row."""

    name: str
    X: Array
    """The features as published, not scaled: shape (m, n), float32. Pixels are in row order."""
    y: Array
    """Class ids, shape (m,)."""
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None = None
    """(height, width) where a row is an image."""
    test: tuple[Array, Array] | None = None
    """The publisher's test set, (X, y), if there is one."""


def load(name: str) -> Dataset:
    """The dataset of this name, one of `NAMES`; `breast_cancer` is `breast-cancer` too.

    Raises
    ------
    SettingError
        If there is no such dataset.
    MissingExtraError
        If the package that ships or downloads it is not installed.
    FileError
        If one of its files is damaged, or is not on this machine and cannot be downloaded.
    """
    if not isinstance(name, str) or name.replace("_", "-") not in NAMES:
        raise SettingError(f"name: there is no dataset {shown(name)}; known are {', '.join(NAMES)}")
    name = name.replace("_", "-")
    return _fashion_mnist() if name == "fashion-mnist" else _from_sklearn(name)


def _from_sklearn(name: str) -> Dataset:
    shipped = optional("sklearn.datasets", purpose=f"the dataset {name}", extra="sklearn")
    bunch = getattr(shipped, f"load_{name.replace('-', '_')}")()
    return Dataset(
        name,
        bunch.data.astype(np.float32),
        bunch.target.astype(np.intp),
        tuple(map(str, bunch.feature_names)),
        tuple(map(str, bunch.target_names)),
        image_shape=bunch.images.shape[1:] if "images" in bunch else None,
    )


# --- Fashion-MNIST --------------------------------------------------------------------------------

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# The checksums of the files at URL, as the README of Fashion-MNIST gives them. They do not hold for
# Debian's, which are compressed again without name and time stamp.
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SIDE = 28


def _fashion_mnist() -> Dataset:
    folder = fashion_mnist_folder() or _download()
    X, y = _images_and_labels(folder, "train")
    return Dataset(
        "fashion-mnist",
        X,
        y,
        tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)),
        CLOTHES,
        image_shape=(SIDE, SIDE),
        test=_images_and_labels(folder, "t10k"),
    )


def fashion_mnist_folder() -> Path | None:
    """The folder on this machine that holds all four files, or None.

    In PLAINNET_DATA, a folder `fashion-mnist` is tried first: MNIST's files have the same names.
    """
    places = [DEBIAN]
    if own := os.environ.get("PLAINNET_DATA"):
        places = [Path(own) / "fashion-mnist", Path(own), DEBIAN]
    for place in places:
        if all((place / file).is_file() for file in MD5):
            return place
    return None


def _download() -> Path:
    pooch = optional("pooch", purpose="fetching Fashion-MNIST", extra="data")
    folder = Path(pooch.os_cache("plainnet")) / "fashion-mnist"
    fetcher = pooch.create(
        folder, base_url=URL, registry={file: f"md5:{md5}" for file, md5 in MD5.items()}
    )
    try:
        for file in MD5:
            fetcher.fetch(file)
    except (OSError, ValueError) as error:  # no connection; a wrong checksum
        raise FileError(
            f"Fashion-MNIST is not on this machine and cannot be fetched ({error}): put its four "
            "files into the folder that PLAINNET_DATA names, or install the Debian package "
            "dataset-fashion-mnist"
        ) from error
    return folder


def _images_and_labels(folder: Path, part: str) -> tuple[Array, Array]:
    images_file = folder / f"{part}-images-idx3-ubyte.gz"
    labels_file = folder / f"{part}-labels-idx1-ubyte.gz"
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.shape[1:] != (SIDE, SIDE):
        raise FileError(
            f"{images_file} must hold images of {SIDE} x {SIDE} pixels; got the shape "
            f"{images.shape}"
        )
    if labels.shape != images.shape[:1] or labels.max(initial=0) >= len(CLOTHES):
        raise FileError(
            f"{labels_file} must hold {len(images)} labels between 0 and {len(CLOTHES) - 1}; got "
            f"the shape {labels.shape} and labels up to {labels.max(initial=0)}"
        )
    return images.reshape(len(images), -1).astype(np.float32), labels.astype(np.intp)


# --- texts ----------------------------------------------------------------------------------------

TEXTS = {
    "tinyshakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "names": (
        "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        "sha256:0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    ),
}
"""The texts that `text` accepts by name, with their addresses and checksums."""


def text(name: str) -> str:
    """The text of this name, one of `TEXTS`: 1.1 MB of Shakespeare, or 32,033 first names.

    The file NAME.txt is looked for in the folder that PLAINNET_DATA names, and otherwise
    downloaded.

    Raises
    ------
    SettingError, MissingExtraError, FileError
        As for `load`.
    """
    if not isinstance(name, str) or name not in TEXTS:
        raise SettingError(f"name: there is no text {shown(name)}; known are {', '.join(TEXTS)}")
    own = Path(os.environ.get("PLAINNET_DATA", "")) / f"{name}.txt"
    if os.environ.get("PLAINNET_DATA") and own.is_file():
        return own.read_text(encoding="utf-8")
    pooch = optional("pooch", purpose=f"fetching {name}", extra="data")
    url, checksum = TEXTS[name]
    try:
        path = pooch.retrieve(url, checksum, f"{name}.txt", pooch.os_cache("plainnet"))
    except (OSError, ValueError) as error:  # no connection; a wrong checksum
        raise FileError(
            f"{name} is not on this machine and cannot be fetched ({error}): put {name}.txt into "
            "the folder that PLAINNET_DATA names"
        ) from error
    return Path(path).read_text(encoding="utf-8")


# --- IDX ------------------------------------------------------------------------------------------

UNSIGNED_BYTES = 8
TIGHTEST = 1032
"""The most bytes that gzip can pack into one byte."""


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array of unsigned bytes in a gzipped IDX file, the format of MNIST.

    Two zero bytes, the type of the elements, the number of dimensions, each dimension as a
    big-endian uint32, and then the elements.

    Raises
    ------
    FileError
        If the file is not an IDX file, ends early, or continues after the last element.
    """
    path = require_path("path", path)
    try:
        packed = os.stat(path).st_size
        with gzip.open(path) as file:
            return _idx_array(path, file, TIGHTEST * packed)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path} cannot be unpacked: {error}") from error


def _idx_array(path: str | os.PathLike[str], file: gzip.GzipFile, most: int) -> Array:
    """The array, read only once its size is known to be plausible."""
    head = file.read(4)
    if len(head) < 4:
        raise FileError(
            f"{path} is not an IDX file: it has {len(head)} bytes, fewer than the header"
        )
    zeros, kind, n_dimensions = struct.unpack(">HBB", head)
    if zeros != 0 or kind != UNSIGNED_BYTES or n_dimensions == 0:
        raise FileError(
            f"{path} is not an IDX file of unsigned bytes: it must begin with 00 00 08 and the "
            f"number of dimensions; got {head.hex(' ')}"
        )
    lengths = file.read(4 * n_dimensions)
    if len(lengths) < 4 * n_dimensions:
        raise FileError(f"{path} ends within its list of {n_dimensions} dimensions")
    shape = struct.unpack(f">{n_dimensions}I", lengths)
    data = file.read(prod(shape)) if prod(shape) <= most else b""
    got = len(data) + len(file.read(2**16))
    if got != prod(shape):
        raise FileError(f"{path} must hold {prod(shape)} bytes for the shape {shape}; got {got}")
    return np.frombuffer(data, np.uint8).reshape(shape)
