"""`plainnet tune` tries settings, goes on where it was cut off, and says what to type."""

from __future__ import annotations

import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.base import clone

optuna = pytest.importorskip("optuna")

from plainnet.cli import tables, tune  # noqa: E402
from plainnet.cli.settings import Settings  # noqa: E402
from plainnet.errors import DivergedError  # noqa: E402
from plainnet.estimators import load  # noqa: E402

from .conftest import Refused, Run  # noqa: E402

SMALL = ("--target", "species", "--preset", "fast", "--epochs", "3")
TRIAL = re.compile(r"^trial (\d+): (?:log-loss|RMSE) (\S+); best (\S+) \(trial (\d+)\)", re.M)


def trials(out: str) -> list[tuple[int, float, float, int]]:
    return [
        (int(n), float(loss.replace(",", "")), float(best.replace(",", "")), int(which))
        for n, loss, best, which in TRIAL.findall(out)
    ]


def test_a_line_for_each_trial_with_the_best_so_far(run: Run, flowers: Path) -> None:
    result = run("tune", flowers, *SMALL, "--trials", 4)
    assert (result.code, result.err) == (0, "")
    assert "Study: flowers-study.db, a new study" in result.out.replace(f"{flowers.parent}/", "")
    lines = trials(result.out)
    assert [n for n, *_ in lines] == [0, 1, 2, 3]
    for i, (_, _, best, which) in enumerate(lines):
        losses = [loss for _, loss, *_ in lines[: i + 1]]
        assert best == min(losses)
        assert losses[which] == best
    assert re.search(r"^Best of 4 trials: trial \d, validation log-loss ", result.out, re.M)
    assert len({tuple(trial.params.values()) for trial in stored(flowers)}) == 4


def stored(flowers: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{flowers.parent}/flowers-study.db")
    try:
        return optuna.load_study(study_name="plainnet", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """The loss that a trial would have had with the settings of the command that just ran."""
    real, seen = tables.Task.fit, []

    def fit(task: tables.Task, model: Any, callbacks: list[Any], **how: bool) -> None:
        seen.append((task, clone(model)))
        real(task, model, callbacks, **how)

    def loss() -> float:
        task, model = seen[-1]
        model.set_params(n_networks=1, callbacks=())
        real(task, model, [], hold_out=True)
        return task.loss(model, task.parts.validation)

    monkeypatch.setattr(tables.Task, "fit", fit)
    return loss


def test_the_first_trial_is_the_preset(
    run: Run, flowers: Path, compared: Callable[[], float]
) -> None:
    out = run("tune", flowers, *SMALL, "--trials", 1).out
    ((_, loss, *_),) = trials(out)
    assert run("train", flowers, *SMALL).code == 0
    assert compared() == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("target", ["species", "petal length"])
def test_the_command_at_the_end_reproduces_the_best_trial(
    run: Run, flowers: Path, target: str, compared: Callable[[], float]
) -> None:
    arguments = ("--target", target, "--preset", "fast", "--epochs", 3, "--drop", "sunny")
    out = run("tune", flowers, *arguments, "--trials", 3, "--seed", 2).out
    name, verb, *words = shlex.split(out.splitlines()[-1])
    assert (name, verb) == ("plainnet", "train")
    best = min(loss for _, loss, *_ in trials(out))
    assert run(verb, *words).code == 0
    assert compared() == pytest.approx(best, rel=1e-5)
    params = load("flowers-model.skops").get_params()
    typed = dict(zip(words[1::2], words[2::2], strict=True))
    assert params["learning_rate"] == float(typed["--learning-rate"])
    assert params["dropout"] == float(typed["--dropout"])
    assert params["weight_decay"] == float(typed["--weight-decay"])
    assert ",".join(map(str, params["hidden_layer_sizes"])) == typed["--hidden"]
    assert ("--label-smoothing" in typed) == (target == "species")


def test_it_goes_on_with_the_trials_of_the_file(run: Run, flowers: Path) -> None:
    first = trials(run("tune", flowers, *SMALL, "--trials", 2).out)
    out = run("tune", flowers, *SMALL, "--trials", 3).out
    assert "2 trials found" in out
    (again,) = trials(out)
    assert again[0] == 2
    assert again[2] <= min(loss for _, loss, *_ in first)
    done = run("tune", flowers, *SMALL, "--trials", 3).out
    assert "3 trials found" in done
    assert trials(done) == []
    assert done.splitlines()[-1] == out.splitlines()[-1]


def test_it_goes_on_with_the_choices_of_an_earlier_version(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(tune, "HIDDEN", ("7,5", "9"))
        assert run("tune", flowers, *SMALL, "--trials", 2).code == 0
    result = run("tune", flowers, *SMALL, "--trials", 4)
    assert (result.code, result.err) == (0, "")
    assert {trial.params["hidden"] for trial in stored(flowers)} <= {"128,128", "7,5", "9"}


def test_ctrl_c_in_a_trial_keeps_the_others_and_that_one_is_tried_anew(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tables.Task.fit
    calls = []

    def fit(task: tables.Task, model: object, callbacks: list[object], **how: bool) -> None:
        calls.append(model)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        real(task, model, callbacks, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(tables.Task, "fit", fit)
    cut = run("tune", flowers, *SMALL, "--trials", 3)
    assert (cut.code, cut.err) == (0, "")
    assert "Interrupted. The same command continues from here." in cut.out
    assert len(trials(cut.out)) == 1
    assert "Best of 1 trial: trial 0" in cut.out
    on = run("tune", flowers, *SMALL, "--trials", 3)
    assert "1 trial found" in on.out
    assert len(trials(on.out)) == 2
    assert calls[2].get_params() == calls[1].get_params()  # type: ignore[attr-defined]


def test_ctrl_c_in_the_middle_of_training(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # train() finishes its step and returns as if all were done; such a trial must not count.
    real = tables.Task.fit

    class Send(tune.Callback):
        def end_step(self, run: object) -> None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(
        tables.Task, "fit", lambda task, model, own, **how: real(task, model, [Send(), *own], **how)
    )
    out = run("tune", flowers, *SMALL, "--trials", 3).out
    assert "Interrupted." in out
    assert "No trial was completed." in out


def test_a_killed_process_goes_on(run: Run, flowers: Path, folder: Path) -> None:
    arguments = ["tune", str(flowers), "--target", "species", "--preset", "fast"]
    arguments += ["--trials", "500", "--epochs", "3"]
    command = [sys.executable, "-m", "plainnet", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if line.startswith("trial 1:"))
        process.kill()
    arguments[arguments.index("500")] = "1"
    found = re.search(r"(\d+) trials found", run(*arguments).out)
    assert found
    n = int(found[1])
    assert n >= 2
    arguments[arguments.index("--trials") + 1] = str(n + 1)
    assert len(trials(run(*arguments).out)) == 1
    states = {trial.state for trial in stored(flowers)}
    assert optuna.trial.TrialState.RUNNING not in states


def test_a_second_command_leaves_the_study_of_a_running_one_alone(
    run: Run, refused: Refused, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = tables.Task.fit, []
    arguments = ("tune", flowers, *SMALL, "--trials", 2)

    def fit(task: tables.Task, model: object, callbacks: list[object], **how: bool) -> None:
        if not refusals:
            Path("link.db").symlink_to("flowers-study.db")
            for study in ("flowers-study.db", "link.db"):
                refusals.append(refused(*arguments, "--study", study))
        real(task, model, callbacks, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(tables.Task, "fit", fit)
    assert run(*arguments).code == 0
    assert all("another `plainnet tune` is using " in line for line in refusals)
    assert len(refusals) == 2
    states = [trial.state for trial in stored(flowers)]
    assert states == [optuna.trial.TrialState.COMPLETE] * 2
    assert not list(Path().glob(".*"))


def test_a_trial_that_diverges_counts_and_is_not_the_best(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = tables.Task.fit, []

    def fit(task: tables.Task, model: object, callbacks: list[object], **how: bool) -> None:
        calls.append(model)
        if len(calls) == 1:
            raise DivergedError("the loss became nan", step=3, layer="0.dense")
        real(task, model, callbacks, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(tables.Task, "fit", fit)
    out = run("tune", flowers, *SMALL, "--trials", 2).out
    assert re.search(r"^trial 0: diverged  \[", out, re.M)
    assert "Best of 2 trials: trial 1" in out


def test_no_trial_begins_after_the_timeout(run: Run, flowers: Path) -> None:
    out = run("tune", flowers, *SMALL, "--trials", 100, "--timeout", 1e-9).out
    assert "The 1e-09 seconds are over." in out
    assert trials(out) == []


def test_quiet_prints_the_command_only(run: Run, flowers: Path) -> None:
    out = run("tune", flowers, *SMALL, "--trials", 1, "-q").out
    assert out.startswith("plainnet train ")
    assert out.count("\n") == 1


def test_numbers_have_no_label_smoothing(run: Run, houses: Path) -> None:
    arguments = ("--target", "price", "--preset", "fast", "--epochs", 2, "--trials", 1)
    out = run("tune", houses, *arguments, "--study", "s.db").out
    assert "RMSE" in out
    assert "smoothing" not in out
    assert Path("s.db").exists()


def test_the_command_quotes_names() -> None:
    settings = Settings("my table.csv", target="the class", drop=("a b", "c"), seed=0)
    assert tune.command(settings) == (
        "plainnet train 'my table.csv' --target 'the class' --drop 'a b' --drop c"
    )


# --- refusals -------------------------------------------------------------------------------------


def test_trials_of_other_data_or_settings_are_not_mixed(
    run: Run, flowers: Path, folder: Path
) -> None:
    assert run("tune", flowers, *SMALL, "--trials", 1).code == 0
    table = pd.read_csv(flowers)
    table.iloc[0, 0] += 1
    table.to_csv("other.csv", index=False)
    for arguments, what in (
        ((flowers, "--seed", 5), "seed"),
        ((flowers, "--epochs", 4), "epochs"),
        ((flowers, "--drop", "sunny"), "table"),
        (("other.csv",), "table"),
    ):
        source, *options = arguments
        result = run("tune", source, *SMALL, "--study", "flowers-study.db", *options)
        assert (result.code, result.out.count("trial")) == (2, 0)
        assert f"had another {what} and cannot be compared with new ones" in result.err


REFUSED = {
    "trials": (["--trials", "0"], "--trials must be 1 or more; got 0"),
    "timeout": (["--timeout", "0"], "--timeout must be above 0 seconds; got 0"),
    "epochs": (["--epochs", "0"], "--epochs must be 1 or more"),
    "folder": (["--study", "no/s.db"], "there is no folder"),
    "text": (["--study", "flowers.csv"], "flowers.csv is not a study of `plainnet tune`"),
    "other database": (["--study", "other.db"], "other.db is not a study of `plainnet tune`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(refused: Refused, flowers: Path, case: str) -> None:
    with sqlite3.connect("other.db") as connection:
        connection.execute("create table t (a)")
    connection.close()
    arguments, message = REFUSED[case]
    assert message in refused("tune", flowers, "--target", "species", *arguments)


def database_error(code: int, words: str) -> sqlite3.OperationalError:
    """What SQLite raises with this code."""
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


TROUBLES = {
    "full": (sqlite3.SQLITE_FULL, "database or disk is full", "the disk is full"),
    "read-only": (
        sqlite3.SQLITE_READONLY,
        "attempt to write a readonly database",
        "it is read-only",
    ),
    "locked": (sqlite3.SQLITE_BUSY, "database is locked", "another program has locked it"),
    "I/O": (sqlite3.SQLITE_IOERR | 3 << 8, "disk I/O error", "reading or writing failed"),
    "other": (sqlite3.SQLITE_TOOBIG, "string or blob too big", "string or blob too big"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_the_database_complains_of_is_said(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    code, words, why = TROUBLES[trouble]

    def fail(*_: object, **__: object) -> None:
        raise optuna.exceptions.StorageInternalError("an error") from database_error(code, words)

    monkeypatch.setattr(optuna.study.Study, "tell", fail)
    result = run("tune", flowers, *SMALL, "--trials", 1)
    assert result.code == 2
    assert result.err == (
        f"plainnet: cannot use the study {flowers.parent}/flowers-study.db: {why}. The trials in "
        "it are kept, and the same command continues with them once that is fixed\n"
    )


def test_a_full_disk_is_not_another_command(
    run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def execute(self, command: str) -> None:
            raise database_error(sqlite3.SQLITE_FULL, "database or disk is full")

        def close(self) -> None: ...

    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: Full())
    result = run("tune", flowers, *SMALL, "--trials", 1)
    assert result.code == 2
    assert "the disk is full" in result.err
    assert "another" not in result.err


def test_a_study_that_another_program_has_locked(
    refused: Refused, run: Run, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("tune", flowers, *SMALL, "--trials", 1).code == 0
    with sqlite3.connect(flowers.parent / "flowers-study.db", isolation_level=None) as other:
        other.execute("begin exclusive")
        real = sqlite3.connect  # which waits 5 seconds
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "timeout": 0}))
        message = refused("tune", flowers, *SMALL, "--trials", 2)
    other.close()
    assert "flowers-study.db: another program has locked it" in message


@pytest.mark.parametrize("content", [b"a note of mine", None], ids=["file", "folder"])
def test_what_lies_where_the_lock_would_be_is_left_alone(
    refused: Refused, flowers: Path, content: bytes | None
) -> None:
    lock = flowers.parent / ".flowers-study.db.lock"
    if content is None:
        lock.mkdir()
    else:
        lock.write_bytes(content)
    message = refused("tune", flowers, *SMALL, "--trials", 1)
    assert f"{lock} is in the way" in message
    assert lock.is_dir() if content is None else lock.read_bytes() == content


def test_a_study_in_a_folder_whose_name_means_something_in_an_url(
    run: Run, flowers: Path, folder: Path
) -> None:
    (folder / "a?b=c%20#d").mkdir()
    study = Path("a?b=c%20#d", "s.db")
    for found in ("a new study", "1 trial found"):
        result = run("tune", flowers, *SMALL, "--trials", 1, "--study", study)
        assert (result.code, result.err) == (0, "")
        assert f"Study: {study}, {found}" in result.out
    assert study.stat().st_size > 0


def test_the_same_seed_gives_the_same_trials(run: Run, flowers: Path) -> None:
    lines = []
    for name, seed in (("a", 2**40), ("b", 2**40), ("c", 1)):
        out = run(
            "tune", flowers, *SMALL, "--trials", 3, "--study", f"{name}.db", "--seed", seed
        ).out
        lines.append([(line, *rest) for line, *rest in trials(out)])
    assert [len(each) for each in lines] == [3, 3, 3]
    assert lines[0] == lines[1]
    assert lines[0] != lines[2]


def test_images_are_not_tuned(refused: Refused) -> None:
    assert "digits are images" in refused("tune", "digits")


def test_without_optuna(refused: Refused, flowers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    message = refused("tune", flowers, "--target", "species")
    assert "plainnet needs optuna for plainnet tune: " in message
    assert "(it is in the extra 'plainnet[tune]')" in message
