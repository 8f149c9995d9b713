"""Runs the command inside this process: what it prints, and its exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from plainnet.cli import main

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("pandas")


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
        return Result(code, *capsys.readouterr())

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


FAST = ("--hidden", "8", "--epochs", "20", "--learning-rate", "0.02")


@pytest.fixture
def model(run: Run, flowers: Path, folder: Path) -> Path:
    """A model of the flowers."""
    assert run("train", flowers, "--target", "species", "-q", *FAST).code == 0
    return folder / "flowers-model.npz"
