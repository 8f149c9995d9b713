"""A filled target cell is a class, and comes back as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.errors import DataError

from .conftest import LEARNED, QUICK, Refused, Run, classifier, predicted, write

CLASSES = {
    "codes": ["007", "07", "7"],
    "codes of one length": ["01", "02", "03"],
    "versions": ["1.0", "1.10", "1.1"],
    "whole numbers with a point": ["1.0", "2.0"],
    "NA": ["NA", "EU", "AS"],
    "None": ["None", "Slight", "Severe"],
    "words for missing": ["null", "nan", "?", "-", "N/A", "unknown"],
    "truth in three ways": ["True", "TRUE", "true"],
    "Python's truth": ["True", "False"],
    "R's truth": ["TRUE", "FALSE"],
    "yes and no": ["yes", "no"],
    "signs": ["-0", "0", "+0"],
    "exponents": ["1e5", "100000", "1E5"],
    "decimal commas": ["1,5", "2,5"],
    "percent": ["10%", "20%"],
    "dates": ["01/02/2024", "2024-02-01"],
    "infinity": ["inf", "fin"],
    "unicode": ["naïve", "日本", "Ωmega", "ß", "ss"],
    "one letter, written in two ways": ["caf\u00e9", "cafe\u0301"],
    "quotes and separators": ['say "hi"', "a,b", "a;b"],
    "large numbers": ["12345678901234567890", "12345678901234567891"],
    "beyond 2^53": ["9007199254740993", "9007199254740992"],
    "ages": ["18-24", "25-34"],
    "numbers of other scripts": ["١", "٢"],
    "whole numbers": ["-3", "0", "12"],
}


def table(classes: list[str]) -> pd.DataFrame:
    kinds = [f"kind {k}" for k in range(len(classes))]
    return pd.DataFrame({"kind": kinds * 12, "target": classes * 12})


@pytest.mark.parametrize("case", CLASSES)
def test_classes_come_back_as_written(run: Run, folder: Path, case: str) -> None:
    classes = CLASSES[case]
    table(classes).to_csv("t.csv", index=False)
    assert run("train", "t.csv", *QUICK, "--task", "classification", *LEARNED).code == 0
    pd.DataFrame({"kind": [f"kind {k}" for k in range(len(classes))]}).to_csv("k.csv", index=False)
    run("predict", "t-model.skops", "k.csv", "--out", "p.csv")
    found = pd.read_csv("p.csv", dtype=str, keep_default_na=False)
    assert found.prediction.tolist() == classes


@pytest.mark.parametrize("case", ["codes", "NA", "None", "versions", "R's truth", "dates"])
def test_the_task_need_not_be_said(run: Run, folder: Path, case: str) -> None:
    table(CLASSES[case]).to_csv("t.csv", index=False)
    assert run("train", "t.csv", *QUICK).code == 0
    model = plainnet.load("t-model.skops")
    assert sorted(map(str, model.classes_)) == sorted(CLASSES[case])


def test_blanks_around_a_class_are_not_part_of_it(run: Run, folder: Path) -> None:
    table(["hi ", "hi", " hi", "ho"]).to_csv("t.csv", index=False)
    assert run("train", "t.csv", *QUICK).code == 0
    assert plainnet.load("t-model.skops").classes_.tolist() == ["hi", "ho"]


@pytest.mark.parametrize("empty", ["", '""', '" "', "   "])
def test_only_empty_cells_have_no_class(run: Run, folder: Path, empty: str) -> None:
    rows = [f"{k},{label}\n" for k in range(12) for label in ("None", "NA", "x", empty)]
    (folder / "t.csv").write_text("a,target\n" + "".join(rows))
    result = run("train", "t.csv", *QUICK[:-1])
    assert "12 rows without a value in 'target' left out" in result.out
    assert plainnet.load("t-model.skops").classes_.tolist() == ["NA", "None", "x"]


def test_a_short_row_has_no_class(run: Run, folder: Path) -> None:
    """And does not make texts of the other numbers."""
    rows = [f"{k},{k % 2}\n" for k in range(30)]
    (folder / "t.csv").write_text("a,target\n" + "".join(rows) + "7\n")
    assert run("train", "t.csv", *QUICK).code == 0
    model = plainnet.load("t-model.skops")
    assert model.classes_.tolist() == [0, 1]


NUMBERS = {
    "commas": (["1,5", "2,25", "3,75"], [1.5, 2.25, 3.75]),
    "thousands": (["1.234,5", "2.000", "12"], [1234.5, 2000, 12]),
    "dollars": (["$1,234.50", "$7", "($8.25)"], [1234.5, 7, -8.25]),
    "words between": ([*map(str, range(30)), "unknown"], [*range(30)]),
    "missing between": ([*map(str, range(30)), "NA"], [*range(30)]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_to_predict_may_be_written_so(run: Run, folder: Path, case: str) -> None:
    written, numbers = NUMBERS[case]
    pd.DataFrame({"a": np.arange(4 * len(written)), "target": written * 4}).to_csv("t.csv")
    options = ("--task", "regression", "--drop", "")
    result = run("train", "t.csv", *QUICK, *options)
    if case == "words between":
        assert "the target 'target': 4 of 124 values count as missing" in result.err
    else:
        assert result.err == ""
    found = [float(number) for number in predicted(run("predict", "t-model.skops", "t.csv"))]
    assert len(found) == 4 * len(written)
    assert min(numbers) <= min(found) <= max(found) <= max(numbers)


@pytest.mark.parametrize("gap", [float("nan"), pd.NA, pd.NaT, np.float32("nan")])
def test_a_missing_target_is_no_class(gap: Any) -> None:
    X, y = np.arange(40.0)[:, None] % 7, [gap, "a", "b", "a"] * 10
    for given in (y, tuple(y), np.array(y, object), pd.Series(y, dtype=object)):
        with pytest.raises(DataError, match="Input y contains NaN: 10 of 40 rows have no target"):
            classifier().fit(X, given)


def test_infinity_is_a_class_if_it_is_said_to_be_one(
    run: Run, refused: Refused, folder: Path
) -> None:
    table = pd.DataFrame({"a": np.arange(80) % 4, "target": ["0", "1", "2", "inf"] * 20})
    write(folder / "t.csv", table)
    assert "holds infinity; --task classification takes it for" in refused("train", "t.csv", *QUICK)
    assert run("train", "t.csv", *QUICK, "--task", "classification").code == 0


def test_a_class_among_numbers_is_refused_for_regression(refused: Refused, folder: Path) -> None:
    written = [*map(str, range(30)), "much"]
    pd.DataFrame({"a": np.arange(31), "target": written}).to_csv("t.csv", index=False)
    message = refused("train", "t.csv", *QUICK, "--task", "regression")
    assert "the target 'target' must hold numbers for regression; it has 'much'" in message


def test_blank_lines_of_a_table_of_one_column_are_rows(run: Run, folder: Path) -> None:
    pd.DataFrame({"kind": ["u", "v"] * 20, "target": ["is u", "is v"] * 20}).to_csv(
        "t.csv", index=False
    )
    assert run("train", "t.csv", *QUICK, *LEARNED).code == 0
    for end in ("\n", "\r\n", "\r"):
        (folder / "one.csv").write_bytes(end.join(["kind", "u", "", "v", "", "", "u"]).encode())
        found = predicted(run("predict", "t-model.skops", "one.csv"))
        assert len(found) == 6
        assert (found[0], found[2], found[5]) == ("is u", "is v", "is u")
