"""Runs the command inside this process: what it prints, and its exit code."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from plainnet.cli import main

pytest.importorskip("typer")
pytest.importorskip("rich")
pd = pytest.importorskip("pandas")
pytest.importorskip("skops")


@dataclass
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]
Refused = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        written = [text.replace(os.sep, "/") for text in capsys.readouterr()]
        return Result(code, *written)

    return call


@pytest.fixture
def refused(run: Run, folder: Path) -> Refused:
    """Run what must be refused: one line on stderr, exit code 2, no file made. Gives the line."""

    def call(*arguments: object) -> str:
        before = sorted(folder.rglob("*"))
        result = run(*arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("plainnet: ")
        assert result.err.count("\n") == 1
        assert result.err.endswith("\n")
        assert sorted(folder.rglob("*")) == before
        return result.err

    return call


FLOWERS = ("petal length", "petal width", "sunny")


def flower_rows(n: int = 60, seed: int = 0) -> list[list[object]]:
    """Rows of two classes that anything can tell apart."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = []
    for i in range(n):
        k = i % 2
        length, width = rng.normal((4 * k, -4 * k), 0.5)
        rows.append(
            [f"{length:.3f}", f"{width:.3f}", bool(rng.random() < 0.5), ("rose", "tulip")[k]]
        )
    return rows


def write_csv(path: Path, rows: list[list[object]], header: str | None = None) -> Path:
    lines = [header or ",".join((*FLOWERS, "species"))]
    lines += [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def flowers(folder: Path) -> Path:
    return write_csv(folder / "flowers.csv", flower_rows())


FAST = (
    *("--preset", "fast", "--networks", "1", "--hidden", "8", "--epochs", "20"),
    *("--learning-rate", "0.1"),
)


def numbers_table(n: int = 60) -> pd.DataFrame:
    """Mixed columns with gaps, and a number that they tell."""
    rng = np.random.default_rng(0)
    size = rng.uniform(50, 150, n)
    kind = np.array(["house", "flat", None], object)[np.arange(n) % 3]
    price = 1000.5 * size + 20_000 * (np.arange(n) % 3)
    size[::7] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "kind": kind,
            "sold": pd.date_range("2026-01-01", periods=n).astype(str),
            "price": price,
        }
    )


@pytest.fixture
def houses(folder: Path) -> Path:
    numbers_table().to_csv(folder / "houses.csv", index=False)
    return folder / "houses.csv"


@pytest.fixture
def images(folder: Path) -> Path:
    """Images of 2 x 3 pixels in two classes."""
    y = np.arange(40) % 2
    X = np.random.default_rng(0).integers(0, 9, (40, 2, 3)) + 9 * y[:, None, None]
    np.savez(folder / "images.npz", X=X.astype(np.uint8), y=y)
    return folder / "images.npz"


@pytest.fixture
def model(run: Run, flowers: Path, folder: Path) -> Path:
    """A model of the flowers."""
    assert run("train", flowers, "--target", "species", "-q", *FAST).code == 0
    return folder / "flowers-model.skops"
