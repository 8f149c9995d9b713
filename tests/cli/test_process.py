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
from plainnet.estimators import load

from .conftest import FAST, Run

COMMAND = [sys.executable, "-m", "plainnet"]


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([*COMMAND, *arguments], **settings)  # type: ignore[call-overload]


def test_version_and_help() -> None:
    with start("--version") as process:
        assert process.communicate() == (f"plainnet {plainnet.__version__}\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["--help"], ["train", "--help"], ["predict", "-h"], ["tune", "-h"]),
        *(["rl"], ["rl", "train", "-h"], ["rl", "watch", "-h"]),
    ],
)
def test_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Examples:\n    plainnet " in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_error_is_one_line(tmp_path: Path) -> None:
    with start("train", "none.csv", cwd=tmp_path) as process:
        assert process.communicate() == ("", "plainnet: there is no file none.csv\n")
    assert process.returncode == 2


def small(folder: Path) -> str:
    """A file that is learned at once."""
    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    np.savez(folder / "t.npz", X=X, y=np.repeat([0, 1], 20))
    return "t.npz"


def endless(folder: Path) -> list[str]:
    """Arguments of a training that takes minutes."""
    return ["train", small(folder), *FAST, "--epochs", "900000"]


def test_ctrl_c_in_training_reports_and_saves(tmp_path: Path) -> None:
    with start(*endless(tmp_path), cwd=tmp_path) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if line.startswith("epoch 1/900000"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "Interrupted after" in out
    assert "is kept" in out
    assert "Test accuracy" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t-model.skops", "t.npz"]


def test_ctrl_c_elsewhere_is_130_without_a_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.csv")
    # Opening the pipe succeeds once the command reads from it, and then it waits for a line.
    slow = tmp_path / "slow.csv"
    with start("train", "slow.csv", cwd=tmp_path) as process, open(slow, "w"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_training_goes_on_when_its_reader_leaves(tmp_path: Path) -> None:
    arguments = ["train", small(tmp_path), *FAST, "--epochs", "200"]
    with start(*arguments, cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert len(load(tmp_path / "t-model.skops").history_) == 200


def test_a_reader_that_leaves_predictions_gets_no_traceback(run: Run, tmp_path: Path) -> None:
    run("train", small(tmp_path), *FAST, "-q")
    np.savez(tmp_path / "many.npz", X=np.zeros((20_000, 2)))
    arguments = ["predict", "t-model.skops", "many.npz", "--proba"]
    with start(*arguments, cwd=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    arguments = ["train", small(tmp_path), *FAST, "--epochs", "30"]
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


@pytest.mark.parametrize("package", ["typer", "rich", "pandas", "skops"])
def test_a_missing_package_is_named(tmp_path: Path, package: str) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "1,u\n2,v\n" * 9)
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
    small(tmp_path)
    with open("/dev/full", "w") as full, start("train", "t.npz", cwd=tmp_path, stdout=full) as p:
        assert p.stderr
        err = p.stderr.read()
    assert p.returncode == 2
    assert err == "plainnet: No space left on device\n"
