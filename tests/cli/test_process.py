"""What only a process of its own shows: signals, pipes, terminals, exit codes, missing packages."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.cli import main

COMMAND = [sys.executable, "-m", "plainnet"]


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([*COMMAND, *arguments], **settings)  # type: ignore[call-overload]


def test_version_and_help() -> None:
    with start("--version") as process:
        assert process.communicate() == (f"plainnet {plainnet.__version__}\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "--help"], ["predict", "-h"]])
def test_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Examples:\n    plainnet " in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_error_is_one_line(tmp_path: Path) -> None:
    with start("train", "none.csv", cwd=tmp_path) as process:
        assert process.communicate() == ("", "plainnet: there is no file none.csv\n")
    assert process.returncode == 2


def endless(folder: Path) -> list[str]:
    """Arguments of a training that takes minutes."""
    X = np.random.default_rng(0).normal(size=(4000, 20))
    np.savez(folder / "t.npz", X=X, y=np.arange(4000) % 2)
    return ["train", "t.npz", "--epochs", "9000", "--patience", "9000"]


def test_ctrl_c_in_training_reports_and_saves(tmp_path: Path) -> None:
    with start(*endless(tmp_path), cwd=tmp_path) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if line.startswith("epoch 1/9000"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "Interrupted after" in out
    assert "is kept" in out
    assert "Test accuracy" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t-model.npz", "t.npz"]


def test_ctrl_c_elsewhere_is_130_without_a_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.csv")
    # Opening the pipe succeeds once the command reads from it, and then it waits for a line.
    slow = tmp_path / "slow.csv"
    with start("train", "slow.csv", cwd=tmp_path) as process, open(slow, "w"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_reader_that_leaves_gets_no_traceback(tmp_path: Path, command: str) -> None:
    arguments = endless(tmp_path)
    if command == "predict":
        subprocess.run([*COMMAND, *arguments, "--epochs", "1", "-q"], cwd=tmp_path, check=True)
        arguments = ["predict", "t-model.npz", "t.npz", "--proba"]
    before = sorted(tmp_path.iterdir())
    with start(*arguments, cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    np.savez(tmp_path / "t.npz", X=X, y=np.repeat([0, 1], 20))
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    arguments = ["train", "t.npz", "--epochs", "30", "--patience", "30"]
    with start(*arguments, cwd=tmp_path, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
        assert process.stderr
        assert process.stderr.read() == ""
    os.close(ours)
    assert process.returncode == 0
    text = shown.decode()
    assert "epoch 30/30" in text
    assert "━" in text
    assert "validation accuracy 1.0000" in text
    assert text.index("epoch 30/30") < text.index("Test accuracy")


@pytest.mark.parametrize("package", ["typer", "rich", "pandas"])
def test_a_missing_package_is_named(tmp_path: Path, package: str) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,u\n2,v\n")
    code = (
        f"import sys; sys.modules[{package!r}] = None; from plainnet.cli import main; "
        "sys.exit(main(['train', 't.csv']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"plainnet: plainnet needs {package} for ")
    assert done.stderr.endswith(": pip install 'plainnet[cli]'\n")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    np.savez(tmp_path / "t.npz", X=X, y=np.repeat([0, 1], 20))
    with open("/dev/full", "w") as full, start("train", "t.npz", cwd=tmp_path, stdout=full) as p:
        assert p.stderr
        err = p.stderr.read()
    assert p.returncode == 2
    assert err == "plainnet: No space left on device\n"
