"""`plainnet playground`: serves the page, or writes one that replays a training."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import suppress
from functools import partial
from pathlib import Path

import typer

from plainnet.errors import SettingError, shown
from plainnet.playground.links import parted
from plainnet.playground.settings import Settings


def playground(
    port: int | None,
    browser: bool,
    setting: str | None,
    lessons: list[Path],
    export: Path | None,
    steps: int | None,
    table: Path | None,
    target: str | None,
) -> None:
    """Run `plainnet playground`."""
    link = parted(setting or "")
    if export is not None and link.lesson and not link.settings:
        raise SettingError(
            "--export needs settings: open the lesson, and take the link from the address of its "
            "page, which has them"
        )
    first = Settings.from_link(link.settings)
    if target is not None and table is None:
        raise SettingError("--target names a column of --table, which is missing")
    if export is not None:
        if first.data == "table" and table is None:
            raise SettingError("these settings are for a table: name its file with --table")
        if target is not None:
            first = first.with_changes({"target": target})
        _export(export, first, steps, table, serves=port is not None or bool(lessons))
        return
    if table is not None:
        raise SettingError(
            "--table is what --export learns from, which is missing; on a page that is served, "
            "drop the file in"
        )
    if steps is not None:
        raise SettingError("--steps says how long the training of --export is, which is missing")
    from plainnet.playground.lessons import built_in, read_lessons
    from plainnet.playground.server import Server
    from plainnet.playground.session import Session

    if setting:
        Session(lambda content, buffers: None, first)  # refuses what does not fit together
    own = read_lessons(lessons)
    if link.lesson and link.lesson not in (known := [each.name for each in (*own, *built_in())]):
        raise SettingError(f"there is no lesson {shown(link.lesson)}; there are {', '.join(known)}")
    opened = setting or "" if link.lesson or link.hidden else ""
    server = Server(partial(Session, settings=first, lessons=own, link=opened), port)
    typer.echo(f"The playground is at {server.address}\nCtrl-C ends it.")
    if browser:
        opening = threading.Thread(
            target=_open, args=(server.opening,), name="browser", daemon=True
        )
        opening.start()  # some browsers of the terminal return only when they are closed
    server.run()


def _open(address: str) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(address)


def _export(
    file: Path, first: Settings, steps: int | None, table: Path | None, *, serves: bool
) -> None:
    if serves:
        raise SettingError("--export writes a page and serves none: leave out --port and --lessons")
    from plainnet.playground.exporting import export

    export(file, first, steps=1000 if steps is None else steps, table=table)
    typer.echo(f"{file}: a page that replays the training, in any browser")
