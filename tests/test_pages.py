"""README, CONTRIBUTING and docs/: their code runs, their commands exist, their links lead on.

The Python blocks of a page run from top to bottom in an empty folder, as a reader would paste them.
Those of the guide's chapters run in test_guide.py.
"""

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tiers import second_tier

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
]
GUIDE = sorted((ROOT / "guide").glob("*.md"))
every_page = pytest.mark.parametrize("page", PAGES + GUIDE, ids=lambda page: page.name)

SHORTER = {"learn(100_000)": "learn(4096)", "evaluate(100)": "evaluate(2)"}
"""What takes too long for a test, and what runs in its place."""

LONG = ("imbalance.md", "fine-tuning.md", "texts.md")
"""Pages that train for long."""

OTHERS = ("torch", "keras")
"""Libraries that a page leads from: its blocks that import one run where it is installed."""


def lacks(block: str) -> list[str]:
    """Which of the other libraries a block imports, and this environment does not have."""
    imported = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
    return [name for name in OTHERS if name in imported and find_spec(name) is None]


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """The code blocks in a language, "" for the shell, each with the line on which it begins."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```([^\s`]*)[^\n`]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if found[1] == language:
            yield text[: found.start(2)].count("\n"), found[2]


def expect_as_said(block: str, printed: str) -> None:
    """Each number in a comment behind code, within a hundredth: another machine rounds anew."""
    said = [
        float(number)
        for line in block.splitlines()
        if "  # " in line
        for number in re.findall(r"\d\.\d+", line.rpartition("  # ")[2])
    ]
    found = [float(number) for number in re.findall(r"\d\.\d+", printed)]
    for number in said:
        assert any(abs(number - other) < 0.01 for other in found), f"{number} is not in {printed}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=second_tier if page.name in LONG else (), id=page.name)
        for page in PAGES
        if any(blocks(page, "python"))
    ],
)
def test_code_runs_and_prints_what_its_comments_say(page, tmp_path, monkeypatch, capsys):
    for package in ("pandas", "skops", "gymnasium", "pygame", "PIL"):
        pytest.importorskip(package)
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.name}
    for line, block in blocks(page, "python"):
        if lacks(block):
            continue
        code = block
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        exec(compile("\n" * line + code, page, "exec"), names)  # a traceback shows the page's line
        if code == block:
            expect_as_said(block, capsys.readouterr().out)


def commands() -> list[str]:
    """Every line of every shell block, without its comment."""
    shell = [block for page in PAGES + GUIDE for _, block in blocks(page, "")]
    lines = {line.partition(" # ")[0].strip() for block in shell for line in block.splitlines()}
    return sorted(lines - {""})


@pytest.mark.parametrize("command", commands())
def test_commands_are_ones_that_there_are(command, capsys):
    words = shlex.split(command.partition(" > ")[0])
    while "=" in words[0]:  # a variable of the environment
        words.pop(0)
    program, *arguments = words
    if program == "plainnet":
        pytest.importorskip("typer")
        from plainnet.cli import main

        assert main([*arguments, "--help"]) == 0, capsys.readouterr().err
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE)
    elif program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = re.findall(r"[\w-]+", arguments[1].partition("[")[2])
        assert set(extras) <= set(project["optional-dependencies"])
    elif program == "python" and arguments[:2] == ["-m", "pytest"]:
        assert all((ROOT / path).exists() for path in arguments[2:])
    elif program == "python":
        path = f"tests/{arguments[1]}" if arguments[0] == "-m" else arguments[0]
        assert (ROOT / path).exists()
    else:
        assert command in {"pre-commit install", ".ci/run"}


def anchors(page: Path) -> set[str]:
    """What a link may name within a page: GitHub's form of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    for path in re.findall(r"`((?:src|tests|docs|guide|benchmarks|examples)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_readme_stays_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 800


def test_the_map_in_contributing_has_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "plainnet").glob("*/__init__.py")}
    assert not {room for room in rooms if f"\n  {room}/ " not in text}
