"""The commands beyond training: each is `function(session, fields, buffers)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plainnet.playground import stepping, tables

COMMANDS: dict[str, Callable[..., Any]] = {
    "explain": stepping.explain,
    "line": stepping.line,
    "table": tables.table,
}
