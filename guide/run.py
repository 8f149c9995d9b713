"""Run the chapters of the guide, and write back what no longer comes out.

    python guide/run.py              every chapter; then, as always, the table of claims
    python guide/run.py 02 07        these chapters
    python guide/run.py --anew 02    write all outputs and figures, even those that are near enough
    python guide/run.py --check      change nothing; say what differs, and fail if anything does
    python guide/run.py --notebooks build/notebooks

The Python blocks of a chapter run from top to bottom in an empty folder. What a block prints stands
in a text block right below it, and the figures that it draws are the images that follow before the
next block. An output is written anew only where it differs by more than rounding: a number with a
decimal point by more than one unit of its last digit, an integer or a word at all, the data of a
figure (its lines, bars, points and images) by more than 2% of their range. The first line of a
block may allow more: ```python within=0.05 allows so much, relative to numbers above 1, and
```python varies, for times, lets only the words count.
"""

import argparse
import ast
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from itertools import groupby
from pathlib import Path
from traceback import extract_tb
from typing import Any
from xml.etree import ElementTree

import numpy as np

os.environ["PLAINNET_KERNELS"] = "numpy"  # what the chapters show is what they run

MISSING = "{} is missing: `make guide` installs all that the chapters need"
try:
    import matplotlib as mpl
    from markdown_it import MarkdownIt
except ModuleNotFoundError as error:
    sys.exit(MISSING.format(error.name))

GUIDE = Path(__file__).parent
CLAIM = re.compile(
    r"^> \*\*Claim (\d+\.\d+)(, from the tutorial)?\.\*\* ((?:.*\n)(?:> .*\n)*)", re.M
)
IMAGE = re.compile(r"!\[([^\]]*)\]\((figures/[\w.-]+\.svg)\)")
BAR = "\\|"  # within a cell of a table
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w)"
)
STYLE = {
    "figure.figsize": (6.4, 3.2),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "plainnet",
}


# --- reading a chapter ----------------------------------------------------------------------------


@dataclass
class Block:
    """A Python block: its lines in the chapter, and those of the output below it, if any."""

    code: str
    line: int
    end: int
    varies: bool
    within: float
    printed: str = ""
    output: tuple[int, int] | None = None
    images: list[str] = field(default_factory=list)


def chapters() -> list[Path]:
    return sorted(GUIDE.glob("[0-9][0-9]-*.md"))


def read(text: str) -> list[Block]:
    """The Python blocks of a chapter, each with what is said to come out of it."""
    lines = text.splitlines(keepends=True)
    fences = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    found: list[Block] = []
    for token in fences:
        start, end = token.map or (0, 0)
        language, *options = token.info.split() or [""]
        if language == "python":
            settings = dict(option.partition("=")[::2] for option in options)
            if unknown := settings.keys() - {"varies", "within"}:
                raise SystemExit(
                    f"line {start + 1}: {unknown.pop()!r} is not 'varies' or 'within='"
                )
            try:
                within = float(settings.get("within", 0))
            except ValueError:
                wrong = f"line {start + 1}: within={settings['within']} is not a number"
                raise SystemExit(wrong) from None
            found.append(Block(token.content, start, end, "varies" in settings, within))
        elif found and language in ("text", "py"):
            between = "".join(lines[found[-1].end : start])
            if not between.strip() and found[-1].output is None:
                found[-1].output, found[-1].printed = (start, end), token.content
    ends = [block.line for block in found[1:]] + [len(lines)]
    for block, end in zip(found, ends, strict=True):
        block.images = [path for _, path in IMAGE.findall("".join(lines[block.end : end]))]
    return found


# --- running it -----------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a block printed, and the figures that it drew: as SVG, each with its data."""

    printed: str
    figures: list[tuple[str, Any]]


def run(chapter: Path, blocks: list[Block]) -> Iterator[Outcome]:
    """Each block's outcome, in one namespace, as if a reader had pasted them one after another."""
    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    names: dict[str, Any] = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for block in blocks:
            tree = ast.parse("\n" * (block.line + 1) + block.code, str(chapter))
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            with redirect_stdout(StringIO()) as printed:
                exec(compile(tree, str(chapter), "exec"), names)
                value = last and eval(
                    compile(ast.Expression(last.value), str(chapter), "eval"), names
                )
            drawn = [(value.svg, value.svg)] if hasattr(value, "svg") else []
            yield Outcome(printed.getvalue(), drawn + figures())


def figures() -> list[tuple[str, Any]]:
    """The figures that are open, as SVG with their data in it; they are closed."""
    import matplotlib.pyplot as plt

    drawn = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        data = [of_axes(axes) for axes in figure.axes]
        file = StringIO()
        about = {"Date": None, "Creator": None, "Description": json.dumps(data)}
        figure.savefig(file, format="svg", metadata=about)
        drawn.append((re.sub(r" +$", "", file.getvalue(), flags=re.M), data))
    plt.close("all")
    return drawn


def of_axes(axes: Any) -> dict[str, Any]:
    """What axes show, in few numbers: the same whatever draws them."""
    lines = [line for line in axes.lines if len(line.get_xdata())]
    bars = [bar for patches in axes.containers for bar in getattr(patches, "patches", [])]
    points = [each.get_offsets() for each in axes.collections if len(each.get_offsets())]
    return {
        "words": [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        + [line.get_label() for line in lines if not line.get_label().startswith("_")]
        + [text.get_text() for text in axes.texts],
        "lines": [[few(line.get_xdata()), few(line.get_ydata())] for line in lines],
        "bars": [few([bar.get_width() for bar in bars]), few([bar.get_height() for bar in bars])],
        "points": [few(np.asarray(offsets)) for offsets in points],
        "images": [few(np.asarray(image.get_array(), float)) for image in axes.images],
    }


def few(values: Any, most: int = 16) -> list[float | None]:
    """At most so many of them, evenly spread, to four digits."""
    flat = np.ravel(np.ma.filled(np.ma.asarray(values, float), np.nan))
    chosen = flat[np.linspace(0, len(flat) - 1, min(most, len(flat))).astype(int)]
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in chosen]


# --- comparing ------------------------------------------------------------------------------------


def same_text(said: str, came: str, block: Block) -> bool:
    """Whether the words are the same and the numbers as near as the block asks."""
    if [NUMBER.sub("#", line).split() for line in said.rstrip().splitlines()] != [
        NUMBER.sub("#", line).split() for line in came.rstrip().splitlines()
    ]:
        return False
    pairs = zip(NUMBER.findall(said), NUMBER.findall(came), strict=True)
    return block.varies or all(near(a, b, block.within) for a, b in pairs)


def near(a: str, b: str, within: float) -> bool:
    x, y = (float(number.replace(",", "")) for number in (a, b))
    unit = max(last_digit(a), last_digit(b))
    return abs(x - y) <= max(1.01 * unit, within * max(1, abs(x)), 1e-9 * abs(x))


def last_digit(number: str) -> float:
    """What one unit of the last digit is worth; nothing for an integer, which is exact."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals) if "." in mantissa or exponent else 0.0


def same_figure(path: Path, svg: str, data: Any, block: Block) -> bool:
    if not path.exists():
        return False
    old = path.read_text(encoding="utf-8")
    if isinstance(data, str):  # a drawing of plainnet's own
        return same_text(old, svg, block)
    found = ElementTree.fromstring(old).find(".//{http://purl.org/dc/elements/1.1/}description")
    return found is not None and same_data(json.loads(found.text or ""), data, block)


def same_data(said: Any, came: Any, block: Block) -> bool:
    if isinstance(said, dict):
        return said.keys() == came.keys() and all(
            same_data(said[key], came[key], block) for key in said
        )
    if not isinstance(said, list) or not isinstance(came, list):
        return isinstance(came, str) and same_text(str(said), came, block)
    if len(said) != len(came):
        return block.varies
    if not all(isinstance(value, int | float | None) for value in said + came):
        return all(same_data(a, b, block) for a, b in zip(said, came, strict=True))
    x, y = (np.array(values, float) for values in (said, came))
    room = (
        max(0.02, block.within) * np.nanmax(np.ptp(x[np.isfinite(x)]))
        if np.isfinite(x).any()
        else 0
    )
    return block.varies or bool(
        (np.isfinite(x) == np.isfinite(y)).all()
        and (np.abs(x - y)[np.isfinite(x)] <= room + 1e-9).all()
    )


# --- writing back ---------------------------------------------------------------------------------


def update(chapter: Path, write: bool, anew: bool = False) -> list[str]:
    """Run a chapter; the differences that were found, and are mended if `write` is true.

    With `anew`, everything counts as different.
    """
    text = chapter.read_text(encoding="utf-8")
    lines, blocks, found = text.splitlines(keepends=True), read(text), []
    outcomes = list(run(chapter, blocks))
    for block, outcome in reversed(list(zip(blocks, outcomes, strict=True))):
        where = f"{chapter.name}, line {block.line + 1}"
        for number, (svg, data) in enumerate(outcome.figures):
            named = number < len(block.images)
            default = f"figures/{chapter.name[:2]}-{block.line + 1}-{number + 1}.svg"
            path = block.images[number] if named else default
            if not named:
                lines.insert((block.output or (0, block.end))[1], f"\n![]({path})\n")
            if anew or not named or not same_figure(GUIDE / path, svg, data, block):
                found.append(f"{where}: {path} is not what is drawn")
                if write:
                    (GUIDE / path).write_text(svg, encoding="utf-8")
        if len(block.images) > len(outcome.figures):
            found.append(f"{where}: {block.images[len(outcome.figures)]} is not drawn")
        if same_text(block.printed, outcome.printed, block) and not anew:
            continue
        found.append(f"{where} says\n{block.printed}and what comes out is\n{outcome.printed}")
        end = block.output[1] if block.output else block.end
        lines[block.end : end] = fenced(outcome.printed, block, lines)
    if write and found:
        chapter.write_text("".join(lines), encoding="utf-8")
    return found[::-1]


def fenced(printed: str, block: Block, lines: list[str]) -> list[str]:
    """What is printed as a block, after an empty line: Python's source keeps its language."""
    if not printed.strip():
        return []
    known = lines[block.output[0]].strip("`\n ") if block.output else ""
    language = known or ("py" if "getsource" in block.code else "text")
    body = [f"{line.rstrip()}\n" for line in printed.rstrip().splitlines()]
    return ["\n", f"```{language}\n", *body, "```\n"]


# --- claims and notebooks -------------------------------------------------------------------------


@dataclass
class Claim:
    """What a chapter asserts, and the block that asserts it."""

    number: str
    text: str
    from_tutorial: bool
    chapter: Path
    heading: str
    block: Block


def claims() -> list[Claim]:
    """Every claim of the guide. Each has to be followed by a block with an assertion."""
    found = []
    for chapter in chapters():
        text = chapter.read_text(encoding="utf-8")
        blocks = read(text)
        for match in CLAIM.finditer(text):
            line = text[: match.start()].count("\n")
            block = next((block for block in blocks if block.line > line), None)
            tree = ast.walk(ast.parse(block.code if block else ""))
            if block is None or not any(isinstance(node, ast.Assert) for node in tree):
                raise SystemExit(f"{chapter.name}: claim {match[1]} is not asserted")
            heading = re.findall(r"^##+ (.+)$", text[: match.start()], re.M)[-1]
            words = " ".join(match[3].replace("\n> ", " ").split())
            found.append(Claim(match[1], words, bool(match[2]), chapter, heading, block))
    return found


def table_of_claims() -> str:
    found = claims()
    from_tutorial = sum(claim.from_tutorial for claim in found)
    rows = [
        "# What the guide claims\n",
        f"Each of these {len(found)} claims is an experiment in a chapter: code that runs, and",
        "fails if the claim does not hold. The last column is what it printed last; T marks the",
        f"{from_tutorial} claims that the tutorial makes.",
    ]
    for chapter, its_claims in groupby(found, key=lambda claim: claim.chapter):
        title = chapter.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows += [f"\n## {title}\n", "| | claim | | measured |", "|---|---|---|---|"]
        for claim in its_claims:
            anchor = re.sub(r"[^\w -]", "", claim.heading.lower()).replace(" ", "-")
            printed = claim.block.printed.strip().splitlines()
            cells = [
                f"[{claim.number}]({chapter.name}#{anchor})",
                claim.text,
                "T" if claim.from_tutorial else "",
                f"`{' '.join(printed[-1].split())}`" if printed else "",
            ]
            rows.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join(rows) + "\n"


def write_notebooks(folder: Path) -> None:
    """The chapters as notebooks without outputs: running them makes these."""
    try:
        import jupytext
    except ModuleNotFoundError as error:
        sys.exit(MISSING.format(error.name))

    folder.mkdir(parents=True, exist_ok=True)
    for chapter in chapters():
        text = chapter.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for block in reversed(read(text)):
            if block.output:
                del lines[slice(*block.output)]
            lines[block.line] = "```python\n"
        text = re.sub(r"^```math\n(.*?)^```$", r"$$\n\1$$", "".join(lines), flags=re.M | re.S)
        text = IMAGE.sub("", text)
        jupytext.write(jupytext.reads(text, "md"), folder / f"{chapter.stem}.ipynb")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("chapters", nargs="*", help="their numbers, such as 02; default: all")
    parser.add_argument("--check", action="store_true", help="change nothing, fail on differences")
    parser.add_argument("--anew", action="store_true", help="write everything, near or not")
    parser.add_argument("--notebooks", type=Path, metavar="FOLDER", help="write notebooks instead")
    arguments = parser.parse_args()
    if arguments.notebooks:
        write_notebooks(arguments.notebooks)
        return 0
    wanted = {number.zfill(2) for number in arguments.chapters}
    chosen = [chapter for chapter in chapters() if not wanted or chapter.name[:2] in wanted]
    if missing := wanted - {chapter.name[:2] for chapter in chosen}:
        parser.error(f"there is no chapter {', '.join(sorted(missing))}")
    found, failed = [], False
    for chapter in chosen:
        start = time.perf_counter()
        try:
            differences = update(chapter, write=not arguments.check, anew=arguments.anew)
        except Exception as error:
            print(failure(chapter, error))
            failed = True
            continue
        shown = [] if arguments.anew else differences
        print(f"{chapter.name}: {time.perf_counter() - start:.1f} s", *shown, sep="\n")
        found += differences
    if not arguments.check:
        (GUIDE / "claims.md").write_text(table_of_claims(), encoding="utf-8")
    return int(failed or (bool(found) and arguments.check))


def failure(chapter: Path, error: Exception) -> str:
    """Where in the chapter it happened; an error of the runner itself is raised."""
    lines = [at.lineno for at in extract_tb(error.__traceback__) if at.filename == str(chapter)]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    if line is None:
        raise error
    code = chapter.read_text(encoding="utf-8").splitlines()[line - 1].strip()
    return f"{chapter.name}, line {line} fails:\n    {code}\n{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
