"""What only a process of its own shows: signals, pipes, terminals, exit codes, missing packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet.cli import main
from plainnet.estimators import load
from tiers import second_tier

from .conftest import FAST, Run

pty = pytest.importorskip("pty", reason="Windows has other terminals and signals")

COMMAND = [sys.executable, "-m", "plainnet"]


@contextmanager
def start(*arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """The command, which is not left running; signals reach it also where ours are ignored."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    settings["preexec_fn"] = expect_signals
    process = subprocess.Popen([*COMMAND, *arguments], **settings)  # type: ignore[call-overload]
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def expect_signals() -> None:
    """Undo what a shell does for jobs in the background, and nohup."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


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
    left = {path.name for path in tmp_path.iterdir()} - {"t-model.skops.checkpoint"}  # if slow
    assert left == {"t-model.skops", "t.npz"}


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
    assert done.stderr.endswith(" (it is in the extra 'plainnet[cli]')\n")
    assert " install " in done.stderr
    assert done.stderr.count("\n") == 1


# --- streams that are closed, full or read by nobody ----------------------------------------------

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and a model of them."""
    folder = tmp_path_factory.mktemp("ready")
    rows = [f"{k},{'ab'[k]}" for k in (0, 1) * 30]
    (folder / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    assert main(["train", str(folder / "t.csv"), "-q", *FAST, "--out", str(folder / "m")]) == 0
    return folder


def shell(
    folder: Path, redirection: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command by a shell, as it is typed."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
    )  # fmt: skip


FULL = "plainnet: cannot write to standard output: No space left on device"
CLOSED = "plainnet: cannot write to standard output: it is closed"
DONE = ". The work is done, and its files are complete"
LACKING = "plainnet: there is no file none.csv"
STATES = {
    # redirection: (what a result gives, what an error gives), each a code and what is said of it
    ">/dev/full": ((1, FULL), (2, LACKING)),
    ">&-": ((1, CLOSED), (2, LACKING)),
    "2>/dev/full": ((0, ""), (2, "")),
    "2>&-": ((0, ""), (2, "")),
    "<&-": ((0, ""), (2, LACKING)),
    ">&- 2>&- <&-": ((1, ""), (2, "")),
    ">/dev/full 2>/dev/full": ((1, ""), (2, "")),
}


@needs_full
@pytest.mark.parametrize("state", STATES)
def test_a_result_is_delivered_or_the_code_says_so(ready: Path, state: str) -> None:
    (code, said), (refused, why) = STATES[state]
    for arguments in (["--version"], ["--help"]):
        done = shell(ready, state, *arguments)
        assert (done.returncode, done.stderr.strip()) == (code, said), arguments
        assert bool(done.stdout) == (code == 0)
    done = shell(ready, state, "train", "none.csv")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (refused, "", why)


@needs_full
@pytest.mark.parametrize(
    ("state", "unbuffered"),
    [
        (">/dev/full", ""),
        pytest.param(">/dev/full", "1", marks=second_tier),
        pytest.param(">&-", "", marks=second_tier),
    ],
)
def test_predictions_are_delivered_or_the_code_says_so(
    ready: Path, state: str, unbuffered: str
) -> None:
    done = shell(ready, state, "predict", "m", "t.csv", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", STATES[state][0][1])


@needs_full
@pytest.mark.parametrize(
    "state",
    [
        ">/dev/full",
        ">&- 2>&- <&-",
        *(pytest.param(state, marks=second_tier) for state in (">&-", "2>/dev/full")),
    ],
)
def test_the_model_is_saved_whatever_becomes_of_the_report(
    ready: Path, tmp_path: Path, state: str
) -> None:
    (code, said), _ = STATES[state]
    out = tmp_path / "new.skops"
    done = shell(ready, state, "train", "t.csv", *FAST, "--out", str(out))
    assert (done.returncode, done.stderr.strip()) == (code, said and said + DONE)
    assert load(out).classes_.tolist() == ["a", "b"]


@needs_full
def test_what_says_nothing_loses_nothing(ready: Path, tmp_path: Path) -> None:
    train = shell(ready, ">&-", "train", "t.csv", *FAST, "-q", "--out", str(tmp_path / "new"))
    predict = shell(ready, ">/dev/full", "predict", "m", "t.csv", "--out", str(tmp_path / "p.csv"))
    assert (train.returncode, train.stderr) == (predict.returncode, predict.stderr) == (0, "")
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 61


@second_tier
@needs_full
def test_tuning_goes_on_without_its_report(ready: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    arguments = ("tune", "t.csv", "--preset", "fast", "--epochs", "1", "--trials", "1")
    study = ("--study", str(tmp_path / "s.db"))
    done = shell(ready, ">/dev/full", *arguments, *study)
    assert (done.returncode, done.stderr) == (1, FULL + "\n")
    done = shell(ready, "", *arguments, *study)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 trial found" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("plainnet train t.csv ")


def test_an_encoding_without_a_letter(ready: Path, tmp_path: Path) -> None:
    text = (ready / "t.csv").read_text().replace(",a\n", ",Zoë\n")
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    done = shell(tmp_path, "", "train", "t.csv", *FAST, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")  # a report may spell a letter in another way
    assert "Zo\\xeb" in done.stdout
    done = shell(tmp_path, "", "predict", "t-model.skops", "t.csv", PYTHONIOENCODING="ascii")
    assert done.returncode == 1  # a prediction may not
    assert done.stderr == (
        "plainnet: standard output takes ascii, which has no '\\xeb': set PYTHONIOENCODING=utf-8, "
        "or write to a file\n"
    )


@second_tier
def test_a_name_that_is_not_text(ready: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.csv")
    try:
        (tmp_path / name).write_text((ready / "t.csv").read_text())
    except OSError:
        pytest.skip("this file system takes no such names")
    done = shell(tmp_path, "", "train", name, *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Saved the model as \\udcff-model.skops" in done.stdout
    assert (tmp_path / os.fsdecode(b"\xff-model.skops")).exists()


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=second_tier)])
def test_a_request_to_end_saves_what_was_learned(tmp_path: Path, signum: signal.Signals) -> None:
    with start(*endless(tmp_path), cwd=tmp_path) as process:
        assert process.stdout
        next(line for line in process.stdout if line.startswith("epoch 1/900000"))
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Interrupted after" in out
    assert (tmp_path / "t-model.skops").exists()


@second_tier
def test_a_terminal_that_goes_away_costs_no_model(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ["train", small(tmp_path), *FAST, "--epochs", "3000"]
    with start(*arguments, cwd=tmp_path, stdout=theirs, start_new_session=True) as process:
        os.close(theirs)
        os.read(ours, 10)
        os.close(ours)
        assert process.stderr
        said = process.stderr.read()
    assert process.returncode == 1
    assert said.startswith("plainnet: cannot write to standard output: ")
    assert said.endswith(f"{DONE}\n")
    assert len(load(tmp_path / "t-model.skops").history_) == 3000


def test_a_request_to_end_elsewhere_is_its_code_without_a_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.csv")
    with start("train", "slow.csv", cwd=tmp_path) as process, open(tmp_path / "slow.csv", "w"):
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (128 + signal.SIGTERM, "", "")


def test_a_model_that_is_larger_than_the_memory_is_no_traceback(ready: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux limits a process's memory")
    code = (
        "import resource, sys; from plainnet.cli import main; import plainnet.cli.tables, sklearn; "
        "resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2); "
        "sys.exit(main(['train', 't.csv', '--hidden', '65536,65536', '--out', 'large']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ready, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("plainnet: not enough memory. ")
    assert done.stderr.count("\n") == 1
    assert not (ready / "large").exists()


def test_an_error_that_nobody_expected_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainnet.cli import learn

    def fail(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(learn.sources, "to_learn", fail)
    result = run("train", "iris")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("plainnet: an error that plainnet did not expect: KeyError: 'surp")
    assert result.err.count("\n") == 1
    monkeypatch.setenv("PLAINNET_TRACEBACK", "1")
    with pytest.raises(KeyError):
        run("train", "iris")
