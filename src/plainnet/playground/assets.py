"""The page's files: modules of JavaScript that are joined into one, and the style sheet.

Each file in `js` is an ES module that imports names from others by relative paths. Joined in the
order in which they need each other, without their imports and exports, they share one scope.
"""

from __future__ import annotations

import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).parent
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M6 7 26 16M6 25 26 16M6 7V25" stroke="#3f83b8" stroke-width="2.4" fill="none"/>'
    '<g fill="#3f83b8"><circle cx="6" cy="7" r="5"/><circle cx="6" cy="25" r="5"/></g>'
    '<circle cx="26" cy="16" r="5.5" fill="#e08a3c"/></svg>'
)
"""The favicon of the documentation, as an address that asks no server."""
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
