"""Named datasets have the published sizes, and damaged files are refused."""

from __future__ import annotations

import gzip
import hashlib
import struct
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from plainnet import datasets
from plainnet.errors import FileError, MissingExtraError, SettingError

SIZES = {
    "digits": (1797, 64, 10, (8, 8)),
    "iris": (150, 4, 3, None),
    "wine": (178, 13, 3, None),
    "breast-cancer": (569, 30, 2, None),
}


@pytest.mark.parametrize("name", SIZES)
def test_datasets_of_sklearn(name: str) -> None:
    pytest.importorskip("sklearn")
    m, n, K, image_shape = SIZES[name]
    data = datasets.load(name)
    assert data.name == name
    assert (data.X.shape, data.X.dtype) == ((m, n), np.float32)
    assert data.y.shape == (m,)
    assert set(data.y.tolist()) == set(range(K))
    assert (len(data.feature_names), len(data.class_names)) == (n, K)
    assert data.image_shape == image_shape
    assert data.test is None


def test_digits_are_those_of_sklearn() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    X, y = sklearn.load_digits(return_X_y=True)
    data = datasets.load("digits")
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, y)


def test_a_name_may_be_written_as_scikit_learn_does() -> None:
    pytest.importorskip("sklearn")
    assert datasets.load("breast_cancer").name == "breast-cancer"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match="no dataset 'mnist'; known are digits, iris, wine"):
        datasets.load("mnist")


def test_without_sklearn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"plainnet\[sklearn\]"):
        datasets.load("iris")


# --- Fashion-MNIST --------------------------------------------------------------------------------


def test_fashion_mnist_as_published() -> None:
    if datasets.fashion_mnist_folder() is None:
        pytest.skip("the files of Fashion-MNIST are neither in PLAINNET_DATA nor in Debian's place")
    data = datasets.load("fashion-mnist")
    assert data.test is not None
    assert (data.X.shape, data.X.dtype) == ((60_000, 784), np.float32)
    assert data.test[0].shape == (10_000, 784)
    assert np.bincount(data.y).tolist() == [6000] * 10
    assert np.bincount(data.test[1]).tolist() == [1000] * 10
    assert (data.X.min(), data.X.max()) == (0, 255)
    assert data.feature_names[29] == "pixel_1_1"
    # The mean and the standard deviation that are commonly used to normalise these images.
    assert data.X.mean(dtype=float) / 255 == pytest.approx(0.2860, abs=1e-4)
    assert data.X.std(dtype=float) / 255 == pytest.approx(0.3530, abs=1e-4)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def write_clothes(folder: Path, m: int = 20) -> dict[str, np.ndarray]:
    """Small files like those of Fashion-MNIST, of m and m / 2 images."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for part, size in (("train", m), ("t10k", m // 2)):
        arrays[f"{part}-images-idx3-ubyte.gz"] = rng.integers(0, 256, (size, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte.gz"] = np.arange(size) % 10
    for name, array in arrays.items():
        (folder / name).write_bytes(idx(array))
    return arrays


@pytest.mark.parametrize("below", ["", "fashion-mnist"])
def test_the_own_folder_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    arrays = write_clothes(tmp_path / below)
    monkeypatch.setenv("PLAINNET_DATA", str(tmp_path))
    data = datasets.load("fashion-mnist")
    images = arrays["train-images-idx3-ubyte.gz"]
    np.testing.assert_array_equal(data.X, images.reshape(20, 784))
    assert data.test is not None
    np.testing.assert_array_equal(data.test[1], arrays["t10k-labels-idx1-ubyte.gz"])
    assert data.image_shape == (28, 28)


def test_a_folder_that_lacks_a_file_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clothes(tmp_path / "own")
    (tmp_path / "own" / "t10k-labels-idx1-ubyte.gz").unlink()
    write_clothes(tmp_path / "system")
    monkeypatch.setenv("PLAINNET_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(datasets, "DEBIAN", tmp_path / "system")
    assert datasets.fashion_mnist_folder() == tmp_path / "system"


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((20, 8, 8)), "images of 28 x 28 pixels; got"),
        ("train-labels-idx1-ubyte.gz", np.zeros(19), "must hold 20 labels between 0 and 9"),
        ("t10k-labels-idx1-ubyte.gz", np.full(10, 10), "got the shape .* and labels up to 10"),
    ],
)
def test_files_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, array: np.ndarray, message: str
) -> None:
    write_clothes(tmp_path)
    (tmp_path / file).write_bytes(idx(array))
    monkeypatch.setenv("PLAINNET_DATA", str(tmp_path))
    with pytest.raises(FileError, match=message):
        datasets.load("fashion-mnist")


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, np.ndarray]]:
    """Small files at datasets.URL, and none on this machine."""
    pytest.importorskip("pooch")
    arrays = write_clothes(tmp_path / "web")
    handler = partial(Silent, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        monkeypatch.setattr(datasets, "URL", f"http://127.0.0.1:{http.server_port}/")
        monkeypatch.setattr(datasets, "DEBIAN", tmp_path / "nowhere")
        monkeypatch.delenv("PLAINNET_DATA", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(proxy, raising=False)
        yield arrays
        http.shutdown()
        thread.join()


def test_a_download_is_checked_and_kept(
    server: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = {
        name: hashlib.md5((tmp_path / "web" / name).read_bytes()).hexdigest() for name in server
    }
    monkeypatch.setattr(datasets, "MD5", sums)
    X = datasets.load("fashion-mnist").X
    np.testing.assert_array_equal(X, server["train-images-idx3-ubyte.gz"].reshape(20, 784))
    for name in server:
        (tmp_path / "web" / name).unlink()
    np.testing.assert_array_equal(datasets.load("fashion-mnist").X, X)


def test_a_download_with_a_wrong_checksum_is_refused(
    server: dict[str, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=r"cannot be fetched .*hash"):
        datasets.load("fashion-mnist")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_no_connection_says_what_to_do(
    server: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "URL", "http://127.0.0.1:9/")  # nobody listens there
    with pytest.raises(FileError, match="PLAINNET_DATA names, or install the Debian package"):
        datasets.load("fashion-mnist")


# --- IDX ------------------------------------------------------------------------------------------


def test_idx_gives_the_array_back(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "a.gz").write_bytes(idx(array))
    read = datasets.read_idx(tmp_path / "a.gz")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8


DAMAGED = {
    "empty": (gzip.compress(b""), "it has 0 bytes"),
    "short": (gzip.compress(b"\0\0\x08"), "it has 3 bytes"),
    "magic": (gzip.compress(b"\0\1\x08\1\0\0\0\0"), "begin with 00 00 08 .* got 00 01 08 01"),
    "type": (gzip.compress(b"\0\0\x0d\1\0\0\0\0"), "got 00 00 0d 01"),
    "no dimensions": (gzip.compress(b"\0\0\x08\0"), "got 00 00 08 00"),
    "half a list": (gzip.compress(b"\0\0\x08\2\0\0\0\1"), "within its list of 2 dimensions"),
    "truncated": (gzip.compress(b"\0\0\x08\1\0\0\0\5abcd"), r"hold 5 bytes for .* got 4"),
    "too long": (gzip.compress(b"\0\0\x08\1\0\0\0\3abcd"), r"hold 3 bytes for .* got 4"),
    "cut gzip": (idx(np.arange(99))[:-20], "cannot be unpacked"),
    "changed gzip": (idx(np.arange(99))[:-8] + b"\0" * 8, "cannot be unpacked"),
    "no gzip": (b"\0\0\x08\1\0\0\0\3abc", "cannot be unpacked"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_idx_files(tmp_path: Path, case: str) -> None:
    content, message = DAMAGED[case]
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(FileError, match=message):
        datasets.read_idx(tmp_path / "a.gz")


def test_no_idx_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        datasets.read_idx(tmp_path / "none.gz")


# --- texts ----------------------------------------------------------------------------------------


def test_a_text_in_the_own_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "names.txt").write_text("emma\nolivia\n", encoding="utf-8")
    monkeypatch.setenv("PLAINNET_DATA", str(tmp_path))
    assert datasets.text("names") == "emma\nolivia\n"


def test_a_text_is_downloaded_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooch = pytest.importorskip("pooch")
    source = tmp_path / "there.txt"
    source.write_text("to be", encoding="utf-8")
    monkeypatch.setenv("PLAINNET_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(pooch, "retrieve", lambda url, known, *place: asked.append(known) or source)
    asked: list[str] = []
    assert datasets.text("tinyshakespeare") == "to be"
    assert asked[0].startswith("sha256:86c4e6aa")

    def refuse(*arguments: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(FileError, match=r"cannot be fetched \(no route\): put names.txt into"):
        datasets.text("names")


def test_an_unknown_text_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match="'bible'; known are tinyshakespeare, names"):
        datasets.text("bible")
