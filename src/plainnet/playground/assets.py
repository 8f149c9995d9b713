"""The page's files: modules of JavaScript that are joined into one, and the style sheet.

Each file in `js` is an ES module that imports names from others by relative paths. Joined in the
order in which they need each other, without their imports and exports, they share one scope.
"""

from __future__ import annotations

import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)


def sources() -> dict[str, str]:
    """The modules by their names."""
    return {path.stem: path.read_text("utf-8") for path in sorted((FOLDER / "js").glob("*.js"))}


@cache
def module(entry: str = "main") -> str:
    """One module: the one of this name with all that it needs; it exports what `entry` does."""
    known = sources()
    needed: dict[str, list[str]] = {}
    ahead = [entry]
    while ahead:
        name = ahead.pop()
        if name not in needed:
            needed[name] = IMPORT.findall(known[name])
            ahead += needed[name]
    parts = []
    for name in TopologicalSorter(needed).static_order():
        text = IMPORT.sub("", known[name])
        parts.append(f"// {name}.js\n{text if name == entry else EXPORT.sub('', text)}")
    return "\n".join(parts)


@cache
def style() -> str:
    """The style sheet, in which every rule is for the playground alone."""
    return "\n".join(path.read_text("utf-8") for path in sorted((FOLDER / "css").glob("*.css")))
