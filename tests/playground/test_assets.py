"""The page's files: what joining them into one module and one style sheet relies on."""

import re
import shutil
import subprocess
from collections import Counter

import pytest

from plainnet.playground import assets

ENTRIES = "page", "widget", "export"
DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:function\*?|const|let|var|class) +([A-Za-z_$][\w$]*)", re.MULTILINE
)
SEVERAL = re.compile(r"^(?:export )?(?:const|let|var) *[\[{]", re.MULTILINE)
SCOPES = ".plainnet-playground", ".plainnet-page", ".plainnet-recording"
FILES = sorted([*(assets.FOLDER / "js").glob("*.js"), *(assets.FOLDER / "css").glob("*.css")])


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_name_is_declared_twice(entry):
    text = assets.module(entry)
    names = Counter(DECLARED.findall(text))
    assert len(names) > 50
    assert [name for name, n in names.items() if n > 1] == []
    assert not SEVERAL.search(text)  # whose names the pattern above would not see


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_module_needs_no_other(entry):
    assert not re.search(r"^\s*import\b|\bimport\(", assets.module(entry), re.MULTILINE)
    assert not re.search(r"https?://(?!www\.w3\.org/)", assets.module(entry))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_module_is_javascript(entry, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    path = tmp_path / "module.mjs"
    path.write_text(assets.module(entry), "utf-8")
    checked = subprocess.run([node, "--check", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_short(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def selectors(text):
    """All selectors of a style sheet, without what stands in their brackets."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for listed in re.findall(r"([^{}]+)\{", text):
        if listed.strip().startswith("@"):
            continue
        while (outside := re.sub(r"\([^()]+\)", "", listed)) != listed:
            listed = outside
        yield from (each.strip() for each in listed.split(","))


def test_every_rule_is_for_the_playground_alone():
    found = list(selectors(assets.style()))
    assert len(found) > 200
    assert [each for each in found if not each.startswith(SCOPES)] == []


def test_the_icon_asks_no_server():
    assert assets.ICON.startswith("data:image/svg+xml,%3Csvg")
    assert '"' not in assets.ICON
