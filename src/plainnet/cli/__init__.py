"""The command `plainnet`. This file works without the packages of the extra `cli`, to ask for them.

app        what can be typed; settings.py is what was chosen
sources    what there is to learn from or to predict: files.py reads it, checks.py looks at it
learn      `plainnet train`: tables.py or images.py, on parts of the rows that rows.py makes;
           progress.py and report.py show it
predict    `plainnet predict`
tune       `plainnet tune`
rl         `plainnet rl train` and `plainnet rl watch`
model      the files that hold models
output     files appear whole or not at all
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from plainnet.errors import DivergedError, PlainnetError, optional

OK, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; whatever goes wrong is one line on stderr."""
    try:
        for package in ("typer", "rich"):
            optional(package, purpose="its command", extra="cli")
        from plainnet.cli.app import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        return FAILED
    except DivergedError as error:
        return complain(str(error), FAILED)
    except PlainnetError as error:
        return complain(str(error), REFUSED)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return complain(f"{where}{error.strerror or error}", REFUSED)
    except MemoryError as error:
        return complain(f"not enough memory. {error}", FAILED)
    finally:
        _finish_output()


def complain(message: str, code: int) -> int:
    """Say what is wrong in one line, whatever is in the message."""
    print(f"plainnet: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code


def _finish_output() -> None:
    """Flush stdout; if nobody can read it any more, keep Python from trying again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
