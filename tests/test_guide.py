"""The guide: each chapter runs, and what stands in it is what comes out."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tiers import second_tier

GUIDE = Path(__file__).parents[1] / "guide"
CHAPTERS = sorted(GUIDE.glob("[0-9][0-9]-*.md"))
SECTIONS = [
    "The idea",
    "The mathematics",
    "The code",
    "By hand",
    "Experiments",
    "Exercises",
    "Read on",
]
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    pytest.importorskip("markdown_it", reason="markdown_it comes with nbclient in all-tests")
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("guide_run", GUIDE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["guide_run"] = module
    spec.loader.exec_module(module)
    return module


# --- every chapter --------------------------------------------------------------------------------


@second_tier
@every_chapter
def test_what_stands_in_a_chapter_comes_out(chapter):
    command = [sys.executable, "-W", "error", GUIDE / "run.py", "--check", chapter.name[:2]]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, check=False, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@every_chapter
def test_a_chapter_has_its_sections_and_a_figure_with_words(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert re.findall(r"^# (\d+)\. ", text, re.M) == [str(int(chapter.name[:2]))]
    assert [h for h in re.findall(r"^## (.+)$", text, re.M) if h in SECTIONS] == SECTIONS
    images = re.findall(r"!\[([^\]]*)\]\((figures/[\w.-]+)\)", text)
    assert images
    for words, path in images:
        assert len(words.split()) > 2, f"{path} needs a description"
        assert path.startswith(f"figures/{chapter.name[:2]}-")
    solved = text.count("<details><summary>Solution</summary>")
    assert solved == len(re.findall(r"^\d+\. ", text.partition("## Exercises")[2], re.M)) >= 3


@every_chapter
def test_lines_of_prose_and_of_code_are_short(chapter):
    text = chapter.read_text(encoding="utf-8")
    text = re.sub(r"^```(?!python).*?^```$", "", text, flags=re.M | re.S)  # an output is as it is
    long = [
        line
        for line in text.splitlines()
        if len(line) > 100
        and not line.startswith(("![", "|"))
        and "](" not in line
        and "https://" not in line
    ]
    assert not long


def test_no_figure_is_left_over():
    used = {
        path
        for chapter in CHAPTERS
        for path in re.findall(r"figures/[\w.-]+", chapter.read_text(encoding="utf-8"))
    }
    assert used == {f"figures/{path.name}" for path in (GUIDE / "figures").iterdir()}


# --- its claims -----------------------------------------------------------------------------------


def test_claims_are_asserted_numbered_and_in_the_table(runner):
    claims = runner.claims()
    assert len(claims) >= 60
    for chapter in CHAPTERS:
        numbers = [claim.number for claim in claims if claim.chapter == chapter]
        assert numbers == [f"{int(chapter.name[:2])}.{i + 1}" for i in range(len(numbers))]
    assert (GUIDE / "claims.md").read_text(encoding="utf-8") == runner.table_of_claims()


def test_a_claim_without_an_assertion_is_refused(runner, tmp_path, monkeypatch):
    chapter = tmp_path / "01-x.md"
    chapter.write_text("## A\n\n> **Claim 1.1.** It is so.\n\n```python\nprint(1)\n```\n")
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    with pytest.raises(SystemExit, match=r"claim 1\.1 is not asserted"):
        runner.claims()


# --- the runner -----------------------------------------------------------------------------------


def chapter_of(folder: Path, *blocks: str) -> Path:
    (folder / "figures").mkdir(exist_ok=True)
    chapter = folder / "01-x.md"
    chapter.write_text("\n\n".join(["# 1. X", *blocks]) + "\n", encoding="utf-8")
    return chapter


def python(code: str, options: str = "") -> str:
    return f"```python{options}\n{code}\n```"


def says(printed: str) -> str:
    return f"```text\n{printed}\n```"


@pytest.mark.parametrize(
    ("said", "code", "options", "same"),
    [
        ("a 0.12", "print('a 0.12')", "", True),
        ("a 0.12", "print('a  0.13')", "", True),  # one unit of the last digit
        ("a 0.12", "print('a 0.14')", "", False),
        ("a 0.12", "print('b 0.12')", "", False),
        ("a 0.12", "print('a 0.14')", " within=0.03", True),
        ("a 0.12", "print('a 0.16')", " within=0.03", False),
        ("a 1.2e-05", "print('a 1.3e-05')", "", True),
        ("a 1.2e-05", "print('a 1.2e-04')", "", False),
        ("(3, 4)", "print((3, 5))", "", False),  # integers are exact
        ("(3,4)", "print('(34)')", "", False),  # a comma between numbers, not between thousands
        ("12,345.6", "print('12,345.7')", "", True),
        ("1,200 steps", "print('1,210 steps')", " within=0.01", True),
        ("a 0.12 s", "print('a 9.99 s')", " varies", True),
        ("a 0.12 s", "print('a 9.99 ms')", " varies", False),
        ("nan", "print(1.5)", "", False),
        ("1.5", "print('1.5 2.5')", "", False),
        ("W1 is 2", "print('W2 is 2')", "", False),  # a name, not a number
        ("-0.5", "print('0.5')", "", False),
    ],
)
def test_an_output_is_compared_by_words_and_numbers(
    runner, tmp_path, monkeypatch, said, code, options, same
):
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    chapter = chapter_of(tmp_path, python(code, options), says(said))
    assert (runner.update(chapter, write=False) == []) is same


def test_outputs_are_written_where_they_belong(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    chapter = chapter_of(
        tmp_path,
        python("x = 2\nprint(x)"),
        says("old"),
        "Between.",
        python("print(x + 1)"),
        "After.",
        python("x"),
        says("gone"),
    )
    assert len(runner.update(chapter, write=False)) == 3
    assert "old" in chapter.read_text(encoding="utf-8")
    runner.update(chapter, write=True)
    right = [
        "# 1. X",
        python("x = 2\nprint(x)"),
        says("2"),
        "Between.",
        python("print(x + 1)"),
        says("3"),
        "After.",
        python("x"),
    ]
    assert chapter.read_text(encoding="utf-8") == "\n\n".join(right) + "\n"
    assert runner.update(chapter, write=False) == []


FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3], [1, 4, {}])"


@pytest.mark.parametrize(
    ("code", "same"),
    [
        (FIGURE.format(9), True),
        (FIGURE.format(9.1), True),  # within 2% of the range
        (FIGURE.format(12), False),
        (FIGURE.format(9) + "\nplt.plot([1, 2], [3, 4])", False),
        (FIGURE.format(9) + "\nplt.xlabel('x')", False),
        ("print(1)", False),
    ],
)
def test_a_figure_is_compared_by_its_data(runner, tmp_path, monkeypatch, code, same):
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    image = "![a curve that rises](figures/01-curve.svg)"
    chapter = chapter_of(tmp_path, python(FIGURE.format(9)), image)
    runner.update(chapter, write=True)
    assert runner.update(chapter, write=False) == []
    chapter_of(tmp_path, python(code), *(says("1") for _ in range("print" in code)), image)
    assert (runner.update(chapter, write=False) == []) is same


def test_an_error_names_the_line_of_the_chapter(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    chapter = chapter_of(tmp_path, "Text.", python("x = 1\nx / 0"))
    with pytest.raises(ZeroDivisionError) as raised:
        runner.update(chapter, write=False)
    assert raised.traceback[-1].lineno == 6  # counted from 0


@pytest.mark.parametrize("code", ["x = 1\nx / 0", "x = 1\nx = = 2"])
def test_a_chapter_that_fails_is_told_without_the_runners_own_lines(
    runner, tmp_path, monkeypatch, capsys, code
):
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    chapter = chapter_of(tmp_path, python("print(1)"), python(code))
    before = chapter.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["run.py", "1"])
    assert runner.main() == 1
    said = capsys.readouterr().out
    assert "01-x.md, line 9 fails" in said
    assert code.splitlines()[1] in said
    assert "run.py" not in said
    assert chapter.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("options", [" within=much", " varys"])
def test_an_unknown_option_of_a_block_names_its_line(runner, options):
    with pytest.raises(SystemExit, match="line 3: "):
        runner.read(f"# 1. X\n\n{python('x = 1', options)}\n")


def test_notebooks_have_the_code_without_outputs(runner, tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    jupytext = pytest.importorskip("jupytext")
    monkeypatch.setattr(runner, "GUIDE", tmp_path)
    chapter_of(tmp_path, "```math\nx^2\n```", python("print(1)", " varies"), says("1"), "After.")
    runner.write_notebooks(tmp_path / "notebooks")
    notebook = jupytext.read(tmp_path / "notebooks" / "01-x.ipynb")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        ("markdown", "# 1. X\n\n$$\nx^2\n$$"),
        ("code", "print(1)"),
        ("markdown", "After."),
    ]


@second_tier
def test_a_notebook_of_a_chapter_runs_and_draws_its_figures(runner, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    jupytext = pytest.importorskip("jupytext")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # which the tests set
    runner.write_notebooks(tmp_path)
    notebook = jupytext.read(tmp_path / "02-forward.ipynb")
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert shown >= {"image/png", "image/svg+xml"}  # of matplotlib, and of plainnet itself
