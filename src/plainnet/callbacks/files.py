"""Callbacks that write to disk: checkpoints and logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from plainnet.callbacks.base import Callback, Run
from plainnet.callbacks.monitor import Mode, Monitor
from plainnet.errors import (
    FileError,
    SettingError,
    optional,
    require_boolean,
    require_integer,
    require_one_of,
    require_path,
)
from plainnet.files.kinds import check_ending
from plainnet.files.native import all_finite, write


class Checkpoint(Callback):
    """Save the network after an epoch, with all that `train(..., resume=path)` needs to continue.

    `plainnet.load` loads the file as a network; the file is written whole or not at all. Its
    metadata are the epoch, counted from 1, and its measures.

    Besides the network, the file holds the rest of training's memory as data: with `Adam` about
    four times as many numbers as the network has, with early stopping five. With `LBFGS` it also
    holds the gradients of all evaluations so far, since SciPy does not give access to its model of
    the curvature; there, a larger `every` saves time.

    Parameters
    ----------
    path : str or path
        "{epoch}" in it stands for the number of the epoch, from 1 ("{epoch:03}" gives 001);
        without it, each file replaces the one before. The folder is created if necessary.
    monitor : str, optional
        Save only when this measure of the history is the best so far.
    every : int
        Save after every `every`-th epoch.
    steps : int, optional
        Also save after every `steps`-th step, counted over all epochs, so that a long epoch is not
        lost. The metadata are then those of the last completed epoch, and "step", from 1.
    mode : "auto", "min" or "max"
        What is better; see `EarlyStopping`.
    """

    may_change = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        every: int = 1,
        mode: Mode = "auto",
        steps: int | None = None,
    ) -> None:
        self.path, self.monitor, self.mode = path, monitor, mode
        self.every = require_integer("every", every, at_least=1)
        if monitor is not None and every > 1:
            raise SettingError(f"monitor={monitor!r} saves the best of all epochs; leave out every")
        self._monitor = None if monitor is None else Monitor(monitor, mode)
        require_one_of("mode", mode, get_args(Mode))
        require_path("path", path)
        check_ending(self.place(1), "network")
        self.steps = None if steps is None else require_integer("steps", steps, at_least=1)
        if steps is not None and (monitor is not None or self.place(1) != self.place(2)):
            raise SettingError(
                f"steps={steps!r} saves in the middle of an epoch, which has no measures yet: give "
                "it a Checkpoint of its own, without monitor, and without {epoch} in its path"
            )

    def begin_training(self, run: Run) -> None:
        if self._monitor is not None:
            self._monitor.begin(run)
        self.place(1).parent.mkdir(parents=True, exist_ok=True)

    def end_step(self, run: Run) -> None:
        # Where a parameter is not finite, the next step ends training, and the last file is better.
        if self._is_due(run) and all_finite(run.network.parameters):
            self._save(run, "end_step", {"epoch": len(run.history), "step": run.step + 1})

    def end_epoch(self, run: Run) -> None:
        epoch = run.epoch + 1
        if self._monitor.improved(run) if self._monitor is not None else epoch % self.every == 0:
            self._save(run, "end_epoch", {"epoch": epoch})

    def resume_state(self) -> dict[str, Any]:
        return {} if self._monitor is None else self._monitor.resume_state()

    def resume(self, state: Mapping[str, Any]) -> None:
        if self._monitor is not None:
            self._monitor.resume(state)

    def _is_due(self, run: Run) -> bool:
        """After a step."""
        return self.steps is not None and (run.step + 1) % self.steps == 0

    def _save(self, run: Run, hook: str, metadata: dict[str, Any]) -> None:
        training = None if run.state is None else run.state(self, hook)
        metadata["measures"] = run.history.last()
        write(run.network, self.place(run.epoch + 1), metadata=metadata, training=training)

    def place(self, epoch: int) -> Path:
        """The file for this epoch, counted from 1."""
        path = os.fspath(self.path)
        try:
            return Path(path.format(epoch=epoch))
        except (LookupError, ValueError) as error:
            raise SettingError(
                f"the only field a path may have in braces is {{epoch}}; got {path!r}"
            ) from error


class CSVLog(Callback):
    """A table of the history, a row per epoch, written after each: `pandas.read_csv(path)`.

    Parameters
    ----------
    path : str or path
    append : bool
        Continue an existing table and its count of epochs. Otherwise the table is replaced when
        training begins. A resumed run first removes the rows written after its checkpoint.
    """

    may_change = True

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path, self.append = require_path("path", path), require_boolean("append", append)

    def begin_training(self, run: Run) -> None:
        path = Path(self.path)
        if not (self.append or run.resumed):
            path.write_text("", encoding="utf-8")
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        except UnicodeDecodeError as error:
            raise FileError(f"{path} is not a table to append to ({error})") from None
        self._header, self._epochs = (lines or [""])[0], len(lines[1:])

    def end_epoch(self, run: Run) -> None:
        self._epochs += 1
        row = {"epoch": self._epochs, **run.history.last()}
        header, lines = ",".join(row), [",".join(map(repr, row.values()))]
        if not self._header:
            self._header, lines = header, [header, *lines]
        if header != self._header:
            raise SettingError(
                f"{self.path} has the columns {self._header}; the history now has {header}"
            )
        with open(self.path, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def resume_state(self) -> dict[str, Any]:
        size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        return {"size": size, "header": self._header, "epochs": self._epochs}

    def resume(self, state: Mapping[str, Any]) -> None:
        size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        if size < state["size"]:
            raise FileError(
                f"{self.path} has {size} bytes, and had {state['size']} when the checkpoint was "
                "written: put the table back, or leave CSVLog out and begin a new run"
            )
        if size > state["size"]:
            os.truncate(self.path, state["size"])
        self._header, self._epochs = state["header"], state["epochs"]


class TensorBoardLog(Callback):
    """The history for TensorBoard, a point per epoch (extra `tensorboard`).

    `tensorboard --logdir FOLDER` shows it. A resumed run begins another file in the folder, which
    replaces the points written after its checkpoint.
    """

    may_change = True

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = require_path("folder", folder)
        self._writer: Any = None

    def begin_training(self, run: Run) -> None:
        optional("tensorboardX", purpose="TensorBoardLog", extra="tensorboard")
        self._logged = 0
        self._writer = None if run.resumed else self._new_writer()

    def _new_writer(self, **settings: Any) -> Any:
        tensorboard = optional("tensorboardX", purpose="TensorBoardLog", extra="tensorboard")
        return tensorboard.SummaryWriter(os.fspath(self.folder), flush_secs=10, **settings)

    def end_epoch(self, run: Run) -> None:
        self._logged = run.epoch + 1
        for name, value in run.history.last().items():
            self._writer.add_scalar(name, value, self._logged)

    def resume_state(self) -> dict[str, Any]:
        return {"logged": self._logged}

    def resume(self, state: Mapping[str, Any]) -> None:
        self._logged = state["logged"]
        self._writer = self._new_writer(purge_step=self._logged + 1)

    def end_training(self, run: Run) -> None:
        self._writer.close()

    def fail(self, run: Run, error: BaseException) -> None:
        if self._writer is not None:
            self._writer.close()
