"""Numbers and dates as people write them are used as such; what is left out is said once."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plainnet
from plainnet.errors import DataError, SettingError
from plainnet.estimators.tabular.columns import Columns

from .conftest import QUICK, Refused, Run, classifier, write

NUMBERS = {
    "texts": ([f"{k}.01" for k in range(20)], [k + 0.01 for k in range(20)]),
    "decimal commas": ([f"{k},5" for k in range(20)], [k + 0.5 for k in range(20)]),
    "German": (["1.234,50", "12,00", "7", "-3,25"], [1234.5, 12, 7, -3.25]),
    "French": (["1\u202f234,50 €", "12,00 €", "7,10 €"], [1234.5, 12, 7.1]),
    "Swiss": (["1'234.50", "12.00", "1’000’000"], [1234.5, 12, 1e6]),
    "dollars": (["$1,234.50", "$12", "($7.25)", "-$3"], [1234.5, 12, -7.25, -3]),
    "percent": (["85%", "7 %", "12.5%"], [85, 7, 12.5]),
    "SAP's minus": (["12,50-", "3,00", "1.000,00-"], [-12.5, 3, -1000]),
    "Excel's exponents": (["1,5E+05", "2,25E-02"], [1.5e5, 2.25e-2]),
    "typographic minus": (["\u22125", "7", "\u22123.5"], [-5, 7, -3.5]),
    "indian": (["12,34,567", "1,00,000", "99"], [1234567, 100000, 99]),
    "objects between": ([1.5, "2,5", 7, "1.000,5"], [1.5, 2.5, 7, 1000.5]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers(case: str) -> None:
    written, numbers = NUMBERS[case]
    columns = Columns(pd.DataFrame({"x": written}))
    assert columns.describe()[0][1].startswith("number")
    found = columns.kinds[0].features(np.array(written, object)).numbers[0]
    np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize("word", ["unknown", "n/a", "keine Angabe", "#NV", "--", "N.D."])
def test_a_few_words_among_numbers_are_missing(word: str) -> None:
    table = pd.DataFrame({"x": [word if k % 16 == 3 else f"{k}.5" for k in range(64)]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        columns = Columns(table)
    assert columns.describe()[0][1].startswith("number; 4 missing")
    messages = [str(each.message) for each in caught]
    if word == "n/a":  # every program's
        assert messages == []
    else:
        assert messages == [
            f"column 'x': 4 of 64 values count as missing, since they are not numbers: {word!r}"
        ]


DATES = {
    "German": ["31.01.2024", "01.02.2024", "3.12.2023"],
    "American": ["01/31/2024", "02/01/2024", "12/03/2023"],
    "slashes": ["2024/01/31", "2024/02/01", "2023/12/03"],
    "names": ["31 Jan 2024", "February 1, 2024", "3-Dec-2023"],
    "French": ["31 janvier 2024", "1 février 2024", "3 déc. 2023"],
    "zones": ["2024-01-31T00:00:00Z", "2024-02-01T02:00:00+0200", "2023-12-02T19:00:00-05:00"],
    "halves": ["1/31/2024 12:00 AM", "2/1/2024 12:00 AM", "12/3/2023 12:00 AM"],
    "a zero date": ["2024-01-31", "2024-02-01", "2023-12-03", "0000-00-00"],
    "SQL": ["2024-01-31 00:00:00.000", "2024-02-01 00:00:00.000", "2023-12-03 00:00:00.000"],
}


@pytest.mark.filterwarnings("ignore:.*'0000-00-00'")
@pytest.mark.parametrize("case", DATES)
def test_dates(case: str) -> None:
    columns = Columns(pd.DataFrame({"x": DATES[case]}))
    assert columns.describe()[0][1].startswith("date")
    time = columns.kinds[0].features(np.array(DATES[case][:3], object)).numbers[0]
    days = np.array(["2024-01-31", "2024-02-01", "2023-12-03"], "M8[D]").astype(float)
    np.testing.assert_array_equal(time, days)


# --- what is said, and its remedy -----------------------------------------------------------------

DOUBTFUL = {
    "days or months": [f"{k % 12 + 1:02}/{k % 7 + 1:02}/2024" for k in range(40)],
    "days or months with hyphens": [f"0{k % 9 + 1}-0{k % 7 + 1}-2024" for k in range(40)],
    "days and months": ["13/01/2024", "01/13/2024", "02/02/2024", "03/03/2024"] * 10,
    "names": [f"person {k}" for k in range(40)],
    "footnotes": [f"{k}.5 {'r' if k % 3 else ''}".strip() for k in range(40)],
    "two marks": [f"{k},123" if k % 2 else f"{k}.123" for k in range(1, 41)],
    "ids": [f"00{k}" for k in range(40)],
    "fractions": [f"{k}/200" for k in range(40)],
    "years or days": [f"{10 + k % 9}/{k % 12 + 1:02}/{k % 28 + 1:02}" for k in range(40)],
    "dates and texts": [f"2024-01-{k % 28 + 1:02}" if k % 3 else f"about {k}" for k in range(40)],
}


def warned(table: pd.DataFrame, **settings: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = classifier(**settings).fit(table, np.arange(len(table)) % 2)
    assert all(each.category is UserWarning for each in caught)
    assert all(each.filename == __file__ for each in caught)
    return model, [str(each.message) for each in caught]


@pytest.mark.parametrize(
    "name", ["x", "a 'quoted' name", "two  blanks", "{braces}", "x=y", "日 %d"]
)
@pytest.mark.parametrize("case", DOUBTFUL)
def test_the_remedy_can_be_pasted(run: Run, folder: Path, case: str, name: str) -> None:
    table = pd.DataFrame({name: DOUBTFUL[case], "number": np.arange(40) % 5})
    _, messages = warned(table)
    assert len(messages) == 1
    found = re.search(r"columns=(\{.*?\}) \((--column .*?)\) (reads|uses)", messages[0])
    assert found, messages
    columns = eval(found[1])
    model, left = warned(table, columns=columns)
    assert name not in model.columns_.unused
    assert not any("left out" in message or "columns=" in message for message in left)

    if name in ("x", "two  blanks", "a 'quoted' name"):
        write(folder / "t.csv", table.assign(target=["u", "v"] * 20))
        said = run("train", "t.csv", *QUICK).err
        assert said.count("\n") == 1
        assert f"({found[2]})" in said
        result = run("train", "t.csv", *QUICK, *shlex.split(found[2]))
        assert result.code == 0
        assert "--column" not in result.err
        assert name not in plainnet.load("t-model.skops").columns_.unused


def test_years_of_two_digits_are_not_taken_for_days() -> None:
    """10/01/31: the last numbers are more different ones than years would be."""
    years_first = [f"{10 + k % 15}/{k % 12 + 1:02}/{k % 28 + 1:02}" for k in range(84)]
    hyphens = [text.replace("/", "-") for text in years_first]
    for days in (years_first, hyphens):
        table = pd.DataFrame({"x": days, "number": np.arange(84) % 5})
        _, (message,) = warned(table)
        assert "could have the day or the year first: nothing tells which" in message
        assert "columns={'x': 'date:dmy'} (--column x=date:dmy) reads the day first" in message
        assert message.endswith("date:ymd the year")
        kind = Columns(table, {"x": "date:ymd"}).kinds[0]
        years = {value.item().year for value in kind.read(np.array(days, object))}
        assert years == set(range(2010, 2025))
    _, (message,) = warned(pd.DataFrame({"x": years_first}), columns={"x": "date"})
    assert message.endswith("'10/01/01' is read with the day first, not with the year")


def test_days_are_not_taken_for_years_of_two_digits() -> None:
    rng = np.random.default_rng(0)
    first, last = np.datetime64("2001-01-01"), np.datetime64("2024-12-31")
    ends = pd.date_range(first, last, freq="ME")
    drawn = [rng.choice(np.arange(first, last), n) for n in (10, 20, 40, 80, 300)]
    for days in (ends, *map(pd.to_datetime, drawn)):
        texts = days.strftime("%d/%m/%y")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            columns = Columns(pd.DataFrame({"x": texts}))
        assert columns.describe()[0][1].startswith("date: time, month, ")


MOSTLY = {
    "numbers": ([str(k % 30) for k in range(60)] + ["not given"] * 20, "number"),
    "dollars": ([f"${k % 30}" for k in range(70)] + [f"€{k}" for k in range(10)], "number"),
    "percent": ([f"{k % 30}%" for k in range(70)] + [str(k) for k in range(1, 11)], "number"),
    "points": ([f"0.{k % 30}" for k in range(1, 71)] + [f"0,{k}" for k in range(1, 11)], "number"),
    "dates": ([f"2024-01-{k % 28 + 1:02}" for k in range(60)] + ["not given"] * 20, "date"),
}


@pytest.mark.parametrize("case", MOSTLY)
def test_what_is_mostly_numbers_is_not_a_category_without_a_word(case: str) -> None:
    cells, kind = MOSTLY[case]
    model, (message,) = warned(pd.DataFrame({"x": cells}))
    assert "categories, embedded" in model.columns_.describe()[0][1]
    assert message.endswith(
        f"columns={{'x': '{kind}'}} (--column x={kind}) reads most of them as {kind}s, and the "
        "others count as missing"
    )
    model, (message,) = warned(pd.DataFrame({"x": cells}), columns={"x": kind})
    assert re.search(r"column 'x': (10|20) of 80 values count as missing, since they are", message)
    assert model.columns_.describe()[0][1].startswith(kind)


def test_codes_are_categories_without_a_word() -> None:
    lines = [f"{k % 19}{'ABCDEFGHIJK'[k % 11] * (k % 3 == 0)}" for k in range(80)]
    for cells in (
        [f"{k % 40:05}" for k in range(80)],
        [f"{k % 13}A" for k in range(80)],
        lines * 4,
    ):
        model, messages = warned(pd.DataFrame({"x": cells}))
        assert (messages, model.columns_.describe()[0][1][2:13]) == ([], " categories")


def test_another_decimal_point_than_was_said_is_told() -> None:
    table = pd.DataFrame({"x": [f"{k}.5" for k in range(40)], "number": np.arange(40) % 5})
    _, (message,) = warned(table, decimal=",")
    assert message.endswith("left out; ',' is not the decimal point in its numbers")
    with pytest.raises(DataError, match=r"cannot be read as 'number': with decimal=','; it holds"):
        Columns(table, {"x": "number"}, decimal=",")


def test_a_declared_category_is_not_left_out_without_a_word() -> None:
    for cells in ([f"person {k}" for k in range(40)], [f"ID{k}" for k in range(40)]):
        table = pd.DataFrame({"x": pd.Series(cells, dtype="category"), "n": np.arange(40) % 5})
        _, (message,) = warned(table)
        assert "40 different texts in 40 rows, left out; columns={'x': 'text'}" in message
        model, messages = warned(table, columns={"x": "text"})
        assert (messages, model.columns_.unused) == ([], [])


def test_sentences_without_blanks_are_texts() -> None:
    words = ["这部电影", "非常好看", "剧情拖沓", "画面精美", "ภาพสวยมาก", "น่าเบื่อ"]
    cells = ["".join(words[(k * j) % 6] for j in (1, 5, 7)) + str(k) for k in range(60)]
    model, messages = warned(pd.DataFrame({"x": cells, "n": np.arange(60) % 5}))
    assert messages == []
    assert model.columns_.describe()[0][1].startswith("text: ")


def test_a_long_text_does_not_fill_the_screen() -> None:
    _, (message,) = warned(pd.DataFrame({"x": [*map(str, range(39)), "y" * 10_000]}))
    assert len(message) < 400


def test_dates_without_marks_are_the_same_as_numbers() -> None:
    """20240131 is read by its format, as a text and as a whole number."""
    cells = [20240101 + k % 20 for k in range(40)]
    for trained in (cells, list(map(str, cells))):
        for form in ("date:%Y%m%d", "date:compact", "date"):
            columns = Columns(pd.DataFrame({"x": trained}), {"x": form})
            Z = [columns.transform(pd.DataFrame({"x": x})) for x in (cells, list(map(str, cells)))]
            np.testing.assert_array_equal(*Z)


def test_ambiguous_days_are_not_guessed() -> None:
    days = DOUBTFUL["days or months"][:10] * 4
    table = pd.DataFrame({"x": days, "number": np.arange(40) % 5})
    for order, month in (("dmy", "%d/%m/%Y"), ("mdy", "%m/%d/%Y")):
        by_order = Columns(table, {"x": f"date:{order}"}).transform(table)
        by_format = Columns(table, {"x": f"date:{month}"}).transform(table)
        np.testing.assert_array_equal(by_order, by_format)
    model, (message,) = warned(table)
    assert "could have the day or the month first" in message
    assert model.columns_.describe()[0][1].endswith("categories, embedded")


@pytest.mark.parametrize(
    ("cells", "kind", "note"),
    [
        (["01", "02", "10"] * 4, "number", "number"),
        (["1", "2", "10"] * 4, "category", "3 categories, one-hot"),
        (["1", "2", "10"] * 4, "text", "text: 14 words and n-grams"),
        ([1, 2, 10] * 4, "category", "3 categories, one-hot"),
        (["20240131", "20240201", "20231203"] * 4, "date", "date: time, month, day, weekday"),
        ([20240131, 20240201, 20231203] * 4, "date", "date: time, month, day, weekday"),
        (["2024-01-31", "2024-02-01"] * 6, "category", "2 categories, one-hot"),
        (["x", "y", "1", "2", "3", "4"] * 2, "number", "number"),
        ([True, False] * 6, "number", "number"),
    ],
)
def test_the_user_decides(cells: list[Any], kind: str, note: str) -> None:
    table = pd.DataFrame({"x": cells, "number": range(12)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        columns = Columns(table, {"x": kind})
    assert columns.describe()[0][1].startswith(note)


def test_columns_without_names_are_called_by_their_places() -> None:
    table = pd.DataFrame({0: ["01", "02"] * 5, 1: range(10)})
    for name in (0, "0"):
        assert Columns(table, {name: "number"}).describe()[0] == ("0", "number, written like 01")
    array = table.to_numpy()
    assert Columns(array, {"x0": "drop"}).unused == ["x0"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"y": "number"}, r"columns has 'y', and the columns are \['x'\]"),
        ({"x": "numeric"}, "columns has 'x': 'numeric'; a kind is 'number', 'text', 'category'"),
        ({"x": "date:%d"}, "a date needs a year"),
        ({"x": "date:DD.MM.YYYY"}, "the notation of dates must be dmy, mdy, ymd, compact or a"),
    ],
)
def test_kinds_that_are_not_known(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Columns(pd.DataFrame({"x": ["1", "2"]}), wanted)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [(["red", "blue"], "number"), (["red", "blue"], "date"), (["5", "x"], "date:%Y-%m-%d")],
)
def test_kinds_that_the_cells_are_not(cells: list[str], kind: str) -> None:
    with pytest.raises(DataError, match=f"column 'x' cannot be read as '{kind}'; it holds '"):
        Columns(pd.DataFrame({"x": cells}), {"x": kind})


def test_the_command_takes_kinds_and_says_what_it_refuses(
    run: Run, refused: Refused, folder: Path
) -> None:
    table = pd.DataFrame({"a=b": ["01", "02"] * 20, "day": ["01/02/2024", "03/02/2024"] * 20})
    write(folder / "t.csv", table.assign(target=["u", "v"] * 20))
    options = ("--column", "a=b=number", "--column", "day=date:%d/%m/%Y")
    result = run("train", "t.csv", *QUICK, *options)
    assert (result.code, result.err) == (0, "")
    assert plainnet.load("t-model.skops").columns_.describe() == [
        ("a=b", "number, written like 01"),
        ("day", "date: time, day, weekday"),
    ]
    assert "--column: t.csv has no feature 'b'" in refused("train", "t.csv", "--column", "b=number")
    assert "NAME=KIND, where KIND is one of" in refused("train", "t.csv", "--column", "day=dates")
    assert "cannot be read as 'date'" in refused("train", "t.csv", "--column", "a=b=date")


def test_the_help_says_that_quiet_shows_warnings(run: Run) -> None:
    assert "Show warnings and errors only" in " ".join(run("train", "--help").out.split())
