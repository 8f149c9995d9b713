"""Checkpoints of `plainnet train`, from which `--resume` continues.

A folder beside the model holds the settings of the run and, for each network, a file of
`Checkpoint`. It is made once a run has taken a while, and removed when the run has finished.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any
from zlib import crc32

from plainnet.callbacks import Checkpoint, Run
from plainnet.cli import folders
from plainnet.cli.settings import Settings, option
from plainnet.errors import FileError, SettingError
from plainnet.files.kinds import kind_of
from plainnet.files.places import UNFINISHED, moved_into_place

SECONDS = 10.0
"""Seconds between checkpoints: what a killed run loses at most, apart from a long step."""
SETTINGS = "settings.json"
NETWORK = "network-{}.npz"
DATA = "checksum of the data"
NAMES = {"source": "SOURCE"}
"""Arguments that are typed without an option name."""


class Checkpoints:
    """The checkpoints of one run of the command.

    Attributes
    ----------
    interrupted : bool
        Whether the run ended early, for example by Ctrl-C.
    """

    def __init__(self, out: Path, place: Path, settings: Settings, *, resume: bool) -> None:
        name = f"{place.name}.checkpoint"
        self.folder, self.shown = place.with_name(name), out.with_name(name)
        self.settings = {
            NAMES.get(name, option(name)): list(value) if isinstance(value, tuple) else value
            for name, value in settings.by_option().items()
        }
        self.settings[DATA] = _checksum(settings.source)
        self.interrupted = False
        self.written = perf_counter()
        self._expect_ours()
        self.continues = resume and (self.folder / SETTINGS).exists()
        if self.continues:
            self._expect_same()
        self._clears = not self.continues

    def of(self, network: int = 0) -> tuple[Checkpoint, Path | None]:
        """The callback of a network, counted from 0, and the file to resume from, if any."""
        path = self.folder / NETWORK.format(network + 1)
        return Timed(self, path), path if self.continues and path.exists() else None

    @property
    def kept(self) -> bool:
        """Whether there are checkpoints of this run."""
        return self.folder.exists() and not self._clears

    def prepare(self) -> None:
        """Make the folder for a checkpoint, without files of an earlier run."""
        if self._clears:
            self.remove()
            self.folder.mkdir(exist_ok=True)
            with moved_into_place(self.folder / SETTINGS) as file:
                file.write(json.dumps(self.settings).encode())
            self._clears = False

    def remove(self) -> None:
        """Remove the checkpoints."""
        for path in self._files():
            path.unlink(missing_ok=True)
        with suppress(OSError):  # there is none, or another command has put something there
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        """The settings first: without them, what is left counts for nothing."""
        found = list(self.folder.iterdir()) if self.folder.exists() else []
        return sorted(found, key=lambda path: path.name != SETTINGS)

    def _expect_ours(self) -> None:
        """Refuse to use, and later remove, anything else of the same name."""
        if self.folder.exists() and not self.folder.is_dir():
            raise FileError(f"{self.shown} is in the way of the checkpoints: remove it first")
        files = self._files()
        are_ours = any(path.name == SETTINGS for path in files)  # then a damaged one may go as well
        for path in files:
            network = path.match(NETWORK.format("*")) and (are_ours or kind_of(path) == "network")
            if not (network or path.name == SETTINGS or UNFINISHED.fullmatch(path.name)):
                raise FileError(
                    f"the checkpoints are kept in the folder {self.shown}, and it holds "
                    f"{path.name}, which is not one: remove that file first"
                )

    def _expect_same(self) -> None:
        try:
            before = json.loads((self.folder / SETTINGS).read_bytes())
        except ValueError as error:
            raise FileError(
                f"{self.shown}/{SETTINGS} is damaged ({error}): remove the folder, and begin anew"
            ) from error
        if not isinstance(before, dict):
            raise FileError(
                f"{self.shown}/{SETTINGS} is damaged, it holds no settings: remove the folder, and "
                "begin anew"
            )
        for name in {**before, **self.settings}:
            if name == DATA and before.get(DATA) != self.settings[DATA]:
                raise SettingError(
                    f"the run in {self.shown} cannot be resumed: {self.settings['SOURCE']} holds "
                    "other data than then. Leave out --resume to begin anew"
                )
            was, now = before.get(name), self.settings.get(name)
            if was != now:
                raise SettingError(
                    f"the run in {self.shown} cannot be resumed with other settings: {name} was "
                    f"{_typed(was)} and is {_typed(now)}. Type the command as it was, or leave out "
                    "--resume to begin anew"
                )


def _checksum(name: str) -> int | None:
    """Of a file, or a folder; the named data sets do not change."""
    source = Path(name)
    if folders.is_folder(name):
        return folders.checksum(source)
    if not source.is_file():
        return None
    checksum = 0
    with open(source, "rb") as file:
        while part := file.read(2**20):
            checksum = crc32(part, checksum)
    return checksum


def _typed(value: Any) -> str:
    return "not given" if value is None or value == [] else str(value)


class Timed(Checkpoint):
    """A checkpoint every few seconds rather than every few steps."""

    def __init__(self, all_of_them: Checkpoints, path: Path) -> None:
        super().__init__(str(path).replace("{", "{{").replace("}", "}}"))
        self.all = all_of_them

    def begin_training(self, run: Run) -> None:
        """Do nothing: the folder is made with the first file."""

    def end_epoch(self, run: Run) -> None:
        if self.all.kept and (run.stopping or run.epoch + 1 == run.epochs):
            self._save(run, "end_epoch", {"epoch": run.epoch + 1})

    def end_training(self, run: Run) -> None:
        self.all.interrupted = self.all.interrupted or run.interrupted

    def _is_due(self, run: Run) -> bool:
        waited = perf_counter() - self.all.written >= SECONDS
        return waited or (run.interrupted and self.all.kept)

    def _save(self, run: Run, hook: str, metadata: dict[str, Any]) -> None:
        with suppress(OSError):  # a full disk, for example, must not end training
            self.all.prepare()
            super()._save(run, hook, metadata)
        self.all.written = perf_counter()
