"""The commands beyond training: each is `function(session, fields, buffers)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plainnet.playground import exporting, lessons, stepping, tables, taking
from plainnet.playground.findings import check_up
from plainnet.playground.probing import probe
from plainnet.playground.remedies import remedy
from plainnet.playground.representations import represent

COMMANDS: dict[str, Callable[..., Any]] = {
    "explain": stepping.explain,
    "line": stepping.line,
    "represent": represent,
    "probe": probe,
    "table": tables.table,
    "diagnose": check_up,
    "remedy": remedy,
    "lessons": lessons.lessons,
    "lesson": lessons.lesson,
    "code": taking.code,
    "file": taking.file,
    "page": exporting.page,
}
