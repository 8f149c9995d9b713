"""The parts of a script: data, imports, calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pprint import pformat
from typing import Any

from plainnet import initializers, layers, losses, optimizers, schedules
from plainnet.playground.choices import HAS_CLASSES
from plainnet.playground.settings import Settings

WIDTH = 88
ROOMS = (layers, losses, optimizers, initializers, schedules)
"""Where the names in a script are imported from."""


def data_of(settings: Settings, table: str = "") -> list[str]:
    """The lines that make the examples; of a table, from the file of this name."""
    names = ["data", "points", "noise", "test_share", "data_seed"]
    if settings.data in HAS_CLASSES:
        names.insert(1, "classes")
    if settings.data == "table":
        names = ["data", "test_share", "data_seed"]
    default = Settings()
    names += [
        name
        for name in ("drawn", "drawn_target", "target", "features", "plane")
        if getattr(settings, name) != getattr(default, name)
    ]
    given = [f"{name}={written(getattr(settings, name))}" for name in names]
    lines = ["examples = examples_of(", *call("    Settings", given, depth=1), ")"]
    if settings.data != "table":
        return lines
    lines[-2] += ","
    return [
        "# The file that was dropped in, beside this script.",
        f"table = read({written(table)}, Path({written(table)}).read_bytes())",
        *lines[:-1],
        "    table,",
        lines[-1],
    ]


def imports(body: str) -> str:
    """The lines that import the names of a script."""
    names = dict.fromkeys(re.findall(r"\b([A-Z]\w*)\(", body))
    lines: dict[str, list[str]] = {}
    for name in sorted(names):
        room = next((room for room in ROOMS if hasattr(room, name)), None)
        if room is not None:
            lines.setdefault(room.__name__, []).append(name)
    own = {
        "Callback": "plainnet.callbacks",
        "after_move": "plainnet.playground.columns",
        "carry_over": "plainnet.playground.columns",
        "HeWithoutRoot": "plainnet.playground.building",
        "order_after_move": "plainnet.playground.columns",
        "state_of_units": "plainnet.playground.columns",
        "without_unit": "plainnet.playground.columns",
        "examples_of": "plainnet.playground.datasets",
        "Settings": "plainnet.playground.settings",
        "read": "plainnet.playground.table_files",
    }
    if re.search(r"\bread\(", body):
        own["examples_of"] = "plainnet.playground.tables"
    for name, module in own.items():
        if re.search(rf"\b{name}\b(?=\(|\))", body):
            lines.setdefault(module, []).append(name)
    first = ["from pathlib import Path", ""] if "Path(" in body else []
    first += ["import numpy as np"] if "np." in body else []
    if "plainnet." in body:
        first += ["", "import plainnet"] if first else ["import plainnet"]
    return "\n".join(
        [*first, *(line for module in sorted(lines) for line in _import(module, lines[module]))]
    )


def _import(module: str, names: Sequence[str]) -> list[str]:
    """An import on one line, or with a line for each name."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *indented([f"{name}," for name in names]), ")"]


def call(function: str, arguments: Sequence[str], depth: int = 0) -> list[str]:
    """A call on one line, or with a line for each argument."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH and "\n" not in line:
        return [line]
    inner = "    " * (depth + 1)
    return [f"{function}(", *(f"{inner}{each}," for each in arguments), f"{'    ' * depth})"]


def written(value: Any) -> str:
    """A value with double quotes, if that changes nothing else."""
    text = pformat(value, width=WIDTH, compact=True)
    return text if {'"', "\\"} & set(text) else text.replace("'", '"')


def indented(lines: Sequence[str], times: int = 1) -> list[str]:
    """The lines, so many levels deeper."""
    return ["    " * times + line for line in lines]
