"""The command `plainnet`. This file works without the extra `cli`, so that it can ask for it.

process    the process around a command: its streams and signals
app        the commands, those of `rl` in rl_app.py; options.py has the options that several have,
           help.py the texts, settings.py the chosen values
sources    the data to learn from or predict: files.py reads it, checks.py checks it; what it shares
           with the playground is in plainnet.tables
folders    a folder with a folder for each class: finds the files
learn      `plainnet train`: tables.py, images.py or class_folders.py (with pictures.py and
           texts.py) train on rows that rows.py splits; progress.py and report.py show it,
           checkpoints.py saves the state of a run
pages      the page about a run that `--report` writes
predict    `plainnet predict`
explain    `plainnet explain`
doctor     `plainnet doctor`
tune       `plainnet tune`: study.py handles its file
playground `plainnet playground`
rl         `plainnet rl train` and `plainnet rl watch`
hints      which option helps where plainnet.tables refuses a file
model      the files that hold models
output     checks what may be written where; files are written completely or not at all
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from plainnet.cli import process
from plainnet.errors import DivergedError, PlainnetError, optional

OK, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
TRACEBACK = "PLAINNET_TRACEBACK"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; an error is one line on stderr.

    The code is 0 only if the output was delivered and everything to be saved is saved.
    """
    streams, signals = process.standard_streams(), process.stopped_like_ctrl_c()
    with streams, signals, process.warnings_in_lines():
        code = _run(sys.argv[1:] if arguments is None else arguments)
        lost = process.reason_of_loss()
        if code == OK and lost is not None:
            return complain(f"{lost}. The work is done, and its files are complete", FAILED)
        return code


def _run(arguments: Sequence[str]) -> int:
    try:
        for package in ("typer", "rich"):
            optional(package, purpose="its command", extra="cli")
        from plainnet.cli.app import run

        code = run(arguments)
        if not process.lost:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 128 + process.stopped_by[0] if process.stopped_by else INTERRUPTED
    except BrokenPipeError:  # the reader of the output has seen enough
        return FAILED
    except MemoryError as error:
        return complain(f"not enough memory. {error}", FAILED)
    except (DivergedError, process.OutputError) as error:
        return complain(str(error), FAILED)
    except PlainnetError as error:
        return complain(str(error), REFUSED)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return complain(f"{where}{error.strerror or error}", REFUSED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return complain(_unexpected(error), FAILED)


def complain(message: str, code: int) -> int:
    """Print one line on stderr that says what is wrong, if stderr is open."""
    with suppress(OSError):
        print(f"plainnet: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code


def _unexpected(error: Exception) -> str:
    """The message for an error that plainnet does not explain itself."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"an error that plainnet did not expect: {type(error).__name__}: {error} "
        f"({Path(last.filename).name}, line {last.lineno}). The same command with {TRACEBACK}=1 in "
        "front shows the traceback, for a report"
    )
