"""A network in the browser, which learns in front of one's eyes and can be taken apart.

settings.py  choices.py  links.py    what the page can set, as JSON and as a link
examples.py  datasets.py  planes.py      the data, and the plane that shows them
table_files.py  tables.py    CSV files that are dropped in
building.py                  networks and optimizers from settings
training.py  past.py  curves.py     one training, through `plainnet.train`, with every step recorded
columns.py  frames.py        what is drawn of a step
findings.py  remedies.py     what the doctor says, and its remedies as settings
stepping.py                  one example, walked through
session.py  messages.py  steering.py  commands.py    one page's commands, obeyed in a thread
server.py  guard.py  web.py  wire.py  assets.py      the server, whom it lets in, and its files
lessons.py  goals.py         tasks with a goal, each a TOML file in lessons/
taking.py  code.py  scripts.py           the network as a file, what was done as a script
exporting.py                 a training as one file that replays it
widget.py  given.py          the view of a network in a notebook
js/  css/                    the page, which begins in js/main.js
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plainnet.playground.widget import View

__all__ = ["View", "export"]


def __getattr__(name: str) -> Any:
    """`View` and `export`, imported when they are first asked for."""
    if name == "View":
        from plainnet.playground.widget import View

        return View
    if name == "export":
        from plainnet.playground.exporting import export

        return export
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
