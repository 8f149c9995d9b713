"""`plainnet explain` shows every number of one prediction."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plainnet.estimators import load

from .conftest import Refused, Run


def test_a_row_from_its_cells_to_its_probabilities(run: Run, model: Path, flowers: Path) -> None:
    result = run("explain", model, flowers, "--row", 3)
    assert (result.code, result.err) == (0, "")
    table = pd.read_csv(flowers).drop(columns="species")
    assert f"petal length is '{table['petal length'][2]:.3f}'" in result.out
    P = load(model).predict_proba(table.iloc[2:3])[0]
    (shown,) = re.findall(r"P\[0, 0\] = .* = ([\d.e-]+)\n", result.out)
    assert float(shown) == pytest.approx(P[0], rel=0.006)
    assert "the classes are 'rose', 'tulip'" in result.out
    assert result.out.endswith("\n")


def test_one_number(run: Run, model: Path, flowers: Path) -> None:
    result = run("explain", model, flowers, "--unit", "columns.scaled[1]")
    assert result.code == 0
    where, line, names, formula, used = result.out.splitlines()
    assert where == "columns.scaled[0, 1]"
    assert re.fullmatch(r"scaled\[0, 1\] = \(.* - .*\)\*.* = .*", line)
    assert names.startswith("scaled[0, 1] = (numbers[0, 1] - centre[1])*factor[1] = ")
    assert formula == "by scaled = (numbers - centre) * factor"
    assert used == "goes into columns.clipped[0, 1]"
    assert run("explain", model, flowers, "--unit", "columns.scaled[0, 1]").out == result.out
    data = run("explain", model, flowers, "--unit", "columns.centre[0]").out.splitlines()
    assert data[0] == "columns.centre[0]"


def test_a_page(run: Run, refused: Refused, model: Path, flowers: Path) -> None:
    for _ in range(2):  # which replaces the first
        result = run("explain", model, flowers, "--html", "flower.html")
        assert (result.code, result.err) == (0, "")
    page = Path("flower.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "columns" in page
    Path("other.html").write_text("<p>mine")
    assert "is not a page of `plainnet explain`" in refused(
        "explain", model, flowers, "--html", "other.html"
    )
    assert Path("other.html").read_text() == "<p>mine"


def test_images_of_an_array(run: Run, images: Path) -> None:
    run("train", images, "--epochs", 3)
    result = run("explain", "images-model.npz", images, "--row", 2, "--unit", "pixels.X[3]")
    assert result.code == 0
    where, line, *_ = result.out.splitlines()
    assert where == "pixels.X[0, 3]"
    assert re.fullmatch(r"X\[0, 3\] = \(\d+ - .*\)/.* = .*", line)
    _, _, predicted, *_ = run("predict", "images-model.npz", images).out.split()
    shown = run("explain", "images-model.npz", images, "--row", 2).out
    assert "the classes are 0, 1\n" in shown
    assert f"predicted {predicted}\n" in shown


def test_it_says_first_which_row_it_is(run: Run, model: Path, flowers: Path) -> None:
    out = run("explain", model, flowers.name, "--row", 3).out
    assert out.startswith("row 3 of flowers.csv\n\nForward\n")


def test_digits(run: Run, model: Path, flowers: Path) -> None:
    """A unit beside a page is printed, to so many digits."""
    asked = ("--unit", "columns.scaled[1]", "--digits", 9, "--html", "flower.html")
    result = run("explain", model, flowers, *asked)
    assert result.code == 0
    (value,) = re.findall(r"^scaled\[0, 1\] = \(.* = (\S+)$", result.out, re.MULTILINE)[:1]
    assert len(value.strip("-").replace(".", "").lstrip("0")) in (8, 9)
    assert Path("flower.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--row", "61"], "--row is 61, and flowers.csv has 60 rows"),
        (["--row", "0"], "--row must be a whole number >= 1"),
        (["--digits", "18"], "--digits must be a whole number <= 17"),
        (["--unit", "dense.Z[1]"], "no array 'dense.Z'"),
        (["--unit", "columns.scaled[7]"], "columns.scaled has the shape"),
        (["--html", "nowhere/page.html"], "cannot write nowhere/page.html"),
    ],
)
def test_what_is_refused(
    refused: Refused, model: Path, flowers: Path, arguments: list[str], message: str
) -> None:
    assert message in refused("explain", model, "flowers.csv", *arguments)


def test_a_number(run: Run, houses: Path) -> None:
    run("train", houses, "--target", "price", "--epochs", 2, "--preset", "fast")
    result = run("explain", "houses-model.skops", houses)
    table = pd.read_csv(houses).drop(columns="price")
    predicted = load("houses-model.skops").predict(table.head(1)).tolist()[0]
    assert f"predicted {predicted!r}" in result.out
    assert np.isfinite(predicted)
