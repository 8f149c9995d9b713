"""`--report` writes a page of a run that needs nothing else."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plainnet
from plainnet.cli.pages.document import Document, Fact, Section
from plainnet.cli.pages.figures import INK, bars, figure, histogram, picture
from plainnet.cli.pages.scores import Classes
from plainnet.cli.pages.worst import worst_of
from plainnet.inspection.markup import element

from .conftest import FAST, Refused, Run, flower_rows, write_csv
from .test_folders import photos  # noqa: F401
from .test_texts import reviews  # noqa: F401

pytest.importorskip("matplotlib")

SECTIONS = ["Data", "Network", "Training", "Test", "Calibration", "Doctor", "What matters"]


class Page(HTMLParser):
    """What a page consists of: the text of each heading, its tables, what it refers to."""

    EMPTY = ("meta", "img", "rect", "path", "line", "circle", "use", "image")

    def __init__(self, path: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.references: list[str] = []
        self.tags: list[str] = []
        self.source = Path(path).read_text("utf-8")
        self.feed(self.source)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.references += [v for name, v in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.references += [v for name, v in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            return
        self.text += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1] += data


def page_of(run: Run, *arguments: object) -> tuple[Page, str]:
    """The page that a command writes, and what it prints."""
    result = run(*arguments, "--report", "page.html")
    assert (result.code, result.err) == (0, "")
    assert "Wrote the report page.html" in result.out
    page = Page("page.html")
    assert "script" not in page.tags
    outside = [to for to in page.references if not to.startswith(("#", "data:"))]
    assert outside == []
    return page, result.out


def test_classes_of_a_table(run: Run, flowers: Path) -> None:
    page, printed = page_of(run, "train", flowers.name, "--target", "species", *FAST)
    assert page.headings[0] == "flowers.csv: species"
    assert page.headings[1:9] == [*SECTIONS, "Worst predictions"]
    (accuracy,) = re.findall(r"Test accuracy (\S+):", printed)
    assert f"test accuracy{accuracy}" in page.text
    assert "plainnet train flowers.csv --target species --preset fast --hidden 8" in page.text
    assert "petal lengthnumber" in page.text
    assert "rose 50%, tulip 50%" in page.text


def test_the_worst_row_is_the_one_that_is_labelled_wrong(run: Run, folder: Path) -> None:
    rows = flower_rows(300)
    for row in rows[7::20]:
        row[3] = {"rose": "tulip", "tulip": "rose"}[str(row[3])]
    write_csv(folder / "wrong.csv", rows)
    page, _ = page_of(run, "train", "wrong.csv", "--target", "species", *FAST)
    worst = [heading for heading in page.headings if heading.startswith("Row ")]
    numbers = [int(re.findall(r"Row (\d+):", heading)[0]) for heading in worst]
    assert numbers
    assert {(number - 1) % 20 for number in numbers} == {7}
    length, width, *_ = rows[numbers[0] - 1]
    cells = page.text[page.text.index(worst[0]) :]
    assert f"petal length {float(str(length)):.6g}" in cells
    assert f"petal width {float(str(width)):.6g}" in cells
    assert "Every number of this prediction" in cells


def test_numbers_of_a_table(run: Run, houses: Path) -> None:
    page, printed = page_of(run, "train", houses.name, "--target", "price", *FAST)
    assert page.headings[1:7] == SECTIONS[:6]
    (r2,) = re.findall(r"R2 +(\S+)", printed)
    assert f"test R2{r2}" in page.text
    assert "2026-01-01 to 2026-03-01" in page.text
    assert "(missing)" not in page.text
    assert "15.0%" in page.text  # of the sizes are missing


def test_images(run: Run, images: Path) -> None:
    page, printed = page_of(run, "train", images, "--epochs", 3)
    assert page.headings[1] == "Data"
    assert [h for h in page.headings if h in SECTIONS] == SECTIONS
    (accuracy,) = re.findall(r"Test accuracy (\S+):", printed)
    assert f"test accuracy{accuracy}" in page.text
    assert page.tags.count("img") > 10


def test_pictures(run: Run, photos: Path) -> None:  # noqa: F811
    page, _ = page_of(run, "train", photos, "--preset", "fast", "--epochs", 2)
    assert [h for h in page.headings if h in SECTIONS] == SECTIONS
    assert page.tags.count("img") > 10


def test_texts(run: Run, reviews: Path) -> None:  # noqa: F811
    page, _ = page_of(run, "train", "reviews", "--networks", 1, "--epochs", 30)
    assert [h for h in page.headings if h in SECTIONS] == SECTIONS
    told = page.text[page.text.index("What matters", page.text.index("Doctor", 200)) :]
    good, bad = told.index("goodtells"), told.index("badtells")
    of_bad, of_good = told[bad:good], told[good : told.index("The words that tell")]
    assert sum(word in of_good for word in ("fine", "lovely", "très")) > sum(
        word in of_good for word in ("dull", "poor", "grim")
    )
    assert sum(word in of_bad for word in ("dull", "poor", "grim")) > sum(
        word in of_bad for word in ("fine", "lovely", "très")
    )


def test_an_agent(run: Run, folder: Path) -> None:
    pytest.importorskip("gymnasium")
    few = ("--set", "n_envs=4", "--set", "n_steps=32", "--set", "hidden=[16]")
    page, _ = page_of(run, "rl", "train", "CartPole-v1", "--steps", 512, *few)
    assert page.headings[0] == "CartPole-v1: PPO"
    assert [h for h in page.headings if h in SECTIONS] == SECTIONS[1:]
    assert "512" in page.text
    assert "Every number of this decision" in page.text


def test_it_is_the_same_page_again(run: Run, flowers: Path) -> None:
    asked = ("train", flowers.name, "--target", "species", *FAST)
    pages = []
    for _ in range(2):
        page, _ = page_of(run, *asked)
        pages.append(re.sub(r" Training took \S+ s\.", "", page.source))
    assert pages[0] == pages[1]


def test_texts_that_are_all_different(run: Run, folder: Path) -> None:
    rows = [[f"name {i} of it", *row] for i, row in enumerate(flower_rows())]
    write_csv(folder / "named.csv", rows, "name,petal length,petal width,sunny,species")
    result = run("train", "named.csv", "--target", "species", *FAST, "--report", "page.html")
    assert result.code == 0
    assert "no two alike; the first is name 0 of it" in Page("page.html").text


def test_names_are_no_markup(run: Run, folder: Path) -> None:
    rows = [[*row[:3], f"<b>{row[3]}</b>"] for row in flower_rows()]
    header = "<script>alert(1)</script>,a&amp;b,sunny,species"
    write_csv(folder / "odd.csv", rows, header)
    page, _ = page_of(run, "train", "odd.csv", "--target", "species", *FAST)
    assert "<script>alert(1)</script>" in page.text
    assert "<b>rose</b>" in page.text
    assert "a&amp;b" in page.text


# --- what is refused ------------------------------------------------------------------------------


def test_other_files_are_not_replaced(run: Run, refused: Refused, flowers: Path) -> None:
    asked = ("train", flowers.name, "--target", "species", *FAST)
    Path("mine.html").write_text("<p>mine")
    said = refused(*asked, "--report", "mine.html")
    assert "mine.html exists and is not a page of `plainnet train --report`" in said
    assert "there is no folder" in refused(*asked, "--report", "none/page.html")
    Path("folder.html").mkdir()
    assert "it is a folder" in refused(*asked, "--report", "folder.html")
    for name in ("page.pdf", "page", "."):
        assert "a page is an .html file" in refused(*asked, "--report", name)


def test_without_matplotlib_the_extra_is_named(
    refused: Refused, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = refused("train", flowers.name, "--target", "species", "--report", "page.html")
    assert "plainnet[plots]" in said


# --- parts ----------------------------------------------------------------------------------------


def test_a_document_escapes_what_it_is_given() -> None:
    section = Section("A & B", [element("p", "<i>")])
    source = Document("<title>", [], [Fact("<name>", "<value>")], [section]).html()
    for given in ("<title>", "<name>", "<value>", "<i>"):
        assert source.count(given) == (given == "<title>")  # the element of that name
    assert 'href="#a-&amp;-b"' in source
    assert 'id="a-&amp;-b"' in source


def test_a_figure_is_in_the_colours_of_the_page() -> None:
    drawn = figure(lambda ax: ax.plot([0, 1], [2, 3]), 'a "line"')
    assert INK not in drawn
    assert "currentColor" in drawn
    assert 'aria-label="a &quot;line&quot;"' in drawn
    assert "Date" not in drawn
    assert drawn == figure(lambda ax: ax.plot([0, 1], [2, 3]), 'a "line"')


def test_a_large_cloud_is_pixels() -> None:
    rng = np.random.default_rng(0)
    few, many = (
        figure(lambda ax, n=n: ax.scatter(*rng.random((2, n))), "points") for n in (10, 50_000)
    )
    assert "data:image/png" not in few
    assert "data:image/png" in many
    assert len(many) < 1_000_000


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([], []),
        ([3.0, 3.0], [2]),
        ([0.0, 1.0, 1.0, 4.0], [1, 2, 0, 1]),
        ([-1e308, 1e308], [1, 0, 0, 1]),
    ],
)
def test_a_histogram(values: list[float], counts: list[int]) -> None:
    assert histogram(np.array(values), 4) == counts


def test_bars_are_as_high_as_their_numbers() -> None:
    drawn = bars([1, 0, 4], "three")
    assert re.findall(r'height="([\d.]+)"/?>', drawn.replace("</rect>", ""))[:3] == [
        "6.0",
        "0.0",
        "24.0",
    ]


def test_a_picture_holds_its_pixels() -> None:
    from base64 import b64decode
    from io import BytesIO

    image = pytest.importorskip("PIL.Image")
    pixels = np.array([[0.0, 0.5], [1.0, 0.25]])
    source = re.findall(r"base64,([^\"]+)", picture(pixels, "four"))[0]
    shown = np.asarray(image.open(BytesIO(b64decode(source))).convert("L"), float) / 255
    np.testing.assert_allclose(shown, pixels, atol=0.01)


@pytest.mark.parametrize(
    ("shape", "signed"),
    [((4, 5), True), ((4, 5, 1), False), ((4, 5, 3), False), ((4, 5, 3), True), ((4, 5, 7), False),
     ((2, 4, 5, 3), False)],
)  # fmt: skip
def test_pictures_of_any_shape(shape: tuple[int, ...], signed: bool) -> None:
    from base64 import b64decode
    from io import BytesIO

    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).standard_normal(shape)
    source = re.findall(r"base64,([^\"]+)", picture(pixels, "", signed=signed))[0]
    assert image.open(BytesIO(b64decode(source))).size == (5, 4)


def test_losses_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(3), 40)
    ids = rng.integers(0, 3, 40)
    scores = Classes(None, None, ids, ids, P, ["a", "b", "c"])
    assert scores.losses.mean() == pytest.approx(metrics.log_loss(ids, P, labels=[0, 1, 2]))
    worst = worst_of(scores)
    p = P[np.arange(40), ids]
    assert worst == np.argsort(p)[:5].tolist()
    assert scores.said(worst[0]).startswith("predicted ")


def test_what_is_right_is_not_among_the_worst() -> None:
    P = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    ids = np.array([0, 1, 1])
    assert worst_of(Classes(None, None, ids, ids, P, ["a", "b"])) == [2]


def test_a_diagnosis_of_texts_takes_what_the_estimator_takes() -> None:
    estimators = pytest.importorskip("plainnet.estimators")
    rng = np.random.default_rng(0)
    X = [" ".join(rng.choice(["fine", "dull", "film"], 6)) for _ in range(40)]
    y = ["good" if text.count("fine") > text.count("dull") else "bad" for text in X]
    model = estimators.TextClassifier(n_networks=1, epochs=3, random_state=0).fit(X, y)
    report = plainnet.diagnose(model, X, y, validation=(X, y))
    assert report.looked_at == ("what is learned",)
