"""Draw the pictures of docs/gallery.md by the code that stands there.

python docs/make_gallery.py
"""

import ast
import re
import tempfile
from collections import Counter
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

PAGE = Path(__file__).with_name("gallery.md")
FOLDER = PAGE.with_suffix("")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(statement: ast.stmt) -> str:
    """What is drawn: `weights` by `ax = plots.weights(...)`, and `history` by `history.plot()`."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call):
        return ""
    owner, _, name = ast.unparse(value.func).rpartition(".")
    return owner if name == "plot" else name


def figure_of(drawn: Any) -> Any:
    """The figure of axes, of one or several; None for anything else."""
    first = np.ravel(np.asarray(drawn, object))[0] if drawn is not None else None
    return getattr(first, "figure", None)


def save(figure: Any, path: Path) -> None:
    """With a palette of its own, which takes a third of the room."""
    file = BytesIO()
    figure.savefig(file)
    Image.open(file).convert("RGB").quantize(128).save(path, optimize=True)


def main() -> None:
    mpl.use("Agg")
    mpl.rcParams["savefig.dpi"] = 90
    FOLDER.mkdir(exist_ok=True)
    names: dict[str, Any] = {}
    times: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            for statement in ast.parse(block).body:
                kept = isinstance(statement, ast.Expr)
                code = f"_ = {ast.unparse(statement)}" if kept else ast.unparse(statement)
                exec(code, names)
                target = "_" if kept else getattr(statement, "targets", [ast.Name("")])[0]
                drawn = names.get(target if isinstance(target, str) else ast.unparse(target))
                name = name_of(statement)
                if hasattr(drawn, "svg"):
                    (FOLDER / f"{name}.svg").write_text(drawn.svg, encoding="utf-8")
                elif name and figure_of(drawn) is not None:
                    times[name] += 1
                    number = f"-{times[name]}" if times[name] > 1 else ""
                    save(figure_of(drawn), FOLDER / f"{name}{number}.png")


if __name__ == "__main__":
    main()
