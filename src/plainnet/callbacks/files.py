"""What training writes to disk."""

from __future__ import annotations

import os
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
from plainnet.files import save
from plainnet.files.kinds import check_ending


class Checkpoint(Callback):
    """Save the network after an epoch, by `plainnet.save`: the file is there whole or not at all.

    Its metadata are the epoch, from 1, and its measures.

    Parameters
    ----------
    path : str or path
        "{epoch}" in it becomes the number of the epoch, from 1 ("{epoch:03}": 001); without it,
        each file replaces the one before. The folder is created if necessary.
    monitor : str, optional
        Save only when this measure of the history is the best so far.
    every : int
        Save after every `every`-th epoch.
    mode : "auto", "min" or "max"
        What is better; see `EarlyStopping`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        every: int = 1,
        mode: Mode = "auto",
    ) -> None:
        self.path, self.monitor, self.mode = path, monitor, mode
        self.every = require_integer("every", every, at_least=1)
        if monitor is not None and every > 1:
            raise SettingError(f"monitor={monitor!r} saves the best of all epochs; leave out every")
        self._monitor = None if monitor is None else Monitor(monitor, mode)
        require_one_of("mode", mode, get_args(Mode))
        require_path("path", path)
        check_ending(self._place(1), "network")

    def begin_training(self, run: Run) -> None:
        if self._monitor is not None:
            self._monitor.begin(run)
        self._place(1).parent.mkdir(parents=True, exist_ok=True)

    def end_epoch(self, run: Run) -> None:
        epoch = run.epoch + 1
        if self._monitor.improved(run) if self._monitor is not None else epoch % self.every == 0:
            metadata = {"epoch": epoch, "measures": run.history.last()}
            save(run.network, self._place(epoch), metadata=metadata)

    def _place(self, epoch: int) -> Path:
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
        Continue an existing table and its count of epochs. Otherwise it is replaced when training
        begins.
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path, self.append = require_path("path", path), require_boolean("append", append)

    def begin_training(self, run: Run) -> None:
        path = Path(self.path)
        if not self.append:
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


class TensorBoardLog(Callback):
    """The history for TensorBoard, a point per epoch (extra `tensorboard`).

    `tensorboard --logdir FOLDER` shows it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = require_path("folder", folder)
        self._writer: Any = None

    def begin_training(self, run: Run) -> None:
        tensorboard = optional("tensorboardX", purpose="TensorBoardLog", extra="tensorboard")
        self._writer = tensorboard.SummaryWriter(os.fspath(self.folder), flush_secs=10)

    def end_epoch(self, run: Run) -> None:
        for name, value in run.history.last().items():
            self._writer.add_scalar(name, value, run.epoch + 1)

    def end_training(self, run: Run) -> None:
        self._writer.close()

    def fail(self, run: Run, error: BaseException) -> None:
        self._writer.close()
