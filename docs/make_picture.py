"""Draw docs/train.svg: `plainnet train digits` as a terminal shows it.

python docs/make_picture.py
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 80
COMMAND = "plainnet train digits"


def output_of_terminal(command: str) -> str:
    """What the command writes to a terminal, the last state of its progress bar included."""
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        plainnet = Path(sys.executable).parent / command.split()[0]
        process = subprocess.Popen(
            [plainnet, *command.split()[1:]],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            cwd=folder,
            env=environment,
        )
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # the terminal is closed
                break
            if not piece:
                break
            written += piece
        process.wait()
    lines = []
    for line in written.decode().replace("\r\n", "\n").split("\n"):
        lines.append(line.rpartition("\r")[2].rpartition("\x1b[2K")[2])
    return "\n".join(lines)


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text.from_ansi(output_of_terminal(COMMAND)))
    svg = console.export_svg(title="plainnet")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts from the network
    (Path(__file__).parent / "train.svg").write_text(svg)


if __name__ == "__main__":
    main()
